"""Rules that need what has to be worked out first: who reaches whom."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ringfence.exposure.reach import EXPOSED, REACH
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.pack import Pack, list_packs, load_pack
from ringfence.rules.published import answerable

DAY = date(2024, 6, 1)
Build = Callable[..., Any]

OPEN = """
SELECT e.id AS subject, verdict(count(r.source_element) > $most) AS verdict, 'n' AS because
FROM element e LEFT JOIN reach r ON r.target_element = e.id AND r.answer = 'can' GROUP BY e.id
"""
NEEDS = 'needs = ["reach", "exposed"]\n'


@pytest.fixture
def rule(pack: Callable[..., Pack]) -> Pack:
    return pack(OPEN, more=NEEDS, values="[values]\nmost = 0")


def worked_out(*reach: tuple[str, str], exposed: tuple[str, ...] = ("e", "f")) -> dict[str, Any]:
    return {
        "reach": REACH.from_rows(
            [
                {"source_element": a, "target_endpoint": f"p-{b}", "target_element": b,
                 "answer": "can"}
                for a, b in reach
            ]
        ),
        "exposed": EXPOSED.from_rows([{"element": e, "answer": "cannot"} for e in exposed]),
    }  # fmt: skip


def verdicts(tables: Any, pack: Pack) -> dict[str, tuple[str, str]]:
    found = evaluate(tables, pack, EvaluateParameters(DAY, keep_comply=True))["finding"]
    return {r["subject"]: (r["verdict"], r["because"]) for r in found.to_pylist()}


def test_without_it_everything_is_unknown_and_the_command_is_named(
    build: Build, rule: Pack
) -> None:
    network = build(element=[{"id": "e"}, {"id": "f"}])
    says = "exposed and reach not worked out for this network; run: ringfence exposure"
    assert verdicts(network, rule) == {"e": ("unknown", says), "f": ("unknown", says)}


def test_with_it_the_rule_is_asked(build: Build, rule: Pack) -> None:
    network = build(element=[{"id": "e"}, {"id": "f"}]).and_these(worked_out(("f", "e")))
    assert verdicts(network, rule) == {"e": ("breach", "n"), "f": ("comply", "n")}


@pytest.mark.parametrize("given", [{"exposed": ()}, {"only": "reach"}, {"only": "exposed"}])
def test_a_part_of_it_is_not_it(build: Build, rule: Pack, given: dict[str, Any]) -> None:
    made = worked_out(("f", "e"), exposed=given.get("exposed", ("e", "f")))
    kept = {n: t for n, t in made.items() if n == given.get("only", n)}
    network = build(element=[{"id": "e"}, {"id": "f"}]).and_these(kept)
    assert {verdict for verdict, _ in verdicts(network, rule).values()} == {"unknown"}


def test_a_rule_that_needs_nothing_is_asked_as_ever(
    build: Build, pack: Callable[..., Pack]
) -> None:
    sql = "SELECT id AS subject, false AS verdict, 'n' AS because FROM element"
    assert verdicts(build(element=[{"id": "e"}]), pack(sql)) == {"e": ("comply", "n")}


def test_the_pack_stays_the_pack_it_is(build: Build, rule: Pack) -> None:
    asked = answerable(rule, build())
    assert asked is not rule
    assert (asked.hash, asked.id, asked.built_in) == (rule.hash, rule.id, rule.built_in)
    assert rule.rules[0].select == OPEN.strip()
    whole = build().and_these(worked_out(exposed=("e",)))
    assert answerable(rule, whole) is rule


@pytest.mark.parametrize(
    ("pack", "rule"), [(n, r.id) for n in list_packs() for r in load_pack(n).rules if r.needs]
)
def test_every_rule_that_reads_it_says_that_it_needs_it(pack: str, rule: str) -> None:
    found = load_pack(pack).rule(rule)
    for name in ("reach", "exposed"):
        assert (f"FROM {name}" in found.select or f"JOIN {name}" in found.select) == (
            name in found.needs
        )


def test_no_other_rule_reads_it() -> None:
    for name in list_packs():
        for rule in load_pack(name).rules:
            if not rule.needs:
                assert "reach r" not in rule.select, rule.id
                assert "JOIN exposed" not in rule.select, rule.id
