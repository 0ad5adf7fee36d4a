"""A small network, drawn and counted by hand: every share, and every verdict of the UK packs.

Nothing here was worked out by the program. The shares are counted from the drawing below; the
verdicts are read off the facts of the two instruments (the advice of 28 January 2020 and the
direction of October 2022 with the policy before it), one subject at a time.

Two operators: A, a public network; B, whose network is safety-related. Five makers:

    Q  Quillon      named high-risk under both instruments, with a mitigation strategy
    S  Sarn Radio   controlled by Quillon, so Quillon's
    O  Ostrane      named high-risk under the advice alone, without a mitigation strategy
    N  Norvale      independent, not named
    M  Mirrow       of which nobody has said who owns it
    ?               no maker stated

    region  site  kind           traffic  people   sensitive   equipment
    North   A1    macro              100    1000   not stated  a1 gNB-DU Q, a9 gNB-DU N
            A2    macro              200    2000   no          a2 gNB-DU S
            A3    macro              300    3000   no          a3 gNB-DU N, a7 eNB Q
            A8    data centre          -       -   yes         a10 AMF N, a11 UPF Q, a12 HSS M,
                                                               a13 MME Q, a14 EMS S, a15 ? Q,
                                                               a17 WDM Q, a20 UPF N (from 2027)
    South   A4    macro              100    1000   no          a4 gNB-DU sold by N, made by S;
                                                               a19 gNB-DU Q (until 2020)
            A5    macro               50     500   no          a5 gNB-DU ?
            A6    macro              250    2500   no          a6 gNB-DU N, a8 radio unit Q
            A7    exchange             - 2000 premises   no    a16 OLT Q, a18 WDM N
    West    B1    macro              400    4000   no          b1 gNB-DU O
            B2    macro       not stated    1000   no          b2 gNB-DU N
            B3    exchange             - 3000 premises   no    b3 OLT N
    -       B4    data centre          -       -   no          b4 AMF Q, b5 UDM N, b6 SMF ?,
                                                               b7 a "mystery box" Q
    at no stated site: b8 EMS N of B; x1 gNB-DU ?, of no stated operator
"""

from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from typing import Any, Final

import pytest

from ringfence.exposure.presence import PresenceParameters, presence
from ringfence.network.merge import merge
from ringfence.network.model import FINDING, TABLES
from ringfence.network.vendors import find
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import load_pack
from ringfence.store.duck import Tables

Row = dict[str, Any]
F = Fraction


def day(text: str) -> date:
    return date.fromisoformat(text)


