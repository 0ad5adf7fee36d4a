"""From names as written to vendors, and to who controls them."""

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import NotFoundError
from ringfence.network.model import TABLES
from ringfence.network.vendors import (
    CONTROL,
    UNRESOLVED_NAME,
    VENDOR_CONFLICT,
    VENDOR_SUGGESTION,
    control,
    find,
    group,
    normalise,
    resolve,
)

Rows = Sequence[Mapping[str, object]]


def tables(**rows: Rows) -> dict[str, pa.Table]:
    return {name: TABLES[name].from_rows(given) for name, given in rows.items()}


def column(data: pa.Table, name: str) -> list[object]:
    values: list[object] = data[name].to_pylist()
    return values


ACME = {
    "id": "table:acme",
    "name": "Acme",
    "legal_name": "Acme Networks Ltd",
    "origin": "v.csv row 2",
}
BOLT = {"id": "table:bolt", "name": "Bolt", "origin": "v.csv row 3"}


CYRILLIC_ACME = "\N{CYRILLIC CAPITAL LETTER A}cme"


# --- the exact stage


@pytest.mark.parametrize(
    "written",
    [
        "Acme",
        "ACME",
        "  acme ",
        "Acme Networks Ltd",
        "ACME-NETWORKS, Ltd.",
        "table:acme",
        "A\N{ZERO WIDTH SPACE}cme",
        "\N{FULLWIDTH LATIN CAPITAL LETTER A}cme",
        "Akme Radio",
    ],
)
def test_a_name_that_is_a_vendors_is_given_to_it(written: str) -> None:
    network = tables(
        vendor=[ACME, BOLT],
        vendor_alias=[{"alias": "akme  radio", "vendor": "table:acme"}],
        element=[{"id": "e", "vendor_name": written}],
    )
    resolution = resolve(network)
    assert column(resolution.tables["element"], "vendor") == ["table:acme"]
    assert resolution.added.num_rows == 0


@pytest.mark.parametrize("written", ["Acme Ltd", "Acm", "Acme Networks", "Acme2", CYRILLIC_ACME])
def test_a_name_that_is_only_near_becomes_a_vendor_of_its_own(written: str) -> None:
    network = tables(
        vendor=[ACME],
        element=[
            {"id": "e2", "vendor_name": written, "origin": "e.csv row 9"},
            {"id": "e1", "vendor_name": written.upper(), "origin": "e.csv row 3"},
        ],
    )
    resolution = resolve(network)
    (added,) = resolution.added.to_pylist()
    assert column(resolution.tables["element"], "vendor") == [added["id"]] * 2
    # Capitals sort before small letters, so the second spelling is the first written.
    assert added["name"] == written.upper()
    assert added["origin"] == "named in e.csv row 3"
    facts = ("legal_name", "country_of_registration", "is_independent")
    assert [added[fact] for fact in facts] == [None, None, None]


def test_a_name_that_fits_two_vendors_is_given_to_neither() -> None:
    network = tables(
        vendor=[ACME, {"id": "table:other", "name": "ACME"}],
        element=[{"id": f"e{i}", "vendor_name": "acme"} for i in range(3)],
        contract=[{"id": "c", "vendor_name": "Acme Networks Ltd"}],
    )
    resolution = resolve(network)
    assert column(resolution.tables["element"], "vendor") == [None] * 3
    assert column(resolution.tables["contract"], "vendor") == ["table:acme"]
    assert resolution.unresolved.to_pylist() == [
        {
            "vendor_name": "acme",
            "reason": "fits several vendors",
            "candidates": "table:acme; table:other",
            "rows": 3,
        }
    ]
    assert UNRESOLVED_NAME.faults(resolution.unresolved) == []


def test_an_alias_of_one_vendor_that_is_anothers_name_is_ambiguous() -> None:
    network = tables(
        vendor=[ACME, BOLT],
        vendor_alias=[{"alias": "Bolt", "vendor": "table:acme"}],
        element=[{"id": "e", "vendor_name": "Bolt"}],
    )
    assert column(resolve(network).tables["element"], "vendor") == [None]


