"""Firewall policies and packet filters through the engine, against a reading packet by packet.

A source reads the file; a router with its lists is put between two segments; hosts send from and
listen at addresses and ports at the edges of what the lists name, and some at random. What the
engine answers for each pair has to be what `packet_verdicts` finds one packet at a time. Who sends
may choose its source port, so that one port that comes through is enough.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.exposure.packets import PacketParameters, packets
from ringfence.network.model import TABLES
from ringfence.sources.base import Options, gather, gather_together
from ringfence.sources.capirca import Capirca
from ringfence.sources.iptables import Iptables
from ringfence.store.duck import Tables
from tests.sources.packet_verdicts import Packet, outcomes
from tests.sources.test_capirca import INCLUDE, NETWORKS, POLICY, SERVICES

Row = dict[str, Any]
NAMES = ("element", "segment", "interface", "endpoint", "boundary", "filter", "group_member",
         "route", "translation")  # fmt: skip
CAN, UNKNOWN, CANNOT = "can", "not known", "cannot"
ONE_BY_ONE, TOGETHER = 10**9, 0
LAN, FAR = ("10.255.0.254", "fd00:ff::fe"), ("10.255.1.254", "fd00:fe::fe")
EVERYWHERE = ("0.0.0.0/0", "::/0")


def segment(key: str, **facts: Any) -> Row:
    return {"id": key, "kind": "subnet", "origin": key, "checks_source": True, **facts}


def host(name: str, **facts: Any) -> Row:
    return {"id": name, "kind": "host", "forwards_packets": False, "origin": name, **facts}


def foot(element: str, where: str, address: str, name: str | None = None) -> Row:
    name = name or f"{element}/{where}/{address}"
    return {"id": name, "element": element, "segment": where, "address": address, "origin": name}


class Between:
    """A router with lists between two segments, hosts that send and hosts that listen."""

    def __init__(self, router: str, sources: Sequence[str], ends: Sequence[str],
                 services: Sequence[tuple[str, int]]) -> None:  # fmt: skip
        self.router = router
        self.services = services
        self.rows: dict[str, list[Row]] = {name: [] for name in NAMES}
        self.rows["segment"] = [segment("lan"), segment("far")]
        self.rows["element"].append(host(router, forwards_packets=True))
        for where, addresses in (("lan", LAN), ("far", FAR)):
            for address in addresses:
                self.rows["interface"].append(foot(router, where, address))
        for number, to in enumerate(EVERYWHERE):
            self.rows["route"].append({"element": router, "destination_range": to,
                "kind": "static", "interface": f"{router}/far/{FAR[number]}"})  # fmt: skip
        self.sources = {f"from {a}": a for a in sources}
        self.ends = {f"to {a}": a for a in ends}
        for name, address in (*self.sources.items(), *self.ends.items()):
            where = "lan" if name in self.sources else "far"
            self.rows["element"].append(host(name))
            self.rows["interface"].append(foot(name, where, address))
        for name in (*self.ends, router):
            for protocol, port in services:
                self.rows["endpoint"].append({"id": f"{name} {protocol} {port}", "element": name,
                                              "protocol": protocol, "port": port})  # fmt: skip

    def answers(self, most_apart: int) -> dict[tuple[str, str], str]:
        """By sender and endpoint; what is not there cannot."""
        found: dict[tuple[str, str], str] = {}
        for (sender, endpoint, _), answer in self.by_address(most_apart).items():
            found[sender, endpoint] = min(answer, found.get((sender, endpoint), answer))
        return found

    def by_address(self, most_apart: int) -> dict[tuple[str, str, str], str]:
        """By sender, endpoint and the address it is taken in at."""
        given = Tables({name: TABLES[name].from_rows(self.rows[name]) for name in NAMES})
        found = Tables(dict(packets(given, PacketParameters(most_apart=most_apart))))
        told = found.query(
            "SELECT p.element AS source, o.endpoint AS target, o.origin, min(g.answer) AS answer, "
            "count(*) FILTER (WHERE g.answer = 'not known' AND coalesce(g.because, '') = '') AS bare "
            "FROM passage g JOIN place p ON p.place = g.place JOIN opening o ON o.opening = g.opening "
            "WHERE p.element <> o.element GROUP BY ALL"
        ).to_pylist()
        assert sum(r["bare"] for r in told) == 0, "not known, and no reason"
        return {
            (r["source"], r["target"], r["origin"].rpartition("/")[2]): r["answer"]
            for r in told
            if r["origin"] is not None
        }

    def questions(self, *, to_itself: bool) -> Iterator[tuple[str, str, str, str, str, int]]:
        """Sender, endpoint, and the packet's addresses, protocol and port; of one family."""
        ends = [(self.router, a) for a in LAN] if to_itself else list(self.ends.items())
        for (sender, source), (name, address) in itertools.product(self.sources.items(), ends):
            if (":" in source) == (":" in address):
                for protocol, port in self.services:
                    yield sender, f"{name} {protocol} {port}", source, address, protocol, port


