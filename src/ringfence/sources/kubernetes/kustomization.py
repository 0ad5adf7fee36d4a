"""What kustomizations say of the manifests they name: namespace, prefix, images, generated maps.

A kustomization is applied as far as it can be without running it: `resources` (and `bases`),
`namespace`, `namePrefix`, `nameSuffix`, `images`, labels, `configMapGenerator`. A manifest takes
the settings of the kustomization that names it, then of the one that names that, and so on upward
while there is exactly one. Where several name the same base they are overlays, alternatives to
each other: none of them is applied, and each is told of. Patches and whatever else rewrites
objects are told of too; `kubectl kustomize DIR` writes out what they come to.

A base that no kustomization names is read as it lies there, in the namespace its manifests state.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from posixpath import basename, dirname, join, normpath

from ringfence.sources.yaml_files import Node

FILE_NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""The names by which kustomize looks for its file in a folder."""

_REWRITES = (
    "patches", "patchesStrategicMerge", "patchesJson6902", "replacements", "components",
    "transformers", "helmCharts", "vars", "generators", "replicas", "commonAnnotations",
)  # fmt: skip
_HARMLESS = frozenset(("replicas", "commonAnnotations"))
_BUILD = "give the output of `kubectl kustomize DIR` to have them applied"


@dataclass(frozen=True, slots=True)
class Settings:
    """What is laid over a manifest: the sum of the kustomizations that lead to it."""

    namespace: str | None = None
    prefix: str = ""
    suffix: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What is put on pods."""
    selector_labels: Mapping[str, str] = field(default_factory=dict)
    """What is put on pods and asked for by every selector of pods."""
    images: tuple[tuple[str, str | None, str | None, str | None], ...] = ()
    leads: int = 0
    """So many kustomizations lead to it, by all ways."""

    def image(self, reference: str) -> str:
        """The image's reference after the `images` of all kustomizations, innermost first."""
        for name, new_name, tag, digest in self.images:
            repository = reference.split("@", 1)[0]
            head, colon, _ = repository.rpartition(":")
            if colon and "/" not in repository[len(head) :]:
                repository = head
            if repository != name:
                continue
            if digest:
                reference = f"{new_name or repository}@{digest}"
            elif tag:
                reference = f"{new_name or repository}:{tag}"
            elif new_name:
                reference = new_name + reference[len(repository) :]
        return reference


@dataclass(frozen=True, slots=True)
class Generated:
    """A ConfigMap or Secret that a kustomization generates: its name and the files it is made of."""

    kind: str
    name: str
    file: str
    node: Node
    files: tuple[tuple[str, str, Node], ...]
    """Key, the file's name among those given, and where the kustomization names it."""


@dataclass(slots=True, eq=False)
class Kustomization:
    """One kustomization file."""

    file: str
    node: Node
    names: list[str] = field(default_factory=list)
    remarks: list[tuple[int | None, str]] = field(default_factory=list)
    is_used: bool = False


