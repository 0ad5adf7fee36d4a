"""The networks of a cluster, and which workload has a foot in which.

Two networks are on one wire where they have the same `parent`: attachments that are macvlan,
ipvlan, bridge or OVS on the same interface or bridge of the nodes (and the same VLAN), whatever
they are named, and OVN overlays of the same network name. The wire is a segment of its own.
That an interface called `eth0` is the same wire on every node is how these plugins are used, and
nothing a manifest states.

An address is that of the annotation, of the attachment's static IPAM, or of the state of the one
pod there is; an attachment's `address_range` is what its IPAM states.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ringfence.sources.kubernetes.objects import Manifests, Thing
from ringfence.sources.kubernetes.selectors import NAMESPACE_NAME, Labels, selector
from ringfence.sources.kubernetes.workloads import Workload
from ringfence.sources.yaml_files import Node, documents

NETWORKS = "k8s.v1.cni.cncf.io/networks"
"""The annotation by which a pod asks for attachments (Multi-Network specification, version 1.3)."""

STATUS = ("k8s.v1.cni.cncf.io/network-status", "k8s.v1.cni.cncf.io/networks-status")
DEFAULT_NETWORK = "v1.multus-cni.io/default-network"
PRIMARY = "k8s.ovn.org/primary-user-defined-network"
"""The label that a namespace needs for a primary user-defined network to be its pods' default."""

_ON_AN_INTERFACE = {"macvlan": "master", "macvtap": "master", "ipvlan": "master", "vlan": "master"}
_ON_A_BRIDGE = ("bridge", "ovs", "cnv-bridge")
_ISOLATING = ("private", "vepa")


@dataclass(slots=True, eq=False)
class Segment:
    """A network; `users` counts the interfaces in it."""

    id: str
    name: str
    kind: str
    origin: str
    parent: str | None = None
    parent_interface: str | None = None
    address_ranges: list[str] = field(default_factory=list)
    isolates_members: bool | None = None
    addresses: list[str] = field(default_factory=list)
    """What its static IPAM gives every pod that does not ask for an address."""


@dataclass(frozen=True, slots=True)
class Foot:
    """A workload's interface in a segment; `segment` is null where it is not known which."""

    id: str
    workload: Workload
    segment: Segment | None
    name: str
    address: str | None
    origin: str
    is_primary: bool


@dataclass(slots=True, eq=False)
class Namespaces:
    """The labels of namespaces, as far as they are stated."""

    stated: Mapping[str, Thing]
    asked: set[str] = field(default_factory=set)
    """Those whose labels something asked for."""

    def labels(self, name: str) -> Labels:
        """The labels of a namespace, whether or not its manifest is given."""
        self.asked.add(name)
        thing = self.stated.get(name)
        own = thing.labels if thing is not None else {}
        return Labels({**own, NAMESPACE_NAME: name}, is_complete=thing is not None)


