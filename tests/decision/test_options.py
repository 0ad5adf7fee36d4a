"""What each option would forbid, by hand and against plain Python."""

from datetime import date
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ringfence.decision.options import OptionParameters, once_obeyed, options
from ringfence.network.model import NETWORK_TABLES
from ringfence.store.duck import Tables

DAY = date(2026, 1, 1)
SCOPE = pa.table({"kind": ["AMF", "GNBDU", "BNG"], "scope": ["in", "out", "review"]})


def network(**rows: list[dict[str, Any]]) -> Tables:
    tables: dict[str, pa.Table] = {
        t.name: t.from_rows(rows.get(t.name, [])) for t in NETWORK_TABLES
    }
    return Tables({**tables, "scope": SCOPE})


def laid(tables: Tables) -> tuple[dict[tuple[str, str | None], dict[str, Any]], pa.Table]:
    found = options(tables, OptionParameters("v", DAY))
    option, forbidden = found["option"], found["forbidden"]
    assert isinstance(option, pa.Table)
    assert isinstance(forbidden, pa.Table)
    return {(r["option"], r["operator"]): r for r in option.to_pylist()}, forbidden


HAND = network(
    operator=[{"id": "o", "name": "O"}, {"id": "p", "name": "P"}],
    site=[{"id": "s1", "operator": "o"}, {"id": "s2", "operator": "o"}, {"id": "s3"}],
    vendor=[
        {"id": "v", "name": "V", "is_independent": True},
        {"id": "w", "name": "W", "is_independent": True},
    ],
    element=[
        {"id": "radio", "site": "s1", "vendor": "v"},
        {"id": "amf", "site": "s2", "vendor": "v"},
        {"id": "both", "site": "s1", "vendor": "v"},
        {"id": "bng", "site": "s2", "vendor": "v", "operator": "p"},
        {"id": "nameless amf", "site": "s2"},
        {"id": "nameless radio", "site": "s3"},
        {"id": "other amf", "site": "s2", "vendor": "w"},
        {"id": "silent", "site": "s3", "vendor": "v"},
        {"id": "gone", "site": "s1", "vendor": "v", "removed_on": date(2025, 1, 1)},
    ],
    function=[
        {"element": "radio", "kind": "GNBDU"},
        {"element": "amf", "kind": "AMF"},
        {"element": "both", "kind": "GNBDU"},
        {"element": "both", "kind": "AMF"},
        {"element": "bng", "kind": "BNG"},
        {"element": "nameless amf", "kind": "AMF"},
        {"element": "nameless radio", "kind": "GNBDU"},
        {"element": "other amf", "kind": "AMF"},
    ],
    demand=[
        {"site": "s1", "kind": "mobile data", "people": 10.0, "traffic_mbps": 5.0},
        {"site": "s1", "kind": "voice", "people": 12.0, "traffic_mbps": 1.0},
        {"site": "s2", "kind": "fixed", "premises": 7.0},
    ],
)


def test_ban_forbids_what_the_vendor_made_and_leaves_open_what_nobody_named() -> None:
    by, _ = laid(HAND)
    # Made by v and in service: radio, amf, both, bng, silent. No maker: the two nameless ones.
    whole = by["ban", None]
    assert (whole["forbidden_elements"], whole["undecided_elements"], whole["elements"]) == (
        5,
        2,
        8,
    )
    # They stand at s1, s2 and s3. The people of s1 are counted once: 12, not 22.
    assert (whole["sites"], whole["people"], whole["traffic_mbps"]) == (3, 12.0, 6.0)
    assert whole["premises"] == 7.0


def test_non_core_only_forbids_core_functions_alone() -> None:
    by, forbidden = laid(HAND)
    # Core and made by v: amf, both. Open: bng (for the regulator), silent (no function stated) and
    # the nameless amf (no maker). The nameless radio is not core, whoever made it.
    whole = by["non-core only", None]
    assert (whole["forbidden_elements"], whole["undecided_elements"]) == (2, 3)
    rows = [r for r in forbidden.to_pylist() if r["option"] == "non-core only"]
    assert {r["element"]: r["is_decided"] for r in rows} == {
        "amf": True,
        "both": True,
        "bng": False,
        "nameless amf": False,
        "silent": False,
    }


def test_each_operator_has_its_part_and_the_parts_make_the_whole() -> None:
    by, _ = laid(HAND)
    # bng names its own operator; what stands at s3 has none.
    assert by["ban", "o"]["forbidden_elements"] == 3
    assert by["ban", "p"]["forbidden_elements"] == 1
    assert by["ban", "operator not stated"]["forbidden_elements"] == 1
    for option in ("ban", "non-core only", "allow"):
        parts = [r for (o, operator), r in by.items() if o == option and operator]
        for column in ("forbidden_elements", "undecided_elements", "elements"):
            assert sum(r[column] for r in parts) == by[option, None][column]


def test_allow_forbids_nothing() -> None:
    by, forbidden = laid(HAND)
    assert by["allow", None]["forbidden_elements"] == by["allow", None]["undecided_elements"] == 0
    assert "allow" not in forbidden.column("option").to_pylist()


def test_an_option_obeyed_leaves_what_it_did_not_forbid_for_certain() -> None:
    _, forbidden = laid(HAND)
    left = once_obeyed(HAND["element"], forbidden, "non-core only").column("id").to_pylist()
    assert sorted(left) == sorted(set(HAND["element"].column("id").to_pylist()) - {"amf", "both"})


def test_a_network_of_nothing_still_has_its_three_options() -> None:
    by, _ = laid(network(vendor=[{"id": "v", "name": "V"}]))
    assert {(o, r["elements"]) for (o, _), r in by.items()} == {
        ("ban", 0),
        ("non-core only", 0),
        ("allow", 0),
    }


ELEMENTS = st.lists(
    st.tuples(
        st.sampled_from(["v", "w", None]),
        st.sets(st.sampled_from(["AMF", "GNBDU", "BNG", "strange"]), max_size=3),
        st.sampled_from(["o", "p", None]),
    ),
    max_size=12,
)


def kleene_and(one: bool | None, other: bool | None) -> bool | None:
    if one is False or other is False:
        return False
    return None if one is None or other is None else True


@given(ELEMENTS)
def test_equal_to_three_valued_logic_in_plain_python(
    elements: list[tuple[str | None, set[str], str | None]],
) -> None:
    tables = network(
        vendor=[{"id": v, "name": v, "is_independent": True} for v in "vw"],
        element=[
            {"id": str(i), "vendor": vendor, "operator": operator}
            for i, (vendor, _, operator) in enumerate(elements)
        ],
        function=[
            {"element": str(i), "kind": kind}
            for i, (_, kinds, _) in enumerate(elements)
            for kind in sorted(kinds)
        ],
    )
    by, _ = laid(tables)
    held = [None if v is None else v == "v" for v, _, _ in elements]
    core: list[bool | None] = []
    for _, kinds, _ in elements:
        if "AMF" in kinds:
            core.append(True)
        elif kinds == {"GNBDU"}:
            core.append(False)
        else:
            core.append(None)
    judged = [kleene_and(h, c) for h, c in zip(held, core, strict=True)]
    assert by["ban", None]["forbidden_elements"] == held.count(True)
    assert by["ban", None]["undecided_elements"] == held.count(None)
    assert by["non-core only", None]["forbidden_elements"] == judged.count(True)
    assert by["non-core only", None]["undecided_elements"] == judged.count(None)
