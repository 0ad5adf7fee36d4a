"""The workloads of a cluster: what runs in pods or virtual machines, under one name, one or many.

Pods that a controller made are the controller's. Pods of one controller that carry different
labels, or offer different ports, are told apart, since policies can tell them apart; each is then
an element of its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ringfence.sources.kubernetes.objects import Manifests, Thing, strings
from ringfence.sources.kubernetes.selectors import CONTROLLER_LABELS, Labels
from ringfence.sources.yaml_files import Node

TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "DeploymentConfig": ("spec", "template"),
    "Rollout": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
    "VirtualMachine": ("spec", "template"),
    "Pod": (),
    "VirtualMachineInstance": (),
}
"""Where each kind of workload has the template of its pods."""

_MACHINES = ("VirtualMachine", "VirtualMachineInstance")


@dataclass(frozen=True, slots=True)
class Port:
    """A port that a container says it has."""

    name: str | None
    protocol: str
    number: int
    node: Node


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod, or the disk of a virtual machine."""

    name: str | None
    image: str | None
    command: tuple[str, ...]
    ports: tuple[Port, ...]
    mounts: tuple[tuple[str, str, str | None], ...]
    """Volume, path, path inside the volume."""
    node: Node


@dataclass(slots=True, eq=False)
class Workload:
    """One element: a controller with its pods, or a pod, or a virtual machine."""

    id: str
    namespace: str
    kind: str
    name: str
    thing: Thing
    template: Node
    labels: Labels
    annotations: Mapping[str, str]
    containers: list[Container]
    volumes: Mapping[str, Node]
    is_on_host_network: bool
    nodes: list[tuple[str, Node]]
    """The nodes it is stated to run on, and where that stands."""
    addresses: list[str]
    """The addresses that its one pod had when its state was written out."""
    pods: list[Thing] = field(default_factory=list)

    @property
    def is_machine(self) -> bool:
        """It is a virtual machine."""
        return self.kind in _MACHINES

    @property
    def spec(self) -> Node | None:
        """The specification of its pods."""
        return self.template.get("spec")

    def ports_named(self, name: str) -> list[Port]:
        """Its ports of that name."""
        return [p for c in self.containers for p in c.ports if p.name == name]


def workloads(manifests: Manifests, key: str) -> list[Workload]:
    """All workloads, by namespace, kind and name; `key` stands before each one's own key."""
    given: dict[tuple[str, str, str], Thing] = {}
    for thing in manifests.of(*TEMPLATES):
        if _is_over(thing):
            thing.aside = f"{thing.kind} has ended, or is kept at none to go back to"
        else:
            given[thing.namespace or "", thing.kind, thing.name] = thing
    made_by: dict[tuple[str, str, str], list[Thing]] = defaultdict(list)
    for thing in given.values():
        made_by[_top(thing, given)].append(thing)
    found: list[Workload] = []
    for (namespace, kind, name), members in sorted(made_by.items()):
        owner = given.get((namespace, kind, name))
        found += _of_owner(
            f"{key}{namespace}/{kind}/{name}", (namespace, kind, name), owner, members
        )
    return found


def _top(thing: Thing, given: Mapping[tuple[str, str, str], Thing]) -> tuple[str, str, str]:
    """Who made it in the end: the topmost controller that is named."""
    at = (thing.namespace or "", thing.kind, thing.name)
    for _ in range(5):
        node = given.get(at)
        owner = _controller(node) if node is not None else None
        if owner is None:
            return at
        at = (at[0], owner[0] or at[1], owner[1])
    return at


def _controller(thing: Thing) -> tuple[str | None, str] | None:
    for reference in thing.node.each("metadata", "ownerReferences"):
        controls = reference.get("controller")
        name, kind = reference.at("name"), reference.at("kind")
        # A pod that a node's kubelet starts from a file is "owned" by the node.
        if controls is not None and controls.truth and name and kind != "Node":
            return kind, name
    return None


def _of_owner(
    key: str, at: tuple[str, str, str], owner: Thing | None, members: Sequence[Thing]
) -> Iterator[Workload]:
    pods = [m for m in members if m is not owner]
    if owner is not None and (not pods or _template(owner).get("spec") is not None):
        template = _template(owner)
        yield _workload(key, at, owner, template, [*_instances(owner), *pods])
        return
    alike: dict[object, list[Thing]] = defaultdict(list)
    for pod in pods:
        alike[_looks(pod)].append(pod)
    for several in alike.values():
        name = key if len(alike) == 1 else f"{key}/{several[0].name}"
        yield _workload(name, at, several[0], _template(several[0]), several)


def _instances(owner: Thing) -> list[Thing]:
    return [owner] if not TEMPLATES[owner.kind] else []