class Listed:
    """Rows that are asked for packet after packet."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = list(rows)

    def to_pylist(self) -> list[Row]:
        return self._rows


Lists = Mapping[str, Any]
"""Tables, or what gives their rows as tables do."""


def listed(tables: Lists, name: str) -> list[Row]:
    found: list[Row] = tables[name].to_pylist() if name in tables else []
    return found


def verdict(
    tables: Lists, boundaries: Sequence[str], source_ports: Sequence[int],
    packet: Mapping[str, Any],
) -> str:  # fmt: skip
    """What becomes of a packet that has to pass all boundaries, from the best source port."""
    found = set()
    for port in source_ports:
        each = [outcomes(tables, key, Packet(source_port=port, **packet)) for key in boundaries]
        # What no row states may be either.
        each = [{"allow", "deny"} if "None" in one else one for one in each]
        if all(one == {"allow"} for one in each):
            return CAN
        found.add(UNKNOWN if all("allow" in one for one in each) else CANNOT)
    return UNKNOWN if UNKNOWN in found else CANNOT


def edges(filters: Sequence[Row], column: str, rng: np.random.Generator, many: int) -> list[str]:
    """Addresses at and beside the edges of ranges, some of them, and some at random."""
    found: set[IPv4Address | IPv6Address] = set()
    for text in sorted({f[column] for f in filters if f[column]}):
        net = ip_network(text)
        for number in (int(net[0]) - 1, int(net[0]), int(net[-1]), int(net[-1]) + 1):
            if 0 < number < 1 << net.max_prefixlen:
                found.add(type(net[0])(number))
    some = sorted(found, key=lambda a: (a.version, int(a)))
    kept = {some[int(i)] for i in rng.permutation(len(some))[:many]}
    kept |= {ip_address(int(rng.integers(1 << 24, 1 << 32))) for _ in range(2)}
    kept |= {ip_address(f"2001:db8:{int(rng.integers(1 << 16)):x}::1")}
    taken = {ip_address(a) for a in (*LAN, *FAR)}
    return [str(a) for a in sorted(kept - taken, key=lambda a: (a.version, int(a)))]


def spans(filters: Sequence[Row], column: str) -> list[int]:
    """Ports at and beside the edges of spans."""
    found = {0, 40000}
    for text in {f[column] for f in filters if f[column]}:
        first, last = map(int, text.split("-"))
        found |= {first, last, min(65535, last + 1)}
    return sorted(found)


def network_for(filters: Sequence[Row], router: str, seed: int, many: int) -> Between:
    rng = np.random.default_rng(seed)
    sources = edges(filters, "source_range", rng, many)
    ends = [a for a in edges(filters, "destination_range", rng, many) if a not in sources]
    ports = spans(filters, "destination_ports")
    services = {(str(rng.choice(("TCP", "UDP", "SCTP"))), int(rng.choice(ports))) for _ in range(5)}
    return Between(router, sources, ends, sorted(services))


def compared(
    between: Between, tables: Lists, boundaries: Sequence[str], *, to_itself: bool, most_apart: int
) -> dict[str, int]:
    """Compare all pairs; how often each answer was given."""
    ports = spans([f for f in listed(tables, "filter") if f["boundary"] in boundaries],
                  "source_ports")  # fmt: skip
    answers = between.by_address(most_apart)
    counts = dict.fromkeys((CAN, UNKNOWN, CANNOT), 0)
    for sender, endpoint, source, to, protocol, port in between.questions(to_itself=to_itself):
        packet = {"source": source, "destination": to, "protocol": protocol,
                  "destination_port": port, "to_itself": to_itself}  # fmt: skip
        expected = verdict(tables, boundaries, ports, packet)
        found = answers.get((sender, endpoint, to), CANNOT)
        assert found == expected, (boundaries, packet)
        counts[expected] += 1
    return counts


# --- policies of Capirca


def read_policies(folder: Path, paths: Sequence[Path]) -> Mapping[str, pa.Table]:
    files = {str(p.relative_to(folder)): p for p in sorted(paths)}
    return gather_together(Capirca(), files, Options()).tables


def compare_policies(tables: Lists, many: int) -> dict[str, int]:
    """Each boundary of the policies, put between two segments."""
    totals = dict.fromkeys((CAN, UNKNOWN, CANNOT), 0)
    for number, boundary in enumerate(listed(tables, "boundary")):
        filters = [f for f in listed(tables, "filter") if f["boundary"] == boundary["id"]]
        own = {"boundary": Listed([boundary]), "filter": Listed(filters)}
        between = network_for(filters, boundary["element"], number, many)
        between.rows["filter"] = filters
        between.rows["boundary"] = [{**boundary, "direction": "through", "interface": None}]
        for most_apart in (ONE_BY_ONE, TOGETHER):
            counts = compared(
                between, own, [boundary["id"]], to_itself=False, most_apart=most_apart
            )
        totals = {answer: totals[answer] + counts[answer] for answer in totals}
    return totals


def test_a_policy_between_two_segments(tmp_path: Path) -> None:
    texts = {"pol/edge.pol": POLICY, "includes/start.inc": INCLUDE, "def/N.net": NETWORKS,
             "def/S.svc": SERVICES}  # fmt: skip
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    counts = compare_policies(read_policies(tmp_path, [tmp_path / n for n in texts]), 4)
    assert counts[CAN]
    assert counts[CANNOT] > 10


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_shared_policies_between_two_segments(shared_data: Path) -> None:
    folder = shared_data / "capirca"
    read = read_policies(folder, [*folder.glob("policies/*/*"), *folder.glob("def/*")])
    tables = {name: Listed(read[name].to_pylist()) for name in ("boundary", "filter")}
    counts = compare_policies(tables, 3)
    assert all(count > 100 for count in counts.values()), counts


def test_a_policy_whose_direction_is_not_stated_stops_nothing_for_certain(tmp_path: Path) -> None:
    (tmp_path / "edge.pol").write_text(
        "header {\n  target:: cisco edge-in inet\n}\n"
        "term web {\n  protocol:: tcp\n  destination-port:: WEB\n  action:: accept\n}\n"
        "term rest {\n  action:: deny\n}\n"
    )
    (tmp_path / "S.svc").write_text("WEB = 443/tcp\nOTHER = 22/tcp\n")
    tables = read_policies(tmp_path, list(tmp_path.iterdir()))
    (boundary,) = listed(tables, "boundary")
    assert boundary["direction"] is None
    between = Between(
        boundary["element"], ["192.0.2.1"], ["198.51.100.1"], [("TCP", 443), ("TCP", 22)]
    )
    between.rows["boundary"], between.rows["filter"] = [boundary], listed(tables, "filter")
    for most_apart in (ONE_BY_ONE, TOGETHER):
        answers = between.answers(most_apart)
        assert answers["from 192.0.2.1", "to 198.51.100.1 TCP 443"] == CAN
        assert answers["from 192.0.2.1", "to 198.51.100.1 TCP 22"] == UNKNOWN


# --- packet filters of Linux hosts

RULES = """# Generated by iptables-save v1.8.7
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:office - [0:0]
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -s 10.0.0.0/8 -p tcp -m multiport --dports 22,80:90 -j office
-A INPUT -p udp -m udp --sport 53 --dport 1024:65535 -j ACCEPT
-A INPUT -m limit --limit 5/min -p tcp --dport 7000 -j ACCEPT
-A office -s 10.0.0.1/32 -j RETURN
-A office -s 10.9.0.0/16 -j DROP
-A office -j ACCEPT
-A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A FORWARD -m state --state NEW -p tcp -d 198.51.100.0/24 --dport 443 -j ACCEPT
-A FORWARD -s 10.0.0.0/8 ! -d 198.51.100.0/25 -p tcp --dport 22 -j ACCEPT
-A FORWARD -p tcp -m mac --mac-source 00:11:22:33:44:55 -j ACCEPT
-A FORWARD -p udp --dport 53 -j REJECT
-A FORWARD -p udp --dport 50:60 -j ACCEPT
-A OUTPUT -d 10.0.0.0/8 -j DROP
COMMIT
"""
RULES_6 = (
    "# Generated by ip6tables-save v1.8.7\n*filter\n:INPUT DROP [0:0]\n:FORWARD DROP [0:0]\n"
    "-A INPUT -s 2001:db8::/32 -p tcp --dport 22 -j ACCEPT\n"
    "-A FORWARD -s 2001:db8::/33 -d 2001:db8:ffff::/48 -j ACCEPT\nCOMMIT\n"
)


def compare_rules(path: Path, seed: int, many: int) -> dict[str, int]:
    """All boundaries of a host's file together: what passes it, and what is sent to it."""
    tables = gather(Iptables(), path, Options()).tables
    boundaries = listed(tables, "boundary")
    if not boundaries:
        return {}
    filters = listed(tables, "filter")
    between = network_for(filters, boundaries[0]["element"], seed, many)
    between.rows["boundary"], between.rows["filter"] = boundaries, filters
    between.rows["group_member"] = listed(tables, "group_member")
    own = {"boundary": Listed(boundaries), "filter": Listed(filters)}
    totals = dict.fromkeys((CAN, UNKNOWN, CANNOT), 0)
    for to_itself, most_apart in itertools.product((False, True), (ONE_BY_ONE, TOGETHER)):
        passed = [b["id"] for b in boundaries if b["direction"] == "in" or not to_itself]
        counts = compared(between, own, passed, to_itself=to_itself, most_apart=most_apart)
        totals = {answer: totals[answer] + counts[answer] for answer in totals}
    return totals


