"""Who and what there is in the made-up country: vendors, products, operators, names of places.

Every name is invented. One vendor, Corvane, is named under two instruments for the sake of the
demonstration; it owns another (Lumisar) and makes a product sold by a third under its own name
(Brightmast). Nothing else sets it apart, and any other vendor could stand in its place.

Country codes are from the part of ISO 3166-1 left to users (XA to XZ), so that no state is meant.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

VARIANTS: Final = 4
"""A vendor's name is written in so many ways at most; the first is its name in the vendor table."""


@dataclass(frozen=True, slots=True)
class Vendor:
    """A made-up vendor.

    `spellings` are the ways inventories write it, with how often. Of these, `aliases` are declared
    as such, with the kind of alias; a spelling that is neither the name nor declared is for a
    person to notice. `is_independent` is null where nobody looked.
    """

    slug: str
    code: str
    name: str
    legal_name: str
    country: str
    is_independent: bool | None
    spellings: tuple[tuple[str, float], ...]
    aliases: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """The key as a table file's reader gives it."""
        return f"table:{self.slug}"


VENDORS: Final = (
    Vendor("corvane", "CV", "Corvane", "Corvane Communications Ltd", "XQ", None,
           (("Corvane", 0.62), ("CORVANE COMMUNICATIONS", 0.2), ("Corvane Comms", 0.15),
            ("Corvanne", 0.03)),
           (("Corvane Communications", "spelling"), ("Corvane Comms", "brand"))),
    Vendor("lumisar", "LS", "Lumisar Optics", "Lumisar Optics GmbH", "XB", None,
           (("Lumisar Optics", 0.7), ("LUMISAR", 0.3)), (("Lumisar", "brand"),)),
    Vendor("brightmast", "BM", "Brightmast", "Brightmast Access S.A.", "XB", True,
           (("Brightmast", 0.8), ("Brightmast Access S.A.", 0.2))),
    Vendor("nordstrahl", "NS", "Nordstrahl", "Nordstrahl Systems AB", "XN", True,
           (("Nordstrahl", 0.6), ("Nordstrahl Systems AB", 0.28), ("NORDSTRAHL", 0.1),
            ("Nordstrahl AB", 0.02))),
    Vendor("feymark", "FM", "Feymark Radio", "Feymark Radio Oyj", "XN", True,
           (("Feymark Radio", 0.7), ("FEYMARK", 0.27), ("Feymark Radios", 0.03)),
           (("Feymark", "brand"),)),
    Vendor("ossian", "OS", "Ossian", "Ossian Core Networks Inc", "XU", True,
           (("Ossian", 0.7), ("Ossian Core Networks, Inc.", 0.3))),
    Vendor("kelvarra", "KV", "Kelvarra Software", "Kelvarra Software B.V.", "XB", None,
           (("Kelvarra Software", 0.75), ("Kelvarra", 0.25)), (("Kelvarra", "brand"),)),
    Vendor("merrow", "MR", "Merrow Networks", "Merrow Networks plc", "XU", True,
           (("Merrow Networks", 0.8), ("MERROW NETWORKS", 0.2))),
    Vendor("pellucid", "PL", "Pellucid Routing", "Pellucid Routing Corp.", "XU", True,
           (("Pellucid Routing", 0.7), ("Pellucid", 0.3)), (("Pellucid", "brand"),)),
    Vendor("calderis", "CD", "Calderis", "Calderis Photonics SpA", "XB", True,
           (("Calderis", 0.9), ("Calderis Photonics SpA", 0.1))),
    Vendor("quillon", "QM", "Quillon Microwave", "Quillon Microwave Kft", "XB", None,
           (("Quillon Microwave", 1.0),)),
    Vendor("hexforge", "HF", "Hexforge Cloud", "Hexforge Cloud LLC", "XU", True,
           (("Hexforge Cloud", 0.9), ("Hexforge", 0.1)), (("Hexforge", "brand"),)),
    Vendor("bastreon", "BR", "Bastreon", "Bastreon Security Inc", "XU", True,
           (("Bastreon", 1.0),)),
    Vendor("septrel", "SP", "Septrel", "Septrel Oy", "XN", True, (("Septrel", 1.0),)),
    Vendor("chronavel", "CH", "Chronavel", "Chronavel Timing AG", "XB", True,
           (("Chronavel", 1.0),)),
)  # fmt: skip
"""The makers whose equipment stands in the network."""

