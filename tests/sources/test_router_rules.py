"""Access lists of the IOS family: what they match, packet by packet, and how real ones are counted."""

import re
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.router_configuration import RouterConfiguration
from ringfence.sources.router_configuration.entries import (
    MOST_ROWS,
    Entry,
    Network,
    network,
    ports_of,
    wildcard,
    without,
)
from tests.sources.packet_verdicts import Packet, boundary, outcome, outcomes, rows_of

IN = "router:edge1/GigabitEthernet0/1/in/ipv4"


def read(tmp_path: Path, text: str, name: str = "edge1.cfg") -> Gathered:
    path = tmp_path / name
    path.write_text(text)
    found = gather(RouterConfiguration(), path, Options())
    assert found.rows_read == found.rows_kept + found.rows_rejected
    return found


def device(*lists: str, interface: str = " ip access-group EDGE in", more: str = "") -> str:
    """A router with lists and one interface that binds one of them."""
    return "\n".join(
        (
            "version 15.2",
            "hostname edge1",
            "interface GigabitEthernet0/1",
            " ip address 10.0.0.1 255.255.255.0",
            interface,
            "!",
            *lists,
            more,
            "end",
            "",
        )
    )


def edge(*entries: str) -> str:
    return "\n".join(("ip access-list extended EDGE", *(f" {e}" for e in entries)))


def test_first_match_decides_and_the_rest_is_denied(tmp_path: Path) -> None:
    text = device(edge("deny tcp host 10.1.1.1 any eq 22", "permit tcp any any eq 22"))
    tables = read(tmp_path, text).tables
    assert outcome(tables, IN, Packet("10.1.1.1", "10.9.9.9", destination_port=22)) == "deny"
    assert outcome(tables, IN, Packet("10.1.1.2", "10.9.9.9", destination_port=22)) == "allow"
    assert outcome(tables, IN, Packet("10.1.1.2", "10.9.9.9", destination_port=23)) == "deny"
    assert boundary(tables, IN)["default_action"] == "deny"


@pytest.mark.parametrize(("ports", "hit", "miss"), [
    ("eq www", [80], [79, 81]), ("eq 80 443", [80, 443], [81, 442]),
    ("neq 25", [0, 24, 26, 65535], [25]), ("gt 1023", [1024, 65535], [0, 1023]),
    ("lt 1024", [0, 1023], [1024]), ("range 20 21", [20, 21], [19, 22]), ("", [0, 65535], []),
])  # fmt: skip
def test_port_operators(tmp_path: Path, ports: str, hit: list[int], miss: list[int]) -> None:
    tables = read(tmp_path, device(edge(f"permit tcp any any {ports}"))).tables
    for port in range(65536) if not hit else (*hit, *miss):
        expected = "allow" if port in hit or not ports else "deny"
        assert outcome(tables, IN, Packet(destination_port=port)) == expected


def test_ports_of_the_source_and_of_the_destination_are_kept_apart(tmp_path: Path) -> None:
    tables = read(tmp_path, device(edge("permit udp any eq domain any gt 1023"))).tables
    answer = Packet(protocol="UDP", source_port=53, destination_port=40000)
    assert outcome(tables, IN, answer) == "allow"
    assert (
        outcome(tables, IN, Packet(protocol="UDP", source_port=40000, destination_port=53))
        == "deny"
    )


def test_established_matches_answers_only(tmp_path: Path) -> None:
    tables = read(tmp_path, device(edge("permit tcp any any established"))).tables
    assert outcome(tables, IN, Packet(is_answer=True)) == "allow"
    assert outcome(tables, IN, Packet()) == "deny"
    assert outcome(tables, IN, Packet(protocol="UDP", is_answer=True)) == "deny"


@pytest.mark.parametrize("entry", [
    "permit icmp any any echo", "permit ip any any fragments", "permit tcp any any syn",
    "permit ip any any dscp ef", "permit tcp any any eq 22 time-range NIGHT",
    "permit tcp host server.example any", "permit tcp any any eq nosuchport",
])  # fmt: skip
def test_what_columns_cannot_say_is_not_understood(tmp_path: Path, entry: str) -> None:
    tables = read(tmp_path, device(edge(entry))).tables
    protocol = entry.split()[1].upper().replace("IP", "TCP")
    packet = Packet(protocol="ICMP" if protocol == "ICMP" else "TCP", destination_port=22)
    assert outcomes(tables, IN, packet) == {"allow", "deny"}
    # It bounds what it may match all the same.
    if protocol == "ICMP":
        assert outcome(tables, IN, Packet(protocol="UDP")) == "deny"


