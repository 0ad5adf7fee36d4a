"""How many of what stand where: laid out before anything is made, in a few small numbers."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from ringfence.errors import UsageError
from ringfence.network.synthetic import world

SIZES: Final = {"town": 1_000, "country": 60_000, "continent": 1_000_000}
"""Elements in each of the named sizes, about."""

FEWEST_ELEMENTS: Final = 500
MOST_ELEMENTS: Final = 10_000_000

SLOTS: Final = 32
"""Elements are numbered by site and slot, so that a number can be told without having been made."""


class Mix(NamedTuple):
    """What stands at a site, on average, by its kind."""

    lte: float = 0.97
    nr: float = 0.72
    third_radio_unit: float = 0.2
    gsm: float = 0.3
    umts: float = 0.12
    microwave: float = 0.22
    otn: float = 0.5
    security_gateway: float = 0.3
    gateway: float = 0.15

    @property
    def macro(self) -> float:
        """Elements at a macro site: a router, and the radio with two or three radio units."""
        units = self.nr * (2 + self.third_radio_unit)
        return 1 + self.lte + self.nr + units + self.gsm + self.umts + self.microwave

    @property
    def exchange(self) -> float:
        """Elements at an exchange: a router, three to six OLTs, one or two DSLAMs, now and then a BNG."""
        return 1 + 4.5 + 1.5 + self.gateway

    @property
    def point_of_presence(self) -> float:
        """Elements at a point of presence: two routers, an edge router, WDM, a clock, central units."""
        return 2 + 1 + 1 + 1 + 3 + self.otn + self.security_gateway


MIX: Final = Mix()
SMALL_CELLS_PER_MACRO: Final = 0.1
MACROS_PER_POINT_OF_PRESENCE: Final = 90
REGIONS_PER_COUNTRY: Final = 12


class CoreKind(NamedTuple):
    """A function of the core: how many at least, how many more for each thousand macro sites."""

    kind: str
    family: str
    least: int
    more: float = 0.0


CORE: Final = (
    *(CoreKind(kind, "5G core", least, more) for kind, least, more in (
        ("AMF", 2, 1.5), ("SMF", 2, 1.5), ("UPF", 2, 4.0), ("UDM", 2, 0.8), ("UDR", 2, 0.8),
        ("AUSF", 2, 0.8), ("NRF", 2, 0.3), ("PCF", 2, 0.8), ("NSSF", 1, 0.3), ("NEF", 1, 0.3),
        ("SCP", 2, 0.5), ("CHF", 2, 0.5), ("SEPP", 2, 0.2), ("SMSF", 1, 0.2), ("BSF", 1, 0.3),
        ("NWDAF", 1, 0.2), ("LMF", 1, 0.2), ("5G-EIR", 1, 0.2))),
    *(CoreKind(kind, "4G core", least, more) for kind, least, more in (
        ("MME", 2, 1.0), ("SGW", 2, 1.5), ("PGW", 2, 1.5), ("HSS", 2, 0.5), ("PCRF", 2, 0.4),
        ("OCS", 1, 0.3), ("ePDG", 1, 0.2), ("DRA", 2, 0.2), ("EIR", 1, 0.1))),
    *(CoreKind(kind, "2G/3G core", least, more) for kind, least, more in (
        ("MSC Server", 2, 0.3), ("MGW", 2, 0.4), ("SGSN", 1, 0.2), ("GGSN", 1, 0.2),
        ("HLR", 2, 0.2), ("STP", 2, 0.1), ("SMSC", 1, 0.1), ("BSC", 1, 0.5), ("RNC", 1, 0.5))),
    *(CoreKind(kind, "IMS", least, more) for kind, least, more in (
        ("P-CSCF", 2, 0.5), ("I-CSCF", 1, 0.3), ("S-CSCF", 2, 0.5), ("TAS", 2, 0.4),
        ("SBC", 2, 0.4), ("MRFP", 1, 0.3), ("BGCF", 1, 0.1), ("MGCF", 1, 0.1), ("IBCF", 1, 0.2))),
    *(CoreKind(kind, "router", least, more) for kind, least, more in (
        ("IP core router", 2, 1.5), ("internet gateway", 2, 0.4), ("peering router", 2, 0.3),
        ("switch", 4, 3.0), ("route reflector", 2, 0.2))),
    CoreKind("WDM", "optical", 2, 0.8),
    *(CoreKind(kind, "timing", least, more) for kind, least, more in (
        ("PTP grandmaster", 2, 0.2), ("NTP", 2, 0.1))),
    *(CoreKind(kind, "management", least, more) for kind, least, more in (
        ("NMS", 1, 0.1), ("OSS", 1, 0.1), ("BSS", 1, 0.1), ("SON", 1, 0.1), ("probe", 2, 1.0),
        ("jump host", 2, 0.2), ("vendor remote access", 1, 0.1), ("AAA", 2, 0.1), ("LDAP", 1, 0.0),
        ("CA", 1, 0.0), ("HSM", 1, 0.1), ("backup", 1, 0.2), ("log collector", 1, 0.2),
        ("provisioning", 1, 0.0), ("mediation", 1, 0.1), ("SIM platform", 1, 0.0),
        ("software repository", 1, 0.0), ("DNS", 2, 0.4))),
    *(CoreKind(kind, "cloud", least, more) for kind, least, more in (
        ("NFVI", 10, 6.0), ("VIM", 1, 0.1), ("VNFM", 1, 0.1), ("NFVO", 1, 0.1),
        ("Kubernetes control plane", 1, 0.2), ("Kubernetes node", 2, 1.0),
        ("SDN controller", 1, 0.0))),
    *(CoreKind(kind, "security", least, more) for kind, least, more in (
        ("firewall", 4, 1.0), ("SEG", 2, 0.5), ("IDS", 1, 0.2), ("SIEM", 1, 0.0),
        ("DDoS", 1, 0.1), ("GTP firewall", 1, 0.1), ("signalling firewall", 1, 0.1),
        ("SMS firewall", 1, 0.0))),
    *(CoreKind(kind, "interception", least, more) for kind, least, more in (
        ("LI ADMF", 1, 0.0), ("LI MDF", 1, 0.2), ("LI POI", 1, 0.2))),
)  # fmt: skip
"""What stands in an operator's data centres, besides a management system for each maker."""

