"""What is missing and what is doubtful, against plain counting; and that filling in helps."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import NotFoundError
from ringfence.network.check import GAP, CheckParameters, check, to_fill
from ringfence.network.functions import catalogue
from ringfence.network.merge import merge
from ringfence.network.model import NETWORK_TABLES, TABLES
from ringfence.store.duck import Tables

Row = dict[str, Any]
Build = Callable[..., Tables]
Gaps = dict[tuple[str, str], Row]

DOMAIN = {row["kind"]: row["domain"] for row in catalogue().to_pylist()}
GENERATION = {row["kind"]: row["generation"] for row in catalogue().to_pylist()}


def gaps(network: Tables, *columns: str) -> list[Row]:
    found = check(network, CheckParameters())["gap"]
    return list((found.select(columns) if columns else found).to_pylist())


def gap(network: Tables, table: str, column: str) -> Row | None:
    """The gap of that column; where two facts fill one column, the first."""
    for row in gaps(network):
        if (row["table"], row["column"]) == (table, column):
            return row
    return None


def doubts(network: Tables) -> list[tuple[str, str]]:
    found = check(network, CheckParameters())["finding"].to_pylist()
    return [(f["rule"], f["subject"]) for f in found]


def lacking(network: Tables, table: str, column: str, subject: str) -> list[str]:
    return [row[subject] for row in to_fill(network, table, column).to_pylist()]


# --- by hand


def test_an_empty_network_lacks_nothing_that_can_be_counted(build: Build) -> None:
    network = build()
    assert gaps(network) == []
    assert doubts(network) == []


def test_a_network_with_every_fact_stated_lacks_nothing(build: Build) -> None:
    network = build(
        operator=[{"id": "o", "network_purpose": "public"}],
        site=[{"id": "s", "operator": "o", "region": "North", "is_sensitive": False}],
        vendor=[{"id": "v", "name": "Acme", "is_independent": True}],
        product=[{"id": "p", "vendor": "v", "vendor_name": "Acme", "sanctions_affected": False}],
        element=[
            {
                "id": "e",
                "site": "s",
                "vendor_name": "Acme",
                "vendor": "v",
                "product": "p",
                "installed_on": date(2020, 1, 1),
                "purchased_on": date(2019, 1, 1),
            }
        ],
        function=[{"element": "e", "kind": "GNBDU"}, {"element": "e", "kind": "OLT"}],
        demand=[
            {"site": "s", "kind": "mobile data", "traffic_mbps": 0.0, "people": 0.0},
            {"site": "s", "kind": "fixed", "premises": 1.0},
        ],
        link=[{"id": "l", "source": "e", "target": "e", "carries": "access"}],
    )
    assert gaps(network) == []
    assert doubts(network) == []


def test_gaps_are_ranked_by_what_they_leave_undecided(build: Build) -> None:
    # Three elements: one without a function, two without a maker, all without dates; one site
    # without an operator. What every question needs comes first (function 1, maker 2, operator 1,
    # ordered by how many it affects), then what single questions need.
    network = build(
        site=[{"id": "s", "region": "North", "is_sensitive": True}],
        vendor=[{"id": "v", "name": "V", "is_independent": True}],
        element=[
            {"id": "e1", "site": "s", "vendor": "v"},
            {"id": "e2", "site": "s"},
            {"id": "e3", "site": "s"},
        ],
        function=[{"element": "e1", "kind": "AMF"}, {"element": "e2", "kind": "UPF"}],
    )
    found = gaps(network, "rank", "table", "column", "missing", "of", "affects", "affected")
    assert [tuple(row.values()) for row in found] == [
        (1, "element", "vendor_name", 2, 3, 2, "elements"),
        (2, "function", "kind", 1, 3, 1, "elements"),
        (3, "site", "operator", 1, 1, 1, "sites"),
        (4, "element", "installed_on", 3, 3, 3, "elements"),
        (5, "element", "purchased_on", 3, 3, 3, "elements"),
    ]
    assert {row["fill_with"] for row in gaps(network)} >= {
        "ringfence sources template element --missing vendor_name --out element.csv"
    }


def test_an_element_is_counted_once_however_many_functions_lack_the_fact(build: Build) -> None:
    # One radio unit with three functions, none with a generation; three undecided functions stand
    # at one element. "eNB"-like kinds of one generation need none, nor does fixed access.
    open_kinds = sorted(
        k for k, d in DOMAIN.items() if GENERATION[k] is None and d not in ("fixed access", None)
    )[:3]
    network = build(
        element=[{"id": "e", "vendor": "v"}],
        function=[{"element": "e", "kind": kind} for kind in (*open_kinds, "AMF", "OLT", "odd")],
    )
    row = gap(network, "function", "generation")
    assert row is not None
    assert (row["missing"], row["of"], row["affects"]) == (3, 3, 1)
    strange = [g for g in gaps(network) if (g["table"], g["column"]) == ("function", "kind")]
    assert [(g["missing"], g["of"], g["affects"]) for g in strange] == [(1, 6, 1)]


def test_an_operators_purpose_affects_each_of_its_elements_once(build: Build) -> None:
    # e has functions in two domains; f is the operator's through its site.
    network = build(
        operator=[{"id": "o"}],
        site=[{"id": "s", "operator": "o"}],
        element=[{"id": "e", "operator": "o"}, {"id": "f", "site": "s"}, {"id": "g"}],
        function=[{"element": "e", "kind": "AMF"}, {"element": "e", "kind": "OLT"}],
    )
    row = gap(network, "operator", "network_purpose")
    assert row is not None
    assert (row["missing"], row["of"], row["affects"]) == (1, 1, 2)


def test_a_link_affects_its_two_ends(build: Build) -> None:
    network = build(
        link=[
            {"id": "1", "source": "a", "target": "b"},
            {"id": "2", "source": "b", "target": None},
            {"id": "3", "source": "c", "target": "d", "carries": "access"},
        ]
    )
    row = gap(network, "link", "carries")
    assert row is not None
    assert (row["missing"], row["of"], row["affects"]) == (2, 3, 2)


def test_demand_is_missing_only_where_it_must_be_looked_for(build: Build) -> None:
    # s1 is a radio site with people but no traffic; s2 fixed access; s3 holds a core; s4 nothing.
    network = build(
        site=[{"id": f"s{i}"} for i in (1, 2, 3, 4)],
        element=[{"id": f"e{i}", "site": f"s{i}"} for i in (1, 2, 3)],
        function=[
            {"element": "e1", "kind": "GNBDU"},
            {"element": "e2", "kind": "OLT"},
            {"element": "e3", "kind": "AMF"},
        ],
        demand=[{"site": "s1", "kind": "voice", "people": 5.0}],
    )
    assert gap(network, "demand", "people") is None
    assert lacking(network, "demand", "traffic_mbps", "site") == ["s1"]
    assert lacking(network, "demand", "premises", "site") == ["s2"]
    assert to_fill(network, "demand", "premises").to_pylist()[0]["kind"] == "fixed"


# --- who controls a maker


def test_the_gap_of_a_chain_is_its_end_not_its_beginning(build: Build) -> None:
    """That a maker has an owner is stated; what is not stated is who owns the owner."""
    network = build(
        vendor=[{"id": v, "name": v} for v in ("maker", "owner", "idle")],
        ownership=[{"owner": "owner", "owned": "maker", "is_controlling": True}],
        element=[{"id": "e1", "vendor": "maker"}, {"id": "e2", "vendor": "maker"}],
    )
    assert lacking(network, "vendor", "is_independent", "id") == ["owner"]
    row = gap(network, "vendor", "is_independent")
    assert row is not None
    assert (row["missing"], row["affects"]) == (1, 2)


def test_the_real_maker_of_a_product_counts_as_a_maker(build: Build) -> None:
    network = build(
        vendor=[
            {"id": "shop", "name": "Shop", "is_independent": True},
            {"id": "real", "name": "R"},
        ],
        product=[{"id": "p", "vendor": "shop", "original_maker": "real"}],
        element=[{"id": "e", "vendor": "shop", "product": "p"}],
    )
    assert lacking(network, "vendor", "is_independent", "id") == ["real"]


def test_a_vendor_nobody_uses_is_no_gap(build: Build) -> None:
    network = build(vendor=[{"id": "v", "name": "V"}], element=[{"id": "e"}])
    assert gap(network, "vendor", "is_independent") is None


def test_a_holding_that_may_or_may_not_control_is_a_gap_of_the_holding(build: Build) -> None:
    # 30 % may control or not; 60 % does, and 30 % declared not to does not.
    network = build(
        vendor=[
            {"id": "maker", "name": "M"},
            *[{"id": v, "name": v, "is_independent": True} for v in ("a", "b", "c")],
        ],
        ownership=[
            {"owner": "a", "owned": "maker", "share": 0.3},
            {"owner": "b", "owned": "maker", "share": 0.6},
            {"owner": "c", "owned": "maker", "share": 0.3, "is_controlling": False},
        ],
        element=[{"id": "e", "vendor": "maker"}],
    )
    assert gap(network, "vendor", "is_independent") is None
    assert [(r["owner"], r["owned"]) for r in to_fill(network, "ownership").to_pylist()] == [
        ("a", "maker")
    ]


def test_a_vendor_said_not_to_be_independent_lacks_its_owner(build: Build) -> None:
    network = build(
        vendor=[{"id": "maker", "name": "M", "is_independent": False}],
        element=[{"id": "e", "vendor": "maker"}],
    )
    assert gap(network, "vendor", "is_independent") is None
    row = gap(network, "ownership", "owner")
    assert row is not None
    assert (row["missing"], row["affects"]) == (1, 1)
    assert lacking(network, "ownership", "owner", "owned") == ["maker"]


# --- counted in plain Python over any network

IDS = st.sampled_from(["1", "2", "3"])
KINDS = st.sampled_from(["AMF", "GNBDU", "OLT", "EMS", "RU", "strange"])


@st.composite
def networks(draw: st.DrawFn) -> dict[str, list[Row]]:
    def table(of: str, /, **columns: st.SearchStrategy[Any]) -> list[Row]:
        key = TABLES[of].key
        row = st.fixed_dictionaries(columns)
        return draw(st.lists(row, max_size=5, unique_by=lambda r: tuple(r.get(k) for k in key)))

    def maybe(what: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.none() | what

    return {
        "operator": table("operator", id=IDS, network_purpose=maybe(st.just("public"))),
        "site": table(
            "site",
            id=IDS,
            operator=maybe(IDS),
            region=maybe(st.just("r")),
            is_sensitive=maybe(st.booleans()),
        ),
        "vendor": table("vendor", id=IDS, name=st.just("v"), is_independent=maybe(st.booleans())),
        "ownership": table(
            "ownership",
            owner=IDS,
            owned=IDS,
            share=maybe(st.sampled_from([0.3, 0.5, 0.6])),
            is_controlling=maybe(st.booleans()),
        ),
        "product": table(
            "product",
            id=IDS,
            original_maker=maybe(IDS),
            sanctions_affected=maybe(st.booleans()),
        ),
        "element": table(
            "element",
            id=IDS,
            site=maybe(IDS),
            operator=maybe(IDS),
            vendor=maybe(IDS),
            product=maybe(IDS),
            installed_on=maybe(st.just(date(2020, 1, 1))),
            purchased_on=maybe(st.just(date(2020, 1, 1))),
        ),
        "function": table(
            "function",
            element=IDS,
            kind=KINDS,
            slice=maybe(st.just("s")),
            generation=maybe(st.just("5G")),
        ),
        "demand": table(
            "demand",
            site=IDS,
            kind=st.sampled_from(["mobile data", "voice", "fixed"]),
            traffic_mbps=maybe(st.just(1.0)),
            people=maybe(st.just(0.0)),
            premises=maybe(st.just(2.0)),
        ),
        "link": table("link", id=IDS, source=maybe(IDS), target=maybe(IDS), carries=maybe(st.just("access"))),
    }  # fmt: skip


def controllers(rows: Mapping[str, Sequence[Row]], vendor: str) -> set[str]:
    """The vendor and all above it."""
    above = {vendor}
    while True:
        more = {
            h["owner"]
            for h in rows["ownership"]
            if h["owned"] in above and h["owner"] != h["owned"] and _controls(h)
        }
        if more <= above:
            return above
        above |= more


def _controls(holding: Row) -> bool | None:
    if holding["is_controlling"] is not None:
        return bool(holding["is_controlling"])
    return True if (holding["share"] or 0) > 0.5 else None


def count(rows: dict[str, list[Row]]) -> dict[tuple[str, str, int], tuple[int, int, int]]:
    """Missing, of, affects; by table, column and which of the facts that fill it."""
    element = {e["id"]: e for e in rows["element"]}
    site = {s["id"]: s for s in rows["site"]}
    product = {p["id"]: p for p in rows["product"]}
    functions = rows["function"]
    known = [f for f in functions if f["kind"] in DOMAIN]
    strange = [f for f in functions if f["kind"] not in DOMAIN]
    vague = [
        f for f in known if GENERATION[f["kind"]] is None and DOMAIN[f["kind"]] != "fixed access"
    ]

    def lack(table: str, column: str) -> tuple[int, int, int]:
        missing = sum(row[column] is None for row in rows[table])
        return missing, len(rows[table]), missing

    def demand(column: str, domain: str) -> tuple[int, int, int]:
        at = {
            element[f["element"]]["site"]
            for f in known
            if DOMAIN[f["kind"]] == domain and f["element"] in element
        } - {None}
        stated = {d["site"] for d in rows["demand"] if d[column] is not None}
        missing = len((at & set(site)) - stated)
        return missing, len(at), missing

    bare = sum(all(f["element"] != e for f in functions) for e in element)
    undated = [f for f in vague if f["generation"] is None]
    unaffected = {p for p, row in product.items() if row["sanctions_affected"] is None}
    uncarried = [link for link in rows["link"] if link["carries"] is None]
    purposeless = {o["id"] for o in rows["operator"] if o["network_purpose"] is None}

    def runs(e: Row) -> str | None:
        operator = e["operator"] or site.get(e["site"], {}).get("operator")
        return operator if isinstance(operator, str) else None

    makers: dict[str, set[str]] = {}
    for e in element.values():
        real = product.get(e["product"], {}).get("original_maker")
        for vendor in {e["vendor"], real} - {None}:
            makers.setdefault(vendor, set()).add(e["id"])
    independent = {v["id"]: v["is_independent"] for v in rows["vendor"]}
    known_vendors = {*independent, *(h[s] for h in rows["ownership"] for s in ("owner", "owned"))}
    used: dict[str, set[str]] = {}
    for vendor, its in makers.items():
        for holder in controllers(rows, vendor) & known_vendors:
            used.setdefault(holder, set()).update(its)
    owned = {h["owned"] for h in rows["ownership"] if h["owner"] != h["owned"] and _controls(h)}
    unsaid = {v for v in used if v in independent and independent[v] is None and v not in owned}
    holdings = [h for h in rows["ownership"] if h["owner"] != h["owned"] and _controls(h) is None]
    orphans = {v for v in used if independent.get(v) is False and v not in owned}
    orphans -= {h["owned"] for h in holdings}
    unclear = [
        h
        for h in holdings
        if h["owned"] in used
        and not independent.get(h["owned"])
        and (independent.get(h["owned"]) is False or h["owned"] in owned)
    ]

    def undecided(vendors: set[str]) -> int:
        return len(set().union(*(used[v] for v in vendors)))

    counted = {
        ("function", "kind", 0): (bare, len(element), bare),
        ("function", "kind", 1): (
            len(strange),
            len(functions),
            len({f["element"] for f in strange}),
        ),
        ("element", "vendor_name", 0): lack("element", "vendor"),
        ("vendor", "is_independent", 0): (
            len(unsaid),
            len(used.keys() & independent),
            undecided(unsaid),
        ),
        ("ownership", "owner", 0): (
            len(orphans),
            len(used.keys() & independent),
            undecided(orphans),
        ),
        ("ownership", "is_controlling", 0): (
            len(unclear),
            len(rows["ownership"]),
            undecided({h["owned"] for h in unclear}),
        ),
        ("element", "site", 0): lack("element", "site"),
        ("site", "operator", 0): lack("site", "operator"),
        ("site", "region", 0): lack("site", "region"),
        ("site", "is_sensitive", 0): lack("site", "is_sensitive"),
        ("demand", "traffic_mbps", 0): demand("traffic_mbps", "radio access"),
        ("demand", "people", 0): demand("people", "radio access"),
        ("demand", "premises", 0): demand("premises", "fixed access"),
        ("function", "generation", 0): (
            len(undated),
            len(vague),
            len({f["element"] for f in undated}),
        ),
        ("element", "installed_on", 0): lack("element", "installed_on"),
        ("element", "purchased_on", 0): lack("element", "purchased_on"),
        ("product", "sanctions_affected", 0): (
            len(unaffected),
            len(product),
            sum(e["product"] in unaffected for e in element.values()),
        ),
        ("link", "carries", 0): (
            len(uncarried),
            len(rows["link"]),
            len({link[end] for link in uncarried for end in ("source", "target")} - {None}),
        ),
        ("operator", "network_purpose", 0): (
            len(purposeless),
            len(rows["operator"]),
            sum(runs(e) in purposeless for e in element.values()),
        ),
    }
    return {key: value for key, value in counted.items() if value[0]}


@given(rows=networks())
@settings(max_examples=20)
def test_each_gap_is_what_plain_counting_finds(build: Build, rows: dict[str, list[Row]]) -> None:
    found: dict[tuple[str, str, int], tuple[int, int, int]] = {}
    listed = gaps(build(**rows))
    for row in listed:
        # Of the two facts that fill function.kind, the second is of kinds in no catalogue.
        which = int("in no catalogue" in row["blocks"])
        found[row["table"], row["column"], which] = (row["missing"], row["of"], row["affects"])
    assert found == count(rows)
    assert [row["rank"] for row in listed] == list(range(1, len(listed) + 1))


@given(rows=networks())
@settings(max_examples=4)
def test_the_rows_to_fill_are_as_many_as_the_gap_says(
    build: Build, rows: dict[str, list[Row]]
) -> None:
    network = build(**rows)
    missing: dict[tuple[str, str], int] = {}
    for row in gaps(network):
        place = (row["table"], row["column"])
        missing[place] = missing.get(place, 0) + row["missing"]
    for (table, column), number in missing.items():
        assert to_fill(network, table, column).num_rows == number


# --- filling in

FILLINGS: dict[tuple[str, str], object] = {
    ("function", "kind"): "AMF",
    ("element", "vendor_name"): "Acme",
    ("vendor", "is_independent"): True,
    ("ownership", "owner"): "independent",
    ("ownership", "is_controlling"): True,
    ("element", "site"): "s",
    ("site", "operator"): "o",
    ("site", "region"): "North",
    ("site", "is_sensitive"): False,
    ("demand", "traffic_mbps"): 0.0,
    ("demand", "people"): 10.0,
    ("demand", "premises"): 10.0,
    ("function", "generation"): "5G",
    ("element", "installed_on"): date(2021, 1, 1),
    ("element", "purchased_on"): date(2020, 1, 1),
    ("product", "sanctions_affected"): False,
    ("link", "carries"): "access",
    ("operator", "network_purpose"): "public",
}


@pytest.fixture(scope="module")
def patchy(build: Build) -> tuple[Tables, list[Row]]:
    """A network that lacks each of these facts, and its gaps."""
    network = build(
        operator=[{"id": "o"}],
        site=[{"id": "s", "name": "Site"}],
        vendor=[
            {"id": "v", "name": "Acme"},
            {"id": "w", "name": "Bolt", "is_independent": False},
            {"id": "x", "name": "Crux"},
            {"id": "independent", "name": "Inde", "is_independent": True},
        ],
        ownership=[
            {"owner": "independent", "owned": "x", "is_controlling": True},
            {"owner": "w", "owned": "x", "share": 0.2},
        ],
        product=[{"id": "p", "vendor_name": "Acme"}],
        element=[
            {"id": "e1", "site": "s", "vendor_name": "Acme", "product": "p"},
            {"id": "e2", "site": "s", "vendor_name": "Bolt", "operator": "o"},
            {"id": "e3"},
            {"id": "e4", "vendor_name": "Crux"},
        ],
        function=[
            {"element": "e1", "kind": "RU", "slice": "1"},
            {"element": "e2", "kind": "OLT"},
        ],
        link=[{"id": "l", "source": "e1", "target": "e2"}],
    )
    merged = merge([network])
    whole = Tables({**merged.tables, "finding": merged.findings})
    return whole, gaps(whole)


def filled_in(network: Tables, table: str, column: str) -> Tables:
    """The template for what the table lacks, as a person might fill it in."""
    template = to_fill(network, table, column)
    fillable = [c for c in template.column_names if c in TABLES[table].names]
    filled = {column: FILLINGS[table, column]}
    if (table, column) == ("ownership", "owner"):
        filled["is_controlling"] = True
    rows = [{**row, **filled} for row in template.select(fillable).to_pylist()]
    return Tables({table: TABLES[table].from_rows(rows)})


def gaps_after(network: Tables, answers: Sequence[Tables]) -> set[tuple[str, str]]:
    merged = merge([network.only(*(t.name for t in NETWORK_TABLES)), *answers])
    assert merged.findings.num_rows == 0
    assert merged.contradictions == []
    after = gaps(Tables({**merged.tables, "finding": merged.findings}))
    return {(g["table"], g["column"]) for g in after}


def test_templates_filled_in_close_every_gap(patchy: tuple[Tables, list[Row]]) -> None:
    network, before = patchy
    assert {(g["table"], g["column"]) for g in before} == set(FILLINGS)
    answers = [filled_in(network, table, column) for table, column in FILLINGS]
    assert gaps_after(network, answers) == set()


@pytest.mark.slow
@pytest.mark.parametrize(("table", "column"), FILLINGS)
def test_a_template_filled_in_closes_its_gap_and_opens_no_other(
    patchy: tuple[Tables, list[Row]], table: str, column: str
) -> None:
    network, before = patchy
    lacked = {(g["table"], g["column"]) for g in before}
    left = gaps_after(network, [filled_in(network, table, column)])
    assert left <= lacked - {(table, column)}


def test_a_row_to_fill_carries_the_whole_key_of_what_it_completes(build: Build) -> None:
    network = build(
        element=[{"id": "e", "name": "Mast 7"}],
        function=[{"element": "e", "kind": "RU", "slice": "1"}],
    )
    (row,) = to_fill(network, "function", "generation").to_pylist()
    assert (row["element"], row["kind"], row["slice"], row["name"]) == ("e", "RU", "1", "Mast 7")


def test_without_a_column_all_that_a_table_lacks_is_to_be_filled(build: Build) -> None:
    network = build(site=[{"id": "s1", "region": "North"}, {"id": "s2", "operator": "o"}])
    got = [row["id"] for row in to_fill(network, "site").to_pylist()]
    assert sorted(got) == ["s1", "s1", "s2", "s2"]  # operator, sensitive; region, sensitive


@pytest.mark.parametrize(("table", "column"), [("segment", None), ("site", "name"), ("no", "no")])
def test_what_is_not_looked_for_cannot_be_filled(
    build: Build, table: str, column: str | None
) -> None:
    with pytest.raises(NotFoundError, match="nothing is looked for") as caught:
        to_fill(build(), table, column)
    assert "site.operator" in str(caught.value.hint)


# --- doubts


def pointing(to: str) -> dict[str, list[Row]]:
    """For each column of the model that refers: a row that points at `to` there, and is else sound."""
    network: dict[str, list[Row]] = {t.name: [] for t in NETWORK_TABLES}
    for table in NETWORK_TABLES:
        if "id" in table.names:
            network[table.name].append({"id": "k", "name": "K"})
        for column in (c for c in table.columns if c.refers_to):
            row: Row = {"origin": f"{column.name} of {table.name}"}
            for c in table.columns:
                if c.name in table.key or c.required:
                    row[c.name] = c.one_of[0] if c.one_of else "k"
                if c.name == "dated_on":
                    row[c.name] = date(2024, 1, 1)
            if "id" in table.key:
                row["id"] = f"by {column.name}"
            row[column.name] = to
            network[table.name].append(row)
    return network


def test_a_reference_to_nothing_is_found_in_every_column_that_refers(build: Build) -> None:
    rows = pointing("nowhere")
    found = check(build(**rows), CheckParameters())["finding"].to_pylist()
    got = {
        (f["rule"], f["subject_table"], f["subject"], f["rests_on"])
        for f in found
        if f["rule"].startswith("check/dangling-")
    }
    expected = set()
    for name, listed in rows.items():
        for row in (r for r in listed if "origin" in r):
            column, _, _ = row["origin"].partition(" of ")
            subject = ", ".join(str(row.get(k) or "") for k in TABLES[name].key)
            expected.add((f"check/dangling-{column}", name, subject, row["origin"]))
    assert len(expected) == sum(bool(c.refers_to) for t in NETWORK_TABLES for c in t.columns)
    assert got == expected
    assert all(f["verdict"] == "unknown" for f in found)
    assert all("'nowhere'" in f["because"] for f in found if "dangling" in f["rule"])


def test_a_reference_to_a_row_that_is_there_is_no_doubt(build: Build) -> None:
    assert not [rule for rule, _ in doubts(build(**pointing("k"))) if "dangling" in rule]


def test_doubtful_rows_are_found_and_sound_ones_are_not(build: Build) -> None:
    early, late = date(2020, 1, 1), date(2021, 1, 1)
    network = build(
        vendor=[{"id": "v", "name": "V"}, {"id": "w", "name": "W"}],
        element=[
            {"id": "removed first", "removed_on": early, "installed_on": late},
            {"id": "same day", "removed_on": late, "installed_on": late, "purchased_on": late},
            {"id": "bought last", "installed_on": early, "purchased_on": late},
            {"id": "not known", "removed_on": early},
            {"id": "twin 1", "vendor": "v", "serial": "S"},
            {"id": "twin 2", "vendor": "v", "serial": "S"},
            {"id": "other maker", "vendor": "w", "serial": "S"},
            {"id": "no maker 1", "serial": "S"},
            {"id": "no maker 2", "serial": "S"},
            {"id": "no serial 1", "vendor": "v"},
            {"id": "no serial 2", "vendor": "v"},
        ],
        site=[
            {"id": "nowhere", "latitude_deg": 0.0, "longitude_deg": 0.0},
            {"id": "on the equator", "latitude_deg": 0.0, "longitude_deg": 32.5},
            {"id": "not located"},
        ],
    )
    assert doubts(network) == [
        ("check/installed-before-bought", "bought last"),
        ("check/null-island", "nowhere"),
        ("check/removed-before-installed", "removed first"),
        ("check/serial-twice", "twin 1"),
        ("check/serial-twice", "twin 2"),
    ]


def test_circles_of_control_are_found_at_each_vendor_in_them(build: Build) -> None:
    vendors = [{"id": v, "name": v} for v in "abcdefg"]
    control = [("a", "a"), ("b", "c"), ("c", "d"), ("d", "b"), ("b", "e"), ("f", "g")]
    network = build(
        vendor=vendors,
        ownership=[
            *({"owner": o, "owned": v, "is_controlling": True} for o, v in control),
            {"owner": "g", "owned": "f", "is_controlling": False},
        ],
    )
    assert doubts(network) == [("check/owns-itself", v) for v in "abcd"]


def test_an_independent_vendor_with_a_controlling_owner_is_doubtful(build: Build) -> None:
    network = build(
        vendor=[
            {"id": "v", "name": "V", "is_independent": True},
            {"id": "w", "name": "W", "is_independent": True},
        ],
        ownership=[{"owner": "w", "owned": "v", "is_controlling": True}],
    )
    assert doubts(network) == [("check/independent-but-owned", "v")]


def test_findings_of_the_merge_are_carried_on(build: Build) -> None:
    earlier = {
        "rule": "check/conflict-region",
        "subject_table": "site",
        "subject": "s",
        "verdict": "unknown",
    }
    network = build(finding=[earlier], site=[{"id": "s", "operator": "nobody"}])
    assert doubts(network) == [("check/conflict-region", "s"), ("check/dangling-operator", "s")]


def test_suggestions_come_for_names_no_vendor_has(build: Build) -> None:
    network = build(
        vendor=[{"id": "v:acme", "name": "Acme"}],
        element=[{"id": "e", "vendor_name": "Acme Ltd"}],
    )
    (found,) = check(network, CheckParameters())["vendor_suggestion"].to_pylist()
    assert (found["vendor_name"], found["vendor"], found["why"]) == (
        "Acme Ltd",
        "v:acme",
        "legal form",
    )


def test_the_answer_has_the_declared_columns(build: Build) -> None:
    answer = check(build(), CheckParameters())
    assert answer["gap"].schema.names == list(GAP.names)
    assert answer["finding"].schema.names == list(TABLES["finding"].names)
