"""Which rows of two sources are one thing: proposed with the evidence, confirmed by a person.

An inventory, a router's configuration, its command output and its software list each have a key of
their own for the same box. A proposal says what speaks for two being one (the serial number, an
address, the name) and what speaks against it; it takes effect only once a person confirms it.
Confirmed, the keys count as one and the rows are joined as any rows with the same key are: what
two sources state differently (two makers for one box) is a conflict, believed of neither and told
as a finding. A link taken back leaves the network as it was before.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import pyarrow as pa

from ringfence.errors import NotFoundError, UsageError
from ringfence.network import vendors
from ringfence.network.merge import folded_name, folded_serial
from ringfence.network.model import CONFIRMED_LINK
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Connection, Tables, connect
from ringfence.store.tables import Column, Table, Type

PROPOSED_LINK = Table(
    "proposed_link",
    "two rows of different sources that may be one thing, for a person to confirm",
    ("table", "kept", "joined"),
    (
        *(CONFIRMED_LINK[name] for name in ("table", "kept", "joined", "evidence")),
        Column("against", Type.TEXT, "What they state differently; null where nothing"),
        Column("sureness", Type.DECIMAL, "How much speaks for it, 0 to 1", required=True,
               minimum=0, maximum=1),
        Column("origin", Type.TEXT, "Where the one was read"),
        Column("joined_origin", Type.TEXT, "Where the other was read"),
    ),
)  # fmt: skip
LINKED = CONFIRMED_LINK["table"].one_of
"""The tables whose rows may be linked."""

SURENESS = {
    "serial": 0.9,
    "address": 0.7,
    "name": 0.5,
    "model": 0.8,
    "place": 0.6,
}
"""How much each kind of evidence speaks for two rows being one. A serial number is given once by
its maker; an address once in a routing domain, of which an operator has several; a name is what
somebody typed. They are weights for sorting, not probabilities that were measured."""

AGAINST = 0.5
"""What remains of the sureness where a serial number or a maker is stated differently."""

SERIAL_LETTERS = 5
"""Shorter serial numbers are place holders such as `0` or `n/a`."""

NEAR_DEG = 0.0005
"""Sites that lie in one square of this width (about 55 m of latitude) may be one."""


@dataclass(frozen=True, slots=True)
class LinkParameters:
    """Nothing but the network is asked for."""


@step(
    reads=("element", "product", "site", "interface", "vendor", "vendor_alias"),
    writes=("proposed_link",),
    version=1,
)
def propose(network: Tables, parameters: LinkParameters) -> Answer:  # noqa: ARG001
    """Find the elements, products and sites that two sources may both speak of.

    Evidence counts only where it is of one row in each of the two sources: a name that a source
    has twice tells nothing. Only rows of different files are likened.
    """
    with connect(network) as duck:
        _lay_out(duck, network)
        pairs = [_elements(duck), _products(duck), _sites(duck)]
    proposals = pa.concat_tables([PROPOSED_LINK.conform(found) for found in pairs])
    order = [("table", "ascending"), ("sureness", "descending"), ("kept", "ascending")]
    return {"proposed_link": proposals.sort_by([*order, ("joined", "ascending")])}


def read_as(links: Iterable[Mapping[str, object]]) -> dict[str, dict[str, str]]:
    """By table, each joined key with the key it is read as.

    Links hang together: of A kept with B joined and B kept with C joined, C is read as A. Of a
    circle the least key is kept.
    """
    above: dict[tuple[str, str], str] = {}
    for link in links:
        table = str(link["table"])
        kept = _top(above, table, str(link["kept"]))
        joined = _top(above, table, str(link["joined"]))
        if kept != joined:
            above[table, joined] = kept
    meant: dict[str, dict[str, str]] = {}
    for table, joined in sorted(above):
        meant.setdefault(table, {})[joined] = _top(above, table, joined)
    return meant


def _top(above: Mapping[tuple[str, str], str], table: str, key: str) -> str:
    while (table, key) in above:
        key = above[table, key]
    return key


def _lay_out(duck: Connection, network: Tables) -> None:
    """Views of what is likened: keys, the file, and names folded so that spelling plays no part."""
    written = {
        name
        for table in ("element", "product")
        for name in network[table]["vendor_name"].unique().drop_null().to_pylist()
    }
    makers = vendors.same_makers(written, network)
    rows = sorted(makers.items())
    duck.add(
        "maker",
        pa.table(
            {"written": pa.array([w for w, _ in rows], pa.string()),
             "maker": pa.array([m for _, m in rows], pa.string())}
        ),
    )  # fmt: skip
    duck.run(
        "CREATE TEMP VIEW one AS SELECT e.id, e.origin, split_part(e.origin, ':', 1) AS file, "
        "e.name, e.serial, e.vendor_name, coalesce(m.maker, p.maker) AS maker, "
        f"nullif({folded_name('e.name')}, '') AS folded, {folded_serial('e.serial')} AS number "
        "FROM element e LEFT JOIN maker m ON m.written = e.vendor_name LEFT JOIN "
        "(SELECT p.id, m.maker FROM product p JOIN maker m ON m.written = p.vendor_name) p "
        "ON p.id = e.product"
    )


def _elements(duck: Connection) -> pa.Table:
    """Elements by serial number, by an address they alone have, and by name."""
    evidence = [
        _alike(duck, "serial", "one", "number", f"length(number) >= {SERIAL_LETTERS}"),
        _alike(
            duck,
            "address",
            "(SELECT o.id, o.file, split_part(i.address, '/', 1) AS address FROM interface i "
            "JOIN one o ON o.id = i.element)",
            "address",
            # Addresses that every host has for itself tell nothing.
            "NOT starts_with(address, '127.') AND NOT starts_with(address, '169.254.') "
            "AND NOT starts_with(lower(address), 'fe80') AND address NOT IN ('0.0.0.0', '::', '::1')",
        ),
        _alike(duck, "name", "one", "folded", "length(folded) > 1"),
    ]
    duck.add("evidence", pa.concat_tables(evidence))
    against = (
        "concat_ws('; ', CASE WHEN a.number <> b.number AND length(a.number) >= "
        f"{SERIAL_LETTERS} AND length(b.number) >= {SERIAL_LETTERS} THEN 'serial number ' || "
        "a.serial || ' / ' || b.serial END, CASE WHEN a.maker <> b.maker THEN 'maker ' || "
        "coalesce(a.vendor_name, a.maker) || ' / ' || coalesce(b.vendor_name, b.maker) END)"
    )
    return _proposed(duck, "element", "one", against)


def _products(duck: Connection) -> pa.Table:
    duck.run(
        "CREATE TEMP VIEW kind_of_box AS SELECT p.id, p.origin, split_part(p.origin, ':', 1) AS "
        "file, m.maker || '/' || nullif(regexp_replace(upper(p.model), '[^0-9A-Z]', '', 'g'), '') "
        "AS model FROM product p JOIN maker m ON m.written = p.vendor_name"
    )
    duck.add("evidence", _alike(duck, "model", "kind_of_box", "model", "true"))
    return _proposed(duck, "product", "kind_of_box", "''")


def _sites(duck: Connection) -> pa.Table:
    duck.run(
        "CREATE TEMP VIEW place AS SELECT id, origin, split_part(origin, ':', 1) AS file, "
        "nullif(lower(trim(name)), '') AS folded, latitude_deg, longitude_deg, "
        f"latitude_deg / {NEAR_DEG} AS north, longitude_deg / {NEAR_DEG} AS east FROM site"
    )
    evidence = [_alike(duck, "name", "place", "folded", "length(folded) > 1")]
    # Two sites near each other lie in one square of at least one of four grids.
    for north, east in product((0, 0.5), (0, 0.5)):
        square = f"round(north + {north})::VARCHAR || '/' || round(east + {east})::VARCHAR"
        evidence.append(_alike(duck, "place", "place", square, "true"))
    duck.add("evidence", pa.concat_tables(evidence))
    against = (
        "CASE WHEN abs(a.latitude_deg - b.latitude_deg) > 0.01 OR "
        "abs(a.longitude_deg - b.longitude_deg) > 0.01 THEN 'they lie more than 1 km apart' "
        "ELSE '' END"
    )
    return _proposed(duck, "site", "place", against)


def _alike(duck: Connection, sort: str, rows: str, value: str, counts: str) -> pa.Table:
    """Pairs of rows of different files with the same value, which each file has but once."""
    duck.run(
        f"CREATE OR REPLACE TEMP TABLE said AS SELECT file, {value} AS value, min(id) AS id "
        f"FROM {rows} WHERE {value} IS NOT NULL AND file IS NOT NULL AND ({counts}) "
        f"GROUP BY file, {value} HAVING count(DISTINCT id) = 1"
    )
    return duck.query(
        f"SELECT a.id AS one_id, b.id AS other_id, '{sort}' AS sort, a.value "
        "FROM said a JOIN said b ON a.value = b.value AND a.file <> b.file AND a.id < b.id"
    )


def _proposed(duck: Connection, table: str, rows: str, against: str) -> pa.Table:
    """The pairs with all that speaks for and against each; the key that sorts first is kept."""
    weights = " ".join(f"WHEN '{sort}' THEN {1 - weight}" for sort, weight in SURENESS.items())
    words = (
        "CASE sort WHEN 'serial' THEN 'same serial number ' || value WHEN 'address' THEN "
        "'same address ' || value WHEN 'name' THEN 'same name ' || value WHEN 'model' THEN "
        "'same maker and model' ELSE 'same place' END"
    )
    return duck.query(
        f"WITH told AS (SELECT one_id, other_id, string_agg({words}, '; ' ORDER BY sort DESC, "
        "value) AS evidence, "
        # Several addresses are one kind of evidence: a box that shares one shares them all.
        f"product(DISTINCT CASE sort {weights} END) AS doubt FROM evidence "
        "GROUP BY one_id, other_id) "
        f"SELECT '{table}' AS \"table\", one_id AS kept, other_id AS joined, evidence, "
        f"nullif({against}, '') AS against, round((1 - doubt) * CASE WHEN nullif({against}, '') "
        f"IS NULL THEN 1 ELSE {AGAINST} END, 3) AS sureness, a.origin AS origin, "
        f"b.origin AS joined_origin FROM told JOIN {rows} a ON a.id = one_id "
        f"JOIN {rows} b ON b.id = other_id"
    )


def confirmed(rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """The table of links a person confirmed, each once and in order."""
    unique = {(r["table"], r["kept"], r["joined"]): r for r in rows}
    table = CONFIRMED_LINK.from_rows(unique.values())
    return table.sort_by([(key, "ascending") for key in CONFIRMED_LINK.key])


def check_link(link: Mapping[str, object], there: Mapping[str, Collection[object]]) -> None:
    """Raise where a link cannot be: no such table or row, or the two keys are one.

    `there` are the keys of each table that may be linked.
    """
    table, kept, joined = (link.get(k) for k in ("table", "kept", "joined"))
    if table not in LINKED:
        raise UsageError(
            f"rows of {table!r} cannot be linked", hint=f"those that can: {', '.join(LINKED)}"
        )
    if kept == joined:
        raise UsageError(f"{kept} is linked to itself", hint="give two keys")
    for key in (kept, joined):
        if key not in there[str(table)]:
            raise NotFoundError(
                f"no {table} has the key {key}",
                hint=f"see the keys: ringfence show {table}; those proposed: ringfence link propose",
            )