@pytest.mark.parametrize(("name", "text"), [("four.rules", RULES), ("six.rules", RULES_6)])
def test_a_packet_filter_between_two_segments(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    counts = compare_rules(path, 1, 6)
    assert counts[CAN]
    assert counts[CANNOT]


def test_the_shared_packet_filters_between_two_segments(shared_data: Path) -> None:
    paths = sorted(p for p in (shared_data / "batfish-networks").rglob("*")
                   if p.is_file() and "\n*filter" in p.read_text(errors="replace"))  # fmt: skip
    assert len(paths) == 5
    for seed, path in enumerate(paths):
        assert sum(compare_rules(path, seed, 6).values()) > 50


# --- lists at random, and what of them is not stated

actions = st.sampled_from(("allow", "deny", "pass"))
some_ranges = st.sampled_from((None, "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "2001:db8::/32"))
some_ports = st.sampled_from((None, "22-22", "20-30", "23-65535"))
entries = st.lists(
    st.fixed_dictionaries({
        "action": actions, "source_range": some_ranges, "destination_ports": some_ports,
        "source_ports": st.sampled_from((None, None, "0-1023", "1024-65535")),
        "protocol": st.sampled_from((None, "TCP", "UDP")), "tier": st.integers(0, 1),
        "is_answer_only": st.sampled_from((None, None, False, True)),
        "is_understood": st.sampled_from((True, True, None, False)),
    }),
    max_size=5,
)  # fmt: skip
SOURCES = ("10.1.2.3", "10.1.9.9", "10.7.7.7", "192.0.2.1", "2001:db8::7")
ENDS = ("198.51.100.1", "2001:db8:9::1")
SOME_SERVICES = (("TCP", 22), ("UDP", 22), ("TCP", 25))


def rows_of(made: Sequence[Row]) -> list[Row]:
    return [
        {"id": f"f{n}", "boundary": "wall", "position": n, "origin": f"line {n}",
         "destination_range": None, "source_group": None, "destination_group": None, **entry,
         "is_understood": entry["is_understood"] is not False}
        for n, entry in enumerate(made)
    ]  # fmt: skip


def as_tables(wall: Row, filters: Sequence[Row]) -> dict[str, Listed]:
    """The rows, as a source would have stated them."""
    return {"boundary": Listed([wall]), "filter": Listed(filters)}


@settings(max_examples=40)
@given(entries, st.sampled_from(("allow", "deny", None)), st.sampled_from((ONE_BY_ONE, TOGETHER)))
def test_any_list_decides_as_it_does_packet_by_packet(
    made: list[Row], default: str | None, most_apart: int
) -> None:
    wall = {"id": "wall", "element": "r", "direction": "through", "default_action": default,
            "has_rules_stated": True, "origin": "wall"}  # fmt: skip
    between = Between("r", SOURCES, ENDS, SOME_SERVICES)
    between.rows["boundary"], between.rows["filter"] = [wall], rows_of(made)
    compared(between, as_tables(wall, rows_of(made)), ["wall"], to_itself=False,
             most_apart=most_apart)  # fmt: skip


@settings(max_examples=25)
@given(entries, st.sampled_from(("allow", "deny")), st.integers(0, 4))
def test_an_entry_of_no_stated_position_may_stand_anywhere(
    made: list[Row], default: str, which: int
) -> None:
    wall = {"id": "wall", "element": "r", "direction": "through", "default_action": default,
            "has_rules_stated": True, "origin": "wall"}  # fmt: skip
    made = [{**entry, "tier": 0} for entry in made]
    filters = rows_of(made)
    if not filters:
        return
    moved = filters.pop(which % len(filters))
    between = Between("r", SOURCES, ENDS, SOME_SERVICES)
    between.rows["boundary"] = [wall]
    between.rows["filter"] = [*filters, {**moved, "position": None}]
    answers = between.by_address(ONE_BY_ONE)
    assert answers == between.by_address(TOGETHER)
    placed = [
        as_tables(wall, [{**f, "position": n} for n, f in enumerate([*filters[:at], moved, *filters[at:]])])
        for at in range(len(filters) + 1)
    ]  # fmt: skip
    for sender, endpoint, source, to, protocol, port in between.questions(to_itself=False):
        packet = {"source": source, "destination": to, "protocol": protocol,
                  "destination_port": port}  # fmt: skip
        expected = set()
        for source_port in (0, 40000):
            each = {v for t in placed for v in [verdict(t, ["wall"], [source_port], packet)]}
            expected.add(each.pop() if len(each) == 1 else UNKNOWN)
        best = next(answer for answer in (CAN, UNKNOWN, CANNOT) if answer in expected)
        assert answers.get((sender, endpoint, to), CANNOT) == best, packet


@pytest.mark.parametrize("facts", [
    {"direction": None}, {"default_action": None}, {"has_rules_stated": False},
    {"interface": "an interface of no source"}, {"to_interface": "an interface of no source"},
])  # fmt: skip
@pytest.mark.parametrize("most_apart", [ONE_BY_ONE, TOGETHER])
def test_a_boundary_of_which_something_is_not_stated_never_stops_for_certain(
    facts: Row, most_apart: int
) -> None:
    between = Between("r", ["10.1.2.3"], ["198.51.100.1"], [("TCP", 22)])
    wall = {"id": "wall", "element": "r", "direction": "through", "default_action": "deny",
            "origin": "r.cfg:7"}  # fmt: skip
    between.rows["boundary"] = [wall]
    asked = "from 10.1.2.3", "to 198.51.100.1 TCP 22"
    assert asked not in between.answers(most_apart)
    between.rows["boundary"] = [wall | facts]
    assert between.answers(most_apart)[asked] == UNKNOWN


@pytest.mark.parametrize(
    ("tiers", "positions"), [((None, 0), (0, 1)), ((0, 0), (3, 3)), ((0, 0), (None, None))]
)
def test_entries_in_no_stated_order_leave_it_open(
    tiers: tuple[int | None, int], positions: tuple[int | None, int | None]
) -> None:
    between = Between("r", ["10.1.2.3"], ["198.51.100.1"], [("TCP", 22)])
    between.rows["boundary"] = [{"id": "wall", "element": "r", "direction": "through",
                                 "default_action": "deny"}]  # fmt: skip
    between.rows["filter"] = [
        {"id": action, "boundary": "wall", "action": action, "tier": tier, "position": position}
        for action, tier, position in zip(("deny", "allow"), tiers, positions, strict=True)
    ]
    for most_apart in (ONE_BY_ONE, TOGETHER):
        assert between.answers(most_apart)["from 10.1.2.3", "to 198.51.100.1 TCP 22"] == UNKNOWN


def test_of_two_routes_one_that_states_no_preference_may_be_the_one_used() -> None:
    asked = "from 10.1.2.3", "to 198.51.100.1 TCP 22"
    for preference, answer in ((5, None), (None, UNKNOWN), (0, CAN)):
        between = Between("r", ["10.1.2.3"], ["198.51.100.1"], [("TCP", 22)])
        between.rows["route"][0]["preference"] = preference
        between.rows["route"].append({"element": "r", "destination_range": EVERYWHERE[0],
                                      "kind": "discard", "preference": 1})  # fmt: skip
        for most_apart in (ONE_BY_ONE, TOGETHER):
            assert between.answers(most_apart).get(asked) == answer


# --- translations that state less than one address


def published(**facts: Any) -> Between:
    """The router before r lets port 8080 through alone; r sends it on to port 22 of one inside."""
    between = Between("r", [], ["198.51.100.1"], [("TCP", 22)])
    between.rows["segment"].append(segment("outside"))
    between.rows["element"] += [host("before", forwards_packets=True), host("from outside")]
    between.rows["interface"] += [
        foot("from outside", "outside", "203.0.113.9/24"),
        foot("before", "outside", "203.0.113.254/24"),
        foot("before", "lan", "10.255.0.1/24"),
    ]
    between.rows["route"] += [{"element": "before", "destination_range": "0.0.0.0/0",
        "next_hop": LAN[0], "kind": "static"}]  # fmt: skip
    between.rows["boundary"] = [{"id": "wall", "element": "before", "direction": "through",
                                 "default_action": "deny"}]  # fmt: skip
    between.rows["filter"] = [{"id": "f", "boundary": "wall", "action": "allow", "position": 0,
                               "tier": 0, "destination_ports": "8080-8080"}]  # fmt: skip
    between.rows["translation"] = [{"id": "t", "element": "r", "kind": "destination",
        "position": 0, "protocol": "TCP", "destination_range": f"{LAN[0]}/32",
        "destination_ports": "8080-8080", "to_range": "198.51.100.1/32", "to_ports": "22-22",
        "origin": "r.rules:9", **facts}]  # fmt: skip
    return between


@pytest.mark.parametrize(("facts", "to", "answer"), [
    ({}, "to 198.51.100.1", CAN),
    ({"to_range": "198.51.100.2/32"}, "to 198.51.100.1", None),
    # One of several addresses is put in place: which is not stated.
    ({"to_range": "198.51.100.0/30"}, "to 198.51.100.1", UNKNOWN),
    ({"to_range": "198.51.100.0-198.51.100.9"}, "to 198.51.100.1", UNKNOWN),
    ({"to_range": "198.51.100.2-198.51.100.9"}, "to 198.51.100.1", None),
    ({"to_range": "the inside"}, "to 198.51.100.1", UNKNOWN),
    # The address of the interface that it comes in by is put in place.
    ({"to_range": None}, "r", CAN),
    ({"to_range": None}, "to 198.51.100.1", None),
    # Whatever it is addressed to.
    ({"destination_range": None}, "to 198.51.100.1", CAN),
    ({"destination_range": "192.0.2.0/24"}, "to 198.51.100.1", CAN),
    ({"destination_range": "outside"}, "to 198.51.100.1", UNKNOWN),
    ({"destination_range": None, "destination_ports": "80-80"}, "to 198.51.100.1", None),
    ({"destination_ports": "80-9000"}, "to 198.51.100.1", UNKNOWN),
    ({"to_ports": "20-30"}, "to 198.51.100.1", UNKNOWN),
    ({"kind": None}, "to 198.51.100.1", UNKNOWN),
    ({"interface": "an interface of no source"}, "to 198.51.100.1", UNKNOWN),
    ({"position": None}, "to 198.51.100.1", CAN),
])  # fmt: skip
@pytest.mark.parametrize("most_apart", [ONE_BY_ONE, TOGETHER])
def test_a_published_service_is_never_wrongly_out_of_reach(
    facts: Row, to: str, answer: str | None, most_apart: int
) -> None:
    answers = published(**facts).answers(most_apart)
    assert answers.get(("from outside", f"{to} TCP 22")) == answer


def test_one_of_two_translations_that_states_no_position_may_be_the_first() -> None:
    between = published(position=None)
    between.rows["translation"].append(
        {**between.rows["translation"][0], "id": "u", "position": 1, "to_range": "192.0.2.2/32"}
    )
    for most_apart in (ONE_BY_ONE, TOGETHER):
        assert between.answers(most_apart)["from outside", "to 198.51.100.1 TCP 22"] == UNKNOWN


def test_a_source_out_of_a_pool_passes_where_all_of_the_pool_does() -> None:
    asked = "from 10.1.2.3", "to 198.51.100.1 TCP 22"
    for allowed, answer in (
        ("203.0.113.0/29", CAN),
        ("203.0.113.1/32", UNKNOWN),
        ("10.0.0.0/8", None),
    ):
        between = Between("r", ["10.1.2.3"], ["198.51.100.1"], [("TCP", 22)])
        between.rows["translation"] = [{"id": "t", "element": "r", "kind": "source",
            "position": 0, "to_range": "203.0.113.0/30", "origin": "t"}]  # fmt: skip
        between.rows["boundary"] = [{"id": "wall", "element": "to 198.51.100.1",
            "direction": "in", "default_action": "deny"}]  # fmt: skip
        between.rows["filter"] = [{"id": "f", "boundary": "wall", "action": "allow",
                                   "position": 0, "tier": 0, "source_range": allowed}]  # fmt: skip
        for most_apart in (ONE_BY_ONE, TOGETHER):
            assert between.answers(most_apart).get(asked) == answer, allowed
