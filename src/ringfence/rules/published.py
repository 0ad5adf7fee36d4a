"""What a rule may read: the network of a day, with what the instrument says of each vendor.

Made by our own SQL before the jail closes. A rule reads the network's tables under their own names
and columns, and besides them

``element``
    one row an element in service on the day. To its own columns are added the `region` and
    `is_sensitive` of its site, the `network_purpose` of its operator, `sanctions_affected` of its
    product, its `maker` by name, and what the instrument says of the maker (below). `functions` is
    the number of the set of functions it performs.
``performs``
    the functions of each such set, one row each: `functions, kind, domain, generation, scope`.
    `scope` is the instrument's: `in`, `out` or `review`; null where the function is not stated
    or is in no catalogue. Many elements do the same, so there are few sets: judge a set once, then
    join the elements to it.
``placement``
    the two joined: one row an element and function, `kind` being the function's.
``designated``
    the vendors named under the instrument on the day.

`made_by` is the maker in words, with why it is listed or may be: a text for `because`.
``is_listed`` is true where the maker, the product's maker or the original maker is, or is
controlled by, a designated vendor; null where no maker is stated or nobody can say who controls
it. `listed_because` says why in words, `listed_vendors` by whom, and `has_mitigation_strategy` is
of those vendors together. `vendor` and `contract` have the same columns.

Decimal columns are exact, so that a sum does not hang on the order of its rows.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from ringfence.network.functions import catalogue, resolve_kind
from ringfence.network.model import NETWORK_TABLES, TABLES
from ringfence.network.ownership import control
from ringfence.network.vendors import normalise
from ringfence.rules.pack import Pack
from ringfence.rules.written import Fact
from ringfence.store.duck import Tables, connect
from ringfence.store.jail import Jail, Limits
from ringfence.store.reading import Reading
from ringfence.store.tables import Type

READS = tuple(table.name for table in NETWORK_TABLES)
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

_LISTS = frozenset({"designated", "treated as high risk", "assumed"})
"""A naming of these standings counts; one that is only proposed, or revoked, does not."""

_OF_ELEMENTS = ("element", "placement")

_LISTING = pa.schema(
    [
        ("vendor", pa.string()),
        ("maker", pa.string()),
        ("made_by", pa.string()),
        ("is_listed", pa.bool_()),
        ("listed_because", pa.string()),
        ("listed_vendors", pa.list_(pa.string())),
        ("rests_on", pa.string()),
        ("has_mitigation_strategy", pa.bool_()),
    ]
)
_DESIGNATED = pa.schema(
    [
        ("vendor", pa.string()),
        ("vendor_name", pa.string()),
        ("status", pa.string()),
        ("valid_from", pa.date32()),
        ("has_mitigation_strategy", pa.bool_()),
        ("source", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Naming:
    """One vendor named under the instrument on the day."""

    vendor: str
    status: str
    valid_from: date | None
    has_mitigation_strategy: bool | None
    source: str

    @property
    def words(self) -> str:
        """The naming as a reason tells it: `designated from 2022-10-13`."""
        since = f" from {self.valid_from.isoformat()}" if self.valid_from else ""
        return f"{self.status}{since}"


@dataclass(frozen=True, slots=True)
class Laid:
    """What is laid out for rules: a network and a day, as far as `readings` name it.

    `makers` is what the instrument says of each vendor, as `listing` gives it.
    """

    tables: Tables
    as_of: date
    readings: tuple[Reading, ...]
    makers: pa.Table
    designated: pa.Table
    codes: pa.Table


def lay_out(tables: Tables, pack: Pack, as_of: date, readings: Sequence[Reading]) -> Laid:
    """Prepare what `open_jail` takes; `tables` must hold all that `READS` names."""
    named = namings(tables, pack, as_of)
    codes = (
        _codes(tables, pack) if _Wanted(readings, frozenset()).functions else _CODE.empty_table()
    )
    return Laid(
        tables, as_of, tuple(readings), listing(tables, named), _designated(tables, named), codes
    )


def open_jail(laid: Laid, subjects: Iterable[str], limits: Limits) -> Jail:
    """A jail in which it lies, with the tables of `subjects` for certain."""
    wanted = _Wanted(laid.readings, frozenset(subjects))
    made = {"listing": laid.makers, "designated": laid.designated, "code": laid.codes}
    used = sorted({name for r in laid.readings for name in r.functions} & MACROS.keys())
    return Jail(
        Tables({}),
        limits=limits,
        sources=laid.tables.only(*wanted.sources()).and_these(made),
        prepare=[
            *(f"CREATE MACRO {name}{MACROS[name]}" for name in used),
            *_statements(wanted, laid.as_of),
        ],
    )


class _Wanted:
    """Which published tables and columns are named; what nobody names is not made."""

    def __init__(self, readings: Sequence[Reading], subjects: frozenset[str]) -> None:
        self._readings = readings
        self.tables = subjects.union(*(r.tables for r in readings))
        self.elements = bool(self.tables & {"element", "placement"})
        self.functions = bool(self.tables & {"performs", "placement"}) or (
            self.elements and self.has("functions")
        )

    def sources(self) -> list[str]:
        """The tables of the snapshot that it takes."""
        more: set[str] = set()
        if self.elements:
            more |= {"element", "site", "operator", "product"}
        if self.functions:
            more.add("function")
        return sorted((self.tables | more) & set(READS))

    def has(self, column: str) -> bool:
        """Whether this column of `element` may be meant."""
        return any(r.may_mean(table, column) for r in self._readings for table in _OF_ELEMENTS)


def _statements(wanted: _Wanted, as_of: date) -> Iterator[str]:
    """What makes the published tables of the sources."""
    if wanted.functions:
        yield from _FUNCTION_SETS
    if wanted.elements:
        yield _PRODUCT_LISTING
        # The engine takes the dates for a sharp filter and would turn the joins about, which costs
        # half as much again and loses the order of the rows.
        yield "SET disabled_optimizers = 'build_side_probe_side,join_order'"
        yield _elements(wanted, as_of)
        yield "RESET disabled_optimizers"
    if "placement" in wanted.tables:
        own = [f'e."{name}"' for name in _columns(wanted) if name not in {"id", "kind"}]
        yield f"""CREATE VIEW placement AS
                  SELECT e.id AS element, {", ".join(own)}, p.kind, p.domain, p.generation, p.scope
                  FROM element e JOIN performs p ON p.functions = e.functions"""
    if "designated" in wanted.tables:
        yield "CREATE TABLE designated AS FROM source.designated"
    for table in NETWORK_TABLES:
        if table.name in wanted.tables and table.name != "element":
            columns = [
                f't."{c.name}"'
                if c.type is not Type.DECIMAL
                else f'TRY_CAST(t."{c.name}" AS DECIMAL(28, 6)) AS "{c.name}"'
                for c in table.columns
            ]
            more, join = _ADDED.get(table.name, ("", ""))
            yield f"""CREATE TABLE "{table.name}" AS
                      SELECT {", ".join([*columns, more] if more else columns)}
                      FROM source."{table.name}" t {join}"""


_ADDED = {
    name: (
        f"""coalesce(l.maker, {named}) AS maker,
          coalesce(l.made_by, {named} || ' (not found among the vendors)',
                   'a maker that is not stated') AS made_by,
          l.is_listed, l.listed_vendors, l.has_mitigation_strategy,
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
    v.has_mitigation_strategy AS vendor_mitigated, o.has_mitigation_strategy AS original_mitigated
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
  CASE WHEN vendor_listed AND original_listed THEN vendor_mitigated AND original_mitigated
       WHEN vendor_listed THEN vendor_mitigated WHEN original_listed THEN original_mitigated END
    AS has_mitigation_strategy
