"""Claim: `ringfence --help` answers in under 0.5 s and loads neither numpy nor an engine.

uv run benchmarks/help_start.py [--runs 10]

Peers in the same run: Python doing nothing, Python loading typer, Python loading pandas (what a
command line that loads its engine first would cost). Cold is the first call after the compiled
files are gone; warm is the median of the rest. Memory is the peak of the process.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = Path(sys.executable).with_name("ringfence")

CASES = {
    "python, doing nothing": [sys.executable, "-c", "pass"],
    "python, import typer": [sys.executable, "-c", "import typer"],
    "python, import pandas": [sys.executable, "-c", "import pandas"],
    "ringfence --help": [str(PROGRAM), "--help"],
}


def one(command: list[str]) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds and peak megabytes of one run."""
    begun = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - begun
    if process.returncode:
        raise SystemExit(f"{command} left with {process.returncode}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Print a line a case."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10)
    runs = parser.parse_args().runs
    for folder in (ROOT / "src").rglob("__pycache__"):
        shutil.rmtree(folder)
    print(f"{'':<26}{'cold s':>9}{'warm s':>9}{'CPU s':>9}{'MB':>7}")
    for name, command in CASES.items():
        cold = one(command)[0]
        rest = [one(command) for _ in range(runs)]
        wall, cpu, memory = (statistics.median(r[i] for r in rest) for i in range(3))
        print(f"{name:<26}{cold:>9.3f}{wall:>9.3f}{cpu:>9.3f}{memory:>7.0f}")


if __name__ == "__main__":
    main()
