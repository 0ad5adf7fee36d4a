"""What a pack says carries its label, and no output below that label has a byte of it."""

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from ringfence.cli.app import app
from ringfence.errors import AudienceError, UsageError
from ringfence.network.model import FINDING
from ringfence.rules.compare import Judgement, compare
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.formats import FORMATS, Results
from ringfence.rules.labels import LABELS, for_audience, label_of, labelled
from ringfence.rules.pack import Pack, read_pack
from ringfence.rules.timeline import TimelineParameters, timeline

MakeFiles = Callable[..., dict[str, str]]
DAY = date(2026, 1, 1)


def test_the_labels_stand_in_their_order() -> None:
    assert LABELS == ("public", "internal", "confidential", "secret")


# Four packs, which differ in their names alone, under every sharing out of the labels.


def _pack(files: MakeFiles, word: str) -> Pack:
    """A pack in which the word stands in every text of its own."""
    select = (
        "SELECT id AS subject, verdict(is_listed OR id = '{word}-site') AS verdict, "
        "'{word}-because' AS because FROM element"
    )
    made = files(select.replace("{word}", word))
    texts = {
        place: text.replace("xx-test", f"xx-{word}")
        .replace("R-1", f"R-{word.upper()}")
        .replace("No listed vendor", f"{word}-title")
        .replace("section 2", f"{word}-section")
        for place, text in made.items()
    }
    rule = texts.pop("rules/R-1.toml")
    texts[f"rules/R-{word.upper()}.toml"] = rule
    return read_pack(texts, f"xx-{word}", f"xx-{word}", built_in=True)


WORDS = ("heron", "otter", "lynx", "viper")


@dataclass(frozen=True)
class Said:
    """A pack with all that it says of one network."""

    pack: Pack
    finding: pa.Table
    judged: pa.Table
    timeline: pa.Table


@pytest.fixture(scope="module")
def said(build: Callable[..., Any], files: MakeFiles) -> dict[str, Said]:
    tables = build(element=[{"id": "e1"}, {"id": "e2"}])
    found = {}
    for word in WORDS:
        pack = _pack(files, word)
        answer = evaluate(tables, pack, EvaluateParameters(DAY))
        days = timeline(lambda _: tables, pack, TimelineParameters(DAY))
        found[word] = Said(pack, FINDING.conform(answer["finding"]), answer["judged"], days)
    return found


@pytest.fixture(scope="module")
def compared(
    said: dict[str, Said], build: Callable[..., Any]
) -> Callable[[tuple[str, ...]], dict[str, str]]:
    """The tables of a comparison of some of them, as text: each set of packs is compared once."""
    element = build(element=[{"id": "e1"}, {"id": "e2"}])["element"]

    @cache
    def of(words: tuple[str, ...]) -> dict[str, str]:
        chosen = [said[word] for word in words]
        judgements = [
            Judgement(one.pack, {"finding": one.finding, "judged": one.judged}) for one in chosen
        ]
        found = compare(judgements, element)
        return {name: str(table.to_pylist()) for name, table in found.items()}

    return of


label = st.sampled_from(LABELS)


@settings(max_examples=40)
@given(labels=st.tuples(label, label, label, label), audience=label)
def test_whatever_the_labels_no_form_has_a_byte_of_what_is_above_its_audience(
    said: dict[str, Said],
    compared: Callable[[tuple[str, ...]], dict[str, str]],
    labels: tuple[str, ...],
    audience: str,
) -> None:
    def marked(word: str, secrecy: str) -> Pack:
        pack = said[word].pack
        manifest = pack.manifest.model_copy(update={"secrecy": secrecy})
        return replace(pack, manifest=manifest)

    packs = [marked(word, one) for word, one in zip(WORDS, labels, strict=True)]
    cleared = LABELS.index(audience)
    may = [w for w, one in zip(WORDS, labels, strict=True) if LABELS.index(one) <= cleared]
    if not may:
        with pytest.raises(AudienceError) as caught:
            for_audience(packs, audience)
        assert not any(word in str(caught.value).casefold() for word in WORDS)
        return
    kept = for_audience(packs, audience)
    assert [pack.id for pack in kept] == [f"xx-{word}" for word in may]
    assert label_of(kept) == LABELS[max(LABELS.index(pack.manifest.secrecy) for pack in kept)]
    assert LABELS.index(label_of(kept)) <= cleared

    of = {pack.id: said[pack.id.removeprefix("xx-")] for pack in kept}
    rows = pa.concat_tables([labelled(of[pack.id].finding, pack) for pack in kept])
    judged = pa.concat_tables([labelled(of[pack.id].judged, pack) for pack in kept])
    days = pa.concat_tables([labelled(of[pack.id].timeline, pack) for pack in kept])
    for row in rows.to_pylist():
        word = row["rule"].partition("/")[0].removeprefix("xx-")
        assert row["label"] == labels[WORDS.index(word)]
    results = Results(kept, rows, judged, DAY, "0123", label_of(kept), "1.2.3")
    forms = {name: form(results) for name, form in FORMATS.items()}
    forms |= compared(tuple(may))
    forms |= {"timeline": str(days.to_pylist())}
    csv = io.BytesIO()
    pyarrow.csv.write_csv(rows, csv)
    forms["csv"] = csv.getvalue().decode()
    for name, text in forms.items():
        for word in WORDS:
            assert (word in text.casefold()) == (word in may), (name, word)
    for name in ("sarif", "junit", "oscal"):
        assert f'"{label_of(kept)}"' in forms[name]


