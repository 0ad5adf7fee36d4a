"""Ways in which a site gives a service: by which equipment, and with what from the centre.

A way needs one of its access kinds at the site, a way over the transport network to a point of
presence, and one function of each group, in reach. The groups are of four sorts:

- `needs`: the procedure cannot be done without it.
- `where_stated`: needed where the operator states any; else built into others or not there.
- `may_need`: the specification leaves it to the operator, or lets the procedure go on without it
  (policy from the network itself, default routing). In the sure reading it is needed where stated;
  in the possible reading it is not.
- `to_authenticate`: needed where a caller must be known. An emergency call may be let through from
  anybody; which, is left to regulation (3GPP TS 23.401 clause 4.3.12.1, TS 23.167 clause 7.4), so
  that without a statement the two readings differ.

`BECAUSE` has the clause behind each group.
"""

from collections.abc import Mapping
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
    may_need: tuple[Group, ...] = ()
    to_authenticate: tuple[Group, ...] = ()

    @property
    def groups(self) -> tuple[Group, ...]:
        """Every group that it needs in some reading."""
        return (*self.needs, *self.where_stated, *self.may_need, *self.to_authenticate)


_5G_RADIO = frozenset(("GNB", "GNBDU"))
_4G_RADIO = frozenset(("ENB", "HENB"))
_3G_RADIO = frozenset(("NODEB",))
_2G_RADIO = frozenset(("BTS",))

_AMF: Group = ("AMF",)
_SMF: Group = ("SMF",)
_UPF: Group = ("UPF",)
_UDM: Group = ("UDM", "HSS")
_AUSF: Group = ("AUSF", "UDM", "HSS")
_CU_CONTROL: Group = ("GNBCUCP", "GNBCU")
_CU_USER: Group = ("GNBCUUP", "GNBCU")
_NRF: Group = ("NRF",)
_SCP: Group = ("SCP",)
_UDR: Group = ("UDR",)
_PCF: Group = ("PCF",)
_MME: Group = ("MME",)
_SGW: Group = ("SGW", "SGW-U", "SAE-GW")
_PGW: Group = ("PGW", "PGW-U", "SAE-GW")
_SGW_CONTROL: Group = ("SGW-C",)
_PGW_CONTROL: Group = ("PGW-C",)
_HSS: Group = ("HSS", "UDM")
_PCRF: Group = ("PCRF",)
_DRA: Group = ("DRA",)
_DNS: Group = ("DNS",)
_RNC: Group = ("RNC",)
_BSC: Group = ("BSC",)
_SGSN: Group = ("SGSN",)
_GGSN: Group = ("GGSN",)
_HLR: Group = ("HLR", "HSS")
_SWITCH: Group = ("MSC Server", "MSC")
_MGW: Group = ("MGW",)
_STP: Group = ("STP",)
_P_CSCF: Group = ("P-CSCF", "CSCF")
_I_CSCF: Group = ("I-CSCF", "CSCF")
_S_CSCF: Group = ("S-CSCF", "CSCF")
_E_CSCF: Group = ("E-CSCF", "CSCF")
_TAS: Group = ("TAS",)
_ENUM: Group = ("ENUM",)
_SBC: Group = ("SBC",)
_LRF: Group = ("LRF",)
_MGCF: Group = ("MGCF",)
_BNG: Group = ("BNG",)
_AAA: Group = ("RADIUS", "AAA")
_DHCP: Group = ("DHCP",)

_5G_SESSION = (_AMF, _SMF, _UPF)
_5G_DATA = (*_5G_SESSION, _UDM, _AUSF)
_5G_UNITS = (_CU_CONTROL, _CU_USER)
_5G_MAY = (_NRF, _SCP, _UDR, _PCF)
_4G_BEARER = (_MME, _SGW, _PGW)
_4G_DATA = (*_4G_BEARER, _HSS)
_4G_SPLIT = (_SGW_CONTROL, _PGW_CONTROL)
_4G_MAY = (_PCRF, _DRA)
_PACKETS = (_SGSN, _GGSN, _HLR)
_IMS = (_P_CSCF, _I_CSCF, _S_CSCF)
_IMS_MAY = (_TAS, _ENUM, _DNS, _SBC)
_IMS_EMERGENCY = (_P_CSCF, _E_CSCF)
_EMERGENCY_MAY = (_LRF, _MGCF, _SBC)
_KNOWN_CALLER = (_I_CSCF, _S_CSCF)

