"""What the tests of rules share: a small pack made of one rule, and the names of a made-up country."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from ringfence.rules.pack import Pack, read_pack

MANIFEST = """
id = "xx-test"
title = "An act of a made-up country"
jurisdiction = "XX"
issued_by = "its parliament"
published_on = 2020-01-01
url = "none"
language = "en"
version = "1.0.0"
binds = "everyone"
names = "vendors"
history = [{ on = 2020-01-01, what = "passed", source = "the act", grade = "S" }]
"""

RULE = """
id = "{id}"
title = "No listed vendor"
grade = "S"
source = "read in the act"
binds = "everyone"
scope = "every element"
test = "{test}"
subjects = "{subjects}"
severity = "high"
metric = "elements of a listed vendor"
select = '''{select}'''
{more}
[citation]
document = "Act 1 of 2020"
section = "section 2"
date = 2020-01-01
{values}
{phases}
"""

BINDING = """
[[phase]]
from = 2020-01-01
effect = "binding"
status = "legally binding now"
"""

LISTED = "SELECT id AS subject, verdict(is_listed) AS verdict, made_by AS because FROM element"

MakeFiles = Callable[..., dict[str, str]]
MakePack = Callable[..., Pack]


def rule_text(
    select: str = LISTED,
    *,
    rule: str = "R-1",
    subjects: str = "element",
    phases: str = BINDING,
    values: str = "",
    more: str = "",
    test: str = "exclude",
) -> str:
    """A rule's file."""
    return RULE.format(
        id=rule,
        select=select,
        subjects=subjects,
        phases=phases,
        values=values,
        more=more,
        test=test,
    )


@pytest.fixture(scope="session")
def files() -> MakeFiles:
    """Make the files of a pack with one rule."""

    def of(select: str = LISTED, *, manifest: str = "", **said: str) -> dict[str, str]:
        return {"pack.toml": MANIFEST + manifest, "rules/R-1.toml": rule_text(select, **said)}

    return of


@pytest.fixture(scope="session")
def pack(files: MakeFiles) -> MakePack:
    """Make a pack with one rule, run in this process as the built-in ones are."""

    def of(select: str = LISTED, **said: str) -> Pack:
        return read_pack(files(select, **said), "xx-test", "xx-test", built_in=True)

    return of


@pytest.fixture
def folder(tmp_path: Path) -> Callable[[Mapping[str, str]], Path]:
    """Lay a pack's files out in a folder of its name."""

    def of(files: Mapping[str, str]) -> Path:
        root = tmp_path / "xx-test"
        for place, text in files.items():
            (root / place).parent.mkdir(parents=True, exist_ok=True)
            (root / place).write_text(text, encoding="utf-8")
        return root

    return of