HOLDERS: Final = (
    Vendor("corvane-holding", "", "Corvane Holding", "Corvane Holding Company", "XQ", True, ()),
)
"""Vendors that make nothing and own others."""

DESIGNATED: Final = "corvane"
INDEX: Final = {vendor.slug: place for place, vendor in enumerate(VENDORS)}

OWNERSHIP: Final = (
    ("corvane-holding", "corvane", 1.0, True),
    ("corvane", "lumisar", 1.0, True),
    ("nordstrahl", "kelvarra", 0.6, None),
    ("merrow", "calderis", 0.3, False),
)
"""Owner, owned, share, whether it controls. Nobody looked into Quillon."""

FAMILIES: Final = {
    "5G radio": "N5", "radio unit": "RU", "4G radio": "L4", "legacy radio": "G2",
    "router": "RT", "aggregation": "AG", "cell site": "CS", "optical": "OT", "microwave": "MW",
    "fixed access": "FX", "5G core": "C5", "4G core": "C4", "2G/3G core": "C2", "IMS": "IM",
    "management": "MG", "cloud": "CL", "security": "SC", "interception": "LI", "timing": "TM",
}  # fmt: skip
"""What a product is for, and how part numbers write it."""

ROLES: Final = {
    "5G core": ("ossian", "nordstrahl", "kelvarra", "ossian"),
    "4G core": ("nordstrahl", "corvane", "ossian", "nordstrahl"),
    "2G/3G core": ("nordstrahl", "corvane", "ossian", "nordstrahl"),
    "IMS": ("ossian", "kelvarra", "kelvarra", "ossian"),
    "router": ("merrow", "pellucid", "merrow", "pellucid"),
    "aggregation": ("pellucid", "pellucid", "brightmast", "merrow"),
    "cell site": ("pellucid", "merrow", "pellucid", "merrow"),
    "optical": ("lumisar", "calderis", "calderis", "lumisar"),
    "microwave": ("quillon", "quillon", "quillon", "quillon"),
    "management": ("kelvarra", "kelvarra", "ossian", "kelvarra"),
    "cloud": ("hexforge", "hexforge", "hexforge", "hexforge"),
    "security": ("bastreon", "bastreon", "bastreon", "bastreon"),
    "interception": ("septrel", "septrel", "septrel", "septrel"),
    "timing": ("chronavel", "chronavel", "chronavel", "chronavel"),
}
"""Who supplies what to the first, second, third and fourth operator of each country."""

RADIO: Final = (
    ("nordstrahl", "feymark"),
    ("feymark", "nordstrahl"),
    ("nordstrahl", "feymark"),
    ("feymark", "nordstrahl"),
)
"""The makers of each operator's radio network where it is not the designated one."""

FIXED: Final = ("calderis", "lumisar")

RADIO_FAMILIES: Final = ("5G radio", "radio unit", "4G radio", "legacy radio")


@dataclass(frozen=True, slots=True)
class Product:
    """A made-up product: the first or second edition of what a vendor makes for a purpose."""

    vendor: int
    family: str
    edition: int

    @property
    def part_number(self) -> str:
        """As the maker numbers it; also the model's name."""
        return f"{VENDORS[self.vendor].code}-{FAMILIES[self.family]}{self.edition}00"

    @property
    def original_maker(self) -> int | None:
        """Who makes it, where it is sold under another's name."""
        white_label = VENDORS[self.vendor].slug == "brightmast" and self.family == "aggregation"
        return INDEX[DESIGNATED] if white_label else None


@cache
def products() -> tuple[Product, ...]:
    """Every product, two editions of each, in a fixed order."""
    return tuple(
        Product(vendor, family, edition) for vendor, family in _made() for edition in (1, 2)
    )


