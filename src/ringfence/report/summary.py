"""The assessment in one page: a few sentences, each with its number, what it is of, and its doubt.

The sentences say what the tables say and no more. Where a figure is not determined the sentence
says so, with the reason; it is never left out in silence.
"""

from dataclasses import dataclass

from ringfence.report.answers import Answers, Standing
from ringfence.report.assessment import CHAPTERS, Assessment
from ringfence.report.choices import Choices, Making
from ringfence.report.where import DomainLine, Share, Where, amount_of
from ringfence.report.words import (
    NOT_DETERMINED,
    NOT_STATED,
    between,
    counted,
    day,
    listed,
    number,
    percent,
    sentence,
    shortened,
    verb,
)

_OPERATORS_NAMED = 4
_LAWS_NAMED = 3
_NAME_LENGTH = 80
_CORE = ("5G core", "4G core")


@dataclass(frozen=True, slots=True)
class Point:
    """A lead word and the sentences that go with it."""

    lead: str
    words: str


def in_one_page(
    assessment: Assessment, place: Where, law: Answers, options: Choices, made: Making
) -> tuple[Point, ...]:
    """The page's sentences, in the order in which a reader asks."""
    return (
        Point("Where", _presence(assessment, place)),
        Point("In what", _functions(assessment, place)),
        Point("The law", _law(assessment, law)),
        Point("The options", _options(assessment, options)),
        Point("Not known", _gaps(made)),
    )


def _vendor(assessment: Assessment) -> str:
    return shortened(assessment.vendor, _NAME_LENGTH)


def _presence(assessment: Assessment, place: Where) -> str:
    whole = next(
        (s for m in ("sites", "elements", "people") for s in place.whole if s.measure == m), None
    )
    if whole is None:
        return "How much of the network the vendor has made was not worked out."
    said = [_whole(_vendor(assessment), whole)]
    parts = place.operators
    known = [s for s in parts if s.share_low is not None]
    if len(known) > 1:
        if len(parts) <= _OPERATORS_NAMED:
            named = [_of_operator(s) for s in parts]
            said.append(sentence(f"By operator: {'; '.join(named)}"))
        else:
            most = min(known, key=lambda s: s.sort_key)
            least = max(known, key=lambda s: s.sort_key)
            said.append(
                sentence(
                    f"Of {number(len(parts))} operators the share is greatest at "
                    f"{_of_operator(most)}, and least at {_of_operator(least)}"
                )
            )
    return " ".join(said)


def _whole(vendor: str, whole: Share) -> str:
    total = amount_of(whole.measure, whole.total)
    if whole.share_low is None or whole.held is None:
        return sentence(
            f"the share of {vendor} in the {whole.measure} of the network is {NOT_DETERMINED}: "
            f"{whole.why_not}"
        )
    stands = "serves" if whole.measure == "people" else "stands at"
    head = (
        f"equipment of {vendor} {stands} {number(whole.held)} of {total} "
        f"({percent(whole.share_low)})"
    )
    if whole.unknown:
        doubt = (
            f"; at another {number(whole.unknown)} the maker is not known, so the share lies "
            f"{between(whole.share_low, whole.share_high)}"
        )
    elif whole.unknown is None:
        doubt = "; at how many more the maker is not known is not stated"
    else:
        doubt = "; the maker is known at every one"
    if whole.not_stated:
        doubt += f"; for {number(whole.not_stated)} the amount is not stated"
    return sentence(head + doubt)


def _of_operator(share: Share) -> str:
    return f"{shortened(share.group or NOT_STATED, _NAME_LENGTH)}, {share.in_words}"


def _functions(assessment: Assessment, place: Where) -> str:
    if not place.domains:
        return "No function is stated in the network, so nothing can be said by function."
    said = [_core(_vendor(assessment), d) for d in place.domains if d.domain in _CORE]
    others = [d for d in place.domains if d.domain not in _CORE]
    held = [
        f"{_lower(d.domain)} ({number(len(d.held))} of {counted(d.kinds, 'kind')})"
        for d in others
        if d.held
    ]
    unsure = [_lower(d.domain) for d in others if d.possible and not d.held]
    without = [_lower(d.domain) for d in others if not d.possible and not d.held]
    if held:
        said.append(f"Its equipment is also in {listed(held, most=5)}")
    if unsure:
        said.append(
            f"In {listed(unsure, most=4)} it is not seen, but not every maker is known there"
        )
    if without:
        said.append(f"It has no part in {listed(without, most=4, last='or')}")
    return " ".join(map(sentence, said))


