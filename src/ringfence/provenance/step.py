"""A step: a pure function from tables and parameters to tables.

Because a step is pure, one hash serves everything: the key of a step is the hash of its name, its
version, the program's code, its parameters and the hashes of the tables it reads. The same key
means the same answer, so a result is kept by its key and taken again; and the record written
beside it says what came in, what came out and by what code.

    @step(reads=("element", "site"), writes=("presence",), version=1)
    def presence(network: Tables, parameters: PresenceParameters) -> Answer: ...

Inside a step there is no clock, no unseeded draw, and every result is sorted.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from hashlib import sha256
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any, Generic, TypedDict, TypeVar

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

from ringfence.errors import NotFoundError, RingfenceError, VerificationError
from ringfence.store.duck import Tables, hash_of_file, write_parquet
from ringfence.store.snapshot import canonical, clear_away, fresh_folder, move_into_place

FORMAT = "ringfence/step/1"
RECORD = "record.json"

Parameters = TypeVar("Parameters")
Answer = Mapping[str, pa.Table | pa.RecordBatchReader]


@dataclass(frozen=True, slots=True)
class Step(Generic[Parameters]):
    """A pure function with what it reads and writes; call it as the function it is."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    version: int
    function: Callable[[Tables, Parameters], Answer]

    def __call__(self, tables: Tables, parameters: Parameters) -> Answer:
        """Run the step, without cache or record."""
        answer = self.function(tables.only(*self.reads), parameters)
        if set(answer) != set(self.writes):
            raise RingfenceError(
                f"step {self.name} wrote {sorted(answer)}, not {sorted(self.writes)}"
            )
        return answer


def step(
    *, reads: tuple[str, ...], writes: tuple[str, ...], version: int
) -> Callable[[Callable[[Tables, Parameters], Answer]], Step[Parameters]]:
    """Declare a function to be a step. Raise `version` when its meaning changes."""

    def declare(function: Callable[[Tables, Parameters], Answer]) -> Step[Parameters]:
        name = f"{function.__module__.removeprefix('ringfence.')}.{function.__name__}"
        return Step(name, reads, writes, version, function)

    return declare


class _Output(TypedDict):
    """What a record says of one table."""

    sha256: str
    rows: int


class StepCache:
    """Results of steps in `folder`, one folder a key, each with its record."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, what: Step[Parameters], tables: Tables, parameters: Parameters) -> Tables:
        """The step's result: taken from the cache where its key is there, else computed.

        A kept result that no longer matches its record is computed again.
        """
        request = _request(what, tables, parameters)
        key = sha256(canonical(request)).hexdigest()
        final = self.folder / key[:2] / key
        kept = _kept(final, what, request)
        if kept is not None:
            return kept
        with fresh_folder(final.parent) as new:
            for name, data in sorted(what(tables, parameters).items()):
                write_parquet(data, new / f"{name}.parquet")
            (new / RECORD).write_bytes(_record(request, _outputs(new, what)))
            if final.exists() and _kept(final, what, request) is None:
                clear_away(final)
            # Not flushed: after a loss of power the hashes tell, and it is computed again.
            move_into_place(new, final)
        result = _kept(final, what, request)
        if result is None:
            raise RingfenceError(f"the result of step {what.name} cannot be read back")
        return result

    def kept(self, what: Step[Parameters], tables: Tables, parameters: Parameters) -> Tables | None:
        """The step's result where it is kept already; None where it was not computed yet."""
        request = _request(what, tables, parameters)
        key = sha256(canonical(request)).hexdigest()
        return _kept(self.folder / key[:2] / key, what, request)

    def record(self, key: str) -> dict[str, Any]:
        """The record of the result with that key."""
        file = self.folder / key[:2] / key / RECORD
        if not file.is_file():
            raise NotFoundError(f"no result with the key {key!r}", where=str(self.folder))
        return _read_record(file)

    def records(self) -> list[dict[str, Any]]:
        """Every record, by key."""
        return [_read_record(file) for file in sorted(self.folder.glob(f"??/*/{RECORD}"))]


def _read_record(file: Path) -> dict[str, Any]:
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    except (OSError, ValueError) as error:
        raise VerificationError(
            "the record of a result is damaged",
            where=str(file),
            hint="remove its folder; the result is computed again when it is asked for",
        ) from error


def _record(request: Mapping[str, object], outputs: Mapping[str, _Output]) -> bytes:
    """The record of a result: what was asked, and what its files are."""
    key = sha256(canonical(request)).hexdigest()
    return canonical({**request, "key": key, "outputs": outputs})


def _outputs(folder: Path, what: Step[Parameters]) -> dict[str, _Output]:
    """What the files of the step's result in `folder` are."""
    found = {}
    for name in what.writes:
        file = folder / f"{name}.parquet"
        rows = int(pq.read_metadata(file).num_rows)
        found[name] = _Output(sha256=hash_of_file(file), rows=rows)
    return found


def _kept(folder: Path, what: Step[Parameters], request: Mapping[str, object]) -> Tables | None:
    """The result kept in `folder`; None unless its record is, byte for byte, what it has to be."""
    try:
        outputs = _outputs(folder, what)
        if (folder / RECORD).read_bytes() != _record(request, outputs):
            return None
    except (OSError, pa.ArrowException):
        return None
    return Tables(
        {name: folder / f"{name}.parquet" for name in outputs},
        {name: output["sha256"] for name, output in outputs.items()},
    )


def _request(what: Step[Parameters], tables: Tables, parameters: Parameters) -> dict[str, object]:
    return {
        "format": FORMAT,
        "step": what.name,
        "version": what.version,
        "code": code_hash(),
        "writer": f"pyarrow {pa.__version__}",
        "parameters": _plain(parameters),
        "inputs": {name: tables.hash_of(name) for name in sorted(what.reads)},
    }


def _plain(value: object) -> object:
    """Parameters as JSON; a kind of value that has no one spelling is refused."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, frozenset | set):
        return sorted((_plain(v) for v in value), key=canonical)
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise RingfenceError(f"a step's parameter may not be a {type(value).__name__}")


@cache
def code_hash() -> str:
    """The sha256 over every file of the installed program, so that a changed line is a new key."""
    root = Path(__file__).resolve().parent.parent
    total = sha256(installed_version("ringfence").encode())
    for file in sorted(root.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            total.update(str(file.relative_to(root)).encode())
            total.update(file.read_bytes())
    return total.hexdigest()
