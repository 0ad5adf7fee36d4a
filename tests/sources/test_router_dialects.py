"""Each language of routers and firewalls: small configurations, read by hand."""

from pathlib import Path

import pytest

from ringfence.errors import SourceError
from ringfence.sources.base import HEAD_BYTES, Gathered, Options, gather
from ringfence.sources.router_configuration import RouterConfiguration
from tests.sources.packet_verdicts import Packet, boundary, outcome, outcomes, rows_of
from tests.sources.router_texts import (
    CLASSIC,
    FORTIOS,
    IOS_MORE,
    IOS_XR,
    JUNOS,
    MD_CLI,
    NX_OS,
    VRP,
    ZONES,
    flattened,
)


def read(tmp_path: Path, text: str, name: str = "some.cfg") -> Gathered:
    path = tmp_path / name
    path.write_text(text)
    found = gather(RouterConfiguration(), path, Options())
    assert found.rows_read == found.rows_kept + found.rows_rejected
    return found


def sureness(text: str | bytes) -> float:
    head = text if isinstance(text, bytes) else text.encode()
    return RouterConfiguration().claims(Path("x"), head).sureness


def element(found: Gathered) -> dict[str, object]:
    (row,) = rows_of(found.tables, "element")
    return dict(row)


def services(found: Gathered) -> dict[object, tuple[object, object]]:
    return {r["service"]: (r["port"], r["encryption"]) for r in rows_of(found.tables, "endpoint")}


def test_vrp(tmp_path: Path) -> None:
    found = read(tmp_path, VRP)
    assert sureness(VRP) == 1.0
    row = element(found)
    assert (row["name"], row["vendor_name"]) == ("wald-1", "Huawei")
    assert row["software_version"] == "V800R011C00SPC100"
    into = "router:wald-1/GigabitEthernet0/0/1/in/ipv4"
    ssh = Packet("10.0.0.9", "10.1.0.1", destination_port=22)
    # Rules go by their number, not by their place.
    assert outcome(found.tables, into, ssh) == "allow"
    assert outcome(found.tables, into, Packet("10.0.0.9", "10.1.0.2")) == "deny"
    # What no rule of a traffic filter matches is let through.
    out = "router:wald-1/GigabitEthernet0/0/1/out/ipv4"
    assert outcome(found.tables, out, Packet(destination_port=21)) == "deny"
    assert outcome(found.tables, out, Packet(destination_port=80)) == "allow"
    # What no rule of an ACL around the terminals matches is not.
    vty = "router:wald-1/guard/vty/ipv4"
    caller = Packet("10.8.0.1", "10.0.0.1", destination_port=22, to_itself=True)
    assert outcome(found.tables, vty, caller) == "deny"
    assert services(found) == {"SSH": (22, "SSH"), "Telnet": (23, "none")}
    routes = {
        (r["destination_range"], r["next_hop"], r["kind"], r["preference"], r["routing_domain"])
        for r in rows_of(found.tables, "route") if r["kind"] != "connected"
    }  # fmt: skip
    assert routes == {
        ("0.0.0.0/0", "10.0.0.2", "static", None, None),
        ("10.5.0.0/16", "10.0.0.2", "static", 80, "router:vrf/OAM"),
        ("10.6.0.0/16", None, "discard", None, None),
    }
    interfaces = {r["id"]: r for r in rows_of(found.tables, "interface")}
    assert interfaces["router:wald-1/MEth0/0/0"]["is_management"] is True
    assert interfaces["router:wald-1/MEth0/0/0"]["is_up"] is False
    assert interfaces["router:wald-1/Vlanif20#vlan/20"]["segment"] == "router:wald-1/vlan/20"
    feet = [k for k in interfaces if k.startswith("router:wald-1/GigabitEthernet0/0/2")]
    assert len(feet) == 3


