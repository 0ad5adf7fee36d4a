"""What stands at the sites of one region of one operator."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.network.model import TABLES
from ringfence.network.synthetic import world
from ringfence.network.synthetic.connections import Places, access_pieces
from ringfence.network.synthetic.core import core_numbers, managed_by
from ringfence.network.synthetic.land import KM_PER_DEGREE, TOWNS, Region, region
from ringfence.network.synthetic.plan import MIX, SLOTS, CountryParameters, Operator
from ringfence.network.synthetic.rows import (
    NO_MAKER_AT_SITE,
    NUMBER_OF,
    Flags,
    Floats,
    Gatherer,
    Ints,
    Piece,
    Standing,
    blank,
    element_keys,
    element_pieces,
    link_keys,
    relation,
    site_keys,
    texts,
)

KINDS: Final = ("point of presence", "exchange", "macro", "small cell")

_ROUTER, _ENB, _DU, _RADIO_UNITS, _BTS, _NODEB, _MICROWAVE = 0, 1, 2, 3, 6, 7, 8
_AGGREGATION, _OLTS, _DSLAMS, _BNG = 9, 12, 18, 20
_WDM, _OTN, _CLOCK, _GATEWAY, _CENTRAL_CONTROL, _CENTRAL_USER, _EDGE = 21, 22, 23, 24, 25, 26, 28
# Slots of a site, so that elements can be pointed at by number.

_PEOPLE_AT_MACRO: Final = 700.0
_PREMISES_AT_EXCHANGE: Final = 9_000.0
_MBPS_PER_PERSON: Final = 0.055
"""Busy-hour traffic of mobile data; made up, of the order that regulators report."""
_MBPS_PER_PREMISES: Final = 3.0
_NO_TRAFFIC: Final = (0.0, 0.01, 0.0, 0.01)
_NO_CARRIES: Final = 0.03
_NO_SENSITIVITY: Final = (0.03, 0.1, 0.0, 1.0)
_LUMISAR_OF_FIXED: Final = (0.35, 0.0, 0.0, 0.6)


@dataclass(frozen=True, slots=True)
class _Sites:
    """The sites of one batch."""

    numbers: Ints
    kinds: Ints
    """Places in `KINDS`."""
    places: Ints
    """Number among the region's sites of the kind, from 0."""
    towns: Ints
    hubs: Ints
    """Site number of the point of presence each is joined to; its own for those."""
    latitudes: Floats
    longitudes: Floats
    hub_km: Floats
    ranks: Ints
    """Number among the sites joined to the same point of presence, which is 0 itself."""

    def of(self, kind: str) -> Flags:
        chosen: Flags = self.kinds == KINDS.index(kind)
        return chosen

    def at(self, elements: Ints) -> Ints:
        """The place in this batch of the sites where elements stand; its numbers are in a row."""
        places: Ints = elements // SLOTS - self.numbers[0]
        return places

    def hubs_of(self, elements: Ints) -> Ints:
        return self.hubs[self.at(elements)]


def site_pieces(
    parameters: CountryParameters, operator: Operator, place: int, numbers: Ints
) -> Iterator[Piece]:
    """The sites of those numbers, all in the operator's region at `place`, and what is there."""
    land = region(parameters, operator.regions[place])
    draw = parameters.generator(5, operator.index, place, int(numbers[0]))
    sites = _laid_out(parameters, operator, place, numbers, draw)
    origin = f"made up: {operator.code}, {land.name}"
    site = _site_rows(operator, land, sites, draw, origin)
    yield "site", site
    yield "demand", _demand(operator, land, sites, draw, origin)
    nameless = numbers[draw.random(len(numbers)) < NO_MAKER_AT_SITE]
    standing = _standing(operator, place, sites, draw)
    yield from element_pieces(
        parameters, operator, standing, draw, origin=origin, nameless_sites=nameless
    )
    yield "relation", _powers(operator, sites, standing, draw, origin)
    yield "link", _links(operator, sites, standing, draw, origin)
    before = sum(operator.points_of_presence[:place])
    hubs = before + sites.hubs - operator.first_site(place)
    names = site["name"].combine_chunks()
    joined = Places(int(numbers[0]), names, sites.hubs, hubs, sites.ranks)
    yield from access_pieces(operator, place, standing, joined, origin)


