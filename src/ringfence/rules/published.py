"""What a rule may read: the network of a day, with what the instrument says of each vendor.

Made by our own SQL before the jail closes. A rule reads the network's tables under their own names
and columns, and besides them

``element``
    one row an element in service on the day. To its own columns are added the `region`, `country`
    and `is_sensitive` of its site, and the site's kind as `site_kind`, the `network_purpose` of its
    operator, `sanctions_affected` of its product, its `maker` by name, and what the instrument says
    of the maker (below). `functions` is the number of the set of functions it performs, and `make`
    that of its row in `make`.
``performs``
    the functions of each such set, one row each: `functions, kind, domain, generation, plane,
    scope`. `scope` is the instrument's: `in`, `out` or `review`; null where the function is not
    stated or is in no catalogue. Many elements do the same, so there are few sets: judge a set once, then
    join the elements to it.
``make``
    what elements state of who made them, each once: `make, vendor, vendor_name, product`. It is
    judged once for all elements of the make, as a set of functions is.
``placement``
    `element` and `performs` joined: one row an element and function, `kind` being the function's.
``designated``
    the vendors named under the instrument on the day.
``control``
    who controls each vendor, itself included (`network.ownership`).
``approved``
    what was answered about an element under the instrument, one row an element and kind of
    approval: `element, kind, is_granted, because`. `is_granted` is false where it was refused or
    has run out, null while it is pending. An answer about a maker is about all it controls.
``reach``, ``exposed``
    what the exposure room works out (see `exposure.reach`). A rule that reads them says so in
    `needs`, and is unknown on every subject until they are handed in with the network's tables.

`made_by` is the maker in words, with why it is listed or may be: a text for `because`.
``is_listed`` is true where the maker, the product's maker or the original maker is, or is
controlled by, a designated vendor; null where no maker is stated or nobody can say who controls
it. Where the instrument names no vendors but criteria, a maker is not listed only if an assessment
cleared it or one who controls it, and listed if one found against it. `listed_because` says why in
words, `listed_vendors` by whom, `has_mitigation_strategy` is of those vendors together, and
`listed_only_for` are the uses it is named for where it is not named for all. `maker_group` is who
controls the maker in the end, null where that is not stated. `vendor` and `contract` have the same
columns but the last.

Decimal columns are exact, so that a sum does not hang on the order of its rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from ringfence.exposure.reach import EXPOSED, REACH
from ringfence.network.model import ELEMENT, NETWORK_TABLES
from ringfence.network.ownership import control
from ringfence.rules.elements import Elements
from ringfence.rules.makers import cleared, designated, listing, namings
from ringfence.rules.pack import Pack
from ringfence.rules.written import Rule
from ringfence.store.duck import Tables, parquet
from ringfence.store.jail import Jail, Limits
from ringfence.store.reading import Reading
from ringfence.store.tables import Table, Type

WORKED_OUT = (REACH, EXPOSED)
"""What rules read besides the network's tables. They are handed in among the tables given to
`evaluate`; one that is absent, or `exposed` without a row, was not worked out."""

HOW_TO_WORK_OUT = "ringfence exposure"
"""The command that does."""

_NETWORK = tuple(table.name for table in NETWORK_TABLES)
READS = _NETWORK
"""The tables of a snapshot that rules may read, directly or through those made of them."""

MACROS = {
    # The verdict on a condition that must not hold: breach where it does, comply where it does not,
    # unknown where that cannot be told. The three values are kept as those of a boolean.
    "verdict": "(condition) AS condition::BOOLEAN",
    # Whether one of several is true: false only where all are known to be false.
    "any_of": """(x) AS
        CASE WHEN bool_or(x) THEN true WHEN count(*) > count(x) THEN NULL ELSE false END""",
    "all_of": """(x) AS
        CASE WHEN NOT bool_and(x) THEN false WHEN count(*) > count(x) THEN NULL ELSE true END""",
    # Names in one text, each once, in the order of the alphabet.
    "names_of": "(x) AS nullif(array_to_string(list_sort(list_distinct(list(x))), ', '), '')",
    # The sum of all: null where one of them is null, 0 where there are none.
    "sum_of": "(x) AS CASE WHEN count(*) = count(x) THEN coalesce(sum(x), 0) END",
    # Whether `held` of `total` is above `cap`, whatever becomes of `unknown`, which may be held
    # too. `unplaced` may be of the total as well; what of it may be held counts in `unknown`.
    # Exact: no binary fraction is used.
    "over_cap": """(held, unknown, total, cap, unplaced := 0) AS
        CASE WHEN held::DECIMAL(28, 6)
                  > cap::DECIMAL(9, 6) * (total::DECIMAL(28, 6) + unplaced::DECIMAL(28, 6))
             THEN true
             WHEN held::DECIMAL(28, 6) + unknown::DECIMAL(28, 6)
                  <= cap::DECIMAL(9, 6) * total::DECIMAL(28, 6)
             THEN false END""",
    "percent": """(part, total) AS
        CASE WHEN total = 0 THEN 'no share'
             ELSE round(100 * part::DECIMAL(28, 6) / total, 1)::DECIMAL(9, 1) || ' %' END""",
}
"""What a rule may use besides the engine's own functions: the name, then what it is."""


