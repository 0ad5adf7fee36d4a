"""Lists of cells: their dialects, what makes a base station, and what is bent."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import HEAD_BYTES, Gathered, Options, gather
from ringfence.sources.cell_lists import CellList
from ringfence.sources.table_files import TableFile
from tests.sources.mutations import bent

GURU = (
    '"ECellID","CellName","Longitude","Latitude","PCI","EARFCN","Azimuth"\n'
    '25601,"Hill Road, Town",-0.5,50.5,1,6400,0\n'
    '25602,"Hill Road, Town",-0.5,50.5,2,6400,120\n'
    '25857,"Mill Lane, Town",-0.25,50.25,3,6400,0\n'
)
DUMP = (
    "radio,mcc,net,area,cell,unit,lon,lat,range,samples,changeable,created,updated,averageSignal\n"
    "LTE,901,1,7,25601,0,26.5,58.5,1000,7,1,1282569574,1300155341,0\n"
    "LTE,901,1,7,25602,0,26.25,58.5,1000,7,1,1282569574,1300155341,0\n"
    "UMTS,901,1,7,196901,0,26.75,58.5,1000,7,1,1282569574,1300155341,0\n"
    "GSM,901,1,7,5,0,26.75,58.5,1000,7,1,1282569574,1300155341,0\n"
    "NR,901,1,7,68719476735,0,26.75,58.5,1000,7,1,1282569574,1300155341,0\n"
    "CDMA,901,1,7,5,0,26.75,58.5,1000,7,1,1282569574,1300155341,0\n"
)


def read(tmp_path: Path, text: str, name: str = "cells.csv") -> Gathered:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    head = path.read_bytes()[:HEAD_BYTES]
    assert CellList().claims(path, head).sureness > TableFile().claims(path, head).sureness
    return gather(CellList(), path, Options())


def test_an_enb_is_the_cell_identity_without_its_last_eight_bits(tmp_path: Path) -> None:
    found = read(tmp_path, GURU, "23410_merged_cells_eutra.csv")
    # 25601 = 100 * 256 + 1, 25602 = 100 * 256 + 2, 25857 = 101 * 256 + 1
    assert found.tables["element"]["id"].to_pylist() == [
        "cell-list:234-10/enb/100", "cell-list:234-10/enb/101",
    ]  # fmt: skip
    assert found.tables["element"]["site"].to_pylist() == [
        "cell-list:site/Hill Road, Town", "cell-list:site/Mill Lane, Town",
    ]  # fmt: skip
    assert found.tables["function"]["kind"].to_pylist() == ["ENB", "ENB"]
    assert found.tables["operator"]["id"].to_pylist() == ["cell-list:operator/234-10"]
    assert found.tables["site"]["latitude_deg"].to_pylist() == [50.5, 50.25]
    assert (found.rows_read, found.rows_kept) == (3, 3)


@pytest.mark.parametrize("headed", [True, False])
def test_a_dump_gives_stations_by_technology_with_or_without_heading(
    tmp_path: Path, headed: bool
) -> None:
    text = DUMP if headed else DUMP.partition("\n")[2]
    found = read(tmp_path, text)
    assert set(found.tables["function"]["kind"].to_pylist()) == {"ENB", "NODEB", "BTS", "GNB"}
    assert found.tables["element"].num_rows == 4
    assert found.tables["site"].num_rows == 3
    sites = dict(zip(found.tables["element"]["id"].to_pylist(),
                     found.tables["element"]["site"].to_pylist(), strict=True))  # fmt: skip
    assert sites["cell-list:901-1/enb/100"] is None, "its cells stand at two places"
    assert (found.rows_read, found.rows_kept, found.rows_rejected) == (6, 5, 1)
    assert found.rejects.to_pylist()[0]["kind"] == "set aside"
    first = 2 if headed else 1
    assert found.tables["element"]["origin"].to_pylist()[0] == f"cells.csv:{first}"


def test_points_and_lines_of_the_same_cells_give_the_same_stations(tmp_path: Path) -> None:
    names = DUMP.splitlines()[0].split(",")
    features = []
    for line in DUMP.splitlines()[1:]:
        cell = dict(zip(names, line.split(","), strict=True))
        given = {k: int(cell[k]) for k in ("mcc", "net", "area", "cell")} | {"radio": cell["radio"]}
        point = {"type": "Point", "coordinates": [float(cell["lon"]), float(cell["lat"])]}
        features.append({"type": "Feature", "properties": given, "geometry": point})
    points = read(
        tmp_path, json.dumps({"type": "FeatureCollection", "features": features}), "c.geojson"
    )
    lines = read(tmp_path, DUMP)
    for table, column in (("element", "id"), ("site", "id"), ("function", "kind")):
        assert points.tables[table][column].to_pylist() == lines.tables[table][column].to_pylist()


def test_cells_at_fault_are_listed_with_their_line(tmp_path: Path) -> None:
    lines = DUMP.splitlines()
    broken = [lines[0], lines[1], lines[1].replace("58.5", "158.5"), lines[1].replace("LTE", "6G"),
              lines[1].replace("25601", str(1 << 28)), lines[1].replace("26.5", "")]  # fmt: skip
    found = read(tmp_path, "\r\n".join(broken) + "\r\n")
    assert found.rows_kept == 1
    assert [r["place"] for r in found.rejects.to_pylist()] == [
        f"cells.csv:{n}" for n in range(3, 7)
    ]


def test_two_places_of_one_name_are_two_sites(tmp_path: Path) -> None:
    found = read(tmp_path, GURU.replace("Mill Lane", "Hill Road"))
    assert found.tables["site"].num_rows == 2
    assert len(set(found.tables["site"]["id"].to_pylist())) == 2


@pytest.mark.parametrize(
    "content",
    [b"site id,latitude,longitude\n1,2,3\n", b"radio,site,lat,lon\nLTE,a,1,2\n", b"", b"\0\0",
     b'{"type":"FeatureCollection","features":[{"properties":{"name":"a"}}]}', b"LTE, 4G and so\n"],
)  # fmt: skip
def test_other_tables_are_not_claimed(content: bytes) -> None:
    assert CellList().claims(Path("x.csv"), content).sureness == 0


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(GURU + "1," + "x" * 2_000_000, encoding="utf-8")
    with pytest.raises(SourceError):
        gather(CellList(), path, Options())


@given(data=st.data())
def test_bent_lists_raise_no_error_but_ours(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    points = json.dumps({"type": "FeatureCollection", "features": [
        {"properties": {"radio": "LTE", "mcc": 901, "net": 1, "cell": 5},
         "geometry": {"type": "Point", "coordinates": [1.5, 2.5]}}] * 3})  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "bent-cells.csv"
    path.write_bytes(data.draw(bent(data.draw(st.sampled_from([GURU, DUMP, points])))))
    try:
        found = gather(CellList(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


# Cells by wc -l less the heading; places and eNBs by a script of csv and set, ECellID >> 8; of the
# GeoJSON by jq: .features | length, and unique_by of the coordinates.
EXPECTED = {
    "23410_merged_cells_eutra.csv": (884, 167, 167),
    "23420_merged_cells_eutra.csv": (715, 128, 128),
    "tartu_celltowers_net1.geojson": (705, 687, None),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_shared_lists_give_what_was_counted(shared_data: Path, name: str) -> None:
    found = gather(CellList(), next(shared_data.rglob(name)), Options())
    cells, places, stations = EXPECTED[name]
    assert (found.rows_read, found.rows_kept) == (cells, cells)
    assert found.tables["site"].num_rows == places
    if stations is not None:
        assert found.tables["element"].num_rows == stations
    else:
        ids = found.tables["element"]["id"].to_pylist()
        assert sum("/enb/" in key for key in ids) == 103