@pytest.mark.parametrize("text", [CLASSIC, MD_CLI, flattened(MD_CLI)])
def test_sr_os_in_its_three_ways_of_writing(tmp_path: Path, text: str) -> None:
    found = read(tmp_path, text)
    assert sureness(text) >= 0.9
    row = element(found)
    assert (row["name"], row["vendor_name"]) == ("pe1", "Nokia")
    into = "router:pe1/to-p1/in/ipv4"
    ssh = Packet("10.1.1.1", destination_port=22)
    # Entries go by their number; one without an action is not in force.
    assert outcome(found.tables, into, ssh) == "allow"
    assert outcome(found.tables, into, Packet("10.1.1.1", destination_port=23)) == "deny"
    assert outcome(found.tables, into, Packet(protocol="UDP")) == "deny"
    assert boundary(found.tables, into)["default_action"] == "allow"
    assert boundary(found.tables, "router:pe1/cust/out/ipv4")["has_rules_stated"] is False
    cust = next(r for r in rows_of(found.tables, "interface") if r["name"] == "cust")
    assert cust["is_up"] is False
    assert cust["segment"] == "router:vrf/red/subnet/192.168.1.0/24"
    static = [r for r in rows_of(found.tables, "route") if r["kind"] == "static"]
    assert [(r["destination_range"], r["next_hop"]) for r in static] == [("0.0.0.0/0", "10.0.0.2")]


def test_junos_filters_and_groups(tmp_path: Path) -> None:
    found = read(tmp_path, JUNOS)
    assert sureness(JUNOS) == 1.0
    row = element(found)
    assert (row["name"], row["software_version"]) == ("fw1", "20.4R3.8")
    key = "router:fw1/ge-0/0/0.0/in/ipv4"
    for packet, expected in (
        (Packet("10.2.0.1", destination_port=22), "deny"),
        (Packet("10.2.0.1", source_port=150, destination_port=8080), "deny"),
        # Excepted, and so decided by the terms after: a term without an action accepts.
        (Packet("10.1.0.1", destination_port=22), "allow"),
        (Packet("10.2.0.1", destination_port=80), "allow"),
        (Packet("10.2.0.1", protocol="UDP", destination_port=80), "deny"),
    ):
        assert outcome(found.tables, key, packet) == expected
    assert outcomes(found.tables, key, Packet("10.2.0.1", protocol="ICMP")) == {"allow", "deny"}
    around = "router:fw1/guard/lo0.0/ipv4"
    manager = Packet("10.9.0.7", "192.0.2.1", destination_port=22, to_itself=True)
    assert outcome(found.tables, around, manager) == "allow"
    assert outcome(found.tables, around, Packet("10.8.0.7", to_itself=True)) == "deny"
    assert outcome(found.tables, around, Packet("10.8.0.7")) == "allow"
    assert services(found)["Telnet"] == (23, "none")
    names = {r["name"]: r["is_up"] for r in rows_of(found.tables, "interface")}
    assert names == {"ge-0/0/0.0": True, "ge-0/0/2.0": False, "lo0.0": True}
    # `inactive:` is set aside, and no reject shows a secret.
    assert any("not in force" in r["reason"] for r in found.rejects.to_pylist())
    assert "secret" not in str(found.rejects.column("content").to_pylist())


def test_junos_statements_that_are_deactivated(tmp_path: Path) -> None:
    text = (
        "set version 18.1R1.9\nset system host-name r1\n"
        "set interfaces ge-0/0/0 unit 0 family inet address 10.0.0.1/24\n"
        "set interfaces ge-0/0/1 unit 0 family inet address 10.0.1.1/24\n"
        "deactivate interfaces ge-0/0/1\n"
    )
    found = read(tmp_path, text)
    assert [r["name"] for r in rows_of(found.tables, "interface")] == ["ge-0/0/0.0"]


def test_junos_zones_and_policies(tmp_path: Path) -> None:
    tables = read(tmp_path, ZONES).tables
    there = "router:fw2/zones/ge-0/0/0.0/ge-0/0/1.0"
    assert outcome(tables, there, Packet("10.0.0.9", "10.0.1.10", destination_port=443)) == "allow"
    assert outcome(tables, there, Packet("10.0.0.9", "10.0.1.10", destination_port=8081)) == "allow"
    assert outcome(tables, there, Packet("10.0.0.9", "10.0.1.10", destination_port=80)) == "deny"
    assert outcome(tables, there, Packet("10.0.0.9", "10.0.1.11", destination_port=443)) == "deny"
    back = "router:fw2/zones/ge-0/0/1.0/ge-0/0/0.0"
    assert outcome(tables, back, Packet("10.0.1.10", "10.0.0.9", destination_port=443)) == "deny"
    assert boundary(tables, there)["is_stateful"] is True
    inbound = "router:fw2/inbound/ge-0/0/0.0/any"
    assert outcome(tables, inbound, Packet(destination_port=22, to_itself=True)) == "allow"
    assert outcome(tables, inbound, Packet(destination_port=23, to_itself=True)) == "deny"
    assert outcome(tables, inbound, Packet(destination_port=23)) == "allow"


