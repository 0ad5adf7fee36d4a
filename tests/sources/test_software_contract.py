"""The readers of software lists, advisories and command output keep the contract of sources."""

from pathlib import Path

import pytest

from ringfence.sources.base import Source
from ringfence.sources.command_output import CommandOutput
from ringfence.sources.contract import check_source
from ringfence.sources.csaf import Csaf
from ringfence.sources.cyclonedx import CycloneDx
from ringfence.sources.known_exploited import KnownExploited
from ringfence.sources.spdx import Spdx

FILES: dict[str, tuple[str, ...]] = {
    "cyclonedx": (
        "cyclonedx-bom-examples/HBOM/PCIe-SATA-adapter-board/bom.json",
        "cyclonedx-bom-examples/SBOM/cern-lhc-vdm-editor-e564943/bom.xml",
        "cyclonedx-bom-examples/VEX/CISA-Use-Cases/Case-7/bom-1.json",
        "cyclonedx-bom-examples/VEX/CISA-Use-Cases/Case-7/vex.json",
    ),
    "spdx": (
        "spdx-examples/presentations/SBOMS-SPDX-Now-and-Future/ACME-v2.3.spdx.json",
        "spdx-examples/software/example1/spdx3.0/example1.json",
    ),
    "csaf": ("cisa-csaf/csaf_files/OT/white/2023/icsa-23-285-07.json",),
    "cisa-kev": ("cisa-kev/known_exploited_vulnerabilities.json",),
    "command-output": (
        "ntc-show-outputs/tests/huawei_vrp/display_version/huawei_vrp_display_version.raw",
        "ntc-show-outputs/tests/alcatel_sros/show_router_interface/alcatel_sros_show_router_interface.raw",
        "batfish-lab-validation/snapshots/sros_isis/show/r1/show_version.txt",
    ),
}
SOURCES = (CycloneDx(), Spdx(), Csaf(), KnownExploited(), CommandOutput())


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: s.kind)
def test_the_contract_is_kept(shared_data: Path, source: Source) -> None:
    own = [shared_data / name for name in FILES[source.kind]]
    others = [shared_data / n for kind, ns in FILES.items() if kind != source.kind for n in ns]
    others.append(shared_data / "uk-cells-west-sussex" / "merged" / "23410")
    check_source(source, own, [p for p in others if p.is_file()], mutations=15)
