"""Shares with their unknown part: by hand, and against plain counting with fractions."""

from collections.abc import Callable
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ringfence.errors import NotFoundError
from ringfence.exposure.presence import (
    GROUPINGS,
    MEASURES,
    PRESENCE,
    PresenceParameters,
    presence,
    range_in_words,
)
from ringfence.network.functions import catalogue
from ringfence.network.model import TABLES
from ringfence.store.duck import Tables

Row = dict[str, Any]
Rows = dict[str, list[Row]]
Build = Callable[..., Tables]
Place = tuple[str, str | None, str]

DAY = date(2024, 6, 30)
DOMAIN = {row["kind"]: row["domain"] for row in catalogue().to_pylist()}


def measured(network: Tables, vendor: str = "v") -> dict[Place, Row]:
    """Every row of the answer, by what it is parted by, the part and the measure."""
    found = presence(network, PresenceParameters(vendor, DAY))["presence"]
    assert found.schema.names == list(PRESENCE.names)
    rows = {(r["by"], r["group"], r["measure"]): r for r in found.to_pylist()}
    assert len(rows) == found.num_rows
    return rows


def counts(row: Row) -> tuple[float, float, float, int]:
    return row["held"], row["unknown"], row["total"], row["not_stated"]


def shares(row: Row) -> tuple[float | None, float | None]:
    return row["share_low"], row["share_high"]


VENDOR = [{"id": "v", "name": "V"}, {"id": "w", "name": "W"}]


# --- by hand


def test_an_unknown_maker_widens_the_share(build: Build) -> None:
    # Of four elements one is v's, one w's, two of unknown makers: 1/4 to 3/4.
    network = build(
        vendor=VENDOR,
        element=[
            {"id": i, "vendor": v} for i, v in zip("abcd", ("v", "w", None, None), strict=True)
        ],
    )
    row = measured(network)["network", None, "elements"]
    assert counts(row) == (1, 2, 4, 0)
    assert shares(row) == (1 / 4, 3 / 4)
    assert row["denominator"] == "elements in service in the network"


def test_a_site_is_held_by_one_element_and_cleared_only_by_all(build: Build) -> None:
    # s1: v and w -> held. s2: v and unknown -> held. s3: w and unknown -> unknown. s4: w -> not
    # held. s5: nothing known to stand there -> unknown. Held 2, unknown 2 of 5.
    network = build(
        vendor=VENDOR,
        site=[{"id": f"s{i}"} for i in range(1, 6)],
        element=[
            {"id": f"{site}{vendor}", "site": site, "vendor": vendor}
            for site, vendors in [
                ("s1", ("v", "w")),
                ("s2", ("v", None)),
                ("s3", ("w", None)),
                ("s4", ("w",)),
            ]
            for vendor in vendors
        ],
    )
    row = measured(network)["network", None, "sites"]
    assert counts(row) == (2, 2, 5, 0)
    assert shares(row) == (2 / 5, 4 / 5)


def test_the_maker_of_the_product_and_who_really_makes_it_count_as_makers(build: Build) -> None:
    # e1: sold under w's name, made by v. e2: its inventory says w, its product is v's.
    # e3: w throughout. e4: no maker stated, yet its product is really v's.
    network = build(
        vendor=VENDOR,
        product=[
            {"id": "white label", "vendor": "w", "original_maker": "v"},
            {"id": "v's own", "vendor": "v"},
            {"id": "w's own", "vendor": "w"},
        ],
        element=[
            {"id": "e1", "vendor": "w", "product": "white label"},
            {"id": "e2", "vendor": "w", "product": "v's own"},
            {"id": "e3", "vendor": "w", "product": "w's own"},
            {"id": "e4", "product": "white label"},
        ],
    )
    assert counts(measured(network)["network", None, "elements"]) == (3, 0, 4, 0)
    assert counts(measured(network, "w")["network", None, "elements"]) == (4, 0, 4, 0)