OPERATORS: Final[list[Row]] = [
    {"id": "A", "name": "Fernline", "network_purpose": "public"},
    {"id": "B", "name": "Brookcell", "network_purpose": "safety-related"},
]
SITES: Final[list[Row]] = [
    {"id": name, "operator": name[0], "region": region, "kind": kind, "is_sensitive": sensitive}
    for name, region, kind, sensitive in [
        ("A1", "North", "macro", None),
        ("A2", "North", "macro", False),
        ("A3", "North", "macro", False),
        ("A4", "South", "macro", False),
        ("A5", "South", "macro", False),
        ("A6", "South", "macro", False),
        ("A7", "South", "exchange", False),
        ("A8", "North", "data centre", True),
        ("B1", "West", "macro", False),
        ("B2", "West", "macro", False),
        ("B3", "West", "exchange", False),
        ("B4", None, "data centre", False),
    ]
]
VENDORS: Final[list[Row]] = [
    {"id": "q", "name": "Quillon", "is_independent": True},
    {"id": "s", "name": "Sarn Radio"},
    {"id": "o", "name": "Ostrane", "is_independent": True},
    {"id": "n", "name": "Norvale", "is_independent": True},
    {"id": "m", "name": "Mirrow"},
]
PRODUCTS: Final[list[Row]] = [
    {"id": "white label", "vendor_name": "Norvale", "original_maker_name": "Sarn Radio"},
    {"id": "line terminal", "vendor_name": "Quillon", "sanctions_affected": True},
]
# id, maker as written, site, function as written, bought, installed
_EQUIPMENT: Final = [
    ("a1", "Quillon", "A1", "gNB-DU", "2019-01-01", "2019-05-01"),
    ("a2", "Sarn Radio", "A2", "gNB-DU", "2021-03-01", "2021-12-01"),
    ("a3", "Norvale", "A3", "gNB-DU", "2019-06-01", "2020-01-01"),
    ("a4", "Norvale", "A4", "gNB-DU", "2022-11-01", "2022-12-01"),
    ("a5", None, "A5", "gNB-DU", None, None),
    ("a6", "NORVALE", "A6", "GNBDU", "2019-12-01", "2020-02-01"),
    ("a7", "quillon", "A3", "eNodeB", "2014-06-01", "2015-01-01"),
    ("a8", "Quillon", "A6", "Remote Radio Unit", "2017-06-01", "2018-01-01"),
    ("a9", "Norvale", "A1", "gNB-DU", "2019-12-01", "2020-02-01"),
    ("a10", "Norvale", "A8", "AMF", "2019-12-01", "2020-02-01"),
    ("a11", "Quillon", "A8", "UPF", "2017-06-01", "2018-01-01"),
    ("a12", "Mirrow", "A8", "Home Subscriber Server", "2017-06-01", "2018-01-01"),
    ("a13", "Quillon", "A8", "MME", "2014-06-01", "2015-01-01"),
    ("a14", "Sarn-Radio", "A8", "EMS", "2017-06-01", "2018-01-01"),
    ("a15", "Quillon", "A8", None, "2017-06-01", "2018-01-01"),
    ("a16", "Quillon", "A7", "OLT", "2022-11-15", "2022-12-15"),
    ("a17", "Quillon", "A8", "WDM", "2015-06-01", "2016-01-01"),
    ("a18", "Norvale", "A7", "WDM", "2019-12-01", "2020-02-01"),
    ("a19", "Quillon", "A4", "gNB-DU", "2015-06-01", "2016-01-01"),
    ("a20", "Norvale", "A8", "UPF", "2026-06-01", "2027-01-01"),
    ("b1", "Ostrane", "B1", "gNB-DU", "2020-01-15", "2020-05-01"),
    ("b2", "Norvale", "B2", "gNB-DU", "2019-12-01", "2020-02-01"),
    ("b3", "Norvale", "B3", "Optical Line Terminal", "2019-12-01", "2020-02-01"),
    ("b4", "Quillon", "B4", "AMF", "2018-12-01", "2019-03-01"),
    ("b5", "Norvale", "B4", "UDM", "2019-12-01", "2020-02-01"),
    ("b6", None, "B4", "SMF", "2021-02-01", "2021-05-01"),
    ("b7", "Quillon", "B4", "mystery box", None, None),
    ("b8", "Norvale", None, "EMS", "2019-12-01", "2020-02-01"),
    ("x1", None, None, "gNB-DU", "2019-01-01", "2019-06-01"),
]
_PRODUCT_OF: Final = {"a4": "white label", "a16": "line terminal"}
ELEMENTS: Final[list[Row]] = [
    {
        "id": name,
        "vendor_name": maker,
        "site": site,
        "operator": "B" if name == "b8" else None,
        "product": _PRODUCT_OF.get(name),
        "purchased_on": day(bought) if bought else None,
        "installed_on": day(installed) if installed else None,
        "removed_on": day("2020-12-31") if name == "a19" else None,
    }
    for name, maker, site, _, bought, installed in _EQUIPMENT
]
FUNCTIONS: Final[list[Row]] = [
    {"element": name, "kind": kind} for name, _, _, kind, _, _ in _EQUIPMENT if kind
]
DEMAND: Final[list[Row]] = [
    *(
        {"site": site, "kind": "mobile data", "traffic_mbps": traffic, "people": people}
        for site, traffic, people in [
            ("A1", 100.0, 1000.0),
            ("A2", 200.0, 2000.0),
            ("A3", 300.0, 3000.0),
            ("A4", 100.0, 1000.0),
            ("A5", 50.0, 500.0),
            ("A6", 250.0, 2500.0),
            ("B1", 400.0, 4000.0),
            ("B2", None, 1000.0),
        ]
    ),
    # The same people at A1 telephone too: they are still 1000.
    {"site": "A1", "kind": "voice", "people": 800.0},
    {"site": "A7", "kind": "fixed", "premises": 2000.0},
    {"site": "B3", "kind": "fixed", "premises": 3000.0},
]
LAW: Final[dict[str, list[Row]]] = {
    "ownership": [{"owner": "Quillon", "owned": "Sarn Radio", "is_controlling": True}],
    "designation": [
        {
            "vendor": "Quillon",
            "instrument": "uk-ncsc-2020",
            "valid_from": day("2020-01-28"),
            "status": "treated as high risk",
            "has_mitigation_strategy": True,
        },
        {
            "vendor": "Ostrane",
            "instrument": "uk-ncsc-2020",
            "valid_from": day("2020-01-28"),
            "status": "treated as high risk",
            "has_mitigation_strategy": False,
        },
        {
            "vendor": "Quillon",
            "instrument": "uk-dvd-2022",
            "valid_from": day("2020-07-14"),
            "status": "designated",
        },
    ],
    "link": [
        {
            "id": "l1",
            "source": "a17",
            "target": "a18",
            "carries": "intra-core",
            "capacity_mbps": 100_000.0,
        }
    ],
    "document": [
        {
            "operator": "A",
            "kind": "compliance plan",
            "instrument": "uk-dvd-2022",
            "dated_on": day("2023-02-01"),
        }
    ],
}


