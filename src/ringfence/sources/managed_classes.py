"""The managed object classes of 3GPP's network resource models, and what they say of a network.

Names differ between releases in the case of their letters (`GnbDuFunction` became
`GNBDUFunction`), and makers put the same classes into containers of their own with `vsData` before
the name; both are looked up by the name in small letters without that prefix. A class that is not
here is a cell, a relation between cells, a measurement job and so on: the model has no table for it.

Radio: 3GPP TS 28.541 (NR), 28.658 (E-UTRAN), 28.652 (UTRAN), 28.655 (GERAN). Core: TS 28.541 (5GC),
28.708 (EPC), 28.702 (core network). Classes that a maker named otherwise are listed apart.
"""

from dataclasses import dataclass

_STANDARD = {
    "GNBDUFunction": "GNBDU",
    "GNBCUCPFunction": "GNBCUCP",
    "GNBCUUPFunction": "GNBCUUP",
    "GNBCUFunction": "GNBCU",
    "ENBFunction": "ENB",
    "NodeBFunction": "NODEB",
    "RncFunction": "RNC",
    "BssFunction": "BSC",
    "AMFFunction": "AMF",
    "SMFFunction": "SMF",
    "UPFFunction": "UPF",
    "N3IWFFunction": "N3IWF",
    "PCFFunction": "PCF",
    "AUSFFunction": "AUSF",
    "UDMFunction": "UDM",
    "UDRFunction": "UDR",
    "UDSFFunction": "UDSF",
    "NRFFunction": "NRF",
    "NSSFFunction": "NSSF",
    "SMSFFunction": "SMSF",
    "LMFFunction": "LMF",
    "NGEIRFunction": "5G-EIR",
    "SEPPFunction": "SEPP",
    "NWDAFFunction": "NWDAF",
    "SCPFunction": "SCP",
    "NEFFunction": "NEF",
    "NSACFFunction": "NSACF",
    "DDNMFFunction": "5G-DDNMF",
    "EASDFFunction": "EASDF",
    "NSSAAFFunction": "NSSAAF",
    "AFFunction": "AF",
    "DCCFFunction": "DCCF",
    "MFAFFunction": "MFAF",
    "CHFFunction": "CHF",
    "BSFFunction": "BSF",
    "GMLCFunction": "GMLC",
    "TSCTSFFunction": "TSCTSF",
    "AANFFunction": "AAnF",
    "MBSMFFunction": "MB-SMF",
    "MBUPFFunction": "MB-UPF",
    "MMEFunction": "MME",
    "ServingGWFunction": "SGW",
    "PGWFunction": "PGW",
    "PCRFFunction": "PCRF",
    "EPDGFunction": "ePDG",
    "HSSFunction": "HSS",
    "HLRFunction": "HLR",
    "VLRFunction": "VLR",
    "AUCFunction": "AuC",
    "EIRFunction": "EIR",
    "MSCServerFunction": "MSC Server",
    "CSMGWFunction": "MGW",
    "GMSCServerFunction": "GMSC",
    "SGSNFunction": "SGSN",
    "GGSNFunction": "GGSN",
    "SMSGMSCFunction": "SMS-GMSC",
    "BGFunction": "BG",
    "CBCFunction": "CBC",
    "PCSCFFunction": "P-CSCF",
    "ICSCFFunction": "I-CSCF",
    "SCSCFFunction": "S-CSCF",
    "BGCFFunction": "BGCF",
    "MGCFFunction": "MGCF",
    "IMSMGWFunction": "IMS-MGW",
    "MRFCFunction": "MRFC",
    "MRFPFunction": "MRFP",
}
_OF_MAKERS = {
    "ENodeBFunction": "ENB",
    "ENBFunctionFDD": "ENB",
    "ENBFunctionTDD": "ENB",
    "EnbFunction": "ENB",
    "GNodeBFunction": "GNB",
    "URncFunction": "RNC",
    "GBssFunction": "BSC",
    "GBtsFunction": "BTS",
    "BtsFunction": "BTS",
}
FUNCTIONS = {name.lower(): kind for name, kind in (_STANDARD | _OF_MAKERS).items()}
"""A class of a function, in small letters, to the kind of the catalogue."""