FROM said
"""

_FUNCTION_SETS = (
    # Each function that is stated, as the number of the set of it alone.
    """CREATE TABLE source.coded AS
       SELECT f.element, c.functions
       FROM source.function f JOIN source.code c
         ON c.written = f.kind AND c.stated IS NOT DISTINCT FROM f.generation""",
    # Most elements do one thing: only the others are worth a list.
    """CREATE TABLE source.done AS
       SELECT element, min(functions) AS low, max(functions) AS high
       FROM source.coded GROUP BY element""",
    """CREATE TABLE source.several AS
       SELECT element, list_sort(list_distinct(list(functions))) AS codes
       FROM source.coded
       WHERE element IN (SELECT element FROM source.done WHERE low <> high)
       GROUP BY element""",
    """CREATE TABLE source.sets AS
       SELECT (row_number() OVER (ORDER BY codes) + (SELECT max(functions) FROM source.code))
         ::INTEGER AS functions, codes
       FROM (SELECT DISTINCT codes FROM source.several)""",
    """CREATE TABLE performs AS
       WITH known AS (SELECT DISTINCT functions, kind, domain, generation, scope FROM source.code)
       SELECT functions, kind, domain, generation, scope FROM known
       UNION ALL SELECT s.functions, k.kind, k.domain, k.generation, k.scope
       FROM (SELECT functions, unnest(codes) AS code FROM source.sets) s
       JOIN known k ON k.functions = s.code""",
    """CREATE TABLE source.performed AS
       SELECT d.element, coalesce(s.functions, d.low) AS functions
       FROM source.done d
       LEFT JOIN source.several several ON several.element = d.element
       LEFT JOIN source.sets s ON s.codes = several.codes""",
)


def _columns(wanted: _Wanted) -> dict[str, str]:
    """The columns of `element` that somebody may mean, each with what makes it."""
    own_stated = "(e.vendor IS NOT NULL OR e.vendor_name IS NOT NULL)"
    made_stated = "coalesce(p.has_maker, false)"
    added = {
        "operator": "coalesce(e.operator, s.operator)",
        "region": "s.region",
        "is_sensitive": "s.is_sensitive",
        "network_purpose": "o.network_purpose",
        "sanctions_affected": "p.sanctions_affected",
        "functions": "coalesce(f.functions, 0)" if wanted.functions else "0",
        "maker": "coalesce(l.maker, e.vendor_name, e.vendor, p.maker)",
        "made_by": f"""
            CASE WHEN l.is_listed THEN l.made_by
                 WHEN {own_stated} AND {made_stated} AND p.is_listed IS DISTINCT FROM false
                      AND (p.is_listed OR l.is_listed IS NOT NULL)
                 THEN coalesce(l.maker, e.vendor_name, e.vendor) || ' (' || p.listed_because || ')'
                 WHEN {own_stated}
                 THEN coalesce(l.made_by, coalesce(e.vendor_name, e.vendor)
                                          || ' (not found among the vendors)')
                 ELSE coalesce(p.made_by, 'a maker that is not stated') END""",
        "is_listed": f"""CASE WHEN {own_stated} AND {made_stated} THEN l.is_listed OR p.is_listed
                              WHEN {own_stated} THEN l.is_listed ELSE p.is_listed END""",
        "listed_because": f"""
            CASE WHEN l.is_listed THEN l.listed_because WHEN p.is_listed THEN p.listed_because
                 WHEN {own_stated} AND l.vendor IS NULL THEN 'not found among the vendors'
                 WHEN {own_stated} AND l.is_listed IS NULL THEN l.listed_because
                 ELSE p.listed_because END""",
        "listed_vendors": "list_sort(list_distinct(list_concat(l.listed_vendors, p.listed_vendors)))",
        "has_mitigation_strategy": """
            CASE WHEN l.is_listed AND p.is_listed
                 THEN l.has_mitigation_strategy AND p.has_mitigation_strategy
                 WHEN l.is_listed THEN l.has_mitigation_strategy
                 WHEN p.is_listed THEN p.has_mitigation_strategy END""",
    }
    needed = {"id", "operator"} | ({"functions"} if wanted.functions else set())
    own = {c.name: f'e."{c.name}"' for c in TABLES["element"].columns}
    return {
        name: made for name, made in (own | added).items() if name in needed or wanted.has(name)
    }


def _elements(wanted: _Wanted, as_of: date) -> str:
    """The statement that makes `element`."""
    columns = [f'{made} AS "{name}"' for name, made in _columns(wanted).items()]
    performed = "LEFT JOIN source.performed f ON f.element = e.id" if wanted.functions else ""
    return f"""
        CREATE TABLE element AS SELECT {", ".join(columns)}
        FROM source.element e
        LEFT JOIN source.site s ON s.id = e.site
        LEFT JOIN source.operator o ON o.id = coalesce(e.operator, s.operator)
        LEFT JOIN source.listing l ON l.vendor = e.vendor
        LEFT JOIN source.product_listing p ON p.id = e.product
        {performed}
        WHERE (e.installed_on IS NULL OR e.installed_on <= DATE '{as_of.isoformat()}')
          AND (e.removed_on IS NULL OR e.removed_on > DATE '{as_of.isoformat()}')"""


# Who is designated, and who is controlled by them.


def namings(tables: Tables, pack: Pack, as_of: date) -> list[Naming]:
    """Everyone named under the instrument on the day: by the snapshot, and by the pack itself."""
    found = []
    for row in tables["designation"].to_pylist():
        if row["instrument"] != pack.id or (row["status"] or "designated") not in _LISTS:
            continue
        if _lasts(row["valid_from"], row["valid_to"], as_of):
            found.append(
                Naming(
                    row["vendor"],
                    row["status"] or "designated",
                    row["valid_from"],
                    row["has_mitigation_strategy"],
                    row["origin"] or row["source"] or "designation",
                )
            )
    meant = _vendors_by_name(tables)
    for fact in pack.manifest.fact:
        if fact.status in _LISTS and _lasts(fact.valid_from, fact.valid_to, as_of):
            found += _of_fact(fact, meant, pack)
    return sorted(found, key=lambda n: (n.vendor, n.valid_from or date.min, n.source))


def _lasts(first: date | None, last: date | None, day: date) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


def _of_fact(fact: Fact, meant: Mapping[str, set[str]], pack: Pack) -> Iterator[Naming]:
    """The vendors of the snapshot that a fact of the pack names: by exact name, never by likeness."""
    vendors = {v for name in (fact.vendor, *fact.names) for v in meant.get(normalise(name), ())}
    for vendor in sorted(vendors):
        yield Naming(
            vendor,
            fact.status,
            fact.valid_from,
            fact.has_mitigation_strategy,
            f"{pack.id}/pack.toml: {fact.source} ({fact.date.isoformat()}, grade {fact.grade})",
        )


def _vendors_by_name(tables: Tables) -> dict[str, set[str]]:
    meant: dict[str, set[str]] = {}
    for row in tables["vendor"].select(["id", "name", "legal_name"]).to_pylist():
        for name in (row["name"], row["legal_name"]):
            if name:
                meant.setdefault(normalise(name), set()).add(row["id"])
    for row in tables["vendor_alias"].select(["alias", "vendor"]).to_pylist():
        meant.setdefault(normalise(row["alias"]), set()).add(row["vendor"])
    return meant


def listing(tables: Tables, named_today: Sequence[Naming]) -> pa.Table:
    """What the instrument says of each vendor, by who controls it."""
    by_vendor: dict[str, list[Naming]] = {}
    for naming in named_today:
        by_vendor.setdefault(naming.vendor, []).append(naming)
    names = {r["id"]: r["name"] for r in tables["vendor"].select(["id", "name"]).to_pylist()}
    stands = _Stands(tables)
    above: dict[str, list[tuple[str, str]]] = {}
    stated: dict[str, bool] = {}
    for row in control(tables["vendor"], tables["ownership"]).to_pylist():
        above.setdefault(row["vendor"], []).append((row["holder"], row["chain"]))
        stated[row["vendor"]] = row["ownership_is_stated"]
    # A designated vendor of whom nothing else is said is still designated.
    for vendor in by_vendor:
        above.setdefault(vendor, [(vendor, names.get(vendor) or vendor)])
    holders = {vendor: {holder for holder, _ in pairs} for vendor, pairs in above.items()}
    rows = []
    for vendor, pairs in sorted(above.items()):
        named = {holder: chain for holder, chain in pairs if holder in by_vendor}
        known = bool(named) or stated.get(vendor, False)
        top = sorted(h for h in named if not _is_below_another(h, named, holders))
        rests_on = stands.of(vendor, holders[vendor])
        rests_on += [n.source for h in sorted(named) for n in by_vendor[h]]
        because = _because(vendor, named, top, by_vendor, names)
        if not known:
            because = "who controls it is not stated"
        rows.append(
            {
                "vendor": vendor,
                "maker": names.get(vendor) or vendor,
                "made_by": f"{names.get(vendor) or vendor} ({because})"
                if because
                else names.get(vendor) or vendor,
                "is_listed": bool(named) if known else None,
                "listed_because": because,
                "listed_vendors": top if named else None,
                "rests_on": "\n".join(dict.fromkeys(rests_on)) or None,
                "has_mitigation_strategy": _all_mitigated(by_vendor, named),
            }
        )
    return pa.Table.from_pylist(rows, schema=_LISTING)


def _is_below_another(
    holder: str, named: Mapping[str, str], holders: Mapping[str, set[str]]
) -> bool:
    """Whether another named vendor controls `holder`, and not the other way round as well."""
    return any(
        other != holder and other in holders[holder] and holder not in holders.get(other, ())
        for other in named
    )


def _because(
    vendor: str,
    named: Mapping[str, str],
    top: Sequence[str],
    by_vendor: Mapping[str, Sequence[Naming]],
    names: Mapping[str, str],
) -> str | None:
    if vendor in named:
        return by_vendor[vendor][0].words
    said = [f"controlled by {names.get(h) or h}, {by_vendor[h][0].words}: {named[h]}" for h in top]
    return "; ".join(said) or None


def _all_mitigated(
    by_vendor: Mapping[str, Sequence[Naming]], named: Mapping[str, str]
) -> bool | None:
    """Whether each vendor it is listed by has a strategy: one naming that says no decides."""
    answers = []
    for holder in named:
        said = {n.has_mitigation_strategy for n in by_vendor[holder]} - {None}
        answers.append(None if not said else False not in said)
    if not answers or False in answers:
        return False if answers else None
    return None if None in answers else True


class _Stands:
    """Where it is written who a vendor is and who holds it."""

    def __init__(self, tables: Tables) -> None:
        self._vendor = {
            row["id"]: row["origin"]
            for row in tables["vendor"].select(["id", "origin"]).to_pylist()
        }
        self._held: dict[str, list[tuple[str, str]]] = {}
        holdings = tables["ownership"].select(["owner", "owned", "source", "origin"])
        for row in holdings.to_pylist():
            place = row["origin"] or row["source"]
            if place:
                self._held.setdefault(row["owned"], []).append((row["owner"], place))

    def of(self, vendor: str, holders: set[str]) -> list[str]:
        """The places for `vendor` and everyone above it."""
        found = []
        for one in [vendor, *sorted(holders - {vendor})]:
            if place := self._vendor.get(one):
                found.append(place)
            found += [place for owner, place in sorted(self._held.get(one, ())) if owner in holders]
        return found


def _designated(tables: Tables, named_today: Sequence[Naming]) -> pa.Table:
    names = {r["id"]: r["name"] for r in tables["vendor"].select(["id", "name"]).to_pylist()}
    rows = [
        {
            "vendor": n.vendor,
            "vendor_name": names.get(n.vendor) or n.vendor,
            "status": n.status,
            "valid_from": n.valid_from,
            "has_mitigation_strategy": n.has_mitigation_strategy,
            "source": n.source,
        }
        for n in named_today
    ]
    return pa.Table.from_pylist(rows, schema=_DESIGNATED)


# Which functions are meant.

_CODE = pa.schema(
    [
        ("written", pa.string()),
        ("stated", pa.string()),
        ("functions", pa.int32()),
        *((name, pa.string()) for name in ("kind", "domain", "generation", "scope")),
    ]
)


def _codes(tables: Tables, pack: Pack) -> pa.Table:
    """Each kind and generation as written, with its number and what is meant by it.

    Number 0 is the function that is not stated.
    """
    member = tables.member("function")
    if isinstance(member, pa.Table):
        distinct = member.group_by(["kind", "generation"], use_threads=False).aggregate([])
    else:
        with connect({"function": member}) as duck:
            distinct = duck.query("SELECT DISTINCT kind, generation FROM function")
    pairs = [row for row in distinct.to_pylist() if row["kind"] is not None]
    pairs.sort(key=lambda row: (row["kind"], row["generation"] or ""))
    known = {row["kind"]: row for row in catalogue().to_pylist()}
    listed = pack.scope_of_kinds()
    scopes = dict(
        zip(listed.column("kind").to_pylist(), listed.column("scope").to_pylist(), strict=True)
    )
    rows: list[dict[str, object]] = [{"functions": 0}]
    numbers: dict[tuple[str, str | None], int] = {}
    for pair in pairs:
        kind = resolve_kind(pair["kind"]) or pair["kind"]
        entry = known.get(kind, {})
        generation = pair["generation"] or entry.get("generation")
        rows.append(
            {
                "written": pair["kind"],
                "stated": pair["generation"],
                "functions": numbers.setdefault((kind, generation), len(numbers) + 1),
                "kind": kind,
                "domain": entry.get("domain"),
                "generation": generation,
                "scope": scopes.get(kind),
            }
        )
    return pa.Table.from_pylist(rows, schema=_CODE)
