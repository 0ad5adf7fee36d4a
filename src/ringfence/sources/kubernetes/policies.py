"""Network policies as ordered entries at each workload's interfaces: who may send to whom.

The lists of a boundary are gone through in the order of their tiers, and the first entry that
allows or denies decides; what no entry decides is let through:

- tier 0: AdminNetworkPolicy by priority (lower first), each with its rules in order;
- tier 1: NetworkPolicy, or MultiNetworkPolicy at an attachment's interface: what any of them
  allows, and last an entry that denies the rest, if at least one selects the pod that way;
- tier 2: BaselineAdminNetworkPolicy.

NetworkPolicy is that of networking.k8s.io/v1, AdminNetworkPolicy and BaselineAdminNetworkPolicy
those of policy.networking.k8s.io/v1alpha1, MultiNetworkPolicy that of k8s.cni.cncf.io/v1beta1 and
v1beta2. What a policy says beyond these is kept as an entry with `is_understood` false.

Whether NetworkPolicy reaches pods on the host's network is left to the network plugin by its
definition: at them its entries are not understood, and their membership in groups is not certain.
Of AdminNetworkPolicy such pods are never part.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from ringfence.sources.kubernetes.networks import Foot, Networks
from ringfence.sources.kubernetes.objects import Manifests, Thing
from ringfence.sources.kubernetes.selectors import Labels, Selector, selector
from ringfence.sources.kubernetes.workloads import Workload
from ringfence.sources.yaml_files import Node

ADMIN, NETWORK, BASELINE = 0, 1, 2
"""The tiers."""

IN, OUT = "in", "out"
_WAYS = {IN: ("ingress", "from", "Ingress"), OUT: ("egress", "to", "Egress")}
_POLICY_FOR = "k8s.v1.cni.cncf.io/policy-for"
_LAST_PORT = 65535

FOREIGN = (
    "CiliumNetworkPolicy",
    "CiliumClusterwideNetworkPolicy",
    "GlobalNetworkPolicy",
    "ClusterNetworkPolicy",
    "EgressFirewall",
)
"""Policies of other kinds: they stop or allow packets, and their rules are not read."""

_GROUPS = {
    "NetworkPolicy": ("networking.k8s.io", "extensions"),
    "AdminNetworkPolicy": ("policy.networking.k8s.io",),
    "BaselineAdminNetworkPolicy": ("policy.networking.k8s.io",),
    "MultiNetworkPolicy": ("k8s.cni.cncf.io",),
}
"""The API groups of the policies that are read; one of that name in another group is foreign."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end that a rule is for: a group of workloads, a range, or (neither) anybody."""

    group: str | None = None
    range: str | None = None
    is_understood: bool = True