def test_an_entry_that_cannot_be_read_is_a_fault_and_may_match_anything(tmp_path: Path) -> None:
    found = read(tmp_path, device(edge("permit nonsense here", "deny ip any any")))
    (fault,) = [r for r in found.rejects.to_pylist() if r["kind"] == "fault"]
    assert fault["place"] == "edge1.cfg:8"
    assert outcomes(found.tables, IN, Packet()) == {"allow", "deny"}


def test_logging_changes_nothing(tmp_path: Path) -> None:
    entries = ("permit tcp any any eq 22 log", "10 permit udp any any log-input (17 matches)")
    tables = read(tmp_path, device(edge(*entries))).tables
    assert all(f["is_understood"] for f in rows_of(tables, "filter"))
    assert outcome(tables, IN, Packet(protocol="UDP")) == "allow"


def test_a_standard_list_is_of_sources_and_a_lone_address_is_a_host(tmp_path: Path) -> None:
    text = device(
        "access-list 10 remark the office",
        "access-list 10 deny 10.1.0.7",
        "access-list 10 permit 10.1.0.0 0.0.255.255",
        interface=" ip access-group 10 in",
    )
    found = read(tmp_path, text)
    assert outcome(found.tables, IN, Packet("10.1.0.7")) == "deny"
    assert outcome(found.tables, IN, Packet("10.1.200.7")) == "allow"
    assert outcome(found.tables, IN, Packet("10.2.0.7")) == "deny"
    assert [f["origin"] for f in rows_of(found.tables, "filter")] == ["edge1.cfg:8", "edge1.cfg:9"]


def test_object_groups_are_unfolded_and_groups_in_a_circle_end(tmp_path: Path) -> None:
    groups = """object-group network SERVERS
 host 10.1.0.1
 10.2.0.0 255.255.0.0
 range 10.3.0.1 10.3.0.2
 group-object MORE
object-group network MORE
 host 10.4.0.1
 group-object SERVERS
object-group service WEB
 tcp eq www
 tcp-udp range 8000 8001
 icmp"""
    entry = "permit object-group WEB any object-group SERVERS"
    found = read(tmp_path, device(groups, edge(entry)))
    for address in ("10.1.0.1", "10.2.77.1", "10.3.0.2", "10.4.0.1"):
        assert outcome(found.tables, IN, Packet(destination=address)) == "allow"
        udp = Packet(destination=address, protocol="UDP", destination_port=8001)
        assert outcome(found.tables, IN, udp) == "allow"
    assert outcome(found.tables, IN, Packet(destination="10.3.0.3")) == "deny"
    assert outcome(found.tables, IN, Packet(destination="10.1.0.1", destination_port=81)) == "deny"
    reasons = [r["reason"] for r in found.rejects.to_pylist()]
    assert not any("object-group" in r for r in reasons)


def test_a_group_that_is_not_there_is_not_understood(tmp_path: Path) -> None:
    tables = read(tmp_path, device(edge("permit ip any object-group NOWHERE"))).tables
    assert outcomes(tables, IN, Packet()) == {"allow", "deny"}


def test_a_list_that_is_bound_and_not_there_is_stated_so(tmp_path: Path) -> None:
    tables = read(tmp_path, device()).tables
    assert boundary(tables, IN)["has_rules_stated"] is False
    assert boundary(tables, IN)["default_action"] is None


def test_a_list_that_nothing_binds_is_set_aside(tmp_path: Path) -> None:
    text = device("access-list 101 permit ip any any", "access-list 101 deny ip any any")
    found = read(tmp_path, text.replace(" ip access-group EDGE in\n", ""))
    assert "boundary" not in found.tables
    (reject,) = [r for r in found.rejects.to_pylist() if "bound to no" in r["reason"]]
    assert (reject["rows"], reject["kind"]) == (2, "set aside")


def test_a_list_for_ipv4_lets_ipv6_through(tmp_path: Path) -> None:
    lines = device(edge("permit tcp any any"))
    assert outcome(read(tmp_path, lines).tables, IN, Packet("2001:db8::1", "2001:db8::2")) == "deny"
    both = lines.replace("255.255.255.0\n", "255.255.255.0\n ipv6 address 2001:db8::9/64\n")
    tables = read(tmp_path, both).tables
    assert outcome(tables, IN, Packet("2001:db8::1", "2001:db8::2")) == "allow"
    assert outcome(tables, IN, Packet(protocol="UDP")) == "deny"


