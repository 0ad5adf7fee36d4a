"""Configurations of real and virtual devices, held against what those devices showed.

The folders `show/` are the devices' own answers; they are read here by expressions of their own.
"""

import json
import re
from ipaddress import ip_interface
from pathlib import Path

import pytest

from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.router_configuration import RouterConfiguration
from tests.sources.packet_verdicts import Packet, outcome, rows_of

LAB = "batfish-lab-validation/snapshots"


def configuration(folder: Path) -> Gathered:
    (path,) = folder.iterdir()
    return gather(RouterConfiguration(), path, Options())


def plain(name: object) -> str:
    """Devices shorten the names of interfaces in their tables: `Eth1/1`, `Lo123`."""
    text = str(name).lower()
    kind = re.match(r"[a-z]+", text)
    assert kind
    return kind[0][:2] + text[kind.end() :]


def addresses(found: Gathered) -> set[tuple[str, str]]:
    rows = rows_of(found.tables, "interface")
    return {(str(r["name"]), str(r["address"])) for r in rows if r["address"]}


def connected(found: Gathered) -> set[tuple[str, str]]:
    names = {r["id"]: r["name"] for r in rows_of(found.tables, "interface")}
    return {
        (str(r["destination_range"]), str(names[r["interface"]]))
        for r in rows_of(found.tables, "route")
        if r["kind"] == "connected"
    }


def shown_addresses(text: str) -> set[tuple[str, str]]:
    """Of `show interfaces` of the IOS family."""
    shown, name = set(), ""
    for line in text.splitlines():
        if found := re.match(r"(\S+) is (?:administratively |up|down)", line):
            name = found[1]
        if found := re.match(r"\s+Internet [aA]ddress is (\S+/\d+)", line):
            shown.add((name, found[1].rstrip(",")))
    return shown


def shown_state(text: str) -> dict[str, bool]:
    """Whether each interface is switched on: `administratively down` where it is not."""
    lines = re.findall(r"^(\S+) is (administratively down|up|down)", text, re.MULTILINE)
    return {name: state != "administratively down" for name, state in lines}


IOS_FAMILY = [
    ("ios_example_network", name)
    for name in (
        "as1border1", "as1border2", "as1core1", "as2border1", "as2border2", "as2core1", "as2core2",
        "as2dept1", "as2dist1", "as2dist2", "as3border1", "as3border2", "as3core1",
    )
] + [
    ("iosxe_connectivity_sample", "iosxe_acl"), ("mix_vendor_bgp_vrf", "D-IOS"),
    ("mix_vendor_bgp_vrf", "D-IOSXE"), ("mix_vendor_bgp_vrf", "D-AristaEOS"),
    ("iosxr_ibgp_rr_over_ospf", "RR"), ("iosxr_ibgp_rr_over_ospf", "border01"),
    ("iosxr_ibgp_rr_over_ospf", "border02"),
]  # fmt: skip


@pytest.mark.parametrize(("snapshot", "name"), IOS_FAMILY)
def test_interfaces_are_those_the_device_shows(shared_data: Path, snapshot: str, name: str) -> None:
    folder = shared_data / LAB / snapshot
    found = configuration(folder / "configs" / name)
    text = (folder / "show" / name / "show_interfaces.txt").read_text()
    shown = shown_addresses(text)
    assert shown
    assert addresses(found) == shown
    state = shown_state(text)
    told = {str(r["name"]): r["is_up"] for r in rows_of(found.tables, "interface")}
    assert {n: state[n] for n in told if n in state} == {n: told[n] for n in told if n in state}
    (element,) = rows_of(found.tables, "element")
    assert element["name"] == name
    assert element["forwards_packets"] is True