class Kustomizations:
    """All kustomizations given, and the settings of each manifest below them."""

    def __init__(self, found: Mapping[str, Node], files: Sequence[str]) -> None:
        self._all = {name: Kustomization(name, node) for name, node in found.items()}
        self._by_folder = {dirname(name): k for name, k in self._all.items()}
        self._parents: dict[str, list[Kustomization]] = defaultdict(list)
        given = set(files)
        for kustomization in self._all.values():
            for item in _resources(kustomization.node):
                self._link(kustomization, item, given)
            self._remark(kustomization)
        self._settings: dict[str, Settings] = {}
        self._alternatives()

    def __iter__(self) -> Iterator[Kustomization]:
        """The kustomizations, in the order of their files."""
        return iter(self._all.values())

    def of(self, file: str) -> Settings:
        """The settings of a manifest or a kustomization, by its file."""
        if file not in self._settings:
            self._settings[file] = self._summed(file)
        return self._settings[file]

    def generated(self) -> Iterator[Generated]:
        """The ConfigMaps and Secrets that are generated."""
        for kustomization in self._all.values():
            for section, kind in (
                ("configMapGenerator", "ConfigMap"),
                ("secretGenerator", "Secret"),
            ):
                for item in kustomization.node.each(section):
                    if name := item.at("name"):
                        kustomization.is_used = True
                        files = tuple(_generator_files(kustomization.file, item))
                        yield Generated(kind, name, kustomization.file, item, files)

    def settings_inside(self, file: str) -> Settings:
        """The settings of what a kustomization generates: its own, then those laid over it."""
        return _laid(self._all[file].node, self.of(file))

    def _link(self, kustomization: Kustomization, item: Node, given: set[str]) -> None:
        named = normpath(join(dirname(kustomization.file), item.text or ""))
        below = next((f for n in FILE_NAMES if (f := join(named, n)) in self._all), None)
        target = named if named in given else below
        if target is None or target == kustomization.file:
            kustomization.remarks.append((item.line, f"{item.text} is not given"))
            return
        kustomization.names.append(target)
        kustomization.is_used = True
        self._parents[target].append(kustomization)

    def _remark(self, kustomization: Kustomization) -> None:
        for section in _REWRITES:
            node = kustomization.node.get(section)
            if node is not None and not node.is_null and section not in _HARMLESS:
                kustomization.remarks.append((node.line, f"{section} are not applied; {_BUILD}"))

    def _alternatives(self) -> None:
        for target, parents in self._parents.items():
            if len(parents) > 1:
                for parent in parents:
                    others = ", ".join(p.file for p in parents if p is not parent)
                    reason = f"is an alternative to {others} over {target}; none of them is applied"
                    parent.remarks.append((None, reason))

    def _summed(self, file: str) -> Settings:
        settings = Settings(leads=self._leads(file))
        seen = {file}
        while True:
            parents = self._parents.get(file, [])
            if len(parents) != 1 or parents[0].file in seen:
                return settings
            file = parents[0].file
            seen.add(file)
            settings = _over(settings, parents[0].node)

    def _leads(self, file: str) -> int:
        reached: set[str] = set()
        waiting = [file]
        while waiting:
            for parent in self._parents.get(waiting.pop(), ()):
                if parent.file not in reached:
                    reached.add(parent.file)
                    waiting.append(parent.file)
        return len(reached)


def _resources(node: Node) -> list[Node]:
    return [n for section in ("resources", "bases") for n in node.each(section) if n.text]


def _over(inner: Settings, node: Node) -> Settings:
    """Settings with those of one more kustomization laid over them."""
    images = tuple(
        (name, i.at("newName"), i.at("newTag"), i.at("digest"))
        for i in node.each("images")
        if (name := i.at("name"))
    )
    common = {k: n.text or "" for k, n in node.entries("commonLabels").items()}
    asked, put = dict(inner.selector_labels) | common, dict(inner.labels) | common
    for entry in node.each("labels"):
        pairs = {k: n.text or "" for k, n in entry.entries("pairs").items()}
        if _is_set(entry, "includeSelectors"):
            asked, put = asked | pairs, put | pairs
        elif _is_set(entry, "includeTemplates"):
            put = put | pairs
    return replace(
        inner,
        namespace=node.at("namespace") or inner.namespace,
        prefix=(node.at("namePrefix") or "") + inner.prefix,
        suffix=inner.suffix + (node.at("nameSuffix") or ""),
        labels=put,
        selector_labels=asked,
        images=inner.images + images,
    )


def _is_set(node: Node, name: str) -> bool:
    below = node.get(name)
    return below is not None and below.truth is True


def _laid(node: Node, outer: Settings) -> Settings:
    own = _over(Settings(leads=outer.leads), node)
    return Settings(
        outer.namespace or own.namespace,
        outer.prefix + own.prefix,
        own.suffix + outer.suffix,
        {**own.labels, **outer.labels},
        {**own.selector_labels, **outer.selector_labels},
        own.images + outer.images,
        outer.leads,
    )


def _generator_files(file: str, item: Node) -> Iterator[tuple[str, str, Node]]:
    for node in item.each("files"):
        key, equals, path = (node.text or "").partition("=")
        if not equals:
            key, path = basename(key), key
        yield key, normpath(join(dirname(file), path)), node
