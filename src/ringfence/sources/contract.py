"""The contract of sources, as checks that anybody's source can be held to.

A package that brings a source of its own runs this in its tests, on a few real files of its
format and a few of other formats::

    def test_contract():
        check_source(LinkPlan(), [Path("samples/cables.txt")], [Path("samples/other.csv")])

What the files say is for the package's own tests; here it is whether the source keeps to what
`ringfence.sources.base` asks of any: it claims its own files and no others, loses no record, says
where each row is from, gives the same for the same, and lets nothing but a `RingfenceError` out
whatever the bytes are. The files are bent at random from a seed, so a fault found once is found
again.
"""

import random
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.errors import RingfenceError
from ringfence.network.model import TABLES
from ringfence.sources.base import (
    HEAD_BYTES,
    Claim,
    Gathered,
    Options,
    Source,
    SourceOfMany,
    gather,
    gather_together,
)
from ringfence.store.tables import Table, Type

MUTATIONS: Final = 40
"""So many bent copies are made of each file."""

_BENT_BYTES: Final = 256 * 1024
"""No more of a file is bent: the rest would only be parsed again and again."""

_PREFIX: Final = "contract-kit"
_ORIGIN: Final = "some folder/export no. 7"
_KIND = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_NO_KEYS_OF_OURS: Final = frozenset({"vulnerability"})
"""Tables whose ids are the world's (CVE-2022-3602), not a source's."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that a source does not keep to: which check, on what file, and what happened."""

    check: str
    what: str
    file: str | None = None

    def __str__(self) -> str:
        return f"{self.check}: {self.what}" + (f" [{self.file}]" if self.file else "")


def check_source(
    source: Source,
    files: Sequence[Path],
    other_files: Sequence[Path] = (),
    *,
    mutations: int = MUTATIONS,
    seed: int = 0,
) -> None:
    """Raise `AssertionError`, which lists every fault, unless the source keeps the contract.

    `files` are sound files of the source's format; where it is one whose files make sense only
    together, they are read together too. `other_files` are files of other formats.
    """
    if faults := faults_of_source(source, files, other_files, mutations=mutations, seed=seed):
        lines = "\n".join(f"- {fault}" for fault in faults)
        raise AssertionError(f"the source breaks its contract:\n{lines}")


def faults_of_source(
    source: Source,
    files: Sequence[Path],
    other_files: Sequence[Path] = (),
    *,
    mutations: int = MUTATIONS,
    seed: int = 0,
) -> list[Fault]:
    """Every fault found; see `check_source`."""
    faults = list(_faults_of_shape(source))
    if faults:
        return faults
    if not files:
        return [Fault("files", "give at least one file of the source's format")]
    faults += _faults_of_claims(source, files, other_files, random.Random(seed))  # noqa: S311
    for path in files:
        faults += _faults_of_reading(source, path)
    if isinstance(source, SourceOfMany) and len(files) > 1:
        faults += _faults_of_reading_together(source, files)
    faults += _faults_of_hostile(source, files, mutations, random.Random(seed))  # noqa: S311
    return list(dict.fromkeys(faults))


def _faults_of_shape(source: Source) -> Iterator[Fault]:
    kind = getattr(source, "kind", None)
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        yield Fault("kind", f"{kind!r} is no name of small letters, digits and hyphens")
    describes = getattr(source, "describes", None)
    if not isinstance(describes, str) or not describes.strip():
        yield Fault("describes", "it does not say in words what is read")
    version = getattr(source, "version", None)
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        yield Fault("version", f"{version!r} is no whole number from 1")
    for name in ("claims", "read"):
        if not callable(getattr(source, name, None)):
            yield Fault(name, "there is no such method")


def _faults_of_claims(
    source: Source, files: Sequence[Path], other_files: Sequence[Path], chance: random.Random
) -> Iterator[Fault]:
    least = 1.0
    for path in files:
        claim, faults = _claimed(source, path, _head(path))
        yield from faults
        if claim is not None and claim.sureness <= 0:
            yield Fault("claims its own", f"it does not: {claim.because}", path.name)
        elif claim is not None:
            least = min(least, claim.sureness)
    for path in other_files:
        claim, faults = _claimed(source, path, _head(path))
        yield from faults
        if claim is not None and claim.sureness >= min(least, 0.5):
            what = f"it does, at {claim.sureness:g}: {claim.because}"
            yield Fault("claims no others", what, path.name)
    missing = Path(tempfile.gettempdir()) / "ringfence-contract-no-such-file"
    heads = [_head(path) for path in files]
    odd = [b"", b"\x00" * 100, b"\xff\xfe", chance.randbytes(2000)]
    odd += [head[: chance.randrange(len(head) + 1)] for head in heads]
    odd += [_bent(head, chance) for head in heads]
    for head in odd:
        yield from _claimed(source, missing, head)[1]