_EMS_ABOUT: Final = 9


@dataclass(frozen=True, slots=True)
class CountryParameters:
    """What to make.

    `elements` asks for about so many elements instead of a named size. Everything that stands was
    put there by `as_of`. The same parameters give the same country, to the byte.
    """

    size: str = "country"
    seed: int = 2026
    as_of: date = date(2026, 11, 1)
    elements: int | None = None

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise UsageError(f"no size {self.size!r}", hint=f"the sizes: {', '.join(SIZES)}")
        if not FEWEST_ELEMENTS <= self.wanted <= MOST_ELEMENTS:
            raise UsageError(
                f"a country of {self.wanted:,} elements cannot be made",
                hint=f"ask for {FEWEST_ELEMENTS:,} to {MOST_ELEMENTS:,}",
            )
        if not 0 <= self.seed < 2**63:
            raise UsageError(f"seed {self.seed} is not from 0 to 2^63 - 1")
        if self.as_of < date(2022, 1, 1):
            raise UsageError(
                f"the made-up country had little 5G on {self.as_of}", hint="ask from 2022-01-01 on"
            )

    @property
    def wanted(self) -> int:
        """About so many elements."""
        return SIZES[self.size] if self.elements is None else self.elements

    def generator(self, *place: int) -> np.random.Generator:
        """The generator of one part of the country, the same whatever else was made."""
        return np.random.default_rng([self.seed, *place])


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator and how many sites it has in each region.

    Its sites are numbered from 1: the data centres, then region by region the points of presence,
    exchanges, macro sites and small cells. Of a region's macro sites and small cells, the first
    `held_macros` and `held_small` have the designated vendor's radio equipment.
    """

    index: int
    regions: tuple[int, ...]
    data_centres: int
    points_of_presence: tuple[int, ...]
    exchanges: tuple[int, ...]
    macros: tuple[int, ...]
    small: tuple[int, ...]
    held_macros: tuple[int, ...]
    held_small: tuple[int, ...]

    @property
    def place(self) -> int:
        """Which of its country's operators it is, from 0."""
        return self.index % world.OPERATORS_PER_COUNTRY

    @property
    def country(self) -> int:
        """Which country it is in, from 0."""
        return self.index // world.OPERATORS_PER_COUNTRY

    @property
    def style(self) -> world.Style:
        """What sort of operator it is."""
        return world.STYLES[self.place]

    @property
    def code(self) -> str:
        """What its own keys begin with."""
        return world.operator_code(self.index)

    @property
    def uses_netbox(self) -> bool:
        """Only the first of all does: two NetBox exports would number their rows alike."""
        return self.index == 0

    @property
    def files(self) -> str:
        """How it keeps its inventory: `netbox`, `own csv`, `workbook` or `csv`."""
        if self.style.files == "netbox" and not self.uses_netbox:
            return "csv"
        return self.style.files

    @property
    def id(self) -> str:
        """Its key, as the reader of its files gives it."""
        return "netbox:operator/1" if self.uses_netbox else f"table:{self.code}"

    @property
    def sites(self) -> int:
        """How many sites it has."""
        return self.data_centres + sum(map(sum, self._by_kind))

    @property
    def _by_kind(self) -> tuple[tuple[int, ...], ...]:
        return (self.points_of_presence, self.exchanges, self.macros, self.small)

    def first_site(self, place: int) -> int:
        """The number of the first site in the region at `place`."""
        return 1 + self.data_centres + sum(sum(kind[:place]) for kind in self._by_kind)

    def counts(self, place: int) -> tuple[int, ...]:
        """Points of presence, exchanges, macro sites and small cells in the region at `place`."""
        return tuple(kind[place] for kind in self._by_kind)


