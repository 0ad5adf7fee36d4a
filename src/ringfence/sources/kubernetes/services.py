"""Services, Ingresses and Routes: which ports of which workloads they lead to."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ringfence.sources.kubernetes.objects import Manifests, Thing
from ringfence.sources.kubernetes.running import LAST_PORT, PROTOCOLS
from ringfence.sources.kubernetes.selectors import equals
from ringfence.sources.kubernetes.workloads import Workload
from ringfence.sources.yaml_files import Node


@dataclass(frozen=True, slots=True)
class Target:
    """A port of a workload that something leads to; `is_certain` where it is sure to select it."""

    workload: Workload
    protocol: str
    port: int
    origin: str
    is_certain: bool


@dataclass(frozen=True, slots=True)
class NodePort:
    """A port that every node of the cluster opens for a Service."""

    service: Thing
    protocol: str
    port: int
    node: Node


class Services:
    """The Services of a cluster, resolved to the ports of workloads."""

    def __init__(self, manifests: Manifests, workloads: Sequence[Workload]) -> None:
        self._by_namespace: dict[str, list[Workload]] = defaultdict(list)
        for workload in workloads:
            self._by_namespace[workload.namespace].append(workload)
        self._services = {
            (t.namespace or "", name): t
            for t in manifests.of("Service")
            for name in (t.original_name, t.name)
        }
        self.targets: list[Target] = []
        self.node_ports: list[NodePort] = []
        self.entries: list[tuple[Target, Thing]] = []
        """What Ingresses and Routes lead to, with the object that says so."""
        self._of_workload: dict[str, list[Target]] = defaultdict(list)
        for thing in manifests.of("Service"):
            self._service(thing)
        for target in self.targets:
            self._of_workload[target.workload.id].append(target)
        for thing in manifests.of("Ingress", "Route"):
            self._entry(thing)

    def of(self, workload: Workload) -> Sequence[Target]:
        """What Services lead to at one workload."""
        return self._of_workload.get(workload.id, ())

    def _service(self, thing: Thing) -> None:
        if thing.group:
            thing.aside = f"Service of {thing.group} has no place in the model"
            return
        found = [t for port in thing.node.each("spec", "ports") for t in self._of_port(thing, port)]
        self.targets += found
        for port in thing.node.each("spec", "ports"):
            number = port.get("nodePort")
            if number is not None and number.integer is not None:
                protocol = (port.at("protocol") or "TCP").upper()
                if protocol in PROTOCOLS and 0 < number.integer <= LAST_PORT:
                    self.node_ports.append(NodePort(thing, protocol, number.integer, port))
        if not found and not any(n.service is thing for n in self.node_ports):
            thing.aside = "Service selects no workload that is given"

    def _of_port(self, thing: Thing, port: Node) -> Iterator[Target]:
        protocol = (port.at("protocol") or "TCP").upper()
        wanted = port.get("targetPort")
        if wanted is None or wanted.is_null:
            wanted = port.get("port")
        for workload, certain in self._selected(thing):
            yield from _targets(workload, protocol, wanted, thing.origin(port), certain)

    def _selected(self, thing: Thing) -> Iterator[tuple[Workload, bool]]:
        stated = equals(thing.node.get("spec", "selector"))
        if stated is None:
            return
        chosen = stated.also(thing.settings.selector_labels)
        for workload in self._by_namespace[thing.namespace or ""]:
            matches = chosen.matches(workload.labels)
            if matches is not False:
                yield workload, matches is True

    def _entry(self, thing: Thing) -> None:
        known = ("networking.k8s.io", "extensions", "route.openshift.io", "")
        found: list[Target] = []
        if thing.group in known:
            backends = (
                _ingress_backends(thing) if thing.kind == "Ingress" else _route_backends(thing)
            )
            for name, port in backends:
                service = self._services.get((thing.namespace or "", name))
                if service is not None:
                    found += self._behind(thing, service, port)
        self.entries += [(target, thing) for target in dict.fromkeys(found)]
        if not found:
            thing.aside = f"{thing.kind} leads to no workload that is given"

    def _behind(self, thing: Thing, service: Thing, wanted: Node | None) -> Iterator[Target]:
        """The targets of a service's port: by its number or name, or (a Route) by its target."""
        origin = thing.origin(wanted)
        for port in service.node.each("spec", "ports"):
            names = {port.at("name"), port.at("port")}
            if thing.kind == "Route":
                names = {port.at("name"), port.at("targetPort") or port.at("port")}
            if wanted is None or wanted.text in names - {None}:
                for target in self._of_port(service, port):
                    yield Target(
                        target.workload, target.protocol, target.port, origin, target.is_certain
                    )


def _targets(
    workload: Workload, protocol: str, wanted: Node | None, origin: str, certain: bool
) -> Iterator[Target]:
    if wanted is None or wanted.text is None:
        return
    numbers: Iterable[int] = (
        [wanted.integer]
        if wanted.integer is not None
        else [p.number for p in workload.ports_named(wanted.text) if p.protocol == protocol]
    )
    for number in dict.fromkeys(numbers):
        if protocol in PROTOCOLS and 0 < number <= LAST_PORT:
            yield Target(workload, protocol, number, origin, certain)


def _ingress_backends(thing: Thing) -> Iterator[tuple[str, Node | None]]:
    spec = thing.node.get("spec")
    if spec is None:
        return
    backends = [spec.get("defaultBackend"), spec.get("backend")]
    backends += [
        path.get("backend") for rule in spec.each("rules") for path in rule.each("http", "paths")
    ]
    for backend in backends:
        if backend is None:
            continue
        if name := backend.at("service", "name"):
            yield (
                name,
                backend.get("service", "port", "number") or backend.get("service", "port", "name"),
            )
        elif name := backend.at("serviceName"):
            yield name, backend.get("servicePort")


def _route_backends(thing: Thing) -> Iterator[tuple[str, Node | None]]:
    spec = thing.node.get("spec")
    if spec is None:
        return
    port = spec.get("port", "targetPort")
    for backend in (spec.get("to"), *spec.each("alternateBackends")):
        if backend is not None and (name := backend.at("name")):
            yield name, port
