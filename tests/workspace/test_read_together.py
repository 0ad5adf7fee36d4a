"""Files that make sense only together: read at once, counted apart, kept and replaced together.

The format of these tests: `[town]`, then lines `site region`; a file `[regions]` has lines
`region county`, and a site's region is its county where one is given in any file of the folder.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from ringfence.errors import UsageError
from ringfence.sources import base
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.workspace import Ingested, Workspace

DAY = date(2024, 6, 30)


class Towns:
    kind = "towns"
    describes = "towns and the counties of their regions"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        return Claim(float(head.startswith((b"[town]", b"[regions]"))), "its first line")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        return self.read_together({options.origin or path.name: path}, options)

    def read_together(
        self, files: Mapping[str, Path], options: Options
    ) -> Iterator[Batch | Reject | Read]:
        texts = {name: path.read_text().splitlines() for name, path in files.items()}
        counties = dict(
            line.split()
            for lines in texts.values()
            if lines[0] == "[regions]"
            for line in lines[1:]
        )
        for name, lines in texts.items():
            for number, line in enumerate(lines[1:], 2):
                site, region = line.split()
                yield Read(1, int(region != "?"), name)
                if region == "?":
                    yield Reject(f"line {number}", "no region", file=name)
                elif lines[0] == "[town]":
                    row = {
                        "id": f"{options.origin}:{site}",
                        "region": counties.get(region, region),
                        "origin": f"{name}:{number}",
                    }
                    yield Batch("site", pa.Table.from_pylist([row]))


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    installed = {**base.all_sources(), "towns": Towns()}
    monkeypatch.setattr(base, "all_sources", lambda: installed)
    return Workspace.init(tmp_path / "workspace", name="test")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "land"
    folder.mkdir()
    (folder / "north.txt").write_text("[town]\ns1 hills\ns2 coast\ns3 ?\n")
    (folder / "south.txt").write_text("[town]\ns4 plain\n")
    (folder / "regions.txt").write_text("[regions]\nhills Upland\n")
    return folder


def sites(workspace: Workspace) -> dict[str, str | None]:
    rows = workspace.network().tables["site"].to_pylist()
    return {row["id"]: row["region"] for row in rows}


def counts(done: Ingested) -> dict[str, tuple[int, int, int]]:
    return {
        f["file"]: (f["rows_read"], f["rows_kept"], f["rows_rejected"])
        for f in done.files.to_pylist()
    }


WHOLE = {"land:s1": "Upland", "land:s2": "coast", "land:s4": "plain"}


def test_one_file_explains_another_and_each_is_counted(workspace: Workspace, folder: Path) -> None:
    done = workspace.ingest([folder], as_of=DAY)
    assert sites(workspace) == WHOLE
    assert counts(done) == {
        "land/north.txt": (3, 2, 1),
        "land/south.txt": (1, 1, 0),
        "land/regions.txt": (1, 1, 0),
    }
    assert [(r["file"], r["place"]) for r in done.rejects.to_pylist()] == [
        ("land/north.txt", "line 4")
    ]


def test_files_named_one_by_one_belong_to_their_folder(workspace: Workspace, folder: Path) -> None:
    workspace.ingest(sorted(folder.iterdir()), as_of=DAY)
    assert sites(workspace) == WHOLE


def test_folders_named_apart_are_apart(workspace: Workspace, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "sea"
    other.mkdir()
    (other / "isles.txt").write_text("[town]\ns1 hills\n")
    workspace.ingest([folder, other], as_of=DAY)
    assert sites(workspace) == {**WHOLE, "sea:s1": "hills"}


def test_a_folder_read_again_is_replaced_as_a_whole(workspace: Workspace, folder: Path) -> None:
    workspace.ingest([folder], as_of=DAY)
    (folder / "south.txt").unlink()
    (folder / "regions.txt").write_text("[regions]\ncoast Shore\n")
    done = workspace.ingest([folder], as_of=DAY)
    assert sites(workspace) == {"land:s1": "hills", "land:s2": "Shore"}
    assert set(counts(done)) == {"land/north.txt", "land/regions.txt"}


def test_while_one_file_cannot_be_read_all_stay_as_they_were(
    workspace: Workspace, folder: Path
) -> None:
    workspace.ingest([folder], as_of=DAY)
    (folder / "regions.txt").write_bytes(b"\x00\x00 broken")
    (folder / "south.txt").write_text("[town]\ns4 marsh\n")
    (folder / "west.txt").write_text("[town]\ns5 moor\n")
    done = workspace.ingest([folder], as_of=DAY)
    assert sites(workspace) == WHOLE
    notes = {f["file"]: f["note"] for f in done.files.to_pylist()}
    again = "land/regions.txt could not be read again: no source knows this kind of file"
    assert notes == {
        "land/north.txt": again,
        "land/regions.txt": again,
        "land/south.txt": again,
        "land/west.txt": "not taken: a file that it belongs with could not be read",
    }


def test_one_of_them_cannot_be_left_out_but_all_can(workspace: Workspace, folder: Path) -> None:
    (folder.parent / "sites.csv").write_text("id,region\nx1,East\n")
    workspace.ingest([folder, folder.parent / "sites.csv"], as_of=DAY)
    with pytest.raises(UsageError, match="read together with other files"):
        workspace.ingest([], as_of=DAY, without=["land/south.txt"])
    every = [f"land/{n}.txt" for n in ("north", "south", "regions")]
    workspace.ingest([], as_of=DAY, without=every)
    assert list(sites(workspace).values()) == ["East"]


def test_what_contradicts_another_file_of_the_folder_is_told_of_its_own_file(
    workspace: Workspace, folder: Path
) -> None:
    (folder / "south.txt").write_text("[town]\ns4 plain\ns1 marsh\n")
    done = workspace.ingest([folder], as_of=DAY)
    assert counts(done)["land/south.txt"] == (2, 1, 1)
    assert counts(done)["land/north.txt"] == (3, 2, 1)
    again = workspace.ingest([folder], as_of=DAY)
    assert again.snapshot.id == done.snapshot.id
