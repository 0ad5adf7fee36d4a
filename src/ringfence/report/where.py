"""Where the vendor is: shares by operator, region and function, never without denominators."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ringfence.report import charts
from ringfence.report.assessment import MEASURES, Assessment
from ringfence.report.exhibits import Annex, Figure, Twin
from ringfence.report.words import (
    NONE,
    NOT_DETERMINED,
    NOT_STATED,
    alike,
    counted,
    listed,
    number,
    sentence,
    share_range,
)

TITLES = {
    "elements": "Elements",
    "sites": "Sites",
    "people": "People served",
    "traffic": "Traffic in the busy hour",
    "premises": "Premises served",
}
COLUMN_TITLES = {**TITLES, "traffic": "Traffic", "people": "People", "premises": "Premises"}
_NOUNS = {
    "elements": ("element", "elements"),
    "sites": ("site", "sites"),
    "people": ("person", "people"),
    "traffic": ("Mbit/s", "Mbit/s"),
    "premises": ("premises", "premises"),
}
# As a reader looks for them: the core first, then what steers it, then the edge.
_DOMAINS = (
    "5G core", "4G core", "2G/3G core", "IMS", "lawful interception", "security",
    "interconnection", "management", "virtualisation", "transport", "radio access", "fixed access",
)  # fmt: skip
_WEIGHTIEST = ("sites", "people", "elements", "traffic", "premises")
_ROWS_IN_A_PICTURE = 16
_OPERATORS_DRAWN = 31
_REGIONS_DRAWN = 48
_KINDS_DRAWN = 96

_Row = TypeVar("_Row")
_Ends = tuple[tuple[float, float] | None, ...]


@dataclass(frozen=True, slots=True)
class Share:
    """One figure of the presence table."""

    by: str
    group: str | None
    domain: str | None
    measure: str
    held: float | None
    unknown: float | None
    total: float | None
    not_stated: int | None
    share_low: float | None
    share_high: float | None
    denominator: str | None

    @property
    def amount(self) -> str:
        """The denominator as an amount: `4,012 sites`."""
        return amount_of(self.measure, self.total)

    @property
    def in_words(self) -> str:
        """The share of its amount, or why there is none."""
        if self.share_low is not None:
            return f"{share_range(self.share_low, self.share_high)} of {self.amount}"
        if self.is_absent:
            return self.why_not
        return f"{NOT_DETERMINED} ({self.why_not})"

    @property
    def is_absent(self) -> bool:
        """There is nothing here to have a share of."""
        return self.total == 0 and not self.not_stated

    @property
    def why_not(self) -> str:
        """The reason why a share is not determined."""
        if self.is_absent:
            return f"no {_NOUNS[self.measure][1]} here"
        if self.not_stated:
            return f"amount not stated for {number(self.not_stated)}"
        if self.total is None:
            return "total not stated"
        if self.held is None:
            return "amount held not stated"
        return "no reason stated"

    @property
    def sort_key(self) -> tuple[bool, float, float, str]:
        """Greatest sure share first, then greatest possible; not determined last."""
        low = self.share_low
        return low is None, -(low or 0), -(self.share_high or 0), self.group or ""


@dataclass(frozen=True, slots=True)
class DomainLine:
    """How many kinds of function of a domain there are, and in how many the vendor is."""

    domain: str
    kinds: int
    held: tuple[str, ...]
    possible: tuple[str, ...]

    @property
    def held_words(self) -> str:
        """Their number and names."""
        return _number_and_names(self.held)

    @property
    def possible_words(self) -> str:
        """Those where the vendor is not seen and some maker is not known."""
        return _number_and_names(self.possible)


@dataclass(frozen=True, slots=True)
class Where:
    """The chapter."""

    whole: tuple[Share, ...]
    operators: tuple[Share, ...]
    domains: tuple[DomainLine, ...]
    by_operator: tuple[Figure, ...]
    operator_rest: Twin | None
    by_region: tuple[Figure, ...]
    region_rest: Twin | None
    by_function: tuple[Figure, ...]
    left_out_operators: int
    left_out_regions: int
    left_out_kinds: int


def amount_of(measure: str, value: float | None) -> str:
    """`4,012 sites`, `182,300 Mbit/s`."""
    one, many = _NOUNS[measure]
    return f"{many}, their number {NOT_STATED}" if value is None else counted(value, one, many)


def shares(assessment: Assessment) -> list[Share]:
    """The presence table's rows, operators by name."""
    found = []
    for row in assessment.presence.to_pylist():
        if row["by"] == "operator":
            row["group"] = assessment.operator_name(row["group"])
        found.append(Share(**row))
    return found