@pytest.fixture(scope="module")
def network() -> Tables:
    """The network as four files would give it: places, equipment, functions, and the law."""
    files: list[dict[str, list[Row]]] = [
        {"operator": OPERATORS, "site": SITES, "demand": DEMAND},
        {"element": ELEMENTS, "product": PRODUCTS},
        {"function": FUNCTIONS},
        {"vendor": VENDORS, **LAW},
    ]
    merged = merge(
        [
            Tables({name: TABLES[name].from_rows(rows) for name, rows in file.items()})
            for file in files
        ]
    )
    assert merged.findings.num_rows == 0
    assert merged.contradictions == []
    return Tables({**merged.tables, "finding": merged.findings})


# --- every share, on 30 June 2023

# In service that day: all 29 but a19 (gone) and a20 (to come): 27, of them 18 of A (a1 to a18),
# 8 of B, and x1. Quillon's are those made by Q or S, or really made by S:
#     a1 a2 a4 a7 a8 a11 a13 a14 a15 a16 a17   11 of A
#     b4 b7                                     2 of B
# unknown, for no maker is stated: a5, b6, x1. The other 11 are not Quillon's.
# A share is written as its least and its greatest; None where it is not determined.
Share = tuple[F, F] | None
ALL = (F(1), F(1))
NONE = (F(0), F(0))


def exactly(part: int, whole: int) -> tuple[F, F]:
    return F(part, whole), F(part, whole)


ELEMENT_SHARES: Final[dict[tuple[str, str | None], Share]] = {
    ("network", None): (F(13, 27), F(16, 27)),
    ("operator", "A"): (F(11, 18), F(12, 18)),  # unknown: a5
    ("operator", "B"): (F(2, 8), F(3, 8)),  # unknown: b6
    ("operator", None): (F(0, 1), F(1, 1)),  # x1
    # A1: a1 Q, a9; A2: a2 S; A3: a3, a7 Q; A8: a10, a11 Q, a12, a13 Q, a14 S, a15 Q, a17 Q
    ("region", "North"): exactly(8, 12),
    # A4: a4 S; A5: a5 ?; A6: a6, a8 Q; A7: a16 Q, a18
    ("region", "South"): (F(3, 6), F(4, 6)),
    ("region", "West"): exactly(0, 3),  # b1 O, b2, b3
    # B4 has no region: b4 Q, b5, b6 ?, b7 Q; at no site: b8, x1 ?
    ("region", None): (F(2, 6), F(4, 6)),
    # a1 Q, a2 S, a4 S; a5 ?, x1 ?; a3, a6, a9, b1, b2
    ("function", "GNBDU"): (F(3, 10), F(5, 10)),
    ("function", "ENB"): ALL,  # a7
    ("function", "RU"): ALL,  # a8
    ("function", "AMF"): exactly(1, 2),  # a10, b4 Q
    ("function", "UPF"): ALL,  # a11; a20 is to come
    ("function", "HSS"): NONE,  # a12
    ("function", "MME"): ALL,  # a13
    ("function", "EMS"): exactly(1, 2),  # a14 S, b8
    ("function", None): ALL,  # a15
    ("function", "OLT"): exactly(1, 2),  # a16 Q, b3
    ("function", "WDM"): exactly(1, 2),  # a17 Q, a18
    ("function", "UDM"): NONE,  # b5
    ("function", "SMF"): (F(0), F(1)),  # b6
    ("function", "mystery box"): ALL,  # b7
}

