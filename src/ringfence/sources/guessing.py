"""Which of our tables a sheet is, and which heading is which column: a guess, with its reasons.

Only what the model itself says a heading means is applied: a column's name, its heading, what it
is also called, or one of these in another spelling. A heading that is merely like one of them is
listed as *suggested* and left out, until a person writes it into the mapping. Where two tables
fit a sheet alike, or two headings one column, nobody's word decides but the user's.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

import pyarrow as pa
from rapidfuzz import fuzz

from ringfence.errors import SourceError
from ringfence.network.model import NETWORK_TABLES, TABLES
from ringfence.sources.cells import FIGURES, Order, Reading, convert, date_order, stated
from ringfence.sources.mapping import FILLABLE, TableMapping, clean
from ringfence.store.tables import Column, Table, Type

APPLIED: Final = 0.9
"""A match at least as sure as this is applied; one less sure is only suggested."""

HEADING_ROWS: Final = 20
"""The heading row is looked for among so many first rows."""

# Two tables whose scores differ by less than this fit alike. One heading scores about 1, so a
# lead of one heading that is not merely spelled better decides.
_LEAD: Final = 0.75
_EVIDENCE_OF_NAME: Final = 1.5
_SUGGESTED_FROM: Final = 80.0
_MOST_HEADINGS: Final = 4096
_LONGEST_HEADING: Final = 200

_CALLED: Final = {
    "operator": ("operators",),
    "site": ("sites", "cell sites", "locations", "standorte"),
    "vendor": ("vendors", "manufacturers", "suppliers"),
    "vendor_alias": ("vendor aliases", "vendor names", "aliases"),
    "ownership": ("ownerships", "owners", "shareholdings"),
    "jurisdiction": ("jurisdictions",),
    "designation": ("designations", "designated vendors"),
    "product": ("products", "models", "device types"),
    "element": (
        *("elements", "network element", "network elements", "nes", "inventory", "nodes"),
        *("devices", "equipment", "assets", "hosts"),
    ),
    "function": ("functions", "network functions", "nfs"),
    "relation": ("relations", "relationships", "dependencies"),
    "contract": ("contracts",),
    "segment": ("segments", "vlans", "vrfs", "subnets"),
    "interface": ("interfaces",),
    "endpoint": ("endpoints", "listeners"),
    "filter": ("filters", "firewall rules", "acl", "acls"),
    "link": ("links", "circuits", "transport links"),
    "demand": ("demands", "service demand"),
    "document": ("documents", "papers"),
}
"""What operators call a file or a sheet of each table, besides the table's own name."""

# In a sheet that is about something else, these words say nothing of a site or a function.
_WEAK: Final = frozenset(
    ("type", "category", "state", "x", "y", "name", "kind", "owner", "set", "operator", "id")
)
_UNITS: Final = {
    "deg": ("deg", "degrees", "decimaldegrees", "wgs84", "dd", ""),
    "mbps": ("mbit/s",),
}
_BRACKETS: Final = re.compile(r"(.+?)[\s_]*[(\[]([^()\[\]]*)[)\]]")
# A name may stand in for a key that is not there, where the model has such names be unique.
_KEYED_BY_NAME: Final = ("operator", "site", "vendor", "element", "segment")


@dataclass(frozen=True, slots=True)
class Match:
    """A heading and the column it fits; `applied` is false where it is only suggested."""

    heading: str
    table: str | None
    column: str | None
    sureness: float
    why: str
    applied: bool


@dataclass(frozen=True, slots=True)
class Guess:
    """What a sheet seems to be. Without `blocks` no table fits, and `because` says why."""

    blocks: tuple[TableMapping, ...]
    matches: tuple[Match, ...]
    notes: tuple[str, ...]
    sureness: float
    because: str


def describe(guess: Guess) -> list[tuple[str, str, str]]:
    """The guess as rows for a person: heading, what it becomes, why."""
    rows = []
    for match in guess.matches:
        becomes = f"{match.table}.{match.column}" if match.column else "left out"
        if match.column and not match.applied:
            becomes = f"left out (suggested: {becomes})"
        rows.append((match.heading, becomes, match.why))
    return rows


