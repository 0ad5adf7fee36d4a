"""The readers of RAN exports together: what each claims, and many bent real files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import RingfenceError
from ringfence.network.functions import catalogue
from ringfence.sources.base import Options, Source, gather
from ringfence.sources.bulk_cm import BulkCm
from ringfence.sources.contract import check_source
from ringfence.sources.huawei_mml import HuaweiMml, equipment
from ringfence.sources.managed_classes import FUNCTIONS
from ringfence.sources.managed_objects import parse_name, written
from ringfence.sources.nrm import Nrm
from ringfence.sources.zte_workbook import ZteWorkbook

SOURCES: tuple[Source, ...] = (BulkCm(), HuaweiMml(), Nrm(), ZteWorkbook())
FOLDER = "ran-cm-exports"
FILES = {
    "bulk-cm": f"{FOLDER}/3gpp-bulkcm/src/test/resources/bulkcm.xml",
    "huawei-mml": f"{FOLDER}/huawei-mml/src/test/resources/CFGMML1.txt",
    "zte-workbook": f"{FOLDER}/zte-xls/src/test/resources/templatedata.xlsx",
    "nrm": (
        "oran-smo-teiv/adapters/ncmp-to-teiv-adapter/src/main/resources/sample-responses/"
        "_3gpp-common-managed-element-ocucp.json"
    ),
}
MUTATIONS = 10_000


def test_of_all_shared_files_each_source_claims_its_own_alone(shared_data: Path) -> None:
    claimed: dict[str, list[str]] = {source.kind: [] for source in SOURCES}
    for path in sorted(p for p in shared_data.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            head = file.read(64 * 1024)
        for source in SOURCES:
            if source.claims(path, head).sureness > 0:
                claimed[source.kind].append(str(path.relative_to(shared_data)))
    assert claimed == {kind: [name] for kind, name in FILES.items()}


_CLASSES = st.from_regex(r"[A-Z][A-Za-z]{0,9}", fullmatch=True)
_IDENTIFIERS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=9)


@given(name=st.lists(st.tuples(_CLASSES, _IDENTIFIERS), min_size=1, max_size=4).map(tuple))
def test_a_name_is_read_as_it_was_written(name: tuple[tuple[str, str], ...]) -> None:
    assert parse_name(written(name)) == name


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.kind)
def test_each_source_keeps_the_contract_of_sources(shared_data: Path, source: Source) -> None:
    others = [shared_data / name for kind, name in FILES.items() if kind != source.kind]
    check_source(source, [shared_data / FILES[source.kind]], others)


def test_every_function_is_one_of_the_catalogue() -> None:
    known = set(catalogue().column("kind").to_pylist())
    assert set(FUNCTIONS.values()) <= known
    assert {kind for kind, _ in equipment.FUNCTIONS.values()} <= known
    assert {kind for kinds in equipment.MODES.values() for kind in kinds} <= known


def bend(content: bytes, draw: np.random.Generator) -> bytes:
    """A file with one to four of its bytes or slices changed."""
    bent = bytearray(content)
    for _ in range(int(draw.integers(1, 5))):
        if not bent:
            break
        at = int(draw.integers(0, len(bent)))
        until = min(len(bent), at + int(draw.integers(1, 120)))
        match int(draw.integers(0, 5)):
            case 0:
                bent[at] ^= 1 << int(draw.integers(0, 8))
            case 1:
                del bent[at:until]
            case 2:
                bent[at:at] = bent[at:until]
            case 3:
                bent[at:until] = draw.bytes(until - at)
            case _:
                bent[at:until] = b"<id>&;{}[]\"':=,"[: until - at]
    return bytes(bent)


@pytest.mark.slow
def test_ten_thousand_bent_real_files_raise_nothing_but_our_errors(
    shared_data: Path, tmp_path: Path
) -> None:
    draw = np.random.default_rng(20260101)
    contents: list[tuple[Source, bytes]] = [
        (source, (shared_data / FILES[source.kind]).read_bytes()) for source in SOURCES
    ]
    outcomes: dict[Any, int] = {}
    for turn in range(MUTATIONS):
        source, content = contents[turn % len(contents)]
        path = tmp_path / "bent"
        path.write_bytes(bend(content, draw))
        assert 0 <= source.claims(path, path.read_bytes()[: 64 * 1024]).sureness <= 1
        try:
            found = gather(source, path, Options())
        except RingfenceError:
            outcome = "refused"
        else:
            assert found.rows_read == found.rows_kept + found.rows_rejected
            outcome = "read"
        outcomes[source.kind, outcome] = outcomes.get((source.kind, outcome), 0) + 1
    # Both ends are reached: a reader that refused all of them would pass the rest.
    assert all(
        outcomes.get((source.kind, o), 0) > 0 for source in SOURCES for o in ("read", "refused")
    )
