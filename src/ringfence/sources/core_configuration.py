"""What a core function is and listens on, by its own configuration and its command line.

A workload's name says nothing; the program it starts and the file that program reads do. Known are

- Open5GS: `open5gs-amfd` and its sisters; YAML of version 2.7 (`amf: ngap: server: [...]`) and of
  the versions before it (`amf: ngap: [...]`), where sections of other functions are addresses of
  clients, so that the program's name decides which section is its own;
- free5GC 3 and 4: `amf` and its sisters; YAML with `info` and `configuration`, the UPF's without;
- UERANSIM's gNB (`nr-gnb`), a radio station in software;
- by the program's name only: OpenAirInterface and srsRAN.

Sockets have the standard's port where the file states none: NGAP 38412/SCTP (3GPP TS 38.412
clause 7), S1AP 36412/SCTP (TS 36.412 clause 7), PFCP 8805/UDP (TS 29.244 clause 4.2.2), GTP-U
2152/UDP (TS 29.281 clause 4.4.2.3), GTP-C 2123/UDP (TS 29.274 clause 4.2.2), IKE 500 and
4500/UDP (RFC 7296 section 2), RADIUS 1812/UDP (RFC 2865 section 3). An SBI without a port is on
80 or 443 (RFC 9110 section 4.2).

Only TLS of the SBI is stated in these files. Whether NGAP, PFCP or GTP-U run in IPsec is decided
elsewhere, and stays null.
"""

import ipaddress
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename, normpath
from urllib.parse import urlsplit

from ringfence.sources.yaml_files import Node

_NAMES = {
    "amf": "AMF", "smf": "SMF", "upf": "UPF", "nrf": "NRF", "scp": "SCP", "sepp": "SEPP",
    "ausf": "AUSF", "udm": "UDM", "udr": "UDR", "pcf": "PCF", "nssf": "NSSF", "bsf": "BSF",
    "chf": "CHF", "nef": "NEF", "n3iwf": "N3IWF", "tngf": "TNGF", "lmf": "LMF", "nwdaf": "NWDAF",
    "udsf": "UDSF", "smsf": "SMSF", "mme": "MME", "hss": "HSS", "pcrf": "PCRF",
    "sgwc": "SGW-C", "sgwu": "SGW-U", "spgwc": "SAE-GW", "spgwu": "SAE-GW",
}  # fmt: skip
_OPEN5GS = frozenset(
    [
        "amf",
        "smf",
        "upf",
        "nrf",
        "scp",
        "sepp",
        "ausf",
        "udm",
        "udr",
        "pcf",
        "nssf",
        "bsf",
        "mme",
        "hss",
        "pcrf",
        "sgwc",
        "sgwu",
    ]
)
_FREE5GC = frozenset(
    [
        "amf",
        "smf",
        "upf",
        "nrf",
        "ausf",
        "udm",
        "udr",
        "pcf",
        "nssf",
        "bsf",
        "chf",
        "nef",
        "n3iwf",
        "tngf",
    ]
)
_PROGRAMS = {
    "nr-gnb": "GNB",
    "nr-softmodem": "GNB",
    "nr-cuup": "GNBCUUP",
    "lte-softmodem": "ENB",
    "gnb": "GNB",
    "srsgnb": "GNB",
    "srsenb": "ENB",
    "srscu": "GNBCU",
    "srsdu": "GNBDU",
    "free5gc-upfd": "UPF",
} | {f"open5gs-{n}d": _NAMES[n] for n in _OPEN5GS}
_PROGRAMS |= {n: _NAMES[n] for n in _FREE5GC}
_OAI = re.compile(r"oai_(\w+)")
_BEFORE_PROGRAM = frozenset(
    ("exec", "sudo", "nohup", "time", "env", "stdbuf", "nice", "tini", "--")
)
_SHELLS = frozenset(("sh", "bash", "ash", "dash", "zsh"))
_STATED = re.compile(r"^([A-Z0-9]+) (?:initial local )?configuration$")

_FREE5GC_HEAD = re.compile(
    r"^\s*version: \d+\.\d+\.\d+\s*\n\s*description: (?:[\w-]+ )*"
    r"(?:configuration|Routing information for UE)\s*$",
    re.MULTILINE,
)

NGAP, S1AP, SBI, PFCP = "NGAP", "S1AP", "SBI", "PFCP"
GTP_U, GTP_C, IKE, RADIUS = "GTP-U", "GTP-C", "IKE", "RADIUS"
NAS, METRICS, DIAMETER, RADIO_LINK = "NAS", "metrics", "Diameter", "radio link simulation"

