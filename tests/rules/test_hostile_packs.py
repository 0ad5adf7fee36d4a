"""A stranger's pack that means harm: it is refused with a word to the purpose, soon, and we live.

Whatever it tries, the answer is a `PackError` that names the pack and the rule or file.
"""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import PackError, TimeLimitError
from ringfence.rules import pack as pack_module
from ringfence.rules import trial
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.lint import lint
from ringfence.rules.pack import load_pack, problems, read_pack
from ringfence.rules.trial import test_pack as run_tests
from ringfence.store.jail import Limits

Folder = Callable[[Mapping[str, str]], Path]
Build = Callable[..., Any]
MakeFiles = Callable[..., dict[str, str]]

DAY = date(2021, 6, 1)
LIMITS = Limits(memory_mb=256, answer_mb=16, seconds=20.0, threads=1)
SHORT = replace(LIMITS, seconds=0.5)
"""For what never ends; a busy machine must not stop the rest by the clock."""

ASK = EvaluateParameters(DAY, limits=LIMITS)
AT_MOST_SECONDS = 40.0
"""Half a second of the limit, two of grace and the start of a process take three on a machine with
nothing else to do."""

NETWORK = {
    "vendor": [{"id": "m", "name": "Meridian", "is_independent": True}],
    "designation": [{"vendor": "m", "instrument": "xx-test"}],
    "element": [{"id": "e1", "vendor": "m"}, {"id": "e2"}, {"id": "e3"}],
}
HIDDEN = "what lies in the house"
RULE = "SELECT id AS subject, true AS verdict, {} AS because FROM element"
FROM = "SELECT id AS subject, true AS verdict, '' AS because FROM element, {}"
DOUBLING = "WITH " + ", ".join(
    f"d{i} AS (SELECT x || x AS x FROM "
    + (f"d{i - 1})" if i else "(SELECT min(id) AS x FROM element))")
    for i in range(34)
)


