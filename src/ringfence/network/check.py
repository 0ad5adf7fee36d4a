"""Data quality as tables: which facts are missing, most useful first, and which rows are doubtful.

A gap counts, for a fact that a question needs, the subjects that lack it and how many elements or
sites stay undecided for it; gaps are ordered by that. A doubt is a finding about rows that are
there but cannot all be true: a reference to nothing, a removal before an installation.
"""

from dataclasses import dataclass

import pyarrow as pa

from ringfence.errors import NotFoundError
from ringfence.network import vendors
from ringfence.network.functions import catalogue, serving
from ringfence.network.model import FINDING, NETWORK_TABLES, TABLES
from ringfence.network.ownership import CONTROLLING_SHARE, control
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Connection, Tables, connect
from ringfence.store.tables import Column, Table, Type

GAP = Table(
    "gap",
    "a fact that is not stated, and what stays undecided for it",
    ("rank",),
    (
        Column("rank", Type.INTEGER, "Place in the order of use, 1 first", required=True),
        Column("table", Type.TEXT, "The table to fill", required=True),
        Column("column", Type.TEXT, "The column to fill", required=True),
        Column("missing", Type.INTEGER, "Rows without it"),
        Column("of", Type.INTEGER, "Rows that should have it"),
        Column("affects", Type.INTEGER, "Elements or sites that stay undecided for it"),
        Column("affected", Type.TEXT, "What `affects` counts", one_of=("elements", "sites")),
        Column("blocks", Type.TEXT, "The questions that need it"),
        Column("fill_with", Type.TEXT, "The command that writes the template to fill"),
    ),
)


@dataclass(frozen=True, slots=True)
class _Fact:
    """A fact that questions need.

    `is_general` marks what every question needs; those come before what one question needs.
    `lacking` selects the subjects without it, as the column `subject` and what is known of them
    for a person to recognise them by; `of` counts those that should have it; `affects` counts
    what stays undecided (the subjects themselves, each once, where it is None).
    """

    table: str
    column: str
    subject_column: str
    lacking: str
    of: str
    blocks: str
    affects: str | None = None
    affected: str = "elements"
    is_general: bool = False


_ELEMENT = "e.id AS subject, e.name, e.site, e.vendor_name, e.product, e.role_name"
_SITES_OF = (
    "SELECT DISTINCT j.site FROM placed j JOIN serving k ON k.kind = j.kind "
    "WHERE k.domain = '{}' AND j.site IS NOT NULL"
)


def _demand(column: str, domain: str, kind: str, blocks: str) -> _Fact:
    sites = _SITES_OF.format(domain)
    return _Fact(
        "demand", column, "site",
        f"SELECT s.id AS subject, '{kind}' AS kind, s.name, s.region FROM site s "
        f"WHERE s.id IN ({sites}) AND NOT EXISTS "
        f"(SELECT 1 FROM demand d WHERE d.site = s.id AND d.to_site IS NULL AND d.{column} IS NOT NULL)",
        f"SELECT count(*) FROM ({sites})",
        blocks, affected="sites",
    )  # fmt: skip


# A maker is judged by all who control it, so what is not said of any of them leaves it undecided.
_OWNED = "SELECT vendor FROM control WHERE distance = 1"
_USED = "SELECT holder FROM held"
_UNCLEAR = (
    "o.owner <> o.owned AND o.is_controlling IS NULL "
    f"AND coalesce(o.share, 0) <= {CONTROLLING_SHARE}"
)


def _of_vendors(column: str, subject_column: str, lacking: str, of: str, blocks: str) -> _Fact:
    table = "vendor" if subject_column == "id" else "ownership"
    return _Fact(
        table, column, subject_column, lacking, of, blocks,
        f"SELECT count(DISTINCT element) FROM held WHERE holder IN (SELECT subject FROM ({lacking}))",
        is_general=True,
    )  # fmt: skip


