"""From numbers to rows: keys, dates, makers as written, and what operators leave out."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.network.model import TABLES
from ringfence.network.synthetic import world
from ringfence.network.synthetic.plan import CORE, SLOTS, CountryParameters, Operator
from ringfence.network.synthetic.practice import (
    CARRIERS,
    MULTI_HOMED,
    ROUTERS,
    USERS,
    practice_of,
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Piece = tuple[str, pa.Table]

NO_MAKER: Final = 0.018
"""Part of the elements whose operator does not state the maker."""
NO_MAKER_AT_SITE: Final = 0.032
"""Part of the radio sites where it is not stated for any radio equipment: bought with a rival."""
MAKER_BY_PRODUCT: Final = 0.25
"""Part of the elements without a maker whose product is stated, and so the maker after all."""
MAKER_ALWAYS_STATED: Final = (
    *("router", "timing", "management", "cloud", "security", "interception"),
)
"""Families whose maker every operator knows: all else hangs on them."""
NO_PRODUCT: Final = 0.05
NO_FUNCTION: Final = 0.02
STRANGE_FUNCTION: Final = 0.003
NO_INSTALLATION: Final = 0.04
NO_PURCHASE: Final = 0.3
NO_SOFTWARE: Final = 0.05
_OLD_RADIO_GONE: Final = 0.04

_STRANGE_WORDS: Final = ("Gateway node", "RAN misc", "Core box")
_EPOCH: Final = date(1970, 1, 1)


class Kind(NamedTuple):
    """A kind of function: what performs it, and from when to when such equipment was put in.

    `words` are how the first to fourth operator of a country write it, where not as we do.
    """

    kind: str
    family: str
    made_of: str
    generation: str | None
    first: tuple[int, int]
    last: tuple[int, int]
    words: tuple[str | None, ...] = (None, None, None, None)


_SITE_KINDS: Final = (
    Kind("cell site router", "cell site", "box", None, (2014, 1), (2025, 6),
         (None, "Cell Site Router", None, None)),
    Kind("ENB", "4G radio", "box", "4G", (2012, 6), (2020, 12), (None, "eNodeB", "eNB", None)),
    Kind("GNBDU", "5G radio", "box", "5G", (2019, 6), (2026, 9), (None, "gNB-DU", "5G DU", None)),
    Kind("GNBRU", "radio unit", "box", "5G", (2019, 6), (2026, 9),
         (None, "gNB-RU", "5G radio unit", None)),
    Kind("GNB", "5G radio", "box", "5G", (2020, 6), (2026, 9), (None, "gNodeB", "gNB", None)),
    Kind("BTS", "legacy radio", "box", "2G", (2012, 1), (2014, 12)),
    Kind("NODEB", "legacy radio", "box", "3G", (2012, 1), (2015, 12),
         (None, "NodeB", "Node B", None)),
    Kind("microwave", "microwave", "box", None, (2013, 1), (2024, 12),
         (None, "Microwave link", None, None)),
    Kind("aggregation router", "aggregation", "box", None, (2014, 1), (2025, 6)),
    Kind("PE router", "router", "box", None, (2014, 1), (2025, 6)),
    Kind("OTN", "optical", "box", None, (2015, 1), (2024, 12)),
    Kind("GNBCUCP", "5G radio", "container", "5G", (2020, 1), (2026, 6),
         (None, "gNB-CU-CP", "CU-CP", None)),
    Kind("GNBCUUP", "5G radio", "container", "5G", (2020, 1), (2026, 6),
         (None, "gNB-CU-UP", "CU-UP", None)),
    Kind("OLT", "fixed access", "box", "fixed", (2016, 1), (2026, 6),
         (None, None, None, "OLT chassis")),
    Kind("DSLAM", "fixed access", "box", "fixed", (2012, 1), (2016, 12)),
    Kind("BNG", "router", "box", "fixed", (2014, 1), (2024, 12)),
    Kind("EMS", "management", "management system", None, (2014, 1), (2024, 12),
         (None, "Element manager", None, None)),
)  # fmt: skip


class _Window(NamedTuple):
    """What the core functions of a family are made of, and when they were put in."""

    made_of: str
    generation: str | None
    first: tuple[int, int]
    last: tuple[int, int]


_CORE_WINDOWS: Final = {
    "5G core": _Window("container", "5G", (2020, 3), (2025, 6)),
    "4G core": _Window("virtual machine", "4G", (2013, 1), (2019, 12)),
    "2G/3G core": _Window("box", None, (2012, 1), (2015, 12)),
    "IMS": _Window("virtual machine", None, (2015, 1), (2022, 12)),
    "router": _Window("box", None, (2014, 1), (2025, 6)),
    "optical": _Window("box", None, (2015, 1), (2024, 12)),
    "timing": _Window("box", None, (2016, 1), (2023, 12)),
    "management": _Window("management system", None, (2014, 1), (2024, 12)),
    "cloud": _Window("management system", None, (2018, 1), (2024, 12)),
    "security": _Window("box", None, (2017, 1), (2025, 6)),
    "interception": _Window("virtual machine", None, (2016, 1), (2023, 12)),
}
_HOSTS: Final = ("NFVI", "Kubernetes node")


KINDS: Final = _SITE_KINDS + tuple(
    Kind(
        one.kind,
        one.family,
        "host" if one.kind in _HOSTS else window.made_of,
        window.generation,
        window.first,
        window.last,
    )
    for one in CORE
    if one.kind not in {kind.kind for kind in _SITE_KINDS}
    for window in (_CORE_WINDOWS[one.family],)
)
"""Every kind that stands anywhere; its place is its number."""

NUMBER_OF: Final = {kind.kind: number for number, kind in enumerate(KINDS)}


@dataclass(slots=True)
class Standing:
    """What stands somewhere, as numbers, before it is written down as an operator would."""

    numbers: Ints
    sites: Ints
    kinds: Ints
    vendors: Ints
    quantiles: Floats
    removed: Ints
    """Days since 1970; -1 where it still stands."""

    def numbers_of(self, kind: str) -> Ints:
        """The elements of a kind."""
        chosen: Ints = self.numbers[self.kinds == NUMBER_OF[kind]]
        return chosen


@dataclass(slots=True)
class Gatherer:
    """Puts together what stands in one part of the country."""

    _parts: list[Standing] = field(default_factory=list)

    def add(
        self,
        kind: str,
        numbers: Ints,
        sites: Ints,
        vendors: Ints | int,
        *,
        quantiles: Floats,
        removed: Ints | None = None,
    ) -> None:
        """So many of a kind; `quantiles` say when in its window each was installed, 0 to 1."""
        size = len(numbers)
        self._parts.append(
            Standing(
                numbers,
                sites,
                np.full(size, NUMBER_OF[kind], np.int64),
                np.broadcast_to(np.asarray(vendors, np.int64), size),
                quantiles,
                np.full(size, -1, np.int64) if removed is None else removed,
            )
        )

    def numbers_of(self, kind: str) -> Ints:
        """The elements of a kind added so far."""
        parts = [part.numbers_of(kind) for part in self._parts]
        return np.concatenate(parts) if parts else np.array([], np.int64)

    def whole(self) -> Standing:
        """All that was added, in the order of the numbers."""
        names = ("numbers", "sites", "kinds", "vendors", "quantiles", "removed")
        columns = [np.concatenate([getattr(part, name) for part in self._parts]) for name in names]
        order = np.argsort(columns[0], kind="stable")
        return Standing(*(column[order] for column in columns))


def element_pieces(
    parameters: CountryParameters,
    operator: Operator,
    standing: Standing,
    draw: np.random.Generator,
    *,
    origin: str,
    nameless_sites: Ints | None = None,
    passing: Ints | None = None,
) -> Iterator[Piece]:
    """The rows of `element` and `function`, as the operator writes them.

    At `nameless_sites` the maker of no radio equipment is stated. `passing` are the elements of a
    centre that pass packets on, though not all of their kind do; null where it is no centre.
    """
    size = len(standing.numbers)
    by_kind = _KindColumns.of()
    family = by_kind.family[standing.kinds]
    installed = _installed(parameters, standing, draw)
    product = _PRODUCT_AT[standing.vendors, family] + (standing.quantiles > 0.6)
    nameless = draw.random(size) < NO_MAKER
    nameless &= ~np.isin(family, _MAKER_ALWAYS_STATED)
    states_all = passing is not None and practice_of(operator).states_core_makers
    nameless &= not states_all
    if nameless_sites is not None:
        is_radio = np.isin(family, _RADIO)
        nameless |= is_radio & np.isin(standing.sites, nameless_sites)
    keeps_product = draw.random(size) < MAKER_BY_PRODUCT
    if nameless_sites is not None:
        keeps_product &= ~np.isin(standing.sites, nameless_sites)
    no_product = (draw.random(size) < NO_PRODUCT) | (nameless & ~keeps_product)
    variant = _variants(standing.vendors, draw.random(size)) * (not states_all)
    if operator.uses_netbox:
        # A NetBox device has its maker from its type: it has both or neither.
        no_product = nameless
        product_text = _product_types(product, variant)
    else:
        product_text = texts(product, [f"table:{p.part_number}" for p in world.products()])
    is_box = by_kind.is_box[standing.kinds]
    dates = _dates(parameters, standing, installed, draw)
    made_of = texts(by_kind.made_of[standing.kinds], _MADE_OF)
    role_names = pa.nulls(size, pa.string())
    if operator.uses_netbox:
        made_of = pa.repeat(pa.scalar("box"), size)  # all it keeps are devices
        role_names = texts(family, [ROLE_NAMES[name] for name in _FAMILIES])
    if operator.files == "own csv":  # its inventory has no such columns
        made_of = pa.nulls(size, pa.string())
        dates["end_of_life_on"] = pa.nulls(size, pa.date32())
    element = {
        "id": element_keys(operator, standing.numbers),
        "name": _names(operator, standing),
        "site": site_keys(operator, standing.sites),
        "operator": pa.repeat(
            pa.scalar(operator.id if operator.uses_netbox else None, pa.string()), size
        ),
        "vendor_name": blank(
            texts(standing.vendors * world.VARIANTS + variant, _SPELLINGS), nameless
        ),
        "product": blank(product_text, no_product),
        "role_name": role_names,
        "forwards_packets": _forwards(operator, standing, passing),
        "software_version": blank(
            _software(family, standing, draw), draw.random(size) < NO_SOFTWARE
        ),
        "kind": made_of,
        "serial": blank(_serials(operator, standing.numbers), ~is_box | (draw.random(size) < 0.1)),
        **dates,
        "origin": pa.repeat(pa.scalar(origin), size),
    }
    yield "element", TABLES["element"].conform(pa.table(element))
    yield "function", _functions(operator, standing, draw, origin)


def _forwards(operator: Operator, standing: Standing, passing: Ints | None) -> pa.Array:
    """Whether each passes packets on; null where it has one foot, so that nobody asked."""
    yes = {"PE router"} if passing is None else ROUTERS
    no = MULTI_HOMED
    if passing is None:
        no = frozenset() if practice_of(operator).is_flat else USERS | CARRIERS
    codes = np.array([1 if k.kind in yes else 0 if k.kind in no else -1 for k in KINDS])
    of_each = codes[standing.kinds]
    if passing is not None:
        of_each = np.where(np.isin(standing.numbers, passing), 1, of_each)
    return pa.array(of_each == 1, mask=of_each < 0)


def _functions(
    operator: Operator, standing: Standing, draw: np.random.Generator, origin: str
) -> pa.Table:
    size = len(standing.numbers)
    stated = draw.random(size) >= NO_FUNCTION
    strange = draw.random(size) < STRANGE_FUNCTION
    words = [kind.words[operator.place] or kind.kind for kind in KINDS]
    said = np.where(
        strange, len(words) + draw.integers(0, len(_STRANGE_WORDS), size), standing.kinds
    )
    by_kind = _KindColumns.of()
    in_core = (standing.numbers >= (operator.sites + 1) * SLOTS) & ~strange
    in_core &= by_kind.is_pooled[standing.kinds]
    serves = in_core & by_kind.is_sliced[standing.kinds] & (standing.numbers % 4 == 3)
    generations = texts(by_kind.generation[standing.kinds], _GENERATIONS)
    silent = by_kind.generation[standing.kinds] < 0
    if operator.files == "own csv":
        silent = np.ones(size, np.bool_)  # its inventory has no such column
    rows = {
        "element": element_keys(operator, standing.numbers),
        "kind": texts(said, [*words, *_STRANGE_WORDS]),
        "pool": blank(texts(standing.kinds * 2 + standing.numbers // 2 % 2, _POOLS), ~in_core),
        "slice": blank(pa.repeat(pa.scalar("1-00C0DE"), size), ~serves),
        "generation": blank(generations, silent),
        "origin": pa.repeat(pa.scalar(origin), size),
    }
    table = TABLES["function"].conform(pa.table(rows))
    return table.filter(pa.array(stated))


@dataclass(frozen=True, slots=True)
class _KindColumns:
    """What is known of each kind, by its number."""

    family: Ints
    made_of: Ints
    generation: Ints
    first: Ints
    last: Ints
    is_box: Flags
    is_pooled: Flags
    is_sliced: Flags

    @staticmethod
    @cache
    def of() -> "_KindColumns":
        return _KindColumns(
            family=np.array([_FAMILIES.index(kind.family) for kind in KINDS]),
            made_of=np.array([_MADE_OF.index(kind.made_of) for kind in KINDS]),
            generation=np.array(
                [_GENERATIONS.index(kind.generation) if kind.generation else -1 for kind in KINDS]
            ),
            first=np.array([_day(*kind.first) for kind in KINDS]),
            last=np.array([_day(*kind.last) for kind in KINDS]),
            is_box=np.array([kind.made_of in {"box", "host"} for kind in KINDS]),
            is_pooled=np.array([kind.kind in POOLED for kind in KINDS]),
            is_sliced=np.array([kind.kind in {"AMF", "SMF", "UPF"} for kind in KINDS]),
        )


def _day(year: int, month: int) -> int:
    return (date(year, month, 1) - _EPOCH).days


_FAMILIES: Final = tuple(world.FAMILIES)
_MAKER_ALWAYS_STATED: Final = np.array([_FAMILIES.index(f) for f in MAKER_ALWAYS_STATED])
_RADIO: Final = np.array([_FAMILIES.index(family) for family in world.RADIO_FAMILIES])
_MADE_OF: Final = ("box", "host", "virtual machine", "container", "management system")
POOLED: Final = frozenset(
    kind.kind for kind in CORE if kind.family in {"5G core", "4G core", "2G/3G core", "IMS"}
)
"""The kinds that a core's own inventory lists, with their pools."""