def _core(vendor: str, domain: DomainLine) -> str:
    part = f"{number(len(domain.held))} ({listed(domain.held, most=6)})" if domain.held else "none"
    words = (
        f"of the {counted(domain.kinds, 'kind')} of {domain.domain} function in the network, "
        f"{vendor} has a part in {part}"
    )
    if domain.possible:
        others = (
            counted(len(domain.possible), "other") if domain.held else number(len(domain.possible))
        )
        words += f"; in {others} a maker is not known, so a part there cannot be ruled out"
    return words


def _lower(domain: str) -> str:
    """A domain within a sentence; one that begins with an acronym or a figure stays as it is."""
    return domain if domain[:2].upper() == domain[:2] else domain[0].lower() + domain[1:]


def _law(assessment: Assessment, law: Answers) -> str:
    if not law.packs:
        return "No law was held against the network."
    said = [sentence(_standing(p.main, assessment)) for p in law.packs[:_LAWS_NAMED]]
    if len(law.packs) > _LAWS_NAMED:
        rest = len(law.packs) - _LAWS_NAMED
        said.append(
            sentence(
                f"{counted(rest, 'further law')} {verb(rest, 'stands', 'stand')} "
                f"in chapter {CHAPTERS['law'].number}"
            )
        )
    return " ".join(said)


def _standing(standing: Standing, assessment: Assessment) -> str:
    law, rules = standing.law, standing.rules
    when = "" if law.as_of == assessment.as_of else f" (law of {day(law.as_of)})"
    if not standing.total:
        return f"{law.title}{when}: no rule was in force and judged"
    phrases = [
        (
            rules["breach"],
            "is breached by at least one operator",
            "are breached by at least one operator",
        ),
        (
            rules["unknown"],
            "cannot be answered for lack of facts",
            "cannot be answered for lack of facts",
        ),
        (rules["due"], "is met today and falls due ahead", "are met today and fall due ahead"),
        (rules["comply"], "is met", "are met"),
    ]
    parts = [f"{number(n)} {verb(n, one, many)}" for n, one, many in phrases if n]
    words = f"{law.title}{when}: of {counted(standing.total, 'rule')} in force, {listed(parts)}"
    left = len(law.not_encoded)
    if left:
        words += f"; {counted(left, 'further requirement')} {verb(left, 'is', 'are')} not put as a test and not judged"
    return words


def _options(assessment: Assessment, options: Choices) -> str:
    rows = {row["option"]: row for row in assessment.options.to_pylist() if row["operator"] is None}
    if not rows:
        return "No options were laid beside each other."
    totals = {row["elements"] for row in rows.values()}
    same = totals.pop() if len(totals) == 1 else None
    said = []
    for option in options.options:
        row = rows.get(option.name)
        if row is None:
            continue
        forbidden, undecided = row["forbidden_elements"], row["undecided_elements"]
        of = "" if same is not None else f" of {amount_of('elements', row['elements'])}"
        figure = (
            NOT_DETERMINED
            if forbidden is None
            else ("none" if forbidden == 0 else number(forbidden))
        )
        words = f"“{option.name}” forbids {figure}{of}"
        if forbidden is None:
            words = f"what “{option.name}” forbids is {NOT_DETERMINED}"
        if undecided:
            words += f" and leaves {number(undecided)} undecided"
        elif undecided is None:
            words += ", and how many it leaves undecided is not determined"
        said.append(words)
    head = (
        f"of {amount_of('elements', same)}, on the date asked, "
        if same is not None
        else "on the date asked, "
    )
    return sentence(head + listed(said))


def _gaps(made: Making) -> str:
    if not made.gaps:
        return "No missing fact is listed, which is no proof that none is missing."
    first = made.gaps[0]
    share = f" ({first.share})" if first.share else ""
    words = f"the fact to collect first is {first.table}.{first.column}, missing in {first.missing} rows{share}"
    if first.blocks:
        words += f"; the questions that need it: {first.blocks}"
    count = len(made.gaps) + made.gaps_left_out
    if count > 1:
        rest = count - 1
        words = (
            words.rstrip(".")
            + f". {counted(rest, 'further gap')} {verb(rest, 'is', 'are')} listed "
            f"in chapter {CHAPTERS['not-known'].number}"
        )
    return sentence(words)