_SOCKETS: dict[str, tuple[str, str, int | None]] = {
    "ngap": (NGAP, "SCTP", 38412),
    "s1ap": (S1AP, "SCTP", 36412),
    "pfcp": (PFCP, "UDP", 8805),
    "gtpu": (GTP_U, "UDP", 2152),
    "gtpc": (GTP_C, "UDP", 2123),
    "sbi": (SBI, "TCP", None),
    "metrics": (METRICS, "TCP", 9090),
}
"""Sections of an Open5GS function that open a socket: the service, protocol and port if unstated."""


@dataclass(frozen=True, slots=True)
class Socket:
    """Something a function listens on.

    `address` is as written, a name or an address, None where it listens on all; `device` is the
    interface whose address it takes, where the file names that instead.
    """

    service: str
    protocol: str
    port: int
    address: str | None
    device: str | None
    encryption: str | None
    authentication: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Configuration:
    """One function's configuration: its kind, its sockets, and the NRF and SCP it is told to use."""

    kind: str | None
    line: int
    sockets: tuple[Socket, ...]
    nrf: str | None = None
    scp: str | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """A known program that a command starts, its kind of function, and the file it is told to read."""

    name: str
    kind: str
    configuration: str | None


def programs(command: Sequence[str], scripts: Mapping[str, str]) -> list[Program]:
    """The known programs that a container's command and arguments start.

    `scripts` are the shell scripts mounted into it, by their paths: a command that is one of them
    starts what it starts.
    """
    found: dict[Program, None] = {}
    for words in _commands(list(command), scripts, 0):
        name = basename(words[0])
        kind = _PROGRAMS.get(name)
        if kind is None and (oai := _OAI.fullmatch(name)):
            kind = _NAMES.get(oai[1].split("_")[0])
        if kind is not None:
            found[Program(name, kind, _option(words[1:]))] = None
    return list(found)


def _commands(words: list[str], scripts: Mapping[str, str], depth: int) -> Iterator[list[str]]:
    """The simple commands of a command line, what shells and scripts in it run included."""
    while words and (words[0] in _BEFORE_PROGRAM or re.match(r"\w+=", words[0])):
        words = words[1:]
    if not words:
        return
    yield words
    if depth > 3:
        return
    if basename(words[0]) in _SHELLS:
        rest = words[1:]
        for index, word in enumerate(rest):
            if re.fullmatch(r"-\w*c", word):
                for line in rest[index + 1 :]:
                    yield from _lines(line, scripts, depth + 1)
                return
        words = [w for w in rest if not w.startswith("-")] or words
    if (script := _mounted(words[0], scripts)) is not None:
        yield from _lines(scripts[script], scripts, depth + 1)


def _lines(text: str, scripts: Mapping[str, str], depth: int) -> Iterator[list[str]]:
    for part in re.split(r"\|\||&&|[;\n|&]", text[:100_000]):
        try:
            words = shlex.split(part, comments=True)
        except ValueError:
            words = part.split()
        while words and words[0] in ("then", "else", "do", "if", "while", "{", "(", "!"):
            words = words[1:]
        if words:
            yield from _commands(words, scripts, depth)


def _option(words: Sequence[str]) -> str | None:
    for index, word in enumerate(words):
        if word in ("-c", "--config", "-f") and index + 1 < len(words):
            return words[index + 1]
        if word.startswith(("--config=", "-c=")):
            return word.partition("=")[2]
    return None


def _mounted(path: str, files: Mapping[str, object]) -> str | None:
    """The mounted file meant by a path that may be relative to a folder nobody states."""
    if path in files:
        return path
    tail = re.sub(r"^(?:\.{1,2}/)+", "", normpath(path))
    fits = [f for f in files if f == f"/{tail}" or f.endswith(f"/{tail}")]
    return fits[0] if len(fits) == 1 else None


def choose(program: Program | None, files: Mapping[str, Node]) -> list[tuple[str, Configuration]]:
    """What a container's mounted files configure, with the file; that of `program`, if one is known.

    Where the program names its file, that file alone is its configuration. Otherwise each mounted
    file is looked at, and those of another kind of function are not the program's own.
    """
    kind = program.kind if program is not None else None
    if program is not None and program.configuration is not None:
        named = _mounted(program.configuration, files)
        return [(named, c) for c in configurations(files[named], kind)] if named else []
    found = [(path, c) for path, root in files.items() for c in configurations(root, kind)]
    return [(path, c) for path, c in found if kind is None or c.kind in (None, kind)]