def test_interfaces_of_nx_os_are_those_the_device_shows(shared_data: Path) -> None:
    folder = shared_data / LAB / "mix_vendor_bgp_vrf"
    found = configuration(folder / "configs" / "D-NXOS")
    text = (folder / "show" / "D-NXOS" / "show_interface.txt").read_text()
    assert addresses(found) == shown_addresses(text)
    # `grep -c '^interface ' show_running-config.txt`.
    assert found.tables["interface"].num_rows == 132
    shown = re.findall(r"^(\S+) is .+\nadmin state is (\w+)", text, re.MULTILINE)
    told = {str(r["name"]): r["is_up"] for r in rows_of(found.tables, "interface")}
    assert len(shown) > 120
    assert all(told[name] is (state == "up") for name, state in shown if name in told)


@pytest.mark.parametrize(("snapshot", "name", "file"), [
    ("ios_example_network", "as2border1", "show_ip_route.txt"),
    ("ios_example_network", "as2dept1", "show_ip_route.txt"),
    ("ios_example_network", "as3core1", "show_ip_route.txt"),
    ("iosxe_connectivity_sample", "iosxe_acl", "show_ip_route.txt"),
    ("fortios_fw_policy_basic", "fw", "get_router_info_routing-table_all.txt"),
])  # fmt: skip
def test_connected_routes_are_those_the_device_has(
    shared_data: Path, snapshot: str, name: str, file: str
) -> None:
    folder = shared_data / LAB / snapshot
    found = configuration(folder / "configs" / name)
    text = (folder / "show" / name / file).read_text()
    shown = set()
    for target, interface in re.findall(
        r"^C +(\S+) is directly connected, (?:[\d:]+, )?(\S+)", text, re.MULTILINE
    ):
        # IOS leaves the length away where all subnets of a network are alike.
        shown.add((target if "/" in target else f"{target}/32", interface))
    # The link of FortiLink is of the device itself and has no cable.
    ours = {r for r in connected(found) if r[1] != "fortilink"}
    assert ours == shown


@pytest.mark.parametrize("name", ["RR", "border01", "border02"])
def test_connected_routes_of_ios_xr_are_those_the_device_has(shared_data: Path, name: str) -> None:
    folder = shared_data / LAB / "iosxr_ibgp_rr_over_ospf"
    found = configuration(folder / "configs" / name)
    text = (folder / "show" / name / "show_route.txt").read_text()
    # IOS XR shows its own addresses as local; a loopback has no other route.
    pattern = r"^[CL] +(\S+) is directly connected, [\w:]+, (\S+)"
    rows = re.findall(pattern, text, re.MULTILINE)
    shown = {r for r in rows if not r[0].endswith("/32") or r[1].startswith("Loopback")}
    assert connected(found) == shown


@pytest.mark.parametrize("name", ["D-AristaEOS", "D-NXOS"])
def test_connected_routes_of_vrfs_are_those_the_device_has(shared_data: Path, name: str) -> None:
    folder = shared_data / LAB / "mix_vendor_bgp_vrf"
    found = configuration(folder / "configs" / name)
    text = (folder / "show" / name / "show_ip_route_vrf_all.txt").read_text()
    shown, vrf, target = set(), "", ""
    for line in text.splitlines():
        if match := re.match(r'(?:VRF: |IP Route Table for VRF ")([\w-]+)', line):
            vrf = "" if match[1] == "default" else f"router:vrf/{match[1]}"
        if match := re.match(r" C +(\S+) is directly connected, (\S+)", line):
            shown.add((vrf, match[1], plain(match[2])))
        if match := re.match(r"(\d\S+/\d+), ubest", line):
            target = match[1]
        if match := re.match(r"\s+\*via \S+, (\S+), \[0/0\], \S+, direct", line):
            shown.add((vrf, target, plain(match[1])))
    names = {r["id"]: r["name"] for r in rows_of(found.tables, "interface")}
    ours = {
        (r["routing_domain"] or "", r["destination_range"], plain(names[r["interface"]]))
        for r in rows_of(found.tables, "route")
        if r["kind"] == "connected"
    }
    assert ours == shown


