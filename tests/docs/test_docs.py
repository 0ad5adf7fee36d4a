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
from ringfence.rules.lint import SORTS
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


def test_every_sort_of_fault_that_lint_finds_is_told_with_its_meaning() -> None:
    section = page("rules.md").partition("## What lint finds\n")[2].partition("\n## ")[0]
    for sort in SORTS:
        assert f"| `{sort}` | " in section, sort
    assert list(reference().LINT_SORTS) == list(SORTS)


def test_every_rule_has_an_address_or_a_day_to_look_it_up() -> None:
    text = page("rules.md")
    for pack in map(packs.load_pack, packs.list_packs()):
        for rule in pack.rules:
            assert rule.citation.url or rule.citation.date, rule.id
            assert str(rule.citation) in text, rule.id
            assert rule.citation.url is None or f"]({rule.citation.url})" in text, rule.id


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
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines() if line[:4] == "    "]
    calls = [line.partition("uv run ")[2] or line for line in lines if "ringfence" in line]
    return [c.partition("#")[0].strip() for c in calls if c.startswith("ringfence ")]


def called(command: str, folder: Path) -> tuple[int, str]:
    """The exit code of the program itself, called so in that folder, and all it printed."""
    program = Path(sys.executable).with_name("ringfence")
    run = subprocess.run(
        [program, *shlex.split(command)[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return run.returncode, f"{command}\n{run.stdout}\n{run.stderr}"


@pytest.mark.slow
def test_commands_of_the_readme_and_the_tutorial_run(tmp_path: Path) -> None:
    """Each command, in order, in one folder, with the program itself."""
    for name in ("README.md", "docs/tutorial/first-network.md"):
        folder = tmp_path / name.replace("/", "-")
        folder.mkdir()
        found = shown_commands((ROOT / name).read_text(encoding="utf-8"))
        assert found
        for command in found:
            code, said = called(command, folder)
            assert code == 0, said


def shown_block(text: str, first: str) -> str:
    """The lines of the indented block that begins with that line."""
    lines = text.splitlines()
    begin = lines.index(f"    {first}")
    end = next(n for n in range(begin, len(lines)) if not lines[n].startswith("    "))
    return "".join(f"{line[4:]}\n" for line in lines[begin:end])


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_commands_of_the_pages_about_packs_run(tmp_path: Path) -> None:
    """Those of three pages, in order, in the workspace that the first of them makes."""
    ed25519 = pytest.importorskip("cryptography.hazmat.primitives.asymmetric.ed25519")
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    names = ("compare-regimes", "write-a-pack", "keep-a-pack-secret")
    texts = [(ROOT / "docs" / "how-to" / f"{n}.md").read_text(encoding="utf-8") for n in names]
    demo, *calls = [command for text in texts for command in shown_commands(text)]
    assert len(calls) > 20
    assert called(demo, tmp_path)[0] == 0
    folder = tmp_path / "ringfence-demo" / "workspace"
    (folder / "assumed").mkdir()
    named = shown_block(texts[0], "vendor,instrument,valid_from,status,source")
    (folder / "assumed" / "designation.csv").write_text(named)
    with (folder / "ringfence.toml").open("a") as settings:
        settings.write("\n" + shown_block(texts[0], "[pack.se-pts-2020]"))
    key = ed25519.Ed25519PrivateKey.generate()
    pem, text_form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "ministry-public.pem").write_bytes(key.public_key().public_bytes(pem, text_form))
    private = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ministry.pem").write_bytes(key.private_bytes(pem, *private))
    for command in calls:
        # Where only a secret pack is asked for, those who are not cleared are told nothing.
        withheld = command == "ringfence rules run xv-direction-7 --audience internal"
        code, said = called(command, folder)
        assert code == (77 if withheld else 0), said
