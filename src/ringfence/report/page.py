"""The page put together: chapters from tables, words from templates, one file out.

The page is made to be safe to open and safe to keep. Every word is escaped where it is written;
names are cleaned of what could reorder or hide text; the content security policy allows the one
style sheet, by its hash, and nothing else, so that even a fault in a template could not run or
fetch anything.
"""

from base64 import b64encode
from datetime import date
from functools import cache
from hashlib import sha256
from shlex import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ringfence.errors import RingfenceError
from ringfence.report import drawing, words
from ringfence.report.answers import answers, found
from ringfence.report.assessment import CHAPTERS, STATES, Assessment
from ringfence.report.choices import choices, making
from ringfence.report.exhibits import Annex
from ringfence.report.separation import in_a_sentence, separations
from ringfence.report.summary import Point, in_one_page
from ringfence.report.where import where
from ringfence.report.withdrawal import withdrawal

_ICONS = (*STATES, "none", "begins", "asked", "read", "held", "faint")


def made(assessment: Assessment) -> str:
    """The whole page."""
    annex = Annex()
    place = where(assessment, annex)
    asked = separations(
        assessment.separations,
        annex,
        vendor=assessment.vendor,
        command=_filled(assessment.chains_command, assessment),
    )
    gone = withdrawal(assessment.withdrawn, words.shortened(assessment.vendor, 80), annex)
    law = answers(assessment, annex)
    options = choices(assessment, annex)
    how = making(assessment)
    points = list(in_one_page(assessment, place, law, options, how))
    points.insert(2, Point("Separation", in_a_sentence(asked)))
    if gone is not None:
        points.insert(3, Point("If it goes", gone.in_short))
    # Text between <style> tags is not escaped; all of it comes from this package.
    style = Markup(_engine().get_template("assessment.css.jinja").render(c=drawing.COLOURS))  # noqa: S704
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return _engine().get_template("assessment.html.jinja").render(
        a=assessment,
        chapters=CHAPTERS,
        style=style,
        style_hash=f"sha256-{digest}",
        icons={kind: Markup(drawing.mark(kind, 6, 6)) for kind in _ICONS},  # noqa: S704
        hatched=Markup(drawing.icon("hatched", key="legend")),  # noqa: S704
        states=STATES,
        points=points,
        separations=asked,
        place=place,
        gone=gone,
        law=law,
        findings=found(assessment),
        options=options,
        how=how,
        annex=annex.tables,
    )  # fmt: skip


def _filled(command: str, assessment: Assessment) -> str:
    for name, value in (("vendor", assessment.vendor), ("as_of", assessment.as_of.isoformat())):
        command = command.replace("{" + name + "}", quote(value))
    return command


@cache
def _engine() -> Environment:
    engine = Environment(
        loader=PackageLoader("ringfence.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    engine.filters |= {
        "counted": words.counted,
        "drawn": Markup,
        "listed": words.listed,
        "sentence": words.sentence,
        "verb": words.verb,
    }
    return engine


def _shown(value: object) -> object:
    """How each kind of value is written; a decimal must say for itself how exact it is."""
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return words.clean(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return words.number(value)
    if isinstance(value, date):
        return words.day(value)
    if value is None:
        return words.NOT_STATED
    raise RingfenceError(f"a {type(value).__name__} cannot be written on a page as it is")