@dataclass(frozen=True, slots=True)
class PortRule:
    """What a rule says of ports: a protocol, and a range or a name; all None is anything."""

    protocol: str | None = None
    first: int | None = None
    last: int | None = None
    name: str | None = None
    is_understood: bool = True


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the filter table, but for its boundary."""

    key: str
    tier: int
    action: str | None
    protocol: str | None
    group: str | None
    range: str | None
    ports: str | None
    is_understood: bool
    text: str
    origin: str


@dataclass(slots=True, eq=False)
class Lists:
    """The entries of one boundary; whether some NetworkPolicy selects its pod, and surely."""

    entries: list[Entry] = field(default_factory=list)
    closing: Entry | None = None


@dataclass(frozen=True, slots=True)
class _Rule:
    action: str
    node: Node
    index: int
    peers: tuple[Peer, ...]
    ports: tuple[PortRule, ...]
    is_understood: bool


class Policies:
    """All policies of a cluster, resolved for each of its workloads."""

    def __init__(
        self, manifests: Manifests, networks: Networks, workloads: Sequence[Workload], key: str
    ) -> None:
        self._key = key
        self._networks = networks
        self._workloads = workloads
        self._by_id = {w.id: w for w in workloads}
        self._by_namespace: dict[str, list[Workload]] = defaultdict(list)
        for workload in workloads:
            self._by_namespace[workload.namespace].append(workload)
        self._nodes = manifests.of("Node")
        self.groups: dict[str, list[tuple[str, bool, str]]] = {}
        """Members of each group: the element, whether that is certain, where the group stands."""
        self._selectors: dict[str, tuple[str | Selector, Selector]] = {}
        self._named: dict[
            tuple[str | None, str | None, str | None], list[tuple[str, tuple[str, int]]]
        ] = {}
        self._lists: dict[tuple[str, str], Lists] = defaultdict(Lists)
        self._attached: dict[tuple[str, str, str], Lists] = defaultdict(Lists)
        self._read(manifests)

    def at(self, foot: Foot, way: str) -> Lists | None:
        """The lists at a workload's interface, one way; None where no policy can stand there."""
        if foot.is_primary:
            return self._lists[foot.workload.id, way]
        if foot.segment is None:
            return None
        return self._attached.get((foot.workload.id, foot.segment.id, way))

    def admit_unknown(self, element: str, origin: str) -> None:
        """Put a pod that is not given, in a namespace not given, into the groups it may be in.

        It is taken to be in none of the namespaces that hold what is given.
        """
        nothing = Labels({}, is_complete=False)
        for key, (namespaces, pods) in self._selectors.items():
            if isinstance(namespaces, str) or key not in self.groups:
                continue
            answers = (namespaces.matches(nothing), pods.matches(nothing))
            if False not in answers:
                self.groups[key].append((element, answers == (True, True), origin))

    def _read(self, manifests: Manifests) -> None:
        admin = [t for t in manifests.of("AdminNetworkPolicy") if not _is_foreign(t)]
        levels = [_priority(t) for t in admin]
        for thing in sorted(admin, key=lambda t: (_priority(t), t.name)):
            # Of two with one priority the definition leaves open which is first.
            self._admin(thing, ADMIN, is_sure=levels.count(_priority(thing)) == 1)
        for thing in manifests.of("NetworkPolicy"):
            if not _is_foreign(thing):
                self._network(thing)
        for thing in manifests.of("MultiNetworkPolicy"):
            if not _is_foreign(thing):
                self._multi(thing)
        for thing in manifests.of("BaselineAdminNetworkPolicy"):
            if not _is_foreign(thing):
                self._admin(thing, BASELINE, is_sure=True)
        for thing in manifests.of(*FOREIGN, *_GROUPS):
            if _is_foreign(thing):
                self._foreign(thing)

    # NetworkPolicy and MultiNetworkPolicy

    def _network(self, thing: Thing) -> None:
        chosen = list(self._subjects(thing))
        if not chosen:
            thing.aside = "NetworkPolicy selects no workload that is given"
        for way, rules in self._ways(thing):
            for workload, is_certain in chosen:
                sure = is_certain and not workload.is_on_host_network
                self._lay(
                    self._lists[workload.id, way], thing, way, rules,
                    workload=workload, is_certain=sure,
                )  # fmt: skip

    def _multi(self, thing: Thing) -> None:
        stated = thing.annotations.get(_POLICY_FOR, "")
        references = [r for part in stated.split(",") if (r := part.strip())]
        segments = [
            s for r in references if (s := self._networks.attachment(thing.namespace or "", r))
        ]
        chosen = [
            (foot, certain)
            for workload, certain in self._subjects(thing)
            for foot in self._networks.by_workload[workload.id]
            if foot.segment in segments and not foot.is_primary
        ]
        if not chosen:
            thing.aside = "MultiNetworkPolicy selects no interface that is given"
        for way, rules in self._ways(thing):
            done = set()
            for foot, is_certain in chosen:
                at = (foot.workload.id, foot.segment.id if foot.segment else "", way)
                if at not in done:
                    done.add(at)
                    self._lay(
                        self._attached[at], thing, way, rules,
                        workload=foot.workload, is_certain=is_certain,
                    )  # fmt: skip

    def _subjects(self, thing: Thing) -> Iterator[tuple[Workload, bool]]:
        """The workloads that its `podSelector` selects, and whether surely."""
        more = thing.settings.selector_labels
        chosen = selector(thing.node.get("spec", "podSelector")).also(more)
        for workload in self._by_namespace[thing.namespace or ""]:
            matches = chosen.matches(workload.labels)
            if matches is not False:
                yield workload, matches is True

    def _ways(self, thing: Thing) -> Iterator[tuple[str, list[_Rule]]]:
        """Each direction that the policy is for, with its rules."""
        spec = thing.node.get("spec")
        if spec is None:
            return
        types = spec.texts("policyTypes")
        if not types:
            # What is not stated follows from what is there (NetworkPolicySpec.policyTypes).
            types = ["Ingress", "Egress"] if spec.each("egress") else ["Ingress"]
        extra = spec.entries().keys() - {"podSelector", "policyTypes", "ingress", "egress"}
        strange = bool(extra) or any(t not in ("Ingress", "Egress") for t in types)
        for way, (section, peers, name) in _WAYS.items():
            if name in types:
                rules = [
                    self._rule(thing, node, index, peers, strange)
                    for index, node in enumerate(spec.each(section))
                ]
                yield way, rules

    def _rule(self, thing: Thing, node: Node, index: int, side: str, strange: bool) -> _Rule:
        known = node.entries().keys() <= {side, "ports"} and not any(
            n.is_mapping or n.text for n in node.entries().values()
        )
        peers = tuple(p for n in node.each(side) for p in self._peers(thing, n))
        ports = tuple(_port_rule(n) for n in node.each("ports"))
        return _Rule(
            "allow", node, index, peers if node.each(side) else (Peer(),), ports or (PortRule(),),
            known and not strange,
        )  # fmt: skip

    def _peers(self, thing: Thing, node: Node) -> Iterator[Peer]:
        stated = {k: n for k, n in node.entries().items() if not n.is_null}
        known = stated.keys() <= {"podSelector", "namespaceSelector", "ipBlock"} and bool(stated)
        if (block := stated.get("ipBlock")) is not None:
            alone = len(stated) == 1 and block.entries().keys() <= {"cidr", "except"}
            yield from _ranges(block.at("cidr"), block.texts("except"), alone)
            return
        pods = selector(stated.get("podSelector"))
        if "podSelector" in stated:
            pods = pods.also(thing.settings.selector_labels)
        within = stated.get("namespaceSelector")
        namespaces: str | Selector = thing.namespace or ""
        if within is not None:
            namespaces = selector(within)
        yield Peer(self._group(namespaces, pods, thing.origin(node), hosts=True), None, known)

    # AdminNetworkPolicy and BaselineAdminNetworkPolicy

    def _admin(self, thing: Thing, tier: int, is_sure: bool) -> None:
        spec = thing.node.get("spec")
        if spec is None:
            thing.fault = f"{thing.kind} without a spec"
            return
        extra = spec.entries().keys() - {"priority", "subject", "ingress", "egress"}
        subjects = self._admin_subjects(spec.get("subject"), thing)
        if not subjects:
            thing.aside = f"{thing.kind} selects no workload that is given"
        for way, (section, side, _) in _WAYS.items():
            rules = [
                self._admin_rule(thing, node, index, side, is_sure and not extra)
                for index, node in enumerate(spec.each(section))
            ]
            for workload, certain in subjects:
                lists = self._lists[workload.id, way]
                for rule in rules:
                    lists.entries += self._entries(
                        thing, way, rule, workload, tier=tier, certain=certain
                    )

    def _admin_subjects(self, node: Node | None, thing: Thing) -> list[tuple[Workload, bool]]:
        chosen = _namespaces_and_pods(node)
        if chosen is None:
            return [(w, False) for w in self._workloads if not w.is_on_host_network]
        members = self._members(*chosen, thing.origin(node), hosts=False)
        return [(self._by_id[element], is_certain) for element, is_certain, _ in members]

    def _admin_rule(self, thing: Thing, node: Node, index: int, side: str, sure: bool) -> _Rule:
        known = node.entries().keys() <= {"name", "action", side, "ports"}
        action = (node.at("action") or "").lower()
        peers = tuple(p for n in node.each(side) for p in self._admin_peers(thing, n))
        ports = tuple(_admin_port(n) for n in node.each("ports"))
        return _Rule(
            action, node, index, peers, ports or (PortRule(),),
            known and sure and action in ("allow", "deny", "pass"),
        )  # fmt: skip

    def _admin_peers(self, thing: Thing, node: Node) -> Iterator[Peer]:
        stated = {k: n for k, n in node.entries().items() if not n.is_null}
        if "networks" in stated and len(stated) == 1:
            for text in node.texts("networks"):
                yield from _ranges(text, [], True)
        elif "nodes" in stated and len(stated) == 1:
            yield self._node_peer(stated["nodes"], thing)
        else:
            group = self._selected(node, thing)
            yield Peer(group, None, group is not None)

    def _selected(self, node: Node, thing: Thing) -> str | None:
        """The group that `namespaces` or `pods` selects; None where it is neither."""
        chosen = _namespaces_and_pods(node)
        return self._group(*chosen, thing.origin(node), hosts=False) if chosen else None

    def _node_peer(self, node: Node, thing: Thing) -> Peer:
        """Nodes; those whose manifests are given, and whether there are others is not known."""
        chosen = selector(node)
        key = f"{self._key}group/nodes {chosen}"
        if key not in self.groups:
            self.groups[key] = []
            for given in self._nodes:
                matches = chosen.matches(Labels(given.labels))
                if matches is not False:
                    member = f"{self._key}Node/{given.name}"
                    self.groups[key].append((member, matches is True, thing.origin(node)))
        return Peer(key, None, bool(self._nodes))

    # What both have in common

    def _group(
        self, namespaces: str | Selector, pods: Selector, origin: str, *, hosts: bool
    ) -> str:
        """The key of a group of workloads; the same selectors have the same key."""
        where = namespaces if isinstance(namespaces, str) else f"namespaces {namespaces}"
        key = f"{self._key}group/{'pods' if hosts else 'pods off the host'} {pods} in {where}"
        if key not in self.groups:
            self.groups[key] = list(self._members(namespaces, pods, origin, hosts=hosts))
            self._selectors[key] = (namespaces, pods)
        return key

    def _members(
        self, namespaces: str | Selector, pods: Selector, origin: str, *, hosts: bool
    ) -> Iterator[tuple[str, bool, str]]:
        for name, workloads in sorted(self._by_namespace.items()):
            if isinstance(namespaces, str):
                within: bool | None = name == namespaces
            else:
                within = namespaces.matches(self._networks.namespaces.labels(name))
            if within is False:
                continue
            for workload in workloads:
                matches = pods.matches(workload.labels)
                if matches is False or (workload.is_on_host_network and not hosts):
                    continue
                certain = within is True and matches is True and not workload.is_on_host_network
                yield workload.id, certain, origin

    def _lay(
        self,
        lists: Lists,
        thing: Thing,
        way: str,
        rules: Iterable[_Rule],
        *,
        workload: Workload,
        is_certain: bool,
    ) -> None:
        for rule in rules:
            lists.entries += self._entries(
                thing, way, rule, workload, tier=NETWORK, certain=is_certain
            )
        name = f"{thing.kind} {thing.namespace}/{thing.name}"
        closing = Entry(
            "otherwise", NETWORK, "deny", None, None, None, None, is_certain,
            f"selected by {name}: what no such policy allows is denied", thing.origin(),
        )  # fmt: skip
        if lists.closing is None or (is_certain and not lists.closing.is_understood):
            lists.closing = closing

    def _entries(
        self, thing: Thing, way: str, rule: _Rule, workload: Workload, *, tier: int, certain: bool
    ) -> Iterator[Entry]:
        scope = f"{thing.namespace}/" if thing.namespace else ""
        name = rule.node.at("name")
        label = f" ({name})" if name else ""
        text = f"{thing.kind} {scope}{thing.name}{label}: {_WAYS[way][0]} rule {rule.index + 1}"
        number = 0
        for peer in rule.peers:
            for port in rule.ports:
                for group, protocol, ports in self._resolved(way, peer, port, workload):
                    key = f"{thing.kind}/{scope}{thing.name}/{rule.index}.{number}"
                    number += 1
                    understood = (
                        rule.is_understood and peer.is_understood and port.is_understood and certain
                    )
                    yield Entry(
                        key, tier, rule.action if rule.is_understood else rule.action or None,
                        protocol, group, peer.range, ports, understood, text,
                        thing.origin(rule.node),
                    )  # fmt: skip

    def _resolved(
        self, way: str, peer: Peer, port: PortRule, workload: Workload
    ) -> Iterator[tuple[str | None, str | None, str | None]]:
        """Group, protocol and ports; a named port is that of each destination by itself."""
        if port.name is None:
            ports = None if port.first is None else f"{port.first}-{port.last}"
            yield peer.group, port.protocol, ports
            return
        if way == IN:
            for protocol, number in _numbers(workload, port):
                yield peer.group, protocol, f"{number}-{number}"
            return
        if peer.range is not None:
            return  # Only a pod has ports with names.
        for key, (protocol, number) in self._by_number(peer.group, port):
            yield key, protocol, f"{number}-{number}"

    def _by_number(self, group: str | None, port: PortRule) -> list[tuple[str, tuple[str, int]]]:
        """The members of a group that have a port of that name, parted by its number."""
        at = (group, port.name, port.protocol)
        if at not in self._named:
            by_number: dict[tuple[str, int], list[tuple[str, bool, str]]] = defaultdict(list)
            everybody = [
                (w.id, not w.is_on_host_network, w.thing.origin()) for w in self._workloads
            ]
            for element, is_certain, origin in everybody if group is None else self.groups[group]:
                target = self._by_id.get(element)
                for pair in dict.fromkeys(_numbers(target, port)) if target is not None else ():
                    by_number[pair].append((element, is_certain, origin))
            found = []
            for (protocol, number), chosen in sorted(by_number.items()):
                key = f"{group or f'{self._key}group/all'} with {port.name}={protocol}/{number}"
                self.groups.setdefault(key, chosen)
                found.append((key, (protocol, number)))
            self._named[at] = found
        return self._named[at]

    def _foreign(self, thing: Thing) -> None:
        chosen = self._workloads
        if thing.namespace is not None:
            chosen = self._by_namespace[thing.namespace]
        if not chosen:
            thing.aside = f"{thing.kind} of {thing.group} stands where no workload is given"
        scope = f"{thing.namespace}/" if thing.namespace else ""
        key = f"{thing.kind}.{thing.group}/{scope}{thing.name}/0.0"
        text = f"{thing.kind} ({thing.group}) {scope}{thing.name}: its rules are not read"
        for workload in chosen:
            for way in _WAYS:
                # What it would do, and before or after which tier, is not known: it stands first.
                self._lists[workload.id, way].entries.insert(
                    0,
                    Entry(key, ADMIN, None, None, None, None, None, False, text, thing.origin()),
                )