# Sites: held where one element of the part is Quillon's; unknown where none is but one may be.
#     held A1 (a1), A2 (a2), A3 (a7), A4 (a4), A6 (a8), A7 (a16), A8, B4 (b4)
#     unknown A5 (a5); not held B1, B2, B3
SITE_SHARES: Final[dict[tuple[str, str | None], Share]] = {
    ("network", None): (F(8, 12), F(9, 12)),
    ("operator", "A"): (F(7, 8), F(8, 8)),
    ("operator", "B"): exactly(1, 4),
    ("region", "North"): ALL,  # A1, A2, A3, A8
    ("region", "South"): (F(3, 4), F(4, 4)),  # A4, A6, A7; A5
    ("region", "West"): exactly(0, 3),
    ("region", None): ALL,  # B4; what stands at no site is at none of this region either
    # of the gNB-DUs: A1, A2, A4 held; A5 unknown; A3, A6, B1, B2 not
    ("function", "GNBDU"): (F(3, 8), F(4, 8)),
    ("function", "ENB"): ALL,
    ("function", "RU"): ALL,
    ("function", "AMF"): exactly(1, 2),  # A8 not (a10), B4 held
    ("function", "UPF"): ALL,
    ("function", "HSS"): NONE,
    ("function", "MME"): ALL,
    ("function", "EMS"): ALL,  # A8; b8 stands nowhere
    ("function", None): ALL,
    ("function", "OLT"): exactly(1, 2),  # A7 held, B3 not
    ("function", "WDM"): exactly(1, 2),  # A8 held, A7 not (a18)
    ("function", "UDM"): NONE,
    ("function", "SMF"): (F(0), F(1)),
    ("function", "mystery box"): ALL,
}

# Traffic: 100 + 200 + 300 + 100 + 50 + 250 = 1000 at A, of which A5's 50 is unknown and the rest is
# at held sites; at B 400, not held, and B2 not stated. Where B2 is in the part: no share at all.
TRAFFIC_SHARES: Final[dict[tuple[str, str | None], Share]] = {
    ("network", None): None,
    ("operator", "A"): (F(950, 1000), F(1000, 1000)),
    ("operator", "B"): None,
    ("region", "North"): ALL,  # 100 + 200 + 300 of 600
    ("region", "South"): (F(350, 400), F(400, 400)),  # A4 100, A6 250; A5 50
    ("region", "West"): None,
    ("region", None): None,  # no traffic at B4
    ("function", "GNBDU"): None,  # B2
    ("function", "ENB"): ALL,  # A3's 300
    ("function", "RU"): ALL,  # A6's 250
}

# People: 10000 at A (A1's once), of whom 500 at A5; 5000 at B.
PEOPLE_SHARES: Final[dict[tuple[str, str | None], Share]] = {
    ("network", None): (F(9500, 15000), F(10000, 15000)),
    ("operator", "A"): (F(9500, 10000), F(10000, 10000)),
    ("operator", "B"): exactly(0, 5000),
    ("region", "North"): ALL,
    ("region", "South"): (F(3500, 4000), F(4000, 4000)),
    ("region", "West"): exactly(0, 5000),
    ("region", None): None,
    # A1 1000 + A2 2000 + A4 1000; A5 500; of 15000
    ("function", "GNBDU"): (F(4000, 15000), F(4500, 15000)),
    ("function", "ENB"): ALL,
    ("function", "RU"): ALL,
}

# Premises: 2000 at A7, held by its OLT; 3000 at B3.
PREMISES_SHARES: Final[dict[tuple[str, str | None], Share]] = {
    ("network", None): exactly(2000, 5000),
    ("operator", "A"): ALL,
    ("operator", "B"): exactly(0, 3000),
    ("region", "North"): None,
    ("region", "South"): ALL,
    ("region", "West"): exactly(0, 3000),
    ("region", None): None,
    ("function", "OLT"): exactly(2000, 5000),
    ("function", "WDM"): exactly(0, 2000),  # by a18 alone, A7 is not Quillon's
}

SHARES: Final[dict[str, dict[tuple[str, str | None], Share]]] = {
    "elements": ELEMENT_SHARES,
    "sites": SITE_SHARES,
    # Where a part has no such amount at all, there is no share of it.
    "traffic": dict.fromkeys(SITE_SHARES, None) | TRAFFIC_SHARES,
    "people": dict.fromkeys(SITE_SHARES, None) | PEOPLE_SHARES,
    "premises": dict.fromkeys(SITE_SHARES, None) | PREMISES_SHARES,
}
TOTALS: Final[dict[tuple[str, str, str | None], tuple[int, int, int, int]]] = {
    # held, unknown, total, sites whose amount is not stated
    ("elements", "network", None): (13, 3, 27, 0),
    ("sites", "network", None): (8, 1, 12, 0),
    ("traffic", "network", None): (950, 50, 1400, 1),
    ("traffic", "operator", "B"): (0, 0, 400, 1),
    ("traffic", "region", "West"): (0, 0, 400, 1),
    ("traffic", "region", None): (0, 0, 0, 0),
    ("traffic", "function", "GNBDU"): (400, 50, 1400, 1),
    ("people", "network", None): (9500, 500, 15000, 0),
    ("premises", "network", None): (2000, 0, 5000, 0),
    ("premises", "operator", "A"): (2000, 0, 2000, 0),
}