FACTS = (
    _Fact(
        "function", "kind", "element",
        f"SELECT {_ELEMENT} FROM element e "
        "WHERE NOT EXISTS (SELECT 1 FROM function f WHERE f.element = e.id)",
        "SELECT count(*) FROM element",
        "core or access: every exclusion from the core, every cap, presence by function",
        is_general=True,
    ),
    _Fact(
        "function", "kind", "element",
        "SELECT f.element AS subject, f.kind, f.slice, e.name, e.vendor_name FROM function f "
        "LEFT JOIN element e ON e.id = f.element "
        "WHERE f.kind NOT IN (SELECT kind FROM catalogue)",
        "SELECT count(*) FROM function",
        "a function in no catalogue is neither core nor access: the same questions",
        is_general=True,
    ),
    _Fact(
        "element", "vendor_name", "id",
        f"SELECT {_ELEMENT} FROM element e WHERE e.vendor IS NULL",
        "SELECT count(*) FROM element",
        "presence, and every rule on makers",
        is_general=True,
    ),
    _of_vendors(
        "is_independent", "id",
        "SELECT v.id AS subject, v.name, v.legal_name FROM vendor v WHERE v.is_independent IS NULL "
        f"AND v.id IN ({_USED}) AND v.id NOT IN ({_OWNED})",
        f"SELECT count(*) FROM vendor WHERE id IN ({_USED})",
        "whether a maker is controlled by a listed vendor: every rule on makers",
    ),
    _of_vendors(
        "owner", "owned",
        "SELECT v.id AS subject, v.name FROM vendor v WHERE NOT v.is_independent "
        f"AND v.id IN ({_USED}) AND v.id NOT IN ({_OWNED}) "
        f"AND v.id NOT IN (SELECT o.owned FROM ownership o WHERE {_UNCLEAR})",
        f"SELECT count(*) FROM vendor WHERE id IN ({_USED})",
        "who controls a maker that is not independent: every rule on makers",
    ),
    _of_vendors(
        "is_controlling", "owned",
        "SELECT o.owned AS subject, o.owner, o.share FROM ownership o "
        f"LEFT JOIN vendor v ON v.id = o.owned WHERE {_UNCLEAR} AND o.owned IN ({_USED}) "
        f"AND v.is_independent IS NOT TRUE AND (NOT v.is_independent OR o.owned IN ({_OWNED}))",
        "SELECT count(*) FROM ownership",
        "whether a holding in a maker is control: every rule on makers",
    ),
    _Fact(
        "element", "site", "id",
        f"SELECT {_ELEMENT} FROM element e WHERE e.site IS NULL",
        "SELECT count(*) FROM element",
        "shares of sites, traffic, people, premises",
        is_general=True,
    ),
    _Fact(
        "site", "operator", "id",
        "SELECT s.id AS subject, s.name, s.region FROM site s WHERE s.operator IS NULL",
        "SELECT count(*) FROM site",
        "every rule that binds an operator",
        affected="sites",
        is_general=True,
    ),
    _Fact(
        "site", "region", "id",
        "SELECT s.id AS subject, s.name, s.operator FROM site s WHERE s.region IS NULL",
        "SELECT count(*) FROM site",
        "presence by region",
        affected="sites",
    ),
    _Fact(
        "site", "is_sensitive", "id",
        "SELECT s.id AS subject, s.name, s.region, s.operator FROM site s "
        "WHERE s.is_sensitive IS NULL",
        "SELECT count(*) FROM site",
        "exclusions from sites significant to national security",
        affected="sites",
    ),
    _demand("traffic_mbps", "radio access", "mobile data", "shares and caps of traffic"),
    _demand("people", "radio access", "mobile data", "people served from the vendor's sites"),
    _demand("premises", "fixed access", "fixed", "shares and caps of full-fibre premises"),
    _Fact(
        "function", "generation", "element",
        "SELECT f.element AS subject, f.kind, f.slice, e.name FROM function f "
        "JOIN catalogue c ON c.kind = f.kind LEFT JOIN element e ON e.id = f.element "
        "WHERE f.generation IS NULL AND c.generation IS NULL AND c.domain <> 'fixed access'",
        "SELECT count(*) FROM function f JOIN catalogue c ON c.kind = f.kind "
        "WHERE c.generation IS NULL AND c.domain <> 'fixed access'",
        "whether shared equipment is part of the 5G network",
    ),
    _Fact(
        "element", "installed_on", "id",
        f"SELECT {_ELEMENT} FROM element e WHERE e.installed_on IS NULL",
        "SELECT count(*) FROM element",
        "bans on new installations; what was there on a past date",
    ),
    _Fact(
        "element", "purchased_on", "id",
        f"SELECT {_ELEMENT} FROM element e WHERE e.purchased_on IS NULL",
        "SELECT count(*) FROM element",
        "bans on purchases",
    ),
    _Fact(
        "product", "sanctions_affected", "id",
        "SELECT p.id AS subject, p.vendor_name, p.model FROM product p "
        "WHERE p.sanctions_affected IS NULL",
        "SELECT count(*) FROM product",
        "bans on goods affected by sanctions",
        "SELECT count(*) FROM element e JOIN product p ON p.id = e.product "
        "WHERE p.sanctions_affected IS NULL",
    ),
    _Fact(
        "link", "carries", "id",
        "SELECT l.id AS subject, l.source, l.target, l.medium FROM link l WHERE l.carries IS NULL",
        "SELECT count(*) FROM link",
        "removal from intra-core and inter-operator transmission",
        "SELECT count(DISTINCT x) FROM (SELECT unnest([source, target]) AS x FROM link "
        "WHERE carries IS NULL)",
    ),
    _Fact(
        "operator", "network_purpose", "id",
        "SELECT o.id AS subject, o.name, o.country FROM operator o "
        "WHERE o.network_purpose IS NULL",
        "SELECT count(*) FROM operator",
        "exclusions from safety-related and safety-critical networks",
        "SELECT count(DISTINCT p.element) FROM placed p JOIN operator o ON o.id = p.operator "
        "WHERE o.network_purpose IS NULL",
    ),
)  # fmt: skip

