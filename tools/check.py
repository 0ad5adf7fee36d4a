"""The one task runner: everything CI runs, or the parts named.

uv run tools/check.py [lint types layers docs tests slow kernel wheel]
"""

import subprocess
import sys
import time

TASKS: dict[str, list[list[str]]] = {
    "lint": [["ruff", "check"], ["ruff", "format", "--check"]],
    "types": [["mypy"]],
    "layers": [["lint-imports"]],
    "docs": [[sys.executable, "tools/reference.py", "--check"]],
    "tests": [["pytest"]],
    "slow": [["pytest", "-m", "slow", "--timeout", "900"]],
    "kernel": [["pytest", "-m", "kernel", "-n", "0", "--timeout", "900"]],
    "wheel": [[sys.executable, "tools/wheel.py"]],
}


def main(names: list[str]) -> int:
    """Run the named tasks, or all; stop at none, and say at the end which failed."""
    if strange := [n for n in names if n not in TASKS]:
        print(f"no such task: {', '.join(strange)}; the tasks: {', '.join(TASKS)}")
        return 2
    failed = []
    for name in names or list(TASKS):
        for command in TASKS[name]:
            print(f"$ {' '.join(command)}", flush=True)
            begun = time.monotonic()
            code = subprocess.run(command, check=False).returncode
            print(f"  {time.monotonic() - begun:.1f} s, exit {code}", flush=True)
            if code:
                failed.append(" ".join(command))
    for words in failed:
        print(f"failed: {words}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