def test_fortios(tmp_path: Path) -> None:
    found = read(tmp_path, FORTIOS)
    tables = found.tables
    row = element(found)
    assert (row["name"], row["software_version"]) == ("wall", "7.0.5")
    assert rows_of(tables, "product")[0]["model"] == "FG100E"
    pair = "router:wall/policies/lan/dmz"
    for packet, expected in (
        (Packet("10.0.0.9", "10.0.1.10", destination_port=443), {"allow"}),
        (Packet("10.0.0.9", "10.0.1.10", source_port=1024, destination_port=8050), {"allow"}),
        # Source ports of the service: below 1024 the policy is not met; the last one may be.
        (Packet("10.0.0.9", "10.0.1.10", source_port=80, destination_port=8050), {"allow", "deny"}),
        (Packet("10.0.0.9", "10.0.1.11", destination_port=443), {"deny"}),
        (Packet("10.0.1.10", "10.0.1.11", destination_port=443), {"allow", "deny"}),
    ):
        assert outcomes(tables, pair, packet) == expected
    # A policy that is switched off lets nothing through.
    assert outcome(tables, "router:wall/policies/dmz/lan", Packet()) == "deny"
    assert services(found) == {"HTTPS": (8443, "TLS"), "SSH": (22, "SSH")}
    access = "router:wall/access/dmz/any"
    assert outcome(tables, access, Packet(destination_port=22, to_itself=True)) == "deny"
    assert outcome(tables, access, Packet(destination_port=22)) == "allow"
    names = {r["name"]: r for r in rows_of(tables, "interface")}
    assert names["dmz"]["is_up"] is False
    assert names["mgmt"]["is_management"] is True
    changed = {r["kind"]: r for r in rows_of(tables, "translation")}
    assert changed["destination"]["to_range"] == "10.0.1.10/32"
    assert (changed["destination"]["destination_ports"], changed["destination"]["to_ports"]) == (
        "443-443", "8443-8443",
    )  # fmt: skip
    assert changed["source"]["to_range"] is None
    routes = {
        (r["destination_range"], r["kind"], r["preference"])
        for r in rows_of(tables, "route") if r["kind"] != "connected"
    }  # fmt: skip
    assert routes == {("0.0.0.0/0", "static", 5), ("10.7.0.0/16", "discard", None)}
    # A string over several lines is no configuration.
    assert len([b for b in rows_of(tables, "boundary") if "/policies/" in b["id"]]) == 9


def test_ios_xr(tmp_path: Path) -> None:
    found = read(tmp_path, IOS_XR)
    tables = found.tables
    row = element(found)
    assert (row["software_version"], row["vendor_name"]) == ("7.3.2", "Cisco Systems")
    key = "router:core9/HundredGigE0/0/0/1/in/ipv4"
    assert outcome(tables, key, Packet("10.3.0.1", destination_port=22)) == "allow"
    assert outcome(tables, key, Packet("10.9.0.1", destination_port=9)) == "allow"
    assert outcome(tables, key, Packet("10.8.0.1", destination_port=9)) == "deny"
    routes = {
        (r["destination_range"], r["next_hop"], r["routing_domain"], r["preference"])
        for r in rows_of(tables, "route") if r["kind"] == "static"
    }  # fmt: skip
    assert routes == {
        ("10.5.0.0/16", "10.0.0.2", None, 200),
        ("0.0.0.0/0", "10.0.0.3", "router:vrf/red", None),
    }
    assert boundary(tables, "router:core9/guard/vty/ipv4")["has_rules_stated"] is False


