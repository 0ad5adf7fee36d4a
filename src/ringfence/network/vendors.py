"""Names as written, to vendors, to those who control them.

Two stages. The exact stage takes a name for a vendor's only if it is, but for case, width, spaces
and punctuation, the vendor's name, legal name, key or a declared alias. The second stage suggests;
a suggestion takes effect when a person adds it as a row of `vendor_alias`, never by itself. A name
that fits two vendors is given to neither, and a name that fits none becomes a vendor of its own,
of which nothing else is known: every judgement about it is then `unknown` until somebody looks.

Nothing here knows a vendor by its name. Renaming all vendors alike renames the results and changes
nothing else.
"""

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from ringfence.errors import NotFoundError
from ringfence.network.model import PRODUCT, TABLES, VENDOR
from ringfence.network.ownership import CONTROL, control, group
from ringfence.store.tables import Column, Table, Type

__all__ = [
    "CONTROL",
    "UNRESOLVED_NAME",
    "VENDOR_CONFLICT",
    "VENDOR_SUGGESTION",
    "Resolution",
    "control",
    "find",
    "group",
    "normalise",
    "resolve",
    "same_makers",
]

UNRESOLVED_NAME = Table(
    "unresolved_name",
    "a maker's name that could not be given to one vendor",
    ("vendor_name",),
    (
        Column("vendor_name", Type.TEXT, "The name as written", required=True),
        Column(
            "reason",
            Type.TEXT,
            "Why",
            required=True,
            one_of=("fits several vendors", "has no letter or digit"),
        ),
        Column("candidates", Type.TEXT, "The vendors it fits, by key, parted by semicolons"),
        Column("rows", Type.INTEGER, "How many rows carry it", required=True, minimum=1),
    ),
)
VENDOR_CONFLICT = Table(
    "vendor_conflict",
    "an element whose own maker is not that of its product",
    ("element",),
    (
        Column("element", Type.TEXT, "The element", required=True, refers_to="element"),
        Column("vendor_name", Type.TEXT, "The element's maker as written", required=True),
        Column("vendor", Type.TEXT, "The vendor taken", required=True, refers_to="vendor"),
        Column("product", Type.TEXT, "The product", required=True, refers_to="product"),
        Column(
            "product_vendor", Type.TEXT, "The product's vendor", required=True, refers_to="vendor"
        ),
        Column("origin", Type.TEXT, "Where the element was read"),
    ),
)
VENDOR_SUGGESTION = Table(
    "vendor_suggestion",
    "a vendor that a name may mean, for a person to confirm",
    ("vendor_name", "vendor"),
    (
        Column("vendor_name", Type.TEXT, "The name as written", required=True),
        Column("vendor", Type.TEXT, "The vendor it may mean", required=True, refers_to="vendor"),
        Column("known_as", Type.TEXT, "The name of that vendor it was likened to", required=True),
        Column("score", Type.DECIMAL, "Likeness", required=True, minimum=0, maximum=1),
        Column(
            "why",
            Type.TEXT,
            "What the two names have in common",
            required=True,
            one_of=("legal form", "one spelling apart", "contains", "alike"),
        ),
    ),
)
LEGAL_FORMS = (
    *("ab", "ag", "as", "asa", "aps", "bv", "bvba", "cv", "co", "company", "corp", "corporation"),
    *("doo", "ead", "eood", "eurl", "gmbh", "gmbh co kg", "group", "holding", "holdings", "inc"),
    *("incorporated", "kft", "kg", "kgaa", "kk", "lda", "limited", "llc", "llp", "lp", "ltd"),
    *(
        "ltda",
        "mbh",
        "nv",
        "nyrt",
        "ood",
        "oy",
        "oyj",
        "ou",
        "oü",
        "pjsc",
        "plc",
        "pte",
        "pt",
        "pty",
    ),
    *("pvt", "private", "sa", "sab de cv", "sa de cv", "sal", "saoc", "sarl", "sas", "sdn bhd"),
    *("se", "sia", "sl", "slu", "snc", "spa", "spol sro", "sp zoo", "sro", "srl", "tbk", "uab"),
    *("zrt", "zao", "oao", "ooo", "ao", "public joint stock company", "joint stock company"),
)
"""Words at the end of a registered name that say only its legal form, folded as names are."""

LEADING_LEGAL_FORMS = frozenset({"ao", "oao", "ooo", "pt", "uab", "zao"})
"""Legal forms that stand before the name."""