def guess(
    headings: Sequence[str],
    sample: Sequence[Sequence[str]],
    names: Sequence[str] = (),
    *,
    sheet: str | None = None,
    header_row: int = 1,
    table: str | None = None,
) -> Guess:
    """Guess the mapping of a sheet from its headings, some rows and the names it goes by.

    `names` are those of the sheet and the file, the more telling first. `table` settles what the
    sheet is, where a person knows. Raises `SourceError` where two tables fit alike.
    """
    cleaned = _telling(headings)
    if len(cleaned) > _MOST_HEADINGS:
        return Guess((), (), (), 0.0, f"a row of {len(cleaned):,} cells is no heading row")
    named = _tables_named(names)
    fits = [_Fit.of(t, cleaned, t.name in named) for t in NETWORK_TABLES if table in {None, t.name}]
    whole = [f for f in fits if f.is_whole]
    if table is None:
        whole = [f for f in whole if f.is_likely]
    if not whole:
        near = max(fits, key=lambda f: f.score)
        return Guess((), _left_over(cleaned, [near]), (), 0.0, _why_none(near, table))
    sheets = sorted((_Sheet(_parts(f, cleaned)) for f in whole), key=lambda s: -s.score)
    best = sheets[0].parts[0]
    alike = [s.parts[0].table.name for s in sheets if sheets[0].score - s.score < _LEAD]
    if len(alike) > 1:
        raise SourceError(
            f"the headings fit several tables alike: {', '.join(alike)}",
            where=sheet,
            hint=f'write a mapping whose block says table = "{best.table.name}" or another of '
            "them; ringfence sources guess FILE shows how",
        )
    used = sheets[0].parts
    _leave_out_strange_words(used, cleaned, sample)
    matches = _left_over(cleaned, used)
    formats, notes = _date_formats(used, cleaned, sample)
    notes += _number_notes(used, cleaned, sample)
    unmapped = tuple(dict.fromkeys(m.heading for m in matches if not m.applied))
    blocks = tuple(
        TableMapping(
            part.table.name,
            columns=tuple(part.columns),
            joined=tuple(part.joined),
            sheet=sheet,
            header_row=header_row,
            date_format=formats,
            unmapped=unmapped if part is best else (),
        )
        for part in used
    )
    live = len([h for h in cleaned if h])
    told = len({m.heading for m in matches if m.applied})
    because = f"{told} of {live} headings are those of: {', '.join(b.table for b in blocks)}"
    return Guess(blocks, matches, tuple(notes), min(1.0, told / live), because)


def _telling(headings: Sequence[str]) -> list[str]:
    """The headings, but for those that begin with #: remarks for who fills a template in."""
    return ["" if h.lstrip().startswith("#") else clean(h) for h in headings]


def heading_row(rows: Sequence[Sequence[str]], names: Sequence[str] = ()) -> tuple[int, float]:
    """Which of the first rows is the heading row, from 1, and how well it fits any table.

    The score is 0 where none fits; the row is then the one most like a heading row.
    """
    named = _tables_named(names)
    best, score, likeness = 1, 0.0, 0.0
    for number, row in enumerate(rows[:HEADING_ROWS], 1):
        cleaned = _telling(row[:_MOST_HEADINGS])
        if not any(_is_known(h) for h in cleaned):
            continue
        fits = [_Fit.of(t, cleaned, t.name in named) for t in NETWORK_TABLES]
        fit = max((f.score for f in fits if f.is_whole and f.is_likely), default=0.0)
        like = max(f.score for f in fits)
        if (fit, like) > (score, likeness):
            best, score, likeness = number, fit, like
    return best, score