@pytest.fixture(scope="module")
def measured(network: Tables) -> dict[tuple[str, str, str | None], Row]:
    found = presence(network, PresenceParameters(find("Quillon", network), day("2023-06-30")))
    return {(r["measure"], r["by"], r["group"]): r for r in found["presence"].to_pylist()}


@pytest.mark.parametrize("measure", SHARES)
def test_every_share_is_the_one_counted_by_hand(
    measured: Mapping[tuple[str, str, str | None], Row], measure: str
) -> None:
    got = {
        (by, group): None if row["share_low"] is None else (row["share_low"], row["share_high"])
        for (of, by, group), row in measured.items()
        if of == measure
    }
    expected = {
        place: None if share is None else (float(share[0]), float(share[1]))
        for place, share in SHARES[measure].items()
    }
    assert got == expected


def test_the_numbers_behind_the_shares_are_those_counted_by_hand(
    measured: Mapping[tuple[str, str, str | None], Row],
) -> None:
    for place, expected in TOTALS.items():
        row = measured[place]
        got = (row["held"], row["unknown"], row["total"], row["not_stated"])
        assert got == expected, place


def test_of_a_vendor_nobody_has_said_the_owner_of_the_share_is_its_own(network: Tables) -> None:
    # Mirrow made a12 alone; a5, b6 and x1 may be its.
    found = presence(network, PresenceParameters("m", day("2023-06-30")))["presence"].to_pylist()
    (row,) = (r for r in found if (r["by"], r["measure"]) == ("network", "elements"))
    assert (row["share_low"], row["share_high"]) == (float(F(1, 27)), float(F(4, 27)))


# --- every verdict

EARLY, MIDDLE, LATE = day("2021-06-30"), day("2023-06-30"), day("2028-01-01")

# In service: on the first day not yet a2, a4, a16 (and a20); on the second not yet a20.
_LASTING = {e["id"] for e in ELEMENTS} - {"a19", "a20", "a2", "a4", "a16"}
SUBJECTS: Final = {
    EARLY: _LASTING,
    MIDDLE: _LASTING | {"a2", "a4", "a16"},
    LATE: _LASTING | {"a2", "a4", "a16", "a20"},
}

# What a rule says of the state of things: the subjects in breach, and those of which it cannot be
# told. All others comply. Then what that means on the day: `now`, or by a deadline still ahead.
State = tuple[set[str], set[str]]

