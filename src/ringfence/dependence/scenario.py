"""What a person states before asking what fails: the scenario, as TOML.

Nothing of this stands in an inventory. Every default is an assumption, says so, and is a range
where it is a quantity: each run of the simulation draws from it, so that what is not known shows
in the width of the answer.
"""

import tomllib
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from ringfence.errors import InputError, NotFoundError

Mode = Literal["order", "updates", "spares", "chips", "support"]

MODES: tuple[Mode, ...] = ("order", "updates", "spares", "chips", "support")


def _is_ordered(value: tuple[float, float]) -> tuple[float, float]:
    if value[0] > value[1]:
        raise ValueError("the first of a range must not be above the second")
    return value


Range = Annotated[
    tuple[pydantic.NonNegativeFloat, pydantic.NonNegativeFloat],
    pydantic.AfterValidator(_is_ordered),
]
Share = Annotated[
    tuple[
        Annotated[float, pydantic.Field(ge=0, le=1)], Annotated[float, pydantic.Field(ge=0, le=1)]
    ],
    pydantic.AfterValidator(_is_ordered),
]
Count = Annotated[
    tuple[pydantic.PositiveInt, pydantic.PositiveInt], pydantic.AfterValidator(_is_ordered)
]


class _Stated(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ServiceScenario(_Stated):
    """How a site is served, where the tables do not say."""

    instances_needed: dict[str, Count] = pydantic.Field(
        default={},
        description="Of a kind of function or a pool, how many must work; assumed: one suffices",
    )
    provided_elsewhere: tuple[str, ...] = pydantic.Field(
        default=(), description="Kinds of functions taken to be there though no table lists them"
    )
    roaming: tuple[tuple[str, str], ...] = pydantic.Field(
        default=(), description="Pairs of operators, guest and host, where roaming is allowed"
    )
    roaming_km: Range = pydantic.Field(
        default=(0.0, 3.0),
        description="A host's site this near stands in: surely, and at best (assumed)",
    )
    emergency_km: Range = pydantic.Field(
        default=(0.0, 3.0),
        description="Any operator's site this near takes emergency calls: surely, and at best "
        "(assumed); phones without service may use any network (3GPP TS 22.101 clause 10)",
    )
    emergency_from_anybody: bool | None = pydantic.Field(
        default=None,
        description="Emergency calls are let through from phones that cannot be authenticated; "
        "regulation decides (3GPP TS 23.401 clause 4.3.12.1). Where not stated: at best yes, else "
        "no",
    )
    farthest_km: Annotated[float, pydantic.Field(gt=0, le=300)] | None = pydantic.Field(
        default=None,
        description="How far a site whose range no table states may serve, at most. At best any "
        "site so near serves a place, else only the nearest. Where not stated, its area is not "
        "counted",
    )
    holdover_days: Range = pydantic.Field(
        default=(0.1, 3.0),
        description="Days that equipment keeps time without its source (assumed)",
    )
    unmanaged_days: Range = pydantic.Field(
        default=(30.0, 365.0),
        description="Days that equipment runs on without its management system (assumed)",
    )


class SpareScenario(_Stated):
    """Failures that are repaired from stock while there is stock."""

    years_between_failures: Range = pydantic.Field(
        default=(10.0, 30.0), description="Mean time between failures of an element (assumed)"
    )
    by_kind: dict[str, Range] = pydantic.Field(
        default={}, description="The same, of elements with a kind of function"
    )
    stock_share: Range = pydantic.Field(
        default=(0.02, 0.08), description="Spare parts in stock to each element in use (assumed)"
    )
    is_endless: bool = pydantic.Field(default=False, description="The stock never ends")
    cannibalised_share: Share = pydantic.Field(
        default=(0.0, 0.5),
        description="Parts that an element given up yields for the repair of others (assumed)",
    )
    repair_days: Range = pydantic.Field(
        default=(0.2, 3.0), description="Days from a failure to its repair (assumed)"
    )
    vendor_stock_share: Range = pydantic.Field(
        default=(0.05, 0.2),
        description="Parts the vendor has laid in, to each element, when it may buy no more chips "
        "(assumed)",
    )


class UpdateScenario(_Stated):
    """Weaknesses that are no longer mended, certificates and licences that run out."""

    grace_days: Range = pydantic.Field(
        default=(14.0, 180.0),
        description="Days that equipment with a known weakness is let run (assumed)",
    )
    weaknesses_a_year: Range | None = pydantic.Field(
        default=None,
        description="Weaknesses found in a product in a year; counted from the tables where they "
        "list any of the vendor's, else assumed 1 to 10",
    )
    forcing_share: Share = pydantic.Field(
        default=(0.005, 0.05),
        description="Part of the weaknesses so grave that what has them is switched off (assumed)",
    )
    certificate_days: Range = pydantic.Field(
        default=(365.0, 1825.0),
        description="Days a certificate or licence lasts whose end no table states: it ends at any "
        "time within these (assumed); counts among what may be out alone",
    )
    honours_contracts: bool = pydantic.Field(
        default=False,
        description="Updates go on until the last day of the contract for them, where one is "
        "stated; else they stop with the vendor",
    )


class Scenario(_Stated):
    """A scenario file."""

    services: ServiceScenario = ServiceScenario()
    spares: SpareScenario = SpareScenario()
    updates: UpdateScenario = UpdateScenario()
    years: Annotated[float, pydantic.Field(gt=0, le=40)] = 10.0
    steps_a_year: Annotated[int, pydantic.Field(ge=1, le=12)] = 4
    runs: Annotated[int, pydantic.Field(ge=1, le=100_000)] = 200
    seed: Annotated[int, pydantic.Field(ge=0, lt=2**63)] = 2026


def load_scenario(file: Path | None) -> Scenario:
    """The scenario in a file, or that of the defaults; raises `InputError` where it is none."""
    if file is None:
        return Scenario()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NotFoundError("no such file", where=str(file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("the scenario cannot be read", where=str(file)) from error
    try:
        return Scenario.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"not TOML: {error}", where=str(file)) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{place}: {first['msg']}", where=str(file), hint="see docs/how-to/withdraw-a-vendor.md"
        ) from error


def as_tables(scenario: Scenario) -> list[dict[str, str]]:
    """Every value the answer rests on: name, value, what it means, whether it was stated."""
    rows = []
    for part in ("services", "spares", "updates"):
        model: _Stated = getattr(scenario, part)
        stated = model.model_fields_set if part in scenario.model_fields_set else set()
        rows += [
            {
                "parameter": f"{part}.{name}",
                "value": _said(getattr(model, name)),
                "means": field.description or "",
                "basis": "stated" if name in stated else "assumed",
            }
            for name, field in type(model).model_fields.items()
        ]
    return rows


def _said(value: object) -> str:
    return "not stated" if value is None else str(value)