@dataclass(slots=True)
class _Fit:
    """How a table's columns lie on a sheet's headings."""

    table: Table
    is_named: bool
    columns: list[tuple[str, str]] = field(default_factory=list)
    joined: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    why: dict[tuple[str, str], tuple[float, str]] = field(default_factory=dict)
    contested: list[Match] = field(default_factory=list)
    headings: int = 0

    @classmethod
    def of(cls, table: Table, headings: Sequence[str], is_named: bool) -> "_Fit":
        fit = cls(table, is_named, headings=len([h for h in headings if h]))
        once = _once(headings)
        edges = _edges(table, [h for h in once if len(h) <= _LONGEST_HEADING])
        if table.name == "element":
            edges = _part_numbers_first(edges, once)
        fit.assign(edges)
        fit._keys_in_other_words()
        return fit

    def assign(self, edges: list["_Edge"]) -> None:
        """Surest first; where two headings are as sure of a column, neither has it."""
        taken: set[str] = set()
        for level in sorted({e.sureness for e in edges}, reverse=True):
            here = [
                e
                for e in edges
                if e.sureness == level and e.heading not in taken and e.column not in taken
            ]
            for edge in here:
                rivals = [
                    r.heading for r in here if r.column == edge.column and r.heading != edge.heading
                ]
                others = [
                    r.column for r in here if r.heading == edge.heading and r.column != edge.column
                ]
                if rivals or others:
                    both = " and ".join(
                        [repr(h) for h in (edge.heading, *rivals)]
                        if rivals
                        else [edge.column, *others]
                    )
                    why = f"{both} fit alike"
                    self.contested.append(
                        Match(edge.heading, self.table.name, edge.column, level, why, False)
                    )
                else:
                    self.give(edge.heading, edge.column, level, edge.why)
            taken |= {e.heading for e in here} | {e.column for e in here}

    def give(self, heading: str, column: str, sureness: float, why: str) -> None:
        self.columns.append((heading, column))
        self.why[heading, column] = (sureness, why)

    def heading_of(self, column: str) -> str | None:
        return next((h for h, c in self.columns if c == column), None)

    def _keys_in_other_words(self) -> None:
        """A sheet that names its rows but does not number them is keyed by the names."""
        name = self.heading_of("name")
        key = self.heading_of("id")
        says_more = name is not None and (_spelled(name) != "name" or self.is_named)
        if self.table.name in _KEYED_BY_NAME and key is None and name and says_more:
            self.give(name, "id", APPLIED, "no heading is the key, so the name is")
        if self.table.name == "vendor" and key and name is None:
            self.give(key, "name", APPLIED, "no heading is the name, so the key is")
        if self.table.name == "product" and key is None:
            self._key_by_model()

    def _key_by_model(self) -> None:
        model, maker = self.heading_of("model"), self.heading_of("vendor_name")
        if model and maker:
            self.joined.append(("id", (maker, model)))
        elif model:
            self.give(model, "id", APPLIED, "no heading is the key, so the model is")

    @property
    def score(self) -> float:
        surest: dict[str, float] = {}
        for (heading, _), (sureness, _) in self.why.items():
            surest[heading] = max(surest.get(heading, 0.0), sureness)
        total = sum(surest.values())
        return total + (_EVIDENCE_OF_NAME if self.is_named and total else 0.0)

    @property
    def missing(self) -> list[str]:
        filled = {c for _, c in self.columns} | {c for c, _ in self.joined}
        return [c.name for c in self.table.columns if c.required and c.name not in filled]

    @property
    def is_whole(self) -> bool:
        return bool(self.columns) and not self.missing

    @property
    def is_likely(self) -> bool:
        """A column or two among many other headings are a coincidence."""
        told = len({h for h, _ in self.columns})
        return self.is_named or told >= 3 or (told >= 2 and told * 2 >= self.headings)


@dataclass(frozen=True, slots=True)
class _Sheet:
    """The table that a sheet's records would be, and those said in passing."""

    parts: list[_Fit]

    @property
    def score(self) -> float:
        """What is said in passing counts for a table that tells more than its key."""
        first = self.parts[0]
        own = {h for h, _ in first.why}
        passing = {
            heading: sureness
            for part in self.parts[1:]
            for (heading, _), (sureness, _) in part.why.items()
            if heading not in own
        }
        return first.score + (sum(passing.values()) if len(own) > 1 else 0.0)


@dataclass(frozen=True, slots=True)
class _Edge:
    heading: str
    column: str
    sureness: float
    why: str


def _once(headings: Sequence[str]) -> list[str]:
    """The headings that stand once, and so mean one column."""
    return [h for h, times in Counter(headings).items() if h and times == 1]