def test_all_that_the_vendor_controls_is_the_vendors(build: Build) -> None:
    # v controls a, a holds 60 % of b, b holds 40 % of c (no control), x controls v (not held by v).
    network = build(
        vendor=[{"id": i, "name": i} for i in ("v", "a", "b", "c", "x")],
        ownership=[
            {"owner": "v", "owned": "a", "is_controlling": True},
            {"owner": "a", "owned": "b", "share": 0.6},
            {"owner": "b", "owned": "c", "share": 0.4},
            {"owner": "x", "owned": "v", "is_controlling": True},
        ],
        element=[{"id": f"e{i}", "vendor": i} for i in ("v", "a", "b", "c", "x")],
    )
    assert counts(measured(network)["network", None, "elements"]) == (3, 0, 5, 0)
    assert counts(measured(network, "b")["network", None, "elements"]) == (1, 0, 5, 0)
    assert counts(measured(network, "x")["network", None, "elements"]) == (4, 0, 5, 0)


def test_only_what_is_in_service_on_the_day_counts(build: Build) -> None:
    network = build(
        vendor=VENDOR,
        site=[{"id": "s"}],
        element=[
            {"id": "gone", "vendor": "v", "site": "s", "removed_on": DAY},
            {"id": "to come", "vendor": "v", "site": "s", "installed_on": date(2024, 7, 1)},
            {"id": "there", "vendor": "w", "site": "s", "installed_on": DAY},
            {"id": "leaving", "vendor": "w", "removed_on": date(2024, 7, 1)},
        ],
    )
    rows = measured(network)
    assert counts(rows["network", None, "elements"]) == (0, 0, 2, 0)
    assert counts(rows["network", None, "sites"]) == (0, 0, 1, 0)


def test_a_share_of_amounts_needs_every_amount(build: Build) -> None:
    # Two radio sites, 30 and unstated: no share of traffic. People: 10 at the one, 30 at the
    # other (the larger of two services, not their sum): 10/40. Premises: none serves them.
    network = build(
        vendor=VENDOR,
        site=[{"id": "s1"}, {"id": "s2"}],
        element=[
            {"id": "e1", "site": "s1", "vendor": "v"},
            {"id": "e2", "site": "s2", "vendor": "w"},
        ],
        function=[{"element": e, "kind": "GNBDU"} for e in ("e1", "e2")],
        demand=[
            {"site": "s1", "kind": "mobile data", "traffic_mbps": 25.0, "people": 10.0},
            {"site": "s1", "kind": "voice", "traffic_mbps": 5.0, "people": 4.0},
            {"site": "s2", "kind": "voice", "people": 30.0},
        ],
    )
    rows = measured(network)
    assert counts(rows["network", None, "traffic"]) == (30, 0, 30, 1)
    assert shares(rows["network", None, "traffic"]) == (None, None)
    assert counts(rows["network", None, "people"]) == (10, 0, 40, 0)
    assert shares(rows["network", None, "people"]) == (1 / 4, 1 / 4)
    assert counts(rows["network", None, "premises"]) == (0, 0, 0, 0)
    assert shares(rows["network", None, "premises"]) == (None, None)


def test_a_stated_amount_of_nothing_is_stated(build: Build) -> None:
    network = build(
        vendor=VENDOR,
        element=[{"id": "e", "site": "s", "vendor": "v"}],
        function=[{"element": "e", "kind": "GNBDU"}],
        demand=[{"site": "s", "kind": "mobile data", "traffic_mbps": 0.0, "people": 5.0}],
    )
    rows = measured(network)
    assert counts(rows["network", None, "traffic"]) == (0, 0, 0, 0)
    assert shares(rows["network", None, "traffic"]) == (None, None)  # no share of nothing
    assert shares(rows["network", None, "people"]) == (1.0, 1.0)


def test_premises_are_looked_for_at_fixed_access_and_traffic_at_radio(build: Build) -> None:
    network = build(
        vendor=VENDOR,
        element=[{"id": "r", "site": "radio"}, {"id": "f", "site": "fixed"}],
        function=[{"element": "r", "kind": "ENB"}, {"element": "f", "kind": "OLT"}],
    )
    rows = measured(network)
    lacking = {m: rows["network", None, m]["not_stated"] for m in MEASURES}
    assert lacking == {"elements": 0, "sites": 0, "traffic": 1, "people": 1, "premises": 1}
    assert rows["function", "ENB", "premises"]["not_stated"] == 0
    assert rows["function", "OLT", "traffic"]["not_stated"] == 0


