"""Docker compose files, with the configurations that their services mount, to network tables.

Read is the Compose Specification (versions 2 and 3 of the file format are part of it): `services`
and `networks`. Each file is one stack on one host; two files in a folder are alternatives, unless
one is an override, which is set aside: `docker compose config` writes out what they come to.

A service is an element, and so is the host, which hosts and orchestrates them all. Services meet
in the networks they name, or in the stack's default network. A service with `network_mode: host`
has no network of its own: it has the host's feet, among them the host's end of each bridge. What
nobody publishes is open inside a network; an `internal` network lets nothing out and in, which is
a boundary at each foot in it. Published ports are endpoints of the host.

Names that services give each other (`amf.example.org`) are addresses only where one is stated.
An NRF whose configuration turns OAuth 2.0 on authenticates the functions configured to use it.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename, dirname, join, normpath, splitext
from urllib.parse import urlsplit

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.compose_values import (
    address_of,
    filled,
    gateway_of,
    is_isolating,
    pairs,
    port_range,
    protocol_of,
    published_ports,
    range_of,
    words,
)
from ringfence.sources.core_configuration import (
    Configuration,
    Program,
    choose,
    is_configuration,
    listening_address,
    programs,
)
from ringfence.sources.images import VENDOR_LABELS, VERSION_LABELS, Image, image, stated
from ringfence.sources.rows import Rows
from ringfence.sources.yaml_files import Fault, Node, documents, head_text, read_text

_SERVICES = re.compile(r"^[\"']?services[\"']?\s*:\s*(?:#.*)?$", re.MULTILINE)
_OF_A_SERVICE = re.compile(
    r"^\s+(?:image|build|container_name|network_mode|depends_on|ports|expose|entrypoint|extends)\s*:",
    re.MULTILINE,
)
_API = re.compile(r"^apiVersion\s*:", re.MULTILINE)
_FILE_NAME = re.compile(r"(?:docker-)?compose.*\.ya?ml")
_OVERRIDE = re.compile(r"(?:docker-)?compose\.override\.ya?ml")
_FOLDERS_UP = 3
_HOST, _NONE = "host", "none"


class Compose:
    """Reads compose files and the configurations beside them, together."""

    kind = "compose"
    describes = "Docker compose files, with the configurations of core functions they mount"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Decide by `services`; a mounted configuration by what lies beside it."""
        text = head_text(head)
        if _SERVICES.search(text) and _OF_A_SERVICE.search(text) and not _API.search(text):
            return Claim(0.95, "it states services and what they run")
        if is_configuration(text):
            if _has_compose_file(path):
                return Claim(
                    0.65, "it configures a core function, and a compose file lies above it"
                )
            return Claim(0.5, "it configures a core function")
        return Claim(0.0, "it states no services")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield what one file gives; raise `SourceError` where it has no services."""
        name = options.origin or path.name
        stacks = _Stacks({name: path}, options)
        if not stacks.found and not stacks.loose:
            fault = next(iter(stacks.rejects), None)
            reason = fault.reason if fault is not None else "states no services"
            where = f"{name}:{fault.place}" if fault is not None else name
            raise SourceError(f"no compose file: {reason}", where=where)
        yield from stacks.items()

    def read_together(
        self, files: Mapping[str, Path], options: Options
    ) -> Iterator[Batch | Reject | Read]:
        """Yield what the compose files below one path give, each a stack of its own."""
        yield from _Stacks(files, options).items()


def _has_compose_file(path: Path) -> bool:
    try:
        return any(
            _FILE_NAME.fullmatch(file.name)
            for folder in list(path.absolute().parents)[:_FOLDERS_UP]
            for file in folder.glob("*compose*.y*ml")
        )
    except OSError:
        return False


class _Stacks:
    """All files on their way to rows."""

    def __init__(self, files: Mapping[str, Path], options: Options) -> None:
        self._files = sorted(files)
        self._root = options.origin or next(iter(self._files), "")
        self.key = f"{options.prefix}:" if options.prefix else f"compose:{self._root}/"
        self.rows = Rows()
        self.rejects: list[Reject] = []
        self.found: dict[str, Node] = {}
        self.loose: dict[str, Node] = {}
        self.used: set[str] = set()
        self.products: dict[str, tuple[str | None, str]] = {}
        self._records: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        for name in self._files:
            self._read(name, files[name])

    def items(self) -> Iterator[Batch | Reject | Read]:
        """The rows, what became none, and the counts."""
        for name, root in self.found.items():
            _Stack(self, name, root, self._stack_name(name, root)).read()
        for key, (vendor, origin) in sorted(self.products.items()):
            model = key.removeprefix(f"{self.key}image/")
            self.rows.add("product", id=key, vendor_name=vendor, model=model, origin=origin)
        for name in self.loose:
            if name in self.used:
                self.keep(name)
            else:
                reason = "configures no core function of a service that is given"
                self.reject(name, name, reason, "set aside")
        yield from self.rows.batches()
        yield from self.rejects
        for name in self._files:
            yield Read(self._records[name], self._kept[name], file=name)

    def keep(self, file: str) -> None:
        """Count a record that became rows."""
        self._records[file] += 1
        self._kept[file] += 1

    def reject(
        self, file: str, place: str, reason: str, kind: str = "fault", rows: int = 1
    ) -> None:
        """Tell of records that became none."""
        self._records[file] += rows
        self.rejects.append(Reject(place, reason, kind=kind, rows=rows, file=file))

    def _stack_name(self, name: str, root: Node) -> str:
        own = root.at("name")
        inside = splitext(name.removeprefix(f"{self._root}/"))[0]
        same = [n for n, r in self.found.items() if r.at("name") == own]
        return own if own is not None and "$" not in own and len(same) == 1 else inside

    def _read(self, name: str, path: Path) -> None:
        try:
            text = read_text(path)
        except SourceError as error:
            self.reject(name, name, error.message)
            return
        count = 0
        for document in documents(text):
            count += 1
            if isinstance(document, Fault):
                self.reject(name, f"line {document.line}", document.reason)
            elif document.get("services") is None:
                if count == 1:
                    self.loose[name] = document
                else:
                    self.reject(name, f"line {document.line}", "states no services", "set aside")
            elif _OVERRIDE.fullmatch(basename(name)):
                reason = (
                    "is laid over the compose file beside it: "
                    "give the output of `docker compose config` to have it applied"
                )
                self.reject(name, f"line {document.line}", reason, "set aside")
            elif name in self.found:
                self.reject(name, f"line {document.line}", "is a second document", "set aside")
            else:
                self.found[name] = document
        if count == 0:
            self.reject(name, name, "states nothing", "set aside")


@dataclass(slots=True, eq=False)
class _Net:
    """A network of a stack."""

    key: str
    name: str
    origin: str
    node: Node | None
    is_internal: bool = False
    bridge: str | None = None
    members: list[str] = field(default_factory=list)


class _Stack:
    """One compose file."""

    def __init__(self, stacks: _Stacks, file: str, root: Node, name: str) -> None:
        self._all = stacks
        self._rows = stacks.rows
        self._file = file
        self._root = root
        self._name = name
        self._key = f"{stacks.key}{name}/"
        self._host = f"{self._key}host"
        self._services = {n: s for n, s in root.entries("services").items() if s.is_mapping}
        self._networks: dict[str, _Net] = {}
        self._feet: dict[str, dict[str, str | None]] = defaultdict(dict)
        """Of each service the address in each network it names, null where not stated."""
        self._told_of: set[str] = set()
        """Keys of endpoints: what two configurations open is one."""
        self._closed_networks: set[str] = set()
        self._uses: list[tuple[str, str, str]] = []
        """Services that use an NRF: the service, the name it calls it by, where that stands."""
        self._giving_tokens: set[str] = set()
        """Services that are NRFs and give out OAuth 2.0 tokens."""
        self._has_host_network = False
        self._published: set[tuple[str, int, str | None]] = set()

    def read(self) -> None:
        """Add the stack's rows."""
        for name, node in self._root.entries("services").items():
            if name not in self._services:
                self._told(node, f"service {name} states nothing", "fault")
        if not self._services:
            return
        for name, node in self._root.entries("networks").items():
            self._network(name, node)
        for name, service in self._services.items():
            self._find_feet(name, service)
        self._rows.add(
            "element", id=self._host, name=f"host of {self._name}", kind="host",
            vendor_name=None, product=None, software_version=None, origin=self._at(self._root),
        )  # fmt: skip
        for name, service in self._services.items():
            self._service(name, service)
            self._all.keep(self._file)
        self._segments()
        self._authorised()
        self._no_place()

    def _authorised(self) -> None:
        """An NRF that gives out tokens decides whom the others let in (3GPP TS 33.501, 13.4.1)."""
        called: dict[str, str] = {}
        for name, service in self._services.items():
            own = [name, service.at("container_name"), service.at("hostname")]
            own += [a for n in service.entries("networks").values() for a in n.texts("aliases")]
            for alias in own:
                if alias is not None:
                    called.setdefault(alias, name)
        for name, host, origin in dict.fromkeys(self._uses):
            nrf = called.get(host)
            if nrf in self._giving_tokens and nrf != name:
                self._rows.add(
                    "relation", source=f"{self._key}{nrf}", target=f"{self._key}{name}",
                    kind="authenticates", origin=origin,
                )  # fmt: skip

    def _no_place(self) -> None:
        """Tell of what a stack states besides services and networks."""
        for section in ("volumes", "configs", "secrets"):
            if entries := self._root.entries(section):
                first = next(iter(entries.values()))
                reason = f"{section} of a stack have no place in the model"
                self._told(first, reason, "set aside", len(entries))
        for node in self._root.each("include"):
            self._told(node, "what a stack includes is not read with it", "set aside")

    def _at(self, node: Node) -> str:
        return f"{self._file}:{node.line}"

    def _told(self, node: Node, reason: str, kind: str, rows: int = 1) -> None:
        self._all.reject(self._file, f"line {node.line}", reason, kind, rows)

    # Networks

    def _network(self, name: str, node: Node) -> _Net:
        external = node.get("external")
        is_external = external is not None and (external.truth is True or external.is_mapping)
        shown = filled(node.at("name")) or (external.at("name") if external else None) or name
        key = f"{self._all.key}network/{shown}" if is_external else f"{self._key}network/{name}"
        internal = node.get("internal")
        net = _Net(key, shown, self._at(node), node)
        net.is_internal = internal is not None and internal.truth is True
        net.bridge = filled(node.at("driver_opts", "com.docker.network.bridge.name"))
        self._networks[name] = net
        return net

    def _find_feet(self, name: str, service: Node) -> None:
        mode = filled(service.at("network_mode"))
        if mode == _HOST:
            self._has_host_network = True
            return
        if mode == _NONE or (mode or "").startswith(("service:", "container:")):
            return
        stated = service.get("networks")
        named = dict(stated.entries()) if stated is not None else {}
        if stated is not None and stated.is_list:
            named = {n.text: n for n in stated.each() if n.text}
        for network, node in (named or {"default": service}).items():
            if network not in self._networks:
                self._networks[network] = _Net(
                    f"{self._key}network/{network}", network, self._at(node), None
                )
            address = address_of(node.at("ipv4_address")) or address_of(node.at("ipv6_address"))
            self._feet[name][network] = address
            self._networks[network].members.append(name)

    def _segments(self) -> None:
        for name, net in self._networks.items():
            node, bridge = net.node, net.bridge
            subnets = node.each("ipam", "config") if node is not None else []
            ranges = [c for s in subnets if (c := range_of(s.at("subnet")))]
            driver = (node.at("driver") if node is not None else None) or "bridge"
            on = filled(node.at("driver_opts", "parent")) if node is not None else None
            self._segment(
                net.key, net.name, "container network", net.origin,
                parent=self._wire(on, net.origin) if on and driver in ("macvlan", "ipvlan") else None,
                on=on or bridge, address_range=ranges[0] if len(ranges) == 1 else None,
                isolates=is_isolating(node, driver),
            )  # fmt: skip
            for text in ranges if len(ranges) > 1 else ():
                self._segment(
                    f"{net.key}/{text}", net.name, "subnet", net.origin,
                    parent=net.key, on=None, address_range=text, isolates=None,
                )  # fmt: skip
            if driver == "bridge":
                self._host_foot(self._host, name, net, gateway_of(subnets))
            if node is not None:
                self._all.keep(self._file)
        if self._has_host_network:
            self._segment(
                f"{self._key}host-network", f"host network of {self._name}", "host network",
                self._at(self._root), parent=None, on=None, address_range=None, isolates=None,
            )  # fmt: skip
            self._interface(self._host, "host", f"{self._key}host-network", None, self._root)

    def _wire(self, on: str, origin: str) -> str:
        key = f"{self._key}wire/{on}"
        self._segment(
            key, on, "VLAN", origin, parent=None, on=on, address_range=None, isolates=None
        )
        return key

    def _segment(
        self, key: str, name: str, kind: str, origin: str, *, parent: str | None, on: str | None,
        address_range: str | None, isolates: bool | None,
    ) -> None:  # fmt: skip
        self._rows.add(
            "segment", id=key, name=name, kind=kind, parent=parent, parent_interface=on,
            address_range=address_range, isolates_members=isolates, origin=origin,
        )  # fmt: skip

    def _host_foot(self, element: str, name: str, net: _Net, gateway: str | None) -> None:
        """The host's end of a bridge."""
        self._rows.add(
            "interface", id=f"{element}/interface/bridge {name}", element=element,
            segment=net.key, name=net.bridge, address=gateway, origin=net.origin,
        )  # fmt: skip

    def _interface(
        self, element: str, name: str, segment: str, address: str | None, node: Node
    ) -> str:
        key = f"{element}/interface/{name}"
        self._rows.add(
            "interface", id=key, element=element, segment=segment, name=name, address=address,
            origin=self._at(node),
        )  # fmt: skip
        return key

    # Services

    def _service(self, name: str, service: Node) -> None:
        element = f"{self._key}{name}"
        feet = self._stand(element, name, service)
        found = image(filled(service.at("image")))
        labels = pairs(service.get("labels"))
        vendor = stated(labels, VENDOR_LABELS)
        product = self._product(element, found, service, vendor) if found is not None else None
        version = found.version if found is not None else None
        self._rows.add(
            "element", id=element, name=filled(service.at("container_name")) or name,
            kind="container", vendor_name=vendor, product=product,
            software_version=version or stated(labels, VERSION_LABELS), origin=self._at(service),
        )  # fmt: skip
        for kind in ("hosts", "orchestrates"):
            self._rows.add(
                "relation", source=self._host, target=element, kind=kind, origin=self._at(service)
            )
        taken = self._functions(element, service, feet)
        self._ports(element, service, taken)
        if service.get("extends") is not None:
            node = service.get("extends") or service
            reason = f"what service {name} extends is not laid under it"
            self._told(node, reason, "set aside")

    def _product(self, element: str, found: Image, service: Node, vendor: str | None) -> str:
        node = service.get("image") or service
        key = f"{self._all.key}image/{found.repository}"
        known, first = self._all.products.setdefault(key, (vendor, self._at(node)))
        if known != vendor:
            self._all.products[key] = (None, first)
        self._rows.add(
            "component", id=f"{element}/image", element=element, kind="container",
            name=found.repository, version=found.version, sha256=found.sha256,
            origin=self._at(node),
        )  # fmt: skip
        return key

    def _stand(self, element: str, name: str, service: Node) -> dict[str, str | None]:
        """Add the service's feet; their addresses by the name of the interface in the container."""
        mode = filled(service.at("network_mode")) or ""
        node = service.get("network_mode") or service
        if mode == _HOST:
            self._interface(element, "host", f"{self._key}host-network", None, node)
            for network, net in self._networks.items():
                driver = net.node.at("driver") if net.node is not None else None
                if driver in (None, "bridge"):
                    self._host_foot(element, network, net, None)
            return {}
        sharer, _, other = mode.partition(":")
        shown = self._feet[name]
        if sharer == "service" and other in self._services:
            shown = self._feet[other]
        elif sharer in ("service", "container"):
            self._rows.add(
                "interface", id=f"{element}/interface/eth0", element=element, segment=None,
                name="eth0", address=None, origin=self._at(node),
            )  # fmt: skip
        addresses: dict[str, str | None] = {}
        for number, (network, address) in enumerate(shown.items()):
            net = self._networks[network]
            foot = self._interface(element, f"eth{number}", net.key, address, node)
            addresses[f"eth{number}"] = address
            if net.is_internal:
                self._closed(element, foot, net)
        return addresses

    def _closed(self, element: str, foot: str, net: _Net) -> None:
        """Only those in an internal network reach each other."""
        group = f"{net.key}/members"
        if net.key not in self._closed_networks:
            self._closed_networks.add(net.key)
            for member in net.members:
                self._rows.add(
                    "group_member", group=group, element=f"{self._key}{member}", is_certain=True,
                    origin=net.origin,
                )  # fmt: skip
        for way in ("in", "out"):
            boundary = f"{foot}/{way}"
            self._rows.add(
                "boundary", id=boundary, element=element, interface=foot, direction=way,
                default_action="deny", is_stateful=True, has_rules_stated=True, origin=net.origin,
            )  # fmt: skip
            self._rows.add(
                "filter", id=f"{boundary}/members", boundary=boundary, tier=0, position=0,
                action="allow", source_group=group if way == "in" else None,
                destination_group=group if way == "out" else None, is_understood=True,
                text=f"network {net.name} is internal", origin=net.origin,
            )  # fmt: skip

    def _functions(
        self, element: str, service: Node, feet: Mapping[str, str | None]
    ) -> set[tuple[str, int]]:
        """Add functions and what they listen on; the ports that were told of."""
        files = dict(self._mounted(service))
        roots = {path: self._all.loose[name] for path, name in files.items()}
        command = words(service.get("entrypoint")) + words(service.get("command"))
        started = programs(command, {})
        functions: dict[str, str] = {}
        node = service.get("command") or service.get("entrypoint") or service
        for program in started:
            functions.setdefault(program.kind, self._at(node))
        wanted: list[Program | None] = [*started] or [None]
        chosen = [pair for program in wanted for pair in choose(program, roots)]
        kinds = {c.kind for _, c in chosen if c.kind is not None}
        taken: set[tuple[str, int]] = set()
        if started or len(kinds) == 1:
            for path, configuration in dict.fromkeys(chosen):
                self._all.used.add(files[path])
                self._configured(element, files[path], configuration, feet, taken)
                if configuration.kind is not None:
                    origin = f"{files[path]}:{configuration.line}"
                    functions.setdefault(configuration.kind, origin)
        for kind, origin in functions.items():
            self._rows.add("function", element=element, kind=kind, origin=origin)
        return taken

    def _configured(
        self, element: str, file: str, configuration: Configuration,
        feet: Mapping[str, str | None], taken: set[tuple[str, int]],
    ) -> None:  # fmt: skip
        done = set()
        name = element.removeprefix(self._key)
        if configuration.nrf is not None:
            host = urlsplit(configuration.nrf).hostname or configuration.nrf
            self._uses.append((name, host, f"{file}:{configuration.line}"))
        if configuration.kind == "NRF" and any(s.authentication for s in configuration.sockets):
            self._giving_tokens.add(name)
        for socket in configuration.sockets:
            taken.add((socket.protocol, socket.port))
            address = listening_address(socket, feet)
            if address is None and len(feet) == 1 and socket.address is not None:
                # A name of the service itself: it has one foot, so that is where it listens.
                only = next(iter(feet.values()))
                address = only.split("/")[0] if only is not None else None
            if (socket.protocol, socket.port, address) not in done:
                done.add((socket.protocol, socket.port, address))
                self._endpoint(
                    element, socket.protocol, socket.port, address, f"{file}:{socket.line}",
                    function=configuration.kind, service=socket.service,
                    encryption=socket.encryption, authentication=socket.authentication,
                )  # fmt: skip

    def _mounted(self, service: Node) -> Iterator[tuple[str, str]]:
        """The given files that are mounted into a service: path in it, and the file's name."""
        for volume in service.each("volumes"):
            source, target = volume.at("source"), volume.at("target")
            if volume.text is not None:
                source, _, target = volume.text.partition(":")
            yield from self._bound(source, (target or "").split(":")[0])
        for use in service.each("configs"):
            name = use.text or use.at("source")
            file = self._root.at("configs", name or "", "file")
            yield from self._bound(file, use.at("target") or f"/{name}")

    def _bound(self, source: str | None, target: str) -> Iterator[tuple[str, str]]:
        source = filled(source)
        if source is None:
            return
        name = normpath(join(dirname(self._file), source))
        if name in self._all.loose:
            yield target, name
            return
        for file in self._all.loose:
            if file.startswith(f"{name}/"):
                yield f"{target}/{file[len(name) + 1 :]}", file

    def _ports(self, element: str, service: Node, taken: set[tuple[str, int]]) -> None:
        inside: dict[tuple[str, int], Node] = {}
        for node in service.each("expose"):
            for port in port_range(node.text):
                inside.setdefault((protocol_of(node.text), port), node)
        for node in service.each("ports"):
            for address, outside, target, protocol in published_ports(node):
                if target is not None:
                    inside.setdefault((protocol, target), node)
                if outside is not None and (protocol, outside, address) not in self._published:
                    self._published.add((protocol, outside, address))
                    self._endpoint(self._host, protocol, outside, address, self._at(node))
        for (protocol, port), node in inside.items():
            if (protocol, port) not in taken:
                self._endpoint(element, protocol, port, None, self._at(node))

    def _endpoint(
        self, element: str, protocol: str, port: int, address: str | None, origin: str, *,
        function: str | None = None, service: str | None = None, encryption: str | None = None,
        authentication: str | None = None,
    ) -> None:  # fmt: skip
        end = f"/{address}" if address is not None else ""
        key = f"{element}/endpoint/{protocol}/{port}{end}"
        if key in self._told_of:
            return
        self._told_of.add(key)
        self._rows.add(
            "endpoint", id=key, element=element,
            address=address, function=function, protocol=protocol, port=port, service=service,
            authentication=authentication, encryption=encryption, origin=origin,
        )  # fmt: skip
