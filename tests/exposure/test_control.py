"""Powers on networks small enough to answer by hand, and what of an answer hangs on what."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import InputError, NotFoundError
from ringfence.exposure import exposed
from ringfence.exposure.control import FactParameters, facts, powers
from ringfence.exposure.exposed import with_sentences
from ringfence.exposure.packets import PacketParameters, packets
from ringfence.network.model import NETWORK_TABLES
from ringfence.store.duck import Tables
from tests.exposure.powered import (
    ALL,
    POWERS,
    VENDORS,
    Row,
    answer,
    apart,
    judged,
    network,
    relation,
    verdicts,
)


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
    assert judged(rows) == {
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
    assert judged(rows)["amf", "control"] == "holds"
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
        return judged(rows)["amf", "control"]

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
    assert judged(rows)["amf", "control"] == "holds"
    assert judged(rows, ("managed-service",))["amf", "control"] == "breached"
    over = network({"amf": "v:o"}, contract=[{**CONTRACT, "until": date(2026, 5, 31)}])
    assert verdicts(answer(over, profiles=("managed-service",)))["amf", "control"] == "holds"


def test_remote_support_that_may_be_remote_is_unknown() -> None:
    support = {**CONTRACT, "covers": "support"}
    for remote, verdict in ((True, "breached"), (None, "unknown"), (False, "holds")):
        rows = network({"amf": "v:x"}, contract=[{**support, "remote_access": remote}])
        assert judged(rows, ("remote-support",))["amf", "control"] == verdict


@pytest.mark.parametrize(
    ("contract", "verdict"),
    [
        ({}, "breached"),
        ({"covers": None}, "unknown"),
        ({"vendor": None}, "unknown"),
        ({"operator": None}, "unknown"),
        ({"covers": "spares"}, "holds"),
        ({"vendor": "v:o"}, "holds"),
        ({"operator": "other"}, "holds"),
    ],
)
def test_of_a_contract_what_is_not_stated_may_be_the_worst(contract: Row, verdict: str) -> None:
    for profile, covers in (("managed-service", "managed service"), ("remote-support", "support")):
        whole = {**CONTRACT, "covers": covers, "remote_access": True, **contract}
        rows = network({"amf": "v:x"}, contract=[whole])
        assert judged(rows, (profile,))["amf", "control"] == verdict


def test_a_maker_whose_owner_nobody_stated_may_be_the_vendors() -> None:
    rows = network({"amf": "v:y"})
    for independent, verdict in ((None, "unknown"), (True, "holds")):
        rows["vendor"] = [*VENDORS, {"id": "v:y", "name": "Y", "is_independent": independent}]
        found = answer(rows)
        assert verdicts(found)["amf", "control"] == verdict
    rows["vendor"] = VENDORS
    found = answer(rows)
    assert [r["unknown"] for r in found["decider"].to_pylist()] == ["who owns v:y"]


def test_a_radio_element_that_stands_nowhere_is_a_case_and_may_be_of_any() -> None:
    # g1 lets itself in with g2's help: together they are enough, and g1 may stand where g2 does.
    rows = network({"amf": "v:o", "g1": "v:o", "g2": "v:o"}, relation=[
        relation("g1", "amf", "administers"), relation("g2", "amf", "administers")])  # fmt: skip
    rows["endpoint"] = [
        {"id": "p", "element": "amf", "service": "SSH", "authentication": "two persons",
         "address": "127.0.0.1"},
        *(e for e in rows["endpoint"] if e["element"] != "amf"),
    ]  # fmt: skip
    rows["site"] = [{"id": s, "operator": "op"} for s in ("s1", "s2")]
    rows["function"] += [{"element": g, "kind": "GNB"} for g in ("g1", "g2")]

    def standing(g1: str | None, g2: str | None) -> str:
        at = {"g1": g1, "g2": g2}
        rows["element"] = [{**e, "site": at.get(e["id"])} for e in rows["element"]]
        return judged(rows, ("one-radio-site",))["amf", "control"]

    assert standing("s1", "s1") == "breached"
    assert standing("s1", "s2") == "holds"
    assert standing("s1", None) == standing(None, None) == "unknown"


def test_profiles_are_added_up() -> None:
    # Each gives one of the two persons.
    rows = network({"amf": "v:o", "j1": "v:x", "j2": "v:o"}, relation=[
        relation("j1", "amf", "administers"), relation("j2", "amf", "administers")])  # fmt: skip
    rows["endpoint"] = [
        {"id": "p", "element": "amf", "service": "SSH", "authentication": "two persons",
         "address": "127.0.0.1"},
        *(e for e in rows["endpoint"] if e["element"] != "amf"),
    ]  # fmt: skip
    rows["site"] = [{"id": "s", "operator": "other"}]
    rows["operator"] = [{"id": "op"}, {"id": "other"}]
    rows["element"] = [
        {**e, "operator": "other" if e["id"] == "j2" else "op"} for e in rows["element"]
    ]
    rows["contract"] = [{**CONTRACT, "operator": "other"}]
    assert judged(rows)["amf", "control"] == "holds"
    assert judged(rows, ("managed-service",))["amf", "control"] == "holds"
    both = ("own-software", "managed-service")
    assert verdicts(answer(rows, profiles=both))["amf", "control"] == "breached"


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


@pytest.mark.parametrize("leads", [True, False])
def test_of_very_many_cases_the_answer_is_the_same(
    leads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = network(
        {"amf": "v:o", **{f"g{n}": "v:o" for n in range(5)}},
        relation=[relation("g3", "amf")] if leads else [],
    )
    rows["site"] = [{"id": f"s{n}", "operator": "op"} for n in range(5)]
    rows["element"] = [
        {**e, "site": f"s{e['id'][1]}" if e["id"] != "amf" else None} for e in rows["element"]
    ]
    rows["function"] += [{"element": f"g{n}", "kind": "GNB"} for n in range(5)]
    once = answer(rows, profiles=("one-radio-site",))
    monkeypatch.setattr(exposed, "CASES_AT_ONCE", 2)
    by_two = answer(rows, profiles=("one-radio-site",))
    assert {n: once[n].to_pylist() for n in once} == {n: by_two[n].to_pylist() for n in by_two}
    assert verdicts(by_two)["amf", "control"] == ("breached" if leads else "holds")
    assert {r["case"] for r in by_two["exposed"].to_pylist()} == {"s3" if leads else None}


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
        assert told[effect]["share_low"] is told[effect]["share_high"] is None
    rows["demand"].append({"site": "s3", "kind": "voice", "people": 50.0})
    told = {r["effect"]: r for r in answer(rows)["affected_people"].to_pylist()}
    for effect in ("read", "stop"):
        assert (told[effect]["share_low"], told[effect]["share_high"]) == (0.6, 0.75)


# --- what may be written


def test_every_power_is_a_sentence_with_a_citation_and_runs() -> None:
    assert all(rule.says and rule.cites for rule in POWERS.rules)
    assert len({rule.id for rule in POWERS.rules}) == len(POWERS.rules)
    empty = Tables({t.name: t.empty() for t in NETWORK_TABLES})
    empty = empty.and_these(dict(packets(empty, PacketParameters())))
    found = facts(empty, FactParameters(POWERS.rules))["fact"]
    assert isinstance(found, pa.Table)
    # Elements and feet that nobody stated: only what stands for them is there.
    assert set(found["rule"].to_pylist()) <= {"passage", "shares-some-segment"}


def test_of_two_places_that_state_one_power_the_first_is_told_each_time() -> None:
    twice = [{**relation("ems", "amf"), "origin": f"r.csv:{n}"} for n in (9, 2, 5)]
    for order in (twice, twice[::-1]):
        found = answer(network({"amf": "v:o", "ems": "v:x"}, relation=order))
        steps = [r for r in found["chain"].to_pylist() if r["effect"] == "control"]
        assert steps[-1]["origin"] == "r.csv:2"


def test_a_star_in_by_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[[rule]]\nid = "x"\nsays = "X"\npremise = "a"\nconclusion = "b"\ncites = []\n'
        'select = "SELECT 1"\nby = { relation = "*", element = "id" }\n'
    )
    with pytest.raises(InputError, match="not a file of powers"):
        powers(tmp_path)


def test_an_analyst_adds_a_power_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        '[[rule]]\nid = "serves"\nsays = "A licence server stops what it serves"\n'
        'premise = "control element"\nconclusion = "stop element"\ncites = []\n'
        "select = \"SELECT source AS premise, target AS conclusion, origin FROM relation WHERE kind = 'authenticates'\"\n"
    )
    rows = network({"amf": "v:o", "lic": "v:x"}, relation=[relation("lic", "amf", "authenticates")])
    assert judged(rows)["amf", "stop"] == "holds"
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


@settings(max_examples=5, deadline=None)
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
        return judged(rows)

    whole = told(makers, relations)
    forgotten = data.draw(st.sampled_from(range(4)))
    less = told(tuple(None if i == forgotten else m for i, m in enumerate(makers)), relations)
    for key, verdict in whole.items():
        assert less[key] != "holds" or verdict == "holds"
        assert less[key] != "breached" or verdict == "breached"
    more = told(makers, list({*relations, data.draw(RELATION)}))
    assert all(more[key] == "breached" for key, verdict in whole.items() if verdict == "breached")