class Networks:
    """All segments of a cluster, and the feet of its workloads in them."""

    def __init__(
        self, manifests: Manifests, workloads: list[Workload], key: str, cluster: str, origin: str
    ) -> None:
        self._key = key
        self._namespaces = Namespaces({t.name: t for t in manifests.of("Namespace")})
        self.segments: dict[str, Segment] = {}
        self.pod_network = self._add(
            Segment(f"{key}pod-network", f"{cluster} pod network", "pod network", origin)
        )
        self.host_network = Segment(
            f"{key}host-network", f"{cluster} host network", "host network", origin,
            parent=self.pod_network.id,
        )  # fmt: skip
        self._attachments: dict[tuple[str, str], Segment] = {}
        self._unplaced: dict[str, Segment] = {}
        for thing in manifests.of("NetworkAttachmentDefinition"):
            self._attachment(thing)
        self._primary: dict[str, Segment] = {}
        for thing in manifests.of("UserDefinedNetwork"):
            self._user_defined(thing, thing.node.get("spec"), [thing.namespace or ""])
        namespaces = {w.namespace for w in workloads} | set(self._namespaces.stated)
        for thing in manifests.of("ClusterUserDefinedNetwork"):
            chosen = selector(thing.node.get("spec", "namespaceSelector"))
            within = [
                n for n in sorted(namespaces) if chosen.matches(self._namespaces.labels(n)) is True
            ]
            self._user_defined(thing, thing.node.get("spec", "network"), within)
        self._taken: set[str] = set()
        self.feet: list[Foot] = [f for w in workloads for f in self._feet(w)]
        self.by_workload: dict[str, list[Foot]] = defaultdict(list)
        for foot in self.feet:
            self.by_workload[foot.workload.id].append(foot)

    @property
    def namespaces(self) -> Namespaces:
        """The labels of namespaces."""
        return self._namespaces

    def attachment(self, namespace: str, reference: str) -> Segment | None:
        """The attachment that `name` or `namespace/name` means to a pod of a namespace."""
        within, slash, name = reference.rpartition("/")
        found = self._attachments.get((within if slash else namespace, name))
        return found if found is not None or slash else self._unplaced.get(name)

    def _add(self, segment: Segment) -> Segment:
        return self.segments.setdefault(segment.id, segment)

    def _attachment(self, thing: Thing) -> None:
        namespace = thing.namespace or ""
        where = f"{self._key}{namespace}/NetworkAttachmentDefinition/{thing.name}"
        segment = Segment(where, thing.name, "container network", thing.origin())
        written = thing.node.get("spec", "config")
        config = _json(written.text) if written is not None and written.text else None
        plugin = config
        if config is not None and config.each("plugins"):
            plugin = config.each("plugins")[0]
        if plugin is not None:
            self._plugin(segment, plugin, config or plugin, thing)
        self._attachments[namespace, thing.name] = self._add(segment)
        if not thing.is_placed:
            self._unplaced[thing.name] = segment

    def _plugin(self, segment: Segment, plugin: Node, config: Node, thing: Thing) -> None:
        kind = plugin.at("type") or ""
        mode = plugin.at("mode") or plugin.at("bridgeMode")
        tag = _vlan(plugin, "vlan") or _vlan(plugin, "vlanId") or _vlan(plugin, "vlanID")
        resource = thing.annotations.get("k8s.v1.cni.cncf.io/resourceName")
        on: str | None = None
        shared = False
        if kind in _ON_AN_INTERFACE:
            on, shared = plugin.at(_ON_AN_INTERFACE[kind]), True
        elif kind in _ON_A_BRIDGE:
            on, shared = plugin.at("bridge") or ("cni0" if kind == "bridge" else None), True
        elif kind == "ovn-k8s-cni-overlay":
            name = plugin.at("name") or config.at("name")
            on = plugin.at("physicalNetworkName")
            if plugin.at("topology") == "localnet":
                on, shared = on or name, True
            elif name:
                segment.parent = self._overlay(name, segment.origin)
        else:
            on = plugin.at("device") or plugin.at("pciBusID") or resource
            shared = tag is not None
        segment.parent_interface = on
        if on is not None and shared:
            segment.parent = self._wire(on, tag, segment.origin)
        if kind in ("macvlan", "macvtap"):
            segment.isolates_members = mode in _ISOLATING
        elif kind == "bridge":
            isolation = plugin.get("portIsolation")
            segment.isolates_members = isolation is not None and isolation.truth is True
        segment.address_ranges, segment.addresses = _addressing(plugin)

    def _wire(self, name: str, tag: int | None, origin: str) -> str:
        """What attachments to one interface or bridge of the nodes have in common."""
        end, more = ("", "") if tag is None else (f"/vlan/{tag}", f" VLAN {tag}")
        wire = Segment(
            f"{self._key}wire/{name}{end}", f"{name}{more}", "VLAN", origin, parent_interface=name
        )
        return self._add(wire).id

    def _overlay(self, name: str, origin: str) -> str:
        return self._add(Segment(f"{self._key}overlay/{name}", name, "tunnel", origin)).id

    def _user_defined(self, thing: Thing, spec: Node | None, namespaces: list[str]) -> None:
        if spec is None:
            return
        topology = (spec.at("topology") or "").lower()
        below = spec.get(topology) or spec
        is_primary = (below.at("role") or "").lower() == "primary"
        scope = f"{thing.namespace}/" if thing.namespace else ""
        segment = Segment(
            f"{self._key}{scope}{thing.kind}/{thing.name}",
            thing.name,
            "pod network" if is_primary else "container network",
            thing.origin(),
        )
        for subnet in below.each("subnets"):
            if (text := subnet.text or subnet.at("cidr")) and (cidr := _cidr(text)):
                segment.address_ranges.append(cidr)
        if topology == "localnet" and (physical := below.at("physicalNetworkName")):
            tag = _vlan(below, "vlan", "access", "id")
            segment.parent_interface = physical
            segment.parent = self._wire(physical, tag, segment.origin)
        self._add(segment)
        for namespace in namespaces:
            if is_primary:
                self._primary[namespace] = segment
            else:
                self._attachments.setdefault((namespace, thing.name), segment)

    def _default(self, workload: Workload) -> Segment | None:
        """The network that pods of a namespace are in unless they say otherwise."""
        primary = self._primary.get(workload.namespace)
        if primary is None:
            return self.pod_network
        labels = self._namespaces.labels(workload.namespace)
        if PRIMARY in labels.stated:
            return primary
        # Without the label the network is not used; whether it is there is not stated.
        return self.pod_network if labels.is_complete else None

    def _feet(self, workload: Workload) -> Iterator[Foot]:
        template, thing = workload.template, workload.thing
        origin = thing.origin(workload.spec or template)
        if workload.is_on_host_network:
            self._add(self.host_network)
            host = (template.get("spec", "hostNetwork")) or template
            yield from self._foot(
                workload,
                self.host_network,
                "host",
                workload.addresses,
                thing.origin(host),
                is_primary=True,
            )
            return
        primary: Segment | None = self._default(workload)
        name = "eth0"
        if (stated := workload.annotations.get(DEFAULT_NETWORK)) is not None:
            primary = self._meant(workload, stated, origin)
        has_pod_network = True
        if workload.is_machine:
            networks = template.each("spec", "networks")
            has_pod_network = not networks or any(n.get("pod") is not None for n in networks)
        if has_pod_network:
            yield from self._foot(
                workload, primary, name, workload.addresses, origin, is_primary=True
            )
        for number, wish in enumerate(_wishes(workload), 1):
            segment = self._meant(workload, wish.reference, thing.origin(wish.node))
            device = wish.interface or f"net{number}"
            addresses = wish.addresses or _observed(workload, wish.reference, device)
            addresses = addresses or segment.addresses
            yield from self._foot(
                workload, segment, device, addresses, thing.origin(wish.node), is_primary=False
            )

    def _meant(self, workload: Workload, reference: str, origin: str) -> Segment:
        found = self.attachment(workload.namespace, reference)
        if found is not None:
            return found
        # What is asked for and not given is there all the same, and two that ask for it meet there.
        within, slash, name = reference.rpartition("/")
        namespace = within if slash else workload.namespace
        where = f"{self._key}{namespace}/NetworkAttachmentDefinition/{name}"
        missing = self._add(Segment(where, name, "container network", origin))
        self._attachments[namespace, name] = missing
        return missing

    def _foot(
        self,
        workload: Workload,
        segment: Segment | None,
        name: str,
        addresses: list[str],
        origin: str,
        *,
        is_primary: bool,
    ) -> Iterator[Foot]:
        where = f"{workload.id}/interface/{name}"
        for index, address in enumerate(addresses or [None]):
            key = where if index == 0 else f"{where}/{address}"
            while key in self._taken:
                key = f"{key}+"
            self._taken.add(key)
            yield Foot(key, workload, segment, name, address, origin, is_primary)