def _claimed(source: Source, path: Path, head: bytes) -> tuple[Claim | None, list[Fault]]:
    try:
        claim = source.claims(path, head)
    except Exception as error:  # noqa: BLE001 (whatever comes out is what is looked for)
        return None, [Fault("claims never raises", _told(error), path.name)]
    faults = []
    if not isinstance(claim, Claim) or not 0 <= claim.sureness <= 1:
        faults.append(Fault("claims", f"{claim!r} is no Claim with a sureness of 0 to 1"))
    elif not claim.because:
        faults.append(Fault("claims", "it does not say why", path.name))
    return claim, faults


def _faults_of_reading(source: Source, path: Path) -> Iterator[Fault]:
    def read(options: Options) -> Gathered:
        return gather(source, path, options)

    before = path.read_bytes()
    yield from _faults_of_answers(read, path.name)
    if path.read_bytes() != before:
        yield Fault("leaves files alone", "the file is not as it was", path.name)
    yield from _faults_of_stopping(source, path)


def _faults_of_reading_together(source: SourceOfMany, files: Sequence[Path]) -> Iterator[Fault]:
    named = {f"{_ORIGIN}/{n}-{path.name}": path for n, path in enumerate(files)}

    def read(options: Options) -> Gathered:
        return gather_together(source, named, options)

    yield from _faults_of_answers(read, "all files together", tuple(named))


def _faults_of_answers(
    read: Callable[[Options], Gathered], file: str, names: tuple[str, ...] = (_ORIGIN,)
) -> Iterator[Fault]:
    """Read sound input three times: twice the same, then with a prefix."""
    found: list[Gathered] = []
    for options in (
        Options(origin=_ORIGIN),
        Options(origin=_ORIGIN),
        Options(origin=_ORIGIN, prefix=_PREFIX),
    ):
        try:
            found.append(read(options))
        except Exception as error:  # noqa: BLE001 (whatever comes out is what is looked for)
            yield Fault("reads its own", _told(error), file)
            return
    first, again, prefixed = found
    for name, counts in first.files.items():
        if counts.rows_read == 0:
            yield Fault("reads its own", f"no record of {name!r} was counted", file)
    if not _same(first, again):
        yield Fault("same input, same output", "two reads of one file differ", file)
    for name, rows in first.tables.items():
        yield from _faults_of_origins(name, rows, names, file)
        yield from _faults_of_makers(TABLES[name], rows, file)
    if not all((place or "").strip() for place in first.rejects["place"].to_pylist()):
        yield Fault("rejects have a place", "a reject does not say where its record is", file)
    yield from _faults_of_keys(first, "", file)
    yield from _faults_of_keys(prefixed, f"{_PREFIX}:", file)
    if {n: t.num_rows for n, t in first.tables.items()} != {
        n: t.num_rows for n, t in prefixed.tables.items()
    }:
        yield Fault("prefix", "with a prefix there are other rows than without", file)


def _same(one: Gathered, other: Gathered) -> bool:
    same_tables = one.tables.keys() == other.tables.keys() and all(
        rows.equals(other.tables[name]) for name, rows in one.tables.items()
    )
    return same_tables and one.rejects.equals(other.rejects) and one.files == other.files


def _faults_of_origins(
    name: str, rows: pa.Table, names: tuple[str, ...], file: str
) -> Iterator[Fault]:
    if "origin" not in rows.column_names:
        return
    for origin in rows["origin"].to_pylist():
        rest = next((origin[len(n) :] for n in names if origin and origin.startswith(n)), None)
        # A colon before a line or path, a bang before a sheet, a hash before a JSON pointer, a
        # space before words.
        if rest is None or rest[:1] not in {":", "!", "#", " "} or not rest[1:].strip():
            what = f"a row of {name} is from {origin!r}, not from a place in the file"
            yield Fault("rows have an origin", what, file)
            return