def _namespaces_and_pods(node: Node | None) -> tuple[Selector, Selector] | None:
    """What a subject or a peer of an AdminNetworkPolicy selects by; None where by neither."""
    stated = {k: n for k, n in node.entries().items() if not n.is_null} if node is not None else {}
    if stated.keys() == {"namespaces"}:
        return selector(stated["namespaces"]), Selector(())
    if stated.keys() == {"pods"}:
        pods = stated["pods"]
        return selector(pods.get("namespaceSelector")), selector(pods.get("podSelector"))
    return None


def _is_foreign(thing: Thing) -> bool:
    return thing.group not in _GROUPS.get(thing.kind, ())


def _priority(thing: Thing) -> int:
    node = thing.node.get("spec", "priority")
    number = node.integer if node is not None else None
    return number if number is not None else _LAST_PORT


def _numbers(workload: Workload, port: PortRule) -> list[tuple[str, int]]:
    return [
        (p.protocol, p.number)
        for p in workload.ports_named(port.name or "")
        if port.protocol in (None, p.protocol)
    ]


def _port_rule(node: Node) -> PortRule:
    known = node.entries().keys() <= {"protocol", "port", "endPort"}
    protocol = (node.at("protocol") or "TCP").upper()
    known = known and protocol in ("TCP", "UDP", "SCTP")
    port, end = node.get("port"), node.get("endPort")
    if port is None or port.is_null:
        return PortRule(protocol, is_understood=known and end is None)
    first = port.integer
    if first is None:
        return PortRule(protocol, name=port.text, is_understood=known and end is None)
    last = end.integer if end is not None else first
    if last is None or not 0 <= first <= last <= _LAST_PORT:
        return PortRule(protocol, is_understood=False)
    return PortRule(protocol, first, last, is_understood=known)


