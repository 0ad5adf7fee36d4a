"""Powers on networks small enough to answer by hand, and what of an answer hangs on what."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import InputError, NotFoundError
from ringfence.exposure.control import FactParameters, Powers, facts, powers
from ringfence.exposure.exposed import ExposureParameters, exposure, with_sentences
from ringfence.exposure.packets import PacketParameters, packets
from ringfence.network.functions import catalogue
from ringfence.network.model import NETWORK_TABLES
from ringfence.store.duck import Tables

Row = dict[str, Any]
DAY = date(2026, 6, 1)
POWERS = powers()


def core_scope() -> pa.Table:
    rows = catalogue().to_pylist()
    return pa.table(
        {
            "kind": [r["kind"] for r in rows],
            "scope": ["in" if r["domain"] == "5G core" else "out" for r in rows],
        }
    )


def answer(
    rows: Mapping[str, list[Row]],
    *,
    profiles: tuple[str, ...] = ("own-software",),
    known: Powers = POWERS,
    vendors: tuple[str, ...] = ("v:x",),
) -> Tables:
    network = Tables({t.name: t.from_rows(rows.get(t.name, [])) for t in NETWORK_TABLES})
    network = network.and_these(dict(packets(network, PacketParameters())))
    network = network.and_these(dict(facts(network, FactParameters(known.rules))))
    network = network.and_these({"scope": core_scope()})
    chosen = tuple(known.profile(name) for name in profiles)
    return Tables(dict(exposure(network, ExposureParameters(vendors, chosen, DAY))))


def verdicts(found: Tables) -> dict[tuple[str, str], str]:
    return {(r["element"], r["effect"]): r["verdict"] for r in found["exposed"].to_pylist()}


VENDORS: list[Row] = [
    {"id": "v:x", "name": "X", "is_independent": True},
    {"id": "v:sub", "name": "X Radio"},
    {"id": "v:o", "name": "O", "is_independent": True},
]
HELD: list[Row] = [{"owner": "v:x", "owned": "v:sub", "is_controlling": True}]


def apart(element: str) -> Row:
    """A foot in a segment of its own, so that no packet leads anywhere."""
    return {"id": f"{element}/f", "element": element, "segment": f"only {element}",
            "address": "10.0.0.1/24", "origin": f"{element}.cfg:1"}  # fmt: skip


def network(elements: Mapping[str, str | None], **more: list[Row]) -> dict[str, list[Row]]:
    """Elements by their maker, each in a segment of its own; `amf` performs an AMF."""
    rows: dict[str, list[Row]] = {
        "vendor": VENDORS,
        "ownership": HELD,
        "operator": [{"id": "op", "name": "Op"}],
        "element": [
            {"id": e, "vendor": v, "operator": "op", "forwards_packets": False, "origin": f"e.csv:{n}"}
            for n, (e, v) in enumerate(elements.items(), 2)
        ],
        "function": [{"element": "amf", "kind": "AMF"}],
        "segment": [{"id": f"only {e}", "kind": "subnet", "checks_source": True} for e in elements],
        "interface": [apart(e) for e in elements],
        "endpoint": [{"id": f"{e}/none", "element": e, "address": "127.0.0.1"} for e in elements],
        **more,
    }  # fmt: skip
    return rows


def relation(source: str, target: str, kind: str = "manages") -> Row:
    return {"source": source, "target": target, "kind": kind, "origin": f"r.csv:{source}-{target}"}


ALL = ("control", "read", "stop")


def test_separate_equipment_reaches_nothing() -> None:
    found = answer(network({"amf": "v:o", "gnb": "v:x"}))
    assert verdicts(found) == {("amf", e): "holds" for e in ALL}
    assert found["chain"].num_rows == found["decider"].num_rows == 0


def test_what_the_vendor_made_itself_is_its_own_and_so_is_its_subsidiarys() -> None:
    for maker in ("v:x", "v:sub"):
        found = answer(network({"amf": maker}))
        assert verdicts(found) == {("amf", e): "breached" for e in ALL}


@pytest.mark.parametrize("kind", ["manages", "orchestrates", "hosts", "administers", "updates"])
def test_a_power_over_the_core_breaches_it_with_the_chain(kind: str) -> None:
    rows = network({"amf": "v:o", "ems": "v:x"}, relation=[relation("ems", "amf", kind)])
    found = answer(rows)
    assert verdicts(found) == {("amf", e): "breached" for e in ALL}
    chain = with_sentences(found["chain"], POWERS).to_pylist()
    steps = [
        (r["step"], r["rule"], r["conclusion"], r["origin"])
        for r in chain
        if r["effect"] == "control"
    ]
    assert steps == [
        (0, "own-software", "control element ems", "e.csv:3"),
        (1, kind, "control element amf", "r.csv:ems-amf"),
    ]
    assert all(r["says"] for r in chain)
    assert all(r["cites"] for r in chain if r["step"])
    assert {r["effect"]: r["steps"] for r in found["exposed"].to_pylist()} == {
        "control": 1, "read": 2, "stop": 2
    }  # fmt: skip


def test_timing_stops_and_does_not_control() -> None:
    rows = network(
        {"amf": "v:o", "clock": "v:x"}, relation=[relation("clock", "amf", "synchronises")]
    )
    assert verdicts(answer(rows)) == {
        ("amf", "control"): "holds", ("amf", "read"): "holds", ("amf", "stop"): "breached"
    }  # fmt: skip


def test_a_maker_nobody_stated_decides_it() -> None:
    rows = network({"amf": "v:o", "ems": None, "other": None}, relation=[relation("ems", "amf")])
    found = answer(rows)
    assert verdicts(found) == {("amf", e): "unknown" for e in ALL}
    # The other element leads nowhere, and its maker decides nothing.
    assert found["decider"].to_pylist() == [
        {"unknown": "the maker of ems", "breaches": 3, "settles": 3}
    ]
    steps = [r for r in found["chain"].to_pylist() if r["effect"] == "control"]
    assert [r["unknown"] for r in steps] == ["the maker of ems", None]


def test_of_two_unknowns_in_a_row_each_settles_and_neither_breaches_alone() -> None:
    # ems may be the vendor's; whether its link to the amf is encrypted is not stated either.
    rows = network(
        {"amf": "v:o", "ems": None},
        link=[{"id": "l", "source": "ems", "target": "amf", "origin": "l.csv:2"}],
    )
    found = answer(rows)
    assert verdicts(found)["amf", "read"] == "unknown"
    assert {r["unknown"]: (r["breaches"], r["settles"]) for r in found["decider"].to_pylist()} == {
        "the maker of ems": (0, 1),
        "whether link l is encrypted": (0, 1),
    }


def test_two_keys_are_needed_where_a_rule_has_two() -> None:
    # Who controls the login server must also be able to call the element.
    login = [relation("aaa", "amf", "authenticates")]
    ssh = [{"id": "amf/ssh", "element": "amf", "service": "SSH", "protocol": "TCP", "port": 22,
            "authentication": "password", "address": "10.0.0.1", "origin": "amf.cfg:9"}]  # fmt: skip
    rows = network({"amf": "v:o", "aaa": "v:x"}, relation=login)
    rows["endpoint"] = [r for r in rows["endpoint"] if r["element"] != "amf"] + ssh
    assert verdicts(answer(rows))["amf", "control"] == "holds"
    together = {
        **rows,
        "interface": [
            apart("amf"),
            {**apart("aaa"), "segment": "only amf", "address": "10.0.0.2/24"},
        ],
    }
    assert verdicts(answer(together))["amf", "control"] == "breached"


def test_a_service_that_asks_nobody_obeys_and_one_that_asks_does_not() -> None:
    def with_login(how: str | None) -> str:
        rows = network({"amf": "v:o", "gnb": "v:x"})
        rows["interface"] = [
            apart("amf"),
            {**apart("gnb"), "segment": "only amf", "address": "10.0.0.2/24"},
        ]
        rows["endpoint"] = [
            {"id": "amf/web", "element": "amf", "service": "HTTPS", "protocol": "TCP", "port": 443,
             "authentication": how, "encryption": "TLS"},
            {"id": "gnb/none", "element": "gnb", "address": "127.0.0.1"},
        ]  # fmt: skip
        return verdicts(answer(rows))["amf", "control"]

    assert [with_login(h) for h in ("none", None, "certificate")] == [
        "breached",
        "unknown",
        "holds",
    ]


def test_a_weakness_exploited_elsewhere_lets_in_who_can_call() -> None:
    rows = network({"amf": "v:o", "gnb": "v:x"})
    rows["interface"] = [
        apart("amf"),
        {**apart("gnb"), "segment": "only amf", "address": "10.0.0.2/24"},
    ]
    rows["endpoint"] = [{"id": "amf/x", "element": "amf", "protocol": "TCP", "port": 7,
                         "service": "diagnostics", "authentication": "certificate"}]  # fmt: skip
    rows["component"] = [{"id": "c", "element": "amf", "name": "libx"}]
    rows["vulnerability"] = [{"id": "CVE-1", "exploited_since": date(2025, 1, 1)}]
    told = {"vulnerability": "CVE-1", "subject": "c", "component": "c", "status": "affected"}
    assert verdicts(answer({**rows, "affected": [told]}))["amf", "control"] == "breached"
    assert (
        verdicts(answer({**rows, "affected": [{**told, "status": "fixed"}]}))["amf", "control"]
        == "holds"
    )


# --- profiles


CONTRACT = {
    "id": "c",
    "operator": "op",
    "vendor": "v:x",
    "covers": "managed service",
    "origin": "c.csv:2",
}


def test_a_managed_service_holds_what_others_made_while_it_lasts() -> None:
    rows = network({"amf": "v:o"}, contract=[CONTRACT])
    assert verdicts(answer(rows))["amf", "control"] == "holds"
    assert verdicts(answer(rows, profiles=("managed-service",)))["amf", "control"] == "breached"
    over = network({"amf": "v:o"}, contract=[{**CONTRACT, "until": date(2026, 5, 31)}])
    assert verdicts(answer(over, profiles=("managed-service",)))["amf", "control"] == "holds"


def test_remote_support_that_may_be_remote_is_unknown() -> None:
    support = {**CONTRACT, "covers": "support"}
    for remote, verdict in ((True, "breached"), (None, "unknown"), (False, "holds")):
        rows = network({"amf": "v:x"}, contract=[{**support, "remote_access": remote}])
        assert verdicts(answer(rows, profiles=("remote-support",)))["amf", "control"] == verdict


def test_of_all_radio_sites_the_worst_counts() -> None:
    rows = network({"amf": "v:o", "g1": "v:o", "g2": "v:o"}, relation=[relation("g2", "amf")])
    rows["site"] = [{"id": "s1", "operator": "op"}, {"id": "s2", "operator": "op"}]
    rows["element"] = [
        {**e, "site": {"g1": "s1", "g2": "s2"}.get(e["id"])} for e in rows["element"]
    ]
    rows["function"] += [{"element": g, "kind": "GNB"} for g in ("g1", "g2")]
    found = answer(rows, profiles=("one-radio-site",))
    assert verdicts(found)["amf", "control"] == "breached"
    assert {r["case"] for r in found["exposed"].to_pylist()} == {"s2"}


def test_powers_are_joined_by_several_profiles_and_vendors() -> None:
    rows = network({"amf": "v:o", "ems": "v:sub"}, relation=[relation("ems", "amf")])
    assert verdicts(answer(rows, vendors=("v:sub",)))["amf", "control"] == "breached"
    assert verdicts(answer(rows, vendors=("v:x", "v:o")))["amf", "control"] == "breached"


def test_people_whose_traffic_could_be_read_or_stopped() -> None:
    rows = network({"amf": "v:o", "g1": "v:x", "g2": None, "g3": "v:o"})
    rows["site"] = [{"id": f"s{n}", "operator": "op"} for n in (1, 2, 3)]
    rows["element"] = [
        {**e, "site": f"s{e['id'][1]}" if e["id"] != "amf" else None} for e in rows["element"]
    ]
    rows["function"] += [{"element": f"g{n}", "kind": "GNB"} for n in (1, 2, 3)]
    rows["demand"] = [{"site": "s1", "kind": "voice", "people": 100.0},
                      {"site": "s1", "kind": "mobile data", "people": 120.0},
                      {"site": "s2", "kind": "voice", "people": 30.0}]  # fmt: skip
    told = {r["effect"]: r for r in answer(rows)["affected_people"].to_pylist()}
    for effect in ("read", "stop"):
        assert (told[effect]["people_low"], told[effect]["people_high"]) == (120.0, 150.0)
        assert (told[effect]["total"], told[effect]["not_stated"]) == (150.0, 1)


# --- what may be written


def test_every_power_is_a_sentence_with_a_citation_and_runs() -> None:
    assert all(rule.says and rule.cites for rule in POWERS.rules)
    assert len({rule.id for rule in POWERS.rules}) == len(POWERS.rules)
    empty = Tables({t.name: t.empty() for t in NETWORK_TABLES})
    empty = empty.and_these(dict(packets(empty, PacketParameters())))
    found = facts(empty, FactParameters(POWERS.rules))["fact"]
    assert isinstance(found, pa.Table)
    # Elements and feet that nobody stated: only the place that stands for them is there.
    assert set(found["rule"].to_pylist()) <= {"passage"}


def test_an_analyst_adds_a_power_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[[rule]]\nid = "serves"\nsays = "A licence server stops what it serves"\n'
        'premise = "control element"\nconclusion = "stop element"\ncites = []\n'
        "select = \"SELECT source AS premise, target AS conclusion, origin FROM relation WHERE kind = 'authenticates'\"\n"
    )
    rows = network({"amf": "v:o", "lic": "v:x"}, relation=[relation("lic", "amf", "authenticates")])
    assert verdicts(answer(rows))["amf", "stop"] == "holds"
    assert verdicts(answer(rows, known=powers(tmp_path)))["amf", "stop"] == "breached"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "not a file of powers"),
        ("[[rule]]\nid = 'x'\n", "not a file of powers"),
        ("[other]\n", "other"),
        ("rule = 7\n", "not a file of powers"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(InputError, match=said):
        powers(tmp_path)


def test_a_profile_that_is_none_is_told_with_those_there_are() -> None:
    with pytest.raises(NotFoundError) as told:
        POWERS.profile("magic")
    assert "own-software" in str(told.value.hint)


# --- what is not known is never a pass

ELEMENTS = ["amf", "a", "b", "c"]
MAKER = st.sampled_from(["v:x", "v:o", None])
RELATION = st.tuples(
    st.sampled_from(ELEMENTS),
    st.sampled_from(ELEMENTS),
    st.sampled_from(["manages", "hosts", "synchronises"]),
)


@settings(max_examples=10, deadline=None)
@given(st.tuples(*[MAKER] * 4), st.lists(RELATION, max_size=5, unique=True), st.data())
def test_less_known_never_turns_to_holds_and_one_more_fact_never_ends_a_breach(
    makers: tuple[str | None, ...], relations: list[tuple[str, str, str]], data: st.DataObject
) -> None:
    def told(
        made: tuple[str | None, ...], links: list[tuple[str, str, str]]
    ) -> dict[tuple[str, str], str]:
        rows = network(
            dict(zip(ELEMENTS, made, strict=True)), relation=[relation(*r) for r in links]
        )
        return verdicts(answer(rows))

    whole = told(makers, relations)
    forgotten = data.draw(st.sampled_from(range(4)))
    less = told(tuple(None if i == forgotten else m for i, m in enumerate(makers)), relations)
    for key, verdict in whole.items():
        assert less[key] != "holds" or verdict == "holds"
        assert less[key] != "breached" or verdict == "breached"
    more = told(makers, list({*relations, data.draw(RELATION)}))
    assert all(more[key] == "breached" for key, verdict in whole.items() if verdict == "breached")
