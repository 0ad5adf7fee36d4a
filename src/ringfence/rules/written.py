"""What may be written in the files of a rule pack, each field with what it means.

Nothing unknown is let in and nothing of another type: a mistyped key in a law must not be passed
over. The reference of packs is made from these declarations.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic import model_validator as whole

from ringfence.network.functions import DOMAINS, resolve_kind

Grade = Literal["S", "S*", "R"]
"""How it is known: read in the source; in another's copy of it; in a report about it."""

Effect = Literal["announced", "where possible", "binding", "advice", "superseded"]
Status = Literal[
    "legally binding now",
    "binding, date in future",
    "government advice or policy without legal force",
    "superseded",
    "proposal",
]
Verdict = Literal["breach", "comply", "unknown"]
Subjects = Literal["element", "operator", "site", "contract", "vendor"]
TestKind = Literal[
    "exclude",
    "cap",
    "no new",
    "remove by",
    "no service",
    "one high-risk vendor",
    "site exclude",
    "approval",
    "certificate",
    "location",
    "separation",
    "diversity",
    "support",
    "access",
    "inventory",
    "document",
]
"""The sorts of test, by which instruments are laid side by side."""

Need = Literal["reach", "exposed"]
"""A table that is no part of what is read, but has to be worked out of it first."""

SHARES: frozenset[TestKind] = frozenset({"cap"})
"""The tests that judge a part of a whole, and so state of what."""

_STATUSES: Mapping[str, tuple[str, ...]] = {
    "announced": (
        "binding, date in future",
        "government advice or policy without legal force",
        "proposal",
    ),
    "where possible": ("legally binding now", "government advice or policy without legal force"),
    "binding": ("legally binding now",),
    "advice": ("government advice or policy without legal force", "proposal"),
    "superseded": ("superseded",),
}
"""The standing a phase of each effect can have."""

Day = date
_NOT_WORDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What would move the cursor of a screen, or turn the writing round, so that a clause reads as it
does not stand."""


def _legible(text: str) -> str:
    if found := _NOT_WORDS.search(text):
        raise ValueError(f"has a control character, U+{ord(found[0]):04X}")
    return text


Words = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4_000, strip_whitespace=True),
    AfterValidator(_legible),
]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
Value = bool | int | Decimal | date | Annotated[str, StringConstraints(max_length=1_000)]


class Written(BaseModel):
    """What a person wrote: nothing unknown in it, nothing of the wrong type, nothing changed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True
    )


class Citation(Written):
    """The place in a document that a rule tests; `date` is absent where it was not found."""

    document: Words
    """The document."""
    section: Words
    """The section or requirement in it."""
    url: Words | None = None
    """Where it can be read."""
    date: Day | None = None
    """The date of the document or of the section."""

    def __str__(self) -> str:
        dated = f" ({self.date.isoformat()})" if self.date else ""
        return f"{self.document}, {self.section}{dated}"


class Fact(Written):
    """A vendor that the instrument itself names, by the names it uses."""

    vendor: Words
    """The name the instrument calls the vendor by."""
    names: tuple[Words, ...] = Field(min_length=1)
    """Every name that means this vendor, matched exactly."""
    status: Literal["designated", "treated as high risk", "assumed", "proposed", "revoked"]
    """Standing of the naming."""
    valid_from: Day
    """First day it is named."""
    valid_to: Day | None = None
    """Last day it is named."""
    has_mitigation_strategy: bool | None = None
    """The authority oversees a mitigation strategy made for it."""
    only_for: Words | None = None
    """The uses it is named for, where it is not named for all."""
    source: Words
    """Where it is stated."""
    date: Day
    """The date of that source."""
    grade: Grade
    """How it is known: S, S* or R."""


class Parameter(Written):
    """An input that is not public: absent, it is not stated, and what hangs on it is unknown."""

    name: Name
    """The name a SELECT uses, as `$name`."""
    means: Words
    """What it is."""
    type: Literal["number", "text", "date", "boolean"]
    """What sort of value it is."""
    unit: Words | None = None
    """Its unit."""
    value: Value | None = None
    """Its value, where one is public."""
    source: Words | None = None
    """Where that value is stated."""