# Advice of 2020. High-risk: Q, with S; and O. Unknown makers: a5, b6, x1; and a12, whose maker's
# owners nobody has stated. N is independent and not named.
UK20_01: Final[dict[date, State]] = dict.fromkeys(
    (EARLY, MIDDLE, LATE),
    # B serves safety: O's b1, Q's b4 and b7; b6 may be. A is public, whoever made what: it
    # complies. Of x1 neither the maker nor the network is stated.
    ({"b1", "b4", "b7"}, {"b6", "x1"}),
)
UK20_02: Final[dict[date, State]] = dict.fromkeys(
    (EARLY, MIDDLE, LATE),
    # Core in any network: UPF (a11) and AMF (b4) of 5G; management (a14, an EMS, of S).
    # Not told: a12 (HSS, in the list; maker M), a13 (MME: only in some cases), a15 (function not
    # stated), b6 (SMF; maker not stated), b7 (function in no catalogue). Access and optical
    # transport are not in the list, whoever made them.
    ({"a11", "a14", "b4"}, {"a12", "a13", "a15", "b6", "b7"}),
)
UK20_03: Final[dict[date, State]] = dict.fromkeys(
    (EARLY, MIDDLE, LATE),
    # A8 is sensitive: Q's a11, a13, a15, a17 and S's a14; a12 of M may be. Of A1 it is not stated,
    # and Q's a1 stands there. Of x1 neither maker nor site is stated.
    ({"a11", "a13", "a14", "a15", "a17"}, {"a12", "a1", "x1"}),
)
UK20_04: Final[dict[date, State]] = {
    # A, early: stations A1 (held), A3 (not: Q's eNB there is 4G), A5 (?), A6 (N's gNB-DU, and Q's
    # radio unit that may serve 5G). Between 1 of 5 (x1 is A's and not high-risk) and far above.
    # B: B1 held (O), B2 not: 1 of 2, but 1 of 3 if x1 is B's and not high-risk; b7 may be a
    # radio; and B2's traffic is not stated.
    EARLY: (set(), {"A", "B"}),
    # A, later: A1, A2, A4 held of six, whatever A5 and A6 are. With x1, not high-risk: 3 of 7,
    # 42.9 %, still above 35 %. If a15 is a radio too, it is one of Q's.
    MIDDLE: ({"A"}, {"B"}),
    LATE: ({"A"}, {"B"}),
}
UK20_05: Final[dict[date, State]] = {
    # A, early: no line terminal is known, but a15 of Q, whose function is not stated, may be one.
    # B: b3 of N serves 3000 premises; b7 of Q may be a line terminal and serve others.
    EARLY: (set(), {"A", "B"}),
    # A, later: all 2000 premises are served by a16 of Q. If a15 is a line terminal too, then what
    # it serves is Q's as well: 100 % either way.
    MIDDLE: ({"A"}, {"B"}),
    LATE: ({"A"}, {"B"}),
}
UK20_06: Final[dict[date, State]] = dict.fromkeys(
    (EARLY, MIDDLE, LATE),
    # B: Q (b4, b7) and O (b1). A: Q, with S one vendor; but a5, a12 and x1 may be O's.
    ({"B"}, {"A"}),
)
UK20_07: Final[dict[date, State]] = dict.fromkeys(
    (EARLY, MIDDLE, LATE),
    # O has no mitigation strategy: b1. What has no maker stated, or M, may be O's.
    ({"b1"}, {"a5", "a12", "b6", "x1"}),
)

# Direction of 2022 and the policy before it. Named: Q, with S. O is not named here.
# In 5G for certain: gNB-DUs, AMF, UPF, UDM, SMF. Not in 5G: eNB, MME, HSS (4G), OLT (fixed). Not
# told: radio unit (a8), EMS (a14, b8), WDM (a17, a18), no function or an unknown one (a15, b7).
UKP_01: Final[dict[date, State]] = {
    # Bought after 31 December 2020. Early: b6 (2021; maker not stated), a5 and b7 (day not stated).
    EARLY: (set(), {"a5", "b6", "b7"}),
    # a2 of S, March 2021; a4, really made by S, November 2022. a16, November 2022, is not 5G.
    MIDDLE: ({"a2", "a4"}, {"a5", "b6", "b7"}),
    LATE: ({"a2", "a4"}, {"a5", "b6", "b7"}),
}
_IN_5G: Final[dict[date, State]] = {
    EARLY: ({"a1", "a11", "b4"}, {"a5", "a8", "a14", "a15", "a17", "b6", "b7", "x1"}),
    MIDDLE: ({"a1", "a2", "a4", "a11", "b4"}, {"a5", "a8", "a14", "a15", "a17", "b6", "b7", "x1"}),
    LATE: ({"a1", "a2", "a4", "a11", "b4"}, {"a5", "a8", "a14", "a15", "a17", "b6", "b7", "x1"}),
}
UKP_03: Final[dict[date, State]] = {
    # Installed after 30 September 2021: nothing yet on the first day; of a5 and b7 no day is stated.
    EARLY: (set(), {"a5", "b7"}),
    # a2, December 2021; a4, December 2022. a16, December 2022, is not 5G.
    MIDDLE: ({"a2", "a4"}, {"a5", "b7"}),
    LATE: ({"a2", "a4"}, {"a5", "b7"}),
}
UKD_01: Final[dict[date, State]] = {
    # Installed after 13 October 2022: a4. a2 was before.
    MIDDLE: ({"a4"}, {"a5", "b7"}),
    LATE: ({"a4"}, {"a5", "b7"}),
}
UKD_03: Final[dict[date, State]] = dict.fromkeys((MIDDLE, LATE), UK20_02[MIDDLE])
UKD_05: Final[dict[date, State]] = {
    # A as above. B: b1 is O's, who is not named here: none held; but b7 and x1 may be radios of Q,
    # and their traffic is not stated.
    MIDDLE: ({"A"}, {"B"}),
    LATE: ({"A"}, {"B"}),
}
UKD_06: Final[dict[date, State]] = dict.fromkeys((MIDDLE, LATE), UK20_03[MIDDLE])
UKD_07: Final[dict[date, State]] = dict.fromkeys(
    (MIDDLE, LATE),
    # a16: a line terminal of Q, affected, December 2022. b7 of Q may be one: no day is stated.
    # a15 was installed in 2018, whatever it is.
    ({"a16"}, {"b7"}),
)
UKD_08: Final[dict[date, State]] = dict.fromkeys(
    (MIDDLE, LATE),
    # a17 of Q ends the 100 Gbit/s link within the core, where 10 Gbit/s counts as high; its other
    # end, a18, is N's. a15 and b7 of Q may be transmission; no link of theirs is stated.
    ({"a17"}, {"a15", "b7"}),
)
UKD_11: Final[dict[date, State]] = dict.fromkeys(
    (MIDDLE, LATE),
    # A handed a plan in; of B none is known, and by when it is due was not found.
    (set(), {"B"}),
)