def test_a_name_without_a_letter_or_digit_names_nobody() -> None:
    network = tables(element=[{"id": "e", "vendor_name": "---"}, {"id": "f", "vendor_name": None}])
    resolution = resolve(network)
    assert column(resolution.tables["element"], "vendor") == [None, None]
    assert resolution.added.num_rows == 0
    assert resolution.unresolved.to_pylist() == [
        {"vendor_name": "---", "reason": "has no letter or digit", "candidates": None, "rows": 1}
    ]


def test_names_in_any_script_make_vendors_with_different_keys() -> None:
    written = ["北方网络", "北方 网络", "Ñandú", "Nandu", "हिन्द", "हन्द", "a-b", "ab"]
    network = tables(element=[{"id": str(i), "vendor_name": w} for i, w in enumerate(written)])
    resolution = resolve(network)
    keys = column(resolution.tables["element"], "vendor")
    assert len(set(keys)) == len(written)
    assert keys[0] == "vendor:北方网络"


def test_a_made_key_avoids_one_that_is_taken() -> None:
    # A key without a letter is no name, so "12" is not that vendor.
    network = tables(
        vendor=[{"id": "vendor:12", "name": "Dozen"}], element=[{"id": "e", "vendor_name": "12"}]
    )
    assert column(resolve(network).tables["element"], "vendor") == ["vendor:12~2"]


def test_a_key_counts_as_a_name_only_where_no_name_fits() -> None:
    swapped = tables(
        vendor=[{"id": "table:acme", "name": "Bolt"}, {"id": "table:bolt", "name": "Acme"}],
        element=[{"id": "e", "vendor_name": "Acme"}],
    )
    assert column(resolve(swapped).tables["element"], "vendor") == ["table:bolt"]


def test_an_element_without_a_maker_takes_that_of_its_product() -> None:
    network = tables(
        vendor=[ACME, BOLT],
        product=[
            {"id": "p", "vendor_name": "Acme", "original_maker_name": "Bolt"},
            {"id": "q", "vendor_name": None},
        ],
        element=[
            {"id": "1", "product": "p"},
            {"id": "2", "product": "p", "vendor_name": "BOLT", "origin": "e.csv row 3"},
            {"id": "3", "product": "q"},
            {"id": "4", "product": "no such product"},
            {"id": "5"},
            {"id": "6", "product": "p", "vendor_name": "?"},
        ],
    )
    resolution = resolve(network)
    made = column(resolution.tables["element"], "vendor")
    assert made == ["table:acme", "table:bolt", None, None, None, None]
    assert column(resolution.tables["product"], "original_maker") == ["table:bolt", None]
    assert resolution.conflicts.to_pylist() == [
        {
            "element": "2",
            "vendor_name": "BOLT",
            "vendor": "table:bolt",
            "product": "p",
            "product_vendor": "table:acme",
            "origin": "e.csv row 3",
        }
    ]
    assert VENDOR_CONFLICT.faults(resolution.conflicts) == []


def test_a_vendor_named_where_its_key_belongs_is_found_all_the_same() -> None:
    network = tables(
        vendor=[ACME, BOLT],
        vendor_alias=[{"alias": "AN", "vendor": "Acme Networks Ltd"}],
        ownership=[
            {"owner": "table:Bolt", "owned": "AN"},
            {"owner": "table:nobody", "owned": "table:acme"},
        ],
        designation=[{"vendor": "table:ACME", "instrument": "x"}],
        jurisdiction=[{"vendor": "bolt", "country": "XX", "basis": "y"}],
    )
    found = resolve(network).tables
    assert column(found["vendor_alias"], "vendor") == ["table:acme"]
    assert column(found["ownership"], "owner") == ["table:bolt", "table:nobody"]
    assert column(found["ownership"], "owned") == ["table:acme", "table:acme"]
    assert column(found["designation"], "vendor") == ["table:acme"]
    assert column(found["jurisdiction"], "vendor") == ["table:bolt"]