ROLE_NAMES: Final = {
    "5G radio": "Radio", "radio unit": "Radio", "4G radio": "Radio", "legacy radio": "Radio",
    "router": "Router", "aggregation": "Router", "cell site": "Router", "optical": "Transmission",
    "microwave": "Transmission", "fixed access": "Access", "5G core": "Core", "4G core": "Core",
    "2G/3G core": "Core", "IMS": "Core", "management": "Management", "cloud": "Cloud",
    "security": "Security", "interception": "Restricted", "timing": "Timing",
}  # fmt: skip
"""What the operator with NetBox calls the roles of its devices."""

_GENERATIONS: Final = ("2G", "3G", "4G", "5G", "fixed")
_POOLS: Final = tuple(f"{kind.kind} pool {pool}" for kind in KINDS for pool in (1, 2))
_SPELLINGS: Final = tuple(
    vendor.spellings[min(place, len(vendor.spellings) - 1)][0]
    for vendor in world.VENDORS
    for place in range(world.VARIANTS)
)
_PRODUCT_AT: Final = np.array(
    [
        [world.product_places().get((vendor, family), 0) for family in _FAMILIES]
        for vendor in range(len(world.VENDORS))
    ]
)


@cache
def _likelihoods() -> Floats:
    """For each vendor, the chances of its spellings added up."""
    table = np.ones((len(world.VENDORS), world.VARIANTS))
    for place, vendor in enumerate(world.VENDORS):
        sums = np.cumsum([chance for _, chance in vendor.spellings])
        table[place, : len(sums)] = sums
    return table