def _laid_out(
    parameters: CountryParameters,
    operator: Operator,
    place: int,
    numbers: Ints,
    draw: np.random.Generator,
) -> _Sites:
    land = region(parameters, operator.regions[place])
    counts = np.array(operator.counts(place))
    starts = operator.first_site(place) + np.concatenate([[0], np.cumsum(counts)])
    kinds = np.searchsorted(starts, numbers, side="right") - 1
    places = numbers - starts[kinds]
    towns = places * TOWNS // counts[kinds]
    hubs = places * counts[0] // counts[kinds]
    hub_towns = hubs * TOWNS // counts[0]
    is_hub = kinds == 0
    spread = np.where(is_hub, 0.0, 1.0)
    latitudes = land.latitudes[towns] + spread * draw.normal(0, 0.05, len(numbers))
    longitudes = land.longitudes[towns] + spread * draw.normal(0, 0.07, len(numbers))
    north = latitudes - land.latitudes[hub_towns]
    east = (longitudes - land.longitudes[hub_towns]) * np.cos(np.radians(latitudes))
    return _Sites(
        numbers,
        kinds,
        places,
        towns,
        starts[0] + hubs,
        np.round(latitudes, 5),
        np.round(longitudes, 5),
        np.round(np.hypot(north, east) * KM_PER_DEGREE * 1.3 + 0.1, 1),
        _ranks(counts, kinds, places, hubs),
    )


