"""Every real transport topology runs as backhaul, and the page is what the tool writes."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_all_topologies_run_and_the_page_is_what_the_tool_writes(shared_data: Path) -> None:
    tool = [sys.executable, str(ROOT / "tools" / "backhaul_table.py"), str(shared_data), "--check"]
    ran = subprocess.run(tool, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    page = (ROOT / "docs" / "explanation" / "backhaul.md").read_text(encoding="utf-8")
    assert page.count("\n| ") == 142 + 1
    assert page.rstrip().endswith("142 topologies.")