def _variants(vendors: Ints, chances: Floats) -> Ints:
    """Which spelling each row has."""
    places = (chances[:, None] >= _likelihoods()[vendors, :-1]).sum(axis=1)
    most = np.array([len(vendor.spellings) - 1 for vendor in world.VENDORS])
    chosen: Ints = np.minimum(places, most[vendors]).astype(np.int64)
    return chosen


def _installed(
    parameters: CountryParameters, standing: Standing, draw: np.random.Generator
) -> Ints:
    """The day each was put into service: most in the middle of its kind's window."""
    by_kind = _KindColumns.of()
    last_day = (parameters.as_of - _EPOCH).days
    first, last = by_kind.first[standing.kinds], by_kind.last[standing.kinds]
    quantiles = standing.quantiles
    designated = (standing.vendors == world.INDEX[world.DESIGNATED]) & np.isin(
        by_kind.family[standing.kinds], _RADIO[:2]
    )
    # The designated vendor's 5G was put in while it was lawful, but for a few stragglers.
    late = designated & (quantiles > 0.98)
    first = np.where(late, _day(2021, 11), first)
    last = np.where(late, _day(2023, 6), np.where(designated, _day(2021, 9), last))
    quantiles = np.where(late, (quantiles - 0.98) / 0.02, quantiles)
    last = np.minimum(last, last_day)
    # The inverse of the smooth step 3x^2 - 2x^3, whose slope is a rollout's pace.
    part = 0.5 - np.sin(np.arcsin(1 - 2 * np.clip(quantiles, 0, 1)) / 3)
    days = first + part * (last - first) + draw.integers(0, 20, len(first))
    day: Ints = np.minimum(days, last_day).astype(np.int64)
    return day