WAYS: Final = (
    Way("5G data", DATA, _5G_RADIO, _5G_DATA, _5G_UNITS, (*_5G_MAY, _DNS)),
    Way("4G data", DATA, _4G_RADIO, _4G_DATA, _4G_SPLIT, (*_4G_MAY, _DNS)),
    Way("3G data", DATA, _3G_RADIO, (_RNC, *_PACKETS), (), (_DNS,)),
    Way("2G data", DATA, _2G_RADIO, (_BSC, *_PACKETS), (), (_DNS,)),
    Way("voice over 5G", VOICE, _5G_RADIO, (*_5G_DATA, *_IMS), _5G_UNITS, (*_5G_MAY, *_IMS_MAY)),
    Way("voice over 4G", VOICE, _4G_RADIO, (*_4G_DATA, *_IMS), _4G_SPLIT, (*_4G_MAY, *_IMS_MAY)),
    Way("3G voice", VOICE, _3G_RADIO, (_RNC, _SWITCH, _HLR), (_MGW,), (_STP,)),
    Way("2G voice", VOICE, _2G_RADIO, (_BSC, _SWITCH, _HLR), (_MGW,), (_STP,)),
    Way("emergency over 5G", EMERGENCY, _5G_RADIO, (*_5G_SESSION, *_IMS_EMERGENCY), _5G_UNITS,
        (*_5G_MAY, *_EMERGENCY_MAY), (_UDM, _AUSF, *_KNOWN_CALLER)),
    Way("emergency over 4G", EMERGENCY, _4G_RADIO, (*_4G_BEARER, *_IMS_EMERGENCY), _4G_SPLIT,
        (*_4G_MAY, *_EMERGENCY_MAY), (_HSS, *_KNOWN_CALLER)),
    Way("3G emergency", EMERGENCY, _3G_RADIO, (_RNC, _SWITCH), (_MGW,), (_STP,), (_HLR,)),
    Way("2G emergency", EMERGENCY, _2G_RADIO, (_BSC, _SWITCH), (_MGW,), (_STP,), (_HLR,)),
    Way("fixed", FIXED, frozenset(("OLT", "DSLAM", "MSAN", "CMTS")), (_BNG,), (),
        (_AAA, _DNS, _DHCP)),
    Way("exchange lines", FIXED, frozenset(("PSTN exchange",)), ()),
)  # fmt: skip
"""Every way, in the order in which they are tried when it is told why a site is not served."""

BECAUSE: Final[Mapping[Group, str]] = {
    _AMF: "3GPP TS 23.502 clause 4.2.2.2.2: registration",
    _SMF: "3GPP TS 23.502 clause 4.3.2.2.1: a session is established",
    _UPF: "3GPP TS 23.502 clause 4.3.2.2.1 step 10: the session's path",
    _UDM: "3GPP TS 23.502 clauses 4.2.2.2.2 step 14 and 4.3.2.2.1 step 4: subscription",
    _AUSF: "3GPP TS 23.502 clause 4.2.2.2.2 steps 8 and 9: authentication",
    _CU_CONTROL: "3GPP TS 38.401 clause 6.1: a gNB-DU works under a gNB-CU",
    _CU_USER: "3GPP TS 38.401 clause 6.1: a gNB-DU works under a gNB-CU",
    _NRF: "3GPP TS 23.501 clause 6.3.1: discovery, or what is configured",
    _SCP: "3GPP TS 23.501 clause 6.2.19: only where functions talk through it",
    _UDR: "3GPP TS 23.501 clauses 4.2.5 and 6.2.7: the UDM may keep its data there",
    _PCF: "3GPP TS 23.502 clause 4.3.2.2.1 step 7: if policy is dynamic, else local",
    _MME: "3GPP TS 23.401 clause 5.3.2.1: attach",
    _SGW: "3GPP TS 23.401 clause 5.3.2.1 steps 12 to 16: the default bearer",
    _PGW: "3GPP TS 23.401 clause 5.3.2.1 steps 12 to 16: the default bearer",
    _SGW_CONTROL: "3GPP TS 23.214 clause 4.4.2: commands a split gateway",
    _PGW_CONTROL: "3GPP TS 23.214 clause 4.4.4: commands a split gateway",
    _HSS: "3GPP TS 23.401 clause 5.3.2.1 steps 5a, 8 and 11: authentication, subscription",
    _PCRF: "3GPP TS 23.401 clause 5.3.2.1 step 14: if policy is dynamic, else local",
    _DRA: "IETF RFC 6733 clause 2.8: only where Diameter passes it",
    _DNS: "3GPP TS 29.303 clause 5: gateways found by name, or as configured",
    _RNC: "3GPP TS 23.002 clause 4.2.2: a Node B works under an RNC",
    _BSC: "3GPP TS 23.002 clause 4.2.1: a BTS works under a BSC",
    _SGSN: "3GPP TS 23.060 clause 6.5: attach",
    _GGSN: "3GPP TS 23.060 clause 9.2.2: a PDP context is activated",
    _HLR: "3GPP TS 23.060 clause 6.5, TS 23.012 clause 3: subscription and place",
    _SWITCH: "3GPP TS 23.018 clause 5: a call is set up",
    _MGW: "3GPP TS 23.205 clause 4: carries the call where the switch is split",
    _STP: "ITU-T Q.700: only where signalling passes it",
    _P_CSCF: "3GPP TS 23.228 clause 5.2.2.3, TS 23.167 clause 7.3: the way into IMS",
    _I_CSCF: "3GPP TS 23.228 clause 5.2.2.3: finds the S-CSCF at registration",
    _S_CSCF: "3GPP TS 23.228 clause 5.2.2.3: registers the user and routes the call",
    _E_CSCF: "3GPP TS 23.167 clause 6.2.2: routes the emergency call",
    _TAS: "3GPP TS 23.228 clause 4.2.4: where the user's profile calls for it",
    _ENUM: "3GPP TS 23.228 clause 4.3.5: a number turned into an address",
    _SBC: "IETF RFC 5853: only where calls pass it",
    _LRF: "3GPP TS 23.167 clause 7.6: place and route, else the default answering point",
    _MGCF: "3GPP TS 23.167 clause 7.5.1: only to an answering point on circuits",
    _BNG: "Broadband Forum TR-178: where sessions of subscribers end",
    _AAA: "IETF RFC 2865: a new session is authorised; those that stand go on",
    _DHCP: "IETF RFC 2131: a new lease; those that stand go on",
}
"""Why a group is needed, by the clause that says so."""