def _admin_port(node: Node) -> PortRule:
    stated = {k: n for k, n in node.entries().items() if not n.is_null}
    if len(stated) != 1:
        return PortRule(is_understood=False)
    ((kind, below),) = stated.items()
    protocol = (below.at("protocol") or "TCP").upper()
    if kind == "namedPort" and below.text:
        return PortRule(name=below.text)
    first, last = {
        "portNumber": (below.get("port"), below.get("port")),
        "portRange": (below.get("start"), below.get("end")),
    }.get(kind, (None, None))
    if first is None or last is None or first.integer is None or last.integer is None:
        return PortRule(is_understood=False)
    if not 0 <= first.integer <= last.integer <= _LAST_PORT:
        return PortRule(protocol, is_understood=False)
    return PortRule(protocol, first.integer, last.integer)


def _ranges(cidr: str | None, excepted: Sequence[str], known: bool) -> Iterator[Peer]:
    """A range without what is excepted from it, as the ranges that are left."""
    try:
        whole = ipaddress.ip_network(cidr or "", strict=False)
        holes = [ipaddress.ip_network(e, strict=False) for e in excepted]
    except ValueError:
        yield Peer(None, None, is_understood=False)
        return
    left = [whole]
    for hole in holes:
        left = [part for network in left for part in _without(network, hole)]
    for network in sorted(left, key=lambda n: int(n.network_address)):
        yield Peer(None, str(network), known)


_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _without(network: _Network, hole: _Network) -> list[_Network]:
    if isinstance(network, ipaddress.IPv4Network) and isinstance(hole, ipaddress.IPv4Network):
        if network.subnet_of(hole):
            return []
        return list(network.address_exclude(hole)) if hole.subnet_of(network) else [network]
    if isinstance(network, ipaddress.IPv6Network) and isinstance(hole, ipaddress.IPv6Network):
        if network.subnet_of(hole):
            return []
        return list(network.address_exclude(hole)) if hole.subnet_of(network) else [network]
    return [network]
