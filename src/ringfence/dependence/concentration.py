"""How few stand behind how much: shares by maker, owner, jurisdiction and common component.

Two names on the boxes are one dependence where one owner stands behind both, one law binds both,
or one chip, library or white-label maker is in both. Each basis shares the same elements out
anew. What is not stated is the unknown part: a share is a range, and so is the index.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

import pyarrow as pa
import pydantic

from ringfence.network.ownership import control
from ringfence.network.placement import PlacementParameters, placement
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables, connect
from ringfence.store.tables import Column, Table, Type

GROUPINGS: Final = ("network", "operator", "region", "domain", "function")
BASES: Final = ("maker", "owner", "jurisdiction", "component")
WHOLE: Final = frozenset(("maker", "owner"))
"""The bases whose shares add up to one: each element has one holder. Of the others an element may
have several, so that an index of them would mean nothing."""

ENTRANT_SHARES: Final = (0.1, 0.2, 0.3)

SHARE = Table(
    "concentration_share",
    "the part of the elements of a group that hangs on a holder",
    ("by", "group", "basis", "holder"),
    (
        Column("by", Type.TEXT, "How the network is parted", one_of=GROUPINGS, required=True),
        Column("group", Type.TEXT, "The part; null for the whole, or where not stated"),
        Column("basis", Type.TEXT, "What is looked behind", one_of=BASES, required=True),
        Column("holder", Type.TEXT, "The vendor, country or component", required=True),
        Column("held", Type.INTEGER, "Elements that surely hang on it", required=True),
        Column("unknown", Type.INTEGER, "Elements that may", required=True),
        Column("total", Type.INTEGER, "Elements of the group", required=True),
        Column("share_low", Type.DECIMAL, "The share, the unknown left out", required=True,
               minimum=0, maximum=1),
        Column("share_high", Type.DECIMAL, "The share with all of the unknown", required=True,
               minimum=0, maximum=1),
    ),
)  # fmt: skip
CONCENTRATION = Table(
    "concentration",
    "how concentrated a group is",
    ("by", "group", "basis"),
    (
        Column("by", Type.TEXT, "How the network is parted", one_of=GROUPINGS, required=True),
        Column("group", Type.TEXT, "The part; null for the whole, or where not stated"),
        Column("basis", Type.TEXT, "What is looked behind", one_of=BASES, required=True),
        Column("holders", Type.INTEGER, "How many are stated", required=True),
        Column("total", Type.INTEGER, "Elements of the group", required=True),
        Column("unknown", Type.INTEGER, "Elements of which it is not known", required=True),
        Column("index_low", Type.DECIMAL, "Herfindahl-Hirschman index, 0 to 1, the unknown spread "
               "over many; null where shares overlap", minimum=0, maximum=1),
        Column("index_high", Type.DECIMAL, "The same, the unknown all with the greatest",
               minimum=0, maximum=1),
        Column("single_point", Type.TEXT, "Whether one alone stands behind all of it",
               one_of=("yes", "may be", "no"), required=True),
        Column("leader", Type.TEXT, "Who has the greatest share"),
    ),
)  # fmt: skip
ENTRANT = Table(
    "entrant",
    "what a new entrant would change, who takes the same part from everyone",
    ("by", "group", "basis", "entrant_share"),
    (
        Column("by", Type.TEXT, "How the network is parted", one_of=GROUPINGS, required=True),
        Column("group", Type.TEXT, "The part"),
        Column("basis", Type.TEXT, "What is looked behind", one_of=BASES, required=True),
        Column("entrant_share", Type.DECIMAL, "The part it takes", required=True),
        Column("index_low", Type.DECIMAL, "The index then, at least", required=True),
        Column("index_high", Type.DECIMAL, "The index then, at most", required=True),
    ),
)

_COMPONENTS = """
WITH listed AS (
  SELECT DISTINCT p.element, coalesce(c.purl_name, c.name) AS holder FROM placed p
  JOIN (SELECT *, regexp_replace(purl, '@.*$', '') AS purl_name FROM component) c
    ON c.element = p.element OR (c.element IS NULL AND c.product = p.product)
  WHERE coalesce(c.purl_name, c.name) IS NOT NULL
) SELECT element, holder FROM listed ORDER BY element, holder
"""


class ConcentrationParameters(pydantic.BaseModel):
    """The day, and the shares a new entrant might take."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    as_of: date
    entrant_shares: tuple[float, ...] = ENTRANT_SHARES


@step(
    reads=("element", "function", "site", "product", "component", "vendor", "ownership",
           "jurisdiction"),
    writes=("concentration", "concentration_share", "entrant"),
    version=1,
)  # fmt: skip
def concentration(network: Tables, parameters: ConcentrationParameters) -> Answer:
    """Share the elements out by each basis, in each part of the network."""
    placed = placement(network, PlacementParameters(parameters.as_of))["placement"]
    holders = _holders(network, placed)
    shares: list[dict[str, object]] = []
    indices: list[dict[str, object]] = []
    for (by, part), elements in _groups(placed).items():
        for basis in BASES:
            rows, index = _shared(elements, holders[basis], basis)
            place = {"by": by, "group": part, "basis": basis}
            shares += [{**place, **row} for row in rows]
            indices.append({**place, **index})
    entrants = [
        {
            **{name: row[name] for name in ("by", "group", "basis")},
            "entrant_share": taken,
            **{
                name: round((1 - taken) ** 2 * float(str(row[name])) + taken**2, 9)
                for name in ("index_low", "index_high")
            },
        }
        for row in indices
        if row["index_low"] is not None
        for taken in parameters.entrant_shares
    ]
    made = ((CONCENTRATION, indices), (SHARE, shares), (ENTRANT, entrants))
    return {
        table.name: table.from_rows(rows).sort_by([(k, "ascending") for k in table.key])
        for table, rows in made
    }