GSM_SITES = frozenset(("btssitemgr", "btssitemanager", "gbtssitemanager"))
"""A base station that TS 28.655 places inside its controller's element, and is yet another box."""

MANAGED_ELEMENT = "managedelement"
MANAGEMENT_NODE = "managementnode"
CONTEXT = "mecontext"
NAMING = frozenset(("subnetwork", CONTEXT))
"""Classes that name what they contain and stand for no thing."""

VENDOR_CONTAINER = "vsdatacontainer"
NF_SERVICE = "managednfservice"
ADDRESSES = frozenset(("addressipv4", "addressipv6"))
"""A maker's own class of an interface's address."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is spoken at a reference point; null where the standards leave it open."""

    name: str | None
    protocol: str | None


_NGAP = Service("NGAP", "SCTP")  # 3GPP TS 38.412
_F1AP = Service("F1AP", "SCTP")  # TS 38.472
_E1AP = Service("E1AP", "SCTP")  # TS 37.482
_XNAP = Service("XnAP", "SCTP")  # TS 38.422
_X2AP = Service("X2AP", "SCTP")  # TS 36.422
_S1AP = Service("S1AP", "SCTP")  # TS 36.412
_GTP_U = Service("GTP-U", "UDP")  # TS 29.281
_GTP_C = Service("GTP-C", "UDP")  # TS 29.274
_PFCP = Service("PFCP", "UDP")  # TS 29.244
SBI = Service("SBI", "TCP")  # TS 29.500
_N32 = Service("N32", "TCP")  # TS 29.573
_BY_POINT = {
    _NGAP: ("NgC", "N2"),
    _F1AP: ("F1C",),
    _E1AP: ("E1",),
    _XNAP: ("XnC",),
    _X2AP: ("X2C",),
    _S1AP: ("S1C", "S1_MME"),
    _GTP_U: ("NgU", "N3", "N9", "F1U", "XnU", "X2U", "S1U", "S5U", "S8U", "S12"),
    _GTP_C: ("N26", "S5C", "S8C", "S10", "S11", "S3", "S16"),
    _PFCP: ("N4", "N4mb", "Sxa", "Sxb"),
    # TS 23.501 clause 4.2.7: reference points between functions that speak service interfaces.
    SBI: (
        *("N5", "N7", "N8", "N10", "N11", "N12", "N13", "N14", "N15", "N16", "N17", "N18"),
        *("N20", "N21", "N22", "N23", "N24", "N27", "N28", "N29", "N30", "N31", "N33", "N34"),
        *("N35", "N36", "N37", "N38", "N40", "N41", "N42", "N58", "N59", "N60", "N61", "N62"),
        *("N63", "N84", "N85", "N86", "N87", "N88", "N89", "NL1", "NL2", "NL3", "NL5"),
    ),
    _N32: ("N32",),
}
SERVICES = {f"ep_{point.lower()}": s for s, points in _BY_POINT.items() for point in points}
"""A class of an end point of a reference point, in small letters, to what is spoken there."""


def lookup_name(name: str) -> str:
    """A class's name as it is looked up: `vsDataGNBDUFunction` is `gnbdufunction`."""
    return name.lower().removeprefix("vsdata")


def is_of_interest(name: str) -> bool:
    """Whether the attributes of an object of this class may become rows."""
    as_written = name.lower()
    looked_up = as_written.removeprefix("vsdata")
    return (
        looked_up in FUNCTIONS
        or looked_up in GSM_SITES
        or looked_up in ADDRESSES
        or as_written in _INTERESTING
        or as_written.startswith("ep_")
    )


_INTERESTING = frozenset((MANAGED_ELEMENT, MANAGEMENT_NODE, NF_SERVICE, *NAMING))

ATTRIBUTES = frozenset(
    (
        *("dnprefix", "userlabel", "vendorname", "swversion", "locationname", "serialnumber"),
        *("managedby", "managedelements", "managedelementtype", "managedelementtypelist"),
        *("managedelementtypes", "peeparameterslist", "plmninfolist", "snssailist"),
        *("amfset", "amfsetref", "localaddress", "sap", "ipaddress", "address", "usedaddress"),
    )
)
"""The attributes that are read, in small letters; the others are passed over."""