def test_an_alias_of_a_vendor_known_by_name_alone_holds() -> None:
    network = tables(
        vendor_alias=[{"alias": "AN", "vendor": "table:Acme"}],
        element=[{"id": "1", "vendor_name": "AN"}, {"id": "2", "vendor_name": "Acme"}],
    )
    resolution = resolve(network)
    assert column(resolution.tables["element"], "vendor") == ["vendor:acme"] * 2
    assert column(resolution.tables["vendor_alias"], "vendor") == ["vendor:acme"]
    assert column(resolution.added, "id") == ["vendor:acme"]


def test_stating_a_vendor_later_takes_the_place_of_the_one_made_from_its_name() -> None:
    first = resolve(tables(element=[{"id": "e", "vendor_name": "Acme"}])).tables
    vendor = pa.concat_tables([first["vendor"], TABLES["vendor"].from_rows([ACME])])
    second = resolve({**first, "vendor": vendor}).tables
    assert column(second["vendor"], "id") == ["table:acme"]
    assert column(second["element"], "vendor") == ["table:acme"]


# --- properties

NAMES = st.sampled_from(
    ["Acme", "acme", "ACME Ltd", "Bolt", "bolt-net", "Bolt Net", "Çelik", "北方", "-", "Dyn", None]
)
KEYS = st.sampled_from(["k1", "k2", "k3", "k4", "vendor:acme"])


@st.composite
def networks(draw: st.DrawFn) -> dict[str, pa.Table]:
    products = draw(st.lists(st.tuples(NAMES, NAMES), max_size=4))
    elements = draw(st.lists(st.tuples(NAMES, st.integers(0, 5)), max_size=12))
    vendors = draw(st.dictionaries(KEYS, NAMES.filter(bool), max_size=4))
    aliases = draw(st.dictionaries(NAMES.filter(bool), KEYS | NAMES.filter(bool), max_size=3))
    return tables(
        vendor=[{"id": key, "name": name} for key, name in vendors.items()],
        vendor_alias=[{"alias": a, "vendor": v} for a, v in aliases.items()],
        product=[
            {"id": f"p{i}", "vendor_name": n, "original_maker_name": m, "origin": f"p {i}"}
            for i, (n, m) in enumerate(products)
        ],
        element=[
            {"id": f"e{i}", "vendor_name": n, "product": f"p{p}", "origin": f"e {i}"}
            for i, (n, p) in enumerate(elements)
        ],
        ownership=[{"owner": "Acme", "owned": "k2"}],
    )


def same(one: Mapping[str, pa.Table], other: Mapping[str, pa.Table]) -> bool:
    return one.keys() == other.keys() and all(one[k].equals(other[k]) for k in one)


@given(networks())
def test_resolving_twice_changes_nothing(network: dict[str, pa.Table]) -> None:
    once = resolve(network)
    twice = resolve(once.tables)
    assert same(once.tables, twice.tables)
    assert once.added.equals(twice.added)
    assert once.suggestions.equals(twice.suggestions)
    assert once.unresolved.equals(twice.unresolved)
    assert once.conflicts.equals(twice.conflicts)


@given(networks())
def test_no_row_is_lost_and_nothing_but_the_vendor_columns_is_touched(
    network: dict[str, pa.Table],
) -> None:
    found = resolve(network).tables
    for name, before in network.items():
        if name == "vendor":
            assert found[name].num_rows >= before.num_rows
            continue
        filled = {"vendor", "original_maker", "owner", "owned"}
        kept = [c for c in before.column_names if c not in filled]
        assert found[name].select(kept).equals(before.select(kept))


@given(networks())
def test_every_vendor_filled_in_is_in_the_vendor_table_and_bears_that_name(
    network: dict[str, pa.Table],
) -> None:
    found = resolve(network).tables
    names: dict[str, set[str]] = {}
    for row in found["vendor"].to_pylist():
        names.setdefault(row["id"], set()).update({normalise(row["name"]), normalise(row["id"])})
    for row in found["vendor_alias"].to_pylist():
        names.setdefault(row["vendor"], set()).add(normalise(row["alias"]))
    for row in found["element"].to_pylist():
        if row["vendor"] and row["vendor_name"]:
            native = {normalise(row["vendor"].partition(":")[2])}
            assert normalise(row["vendor_name"]) in names[row["vendor"]] | native


