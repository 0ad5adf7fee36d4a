"""The device-type library: one product a document, and what is bent."""

from pathlib import Path

import pytest
from hypothesis import given

from ringfence.errors import RingfenceError
from ringfence.sources.base import HEAD_BYTES, Options, gather
from ringfence.sources.device_types import DeviceType
from tests.sources.mutations import bent

TYPE = """---
manufacturer: Northwind
model: 007
slug: northwind-007
part_number: NW007
u_height: 1
interfaces:
  - name: eth0
    type: 1000base-t
"""


def test_a_document_is_a_product_with_its_model_as_written(tmp_path: Path) -> None:
    path = tmp_path / "007.yaml"
    path.write_text(TYPE + TYPE.replace("007", "N-2").replace("part", "x"), encoding="utf-8")
    assert DeviceType().claims(path, path.read_bytes()).sureness > 0.9
    found = gather(DeviceType(), path, Options())
    products = found.tables["product"].to_pylist()
    assert [(p["id"], p["vendor_name"], p["model"]) for p in products] == [
        ("device-type:Northwind/007", "Northwind", "007"),
        ("device-type:Northwind/N-2", "Northwind", "N-2"),
    ]
    assert products[0]["vendor"] is None
    assert products[0]["origin"] == "007.yaml:2"


def test_a_doubled_key_and_a_missing_maker_are_faults_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "t.yaml"
    path.write_text(TYPE + "model: other\n" + TYPE.replace("Northwind", ""), encoding="utf-8")
    found = gather(DeviceType(), path, Options())
    assert (found.rows_read, found.rows_kept, found.rows_rejected) == (2, 0, 2)
    places = [r["place"] for r in found.rejects.to_pylist()]
    assert places == ["t.yaml:10", "t.yaml:12"]


@pytest.mark.parametrize(
    "content",
    [b"apiVersion: v1\nkind: Pod\nmanufacturer: a\nmodel: b\n", b"manufacturer: a\n", b"a,b\n",
     b'{"manufacturer": "a", "model": "b"}', b"\x00"],
)  # fmt: skip
def test_other_files_are_not_claimed(content: bytes) -> None:
    assert DeviceType().claims(Path("x.yaml"), content).sureness == 0


@given(content=bent(TYPE))
def test_bent_files_raise_no_error_but_ours(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bent-type.yaml"
    path.write_bytes(content)
    try:
        found = gather(DeviceType(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


@pytest.mark.slow
def test_the_shared_library_is_a_product_a_file(shared_data: Path) -> None:
    # find device-types -name '*.y*ml' | wc -l; grep -c '^manufacturer' is 1 in each.
    files = sorted((shared_data / "devicetype-library").rglob("*.y*ml"))
    assert len(files) == 399
    kept = 0
    for path in files:
        assert DeviceType().claims(path, path.read_bytes()[:HEAD_BYTES]).sureness > 0.9
        kept += gather(DeviceType(), path, Options()).rows_kept
    assert kept == 399