def whole(tables: Tables) -> Tables:
    """All that rules may read: what is absent counts as empty."""
    known = {t.name: t for t in (*NETWORK_TABLES, *WORKED_OUT)}
    return Tables({n: tables.member(n) if n in tables else known[n].empty() for n in sorted(known)})


def answerable(pack: Pack, tables: Tables) -> Pack:
    """The pack with each rule that needs what was not worked out asked to say that instead."""
    ready = {t.name for t in WORKED_OUT if t.name in tables}
    if EXPOSED.name not in ready or not tables.rows(EXPOSED.name):
        ready = set()
    if all(ready.issuperset(rule.needs) for rule in pack.rules):
        return pack
    rules = (
        rule if ready.issuperset(rule.needs) else _not_worked_out(rule, ready)
        for rule in pack.rules
    )
    return replace(pack, rules=tuple(rules))


def _not_worked_out(rule: Rule, ready: set[str]) -> Rule:
    missing = " and ".join(sorted(set(rule.needs) - ready))
    says = f"{missing} not worked out for this network; run: {HOW_TO_WORK_OUT}"
    select = (
        f"SELECT id AS subject, NULL::BOOLEAN AS verdict, '{says}' AS because "
        f'FROM "{rule.subjects}"'
    )
    return rule.model_copy(update={"select": select, "values": {}})


_ELEMENT_TABLES = ("element", "placement")


@dataclass(frozen=True, slots=True)
class Laid:
    """What is laid out for rules: a network, by its elements, and a day, as far as `readings` name it.

    `makers` is what the instrument says of each vendor, as `listing` gives it.
    """

    elements: Elements
    instrument: str
    as_of: date
    readings: tuple[Reading, ...]
    makers: pa.Table
    designated: pa.Table
    control: pa.Table
    scopes: pa.Table


def lay_out(elements: Elements, pack: Pack, as_of: date, readings: Sequence[Reading]) -> Laid:
    """Prepare what `open_jail` takes; the tables must hold all that `whole` gives."""
    tables = elements.tables
    named = namings(tables, pack, as_of)
    chains = control(tables["vendor"], tables["ownership"])
    fit = None if pack.manifest.names == "vendors" else cleared(tables, pack, as_of)
    return Laid(
        elements,
        pack.id,
        as_of,
        tuple(readings),
        listing(tables, named, fit=fit, chains=chains),
        designated(tables, named),
        chains,
        pack.scope_of_kinds(),
    )


def open_jail(laid: Laid, subjects: Iterable[str], limits: Limits) -> Jail:
    """A jail in which it lies, with the tables of `subjects` for certain."""
    wanted = _Wanted(laid.readings, frozenset(subjects))
    return Jail(Tables({}), limits=limits, prepare=_steps(wanted, laid))


class _Wanted:
    """Which published tables and columns are named; what nobody names is not made."""

    def __init__(self, readings: Sequence[Reading], subjects: frozenset[str]) -> None:
        self._readings = readings
        self.tables = subjects.union(*(r.tables for r in readings))
        self.elements = bool(self.tables & {"element", "placement", "make"})
        self.functions = bool(self.tables & {"performs", "placement"}) or (
            self.elements and self.has("functions")
        )

    def sources(self) -> list[str]:
        """The tables of the snapshot that it takes."""
        more: set[str] = set()
        if self.elements:
            more |= {"element", "site", "operator", "product"}
        if "approved" in self.tables:
            more |= {"approval", "element", "site", "product"}
        return sorted((self.tables | more) & {*_NETWORK, *(t.name for t in WORKED_OUT)})

    def has(self, column: str, *tables: str) -> bool:
        """Whether this column may be meant, of `element` where no table is named."""
        of = tables or _ELEMENT_TABLES
        return any(r.may_mean(table, column) for r in self._readings for table in of)