def test_without_an_audience_nothing_is_withheld_and_an_unknown_one_is_an_error(
    said: dict[str, Said],
) -> None:
    packs = [one.pack for one in said.values()]
    assert for_audience(packs, None) == packs
    assert for_audience([], "public") == []
    assert label_of([]) == "public"
    with pytest.raises(UsageError, match="'top secret' is no label") as caught:
        for_audience(packs, "top secret")
    assert "public, internal, confidential, secret" in str(caught.value.hint)


# Through the command line: an output for those below is the one in which the pack was not named.

NEEDLES = ("zz-heron", "HERON", "heron", "Z-9041", "Kestrel")
"""Name, rule, title, reason and citation of the secret pack; a site on its list; a vendor it names."""

SECRET_PACK = {
    "pack.toml": """
id = "zz-heron"
title = "The heron direction"
jurisdiction = "XX"
issued_by = "its heron office"
language = "en"
version = "1.0.0"
binds = "everyone"
names = "vendors"
secrecy = "secret"

[[fact]]
vendor = "Kestrel"
names = ["Kestrel"]
status = "designated"
valid_from = 2020-01-01
source = "the heron direction"
date = 2020-01-01
grade = "S"

[[parameter]]
name = "heron_limit"
means = "a limit of the heron direction"
type = "number"
""",
    "functions.toml": """
[[function]]
kinds = ["AMF"]
scope = "in"
citation = "the heron list"
grade = "S"
""",
    "rules/HERON-1.toml": """
id = "HERON-1"
title = "Nothing at a heron site"
grade = "S"
source = "the heron direction"
binds = "everyone"
scope = "every heron site"
test = "site exclude"
subjects = "site"
severity = "high"
metric = "heron sites"
select = '''
SELECT id AS subject, id IN ('table:s1', 'table:Z-9041') AS verdict, 'on the heron list' AS because
FROM site
'''

[citation]
document = "The heron direction"
section = "heron 1"
date = 2020-01-01

[[phase]]
from = 2020-01-01
effect = "announced"
status = "binding, date in future"

[[phase]]
after = 2025-06-30
effect = "binding"
status = "legally binding now"
""",
    "rules/HERON-1.test.toml": """
[[test]]
name = "the heron list"
as_of = 2026-01-01
given.site = [{ id = "table:Z-9041" }]
then = [{ subject = "table:Z-9041", verdict = "breach" }]
""",
}
OTHER_PACK = "uk-ncsc-2020"
EXPORT = {
    "elements.csv": "element,name,site,operator,vendor,installed_on\n"
    "e1,gnb1,s1,op,Meridian,2023-05-01\ne2,gnb2,s1,op,Other,2023-05-01\n",
    "functions.csv": "element,function\ne1,GNBDU\ne2,AMF\n",
    "sites.csv": "site,name\ns1,Hill\n",
    "vendors.csv": "vendor id,name,is_independent\nm,Meridian,true\no,Other,true\n",
    "designation.csv": "vendor,instrument,valid_from,status,source\n"
    "m,uk-ncsc-2020,2020-01-28,treated as high risk,made up\n",
}

