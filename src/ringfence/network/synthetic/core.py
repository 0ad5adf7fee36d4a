"""The centre of each operator's network, and what the regulator knows of vendors and products."""

from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache

import numpy as np
import pyarrow as pa

from ringfence.network.model import TABLES
from ringfence.network.synthetic import world
from ringfence.network.synthetic.land import region
from ringfence.network.synthetic.plan import (
    CORE,
    SLOTS,
    CountryParameters,
    Operator,
    core_counts,
    operators,
)
from ringfence.network.synthetic.practice import manager_maker, practice_of
from ringfence.network.synthetic.rows import (
    KINDS,
    Gatherer,
    Ints,
    Piece,
    Standing,
    element_keys,
    element_pieces,
    keys,
    link_keys,
    relation,
    site_keys,
)

_GROUPS: Mapping[str, str] = {
    "5G radio": "radio", "radio unit": "radio", "4G radio": "radio", "legacy radio": "radio",
    "router": "transport", "aggregation": "transport", "cell site": "transport",
    "microwave": "transport", "optical": "optical", "fixed access": "fixed",
    "5G core": "core", "4G core": "core", "2G/3G core": "core", "IMS": "core",
}  # fmt: skip
"""Which management system of a maker manages its equipment of a family."""

_ASSUMED = "assumed for the demonstration"


@cache
def management_systems(operator: Operator) -> Mapping[tuple[str, int], int]:
    """The number of the management system for each group of equipment and its maker."""
    makers: list[tuple[str, int]] = []
    radio = [world.INDEX[slug] for slug in world.RADIO[operator.place]]
    if any(operator.held_macros):
        radio.append(world.INDEX[world.DESIGNATED])
    makers += [("radio", vendor) for vendor in radio]
    makers += [
        (_GROUPS[family], world.INDEX[slugs[operator.place]])
        for family, slugs in world.ROLES.items()
        if family in _GROUPS
    ]
    if any(operator.exchanges):
        makers += [("fixed", world.INDEX[slug]) for slug in world.FIXED]
    first = (operator.sites + 1) * SLOTS
    return {pair: first + place for place, pair in enumerate(dict.fromkeys(makers))}


@cache
def core_numbers(operator: Operator) -> Mapping[str, range]:
    """The numbers of the elements of each kind of core function."""
    start = (operator.sites + 1) * SLOTS + len(management_systems(operator))
    found = {}
    for one, count in zip(CORE, core_counts(sum(operator.macros)), strict=True):
        found[one.kind] = range(start, start + count)
        start += count
    return found


def managed_by(operator: Operator, standing: Standing) -> Ints:
    """The management system of each element; 0 where it has none."""
    systems = management_systems(operator)
    table = np.zeros((len(KINDS), len(world.VENDORS)), np.int64)
    for number, kind in enumerate(KINDS):
        # Radio units are managed through their distributed unit.
        group = None if kind.family == "radio unit" else _GROUPS.get(kind.family)
        for (of_group, vendor), system in systems.items():
            if of_group == group:
                table[number, vendor] = system
    return table[standing.kinds, standing.vendors]


def core_pieces(parameters: CountryParameters, operator: Operator) -> Iterator[Piece]:
    """An operator's data centres: sites, elements, functions, powers, links, contracts."""
    draw = parameters.generator(4, operator.index)
    origin = f"made up: {operator.code}, core"
    yield "site", _data_centres(parameters, operator, origin)
    standing = _standing(operator, draw)
    of = core_numbers(operator)
    # The first firewall and security gateway stand between the zones.
    passing = np.array([of["firewall"][0], of["SEG"][0]])
    yield from element_pieces(parameters, operator, standing, draw, origin=origin, passing=passing)
    yield "relation", _powers(operator, standing, origin)
    yield "link", _links(parameters, operator, origin)
    yield "contract", _contracts(operator, origin)