def test_nx_os(tmp_path: Path) -> None:
    found = read(tmp_path, NX_OS)
    tables = found.tables
    assert element(found)["software_version"] == "9.3(5)"
    key = "router:leaf1/Vlan10/in/ipv4"
    assert outcome(tables, key, Packet(destination="10.2.3.4", destination_port=8005)) == "allow"
    assert outcome(tables, key, Packet(destination="10.2.3.4", destination_port=81)) == "deny"
    interfaces = {r["id"].removeprefix("router:leaf1/"): r for r in rows_of(tables, "interface")}
    # Whether a routed port without `no shutdown` is up, is not stated.
    assert interfaces["Ethernet1/2"]["is_up"] is None
    assert interfaces["Vlan10"]["is_up"] is True
    # Of a range only the VLANs that there are.
    trunk = [r["segment"] for n, r in interfaces.items() if n.startswith("Ethernet1/1")]
    assert trunk == [f"router:leaf1/vlan/{n}" for n in (10, 20, 21)]
    assert interfaces["mgmt0"]["is_management"] is True
    (static,) = [r for r in rows_of(tables, "route") if r["kind"] == "static"]
    assert static["routing_domain"] == "router:vrf/red"


def test_routes_translations_zones_and_services_of_ios(tmp_path: Path) -> None:
    found = read(tmp_path, IOS_MORE)
    tables = found.tables
    # What stands in a banner is no interface.
    names = {r["name"] for r in rows_of(tables, "interface")}
    assert names == {f"GigabitEthernet0/{n}" for n in range(3)} | {"Loopback0"}
    segments = {r["address_range"]: r for r in rows_of(tables, "segment") if r["kind"] == "subnet"}
    assert segments["10.0.0.0/24"]["id"] == "router:vrf/red/subnet/10.0.0.0/24"
    assert segments["10.0.0.0/24"]["parent"] == "router:vrf/red"
    assert segments["10.2.0.0/24"]["id"] == "router:subnet/10.2.0.0/24"
    # Ranges that mean something on one device only do not join two devices.
    assert segments["169.254.7.0/24"]["id"] == "router:pe7/subnet/169.254.7.0/24"
    assert segments["192.0.2.7/32"]["id"] == "router:pe7/subnet/192.0.2.7/32"
    routes = {
        (r["destination_range"], r["next_hop"], r["kind"], r["preference"], r["interface"])
        for r in rows_of(tables, "route") if r["kind"] != "connected"
    }  # fmt: skip
    assert routes == {
        ("10.5.0.0/16", None, "discard", None, None),
        ("0.0.0.0/0", "10.0.0.9", "static", 250, None),
        ("10.6.0.0/16", "10.2.0.9", "static", None, "router:pe7/GigabitEthernet0/2"),
    }
    changes = [
        (r["kind"], r["source_range"], r["destination_range"], r["destination_ports"],
         r["to_range"], r["to_ports"], r["interface"])
        for r in rows_of(tables, "translation")
    ]  # fmt: skip
    outside = "router:pe7/GigabitEthernet0/0"
    assert changes == [
        ("source", "10.8.0.0/16", None, None, None, None, outside),
        ("source", "10.8.0.5/32", None, None, "198.51.100.5/32", "8080-8080", outside),
        ("destination", None, "198.51.100.5/32", "8080-8080", "10.8.0.5/32", "80-80", outside),
    ]
    zones = {
        b["name"]: b["has_rules_stated"] for b in rows_of(tables, "boundary") if "zones" in b["id"]
    }
    # Nothing passes between zones without a pair; what a pair lets through is not read.
    assert zones == {"OUT": False, "outside to inside": True}
    endpoints = {r["service"]: r for r in rows_of(tables, "endpoint")}
    assert endpoints["HTTP"]["authentication"] == "local"
    assert endpoints["Telnet"]["authentication"] == "none"
    assert endpoints["SNMP"]["encryption"] == "none"
    assert set(endpoints) == {"HTTP", "Telnet", "SNMP", "BGP"}
    poll = Packet("10.7.0.1", protocol="UDP", destination_port=161, to_itself=True)
    assert outcome(tables, "router:pe7/guard/SNMP", poll) == "deny"
    contents = str(found.rejects.column("content").to_pylist())
    assert "$1$abc" not in contents
    # The maker is not stated: many systems write lines like these.
    assert element(found)["vendor_name"] is None


