"""Helm charts: what a chart's values state by themselves, and how to have the rest.

A chart's templates are a program, and what it deploys is the program's output. A template is
therefore refused, with the command that renders it: `helm template` writes plain manifests, which
the Kubernetes source reads. Helm 3 and 4 charts (`apiVersion` v1 and v2) are known.

`values.yaml` alone states images (a repository and a tag) and, in charts that attach pods to
networks of the hosts, those networks (a plugin, the interface of the host, a range). Which
workload uses them is in the templates, so no element, function or interface is read from values.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.images import image
from ringfence.sources.rows import Rows
from ringfence.sources.yaml_files import (
    Fault,
    Node,
    documents,
    head_text,
    read_text,
    template_line,
)

_CHART = "Chart.yaml"
_CHART_MARKS = tuple(
    re.compile(rf"^{key}\s*:", re.MULTILINE) for key in ("apiVersion", "name", "version")
)
_KIND = re.compile(r"^kind\s*:", re.MULTILINE)
_VALUES = re.compile(r".*values.*\.ya?ml", re.IGNORECASE)
_OF_VALUES = re.compile(
    r"^\s*(?:image|replicaCount|nameOverride|fullnameOverride|global|imagePullSecrets|"
    r"podAnnotations)\s*:",
    re.MULTILINE,
)
_PLUGINS = ("macvlan", "ipvlan", "macvtap", "bridge", "ovs", "host-device", "sriov", "vlan")
_MASTERS = ("masterIf", "master", "parentInterface", "hostInterface", "bridge")
_REPOSITORIES = ("repository", "name", "image")


class Helm:
    """Reads a chart's values; refuses its templates with the command that renders them."""

    kind = "helm"
    describes = "Helm charts: values.yaml; templates are refused with the command that renders them"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Decide by a chart's own marks; values by the chart beside them."""
        text = head_text(head)
        if _is_template(path, text):
            return Claim(1.0, "it is a template of a Helm chart")
        if path.name in (_CHART, "Chart.yml") and all(m.search(text) for m in _CHART_MARKS):
            return Claim(0.0 if _KIND.search(text) else 1.0, "it describes a Helm chart")
        if _VALUES.fullmatch(path.name) and re.search(r"^[\w.-]+\s*:", text, re.MULTILINE):
            if _chart_above(path) is not None:
                return Claim(0.95, "it lies beside a Chart.yaml and holds values")
            if _OF_VALUES.search(text):
                return Claim(0.6, "it is called values and holds what charts ask for")
        return Claim(0.0, "nothing in it is of a Helm chart")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield networks and images of values; raise `SourceError` for a template."""
        name = options.origin or path.name
        text = read_text(path)
        line = template_line(text)
        if line is not None and _is_template(path, text):
            raise SourceError(
                "is a template: what it deploys is known when it is rendered",
                where=f"{name}:{line}",
                hint=_render(path, name),
            )
        roots = list(documents(text))
        fault = next((r for r in roots if isinstance(r, Fault)), None)
        if fault is not None:
            raise SourceError(fault.reason, where=f"{name}:{fault.line}", hint=_render(path, name))
        root = next((r for r in roots if isinstance(r, Node) and r.is_mapping), None)
        if path.name in (_CHART, "Chart.yml"):
            reason = f"describes a chart; what it deploys is known when it is rendered: {_render(path, name)}"
            yield Reject("line 1", reason, kind="set aside")
            yield Read(1, 0)
        elif root is None:
            raise SourceError("holds no values", where=name)
        else:
            yield from _Values(name, options, root, _render(path, name)).items()


def _is_template(path: Path, text: str) -> bool:
    in_templates = "templates" in path.parts or path.suffix == ".tpl"
    if template_line(text) is None:
        return in_templates and "{{" in text
    return in_templates or bool(_KIND.search(text)) or bool(re.search(r"^\{\{", text, re.MULTILINE))


def _chart_above(path: Path) -> Path | None:
    """The folder of the chart that a file is part of; of a chart in a chart, the outer one."""
    found = None
    try:
        for folder in list(path.absolute().parents)[:8]:
            if (folder / _CHART).is_file():
                found = folder
            elif found is not None and folder.name != "charts":
                break
    except OSError:
        return None
    return found


def _render(path: Path, name: str) -> str:
    """The command that renders the chart of a file, by the file's name as it is told of."""
    chart = _chart_above(path)
    if chart is None:
        return "helm template NAME CHART > rendered.yaml, and read that file"
    release = re.sub(r"[^a-z0-9-]+", "-", chart.name.lower()).strip("-") or "chart"
    depth = len(path.absolute().relative_to(chart).parts)
    parts = PurePosixPath(name).parts[:-depth]
    folder = "/".join(parts) or chart.name
    return f"helm template {release} {folder} > {release}-rendered.yaml, and read that file"


