"""A network of rows, made real: each element a namespace, each domain a bridge, each list nftables.

What the rows say is built as a Linux host would be set up by hand; nothing of the engine is used.

- A segment is a set of ports at its domain's bridge; VLANs are all at one bridge, which keeps them
  apart by their number (802.1Q), untagged at each port; a container network is macvlan devices on one
  parent, in bridge or private mode.
- `in` of a host, and of a router where the entries name the router itself as their destination, is
  the input hook; `in` of a router otherwise is the prerouting hook after translation; `out` of a
  router is the postrouting hook before translation; `through` is the forward hook.
- Neighbour discovery is let through by every list, as it has to be for IPv6 to work at all.
- rp_filter is off and accept_local on: nobody but the segment checks sources.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface, ip_network
from typing import Any

from tests.exposure.kernel.namespaces import Namespace

Row = dict[str, Any]
Rows = Mapping[str, Sequence[Row]]

_SETTINGS = {
    "ipv4/conf/all/rp_filter": 0,
    "ipv4/conf/default/rp_filter": 0,
    "ipv4/conf/all/accept_local": 1,
    "ipv4/conf/all/accept_redirects": 0,
    "ipv4/conf/all/send_redirects": 0,
    "ipv4/conf/default/send_redirects": 0,
    "ipv4/fib_multipath_hash_policy": 1,
    "ipv6/fib_multipath_hash_policy": 1,
    "ipv6/conf/all/accept_dad": 0,
    "ipv6/conf/default/accept_dad": 0,
    "ipv6/conf/all/accept_ra": 0,
    "ipv6/conf/default/accept_ra": 0,
    "ipv6/conf/default/router_solicitations": 0,
    "ipv6/conf/all/accept_redirects": 0,
    "netfilter/nf_conntrack_udp_timeout": 1,
}
_ANSWERS = "meta l4proto ipv6-icmp accept"


@dataclass(slots=True)
class Device:
    """A network device of an element; rows of both families may share one."""

    name: str
    mac: str
    segment: str | None
    rows: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class Machine:
    """An element: its namespace and devices by segment."""

    row: Row
    space: Namespace
    devices: dict[str | None, Device] = field(default_factory=dict)

    def device_of(self, interface: str) -> Device:
        """The device that an interface row is."""
        return next(d for d in self.devices.values() if interface in [r["id"] for r in d.rows])


class Realised:
    """The network in the kernel, until it is closed."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.machines: dict[str, Machine] = {}
        self._segments = {r["id"]: r for r in rows.get("segment", ())}
        self._switch = Namespace()
        try:
            self._build()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of all namespaces."""
        self._switch.close()
        for machine in self.machines.values():
            machine.space.close()

    def domain(self, segment: str) -> str:
        """The bridge that a segment's members are at: its own, or that of the wire it lies on."""
        parent = self._segments[segment].get("parent")
        return self.domain(parent) if parent is not None else segment

    def _build(self) -> None:
        self._switch.set({"ipv6/conf/default/disable_ipv6": 1, "ipv6/conf/all/disable_ipv6": 1,
                          "bridge/bridge-nf-call-iptables": 0, "bridge/bridge-nf-call-ip6tables": 0})  # fmt: skip
        for number, row in enumerate(self.rows["element"], 1):
            machine = self.machines[row["id"]] = Machine(row, Namespace())
            machine.space.set(_SETTINGS)
            forwards = int(bool(row["forwards_packets"]))
            machine.space.set({"ipv4/ip_forward": forwards, "ipv6/conf/all/forwarding": forwards})
            feet = [r for r in self.rows["interface"] if r["element"] == row["id"]]
            for foot in feet:
                segment = foot.get("segment")
                device = machine.devices.setdefault(
                    segment,
                    Device(
                        f"eth{len(machine.devices)}" if segment else "lo",
                        f"02:00:00:00:{number:02x}:{len(machine.devices):02x}",
                        segment,
                    ),
                )
                device.rows.append(foot)
        self._wire()
        for machine in self.machines.values():
            self._set_up(machine)
            listed = "\n".join(self._tables(machine))
            if listed:
                machine.space.run("nft", "-f", "-", given=listed)

    def _wire(self) -> None:
        lines: list[str] = []
        domains = list(dict.fromkeys(map(self.domain, self._segments)))
        vlans = {d: n for n, d in enumerate(domains, 2) if self._segments[d]["kind"] == "VLAN"}
        bridges = {d: "brv" if d in vlans else f"br{n}" for n, d in enumerate(domains)}
        for bridge in dict.fromkeys(bridges.values()):
            by_number = " vlan_filtering 1 vlan_default_pvid 0" if bridge == "brv" else ""
            lines += [
                f"link add {bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0{by_number}",
                f"link set {bridge} up",
            ]
        numbered: list[str] = []
        ports = 0
        for number, segment in enumerate(self._segments.values()):
            bridge = bridges[self.domain(segment["id"])]
            is_alone = [s for s in self._segments if self.domain(s) == self.domain(segment["id"])]
            apart = bool(segment.get("isolates_members"))
            if segment["kind"] == "container network":
                lines += [
                    f"link add mv{number} type veth peer name mp{number}",
                    f"link set mp{number} master {bridge}",
                    f"link set mp{number} up",
                    f"link set mv{number} up",
                ]
                if bridge == "brv":
                    vlan = vlans[self.domain(segment["id"])]
                    numbered.append(f"vlan add dev mp{number} vid {vlan} pvid untagged")
            else:
                assert not apart or len(is_alone) == 1, "isolated ports of one bridge are all apart"
            for machine in self.machines.values():
                device = machine.devices.get(segment["id"])
                if device is None:
                    continue
                if segment["kind"] == "container network":
                    mode = "private" if apart else "bridge"
                    lines.append(
                        f"link add link mv{number} name {device.name} netns {machine.space.path} "
                        f"address {device.mac} type macvlan mode {mode}"
                    )
                    continue
                ports += 1
                lines += [
                    (
                        f"link add {device.name} netns {machine.space.path} address {device.mac} "
                        f"type veth peer name p{ports}"
                    ),
                    f"link set p{ports} master {bridge}",
                    f"link set p{ports} up",
                ]
                if apart:
                    lines.append(f"link set p{ports} type bridge_slave isolated on")
                if bridge == "brv":
                    vlan = vlans[self.domain(segment["id"])]
                    numbered.append(f"vlan add dev p{ports} vid {vlan} pvid untagged")
        self._switch.run("ip", "-batch", "-", given="\n".join((*lines, "")))
        if numbered:
            self._switch.run("bridge", "-batch", "-", given="\n".join((*numbered, "")))

    def _set_up(self, machine: Machine) -> None:
        lines = ["link set lo up"]
        for device in machine.devices.values():
            lines.append(f"link set {device.name} up")
            for row in device.rows:
                at_once = " nodad" if ":" in row["address"] else ""
                lines.append(f"addr add {row['address']} dev {device.name}{at_once}")
        routes = defaultdict[tuple[str, int], list[str]](list)
        for row in self.rows.get("route", ()):
            if row["element"] != machine.row["id"]:
                continue
            key = row["destination_range"], row["preference"]
            if row["kind"] == "discard":
                routes[key] = ["unreachable"]
                continue
            out = machine.device_of(row["interface"]).name
            hop = f"via {row['next_hop']} " if row["next_hop"] else ""
            routes[key].append(f"{hop}dev {out}")
        for (to, preference), ways in routes.items():
            if ways == ["unreachable"]:
                line = f"route add unreachable {to} metric {preference}"
            elif len(ways) == 1:
                line = f"route add {to} {ways[0]} metric {preference}"
            else:
                hops = " ".join(f"nexthop {way}" for way in ways)
                line = f"route add {to} metric {preference} {hops}"
            lines.append(line)
        machine.space.run("ip", "-batch", "-", given="\n".join((*lines, "")))

    # Lists

    def _tables(self, machine: Machine) -> list[str]:
        element = machine.row["id"]
        chains: list[str] = []
        for number, row in enumerate(self.rows.get("boundary", ())):
            if row["element"] == element:
                chains += self._chains(machine, row, number)
        chains += self._translations(machine)
        return ["table inet t {", *chains, "}"] if chains else []

    def _chains(self, machine: Machine, row: Row, number: int) -> list[str]:
        entries = [f for f in self.rows.get("filter", ()) if f["boundary"] == row["id"]]
        itself = any(f.get("destination_group") == f"itself {row['element']}" for f in entries)
        hook = {"in": "prerouting", "out": "postrouting", "through": "forward"}[row["direction"]]
        if row["direction"] == "in" and (itself or not machine.row["forwards_packets"]):
            hook = "input"
        where = ""
        if row.get("interface"):
            side = "oifname" if row["direction"] == "out" else "iifname"
            where = f"{side} {machine.device_of(row['interface']).name} "
        if row.get("to_interface"):
            where += f"oifname {machine.device_of(row['to_interface']).name} "
        tiers = sorted({f["tier"] for f in entries})
        lines: list[str] = []
        for tier in tiers:
            lines += [f"chain l{number}t{tier} {{", _ANSWERS]
            for entry in sorted(entries, key=lambda f: f["position"]):
                if entry["tier"] == tier:
                    lines += self._rules(entry)
            lines.append("}")
        verdict = "accept" if row["default_action"] == "allow" else "drop"
        lines += [
            f"chain l{number} {{", _ANSWERS, *(f"jump l{number}t{tier}" for tier in tiers), verdict, "}",
            f"chain b{number} {{", f"type filter hook {hook} priority {number % 50}; policy accept;",
            f"{where}jump l{number}", "}",
        ]  # fmt: skip
        return lines

    def _members(self, group: str, family: str) -> str:
        version = 4 if family == "ip" else 6
        elements = {r["element"] for r in self.rows.get("group_member", ()) if r["group"] == group}
        found = [
            str(ip_interface(r["address"]).ip)
            for r in self.rows["interface"]
            if r["element"] in elements and ip_interface(r["address"]).version == version
        ]
        return f"{{ {', '.join(found)} }}" if found else ""

    def _rules(self, entry: Row) -> list[str]:
        verdict = {"allow": "accept", "deny": "drop", "pass": "return"}[entry["action"]]
        rules = []
        for family in ("ip", "ip6"):
            parts = ["meta nfproto ipv4" if family == "ip" else "meta nfproto ipv6"]
            fits = True
            for side, word in (("source", "saddr"), ("destination", "daddr")):
                if entry.get(f"{side}_range"):
                    net = ip_network(entry[f"{side}_range"])
                    fits &= (net.version == 4) == (family == "ip")
                    parts.append(f"{family} {word} {net}")
                if entry.get(f"{side}_group"):
                    members = self._members(entry[f"{side}_group"], family)
                    fits &= bool(members)
                    parts.append(f"{family} {word} {members}")
            protocol = entry.get("protocol")
            parts.append(f"meta l4proto {protocol.lower() if protocol else '{ tcp, udp }'}")
            for side, word in (("source", "sport"), ("destination", "dport")):
                if entry.get(f"{side}_ports"):
                    parts.append(f"th {word} {entry[f'{side}_ports']}")
            if entry.get("is_answer_only"):
                parts.append("ct state established")
            if fits:
                rules.append(" ".join((*parts, verdict)))
        return rules

    def _translations(self, machine: Machine) -> list[str]:
        chains: list[str] = []
        mine = [r for r in self.rows.get("translation", ()) if r["element"] == machine.row["id"]]
        for kind, hook, side in (
            ("destination", "prerouting priority -100", "iifname"),
            ("source", "postrouting priority 100", "oifname"),
        ):
            rules = [
                _translated(row, machine, side)
                for row in sorted(mine, key=lambda r: int(r["position"]))
                if row["kind"] == kind
            ]
            if rules:
                chains += [f"chain nat{kind} {{", f"type nat hook {hook};", *rules, "}"]
        return chains


def _translated(row: Row, machine: Machine, side: str) -> str:
    to = ip_network(row["to_range"])
    family = "ip" if to.version == 4 else "ip6"
    parts = [f"meta nfproto ipv{to.version}"]
    if row.get("interface"):
        parts.append(f"{side} {machine.device_of(row['interface']).name}")
    for name, word in (("source_range", "saddr"), ("destination_range", "daddr")):
        if row.get(name):
            parts.append(f"{family} {word} {row[name]}")
    protocol = row.get("protocol")
    parts.append(f"meta l4proto {protocol.lower() if protocol else '{ tcp, udp }'}")
    if row.get("destination_ports"):
        parts.append(f"th dport {row['destination_ports']}")
    address = str(to.network_address)
    first, _, last = (row.get("to_ports") or "").partition("-")
    if first:
        ports = first if first == last else f"{first}-{last}"
        address = f"{address}:{ports}" if to.version == 4 else f"[{address}]:{ports}"
    verb = "dnat" if row["kind"] == "destination" else "snat"
    return " ".join((*parts, f"{verb} {family} to {address}"))