def where(assessment: Assessment, annex: Annex) -> Where:
    """Make the chapter; its tables go to the annex."""
    every = shares(assessment)
    whole = sorted((s for s in every if s.by == "network"), key=_by_measure)
    operators = [s for s in every if s.by == "operator"]
    regions = [s for s in every if s.by == "region"]
    functions = [s for s in every if s.by == "function"]
    order, measure = _order(operators, ("sites", "elements", "people"), by_size=True)
    region_order, _ = _order(regions, ("sites", "people", "elements"), by_size=False)
    by_operator, operator_rest = _part(
        [*whole, *operators], order[:_OPERATORS_DRAWN], annex, parts="operator"
    )
    by_region, region_rest = _part(regions, region_order[:_REGIONS_DRAWN], annex, parts="region")
    return Where(
        whole=tuple(whole),
        operators=tuple(
            s for name in order for s in operators if s.measure == measure and s.group == name
        ),
        domains=tuple(_domain_lines(functions)),
        by_operator=tuple(by_operator),
        operator_rest=operator_rest,
        by_region=tuple(by_region),
        region_rest=region_rest,
        by_function=tuple(_dot_figures(functions, annex)),
        left_out_operators=max(0, len(order) - _OPERATORS_DRAWN),
        left_out_regions=max(0, len(region_order) - _REGIONS_DRAWN),
        left_out_kinds=len({(s.domain, s.group) for s in functions}) - _drawn(functions),
    )


def _by_measure(share: Share) -> int:
    return MEASURES.index(share.measure)


def _titles(rows: Iterable[Share]) -> list[str]:
    present = {s.measure for s in rows}
    return [TITLES[m] for m in MEASURES if m in present]


def _order(
    rows: Sequence[Share], measures: Sequence[str], *, by_size: bool
) -> tuple[list[str | None], str | None]:
    """The parts in one order for all pictures, and the measure it was taken from."""
    measure = next((m for m in measures if any(s.measure == m for s in rows)), None)
    chosen = [s for s in rows if s.measure == measure]
    if by_size:
        chosen.sort(key=lambda s: (-(s.total or 0), s.group or ""))
    else:
        chosen.sort(key=lambda s: s.sort_key)
    names = [s.group for s in chosen]
    others = sorted({s.group for s in rows} - set(names), key=lambda n: (n is None, n or ""))
    return [*names, *others], measure


def _part(
    rows: Sequence[Share], order: Sequence[str | None], annex: Annex, *, parts: str
) -> tuple[list[Figure], Twin | None]:
    """Pictures of the measures that matter most, and one table of those not drawn.

    All are drawn where they are few and short; regions, and operators that need two pictures a
    measure, would else fill page upon page.
    """
    is_short = parts == "operator" and len(order) < _ROWS_IN_A_PICTURE
    present = [m for m in MEASURES if any(s.measure == m and not s.is_absent for s in rows)]
    drawn = present if is_short else sorted(present, key=_WEIGHTIEST.index)[:2]
    figures = _bar_figures(rows, order, drawn, annex, parts=parts)
    rest = [s for s in rows if s.measure not in drawn]
    if not rest:
        return figures, None
    rest.sort(key=lambda s: (MEASURES.index(s.measure), s.by != "network", s.group or ""))
    caption = f"By {parts}: {listed(_titles(rest)).lower()}"
    return figures, _twin(rest, annex, caption, parts.capitalize())