def _steps(wanted: _Wanted, laid: Laid) -> Iterator[str | Tables]:
    """What makes the published tables, and what each is made of before it."""
    with ThreadPoolExecutor(1) as pool:
        in_service = pool.submit(_in_service, wanted, laid) if wanted.elements else None
        yield laid.elements.tables.only(*wanted.sources())
        yield Tables({"listing": laid.makers, "designated": laid.designated})
        for name in sorted({name for r in laid.readings for name in r.functions} & MACROS.keys()):
            yield f"CREATE MACRO {name}{MACROS[name]}"
        yield from _of_makers(wanted, laid)
        for table in (*NETWORK_TABLES, *WORKED_OUT):
            if table.name in wanted.tables and table.name != "element":
                yield _as_it_is(table, wanted)
        if in_service:
            yield from _of_elements(wanted, laid, in_service)


def _of_makers(wanted: _Wanted, laid: Laid) -> Iterator[str | Tables]:
    if "designated" in wanted.tables:
        yield "CREATE TABLE designated AS FROM source.designated"
    if wanted.tables & {"control", "approved"}:
        yield Tables({"control": laid.control})
        yield "CREATE TABLE control AS FROM source.control"
    if "approved" in wanted.tables:
        yield _approved(laid.instrument, laid.as_of)


def _of_elements(wanted: _Wanted, laid: Laid, in_service: Future[Tables]) -> Iterator[str | Tables]:
    yield _PRODUCT_LISTING
    yield _made(wanted)
    if "make" in wanted.tables:
        yield "CREATE TABLE make AS SELECT make, vendor, vendor_name, product FROM source.made"
    yield _numbered(laid.elements.tables.member("element"))
    yield in_service.result()
    # The engine would turn the joins about, which costs half as much again and loses the order of
    # the rows.
    yield "SET disabled_optimizers = 'build_side_probe_side,join_order'"
    yield _elements(wanted)
    yield "RESET disabled_optimizers"
    if wanted.functions:
        yield Tables({"performs": laid.elements.performs, "scope": laid.scopes})
        yield """CREATE TABLE performs AS
                 SELECT p.functions, p.kind, p.domain, p.generation, p.plane, s.scope
                 FROM source.performs p LEFT JOIN source.scope s ON s.kind = p.kind"""
    if "placement" in wanted.tables:
        own = [f'e."{name}"' for name in _columns(wanted) if name not in {"id", "kind"}]
        yield f"""CREATE VIEW placement AS
                  SELECT e.id AS element, {", ".join(own)}, p.kind, p.domain, p.generation,
                    p.plane, p.scope
                  FROM element e JOIN performs p ON p.functions = e.functions"""


def _in_service(wanted: _Wanted, laid: Laid) -> Tables:
    """The numbers of the elements to be published, and what each performs."""
    numbers = laid.elements.in_service(laid.as_of)
    functions = laid.elements.functions[numbers] if wanted.functions else np.zeros_like(numbers)
    return Tables({"in_service": pa.table({"element": numbers, "functions": functions})})


def _numbered(elements: pa.Table | Path) -> str | Tables:
    """What makes `numbered`, the elements with the number of each row."""
    if isinstance(elements, Path):
        return f"CREATE VIEW source.numbered AS FROM {parquet(elements, numbered=True)}"
    numbers = np.arange(elements.num_rows)
    return Tables({"numbered": elements.append_column("file_row_number", pa.array(numbers))})


def _as_it_is(table: Table, wanted: _Wanted) -> str:
    """The statement that makes a table of the network's own, decimals exact."""
    columns = [
        f't."{c.name}"'
        if c.type is not Type.DECIMAL
        else f'TRY_CAST(t."{c.name}" AS DECIMAL(28, 6)) AS "{c.name}"'
        for c in table.columns
        if c.name in {*table.key, "operator"} or wanted.has(c.name, table.name)
    ]
    more, join = _ADDED.get(table.name, ("", ""))
    return f"""CREATE TABLE "{table.name}" AS
               SELECT {", ".join([*columns, more] if more else columns)}
               FROM source."{table.name}" t {join}"""


