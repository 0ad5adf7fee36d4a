"""Ways in which a site gives a service: by which equipment, and with what from the centre.

A way needs one of its access kinds at the site, a way over the transport network to a point of
presence, and one function of each group in `needs`, in reach. Functions in `where_stated` are
needed where the operator states any of them; many networks do without, or build them into others.

Which functions a service needs follows from the procedures of 3GPP TS 23.502 (5G registration and
session), TS 23.401 (4G attach, clause 5.3.2.1), TS 23.060 (2G and 3G data), TS 23.228 (voice over
IMS), TS 23.167 (emergency calls over IMS), TS 23.018 (circuit-switched calls) and Broadband Forum
TR-178 (fixed access). An emergency call needs no subscriber register: it is let through without
authentication (TS 23.401 clause 4.3.12, TS 23.167 clause 6.2.2).
"""

from dataclasses import dataclass
from typing import Final

DATA: Final = "mobile data"
VOICE: Final = "voice"
EMERGENCY: Final = "emergency"
FIXED: Final = "fixed"

SERVICES: Final = (DATA, VOICE, EMERGENCY, FIXED)
"""The services of the table `demand` that sites give."""

AWAY: Final = frozenset(("point of presence", "data centre"))
"""The kinds of sites that are a point of presence."""

CORE_DOMAINS: Final = ("5G core", "4G core", "2G/3G core", "IMS")
"""A site with a function of these is a point of presence, whatever it is called."""

OPTICAL: Final = frozenset(("WDM", "OTN", "SDH"))
"""What carries links and forwards no packets itself."""

MICROWAVE: Final = frozenset(("microwave",))
RADIO_UNITS: Final = frozenset(("GNBRU", "O-RU", "RU"))
UNIT_NEEDING: Final = frozenset(("GNBDU",))
"""Needs one of the radio units at its site, where any is stated there."""

CLOCKS: Final = frozenset(("PTP grandmaster",))
"""May have a receiver of its own for satellite time, which no table states."""

UNCERTAIN_ACCESS: Final = frozenset(("BBU",))
"""Gives service of a generation that its kind does not tell."""

Group = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Way:
    """One way of giving a service."""

    name: str
    service: str
    access: frozenset[str]
    needs: tuple[Group, ...]
    where_stated: tuple[Group, ...] = ()


_5G_RADIO = frozenset(("GNB", "GNBDU"))
_4G_RADIO = frozenset(("ENB", "HENB"))
_3G_RADIO = frozenset(("NODEB",))
_2G_RADIO = frozenset(("BTS",))
_5G_UNITS: tuple[Group, ...] = (("GNBCUCP", "GNBCU"), ("GNBCUUP", "GNBCU"))
_5G_DATA: tuple[Group, ...] = (
    ("AMF",),
    ("SMF",),
    ("UPF",),
    ("UDM", "HSS"),
    ("AUSF", "UDM", "HSS"),
)
_5G_SESSION: tuple[Group, ...] = (("AMF",), ("SMF",), ("UPF",))
_4G_BEARER: tuple[Group, ...] = (
    ("MME",),
    ("SGW", "SGW-U", "SAE-GW"),
    ("PGW", "PGW-U", "SAE-GW"),
)
_4G_DATA: tuple[Group, ...] = (*_4G_BEARER, ("HSS", "UDM"))
_4G_SPLIT: tuple[Group, ...] = (("SGW-C",), ("PGW-C",))
_IMS: tuple[Group, ...] = (("P-CSCF", "CSCF"), ("S-CSCF", "CSCF"), ("TAS",))
_IMS_MORE: tuple[Group, ...] = (("I-CSCF",), ("ENUM",), ("DNS",), ("SBC",))
_IMS_EMERGENCY: tuple[Group, ...] = (("P-CSCF", "CSCF"), ("E-CSCF", "CSCF"))
_SWITCH: Group = ("MSC Server", "MSC")
_PACKETS: tuple[Group, ...] = (("SGSN",), ("GGSN",), ("HLR", "HSS"))

WAYS: Final = (
    Way("5G data", DATA, _5G_RADIO, _5G_DATA,
        (*_5G_UNITS, ("NRF",), ("SCP",), ("UDR",), ("PCF",), ("DNS",))),
    Way("4G data", DATA, _4G_RADIO, _4G_DATA, (*_4G_SPLIT, ("PCRF",), ("DRA",), ("DNS",))),
    Way("3G data", DATA, _3G_RADIO, (("RNC",), *_PACKETS), (("DNS",),)),
    Way("2G data", DATA, _2G_RADIO, (("BSC",), *_PACKETS), (("DNS",),)),
    Way("voice over 5G", VOICE, _5G_RADIO, (*_5G_DATA, *_IMS),
        (*_5G_UNITS, ("NRF",), ("SCP",), ("UDR",), ("PCF",), *_IMS_MORE)),
    Way("voice over 4G", VOICE, _4G_RADIO, (*_4G_DATA, *_IMS),
        (*_4G_SPLIT, ("PCRF",), ("DRA",), *_IMS_MORE)),
    Way("3G voice", VOICE, _3G_RADIO, (("RNC",), _SWITCH, ("HLR", "HSS")), (("MGW",), ("STP",))),
    Way("2G voice", VOICE, _2G_RADIO, (("BSC",), _SWITCH, ("HLR", "HSS")), (("MGW",), ("STP",))),
    Way("emergency over 5G", EMERGENCY, _5G_RADIO, (*_5G_SESSION, *_IMS_EMERGENCY),
        (*_5G_UNITS, ("LRF",))),
    Way("emergency over 4G", EMERGENCY, _4G_RADIO, (*_4G_BEARER, *_IMS_EMERGENCY),
        (*_4G_SPLIT, ("LRF",))),
    Way("3G emergency", EMERGENCY, _3G_RADIO, (("RNC",), _SWITCH), (("MGW",),)),
    Way("2G emergency", EMERGENCY, _2G_RADIO, (("BSC",), _SWITCH), (("MGW",),)),
    Way("fixed", FIXED, frozenset(("OLT", "DSLAM", "MSAN", "CMTS")), (("BNG",),),
        (("RADIUS", "AAA"), ("DNS",), ("DHCP",))),
    Way("exchange lines", FIXED, frozenset(("PSTN exchange",)), ()),
)  # fmt: skip
"""Every way, in the order in which they are tried when it is told why a site is not served."""
