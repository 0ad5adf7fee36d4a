"""ONAP CPS: near-RT RICs and what they manage, slices set aside, and what is bent."""

import json
from pathlib import Path

import pytest
from hypothesis import given

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import HEAD_BYTES, Gathered, Options, gather
from ringfence.sources.onap_cps import OnapCps
from tests.sources.mutations import bent

NETWORK = {
    "cps-ran-schema-model:cps-ran-schema": {
        "NearRTRIC": [
            {
                "idNearRTRIC": "11",
                "GNBCUCPFunction": [
                    {
                        "idGNBCUCPFunction": "cu1",
                        "attributes": {
                            "gNBCUName": "Hill CU",
                            "pLMNInfoList": [{"mcc": "901", "mnc": "70"}],
                        },
                        "NRCellCU": [{"idNRCellCU": "1"}, {"idNRCellCU": "2"}],
                    }
                ],
                "GNBDUFunction": [{"idGNBDUFunction": "1"}, {"attributes": {}}],
            },
            {"idNearRTRIC": "22", "GNBDUFunction": [{"idGNBDUFunction": "1"}]},
        ]
    }
}


def read(tmp_path: Path, content: object) -> Gathered:
    path = tmp_path / "cps.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert OnapCps().claims(path, path.read_bytes()[:HEAD_BYTES]).sureness >= 0.9
    return gather(OnapCps(), path, Options())


def test_a_ric_manages_what_stands_below_it(tmp_path: Path) -> None:
    found = read(tmp_path, NETWORK)
    functions = dict(zip(found.tables["function"]["element"].to_pylist(),
                         found.tables["function"]["kind"].to_pylist(), strict=True))  # fmt: skip
    ric = "onap-cps:NearRTRIC="
    assert functions == {
        f"{ric}11": "near-RT RIC", f"{ric}22": "near-RT RIC",
        f"{ric}11,GNBCUCPFunction=cu1": "GNBCUCP", f"{ric}11,GNBDUFunction=1": "GNBDU",
        f"{ric}22,GNBDUFunction=1": "GNBDU",
    }  # fmt: skip
    assert {
        (r["source"], r["target"], r["kind"]) for r in found.tables["relation"].to_pylist()
    } == {(key.partition(",")[0], key, "manages") for key in functions if "," in key}
    assert found.tables["operator"]["id"].to_pylist() == ["onap-cps:operator/901-70"]
    # 2 RICs, 3 functions; 2 cells set aside; 1 function without its id.
    assert (found.rows_read, found.rows_kept, found.rows_rejected) == (8, 5, 3)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"1", b"[" * 100_000, b"\xff\xfe{"])
def test_hostile_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "cps.json"
    path.write_bytes(content)
    with pytest.raises(SourceError):
        gather(OnapCps(), path, Options())


@given(content=bent(json.dumps(NETWORK, indent=1)))
def test_bent_files_raise_no_error_but_ours(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "bent-cps.json"
    path.write_bytes(content)
    try:
        found = gather(OnapCps(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


def test_the_shared_inventory_is_slices_alone(shared_data: Path) -> None:
    # By jq: one of ran-slices, one of its sliceProfilesList, no NearRTRIC.
    path = next((shared_data / "onap-cps-ran").rglob("*.json"))
    found = gather(OnapCps(), path, Options())
    assert (found.rows_read, found.rows_kept) == (2, 0)
    assert {r["kind"] for r in found.rejects.to_pylist()} == {"set aside"}