def _is_over(thing: Thing) -> bool:
    """A pod that has ended, or an old ReplicaSet that its Deployment keeps at none."""
    if thing.kind == "Pod":
        return thing.node.at("status", "phase") in ("Succeeded", "Failed")
    replicas = thing.node.get("spec", "replicas")
    return (
        thing.kind == "ReplicaSet"
        and _controller(thing) is not None
        and replicas is not None
        and replicas.integer == 0
    )


def _template(thing: Thing) -> Node:
    path = TEMPLATES[thing.kind]
    return (thing.node.get(*path) if path else thing.node) or thing.node


def _looks(pod: Thing) -> object:
    """What a policy can tell a pod by."""
    template = _template(pod)
    labels = {
        k: v
        for k, v in strings(template.get("metadata", "labels")).items()
        if k not in CONTROLLER_LABELS
    }
    ports = {
        (p.name, p.protocol, p.number)
        for c in _containers(template, pod)
        for p in c.ports
        if p.name is not None
    }
    networks = pod.annotations.get("k8s.v1.cni.cncf.io/networks")
    hosted = template.at("spec", "hostNetwork")
    return tuple(sorted(labels.items())), frozenset(ports), networks, hosted


def _workload(
    key: str, at: tuple[str, str, str], thing: Thing, template: Node, pods: Sequence[Thing]
) -> Workload:
    namespace, kind, name = at
    own = strings(template.get("metadata", "labels")) | dict(thing.settings.labels)
    instances = [p for p in pods if p.kind in ("Pod", *_MACHINES)]
    if len(instances) > 1:
        shared = [set(strings(p.node.get("metadata", "labels")).items()) for p in instances]
        own = {
            k: v
            for k, v in own.items()
            if k not in CONTROLLER_LABELS or all((k, v) in s for s in shared)
        }
    is_single_pod = kind == "Pod"
    unknown = frozenset() if is_single_pod else CONTROLLER_LABELS - own.keys()
    host = template.get("spec", "hostNetwork")
    return Workload(
        key,
        namespace,
        kind,
        name,
        thing,
        template,
        Labels(own, unknown=unknown),
        strings(template.get("metadata", "annotations")),
        list(_containers(template, thing)),
        {n: v for v in template.each("spec", "volumes") if (n := v.at("name"))},
        host is not None and host.truth is True,
        list(_nodes(template, pods)),
        _addresses(instances),
        list(pods),
    )


def _nodes(template: Node, pods: Sequence[Thing]) -> Iterator[tuple[str, Node]]:
    seen = set()
    stated = [template.get("spec", "nodeName")]
    stated += [template.get("spec", "nodeSelector", "kubernetes.io/hostname")]
    stated += [_template(p).get("spec", "nodeName") for p in pods]
    stated += [p.node.get("status", "nodeName") for p in pods if p.kind in _MACHINES]
    for node in stated:
        if node is not None and (name := node.text) and name not in seen:
            seen.add(name)
            yield name, node


def _addresses(pods: Sequence[Thing]) -> list[str]:
    """Of the one pod there is: with several, none of them is the workload's."""
    if len(pods) != 1:
        return []
    status = pods[0].node.get("status")
    if status is None:
        return []
    listed = [ip for n in status.each("podIPs") if (ip := n.at("ip"))]
    return listed or [ip for ip in [status.at("podIP")] if ip]


def _containers(template: Node, thing: Thing) -> Iterator[Container]:
    spec = template.get("spec")
    if spec is None:
        return
    for node in spec.each("containers"):
        yield _container(node, thing)
    for node in spec.each("initContainers"):
        # One that is always restarted runs beside the others, and is no preparation for them.
        if node.at("restartPolicy") == "Always":
            yield _container(node, thing)
    for volume in spec.each("volumes"):
        disk = volume.get("containerDisk")
        if disk is not None and (image := disk.at("image")):
            reference = thing.settings.image(image)
            yield Container(volume.at("name"), reference, (), (), (), disk)


def _container(node: Node, thing: Thing) -> Container:
    image = node.at("image")
    return Container(
        node.at("name"),
        thing.settings.image(image) if image else None,
        tuple(node.texts("command") + node.texts("args")),
        tuple(_ports(node)),
        tuple(
            (volume, path, mount.at("subPath"))
            for mount in node.each("volumeMounts")
            if (volume := mount.at("name")) and (path := mount.at("mountPath"))
        ),
        node,
    )


def _ports(container: Node) -> Iterator[Port]:
    for node in container.each("ports"):
        number = node.get("containerPort")
        if number is not None and number.integer is not None:
            protocol = (node.at("protocol") or "TCP").upper()
            yield Port(node.at("name"), protocol, number.integer, node)