_ADDED = {
    name: (
        f"""coalesce(l.maker, {named}) AS maker,
          coalesce(l.made_by, {named} || ' (not found among the vendors)',
                   'a maker that is not stated') AS made_by,
          l.is_listed, l.listed_vendors, l.has_mitigation_strategy, l.listed_only_for,
          CASE WHEN l.vendor IS NULL AND {named} IS NOT NULL THEN 'not found among the vendors'
               ELSE l.listed_because END AS listed_because""",
        f"LEFT JOIN source.listing l ON l.vendor = {key}",
    )
    for name, key, named in (
        ("vendor", "t.id", "t.name"),
        ("contract", "t.vendor", "coalesce(t.vendor_name, t.vendor)"),
    )
}
"""What is added to a table, and the join it takes."""

_PRODUCT_LISTING = """
CREATE TABLE source.product_listing AS
WITH said AS (
  SELECT p.id, p.sanctions_affected,
    p.vendor IS NOT NULL OR p.vendor_name IS NOT NULL AS has_vendor,
    p.original_maker IS NOT NULL OR p.original_maker_name IS NOT NULL AS has_original,
    coalesce(v.maker, p.vendor_name, p.vendor) AS vendor_maker,
    coalesce(o.maker, p.original_maker_name, p.original_maker) AS original_maker,
    v.is_listed AS vendor_listed, o.is_listed AS original_listed,
    CASE WHEN v.vendor IS NULL THEN 'not found among the vendors' ELSE v.listed_because END
      AS vendor_because,
    'made by ' || coalesce(o.maker, p.original_maker_name, p.original_maker) || ', '
      || CASE WHEN o.vendor IS NULL THEN 'not found among the vendors' ELSE o.listed_because END
      AS original_because,
    v.listed_vendors AS vendor_vendors, o.listed_vendors AS original_vendors,
    v.has_mitigation_strategy AS vendor_mitigated, o.has_mitigation_strategy AS original_mitigated,
    v.listed_only_for AS vendor_only_for, o.listed_only_for AS original_only_for,
    v.maker_group AS vendor_group, o.maker_group AS original_group
  FROM source.product p
  LEFT JOIN source.listing v ON v.vendor = p.vendor
  LEFT JOIN source.listing o ON o.vendor = p.original_maker
)
SELECT id, sanctions_affected, has_vendor OR has_original AS has_maker,
  coalesce(vendor_maker, original_maker) AS maker,
  CASE WHEN has_vendor AND has_original THEN vendor_listed OR original_listed
       WHEN has_vendor THEN vendor_listed WHEN has_original THEN original_listed END AS is_listed,
  CASE WHEN vendor_listed THEN vendor_because WHEN original_listed THEN original_because
       WHEN has_vendor AND vendor_listed IS NULL THEN vendor_because
       WHEN has_original AND original_listed IS NULL THEN original_because END AS listed_because,
  maker || CASE WHEN listed_because IS NULL THEN '' ELSE ' (' || listed_because || ')' END
    AS made_by,
  list_sort(list_distinct(list_concat(vendor_vendors, original_vendors))) AS listed_vendors,
  CASE WHEN vendor_listed AND NOT vendor_mitigated
            OR original_listed AND NOT original_mitigated THEN false
       WHEN has_vendor AND vendor_listed IS NULL OR has_original AND original_listed IS NULL
       THEN NULL
       WHEN vendor_listed AND original_listed THEN vendor_mitigated AND original_mitigated
       WHEN vendor_listed THEN vendor_mitigated WHEN original_listed THEN original_mitigated END
    AS has_mitigation_strategy,
  CASE WHEN vendor_listed AND original_listed
            AND (vendor_only_for IS NULL OR original_only_for IS NULL) THEN NULL
       WHEN vendor_listed THEN vendor_only_for WHEN original_listed THEN original_only_for END
    AS listed_only_for,
  CASE WHEN has_vendor THEN vendor_group ELSE original_group END AS maker_group
FROM said
"""

_KINDS_OF_MATTER = ("element", "product", "vendor", "operator")