def test_a_list_for_ipv6(tmp_path: Path) -> None:
    text = device(
        "ipv6 access-list EDGE6\n permit tcp 2001:db8:1::/48 any eq 22\n"
        " sequence 20 deny ipv6 any host 2001:db8::1\n permit ipv6 any any",
        interface=" ipv6 address 2001:db8::9/64\n ipv6 traffic-filter EDGE6 in",
    )
    tables = read(tmp_path, text).tables
    key = "router:edge1/GigabitEthernet0/1/in/ipv6"
    assert (
        outcome(tables, key, Packet("2001:db8:1::5", "2001:db8::1", destination_port=22)) == "allow"
    )
    assert outcome(tables, key, Packet("2001:db8:2::5", "2001:db8::1")) == "deny"
    assert outcome(tables, key, Packet("2001:db8:2::5", "2001:db8::2")) == "allow"
    assert outcome(tables, key, Packet("10.0.0.5", "10.0.0.6")) == "allow"


def test_a_list_stands_at_each_foot_of_its_interface(tmp_path: Path) -> None:
    text = device(
        edge("permit ip any any"),
        interface=(
            " ip address 10.0.1.1 255.255.255.0 secondary\n standby 1 ip 10.0.0.254\n"
            " ip access-group EDGE in"
        ),
    )
    tables = read(tmp_path, text).tables
    feet = {r["id"]: r["address"] for r in rows_of(tables, "interface")}
    assert feet == {
        "router:edge1/GigabitEthernet0/1": "10.0.0.1/24",
        "router:edge1/GigabitEthernet0/1#ip/10.0.1.1": "10.0.1.1/24",
        "router:edge1/GigabitEthernet0/1#standby/1/10.0.0.254": "10.0.0.254/24",
    }
    assert {b["interface"] for b in rows_of(tables, "boundary")} == set(feet)


def test_a_class_around_the_terminals_is_for_what_is_sent_to_the_device(tmp_path: Path) -> None:
    text = device(
        "access-list 23 permit 10.9.0.0 0.0.0.255",
        interface="",
        more="line vty 0 4\n access-class 23 in\n transport input ssh telnet\n login local",
    )
    tables = read(tmp_path, text).tables
    key = "router:edge1/guard/vty/ipv4"
    manager = Packet("10.9.0.5", "10.0.0.1", destination_port=22, to_itself=True)
    other = Packet("10.8.0.5", "10.0.0.1", destination_port=22, to_itself=True)
    through = Packet("10.8.0.5", "10.7.0.1", destination_port=22)
    assert outcome(tables, key, manager) == "allow"
    assert outcome(tables, key, other) == "deny"
    assert outcome(tables, key, through) == "allow"
    assert outcome(tables, key, Packet("10.8.0.5", "10.0.0.1", to_itself=True)) == "allow"
    (member,) = rows_of(tables, "group_member")
    assert member["element"] == "router:edge1"
    services = {r["service"]: r for r in rows_of(tables, "endpoint")}
    assert services["Telnet"]["encryption"] == "none"
    assert services["SSH"]["authentication"] == "local user"


def test_terminals_of_which_one_is_open_have_no_list_around_them(tmp_path: Path) -> None:
    text = device(
        "access-list 23 permit 10.9.0.0 0.0.0.255",
        interface="",
        more="line vty 0 4\n access-class 23 in\n transport input ssh\n"
        "line vty 5 15\n transport input ssh",
    )
    assert "boundary" not in read(tmp_path, text).tables


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.data())
def test_wildcards_mean_the_addresses_whose_fixed_bits_agree(
    base: int, mask: int, data: st.DataObject
) -> None:
    found = wildcard(str(IPv4Address(base)), str(IPv4Address(mask)))
    assert found is not None
    ranges, is_exact = found
    # An address that agrees in the fixed bits, and one that differs in one of them.
    free = data.draw(st.integers(0, 2**32 - 1))
    inside = IPv4Address((base & ~mask | free & mask) & 0xFFFFFFFF)
    assert any(inside in network_of(r) for r in ranges)
    fixed = [bit for bit in range(32) if not mask >> bit & 1]
    if fixed and is_exact:
        outside = IPv4Address(int(inside) ^ 1 << data.draw(st.sampled_from(fixed)))
        assert not any(outside in network_of(r) for r in ranges)