def test_eos(tmp_path: Path) -> None:
    text = """! Command: show running-config
! device: leaf2 (DCS-7050, EOS-4.27.1F)
hostname leaf2
vrf instance red
ip access-list EDGE
   10 permit tcp any any eq ssh
interface Ethernet1
   no switchport
   vrf red
   ip address 10.0.0.1/24
   ip access-group EDGE in
interface Ethernet2
   switchport access vlan 7
management ssh
   ip access-group MANAGERS in
management api http-commands
   protocol http
   no shutdown
management telnet
ip route vrf red 0.0.0.0/0 10.0.0.2
end
"""
    found = read(tmp_path, text)
    row = element(found)
    assert (row["software_version"], row["vendor_name"]) == ("4.27.1F", "Arista Networks")
    assert services(found) == {"SSH": (22, "SSH"), "HTTPS": (443, "TLS"), "HTTP": (80, "none")}
    assert boundary(found.tables, "router:leaf2/guard/SSH")["has_rules_stated"] is False
    interface = next(r for r in rows_of(found.tables, "interface") if r["name"] == "Ethernet2")
    assert interface["segment"] == "router:leaf2/vlan/7"


def test_zxros(tmp_path: Path) -> None:
    text = """!<mim>
hostname agg3
!</mim>
!<if-intf>
interface xgei-0/1/0/1
  ip address 10.0.0.1 255.255.255.252
  no shutdown
$
interface xgei-0/1/0/2
  ip address 10.0.0.5 255.255.255.252
$
!</if-intf>
ipv4-access-list EDGE
  rule 1 permit tcp 10.1.1.0 0.0.0.255 any eq telnet
  rule 2 deny ip any any
$
ip route 0.0.0.0 0.0.0.0 10.0.0.2
"""
    found = read(tmp_path, text)
    row = element(found)
    assert (row["name"], row["vendor_name"]) == ("agg3", "ZTE")
    states = {r["name"]: r["is_up"] for r in rows_of(found.tables, "interface")}
    assert states == {"xgei-0/1/0/1": True, "xgei-0/1/0/2": None}


def test_a_policy_of_vrp_that_only_marks_stops_nothing(tmp_path: Path) -> None:
    text = """#
sysname wald-2
#
traffic classifier all
traffic behavior mark
 remark dscp ef
traffic behavior stop
 deny
traffic policy marking
 classifier all behavior mark
traffic policy stopping
 classifier all behavior stop
#
interface GigabitEthernet0/0/1
 ip address 10.0.0.1 255.255.255.0
 traffic-policy marking inbound
 traffic-policy stopping outbound
#
"""
    places = rows_of(read(tmp_path, text).tables, "boundary")
    assert [(b["direction"], b["has_rules_stated"]) for b in places] == [("out", False)]


def test_filters_of_lo0_in_turn(tmp_path: Path) -> None:
    base = "set firewall family inet filter {} term t from protocol tcp"
    text = "\n".join(
        (
            "set version 20.4R3.8",
            "set system host-name r4",
            "set interfaces lo0 unit 0 family inet filter input-list FIRST",
            "set interfaces lo0 unit 0 family inet filter input-list SECOND",
            "set interfaces lo0 unit 0 family inet address 192.0.2.4/32",
            "set interfaces ge-0/0/0 unit 0 family inet6 address 2001:db8:1::/64 eui-64",
            base.format("FIRST"),
            "set firewall family inet filter FIRST term t from destination-port 23",
            "set firewall family inet filter FIRST term t then discard",
            base.format("SECOND"),
            "set firewall family inet filter SECOND term t then accept",
            "",
        )
    )
    tables = read(tmp_path, text).tables
    key = "router:r4/guard/lo0.0/ipv4"
    for port, expected in ((22, "allow"), (23, "deny")):
        assert outcome(tables, key, Packet(destination_port=port, to_itself=True)) == expected
    assert outcome(tables, key, Packet(protocol="UDP", to_itself=True)) == "deny"
    # An address made of the interface's own is not stated.
    (foot,) = [r for r in rows_of(tables, "interface") if r["name"] == "ge-0/0/0.0"]
    assert foot["address"] is None


def test_an_address_that_routers_of_nx_os_share(tmp_path: Path) -> None:
    text = NX_OS.replace(
        "  ip address 10.0.0.1/24\n", "  ip address 10.0.0.1/24\n  hsrp 7\n    ip 10.0.0.254\n"
    )
    feet = {r["id"]: r["address"] for r in rows_of(read(tmp_path, text).tables, "interface")}
    assert feet["router:leaf1/Vlan10#hsrp/7/10.0.0.254"] == "10.0.0.254/24"