def _approved(instrument: str, as_of: date) -> str:
    """The statement that makes `approved`: what an answer names must all fit the element."""
    joins = {
        "element": "e.id = a.element",
        "product": "e.product = a.product",
        "vendor": "c.holder = a.vendor",
        "operator": "e.operator = a.operator",
    }
    parts = []
    for place, by in enumerate(_KINDS_OF_MATTER):
        before = [f"a.{name} IS NULL" for name in _KINDS_OF_MATTER[:place]]
        fits = [f"(a.{name} IS NULL OR {joins[name]})" for name in _KINDS_OF_MATTER[place + 1 :]]
        parts.append(
            "SELECT e.id AS of_element, a.kind, a.outcome, a.is_over, a.answer "
            f"FROM live a JOIN made e ON {joins[by]} "
            if by != "vendor"
            else "SELECT e.id, a.kind, a.outcome, a.is_over, a.answer "
            f"FROM live a JOIN source.control c ON {joins[by]} JOIN made e ON e.vendor = c.vendor "
        )
        chain = "" if by == "vendor" else "LEFT JOIN source.control c ON c.vendor = e.vendor "
        parts[-1] += chain + "WHERE " + " AND ".join([f"a.{by} IS NOT NULL", *before, *fits])
    day = f"DATE '{as_of.isoformat()}'"
    return f"""
        CREATE TABLE approved AS
        WITH live AS (
          SELECT *, coalesce(valid_to < {day}, false) AS is_over,
            kind || ' ' || coalesce(outcome, 'of no stated outcome')
              || coalesce(' on ' || granted_on, '')
              || CASE WHEN valid_to < {day} THEN ', run out on ' || valid_to
                      ELSE coalesce(' until ' || valid_to, '') END AS answer
          FROM source.approval
          WHERE instrument = '{instrument}' AND (granted_on IS NULL OR granted_on <= {day})
        ),
        made AS (
          SELECT e.id, coalesce(e.vendor, p.vendor) AS vendor, e.product,
            coalesce(e.operator, s.operator) AS operator
          FROM source.element e
          LEFT JOIN source.site s ON s.id = e.site
          LEFT JOIN source.product p ON p.id = e.product
        ),
        meant AS ({" UNION ALL ".join(parts)}),
        -- What is not stated of an element may be what a refusal is about.
        against AS (
          SELECT kind, bool_or(operator IS NOT NULL) AS by_operator,
            bool_or(vendor IS NOT NULL) AS by_vendor, bool_or(product IS NOT NULL) AS by_product
          FROM live WHERE outcome IS NULL OR outcome = 'refused' GROUP BY kind
        ),
        chain AS (
          SELECT vendor, bool_and(ownership_is_stated) AS is_stated
          FROM source.control GROUP BY vendor
        )
        SELECT of_element AS element, m.kind,
          CASE WHEN bool_or(outcome = 'refused') THEN false
               WHEN bool_or(outcome IS NULL
                            OR g.by_operator AND e.operator IS NULL
                            OR g.by_product AND e.product IS NULL
                            OR g.by_vendor AND NOT coalesce(c.is_stated, false)) THEN NULL
               WHEN bool_or(outcome IN ('granted', 'granted with conditions') AND NOT is_over)
               THEN true
               WHEN bool_and(coalesce(outcome LIKE 'granted%' AND is_over, false)) THEN false
          END AS is_granted,
          array_to_string(list_sort(list_distinct(list(answer))), '; ') AS because
        FROM meant m JOIN made e ON e.id = m.of_element
        LEFT JOIN against g ON g.kind = m.kind LEFT JOIN chain c ON c.vendor = e.vendor
        GROUP BY of_element, m.kind"""