NOW = "now"
POSSIBLE = "where possible"
When = str | tuple[str, date]
# Rule, its states, and on each day: not in force (absent), in force now, due by a date, or "where
# possible" until a date.
RULES: Final[dict[str, tuple[dict[date, State], dict[date, When]]]] = {
    "uk-ncsc-2020/UK20-01": (UK20_01, dict.fromkeys(UK20_01, NOW)),
    # The three years of the advice end on 28 January 2023.
    "uk-ncsc-2020/UK20-02": (
        UK20_02,
        {EARLY: ("due", day("2023-01-28")), MIDDLE: NOW, LATE: NOW},
    ),
    "uk-ncsc-2020/UK20-03": (
        UK20_03,
        {EARLY: ("due", day("2023-01-28")), MIDDLE: NOW, LATE: NOW},
    ),
    "uk-ncsc-2020/UK20-04": (
        UK20_04,
        {EARLY: ("due", day("2023-01-28")), MIDDLE: NOW, LATE: NOW},
    ),
    "uk-ncsc-2020/UK20-05": (
        UK20_05,
        {EARLY: ("due", day("2023-01-28")), MIDDLE: NOW, LATE: NOW},
    ),
    "uk-ncsc-2020/UK20-06": (UK20_06, dict.fromkeys(UK20_06, NOW)),
    "uk-ncsc-2020/UK20-07": (UK20_07, dict.fromkeys(UK20_07, NOW)),
    "uk-dvd-2022/UKP-01": (UKP_01, dict.fromkeys(UKP_01, NOW)),
    "uk-dvd-2022/UKP-02": (
        _IN_5G,
        {EARLY: ("due", day("2027-12-31")), MIDDLE: ("due", day("2027-12-31")), LATE: NOW},
    ),
    "uk-dvd-2022/UKP-03": (
        UKP_03,
        {EARLY: ("due", day("2021-09-30")), MIDDLE: NOW, LATE: NOW},
    ),
    "uk-dvd-2022/UKP-04": (
        UK20_05,
        {EARLY: ("due", day("2023-01-31")), MIDDLE: NOW, LATE: NOW},
    ),
    "uk-dvd-2022/UKD-01": (UKD_01, dict.fromkeys(UKD_01, NOW)),
    "uk-dvd-2022/UKD-02": (_IN_5G, {MIDDLE: ("due", day("2027-12-31")), LATE: NOW}),
    # 28 January 2023 where possible, and for all at the end of that year.
    "uk-dvd-2022/UKD-03": (UKD_03, {MIDDLE: (POSSIBLE, day("2023-12-31")), LATE: NOW}),
    "uk-dvd-2022/UKD-04": (UK20_05, {MIDDLE: ("due", day("2023-10-31")), LATE: NOW}),
    "uk-dvd-2022/UKD-05": (UKD_05, {MIDDLE: ("due", day("2023-07-31")), LATE: NOW}),
    "uk-dvd-2022/UKD-06": (UKD_06, dict.fromkeys(UKD_06, NOW)),
    "uk-dvd-2022/UKD-07": (UKD_07, dict.fromkeys(UKD_07, NOW)),
    "uk-dvd-2022/UKD-08": (UKD_08, {MIDDLE: ("due", day("2025-12-31")), LATE: NOW}),
    "uk-dvd-2022/UKD-11": (UKD_11, dict.fromkeys(UKD_11, NOW)),
}
_OF_OPERATORS: Final = {"UK20-04", "UK20-05", "UK20-06", "UKP-04", "UKD-04", "UKD-05", "UKD-11"}
# From the direction on, what it rules on is superseded in the advice and in the policy before it.
SUPERSEDED: Final = {
    "uk-ncsc-2020/UK20-02": "uk-dvd-2022/UKD-03",
    "uk-ncsc-2020/UK20-03": "uk-dvd-2022/UKD-06",
    "uk-ncsc-2020/UK20-04": "uk-dvd-2022/UKD-05",
    "uk-ncsc-2020/UK20-05": "uk-dvd-2022/UKD-04",
    "uk-dvd-2022/UKP-02": "uk-dvd-2022/UKD-02",
    "uk-dvd-2022/UKP-03": "uk-dvd-2022/UKD-01",
    "uk-dvd-2022/UKP-04": "uk-dvd-2022/UKD-04",
}