@pytest.fixture(autouse=True)
def _soon() -> Iterator[None]:
    """Each test is over soon."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < AT_MOST_SECONDS


@pytest.fixture
def alive(build: Build, pack: Callable[..., Any]) -> Iterator[None]:
    """After the test the same process answers a sound pack, as ever."""
    yield
    found = evaluate(build(**NETWORK), pack(), EvaluateParameters(DAY))["finding"].to_pylist()
    # e1 is of a listed maker; of e2 and e3 none is stated.
    assert [(row["subject"], row["verdict"]) for row in found] == [
        ("e1", "breach"),
        ("e2", "unknown"),
        ("e3", "unknown"),
    ]


def refused(build: Build, root: Path, limits: Limits = LIMITS) -> PackError:
    """What is raised when the pack in `root` is run."""
    with pytest.raises(PackError) as caught:
        evaluate(build(**NETWORK), load_pack(root), replace(ASK, limits=limits))
    assert caught.value.hint
    assert HIDDEN not in str(caught.value)
    return caught.value


# What a SELECT may try.

STATEMENTS = [
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET memory_limit = '1TB'",
    "RESET memory_limit",
    "PRAGMA threads = 64",
    "PRAGMA database_list",
    "ATTACH ':memory:' AS other",
    "DETACH memory",
    "USE memory",
    "COPY element TO '{house}/out.csv'",
    "COPY element FROM '{house}/secret.csv'",
    "EXPORT DATABASE '{house}/out'",
    "IMPORT DATABASE '{house}'",
    "CREATE VIEW element AS SELECT 'e1' AS id",
    "CREATE OR REPLACE TEMP VIEW element AS SELECT 'e1' AS id",
    "CREATE TABLE more AS FROM element",
    "CREATE OR REPLACE MACRO verdict(condition) AS false",
    "CREATE MACRO TABLE element() AS TABLE SELECT 1",
    "CREATE TYPE x AS ENUM ('a')",
    "CREATE HIDDEN x (TYPE s3)",
    "INSERT INTO element SELECT * FROM element",
    "UPDATE element SET vendor = NULL",
    "DELETE FROM element",
    "TRUNCATE element",
    "DROP TABLE element",
    "ALTER TABLE element DROP COLUMN vendor",
    "BEGIN TRANSACTION",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "CALL pragma_database_list()",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "EXPLAIN ANALYZE SELECT 1",
    "PIVOT element ON id USING count(*)",
    f"{RULE.format(chr(39) * 2)}; DROP TABLE element",
    "SET threads = 1; SELECT 1",
    "-- nothing at all",
    ";",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_anything_but_one_select_is_refused_before_it_is_run(
    build: Build, files: MakeFiles, folder: Folder, tmp_path: Path, statement: str
) -> None:
    house = tmp_path / "house"
    house.mkdir()
    (house / "secret.csv").write_text(HIDDEN)
    made = folder(files(statement.replace("{house}", str(house))))
    error = refused(build, made)
    assert error.where == "xx-test/R-1"
    assert list(house.iterdir()) == [house / "secret.csv"]
    # The linter reads the statement too, and says so without running it.
    assert "does not run" in {fault.sort for fault in lint(load_pack(made))}


@pytest.mark.parametrize(
    "select",
    [
        FROM.format("read_text('{file}')"),
        FROM.format("read_blob('{file}')"),
        FROM.format("read_csv('{file}')"),
        FROM.format("read_json('{file}')"),
        FROM.format("read_parquet('{file}')"),
        FROM.format("parquet_metadata('{file}')"),
        FROM.format("sniff_csv('{file}')"),
        FROM.format("glob('/*')"),
        FROM.format("duckdb_settings()"),
        FROM.format("duckdb_secrets()"),
        FROM.format("pragma_database_list()"),
        FROM.format("query('SELECT 1')"),
        FROM.format("query_table(['element'])"),
        RULE.format("(SELECT content FROM read_text('{file}'))"),
        RULE.format("current_setting('home_directory')"),
        RULE.format("nextval('s')::VARCHAR"),
        RULE.format("error('{file}')"),
        RULE.format("repeat('x', 2000000000)"),
        RULE.format("lpad('x', 2000000000, 'y')"),
        RULE.format("format('{{:>2000000000}}', 'x')"),
        RULE.format("list_resize([1], 2000000000)::VARCHAR"),
        RULE.format("sleep_ms(100000)::VARCHAR"),
        RULE.format("random()::VARCHAR"),
        RULE.format("now()::VARCHAR"),
        # Deep, though within the length of a SELECT.
        RULE.format("(" * 1_900 + "1" + ")" * 1_900),
        RULE.format("[" * 1_900 + "]" * 1_900),
        RULE.format("NOT " * 900 + "true"),
        RULE.format("- " * 1_800 + "1"),
        RULE.format("id" + "||id" * 900),
        # 65 tables, and 2^20 of them by WITH.
        FROM.format(", ".join(f"element e{i}" for i in range(65))),
        "WITH "
        + ", ".join(
            f"t{i} AS (FROM {'element' if i == 0 else f't{i - 1} a, t{i - 1} b'})"
            for i in range(20)
        )
        + FROM.format("t19"),
        # Nobody gives these values.
        RULE.format("$1"),
        RULE.format("?"),
        RULE.format("$path"),
    ],
)
def test_what_reaches_out_or_swells_is_refused_before_it_is_run(
    build: Build,
    files: MakeFiles,
    folder: Folder,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    select: str,
) -> None:
    def run(*_: object, **__: object) -> Any:
        raise AssertionError("it was run")

    monkeypatch.setattr("ringfence.rules.evaluate.walled", run)
    file = tmp_path / "secret.csv"
    file.write_text(HIDDEN)
    error = refused(build, folder(files(select.replace("{file}", str(file)))))
    assert error.where == "xx-test/R-1"


@pytest.mark.parametrize(
    ("select", "says"),
    [
        (FROM.format("'{file}'"), None),
        pytest.param(FROM.format('"{file}"'), None, marks=pytest.mark.slow),
        (RULE.format("getenv('HOME')"), "getenv"),
        # A pattern that doubles ten times over, and one whose search would be exponential
        # in an engine that goes back on its steps.
        (
            RULE.format("regexp_replace(id, '(((((x{10}){10}){10}){10}){10}){10}', '')"),
            "repetition size",
        ),
        (
            RULE.format("{'a': 1}").replace("id AS subject", "{'a': id} AS subject"),
            "no text",
        ),
        pytest.param(
            RULE.format("''").replace("true AS", "[true] AS"), "no text", marks=pytest.mark.slow
        ),
        pytest.param(
            RULE.format("''").replace("id AS", "'\\xFF'::BLOB AS"), None, marks=pytest.mark.slow
        ),
    ],
)
@pytest.mark.usefixtures("alive")
def test_what_is_found_out_behind_the_wall_is_a_fault_of_the_rule(
    build: Build, files: MakeFiles, folder: Folder, tmp_path: Path, select: str, says: str | None
) -> None:
    file = tmp_path / "secret.csv"
    file.write_text(HIDDEN)
    error = refused(build, folder(files(select.replace("{file}", str(file)))))
    assert error.where == "xx-test/R-1"
    assert says is None or says in error.message


@pytest.mark.usefixtures("alive")
def test_no_connection_is_made(build: Build, files: MakeFiles, folder: Folder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        refused(build, folder(files(FROM.format(f"'http://127.0.0.1:{port}/x.csv'"))))
        with pytest.raises(BlockingIOError):
            server.accept()


ENDLESS = {
    "a recursion": "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) "
    + RULE.format("(SELECT max(n)::VARCHAR FROM t)"),
    "a series of 1e18": RULE.format(
        "(SELECT count(*)::VARCHAR FROM generate_series(1, 1000000000000000000))"
    ),
    # Each makes ten of every letter; the engine does not heed an interrupt meanwhile.
    "a text of 1e60 letters": RULE.format(
        "replace(" * 60 + "'aaaaaaaaaa'" + ", 'a', 'aaaaaaaaaa')" * 60
    ),
}
HUNGRY = {
    "a text that doubles": f"{DOUBLING} {RULE.format('(SELECT length(x)::VARCHAR FROM d33)')}",
    "a list of 1e9": RULE.format(
        "(SELECT list(range ORDER BY range)::VARCHAR FROM range(1000000000))"
    ),
    "a product of products": RULE.format(
        "(SELECT count(DISTINCT (a.range, b.range))::VARCHAR "
        "FROM range(1000000000) a, range(1000000000) b)"
    ),
}
ALSO = {"a series of 1e18", "a list of 1e9", "a product of products"}
"""Others of a sort that is there already."""


@pytest.mark.parametrize(
    "select",
    [
        pytest.param(select, id=name, marks=pytest.mark.slow if name in ALSO else ())
        for name, select in {**ENDLESS, **HUNGRY}.items()
    ],
)
@pytest.mark.usefixtures("alive")
def test_what_never_ends_or_fills_the_memory_is_told_with_pack_and_rule_and_what_to_do(
    build: Build, files: MakeFiles, folder: Folder, select: str
) -> None:
    error = refused(build, folder(files(select)), SHORT)
    assert "a rule of xx-test was stopped" in error.message
    assert error.where == "xx-test/R-1"
    assert "leave xx-test out" in str(error.hint)
    assert isinstance(error.__cause__, TimeLimitError)


def test_an_endless_rule_says_the_limit_it_ran_into(
    build: Build, files: MakeFiles, folder: Folder
) -> None:
    error = refused(build, folder(files(ENDLESS["a recursion"])), SHORT)
    assert "stopped after 0.5 seconds" in error.message


@pytest.mark.usefixtures("alive")
def test_an_answer_that_is_too_large_never_reaches_us(
    build: Build, files: MakeFiles, folder: Folder
) -> None:
    # 'e1' doubled 23 times is 2 * 2^23 = 16.8 million letters, for each of three rows: 50 MB,
    # within the memory, and above the 16 MB of an answer.
    big = DOUBLING.rpartition(", d23 AS")[0]
    error = refused(build, folder(files(f"{big} {RULE.format('(SELECT x FROM d22)')}")))
    assert "the answer is larger than 16 MB" in error.message
    assert error.where == "xx-test/R-1"


def test_the_rule_at_fault_is_named_among_sound_ones(
    build: Build, files: MakeFiles, folder: Folder
) -> None:
    made = files()
    sound = made["rules/R-1.toml"]
    for name in ("R-0", "R-3"):
        made[f"rules/{name}.toml"] = sound.replace('"R-1"', f'"{name}"')
    bad = files(ENDLESS["a recursion"])["rules/R-1.toml"]
    made["rules/R-2.toml"] = bad.replace('"R-1"', '"R-2"')
    assert refused(build, folder(made), SHORT).where == "xx-test/R-2"


def test_hiding_a_table_from_oneself_changes_nothing_for_another_rule(
    build: Build, files: MakeFiles, folder: Folder
) -> None:
    # R-1 says that there is one element, which complies; R-2 asks honestly.
    made = files(
        "WITH element AS (SELECT 'e1' AS id) "
        "SELECT id AS subject, false AS verdict, '' AS because FROM element"
    )
    made["rules/R-2.toml"] = files()["rules/R-1.toml"].replace('"R-1"', '"R-2"')
    rows = evaluate(build(**NETWORK), load_pack(folder(made)), ASK)["finding"].to_pylist()
    assert [(r["rule"], r["subject"], r["verdict"]) for r in rows] == [
        # The two that it left out are not thereby cleared.
        ("xx-test/R-1", "e2", "unknown"),
        ("xx-test/R-1", "e3", "unknown"),
        ("xx-test/R-2", "e1", "breach"),
        ("xx-test/R-2", "e2", "unknown"),
        ("xx-test/R-2", "e3", "unknown"),
    ]


@pytest.mark.usefixtures("alive")
def test_tests_of_a_rule_that_never_ends_are_given_up_after_the_first(
    files: MakeFiles, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "_LIMITS", SHORT)
    test = (
        "[[test]]\nname = 'a test'\nas_of = [2020-01-01, 2020-01-02, 2020-01-03]\n"
        "given.element = [{ id = 'e' }]\nthen = [{ subject = 'e', verdict = 'breach' }]\n"
    ) * 20
    made = {**files(ENDLESS["a recursion"]), "rules/R-1.test.toml": test}
    first, *others = run_tests(load_pack(folder(made)))
    assert "a rule of xx-test was stopped" in str(first.problem)
    assert len(others) == 59
    assert {one.problem for one in others} == {trial.OVER}


# What its files may try.


@pytest.mark.parametrize(
    ("place", "text", "says"),
    [
        ("rules/R-2.toml", "#" * 10_000_000, "larger than 256 KB"),
        ("pack.toml", 'id = "xx-test"\n' * 700_000, "larger than 256 KB"),
        ("rules/R-2.toml", "x = " + "[" * 100_000, "is no TOML that can be read"),
        ("rules/R-2.toml", "x = " + "{ a = " * 40_000, "is no TOML that can be read"),
        ("rules/R-2.toml", "[" * 100_000, "is no TOML"),
        ("rules/R-2.toml", "x" + ".x" * 100_000 + " = 1", "a key of more than 32 parts"),
        ("rules/R-2.toml", "[" + "x." * 100_000 + "x]", "a key of more than 32 parts"),
        ("rules/R-2.toml", '"\\"" . ' * 30_000 + "x = 1", "a key of more than 32 parts"),
        ("rules/R-2.toml", "x = " + "9" * 200_000, "is no TOML that can be read"),
        ("rules/R-2.toml", "x = " + "9" * 5_000 + ".0", "no number that a law states"),
        ("rules/R-2.toml", "x = 1e999999999", "no number that a law states"),
        ("rules/R-2.toml", "x = nan", "no number that a law states"),
        ("rules/R-2.toml", "x = -inf", "no number that a law states"),
        ("rules/R-2.toml", "x = '\x1b[2J'", "is no TOML"),
        ("extra.toml", "", "is no file of a pack"),
    ],
)
def test_a_file_that_would_fill_the_memory_or_the_time_is_refused(
    files: MakeFiles, folder: Folder, place: str, text: str, says: str
) -> None:
    root = folder({**files(), place: text})
    found = problems(root)
    assert any(says in f.message and place in str(f.where) for f in found), found
    with pytest.raises(PackError):
        load_pack(root)


def test_a_select_of_many_letters_is_refused(files: MakeFiles) -> None:
    with pytest.raises(PackError, match="at most 4000 characters") as caught:
        read_pack(files("SELECT " + "1 + " * 50_000 + "1"), "xx-test", "there")
    assert str(caught.value.where) == "there/rules/R-1.toml: select"


def test_a_pack_of_too_many_files_or_too_large_as_a_whole_is_refused(
    files: MakeFiles, folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folder(files() | {f"rules/A-{n}.toml": "#" * 1_000 for n in range(20)})
    with monkeypatch.context() as few:
        few.setattr(pack_module, "FILES_AT_MOST", 10)
        with pytest.raises(PackError, match="more than 10 files"):
            load_pack(root)
    monkeypatch.setattr(pack_module, "PACK_BYTES", 10_000)
    with pytest.raises(PackError, match="is larger than"):
        load_pack(root)


@pytest.mark.parametrize("letter", [*"\x00\x07\x1b\x7f\x9b", "\u202e", "\u2066"])
@pytest.mark.parametrize(
    ("place", "old", "key"),
    [
        ("rules/R-1.toml", "section 2", "citation.section"),
        ("rules/R-1.toml", "Act 1 of 2020", "citation.document"),
        ("rules/R-1.toml", "No listed vendor", "title"),
        ("rules/R-1.toml", "read in the act", "source"),
        ("pack.toml", "An act of", "title"),
        ("pack.toml", "the act", "history.0.source"),
    ],
)
def test_a_text_that_would_move_the_cursor_or_turn_the_writing_is_refused(
    files: MakeFiles, letter: str, place: str, old: str, key: str
) -> None:
    made = files()
    new = f"{old}\\u{ord(letter):04X}[2J"
    made[place] = made[place].replace(old, new)
    with pytest.raises(PackError, match=f"control character, U\\+{ord(letter):04X}") as caught:
        read_pack(made, "xx-test", "there")
    assert str(caught.value.where) == f"there/{place}: {key}"
    assert letter not in str(caught.value)


def test_letters_of_every_language_are_words(files: MakeFiles) -> None:
    made = files()
    said = "Lag (2003:389), § 3 a\u00a0- 电信条例\n\tوثيقة"
    made["rules/R-1.toml"] = made["rules/R-1.toml"].replace('"section 2"', f'"""{said}"""')
    assert read_pack(made, "xx-test", "there").rule("R-1").citation.section == said


@pytest.mark.parametrize(
    ("place", "old", "new"),
    [
        ("pack.toml", 'id = "xx-test"', 'id = "xx-test"\ninclude = "../../etc/passwd"'),
        ("pack.toml", 'id = "xx-test"', 'id = "../xx-test"'),
        ("rules/R-1.toml", 'id = "R-1"', 'id = "../../R-1"'),
        ("rules/R-1.toml", 'id = "R-1"', 'id = "R-1"\nselect_file = "/etc/passwd"'),
        ("rules/R-1.toml", 'id = "R-1"', 'id = "R-1"\nextends = "../uk-dvd-2022/UKD-01"'),
    ],
)
def test_nothing_outside_the_pack_can_be_named(
    files: MakeFiles, folder: Folder, place: str, old: str, new: str
) -> None:
    made = files()
    assert old in made[place]
    made[place] = made[place].replace(old, new)
    with pytest.raises(PackError, match=r"no key that may stand here|pattern|the folder is"):
        load_pack(folder(made))


@pytest.mark.parametrize("which", ["a rule", "the folder of rules", "the manifest", "nowhere"])
def test_no_link_of_a_pack_is_followed(
    files: MakeFiles, folder: Folder, tmp_path: Path, which: str
) -> None:
    root = folder(files())
    house = tmp_path / "house"
    house.mkdir()
    (house / "R-2.toml").write_text(f"# {HIDDEN}")
    match which:
        case "a rule":
            (root / "rules" / "R-2.toml").symlink_to(house / "R-2.toml")
        case "the folder of rules":
            (root / "rules" / "R-1.toml").unlink()
            (root / "rules").rmdir()
            (root / "rules").symlink_to(house)
        case "the manifest":
            (root / "pack.toml").rename(house / "pack.toml")
            (root / "pack.toml").symlink_to(house / "pack.toml")
        case _:
            (root / "rules" / "R-2.toml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(PackError, match="is no plain file") as caught:
        load_pack(root)
    assert HIDDEN not in str(caught.value)


def test_what_is_no_file_is_not_opened(files: MakeFiles, folder: Folder) -> None:
    root = folder(files())
    # Whoever opens this to read waits for ever for someone to write.
    os.mkfifo(root / "rules" / "R-2.toml")
    with pytest.raises(PackError, match="is no plain file"):
        load_pack(root)
    (root / "rules" / "R-2.toml").unlink()
    (root / "rules" / "R-2.toml").mkdir()
    with pytest.raises(PackError, match="is no plain file"):
        load_pack(root)


@pytest.mark.parametrize(
    "given",
    [
        "element = [{ id = 'e', site = 0x" + "f" * 60_000 + " }]",
        "element = [{ id = 'e', installed_on = 'never' }]",
        "element = [" + "{ id = 'e' }, " * 2_000 + "]",
        "site = [{ id = 's', latitude = 1e400 }]",
        "element = [{ id = ['e'] }]",
        "finding = [{ id = 'e' }]",
    ],
)
def test_rows_of_a_test_that_are_none_are_a_problem_of_the_test(
    files: MakeFiles, given: str
) -> None:
    test = (
        f"[given]\n{given}\n[[test]]\nname = 'a test'\nas_of = 2020-01-01\n"
        "then = [{ subject = 'e', verdict = 'breach' }]\n"
    )
    made = read_pack({**files(), "rules/R-1.test.toml": test}, "xx-test", "there", built_in=True)
    (one,) = run_tests(made)
    assert one.problem
