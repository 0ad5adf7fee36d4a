"""The documentation says what the program is, or these tests fail."""

import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer
from typer.core import TyperOption

from ringfence import errors
from ringfence.cli.app import app
from ringfence.exposure.control import powers
from ringfence.network.model import TABLES
from ringfence.rules import pack as packs
from ringfence.rules.written import DOCUMENTED
from ringfence.workspace import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "tools" / "reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def page(name: str) -> str:
    return (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")


def test_reference_is_what_the_program_would_write() -> None:
    assert reference().main(["--check"]) == 0, "run: uv run tools/reference.py"


def test_every_command_and_option_is_named() -> None:
    text = page("commands.md")
    for path, command in reference().all_commands(typer.main.get_command(app)):
        section = text.partition(f"## {path}\n")[2].partition("\n## ")[0]
        assert section, path
        for parameter in command.params:
            if isinstance(parameter, TyperOption):
                assert f"`{parameter.opts[0]}`" in section, (path, parameter.opts)
                assert parameter.help, (path, parameter.opts)


def test_every_column_is_named_with_its_meaning() -> None:
    text = page("tables.md")
    for table in TABLES.values():
        section = text.partition(f"## {table.name}\n")[2].partition("\n## ")[0]
        for column in table.columns:
            assert f"| `{column.name}` |" in section, (table.name, column.name)
            assert column.means in section.replace("\\|", "|"), (table.name, column.name)


def subclasses(kind: type[errors.RingfenceError]) -> list[type[errors.RingfenceError]]:
    return [kind, *(s for below in kind.__subclasses__() for s in subclasses(below))]


def test_every_error_is_named_with_its_exit_code() -> None:
    text = page("errors.md")
    for kind in subclasses(errors.RingfenceError):
        assert f"| `{kind.__name__}` | {kind.exit_code} |" in text, kind


def test_every_setting_is_named() -> None:
    text = page("settings.md")
    for name in Settings.model_fields:
        assert f"`{name}`" in text, name


def test_every_rule_and_every_rule_field_is_named() -> None:
    text = page("rules.md")
    for model in DOCUMENTED.values():
        for name, field in model.model_fields.items():
            assert f"`{field.alias or name}`" in text, (model, name)
            assert field.description, (model, name)
    for pack in map(packs.load_pack, packs.list_packs()):
        for rule in pack.rules:
            assert f"`{rule.id}`" in text, rule.id
        for item in pack.manifest.not_encoded:
            assert f"`{item.id}`" in text, item.id


def test_every_power_and_every_threat_profile_is_named() -> None:
    text = page("powers.md")
    for rule in powers().rules:
        section = text.partition(f"## {rule.id}\n")[2].partition("\n## ")[0]
        assert rule.says in section, rule.id
        assert all(c.section in section.replace("\\|", "|") for c in rule.cites), rule.id
    for profile in powers().profiles:
        assert f"| `{profile.id}` |" in text, profile.id


@pytest.mark.parametrize("file", PAGES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(file: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", file.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (file.parent / target).exists(), target


@pytest.mark.parametrize("file", PAGES, ids=lambda f: f.relative_to(ROOT).as_posix())
def test_pages_avoid_words_that_belittle_the_reader(file: Path) -> None:
    found = re.findall(r"\b(?:simply|just|obviously)\b", file.read_text(encoding="utf-8"))
    assert not found


def shown_commands(text: str) -> list[str]:
    """The lines of indented blocks that call the program."""
    lines = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    calls = [line.partition("uv run ")[2] or line for line in lines if "ringfence" in line]
    return [c.partition("#")[0].strip() for c in calls if c.startswith("ringfence ")]


@pytest.mark.slow
def test_commands_of_the_readme_and_the_tutorial_run(tmp_path: Path) -> None:
    """Each command, in order, in one folder, with the program itself."""
    program = Path(sys.executable).with_name("ringfence")
    for name in ("README.md", "docs/tutorial/first-network.md"):
        folder = tmp_path / name.replace("/", "-")
        folder.mkdir()
        found = shown_commands((ROOT / name).read_text(encoding="utf-8"))
        assert found
        for command in found:
            run = subprocess.run(
                [program, *shlex.split(command)[1:]],
                cwd=folder,
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
            )
            assert run.returncode == 0, f"{command}\n{run.stdout}\n{run.stderr}"