@dataclass(frozen=True, slots=True)
class _Wish:
    """One attachment that a pod asks for."""

    reference: str
    interface: str | None
    addresses: list[str]
    node: Node


def _wishes(workload: Workload) -> Iterator[_Wish]:
    """The attachments asked for: by a list in commas, by JSON, or by a virtual machine's networks."""
    seen: set[tuple[str, str | None]] = set()
    written = workload.template.get("metadata", "annotations", NETWORKS)
    if written is not None and (text := written.text):
        wishes = (
            _wishes_in_json(text, written) if text.lstrip()[:1] == "[" else _listed(text, written)
        )
        for wish in wishes:
            seen.add((wish.reference, wish.interface))
            yield wish
    for network in workload.template.each("spec", "networks") if workload.is_machine else ():
        reference = network.at("multus", "networkName")
        if reference and (reference, network.at("name")) not in seen:
            yield _Wish(reference, network.at("name"), [], network)


def _listed(text: str, node: Node) -> Iterator[_Wish]:
    for part in text.split(","):
        reference, _, interface = part.strip().partition("@")
        if reference:
            yield _Wish(reference, interface or None, [], node)


def _wishes_in_json(text: str, node: Node) -> Iterator[_Wish]:
    root = _json(text)
    for item in root.each() if root is not None else ():
        if (name := item.at("name")) is None:
            continue
        namespace = item.at("namespace")
        ips = item.get("ips")
        addresses = [ips.text] if ips is not None and ips.text else item.texts("ips")
        # The annotation is a text in quotes over several lines, and its own lines are its items'.
        yield _Wish(
            f"{namespace}/{name}" if namespace else name, item.at("interface"), addresses, node
        )


