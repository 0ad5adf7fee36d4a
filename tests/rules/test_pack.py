"""A pack that is not well formed is refused, with the file and the key."""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import NotFoundError, PackError
from ringfence.rules import pack as pack_module
from ringfence.rules.pack import list_packs, load_pack, problems, read_pack
from ringfence.rules.trial import test_pack as run_tests

Folder = Callable[[Mapping[str, str]], Path]

PHASES = {
    "announced": 'from = 2020-01-01\neffect = "announced"\nstatus = "binding, date in future"',
    "binding": 'after = 2020-12-31\neffect = "binding"\nstatus = "legally binding now"',
}
TEST = """
[[test]]
name = "a test"
as_of = 2020-01-01
then = [{ subject = "e", verdict = "breach" }]
"""


def phases(*texts: str) -> str:
    return "".join(f"\n[[phase]]\n{text}\n" for text in texts)


def test_a_sound_pack_is_read(files: Callable[..., Any], folder: Folder) -> None:
    root = folder(files())
    pack = load_pack(root)
    assert (pack.id, [r.id for r in pack.rules], pack.built_in) == ("xx-test", ["R-1"], False)
    assert problems(root) == []
    assert pack.rule("R-1") is pack.rule("xx-test/R-1")


def test_a_pack_is_found_by_name_or_by_folder(files: Callable[..., Any], folder: Folder) -> None:
    assert load_pack("uk-dvd-2022").built_in
    assert not load_pack(folder(files())).built_in
    for missing in ("uk-dvd-2023", "/no/such/folder", ""):
        with pytest.raises(NotFoundError, match="no rule pack"):
            load_pack(missing)
    with pytest.raises(NotFoundError, match="no rule 'R-2'"):
        load_pack(folder(files())).rule("R-2")


def test_a_copy_of_a_built_in_pack_is_a_stranger_s(tmp_path: Path) -> None:
    ours = load_pack("uk-ncsc-2020")
    root = tmp_path / "uk-ncsc-2020"
    for place, text in ours.files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)
    copy = load_pack(root)
    assert copy.hash == ours.hash
    assert not copy.built_in


