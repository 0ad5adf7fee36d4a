"""Helm charts of made-up makers: values are read, templates refused with the command."""

from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.helm import Helm

VALUES = """\
global:
  n3: {enabled: true, name: n3net, type: macvlan, masterIf: ens1, mode: private, subnetIP: 192.0.2.0, cidr: 24}
  n6: {enabled: false, name: n6net, type: ipvlan, masterIf: ens2, subnetIP: 192.0.2.0, cidr: 24}
amf:
  image: {repository: example/amf, tag: "2.1", pullPolicy: Always}
  sidecars:
    - {registry: registry.example, image: proxy, tag: "1"}
  replicas: 2
service: {type: ClusterIP, port: 80}
"""


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    """A chart with a chart in it."""
    for folder in (tmp_path / "core", tmp_path / "core" / "charts" / "amf"):
        (folder / "templates").mkdir(parents=True)
        (folder / "Chart.yaml").write_text("apiVersion: v2\nname: core\nversion: 1.0.0\n")
        (folder / "values.yaml").write_text(VALUES)
        (folder / "templates" / "a.yaml").write_text("kind: Pod\nname: {{ .Values.name }}\n")
    return tmp_path / "core"


def rows(gathered: Gathered, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gathered.tables[table].to_pylist()
    return found


def test_values_give_images_and_networks_and_no_elements(chart: Path) -> None:
    gathered = gather(Helm(), chart / "values.yaml", Options(origin="lab/core/values.yaml"))
    assert gathered.tables.keys() == {"product", "segment"}
    assert {r["model"]: r["origin"] for r in rows(gathered, "product")} == {
        "example/amf": "lab/core/values.yaml:5",
        "registry.example/proxy": "lab/core/values.yaml:7",
    }
    assert {r["vendor_name"] for r in rows(gathered, "product")} == {None}
    segments = {r["name"]: r for r in rows(gathered, "segment")}
    assert segments.keys() == {"ens1", "n3net"}
    n3 = segments["n3net"]
    assert (n3["parent_interface"], n3["address_range"], n3["isolates_members"]) == (
        "ens1", "192.0.2.0/24", True,
    )  # fmt: skip
    assert n3["parent"] == segments["ens1"]["id"]


def test_what_values_do_not_say_by_themselves_is_told_of(chart: Path) -> None:
    gathered = gather(Helm(), chart / "values.yaml", Options(origin="lab/core/values.yaml"))
    told = {r["reason"]: r["rows"] for r in gathered.rejects.to_pylist()}
    command = "helm template core lab/core > core-rendered.yaml, and read that file"
    # pullPolicy, replicas, type and port; n6 is told of by itself.
    assert told == {
        f"what other values do is decided by the templates: {command}": 4,
        "network n6net is not enabled": 1,
    }
    assert (gathered.rows_read, gathered.rows_kept) == (8, 3)


def test_a_template_is_refused_with_the_command_for_the_outer_chart(chart: Path) -> None:
    path = chart / "charts" / "amf" / "templates" / "a.yaml"
    assert Helm().claims(path, path.read_bytes()).sureness == 1.0
    origin = "lab/core/charts/amf/templates/a.yaml"
    with pytest.raises(SourceError) as error:
        gather(Helm(), path, Options(origin=origin))
    assert error.value.where == f"{origin}:2"
    assert (
        error.value.hint == "helm template core lab/core > core-rendered.yaml, and read that file"
    )


def test_a_chart_alone_deploys_nothing(chart: Path) -> None:
    path = chart / "Chart.yaml"
    assert Helm().claims(path, path.read_bytes()).sureness == 1.0
    gathered = gather(Helm(), path, Options())
    assert (gathered.rows_read, gathered.rows_kept, gathered.tables) == (1, 0, {})


def test_values_are_known_by_the_chart_beside_them(chart: Path, tmp_path: Path) -> None:
    assert Helm().claims(chart / "values.yaml", VALUES.encode()).sureness == 0.95
    assert Helm().claims(tmp_path / "lab-values.yaml", VALUES.encode()).sureness == 0.6
    assert Helm().claims(tmp_path / "values.yaml", b"a: 1\n").sureness == 0.0
    assert Helm().claims(tmp_path / "x.yaml", VALUES.encode()).sureness == 0.0
    # Rendered output is Kubernetes' own.
    rendered = b"---\n# Source: core/templates/a.yaml\napiVersion: v1\nkind: Pod\n"
    assert Helm().claims(tmp_path / "rendered.yaml", rendered).sureness == 0.0


@pytest.mark.parametrize("text", ["", "- 1\n", "a: 1\na: 2\n", "a: [\n"])
def test_files_that_hold_no_values_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(text)
    with pytest.raises(SourceError):
        gather(Helm(), path, Options())