@cache
def product_places() -> dict[tuple[int, str], int]:
    """Vendor and family, to the place in `products` of the first edition."""
    return {(p.vendor, p.family): i for i, p in enumerate(products()) if p.edition == 1}


def _made() -> Iterator[tuple[int, str]]:
    pairs = {(INDEX[slug], family) for family, slugs in ROLES.items() for slug in slugs}
    makers = {slug for pair in RADIO for slug in pair} | {DESIGNATED}
    pairs |= {(INDEX[slug], family) for slug in makers for family in RADIO_FAMILIES}
    pairs |= {(INDEX[slug], "fixed access") for slug in FIXED}
    # Each maker has management systems for its own equipment.
    pairs |= {(vendor, "management") for vendor, _ in list(pairs)}
    yield from sorted(pairs)


@dataclass(frozen=True, slots=True)
class Style:
    """What the first, second, third and fourth operator of each country are like.

    `weight` is its part of the country's radio sites, `designated` that of the designated vendor
    in its radio sites, `exchanges` how many it has for each radio site.
    """

    weight: float
    designated: float
    exchanges: float
    tier: str
    files: str


STYLES: Final = (
    Style(0.34, 0.39, 0.16, "1", "netbox"),
    Style(0.28, 0.27, 0.0, "1", "own csv"),
    Style(0.25, 0.355, 0.0, "1", "workbook"),
    Style(0.13, 0.12, 0.5, "2", "csv"),
)
"""One well above a cap of 35 %, one below, one so near that unknown makers decide it, one small."""

COUNTRIES: Final = ("Velmara", "Ostrenna", "Karvelle", "Tyrland", "Meridane", "Solvany")
_COUNTRY_CODES: Final = ("XV", "XO", "XL", "XT", "XM", "XS")
OPERATORS_PER_COUNTRY: Final = len(STYLES)

_OPERATORS: Final = (
    "Aldmere", "Orrin Mobile", "Sundrel", "Halvic Fibre", "Tarnwick", "Ebriel", "Montarra",
    "Quenlow", "Istravel", "Perrowyn", "Dunmarre", "Kolvane",
)  # fmt: skip
_PLACE_BEGINS: Final = (
    "Haln", "Norv", "Velm", "Kard", "Merv", "Torl", "Aesh", "Bryl", "Calv", "Dunv", "Eldr", "Fenn",
    "Garv", "Holv", "Ilv", "Jorv", "Kelv", "Lorm", "Marv", "Nerl", "Osm", "Pelv", "Quen", "Rosv",
    "Solv", "Talv", "Ulv", "Vorm", "Wenl", "Yarv",
)  # fmt: skip
_PLACE_ENDS: Final = (
    "amere", "wick", "ford", "haven", "stead", "burn", "vale", "moor", "gate", "holm", "aby",
    "acombe", "dale", "ness", "thorpe", "ridge", "field", "mouth", "worth", "wold", "strand",
)  # fmt: skip


def operator_name(index: int) -> str:
    """The name of an operator; past the twelfth, names come again with a number."""
    turn, place = divmod(index, len(_OPERATORS))
    return _OPERATORS[place] + (f" {turn + 1}" if turn else "")


def operator_code(index: int) -> str:
    """A few letters that open the operator's own keys; no two operators share them."""
    turn, place = divmod(index, len(_OPERATORS))
    return _OPERATORS[place][:3].upper() + (str(turn + 1) if turn else "")


def country_code(index: int) -> str:
    """The code of a made-up country."""
    return _COUNTRY_CODES[index % len(_COUNTRY_CODES)]


def place_name(number: int) -> str:
    """A town's or a region's name; the first 630 differ."""
    turn, place = divmod(number, len(_PLACE_BEGINS) * len(_PLACE_ENDS))
    # A step that shares no factor with 630 scatters the names.
    begin, end = divmod(place * 197 % 630, len(_PLACE_ENDS))
    return f"{_PLACE_BEGINS[begin]}{_PLACE_ENDS[end]}" + (f" {turn + 1}" if turn else "")