class NotEncoded(Written):
    """A requirement that no rule tests, and why."""

    id: Words
    """The requirement."""
    title: Words
    """What it requires."""
    why: Literal["source not read", "no record", "no test", "not law"]
    """What keeps it from being a rule: its text was not read; the model has no record of what it
    asks for; it asks nothing of a network; it is no requirement, or none any more."""
    reason: Words
    """Why no rule tests it, in words."""


class Event(Written):
    """A step in the life of the instrument."""

    on: Day
    """The day."""
    what: Words
    """What happened."""
    source: Words
    """Where it is stated."""
    grade: Grade
    """How it is known."""


class Note(Written):
    """Something stated about the instrument that is no requirement."""

    text: Words
    """What is stated."""
    source: Words
    """Where."""
    grade: Grade
    """How it is known."""


class Manifest(Written):
    """`pack.toml`."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,59}$")]
    """The pack, and its folder; also the name of the instrument in `designation`."""
    title: Words
    """The instrument."""
    jurisdiction: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    """ISO 3166-1 alpha-2 code of the country."""
    issued_by: Words
    """Who issued it."""
    published_on: Day | None = None
    """When; absent where that was not read."""
    url: Words | None = None
    """Where it can be read; absent where no address was found."""
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")]
    """The language of the pack."""
    version: Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]
    """The version of the pack."""
    binds: Words
    """Whom it binds."""
    secrecy: Literal["public", "internal", "confidential", "secret"] = "public"
    """The label of all that the pack says: nothing of it appears in an output with a lower one."""
    names: Literal["vendors", "criteria"]
    """Whom it means: the vendors it names, so that another one is not meant; or whoever meets its
    criteria, so that of a maker nobody has assessed it is not known."""
    history: tuple[Event, ...] = ()
    """Its life so far as it was read, in the order of the days."""
    fact: tuple[Fact, ...] = ()
    """The vendors it names."""
    parameter: tuple[Parameter, ...] = ()
    """Inputs that are not public."""
    not_encoded: tuple[NotEncoded, ...] = ()
    """Requirements that no rule tests."""
    note: tuple[Note, ...] = ()
    """What else is stated of it."""

    @whole(mode="after")
    def _namesonce(self) -> Self:
        once((p.name for p in self.parameter), "parameter")
        once((n.id for n in self.not_encoded), "not_encoded")
        if [e.on for e in self.history] != sorted(e.on for e in self.history):
            raise ValueError("history stands in the order of its days")
        for parameter in self.parameter:
            if parameter.value is not None:
                of_type(parameter, parameter.value)
                if parameter.source is None:
                    raise ValueError(f"parameter {parameter.name} has a value but no source")
        return self


class FunctionScope(Written):
    """Which kinds of function, or all kinds of which domains, the instrument counts as core."""

    kinds: tuple[Words, ...] = ()
    """Kinds of function, as the catalogue names them."""
    domains: tuple[Words, ...] = ()
    """All kinds of these domains."""
    scope: Literal["in", "out", "review"]
    """Core (`in`), not core (`out`), or for the regulator to decide (`review`)."""
    citation: Words
    """Where the instrument says so."""
    grade: Grade
    """How it is known."""

    @whole(mode="after")
    def _known(self) -> Self:
        if not self.kinds and not self.domains:
            raise ValueError("names neither kinds nor domains")
        for kind in self.kinds:
            if resolve_kind(kind) != kind:
                raise ValueError(f"{kind!r} is no kind of the catalogue of functions")
        for domain in self.domains:
            if domain not in DOMAINS:
                raise ValueError(f"{domain!r} is no domain; one of: {', '.join(DOMAINS)}")
        return self


class Functions(Written):
    """`functions.toml`."""

    function: tuple[FunctionScope, ...]
    """The list, in blocks."""

    @whole(mode="after")
    def _once_each(self) -> Self:
        once((k for f in self.function for k in f.kinds), "kind")
        once((d for f in self.function for d in f.domains), "domain")
        return self


class Phase(Written):
    """What a rule means from a day on."""

    from_: date | None = Field(default=None, alias="from")
    """The first day."""
    after: date | None = None
    """The last day before it begins."""
    effect: Effect
    """What a failing subject means in it."""
    status: Status
    """Standing in law."""
    by: Words | None = None
    """What supersedes the rule."""
    note: Words | None = None
    """What else is to be said."""
    source: Words | None = None
    """Where the date is stated."""

    @whole(mode="after")
    def _one_beginning(self) -> Self:
        if (self.from_ is None) == (self.after is None):
            raise ValueError("give one of: from, after")
        if self.status not in _STATUSES[self.effect]:
            allowed = "; ".join(_STATUSES[self.effect])
            raise ValueError(f"a phase that is {self.effect} has a status of: {allowed}")
        if (self.by is not None) != (self.effect == "superseded"):
            raise ValueError("`by` names what supersedes the rule, and only that")
        return self

    @property
    def begins(self) -> date:
        """The first day."""
        return self.from_ or self._last_before + timedelta(days=1)

    @property
    def deadline(self) -> date:
        """The last day before it begins."""
        return self.after or self.begins - timedelta(days=1)

    @property
    def _last_before(self) -> date:
        assert self.after is not None  # noqa: S101  # narrows the type
        return self.after


@dataclass(frozen=True, slots=True)
class Standing:
    """What a rule means on a day.

    `effect` is None where the rule is not in force; `due_on` is the last lawful day of what will
    not do from the next phase on, whose effect is `effect_when_due`.
    """

    effect: Effect | None
    """What a failing subject means in it."""
    legal_status: str
    begins: date
    due_on: date | None = None
    effect_when_due: Effect | None = None


class Rule(Written):
    """One requirement of the instrument, as a test."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9-]{0,39}$")]
    """The requirement, as its file is called."""
    title: Words
    """What it requires, in a line."""
    citation: Citation
    """The place in the document."""
    grade: Grade
    """How it is known: S, S* or R."""
    source: Words
    """Where it was read."""
    binds: Words
    """Whom it binds."""
    scope: Words
    """What it looks at, in words."""
    test: TestKind
    """What sort of test it is."""
    subjects: Subjects
    """The table whose every row gets one verdict."""
    severity: Literal["low", "medium", "high"]
    """How grave a breach is."""
    metric: Words
    """What exactly is looked at or counted of a subject."""
    denominator: Words | None = None
    """What a share is a part of; a cap states it, and no other test does."""
    needs: tuple[Need, ...] = ()
    """What has to be worked out of the network first; without it every verdict is unknown."""
    verdicts: tuple[Verdict, ...] = ("breach", "comply", "unknown")
    """The verdicts it can give."""
    values: Mapping[Name, Value] = Field(default_factory=dict)
    """Values of its own that its SELECT uses, as `$name`."""
    note: Words | None = None
    """What else is to be said."""
    phase: tuple[Phase, ...] = Field(min_length=1)
    """What it means from which day on."""
    select: Words
    """The SELECT: `subject`, `verdict`, `because` and, if wanted, `rests_on`."""

    @whole(mode="after")
    def _sound(self) -> Self:
        if (self.test in SHARES) != (self.denominator is not None):
            raise ValueError("a cap states its denominator, and no other test does")
        once(self.verdicts, "verdict")
        once(self.needs, "need")
        if self.needs and "unknown" not in self.verdicts:
            raise ValueError("what needs to be worked out first can be unknown")
        if "as_of" in self.values:
            raise ValueError("as_of is the date asked for, and no value of a rule")
        begin = [p.begins for p in self.phase]
        if begin != sorted(set(begin)):
            raise ValueError("phases stand in the order of their first days, one a day")
        lasting = [p for p in self.phase if p.effect != "superseded"]
        if not lasting or self.phase[0].effect == "superseded":
            raise ValueError("the first phase supersedes nothing yet")
        if lasting[-1].effect in ("announced", "where possible"):
            raise ValueError(f"what is {lasting[-1].effect} needs a later phase with the deadline")
        return self

    def on(self, day: date) -> Standing:
        """What the rule means on `day`."""
        begun = [p for p in self.phase if p.begins <= day]
        lasting = [p for p in self.phase if p.effect != "superseded"]
        current = next((p for p in reversed(lasting) if p.begins <= day), None)
        if current is None:
            return Standing(None, "not in force", self.phase[0].begins)
        over = next((p for p in begun if p.effect == "superseded"), None)
        status = f"superseded by {over.by}" if over else current.status
        if current.effect not in ("announced", "where possible"):
            return Standing(current.effect, status, current.begins)
        later = next(p for p in lasting if p.begins > day and p.effect != "announced")
        return Standing(current.effect, status, current.begins, later.deadline, later.effect)