def index_range(counts: Iterable[int], unknown: int) -> tuple[float, float]:
    """The Herfindahl-Hirschman index of known counts and an unknown rest, at least and at most.

    At least: the rest is spread over so many that their squares vanish. At most: it is all with
    the greatest, for the sum of squares is convex.
    """
    known = sorted(counts, reverse=True) or [0]
    total = sum(known) + unknown
    if not total:
        return 0.0, 0.0
    low = sum((count / total) ** 2 for count in known)
    high = low - (known[0] / total) ** 2 + ((known[0] + unknown) / total) ** 2
    return low, min(1.0, high)


def _groups(placed: pa.Table) -> dict[tuple[str, str | None], list[str]]:
    """The elements of each part, each once."""
    found: dict[tuple[str, str | None], dict[str, None]] = defaultdict(dict)
    for row in placed.select(["element", "operator", "region", "domain", "kind"]).to_pylist():
        found["network", None][row["element"]] = None
        for by, name in (
            ("operator", "operator"),
            ("region", "region"),
            ("domain", "domain"),
            ("function", "kind"),
        ):
            found[by, row[name]][row["element"]] = None
    return {key: list(elements) for key, elements in found.items()}


def _holders(network: Tables, placed: pa.Table) -> dict[str, dict[str, tuple[str, ...] | None]]:
    """Who stands behind each element by each basis; None where it is not known."""
    controls = control(network["vendor"], network["ownership"]).to_pylist()
    owner: dict[str, tuple[str, ...] | None] = {}
    above: dict[str, list[str]] = defaultdict(list)
    for row in controls:
        above[row["vendor"]].append(row["holder"])
    stated = {row["vendor"]: row["ownership_is_stated"] for row in controls}
    for vendor, all_above in above.items():
        # Those at the head: nobody is above them but who is also below, as in a circle.
        tops = sorted(h for h in all_above if all(h in above[one] for one in above[h]))
        owner[vendor] = (" and ".join(tops),) if stated[vendor] else None
    country = {row["id"]: row["country_of_registration"] for row in network["vendor"].to_pylist()}
    laws: dict[str, set[str]] = defaultdict(set)
    for row in network["jurisdiction"].to_pylist():
        laws[row["vendor"]].add(row["country"])
    maker: dict[str, tuple[str, ...] | None] = {}
    columns = ("element", "original_maker", "product_vendor", "vendor")
    for row in placed.select(list(columns)).to_pylist():
        name = row["original_maker"] or row["product_vendor"] or row["vendor"]
        maker[row["element"]] = (name,) if name else None

    def jurisdictions(vendor: str) -> tuple[str, ...] | None:
        """The countries that bind a vendor or one above it; None where its own is not stated."""
        if country.get(vendor) is None or not stated.get(vendor):
            return None
        lands = {country.get(one) for one in above[vendor]}
        if None in lands:
            return None
        bound = {land for one in above[vendor] for land in laws[one]}
        return tuple(sorted(str(land) for land in lands | bound))

    binding = {v: jurisdictions(v) for v in {m[0] for m in maker.values() if m}}
    with connect({"placed": placed, "component": network.member("component")}) as duck:
        listed = duck.query(_COMPONENTS).to_pylist()
    parts: dict[str, list[str]] = defaultdict(list)
    for row in listed:
        parts[row["element"]].append(row["holder"])
    return {
        "maker": maker,
        "owner": {e: owner.get(m[0]) if m else None for e, m in maker.items()},
        "jurisdiction": {e: binding[m[0]] if m else None for e, m in maker.items()},
        "component": {e: tuple(parts[e]) if e in parts else None for e in maker},
    }


def _shared(
    elements: list[str], holders: Mapping[str, tuple[str, ...] | None], basis: str
) -> tuple[list[dict[str, object]], dict[str, object]]:
    total = len(elements)
    counts: dict[str, int] = defaultdict(int)
    unknown = 0
    for element in elements:
        behind = holders[element]
        if behind is None:
            unknown += 1
        for holder in behind or ():
            counts[holder] += 1
    rows: list[dict[str, object]] = [
        {
            "holder": holder,
            "held": held,
            "unknown": unknown,
            "total": total,
            "share_low": held / total,
            "share_high": (held + unknown) / total,
        }
        for holder, held in sorted(counts.items())
    ]
    most = max(counts.values(), default=0)
    single = "yes" if most == total else "may be" if most + unknown == total else "no"
    index = index_range(counts.values(), unknown) if basis in WHOLE else (None, None)
    return rows, {
        "holders": len(counts),
        "total": total,
        "unknown": unknown,
        "index_low": None if index[0] is None else round(index[0], 9),
        "index_high": None if index[1] is None else round(index[1], 9),
        "single_point": single,
        "leader": min((h for h, c in counts.items() if c == most), default=None),
    }
