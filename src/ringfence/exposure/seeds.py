"""What the hostile hold at first, or may hold, by the profiles they are taken to have."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.exposure.control import Profile, jail_for
from ringfence.network.ownership import control, group
from ringfence.store.duck import Tables


class Hostile(Protocol):
    """Who is hostile, by which profiles, on which day."""

    @property
    def vendors(self) -> Sequence[str]:
        """The vendors, by their keys; each stands for all it controls."""

    @property
    def profiles(self) -> Sequence[Profile]:
        """What they have at first."""

    @property
    def as_of(self) -> date:
        """The day that contracts are asked for."""


@dataclass(frozen=True, slots=True)
class Seed:
    """An element that is held at first, or may be."""

    element: str
    profile: str
    unknown: str | None
    case: str | None
    origin: str | None


def seeds_of(network: Tables, parameters: Hostile) -> Iterator[Seed]:
    """What the hostile hold at first, or may hold."""
    hostile = {v for one in parameters.vendors for v in group(one, network)}
    told = {
        "hostile": pa.table({"vendor": pa.array(sorted(hostile), pa.string())}),
        "perhaps_hostile": pa.table({"vendor": pa.array(_unowned(network, hostile), pa.string())}),
    }
    tables = network.and_these(told)
    with jail_for(tables, [profile.select for profile in parameters.profiles]) as jail:
        for profile in parameters.profiles:
            named = {"as_of": parameters.as_of} if "$as_of" in profile.select else None
            rows = jail.select(profile.select, named, where=f"profile {profile.id}")
            for row in rows.to_pylist():
                case = row.get("each") if profile.each else None
                yield Seed(row["held"], profile.id, row.get("unknown"), case, row["origin"])


def _unowned(network: Tables, hostile: set[str]) -> list[str]:
    """The vendors that may be the hostile's own: nobody stated who controls them."""
    if not hostile:
        return []
    stated = control(network["vendor"], network["ownership"])
    clear = pc.fill_null(stated["ownership_is_stated"], fill_value=False)
    known = hostile | set(stated.filter(clear)["vendor"].to_pylist())
    named = network.query(
        "SELECT vendor FROM element UNION SELECT vendor FROM contract UNION SELECT vendor FROM product "
        "UNION SELECT original_maker FROM product"
    )["vendor"].to_pylist()
    return sorted({v for v in named if v is not None} - known)