def _faults_of_makers(table: Table, rows: pa.Table, file: str) -> Iterator[Fault]:
    names = set(table.names)
    for written, resolved in (("vendor_name", "vendor"), ("original_maker_name", "original_maker")):
        if {written, resolved} <= names and rows[resolved].null_count < rows.num_rows:
            what = f"{table.name}.{resolved} is filled; a source fills {written} alone"
            yield Fault("resolves no makers", what, file)


def _faults_of_keys(found: Gathered, prefix: str, file: str) -> Iterator[Fault]:
    """Keys, and references to keys, are `prefix:native`."""
    for name, rows in found.tables.items():
        for column in TABLES[name].columns:
            of = name if column.name == "id" else column.refers_to
            if of is None or of in _NO_KEYS_OF_OURS or column.type is not Type.TEXT:
                continue
            keys = rows[column.name].drop_null()
            pattern = f"^{re.escape(prefix)}" if prefix else "^[^:]+:"
            fit = pc.match_substring_regex(keys, f"{pattern}(?s:.)+")
            if not pc.all(fit).as_py() and len(keys):
                at = pc.index(fit, False).as_py()
                what = f"{name}.{column.name} has {keys[at].as_py()!r}"
                wanted = f"{prefix}native" if prefix else "prefix:native"
                yield Fault("keys", f"{what}, which is not {wanted}", file)


def _faults_of_stopping(source: Source, path: Path) -> Iterator[Fault]:
    """Who reads may stop in the middle, as when a limit is met."""
    try:
        items = iter(source.read(path, Options(origin=_ORIGIN)))
        next(items, None)
        with ExitStack() as stack:
            if close := getattr(items, "close", None):
                stack.callback(close)
    except Exception as error:  # noqa: BLE001 (whatever comes out is what is looked for)
        yield Fault("can be stopped", _told(error), path.name)


def _faults_of_hostile(
    source: Source, files: Sequence[Path], mutations: int, chance: random.Random
) -> Iterator[Fault]:
    with tempfile.TemporaryDirectory(prefix="ringfence-contract-") as folder:
        nowhere = Path(folder) / "none"
        yield from _fault_of_bytes(source, nowhere, None, "a file that is not there")
        yield from _fault_of_bytes(source, Path(folder), None, "a folder")
        for suffix in sorted({path.suffix for path in files}):
            odd = [b"", b"\x00" * 1000, b"\xff\xfe\x00", b"[" * 50_000, chance.randbytes(5000)]
            for number, content in enumerate(odd):
                path = Path(folder) / f"odd-{number}{suffix}"
                yield from _fault_of_bytes(source, path, content, "bytes of no format")
        for path in files:
            content = path.read_bytes()[:_BENT_BYTES]
            for number in range(mutations):
                bent = _bent(content, chance)
                what = f"{path.name}, bent the {number + 1}. time from this seed"
                yield from _fault_of_bytes(source, Path(folder) / path.name, bent, what)


def _fault_of_bytes(
    source: Source, path: Path, content: bytes | None, what: str
) -> Iterator[Fault]:
    """A fault unless the bytes are read with each record counted, or refused as an error of ours.

    `gather` names the source in the errors that a faulty source causes.
    """
    if content is not None:
        path.write_bytes(content)
    try:
        gather(source, path, Options(origin=_ORIGIN))
    except RingfenceError as error:
        if type(error) is RingfenceError or error.message.startswith(f"the {source.kind} source "):
            yield Fault("counts every record", _told(error), what)
    except Exception as error:  # noqa: BLE001 (whatever comes out is what is looked for)
        yield Fault("raises only errors of ours", _told(error), what)


def _bent(content: bytes, chance: random.Random) -> bytes:
    """The bytes after one to four mutations."""
    bent = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        if not bent:
            break
        at = chance.randrange(len(bent))
        until = min(len(bent), at + chance.randint(1, 200))
        match chance.randrange(6):
            case 0:
                bent[at] ^= 1 << chance.randrange(8)
            case 1:
                bent[at:at] = chance.randbytes(3)
            case 2:
                del bent[at:until]
            case 3:
                bent[at:at] = bent[at:until]
            case 4:
                del bent[at:]
            case _:
                piece = bent[at:until]
                del bent[at:until]
                to = chance.randrange(len(bent) + 1)
                bent[to:to] = piece
    return bytes(bent)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error)[:300]}"
