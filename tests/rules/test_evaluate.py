"""Every subject has one verdict, whatever a rule says or does not say."""

import pickle
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ringfence.errors import InputError, PackError, TimeLimitError
from ringfence.network.model import FINDING
from ringfence.provenance.step import StepCache
from ringfence.rules import asking
from ringfence.rules.evaluate import EvaluateParameters, evaluate, run_of, run_pack
from ringfence.rules.pack import load_pack, read_pack
from ringfence.rules.published import whole
from ringfence.store.duck import Tables, write_parquet
from ringfence.store.jail import Limits

Folder = Callable[[Mapping[str, str]], Path]
DAY = date(2024, 6, 1)
ASK = EvaluateParameters(DAY, keep_comply=True)
NETWORK: dict[str, list[dict[str, Any]]] = {
    "operator": [{"id": "north"}, {"id": "south"}],
    "site": [{"id": "s", "operator": "south", "origin": "sites.csv row 2"}],
    "vendor": [
        {"id": "m", "name": "Meridian", "origin": "vendors.csv row 2"},
        {"id": "a", "name": "Alder", "is_independent": True},
        {"id": "b", "name": "Birch"},
    ],
    "designation": [{"vendor": "m", "instrument": "xx-test", "origin": "named.csv row 2"}],
    "element": [
        {"id": "e1", "operator": "north", "vendor": "m", "origin": "devices.json#/0"},
        {"id": "e2", "site": "s", "vendor": "a", "origin": "devices.json#/1"},
        {"id": "e3", "site": "s", "vendor": "b", "origin": "devices.json#/2"},
        {"id": "e4", "origin": "devices.json#/3"},
    ],
}
ALL = "SELECT id AS subject, verdict(is_listed) AS verdict, made_by AS because FROM element"


def verdicts(found: Mapping[str, pa.Table]) -> dict[str, str]:
    rows = found["finding"].select(["subject", "verdict"]).to_pylist()
    return {row["subject"]: row["verdict"] for row in rows}


