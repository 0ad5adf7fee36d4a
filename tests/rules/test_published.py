"""What a rule may read: the network of the day, and what the instrument says of each maker."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ringfence.errors import PackError
from ringfence.network.model import TABLES
from ringfence.rules.elements import Elements
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import Pack, read_pack
from ringfence.rules.published import MACROS, lay_out, open_jail
from ringfence.store.duck import Tables, write_parquet
from ringfence.store.jail import Limits
from ringfence.store.reading import read_select

DAY = date(2024, 6, 1)
VENDORS = [
    {"id": "top", "name": "Meridian Holding", "origin": "vendors.csv row 2"},
    {"id": "mid", "name": "Meridian", "origin": "vendors.csv row 3"},
    {"id": "low", "name": "Meridian Radio"},
    {"id": "free", "name": "Alder", "is_independent": True},
    {"id": "owned", "name": "Alder Networks"},
    {"id": "dim", "name": "Birch"},
    {"id": "under-dim", "name": "Birch Networks"},
    {"id": "half", "name": "Half and half"},
    {"id": "joint", "name": "Joint venture"},
]
OWNERSHIP = [
    {"owner": "top", "owned": "mid", "is_controlling": True, "origin": "owners.csv row 2"},
    {"owner": "mid", "owned": "low", "share": 0.8},
    {"owner": "free", "owned": "owned", "is_controlling": True},
    {"owner": "dim", "owned": "under-dim", "is_controlling": True},
    {"owner": "top", "owned": "half"},
    {"owner": "free", "owned": "joint", "is_controlling": True},
    {"owner": "mid", "owned": "joint", "is_controlling": True},
]
NAMED = [{"vendor": "top", "instrument": "xx-test", "valid_from": date(2020, 1, 1)}]


def seen(tables: Any, pack: Pack, sql: str, day: date = DAY) -> list[dict[str, object]]:
    """What a statement sees of a network, as a rule would."""
    with open_jail(lay_out(Elements(tables), pack, day, [read_select(sql)]), [], Limits()) as jail:
        rows: list[dict[str, object]] = jail.select(sql).to_pylist()
        return rows


def listing(
    build: Callable[..., Any], pack: Callable[..., Any], **more: Any
) -> dict[str, dict[str, object]]:
    tables = build(**{"vendor": VENDORS, "ownership": OWNERSHIP, "designation": NAMED} | more)
    sql = (
        "SELECT id, is_listed, listed_because, listed_vendors, has_mitigation_strategy, made_by "
        "FROM vendor"
    )
    return {str(row.pop("id")): row for row in seen(tables, pack(), sql)}


def test_control_makes_listed_and_an_open_chain_leaves_it_open(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    found = listing(build, pack)
    assert {vendor: row["is_listed"] for vendor, row in found.items()} == {
        "top": True,
        "mid": True,
        "low": True,
        "free": False,
        "owned": False,
        "dim": None,
        "under-dim": None,
        # Somebody listed holds a part; whether that is control, nobody says.
        "half": None,
        "joint": True,
    }
    assert found["top"]["listed_because"] == "designated from 2020-01-01"
    assert found["low"]["listed_because"] == (
        "controlled by Meridian Holding, designated from 2020-01-01: "
        "Meridian Holding > Meridian > Meridian Radio"
    )
    assert found["dim"]["made_by"] == "Birch (who controls it is not stated)"
    assert found["free"]["listed_because"] is None
    assert found["free"]["made_by"] == "Alder"


@pytest.mark.parametrize(
    ("said", "day", "is_listed"),
    [
        ({}, DAY, True),
        ({"instrument": "yy-other"}, DAY, None),
        ({"valid_from": date(2024, 6, 2)}, DAY, None),
        ({"valid_from": date(2024, 6, 1)}, DAY, True),
        ({"valid_to": date(2024, 6, 1)}, DAY, True),
        ({"valid_to": date(2024, 5, 31)}, DAY, None),
        ({"valid_from": None}, date(1990, 1, 1), True),
        ({"status": "designated"}, DAY, True),
        ({"status": "treated as high risk"}, DAY, True),
        ({"status": "assumed"}, DAY, True),
        ({"status": "proposed"}, DAY, None),
        ({"status": "revoked"}, DAY, None),
    ],
)
def test_a_naming_counts_while_it_lasts(
    build: Callable[..., Any], pack: Callable[..., Any], said: Any, day: date, is_listed: Any
) -> None:
    tables = build(vendor=VENDORS, designation=[NAMED[0] | said])
    (row,) = seen(tables, pack(), "SELECT is_listed FROM vendor WHERE id = 'top'", day)
    assert row["is_listed"] is is_listed


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([True], True),
        ([False], False),
        ([None], None),
        ([True, False], False),
        ([True, None], True),
        ([False, None], False),
    ],
)
def test_a_mitigation_strategy_is_of_all_namings_together(
    build: Callable[..., Any], pack: Callable[..., Any], said: Any, expected: Any
) -> None:
    named = [
        {**NAMED[0], "valid_from": date(2020, 1, 1 + i), "has_mitigation_strategy": one}
        for i, one in enumerate(said)
    ]
    found = listing(build, pack, designation=named)
    assert found["low"]["has_mitigation_strategy"] is expected
    assert found["free"]["has_mitigation_strategy"] is None


def test_a_vendor_and_its_owner_both_named_are_one_listed_vendor(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    named = [*NAMED, {"vendor": "mid", "instrument": "xx-test"}]
    found = listing(build, pack, designation=named)
    assert found["low"]["listed_vendors"] == ["top"]
    assert found["mid"]["listed_vendors"] == ["top"]
    assert found["mid"]["listed_because"] == "designated"


def test_vendors_that_hold_each_other_are_both_listed(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    circle = [
        {"owner": "top", "owned": "mid", "is_controlling": True},
        {"owner": "mid", "owned": "top", "is_controlling": True},
    ]
    named = [*NAMED, {"vendor": "mid", "instrument": "xx-test"}]
    found = listing(build, pack, ownership=circle, designation=named)
    assert found["top"]["listed_vendors"] == found["mid"]["listed_vendors"] == ["mid", "top"]


def test_a_joint_venture_is_of_both_that_control_it(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    named = [*NAMED, {"vendor": "free", "instrument": "xx-test"}]
    found = listing(build, pack, designation=named)
    assert found["joint"]["listed_vendors"] == ["free", "top"]


ELEMENTS = [
    {"id": "own", "vendor": "low", "vendor_name": "Meridian Radio"},
    {"id": "product", "product": "p-low"},
    {"id": "white", "vendor": "free", "vendor_name": "Alder", "product": "p-white"},
    {"id": "clean", "vendor": "free", "vendor_name": "Alder", "product": "p-free"},
    {"id": "odd", "vendor": "free", "vendor_name": "Alder", "product": "p-dim"},
    {"id": "unknown", "vendor_name": "Nobody knows"},
    {"id": "gone", "vendor": "no-such-vendor"},
    {"id": "nobody"},
    {"id": "lost", "product": "no-such-product"},
    {"id": "nameless", "product": "p-none"},
]
PRODUCTS = [
    {"id": "p-low", "vendor": "low", "vendor_name": "Meridian Radio"},
    {
        "id": "p-white",
        "vendor": "free",
        "vendor_name": "Alder",
        "original_maker": "low",
        "original_maker_name": "Meridian Radio",
    },
    {"id": "p-free", "vendor": "free", "vendor_name": "Alder"},
    {"id": "p-dim", "vendor": "free", "vendor_name": "Alder", "original_maker_name": "Somebody"},
    {"id": "p-none"},
]


def test_an_element_is_listed_through_its_maker_its_product_or_its_original_maker(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    tables = build(
        vendor=VENDORS, ownership=OWNERSHIP, designation=NAMED, element=ELEMENTS, product=PRODUCTS
    )
    rows = {
        row["id"]: (row["is_listed"], row["made_by"])
        for row in seen(tables, pack(), "SELECT id, is_listed, made_by FROM element")
    }
    chain = (
        "controlled by Meridian Holding, designated from 2020-01-01: "
        "Meridian Holding > Meridian > Meridian Radio"
    )
    assert rows == {
        "own": (True, f"Meridian Radio ({chain})"),
        "product": (True, f"Meridian Radio ({chain})"),
        "white": (True, f"Alder (made by Meridian Radio, {chain})"),
        "clean": (False, "Alder"),
        "odd": (None, "Alder (made by Somebody, not found among the vendors)"),
        "unknown": (None, "Nobody knows (not found among the vendors)"),
        "gone": (None, "no-such-vendor (not found among the vendors)"),
        "nobody": (None, "a maker that is not stated"),
        "lost": (None, "a maker that is not stated"),
        "nameless": (None, "a maker that is not stated"),
    }


@pytest.mark.parametrize(
    ("dates", "is_there"),
    [
        ({}, True),
        ({"installed_on": date(2024, 6, 1)}, True),
        ({"installed_on": date(2024, 6, 2)}, False),
        ({"removed_on": date(2024, 6, 1)}, False),
        ({"removed_on": date(2024, 6, 2)}, True),
        ({"installed_on": date(2020, 1, 1), "removed_on": date(2022, 1, 1)}, False),
        ({"end_of_life_on": date(2020, 1, 1)}, True),
    ],
)
def test_an_element_is_there_from_its_installation_until_the_day_it_goes(
    build: Callable[..., Any], pack: Callable[..., Any], dates: Any, is_there: bool
) -> None:
    tables = build(element=[{"id": "e", **dates}])
    assert bool(seen(tables, pack(), "SELECT id FROM element")) is is_there


def test_an_element_has_the_facts_of_its_site_operator_and_product(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    tables = build(
        operator=[{"id": "n", "network_purpose": "public"}, {"id": "s"}],
        site=[{"id": "x", "operator": "n", "region": "west", "is_sensitive": True}],
        product=[{"id": "p", "sanctions_affected": False}],
        element=[
            {"id": "a", "site": "x", "product": "p"},
            {"id": "b", "site": "x", "operator": "s"},
            {"id": "c", "operator": "n"},
            {"id": "d", "site": "nowhere"},
        ],
    )
    sql = (
        "SELECT id, operator, region, is_sensitive, network_purpose, sanctions_affected "
        "FROM element ORDER BY id"
    )
    assert [tuple(row.values()) for row in seen(tables, pack(), sql)] == [
        ("a", "n", "west", True, "public", False),
        ("b", "s", "west", True, None, None),
        ("c", "n", None, None, "public", None),
        ("d", None, None, None, None, None),
    ]


LIST = (
    '[[function]]\ndomains = ["5G core"]\nscope = "in"\ncitation = "c"\ngrade = "S"\n'
    '[[function]]\nkinds = ["OLT"]\nscope = "out"\ncitation = "c"\ngrade = "S"\n'
)


@pytest.mark.parametrize("in_files", [False, True])
def test_a_placement_is_an_element_and_a_function(
    build: Callable[..., Any], files: Callable[..., Any], tmp_path: Path, in_files: bool
) -> None:
    pack = read_pack({**files(), "functions.toml": LIST}, "xx-test", "xx-test")
    tables = build(
        element=[{"id": i} for i in ("two", "same", "slices", "none", "strange", "older")],
        function=[
            {"element": "two", "kind": "AMF"},
            {"element": "two", "kind": "OLT chassis"},
            {"element": "same", "kind": "OLT"},
            {"element": "same", "kind": "OLT chassis"},
            {"element": "slices", "kind": "AMF", "slice": "1"},
            {"element": "slices", "kind": "AMF", "slice": "2"},
            {"element": "strange", "kind": "Zauberkasten", "generation": "5G"},
            {"element": "older", "kind": "BBU"},
            {"element": "older", "kind": "BBU", "slice": "1", "generation": "4G"},
        ],
    )
    if in_files:
        for name in tables:
            write_parquet(tables[name], tmp_path / f"{name}.parquet")
        tables = Tables({name: tmp_path / f"{name}.parquet" for name in tables})
    sql = "SELECT element, kind, domain, generation, scope FROM placement ORDER BY ALL"
    assert [tuple(row.values()) for row in seen(tables, pack, sql)] == [
        ("none", None, None, None, None),
        ("older", "BBU", "radio access", "4G", "review"),
        ("older", "BBU", "radio access", None, "review"),
        ("same", "OLT", "fixed access", "fixed", "out"),
        ("slices", "AMF", "5G core", "5G", "in"),
        ("strange", "Zauberkasten", None, "5G", None),
        ("two", "AMF", "5G core", "5G", "in"),
        ("two", "OLT", "fixed access", "fixed", "out"),
    ]
    sets = seen(tables, pack, "SELECT id, functions FROM element ORDER BY id")
    numbers = {str(row["id"]): row["functions"] for row in sets}
    assert numbers["none"] == 0
    assert len(set(numbers.values())) == 6


@pytest.mark.parametrize(
    "select",
    [
        "SELECT id AS subject, is_listed AS verdict, '' AS because FROM (SELECT * FROM element)",
        "SELECT id AS subject, e.is_listed AS verdict, '' AS because FROM element e",
        (
            "SELECT e.id AS subject, e.is_listed AS verdict, '' AS because FROM element e "
            "NATURAL JOIN (SELECT id FROM element)"
        ),
        (
            "SELECT subject, verdict, because FROM "
            "(SELECT COLUMNS('.*'), id AS subject, is_listed AS verdict, '' AS because FROM element)"
        ),
        (
            "SELECT element AS subject, any_of(is_listed) AS verdict, names_of(kind) AS because "
            "FROM placement GROUP BY element"
        ),
        (
            "SELECT x.id AS subject, x.is_listed AS verdict, '' AS because FROM "
            "(SELECT e FROM element e) t, LATERAL (SELECT t.e.id, t.e.is_listed) x"
        ),
        (
            "WITH e AS (SELECT id, is_listed FROM element) "
            "SELECT id AS subject, (SELECT is_listed FROM element i WHERE i.id = e.id) AS verdict, "
            "'' AS because FROM e"
        ),
        (
            "SELECT id AS subject, is_listed AS verdict, '' AS because FROM element WHERE true "
            "UNION ALL SELECT id, is_listed, '' FROM element WHERE false"
        ),
        "FROM element SELECT id AS subject, is_listed AS verdict, '' AS because",
        (
            "SELECT id AS subject, is_listed AS verdict, '' AS because FROM element JOIN "
            "(SELECT id, site FROM element) USING (id)"
        ),
    ],
)
def test_what_is_not_named_is_left_out_and_never_missed(
    build: Callable[..., Any], pack: Callable[..., Any], select: str
) -> None:
    tables = build(
        vendor=VENDORS, ownership=OWNERSHIP, designation=NAMED, element=ELEMENTS, product=PRODUCTS
    )
    found = evaluate(tables, pack(select), EvaluateParameters(DAY, keep_comply=True))["finding"]
    verdicts = dict(zip(found["subject"].to_pylist(), found["verdict"].to_pylist(), strict=True))
    assert verdicts == {
        "own": "breach", "product": "breach", "white": "breach", "clean": "comply",
        "odd": "unknown", "unknown": "unknown", "gone": "unknown", "nobody": "unknown",
        "lost": "unknown", "nameless": "unknown",
    }  # fmt: skip


def test_every_table_of_a_network_is_there_though_empty(pack: Callable[..., Any]) -> None:
    names = (
        "operator", "site", "vendor", "vendor_alias", "ownership", "jurisdiction", "designation",
        "product", "element", "function", "relation", "contract", "segment", "interface",
        "endpoint", "filter", "link", "demand", "document", "designated", "placement", "make",
    )  # fmt: skip
    for name in names:
        select = (
            "SELECT id AS subject, true AS verdict, "
            f"(SELECT count(*) FROM {name})::VARCHAR AS because FROM element"
        )
        assert evaluate(Tables({}), pack(select), EvaluateParameters(DAY))["finding"].num_rows == 0
    select = "SELECT id AS subject, true AS verdict, '' AS because FROM element, source.element s"
    with pytest.raises(PackError):
        evaluate(Tables({}), pack(select), EvaluateParameters(DAY))


def test_sums_of_decimals_are_exact_in_any_order(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    amounts = [0.1] * 10 + [1e15, 0.000001, -0.0] + [1e-7]
    demand = [
        {"site": f"s{i}", "kind": "mobile data", "traffic_mbps": amount}
        for i, amount in enumerate(amounts)
    ]
    tables = build(demand=demand)
    (row,) = seen(tables, pack(), "SELECT sum(traffic_mbps)::VARCHAR AS total FROM demand")
    assert row["total"] == "1000000000000001.000001"


def test_a_number_beyond_all_reason_is_not_stated(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    tables = build(demand=[{"site": "s", "kind": "mobile data", "traffic_mbps": 1e300}])
    assert seen(tables, pack(), "SELECT traffic_mbps FROM demand") == [{"traffic_mbps": None}]


def test_the_designated_of_the_day_are_listed(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    tables = build(vendor=VENDORS, designation=[*NAMED, NAMED[0] | {"instrument": "yy"}])
    sql = "SELECT vendor, vendor_name, status, source FROM designated"
    assert seen(tables, pack(), sql) == [
        {
            "vendor": "top",
            "vendor_name": "Meridian Holding",
            "status": "designated",
            "source": "designation",
        }
    ]


def truth(
    build: Callable[..., Any], pack: Callable[..., Any], expression: str, values: list[bool | None]
) -> object:
    elements = [{"id": f"e{i}", "site": f"s{v}"} for i, v in enumerate(values)]
    sites = [{"id": f"s{v}", "is_sensitive": v} for v in (True, False, None)]
    sql = f"SELECT {expression} AS x FROM element"
    return seen(build(site=sites, element=elements), pack(), sql)[0]["x"]


@pytest.mark.parametrize(
    ("values", "any_of", "all_of"),
    [
        ([], False, True),
        ([True], True, True),
        ([False], False, False),
        ([None], None, None),
        ([True, None], True, None),
        ([False, None], None, False),
        ([True, False], True, False),
        ([True, False, None], True, False),
    ],
)
def test_any_and_all_of_three_values(
    build: Callable[..., Any], pack: Callable[..., Any], values: Any, any_of: Any, all_of: Any
) -> None:
    assert truth(build, pack, "any_of(is_sensitive)", values) is any_of
    assert truth(build, pack, "all_of(is_sensitive)", values) is all_of


def test_the_small_macros(build: Callable[..., Any], pack: Callable[..., Any]) -> None:
    assert set(MACROS) == {
        "verdict", "any_of", "all_of", "names_of", "sum_of", "over_cap", "percent",
    }  # fmt: skip
    values = [True, None, False, True]
    assert truth(build, pack, "names_of(site)", values) == "sFalse, sNone, sTrue"
    assert truth(build, pack, "names_of(operator)", values) is None
    assert truth(build, pack, "sum_of(1)", values) == 4
    assert truth(build, pack, "sum_of(CASE WHEN is_sensitive THEN 1 END)", values) is None
    assert truth(build, pack, "sum_of(1)", []) == 0
    assert truth(build, pack, "percent(1, 3)", [True]) == "33.3 %"
    assert truth(build, pack, "percent(0, 0)", [True]) == "no share"
    assert truth(build, pack, "percent(1, NULL)", [True]) is None


def test_makers_are_compared_by_control_and_not_by_name(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    """Two vendors of one name: only the one that is named under the instrument is listed."""
    vendors = [
        {"id": "one", "name": "Twin", "is_independent": True},
        {"id": "two", "name": "Twin", "is_independent": True},
    ]
    tables = build(
        vendor=vendors,
        designation=[{"vendor": "one", "instrument": "xx-test"}],
        element=[{"id": "a", "vendor": "one"}, {"id": "b", "vendor": "two"}],
    )
    rows = seen(tables, pack(), "SELECT id, is_listed FROM element ORDER BY id")
    assert [row["is_listed"] for row in rows] == [True, False]


def test_the_makers_of_a_million_rows_take_no_python_loop(pack: Callable[..., Any]) -> None:
    """What is worked out in Python grows with the vendors and kinds, and not with the elements."""
    count = 30_000
    element = pa.table({"id": [f"e{i:06d}" for i in range(count)], "vendor": ["v"] * count})
    tables = Tables(
        {n: t.empty() for n, t in TABLES.items()} | {"element": TABLES["element"].conform(element)}
    )
    laid = lay_out(
        Elements(tables), pack(), DAY, [read_select("SELECT id, is_listed FROM element")]
    )
    assert laid.makers.num_rows == 0
