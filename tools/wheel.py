"""Build the wheel and see that it carries what the program needs at run time, and nothing else."""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

NEEDED = (
    "ringfence/py.typed",
    "ringfence/network/functions.csv",
    "ringfence/rules/packs/uk-ncsc-2020/pack.toml",
    "ringfence/rules/packs/uk-dvd-2022/pack.toml",
)
ALLOWED = (".py", ".csv", ".toml", ".sql", ".jinja", ".css", ".typed")


def main() -> int:
    """Build, list, compare; then run the wheel's own command without the development tools."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["uv", "build", "--quiet", "--wheel", "--out-dir", folder], check=True)
        wheel = next(Path(folder).glob("*.whl"))
        names = zipfile.ZipFile(wheel).namelist()
        absent = [n for n in NEEDED if n not in names]
        strange = [n for n in names if ".dist-info/" not in n and not n.endswith(("/", *ALLOWED))]
        print(f"{wheel.name}: {len(names)} files, {wheel.stat().st_size / 1000:,.0f} kB")
        for name in absent:
            print(f"absent: {name}")
        for name in strange:
            print(f"not expected: {name}")
        command = ["uv", "run", "--isolated", "--no-project", "--with", str(wheel)]
        run = subprocess.run([*command, "ringfence", "--version"], check=False)
        return 1 if absent or strange or run.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