def test_by_function_a_part_is_what_performs_it_and_names_its_domain(build: Build) -> None:
    network = build(
        vendor=VENDOR,
        element=[
            {"id": "a", "vendor": "v", "site": "s"},
            {"id": "b", "vendor": "w", "site": "s"},
            {"id": "c", "site": "t"},
        ],
        function=[
            {"element": "a", "kind": "AMF", "slice": "1"},
            {"element": "a", "kind": "AMF", "slice": "2"},
            {"element": "a", "kind": "odd"},
            {"element": "b", "kind": "AMF"},
        ],
    )
    rows = measured(network)
    assert counts(rows["function", "AMF", "elements"]) == (1, 0, 2, 0)
    assert counts(rows["function", "AMF", "sites"]) == (1, 0, 1, 0)
    assert rows["function", "AMF", "elements"]["domain"] == "5G core"
    assert counts(rows["function", "odd", "elements"]) == (1, 0, 1, 0)
    assert rows["function", "odd", "elements"]["domain"] is None
    assert counts(rows["function", None, "elements"]) == (0, 1, 1, 0)  # no function is stated


def test_a_shared_mast_counts_for_each_operator_on_it(build: Build) -> None:
    network = build(
        vendor=VENDOR,
        site=[{"id": "mast", "operator": "tower", "region": "North"}],
        element=[
            {"id": "a", "site": "mast", "operator": "one", "vendor": "v"},
            {"id": "b", "site": "mast", "operator": "two", "vendor": "w"},
        ],
    )
    rows = measured(network)
    assert counts(rows["operator", "one", "sites"]) == (1, 0, 1, 0)
    assert counts(rows["operator", "two", "sites"]) == (0, 0, 1, 0)
    # Of the tower company itself nothing is known to stand there.
    assert counts(rows["operator", "tower", "sites"]) == (0, 1, 1, 0)
    assert ("operator", "tower", "elements") not in rows
    assert counts(rows["region", "North", "sites"]) == (1, 0, 1, 0)


def test_an_empty_network_has_no_parts(build: Build) -> None:
    assert measured(build(vendor=VENDOR)) == {}


def test_a_vendor_nobody_knows_is_refused(build: Build) -> None:
    with pytest.raises(NotFoundError, match="no vendor 'nobody'"):
        measured(build(vendor=VENDOR), "nobody")


# --- against plain counting, over any network

IDS = st.sampled_from(["1", "2", "3", "4"])
VENDORS = ("v", "a", "b", "x")
AMOUNTS = st.integers(0, 12).map(lambda quarters: quarters / 4)