def _bar_figures(
    rows: Sequence[Share],
    order: Sequence[str | None],
    measures: Sequence[str],
    annex: Annex,
    *,
    parts: str,
) -> list[Figure]:
    found = []
    for measure in measures:
        chosen = [s for s in rows if s.measure == measure]
        if not chosen:
            continue
        title = TITLES[measure]
        twin = _twin(chosen, annex, f"By {parts}: {title.lower()}", parts.capitalize())
        by_name = {s.group: s for s in chosen if s.by != "network"}
        listed_rows = [s for s in chosen if s.by == "network"]
        listed_rows += [by_name[name] for name in order if name in by_name]
        chunks = _chunks(listed_rows, _ROWS_IN_A_PICTURE)
        for number_of, chunk in enumerate(chunks, 1):
            part = f" ({number_of} of {len(chunks)})" if len(chunks) > 1 else ""
            bars = [
                charts.Bar(_name(s), s.share_low, s.share_high, s.in_words, s.by == "network")
                for s in chunk
            ]
            said = "; ".join(f"{b.label}: {b.value}" for b in bars)
            found.append(
                Figure(
                    title=f"{title}{part}",
                    note=_denominators(chunk),
                    svg=charts.bars(
                        bars,
                        key=f"{parts}-{measure}-{number_of}",
                        title=f"{title}, share of the vendor by {parts}{part}",
                        describes=f"{said}. The figures are in table {twin.name}.",
                    ),
                    twin=twin,
                )
            )
    return found


def _dot_figures(functions: Sequence[Share], annex: Annex) -> list[Figure]:
    present = [s for s in functions if not s.is_absent]
    if not present:
        return []
    stated = {s.measure for s in present}
    # A column of dashes tells nothing that the table does not.
    shown = {s.measure for s in present if s.share_low is not None} or stated
    measures = [m for m in MEASURES if m in shown]
    found = []
    drawn = 0
    for position, domain in enumerate(_domains(present)):
        chosen = [s for s in present if s.domain == domain]
        by_kind: dict[str | None, dict[str, Share]] = {}
        for share in chosen:
            by_kind.setdefault(share.group, {})[share.measure] = share
        first = {k: min(of.values(), key=_by_measure) for k, of in by_kind.items()}
        kinds = sorted(by_kind, key=lambda k: first[k].sort_key)
        title = _domain_title(domain)
        in_order = [s for k in kinds for s in sorted(by_kind[k].values(), key=_by_measure)]
        twin = _twin(in_order, annex, f"By kind of function: {title}", "Kind of function")
        # A picture of empty rings tells nothing that the table does not.
        told = [k for k in kinds if _has_part(by_kind[k].values())]
        chunks = _chunks(told[: max(0, _KINDS_DRAWN - drawn)], _ROWS_IN_A_PICTURE)
        for number_of, chunk in enumerate(chunks, 1):
            drawn += len(chunk)
            part = f" ({number_of} of {len(chunks)})" if len(chunks) > 1 else ""
            figure_rows = [charts.DotRow(_group(k), _ends(by_kind[k], measures)) for k in chunk]
            said = "; ".join(f"{_group(k)}: {_said(by_kind[k], measures)}" for k in chunk)
            found.append(
                Figure(
                    title=f"{title}{part}",
                    note="",
                    svg=charts.dots(
                        figure_rows,
                        [COLUMN_TITLES[m] for m in measures],
                        key=f"function-{position}-{number_of}",
                        title=f"{title}, share of the vendor by kind of function{part}",
                        describes=f"{said}. The figures are in table {twin.name}.",
                    ),
                    twin=twin,
                )
            )
    return found


def _has_part(shares: Iterable[Share]) -> bool:
    """Whether the vendor has a part in it, or may have, or nobody can say."""
    highest = [s.share_high for s in shares if s.share_high is not None]
    return not highest or max(highest) > 0


