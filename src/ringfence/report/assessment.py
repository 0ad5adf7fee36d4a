"""The assessment of a vendor in a country's networks, as one page that stands alone.

What goes in is tables and words that other rooms have worked out; nothing is judged here. What
comes out is one HTML file that asks for nothing from outside, runs no script, prints on A4 and is
the same to the byte for the same input.

Because a wrong figure in such a paper does more harm than none, the input is checked before a word
is written: shares between 0 and 1, answers of the three, no figure twice.
"""

import math
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.decision.options import OPTION, REMAINING
from ringfence.errors import RingfenceError, UnavailableError
from ringfence.exposure.presence import PRESENCE
from ringfence.network.check import GAP
from ringfence.network.model import FINDING, REJECT, SOURCE_FILE
from ringfence.report.separation import Separation
from ringfence.report.withdrawal import Withdrawn
from ringfence.rules.evaluate import JUDGED
from ringfence.store.tables import Column, Table, Type

MEASURES = ("elements", "sites", "people", "traffic", "premises")
"""What a share may be of; traffic is in Mbit/s in the busy hour."""

LONGEST_LABEL = 80
"""A marking is printed at the head and foot of every page and must not be cut there."""

VERDICTS = ("breach", "comply", "unknown")

STATES = ("breach", "unknown", "due", "comply")
"""The answers as they are shown, gravest first: `due` is no breach today but has a deadline ahead
on which it will be one, or will not be known not to be."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the page; `anchor` is where a link finds it."""

    anchor: str
    number: int
    title: str


_TITLES = {
    "where": "Where the vendor is",
    "separation": "Does the separation hold",
    "withdrawal": "What fails when the vendor is gone",
    "law": "What the law says",
    "findings": "What was found",
    "options": "The options side by side",
    "not-known": "What is not known, and what to fill first",
    "making": "How the figures were made",
    "not-decided": "What this report does not decide",
    "words": "Words",
}
CHAPTERS = {
    anchor: Chapter(anchor, number, title)
    for number, (anchor, title) in enumerate(_TITLES.items(), 1)
}
"""The chapters in the order in which they stand: a new one is put in here and in the template."""


def _text(name: str, means: str, *one_of: str, required: bool = False) -> Column:
    return Column(name, Type.TEXT, means, one_of=one_of, required=required)


NETWORK_ROWS = Table(
    "network",
    "a table of the network, and how long it is",
    ("table",),
    (
        _text("table", "The table's name", required=True),
        Column("rows", Type.INTEGER, "Its rows", required=True, minimum=0),
    ),
)


@dataclass(frozen=True, slots=True)
class Law:
    """One rule pack held against the network, under the law of one date.

    `not_in_force` are (rule, title, date from which it applies or null); `not_encoded` are
    requirements that no rule tests: (id, title, why).
    """

    pack: str
    title: str
    legal_status: str
    as_of: date
    judged: pa.Table
    not_in_force: tuple[tuple[str, str, date | None], ...] = ()
    not_encoded: tuple[tuple[str, str, str], ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "judged", _laid(JUDGED, self.judged, self.pack))
        _only(self.judged, "verdict", VERDICTS, self.pack)