Answer = tuple[str, date | None, str | None]


def expected(rule: str, on: date) -> dict[str, Answer]:
    """Verdict, deadline and verdict when due, of every subject."""
    states, when = RULES[rule]
    breach, unknown = states[on]
    means = when[on]
    found: dict[str, Answer] = {}
    is_of_operators = rule.partition("/")[2] in _OF_OPERATORS
    for subject in {"A", "B"} if is_of_operators else SUBJECTS[on]:
        state = "breach" if subject in breach else "unknown" if subject in unknown else "comply"
        if state == "comply" or isinstance(means, str):
            found[subject] = (state, None, None)
        elif means[0] == "due":  # lawful until then
            found[subject] = ("comply", means[1], state)
        else:  # the first date passed, which some were allowed to miss: nobody can say who
            found[subject] = ("unknown", means[1], state)
    return found


@pytest.fixture(scope="module")
def judged(network: Tables) -> dict[tuple[str, date], dict[str, Row]]:
    """Every finding, by rule and day."""
    found: dict[tuple[str, date], dict[str, Row]] = {}
    for name in ("uk-ncsc-2020", "uk-dvd-2022"):
        pack = load_pack(name)
        values = {"high_data_rate_mbps": 10_000.0} if name == "uk-dvd-2022" else {}
        for on in SUBJECTS:
            ask = EvaluateParameters(on, values=values, keep_comply=True)
            answer = FINDING.conform(evaluate(network, pack, ask)["finding"]).to_pylist()
            for row in answer:
                subjects = found.setdefault((row["rule"], on), {})
                assert row["subject"] not in subjects
                subjects[row["subject"]] = row
    return found


Judged = Mapping[tuple[str, date], Mapping[str, Row]]


def test_the_rules_in_force_on_each_day_are_those_of_the_instruments(judged: Judged) -> None:
    assert set(judged) == {(rule, on) for rule, (_, when) in RULES.items() for on in when}


@pytest.mark.parametrize(
    ("rule", "on"),
    [
        pytest.param(rule, on, id=f"{rule.partition('/')[2]} on {on}")
        for rule, (_, when) in RULES.items()
        for on in when
    ],
)
def test_every_verdict_is_the_one_read_off_the_instrument(
    judged: Judged, rule: str, on: date
) -> None:
    got = {
        subject: (row["verdict"], row["due_on"], row["verdict_when_due"])
        for subject, row in judged[rule, on].items()
    }
    assert got == expected(rule, on)


@pytest.mark.parametrize("rule", RULES)
def test_what_the_direction_rules_on_is_superseded_from_its_day_on(
    judged: Judged, rule: str
) -> None:
    for on in RULES[rule][1]:
        for row in judged[rule, on].values():
            over = on > day("2022-10-12") and SUPERSEDED.get(rule)
            assert row["legal_status"].startswith("superseded") == bool(over)
            assert not over or over in row["legal_status"]


def test_without_the_threshold_of_a_high_rate_nobody_can_tell(network: Tables) -> None:
    ask = EvaluateParameters(LATE, rules=("UKD-08",), keep_comply=True)
    found = FINDING.conform(evaluate(network, load_pack("uk-dvd-2022"), ask)["finding"])
    verdicts = {row["subject"]: row["verdict"] for row in found.to_pylist()}
    # a17 had breached it; the equipment of others and other equipment of Quillon's still complies.
    assert {s for s, v in verdicts.items() if v == "unknown"} == {"a15", "a17", "b7"}
    assert {s for s, v in verdicts.items() if v == "comply"} == SUBJECTS[LATE] - {
        "a15",
        "a17",
        "b7",
    }


def test_every_finding_rests_on_its_subject_and_has_its_citation(judged: Judged) -> None:
    for findings in judged.values():
        for row in findings.values():
            assert row["because"]
            assert row["citation"]
            assert row["operator"] in ("A", "B", None)