def network_of(text: str | None) -> Network:
    found = network(text or "")
    assert found is not None
    return found


PREFIXES = st.builds(
    lambda a, n: network(f"{IPv4Address(a)}/{n}"), st.integers(0, 2**32 - 1), st.integers(0, 32)
)


@given(st.lists(PREFIXES, max_size=4), st.lists(PREFIXES, max_size=4), st.data())
def test_ranges_less_exceptions(
    whole: list[Network], holes: list[Network], data: st.DataObject
) -> None:
    left = without(whole, holes)
    near = [int(n[0]) for n in (*whole, *holes)] + [int(n[-1]) for n in (*whole, *holes)]
    some = st.sampled_from(near) if near else st.just(0)
    address = IPv4Address((data.draw(some) + data.draw(st.integers(-1, 1))) % 2**32)
    expected = any(address in n for n in whole) and not any(address in n for n in holes)
    assert any(address in n for n in left) is expected


@given(
    st.sampled_from(("eq", "neq", "gt", "lt", "range")), st.integers(0, 65535),
    st.integers(0, 65535), st.integers(0, 65535),
)  # fmt: skip
def test_spans_of_ports(operator: str, first: int, second: int, port: int) -> None:
    ports = [first, second] if operator == "range" else [first]
    spans = ports_of(operator, ports)
    assert spans is not None
    low, high = min(first, second), max(first, second)
    expected = {
        "eq": port == first, "neq": port != first, "gt": port > first, "lt": port < first,
        "range": low <= port <= high,
    }[operator]  # fmt: skip
    pairs = [tuple(map(int, str(s).split("-"))) for s in spans]
    assert any(a <= port <= b for a, b in pairs) is expected


SIDES = st.tuples(st.integers(0, 3), st.sampled_from(("any", "host", "wild", "holes")))
RULES = st.lists(
    st.tuples(
        st.booleans(), st.sampled_from(("ip", "tcp", "udp")), SIDES, SIDES,
        st.sampled_from(("", "eq 80", "neq 80", "gt 80", "lt 80", "range 79 81")),
    ),
    min_size=1, max_size=6,
)  # fmt: skip


def side_text(side: tuple[int, str]) -> str:
    number, kind = side
    return {
        "any": "any", "host": f"host 10.0.0.{number}", "wild": f"10.0.{number}.0 0.0.0.255",
        "holes": f"10.0.0.{number} 0.0.3.0",
    }[kind]  # fmt: skip


def side_has(side: tuple[int, str], third: int, fourth: int) -> bool:
    number, kind = side
    return {
        "any": True, "host": third == 0 and fourth == number, "wild": third == number,
        "holes": third < 4 and fourth == number,
    }[kind]  # fmt: skip


def port_has(text: str, port: int) -> bool:
    return {
        "": True, "eq 80": port == 80, "neq 80": port != 80, "gt 80": port > 80, "lt 80": port < 80,
        "range 79 81": 79 <= port <= 81,
    }[text]  # fmt: skip


@settings(max_examples=60)
@given(RULES, st.data())
def test_a_list_decides_as_its_lines_read_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, rules: list[Any], data: st.DataObject
) -> None:
    lines = [
        f"{'permit' if allows else 'deny'} {protocol} {side_text(a)} {side_text(b)} "
        f"{ports if protocol != 'ip' else ''}"
        for allows, protocol, a, b, ports in rules
    ]
    tables = read(tmp_path_factory.mktemp("list"), device(edge(*lines))).tables
    for _ in range(8):
        a, b, c, d = (data.draw(st.integers(0, 4)) for _ in range(4))
        port, protocol = data.draw(st.integers(78, 82)), data.draw(st.sampled_from(("TCP", "UDP")))
        expected = "deny"
        for allows, name, source, target, ports in rules:
            if (
                name in {"ip", protocol.lower()}
                and side_has(source, a, b)
                and side_has(target, c, d)
                and (name == "ip" or port_has(ports, port))
            ):
                expected = "allow" if allows else "deny"
                break
        packet = Packet(f"10.0.{a}.{b}", f"10.0.{c}.{d}", protocol, 40000, port)
        assert outcome(tables, IN, packet) == expected, lines


