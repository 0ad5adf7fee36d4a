"""The made-up operators' connections: sound, as few as they can be, and what they let a vendor come to.

The answers are worked out by hand from what each operator's practice is, as
`ringfence.network.synthetic.practice` tells it; the chains stand beside them.
"""

import ipaddress
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence import cli
from ringfence.exposure.control import FactParameters, facts, powers
from ringfence.exposure.exposed import ExposureParameters, exposure
from ringfence.exposure.packets import PacketParameters, packets
from ringfence.exposure.pairs import PairParameters, pairs
from ringfence.network.functions import catalogue
from ringfence.network.merge import merge
from ringfence.network.synthetic import CountryParameters, country, operators
from ringfence.network.synthetic.practice import PRACTICES
from ringfence.rules.evaluate import EvaluateParameters, run_of, run_pack
from ringfence.rules.pack import load_pack
from ringfence.store.duck import Tables

TOWN = CountryParameters(size="town")
"""Two operators: the first and the second."""
FOUR_OPERATORS = CountryParameters(elements=10_000)
POWERS = powers()


@cache
def network(parameters: CountryParameters) -> Tables:
    parts = defaultdict(list)
    for name, rows in country(parameters):
        parts[name].append(rows)
    made = {name: pa.concat_tables(pieces) for name, pieces in parts.items()}
    return Tables(merge([Tables(made)]).tables)


@cache
def with_packets(parameters: CountryParameters) -> Tables:
    tables = network(parameters)
    return tables.and_these(dict(packets(tables, PacketParameters())))


class Answered(NamedTuple):
    verdict: str
    steps: int | None