def _data_centres(parameters: CountryParameters, operator: Operator, origin: str) -> pa.Table:
    numbers = np.arange(1, operator.data_centres + 1)
    places = [
        region(parameters, operator.regions[n % len(operator.regions)]) for n in numbers.tolist()
    ]
    rows = {
        "id": site_keys(operator, numbers),
        "operator": pa.repeat(pa.scalar(operator.id), len(numbers)),
        "name": pa.array([f"{operator.code} data centre {n}" for n in numbers]),
        "region": pa.array([place.name for place in places]),
        "latitude_deg": pa.array([round(float(place.latitudes[0]), 5) for place in places]),
        "longitude_deg": pa.array([round(float(place.longitudes[0]), 5) for place in places]),
        "kind": pa.repeat(pa.scalar("data centre"), len(numbers)),
        "is_sensitive": pa.repeat(pa.scalar(True), len(numbers)),
        "origin": pa.repeat(pa.scalar(origin), len(numbers)),
    }
    return TABLES["site"].conform(pa.table(rows))


def _standing(operator: Operator, draw: np.random.Generator) -> Standing:
    gathered = Gatherer()

    def centres(numbers: Ints) -> Ints:
        return 1 + numbers % operator.data_centres

    systems = management_systems(operator)
    numbers = np.array(list(systems.values()))
    makers = np.array([manager_maker(operator, *pair) for pair in systems])
    gathered.add("EMS", numbers, centres(numbers), makers, quantiles=draw.random(len(numbers)))
    for one in CORE:
        numbers = np.array(core_numbers(operator)[one.kind])
        vendor = world.INDEX[world.ROLES[one.family][operator.place]]
        removed = np.full(len(numbers), -1)
        if vendor == world.INDEX[world.DESIGNATED] and one.kind in {"MME", "SGW", "PGW"}:
            # The first half was taken out in 2023; the rest is still there.
            leaving = np.arange(len(numbers)) < (len(numbers) + 1) // 2
            day = (date(2023, 3, 1) - date(1970, 1, 1)).days
            removed = np.where(leaving, day + draw.integers(0, 270, len(numbers)), -1)
        chances = draw.random(len(numbers))
        gathered.add(
            one.kind, numbers, centres(numbers), vendor, quantiles=chances, removed=removed
        )
    return gathered.whole()


def _powers(operator: Operator, standing: Standing, origin: str) -> pa.Table:
    of = {kind: np.array(numbers) for kind, numbers in core_numbers(operator).items()}
    systems = np.array(list(management_systems(operator).values()))
    virtual = np.concatenate([of[kind.kind] for kind in CORE if kind.family in _VIRTUAL])
    manager = managed_by(operator, standing)
    managed = manager > 0
    pairs: list[tuple[Ints, Ints, str]] = [
        (manager[managed], standing.numbers[managed], "manages"),
        (of["NFVI"][np.arange(len(virtual)) % len(of["NFVI"])], virtual, "hosts"),
        *_each(of["NMS"], systems, "manages"),
        *_each(of["OSS"][:1], of["NMS"], "manages"),
        *_each(of["VIM"][:1], of["NFVI"], "orchestrates"),
        *_each(of["VNFM"][:1], virtual, "orchestrates"),
        *_each(of["NFVO"][:1], np.concatenate([of["VNFM"], of["VIM"]]), "orchestrates"),
        *_each(of["Kubernetes control plane"][:1], of["Kubernetes node"], "orchestrates"),
        *_each(of["SDN controller"], of["IP core router"], "orchestrates"),
        *_each(of["SON"][:1], systems, "administers"),
        *_each(of["jump host"], systems, "administers"),
        *_each(of["vendor remote access"], systems[:3], "administers"),
        *_each(of["AAA"], of["jump host"], "authenticates"),
        *_each(of["LDAP"], of["jump host"], "authenticates"),
        *_each(of["software repository"], of["NFVI"], "updates"),
        *_each(of["software repository"][:1], virtual, "licenses"),
        *_each(of["probe"][:1], of["UPF"], "mirrors"),
        *_each(of["PTP grandmaster"][:1], of["IP core router"], "synchronises"),
        *(
            _each(of["WDM"][:1], of["IP core router"], "synchronises")
            if practice_of(operator).time_from_optical
            else ()
        ),
        *_each(of["MME"][:1], of["SGW"], "anchors"),
        *_each(of["AMF"][:1], of["SMF"], "anchors"),
    ]
    return relation(operator, pairs, origin)


_VIRTUAL = ("5G core", "4G core", "IMS")


def _each(sources: Ints, targets: Ints, kind: str) -> list[tuple[Ints, Ints, str]]:
    """Every source over every target."""
    return [(np.repeat(sources, len(targets)), np.tile(targets, len(sources)), kind)]


