"""The objects of a cluster as its manifests state them: kind, name, labels, and where they stand.

A manifest is one object or a list of them (`kind: List`, `PodList`, what `kubectl get -o yaml`
writes). Each object is one record. The same object given twice is read once: where a cluster's
files differ on it, that one is taken to which more kustomizations lead, then the one less deep in
the folders, then the first by name; the others are told of with the place of the one taken.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import basename

from ringfence.errors import SourceError
from ringfence.sources.core_configuration import configurations
from ringfence.sources.kubernetes.kustomization import (
    FILE_NAMES,
    Generated,
    Kustomizations,
    Settings,
)
from ringfence.sources.yaml_files import Fault, Node, documents, read_text, template_line

DEFAULT_NAMESPACE = "default"

_CLUSTER_WIDE = frozenset(
    (
        "Namespace", "Node", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy",
        "ClusterNetworkPolicy", "ClusterUserDefinedNetwork", "CiliumClusterwideNetworkPolicy",
        "GlobalNetworkPolicy", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition",
        "PersistentVolume", "StorageClass", "IngressClass",
    )
)  # fmt: skip
_NEVER_RENAMED = ("Namespace", "Node", "CustomResourceDefinition")
_UE = ("gnbSearchList", "supi")


@dataclass(slots=True, eq=False)
class Thing:
    """One object. `namespace` is null for what belongs to the cluster as a whole.

    `original_name` is the name before a kustomization put something before or behind it, by which
    other objects of the same kustomization speak of it. `is_placed` says that the namespace is
    stated; otherwise it is that of whoever applies the file, and is taken to be `default`.
    """

    kind: str
    group: str
    name: str
    namespace: str | None
    node: Node
    file: str
    settings: Settings = field(default_factory=Settings)
    original_name: str = ""
    is_placed: bool = True
    fault: str | None = None
    aside: str | None = None
    data: dict[str, tuple[Node, str]] = field(default_factory=dict)
    """Of a generated ConfigMap: the files it is made of, by key, with their names."""

    def origin(self, node: Node | None = None) -> str:
        """The file and the line of the object, or of a node in it."""
        return f"{self.file}:{(node or self.node).line}"

    @property
    def labels(self) -> dict[str, str]:
        """Its own labels."""
        return strings(self.node.get("metadata", "labels")) | dict(self.settings.labels)

    @property
    def annotations(self) -> dict[str, str]:
        """Its own annotations."""
        return strings(self.node.get("metadata", "annotations"))


def strings(node: Node | None) -> dict[str, str]:
    """A mapping of texts, as labels and annotations are."""
    return {k: n.text or "" for k, n in node.entries().items()} if node is not None else {}


@dataclass(frozen=True, slots=True)
class Note:
    """A record that is no object and was not read, or a file that could not be."""

    file: str
    line: int | None
    reason: str
    kind: str = "fault"


class Manifests:
    """All objects of a cluster, and what else is to be told of its files."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.things: list[Thing] = []
        self.notes: list[Note] = []
        self.kept_files: dict[str, int] = {}
        """Records that are no objects and were of use, by file: kustomizations, mounted files."""
        self._loose: dict[str, Node] = {}
        kustomizations: dict[str, Node] = {}
        for name in sorted(files, key=lambda n: (n.count("/"), n)):
            self._read(name, files[name], kustomizations)
        self._kustomize(Kustomizations(kustomizations, list(files)))
        self._settle()
        self._by_kind: dict[str, list[Thing]] = defaultdict(list)
        for thing in self.things:
            if thing.fault is None and thing.aside is None:
                self._by_kind[thing.kind].append(thing)
        for things in self._by_kind.values():
            things.sort(key=lambda t: (t.namespace or "", t.name))

    def of(self, *kinds: str) -> list[Thing]:
        """The objects of these kinds that are believed, by namespace and name."""
        return [t for kind in kinds for t in self._by_kind.get(kind, ())]

    def _read(self, name: str, path: Path, kustomizations: dict[str, Node]) -> None:
        try:
            text = read_text(path)
        except SourceError as error:
            self.notes.append(Note(name, None, error.message))
            return
        count = 0
        for document in documents(text):
            count += 1
            if isinstance(document, Fault):
                template = template_line(text)
                if template is not None:
                    reason = (
                        "is a Helm template, not a manifest: read the output of `helm template`"
                    )
                    self.notes.append(Note(name, template, reason))
                    break
                self.notes.append(Note(name, document.line, document.reason))
            elif basename(name) in FILE_NAMES or document.at("kind") == "Kustomization":
                kustomizations[name] = document
            else:
                self._document(name, document)
        if count == 0:
            self.notes.append(Note(name, None, "states nothing", "set aside"))

    def _document(self, name: str, document: Node) -> None:
        kind = document.at("kind")
        if kind is None or document.at("apiVersion") is None:
            if configurations(document) or any(document.get(k) is not None for k in _UE):
                self._loose[name] = document
            else:
                reason = "is no Kubernetes object: it states no apiVersion and kind"
                self.notes.append(Note(name, document.line, reason, "set aside"))
            return
        if kind.endswith("List") and document.get("items") is not None:
            items = document.each("items")
            for item in items:
                self._object(name, item, kind.removesuffix("List") or None, document)
            if not items:
                self.notes.append(Note(name, document.line, "is an empty list", "set aside"))
            return
        self._object(name, document, None, document)

    def _object(self, name: str, node: Node, kind: str | None, document: Node) -> None:
        kind = node.at("kind") or kind
        version = node.at("apiVersion") or document.at("apiVersion") or ""
        group = version.rpartition("/")[0]
        own = node.at("metadata", "name") or node.at("metadata", "generateName")
        if not kind or not own:
            missing = "name" if kind else "kind"
            self.notes.append(Note(name, node.line, f"is an object without a {missing}"))
            return
        namespace = None if kind in _CLUSTER_WIDE else node.at("metadata", "namespace") or ""
        self.things.append(Thing(kind, group, own, namespace, node, name, original_name=own))

    def _kustomize(self, kustomizations: Kustomizations) -> None:
        for thing in self.things:
            thing.settings = kustomizations.of(thing.file)
        for generated in kustomizations.generated():
            self.things.append(self._generated(generated, kustomizations))
        for thing in self.things:
            settings = thing.settings
            if thing.namespace is not None:
                stated = settings.namespace or thing.namespace
                thing.is_placed = bool(stated)
                thing.namespace = stated or DEFAULT_NAMESPACE
            if thing.kind not in _NEVER_RENAMED:
                thing.name = f"{settings.prefix}{thing.name}{settings.suffix}"
        for kustomization in kustomizations:
            file = kustomization.file
            self.notes += [
                Note(file, line, reason, "set aside") for line, reason in kustomization.remarks
            ]
            if kustomization.is_used:
                self.kept_files[file] = 1
            else:
                reason = "is a kustomization of nothing that is given"
                self.notes.append(Note(file, None, reason, "set aside"))
        reason = "is the configuration of a core function that nothing given mounts"
        for name in sorted(self._loose.keys() - self.kept_files.keys()):
            self.notes.append(Note(name, None, reason, "set aside"))

    def _generated(self, generated: Generated, kustomizations: Kustomizations) -> Thing:
        """A ConfigMap or Secret as the kustomization would make it, as far as its files are given."""
        data: dict[str, tuple[Node, str]] = {}
        for key, file, node in generated.files:
            if file in self._loose:
                data[key] = (self._loose[file], file)
                self.kept_files[file] = 1
            else:
                reason = f"a {generated.kind} is generated from {file}, which is not given"
                self.notes.append(Note(generated.file, node.line, reason, "set aside"))
        return Thing(
            generated.kind, "", generated.name, "", generated.node, generated.file,
            kustomizations.settings_inside(generated.file), generated.name, data=data,
        )  # fmt: skip

    def _settle(self) -> None:
        """Believe one of each object that is given several times."""
        groups: dict[tuple[str, str, str | None, str], list[Thing]] = defaultdict(list)
        for thing in self.things:
            groups[thing.kind, thing.group, thing.namespace, thing.name].append(thing)
        for several in groups.values():
            if len(several) == 1:
                continue
            best = min(several, key=lambda t: (-t.settings.leads, t.file.count("/"), t.file))
            content = best.node.plain()
            for thing in several:
                if thing is best:
                    continue
                place = best.origin()
                if thing.node.plain() == content and not thing.data:
                    thing.aside = f"the same {thing.kind} is given at {place}"
                else:
                    name = f"{thing.namespace}/{thing.name}" if thing.namespace else thing.name
                    thing.fault = (
                        f"{thing.kind} {name} is given with other content at {place}, "
                        "which was taken: read one cluster at a time"
                    )

    def records(self) -> Iterator[tuple[str, int, int]]:
        """Each file with its records and how many of them were of use, notes left out."""
        counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for thing in self.things:
            counts[thing.file][0] += 1
            counts[thing.file][1] += thing.fault is None and thing.aside is None
        for file, number in self.kept_files.items():
            counts[file][0] += number
            counts[file][1] += number
        for file in sorted(counts):
            yield file, counts[file][0], counts[file][1]
