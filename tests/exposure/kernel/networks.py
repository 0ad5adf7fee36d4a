"""Random networks as rows: hosts, routers, lists, translations, of both families."""

from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network
from typing import Any

import numpy as np

Row = dict[str, Any]
PORTS = {"UDP": (5000, 6000, 7000), "TCP": (5000, 7000)}
SOURCE_PORTS = ("20000-29999", "30000-39999")
_PORT_CHOICES = ("5000-5000", "6000-6000", "5000-6000", "7000-65535", "0-65535")


class Generator:
    """One network; the same seed gives the same one.

    With `vlans` all segments but container networks are VLANs, which one switch keeps apart.
    """

    def __init__(self, seed: int, hosts: int, *, vlans: bool = False) -> None:
        self._wired = "VLAN" if vlans else "subnet"
        self.random = np.random.default_rng(seed)
        self.rows: dict[str, list[Row]] = {n: [] for n in (
            "element", "segment", "interface", "endpoint", "boundary", "filter", "group_member",
            "route", "translation")}  # fmt: skip
        self.families = self.pick([(4,), (4,), (6,), (4, 6)])
        self.is_small = hosts <= 10
        self._used: dict[str, int] = {}
        self._segments(int(self.random.integers(2, max(3, hosts // 4) + 1)))
        routers = int(self.random.integers(0 if hosts < 8 else 1, hosts // 6 + 2))
        for number in range(hosts):
            self._element(number, is_router=number < routers)
        self._groups()
        for element in list(self.rows["element"]):
            if element["forwards_packets"]:
                self._routes(element["id"])
            self._lists(element)
            if element["forwards_packets"] and self.chance(0.35):
                self._translations(element["id"])

    def chance(self, share: float) -> bool:
        return bool(self.random.random() < share)

    def pick(self, choices: Any) -> Any:
        return choices[int(self.random.integers(len(choices)))]

    def _segments(self, count: int) -> None:
        for number in range(count):
            kind = self.pick((*(self._wired,) * 3, "container network"))
            checks = not (self.is_small and self.chance(0.4))
            self.rows["segment"].append({
                "id": f"s{number}", "kind": kind, "origin": f"s{number}",
                "isolates_members": self.chance(0.15), "checks_source": checks,
            })  # fmt: skip

    def _foot(self, element: str, segment: str) -> None:
        number = int(segment[1:]) + 1
        self._used[segment] = last = self._used.get(segment, 0) + 1
        families = [f for f in self.families if self.chance(0.9)] or [self.families[0]]
        for family in families:
            address = f"10.{number}.0.{last}/24" if family == 4 else f"fd00:{number}::{last:x}/64"
            name = f"{element}/{segment}/{family}"
            self.rows["interface"].append({"id": name, "element": element, "segment": segment,
                                           "address": address, "origin": name})  # fmt: skip

    def _element(self, number: int, *, is_router: bool) -> None:
        element = f"h{number}"
        self.rows["element"].append({"id": element, "kind": "host", "origin": element,
                                     "forwards_packets": is_router})  # fmt: skip
        segments = [r["id"] for r in self.rows["segment"]]
        wanted = int(self.random.integers(1, 5)) if is_router else 1 + self.chance(0.2)
        for index in self.random.permutation(len(segments))[:wanted]:
            self._foot(element, segments[int(index)])
        for protocol, ports in (("UDP", (5000, 6000)), ("TCP", (5000,))):
            for port in ports:
                if self.chance(0.8):
                    self.rows["endpoint"].append({"id": f"{element}/{protocol}{port}",
                        "element": element, "protocol": protocol, "port": port})  # fmt: skip
        if not any(e["element"] == element for e in self.rows["endpoint"]):
            self.rows["endpoint"].append({"id": f"{element}/UDP5000", "element": element,
                                          "protocol": "UDP", "port": 5000})  # fmt: skip

    def feet(self, element: str | None = None, family: int | None = None) -> list[Row]:
        return [r for r in self.rows["interface"]
                if element in (None, r["element"])
                and family in (None, ip_interface(r["address"]).version)]  # fmt: skip

    def _groups(self) -> None:
        for group in ("g0", "g1"):
            for element in self.rows["element"]:
                if self.chance(0.4):
                    self.rows["group_member"].append(
                        {"group": group, "element": element["id"], "is_certain": True}
                    )

    def _routes(self, router: str) -> None:
        for family in self.families:
            mine = self.feet(router, family)
            segments = {r["segment"]: r for r in mine}
            own = {ip_interface(r["address"]).network for r in mine}
            hops = [(r, segments[r["segment"]]) for r in self.feet(None, family)
                    if r["segment"] in segments and r["element"] != router]  # fmt: skip
            forwarding = {e["id"] for e in self.rows["element"] if e["forwards_packets"]}
            better = [h for h in hops if h[0]["element"] in forwarding]
            networks = {ip_interface(r["address"]).network for r in self.feet(None, family)}
            others: list[IPv4Network | IPv6Network] = sorted(networks - own, key=str)
            for to in others:
                if not hops or self.chance(0.25):
                    continue
                preference = 10
                for _ in range(1 + self.chance(0.3)):
                    hop, out = self.pick(better if better and self.chance(0.85) else hops)
                    target: IPv4Network | IPv6Network = to
                    if self.chance(0.2):
                        target = ip_network(f"{to.network_address}/{to.prefixlen + 1}")
                    self._route(router, str(target), hop, out, preference)
                    preference += 10 * self.chance(0.5)
            if hops and self.chance(0.3):
                hop, out = self.pick(hops)
                self._route(router, "0.0.0.0/0" if family == 4 else "::/0", hop, out, 50)
        for family, everything in ((4, "0.0.0.0/0"), (6, "::/0")):
            self.rows["route"].append({"element": router, "destination_range": everything,
                "next_hop": None, "interface": None, "kind": "discard", "preference": 4000 + family,
                "origin": f"{router} discards"})  # fmt: skip

    def _route(self, router: str, to: str, hop: Row, out: Row, preference: int) -> None:
        row = {"element": router, "destination_range": to, "kind": "static",
               "next_hop": str(ip_interface(hop["address"]).ip), "interface": out["id"],
               "preference": preference, "origin": f"{router} to {to}"}  # fmt: skip
        if row not in self.rows["route"]:
            self.rows["route"].append(row)

    def _range(self) -> str:
        address = ip_interface(self.pick(self.rows["interface"])["address"])
        whole = address.network
        return str(self.pick((
            whole, ip_network(address.ip), next(whole.subnets(new_prefix=whole.max_prefixlen - 2)),
            ip_network("0.0.0.0/0" if address.version == 4 else "::/0"),
        )))  # fmt: skip

    def _lists(self, element: Row) -> None:
        key = element["id"]
        feet = self.feet(key)
        if self.chance(0.45):
            foot = self.pick(feet)["id"] if self.chance(0.2) else None
            self._boundary(key, "in", foot, itself=element["forwards_packets"])
        if not element["forwards_packets"]:
            return
        if self.chance(0.6):
            self._boundary(key, "through", self.pick([None, self.pick(feet)["id"]]))
        for direction in ("in", "out"):
            if self.chance(0.2):
                self._boundary(key, direction, self.pick(feet)["id"])

    def _boundary(self, element: str, way: str, foot: str | None, *, itself: bool = False) -> None:
        # A list at a device is one at the feet of both families there.
        feet: list[str | None] = [foot]
        if foot is not None:
            feet = [f["id"] for f in self.feet(element) if f["id"][:-1] == foot[:-1]]
        default = self.pick(("allow", "deny"))
        entries = [self._entry() for _ in range(int(self.random.integers(0, 7)))]
        if itself:
            group = f"itself {element}"
            entries = [{**e, "destination_group": group} for e in entries]
            entries.append({"action": default, "destination_group": group, "tier": 9})
            default = "allow"
            member = {"group": group, "element": element, "is_certain": True}
            if member not in self.rows["group_member"]:
                self.rows["group_member"].append(member)
        for at in feet:
            key = f"b{len(self.rows['boundary'])}"
            self.rows["boundary"].append({"id": key, "element": element, "direction": way,
                "interface": at, "default_action": default, "origin": key})  # fmt: skip
            for position, entry in enumerate(entries):
                self.rows["filter"].append({"tier": 0, **entry, "id": f"{key}.{position}",
                    "boundary": key, "position": position, "origin": f"{key}.{position}"})  # fmt: skip

    def _entry(self) -> Row:
        entry: Row = {"action": self.pick(("allow", "allow", "deny", "deny", "pass")),
                      "tier": int(self.chance(0.2)),
                      "protocol": self.pick((None, None, "UDP", "TCP")),
                      "is_answer_only": self.chance(0.1)}  # fmt: skip
        if self.chance(0.5):
            entry["source_range"] = self._range()
        if self.chance(0.25):
            entry["destination_range"] = self._range()
        if self.chance(0.15):
            entry["source_group"] = self.pick(("g0", "g1"))
        if self.chance(0.1):
            entry["destination_group"] = self.pick(("g0", "g1"))
        if self.chance(0.15):
            entry["source_ports"] = self.pick(SOURCE_PORTS)
        if self.chance(0.4):
            entry["destination_ports"] = self.pick(_PORT_CHOICES)
        return entry

    def _translations(self, router: str) -> None:
        for position in range(1 + self.chance(0.5)):
            out = self.pick(self.feet(router))
            own = ip_interface(out["address"])
            row: Row = {"id": f"{router}/nat{position}", "element": router, "position": position,
                        "protocol": self.pick((None, "UDP", "TCP")),
                        "origin": f"{router}/nat{position}"}  # fmt: skip
            source = self._range()
            if self.chance(0.5) and ip_network(source).version == own.version:
                row["source_range"] = source
            if self.chance(0.5):
                row |= {"kind": "source", "to_range": str(ip_network(own.ip)),
                        "to_ports": "30000-39999"}  # fmt: skip
                row["protocol"] = row["protocol"] or "UDP"
            else:
                target = self.pick(self.feet(None, own.version))
                row |= {"kind": "destination", "destination_range": str(ip_network(own.ip)),
                        "protocol": row["protocol"] or "UDP",
                        "destination_ports": self.pick(("7000-7000", "5000-5000")),
                        "to_range": str(ip_network(ip_interface(target["address"]).ip)),
                        "to_ports": "5000-5000"}  # fmt: skip
            self.rows["translation"].append(row)