@pytest.mark.parametrize(
    ("place", "old", "new", "where", "says"),
    [
        ("pack.toml", 'id = "xx-test"', 'id = "xx-other"', "pack.toml: id", "the folder is"),
        ("pack.toml", 'id = "xx-test"', 'id = "XX"', "pack.toml: id", "pattern"),
        ("pack.toml", "id", "idd", "pack.toml: idd", "no key that may stand here"),
        ("pack.toml", 'title = "An act', 'titel = "An act', "pack.toml: title", "is missing"),
        ("pack.toml", "published_on = 2020-01-01", "published_on = 2020", "published_on", "date"),
        (
            "pack.toml",
            "published_on = 2020-01-01",
            "published_on = 2020-01-01T00:00:00",
            "published_on",
            "date",
        ),
        ("pack.toml", '"1.0.0"', '"one"', "pack.toml: version", "pattern"),
        ("pack.toml", '"XX"', '"Xanadu"', "pack.toml: jurisdiction", "pattern"),
        ("pack.toml", 'url = "none"', "url = ", "pack.toml", "is no TOML"),
        ("pack.toml", 'url = "none"', "url = " + "[" * 5000, "pack.toml", "is no TOML"),
        ("rules/R-1.toml", 'id = "R-1"', 'id = "R-2"', "R-1.toml: id", "the file is 'R-1'"),
        ("rules/R-1.toml", 'id = "R-1"', "id = 1", "R-1.toml: id", "string"),
        ("rules/R-1.toml", 'grade = "S"', 'grade = "M"', "R-1.toml: grade", "'S', 'S*' or 'R'"),
        ("rules/R-1.toml", 'test = "exclude"', 'test = "ban"', "R-1.toml: test", "exclude"),
        ("rules/R-1.toml", '"element"', '"vendors"', "R-1.toml: subjects", "element"),
        ("rules/R-1.toml", '"high"', '"grave"', "R-1.toml: severity", "low"),
        ("rules/R-1.toml", "title = ", "title = '' #", "R-1.toml: title", "at least 1 character"),
        ("rules/R-1.toml", "[citation]", "[cite]", "R-1.toml", "no key that may stand here"),
        ("rules/R-1.toml", "date = 2020-01-01", "page = 1", "R-1.toml: citation.page", "no key"),
        (
            "rules/R-1.toml",
            'test = "exclude"',
            'test = "cap"',
            "R-1.toml",
            "states its denominator",
        ),
        (
            "rules/R-1.toml",
            '"exclude"',
            '"exclude"\ndenominator = "m"',
            "R-1.toml",
            "no other test",
        ),
        ("rules/R-1.toml", "metric = ", "metrik = ", "R-1.toml: metric", "is missing"),
        ("rules/R-1.toml", '"exclude"', '"exclude"\nneeds = ["air"]', "needs.0", "exposed"),
        (
            "rules/R-1.toml",
            '"exclude"',
            '"exclude"\nneeds = ["reach"]\nverdicts = ["breach", "comply"]',
            "R-1.toml",
            "can be unknown",
        ),
        ("rules/R-1.toml", "[citation]", "[values]\nas_of = 1\n[citation]", "R-1.toml", "as_of"),
        ("rules/R-1.toml", "[citation]", "[values]\nX = 1\n[citation]", "values.X", "pattern"),
        ("rules/R-1.toml", "[citation]", "[values]\nx = [1]\n[citation]", "values.x", "valid"),
        ("rules/R-1.toml", '"exclude"', '"exclude"\nverdicts = ["fine"]', "verdicts.0", "breach"),
        (
            "rules/R-1.toml",
            '"exclude"',
            '"exclude"\nverdicts = ["breach", "breach"]',
            "R-1.toml",
            "there twice",
        ),
        ("rules/R-1.toml", 'effect = "binding"', 'effect = "law"', "phase.0.effect", "announced"),
        ("rules/R-1.toml", '"legally binding now"', '"superseded"', "phase.0", "has a status of"),
        ("rules/R-1.toml", "from = 2020-01-01", "", "phase.0", "give one of: from, after"),
        (
            "rules/R-1.toml",
            "from = 2020-01-01",
            "from = 2020-01-01\nafter = 2020-01-01",
            "phase.0",
            "give one of: from, after",
        ),
        ("rules/R-1.toml", "from = 2020-01-01", 'from = 2020-01-01\nby = "x"', "phase.0", "by"),
        ("rules/R-1.toml", "from = 2020-01-01", "since = 2020-01-01", "phase.0.since", "no key"),
        (
            "rules/R-1.test.toml",
            "then",
            "den",
            "R-1.test.toml: test.0.den",
            "no key that may stand here",
        ),
        ("rules/R-1.test.toml", '"breach"', '"bad"', "test.0.then.0.verdict", "breach"),
        ("rules/R-1.test.toml", "as_of = 2020-01-01", "as_of = []", "test.0", "names no day"),
        ("rules/R-1.test.toml", "then = ", "not_in_force = true\nthen = ", "test.0", "give `then`"),
        ("rules/R-1.test.toml", "[[test]]", "[[tests]]", "R-1.test.toml: tests", "no key"),
    ],
)
def test_a_fault_is_told_with_its_file_and_key(
    files: Callable[..., Any], folder: Folder, place: str, old: str, new: str, where: str, says: str
) -> None:
    made = {**files(), "rules/R-1.test.toml": TEST}
    assert old in made[place]
    made[place] = made[place].replace(old, new, 1)
    root = folder(made)
    found = problems(root)
    assert any(where in str(f.where) and says in f.message for f in found), [str(f) for f in found]
    with pytest.raises(PackError) as caught:
        load_pack(root)
    assert str(caught.value.where).startswith(str(root))