@given(networks(), st.permutations(["Acme", "Bolt", "Dyn"]))
def test_renaming_vendors_alike_changes_nothing_but_names(
    network: dict[str, pa.Table], order: list[str]
) -> None:
    swap = dict(zip(["Acme", "Bolt", "Dyn"], order, strict=True))

    def renamed(rows: pa.Table) -> pa.Table:
        for name in ("name", "vendor_name", "original_maker_name"):
            if name in rows.column_names:
                at = rows.schema.get_field_index(name)
                values = [swap.get(v, v) for v in rows[name].to_pylist()]
                rows = rows.set_column(at, name, pa.array(values, pa.string()))
        return rows

    plain = {name: network[name] for name in ("product", "element")}
    plain["vendor"] = tables(
        vendor=[{"id": f"k{i}", "name": n} for i, n in enumerate(["Acme", "Bolt", "Dyn"])]
    )["vendor"]
    # Only whole names take part, so that the renaming is one to one.
    for table in ("product", "element"):
        for name in ("vendor_name", "original_maker_name"):
            if name in plain[table].column_names:
                at = plain[table].schema.get_field_index(name)
                values = [v if v in swap else None for v in plain[table][name].to_pylist()]
                plain[table] = plain[table].set_column(at, name, pa.array(values, pa.string()))
    before, after = resolve(plain), resolve({k: renamed(v) for k, v in plain.items()})
    assert renamed(before.tables["element"]).equals(after.tables["element"])
    assert renamed(before.tables["product"]).equals(after.tables["product"])
    assert before.conflicts["vendor"].equals(after.conflicts["vendor"])


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@given(st.lists(st.text(min_size=1, max_size=6), max_size=8))
def test_names_share_a_key_exactly_when_they_fold_alike(written: list[str]) -> None:
    network = tables(element=[{"id": str(i), "vendor_name": w} for i, w in enumerate(written)])
    keys = column(resolve(network).tables["element"], "vendor")
    for i, one in enumerate(written):
        assert (keys[i] is None) == (not normalise(one))
        for j, other in enumerate(written):
            if keys[i] is not None:
                assert (keys[i] == keys[j]) == (normalise(one) == normalise(other))


# --- the second stage: suggestions


def suggested(written: str, *vendors: Mapping[str, object]) -> list[tuple[object, object]]:
    network = tables(vendor=vendors, element=[{"id": "e", "vendor_name": written}])
    found = resolve(network).suggestions
    assert VENDOR_SUGGESTION.faults(found) == []
    return [(row["vendor"], row["why"]) for row in found.to_pylist()]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("Acme Networks GmbH & Co. KG", "legal form"),
        ("ACME S.p.A.", "legal form"),
        ("Acme Sp. z o.o.", "legal form"),
        ("Acne", "one spelling apart"),
        ("Amce", "one spelling apart"),
        ("Acme Radio Systems", "contains"),
        ("Acme Networx", "contains"),
    ],
)
def test_near_names_are_suggested_with_the_reason(written: str, why: str) -> None:
    assert suggested(written, ACME, BOLT) == [("table:acme", why)]


def test_joined_legal_forms_are_seen_through() -> None:
    assert suggested("北方网络股份有限公司", {"id": "n", "name": "北方网络"}) == [
        ("n", "legal form")
    ]


def test_unlike_names_are_not_suggested() -> None:
    assert suggested("Zephyr", ACME, BOLT) == []
    assert suggested("Bo", BOLT) == []


def test_two_unknown_spellings_are_suggested_once_the_later_for_the_earlier() -> None:
    network = tables(
        element=[{"id": "1", "vendor_name": "Zeta Oy"}, {"id": "2", "vendor_name": "Zeta"}]
    )
    found = resolve(network).suggestions
    assert found.to_pylist() == [
        {
            "vendor_name": "Zeta Oy",
            "vendor": "vendor:zeta",
            "known_as": "Zeta",
            "score": 1.0,
            "why": "legal form",
        }
    ]