def test_two_routers_meet_in_the_subnet_they_share(tmp_path: Path) -> None:
    head = "version 15.2\nhostname {}\ninterface Gi0/0\n ip address 10.0.0.{} 255.255.255.252\n"
    one, two = (
        read(tmp_path, head.format(name, n), f"{name}.cfg") for name, n in (("a", 1), ("b", 2))
    )
    segments = [rows_of(f.tables, "interface")[0]["segment"] for f in (one, two)]
    assert segments == ["router:subnet/10.0.0.0/30"] * 2


def test_a_device_without_a_name_has_that_of_its_file_in_its_key(tmp_path: Path) -> None:
    found = read(tmp_path, "interface eth1\n ip address 10.0.0.1/24\n!\n", "edge-7.cfg")
    assert element(found)["id"] == "router:edge-7"
    assert element(found)["name"] is None


@pytest.mark.parametrize(("origin", "name"), [
    ("configs/edge-7/show_running-config.txt", "edge-7"), ("edge-7/running.cfg", "edge-7"),
    ("a/b/edge-7.cfg", "edge-7"), ("show_version.txt", "show_version"),
    ("configs/showroom-1.cfg", "showroom-1"),
])  # fmt: skip
def test_a_file_named_for_a_command_is_of_its_folder(
    tmp_path: Path, origin: str, name: str
) -> None:
    path = tmp_path / "x"
    path.write_text("interface eth1\n ip address 10.0.0.1/24\n!\n")
    found = gather(RouterConfiguration(), path, Options(origin=origin))
    assert element(found)["id"] == f"router:{name}"


def test_an_asa_is_refused_for_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "asa.cfg"
    path.write_text(
        "ASA Version 9.8(2)\nhostname asa1\ninterface GigabitEthernet0/0\n nameif outside\n"
        " security-level 0\n ip address 10.0.0.1 255.255.255.0\n"
        "access-list OUT extended permit ip 10.0.0.0 255.0.0.0 any\n"
    )
    with pytest.raises(SourceError, match="Cisco ASA"):
        gather(RouterConfiguration(), path, Options())


@pytest.mark.parametrize("text", [
    "", "{}", "<xml/>", "a,b,c\n1,2,3\n", "---\nkind: Pod\n", "hello world\nthis is a letter\n",
    "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j ACCEPT\nCOMMIT\n",
    "header {\n  target:: cisco x\n}\nterm a {\n  action:: accept\n}\n",
    "set interfaces ethernet eth0 address '10.0.0.1/24'\nset service ssh port '22'\n",
    "graph [\n  node [\n    id 0\n  ]\n]\n",
])  # fmt: skip
def test_files_of_other_kinds_are_not_claimed(text: str) -> None:
    assert sureness(text) == 0.0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str) -> None:
    text = VRP.replace("sysname wald-1", "sysname wäld-1").replace("\n", "\r\n")
    path = tmp_path / "x.cfg"
    path.write_bytes(text.encode(encoding))
    assert sureness(path.read_bytes()[:HEAD_BYTES]) == 1.0
    found = gather(RouterConfiguration(), path, Options())
    assert element(found)["name"] == "wäld-1"


KINDS = {
    "batfish-lab-validation": "**/configs/*/*", "batfish-networks": "**/configs/*",
    "stanford-backbone": "**/*_config.txt",
}  # fmt: skip


def test_real_configurations_are_claimed_and_nothing_else(shared_data: Path) -> None:
    mine = {p for folder, glob in KINDS.items() for p in (shared_data / folder).glob(glob)}
    mine |= set((shared_data / "batfish-lab-validation").glob("**/source/configs/*"))
    mine = {p for p in mine if p.is_file()}
    assert len(mine) > 70
    for path in mine:
        assert sureness(path.read_bytes()[:HEAD_BYTES]) >= 0.8, path
    others = [
        p for p in shared_data.rglob("*")
        if p.is_file() and p not in mine
    ]  # fmt: skip
    for path in others:
        with path.open("rb") as file:
            assert sureness(file.read(HEAD_BYTES)) == 0.0, path