@pytest.mark.parametrize(
    ("said", "says"),
    [
        (phases(PHASES["binding"], PHASES["announced"]), "in the order of their first days"),
        (phases(PHASES["binding"], PHASES["binding"]), "in the order of their first days"),
        (phases(PHASES["announced"]), "needs a later phase with the deadline"),
        (
            phases('from = 2020-01-01\neffect = "superseded"\nstatus = "superseded"\nby = "x"'),
            "the first phase supersedes nothing yet",
        ),
        (
            phases('from = 2020-01-01\neffect = "superseded"\nstatus = "superseded"'),
            "`by` names what supersedes",
        ),
        (
            phases(
                PHASES["announced"],
                'after = 2020-06-30\neffect = "where possible"\nstatus = "legally binding now"',
            ),
            "needs a later phase with the deadline",
        ),
        ("", "is missing"),
    ],
)
def test_phases_that_mean_nothing_are_refused(
    files: Callable[..., Any], folder: Folder, said: str, says: str
) -> None:
    found = problems(folder(files(phases=said)))
    assert any(says in f.message for f in found), [str(f) for f in found]


FACT = """
[[fact]]
vendor = "Meridian"
names = ["Meridian"]
status = "designated"
valid_from = 2020-01-01
source = "the act"
date = 2020-01-01
grade = "S"
"""
PARAMETER = '\n[[parameter]]\nname = "limit"\nmeans = "a limit"\ntype = "number"\n'


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        (FACT.replace('"S"', '"M"'), "'S', 'S*' or 'R'"),
        (FACT.replace('["Meridian"]', "[]"), "at least 1 item"),
        (FACT.replace('"designated"', '"bad"'), "treated as high risk"),
        (FACT.replace("valid_from = 2020-01-01\n", ""), "is missing"),
        (FACT.replace('source = "the act"\n', ""), "is missing"),
        (PARAMETER + PARAMETER, "there twice"),
        (PARAMETER + 'value = "many"\nsource = "x"\n', "limit is a number"),
        (PARAMETER + 'value = true\nsource = "x"\n', "limit is a number"),
        (PARAMETER + "value = 3\n", "has a value but no source"),
        (
            '\n[[not_encoded]]\nid = "R-1"\ntitle = "t"\nwhy = "no test"\nreason = "r"\n',
            "R-1 is encoded",
        ),
        (PARAMETER.replace('"limit"', '"Limit"'), "pattern"),
    ],
)
def test_a_fault_of_the_manifest_is_told(
    files: Callable[..., Any], folder: Folder, manifest: str, says: str
) -> None:
    found = problems(folder(files(manifest=manifest)))
    assert any(says in f.message for f in found), [str(f) for f in found]


@pytest.mark.parametrize(
    ("functions", "says"),
    [
        ('[[function]]\nkinds = ["AMFF"]\nscope = "in"', "is no kind of the catalogue"),
        ('[[function]]\nkinds = ["gNodeB"]\nscope = "in"', "is no kind of the catalogue"),
        ('[[function]]\ndomains = ["core"]\nscope = "in"', "is no domain"),
        ('[[function]]\nscope = "in"', "names neither kinds nor domains"),
        ('[[function]]\nkinds = ["AMF"]\nscope = "core"', "'in', 'out' or 'review'"),
        (
            (
                '[[function]]\nkinds = ["AMF"]\nscope = "in"\ncitation = "c"\ngrade = "S"\n'
                '[[function]]\nkinds = ["AMF"]\nscope = "out"'
            ),
            "kind 'AMF' is there twice",
        ),
    ],
)
def test_a_fault_of_the_function_list_is_told(
    files: Callable[..., Any], folder: Folder, functions: str, says: str
) -> None:
    text = functions + '\ncitation = "c"\ngrade = "S"\n'
    found = problems(folder({**files(), "functions.toml": text}))
    assert any(says in f.message and "functions.toml" in str(f.where) for f in found)


