"""An explanation gives the clause, the rows and what would change the verdict, as worked out by hand."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from ringfence.errors import NotFoundError
from ringfence.rules import explain as explain_module
from ringfence.rules.evaluate import EvaluateParameters, evaluate
from ringfence.rules.explain import explain
from tests.rules.phases import AHEAD

Build = Callable[..., Any]
MakePack = Callable[..., Any]

ASK = EvaluateParameters(date(2026, 1, 1))

# e1 is of Meridian, which is listed; e2 of Other, which is not; of e3 no maker is stated.
NETWORK = {
    "operator": [{"id": "op", "name": "Northline"}],
    "vendor": [
        {"id": "m", "name": "Meridian", "is_independent": True, "origin": "vendors.csv:2"},
        {"id": "o", "name": "Other", "is_independent": True},
    ],
    "designation": [{"vendor": "m", "instrument": "xx-test"}],
    "site": [{"id": "s1", "operator": "op", "name": "Hill"}],
    "element": [
        {"id": "e1", "site": "s1", "vendor": "m", "origin": "elements.csv:2"},
        {"id": "e2", "vendor": "o"},
        {"id": "e3"},
    ],
    "function": [
        {"element": "e1", "kind": "AMF", "origin": "functions.csv:2"},
        {"element": "e1", "kind": "SMF"},
        {"element": "e2", "kind": "UPF"},
    ],
}


def test_a_breach_is_explained_with_its_clause_its_rows_and_its_select(
    build: Build, pack: MakePack
) -> None:
    told = explain(build(**NETWORK), pack(), "xx-test/R-1", "e1", ASK)
    assert str(told.rule.citation) == "Act 1 of 2020, section 2 (2020-01-01)"
    assert told.rule.select.startswith("SELECT id AS subject")
    assert (told.finding["verdict"], told.finding["because"]) == (
        "breach",
        "Meridian (designated)",
    )
    assert str(told.finding["rests_on"]).splitlines()[0] == "elements.csv:2"
    # Its own row, and those of other tables that name it.
    assert [row["id"] for row in told.rows["element"]] == ["e1"]
    assert [row["kind"] for row in told.rows["function"]] == ["AMF", "SMF"]
    assert {name for name, rows in told.rows.items() if rows} == {"element", "function"}


def test_what_would_change_a_breach_is_tried_one_fact_at_a_time(
    build: Build, pack: MakePack
) -> None:
    told = explain(build(**NETWORK), pack(), "R-1", "e1", ASK)
    # Tried: without it, its vendor not stated, its site not stated, made by Meridian, made by
    # Other, without its functions. The rule asks for the maker alone, so neither the site nor the
    # functions matter, and Meridian made it already.
    assert told.tried == 6
    assert told.changes == (
        ("without this element", "no subject any more"),
        ("vendor not stated", "unknown"),
        ("made by Other", "comply"),
    )


def test_each_change_holds_when_it_is_made_by_hand(build: Build, pack: MakePack) -> None:
    def verdict(**rows: Any) -> str:
        found = evaluate(build(**{**NETWORK, **rows}), pack(), ASK)["finding"].to_pylist()
        return next((r["verdict"] for r in found if r["subject"] == "e1"), "comply")

    assert verdict() == "breach"
    assert verdict(element=[{"id": "e1", "site": "s1"}]) == "unknown"
    assert verdict(element=[{"id": "e1", "site": "s1", "vendor": "o"}]) == "comply"
    assert verdict(element=[{"id": "e1", "vendor": "m"}]) == "breach"
    assert verdict(function=[]) == "breach"


def test_what_complies_or_is_not_known_is_explained_too(build: Build, pack: MakePack) -> None:
    tables = build(**NETWORK)
    told = explain(tables, pack(), "R-1", "e2", ASK)
    assert told.finding["verdict"] == "comply"
    # No site is stated, so that there is none to take away.
    assert told.tried == 5
    assert told.changes == (
        ("without this element", "no subject any more"),
        ("vendor not stated", "unknown"),
        ("made by Meridian", "breach"),
    )
    told = explain(tables, pack(), "R-1", "e3", ASK)
    assert told.finding["verdict"] == "unknown"
    assert told.tried == 3
    assert told.changes == (
        ("without this element", "no subject any more"),
        ("made by Meridian", "breach"),
        ("made by Other", "comply"),
    )


def test_a_change_of_what_comes_on_the_deadline_is_a_change(build: Build, pack: MakePack) -> None:
    told = explain(build(**NETWORK), pack(phases=AHEAD), "R-1", "e1", ASK)
    assert (told.finding["verdict"], told.finding["due_on"], told.finding["verdict_when_due"]) == (
        "comply",
        date(2027, 12, 31),
        "breach",
    )
    assert told.changes == (
        ("without this element", "no subject any more"),
        ("vendor not stated", "comply, on the deadline unknown"),
        ("made by Other", "comply"),
    )


def test_a_row_of_another_table_can_be_what_matters(build: Build, pack: MakePack) -> None:
    select = (
        "SELECT e.id AS subject, bool_or(p.kind = 'AMF') AS verdict, '' AS because "
        "FROM element e LEFT JOIN performs p USING (functions) GROUP BY e.id"
    )
    told = explain(build(**NETWORK), pack(select), "R-1", "e1", ASK)
    assert told.finding["verdict"] == "breach"
    # Without a function it is not known what it does; who made it is of no account.
    assert told.changes == (
        ("without this element", "no subject any more"),
        ("without its rows of function", "unknown"),
    )


def test_the_product_may_make_the_maker_known(build: Build, pack: MakePack) -> None:
    tables = build(
        **{
            **NETWORK,
            "product": [{"id": "p", "vendor": "m", "name": "Box"}],
            "element": [{"id": "e1", "product": "p"}],
            "function": [],
        }
    )
    told = explain(tables, pack(), "R-1", "e1", ASK)
    assert told.finding["verdict"] == "breach"
    assert told.changes == (
        ("without this element", "no subject any more"),
        ("product not stated", "unknown"),
        # To be made by another, it must not be that product either.
        ("made by Other", "comply"),
    )


def test_subjects_of_every_table_are_explained(build: Build, pack: MakePack) -> None:
    # More elements of listed makers than none: op has one, which stands on its site.
    select = (
        "SELECT o.id AS subject, count(e.id) > 0 AS verdict, '' AS because FROM operator o "
        "LEFT JOIN element e ON e.operator = o.id AND e.is_listed GROUP BY o.id"
    )
    network = {
        **NETWORK,
        "element": [{"id": "e1", "operator": "op", "vendor": "m"}],
        "function": [],
        "site": [],
    }
    told = explain(build(**network), pack(select, subjects="operator"), "R-1", "op", ASK)
    assert told.finding["verdict"] == "breach"
    assert [row["id"] for row in told.rows["operator"]] == ["op"]
    assert [row["id"] for row in told.rows["element"]] == ["e1"]
    assert told.changes == (
        ("without this operator", "no subject any more"),
        ("without its rows of element", "comply"),
    )
    vendors = "SELECT id AS subject, is_listed AS verdict, '' AS because FROM vendor"
    told = explain(build(**network), pack(vendors, subjects="vendor"), "R-1", "m", ASK)
    assert told.changes == (
        ("without this vendor", "no subject any more"),
        ("without its rows of designation", "comply"),
    )


def test_no_more_changes_are_tried_than_can_be_waited_for(
    build: Build, pack: MakePack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(explain_module, "CHANGES_AT_MOST", 2)
    told = explain(build(**NETWORK), pack(), "R-1", "e1", ASK)
    assert told.tried == 2
    assert [what for what, _ in told.changes] == ["without this element", "vendor not stated"]


def test_what_cannot_be_explained_is_told(build: Build, pack: MakePack) -> None:
    tables = build(**NETWORK)
    with pytest.raises(NotFoundError, match="xx-test/R-1 says nothing of 'e9' on 2026-01-01"):
        explain(tables, pack(), "R-1", "e9", ASK)
    # The day before it begins.
    before = EvaluateParameters(date(2019, 12, 31))
    with pytest.raises(NotFoundError, match="says nothing of 'e1' on 2019-12-31") as caught:
        explain(tables, pack(), "R-1", "e1", before)
    assert "ringfence show element" in str(caught.value.hint)
    with pytest.raises(NotFoundError, match="no rule 'R-7'"):
        explain(tables, pack(), "R-7", "e1", ASK)
