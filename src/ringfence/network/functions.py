"""The catalogue of network functions, and the kind meant by what an inventory wrote.

A rule speaks of kinds (AMF, GNBDU, OLT); an inventory writes "gNodeB", "OLT chassis" or "P-GW".
A written kind is found by its exact name, full name or known synonym, never by likeness: "MME/AMF"
names two functions with different law, and a wrong guess would clear what nobody has looked at. What
is not found stays as it was written, matches no row of the catalogue, and is `unknown` in a rule.

The catalogue lies beside this file as `functions.csv`. Clauses of 3GPP TS 23.501 are those of
Release 18, of TS 23.002, 23.214, 23.228, 23.401, 33.127 and 38.401 those of Release 16. Where the
clause could not be checked, the document alone is cited.
"""

import csv
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from itertools import pairwise

import pyarrow as pa
from rapidfuzz import fuzz

from ringfence.store.tables import Column, Secrecy, Table, Type

_PUBLIC = Secrecy.PUBLIC

DOMAINS = (
    "5G core",
    "4G core",
    "2G/3G core",
    "IMS",
    "radio access",
    "fixed access",
    "transport",
    "management",
    "virtualisation",
    "security",
    "lawful interception",
    "interconnection",
)
"""The parts of a network; a function lies in one."""

SERVING = {
    "radio access": frozenset(
        ("BTS", "NODEB", "ENB", "HENB", "GNB", "GNBDU", "GNBRU", "O-RU", "RU", "BBU")
    ),
    "fixed access": frozenset(("OLT", "DSLAM", "MSAN", "DPU", "CMTS", "PSTN exchange")),
}
"""The kinds of each access domain that users hang on directly. A controller serves nobody itself,
so that the site it stands at has no traffic of its own to be stated."""

SUGGESTED_AT_MOST = 5
"""A person chooses from a list this long without scrolling."""

LIKENESS = 80.0
"""Below this likeness (0 to 100) of two names, the one is not suggested for the other."""

FUNCTION_KIND = Table(
    "function_kind",
    "a kind of network function",
    ("kind",),
    (
        Column("kind", Type.TEXT, "The kind's short name", required=True, secrecy=_PUBLIC),
        Column("name", Type.TEXT, "The full name", required=True, secrecy=_PUBLIC),
        Column(
            "domain",
            Type.TEXT,
            "The part of the network it lies in",
            one_of=DOMAINS,
            required=True,
            secrecy=_PUBLIC,
        ),
        Column(
            "generation",
            Type.TEXT,
            "The one network generation it belongs to; null where any",
            one_of=("2G", "3G", "4G", "5G", "fixed"),
            secrecy=_PUBLIC,
        ),
        Column(
            "plane",
            Type.TEXT,
            "What it mainly does: decide (control), carry (user) or run the others (management)",
            one_of=("control", "user", "management"),
            required=True,
            secrecy=_PUBLIC,
        ),
        Column(
            "clause",
            Type.TEXT,
            "The standard that defines it, with the clause where it was checked",
            secrecy=_PUBLIC,
        ),
        Column(
            "also_called",
            Type.TEXT,
            "Other names that inventories use, parted by semicolons",
            secrecy=_PUBLIC,
        ),
    ),
)
"""One row of the catalogue."""


@cache
def catalogue() -> pa.Table:
    """Every kind of function, in the order of the domains and then of the file."""
    text = (files(__package__) / "functions.csv").read_text(encoding="utf-8")
    rows = [
        {name: value or None for name, value in row.items()}
        for row in csv.DictReader(text.splitlines())
    ]
    rows.sort(key=lambda row: DOMAINS.index(row["domain"] or ""))
    return FUNCTION_KIND.from_rows(rows)


def serving() -> pa.Table:
    """The kinds that users hang on directly: `kind`, `domain`."""
    pairs = sorted((kind, domain) for domain, kinds in SERVING.items() for kind in kinds)
    return pa.table({"kind": [k for k, _ in pairs], "domain": [d for _, d in pairs]})


def normalise(text: str) -> str:
    """Fold case, width, spaces and punctuation away: "gNB-DU" and "GNB DU" are one name."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(character for character in folded if character.isalnum())


def resolve_kind(text: str | None) -> str | None:
    """The kind that `text` names exactly, or None; it is never guessed."""
    return _kinds_by_name().get(normalise(text)) if text else None


def resolve_kinds(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """`values` with each name of the catalogue put as its kind; any other stays as written.

    Nulls stay null. To learn which are known, join the result with `catalogue()`.
    """
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    coded = values.cast(pa.string()).dictionary_encode()
    known = [resolve_kind(text) or text for text in coded.dictionary.to_pylist()]
    return pa.array(known, pa.string()).take(coded.indices)


def suggest_kinds(text: str) -> list[str]:
    """Kinds a person might have meant by `text`, likeliest first, at most five.

    For a person to choose from: each part of "MME/AMF" first, then words inside the text, then
    names that are spelt alike. Never to be applied without being asked.
    """
    found: dict[str, tuple[int, float]] = {}
    for place, part in _parts(text):
        if kind := resolve_kind(part):
            rank = (place, -float(len(part)))
            found[kind] = min(rank, found.get(kind, rank))
    wanted = normalise(text)
    for name, kind in _kinds_by_name().items():
        likeness = fuzz.ratio(wanted, name)
        if likeness >= LIKENESS:
            rank = (2, -likeness)
            found[kind] = min(rank, found.get(kind, rank))
    ordered = sorted(found, key=lambda kind: (found[kind], kind))
    return ordered[:SUGGESTED_AT_MOST]


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """The whole text and what stands between its separators (0), then its words and word pairs (1)."""
    yield 0, text
    for separator in "/+,;&|":
        yield from ((0, part) for part in text.split(separator))
    words = "".join(c if c.isalnum() or c in "-." else " " for c in text).split()
    yield from ((1, " ".join(pair)) for pair in pairwise(words))
    yield from ((1, word) for word in words)


@cache
def _kinds_by_name() -> dict[str, str]:
    """Each kind, full name and synonym, normalised, to the kind."""
    return {
        normalise(name): row["kind"]
        for row in catalogue().to_pylist()
        for name in (row["kind"], row["name"], *(row["also_called"] or "").split(";"))
        if name.strip()
    }