@cache
def operators(parameters: CountryParameters) -> tuple[Operator, ...]:
    """Every operator, laid out so that the elements add up to about what is wanted."""
    wanted = parameters.wanted
    number = 2 if wanted < 10_000 else 4 if wanted < 300_000 else 12 if wanted < 3_000_000 else 24
    regions = 2 if wanted < 10_000 else REGIONS_PER_COUNTRY
    styles = [world.STYLES[i % world.OPERATORS_PER_COUNTRY] for i in range(number)]
    weights = np.array([style.weight for style in styles])
    weights /= weights.sum()
    per_macro = sum(w * _per_macro(s) for w, s in zip(weights.tolist(), styles, strict=True))
    macros = wanted / per_macro
    for _ in range(20):  # the cores grow with the sites: a few rounds settle it
        cores = sum(sum(core_counts(round(macros * w))) + _EMS_ABOUT for w in weights.tolist())
        macros = max(20.0 * number, (wanted - cores) / per_macro)
    return tuple(
        _operator(index, round(macros * weight), regions, parameters)
        for index, weight in enumerate(weights.tolist())
    )


def core_counts(macros: int) -> list[int]:
    """How many of each of `CORE` an operator with so many macro sites has."""
    # A town's operator is a part of a larger one: it has half a core.
    share = 1.0 if macros >= 500 else 0.5
    return [int(np.ceil(kind.least * share + kind.more * macros / 1000)) for kind in CORE]


def _per_macro(style: world.Style) -> float:
    """Elements for each macro site, wherever they stand."""
    return (
        MIX.macro
        + SMALL_CELLS_PER_MACRO
        + style.exchanges * MIX.exchange
        + MIX.point_of_presence / MACROS_PER_POINT_OF_PRESENCE
    )


def _operator(index: int, macros: int, regions: int, parameters: CountryParameters) -> Operator:
    style = world.STYLES[index % world.OPERATORS_PER_COUNTRY]
    in_country = index // world.OPERATORS_PER_COUNTRY
    # The operators of one country serve the same people.
    people = parameters.generator(1, in_country).gamma(2.5, size=regions) + 0.4
    draw = parameters.generator(2, index)
    weights = people * draw.uniform(0.85, 1.15, regions)
    of_macros = _split(macros, weights)
    of_small = _split(round(macros * SMALL_CELLS_PER_MACRO), weights)
    order = draw.permutation(regions)
    return Operator(
        index=index,
        regions=tuple(range(in_country * regions, (in_country + 1) * regions)),
        data_centres=max(2, macros // 4000),
        points_of_presence=tuple(
            max(1, round(n / MACROS_PER_POINT_OF_PRESENCE)) for n in of_macros.tolist()
        ),
        exchanges=tuple(_split(round(macros * style.exchanges), weights).tolist()),
        macros=tuple(of_macros.tolist()),
        small=tuple(of_small.tolist()),
        held_macros=_held(of_macros, order, style.designated),
        held_small=_held(of_small, order, style.designated),
    )


def _split(total: int, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """`total` in whole parts after `weights`, by largest remainder."""
    shares = total * weights / weights.sum()
    parts: npt.NDArray[np.int64] = np.floor(shares).astype(np.int64)
    left = total - int(parts.sum())
    parts[np.argsort(parts - shares, kind="stable")[:left]] += 1
    return parts


def _held(
    sites: npt.NDArray[np.int64], order: npt.NDArray[np.int64], share: float
) -> tuple[int, ...]:
    """Fill whole regions in that order, and a part of the last, up to the share of all sites.

    Radio networks are bought region by region, since neighbouring sites of two makers work badly
    together.
    """
    left = round(share * int(sites.sum()))
    held = np.zeros_like(sites)
    for region in order.tolist():
        held[region] = min(left, int(sites[region]))
        left -= int(held[region])
    return tuple(held.tolist())