def test_a_rule_is_answered_with_reason_citation_and_rows(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    found = evaluate(build(**NETWORK), pack(), ASK)["finding"].to_pylist()
    assert found[0] == {
        "rule": "xx-test/R-1",
        "subject_table": "element",
        "subject": "e1",
        "operator": "north",
        "verdict": "breach",
        "because": "Meridian (designated)",
        "due_on": None,
        "verdict_when_due": None,
        "severity": "high",
        "citation": "Act 1 of 2020, section 2 (2020-01-01), grade S",
        "legal_status": "legally binding now",
        "rests_on": "devices.json#/0\nvendors.csv row 2\nnamed.csv row 2",
    }
    assert [(f["subject"], f["operator"], f["verdict"], f["because"]) for f in found[1:]] == [
        ("e2", "south", "comply", "Alder"),
        ("e3", "south", "unknown", "Birch (who controls it is not stated)"),
        ("e4", None, "unknown", "a maker that is not stated"),
    ]


def test_what_complies_is_counted_and_kept_only_if_asked(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    kept = evaluate(build(**NETWORK), pack(), ASK)
    counted = evaluate(build(**NETWORK), pack(), EvaluateParameters(DAY))
    assert verdicts(kept) == {"e1": "breach", "e2": "comply", "e3": "unknown", "e4": "unknown"}
    assert verdicts(counted) == {"e1": "breach", "e3": "unknown", "e4": "unknown"}
    assert kept["judged"] == counted["judged"]
    assert [
        (row["operator"], row["verdict"], row["subjects"])
        for row in counted["judged"].to_pylist()
    ] == [(None, "unknown", 1), ("north", "breach", 1), ("south", "comply", 1),
          ("south", "unknown", 1)]  # fmt: skip


@pytest.mark.parametrize("few", [0, 10_000])
def test_what_the_rule_leaves_out_is_unknown(
    build: Callable[..., Any], pack: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(asking, "FEW", few)
    for select in (f"{ALL} WHERE is_listed", f"{ALL} WHERE NOT is_listed", f"{ALL} WHERE false"):
        for keep in (True, False):
            found = evaluate(
                build(**NETWORK), pack(select), EvaluateParameters(DAY, keep_comply=keep)
            )
            reasons = {f["subject"]: f["because"] for f in found["finding"].to_pylist()}
            assert sum(found["judged"]["subjects"].to_pylist()) == 4
            assert reasons["e3"] == "the rule said nothing of it"
            assert verdicts(found)["e3"] == "unknown"


@pytest.mark.parametrize("few", [0, 10_000])
@pytest.mark.parametrize(
    ("select", "says"),
    [
        (f"{ALL} UNION ALL {ALL} WHERE is_listed", "judges 'e1' twice"),
        (f"{ALL} UNION ALL {ALL} WHERE NOT is_listed", "judges 'e2' twice"),
        (f"{ALL} UNION ALL SELECT 'e9', true, ''", "judges 'e9', which is not in element"),
        (f"{ALL} UNION ALL SELECT 'e9', false, ''", "judges 'e9', which is not in element"),
        # As many as there should be, and yet not the right ones.
        (f"{ALL} WHERE id <> 'e2' UNION ALL SELECT 'e9', false, ''", "which is not in element"),
        (f"{ALL} WHERE id <> 'e2' UNION ALL {ALL} WHERE id = 'e1'", "judges 'e1' twice"),
        (f"{ALL} UNION ALL SELECT NULL, true, ''", "judges a subject that is null"),
        ("SELECT id AS subject, 'bad' AS verdict, '' AS because FROM element", "verdict 'bad'"),
        ("SELECT id AS subject, 'Breach' AS verdict, '' AS because FROM element", "'Breach'"),
        ("SELECT id AS subject, true AS verdict FROM element", "returns subject, verdict"),
        ("SELECT id, true AS verdict, '' AS because FROM element", "returns id, verdict"),
        (
            "SELECT id AS subject, true AS verdict, '' AS because, 1 AS more FROM element",
            "returns subject, verdict, because, more",
        ),
        ("SELECT id AS subject, true AS verdict, '' AS because FROM elements", "elements"),
        ("SELECT id AS subject, nothing AS verdict, '' AS because FROM element", "nothing"),
        (
            "SELECT id AS subject, true AS verdict, '' AS because FROM element; SELECT 1",
            "one SELECT",
        ),
        ("DROP TABLE element", "one SELECT"),
        (
            "SELECT id AS subject, $cap > 1 AS verdict, '' AS because FROM element",
            "$cap is neither",
        ),
        (
            "SELECT min(id) AS subject, random() > 1 AS verdict, '' AS because FROM element",
            "random",
        ),
        (
            "SELECT any_value(id) AS subject, true AS verdict, '' AS because FROM element",
            "any_value takes rows in an order",
        ),
        (
            "SELECT id AS subject, error('x') AS verdict, '' AS because FROM element",
            "error would give another answer",
        ),
        (
            (
                "SELECT id AS subject, (1 / size)::INTEGER > 1 AS verdict, content AS because "
                "FROM element, read_text('/etc/hostname')"
            ),
            "read_text may not be read",
        ),
        (
            "SELECT id AS subject, 'x'::INTEGER > 1 AS verdict, '' AS because FROM element",
            "Could not convert",
        ),
    ],
)
def test_a_rule_that_says_too_much_or_does_not_run_is_a_fault_of_the_pack(
    build: Callable[..., Any],
    pack: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    select: str,
    says: str,
) -> None:
    monkeypatch.setattr(asking, "FEW", few)
    with pytest.raises(PackError) as caught:
        evaluate(build(**NETWORK), pack(select), EvaluateParameters(DAY))
    assert says in caught.value.message
    assert caught.value.where == "xx-test/R-1"


def test_a_verdict_that_the_rule_must_never_give_is_a_fault(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    made = pack(ALL, more='verdicts = ["comply", "unknown"]')
    with pytest.raises(PackError, match="gives the verdict 'breach'"):
        evaluate(build(**NETWORK), made, ASK)


def test_no_verdict_is_unknown(build: Callable[..., Any], pack: Callable[..., Any]) -> None:
    select = "SELECT id AS subject, NULL::VARCHAR AS verdict, NULL AS because FROM element"
    found = evaluate(build(**NETWORK), pack(select), ASK)["finding"].to_pylist()
    assert {f["verdict"] for f in found} == {"unknown"}
    assert {f["because"] for f in found} == {"the rule came to no verdict"}


def test_verdicts_may_be_words_or_the_three_values_of_a_condition(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    words = (
        "SELECT id AS subject, because, verdict FROM (SELECT id, made_by AS because, "
        "CASE WHEN is_listed THEN 'breach' WHEN NOT is_listed THEN 'comply' ELSE 'unknown' END "
        "AS verdict FROM element)"
    )
    with pytest.raises(PackError, match="returns subject, because, verdict"):
        evaluate(build(**NETWORK), pack(words), ASK)
    words = words.replace("subject, because, verdict", "subject, verdict, because")
    assert verdicts(evaluate(build(**NETWORK), pack(words), ASK)) == verdicts(
        evaluate(build(**NETWORK), pack(), ASK)
    )


def test_a_rule_may_say_what_it_rests_on(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    select = (
        "SELECT id AS subject, true AS verdict, '' AS because, "
        "CASE WHEN id <> 'e2' THEN 'row of ' || id END AS rests_on FROM element"
    )
    found = evaluate(build(**NETWORK), pack(select), ASK)["finding"]["rests_on"].to_pylist()
    assert found == ["row of e1", "devices.json#/1", "row of e3", "row of e4"]


@pytest.mark.parametrize(
    ("subjects", "select", "expected"),
    [
        ("operator", "SELECT id AS subject, id = 'north' AS verdict, '' AS because FROM operator",
         {"north": "breach", "south": "comply"}),
        ("site", "SELECT id AS subject, is_sensitive AS verdict, '' AS because FROM site",
         {"s": "unknown"}),
        ("vendor", "SELECT id AS subject, is_listed AS verdict, made_by AS because FROM vendor",
         {"a": "comply", "b": "unknown", "m": "breach"}),
        ("contract", "SELECT id AS subject, is_listed AS verdict, made_by AS because FROM contract",
         {"c1": "breach", "c2": "unknown"}),
    ],
)  # fmt: skip
def test_every_kind_of_subject_is_judged(
    build: Callable[..., Any], pack: Callable[..., Any], subjects: Any, select: Any, expected: Any
) -> None:
    contracts = [
        {"id": "c1", "operator": "north", "vendor": "m", "origin": "contracts.csv row 2"},
        {"id": "c2", "operator": "south", "vendor_name": "Nobody knows"},
    ]
    made = pack(select, subjects=subjects)
    found = evaluate(build(**NETWORK, contract=contracts), made, ASK)
    assert verdicts(found) == expected
    rows = {f["subject"]: f for f in found["finding"].to_pylist()}
    if subjects == "contract":
        assert rows["c1"]["rests_on"] == "contracts.csv row 2\nvendors.csv row 2\nnamed.csv row 2"
        assert rows["c1"]["operator"] == "north"
        assert rows["c2"]["because"] == "Nobody knows (not found among the vendors)"
    if subjects == "site":
        assert (rows["s"]["operator"], rows["s"]["rests_on"]) == ("south", "sites.csv row 2")


def test_a_key_that_is_there_twice_is_a_fault_of_the_table(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    network = {**NETWORK, "element": [*NETWORK["element"], {"id": "e1", "vendor": "a"}]}
    with pytest.raises(InputError, match=r"twice|two rows with the key 'e1'") as caught:
        evaluate(build(**network), pack(), ASK)
    assert not isinstance(caught.value, PackError)
    assert caught.value.where == "element"


def test_values_and_parameters_are_bound_by_name(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    select = (
        "SELECT id AS subject, $low < $limit AND $as_of >= $first AS verdict, "
        "$word AS because FROM element"
    )
    made = pack(
        select,
        values='[values]\nlow = 0.5\nfirst = 2024-06-01\nword = "it\'s $5; --"',
        manifest='\n[[parameter]]\nname = "limit"\nmeans = "a limit"\ntype = "number"\n',
    )
    for limit, day, expected in (
        (None, DAY, "unknown"),
        (1, DAY, "breach"),
        (0.25, DAY, "comply"),
        (1, date(2024, 5, 31), "comply"),
    ):
        ask = EvaluateParameters(day, values={"limit": limit} if limit else {}, keep_comply=True)
        found = evaluate(build(**NETWORK), made, ask)
        assert set(verdicts(found).values()) == {expected}
        assert set(found["finding"]["because"].to_pylist()) == {"it's $5; --"}


def test_a_value_that_no_rule_reads_is_a_mistake(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    with pytest.raises(PackError, match="the value cap is not used"):
        evaluate(build(**NETWORK), pack(values="[values]\ncap = 1"), ASK)


def test_a_comment_at_the_end_and_a_semicolon_do_no_harm(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    for tail in (";", " ;\n", "\n-- the end", "\n-- the end\n;"):
        if tail.endswith("-- the end\n;"):
            continue
        assert len(verdicts(evaluate(build(**NETWORK), pack(ALL + tail), ASK))) == 4


def test_a_rule_that_never_ends_is_stopped(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    endless = (
        "WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t) "
        "SELECT id AS subject, (SELECT max(n) FROM t) > 1 AS verdict, '' AS because FROM element"
    )
    ask = EvaluateParameters(DAY, limits=Limits(seconds=0.3))
    with pytest.raises(TimeLimitError, match=r"stopped after 0\.3 seconds") as caught:
        evaluate(build(**NETWORK), pack(endless), ask)
    assert caught.value.where == "xx-test/R-1"
    assert len(verdicts(evaluate(build(**NETWORK), pack(), ASK))) == 4


def test_requirements_that_are_not_encoded_are_listed(
    build: Callable[..., Any], pack: Callable[..., Any]
) -> None:
    more = '\n[[not_encoded]]\nid = "R-7"\ntitle = "something else"\nwhy = "no record"\nreason = "not encoded: x"\n'
    rows = evaluate(build(**NETWORK), pack(manifest=more), ASK)["judged"].to_pylist()
    (row,) = [r for r in rows if r["standing"] == "not encoded"]
    assert (row["rule"], row["title"], row["note"], row["verdict"]) == (
        "xx-test/R-7", "something else", "not encoded: x", None,
    )  # fmt: skip


def test_only_the_rules_asked_for_are_run(build: Callable[..., Any]) -> None:
    ask = EvaluateParameters(date(2026, 1, 1), rules=("UKD-03",))
    judged = evaluate(build(**NETWORK), load_pack("uk-dvd-2022"), ask)["judged"]
    assert set(judged["rule"].to_pylist()) == {"uk-dvd-2022/UKD-03"}


# The same answer, however it is come by.


def test_the_answer_does_not_hang_on_the_order_of_rows_or_on_threads(
    build: Callable[..., Any],
) -> None:
    network = {
        name: [
            {**row, "id": f"{row['id']}-{i:03d}"} if name == "element" else row
            for i in range(60 if name == "element" else 1)
            for row in rows
        ]
        for name, rows in NETWORK.items()
    }
    functions = [
        {"element": row["id"], "kind": kind, "origin": f"f.csv {kind}"}
        for i, row in enumerate(network["element"])
        for kind in (["AMF", "SMF", "EMS"], ["GNBDU"], ["OLT", "AMF"])[i % 3]
    ]
    tables = build(**network, function=functions)
    turned = Tables(
        {n: tables[n].take(pa.array(range(tables.rows(n))[::-1], pa.int64())) for n in tables}
    )
    pack = load_pack("uk-dvd-2022")
    first = evaluate(tables, pack, EvaluateParameters(date(2026, 1, 1), limits=Limits(threads=1)))
    second = evaluate(turned, pack, EvaluateParameters(date(2026, 1, 1), limits=Limits(threads=4)))
    for name in ("finding", "judged"):
        assert first[name].num_rows > 0
        assert first[name].to_pylist() == second[name].to_pylist()


def test_the_step_writes_the_same_bytes_and_is_taken_again(
    build: Callable[..., Any], tmp_path: Path
) -> None:
    tables = whole(build(**NETWORK))
    files = {}
    for name in tables:
        write_parquet(tables[name], tmp_path / f"{name}.parquet")
        files[name] = tmp_path / f"{name}.parquet"
    run = run_of(load_pack("uk-ncsc-2020"), EvaluateParameters(date(2026, 1, 1)))
    first = StepCache(tmp_path / "one").run(run_pack, tables, run)
    second = StepCache(tmp_path / "two").run(run_pack, Tables(files), run)
    for name in ("finding", "judged"):
        assert first.hash_of(name) == second.hash_of(name)
    assert first["finding"].schema.equals(FINDING.conform(FINDING.empty()).schema)
    (record,) = StepCache(tmp_path / "one").records()
    assert record["parameters"]["files"]["pack.toml"].startswith('id = "uk-ncsc-2020"')
    again = StepCache(tmp_path / "one").run(run_pack, tables, run)
    assert again.hash_of("finding") == first.hash_of("finding")
    assert len(StepCache(tmp_path / "one").records()) == 1


def test_the_key_is_of_the_rules_and_not_of_the_place(
    build: Callable[..., Any], files: Callable[..., Any], folder: Any, tmp_path: Path
) -> None:
    one = load_pack(folder(files()))
    (tmp_path / "elsewhere").mkdir()
    moved = (tmp_path / "xx-test").rename(tmp_path / "elsewhere" / "xx-test")
    two = load_pack(moved)
    assert run_of(one, ASK) == run_of(two, ASK)
    rule = moved / "rules" / "R-1.toml"
    rule.write_text(rule.read_text().replace("verdict(is_listed)", "verdict(NOT is_listed)"))
    assert run_of(load_pack(moved), ASK) != run_of(one, ASK)


def test_the_findings_can_be_written_and_read_as_declared(
    build: Callable[..., Any], pack: Callable[..., Any], tmp_path: Path
) -> None:
    found = evaluate(build(**NETWORK), pack(), ASK)["finding"]
    assert FINDING.faults(FINDING.conform(found)) == []
    write_parquet(FINDING.conform(found), tmp_path / "finding.parquet")
    assert pq.read_table(tmp_path / "finding.parquet").to_pylist() == found.to_pylist()
    assert Tables({"finding": found}).query(
        "SELECT rule, verdict, count(*) AS n FROM finding GROUP BY ALL ORDER BY ALL"
    ).to_pylist() == [
        {"rule": "xx-test/R-1", "verdict": "breach", "n": 1},
        {"rule": "xx-test/R-1", "verdict": "comply", "n": 1},
        {"rule": "xx-test/R-1", "verdict": "unknown", "n": 2},
    ]


def test_an_empty_network_is_answered(build: Callable[..., Any]) -> None:
    for name in ("uk-ncsc-2020", "uk-dvd-2022"):
        found = evaluate(Tables({}), load_pack(name), EvaluateParameters(date(2026, 1, 1)))
        assert found["finding"].num_rows == 0
        assert {
            (row["standing"], row["verdict"], row["subjects"])
            for row in found["judged"].to_pylist()
        } <= {("not encoded", None, None), ("in force", None, 0)}


# A stranger's pack.


def test_a_stranger_s_pack_gives_the_same_answer_behind_the_wall(
    build: Callable[..., Any], files: Callable[..., Any], folder: Folder, pack: Callable[..., Any]
) -> None:
    stranger = load_pack(folder(files()))
    assert not stranger.built_in
    for ask in (ASK, EvaluateParameters(DAY)):
        ours = evaluate(build(**NETWORK), pack(), ask)
        theirs = evaluate(build(**NETWORK), stranger, ask)
        for name in ("finding", "judged"):
            assert theirs[name].to_pylist() == ours[name].to_pylist()


@pytest.mark.parametrize(
    ("select", "error"),
    [
        ("DROP TABLE element", PackError),
        (ALL.replace("made_by", "(FROM read_text('/etc/passwd'))"), PackError),
        (f"{ALL} UNION ALL SELECT 'e9', true, ''", PackError),
        (
            # A text that doubles until the memory is full.
            "WITH "
            + ", ".join(
                f"d{i} AS (SELECT x || x AS x FROM {f'd{i - 1}' if i else '(SELECT min(id) AS x FROM element)'})"
                for i in range(34)
            )
            + " SELECT id AS subject, (SELECT length(x) FROM d33) > 1 AS verdict, '' AS because "
            "FROM element",
            (PackError, TimeLimitError),
        ),
    ],
)
def test_what_a_stranger_s_pack_does_leaves_us_alive(
    build: Callable[..., Any], files: Callable[..., Any], folder: Folder, select: str, error: Any
) -> None:
    stranger = load_pack(folder(files(select)))
    limits = Limits(memory_mb=256, seconds=1.0)
    with pytest.raises(error):
        evaluate(build(**NETWORK), stranger, EvaluateParameters(DAY, limits=limits))


def test_a_pack_that_claims_a_built_in_name_is_still_a_stranger_s(
    build: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = load_pack("uk-ncsc-2020")
    run = run_of(ours, EvaluateParameters(date(2026, 1, 1)))
    altered = {**run.files, "rules/UK20-01.toml": run.files["rules/UK20-01.toml"] + "\n# more\n"}
    walls: list[object] = []

    def wall(task: Any, *arguments: Any, limits: Any) -> Any:
        walls.append(task)
        return task(*arguments)

    monkeypatch.setattr("ringfence.rules.evaluate.walled", wall)
    run_pack(whole(build(**NETWORK)), run)
    assert walls == []
    run_pack(whole(build(**NETWORK)), run_of(read_pack(altered, ours.id, "there"), run.ask))
    assert len(walls) == 1


def test_a_pack_can_be_sent_to_another_process() -> None:
    ours = load_pack("uk-ncsc-2020")
    there = pickle.loads(pickle.dumps(ours))  # noqa: S301
    assert there == ours
    assert there.hash == ours.hash