_OWN_STATED = "(e.vendor IS NOT NULL OR e.vendor_name IS NOT NULL)"
_MADE_STATED = "coalesce(p.has_maker, false)"
_OF_MAKERS = {
    "sanctions_affected": "p.sanctions_affected",
    "maker": "coalesce(l.maker, e.vendor_name, e.vendor, p.maker)",
    "made_by": f"""
        CASE WHEN l.is_listed THEN l.made_by
             WHEN {_OWN_STATED} AND {_MADE_STATED} AND p.is_listed IS DISTINCT FROM false
                  AND (p.is_listed OR l.is_listed IS NOT NULL)
             THEN coalesce(l.maker, e.vendor_name, e.vendor) || ' (' || p.listed_because || ')'
             WHEN {_OWN_STATED}
             THEN coalesce(l.made_by, coalesce(e.vendor_name, e.vendor)
                                      || ' (not found among the vendors)')
             ELSE coalesce(p.made_by, 'a maker that is not stated') END""",
    "is_listed": f"""CASE WHEN {_OWN_STATED} AND {_MADE_STATED} THEN l.is_listed OR p.is_listed
                          WHEN {_OWN_STATED} THEN l.is_listed ELSE p.is_listed END""",
    "listed_because": f"""
        CASE WHEN l.is_listed THEN l.listed_because WHEN p.is_listed THEN p.listed_because
             WHEN {_OWN_STATED} AND l.vendor IS NULL THEN 'not found among the vendors'
             WHEN {_OWN_STATED} AND l.is_listed IS NULL THEN l.listed_because
             ELSE p.listed_because END""",
    "listed_vendors": "list_sort(list_distinct(list_concat(l.listed_vendors, p.listed_vendors)))",
    "has_mitigation_strategy": f"""
        CASE WHEN l.is_listed AND NOT l.has_mitigation_strategy
                  OR p.is_listed AND NOT p.has_mitigation_strategy THEN false
             WHEN {_OWN_STATED} AND l.is_listed IS NULL OR {_MADE_STATED} AND p.is_listed IS NULL
             THEN NULL
             WHEN l.is_listed AND p.is_listed
             THEN l.has_mitigation_strategy AND p.has_mitigation_strategy
             WHEN l.is_listed THEN l.has_mitigation_strategy
             WHEN p.is_listed THEN p.has_mitigation_strategy END""",
    "listed_only_for": """
        CASE WHEN l.is_listed AND p.is_listed
                  AND (l.listed_only_for IS NULL OR p.listed_only_for IS NULL) THEN NULL
             WHEN l.is_listed THEN l.listed_only_for
             WHEN p.is_listed THEN p.listed_only_for END""",
    "maker_group": f"CASE WHEN {_OWN_STATED} THEN l.maker_group ELSE p.maker_group END",
}
"""What is said of who made an element: `e` is what it states of that, `l` what is said of its
vendor, and `p` of its product."""


def _made(wanted: _Wanted) -> str:
    """The statement that makes `made`: many elements are of one make, and each make is told once."""
    columns = [f'{made} AS "{name}"' for name, made in _OF_MAKERS.items() if wanted.has(name)]
    return f"""
        CREATE TABLE source.made AS
        SELECT {", ".join(["e.make", "e.vendor", "e.vendor_name", "e.product", *columns])}
        FROM (SELECT vendor, vendor_name, product,
                row_number() OVER (ORDER BY vendor, vendor_name, product)::INTEGER AS make
              FROM (SELECT DISTINCT vendor, vendor_name, product FROM source.element)) e
        LEFT JOIN source.listing l ON l.vendor = e.vendor
        LEFT JOIN source.product_listing p ON p.id = e.product"""


def _columns(wanted: _Wanted) -> dict[str, str]:
    """The columns of `element` that somebody may mean, each with what makes it."""
    added = {
        "operator": "coalesce(e.operator, s.operator)",
        "region": "s.region",
        "country": "s.country",
        "site_kind": "s.kind",
        "is_sensitive": "s.is_sensitive",
        "network_purpose": "o.network_purpose",
        "functions": "i.functions",
        **{name: f"m.{name}" for name in ("make", *_OF_MAKERS)},
    }
    needed = {"id", "operator"} | ({"functions"} if wanted.functions else set())
    own = {c.name: f'e."{c.name}"' for c in ELEMENT.columns}
    return {
        name: made for name, made in (own | added).items() if name in needed or wanted.has(name)
    }


def _elements(wanted: _Wanted) -> str:
    """The statement that makes `element`."""
    columns = [f'{made} AS "{name}"' for name, made in _columns(wanted).items()]
    make = " AND ".join(
        f"m.{name} IS NOT DISTINCT FROM e.{name}" for name in ("product", "vendor", "vendor_name")
    )
    return f"""
        CREATE TABLE element AS SELECT {", ".join(columns)}
        FROM source.numbered e
        JOIN source.in_service i ON i.element = e.file_row_number
        LEFT JOIN source.site s ON s.id = e.site
        LEFT JOIN source.operator o ON o.id = coalesce(e.operator, s.operator)
        LEFT JOIN source.made m ON {make}"""
