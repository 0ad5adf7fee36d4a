"""A pack to begin with is sound, tested throughout, and nothing is written over."""

from pathlib import Path

import pytest

from ringfence.errors import UsageError
from ringfence.rules.lint import coverage, lint
from ringfence.rules.pack import load_pack, problems
from ringfence.rules.starting import new_pack
from ringfence.rules.trial import test_pack as run_tests


def test_a_new_pack_is_sound_passes_its_tests_and_has_nothing_amiss(tmp_path: Path) -> None:
    root = tmp_path / "xv-act-2026"
    written = new_pack(root, country="XV", secrecy="internal")
    assert [one.relative_to(root).as_posix() for one in written] == [
        "pack.toml",
        "rules/R-1.toml",
        "rules/R-1.test.toml",
    ]
    assert problems(root) == []
    pack = load_pack(root)
    assert (pack.id, pack.manifest.jurisdiction, pack.manifest.secrecy) == (
        "xv-act-2026",
        "XV",
        "internal",
    )
    trials = run_tests(pack)
    # One day before there is a rule, three up to its deadline and one after it.
    assert [str(t.as_of) for t in trials] == [
        "2025-12-31",
        "2026-01-01",
        "2027-12-30",
        "2027-12-31",
        "2028-01-01",
    ]
    assert [t.problem for t in trials if not t.passed] == []
    assert [row["missing"] for row in coverage(pack)] == [None]
    assert lint(pack) == []


def test_an_empty_folder_will_do_and_what_is_in_one_is_kept(tmp_path: Path) -> None:
    root = tmp_path / "xx-act"
    root.mkdir()
    new_pack(root)
    assert load_pack(root).manifest.secrecy == "public"
    before = (root / "pack.toml").read_text()
    (root / "pack.toml").write_text(f"{before}# of mine\n")
    with pytest.raises(UsageError, match="not empty"):
        new_pack(root)
    assert (root / "pack.toml").read_text().endswith("# of mine\n")
    file = tmp_path / "xx-file"
    file.write_text("of value")
    with pytest.raises(UsageError, match="not empty"):
        new_pack(file)
    assert file.read_text() == "of value"


@pytest.mark.parametrize("name", ["XX", "1st", "a", "with space", "under_score", "é", "x" * 61])
def test_a_folder_that_cannot_be_a_pack_s_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is no name of a pack"):
        new_pack(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_country_is_two_letters_and_a_label_one_of_four(tmp_path: Path) -> None:
    for country in ("", "xv", "XVI", "X\n"):
        with pytest.raises(UsageError, match="is no country"):
            new_pack(tmp_path / "xx-act", country=country)
    for secrecy in ("", "top secret", 'public"\nnames = "criteria'):
        with pytest.raises(UsageError, match="is no label"):
            new_pack(tmp_path / "xx-act", secrecy=secrecy)
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written_it_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        new_pack(tmp_path / "file" / "xx-act")
