"""What must hold of any network: more denied is less reached, less known is less answered."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.exposure.packets import MOST_APART, PacketParameters, packets
from ringfence.network.model import TABLES
from ringfence.store.duck import Tables
from tests.exposure.kernel.networks import Generator, Row

Answers = dict[tuple[str, str], str]
RANK = {None: 0, "not known": 1, "can": 2}

seeds = st.integers(0, 100_000)
hosts = st.integers(5, 9)
several = settings(max_examples=25, deadline=None)


def answers(rows: dict[str, list[Row]], most_apart: int = MOST_APART) -> Answers:
    """The best answer by element that sends and endpoint; what is not there cannot."""
    found = packets(
        Tables({name: TABLES[name].from_rows(given) for name, given in rows.items()}),
        PacketParameters(most_apart),
    )
    told = Tables(dict(found)).query(
        "SELECT p.element AS source, o.endpoint AS target, min(g.answer) AS answer FROM passage g "
        "JOIN place p ON p.place = g.place JOIN opening o ON o.opening = g.opening "
        "WHERE p.element <> o.element AND o.endpoint IS NOT NULL GROUP BY ALL"
    )
    return {(r["source"], r["target"]): r["answer"] for r in told.to_pylist()}


@given(seeds, hosts)
@several
def test_a_deny_before_all_others_never_adds_reach(seed: int, size: int) -> None:
    made = Generator(seed, size)
    rows = made.rows
    before = answers(rows)
    if not rows["boundary"]:
        return
    at = made.pick(rows["boundary"])["id"]
    for row in rows["filter"]:
        row["position"] += 1
    rows["filter"].append({**made._entry(), "id": "new", "boundary": at, "tier": 0, "position": 0,
                           "action": "deny", "origin": "new"})  # fmt: skip
    after = answers(rows)
    assert all(RANK[answer] <= RANK[before.get(pair)] for pair, answer in after.items())


LESS: list[tuple[str, str, Any]] = [
    ("boundary", "default_action", None),
    ("boundary", "has_rules_stated", False),
    ("filter", "is_understood", False),
    ("filter", "action", None),
    ("group_member", "is_certain", False),
    ("segment", "checks_source", None),
    ("interface", "address", None),
    ("endpoint", "port", None),
    ("endpoint", "protocol", None),
]


@given(seeds, hosts, st.sampled_from(LESS))
@several
def test_knowing_less_never_makes_a_cannot(
    seed: int, size: int, less: tuple[str, str, Any]
) -> None:
    made = Generator(seed, size)
    table, column, value = less
    rows = made.rows
    # Where a translation leads is told by addresses, and so are routes.
    if column == "address":
        rows["translation"], rows["route"] = [], []
    before = answers(rows)
    if rows[table]:
        made.pick(rows[table])[column] = value
    after = answers(rows)
    assert [pair for pair in before if pair not in after] == []


NOT_STATED: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("translation", "to_range", (None, "of another", "10.1.0.0/30", "10.1.0.1-10.1.0.3")),
    ("translation", "destination_range", (None,)),
    ("translation", "position", (None,)),
    ("translation", "kind", (None,)),
    ("translation", "to_ports", (None,)),
    ("interface", "address", (None,)),
    ("route", "preference", (None,)),
    ("filter", "position", (None,)),
    ("boundary", "direction", (None,)),
    ("element", "forwards_packets", (None,)),
    ("segment", "checks_source", (None, False)),
)


@given(seeds, hosts)
@settings(max_examples=40, deadline=None)
def test_what_is_alike_across_segments_answers_as_it_does_one_by_one(seed: int, size: int) -> None:
    made = Generator(seed, size)
    rows = made.rows
    for table, column, values in NOT_STATED:
        for row in rows[table]:
            if made.chance(0.1):
                row[column] = made.pick(values)
    assert answers(rows, most_apart=0) == answers(rows)


@given(seeds, hosts)
@several
def test_classes_answer_as_their_members_do_one_by_one(seed: int, size: int) -> None:
    rows = Generator(seed, size).rows
    together = answers(rows)
    # A list of its own, which denies nothing, makes each element a class of its own.
    for number, row in enumerate(rows["element"]):
        key = f"own {number}"
        rows["boundary"].append({"id": key, "element": row["id"], "direction": "in",
                                 "default_action": "allow", "origin": key})  # fmt: skip
        rows["filter"].append({"id": key, "boundary": key, "tier": 0, "position": 0,
                               "action": "deny", "protocol": "SCTP",
                               "destination_ports": f"{number}-{number}"})  # fmt: skip
        rows["group_member"].append({"group": key, "element": row["id"], "is_certain": True})
        rows["filter"].append({"id": f"{key} group", "boundary": "own 0", "tier": 0,
                               "position": 1 + number, "action": "allow",
                               "source_group": key})  # fmt: skip
    assert answers(rows) == together