def test_adding_the_alias_that_was_suggested_settles_it() -> None:
    network = tables(vendor=[ACME], element=[{"id": "e", "vendor_name": "Acme GmbH"}])
    (row,) = resolve(network).suggestions.to_pylist()
    network["vendor_alias"] = TABLES["vendor_alias"].from_rows(
        [{"alias": row["vendor_name"], "vendor": row["vendor"], "kind": "spelling"}]
    )
    settled = resolve(network)
    assert column(settled.tables["element"], "vendor") == ["table:acme"]
    assert settled.suggestions.num_rows == settled.added.num_rows == 0


# --- find


def test_a_vendor_is_found_by_key_name_and_alias() -> None:
    network = tables(vendor=[ACME, BOLT], vendor_alias=[{"alias": "AN", "vendor": "table:acme"}])
    for name in ("table:acme", "acme", "Acme Networks Ltd.", "an"):
        assert find(name, network) == "table:acme"
    with pytest.raises(NotFoundError, match="Zephyr"):
        find("Zephyr", network)
    with pytest.raises(NotFoundError) as raised:
        find("Acme Networks AB", network)
    assert raised.value.hint == "perhaps: table:acme"
    twins = tables(vendor=[ACME, {"id": "x", "name": "ACME"}])
    with pytest.raises(NotFoundError, match="several"):
        find("Acme", twins)


# --- control


def held(owner: str, owned: str, **more: object) -> dict[str, object]:
    return {"owner": owner, "owned": owned} | more


def stated(vendor: pa.Table, ownership: pa.Table) -> dict[object, object]:
    rows = control(vendor, ownership).to_pylist()
    return {row["vendor"]: row["ownership_is_stated"] for row in rows}


def test_control_runs_through_chains_and_says_which() -> None:
    network = tables(
        vendor=[
            {"id": "a", "name": "Alpha", "is_independent": True},
            {"id": "b", "name": "Beta"},
            {"id": "c", "name": "Gamma"},
        ],
        ownership=[
            held("a", "b", share=0.51),
            held("b", "c", is_controlling=True),
            held("a", "c", share=0.9, is_controlling=False),
        ],
    )
    found = control(network["vendor"], network["ownership"])
    assert CONTROL.faults(found) == []
    rows = {(r["vendor"], r["holder"]): (r["distance"], r["chain"]) for r in found.to_pylist()}
    assert rows == {
        ("a", "a"): (0, "Alpha"),
        ("b", "a"): (1, "Alpha > Beta"),
        ("b", "b"): (0, "Beta"),
        ("c", "a"): (2, "Alpha > Beta > Gamma"),
        ("c", "b"): (1, "Beta > Gamma"),
        ("c", "c"): (0, "Gamma"),
    }
    assert stated(network["vendor"], network["ownership"]) == {"a": True, "b": True, "c": True}


@pytest.mark.parametrize(
    ("independent", "holding", "expected"),
    [
        (True, None, True),
        (None, None, False),
        (False, None, False),
        (None, {"share": 0.3}, False),  # may or may not control
        (None, {"share": 0.5}, False),  # half is not more than half
        (None, {}, False),
        (None, {"share": 0.3, "is_controlling": True}, True),
        (None, {"share": 0.3, "is_controlling": False}, False),
        (True, {"share": 0.3, "is_controlling": False}, True),
        (True, {"share": 0.3}, True),  # it was looked into, and nobody controls it
        (True, {"share": 0.9}, False),  # the two statements contradict each other
    ],
)
def test_ownership_is_stated_only_where_it_is(
    independent: bool | None, holding: dict[str, object] | None, expected: bool
) -> None:
    network = tables(
        vendor=[
            {"id": "v", "name": "V", "is_independent": independent},
            {"id": "o", "name": "O", "is_independent": True},
        ],
        ownership=[] if holding is None else [held("o", "v", **holding)],
    )
    assert stated(network["vendor"], network["ownership"])["v"] is expected


def test_an_owner_of_whom_nothing_is_said_leaves_the_chain_unstated() -> None:
    network = tables(
        vendor=[{"id": "v", "name": "V"}], ownership=[held("o", "v", is_controlling=True)]
    )
    assert stated(network["vendor"], network["ownership"]) == {"o": False, "v": False}
    assert group("o", network) == {"o", "v"}