JOINED_LEGAL_FORMS = (
    *("股份有限公司", "有限责任公司", "有限公司", "集团", "公司", "株式会社", "合同会社"),
    *("주식회사", "유한회사"),
)
"""Legal forms written without a space before or after the name; longer ones first."""

SUGGESTED_FROM = 0.88
"""Least likeness suggested. Chosen so that one wrong letter in eight is still found."""

SPELT_ALIKE_FROM_LETTERS = 4
"""Shorter names lie one letter apart from too many others."""

_Alias = tuple[str, str]
_MADE_FROM_NAME = "named in "
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Resolution:
    """The tables with every `vendor` column filled, and what a person should look at.

    `tables` holds all tables given, `vendor` always. `added` are the vendors known by a name
    alone. Names in `unresolved` leave `vendor` null in their rows.
    """

    tables: Mapping[str, pa.Table]
    added: pa.Table
    unresolved: pa.Table
    conflicts: pa.Table
    suggestions: pa.Table


def normalise(name: str) -> str:
    """Fold case, width, spaces and punctuation: "ACME-Net" and "acme  net" are one name.

    Invisible characters are dropped, lest one hide a vendor from its own name. Legal forms stay.
    """
    text = name
    # Folding case can undo the normal form for a few letters: repeat until nothing changes.
    while (folded := unicodedata.normalize("NFKC", text).casefold()) != text:
        text = folded
    kept = []
    for character in text:
        category = unicodedata.category(character)
        if category[0] in "LNM":
            kept.append(character)
        elif category != "Cf":
            kept.append(" ")
    return " ".join("".join(kept).split())


def resolve(tables: Mapping[str, pa.Table]) -> Resolution:
    """Fill the `vendor` columns of `product`, `element` and `contract` from the names written.

    Those of `component` and `affected` are filled where the name is that of a vendor known
    otherwise; none is made of theirs, since most makers of a library make no network.

    A table that is absent counts as empty. What stood in those columns before is not used, so
    resolving twice changes nothing. A vendor named instead of keyed in `vendor_alias`, `ownership`,
    `jurisdiction` or `designation` is put by its key; a reference nobody answers to stays as it is.
    An element without a maker's name takes its product's vendor.
    """
    stated = _stated(_table(tables, "vendor"))
    names = _Names(stated)
    uses = [
        _Use(name, column, _table(tables, name))
        for name, column in (
            ("product", "vendor_name"),
            ("product", "original_maker_name"),
            ("element", "vendor_name"),
            ("contract", "vendor_name"),
        )
    ]
    added = _made_from_names(uses, names, _aliases(tables))

    found = {use.place: use.resolved(names.meant_by) for use in uses}
    out = dict(tables)
    out["vendor"] = pa.concat_tables([stated, added])
    if "vendor_alias" in out:
        alias = _table(tables, "vendor_alias")
        pairs = zip(alias["alias"].to_pylist(), alias["vendor"].to_pylist(), strict=True)
        keys = [names.learned.get(pair, pair[1]) for pair in pairs]
        out["vendor_alias"] = _with(alias, "vendor", pa.array(keys, pa.string()))
    for name, column in (
        ("ownership", "owner"),
        ("ownership", "owned"),
        ("jurisdiction", "vendor"),
        ("designation", "vendor"),
    ):
        if name in out:
            out[name] = _table(out, name)
            texts = out[name].column(column).to_pylist()
            keys = [text and (names.referred_to(text) or text) for text in texts]
            out[name] = _with(out[name], column, pa.array(keys, pa.string()))
    if "contract" in out:
        contract = _table(tables, "contract")
        out["contract"] = _with(contract, "vendor", found["contract", "vendor_name"])
    for name in ("component", "affected"):
        if name in out:
            use = _Use(name, "vendor_name", _table(tables, name))
            out[name] = _with(use.rows, "vendor", use.resolved(names.meant_by))
    product = _table(tables, "product")
    maker = found["product", "vendor_name"]
    if "product" in out:
        out["product"] = _with(product, "vendor", maker)
        out["product"] = _with(
            out["product"], "original_maker", found["product", "original_maker_name"]
        )
    conflicts = VENDOR_CONFLICT.empty()
    if "element" in out:
        element = _table(tables, "element")
        own = found["element", "vendor_name"]
        of_product = maker.take(
            pc.index_in(_whole(element["product"]), value_set=_whole(product["id"]))
        )
        conflicts = _conflicts(element, own, of_product)
        vendor = pc.if_else(pc.is_null(_whole(element["vendor_name"])), of_product, own)
        out["element"] = _with(element, "vendor", vendor)
    return Resolution(
        tables=out,
        added=added,
        unresolved=_unresolved(uses, names),
        conflicts=conflicts,
        suggestions=_suggestions(added, names),
    )