@pytest.mark.parametrize(("snapshot", "name"), [
    ("junos_l3vpn", "pe1"), ("junos_l3vpn", "pe2"), ("mix_vendor_bgp_vrf", "D-JuniperJunos"),
])  # fmt: skip
def test_interfaces_of_junos_are_those_the_device_shows(
    shared_data: Path, snapshot: str, name: str
) -> None:
    folder = shared_data / LAB / snapshot
    found = configuration(folder / "configs" / name)
    path = folder / "show" / name / "show_interfaces_|_display_json.txt"
    # Junos puts a line after its JSON.
    document = json.JSONDecoder().raw_decode(path.read_text().lstrip())[0]
    shown = set()
    for physical in document["interface-information"][0]["physical-interface"]:
        for unit in physical.get("logical-interface", []):
            for family in unit.get("address-family", []):
                for each in family.get("interface-address", []):
                    address = each.get("ifa-local", [{}])[0].get("data", "")
                    target = each.get("ifa-destination", [{}])[0].get("data", "")
                    length = target.rpartition("/")[2] if "/" in target else "32"
                    shown.add((unit["name"][0]["data"], f"{address}/{length}"))
    # The device shows its inner interfaces and link-local addresses, which nobody configured.
    ours = addresses(found)
    names = {name for name, _ in ours}
    inner = {"em1.0", "em1.32768"}
    assert ours <= shown
    assert {s for s in shown - ours if s[0] in names - inner} <= {
        s for s in shown if s[1].startswith("fe80:")
    }


@pytest.mark.parametrize(("snapshot", "name"), [
    ("sros_isis", "r1"), ("sros_isis", "r3"), ("sros_vprn", "r1"),
])  # fmt: skip
def test_interfaces_of_sr_os_are_those_the_device_shows(
    shared_data: Path, snapshot: str, name: str
) -> None:
    folder = shared_data / LAB / snapshot
    found = configuration(folder / "configs" / name)
    text = (folder / "show" / name / "show_router_interface.txt").read_text()
    shown = set(re.findall(r"^(\S+) +Up +Up/Down.*\n +(\S+/\d+)", text, re.MULTILINE))
    base = {
        (str(r["name"]), str(r["address"]))
        for r in rows_of(found.tables, "interface")
        if not str(r["segment"]).startswith("router:vrf/") and "/vrf/" not in str(r["segment"])
    }
    assert shown
    assert base == shown
    table = (folder / "show" / name / "show_router_route-table.txt").read_text()
    local = set(re.findall(r"^(\S+/\d+) +Local +Local.*\n +(\S+)", table, re.MULTILINE))
    assert {r for r in connected(found) if r[1] in {n for n, _ in base}} == local
    (element,) = rows_of(found.tables, "element")
    assert element["software_version"] == "TiMOS-B-26.3.R1"
    assert element["vendor_name"] == "Nokia"


def test_a_vprn_of_sr_os_is_a_vrf(shared_data: Path) -> None:
    folder = shared_data / LAB / "sros_vprn"
    found = configuration(folder / "configs" / "r1")
    shown = json.loads(
        (folder / "show" / "r1" / "info_json_state_service_vprn_red_route-table.txt").read_text()
    )
    prefixes = re.findall(r'"ipv4-prefix": "([^"]+)"', json.dumps(shown))
    ours = {
        r["destination_range"]
        for r in rows_of(found.tables, "route")
        if r["routing_domain"] == "router:vrf/red"
    }
    assert ours == set(prefixes) == {"172.16.0.1/32"}


def test_brackets_and_set_commands_of_one_router_say_the_same(shared_data: Path) -> None:
    folder = shared_data / LAB / "junos_l3vpn"
    for name in ("pe1", "pe2"):
        shown = addresses(configuration(folder / "configs" / name))
        path = folder / "source" / "configs" / f"{name}.cfg"
        written = gather(RouterConfiguration(), path, Options())
        # The lab tool added the management interface when it started the router.
        assert {a for a in shown if not a[0].startswith("fxp0")} == addresses(written)