_DOUBTS = (
    ("removed-before-installed", "element", "removed before it was installed",
     "SELECT id, origin FROM element WHERE removed_on < installed_on"),
    ("installed-before-bought", "element", "installed before it was bought",
     "SELECT id, origin FROM element WHERE installed_on < purchased_on"),
    ("null-island", "site", "latitude and longitude are both 0, in the Gulf of Guinea",
     "SELECT id, origin FROM site WHERE latitude_deg = 0 AND longitude_deg = 0"),
    ("serial-twice", "element", "another element of the same maker has the same serial number",
     ("SELECT id, origin FROM (SELECT id, origin, count(*) OVER (PARTITION BY vendor, serial) AS n "
     "FROM element WHERE vendor IS NOT NULL AND serial IS NOT NULL) WHERE n > 1")),
    ("owns-itself", "vendor", "controls itself, directly or through others",
     ("SELECT id, origin FROM vendor WHERE id IN (SELECT owned FROM ownership "
     "WHERE owner = owned AND is_controlling IS NOT FALSE) OR id IN (SELECT a.vendor FROM control a "
     "JOIN control b ON a.vendor = b.holder AND a.holder = b.vendor WHERE a.vendor <> a.holder)")),
    ("independent-but-owned", "vendor", "said to be independent, yet a controlling owner is stated",
     f"SELECT id, origin FROM vendor WHERE is_independent AND id IN ({_OWNED})"),
)  # fmt: skip

_ALL = tuple(t.name for t in NETWORK_TABLES)


@dataclass(frozen=True, slots=True)
class CheckParameters:
    """Nothing is asked; the whole network is looked at."""


@step(reads=(*_ALL, "finding"), writes=("gap", "finding", "vendor_suggestion"), version=1)
def check(network: Tables, parameters: CheckParameters) -> Answer:  # noqa: ARG001
    """Find what is missing and what is doubtful.

    Vendors are suggested for names that no vendor has exactly. Findings met while the files were
    laid together (two files that contradict each other, a name that fits two vendors) are carried
    on.
    """
    with _open(network) as duck:
        gaps = [(fact.is_general, row) for fact in FACTS if (row := _gap(duck, fact))]
        doubts = _dangling(duck, network) + _doubtful(duck)
    ordered = (
        GAP.from_rows({**gap, "rank": int(not general)} for general, gap in gaps)
        .sort_by(
            [
                ("rank", "ascending"),
                ("affects", "descending"),
                ("missing", "ascending"),
                ("table", "ascending"),
                ("column", "ascending"),
                ("blocks", "ascending"),
            ]
        )
        .drop_columns(["rank"])
        .append_column("rank", pa.array(range(1, len(gaps) + 1), pa.int64()))
    )
    found = pa.concat_tables([network["finding"], FINDING.from_rows(doubts)])
    return {
        "gap": GAP.conform(ordered),
        "finding": found.sort_by([(k, "ascending") for k in FINDING.key]),
        "vendor_suggestion": vendors.resolve(network).suggestions,
    }