def same_makers(names: Iterable[str], tables: Mapping[str, pa.Table]) -> dict[str, str]:
    """For each maker's name a text that is the same for names of the same vendor."""
    written = sorted(set(names))
    asked = PRODUCT.from_rows({"id": name, "vendor_name": name} for name in written)
    known = {name: tables[name] for name in ("vendor", "vendor_alias") if name in tables}
    found = resolve({**known, "product": asked}).tables["product"]["vendor"].to_pylist()
    return {n: vendor or normalise(n) for n, vendor in zip(written, found, strict=True)}


def find(name: str, tables: Mapping[str, pa.Table]) -> str:
    """The key of the one vendor that `name` means: its key, name, legal name or an alias.

    Raises `NotFoundError` where it means none or several; the hint then says which are near.
    """
    names = _Names(_table(tables, "vendor"))
    names.learn(_aliases(tables))
    if key := names.referred_to(name):
        return key
    several = sorted(names.vendors(name))
    if several:
        raise NotFoundError(
            f"{name!r} means several vendors",
            where="vendor",
            hint=f"give one of their keys: {', '.join(several)}",
        )
    near = _suggestions(VENDOR.from_rows([{"id": "", "name": name}]), names)
    likely = ", ".join(near["vendor"].slice(0, 5).to_pylist())
    raise NotFoundError(
        f"no vendor is called {name!r}",
        where="vendor",
        hint=f"perhaps: {likely}" if likely else "list them with `ringfence show vendor`",
    )


class _Names:
    """Which vendors a name means.

    A key counts as a name only where no name fits: a key often is an old name, and the names must
    be free to change.
    """

    def __init__(self, vendor: pa.Table) -> None:
        self._ids: set[str] = set()
        self._named: dict[str, set[str]] = {}
        self._keyed: dict[str, set[str]] = {}
        self.spellings: list[tuple[str, str]] = []
        self.learned: dict[_Alias, str] = {}
        for row in vendor.select(["id", "name", "legal_name"]).to_pylist():
            self.add(row["id"], row["name"], row["legal_name"])

    def add(self, key: str, *written: str | None) -> None:
        """Let `key` be meant by `written`, by itself, and by its part after the source."""
        self._ids.add(key)
        native = key.partition(":")[2]
        for text in (key, native):
            if any(character.isalpha() for character in text):
                self._keyed.setdefault(normalise(text), set()).add(key)
        for name in dict.fromkeys(written):
            if name and (folded := normalise(name)):
                self._named.setdefault(folded, set()).add(key)
                self.spellings.append((key, name))

    def learn(self, aliases: Iterable[_Alias]) -> list[_Alias]:
        """Let each vendor referred to be meant by its alias; return those nobody answers to.

        No alias is read through another of the same call, so their order does not matter.
        """
        answers = [(alias, self.referred_to(alias[1])) for alias in aliases]
        for alias, key in answers:
            if key:
                self.learned[alias] = key
                self.spellings.append((key, alias[0]))
                self._named.setdefault(normalise(alias[0]), set()).add(key)
        return [alias for alias, key in answers if not key]

    def vendors(self, name: str) -> set[str]:
        folded = normalise(name)
        return self._named.get(folded) or self._keyed.get(folded, set())

    def meant_by(self, name: str) -> str | None:
        meant = self.vendors(name)
        return next(iter(meant)) if len(meant) == 1 else None

    def referred_to(self, text: str) -> str | None:
        """The vendor a reference points at: a key, or a name that a person wrote for it.

        A source may have put its prefix before the name, as it does before every key.
        """
        if text in self._ids:
            return text
        return self.meant_by(text) or self.meant_by(text.partition(":")[2])

    def free_key(self, folded: str) -> str:
        """A key for a vendor known by name alone; two names never share one."""
        key = f"vendor:{folded.replace(' ', '-')}"
        number = 2
        # A tilde is in no folded name, so a numbered key is never that of another name.
        while key in self._ids:
            key = f"vendor:{folded.replace(' ', '-')}~{number}"
            number += 1
        return key