def _dates(
    parameters: CountryParameters,
    standing: Standing,
    installed: Ints,
    draw: np.random.Generator,
) -> dict[str, pa.Array]:
    size = len(installed)
    bought = installed - 30 - draw.integers(0, 180, size)
    unknown = draw.random(size) < NO_INSTALLATION
    by_kind = _KindColumns.of()
    leaving = (standing.vendors == world.INDEX[world.DESIGNATED]) & np.isin(
        by_kind.family[standing.kinds], _RADIO
    )
    leaving &= draw.random(size) < 0.4
    leaves = np.full(size, (date(2027, 12, 31) - _EPOCH).days)
    removed = _removals(standing, by_kind.family[standing.kinds], draw)
    gone = (removed > installed) & (removed <= (parameters.as_of - _EPOCH).days)
    return {
        "purchased_on": _days(bought, unknown | (draw.random(size) < NO_PURCHASE)),
        "installed_on": _days(installed, unknown),
        "removed_on": _days(removed, ~gone),
        "end_of_life_on": _days(leaves, ~leaving | gone),
    }


def _removals(standing: Standing, family: Ints, draw: np.random.Generator) -> Ints:
    """The day each was taken out, -1 where it was not: now and then an old radio was."""
    size = len(family)
    old = (family == _FAMILIES.index("legacy radio")) & (draw.random(size) < _OLD_RADIO_GONE)
    days = _day(2021, 1) + draw.integers(0, 5 * 365, size)
    return np.where(old, days, standing.removed)