@st.composite
def networks(draw: st.DrawFn) -> Rows:
    def table(of: str, /, **columns: st.SearchStrategy[Any]) -> list[Row]:
        key = TABLES[of].key
        rows = draw(st.lists(st.fixed_dictionaries(columns), max_size=7))
        return list({tuple(r.get(k) for k in key): r for r in rows}.values())

    def maybe(what: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.none() | what

    vendors = st.sampled_from(VENDORS)
    days = st.sampled_from([date(2024, 6, 29), DAY, date(2024, 7, 1)])
    return {
        "vendor": [{"id": v, "name": v} for v in VENDORS],
        "ownership": table(
            "ownership",
            owner=vendors,
            owned=vendors,
            share=maybe(st.sampled_from([0.5, 0.75])),
            is_controlling=maybe(st.booleans()),
        ),
        "site": table(
            "site",
            id=IDS,
            operator=maybe(st.sampled_from("op")),
            region=maybe(st.sampled_from("NS")),
        ),
        "product": table(
            "product", id=IDS, vendor=maybe(vendors), original_maker=maybe(vendors)
        ),
        "element": table(
            "element",
            id=st.integers(1, 9).map(str),
            site=maybe(IDS),
            operator=maybe(st.sampled_from("op")),
            vendor=maybe(vendors),
            product=maybe(IDS),
            installed_on=maybe(days),
            removed_on=maybe(days),
        ),
        "function": table(
            "function",
            element=st.integers(1, 9).map(str),
            kind=st.sampled_from(["AMF", "GNBDU", "OLT", "odd"]),
            slice=maybe(st.just("s")),
        ),
        "demand": table(
            "demand",
            site=IDS,
            kind=st.sampled_from(["mobile data", "voice", "fixed"]),
            traffic_mbps=maybe(AMOUNTS),
            people=maybe(AMOUNTS),
            premises=maybe(AMOUNTS),
        ),
    }  # fmt: skip


def below(rows: Rows, vendor: str) -> set[str]:
    """The vendor and all it controls."""
    group = {vendor}
    while True:
        more = {
            h["owned"]
            for h in rows["ownership"]
            if h["owner"] in group
            and (h["is_controlling"] or (h["is_controlling"] is None and (h["share"] or 0) > 0.5))
        }
        if more <= group:
            return group
        group |= more


def plain(rows: Rows) -> dict[Place, tuple[Fraction, Fraction, Fraction, int]]:
    """Held, unknown, total and not stated of every part, one element and one site at a time."""
    group = below(rows, "v")
    site = {s["id"]: s for s in rows["site"]}
    product = {p["id"]: p for p in rows["product"]}
    kinds: dict[str, set[str]] = {}
    for f in rows["function"]:
        kinds.setdefault(f["element"], set()).add(f["kind"])
    elements = {
        e["id"]: e
        for e in rows["element"]
        if (e["installed_on"] or DAY) <= DAY and (e["removed_on"] or date.max) > DAY
    }

    def is_held(e: Row) -> bool | None:
        made = product.get(e["product"], {"vendor": None, "original_maker": None})
        if {e["vendor"], made["vendor"], made["original_maker"]} & group:
            return True
        return None if e["vendor"] is None else False

    def parts(e: Row) -> set[tuple[str, str | None]]:
        at = site.get(e["site"], {"operator": None, "region": None})
        return {
            ("network", None),
            ("operator", e["operator"] or at["operator"]),
            ("region", at["region"]),
            *(("function", kind) for kind in kinds.get(e["id"], {None})),
        }

    members: dict[tuple[str, str | None], set[str]] = {}
    places: dict[tuple[str, str | None], set[str]] = {}
    for e in elements.values():
        for part in parts(e):
            members.setdefault(part, set()).add(e["id"])
            if e["site"] is not None:
                places.setdefault(part, set()).add(e["site"])
    for s in site.values():
        for part in (("network", None), ("operator", s["operator"]), ("region", s["region"])):
            places.setdefault(part, set()).add(s["id"])

    def site_is_held(part: tuple[str, str | None], place: str) -> bool | None:
        there = [
            is_held(elements[i]) for i in members.get(part, ()) if elements[i]["site"] == place
        ]
        if True in there:
            return True
        return None if None in there or not there else False

    def amount(place: str, column: str) -> Fraction | None:
        stated = [
            Fraction(d[column])
            for d in rows["demand"]
            if d["site"] == place and d[column] is not None
        ]
        if not stated:
            return None
        return max(stated) if column == "people" else sum(stated, Fraction(0))

    def serves(place: str, domain: str) -> bool:
        return any(
            DOMAIN.get(kind) == domain
            for e in elements.values()
            if e["site"] == place
            for kind in kinds.get(e["id"], ())
        )

    found: dict[Place, tuple[Fraction, Fraction, Fraction, int]] = {}
    for (by, name), its in members.items():
        states = [is_held(elements[i]) for i in its]
        held, unknown = states.count(True), states.count(None)
        found[by, name, "elements"] = (Fraction(held), Fraction(unknown), Fraction(len(states)), 0)
    for (by, name), there in places.items():
        of_site = {place: site_is_held((by, name), place) for place in there}

        def total(
            weight: Callable[[str], Fraction], *wanted: bool | None, of: Any = of_site
        ) -> Fraction:
            return sum((weight(p) for p, s in of.items() if s in wanted), Fraction(0))

        def one(_: str) -> Fraction:
            return Fraction(1)

        found[by, name, "sites"] = (
            total(one, True),
            total(one, None),
            total(one, True, None, False),
            0,
        )
        for measure, column, domain in (
            ("traffic", "traffic_mbps", "radio access"),
            ("people", "people", "radio access"),
            ("premises", "premises", "fixed access"),
        ):

            def much(place: str, column: str = column) -> Fraction:
                return amount(place, column) or Fraction(0)

            lacking = sum(amount(p, column) is None and serves(p, domain) for p in of_site)
            found[by, name, measure] = (
                total(much, True),
                total(much, None),
                total(much, True, None, False),
                lacking,
            )
    return found


@given(rows=networks())
@settings(max_examples=20)
def test_every_share_is_what_plain_counting_with_fractions_gives(build: Build, rows: Rows) -> None:
    found = measured(build(**rows))
    expected: dict[Place, tuple[Any, ...]] = {**plain(rows)}
    assert expected == {place: counts(row) for place, row in found.items()}
    for place, (held, unknown, total, lacking) in expected.items():
        decided = total > 0 and not lacking
        low, high = (held / total, (held + unknown) / total) if decided else (None, None)
        got = found[place]
        assert got["share_low"] == (None if low is None else float(low)), place
        assert got["share_high"] == (None if high is None else float(high)), place
        assert got["by"] in GROUPINGS
        if low is not None:
            assert 0 <= got["share_low"] <= got["share_high"] <= 1


@given(rows=networks(), which=st.integers(0, 20), made_by=st.sampled_from(VENDORS))
@settings(max_examples=6)
def test_learning_a_maker_only_ever_narrows_the_range(
    build: Build, rows: Rows, which: int, made_by: str
) -> None:
    unknown = [e for e in rows["element"] if e["vendor"] is None]
    assume(unknown)
    before = measured(build(**rows))
    unknown[which % len(unknown)]["vendor"] = made_by
    after = measured(build(**rows))
    assert after.keys() == before.keys()
    theirs = made_by in below(rows, "v")
    for place, was in before.items():
        now = after[place]
        assert now["total"] == was["total"]
        assert now["held"] >= was["held"]
        assert now["held"] + now["unknown"] <= was["held"] + was["unknown"]
        if theirs:  # what may have been the vendor's is
            assert now["held"] + now["unknown"] == was["held"] + was["unknown"]
        else:
            assert now["held"] == was["held"]
        if was["share_low"] is not None:
            assert was["share_low"] <= now["share_low"] <= now["share_high"] <= was["share_high"]


@given(rows=networks())
@settings(max_examples=3)
def test_the_vendors_name_proves_nothing(build: Build, rows: Rows) -> None:
    """Another name for the vendor changes no number."""
    before = measured(build(**rows))
    for vendor in rows["vendor"]:
        vendor["name"] = f"formerly {vendor['name']}"
    assert measured(build(**rows)) == before


# --- in words


@pytest.mark.parametrize(
    ("held", "unknown", "total", "lacking", "words"),
    [
        (312.0, 0.0, 1000.0, 0, "31.2 %"),
        (312.0, 21.0, 1000.0, 0, "31.2 to 33.3 %"),
        (3121.0, 3.0, 10000.0, 0, "31.2 %"),
        (0.0, 0.0, 7.0, 0, "0.0 %"),
        (7.0, 0.0, 7.0, 0, "100.0 %"),
        (0.0, 7.0, 7.0, 0, "0.0 to 100.0 %"),
        (1.0, 0.0, 4.0, 3, "25.0 %*"),
        (0.0, 0.0, 0.0, 0, "nothing to share"),
        (0.0, 0.0, 0.0, 1234, "not determined (1,234 not stated)"),
    ],
)
def test_a_share_is_said_with_its_range_and_with_what_is_lacking(
    held: float, unknown: float, total: float, lacking: int, words: str
) -> None:
    row = {"held": held, "unknown": unknown, "total": total, "not_stated": lacking}
    assert range_in_words(row) == words
