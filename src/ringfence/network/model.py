"""The tables of a network, in the terms of 3GPP TS 28.622/28.541, RFC 8345 and NetBox.

Keys are strings `source:native` (`netbox:812`), so that two sources never collide. A null means
"not stated". `origin` is the file and the place in it that a row was read from, for a person to
find the line by hand.

A maker is kept twice: `vendor_name` is the name as the source wrote it and is never changed;
`vendor` is the vendor it was found to be, and is filled by `network.vendors` alone.
"""

# fmt: off
# One column a line or two: the file is read as a table.

from ringfence.store.tables import Column, Secrecy, Table, Type, schema_version

_C = Secrecy.CONFIDENTIAL
_SECRET = Secrecy.SECRET
_PUBLIC = Secrecy.PUBLIC


def _id(means: str, *also: str) -> Column:
    return Column("id", Type.TEXT, means, required=True, also_called=("identifier", "key", *also))


_ORIGIN = Column("origin", Type.TEXT, "The file and the place in it that this row was read from")
_VENDOR_NAME = Column(
    "vendor_name",
    Type.TEXT,
    "The maker's name as the source wrote it",
    also_called=("manufacturer", "supplier", "maker", "vendor", "oem", "brand", "hersteller"),
)
_VENDOR = Column(
    "vendor",
    Type.TEXT,
    "The vendor that name was found to be; filled by vendor resolution, never by a source",
    refers_to="vendor",
)
_SOURCE = Column("source", Type.TEXT, "The document that states this fact, with its date")