def _days(days: Ints, missing: Flags) -> pa.Array:
    return pa.array(days.astype(np.int32), mask=missing).cast(pa.date32())


def _software(family: Ints, standing: Standing, draw: np.random.Generator) -> pa.Array:
    """A release of the product's software: newer where the equipment is."""
    step = np.clip((standing.quantiles * 6).astype(np.int64), 0, 5)
    step = np.clip(step + draw.integers(0, 3, len(step)), 0, _RELEASES - 1)
    return texts(family * _RELEASES + step, _SOFTWARE)


_RELEASES: Final = 8
_SOFTWARE: Final = tuple(
    f"{code}-{18 + step}.{1 + step % 3}"
    for code in world.FAMILIES.values()
    for step in range(_RELEASES)
)


def _product_types(product: Ints, variant: Ints) -> pa.Array:
    """The device type in NetBox: one for each product and way of writing its maker."""
    numbers = pa.array(product * world.VARIANTS + variant + 1).cast(pa.string())
    return pc.binary_join_element_wise("netbox:type/", numbers, "")


def site_keys(operator: Operator, numbers: Ints) -> pa.Array:
    """The keys of the operator's sites."""
    return keys(numbers, "netbox:site/" if operator.uses_netbox else operator, "S", 6)


def element_keys(operator: Operator, numbers: Ints) -> pa.Array:
    """The keys of the operator's elements."""
    return keys(numbers, "netbox:" if operator.uses_netbox else operator, "", 8)