class _Use:
    """A column of makers' names, each distinct name looked at once."""

    def __init__(self, table: str, column: str, rows: pa.Table) -> None:
        self.place = (table, column)
        self.rows = rows
        self._coded = _coded(rows.column(column))
        self.written: list[str] = self._coded.dictionary.to_pylist()

    def resolved(self, meant_by: Callable[[str], str | None]) -> pa.Array:
        vendors = [meant_by(name) for name in self.written]
        return pa.array(vendors, pa.string()).take(self._coded.indices)

    def counts(self) -> dict[str, int]:
        numbers = np.bincount(
            self._coded.indices.drop_null().to_numpy(zero_copy_only=False),
            minlength=len(self.written),
        )
        return dict(zip(self.written, numbers.tolist(), strict=True))

    def first_origins(self, written: Iterable[str]) -> dict[str, str]:
        """For each name, the least origin of its rows."""
        table, column = self.place
        mask = pc.is_in(self.rows.column(column), value_set=pa.array(written, pa.string()))
        rows = self.rows.select([column, "origin"]).filter(mask)
        least = rows.group_by(column).aggregate([("origin", "min")])
        return {
            name: origin or f"table {table}"
            for name, origin in zip(
                least[column].to_pylist(), least["origin_min"].to_pylist(), strict=True
            )
        }


def _made_from_names(uses: list[_Use], names: _Names, aliases: list[_Alias]) -> pa.Table:
    """Make a vendor of each name that fits none, and let `names` learn them and the aliases.

    An alias may speak of a vendor that is itself known by name alone, or of another alias: no
    vendor is made of it while a vendor it speaks of may still come.
    """
    made: list[dict[str, object]] = []
    pending = names.learn(aliases)
    while True:
        waiting = {normalise(alias) for alias, _ in pending}
        made += _made(uses, names, waiting)
        if not pending:
            return VENDOR.from_rows(sorted(made, key=lambda row: str(row["id"])))
        rest = names.learn(pending)
        pending = rest if len(rest) < len(pending) else _hopeful(rest, waiting)


def _hopeful(pending: list[_Alias], waiting: set[str]) -> list[_Alias]:
    """Leave out the aliases of nobody; in a circle of aliases, the first."""
    kept = [
        (alias, reference)
        for alias, reference in pending
        if waiting & {normalise(reference), normalise(reference.partition(":")[2])}
    ]
    if len(kept) < len(pending):
        return kept
    first = min(waiting)
    return [(alias, reference) for alias, reference in pending if normalise(alias) != first]


def _made(uses: list[_Use], names: _Names, waiting: set[str]) -> list[dict[str, object]]:
    written_as: dict[str, str] = {}
    for name in sorted({name for use in uses for name in use.written}):
        folded = normalise(name)
        if folded and folded not in waiting and not names.vendors(name):
            written_as.setdefault(folded, name)
    origins: dict[str, str] = {}
    for use in uses:
        for name, origin in use.first_origins(written_as.values()).items():
            origins.setdefault(name, origin)
    rows: list[dict[str, object]] = []
    for folded, name in written_as.items():
        key = names.free_key(folded)
        rows.append({"id": key, "name": name, "origin": f"{_MADE_FROM_NAME}{origins[name]}"})
        names.add(key, name)
    return rows


def _stated(vendor: pa.Table) -> pa.Table:
    """The vendors that somebody stated, without those an earlier resolution made from a name."""
    made = pc.fill_null(pc.starts_with(vendor["origin"], _MADE_FROM_NAME), False)
    for fact in ("legal_name", "country_of_registration", "is_independent"):
        made = pc.and_(made, pc.is_null(vendor[fact]))
    return vendor.filter(pc.invert(made))


def _conflicts(element: pa.Table, own: pa.Array, of_product: pa.Array) -> pa.Table:
    differ = pc.fill_null(pc.not_equal(own, of_product), False)
    rows = element.filter(differ)
    columns = {
        "element": rows["id"],
        "vendor_name": rows["vendor_name"],
        "vendor": own.filter(differ),
        "product": rows["product"],
        "product_vendor": of_product.filter(differ),
        "origin": rows["origin"],
    }
    return VENDOR_CONFLICT.conform(pa.table(columns)).sort_by("element")


def _unresolved(uses: list[_Use], names: _Names) -> pa.Table:
    counts: dict[str, int] = {}
    for use in uses:
        for name, number in use.counts().items():
            counts[name] = counts.get(name, 0) + number
    rows = []
    for name in sorted(counts):
        candidates = sorted(names.vendors(name))
        if len(candidates) != 1 and counts[name]:
            rows.append(
                {
                    "vendor_name": name,
                    "reason": "fits several vendors" if candidates else "has no letter or digit",
                    "candidates": "; ".join(candidates) or None,
                    "rows": counts[name],
                }
            )
    return UNRESOLVED_NAME.from_rows(rows)