def _drawn(functions: Sequence[Share]) -> int:
    """How many kinds of function the pictures show."""
    by_kind: dict[tuple[str | None, str | None], list[Share]] = {}
    for share in functions:
        by_kind.setdefault((share.domain, share.group), []).append(share)
    return min(_KINDS_DRAWN, sum(1 for shares in by_kind.values() if _has_part(shares)))


def _twin(rows: Sequence[Share], annex: Annex, caption: str, first: str) -> Twin:
    several = len({s.measure for s in rows}) > 1
    headings = [
        first,
        *(["Of"] if several else []),
        "The vendor's",
        "Maker not known",
        "In all",
        "Share",
        "Amount not stated for",
    ]
    table = []
    for share in rows:
        row = [_name(share)]
        if several:
            row.append(COLUMN_TITLES[share.measure])
        row += [number(share.held), number(share.unknown), number(share.total)]
        low, high = share.share_low, share.share_high
        row.append(share.why_not if low is None else share_range(low, high))
        row.append(NONE if share.not_stated == 0 else number(share.not_stated))
        table.append(row)
    note = _denominators(rows)
    return annex.add(caption, headings, table, figures=range(1 + several, 6 + several), note=note)


def _domains(rows: Iterable[Share]) -> list[str | None]:
    def place(domain: str | None) -> tuple[int, str]:
        known = _DOMAINS.index(domain) if domain in _DOMAINS else len(_DOMAINS)
        return known + (domain is None), domain or ""

    return sorted({s.domain for s in rows}, key=place)


def _domain_lines(functions: Sequence[Share]) -> Iterator[DomainLine]:
    """Count kinds, not elements: an element with two functions would be counted twice."""
    present = [s for s in functions if not s.is_absent]
    for domain in _domains(present):
        held, possible, kinds = set(), set(), set()
        for share in present:
            if share.domain != domain:
                continue
            name = _group(share.group)
            kinds.add(name)
            if share.held:
                held.add(name)
            elif share.held is None or share.unknown is None or share.unknown:
                possible.add(name)
        yield DomainLine(
            _domain_title(domain), len(kinds), tuple(sorted(held)), tuple(sorted(possible - held))
        )


def _ends(by_measure: dict[str, Share], measures: Sequence[str]) -> _Ends:
    found: list[tuple[float, float] | None] = []
    for measure in measures:
        share = by_measure.get(measure)
        if share is None or share.share_low is None or share.share_high is None:
            found.append(None)
        else:
            found.append((share.share_low, share.share_high))
    return tuple(found)


def _said(by_measure: dict[str, Share], measures: Sequence[str]) -> str:
    return ", ".join(by_measure[m].in_words for m in measures if m in by_measure)


def _chunks(rows: Sequence[_Row], most: int) -> list[Sequence[_Row]]:
    """Parts of at most so many rows and nearly alike in length: a picture must fit on a page."""
    count = max(1, -(-len(rows) // most)) if rows else 0
    return [rows[len(rows) * i // count : len(rows) * (i + 1) // count] for i in range(count)]


def _denominators(rows: Sequence[Share]) -> str:
    said = alike([s.denominator for s in rows])
    missing = sum(s.not_stated or 0 for s in rows if s.by != "network")
    words = f"Share of {listed(said, most=4)}" if said else "What the share is of is not stated"
    if missing:
        words += f"; the amount is not stated for {number(missing)} of the subjects"
    return sentence(words)


def _name(share: Share) -> str:
    return "Whole network" if share.by == "network" else _group(share.group)


def _group(name: str | None) -> str:
    return NOT_STATED.capitalize() if name is None else name


def _domain_title(domain: str | None) -> str:
    return "Domain not stated" if domain is None else domain[:1].upper() + domain[1:]


def _number_and_names(names: Sequence[str]) -> str:
    return f"{number(len(names))}: {listed(names, most=8)}" if names else NONE