class Expected(Written):
    """What a test expects of one subject."""

    subject: Words
    """The key of the subject."""
    verdict: Verdict
    """The verdict."""
    due_on: date | None = None
    """The deadline ahead."""
    verdict_when_due: Verdict | None = None
    """The verdict on that deadline."""
    legal_status: Words | None = None
    """The standing in law."""
    because: Words | None = None
    """Words the reason has in it."""


Rows = Mapping[str, tuple[Mapping[str, object], ...]]


class Case(Written):
    """Given these rows, on this day, then these verdicts and no others."""

    name: Words
    """What is tested, in a line."""
    as_of: date | tuple[date, ...]
    """The day, or several."""
    parameters: Mapping[Name, bool | int | float | date | str] = Field(default_factory=dict)
    """Values for the parameters of the pack."""
    given: Rows = Field(default_factory=dict)
    """Rows by table."""
    then: tuple[Expected, ...] = ()
    """The verdicts, one a subject and no others."""
    not_in_force: bool = False
    """The rule is to give no verdict on that day."""

    @whole(mode="after")
    def _expects_something(self) -> Self:
        if bool(self.then) == self.not_in_force:
            raise ValueError("give `then`, or `not_in_force = true`")
        if not self.days:
            raise ValueError("as_of names no day")
        return self

    @property
    def days(self) -> tuple[date, ...]:
        """The days on which the test is run."""
        return self.as_of if isinstance(self.as_of, tuple) else (self.as_of,)


