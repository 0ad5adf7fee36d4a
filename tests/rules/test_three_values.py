"""Laws that every verdict of the built-in packs obeys, on networks drawn at random.

Less known never means less amiss; a vendor's facts decide and not its name; and a vendor parted into
companies under one owner is the vendor it was.
"""

import copy
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import load_pack

Rows = list[dict[str, object]]
Network = dict[str, Rows]
Verdicts = dict[tuple[str, str], str]

PACKS = ("uk-ncsc-2020", "uk-dvd-2022")
DAY = date(2028, 6, 1)
"""Every deadline has passed, so that each verdict is that on the state."""

MAKERS = ("listed", "other-listed", "held", "clean", "dim")
KINDS = ("AMF", "GNBDU", "GNBCU", "BBU", "ENB", "OLT", "WDM", "MME", "EMS", "Zauberkasten")
DATES = (date(2020, 6, 1), date(2021, 6, 1), date(2023, 6, 1), None)
SETTINGS = settings(max_examples=2, suppress_health_check=[HealthCheck.too_slow])


def named(vendor: str, *, mitigated: bool | None = False) -> Rows:
    return [
        {
            "vendor": vendor,
            "instrument": pack,
            "status": "designated",
            "has_mitigation_strategy": mitigated,
        }
        for pack in PACKS
    ]


VENDORS: Network = {
    "vendor": [
        {"id": "listed", "name": "Meridian", "is_independent": True},
        {"id": "other-listed", "name": "Sable", "is_independent": True},
        {"id": "held", "name": "Meridian Radio"},
        {"id": "clean", "name": "Alder", "is_independent": True},
        {"id": "dim", "name": "Birch"},
    ],
    "ownership": [{"owner": "listed", "owned": "held", "is_controlling": True}],
    "designation": named("listed") + named("other-listed", mitigated=True),
}
maybe = st.sampled_from([True, False, None])


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A dozen operators, each with a few sites and some equipment, and gaps in what is stated."""
    network: Network = copy.deepcopy(VENDORS)
    operators = [f"op{i:02d}" for i in range(12)]
    network["operator"] = [
        {"id": o, "network_purpose": draw(st.sampled_from(["public", "safety-critical", None]))}
        for o in operators
    ]
    network["product"] = [
        {"id": f"p-{maker}-{hit}", "vendor": maker, "vendor_name": maker, "sanctions_affected": hit}
        for maker in MAKERS
        for hit in (True, False, None)
    ]
    network |= {"site": [], "demand": [], "element": [], "function": [], "link": []}
    for operator in operators:
        sites = [f"{operator}-s{i}" for i in range(draw(st.integers(1, 6)))]
        usual = draw(st.sampled_from(MAKERS))
        for site in sites:
            network["site"].append({"id": site, "operator": operator, "is_sensitive": draw(maybe)})
            for kind in ("mobile data", "fixed"):
                network["demand"].append(
                    {
                        "site": site,
                        "kind": kind,
                        "traffic_mbps": draw(st.sampled_from([1.0, 5.0, 20.0])),
                        "premises": draw(st.sampled_from([10.0, 50.0, 200.0])),
                    }
                )
        for number in range(draw(st.integers(3, 9))):
            key = f"{operator}-e{number}"
            maker = draw(st.sampled_from([usual, usual, *MAKERS]))
            network["element"].append(
                {
                    "id": key,
                    "site": draw(st.sampled_from(sites)),
                    "vendor": maker,
                    "vendor_name": maker,
                    "product": f"p-{maker}-{draw(maybe)}",
                    "installed_on": draw(st.sampled_from(DATES)),
                    "purchased_on": draw(st.sampled_from(DATES)),
                }
            )
            for kind in draw(st.sets(st.sampled_from(KINDS), min_size=1, max_size=2)):
                network["function"].append({"element": key, "kind": kind})
            network["link"].append(
                {
                    "id": f"l-{key}",
                    "source": key,
                    "carries": draw(st.sampled_from(["access", "intra-core", None])),
                    "capacity_mbps": draw(st.sampled_from([1e3, 1e5, None])),
                }
            )
    return network


def verdicts(build: Callable[..., object], network: Network) -> Verdicts:
    """The verdict of every rule of both packs on every subject."""
    found: Verdicts = {}
    for name in PACKS:
        values = {"high_data_rate_mbps": 10_000} if name == "uk-dvd-2022" else {}
        ask = EvaluateParameters(DAY, values=values, keep_comply=True)
        answer = evaluate(build(**network), load_pack(name), ask)  # type: ignore[arg-type]
        for row in answer["finding"].to_pylist():
            found[row["rule"], row["subject"]] = row["verdict"]
    return found


FACTS: Mapping[str, tuple[str, ...]] = {
    # Of an element its own maker and its product's go together: one is the other stated again.
    "element": ("maker", "site", "installed_on", "purchased_on"),
    "site": ("operator", "is_sensitive"),
    "operator": ("network_purpose",),
    "vendor": ("is_independent",),
    "ownership": ("is_controlling",),
    "designation": ("has_mitigation_strategy",),
    "product": ("sanctions_affected",),
    "function": ("row",),
    "link": ("carries", "capacity_mbps"),
    "demand": ("traffic_mbps", "premises"),
}


def forget(network: Network, table: str, fact: str, at: int) -> None:
    """Let one fact be not stated."""
    rows = network[table]
    if not rows:
        return
    row = rows[at % len(rows)]
    if fact == "maker":
        row |= {"vendor": None, "vendor_name": None, "product": None}
    elif fact == "row":
        element = row["element"]
        network[table] = [one for one in rows if one["element"] != element]
    else:
        row[fact] = None


forgetting = st.lists(
    st.tuples(
        st.sampled_from([(t, f) for t, facts in FACTS.items() for f in facts]),
        st.integers(0, 1_000),
    ),
    min_size=1,
    max_size=25,
)


@SETTINGS
@given(network=networks(), forgotten=forgetting)
def test_forgetting_facts_never_makes_anything_comply(
    build: Callable[..., Any], network: Network, forgotten: Any
) -> None:
    before = verdicts(build, network)
    less = copy.deepcopy(network)
    for (table, fact), at in forgotten:
        forget(less, table, fact, at)
    after = verdicts(build, less)
    assert before.keys() == after.keys()
    passed = {k: v for k, v in before.items() if v != "comply" and after[k] == "comply"}
    assert passed == {}


@pytest.mark.slow
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(network=networks(), forgotten=forgetting)
def test_forgetting_facts_never_makes_anything_comply_at_length(
    build: Callable[..., Any], network: Network, forgotten: Any
) -> None:
    before = verdicts(build, network)
    less = copy.deepcopy(network)
    for (table, fact), at in forgotten:
        forget(less, table, fact, at)
    after = verdicts(build, less)
    assert {k for k, v in before.items() if v != "comply" and after[k] == "comply"} == set()


@SETTINGS
@given(network=networks())
def test_two_vendors_that_change_facts_change_findings(
    build: Callable[..., Any], network: Network
) -> None:
    """Put the listed vendor's facts on the clean one and the other way round: so go the verdicts."""
    swap = {"listed": "clean", "clean": "listed"}
    facts, makers = copy.deepcopy(network), copy.deepcopy(network)
    for row in facts["designation"]:
        row["vendor"] = swap.get(str(row["vendor"]), row["vendor"])
    for row in facts["ownership"]:
        row["owner"] = swap.get(str(row["owner"]), row["owner"])
    # The same change seen from the other side: the equipment is the other vendor's.
    for row in makers["element"]:
        row["vendor"] = swap.get(str(row["vendor"]), row["vendor"])
    for row in makers["product"]:
        row["vendor"] = swap.get(str(row["vendor"]), row["vendor"])
    assert verdicts(build, facts) == verdicts(build, makers)