@dataclass(frozen=True, slots=True)
class _Network:
    name: str
    plugin: str
    master: str | None
    address_range: str | None


class _Values:
    """A file of values on its way to rows."""

    def __init__(self, name: str, options: Options, root: Node, command: str) -> None:
        self._name = name
        self._root = root
        self._command = command
        self._key = f"{options.prefix or 'helm'}:{name}/"
        self._rows = Rows()
        self._rejects: list[Reject] = []
        self._kept = 0
        self._others = 0
        self._wires: set[str] = set()
        self._products: set[str] = set()

    def items(self) -> Iterator[Batch | Reject | Read]:
        """Go through all values once, without recursion."""
        waiting: list[tuple[str, Node]] = [("", self._root)]
        while waiting:
            where, node = waiting.pop()
            below = self._taken(where, node)
            waiting += reversed(below)
        yield from self._rows.batches()
        if self._others:
            reason = f"what other values do is decided by the templates: {self._command}"
            self._rejects.append(
                Reject(f"line {self._root.line}", reason, kind="set aside", rows=self._others)
            )
        yield from self._rejects
        yield Read(self._kept + sum(r.rows for r in self._rejects), self._kept)

    def _taken(self, where: str, node: Node) -> list[tuple[str, Node]]:
        """Take a network or an image; what is left to look at below the node."""
        if node.is_list:
            return [(f"{where}[{i}]", n) for i, n in enumerate(node.each())]
        if not node.is_mapping:
            self._others += 1
            return []
        network = _network(where, node)
        if network is not None:
            self._network(where, node, network)
            return []
        entries = dict(node.entries())
        if self._image(where, node):
            for used in (*_REPOSITORIES, "registry", "tag", "digest"):
                if (value := entries.get(used)) is not None and not value.is_mapping:
                    del entries[used]
        return [(f"{where}.{k}" if where else k, n) for k, n in entries.items()]

    def _network(self, where: str, node: Node, network: _Network) -> None:
        enabled = node.get("enabled")
        if enabled is not None and enabled.truth is False:
            reason = f"network {network.name} is not enabled"
            self._rejects.append(Reject(f"line {node.line}", reason, kind="set aside"))
            return
        origin = f"{self._name}:{node.line}"
        key = f"{self._key}network/{where}"
        parent = None
        shares = network.plugin in ("macvlan", "ipvlan", "macvtap", "bridge", "ovs", "vlan")
        if network.master is not None and shares:
            parent = f"{self._key}wire/{network.master}"
            if parent not in self._wires:
                self._wires.add(parent)
                self._segment(
                    parent, network.master, "VLAN", origin, parent=None, on=network.master,
                    address_range=None, isolates=None,
                )  # fmt: skip
        self._segment(
            key, network.name, "container network", origin, parent=parent, on=network.master,
            address_range=network.address_range,
            isolates=node.at("mode") in ("private", "vepa") if network.plugin == "macvlan" else None,
        )  # fmt: skip
        self._kept += 1

    def _segment(
        self, key: str, name: str, kind: str, origin: str, *, parent: str | None, on: str | None,
        address_range: str | None, isolates: bool | None,
    ) -> None:  # fmt: skip
        self._rows.add(
            "segment", id=key, name=name, kind=kind, parent=parent, parent_interface=on,
            address_range=address_range, isolates_members=isolates, origin=origin,
        )  # fmt: skip

    def _image(self, where: str, node: Node) -> bool:
        """Take an image: a repository under `image`, or beside a tag; whether there was one."""
        is_called_image = where.rpartition(".")[2] == "image"
        if node.get("tag") is None and node.get("digest") is None and not is_called_image:
            return False
        repository = next((t for k in _REPOSITORIES if (t := node.at(k))), None)
        registry = node.at("registry")
        found = image(f"{registry}/{repository}" if registry and repository else repository)
        if found is None:
            return False
        self._kept += 1
        key = f"{self._key}image/{found.repository}"
        if key not in self._products:
            self._products.add(key)
            origin = f"{self._name}:{node.line}"
            self._rows.add("product", id=key, model=found.repository, origin=origin)
        return True


def _network(where: str, node: Node) -> _Network | None:
    plugin = node.at("type") or ""
    master = next((m for k in _MASTERS if (m := node.at(k))), None)
    if plugin not in _PLUGINS or (master is None and node.get("subnetIP") is None):
        return None
    name = node.at("name") or where.rpartition(".")[2]
    return _Network(name, plugin, master, _range(node))


def _range(node: Node) -> str | None:
    subnet, bits = node.at("subnetIP") or node.at("subnet") or node.at("range"), node.at("cidr")
    text = f"{subnet}/{bits}" if subnet and bits and "/" not in subnet else subnet or bits
    try:
        return str(ipaddress.ip_network(text, strict=False)) if text and "/" in text else None
    except ValueError:
        return None