def test_interfaces_of_fortios_are_those_the_device_shows(shared_data: Path) -> None:
    folder = shared_data / LAB / "fortios_fw_policy_basic"
    found = configuration(folder / "configs" / "fw")
    text = (folder / "show" / "fw" / "get_system_interface_physical.txt").read_text()
    shown = {
        (name, ip_interface(f"{address}/{mask}").with_prefixlen)
        for name, address, mask in re.findall(
            r"==\[(port\d+)\]\s+mode: \w+\s+ip: (\S+) (\S+)", text
        )
        if address != "0.0.0.0"  # noqa: S104 (compared)
    }
    assert {a for a in addresses(found) if a[0].startswith("port")} == shown
    (element,) = rows_of(found.tables, "element")
    assert (element["software_version"], element["vendor_name"]) == ("6.4.4", "Fortinet")


def answered(text: str) -> bool:
    """Whether the far end's echo came back."""
    return "[ECHO:]" in text or ", 1 received" in text


def test_a_list_of_ios_xe_does_to_packets_what_the_router_did(shared_data: Path) -> None:
    # A client behind GigabitEthernet1 tried to reach a server behind GigabitEthernet2.
    folder = shared_data / LAB / "iosxe_connectivity_sample"
    tables = configuration(folder / "configs" / "iosxe_acl").tables
    base = "router:iosxe_acl/GigabitEthernet2"
    inside, outside = "192.168.123.1", "192.168.123.6"
    seen = {}
    for path in (folder / "show" / "inside").glob("client_*"):
        found = re.search(r"_(tcp|udp)_(\d+)\.txt$", path.name)
        assert found
        protocol, port = found[1].upper(), int(found[2])
        there = Packet(inside, outside, protocol, 40000, port)
        back = Packet(outside, inside, protocol, port, 40000, is_answer=True)
        seen[protocol, port] = (
            answered(path.read_text()),
            outcome(tables, f"{base}/out/ipv4", there) == "allow"
            and outcome(tables, f"{base}/in/ipv4", back) == "allow",
        )
    assert len(seen) == 5
    assert all(real == ours for real, ours in seen.values()), seen
    assert {real for real, _ in seen.values()} == {True, False}


def test_policies_of_fortios_do_to_packets_what_the_firewall_did(shared_data: Path) -> None:
    folder = shared_data / LAB / "fortios_fw_policy_basic"
    tables = configuration(folder / "configs" / "fw").tables
    seen = {}
    for path in (folder / "show" / "inside").glob("client_*"):
        found = re.search(r"_(tcp|udp)_(\d+)\.txt$", path.name)
        assert found
        there = Packet("192.168.123.1", "192.168.123.6", found[1].upper(), 40000, int(found[2]))
        ours = outcome(tables, "router:fw/policies/port2/port3", there) == "allow"
        seen[there.protocol, there.destination_port] = (answered(path.read_text()), ours)
    assert len(seen) == 4
    assert all(real == ours for real, ours in seen.values()), seen
    assert {real for real, _ in seen.values()} == {True, False}


def test_interfaces_of_cumulus_are_those_the_host_shows(shared_data: Path) -> None:
    folder = shared_data / LAB / "mix_vendor_bgp_vrf"
    found = configuration(folder / "configs" / "D-Cumulus")
    text = (folder / "show" / "D-Cumulus" / "vtysh_-c_'show_interface_vrf_all'.txt").read_text()
    shown, name, vrf = set(), "", ""
    for line in text.splitlines():
        if match := re.match(r"Interface (\S+) is", line):
            name = match[1]
        if match := re.match(r"\s+vrf: (\S+)", line):
            vrf = match[1]
        if match := re.match(r"\s+inet (\S+)", line):
            shown.add((name, match[1], vrf))
    parents = {r["id"]: r["parent"] for r in rows_of(found.tables, "segment")}
    ours = {
        (
            r["name"],
            r["address"],
            str(parents[r["segment"]] or "/default").rpartition("/")[2].lower(),
        )
        for r in rows_of(found.tables, "interface")
        if r["address"]
    }
    # eth0 has its address from DHCP, which no configuration states.
    assert ours == {(n, a, v.lower()) for n, a, v in shown if n != "eth0"}