def _spelled(text: str) -> str:
    """A text without case, accents, spaces and punctuation."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if c.isalnum())


@cache
def _dictionary(
    table: str,
) -> tuple[dict[str, dict[str, tuple[float, str]]], dict[str, dict[str, tuple[float, str]]]]:
    """What a table's columns are called, as written and as spelled by anyone."""
    written: dict[str, dict[str, tuple[float, str]]] = {}
    spelled: dict[str, dict[str, tuple[float, str]]] = {}
    for column in FILLABLE[table].values():
        calls = [(column.name, 1.0, "the column's name"), (column.heading, 1.0, "its heading")]
        calls += [(also, 0.95, f"also called {also!r}") for also in column.also_called]
        for call, sureness, why in calls:
            unit = f"; taken to be in {column.unit}" if column.unit and sureness < 1.0 else ""
            exact = (sureness, why + unit)
            alike = (APPLIED, f"{call!r} in another spelling" + unit)
            written.setdefault(call.casefold(), {}).setdefault(column.name, exact)
            spelled.setdefault(_spelled(call), {}).setdefault(column.name, alike)
    return written, spelled


@cache
def _known_words() -> frozenset[str]:
    """What any column of any table is called, as spelled by anyone."""
    return frozenset(word for t in NETWORK_TABLES for word in _dictionary(t.name)[1])


def _is_known(heading: str) -> bool:
    """Whether a heading may be that of some table: most lines of most files have none."""
    if not heading or len(heading) > _LONGEST_HEADING:
        return False
    bracketed = _BRACKETS.fullmatch(heading)
    words = _known_words()
    return _spelled(heading) in words or (bracketed is not None and _spelled(bracketed[1]) in words)


def _edges(table: Table, headings: Sequence[str]) -> list[_Edge]:
    return [
        _Edge(heading, column, sureness, why)
        for heading in headings
        for column, (sureness, why) in _columns_called(table.name, heading).items()
    ]


def _columns_called(table: str, heading: str) -> dict[str, tuple[float, str]]:
    """The columns that go by this heading, each with the sureness and the reason."""
    written, spelled = _dictionary(table)
    found = written.get(heading.casefold()) or spelled.get(_spelled(heading))
    if found:
        return found
    bracketed = _BRACKETS.fullmatch(heading)
    if not bracketed:
        return {}
    # "Length (m)" is not length_km; "Install date (dd/mm/yyyy)" is installed_on.
    base, inside = bracketed[1], _spelled(bracketed[2])
    columns = {**written.get(base.casefold(), {}), **spelled.get(_spelled(base), {})}
    fitting = {}
    for name in columns:
        column = FILLABLE[table][name]
        units = (_spelled(column.unit), *_UNITS.get(column.unit, ())) if column.unit else ()
        if inside in {_spelled(u) for u in units} or column.type is Type.DATE:
            fitting[name] = (APPLIED, f"{base!r} with {bracketed[2]!r} in brackets")
    return fitting


def _part_numbers_first(edges: list[_Edge], headings: Sequence[str]) -> list[_Edge]:
    """Beside a product's number, the model's name is not what the element's product is keyed by."""
    if not any("id" in _columns_called("product", h) for h in headings):
        return edges
    return [
        e
        for e in edges
        if e.column != "product" or "id" in _columns_called("product", e.heading) or e.sureness == 1
    ]


def _parts(best: _Fit, headings: Sequence[str]) -> list[_Fit]:
    """The table that a sheet's records are, and those it says in passing.

    An inventory often tells the function, the product and the place of each element.
    """
    if best.table.name != "element":
        return [best]
    key = best.heading_of("id")
    used = {h for h, _ in best.columns}
    free = [h for h in _once(headings) if h not in used]
    parts = [best]
    site = best.heading_of("site")
    if site:
        places = _in_passing("site", free, ("site", "id"), site)
        if len(places.columns) > 1:
            parts.append(places)
    if key:
        functions = _in_passing("function", free, ("element", "element"), key)
        if kind := functions.heading_of("kind"):
            parts.append(functions)
            if _spelled(kind) == "role" and best.heading_of("role_name") is None:
                best.give(kind, "role_name", APPLIED, "the role as its inventory calls it")
    product = _product_in_passing(best, free)
    return [*parts, product] if product else parts