def test_circles_of_holdings_end() -> None:
    network = tables(
        vendor=[{"id": x, "name": x} for x in "abc"],
        ownership=[held(x, y, is_controlling=True) for x, y in ("ab", "bc", "ca", "aa")],
    )
    assert control(network["vendor"], network["ownership"]).num_rows == 9
    assert group("b", network) == {"a", "b", "c"}


def test_a_group_of_an_unknown_vendor_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="nobody"):
        group("nobody", tables(vendor=[ACME]))


HOLDING = st.fixed_dictionaries(
    {
        "owner": st.sampled_from("abcdef"),
        "owned": st.sampled_from("abcdef"),
        "share": st.none() | st.sampled_from([0.1, 0.5, 0.51, 1.0]),
        "is_controlling": st.none() | st.booleans(),
    }
)
HOLDINGS = st.lists(HOLDING, max_size=14, unique_by=lambda h: (h["owner"], h["owned"]))


@given(HOLDINGS)
def test_control_is_the_closure_of_the_holdings(holdings: list[dict[str, object]]) -> None:
    everyone = "abcdef"
    reach = np.eye(6, dtype=bool)
    for row in holdings:
        share = row["share"]
        counts = row["is_controlling"]
        if counts is None:
            counts = isinstance(share, float) and share > 0.5
        if counts:
            reach[everyone.index(str(row["owner"])), everyone.index(str(row["owned"]))] = True
    for middle in range(6):  # Warshall's closure, a second method
        reach |= np.outer(reach[:, middle], reach[middle, :])
    network = tables(vendor=[{"id": x, "name": x} for x in everyone], ownership=holdings)
    rows = control(network["vendor"], network["ownership"]).to_pylist()
    found = {(row["holder"], row["vendor"]) for row in rows}
    expected = {(everyone[i], everyone[j]) for i, j in np.argwhere(reach).tolist()}
    assert found == expected
    for one in everyone:
        assert group(one, network) == {y for x, y in expected if x == one}
    for row in rows:
        links = row["chain"].split(" > ")
        assert len(links) == row["distance"] + 1 == len(set(links))
        assert (links[0], links[-1]) == (row["holder"], row["vendor"])


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_splitting_a_vendor_into_subsidiaries_leaves_its_group_with_the_same_elements(
    parts: list[int],
) -> None:
    whole = tables(
        vendor=[{"id": "v", "name": "Vast"}],
        element=[{"id": str(i), "vendor_name": "Vast"} for i in range(len(parts))],
    )
    split = tables(
        vendor=[{"id": "v", "name": "Vast"}]
        + [{"id": f"v{i}", "name": f"Vast {i}"} for i in range(4)],
        ownership=[held("v" if i == 0 else f"v{i - 1}", f"v{i}", share=1.0) for i in range(4)],
        element=[{"id": str(i), "vendor_name": f"Vast {p}"} for i, p in enumerate(parts)],
    )

    def covered(network: dict[str, pa.Table]) -> list[str]:
        found = resolve(network).tables
        members = group("v", found)
        return [row["id"] for row in found["element"].to_pylist() if row["vendor"] in members]

    assert covered(whole) == covered(split)


# --- size


@pytest.mark.slow
def test_a_million_elements_resolve_in_seconds() -> None:
    count = 1_000_000
    random = np.random.default_rng(5)
    names = np.array([f"Vendor {i}" for i in range(400)], dtype=object)
    element = pa.table(
        {
            "id": pa.array(np.char.add("e", np.arange(count).astype(str))),
            "vendor_name": pa.array(names[random.integers(0, 400, count)]),
            "product": pa.array(np.char.add("p", random.integers(0, 900, count).astype(str))),
            "origin": pa.array(np.char.add("e.csv row ", np.arange(count).astype(str))),
        }
    )
    network = tables(
        vendor=[{"id": f"k{i}", "name": f"vendor-{i}"} for i in range(300)],
        product=[{"id": f"p{i}", "vendor_name": f"Vendor {i % 400}"} for i in range(800)],
    )
    network["element"] = element
    start = time.process_time()
    resolution = resolve(network)
    assert time.process_time() - start < 6
    assert resolution.added.num_rows == 100
    assert resolution.tables["element"]["vendor"].null_count == 0
