"""The contract of sources: it finds what breaks it, and what is installed keeps it."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pytest

from ringfence.errors import InputError, RingfenceError
from ringfence.sources.base import (
    HEAD_BYTES,
    Batch,
    Claim,
    Options,
    Read,
    Reject,
    Source,
    all_sources,
    gather,
)
from ringfence.sources.contract import check_source, faults_of_source
from ringfence.sources.gnpy import Gnpy
from ringfence.sources.graphml import GraphMl
from ringfence.sources.sndlib import SndLib
from ringfence.sources.topology_rfc8345 import TopologyRfc8345

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "write-a-source.md"
BLOCKS = dict(
    re.findall(r"```(text|python)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
)


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The guide's own source, run from the guide."""
    path = tmp_path_factory.mktemp("guide") / "linkplan.py"
    path.write_text(BLOCKS["python"], encoding="utf-8")
    spec = importlib.util.spec_from_file_location("linkplan", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text(BLOCKS["text"], encoding="utf-8")
    return path


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "inventory.csv"
    path.write_text("id;name\n1;Quay\n")
    return path


def test_the_guides_source_has_60_lines_and_keeps_the_contract(
    guide: ModuleType, book: Path, other: Path
) -> None:
    assert len(BLOCKS["python"].splitlines()) <= 60
    check_source(guide.LinkPlan(), [book], [other], mutations=100)


def test_the_guides_source_reads_the_guides_book(guide: ModuleType, book: Path) -> None:
    """By eye: C1 and C2 are sound, C3's length is no number, C4 has but one end."""
    found = gather(guide.LinkPlan(), book, Options())
    assert [(x["id"], x["length_km"], x["medium"]) for x in found.tables["link"].to_pylist()] == [
        ("linkplan:C1", 12.5, "fibre"),
        ("linkplan:C2", None, "microwave"),
    ]
    assert [e["name"] for e in found.tables["element"].to_pylist()] == ["Quay", "Mill"]
    assert [r["place"] for r in found.rejects.to_pylist()] == ["book.txt:5", "book.txt:6"]
    assert (found.rows_read, found.rows_kept) == (4, 2)


def test_a_value_that_a_column_forbids_is_a_reject_as_the_guide_says(
    guide: ModuleType, book: Path
) -> None:
    book.write_text("#LINKPLAN 2\nC1;Quay;Mill;12.5;copper pair\n")
    found = gather(guide.LinkPlan(), book, Options())
    assert found.tables["link"].num_rows == 0
    assert found.rejects["reason"][0].as_py().startswith("medium is not one of")


MARK = b"#MINI"


class Mini:
    """A source that keeps its contract; those below each break one point of it."""

    kind = "mini"
    describes = "one element a line"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        return Claim(1.0 if head.startswith(MARK) else 0.0, "of its first line")

    def names(self, path: Path) -> list[str]:
        try:
            content = path.read_bytes()
        except OSError as error:
            raise self.error("cannot be read") from error
        if not content.startswith(MARK):
            raise self.error("has not the first line")
        return content.decode(errors="replace").split("\n")[1:]

    def error(self, message: str) -> Exception:
        from ringfence.errors import SourceError  # noqa: PLC0415 (as a third party's would)

        return SourceError(message)

    def row(self, name: str, number: int, origin: str, prefix: str) -> dict[str, Any]:
        return {"id": f"{prefix}:{name}", "name": name, "origin": f"{origin}:{number}"}

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        rows = [
            self.row(name, number, options.origin or path.name, options.prefix or self.kind)
            for number, name in enumerate(self.names(path), start=2)
            if name
        ]
        yield Read(len(rows), len(rows))
        if rows:
            yield Batch("element", pa.Table.from_pylist(rows))


class ClaimsAll(Mini):
    def claims(self, path: Path, head: bytes) -> Claim:
        return Claim(0.9, "it looks well")


class ClaimsNone(Mini):
    def claims(self, path: Path, head: bytes) -> Claim:
        return Claim(0.0, "it looks bad")


class ClaimsRaises(Mini):
    def claims(self, path: Path, head: bytes) -> Claim:
        return Claim(1.0 if head.decode().startswith("#MINI") else 0.0, "of its first line")


class ClaimsTooMuch(Mini):
    def claims(self, path: Path, head: bytes) -> Claim:
        return Claim(2.0 if head.startswith(MARK) else 0.0, "of its first line")


class ClaimsLooks(Mini):
    def claims(self, path: Path, head: bytes) -> Claim:
        return Claim(1.0 if path.read_bytes().startswith(MARK) else 0.0, "of its first line")


class LosesCount(Mini):
    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        yield Read(1, 0)
        yield from super().read(path, options)


class CountsNothing(Mini):
    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        yield from (item for item in super().read(path, options) if not isinstance(item, Read))


class LosesCountWhenBent(Mini):
    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        if "Quay" not in self.names(path):
            yield Read(1, 0)
        yield from super().read(path, options)


class LeaksErrors(Mini):
    def names(self, path: Path) -> list[str]:
        names = super().names(path)
        "".join(names).encode("ascii")
        return names


class LeaksOsErrors(Mini):
    def names(self, path: Path) -> list[str]:
        return path.read_bytes().decode(errors="replace").split("\n")[1:]


class RaisesOurBug(Mini):
    def error(self, message: str) -> Exception:
        return RingfenceError(message)


class Forgets(Mini):
    def row(self, name: str, number: int, origin: str, prefix: str) -> dict[str, Any]:
        return super().row(name, number, origin, "mini")


class HasNoPrefix(Mini):
    def row(self, name: str, number: int, origin: str, prefix: str) -> dict[str, Any]:
        return {**super().row(name, number, origin, prefix), "id": name}


class RefersWithoutPrefix(Mini):
    def row(self, name: str, number: int, origin: str, prefix: str) -> dict[str, Any]:
        return {**super().row(name, number, origin, prefix), "site": "here"}


class HasNoPlace(Mini):
    def row(self, name: str, number: int, origin: str, prefix: str) -> dict[str, Any]:
        return {**super().row(name, number, origin, prefix), "origin": origin}


class HasNoFile(Mini):
    def row(self, name: str, number: int, origin: str, prefix: str) -> dict[str, Any]:
        return {**super().row(name, number, origin, prefix), "origin": f"line {number}"}


class Resolves(Mini):
    def row(self, name: str, number: int, origin: str, prefix: str) -> dict[str, Any]:
        return {**super().row(name, number, origin, prefix), "vendor": f"{prefix}:acme"}


class Changes(Mini):
    numbers = count()

    def row(self, name: str, number: int, origin: str, prefix: str) -> dict[str, Any]:
        return {**super().row(name, number, origin, prefix), "serial": str(next(self.numbers))}


class Overwrites(Mini):
    def names(self, path: Path) -> list[str]:
        names = super().names(path)
        with path.open("ab") as file:
            file.write(b"\n")
        return names


class RejectsNowhere(Mini):
    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        yield from super().read(path, options)
        yield Read(1, 0)
        yield Reject("", "for no reason")


class CannotBeStopped(Mini):
    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        for item in super().read(path, options):
            try:
                yield item
            except GeneratorExit:
                raise ValueError("not yet") from None


class NoName(Mini):
    kind = "Mini Source"


class NoVersion(Mini):
    version = 0


class SaysNothing(Mini):
    describes = " "


class OfMany(Mini):
    """Keeps the contract with files read together too."""

    def read_together(self, files: dict[str, Path], options: Options) -> Iterator[Any]:
        for name, path in files.items():
            read = self.read(path, Options(prefix=options.prefix, origin=name))
            for item in read:
                yield replace(item, file=name) if isinstance(item, Read) else item


class OfManyForgets(OfMany):
    def read_together(self, files: dict[str, Path], options: Options) -> Iterator[Any]:
        yield from list(super().read_together(files, options))[:-2]


BREACHES: dict[type[Mini], str] = {
    ClaimsAll: "claims no others",
    ClaimsNone: "claims its own",
    ClaimsRaises: "claims never raises",
    ClaimsTooMuch: "claims",
    ClaimsLooks: "claims never raises",
    LosesCount: "reads its own",
    CountsNothing: "reads its own",
    LosesCountWhenBent: "counts every record",
    LeaksErrors: "raises only errors of ours",
    LeaksOsErrors: "raises only errors of ours",
    RaisesOurBug: "counts every record",
    Forgets: "keys",
    HasNoPrefix: "keys",
    RefersWithoutPrefix: "keys",
    HasNoPlace: "rows have an origin",
    HasNoFile: "rows have an origin",
    Resolves: "resolves no makers",
    Changes: "same input, same output",
    Overwrites: "leaves files alone",
    RejectsNowhere: "rejects have a place",
    CannotBeStopped: "can be stopped",
    NoName: "kind",
    NoVersion: "version",
    SaysNothing: "describes",
    OfManyForgets: "reads its own",
}


@pytest.fixture
def minis(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("a.mini", "b.mini")]
    for number, path in enumerate(paths):
        path.write_bytes(MARK + f"\nQuay\nMill {number}\nMoor {number}\n".encode() * 2)
    return paths


@pytest.mark.parametrize("source", [Mini, OfMany])
def test_a_source_that_keeps_the_contract_has_no_fault(
    source: type[Mini], minis: list[Path], other: Path
) -> None:
    assert faults_of_source(source(), minis, [other]) == []


@pytest.mark.parametrize("source", BREACHES, ids=lambda source: source.__name__)
def test_a_source_that_breaks_one_point_is_told_which(
    source: type[Mini], minis: list[Path], other: Path
) -> None:
    faults = faults_of_source(source(), minis, [other])
    assert BREACHES[source] in {fault.check for fault in faults}, faults
    with pytest.raises(AssertionError, match="the source breaks its contract"):
        check_source(source(), minis, [other])


def test_a_fault_found_once_is_found_again(minis: list[Path], other: Path) -> None:
    first = faults_of_source(LeaksErrors(), minis, [other], seed=3)
    assert first == faults_of_source(LeaksErrors(), minis, [other], seed=3)
    assert "UnicodeEncodeError" in str(first[0])


def test_without_a_file_nothing_is_said_to_hold() -> None:
    assert [fault.check for fault in faults_of_source(Mini(), [])] == ["files"]


@cache
def every_source() -> dict[str, Source]:
    """What is installed, and the readers of topologies, by kind."""
    ours = (GraphMl(), SndLib(), Gnpy(), TopologyRfc8345())
    return {**{source.kind: source for source in ours}, **all_sources()}


MOST_BYTES = 160 * 1024
FILES_OF_A_FOLDER = 5


@pytest.fixture(scope="session")
def by_kind(shared_data: Path) -> dict[str, list[Path]]:
    """Small files of the shared data by the kind of source that claims them most surely."""
    found: dict[str, list[Path]] = {}
    for folder in sorted(path for path in shared_data.iterdir() if path.is_dir()):
        files = [p for p in sorted(folder.rglob("*")) if p.is_file()]
        small = [p for p in files if 0 < p.stat().st_size <= MOST_BYTES]
        step = max(1, len(small) // FILES_OF_A_FOLDER)
        for path in small[::step][:FILES_OF_A_FOLDER]:
            head = path.read_bytes()[:HEAD_BYTES]
            claims = [(s.claims(path, head).sureness, kind) for kind, s in every_source().items()]
            sureness, kind = max(claims)
            if sureness > 0.5:
                found.setdefault(kind, []).append(path)
    return found


def is_read(source: Source, path: Path) -> bool:
    try:
        gather(source, path, Options())
    except InputError:
        return False
    return True


@pytest.mark.parametrize("kind", sorted(every_source()))
def test_every_source_keeps_the_contract(
    kind: str, by_kind: dict[str, list[Path]], tmp_path: Path
) -> None:
    files = by_kind.get(kind, [])
    if kind == "table-file":
        # No table of the shared data has headings of ours.
        files = [tmp_path / "elements.csv"]
        files[0].write_text("element;site;vendor\nr1;s1;Acme\nr2;;\n;s3;\n")
    if not files:
        pytest.skip(f"the shared data has no small file of the kind {kind}")
    # A file may be its own and be refused for a reason, as a template that is not rendered.
    files = [path for path in files if is_read(every_source()[kind], path)]
    if not files:
        pytest.skip(f"the {kind} source reads none of the small files that it claims")
    # Files of one folder belong together, as those that are read together must.
    files = [path for path in files if path.parent == files[0].parent][:2]
    others = [paths[0] for other, paths in by_kind.items() if other != kind]
    if kind == "table-file":
        # Any workbook is a table until a source that knows it better says more surely what it is.
        others = [path for path in others if path.suffix != ".xlsx"]
    check_source(every_source()[kind], files, others, mutations=10)


def test_the_kit_needs_nothing_but_what_is_installed_with_the_library() -> None:
    module = sys.modules["ringfence.sources.contract"]
    assert module.__file__
    assert "pytest" not in Path(module.__file__).read_text(encoding="utf-8")
    assert "hypothesis" not in Path(module.__file__).read_text(encoding="utf-8")