def _in_passing(table: str, free: Sequence[str], key: tuple[str, str], heading: str) -> _Fit:
    reference, column = key
    fit = _Fit(TABLES[table], False)
    fit.give(heading, column, 1.0, f"the {reference} that the records name")
    edges = _edges(TABLES[table], [h for h in free if h.casefold() not in _WEAK])
    fit.assign([e for e in edges if e.column not in {column, "operator"}])
    return fit


def _product_in_passing(best: _Fit, free: Sequence[str]) -> _Fit | None:
    reference = best.heading_of("product")
    maker = best.heading_of("vendor_name")
    is_model = reference is not None and "model" in _columns_called("product", reference)
    heading = reference if is_model else None
    if heading is None:
        models = [h for h in free if "model" in _columns_called("product", h)]
        if len(models) != 1:
            return None
        heading = models[0]
    fit = _Fit(TABLES["product"], False)
    sureness, why = _columns_called("product", heading)["model"]
    fit.give(heading, "model", sureness, why)
    if maker:
        fit.give(maker, "vendor_name", *best.why[maker, "vendor_name"])
    rest = [h for h in free if h != heading and h.casefold() not in _WEAK]
    edges = _edges(TABLES["product"], rest)
    fit.assign([e for e in edges if e.column not in {"id", "model", "vendor_name"}])
    if reference and not is_model:
        fit.give(reference, "id", *best.why[reference, "product"])
        return fit
    # The model alone is not a key where two makers use one name.
    if reference:
        best.columns.remove((reference, "product"))
    if maker:
        best.joined.append(("product", (maker, heading)))
        fit.joined.append(("id", (maker, heading)))
    else:
        best.give(heading, "product", APPLIED, "the product that the model is")
        fit.give(heading, "id", APPLIED, "no heading is the key, so the model is")
    return fit


def _left_over(headings: Sequence[str], parts: Sequence[_Fit]) -> tuple[Match, ...]:
    """Every heading in the sheet's order with what becomes of it, or might."""
    matches: list[Match] = []
    once = set(_once(headings))
    for heading in dict.fromkeys(h for h in headings if h):
        told = list(_told(heading, parts))
        if heading not in once:
            matches.append(Match(heading, None, None, 0.0, "stands twice", False))
        elif told:
            matches += told
        else:
            contested = [m for part in parts for m in part.contested if m.heading == heading]
            matches.append(contested[0] if contested else _suggest(heading, parts))
    return tuple(matches)


def _told(heading: str, parts: Sequence[_Fit]) -> Iterator[Match]:
    for part in parts:
        for (h, column), (sureness, why) in part.why.items():
            if h == heading and (h, column) in part.columns:
                yield Match(heading, part.table.name, column, sureness, why, True)
        for column, pieces in part.joined:
            if heading in pieces:
                why = f"key made of {' and '.join(pieces)}"
                yield Match(heading, part.table.name, column, APPLIED, why, True)


def _suggest(heading: str, parts: Sequence[_Fit]) -> Match:
    if found := _in_another_unit(heading, parts):
        return Match(heading, None, None, 0.0, found, applied=False)
    best: tuple[float, str, str, str] | None = None
    word = _spelled(heading[:_LONGEST_HEADING])
    for part in parts:
        filled = {c for _, c in part.columns} | {c for c, _ in part.joined}
        for column in FILLABLE[part.table.name].values():
            if column.name in filled:
                continue
            for call in (column.name, column.heading, *column.also_called):
                likeness = fuzz.ratio(word, _spelled(call))
                if likeness >= _SUGGESTED_FROM and (best is None or likeness > best[0]):
                    best = (likeness, part.table.name, column.name, call)
    if best is None:
        return Match(heading, None, None, 0.0, "no column is called so", False)
    likeness, table, name, call = best
    why = f"like {call!r}, but not the same"
    return Match(heading, table, name, round(likeness / 100 * 0.85, 2), why, False)


def _in_another_unit(heading: str, parts: Sequence[_Fit]) -> str | None:
    """Why a heading that names a quantity of ours is not even like it: metres are no kilometres."""
    bracketed = _BRACKETS.fullmatch(heading)
    if bracketed:
        for part in parts:
            for name in _columns_called(part.table.name, bracketed[1]):
                if unit := FILLABLE[part.table.name][name].unit:
                    return f"in {bracketed[2]}, where {part.table.name}.{name} is in {unit}"
    return None


