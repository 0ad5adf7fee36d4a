"""What runs in a workload: its images, the core functions in it, and what they listen on."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ringfence.sources.core_configuration import (
    Configuration,
    Program,
    choose,
    listening_address,
    programs,
)
from ringfence.sources.images import VENDOR_LABELS, VERSION_LABELS, Image, image, stated
from ringfence.sources.kubernetes.networks import Foot
from ringfence.sources.kubernetes.objects import Manifests, Thing
from ringfence.sources.kubernetes.workloads import Container, Workload
from ringfence.sources.yaml_files import Node, documents

PROTOCOLS = ("TCP", "UDP", "SCTP")
LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Listening:
    """Something a workload listens on."""

    protocol: str
    port: int
    address: str | None
    origin: str
    function: str | None = None
    service: str | None = None
    encryption: str | None = None
    authentication: str | None = None


@dataclass(slots=True, eq=False)
class Running:
    """What runs in one workload."""

    images: list[tuple[Image, Container]] = field(default_factory=list)
    main: Image | None = None
    functions: dict[str, str] = field(default_factory=dict)
    """Kinds of function, with where it is stated."""
    listening: list[Listening] = field(default_factory=list)
    vendor_name: str | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class _File:
    """A file mounted into a container, from the ConfigMap or Secret `thing`."""

    text: str
    root: Node | None
    thing: Thing
    holder: Node | None
    name: str

    def origin(self, line: int) -> str:
        return f"{self.name}:{self.holder.content_line(line) if self.holder else line}"


class Software:
    """Finds what runs in workloads by the configuration that is mounted into them."""

    def __init__(self, manifests: Manifests) -> None:
        self._maps: dict[tuple[str, str, str], Thing] = {}
        self._unplaced: dict[tuple[str, str], Thing] = {}
        for thing in manifests.of("ConfigMap", "Secret"):
            for name in (thing.original_name, thing.name):
                self._maps[thing.kind, thing.namespace or "", name] = thing
                if not thing.is_placed:
                    self._unplaced[thing.kind, name] = thing
        self._parsed: dict[tuple[int, str], _File] = {}
        self._used: set[int] = set()
        self._all = manifests.of("ConfigMap", "Secret")

    def set_aside_unused(self) -> None:
        """Tell of the ConfigMaps and Secrets that configure no function."""
        for thing in self._all:
            if id(thing) not in self._used:
                thing.aside = f"{thing.kind} configures no core function that is given"

    def of(self, workload: Workload, feet: Sequence[Foot]) -> Running:
        """What runs in the workload."""
        running = Running()
        labels = dict(workload.annotations) | dict(workload.labels.stated)
        labels |= workload.thing.annotations | workload.thing.labels
        running.vendor_name = stated(labels, VENDOR_LABELS)
        known: Image | None = None
        for container in workload.containers:
            found = image(container.image)
            if found is not None:
                running.images.append((found, container))
            if self._functions(workload, container, feet, running) and known is None:
                known = found
        running.main = known or (running.images[0][0] if running.images else None)
        version = running.main.version if running.main is not None else None
        running.version = version or stated(labels, VERSION_LABELS)
        taken = {(p.protocol, p.port) for p in running.listening}
        for container in workload.containers:
            for port in container.ports:
                pair = (port.protocol, port.number)
                if pair not in taken and is_port(*pair):
                    taken.add(pair)
                    origin = workload.thing.origin(port.node)
                    running.listening.append(Listening(*pair, None, origin))
        return running

    def _functions(
        self, workload: Workload, container: Container, feet: Sequence[Foot], running: Running
    ) -> bool:
        """Add what the container's program and configuration state; whether they state anything."""
        files = dict(self._mounted(workload, container))
        scripts = {path: file.text for path, file in files.items() if file.text}
        started = programs(container.command, scripts)
        command = container.node.get("command") or container.node.get("args") or container.node
        for program in started:
            running.functions.setdefault(program.kind, workload.thing.origin(command))
        roots = {path: file.root for path, file in files.items() if file.root is not None}
        wanted: list[Program | None] = [*started] or [None]
        chosen = [pair for program in wanted for pair in choose(program, roots)]
        kinds = {c.kind for _, c in chosen if c.kind is not None}
        if not started and len(kinds) > 1:
            return False  # It mounts the configurations of others and is none of them.
        for path, configuration in dict.fromkeys(chosen):
            self._used.add(id(files[path].thing))
            self._configured(files[path], configuration, feet, running)
        return bool(started or chosen)

    def _configured(
        self, file: _File, configuration: Configuration, feet: Sequence[Foot], running: Running
    ) -> None:
        kind = configuration.kind
        if kind is not None:
            running.functions.setdefault(kind, file.origin(configuration.line))
        for socket in configuration.sockets:
            listening = Listening(
                socket.protocol,
                socket.port,
                listening_address(socket, {f.name: f.address for f in reversed(feet)}),
                file.origin(socket.line),
                kind,
                socket.service,
                socket.encryption,
                socket.authentication,
            )
            pairs = {(p.protocol, p.port, p.address) for p in running.listening}
            if (listening.protocol, listening.port, listening.address) not in pairs:
                running.listening.append(listening)

    def _mounted(self, workload: Workload, container: Container) -> Iterator[tuple[str, _File]]:
        """The files that ConfigMaps and Secrets put into a container, by their paths in it."""
        for name, path, sub_path in container.mounts:
            volume = workload.volumes.get(name)
            if volume is None:
                continue
            for source in (volume, *volume.each("projected", "sources")):
                for thing, items in self._sources(workload, source):
                    wanted = {
                        key: i.at("path") or key for i in items if (key := i.at("key")) is not None
                    }
                    for key, file in self._files(thing):
                        target = wanted.get(key) if wanted else key
                        if target is None:
                            continue
                        if sub_path is None:
                            yield f"{path.rstrip('/')}/{target}", file
                        elif sub_path == target:
                            yield path, file

    def _sources(self, workload: Workload, source: Node) -> Iterator[tuple[Thing, list[Node]]]:
        for kind, section, fields in (
            ("ConfigMap", "configMap", ("name",)),
            ("Secret", "secret", ("secretName", "name")),
        ):
            below = source.get(section)
            name = next((n for f in fields if below is not None and (n := below.at(f))), None)
            if below is None or name is None:
                continue
            thing = self._maps.get((kind, workload.namespace, name))
            thing = thing or self._unplaced.get((kind, name))
            if thing is not None:
                yield thing, below.each("items")

    def _files(self, thing: Thing) -> Iterator[tuple[str, _File]]:
        for key, (root, name) in thing.data.items():
            yield key, _File("", root, thing, None, name)
        for section in ("data", "stringData"):
            if thing.kind == "Secret" and section == "data":
                continue  # Base64: what is secret is not looked into.
            for key, node in thing.node.entries(section).items():
                at = (id(thing), key)
                if at not in self._parsed:
                    text = node.text or ""
                    first = next(documents(text), None) if "\n" in text else None
                    parsed = first if isinstance(first, Node) and first.is_mapping else None
                    self._parsed[at] = _File(text, parsed, thing, node, thing.file)
                yield key, self._parsed[at]


def is_port(protocol: str, number: int) -> bool:
    """Whether a stated port is one."""
    return protocol in PROTOCOLS and 0 < number <= LAST_PORT