RUN = ("rules", "run", "{packs}")
OUTPUTS: Mapping[str, Sequence[str]] = {
    "run": RUN,
    "run, quiet": (*RUN, "--quiet"),
    "run, JSON": (*RUN, "--json"),
    "run, JSON lines": (*RUN, "--jsonl"),
    "run, SARIF": (*RUN, "--format", "sarif"),
    "run, JUnit": (*RUN, "--format", "junit"),
    "run, OSCAL": (*RUN, "--format", "oscal"),
    "run, .csv": (*RUN, "--out", "f.csv"),
    "run, .parquet": (*RUN, "--out", "f.parquet"),
    "run, .xlsx": (*RUN, "--out", "f.xlsx"),
    "run, .sarif": (*RUN, "--out", "f.sarif"),
    "run, .xml": (*RUN, "--out", "f.xml"),
    "run, .oscal.json": (*RUN, "--out", "f.oscal.json"),
    "timeline": ("rules", "timeline", "{packs}"),
    "timeline, JSON": ("rules", "timeline", "{packs}", "--json"),
    "timeline, .csv": ("rules", "timeline", "{packs}", "--out", "f.csv"),
    "compare": ("rules", "compare", "{packs}"),
    "compare, JSON": ("rules", "compare", "{packs}", "--json"),
    "compare, JSON lines": ("rules", "compare", "{packs}", "--jsonl"),
    "compare, .xlsx": ("rules", "compare", "{packs}", "--out", "f.xlsx"),
    "decide": ("decide", "--vendor", "Meridian", "{--pack}"),
    "decide, JSON": ("decide", "--vendor", "Meridian", "{--pack}", "--json"),
    "decide, .csv": ("decide", "--vendor", "Meridian", "{--pack}", "--out", "f.csv"),
    "report": ("report", "--vendor", "Meridian", "{--pack}", "--out", "f.html"),
}
"""Every verb that takes several packs and an audience, in every form that it has."""

ALONE: Mapping[str, Sequence[str]] = {
    "explain": ("rules", "explain", "{secret}/HERON-1", "table:s1"),
    "explain, JSON": ("rules", "explain", "{secret}/HERON-1", "table:s1", "--json"),
    "lists": ("rules", "lists", "uk-dvd-2022", "{secret}"),
    "show": ("rules", "show", "{secret}"),
    "show a rule": ("rules", "show", "{secret}", "HERON-1"),
    "test": ("rules", "test", "{secret}"),
    "lint": ("rules", "lint", "{secret}", "--json"),
    "run it alone": ("rules", "run", "{secret}"),
    "timeline of it alone": ("rules", "timeline", "{secret}"),
    "compare it alone": ("rules", "compare", "{secret}"),
    "decide by it alone": ("decide", "--vendor", "Meridian", "--pack", "{secret}"),
    "decide, with it as the core": ("decide", "--vendor", "Meridian", "--core", "{secret}"),
    "report, with it as the core": (
        "report", "--vendor", "Meridian", "--core", "{secret}", "--out", "f.html",
    ),
}  # fmt: skip
"""What asks for the secret pack and nothing else."""

LONG = {"report", "decide", "decide, .csv", "run, quiet", "run, .sarif", "run, .xml",
        "run, .oscal.json", "timeline, JSON", "compare, JSON", "compare, JSON lines"}  # fmt: skip
"""Those that take long, or differ from another in the least."""


@dataclass(frozen=True)
class Told:
    """All that an output was: what was printed, and what was written."""

    code: int
    stdout: str
    stderr: str
    files: Mapping[str, str]
    error: str

    def all(self) -> str:
        return "\n".join([self.stdout, self.stderr, self.error, *self.files.values()])