def test_a_kind_goes_before_its_domain_and_what_is_not_named_is_for_review(
    files: Callable[..., Any],
) -> None:
    functions = (
        '[[function]]\ndomains = ["5G core"]\nscope = "in"\ncitation = "c"\ngrade = "S"\n'
        '[[function]]\nkinds = ["AF"]\nscope = "out"\ncitation = "c"\ngrade = "S"\n'
    )
    pack = read_pack({**files(), "functions.toml": functions}, "xx-test", "xx-test")
    scopes = dict(zip(*pack.scope_of_kinds().to_pydict().values(), strict=True))
    assert (scopes["AMF"], scopes["AF"], scopes["GNBDU"]) == ("in", "out", "review")


def test_every_problem_is_found_and_not_the_first_alone(
    files: Callable[..., Any], folder: Folder
) -> None:
    made = files()
    made["pack.toml"] = made["pack.toml"].replace('"1.0.0"', '"one"').replace('"XX"', '"xanadu"')
    made["rules/R-1.toml"] = made["rules/R-1.toml"].replace('"high"', '"grave"')
    made["rules/R-9.test.toml"] = TEST
    made["extra.toml"] = ""
    found = problems(folder(made))
    assert len(found) == 5
    with pytest.raises(PackError, match=r"\(and 4 more\)"):
        load_pack(folder(made))


def test_a_pack_without_rules_is_none(files: Callable[..., Any], folder: Folder) -> None:
    made = files()
    del made["rules/R-1.toml"]
    with pytest.raises(PackError, match="has no rules"):
        load_pack(folder(made))