def _why_none(near: _Fit, table: str | None) -> str:
    if not near.columns:
        return f"no heading is a column of {table}" if table else "no heading is any table's column"
    if near.missing:
        rival = next((m.why for m in near.contested), None)
        why = f"the nearest table is {near.table.name}, but nothing is its {near.missing[0]}"
        return f"{why}; {rival}" if rival else why
    told = len({h for h, _ in near.columns})
    return f"only {told} of {near.headings} headings are those of {near.table.name}"


def _tables_named(names: Sequence[str]) -> set[str]:
    """The tables that the first telling name is the name of; the longest words win."""
    for name in names:
        words = [w for w in re.split(r"[\W_\d]+", name.casefold()) if w]
        found: dict[int, set[str]] = {}
        for table, calls in _CALLED.items():
            for call in (table.replace("_", " "), *calls):
                parts = call.split()
                span = range(len(words) - len(parts) + 1)
                if any(words[i : i + len(parts)] == parts for i in span):
                    found.setdefault(len(parts), set()).add(table)
        if found:
            return found[max(found)]
    return set()


def _cells(
    parts: Sequence[_Fit], headings: Sequence[str], sample: Sequence[Sequence[str]], type_: Type
) -> Iterator[tuple[str, Column, list[str]]]:
    """The sample's cells of each applied column of a type."""
    for part in parts:
        for heading, name in part.columns:
            column = FILLABLE[part.table.name][name]
            if column.type is type_:
                place = list(headings).index(heading)
                yield heading, column, [row[place] for row in sample if place < len(row)]


def _leave_out_strange_words(
    parts: Sequence[_Fit], headings: Sequence[str], sample: Sequence[Sequence[str]]
) -> None:
    """A column whose list has none of the sheet's words would cost every row; it is suggested."""
    for part in parts:
        for heading, column, cells in list(_cells([part], headings, sample, Type.TEXT)):
            if not column.one_of or column.required:
                continue
            text = stated(pa.array([c.replace("\0", " ") for c in cells], pa.string()))
            values, _ = convert(column, text, None, Reading(), {})
            words = [w for w in text.unique().to_pylist() if w is not None]
            if not words or values.null_count < len(values):
                continue
            part.columns.remove((heading, column.name))
            del part.why[heading, column.name]
            some = ", ".join(repr(w) for w in words[:3])
            why = f"its words ({some}) are not ours: [table.values.{column.name}] can say them"
            part.contested.append(
                Match(heading, part.table.name, column.name, APPLIED, why, applied=False)
            )


def _date_formats(
    parts: Sequence[_Fit], headings: Sequence[str], sample: Sequence[Sequence[str]]
) -> tuple[str | None, list[str]]:
    """The one date format that the sample makes certain, if any, and what to tell the user."""
    notes: list[str] = []
    formats: set[str | None] = set()
    for heading, _, cells in _cells(parts, headings, sample, Type.DATE):
        found = [f for f in (FIGURES.fullmatch(c.strip()) for c in cells) if f]
        if not found:
            continue
        order = date_order(cells)
        if order in {Order.UNDECIDED, Order.MIXED}:
            notes.append(
                f"dates in {heading!r} may have the day or the month first, as {found[0][0]}: "
                "state date_format"
            )
            formats.add(None)
            continue
        notes.append(f"dates in {heading!r} have the {order.value}: a day above 12 shows it")
        one, two = ("%d", "%m") if order is Order.DAY_FIRST else ("%m", "%d")
        formats |= {f"{one}{f[2]}{two}{f[2]}%Y" for f in found}
    return (formats.pop() if len(formats) == 1 else None), notes


def _number_notes(
    parts: Sequence[_Fit], headings: Sequence[str], sample: Sequence[Sequence[str]]
) -> list[str]:
    notes = []
    for heading, _, cells in _cells(parts, headings, sample, Type.DECIMAL):
        comma = [c for c in cells if re.fullmatch(r"\s*[+-]?[\d.]*,\d+\s*", c)]
        if comma:
            notes.append(
                f"numbers in {heading!r} seem to have a decimal comma, as {comma[0].strip()}: "
                "state decimal_comma = true"
            )
    return notes