def _ranks(counts: Ints, kinds: Ints, places: Ints, hubs: Ints) -> Ints:
    """Each site's number among those of its point of presence: kind by kind, and in their order."""
    first = -(-hubs[:, None] * counts // counts[0])
    beyond = -(-(hubs[:, None] + 1) * counts // counts[0])
    earlier = np.arange(len(counts)) < kinds[:, None]
    ranks: Ints = places - first[np.arange(len(kinds)), kinds] + ((beyond - first) * earlier).sum(1)
    return ranks


def _site_rows(
    operator: Operator, land: Region, sites: _Sites, draw: np.random.Generator, origin: str
) -> pa.Table:
    size = len(sites.numbers)
    sensitive = draw.random(size) < np.array([0.05, 0.02, 0.006, 0.001])[sites.kinds]
    unknown = draw.random(size) < _NO_SENSITIVITY[operator.place]
    short = ("PoP", "exchange", "macro", "small cell")
    names = pc.binary_join_element_wise(
        texts(sites.towns, land.towns),
        texts(sites.kinds, short),
        pa.array(sites.places + 1).cast(pa.string()),
        " ",
    )
    rows = {
        "id": site_keys(operator, sites.numbers),
        "operator": pa.repeat(pa.scalar(operator.id), size),
        "name": names,
        "region": pa.repeat(pa.scalar(land.name), size),
        "latitude_deg": pa.array(sites.latitudes),
        "longitude_deg": pa.array(sites.longitudes),
        "kind": texts(sites.kinds, KINDS),
        "is_sensitive": blank(pa.array(sensitive), unknown),
        "origin": pa.repeat(pa.scalar(origin), size),
    }
    return TABLES["site"].conform(pa.table(rows))


def _demand(
    operator: Operator, land: Region, sites: _Sites, draw: np.random.Generator, origin: str
) -> pa.Table:
    size = len(sites.numbers)
    macro, small, exchange = sites.of("macro"), sites.of("small cell"), sites.of("exchange")
    scale = np.where(small, 0.15, 1.0) * land.density[sites.towns]
    people = np.round(_PEOPLE_AT_MACRO * scale * draw.lognormal(-0.2, 0.63, size))
    use = draw.uniform(0.6, 1.4, size)
    premises = np.round(
        _PREMISES_AT_EXCHANGE * land.density[sites.towns] * draw.lognormal(-0.1, 0.4, size)
    )
    mute = draw.random(size) < _NO_TRAFFIC[operator.place]
    emergency = macro & (draw.random(size) < 0.25)
    nothing = np.full(size, np.nan)
    tables = []
    for kind, at, persons, traffic, homes in (
        ("mobile data", macro | small, people, people * use * _MBPS_PER_PERSON, nothing),
        ("voice", macro, people, people * 0.0006, nothing),
        ("emergency", emergency, people, nothing, nothing),
        ("fixed", exchange, nothing, premises * use * _MBPS_PER_PREMISES, premises),
    ):
        unsaid = mute[at] if kind in {"mobile data", "fixed"} else np.zeros(int(at.sum()), np.bool_)
        rows = {
            "site": site_keys(operator, sites.numbers[at]),
            "kind": pa.repeat(pa.scalar(kind), int(at.sum())),
            "people": pa.array(persons[at], mask=np.isnan(persons[at])),
            "traffic_mbps": pa.array(np.round(traffic[at], 2), mask=np.isnan(traffic[at]) | unsaid),
            "premises": pa.array(homes[at], mask=np.isnan(homes[at])),
            "origin": pa.repeat(pa.scalar(origin), int(at.sum())),
        }
        tables.append(TABLES["demand"].conform(pa.table(rows)))
    return pa.concat_tables(tables)


def _standing(operator: Operator, place: int, sites: _Sites, draw: np.random.Generator) -> Standing:
    gathered = Gatherer()
    size = len(sites.numbers)
    radio = _radio_makers(operator, place, sites)
    roles = {family: world.INDEX[slugs[operator.place]] for family, slugs in world.ROLES.items()}

    def put(kind: str, slot: int, at: Flags, makers: Ints | int, quantiles: Floats) -> None:
        chosen = sites.numbers[at]
        maker = makers[at] if isinstance(makers, np.ndarray) else makers
        gathered.add(kind, chosen * SLOTS + slot, chosen, maker, quantiles=quantiles[at])

    def chance(part: float) -> Flags:
        return draw.random(size) < part

    macro, small = sites.of("macro"), sites.of("small cell")
    put("cell site router", _ROUTER, macro, roles["cell site"], draw.random(size))
    put("ENB", _ENB, (macro & chance(MIX.lte)) | (small & chance(0.5)), radio, draw.random(size))
    has_du = macro & chance(MIX.nr)
    rollout = draw.random(size)  # a site's radio units come with its distributed unit
    put("GNBDU", _DU, has_du, radio, rollout)
    put("GNBRU", _RADIO_UNITS, has_du, radio, rollout)
    put("GNBRU", _RADIO_UNITS + 1, has_du, radio, rollout)
    put("GNBRU", _RADIO_UNITS + 2, has_du & chance(MIX.third_radio_unit), radio, rollout)
    put("BTS", _BTS, macro & chance(MIX.gsm), radio, draw.random(size))
    put("NODEB", _NODEB, macro & chance(MIX.umts), radio, draw.random(size))
    put(
        "microwave",
        _MICROWAVE,
        macro & chance(MIX.microwave),
        roles["microwave"],
        draw.random(size),
    )
    # A small cell is of one kind, 4G or 5G.
    fifth = small & ~np.isin(sites.numbers * SLOTS + _ENB, gathered.numbers_of("ENB"))
    put("GNB", _DU, fifth, radio, rollout)

    exchange = sites.of("exchange")
    fixed = _fixed_makers(operator, place, sites)
    put("aggregation router", _AGGREGATION, exchange, roles["aggregation"], draw.random(size))
    lines = draw.integers(3, 7, size)
    for number in range(6):
        put("OLT", _OLTS + number, exchange & (lines > number), fixed, draw.random(size))
    put("DSLAM", _DSLAMS, exchange, world.INDEX["calderis"], draw.random(size))
    put("DSLAM", _DSLAMS + 1, exchange & chance(0.5), world.INDEX["calderis"], draw.random(size))
    put("BNG", _BNG, exchange & chance(MIX.gateway), roles["router"], draw.random(size))

    hub = sites.of("point of presence")
    central = _central_makers(operator, place, sites)
    for number in range(2):
        put(
            "aggregation router",
            _AGGREGATION + number,
            hub,
            roles["aggregation"],
            draw.random(size),
        )
        put("GNBCUUP", _CENTRAL_USER + number, hub, central, draw.random(size))
    put("GNBCUCP", _CENTRAL_CONTROL, hub, central, draw.random(size))
    put("WDM", _WDM, hub, roles["optical"], draw.random(size))
    put("OTN", _OTN, hub & chance(MIX.otn), roles["optical"], draw.random(size))
    put("PTP grandmaster", _CLOCK, hub, roles["timing"], draw.random(size))
    put("SEG", _GATEWAY, hub & chance(MIX.security_gateway), roles["security"], draw.random(size))
    put("PE router", _EDGE, hub, roles["router"], draw.random(size))
    return gathered.whole()


def _radio_makers(operator: Operator, place: int, sites: _Sites) -> Ints:
    """The maker of each radio site's equipment."""
    first, second = (world.INDEX[slug] for slug in world.RADIO[operator.place])
    _, _, macros, small = operator.counts(place)
    totals = np.array([1, 1, macros, small])[sites.kinds]
    held = np.array([0, 0, operator.held_macros[place], operator.held_small[place]])[sites.kinds]
    rest = sites.places - held
    others = np.where(rest < 0.65 * (totals - held), first, second)
    return np.where(rest < 0, world.INDEX[world.DESIGNATED], others)


def _central_makers(operator: Operator, place: int, sites: _Sites) -> Ints:
    """Central units are of the maker of the distributed units they serve."""
    hubs, _, macros, _ = operator.counts(place)
    first_served = sites.places * macros // hubs
    first, _ = (world.INDEX[slug] for slug in world.RADIO[operator.place])
    return np.where(
        first_served < operator.held_macros[place], world.INDEX[world.DESIGNATED], first
    )


def _fixed_makers(operator: Operator, place: int, sites: _Sites) -> Ints:
    exchanges = operator.exchanges[place]
    lumisar = sites.places < _LUMISAR_OF_FIXED[operator.place] * exchanges
    return np.where(lumisar, world.INDEX["lumisar"], world.INDEX["calderis"])


def _powers(
    operator: Operator, sites: _Sites, standing: Standing, draw: np.random.Generator, origin: str
) -> pa.Table:
    manager = managed_by(operator, standing)
    managed = manager > 0
    of = {kind: standing.numbers_of(kind) for kind in ("ENB", "GNBDU", "PTP grandmaster")}
    both = of["GNBDU"][np.isin(of["GNBDU"] - _DU + _ENB, of["ENB"])]
    anchored = both[draw.random(len(both)) < 0.6]
    clocks = np.array(core_numbers(operator)["PTP grandmaster"])
    return relation(
        operator,
        [
            (manager[managed], standing.numbers[managed], "manages"),
            (anchored - _DU + _ENB, anchored, "anchors"),
            (sites.hubs_of(of["GNBDU"]) * SLOTS + _CLOCK, of["GNBDU"], "synchronises"),
            (
                clocks[of["PTP grandmaster"] // SLOTS % len(clocks)],
                of["PTP grandmaster"],
                "synchronises",
            ),
        ],
        origin,
    )


def _links(
    operator: Operator, sites: _Sites, standing: Standing, draw: np.random.Generator, origin: str
) -> pa.Table:
    """Each router and WDM system to the next one towards the core."""
    core = core_numbers(operator)
    routers, systems = np.array(core["IP core router"]), np.array(core["WDM"])
    microwaves = standing.numbers_of("microwave") // SLOTS
    slots = standing.numbers % SLOTS
    tables = []
    for kind, slot, carries, capacity in (
        ("cell site router", _ROUTER, "backhaul", 1_000.0),
        ("aggregation router", _AGGREGATION, "access", 10_000.0),
        ("PE router", _EDGE, "backhaul", 100_000.0),
        ("WDM", _WDM, "backhaul", 400_000.0),
    ):
        near = standing.numbers[(standing.kinds == NUMBER_OF[kind]) & (slots == slot)]
        if kind == "aggregation router":  # those of the exchanges; a hub's own need no link
            near = near[sites.kinds[sites.at(near)] == KINDS.index("exchange")]
        hubs = sites.hubs_of(near)
        far = {
            "PE router": routers[hubs % len(routers)],
            "WDM": systems[hubs % len(systems)],
        }.get(kind, hubs * SLOTS + _AGGREGATION + near // SLOTS % 2)
        by_air = np.isin(near // SLOTS, microwaves) & (kind == "cell site router")
        is_local = kind in {"cell site router", "aggregation router"}
        lengths = np.where(is_local, sites.hub_km[sites.at(near)], draw.uniform(40, 300, len(near)))
        encrypted = draw.random(len(near))
        rows = {
            "id": link_keys(operator, near),
            "source": element_keys(operator, near),
            "target": element_keys(operator, far),
            "medium": texts(by_air.astype(np.int64), ("fibre", "microwave")),
            "carries": blank(
                pa.repeat(pa.scalar(carries), len(near)), draw.random(len(near)) < _NO_CARRIES
            ),
            "capacity_mbps": pa.array(np.where(by_air, capacity / 2, capacity)),
            "length_km": pa.array(np.round(lengths, 1)),
            "is_encrypted": blank(pa.array(encrypted < 0.7), encrypted > 0.9),
            "origin": pa.repeat(pa.scalar(origin), len(near)),
        }
        tables.append(TABLES["link"].conform(pa.table(rows)))
    return pa.concat_tables(tables)