def _links(parameters: CountryParameters, operator: Operator, origin: str) -> pa.Table:
    of = core_numbers(operator)
    ends: list[tuple[int, int, str, float]] = []
    for kind, capacity in (("IP core router", 100_000.0), ("WDM", 400_000.0)):
        ring = list(of[kind])
        ends += [
            (one, other, "intra-core", capacity)
            for one, other in zip(ring, ring[1:] + ring[:1], strict=True)
            if one != other
        ]
    cores = list(of["IP core router"])
    for kind in ("internet gateway", "peering router"):
        ends += [
            (number, cores[place % len(cores)], "intra-core", 100_000.0)
            for place, number in enumerate(of[kind])
        ]
    optical = [(number, next(iter(of["WDM"])), "intra-core", 100_000.0) for number in cores[:2]]
    first = len(ends)
    ends += optical
    encrypted = [False] * first + [practice_of(operator).optical_links_encrypted] * len(optical)
    rows = {
        "id": pa.concat_arrays(
            [
                link_keys(operator, np.array([one for one, *_ in ends[:first]])),
                keys(np.array(cores[:2]), operator, "O", 8),
            ]
        ),
        "source": element_keys(operator, np.array([one for one, *_ in ends])),
        "target": element_keys(operator, np.array([other for _, other, *_ in ends])),
        "medium": pa.repeat(pa.scalar("fibre"), len(ends)),
        "carries": pa.array([carries for *_, carries, _ in ends]),
        "capacity_mbps": pa.array([capacity for *_, capacity in ends]),
        "is_encrypted": pa.array(encrypted, pa.bool_()),
        "origin": pa.repeat(pa.scalar(origin), len(ends)),
    }
    own = TABLES["link"].conform(pa.table(rows))
    rivals = [
        other
        for other in operators(parameters)
        if other.country == operator.country and other.index > operator.index
    ]
    between = [
        {
            "id": f"table:{operator.code}-X{rival.code}",
            "source": element_keys(operator, np.array(of["peering router"][:1]))[0].as_py(),
            "target": element_keys(rival, np.array(core_numbers(rival)["peering router"][:1]))[
                0
            ].as_py(),
            "medium": "fibre",
            "carries": "inter-operator",
            "capacity_mbps": 10_000.0,
            "is_encrypted": True if _states_all(operator, rival) else None,
            "origin": origin,
        }
        for rival in rivals
    ]
    return pa.concat_tables([own, TABLES["link"].from_rows(between)])


def _states_all(*ends: Operator) -> bool:
    """Whether one of those at the ends of a link states all of its core."""
    return any(practice_of(end).states_core_makers for end in ends)


def _contracts(operator: Operator, origin: str) -> pa.Table:
    radio = [world.VENDORS[world.INDEX[slug]].name for slug in world.RADIO[operator.place]]
    core = world.VENDORS[world.INDEX[world.ROLES["5G core"][operator.place]]].name
    fourth = world.VENDORS[world.INDEX[world.ROLES["4G core"][operator.place]]].name
    said = [
        (radio[0], "support", False, date(2019, 1, 1), date(2028, 12, 31)),
        (radio[1], "support", False, date(2019, 1, 1), None),
        (core, "support", True, date(2020, 6, 1), date(2027, 5, 31)),
        (core, "updates", True, date(2020, 6, 1), None),
        (fourth, "support", None, date(2016, 1, 1), None),
        ("Hexforge Cloud", "updates", True, date(2019, 1, 1), None),
    ]
    if any(operator.held_macros):
        said += [
            (
                "Corvane",
                "managed service",
                operator.place == 0,
                date(2018, 4, 1),
                date(2027, 3, 31),
            ),
            ("CORVANE COMMUNICATIONS", "spares", False, date(2019, 6, 1), None),
        ]
        if practice_of(operator).has_own_managers:
            # The second has not said how that vendor's support works on its network.
            remote = None if practice_of(operator).is_flat else True
            said.append(("Corvane", "support", remote, date(2018, 4, 1), None))
    rows = [
        {
            "id": f"table:{operator.code}-C{number:03d}",
            "operator": operator.id,
            "vendor_name": vendor,
            "covers": covers,
            "remote_access": remote,
            "valid_from": since,
            "until": until,
            "origin": origin,
        }
        for number, (vendor, covers, remote, since, until) in enumerate(said, 1)
    ]
    return TABLES["contract"].from_rows(rows)