def to_fill(network: Tables, table: str, column: str | None = None) -> pa.Table:
    """The rows of `table` that lack `column`, as a start for a template.

    Besides the key, what is known of each subject is given so that a person recognises it.
    Raises `NotFoundError` where the table or column is not one that `check` looks for.
    """
    facts = [f for f in FACTS if f.table == table and column in (None, f.column)]
    if not facts:
        known = ", ".join(sorted({f"{f.table}.{f.column}" for f in FACTS}))
        raise NotFoundError(
            f"nothing is looked for in {table}{f'.{column}' if column else ''}",
            hint=f"check looks for: {known}",
        )
    with _open(network) as duck:
        pieces = [duck.query(f"FROM ({f.lacking}) ORDER BY subject") for f in facts]
    return pa.concat_tables(
        [p.rename_columns([_named(n, f) for n in p.column_names]) for p, f in zip(pieces, facts, strict=True)],
        promote_options="default",
    )  # fmt: skip


def _named(column: str, fact: _Fact) -> str:
    return fact.subject_column if column == "subject" else column


def _open(network: Tables) -> Connection:
    """A connection over the network, the catalogue, where functions are, and who holds makers."""
    duck = connect(network.only(*_ALL))
    duck.add("catalogue", catalogue())
    duck.add("serving", serving())
    duck.run(
        "CREATE TEMP TABLE placed AS SELECT DISTINCT e.id AS element, e.site, f.kind, c.domain, "
        "coalesce(e.operator, s.operator) AS operator "
        "FROM element e LEFT JOIN site s ON s.id = e.site "
        "LEFT JOIN function f ON f.element = e.id LEFT JOIN catalogue c ON c.kind = f.kind"
    )
    duck.add("control", control(network["vendor"], network["ownership"]))
    duck.run(
        "CREATE TEMP TABLE held AS SELECT DISTINCT c.holder, m.element FROM ("
        "SELECT id AS element, vendor FROM element UNION "
        "SELECT e.id, p.original_maker FROM element e JOIN product p ON p.id = e.product"
        ") m JOIN control c ON c.vendor = m.vendor"
    )
    return duck


def _gap(duck: Connection, fact: _Fact) -> dict[str, object] | None:
    affects = fact.affects or f"SELECT count(DISTINCT subject) FROM ({fact.lacking})"
    (row,) = duck.query(
        f"SELECT (SELECT count(*) FROM ({fact.lacking})) AS missing, "
        f'({fact.of}) AS "of", ({affects}) AS affects'
    ).to_pylist()
    if not row["missing"]:
        return None
    command = f"ringfence sources template {fact.table} --missing {fact.column}"
    return {
        "table": fact.table,
        "column": fact.column,
        **row,
        "affected": fact.affected,
        "blocks": fact.blocks,
        "fill_with": f"{command} --out {fact.table}.csv",
    }


def _dangling(duck: Connection, network: Tables) -> list[dict[str, object]]:
    """A finding for each row that points at nothing."""
    found: list[dict[str, object]] = []
    for table in (t for t in NETWORK_TABLES if network.rows(t.name)):
        for column in table.columns:
            if not column.refers_to:
                continue
            key = " || ', ' || ".join(f"coalesce(t.\"{k}\"::VARCHAR, '')" for k in table.key)
            rows = duck.query(
                f'SELECT {key} AS subject, t."{column.name}" AS target, t.origin '
                f'FROM "{table.name}" t WHERE t."{column.name}" IS NOT NULL AND NOT EXISTS '
                f'(SELECT 1 FROM "{TABLES[column.refers_to].name}" o '
                f'WHERE o.id = t."{column.name}") ORDER BY subject'
            ).to_pylist()
            found += [
                _finding(
                    f"check/dangling-{column.name}",
                    table.name,
                    row["subject"],
                    f"{column.name} is {row['target']!r}, and no {column.refers_to} has that id",
                    row["origin"],
                )
                for row in rows
            ]
    return found


def _doubtful(duck: Connection) -> list[dict[str, object]]:
    return [
        _finding(f"check/{rule}", table, row["id"], why, row["origin"])
        for rule, table, why, sql in _DOUBTS
        for row in duck.query(f"FROM ({sql}) ORDER BY id").to_pylist()
    ]


def _finding(
    rule: str, table: str, subject: str, why: str, origin: str | None
) -> dict[str, object]:
    return {
        "rule": rule,
        "subject_table": table,
        "subject": subject,
        "verdict": "unknown",
        "because": why,
        "severity": "low",
        "rests_on": origin,
    }
