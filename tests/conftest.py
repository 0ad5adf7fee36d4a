"""What tests of several rooms share: the data folder beside the project, and a network by its rows."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from ringfence.network.model import TABLES
from ringfence.store.duck import Tables

# Two tests at once on a small machine must not fail by the clock.
settings.register_profile("ringfence", deadline=None)
settings.load_profile("ringfence")

Rows = Sequence[Mapping[str, object]]
Build = Callable[..., Tables]

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real exports, which is no part of the project."""
    if not _SHARED.is_dir():
        pytest.skip(f"needs the shared data, a folder beside the project: {_SHARED}")
    return _SHARED


@pytest.fixture(scope="session")
def build() -> Build:
    """Make a network of rows by table: every table of the model is there, those not given empty."""

    def of_rows(**rows: Rows) -> Tables:
        tables = {name: table.from_rows(rows.pop(name, ())) for name, table in TABLES.items()}
        assert not rows, f"no such tables: {sorted(rows)}"
        return Tables(tables)

    return of_rows
