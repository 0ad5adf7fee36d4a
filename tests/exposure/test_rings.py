"""How many steps each element is away, on a network small enough to count by hand.

X made the base station G, which manages nothing. A packet from G reaches B, whose service obeys
whoever calls, and B manages the core element A, whose traffic it then reads and stops. Whether the
router R lets itself be called is not stated; who made H is not stated either. D is left alone.
"""

from datetime import date
from typing import Any

import pyarrow as pa

from ringfence.exposure.control import FACT, Profile
from ringfence.exposure.exposed import ExposureParameters
from ringfence.exposure.packets import OPENING, PLACE
from ringfence.exposure.rings import RingParameters, rings
from ringfence.network.model import NETWORK_TABLES
from ringfence.store.duck import Tables

OWN = Profile(
    id="own", says="It made it",
    select="SELECT e.id AS held, e.origin, CASE WHEN e.vendor IS NULL THEN 'the maker of ' || e.id "
    "END AS unknown FROM element e WHERE e.vendor IS NULL OR e.vendor IN (SELECT vendor FROM hostile)",
)  # fmt: skip
SITES = Profile(
    id="site", says="One site is taken over", each="site",
    select="SELECT e.id AS held, e.origin, NULL AS unknown, e.id AS each FROM element e "
    "WHERE e.id IN ('D', 'G')",
)  # fmt: skip
KINDS = {"G": "GNB", "B": "EMS", "A": "AMF", "R": "IP core router", "H": "ENB", "D": "UPF"}
MAKERS = {"G": "v:x", "H": None}
FACTS = (
    ("control element G", "send place 1", None),
    ("send place 1", "reach opening 1", None),
    ("reach opening 1", "control element B", None),
    ("control element B", "control element A", None),
    ("control element A", "read element A", None),
    ("control element A", "stop element A", None),
    ("send place 1", "reach opening 2", None),
    ("reach opening 2", "control element R", "whether R asks who calls"),
    ("control element H", "stop element H", None),
    ("control element D", "stop element D", None),
)


def network() -> Tables:
    rows: dict[str, list[dict[str, Any]]] = {
        "vendor": [{"id": "v:x", "name": "X"}, {"id": "v:o", "name": "O"}],
        "element": [{"id": e, "vendor": MAKERS.get(e, "v:o")} for e in KINDS],
        "function": [{"id": f"f{e}", "element": e, "kind": k} for e, k in KINDS.items()],
    }
    facts = [{"rule": "r", "premise": p, "conclusion": c, "unknown": u} for p, c, u in FACTS]
    openings = [
        {"opening": "opening 1", "endpoint": "p1", "element": "B"},
        {"opening": "opening 2", "endpoint": "p2", "element": "R"},
    ]
    tables = Tables({t.name: t.from_rows(rows.get(t.name, [])) for t in NETWORK_TABLES})
    return tables.and_these(
        {
            "fact": FACT.from_rows(facts),
            "opening": OPENING.from_rows(openings),
            "place": PLACE.from_rows([{"place": "place 1", "element": "G"}]),
            "scope": pa.table({"kind": ["AMF", "UPF"], "scope": ["in", "in"]}),
        }
    )


def asked(profile: Profile) -> list[tuple[Any, ...]]:
    ask = ExposureParameters(("v:x",), (profile,), date(2026, 11, 24))
    found = dict(rings(network(), RingParameters(ask)))["ring"]
    assert isinstance(found, pa.Table)
    return [
        tuple(r[c] for c in ("steps", "power", "domain", "is_core", "verdict", "kinds", "elements"))
        for r in found.to_pylist()
    ]


def test_each_element_is_counted_where_it_is_first_held_and_first_reached() -> None:
    assert asked(OWN) == [
        # What it made; and what nobody says the maker of, which may be its own.
        (0, "control", "radio access", False, "breached", "1 GNB", 1),
        (0, "control", "radio access", False, "unknown", "1 ENB", 1),
        # A packet from G comes to B and to R after two steps.
        (2, "reach", "management", False, "breached", "1 EMS", 1),
        (2, "reach", "transport", False, "breached", "1 IP core router", 1),
        (3, "control", "management", False, "breached", "1 EMS", 1),
        (3, "control", "transport", False, "unknown", "1 IP core router", 1),
        # Read and stopped a step later, A is counted once: where it is first held.
        (4, "control", "5G core", True, "breached", "1 AMF", 1),
        (None, None, "5G core", True, "holds", "1 UPF", 1),
    ]


def test_of_many_cases_the_one_is_counted_that_breaches_most() -> None:
    """From G's site the core falls in all three ways; from D's own, D alone in two."""
    ask = ExposureParameters(("v:x",), (SITES,), date(2026, 11, 24))
    found = dict(rings(network(), RingParameters(ask)))["ring"]
    assert isinstance(found, pa.Table)
    assert set(found["case"].to_pylist()) == {"G"}
    assert (0, "control", "radio access", False, "breached", "1 GNB", 1) in asked(SITES)
    assert (None, None, "5G core", True, "holds", "1 UPF", 1) in asked(SITES)
