"""10,000 real files bent at random, each read by every source that claims it: rejects or our errors.

The bends are those of a bad transfer, a cut disk or an editor: bytes flipped, slices cut out,
doubled or moved, the end missing, another encoding. Seeded, so that a failure comes again.
"""

from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from ringfence.errors import RingfenceError
from ringfence.sources.base import Options, SourceOfMany, gather, gather_together, recognise

MANY = 10_000
PARTS = 8
LARGEST = 200_000
"""Bytes: larger files would take most of the time and show nothing else."""

SEED = 20261124
FAULTS_OF_OURS = ("lost count", "rows of no record", "was not given", "is no table")
"""What `gather` says where a source, and not the file, is at fault."""


def bent(content: bytes, rng: np.random.Generator) -> bytes:
    """A file's bytes after one to six bends."""
    new = bytearray(content)
    for _ in range(int(rng.integers(1, 7))):
        if not new:
            break
        at = int(rng.integers(0, len(new)))
        until = min(len(new), at + int(rng.integers(1, 400)))
        match int(rng.integers(0, 8)):
            case 0 | 1:
                new[at] ^= 1 << int(rng.integers(0, 8))
            case 2:
                new[at:at] = rng.bytes(int(rng.integers(1, 9)))
            case 3:
                del new[at:until]
            case 4:
                new[at:at] = new[at:until]
            case 5:
                del new[at:]
            case 6:
                piece = new[at:until]
                del new[at:until]
                to = int(rng.integers(0, len(new) + 1))
                new[to:to] = piece
            case _:
                new = bytearray(bytes(new).decode("utf-8", "replace").encode("utf-16"))
    return bytes(new)


def files_to_bend(shared_data: Path) -> list[Path]:
    """Some files of each folder, so that one of many alike does not crowd out the others."""
    of_folder: dict[str, list[Path]] = defaultdict(list)
    for file in sorted(shared_data.rglob("*")):
        if file.is_file() and 0 < file.stat().st_size <= LARGEST:
            of_folder[file.relative_to(shared_data).parts[0]].append(file)
    return [file for files in of_folder.values() for file in files[:: max(1, len(files) // 25)]]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_comes_out_but_rejects_and_our_errors(
    shared_data: Path, tmp_path: Path, part: int
) -> None:
    rng = np.random.default_rng([SEED, part])
    files = files_to_bend(shared_data)
    read = 0
    for number in range(MANY // PARTS):
        file = files[int(rng.integers(0, len(files)))]
        # The folder's name may be what a source knows a file by.
        place = tmp_path / f"{number % 16}" / file.parent.name / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(bent(file.read_bytes(), rng))
        claims = recognise(place)
        for source, _ in claims[:2]:
            try:
                if isinstance(source, SourceOfMany):
                    gather_together(source, {file.name: place}, Options(origin="bent"))
                # `gather` checks that what was read is kept or rejected.
                gather(source, place, Options())
                read += 1
            except RingfenceError as error:
                if any(word in error.message for word in FAULTS_OF_OURS):
                    pytest.fail(f"{file}: {error.message}")
    assert read > MANY // PARTS // 4