def _observed(workload: Workload, reference: str, device: str) -> list[str]:
    """The addresses that the one pod was given, where its state is written out."""
    if len(workload.pods) != 1:
        return []
    annotations = workload.pods[0].annotations
    text = next((annotations[s] for s in STATUS if s in annotations), None)
    root = _json(text) if text else None
    name = reference if "/" in reference else f"{workload.namespace}/{reference}"
    for item in root.each() if root is not None else ():
        if item.at("name") == name and item.at("interface") in (device, None):
            return item.texts("ips")
    return []


def _json(text: str) -> Node | None:
    """JSON inside a text; a trailing comma, which some plugins forgive, is forgiven."""
    first = next(documents(text), None)
    return first if isinstance(first, Node) else None


def _vlan(node: Node, *path: str) -> int | None:
    """A VLAN that is tagged; 0 and 4095 are none (IEEE 802.1Q clause 9.6)."""
    found = node.get(*path)
    number = found.integer if found is not None else None
    return number if number is not None and 0 < number < 4095 else None


def _addressing(plugin: Node) -> tuple[list[str], list[str]]:
    """The ranges that an attachment's IPAM states, and the addresses it gives every pod."""
    texts: list[str | None] = []
    fixed: list[str] = []
    ipam = plugin.get("ipam")
    if ipam is not None:
        texts += [ipam.at("subnet"), ipam.at("range")]
        texts += [r.at("subnet") for several in ipam.each("ranges") for r in several.each()]
        texts += [r.at("range") for r in ipam.each("ipRanges")]
        fixed = [a for n in ipam.each("addresses") if (a := n.at("address"))]
        texts += fixed
    # OVN writes `10.128.0.0/14/23`: the range and what each node has of it.
    texts += (plugin.at("subnets") or "").split(",")
    ranges = dict.fromkeys(c for t in texts if t and (c := _cidr(t)))
    return list(ranges), fixed


def _cidr(text: str) -> str | None:
    """The network of a range; whereabouts' `10.0.0.10-10.0.0.20/24` is in that of its end."""
    plain = "/".join(text.strip().rpartition("-")[2].split("/")[:2])
    if "/" not in plain:
        return None
    try:
        return str(ipaddress.ip_network(plain, strict=False))
    except ValueError:
        return None
