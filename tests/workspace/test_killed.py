"""A workspace killed at any moment is as it was before or as it is after, and goes on from there.

A nursery process loads the program once and forks a child for each killing, before it has started
any thread; the child kills itself with SIGKILL just before its n-th step on the disk.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from ringfence.network.model import TABLES
from ringfence.workspace import Workspace

NURSERY = """
import importlib, itertools, os, signal, sys, threading, time
from datetime import date
from pathlib import Path
import ringfence.workspace

for module in [m for name, m in sys.modules.items() if name.startswith("ringfence.")]:
    if hasattr(module, "code_hash"):
        module.code_hash = lambda: "0" * 64  # the program may be edited between two runs

loaded = sys.argv[1]
STEPS = ("fsync", "rename", "replace", "link", "mkdir", "unlink", "rmdir")


def ingest(folder, files, fatal, log):
    count = itertools.count(1)
    lock = threading.Lock()

    def fatal_at(name, plain):
        def step(*given, **named):
            with lock:
                number = next(count)
                if number == fatal:
                    os.kill(os.getpid(), signal.SIGKILL)
                if log:
                    print(number, name, file=log, flush=True)
            return plain(*given, **named)
        return step

    for name in STEPS:
        setattr(os, name, fatal_at(name, getattr(os, name)))
    ringfence.workspace.Workspace(Path(folder)).ingest(
        [Path(f) for f in files], as_of=date(2024, 6, 30)
    )


for line in sys.stdin:
    folder, fatal, delay, *files = line.rstrip("\\n").split("\\t")
    child = os.fork()
    if not child:
        log = open(folder + ".log", "w") if not int(fatal) and not float(delay) else None
        try:
            ingest(folder, files, int(fatal), log)
            Path(loaded).write_text("\\n".join(sys.modules))
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if float(delay):
        time.sleep(float(delay))
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
    if not status:  # what the child had to load, the next need not
        for name in Path(loaded).read_text().splitlines():
            if name.startswith(("ringfence", "pyarrow", "duckdb", "numpy", "rapidfuzz")):
                importlib.import_module(name)
"""

SITES = """id,operator,region,kind
s1,o1,North,macro
s2,o1,South,macro
s3,o2,North,castle
"""
ELEMENTS = """id,site,vendor_name,installed_on
e1,s1,Acme,2020-01-01
e2,s2,Bolt,2021-06-30
e3,s3,,
"""
MORE_SITES = """id,operator,region,kind
s1,o1,East,macro
s4,o1,South,exchange
"""


class Nursery:
    """Runs an ingest in a child of its own, and kills it where told."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ingest(self, folder: Path, *files: Path, fatal: int = 0, delay: float = 0.0) -> int:
        """How it ended: 0, or minus the signal."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        told = [str(folder), str(fatal), str(delay), *(str(f) for f in files)]
        self._process.stdin.write("\t".join(told) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    folder = tmp_path_factory.mktemp("nursery")
    loaded = folder / "loaded"
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(loaded)],
        env={**os.environ, "TMPDIR": str(folder)},  # the killed cannot clear away
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Nursery(process)
        assert process.stdin is not None
        process.stdin.close()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of the workspace but its lock."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != ".lock"
    }


class Case:
    """A workspace before and after an ingest nobody killed, and how many steps that took."""

    def __init__(self, folder: Path, nursery: Nursery, *, is_first: bool) -> None:
        self.nursery = nursery
        self.folder = folder
        folder.mkdir()
        for name, text in (
            ("sites.csv", SITES),
            ("elements.csv", ELEMENTS),
            ("more_sites.csv", MORE_SITES),
        ):
            (folder / name).write_text(text)
        self.before = folder / "before"
        Workspace.init(self.before, name="test")
        self.files = [folder / "sites.csv", folder / "elements.csv"]
        if not is_first:
            assert nursery.ingest(self.before, *self.files) == 0
            self.files = [folder / "more_sites.csv"]
        self.after = folder / "after"
        shutil.copytree(self.before, self.after)
        assert nursery.ingest(self.after, *self.files) == 0
        self.ids_before = Workspace(self.before).snapshots.ids()
        self.ids_after = Workspace(self.after).snapshots.ids()
        self.contents_after = contents(self.after)
        self.steps = [line.split()[1] for line in (folder / "after.log").read_text().splitlines()]

    def check_killed(self, *, fatal: int = 0, delay: float = 0.0) -> bool:
        """Kill an ingest, look at what is left, and go on; return whether it was killed."""
        work = self.folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(self.before, work)
        ended = self.nursery.ingest(work, *self.files, fatal=fatal, delay=delay)
        assert ended in (0, -signal.SIGKILL)
        snapshots = Workspace(work).snapshots
        assert snapshots.ids() in (self.ids_before, self.ids_after)
        if ended == 0:
            assert snapshots.ids() == self.ids_after
        for snapshot in snapshots.all():
            snapshot.verify()
            for name in TABLES:
                snapshot.tables(TABLES)[name].validate(full=True)
        assert self.nursery.ingest(work, *self.files) == 0
        assert Workspace(work).snapshots.ids() == self.ids_after
        # Not a byte differs from the workspace that was never killed, and nothing is left over.
        assert contents(work) == self.contents_after
        return ended != 0


@pytest.fixture(scope="module", params=["first ingest", "later ingest"])
def case(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, nursery: Nursery
) -> Case:
    is_first = request.param == "first ingest"
    return Case(tmp_path_factory.mktemp("killed") / "case", nursery, is_first=is_first)


def test_an_ingest_takes_the_steps_that_are_killed_here(case: Case) -> None:
    assert case.ids_after[:-1] == case.ids_before
    assert case.steps.count("fsync") > len(TABLES)
    assert "replace" in case.steps
    assert case.steps.count("rename") >= 3  # a part, the merged network, the snapshot


def test_killed_around_what_shows_it_is_as_before_or_as_after(case: Case) -> None:
    """A rename or replacement is what makes work visible: just before each, and after the last."""
    showing = [i for i, step in enumerate(case.steps, 1) if step in ("rename", "replace")]
    assert all(case.check_killed(fatal=n) for n in (*showing, showing[-1] + 1))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_before_any_step_it_is_as_before_or_as_after(case: Case) -> None:
    killed = [case.check_killed(fatal=n) for n in range(1, len(case.steps) + 1)]
    assert sum(killed) >= len(killed) - 1


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_killed_at_any_moment_it_is_as_before_or_as_after(case: Case) -> None:
    draw = np.random.default_rng(20240630)
    killed = [case.check_killed(delay=float(d)) for d in draw.uniform(0.01, 0.5, 20)]
    assert any(killed)


def test_killed_again_and_again_it_still_comes_to_the_same(case: Case) -> None:
    work = case.folder / "again"
    shutil.copytree(case.before, work)
    for fatal in range(1, len(case.steps), max(1, len(case.steps) // 6)):
        case.nursery.ingest(work, *case.files, fatal=fatal)
        for snapshot in Workspace(work).snapshots.all():
            snapshot.verify()
    assert case.nursery.ingest(work, *case.files) == 0
    assert contents(work) == case.contents_after


def test_the_network_that_comes_of_it_is_the_one_in_the_files(case: Case) -> None:
    found = Workspace(case.after).network(as_of=date(2024, 6, 30)).tables
    regions = {row["id"].rpartition(":")[2]: row["region"] for row in found["site"].to_pylist()}
    if not case.ids_before:
        assert regions == {"s1": "North", "s2": "South"}
    else:  # the two files differ on s1
        assert regions == {"s1": None, "s2": "South", "s4": "South"}