def configurations(root: Node, kind: str | None = None) -> list[Configuration]:
    """The functions that a file configures; none where it is no configuration of a core function.

    `kind` is what the program that reads it is known to be.
    """
    own = [n for n in root.entries() if n in _OPEN5GS and root.get(n, "sbi") is not None]
    own += [
        n
        for n in root.entries()
        if n in _OPEN5GS and n not in own and any(root.get(n, s) for s in _SOCKETS)
    ]
    if own:
        if len(own) > 1:
            # Before 2.7 a file holds sections of other functions as the addresses of clients.
            own = [n for n in own if _NAMES[n] == kind]
        return [_open5gs(root, n) for n in own]
    if root.get("ngapIp") is not None and root.get("gtpIp") is not None:
        return [_ueransim(root)]
    body = root.get("configuration")
    if body is None and root.get("pfcp") is not None and root.get("gtpu") is not None:
        body = root
    if body is None or not body.is_mapping:
        return []
    found = _free5gc(root, body)
    return [found] if found.kind is not None or found.sockets else []


def listening_address(socket: Socket, addresses: Mapping[str, str | None]) -> str | None:
    """The address listened on, of the interface named or as written; None where not known, or all.

    A name (`amf.example.org`) is no address: which it stands for is for its workload's own feet to
    say, and on all of them is the answer that hides nothing.
    """
    if socket.device is not None:
        address = addresses.get(socket.device)
        return address.split("/")[0] if address is not None else None
    try:
        return str(ipaddress.ip_address((socket.address or "").strip("[]")))
    except ValueError:
        return None


def is_configuration(text: str) -> bool:
    """Whether the first lines of a file look like the configuration of a core function."""
    if _FREE5GC_HEAD.search(text):
        return True
    if re.search(r"^(?:ngapIp|gnbSearchList)\s*:", text, re.MULTILINE):
        return True
    sections = "|".join(sorted(_OPEN5GS))
    return bool(
        re.search(rf"^(?:{sections})\s*:\s*$", text, re.MULTILINE)
        and re.search(r"^\s+(?:sbi|ngap|pfcp|gtpu|s1ap)\s*:\s*$", text, re.MULTILINE)
    )


def _open5gs(root: Node, name: str) -> Configuration:
    section = root.get(name)
    if section is None:  # pragma: no cover  # its name was taken from the root
        return Configuration(_NAMES[name], root.line, ())
    tls = root.get("default", "tls", "server")
    sockets: list[Socket] = []
    for part, (service, protocol, port) in _SOCKETS.items():
        below = section.get(part)
        if below is None:
            continue
        servers = below.each("server") if below.is_mapping else below.each()
        if (
            not servers
            and below.is_mapping
            and below.get(
                "addr",
            )
            is not None
        ):
            servers = [below]
        for server in servers:
            sockets += _open5gs_sockets(server, service, protocol, port, tls)
    clients = section.get("sbi", "client")
    return Configuration(
        _NAMES[name],
        section.line,
        tuple(sockets),
        _client(root, clients, "nrf") if name != "nrf" else None,
        _client(root, clients, "scp") if name != "scp" else None,
    )


def _open5gs_sockets(
    server: Node, service: str, protocol: str, port: int | None, tls: Node | None
) -> Iterator[Socket]:
    uri = urlsplit(server.at("uri") or "")
    own = server.get("tls") or server if service == SBI else None
    scheme = server.at("scheme") or uri.scheme or (tls.at("scheme") if tls is not None else None)
    has_key = own is not None and any(own.get(k) is not None for k in ("private_key", "key", "pem"))
    is_secure = scheme == "https" or (scheme is None and has_key)
    encryption = authentication = None
    if service == SBI:
        encryption = "TLS" if is_secure else "none"
        asks = [n.get("verify_client") for n in (own, tls) if n is not None]
        if is_secure and any(n is not None and n.truth for n in asks):
            authentication = "mutual TLS"
        port = 443 if is_secure else 80
    stated = server.get("port")
    number = _port(stated) or _uri_port(uri.netloc) or port
    if number is None:
        return
    addresses = [a for k in ("address", "addr") for a in _one_or_more(server.get(k))]
    device = server.at("dev")
    if uri.hostname:
        addresses = [uri.hostname]
    listed: list[str | None] = [*addresses] or [None]
    for address in listed:
        yield Socket(
            service, protocol, number, _bound(address), device if address is None else None,
            encryption, authentication, server.line,
        )  # fmt: skip


def _client(root: Node, clients: Node | None, name: str) -> str | None:
    """Where the function is told to find an NRF or SCP: by 2.7's clients, or an older section."""
    if clients is not None:
        for entry in clients.each(name):
            return entry.at("uri") or entry.at("address")
        return None
    for entry in root.each(name, "sbi"):
        address, port = next(iter(_one_or_more(entry.get("addr"))), None), entry.at("port")
        return f"{address}:{port}" if address and port else address or entry.at("uri")
    return None