@SETTINGS
@given(network=networks(), names=st.permutations(MAKERS))
def test_names_and_keys_of_vendors_decide_nothing(
    build: Callable[..., Any], network: Network, names: Any
) -> None:
    renamed = copy.deepcopy(network)
    new = {old: f"vendor-{name}" for old, name in zip(MAKERS, names, strict=True)}
    for row in renamed["vendor"]:
        row |= {"id": new[str(row["id"])], "name": f"The {row['id']} company of {names[0]}"}
    for table, columns in (
        ("ownership", ("owner", "owned")),
        ("designation", ("vendor",)),
        ("element", ("vendor", "vendor_name")),
        ("product", ("vendor", "vendor_name")),
    ):
        for row in renamed[table]:
            row |= {c: new[str(row[c])] for c in columns if row[c] is not None}
    assert verdicts(build, renamed) == verdicts(build, network)


@SETTINGS
@given(network=networks(), parts=st.lists(st.integers(0, 2), min_size=110, max_size=110))
def test_a_listed_vendor_in_parts_is_the_vendor_it_was(
    build: Callable[..., Any], network: Network, parts: Any
) -> None:
    """Its equipment is now made by companies that it controls, some through another."""
    parted = copy.deepcopy(network)
    parted["vendor"] += [{"id": f"part{i}", "name": f"Part {i}"} for i in range(3)]
    parted["ownership"] += [
        {"owner": "listed", "owned": "part0", "is_controlling": True},
        {"owner": "part0", "owned": "part1", "share": 0.51},
        {"owner": "part1", "owned": "part2", "is_controlling": True, "share": 0.1},
    ]
    for row, part in zip(parted["element"], parts, strict=False):
        if row["vendor"] == "listed":
            row |= {"vendor": f"part{part}", "vendor_name": f"Part {part}"}
    parted["product"] = [
        row | {"vendor": "part2"} if row["vendor"] == "listed" else row for row in parted["product"]
    ]
    assert verdicts(build, parted) == verdicts(build, network)


@SETTINGS
@given(network=networks())
def test_a_naming_more_never_makes_anything_comply(
    build: Callable[..., Any], network: Network
) -> None:
    before = verdicts(build, network)
    more = copy.deepcopy(network)
    more["designation"] += named("dim")
    after = verdicts(build, more)
    order = ("comply", "unknown", "breach")
    assert {k for k in before if order.index(after[k]) < order.index(before[k])} == set()


@SETTINGS
@given(network=networks())
def test_every_subject_has_one_verdict_under_every_rule_in_force(
    build: Callable[..., Any], network: Network
) -> None:
    found = verdicts(build, network)
    tables = {"element": "element", "operator": "operator"}
    for name in PACKS:
        for rule in load_pack(name).rules:
            subjects = {s for r, s in found if r == f"{name}/{rule.id}"}
            assert subjects == {str(row["id"]) for row in network[tables[rule.subjects]]}