def test_an_entry_of_too_many_rows_is_stated_more_coarsely() -> None:
    many = tuple(f"10.{i // 256}.{i % 256}.0/24" for i in range(300))
    entry = Entry("allow", 1, "", ("TCP",), many, many)
    rows = entry.rows()
    assert len(rows) <= MOST_ROWS
    assert {r["is_understood"] for r in rows} == {False}
    assert {r["source_range"] for r in rows} | {r["destination_range"] for r in rows} >= {
        "0.0.0.0/0"
    }


STANFORD = "stanford-backbone/benchmarks/stanford_orig"


@pytest.fixture(scope="module")
def stanford(shared_data: Path) -> dict[str, Gathered]:
    files = sorted((shared_data / STANFORD).glob("*_config.txt"))
    return {p.name: gather(RouterConfiguration(), p, Options()) for p in files}


def lines_of(shared_data: Path, pattern: str) -> list[str]:
    files = sorted((shared_data / STANFORD).glob("*_config.txt"))
    return [
        line.rstrip()
        for p in files
        for line in p.read_text().splitlines()
        if re.match(pattern, line)
    ]


def test_the_stanford_backbone_is_read_whole(
    stanford: dict[str, Gathered], shared_data: Path
) -> None:
    assert len(stanford) == 16
    # `cat *_config.txt | grep -cE '^(ip )?access-list '` is 1842, as published; 1824 without the
    # heads of named lists.
    assert len(lines_of(shared_data, r"(ip )?access-list ")) == 1842
    kinds = {r["kind"] for g in stanford.values() for r in g.rejects.to_pylist()}
    assert kinds == {"set aside"}
    for name, found in stanford.items():
        lines = (shared_data / STANFORD / name).read_text().splitlines()
        # Every line but comments and blank ones.
        assert found.rows_read == sum(1 for x in lines if x.strip() and x.strip()[0] != "!")


def test_interfaces_and_vlans_of_the_stanford_backbone(
    stanford: dict[str, Gathered], shared_data: Path
) -> None:
    interfaces = sum(
        len({r["name"] for r in rows_of(g.tables, "interface")}) for g in stanford.values()
    )
    # `grep -h '^interface ' FILE | sort -u | wc -l`, each file by itself, summed.
    assert interfaces == len(lines_of(shared_data, r"interface \S"))
    vlans = [
        r["id"] for g in stanford.values() for r in rows_of(g.tables, "segment")
        if r["kind"] == "VLAN" and r["name"]
    ]  # fmt: skip
    # VLANs with a name: `vlan N` followed by ` name ...`.
    named = 0
    for path in (shared_data / STANFORD).glob("*_config.txt"):
        text = path.read_text()
        named += len(set(re.findall(r"^vlan (\d+)\s*\n name \S", text, re.MULTILINE)))
    assert len(vlans) == named > 700


def test_lists_bound_in_the_stanford_backbone(
    stanford: dict[str, Gathered], shared_data: Path
) -> None:
    bound = [
        (b["interface"].partition("#")[0], b["direction"])
        for g in stanford.values()
        for b in rows_of(g.tables, "boundary")
    ]
    # `grep -h 'ip access-group' *_config.txt | wc -l`: 112 in, 14 out.
    groups = lines_of(shared_data, r"\s+ip access-group ")
    assert len(groups) == 126
    assert len(set(bound)) == 126
    assert sum(1 for _, d in set(bound) if d == "in") == 112
    addresses = sum(
        1 for g in stanford.values() for r in rows_of(g.tables, "interface")
        if r["address"] and ":" not in r["address"] and "#standby" not in r["id"]
    )  # fmt: skip
    assert addresses == len(lines_of(shared_data, r"\s+ip address \d"))


def test_a_real_list_decides_as_read_by_hand(stanford: dict[str, Gathered]) -> None:
    # `outACL` begins: deny ip 10.0.0.0 0.255.255.255 any.
    tables = stanford["coza_rtr_config.txt"].tables
    (key,) = {b["id"] for b in rows_of(tables, "boundary") if b["name"] == "outACL"}
    assert outcome(tables, str(key), Packet("10.1.2.3", "171.64.1.1")) == "deny"
    # Access list 120: deny udp any 128.12.0.1 0.0.255.0 eq snmp.
    key = next(b["id"] for b in rows_of(tables, "boundary") if b["name"] == "120")
    snmp = Packet("171.64.1.1", "128.12.77.1", "UDP", 40000, 161)
    assert outcome(tables, str(key), snmp) == "deny"