def _free5gc(root: Node, body: Node) -> Configuration:
    stated = _STATED.match(root.at("info", "description") or root.at("description") or "")
    kind = _NAMES.get(stated[1].lower()) if stated else None
    sockets = [
        *_free5gc_sbi(body.get("sbi")),
        *_at(body.get("ngapIpList"), NGAP, "SCTP", _port(body.get("ngapPort")) or 38412),
        *_free5gc_tunnels(body),
    ]
    for path, service, protocol, port in _FREE5GC_ADDRESSES:
        sockets += _at(body.get(path), service, protocol, port)
    for bound, port_field in _NAS_FIELDS:
        if port_stated := _port(body.get(port_field)):
            sockets += _at(body.get(bound), NAS, "TCP", port_stated)
    for diameter in ("abmfDiameter", "rfDiameter"):
        if port_stated := _port(body.get(diameter, "port")):
            protocol = "SCTP" if body.at(diameter, "protocol") == "sctp" else "TCP"
            sockets += _at(body.get(diameter, "hostIPv4"), DIAMETER, protocol, port_stated)
    metrics = body.get("metrics")
    if metrics is not None and (enabled := metrics.get("enable")) is not None and enabled.truth:
        encryption = {"https": "TLS", "http": "none"}.get(metrics.at("scheme") or "")
        port = _port(metrics.get("port")) or 9091
        sockets += _at(metrics.get("bindingIPv4"), METRICS, "TCP", port, encryption)
    return Configuration(kind, body.line, tuple(sockets), body.at("nrfUri"))


_FREE5GC_ADDRESSES = (
    ("n3iwfGtpBindAddress", GTP_U, "UDP", 2152),
    ("GTPBindAddress", GTP_U, "UDP", 2152),
    ("ikeBindAddress", IKE, "UDP", 500),
    ("ikeBindAddress", IKE, "UDP", 4500),
    ("IKEBindAddress", IKE, "UDP", 500),
    ("IKEBindAddress", IKE, "UDP", 4500),
    ("RadiusBindAddress", RADIUS, "UDP", 1812),
)
_NAS_FIELDS = (("ipSecTunnelAddress", "nasTcpPort"), ("IPSecTunnelAddress", "NASTCPPort"))


def _free5gc_sbi(sbi: Node | None) -> list[Socket]:
    if sbi is None or not sbi.is_mapping:
        return []
    scheme, oauth = sbi.at("scheme"), sbi.get("oauth")
    port = _port(sbi.get("port")) or (443 if scheme == "https" else 80)
    address = sbi.at("bindingIPv4") or sbi.at("bindingIP") or sbi.at("bindingIPv6")
    return [
        Socket(
            SBI,
            "TCP",
            port,
            _bound(address),
            None,
            {"https": "TLS", "http": "none"}.get(scheme or ""),
            "OAuth 2.0" if oauth is not None and oauth.truth else None,
            sbi.line,
        )
    ]


def _free5gc_tunnels(body: Node) -> Iterator[Socket]:
    """PFCP and GTP-U; older UPFs give lists of addresses."""
    pfcp = body.get("pfcp")
    if pfcp is not None and pfcp.is_mapping:
        bound = pfcp.get("listenAddr") or pfcp.get("addr") or pfcp.get("nodeID")
        yield from _at(bound, PFCP, "UDP", 8805)
    for entry in body.each("pfcp"):
        yield from _at(entry.get("addr"), PFCP, "UDP", 8805)
    for entry in body.each("gtpu", "ifList") or body.each("gtpu"):
        yield from _at(entry.get("addr"), GTP_U, "UDP", 2152)


def _at(
    node: Node | None, service: str, protocol: str, port: int, encryption: str | None = None
) -> list[Socket]:
    """A socket at each address that the node states, one or a list."""
    items = [] if node is None else [node] if node.text else node.each()
    return [
        Socket(service, protocol, port, _bound(n.text), None, encryption, None, n.line)
        for n in items
    ]


def _ueransim(root: Node) -> Configuration:
    sockets = [
        Socket(service, "UDP", port, _bound(node.text), None, None, None, node.line)
        for key, service, port in (("gtpIp", GTP_U, 2152), ("linkIp", RADIO_LINK, 4997))
        if (node := root.get(key)) is not None and node.text
    ]
    return Configuration("GNB", root.line, tuple(sockets))


def _one_or_more(node: Node | None) -> list[str]:
    if node is None:
        return []
    return [node.text] if node.text else [n.text for n in node.each() if n.text]


def _bound(address: str | None) -> str | None:
    """The address listened on; None for all of them."""
    return None if address in (None, "", "0.0.0.0", "::", "[::]") else address  # noqa: S104  # as read


def _port(node: Node | None) -> int | None:
    number = node.integer if node is not None else None
    return number if number is not None and 0 < number <= 65535 else None


def _uri_port(netloc: str) -> int | None:
    tail = netloc.rpartition(":")[2]
    return int(tail) if tail.isascii() and tail.isdigit() and 0 < int(tail[:6]) <= 65535 else None