def link_keys(operator: Operator, numbers: Ints) -> pa.Array:
    """The keys of the operator's links, by the number of the element at the near end."""
    return keys(numbers, operator, "L", 8)


def keys(numbers: Ints, start: str | Operator, letter: str, digits: int) -> pa.Array:
    """Keys of an operator's own things, or those that another system numbers after `start`."""
    text = pa.array(numbers).cast(pa.string())
    if isinstance(start, str):
        return pc.binary_join_element_wise(start, text, "")
    padded = pc.utf8_lpad(text, digits, "0")
    return pc.binary_join_element_wise(f"table:{start.code}-{letter}", padded, "")


def relation(operator: Operator, powers: Sequence[tuple[Ints, Ints, str]], origin: str) -> pa.Table:
    """Rows of `relation`: elements over elements of the same operator, with the power."""
    tables = []
    for sources, targets, kind in powers:
        rows = {
            "source": element_keys(operator, sources),
            "target": element_keys(operator, targets),
            "kind": pa.repeat(pa.scalar(kind), len(sources)),
            "origin": pa.repeat(pa.scalar(origin), len(sources)),
        }
        tables.append(TABLES["relation"].conform(pa.table(rows)))
    return pa.concat_tables(tables)


def _names(operator: Operator, standing: Standing) -> pa.Array:
    short = [kind.kind.lower().replace(" ", "-") for kind in KINDS]
    return pc.binary_join_element_wise(
        operator.code.lower(),
        texts(standing.kinds, short),
        pc.utf8_lpad(pa.array(standing.sites).cast(pa.string()), 5, "0"),
        pa.array(standing.numbers % SLOTS).cast(pa.string()),
        "-",
    )


def _serials(operator: Operator, numbers: Ints) -> pa.Array:
    # Operators number their elements alike, and makers do not number theirs by operator. A step
    # without a factor in common with 10^9 gives each element a number of its own.
    whole = numbers * len(world.COUNTRIES) * world.OPERATORS_PER_COUNTRY + operator.index
    digits = pa.array(whole * 7_654_321 % 10**9).cast(pa.string())
    return pc.binary_join_element_wise("SN", pc.utf8_lpad(digits, 9, "0"), "")


def texts(places: Ints, values: Sequence[str]) -> pa.Array:
    """The value at each place; null where the place is negative."""
    codes = pa.array(places.astype(np.int32), mask=places < 0)
    return pa.array(values, pa.string()).take(codes)


def blank(values: pa.Array, missing: Flags) -> pa.Array:
    """The values, null where they are missing."""
    return pc.if_else(pa.array(missing), pa.scalar(None, values.type), values)