def regulator_pieces(parameters: CountryParameters) -> Iterator[Piece]:
    """Operators, vendors with their owners, designations, products and papers handed in."""
    origin = "made up: regulator"
    everyone = (*world.VENDORS, *world.HOLDERS)

    def table(name: str, rows: list[dict[str, object]]) -> Piece:
        return name, TABLES[name].from_rows({**row, "origin": origin} for row in rows)

    laid_out = operators(parameters)
    yield table("operator", [_operator_row(operator) for operator in laid_out])
    yield table(
        "vendor",
        [
            {
                "id": vendor.id,
                "name": vendor.name,
                "legal_name": vendor.legal_name,
                "country_of_registration": vendor.country,
                "is_independent": vendor.is_independent,
            }
            for vendor in everyone
        ],
    )
    yield table(
        "vendor_alias",
        [
            {"alias": alias, "vendor": vendor.id, "kind": kind, "source": _ASSUMED}
            for vendor in everyone
            for alias, kind in vendor.aliases
        ],
    )
    yield table(
        "ownership",
        [
            {
                "owner": f"table:{owner}",
                "owned": f"table:{owned}",
                "share": share,
                "is_controlling": controlling,
                "source": _ASSUMED,
            }
            for owner, owned, share, controlling in world.OWNERSHIP
        ],
    )
    designated = f"table:{world.DESIGNATED}"
    yield table(
        "jurisdiction",
        [
            {
                "vendor": designated,
                "country": "XQ",
                "basis": "Assistance Act, section 7 (made up)",
                "source": _ASSUMED,
            }
        ],
    )
    yield table(
        "designation",
        [
            {
                "vendor": designated,
                "instrument": instrument,
                "valid_from": since,
                "status": status,
                "has_mitigation_strategy": strategy,
                "source": _ASSUMED,
            }
            for instrument, since, status, strategy in (
                ("uk-ncsc-2020", date(2020, 1, 28), "treated as high risk", True),
                ("uk-dvd-2022", date(2022, 10, 13), "designated", None),
            )
        ],
    )
    yield table("product", _product_rows(netbox=any(one.uses_netbox for one in laid_out)))
    yield table(
        "document",
        [
            {
                "operator": operator.id,
                "kind": "compliance plan",
                "instrument": "uk-dvd-2022",
                "dated_on": date(2023, 1, 31),
                "source": _ASSUMED,
            }
            for operator in laid_out
            if operator.place < 2
        ],
    )


def _operator_row(operator: Operator) -> dict[str, object]:
    return {
        "id": operator.id,
        "name": world.operator_name(operator.index),
        "country": world.country_code(operator.country),
        "turnover_tier": operator.style.tier,
        "network_purpose": "public",
    }


def _product_rows(*, netbox: bool) -> list[dict[str, object]]:
    rows = []
    for place, product in enumerate(world.products()):
        vendor = world.VENDORS[product.vendor]
        facts = _facts(product)
        rows.append({"id": f"table:{product.part_number}", "vendor_name": vendor.name, **facts})
        if netbox:
            rows += [
                {
                    "id": f"netbox:type/{place * world.VARIANTS + variant + 1}",
                    "vendor_name": spelling,
                    **facts,
                }
                for variant, (spelling, _) in enumerate(vendor.spellings)
            ]
    return rows


def _facts(product: world.Product) -> dict[str, object]:
    vendor = world.VENDORS[product.vendor]
    original = product.original_maker
    maker = vendor if original is None else world.VENDORS[original]
    is_designated = maker.slug == world.DESIGNATED
    affected: bool | None = is_designated and product.family in {"5G radio", "radio unit"}
    if original is not None or (is_designated and product.family == "4G core"):
        affected = None
    return {
        "model": product.part_number,
        "original_maker_name": None if original is None else maker.name,
        "designed_in": maker.country,
        "developed_in": maker.country,
        "made_in": "XQ" if is_designated else "XU",
        "assembled_in": "XQ" if is_designated else maker.country,
        "end_of_support_on": date(2026 + 3 * product.edition, 12, 31),
        "sanctions_affected": affected,
    }
