"""What all parts of the NetBox mapping share: our keys, origins, mentions and unusable values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.sources.netbox.inventory import Inventory, Places
from ringfence.sources.netbox.paths import ContentTypes
from ringfence.sources.netbox.records import (
    AnyRef,
    Key,
    Named,
    NamedPort,
    NamedType,
    NamedVlan,
    keys_of,
)

Mention: TypeAlias = Named | NamedType | NamedVlan | NamedPort
_MENTIONS = (Named, NamedType, NamedVlan, NamedPort)


class Mentions:
    """Records that others mention and the file may not hold, each as first mentioned."""

    def __init__(self) -> None:
        self.first: dict[Key, tuple[Mention, str]] = {}

    def keys(self, refs: Sequence[AnyRef], places: Places) -> list[Key | None]:
        """The keys of references; what they mention is noted, with the place of the first."""
        kinds = set(map(type, refs))
        keys = keys_of(refs, kinds)
        if kinds.isdisjoint(_MENTIONS):
            return keys
        first = self.first
        for index, key in enumerate(keys):
            if key not in first and key is not None:
                ref = refs[index]
                if isinstance(ref, _MENTIONS):
                    first[key] = (ref, places[index])
        return keys

    def note_one(self, ref: AnyRef, place: str) -> None:
        """Note what one reference mentions."""
        if isinstance(ref, _MENTIONS) and ref.id is not None:
            self.first.setdefault(ref.id, (ref, place))


@dataclass(slots=True)
class Context:
    """One file's inventory, how its keys and origins are written, and what is noted on the way.

    `owners` are the tenants that own a site or an element, `roles` the roles that an element has,
    `clusters` the clusters that gave a virtual machine its site. `unfit` are values that could not be used, by reason.
    """

    inventory: Inventory
    types: ContentTypes
    prefix: str
    name: str
    sites: Mentions = field(default_factory=Mentions)
    tenants: Mentions = field(default_factory=Mentions)
    products: Mentions = field(default_factory=Mentions)
    vlans: Mentions = field(default_factory=Mentions)
    vrfs: Mentions = field(default_factory=Mentions)
    owners: set[Key] = field(default_factory=set)
    roles: set[Key] = field(default_factory=set)
    clusters: set[Key] = field(default_factory=set)
    unfit: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def key(self, part: str, key: Key | None) -> str | None:
        """Our key of a record; `part` is empty for devices, `site/` for sites and so on."""
        return None if key is None else f"{self.prefix}:{part}{key}"

    def keys(self, part: str, keys: Sequence[Key | None]) -> pa.Array:
        """Our keys of many records."""
        try:
            texts = pa.array(keys, pa.int64()).cast(pa.string())
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
            texts = pa.array([None if key is None else str(key) for key in keys], pa.string())
        return pc.binary_join_element_wise(pa.scalar(f"{self.prefix}:{part}"), texts, "")

    def origins(self, places: Iterable[str]) -> pa.Array:
        """The file's name with each place."""
        return texts([self.name + place for place in places])

    def note_unfit(self, reason: str, place: str, value: object) -> None:
        """Note a value that cannot be used, though its record can."""
        self.unfit.setdefault(reason, []).append((place, str(value)))


def texts(values: Sequence[str | None]) -> pa.Array:
    """A column of text; an empty text states nothing."""
    column = pa.array(values, pa.string())
    empty = pc.equal(column, "")
    return pc.if_else(empty, None, column) if pc.any(empty).as_py() else column


def constant(value: str, rows: int) -> pa.Array:
    """A column of one value."""
    return pa.repeat(pa.scalar(value), rows)