def _text(file: Path) -> str:
    """What a file says, unpacked."""
    match file.suffix:
        case ".parquet":
            table = pyarrow.parquet.read_table(file)
            return f"{table.schema} {table.to_pylist()}"
        case ".xlsx":
            with zipfile.ZipFile(file) as book:
                return "\n".join(
                    f"{name}\n{book.read(name).decode(errors='replace')}"
                    for name in sorted(book.namelist())
                )
        case _:
            return file.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a workspace `w` and the secret pack."""
    root = tmp_path_factory.mktemp("labels")
    for name, text in {**EXPORT, **{f"zz-heron/{p}": t for p, t in SECRET_PACK.items()}}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    runner = CliRunner()
    assert runner.invoke(app, ["init", str(root / "w")]).exit_code == 0
    words = ["ingest", *(str(root / name) for name in EXPORT), "--as-of", "2026-01-01"]
    done = runner.invoke(app, [*words, "--workspace", str(root / "w")])
    assert done.exit_code == 0, (done.output, done.exception)
    return root


@pytest.fixture
def call(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Told]:
    def ringfence(words: Sequence[str], packs: Sequence[str], audience: str | None) -> Told:
        folder = tmp_path / f"call-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("RINGFENCE_WORKSPACE", str(home / "w"))
        named = [str(home / p) if p == "zz-heron" else p for p in packs]
        said: list[str] = []
        for word in words:
            match word:
                case "{packs}":
                    said += named
                case "{--pack}":
                    said += [one for name in named for one in ("--pack", name)]
                case _:
                    said.append(word.replace("{secret}", str(home / "zz-heron")))
        if words[1] not in {"show", "test", "lint", "lists"}:
            said += ["--as-of", "2026-01-01"]
        said += ["--audience", audience] if audience else []
        done: Result = CliRunner().invoke(app, said)
        error = "" if isinstance(done.exception, SystemExit | None) else repr(done.exception)
        files = {one.name: _text(one) for one in sorted(folder.iterdir())}
        return Told(done.exit_code, done.stdout, done.stderr, files, error)

    return ringfence


@pytest.mark.parametrize(
    "form", [pytest.param(f, marks=pytest.mark.slow if f in LONG else ()) for f in OUTPUTS]
)
def test_an_output_for_those_below_is_the_very_one_without_the_pack(
    call: Callable[..., Told], form: str
) -> None:
    told = call(OUTPUTS[form], [OTHER_PACK, "zz-heron"], "confidential")
    without = call(OUTPUTS[form], [OTHER_PACK], "confidential")
    assert told.error == without.error == ""
    assert told == without
    assert told.stdout or told.files
    assert [needle for needle in NEEDLES if needle in told.all()] == []


@pytest.mark.parametrize("asked", ALONE)
def test_who_asks_for_nothing_but_what_is_above_them_learns_nothing(
    call: Callable[..., Told], asked: str
) -> None:
    told = call(ALONE[asked], [], "confidential")
    assert told.error.startswith("AudienceError"), told
    assert (told.stdout, told.files) == ("", {})
    assert [needle for needle in NEEDLES if needle in told.all()] == []


@pytest.mark.parametrize(
    ("form", "has"),
    [
        # Each form says what it says, with the label of the whole and, where it has rows, of each.
        ("run, JSON", ('"label": "secret"', '"label": "public"', "on the heron list")),
        pytest.param("run", ("label: secret", "HERON-1"), marks=pytest.mark.slow),
        pytest.param("run, JSON lines", ('"label": "secret"', "HERON-1"), marks=pytest.mark.slow),
        pytest.param("run, .csv", ("secret", "public", "HERON-1"), marks=pytest.mark.slow),
        pytest.param("run, .xlsx", ("secret", "public", "HERON-1"), marks=pytest.mark.slow),
        pytest.param("run, SARIF", ('"label": "secret"', "HERON-1"), marks=pytest.mark.slow),
        pytest.param("run, JUnit", ('value="secret"', "HERON-1"), marks=pytest.mark.slow),
        pytest.param("run, OSCAL", ('"value": "secret"', "HERON-1"), marks=pytest.mark.slow),
        pytest.param("timeline", ("label: secret", "HERON-1"), marks=pytest.mark.slow),
        pytest.param("timeline, .csv", ("secret", "public", "HERON-1"), marks=pytest.mark.slow),
        pytest.param("compare", ("label: secret", "zz-heron"), marks=pytest.mark.slow),
        pytest.param("compare, JSON lines", ('"label": "secret"', "HERON"), marks=pytest.mark.slow),
        pytest.param("compare, .xlsx", ("secret", "HERON-1"), marks=pytest.mark.slow),
        pytest.param("decide", ("label: secret", "zz-heron"), marks=pytest.mark.slow),
        pytest.param("report", ("secret", "HERON-1"), marks=pytest.mark.slow),
    ],
)
def test_who_is_cleared_has_it_with_its_label(
    call: Callable[..., Told], form: str, has: Sequence[str]
) -> None:
    told = call(OUTPUTS[form], [OTHER_PACK, "zz-heron"], "secret")
    assert told.error == ""
    for one in has:
        assert one in told.all(), one


@pytest.mark.slow
def test_where_no_audience_is_stated_it_is_as_for_the_highest(call: Callable[..., Told]) -> None:
    packs = [OTHER_PACK, "zz-heron"]
    assert call(OUTPUTS["run"], packs, None) == call(OUTPUTS["run"], packs, "secret")