OPERATOR = Table(
    "operator",
    "an operator of a network",
    ("id",),
    (
        _id("The operator's key", "operator", "operator id", "mno"),
        Column("name", Type.TEXT, "The name it trades under", secrecy=_PUBLIC,
               also_called=("operator name", "licensee", "company")),
        Column("country", Type.TEXT, "ISO 3166-1 alpha-2 code of the country", secrecy=_PUBLIC),
        Column("turnover_tier", Type.TEXT, "Tier by relevant turnover",
               one_of=("1", "2", "3", "micro"), also_called=("tier",)),
        Column("network_purpose", Type.TEXT, "What the network is for",
               one_of=("public", "safety-related", "safety-critical"),
               also_called=("purpose",)),
        _ORIGIN,
    ),
)
SITE = Table(
    "site",
    "a place with equipment",
    ("id",),
    (
        _id("The site's key", "site", "site id", "site code", "location id", "cell site id"),
        Column("operator", Type.TEXT, "Who runs the site", refers_to="operator",
               also_called=("owner", "mno", "tenant", "licensee")),
        Column("name", Type.TEXT, "The site's name", secrecy=_C, also_called=("site name",)),
        Column("region", Type.TEXT, "The region it lies in, as the operator names regions",
               also_called=("area", "county", "district", "province", "state")),
        Column("country", Type.TEXT, "ISO 3166-1 alpha-2 code of the country it stands in"),
        Column("latitude_deg", Type.DECIMAL, "Latitude, WGS 84", unit="deg", minimum=-90,
               maximum=90, secrecy=_C, also_called=("latitude", "lat", "y")),
        Column("longitude_deg", Type.DECIMAL, "Longitude, WGS 84", unit="deg", minimum=-180,
               maximum=180, secrecy=_C, also_called=("longitude", "lon", "lng", "long", "x")),
        Column("kind", Type.TEXT, "What sort of place it is",
               one_of=("macro", "small cell", "exchange", "point of presence", "data centre",
                       "customer"),
               also_called=("site type", "type", "category")),
        Column("is_sensitive", Type.BOOLEAN,
               "On the list of sites significant to national security", secrecy=_SECRET,
               also_called=("sensitive", "sensitive site")),
        _ORIGIN,
    ),
)
VENDOR = Table(
    "vendor",
    "a maker or an owner of makers",
    ("id",),
    (
        _id("The vendor's key", "vendor", "vendor id"),
        Column("name", Type.TEXT, "The name it is known by", secrecy=_PUBLIC, required=True,
               also_called=("vendor name", "manufacturer", "supplier")),
        Column("legal_name", Type.TEXT, "The registered name", secrecy=_PUBLIC,
               also_called=("registered name", "company name")),
        Column("country_of_registration", Type.TEXT,
               "ISO 3166-1 alpha-2 code of the country of the registered office",
               secrecy=_PUBLIC, also_called=("country", "registered in")),
        Column("is_independent", Type.BOOLEAN,
               "No other undertaking controls it; null where that was not looked into",
               secrecy=_PUBLIC, also_called=("independent", "no controlling owner")),
        _ORIGIN,
    ),
)
VENDOR_ALIAS = Table(
    "vendor_alias",
    "a spelling, brand or former name of a vendor",
    ("alias",),
    (
        Column("alias", Type.TEXT, "The name as it is written somewhere", required=True,
               secrecy=_PUBLIC, also_called=("spelling", "also known as", "name as written")),
        Column("vendor", Type.TEXT, "The vendor meant", refers_to="vendor", required=True),
        Column("kind", Type.TEXT, "What sort of name it is",
               one_of=("spelling", "brand", "former name", "subsidiary")),
        _SOURCE,
        _ORIGIN,
    ),
)
OWNERSHIP = Table(
    "ownership",
    "a holding of one undertaking in another",
    ("owner", "owned"),
    (
        Column("owner", Type.TEXT, "Who holds", refers_to="vendor", required=True,
               also_called=("parent", "holder")),
        Column("owned", Type.TEXT, "What is held", refers_to="vendor", required=True,
               also_called=("subsidiary", "child")),
        Column("share", Type.DECIMAL, "Part of the capital held, 0 to 1", minimum=0, maximum=1,
               also_called=("stake",)),
        Column("is_controlling", Type.BOOLEAN, "The holding gives control",
               also_called=("controlling", "control")),
        _SOURCE,
        _ORIGIN,
    ),
)
JURISDICTION = Table(
    "jurisdiction",
    "a legal duty or power that a vendor is under",
    ("vendor", "country", "basis"),
    (
        Column("vendor", Type.TEXT, "The vendor", refers_to="vendor", required=True),
        Column("country", Type.TEXT, "ISO 3166-1 alpha-2 code of the country whose law it is",
               required=True),
        Column("basis", Type.TEXT, "The law and the clause", required=True,
               also_called=("law", "statute")),
        _SOURCE,
        _ORIGIN,
    ),
)
DESIGNATION = Table(
    "designation",
    "a vendor named under an instrument",
    ("vendor", "instrument"),
    (
        Column("vendor", Type.TEXT, "The vendor named", refers_to="vendor", required=True),
        Column("instrument", Type.TEXT, "The instrument, by the name of its rule pack",
               required=True),
        Column("valid_from", Type.DATE, "First day it is named"),
        Column("valid_to", Type.DATE, "Last day it is named; null while it lasts"),
        Column("status", Type.TEXT, "Standing of the naming",
               one_of=("designated", "treated as high risk", "assumed", "proposed", "revoked")),
        Column("has_mitigation_strategy", Type.BOOLEAN,
               "The authority oversees a mitigation strategy made for this vendor"),
        _SOURCE,
        _ORIGIN,
    ),
)
PRODUCT = Table(
    "product",
    "a vendor's product",
    ("id",),
    (
        _id("The product's key", "product", "product id", "part number"),
        _VENDOR_NAME,
        _VENDOR,
        Column("original_maker_name", Type.TEXT,
               "Who really makes it, where it is sold under another's name, as written",
               also_called=("odm", "white label of", "original manufacturer")),
        Column("original_maker", Type.TEXT,
               "The vendor that name was found to be; filled by vendor resolution",
               refers_to="vendor"),
        Column("model", Type.TEXT, "The model's name",
               also_called=("device type", "hardware", "model name", "product name")),
        Column("designed_in", Type.TEXT, "ISO 3166-1 alpha-2 code of the country of design"),
        Column("developed_in", Type.TEXT, "Country where its software is developed"),
        Column("made_in", Type.TEXT, "Country where its parts are made"),
        Column("assembled_in", Type.TEXT, "Country where it is assembled"),
        Column("end_of_support_on", Type.DATE, "Last day the vendor supports it",
               also_called=("end of support", "eos")),
        Column("sanctions_affected", Type.BOOLEAN,
               "Its parts fall under export controls that changed its supply"),
        _ORIGIN,
    ),
)
ELEMENT = Table(
    "element",
    "a managed element: box, host, virtual machine, pod or management system",
    ("id",),
    (
        _id("The element's key", "element", "element id", "node id", "ne id", "device",
            "asset tag", "network element", "equipment id"),
        Column("name", Type.TEXT, "The element's name", secrecy=_C,
               also_called=("hostname", "host name", "node name", "ne name", "device name")),
        Column("site", Type.TEXT, "Where it stands", refers_to="site",
               also_called=("site id", "site code", "location", "standort")),
        Column("operator", Type.TEXT, "Who runs it; that of its site where null",
               refers_to="operator", also_called=("mno", "tenant", "licensee")),
        _VENDOR_NAME,
        _VENDOR,
        Column("product", Type.TEXT, "Its product", refers_to="product",
               also_called=("product id", "part number", "device type", "model")),
        Column("software_version", Type.TEXT, "The software release it runs", secrecy=_C,
               also_called=("software", "sw version", "release", "firmware", "version")),
        Column("kind", Type.TEXT, "What it is made of",
               one_of=("box", "host", "virtual machine", "container", "management system"),
               also_called=("element type",)),
        Column("role_name", Type.TEXT,
               "What its inventory calls its role; a word, and no proof of a function"),
        Column("serial", Type.TEXT, "The maker's serial number", secrecy=_C,
               also_called=("serial number", "s/n", "sn")),
        Column("purchased_on", Type.DATE, "Day it was bought",
               also_called=("purchase date", "order date", "bought")),
        Column("installed_on", Type.DATE, "Day it was put into service",
               also_called=("install date", "installation date", "in service", "commissioned",
                            "on air date")),
        Column("removed_on", Type.DATE, "Day it was taken out of service",
               also_called=("removal date", "decommissioned")),
        Column("end_of_life_on", Type.DATE, "Day it is planned to go",
               also_called=("end of life", "eol")),
        Column("licence_until", Type.DATE, "Last day of the licence without which it stops",
               also_called=("licence expiry", "license expiry", "licence end", "license end")),
        Column("certificate_until", Type.DATE,
               "Last day of the certificate without which its peers refuse it",
               also_called=("certificate expiry", "certificate end", "not after")),
        Column("forwards_packets", Type.BOOLEAN,
               "It passes packets on between its interfaces, as a router or firewall does"),
        _ORIGIN,
    ),
)
FUNCTION = Table(
    "function",
    "a function that an element performs",
    ("element", "kind", "slice"),
    (
        Column("element", Type.TEXT, "The element", refers_to="element", required=True,
               also_called=("element id", "node id", "ne id", "device", "hostname")),
        Column("kind", Type.TEXT, "The function, by its name in the catalogue (AMF, GNBDU, OLT)",
               required=True,
               also_called=("function", "network function", "nf type", "nf", "role")),
        Column("pool", Type.TEXT, "The redundancy pool it belongs to", also_called=("set",)),
        Column("slice", Type.TEXT, "The network slice it serves", also_called=("s-nssai",)),
        Column("generation", Type.TEXT, "The network generation it serves",
               one_of=("2G", "3G", "4G", "5G", "fixed"), also_called=("technology", "rat")),
        _ORIGIN,
    ),
)
RELATION = Table(
    "relation",
    "a power of one element over another",
    ("source", "target", "kind"),
    (
        Column("source", Type.TEXT, "The element that has the power", refers_to="element",
               required=True),
        Column("target", Type.TEXT, "The element it has it over", refers_to="element",
               required=True),
        Column("kind", Type.TEXT,
               "The power; mirrors where a copy of the target's traffic goes to the source",
               required=True,
               one_of=("manages", "orchestrates", "hosts", "administers", "updates",
                       "authenticates", "synchronises", "anchors", "licenses", "mirrors")),
        _ORIGIN,
    ),
)
CONTRACT = Table(
    "contract",
    "a vendor's service to an operator",
    ("id",),
    (
        _id("The contract's key", "contract", "contract id"),
        Column("operator", Type.TEXT, "Who is served", refers_to="operator"),
        _VENDOR_NAME,
        _VENDOR,
        Column("covers", Type.TEXT, "What the vendor does",
               one_of=("support", "managed service", "spares", "updates")),
        Column("remote_access", Type.BOOLEAN, "The vendor works on the network from outside"),
        Column("valid_from", Type.DATE, "First day"),
        Column("until", Type.DATE, "Last day; null where open-ended"),
        _ORIGIN,
    ),
)
SEGMENT = Table(
    "segment",
    "a broadcast or routing domain",
    ("id",),
    (
        _id("The segment's key", "segment", "vlan id", "vrf"),
        Column("name", Type.TEXT, "Its name; a name proves nothing"),
        Column("kind", Type.TEXT, "What sort of domain",
               one_of=("VLAN", "VRF", "subnet", "container network", "pod network",
                       "host network", "tunnel")),
        Column("parent", Type.TEXT, "The segment it lies in", refers_to="segment"),
        Column("parent_interface", Type.TEXT, "The device or host interface it hangs on"),
        Column("address_range", Type.TEXT, "Its addresses, as CIDR", secrecy=_C,
               also_called=("prefix", "cidr")),
        Column("isolates_members", Type.BOOLEAN,
               "Its members cannot send to each other directly (private VLAN, macvlan private)"),
        Column("checks_source", Type.BOOLEAN,
               "A member cannot send from an address that is not its own"),
        _ORIGIN,
    ),
)
INTERFACE = Table(
    "interface",
    "an element's foot in a segment",
    ("id",),
    (
        _id("The interface's key", "interface"),
        Column("element", Type.TEXT, "The element", refers_to="element", required=True),
        Column("segment", Type.TEXT, "The segment", refers_to="segment"),
        Column("name", Type.TEXT, "The interface's name", also_called=("port",)),
        Column("address", Type.TEXT, "Its address, with prefix length", secrecy=_C,
               also_called=("ip", "ip address")),
        Column("is_management", Type.BOOLEAN, "Serves management only"),
        Column("is_up", Type.BOOLEAN, "It is switched on",
               also_called=("enabled", "admin state", "no shutdown")),
        _ORIGIN,
    ),
)
ENDPOINT = Table(
    "endpoint",
    "something that listens",
    ("id",),
    (
        _id("The endpoint's key", "endpoint"),
        Column("element", Type.TEXT, "The element that listens", refers_to="element",
               required=True),
        Column("address", Type.TEXT, "The address it listens on; null where on all of them",
               secrecy=_C, also_called=("bind address", "listen address")),
        Column("function", Type.TEXT, "The kind of function it serves"),
        Column("protocol", Type.TEXT, "The transport protocol", one_of=("TCP", "UDP", "SCTP")),
        Column("port", Type.INTEGER, "The port", minimum=0, maximum=65535),
        Column("service", Type.TEXT, "SSH, NETCONF, PFCP, NGAP, SBI, GTP-U and so on"),
        Column("authentication", Type.TEXT, "How a caller proves who it is; `none` where not"),
        Column("encryption", Type.TEXT, "How the traffic is protected; `none` where not"),
        _ORIGIN,
    ),
)
BOUNDARY = Table(
    "boundary",
    "a place where packets are let through or stopped by ordered rule lists",
    ("id",),
    (
        _id("The boundary's key", "boundary"),
        Column("name", Type.TEXT, "The list's name, as its device or cluster calls it"),
        Column("element", Type.TEXT, "The element whose packets it stops", refers_to="element",
               required=True),
        Column("interface", Type.TEXT, "The interface it stands at; null where at all of them",
               refers_to="interface"),
        Column("to_interface", Type.TEXT,
               "Where it stops only what goes on to one interface, that interface",
               refers_to="interface"),
        Column("direction", Type.TEXT,
               "Which packets: those that come into the element, those that leave it, or those "
               "it passes on",
               one_of=("in", "out", "through")),
        Column("default_action", Type.TEXT,
               "What is done with a packet that no entry matches; null where not stated",
               one_of=("allow", "deny")),
        Column("is_stateful", Type.BOOLEAN, "Answers to what was let through are let through"),
        Column("has_rules_stated", Type.BOOLEAN,
               "False where it is known to stand there and its entries were not given"),
        _ORIGIN,
    ),
)
FILTER = Table(
    "filter",
    "one entry of an ordered rule list at a boundary",
    ("id",),
    (
        _id("The entry's key", "filter", "rule id"),
        Column("boundary", Type.TEXT, "The boundary the list stands at", required=True,
               refers_to="boundary"),
        Column("tier", Type.INTEGER,
               "Of several lists at one boundary the place of this one; each is gone through in "
               "turn, and the first entry that allows or denies decides", minimum=0),
        Column("position", Type.INTEGER, "Place in the list; the first match decides", minimum=0),
        Column("action", Type.TEXT,
               "What is done with a match; pass goes on to the next list",
               one_of=("allow", "deny", "pass")),
        Column("protocol", Type.TEXT, "The protocol; null where any"),
        Column("source_range", Type.TEXT, "Source addresses, as CIDR; null where any", secrecy=_C),
        Column("destination_range", Type.TEXT, "Destination addresses, as CIDR; null where any",
               secrecy=_C),
        Column("source_group", Type.TEXT, "Group of elements that the packet must come from"),
        Column("destination_group", Type.TEXT, "Group of elements that it must go to"),
        Column("source_ports", Type.TEXT, "Source ports, as `from-to`; null where any"),
        Column("destination_ports", Type.TEXT, "Destination ports, as `from-to`; null where any"),
        Column("is_answer_only", Type.BOOLEAN,
               "Matches only answers to connections made before (`established`)"),
        Column("is_understood", Type.BOOLEAN,
               "False where the entry asks for more than these columns can say, so that whether "
               "it matches is not known"),
        Column("text", Type.TEXT, "The entry as its source wrote it", secrecy=_C),
        _ORIGIN,
    ),
)
GROUP_MEMBER = Table(
    "group_member",
    "an element in a group that filter entries name",
    ("group", "element"),
    (
        Column("group", Type.TEXT, "The group's key", required=True),
        Column("element", Type.TEXT, "The element", refers_to="element", required=True),
        Column("is_certain", Type.BOOLEAN,
               "False where it may be in the group: what decides it was not stated"),
        _ORIGIN,
    ),
)
ROUTE = Table(
    "route",
    "an entry of an element's routing table",
    ("element", "routing_domain", "destination_range", "next_hop", "interface"),
    (
        Column("element", Type.TEXT, "The element", refers_to="element", required=True),
        Column("routing_domain", Type.TEXT, "The VRF it is an entry of; null where the main one"),
        Column("destination_range", Type.TEXT, "Where to, as CIDR", required=True, secrecy=_C,
               also_called=("destination", "prefix")),
        Column("next_hop", Type.TEXT, "Address of the next router", secrecy=_C,
               also_called=("gateway", "via")),
        Column("interface", Type.TEXT, "The interface it leaves by", refers_to="interface"),
        Column("kind", Type.TEXT, "How it came to be there",
               one_of=("connected", "static", "dynamic", "discard")),
        Column("preference", Type.INTEGER, "Of two to one place the lower is used", minimum=0,
               also_called=("distance", "metric")),
        _ORIGIN,
    ),
)
TRANSLATION = Table(
    "translation",
    "an address translation that an element makes",
    ("id",),
    (
        _id("The translation's key"),
        Column("element", Type.TEXT, "The element", refers_to="element", required=True),
        Column("interface", Type.TEXT, "Where: the interface the packet leaves or enters by",
               refers_to="interface"),
        Column("kind", Type.TEXT, "What is changed", one_of=("source", "destination")),
        Column("position", Type.INTEGER, "Place in the list; the first match decides", minimum=0),
        Column("protocol", Type.TEXT, "The protocol; null where any"),
        Column("source_range", Type.TEXT, "Source addresses it is for, as CIDR", secrecy=_C),
        Column("destination_range", Type.TEXT, "Destination addresses it is for, as CIDR",
               secrecy=_C),
        Column("destination_ports", Type.TEXT, "Destination ports it is for, as `from-to`"),
        Column("to_range", Type.TEXT, "The address put in place; null where that of the interface",
               secrecy=_C),
        Column("to_ports", Type.TEXT, "The port put in place, as `from-to`"),
        _ORIGIN,
    ),
)
LINK = Table(
    "link",
    "a transport link",
    ("id",),
    (
        _id("The link's key", "link", "circuit id", "cable id"),
        Column("source", Type.TEXT, "The element at one end", refers_to="element",
               also_called=("a end", "from")),
        Column("target", Type.TEXT, "The element at the other end", refers_to="element",
               also_called=("z end", "b end", "to")),
        Column("medium", Type.TEXT, "What it runs over",
               one_of=("fibre", "microwave", "copper", "satellite", "leased")),
        Column("carries", Type.TEXT, "Whose traffic it carries",
               one_of=("access", "backhaul", "intra-core", "inter-operator")),
        Column("capacity_mbps", Type.DECIMAL, "Capacity", unit="mbps", minimum=0,
               also_called=("capacity", "speed", "bandwidth")),
        Column("length_km", Type.DECIMAL, "Length", unit="km", minimum=0,
               also_called=("length", "distance")),
        Column("is_encrypted", Type.BOOLEAN, "Traffic on it is encrypted"),
        Column("is_one_way", Type.BOOLEAN,
               "It carries from source to target only; the way back is another link, so that the "
               "capacity of the two is not to be added up"),
        _ORIGIN,
    ),
)
DEMAND = Table(
    "demand",
    "the service that a site gives, or the traffic from it to another",
    ("site", "kind", "to_site"),
    (
        Column("site", Type.TEXT, "The site", refers_to="site", required=True,
               also_called=("site id", "site code")),
        Column("kind", Type.TEXT,
               "The service; transport where it is traffic of all services to another site",
               required=True,
               one_of=("mobile data", "voice", "emergency", "fixed", "transport"),
               also_called=("service",)),
        Column("to_site", Type.TEXT, "Where the traffic goes, in a traffic matrix; else null",
               refers_to="site"),
        Column("people", Type.DECIMAL, "People served", minimum=0,
               also_called=("population", "subscribers", "pop covered")),
        Column("traffic_mbps", Type.DECIMAL, "Expected traffic in the busy hour", unit="mbps",
               minimum=0, also_called=("traffic", "busy hour traffic", "throughput")),
        Column("premises", Type.DECIMAL, "Premises served", minimum=0,
               also_called=("homes passed", "homes connected", "properties")),
        Column("range_km", Type.DECIMAL, "How far from the site its cells give it", unit="km",
               minimum=0, also_called=("cell range", "cell radius", "coverage radius")),
        _ORIGIN,
    ),
)
DOCUMENT = Table(
    "document",
    "a paper an operator has handed in",
    ("operator", "kind", "instrument", "dated_on"),
    (
        Column("operator", Type.TEXT, "Who handed it in", refers_to="operator", required=True),
        Column("kind", Type.TEXT, "What paper", required=True,
               one_of=("compliance plan", "compliance report", "exemption")),
        Column("instrument", Type.TEXT, "The instrument it answers, by its pack's name",
               required=True),
        Column("dated_on", Type.DATE, "The paper's date", required=True),
        _SOURCE,
        _ORIGIN,
    ),
)
APPROVAL = Table(
    "approval",
    "what an authority or a certifier answered about something that operators use",
    ("id",),
    (
        _id("The answer's key", "approval"),
        Column("instrument", Type.TEXT, "The instrument it is given under, by its pack's name",
               required=True),
        Column("kind", Type.TEXT,
               "What was asked: leave after notice, an authorisation, a certificate, whether a "
               "maker meets the instrument's criteria, or to be exempt", required=True,
               one_of=("notification", "authorisation", "certificate", "assessment",
                       "exemption")),
        Column("operator", Type.TEXT, "Whom it was given to; null where anyone",
               refers_to="operator"),
        Column("vendor", Type.TEXT, "The maker it is about; null where any", refers_to="vendor"),
        Column("product", Type.TEXT, "The product it is about; null where any",
               refers_to="product"),
        Column("element", Type.TEXT, "The element it is about; null where any",
               refers_to="element"),
        Column("outcome", Type.TEXT, "The answer; in an assessment, granted clears the maker",
               one_of=("granted", "granted with conditions", "refused", "pending")),
        Column("granted_on", Type.DATE, "First day of it"),
        Column("valid_to", Type.DATE, "Last day of it; null where it lasts"),
        _SOURCE,
        _ORIGIN,
    ),
)
COMPONENT = Table(
    "component",
    "a part that software or hardware is made of",
    ("id",),
    (
        _id("The component's key", "component", "bom-ref"),
        Column("product", Type.TEXT, "The product it is part of", refers_to="product"),
        Column("element", Type.TEXT, "The element it was found on, where one was",
               refers_to="element"),
        Column("part_of", Type.TEXT, "The component it is part of", refers_to="component"),
        Column("kind", Type.TEXT, "What sort of part",
               one_of=("application", "library", "operating system", "firmware", "file",
                       "container", "device", "data", "other")),
        Column("name", Type.TEXT, "Its name", also_called=("package", "component name")),
        Column("version", Type.TEXT, "Its version", also_called=("component version",)),
        _VENDOR_NAME,
        _VENDOR,
        Column("purl", Type.TEXT, "Its package URL", also_called=("package url",)),
        Column("cpe", Type.TEXT, "Its CPE 2.3 name or 2.2 URI"),
        Column("sha256", Type.TEXT, "SHA-256 of its bytes, in hexadecimal"),
        Column("licence", Type.TEXT, "Its licence, as an SPDX expression or as written",
               also_called=("license",)),
        _ORIGIN,
    ),
)
VULNERABILITY = Table(
    "vulnerability",
    "a known weakness of a product",
    ("id",),
    (
        _id("Its identifier, such as CVE-2022-3602", "cve", "vulnerability id"),
        Column("title", Type.TEXT, "What it is, in a line", secrecy=_PUBLIC),
        Column("cvss_score", Type.DECIMAL, "CVSS base score, 0 to 10", minimum=0, maximum=10,
               secrecy=_PUBLIC),
        Column("cvss_vector", Type.TEXT, "CVSS vector", secrecy=_PUBLIC),
        Column("weakness", Type.TEXT, "Its kind, such as CWE-79", secrecy=_PUBLIC),
        Column("published_on", Type.DATE, "Day it was made public", secrecy=_PUBLIC),
        Column("exploited_since", Type.DATE,
               "Day it was listed as exploited; null where it is on no such list that was read",
               secrecy=_PUBLIC, also_called=("dateadded", "date added")),
        _ORIGIN,
    ),
)
AFFECTED = Table(
    "affected",
    "what a source says of one product and one vulnerability",
    ("vulnerability", "subject", "version_range"),
    (
        Column("vulnerability", Type.TEXT, "The vulnerability", refers_to="vulnerability",
               required=True),
        Column("subject", Type.TEXT, "What it is said of, by the source's own key", required=True),
        Column("component", Type.TEXT, "The component it is said of", refers_to="component"),
        _VENDOR_NAME,
        _VENDOR,
        Column("product_name", Type.TEXT, "The product's name as written", secrecy=_PUBLIC),
        Column("version_range", Type.TEXT, "The versions, as written or as a `vers:` range",
               secrecy=_PUBLIC),
        Column("cpe", Type.TEXT, "The product's CPE, where stated"),
        Column("purl", Type.TEXT, "The product's package URL, where stated"),
        Column("status", Type.TEXT, "What is said", required=True,
               one_of=("affected", "fixed", "not affected", "under investigation")),
        Column("remedy", Type.TEXT, "What to do, in a line"),
        Column("due_on", Type.DATE, "Day by which the source's authority orders it mended"),
        _ORIGIN,
    ),
)
FINDING = Table(
    "finding",
    "what a check or a rule found of one subject",
    ("rule", "subject_table", "subject"),
    (
        Column("rule", Type.TEXT, "The rule or check, as `pack/rule`", required=True),
        Column("subject_table", Type.TEXT, "The table the subject is a row of", required=True),
        Column("subject", Type.TEXT, "The subject's key", required=True),
        Column("operator", Type.TEXT, "The operator concerned", refers_to="operator"),
        Column("verdict", Type.TEXT, "The answer on the date asked", required=True,
               one_of=("breach", "comply", "unknown")),
        Column("because", Type.TEXT, "Why, in words"),
        Column("due_on", Type.DATE, "Deadline still ahead, where one is"),
        Column("verdict_when_due", Type.TEXT, "The answer on that deadline if nothing changes",
               one_of=("breach", "comply", "unknown")),
        Column("severity", Type.TEXT, "How grave", one_of=("low", "medium", "high")),
        Column("citation", Type.TEXT, "Document, section, date"),
        Column("legal_status", Type.TEXT, "Standing of the rule on the date asked"),
        Column("rests_on", Type.TEXT, "Origins of the rows it rests on, one a line"),
    ),
)
SOURCE_FILE = Table(
    "source_file",
    "a file that was read",
    ("file",),
    (
        Column("file", Type.TEXT, "The file, below the path that was given", required=True),
        Column("part", Type.TEXT, "Key of what was read from it; null where nothing was"),
        Column("kind", Type.TEXT, "The source that read it; null where none knows it"),
        Column("sha256", Type.TEXT, "Hash of its bytes"),
        Column("as_of", Type.DATE, "The date it speaks of"),
        Column("rows_read", Type.INTEGER, "Records found in it", required=True),
        Column("rows_kept", Type.INTEGER, "Records that became rows", required=True),
        Column("rows_rejected", Type.INTEGER, "Records listed as rejects", required=True),
        Column("note", Type.TEXT, "What else is to be said of it"),
    ),
)
REJECT = Table(
    "reject",
    "a record, or many alike, that did not become a row",
    ("file", "place", "reason"),
    (
        Column("file", Type.TEXT, "The file", required=True),
        Column("place", Type.TEXT, "Where in it: row, path or line"),
        Column("table", Type.TEXT, "The table it was meant for"),
        Column("kind", Type.TEXT, "A fault, or sound but outside the model", required=True,
               one_of=("fault", "set aside")),
        Column("reason", Type.TEXT, "Why", required=True),
        Column("rows", Type.INTEGER, "How many records", required=True, minimum=1),
        Column("content", Type.TEXT, "The record, cut short", secrecy=_C),
    ),
)
CONFIRMED_LINK = Table(
    "confirmed_link",
    "two rows of different sources that a person said are one thing",
    ("table", "kept", "joined"),
    (
        Column("table", Type.TEXT, "The table both are rows of", required=True,
               one_of=("element", "product", "site")),
        Column("kept", Type.TEXT, "The key that both go by once linked", required=True),
        Column("joined", Type.TEXT, "The key that is then read as the other", required=True),
        Column("evidence", Type.TEXT, "What speaks for the two being one"),
        Column("confirmed_on", Type.DATE, "Day it was confirmed"),
    ),
)

NETWORK_TABLES = (
    OPERATOR, SITE, VENDOR, VENDOR_ALIAS, OWNERSHIP, JURISDICTION, DESIGNATION, PRODUCT, ELEMENT,
    FUNCTION, RELATION, CONTRACT, SEGMENT, INTERFACE, ENDPOINT, BOUNDARY, FILTER, GROUP_MEMBER,
    ROUTE, TRANSLATION, LINK, DEMAND, DOCUMENT, APPROVAL, COMPONENT, VULNERABILITY, AFFECTED,
)  # fmt: skip
"""What a source may fill, parents before children."""

TABLES = {t.name: t for t in (*NETWORK_TABLES, FINDING, SOURCE_FILE, REJECT, CONFIRMED_LINK)}
"""Every table of the model, by name."""

SCHEMA_VERSION = schema_version(tuple(TABLES.values()))