class Cases(Written):
    """`<rule>.test.toml`: `given` at the top goes before the rows of each test."""

    given: Rows = Field(default_factory=dict)
    """Rows that go before those of each test."""
    test: tuple[Case, ...] = Field(min_length=1)
    """The tests."""


DOCUMENTED: Mapping[str, type[BaseModel]] = {
    "pack.toml": Manifest,
    "pack.toml, [[fact]]": Fact,
    "pack.toml, [[parameter]]": Parameter,
    "pack.toml, [[not_encoded]]": NotEncoded,
    "pack.toml, [[history]]": Event,
    "pack.toml, [[note]]": Note,
    "functions.toml": Functions,
    "functions.toml, [[function]]": FunctionScope,
    "rules/ID.toml": Rule,
    "rules/ID.toml, [citation]": Citation,
    "rules/ID.toml, [[phase]]": Phase,
    "rules/ID.test.toml": Cases,
    "rules/ID.test.toml, [[test]]": Case,
    "rules/ID.test.toml, then": Expected,
}
"""What may stand in each file of a pack; the reference is made from it."""


def once(names: Iterable[str], what: str) -> None:
    """Raise `ValueError` where a name is there twice; `what` says what it names."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} is there twice")
        seen.add(name)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "number": (int, float, Decimal),
    "text": (str,),
    "date": (date,),
    "boolean": (bool,),
}


def of_type(parameter: Parameter, value: object) -> None:
    """Raise `ValueError` where a value is not of the parameter's type."""
    good = isinstance(value, _TYPES[parameter.type])
    if isinstance(value, bool) and parameter.type != "boolean":
        good = False
    if not good:
        raise ValueError(f"parameter {parameter.name} is a {parameter.type}")