@dataclass(frozen=True, slots=True)
class Assessment:
    """All that the page says. Tables have the columns of those declared above and in the model.

    `vendor_group` are the vendors counted as the one asked about: each a name and, in words, the
    chain by which it is held. `operators` gives the names of operators that tables mention by key.
    `findings_command` is what the page tells a reader to run for the findings it leaves out;
    `{rule}`, `{pack}` and `{as_of}` in it are filled in, quoted for a shell; `{vendor}` in
    `chains_command`, for the chains that are left out. Raises
    `RingfenceError` where a table breaks its declaration.
    """

    title: str
    country: str
    vendor: str
    vendor_group: tuple[tuple[str, str], ...]
    as_of: date
    snapshot: str
    snapshot_as_of: date | None
    label: str | None
    code_version: str
    network: pa.Table
    presence: pa.Table
    laws: tuple[Law, ...]
    findings: pa.Table
    options: pa.Table
    remaining: pa.Table
    quality: pa.Table
    sources: pa.Table
    rejects: pa.Table
    separations: tuple[Separation, ...] = ()
    operators: Mapping[str, str] = field(default_factory=dict)
    withdrawn: Withdrawn | None = None
    findings_per_rule: int = 25
    findings_command: str = "ringfence rules run {pack} --as-of {as_of} --out findings.xlsx"
    chains_command: str = "ringfence exposure --vendor {vendor} --as-of {as_of} --paths 200"

    def __post_init__(self) -> None:
        if self.label is not None and (len(self.label) > LONGEST_LABEL or "\n" in self.label):
            raise RingfenceError(
                f"a marking must fit on one line of {LONGEST_LABEL} characters",
                where=f"{self.label[:LONGEST_LABEL]}…",
            )
        declared = {
            "network": NETWORK_ROWS,
            "presence": PRESENCE,
            "findings": FINDING,
            "options": OPTION,
            "remaining": REMAINING,
            "quality": GAP,
            "sources": SOURCE_FILE,
            "rejects": REJECT,
        }
        for name, table in declared.items():
            object.__setattr__(self, name, _laid(table, getattr(self, name), name))
        _only(self.presence, "measure", MEASURES, "presence")
        _only(self.presence, "by", PRESENCE["by"].one_of, "presence")
        _only(self.remaining, "verdict", STATES, "remaining")
        _only(self.findings, "verdict", VERDICTS, "findings")
        _check_presence(self.presence)
        _check_once(self.options, OPTION.key, "options")

    def operator_name(self, key: str | None) -> str | None:
        """The operator's name for people; with its key where another has the same name."""
        if key is None:
            return None
        name = self.operators.get(key, key)
        is_alone = sum(n == name for n in self.operators.values()) <= 1
        return name if is_alone else f"{name} ({key})"


def render(assessment: Assessment) -> str:
    """The page as text, to be kept as UTF-8."""
    # The template engine is loaded only by those who make a page.
    from ringfence.report.page import made  # noqa: PLC0415

    return made(assessment)


def write(assessment: Assessment, path: Path) -> None:
    """Write the page to `path`, whole or not at all."""
    content = render(assessment).encode()
    beside = path.with_name(f".{path.name}.part")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)  # noqa: PTH105
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UnavailableError(
            f"the report cannot be written: {error.strerror}",
            where=str(path),
            hint="name a folder that exists and may be written to",
        ) from error


def _laid(table: Table, data: pa.Table, where: str) -> pa.Table:
    absent = [name for name in table.names if name not in data.schema.names]
    if absent:
        raise RingfenceError(
            f"the report's {table.name} table lacks the column {', '.join(absent)}", where=where
        )
    laid = table.conform(data)
    for column in table.columns:
        if column.required and laid.column(column.name).null_count:
            raise RingfenceError(f"{column.name} is not stated in a row", where=where)
    return laid


def _only(data: pa.Table, column: str, allowed: tuple[str, ...], where: str) -> None:
    known = pc.is_in(data.column(column), value_set=pa.array(allowed, pa.string()))
    strange = data.column(column).filter(pc.invert(known))
    if len(strange):
        raise RingfenceError(
            f"{column} is {strange[0].as_py()!r}, not one of: {', '.join(allowed)}", where=where
        )


def _check_once(data: pa.Table, key: tuple[str, ...], where: str) -> None:
    seen = set()
    for row in data.select(list(key)).to_pylist():
        values = tuple(row.values())
        if values in seen:
            raise RingfenceError(f"the figure for {values} is given twice", where=where)
        seen.add(values)


def _check_presence(presence: pa.Table) -> None:
    _check_once(presence, PRESENCE.key, "presence")
    columns = ["by", "group", "measure", "share_low", "share_high", "total"]
    for row in presence.select(columns).to_pylist():
        by, group, measure, low, high, total = row.values()
        where = f"presence: {by} {group or ''} {measure}"
        if (low is None) != (high is None):
            raise RingfenceError("a share has one of its two ends only", where=where)
        if low is None:
            continue
        if not (math.isfinite(low) and math.isfinite(high) and 0 <= low <= high <= 1 + _ROUNDING):
            raise RingfenceError(f"a share runs from {low} to {high}", where=where)
        if total is None:
            raise RingfenceError("a share has no denominator", where=where)
