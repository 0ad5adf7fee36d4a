"""The source itself: all manifests below one path are one cluster."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from posixpath import basename

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.core_configuration import is_configuration
from ringfence.sources.kubernetes.kustomization import FILE_NAMES
from ringfence.sources.kubernetes.networks import Foot, Networks
from ringfence.sources.kubernetes.objects import Manifests, Thing
from ringfence.sources.kubernetes.policies import FOREIGN, IN, OUT, Entry, Policies
from ringfence.sources.kubernetes.running import Running, Software, is_port
from ringfence.sources.kubernetes.services import Services, Target
from ringfence.sources.kubernetes.workloads import TEMPLATES, Workload, workloads
from ringfence.sources.rows import Rows
from ringfence.sources.yaml_files import head_text, template_line

_API = re.compile(r"^[ \t]*[\"']?apiVersion[\"']?[ \t]*:", re.MULTILINE)
_KIND = re.compile(r"^[ \t{,-]*[\"']?kind[\"']?[ \t]*:[ \t]*[\"']?\w", re.MULTILINE)
_PACKED = re.compile(
    r"^\s*\{.*\"apiVersion\"\s*:.*\"kind\"\s*:|^\s*\{.*\"kind\"\s*:.*\"apiVersion\"\s*:", re.DOTALL
)
_KUSTOMIZATION = re.compile(
    r"^(?:resources|bases|configMapGenerator|secretGenerator|namespace|images|patches\w*|"
    r"components|namePrefix|generatorOptions)\s*:", re.MULTILINE,
)  # fmt: skip
_FOLDERS_UP = 4

_READ = frozenset(
    (*TEMPLATES, *FOREIGN, "Namespace", "Node", "Service", "Ingress", "Route", "ConfigMap", "Secret",
     "NetworkAttachmentDefinition", "UserDefinedNetwork", "ClusterUserDefinedNetwork",
     "NetworkPolicy", "MultiNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy")
)  # fmt: skip


class Kubernetes:
    """Reads the manifests of one cluster, together."""

    kind = "kubernetes"
    describes = "Kubernetes: manifests, lists from kubectl, kustomizations, rendered Helm charts"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Decide by `apiVersion` and `kind`; a mounted configuration by what lies beside it."""
        text = head_text(head)
        if basename(path.name) in FILE_NAMES and _KUSTOMIZATION.search(text):
            return Claim(1.0, "it is a kustomization")
        if "```" in text:
            return Claim(0.0, "it is a text that quotes others")
        if (_API.search(text) and _KIND.search(text)) or _PACKED.search(text):
            if template_line(text) is not None:
                return Claim(0.3, "it states apiVersion and kind, in a template")
            return Claim(0.95, "it states apiVersion and kind")
        if is_configuration(text) and _has_kustomization(path):
            return Claim(0.6, "it configures a core function, and a kustomization lies above it")
        return Claim(0.0, "it states no apiVersion and kind")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield what one file gives; raise `SourceError` where nothing in it is an object."""
        name = options.origin or path.name
        manifests = Manifests({name: path})
        if not manifests.things and not manifests.kept_files:
            note = manifests.notes[0]
            place = f"{name}:{note.line}" if note.line is not None else name
            raise SourceError(f"no Kubernetes manifest: {note.reason}", where=place)
        yield from _Reading(manifests, {name: path}, options).items()

    def read_together(
        self, files: Mapping[str, Path], options: Options
    ) -> Iterator[Batch | Reject | Read]:
        """Yield what the manifests of one cluster give; its name is `options.origin`."""
        yield from _Reading(Manifests(files), files, options).items()


def _has_kustomization(path: Path) -> bool:
    try:
        return any(
            (folder / name).is_file()
            for folder in list(path.absolute().parents)[:_FOLDERS_UP]
            for name in FILE_NAMES
        )
    except OSError:
        return False


class _Reading:
    """One cluster on its way from objects to rows."""

    def __init__(self, manifests: Manifests, files: Mapping[str, Path], options: Options) -> None:
        self._manifests = manifests
        self._files = sorted(files)
        self._cluster = options.origin or next(iter(self._files), "cluster")
        self._key = f"{options.prefix}:" if options.prefix else f"kubernetes:{self._cluster}/"
        self._rows = Rows()
        origin = f"{self._files[0]}:1" if self._files else self._cluster
        self._origin = next((t.origin() for t in manifests.things), origin)
        self._id = f"{self._key}cluster"
        self._workloads = workloads(manifests, self._key)
        self._networks = Networks(
            manifests, self._workloads, self._key, self._cluster, self._origin
        )
        self._policies = Policies(manifests, self._networks, self._workloads, self._key)
        self._services = Services(manifests, self._workloads)
        self._software = Software(manifests)
        self._products: dict[str, tuple[str | None, str]] = {}
        self._told_of: set[str] = set()
        """Keys of endpoints and parts: what is stated twice is one."""

    def items(self) -> Iterator[Batch | Reject | Read]:
        """The rows, then what became none, then the counts."""
        if any(t.fault is None and t.aside is None for t in self._manifests.things):
            self._machinery()
            for workload in self._workloads:
                self._workload(workload)
            self._products_found()
            self._segments()
            for foot in self._networks.feet:
                self._foot(foot)
            self._ingress_controller()
            self._groups()
        self._software.set_aside_unused()
        self._aside()
        yield from self._rows.batches()
        yield from self._told()

    # What became no row

    def _aside(self) -> None:
        inhabited = {w.namespace for w in self._workloads}
        asked = self._networks.namespaces.asked
        for thing in self._manifests.things:
            if thing.fault is not None or thing.aside is not None:
                continue
            if thing.kind not in _READ:
                group = f" ({thing.group})" if thing.group else ""
                thing.aside = f"{thing.kind}{group} has no place in the model"
            elif thing.kind == "Namespace" and thing.name not in inhabited:
                thing.aside = "Namespace holds no workload that is given"
            elif thing.kind == "Namespace" and thing.name not in asked:
                thing.aside = "Namespace: nothing asks for its labels"

    def _told(self) -> Iterator[Reject | Read]:
        counts: Counter[str] = Counter()
        kept: Counter[str] = Counter()
        alike: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for thing in self._manifests.things:
            reason = thing.fault or thing.aside
            if reason is not None:
                kind = "fault" if thing.fault is not None else "set aside"
                alike[thing.file, reason, kind].append(f"line {thing.node.line}")
        for note in self._manifests.notes:
            counts[note.file] += 1
            place = f"line {note.line}" if note.line is not None else note.file
            alike[note.file, note.reason, note.kind].append(place)
        for file, records, used in self._manifests.records():
            counts[file] += records
            kept[file] += used
        for (file, reason, kind), places in alike.items():
            yield Reject(places[0], reason, kind=kind, rows=len(places), file=file)
        for file in self._files:
            yield Read(counts[file], kept[file], file=file)

    # The cluster and its nodes

    def _machinery(self) -> None:
        self._element(self._id, self._cluster, "management system", self._origin)
        self._rows.add(
            "function", element=self._id, kind="Kubernetes control plane", origin=self._origin
        )
        stated: dict[str, str] = {}
        versions: dict[str, str | None] = {}
        for thing in self._manifests.of("Node"):
            stated[thing.name] = thing.origin()
            versions[thing.name] = thing.node.at("status", "nodeInfo", "kubeletVersion")
        for workload in self._workloads:
            for name, node in workload.nodes:
                stated.setdefault(name, workload.thing.origin(node))
        for name, origin in sorted(stated.items()):
            node_id = f"{self._key}Node/{name}"
            self._element(node_id, name, "host", origin, version=versions.get(name))
            self._rows.add("function", element=node_id, kind="Kubernetes node", origin=origin)
            self._relation(self._id, node_id, "orchestrates", origin)
        for port in self._services.node_ports:
            self._endpoint(self._id, port.protocol, port.port, None, port.service.origin(port.node))
        self._node_feet()

    def _node_feet(self) -> None:
        nodes = self._manifests.of("Node")
        if nodes:
            host = self._networks.host_network
            self._networks.segments.setdefault(host.id, host)
        for thing in nodes:
            addresses = [
                a.at("address")
                for a in thing.node.each("status", "addresses")
                if a.at("type") == "InternalIP"
            ]
            element = f"{self._key}Node/{thing.name}"
            self._rows.add(
                "interface", id=f"{element}/interface/host", element=element,
                segment=self._networks.host_network.id, name="host",
                address=next(iter(addresses), None), origin=thing.origin(),
            )  # fmt: skip

    def _element(
        self,
        key: str,
        name: str,
        kind: str,
        origin: str,
        *,
        vendor_name: str | None = None,
        product: str | None = None,
        version: str | None = None,
        role: str | None = None,
    ) -> None:
        self._rows.add(
            "element", id=key, name=name, kind=kind, vendor_name=vendor_name, product=product,
            software_version=version, role_name=role, origin=origin,
        )  # fmt: skip

    def _relation(self, source: str, target: str, kind: str, origin: str) -> None:
        self._rows.add("relation", source=source, target=target, kind=kind, origin=origin)

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

    # Workloads

    def _workload(self, workload: Workload) -> None:
        running = self._software.of(workload, self._networks.by_workload[workload.id])
        origin = workload.thing.origin()
        product = self._images(workload, running)
        self._element(
            workload.id,
            workload.name,
            "virtual machine" if workload.is_machine else "container",
            origin,
            vendor_name=running.vendor_name,
            product=product,
            version=running.version,
            role=workload.labels.stated.get("app.kubernetes.io/component"),
        )
        for kind, where in running.functions.items():
            self._rows.add("function", element=workload.id, kind=kind, origin=where)
        self._relation(self._id, workload.id, "orchestrates", origin)
        for name, node in workload.nodes:
            where = workload.thing.origin(node)
            self._relation(f"{self._key}Node/{name}", workload.id, "hosts", where)
        self._listening(workload, running)
        self._host_ports(workload)

    def _images(self, workload: Workload, running: Running) -> str | None:
        """Add what the workload is made of; the product that it is."""
        product = None
        for found, container in running.images:
            where = workload.thing.origin(container.node.get("image") or container.node)
            key = f"{self._key}image/{found.repository}"
            product = key if found is running.main else product
            vendor = running.vendor_name if found is running.main else None
            known, first = self._products.setdefault(key, (vendor, where))
            if known != vendor:
                self._products[key] = (None, first)
            part = f"{workload.id}/image/{container.name or found.repository}"
            if part not in self._told_of:
                self._told_of.add(part)
                self._rows.add(
                    "component", id=part, element=workload.id, kind="container",
                    name=found.repository, version=found.version, sha256=found.sha256,
                    origin=where,
                )  # fmt: skip
        return product

    def _listening(self, workload: Workload, running: Running) -> None:
        taken = set()
        for listening in running.listening:
            taken.add((listening.protocol, listening.port))
            self._endpoint(
                workload.id, listening.protocol, listening.port, listening.address,
                listening.origin, function=listening.function, service=listening.service,
                encryption=listening.encryption, authentication=listening.authentication,
            )  # fmt: skip
        for target in self._services.of(workload):
            if target.is_certain and (target.protocol, target.port) not in taken:
                taken.add((target.protocol, target.port))
                self._endpoint(workload.id, target.protocol, target.port, None, target.origin)

    def _host_ports(self, workload: Workload) -> None:
        """A port of the node itself that leads to the container."""
        hosts = [f"{self._key}Node/{name}" for name, _ in workload.nodes] or [self._id]
        for container in workload.containers:
            for port in container.ports:
                number = port.node.get("hostPort")
                if number is None or number.integer is None or workload.is_on_host_network:
                    continue
                if is_port(port.protocol, number.integer):
                    origin = workload.thing.origin(number)
                    for host in hosts:
                        self._endpoint(host, port.protocol, number.integer, None, origin)

    def _products_found(self) -> None:
        for key, (vendor, origin) in sorted(self._products.items()):
            model = key.removeprefix(f"{self._key}image/")
            self._rows.add("product", id=key, vendor_name=vendor, model=model, origin=origin)

    # Networks and policies

    def _segments(self) -> None:
        for segment in self._networks.segments.values():
            several = len(segment.address_ranges) > 1
            whole = None if several else next(iter(segment.address_ranges), None)
            self._segment(
                segment.id, segment.name, segment.kind, segment.origin, parent=segment.parent,
                parent_interface=segment.parent_interface, address_range=whole,
                isolates=segment.isolates_members,
            )  # fmt: skip
            for text in segment.address_ranges if several else ():
                self._segment(
                    f"{segment.id}/{text}", segment.name, "subnet", segment.origin,
                    parent=segment.id, parent_interface=None, address_range=text, isolates=None,
                )  # fmt: skip

    def _segment(
        self, key: str, name: str, kind: str, origin: str, *, parent: str | None,
        parent_interface: str | None, address_range: str | None, isolates: bool | None,
    ) -> None:  # fmt: skip
        self._rows.add(
            "segment", id=key, name=name, kind=kind, parent=parent,
            parent_interface=parent_interface, address_range=address_range,
            isolates_members=isolates, origin=origin,
        )  # fmt: skip

    def _foot(self, foot: Foot) -> None:
        self._rows.add(
            "interface", id=foot.id, element=foot.workload.id,
            segment=foot.segment.id if foot.segment is not None else None,
            name=foot.name, address=foot.address, origin=foot.origin,
        )  # fmt: skip
        for way in (IN, OUT):
            lists = self._policies.at(foot, way)
            if lists is None:
                continue
            boundary = f"{foot.id}/{way}"
            self._boundary(
                boundary, foot.workload.id, foot.id, way, origin=foot.origin, default="allow"
            )
            entries = sorted(
                [*lists.entries, *([lists.closing] if lists.closing else [])],
                key=lambda e: e.tier,
            )
            for position, entry in enumerate(entries):
                self._filter(boundary, position, entry, way)

    def _boundary(
        self, key: str, element: str, interface: str, way: str, *, origin: str, default: str
    ) -> None:
        self._rows.add(
            "boundary", id=key, element=element, interface=interface, direction=way,
            default_action=default, is_stateful=True, has_rules_stated=True, origin=origin,
        )  # fmt: skip

    def _filter(self, boundary: str, position: int, entry: Entry, way: str) -> None:
        source, target = (entry.group, None) if way == IN else (None, entry.group)
        from_range, to_range = (entry.range, None) if way == IN else (None, entry.range)
        self._rows.add(
            "filter", id=f"{boundary}/{entry.key}", boundary=boundary, tier=entry.tier,
            position=position, action=entry.action, protocol=entry.protocol,
            source_range=from_range, destination_range=to_range, source_group=source,
            destination_group=target, destination_ports=entry.ports,
            is_understood=entry.is_understood, text=entry.text, origin=entry.origin,
        )  # fmt: skip

    def _groups(self) -> None:
        for group, members in sorted(self._policies.groups.items()):
            for element, is_certain, origin in members:
                self._member(group, element, is_certain, origin)

    def _member(self, group: str, element: str, is_certain: bool, origin: str) -> None:
        self._rows.add(
            "group_member", group=group, element=element, is_certain=is_certain, origin=origin
        )

    # What serves Ingresses and Routes

    def _ingress_controller(self) -> None:
        """Add the element that serves Ingresses and Routes, and what it may send to."""
        entries = self._services.entries
        if not entries:
            return
        element = f"{self._key}ingress-controller"
        origin = entries[0][1].origin()
        self._element(element, "ingress controller", "container", origin)
        self._relation(self._id, element, "orchestrates", origin)
        by_segment: dict[str, list[tuple[Target, Thing]]] = defaultdict(list)
        for target, thing in entries:
            for foot in self._networks.by_workload[target.workload.id]:
                if foot.is_primary and foot.segment is not None:
                    by_segment[foot.segment.id].append((target, thing))
        for segment, targets in by_segment.items():
            interface = f"{element}/interface/{segment.removeprefix(self._key)}"
            self._rows.add(
                "interface", id=interface, element=element, segment=segment, name=None,
                address=None, origin=origin,
            )  # fmt: skip
            self._boundary(
                f"{interface}/out", element, interface, OUT, origin=origin, default="deny"
            )
            done = set()
            for position, (target, thing) in enumerate(targets):
                group = f"{self._key}group/behind {target.workload.id.removeprefix(self._key)}"
                members = self._policies.groups.setdefault(group, [])
                if not members:
                    members.append((target.workload.id, True, thing.origin()))
                ports = f"{target.port}-{target.port}"
                key = (
                    f"{target.workload.id.removeprefix(self._key)}/{target.protocol}/{target.port}"
                )
                if key in done:
                    continue
                done.add(key)
                entry = Entry(
                    key, 0, "allow", target.protocol, group, None, ports, target.is_certain,
                    f"{thing.kind} {thing.namespace}/{thing.name} leads to it", target.origin,
                )  # fmt: skip
                self._filter(f"{interface}/out", position, entry, OUT)
        self._policies.admit_unknown(element, origin)