def _suggestions(added: pa.Table, names: _Names) -> pa.Table:
    """Whom each vendor known by name alone may really be.

    Of two that are both known by name alone, the one that comes later in the order of keys is
    likened to the earlier, not both to each other.
    """
    by_name_alone = set(added["id"].to_pylist())
    known = [(key, name, _bare(name)) for key, name in names.spellings]
    asked = [(row["id"], row["name"], _bare(row["name"])) for row in added.to_pylist()]
    choices = [bare for _, _, bare in known]
    best: dict[tuple[str, str], _Suggestion] = {}
    for start in range(0, len(asked), _BLOCK):
        block = asked[start : start + _BLOCK]
        queries = [bare for _, _, bare in block]
        alike = process.cdist(
            queries, choices, scorer=fuzz.token_set_ratio, score_cutoff=100 * SUGGESTED_FROM
        )
        steps = process.cdist(queries, choices, scorer=OSA.distance, score_cutoff=1, dtype=np.uint8)
        for i, j in np.argwhere((alike > 0) | (steps <= 1)).tolist():
            key, name, bare = block[i]
            vendor, known_as, known_bare = known[j]
            why = _likeness(bare, known_bare)
            if (
                vendor == key
                or (vendor in by_name_alone and vendor > key)
                or (why == "alike" and not alike[i, j])
            ):
                continue
            score = round(fuzz.token_set_ratio(bare, known_bare) / 100, 4)
            found = _Suggestion(_WHYS.index(why), -score, vendor, known_as, name)
            held = best.get((key, vendor))
            best[key, vendor] = found if held is None else min(found, held)
    rows = [
        {
            "vendor_name": found.vendor_name,
            "vendor": found.vendor,
            "known_as": found.known_as,
            "score": -found.unlikeness,
            "why": _WHYS[found.why],
        }
        for found in sorted(best.values(), key=lambda one: (one.vendor_name, one))
    ]
    return VENDOR_SUGGESTION.from_rows(rows)


_WHYS = VENDOR_SUGGESTION["why"].one_of


class _Suggestion(NamedTuple):
    """Least is likeliest."""

    why: int
    unlikeness: float
    vendor: str
    known_as: str
    vendor_name: str


def _likeness(one: str, other: str) -> str:
    if one == other:
        return "legal form"
    if (
        min(len(one), len(other)) >= SPELT_ALIKE_FROM_LETTERS
        and OSA.distance(one, other, score_cutoff=1) <= 1
    ):
        return "one spelling apart"
    words, others = set(one.split()), set(other.split())
    return "contains" if words <= others or others <= words else "alike"


def _bare(name: str) -> str:
    """The name without words that say only its legal form; never empty if the name is not."""
    folded = normalise(name)
    for joined in JOINED_LEGAL_FORMS:
        folded = folded.removesuffix(joined).removeprefix(joined).strip() or folded
    # "S.A." has become the words "s a", "S. p. A." "s p a": join single letters before comparing.
    words: list[str] = []
    single = False
    for word in folded.split():
        if single and len(word) == 1:
            words[-1] += word
        else:
            words.append(word)
        single = len(word) == 1
    while (rest := _without_form(words)) is not None:
        words = rest
    return " ".join(words)


def _without_form(words: list[str]) -> list[str] | None:
    for form in _FORM_WORDS:
        if len(words) > len(form) and words[-len(form) :] == form:
            return words[: -len(form)]
    return words[1:] if len(words) > 1 and words[0] in LEADING_LEGAL_FORMS else None


_FORM_WORDS = sorted((form.split() for form in LEGAL_FORMS), key=lambda form: (-len(form), form))


def _aliases(tables: Mapping[str, pa.Table]) -> list[_Alias]:
    rows = _table(tables, "vendor_alias")
    pairs = zip(rows["alias"].to_pylist(), rows["vendor"].to_pylist(), strict=True)
    return [(alias, vendor) for alias, vendor in pairs if alias and vendor and normalise(alias)]


def _table(tables: Mapping[str, pa.Table], name: str) -> pa.Table:
    declared = TABLES[name]
    return declared.conform(tables.get(name, declared.empty()))


def _with(table: pa.Table, column: str, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(column), column, values)


def _whole(values: pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _coded(values: pa.ChunkedArray) -> pa.DictionaryArray:
    return _whole(values).cast(pa.string()).dictionary_encode()
