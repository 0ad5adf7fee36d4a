"""A folder of many systems' exports in one command: each file is of its own kind or says why not.

`KINDS` says of each folder of the shared data which sources may read files of it. How many files
there are of each kind was counted without us: see the comment beside each.
"""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from ringfence.workspace import Ingested, Workspace

KINDS: dict[str, dict[str | None, int]] = {
    # `find . -name "*.y*ml" | wc -l`: 26, of which prometheus.yml is no configuration of a core.
    "5gcore-free5gc-compose": {"compose": 25, None: 3},
    # `find . -name '*.yaml' | wc -l`: 138; LICENSE and README.
    "5gcore-open5gs-k8s": {"kubernetes": 138, None: 2},
    # `grep -rlE '\\{\\{' charts | wc -l`: 101 templates, which are refused.
    "5gcore-towards5gs-helm": {"helm": 33, None: 102},
    # Configurations lie in `configs/`, what a command showed in `show/`.
    "batfish-lab-validation": {
        "command-output": 175, "router-configuration": 34, "batfish-host": 4, None: 148,
    },
    # `ls */*/*/configs | wc -l`: 31; hosts and iptables: 18; LICENSE, READMEs.
    "batfish-networks": {"router-configuration": 31, "batfish-host": 18, None: 4},
    # 18 policies, 1 include, 3 definitions; LICENSE.
    "capirca": {"capirca": 22, None: 1},
    "cisa-csaf": {"csaf": 16},
    "cisa-kev": {"cisa-kev": 1, None: 1},
    "cyclonedx-bom-examples": {"cyclonedx": 12, None: 1},
    # `find . -name '*.y*ml' | wc -l`: 399.
    "devicetype-library": {"device-type": 399, None: 1},
    "ee-tartu-opencellid": {"cell-list": 1},
    "geonames-places": {None: 1},
    "gnpy-topologies": {"gnpy": 2, None: 1},
    "ietf-mw-topology": {"rfc8345": 2},
    "netbox-demo-data": {"netbox": 2, None: 1},
    # Manifests; the 136 expected lists are no network data.
    "netpol-analyzer": {"kubernetes": 201, None: 137},
    # 97 outputs and the 97 expected results beside them, which are set aside.
    "ntc-show-outputs": {"command-output": 194, None: 1},
    "onap-cps-ran": {"onap-cps": 1, None: 1},
    "oran-smo-teiv": {"teiv": 44, "nrm": 1, None: 8},
    # Answers with results; empty ones and single objects say nothing of what they are.
    "pynetbox-fixtures": {"netbox": 28, None: 62},
    "ran-cm-exports": {"bulk-cm": 1, "huawei-mml": 1, "zte-workbook": 1, None: 1},
    "sndlib": {"sndlib": 11},
    # Six documents, one that is no JSON, COPYING.
    "spdx-examples": {"spdx": 6, None: 2},
    # 16 configurations; 12 route tables, 1 JSON file, 3 other files.
    "stanford-backbone": {"router-configuration": 16, None: 16},
    "topology-zoo": {"graphml": 131},
    "transportpce-topologies": {"rfc8345": 4},
    "uk-cells-west-sussex": {"cell-list": 2, None: 2},
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Ingested:
    workspace = Workspace.init(tmp_path_factory.mktemp("workspace") / "w", name="test")
    return workspace.ingest([shared_data], as_of=date(2026, 1, 1), jobs=2)


pytestmark = pytest.mark.slow


def test_no_file_of_one_kind_is_claimed_as_another(whole: Ingested) -> None:
    found: dict[str, Counter[str | None]] = {}
    for file in whole.files.to_pylist():
        _, folder, *rest = file["file"].split("/")
        if rest:
            found.setdefault(folder, Counter())[file["kind"]] += 1
    assert {folder: dict(kinds) for folder, kinds in found.items()} == KINDS


def test_every_file_is_read_or_says_why_not(whole: Ingested, shared_data: Path) -> None:
    told = {file["file"]: file for file in whole.files.to_pylist()}
    there = {
        f"{shared_data.resolve().name}/{file.relative_to(shared_data).as_posix()}"
        for file in shared_data.rglob("*")
        if file.is_file()
    }
    assert set(told) == there
    assert all(f["kind"] is not None or f["note"] for f in told.values())


def test_every_record_is_kept_or_rejected(whole: Ingested) -> None:
    rejected: Counter[str] = Counter()
    for reject in whole.rejects.to_pylist():
        rejected[reject["file"]] += reject["rows"]
        assert reject["reason"]
    for file in whole.files.to_pylist():
        assert file["rows_read"] == file["rows_kept"] + file["rows_rejected"], file["file"]
        assert file["rows_rejected"] == rejected[file["file"]], file["file"]


def test_an_unrendered_chart_is_refused_with_the_command_that_renders_it(whole: Ingested) -> None:
    hints = {r.hint for r in whole.refused if "is a template" in r.reason}
    assert hints
    assert all(hint and "helm template" in hint for hint in hints)


def test_what_is_no_json_among_valid_files_is_refused_with_its_line(whole: Ingested) -> None:
    (reason,) = {r.reason for r in whole.refused if "hello-source.spdx3.json" in r.file}
    assert "line 125" in reason