def answers(tables: Tables, *profiles: str) -> dict[str, dict[str, dict[str, set[Answered]]]]:
    """By operator, function and effect, every verdict with the steps of its shortest chain."""
    whole = tables.and_these(dict(facts(tables, FactParameters(POWERS.rules))))
    whole = whole.and_these({"scope": load_pack("uk-dvd-2022").scope_of_kinds()})
    chosen = tuple(POWERS.profile(name) for name in profiles)
    asked = ExposureParameters(("table:corvane",), chosen, date(2026, 11, 1), chains=0)
    names = {row["id"]: row["name"] for row in tables["operator"].to_pylist()}
    found: dict[str, dict[str, dict[str, set[Answered]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(set))
    )
    for row in exposure(whole, asked)["exposed"].to_pylist():
        of = found[names[row["operator"]]][row["kind"]][row["effect"]]
        of.add(Answered(row["verdict"], row["steps"]))
    return found


@cache
def own_software(parameters: CountryParameters) -> dict[str, dict[str, dict[str, set[Answered]]]]:
    return answers(with_packets(parameters), "own-software")


FIFTH = {r["kind"] for r in catalogue().to_pylist() if r["domain"] == "5G core"}
FOURTH = {"HSS", "PGW", "PCRF"}
ROUTERS = {"IP core router", "internet gateway", "peering router"}


def verdicts(of: Mapping[str, set[Answered]]) -> dict[str, set[str]]:
    return {effect: {one.verdict for one in found} for effect, found in of.items()}


def only(verdict: str) -> dict[str, set[str]]:
    return {effect: {verdict} for effect in ("control", "read", "stop")}


def check_aldmere(found: Mapping[str, dict[str, set[Answered]]]) -> None:
    """Planes are apart; who calls the measuring system is not stated.

    The vendor makes base stations and, by its subsidiary, the optical systems, but no manager. A
    WDM sends (1) what the firewall lets through to the operations zone (2); if the SON there asks
    nobody, it is controlled (3), and administers the element managers (4) of core and routers (5).
    """
    managed = {"SON", "EMS"} | FIFTH | FOURTH | ROUTERS
    for kind, of in found.items():
        assert verdicts(of) == only("unknown" if kind in managed else "holds"), kind
    assert found["SON"]["control"] == {Answered("unknown", 3)}
    assert found["EMS"]["control"] == {Answered("unknown", 4)}
    assert found["AMF"]["control"] == {Answered("unknown", 5)}
    # Of the link over the optical network it is not stated whether it is encrypted.
    assert Answered("unknown", 1) in found["IP core router"]["read"]


def check_orrin(found: Mapping[str, dict[str, set[Answered]]]) -> None:
    """The vendor's element manager stands among the others, one of which asks nobody who calls.

    It sends (1), reaches the open service (2), controls that manager (3), and with it the 5G core
    (4). The 4G core is the vendor's own. The server that updates the hosts may ask nobody either.
    """
    for kind, of in found.items():
        if kind in FIFTH:
            assert of["control"] == {Answered("breached", 4)}, kind
            assert verdicts(of) == only("breached"), kind
        elif kind in FOURTH:
            assert {one.verdict for one in of["control"]} == {"breached"}
            assert all(one.steps in {0, 1} for one in of["control"]), kind
        elif kind in {"NFVI", "software repository"}:
            assert verdicts(of) == only("unknown"), kind
        elif kind not in {"EMS", "peering router"}:
            assert verdicts(of) == only("holds"), kind
    # Its own two: of its base stations and of its core. The one that obeys whoever calls: three.
    assert {Answered("breached", 0), Answered("breached", 3)} <= found["EMS"]["control"]
    # Its gateways speak to the session functions, which ask no peer who it is.
    assert found["UPF"]["stop"] == {Answered("breached", 3)}


def check_sundrel(found: Mapping[str, dict[str, set[Answered]]]) -> None:
    """Management flows outwards only, and all of the core is stated: nothing is even possible."""
    for kind, of in found.items():
        assert of == {e: {Answered("holds", None)} for e in ("control", "read", "stop")}, kind


def check_halvic(found: Mapping[str, dict[str, set[Answered]]]) -> None:
    """The optical network is the vendor's subsidiary's: core routers send over it in the clear and
    take their time from it. Beside its element manager stands a jump host that may ask nobody.
    """
    assert found["IP core router"]["read"] == {Answered("breached", 1)}
    assert found["IP core router"]["stop"] == {Answered("breached", 2)}
    assert verdicts(found["IP core router"])["control"] == {"unknown"}
    assert Answered("breached", 0) in found["EMS"]["control"]
    assert found["jump host"]["control"] == {Answered("unknown", 3)}
    for kind, of in found.items():
        if kind in FIFTH | FOURTH | {"internet gateway", "peering router"}:
            assert verdicts(of) == only("unknown"), kind
        elif kind not in {"EMS", "IP core router", "jump host"}:
            assert verdicts(of) == only("holds"), kind


def test_the_first_two_operators_differ_by_their_practice() -> None:
    found = own_software(TOWN)
    assert set(found) == {"Aldmere", "Orrin Mobile"}
    check_aldmere(found["Aldmere"])
    check_orrin(found["Orrin Mobile"])


@pytest.mark.slow
def test_each_operator_is_breached_holds_or_is_unknown_for_reasons_of_its_own() -> None:
    found = own_software(FOUR_OPERATORS)
    assert set(found) == {"Aldmere", "Orrin Mobile", "Sundrel", "Halvic Fibre"}
    check_aldmere(found["Aldmere"])
    check_orrin(found["Orrin Mobile"])
    check_sundrel(found["Sundrel"])
    check_halvic(found["Halvic Fibre"])


@pytest.mark.parametrize(("login", "verdict"), [("none", "breached"), ("certificate", "holds")])
def test_how_one_system_asks_who_calls_decides_the_first_operator(login: str, verdict: str) -> None:
    """Control of its 5G core hangs on one fact: it goes one way or the other with it."""
    tables = with_packets(TOWN)
    endpoint = tables["endpoint"]
    silent = pc.is_null(endpoint["authentication"])
    is_aldmere = pc.starts_with(endpoint["element"], "netbox:")
    assert pc.sum(pc.and_(silent, is_aldmere)).as_py() == 1
    said = pc.if_else(silent, pa.scalar(login), endpoint["authentication"])
    at = endpoint.schema.get_field_index("authentication")
    tables = tables.and_these({"endpoint": endpoint.set_column(at, "authentication", said)})
    found = answers(tables, "own-software")["Aldmere"]
    assert {one.verdict for kind in FIFTH & set(found) for one in found[kind]["control"]} == {
        verdict
    }


@pytest.mark.slow
def test_support_alone_breaches_where_its_contract_lets_the_vendor_in() -> None:
    """The fourth has such a contract; of the second it is not stated whether it lets it in."""
    found = answers(with_packets(FOUR_OPERATORS), "remote-support")
    assert Answered("breached", 0) in found["Halvic Fibre"]["EMS"]["control"]
    assert {one.verdict for one in found["Orrin Mobile"]["HSS"]["control"]} == {"unknown"}
    assert {
        one.verdict for of in found["Sundrel"].values() for es in of.values() for one in es
    } == {"holds"}


@pytest.mark.slow
def test_some_people_could_be_read_and_some_could_not() -> None:
    """Base stations of other makers send in IPsec, or in the clear through a VLAN of the vendor's."""
    tables = with_packets(FOUR_OPERATORS)
    whole = tables.and_these(dict(facts(tables, FactParameters(POWERS.rules))))
    whole = whole.and_these({"scope": load_pack("uk-dvd-2022").scope_of_kinds()})
    chosen = (POWERS.profile("own-software"),)
    asked = ExposureParameters(("table:corvane",), chosen, date(2026, 11, 1), chains=0)
    rows = exposure(whole, asked)["affected_people"].to_pylist()
    (read,) = [row for row in rows if row["effect"] == "read"]
    assert 0.3 * read["total"] < read["people_low"] < read["people_high"] < 0.95 * read["total"]


@pytest.mark.slow
def test_rules_of_separation_are_met_by_some_operators_and_broken_by_others() -> None:
    """COP-03: only the second manages over the network that carries users.

    COP-06: the second and the fourth let vendors in among what they may not reach without a gate.
    """
    tables = with_packets(FOUR_OPERATORS)
    tables = tables.and_these(dict(pairs(tables, PairParameters())))
    pack = load_pack("uk-security-2022")
    asked = run_of(pack, EvaluateParameters(date(2026, 11, 1)))
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    judged = run_pack(tables, asked)["judged"]
    for row in judged.to_pylist():
        if row["verdict"]:
            found[row["rule"].partition("/")[2], row["operator"]].add(row["verdict"])
    first, second, third, fourth = (operator.id for operator in operators(FOUR_OPERATORS))
    for operator in (first, third, fourth):
        assert found["COP-03", operator] == {"comply"}
    assert "breach" in found["COP-03", second]
    for operator in (second, fourth):
        assert "breach" in found["COP-06", operator]
    for operator in (first, third):
        assert "breach" not in found["COP-06", operator]
        assert "comply" in found["COP-06", operator]


@pytest.mark.slow
def test_the_demo_tells_whether_the_separation_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(tmp_path / "demo")
    asked = ["ringfence", "demo", "--size", "town", "--folder", folder, "--json", "--quiet"]
    monkeypatch.setattr(sys, "argv", asked)
    try:
        cli.main()
    except SystemExit as leaving:
        assert not leaving.code  # noqa: PT017 (a verb may leave or return)
    separation = json.loads(capsys.readouterr().out)["summary"]["separation"]
    assert set(separation) == {"own-software", "remote-support"}
    assert set(separation["own-software"]["netbox:operator/1"]) == {"unknown", "holds"}
    assert separation["own-software"]["table:ORR"]["breached"] > 0
    assert separation["remote-support"]["netbox:operator/1"].keys() == {"holds"}


# --- sound, and no more than needed


def test_every_element_has_a_foot_in_a_segment_and_something_that_listens() -> None:
    tables = network(FOUR_OPERATORS)
    everything = set(tables["element"]["id"].to_pylist())
    interface = tables["interface"]
    assert interface["segment"].null_count == 0
    assert set(interface["element"].to_pylist()) == everything
    assert set(tables["endpoint"]["element"].to_pylist()) == everything


def strays(rows: Iterable[tuple[str, str, str]]) -> list[str]:
    """Feet whose address is outside their segment's range, or another's already."""
    seen: set[tuple[str, str]] = set()
    wrong = []
    nets: dict[str, ipaddress.IPv4Network] = {}
    for segment, text, address in rows:
        net = nets.setdefault(text, ipaddress.IPv4Network(text))
        host = ipaddress.IPv4Interface(address)
        if host.network != net or (segment, address) in seen:
            wrong.append(address)
        if host.ip in (net.network_address, net.broadcast_address):
            wrong.append(address)
        seen.add((segment, address))
    return wrong


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(500, 3_000))
def test_addresses_are_each_elements_own_and_in_the_range_of_the_segment(
    seed: int, elements: int
) -> None:
    parts = defaultdict(list)
    for name, rows in country(CountryParameters(seed=seed, elements=elements)):
        if name in {"segment", "interface"}:
            parts[name].append(rows)
    segment, interface = (pa.concat_tables(parts[name]) for name in ("segment", "interface"))
    ranges = dict(zip(segment["id"].to_pylist(), segment["address_range"].to_pylist(), strict=True))
    feet = [row for row in interface.to_pylist() if row["address"]]
    assert not strays((row["segment"], ranges[row["segment"]], row["address"]) for row in feet)


