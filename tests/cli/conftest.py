"""A workspace read from five small CSV files, and the program run on it in this process."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ringfence import cli

FILES = {
    "operator.csv": """id,name,country,network_purpose
north,Northline,XV,public
south,Southline,XV,public
""",
    "sites.csv": """Site Code,Operator,Site Name,County,Latitude,Longitude,Type,Sensitive
S1,north,Hill,Upland,60.1,5.2,macro,no
S2,north,Quay,Upland,60.2,5.3,macro,no
S3,north,Vault,Lowland,60.4,5.9,data centre,yes
S4,south,Moor,Lowland,91.4,5.9,macro,no
S5,south,电信,Lowland,59.4,5.9,macro,no
""",
    "element.csv": """id,name,site,vendor_name,installed_on
E1,hill-du,S1,Corvane,2020-05-01
E2,quay-du,S2,Borealis,2021-07-01
E3,amf-1,S3,Corvane,2021-02-01
E4,upf-1,S3,,2021-02-03
E5,moor,S5,Corvane,2023-01-01
""",
    "function.csv": """element,kind,generation
E1,GNBDU,5G
E2,GNBDU,5G
E3,AMF,5G
E4,UPF,5G
E5,GNBDU,5G
""",
    "demand.csv": """site,kind,people,traffic_mbps
S1,mobile data,1000,100
S2,mobile data,3000,300
S5,mobile data,500,50
""",
    "vendor.csv": """id,name,is_independent
corvane,Corvane,yes
borealis,Borealis,yes
""",
    "designation.csv": """vendor,instrument,valid_from,status,has_mitigation_strategy,source
Corvane,uk-dvd-2022,2022-10-13,designated,,made up
Corvane,uk-ncsc-2020,2020-01-28,treated as high risk,yes,made up
""",
}


class Ran(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["ringfence", *(str(a) for a in arguments)])
        capsys.readouterr()
        code = 0
        try:
            cli.main()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return call


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "export"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def home(tmp_path: Path, export: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace with the export read; the commands run in it."""
    folder = tmp_path / "home"
    assert run("init", folder, "--name", "Velmara").code == 0
    monkeypatch.chdir(folder)
    done = run("ingest", export, "--as-of", "2026-11-24", "-q")
    assert done.code == 0, done
    return folder