def test_a_link_out_of_the_pack_is_not_followed(
    files: Callable[..., Any], folder: Folder, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the secret")
    root = folder(files())
    (root / "rules" / "R-2.toml").symlink_to(secret)
    with pytest.raises(PackError, match="no plain file") as caught:
        load_pack(root)
    assert "the secret" not in str(caught.value)


def test_a_file_too_large_or_no_text_is_refused(files: Callable[..., Any], folder: Folder) -> None:
    root = folder(files())
    (root / "rules" / "R-2.toml").write_bytes(b"#" * (pack_module.FILE_BYTES + 1))
    with pytest.raises(PackError, match="larger than 256 KB"):
        load_pack(root)
    (root / "rules" / "R-2.toml").write_bytes(b'title = "\xff"')
    with pytest.raises(PackError, match="UTF-8"):
        load_pack(root)


def test_the_hash_is_of_every_file_and_of_nothing_else(
    files: Callable[..., Any], folder: Folder, tmp_path: Path
) -> None:
    root = folder(files())
    first = load_pack(root).hash
    (root / "README.md").write_text("words")
    assert load_pack(root).hash == first
    (tmp_path / "elsewhere").mkdir()
    root = root.rename(tmp_path / "elsewhere" / "xx-test")
    assert load_pack(root).hash == first
    rule = root / "rules" / "R-1.toml"
    rule.write_text(rule.read_text() + "# a word more\n")
    assert load_pack(root).hash != first


def test_a_share_is_the_decimal_fraction_that_was_written(pack: Callable[..., Any]) -> None:
    made = pack("SELECT id AS subject, $cap > 1 AS verdict, '' AS because FROM element",
                values="[values]\ncap = 0.35")  # fmt: skip
    assert made.rule("R-1").values["cap"] == Decimal("0.35")


def test_parameters_are_those_of_the_pack_and_of_their_type(pack: Callable[..., Any]) -> None:
    made = pack(manifest=PARAMETER)
    assert made.values({}) == {"limit": None}
    assert made.values({"limit": 3.5}) == {"limit": 3.5}
    for wrong in ("many", True, date(2020, 1, 1)):
        with pytest.raises(PackError, match="limit is a number"):
            made.values({"limit": wrong})
    with pytest.raises(PackError, match="no parameter 'limits'"):
        made.values({"limits": 3})


def test_a_rule_without_a_test_fails_its_pack_s_tests(pack: Callable[..., Any]) -> None:
    (trial,) = run_tests(pack())
    assert (trial.rule, trial.passed, trial.problem) == ("xx-test/R-1", False, "has no test")


@pytest.mark.parametrize(
    ("test", "problem"),
    [
        ("then = [{ subject = 'e', verdict = 'comply' }]", "e: verdict is breach, not comply"),
        ("then = [{ subject = 'f', verdict = 'breach' }]", "f is no subject"),
        ("then = [{ subject = 'e', verdict = 'breach', because = 'no' }]", "does not say 'no'"),
        (
            "then = [{ subject = 'e', verdict = 'breach', due_on = 2021-01-01 }]",
            "due_on is none, not 2021-01-01",
        ),
        ("not_in_force = true", "is in force on that day"),
        ("given.elements = []\nnot_in_force = true", "there is no table 'elements'"),
        ("given.element = [{ id = 'f', make = 'x' }]\nnot_in_force = true", "no column 'make'"),
        ("given.element = [{ name = 'f' }]\nnot_in_force = true", "id is not stated"),
        ("given.element = [{ id = 'f', site = 1 }]\nnot_in_force = true", "do not fit table"),
        ("parameters = { x = 1 }\nnot_in_force = true", "no parameter 'x'"),
    ],
)
def test_a_test_that_does_not_hold_says_why(
    files: Callable[..., Any], test: str, problem: str
) -> None:
    text = (
        "[given]\nvendor = [{ id = 'm', name = 'Meridian' }]\n"
        "designation = [{ vendor = 'm', instrument = 'xx-test' }]\n"
        "element = [{ id = 'e', vendor = 'm' }]\n"
        f"[[test]]\nname = 'a test'\nas_of = 2020-01-01\n{test}\n"
    )
    made = read_pack({**files(), "rules/R-1.test.toml": text}, "xx-test", "xx-test", built_in=True)
    (trial,) = run_tests(made)
    assert not trial.passed
    assert problem in str(trial.problem)


def test_a_stranger_s_tests_run_too(files: Callable[..., Any], folder: Folder) -> None:
    text = (
        "[[test]]\nname = 'a test'\nas_of = [2019-12-31]\nnot_in_force = true\n"
        "[[test]]\nname = 'another'\nas_of = [2020-01-01]\ngiven.element = [{ id = 'e' }]\n"
        "then = [{ subject = 'e', verdict = 'unknown' }]\n"
    )
    trials = run_tests(load_pack(folder({**files(), "rules/R-1.test.toml": text})))
    assert [(t.test, t.as_of, t.problem) for t in trials] == [
        ("a test", date(2019, 12, 31), None),
        ("another", date(2020, 1, 1), None),
    ]


@given(text=st.text(max_size=300), place=st.sampled_from(["pack.toml", "rules/R-1.toml"]))
def test_whatever_is_written_is_a_pack_or_a_pack_error(text: str, place: str) -> None:
    made = {"pack.toml": "", "rules/R-1.toml": ""} | {place: text}
    with pytest.raises(PackError) as caught:
        read_pack(made, "xx-test", "xx-test")
    assert caught.value.where


@given(data=st.data())
def test_a_damaged_built_in_pack_is_a_pack_or_a_pack_error(data: st.DataObject) -> None:
    made = dict(load_pack(list_packs()[0]).files)
    place = data.draw(st.sampled_from(sorted(made)))
    text = made[place]
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 40))
    made[place] = text[:at] + data.draw(st.text(max_size=5)) + text[at + cut :]
    try:
        pack = read_pack(made, list_packs()[0], "there")
    except PackError as error:
        assert error.where  # noqa: PT017
    else:
        assert pack.rules