def test_the_largest_country_fits_its_plan_of_addresses() -> None:
    """A hub's VLAN has 4,094 hosts, 16 for each site and 16 for routers; a /9 has 2,048 such."""
    for operator in operators(CountryParameters(elements=10_000_000)):
        assert sum(operator.points_of_presence) <= 2_048
        for place in range(len(operator.regions)):
            hubs, *others = operator.counts(place)
            most = 1 + sum(-(-number // hubs) for number in others)
            assert 16 * (1 + most) + 15 < 4_095


def test_segments_and_rule_lists_grow_with_points_of_presence_and_not_with_cells() -> None:
    tables = network(FOUR_OPERATORS)
    hubs = sum(sum(o.points_of_presence) for o in operators(FOUR_OPERATORS))
    assert tables["segment"].num_rows <= 2 * hubs + 4 * 20
    assert tables["boundary"].num_rows <= 3 * hubs + 4 * 30
    assert tables["filter"].num_rows <= 5 * hubs + 4 * 40
    assert tables["route"].num_rows <= 3 * hubs + 4 * 30
    assert tables["interface"].num_rows < 1.5 * tables["element"].num_rows
    assert tables["endpoint"].num_rows < 1.5 * tables["element"].num_rows


def test_practices_leave_facts_out_where_the_answers_are_to_hang_on_them() -> None:
    tables = network(FOUR_OPERATORS)
    kinds = {row["element"]: row["kind"] for row in tables["function"].to_pylist()}
    silent = [row for row in tables["endpoint"].to_pylist() if row["authentication"] is None]
    assert {kinds.get(row["element"]) for row in silent} - {None} == {
        "SON",
        "software repository",
        "jump host",
    }
    assert all(
        {practice.optical_links_encrypted for practice in PRACTICES} >= {value}
        for value in (True, False, None)
    )
    encryption = set(
        tables["endpoint"]
        .filter(pc.equal(tables["endpoint"]["service"], "GTP-U"))["encryption"]
        .to_pylist()
    )
    assert encryption == {"IPsec", "none", None}


_CHILD = """
import resource, sys
from pathlib import Path
from ringfence.network.synthetic import CountryParameters, write_files
write_files(CountryParameters(elements=int(sys.argv[1])), Path(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_files(tmp_path: Path) -> None:
    def most(elements: int) -> int:
        folder = tmp_path / str(elements)
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(elements), str(folder)],
            capture_output=True,
            check=True,
        )
        return int(done.stdout)

    small, large = most(15_000), most(120_000)
    assert large < small + 120  # MiB, for eight times as many elements
