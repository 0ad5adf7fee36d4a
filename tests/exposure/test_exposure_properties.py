"""From rows to verdicts: what must hold of every network, and a second way to the same answers.

Many small networks, each with keys of its own, are asked in one run: none has to do with another.
"""

from collections.abc import Callable, Iterable
from itertools import product

import numpy as np
import pytest

from tests.exposure.powered import ALL, Row, answer, judged

Rows = dict[str, list[Row]]
Verdicts = dict[tuple[str, str], str]
RANK = {"holds": 0, "unknown": 1, "breached": 2}
PARTS = ("amf", "ems", "gnb", "aaa")
MANY = 40
SEEDS = (1, 2)


def drawn(seed: int, many: int = MANY) -> Rows:
    """So many small networks of four elements."""
    rng = np.random.default_rng(seed)

    def one_of(*choices: object) -> object:
        return choices[rng.integers(len(choices))]

    rows: Rows = {
        "vendor": [
            {"id": "v:x", "name": "X", "is_independent": True},
            {"id": "v:o", "name": "O", "is_independent": True},
        ],
        "operator": [{"id": "op"}],
        **{t: [] for t in ("element", "function", "segment", "interface", "endpoint", "relation", "link", "boundary", "filter")},
    }  # fmt: skip
    for n in range(many):
        ids = [f"n{n}:{p}" for p in PARTS]
        rows["function"].append({"element": ids[0], "kind": "AMF"})
        rows["segment"] += [
            {"id": f"n{n}:{s}", "kind": "VLAN", "checks_source": one_of(True, False, None)}
            for s in "st"
        ]
        for place, e in enumerate(ids):
            origin = f"e.csv:{4 * n + place + 2}"
            rows["element"].append(
                {"id": e, "vendor": one_of("v:x", "v:o", "v:o", "v:o", None), "operator": "op",
                 "forwards_packets": False, "origin": origin}
            )  # fmt: skip
            rows["interface"].append(
                {"id": f"{e}/0", "element": e, "segment": f"n{n}:{one_of('s', 't')}",
                 "address": f"10.0.0.{place + 1}/24", "origin": f"i.csv:{4 * n + place + 2}"}
            )  # fmt: skip
            rows["endpoint"].append(
                {"id": f"{e}/p", "element": e, "protocol": "TCP", "port": 22,
                 "service": one_of("SSH", "SSH", "SSH", "NGAP", "metrics"),
                 "authentication": one_of("none", "password", "password", "password", None),
                 "encryption": one_of("none", "IPsec", None),
                 "origin": f"p.csv:{4 * n + place + 2}"}
            )  # fmt: skip
        for kind in ("manages", "hosts", "authenticates", "synchronises", "anchors", "mirrors"):
            if rng.random() < 0.35:
                source, target = (ids[i] for i in rng.choice(4, 2, replace=False))
                rows["relation"].append(
                    {"source": source, "target": target, "kind": kind, "origin": f"r.csv:{n}"}
                )
        if rng.random() < 0.3:
            source, target = (ids[i] for i in rng.choice(4, 2, replace=False))
            rows["link"].append(
                {"id": f"n{n}:l", "source": source, "target": target,
                 "is_encrypted": one_of(True, False, None), "origin": f"l.csv:{n}"}
            )  # fmt: skip
    return rows


# A second way: the powers as sentences over rows, applied until nothing follows


def follows(rows: Rows, *, is_open: bool) -> set[tuple[str, str]]:
    """What is held, as pairs of an effect and an element; `is_open` takes every unknown to be so."""

    def so(value: object, bad: object) -> bool:
        return value == bad or (value is None and is_open)

    held = {("control", e["id"]) for e in rows["element"] if so(e["vendor"], "v:x")}
    at = {i["element"]: i["segment"] for i in rows["interface"]}
    members: dict[str, set[str]] = {}
    for element, segment in at.items():
        members.setdefault(segment, set()).add(element)
    free = {s["id"]: so(s["checks_source"], False) for s in rows["segment"]}
    served = {p["element"]: p for p in rows["endpoint"]}

    def once() -> Iterable[tuple[str, str]]:  # noqa: PLR0912 (one branch a power)
        for e in at:
            near = members[at[e]] - {e}
            one = served[e]
            if ("control", e) in held:
                yield from (("read", e), ("stop", e))
            called = any(("control", other) in held for other in near)
            if called and one["service"] == "SSH":
                yield "call", e
                if so(one["authentication"], "none"):
                    yield "control", e
            if (called and one["service"] == "NGAP" and len(near) > 1 and free[at[e]]
                    and so(one["encryption"], "none")):  # fmt: skip
                yield from (("read", e), ("stop", e))
        for r in rows["relation"]:
            controls = ("control", r["source"]) in held
            if controls and r["kind"] in ("manages", "hosts"):
                yield "control", r["target"]
            if controls and r["kind"] == "authenticates" and ("call", r["target"]) in held:
                yield "control", r["target"]
            if controls and r["kind"] == "mirrors":
                yield "read", r["target"]
            for effect in ("read", "stop"):
                if (effect, r["source"]) in held and r["kind"] == "anchors":
                    yield effect, r["target"]
            if ("stop", r["source"]) in held and r["kind"] == "synchronises":
                yield "stop", r["target"]
        for link in rows["link"]:
            for one_end, other in (
                (link["source"], link["target"]),
                (link["target"], link["source"]),
            ):
                if so(link["is_encrypted"], False) and ("control", one_end) in held:
                    yield "read", other

    while True:
        more = set(once()) - held
        if not more:
            return held
        held |= more


@pytest.mark.parametrize("seed", SEEDS)
def test_the_verdicts_are_those_of_a_search_that_shares_no_code(seed: int) -> None:
    rows = drawn(seed)
    known, possible = follows(rows, is_open=False), follows(rows, is_open=True)
    found = judged(rows)
    expected = {
        (f["element"], effect): "breached" if (effect, f["element"]) in known
        else "unknown" if (effect, f["element"]) in possible else "holds"
        for f, effect in product(rows["function"], ALL)
    }  # fmt: skip
    assert found == expected
    assert set(found.values()) == set(RANK)


def worse(before: Verdicts, after: Verdicts) -> list[tuple[str, str]]:
    return [k for k, v in before.items() if RANK[after[k]] > RANK[v]]


def altered(rows: Rows, seed: int, alter: Callable[[np.random.Generator, Rows, int], None]) -> Rows:
    """The same networks, each with one change."""
    after = {name: [dict(row) for row in of] for name, of in rows.items()}
    rng = np.random.default_rng(seed + 1_000)
    for n in range(MANY):
        alter(rng, after, n)
    return after


def one_more_filter(rng: np.random.Generator, rows: Rows, n: int) -> None:
    element = f"n{n}:{PARTS[rng.integers(4)]}"
    boundary = f"{element}/in"
    if not any(b["id"] == boundary for b in rows["boundary"]):
        rows["boundary"].append(
            {"id": boundary, "element": element, "direction": "in", "has_rules_stated": True,
             "default_action": "allow" if rng.random() < 0.7 else None}
        )  # fmt: skip
    rows["filter"].append(
        {"id": f"{boundary}/{len(rows['filter'])}", "boundary": boundary, "tier": 0,
         "position": int(rng.integers(0, 9)), "action": "deny",
         "protocol": (None, "TCP", "TCP", "UDP")[rng.integers(4)],
         "source_range": (None, None, "10.0.0.2/32", "10.0.0.0/24")[rng.integers(4)],
         "destination_ports": (None, "22-22", "22-22", "80-80")[rng.integers(4)],
         "is_understood": bool(rng.random() < 0.8)}
    )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_one_more_filter_never_adds_reach(seed: int) -> None:
    rows = drawn(seed)
    before = judged(rows)
    some = 0
    for step in range(2):
        rows = altered(rows, seed + step, one_more_filter)
        after = judged(rows)
        assert not worse(before, after)
        some += sum(after[k] != v for k, v in before.items())
        before = after
    assert some, "no filter changed an answer, so nothing was tried"


def one_more_power(rng: np.random.Generator, rows: Rows, n: int) -> None:
    source, target = (f"n{n}:{PARTS[i]}" for i in rng.choice(4, 2, replace=False))
    match int(rng.integers(3)):
        case 0:
            kinds = ("manages", "hosts", "updates", "administers", "mirrors", "licenses", "anchors")
            kind = kinds[rng.integers(len(kinds))]
            rows["relation"].append({"source": source, "target": target, "kind": kind})
        case 1:
            rows["link"].append(
                {"id": f"n{n}:more", "source": source, "target": target, "is_encrypted": False}
            )
        case _:
            rows["interface"].append(
                {"id": f"{source}/1", "element": source, "segment": f"n{n}:{'st'[rng.integers(2)]}",
                 "address": f"10.0.0.{9 + n % 200}/24"}
            )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_one_more_fact_never_ends_a_breach(seed: int) -> None:
    rows = drawn(seed)
    before = judged(rows)
    after = judged(altered(rows, seed, one_more_power))
    assert not [k for k, v in before.items() if v == "breached" and after[k] != "breached"]
    assert worse(before, after), "no fact changed an answer, so nothing was tried"


FORGOTTEN = (
    ("element", "vendor"), ("element", "forwards_packets"), ("interface", "segment"),
    ("interface", "address"), ("endpoint", "service"), ("endpoint", "authentication"),
    ("endpoint", "encryption"), ("endpoint", "port"), ("endpoint", "protocol"),
    ("segment", "checks_source"), ("segment", "kind"), ("link", "is_encrypted"),
)  # fmt: skip


def one_fact_less(rng: np.random.Generator, rows: Rows, n: int) -> None:
    match int(rng.integers(5)):
        case 0:
            # All that is stated of where an element has its feet, or of what it listens on.
            name = ("interface", "endpoint")[rng.integers(2)]
            element = f"n{n}:{PARTS[rng.integers(4)]}"
            rows[name] = [r for r in rows[name] if r["element"] != element]
        case _:
            name, column = FORGOTTEN[rng.integers(len(FORGOTTEN))]
            mine = [r for r in rows[name] if r["id"].startswith(f"n{n}:")]
            if mine:
                mine[rng.integers(len(mine))][column] = None


@pytest.mark.parametrize("seed", SEEDS)
def test_less_known_never_turns_an_answer_to_holds(seed: int) -> None:
    rows = drawn(seed)
    before = judged(rows)
    for step in range(2):
        rows = altered(rows, seed + step, one_fact_less)
        after = judged(rows)
        assert not [k for k, v in before.items() if after[k] == "holds" and v != "holds"]
        assert any(after[k] != v for k, v in before.items())
        before = after


def test_who_owns_a_maker_is_a_fact_that_can_be_missing() -> None:
    rows = drawn(5)
    rows["vendor"].append({"id": "v:sub", "name": "S"})
    rows["ownership"] = [{"owner": "v:x", "owned": "v:sub", "is_controlling": True}]
    for e in rows["element"]:
        e["vendor"] = "v:sub" if e["vendor"] == "v:x" else e["vendor"]
    before = judged(rows)
    after = judged({**rows, "ownership": []})
    assert "breached" in before.values()
    assert "breached" not in after.values()
    assert not [k for k, v in before.items() if after[k] == "holds" and v != "holds"]


# Proofs, checked against the rows


def is_so(row: Row, rows: Rows, vendors: set[str]) -> bool:  # noqa: PLR0911 (one a power)
    """Whether the rows at the place that a step names say what the step says."""
    _, _, of = str(row["premise"]).rpartition(" ")
    _, _, to = str(row["conclusion"]).rpartition(" ")
    element = {e["id"]: e for e in rows["element"]}
    foot = {i["element"]: i for i in rows["interface"]}
    served = {p["element"]: p for p in rows["endpoint"]}
    match row["rule"]:
        case "own-software":
            return element[to]["vendor"] in vendors and row["origin"] == element[to]["origin"]
        case "manages" | "hosts" | "mirrors" as kind:
            return {"source": of, "target": to, "kind": kind, "origin": row["origin"]} in rows[
                "relation"
            ]
        case "lets-itself-in":
            stated = {"source": of, "target": to, "kind": "authenticates", "origin": row["origin"]}
            return stated in rows["relation"] and row["also"] == f"call element {to}"
        case "timing" | "anchors-read" | "anchors-stop" as rule:
            kind = "synchronises" if rule == "timing" else "anchors"
            stated = {"source": of, "target": to, "kind": kind, "origin": row["origin"]}
            return stated in rows["relation"]
        case "sends":
            _, _, place = str(row["conclusion"]).partition(" ")
            return (
                place.endswith(f"in {foot[of]['segment']}") and row["origin"] == foot[of]["origin"]
            )
        case "passage":
            _, _, place = str(row["premise"]).partition(" in ")
            _, _, opening = str(row["conclusion"]).partition(" in ")
            return opening.partition(": ")[0] == place
        case "calls" | "open-management":
            one = served[to]
            open_to_all = row["rule"] == "calls" or one["authentication"] == "none"
            return bool(
                one["service"] == "SSH"
                and open_to_all
                and one["origin"] in row["origin"].split("\n")
            )
        case "reads-what-it-controls" | "stops-what-it-controls":
            return of == to and row["origin"] == element[of]["origin"]
        case "shares-segment":
            return bool(foot[of]["segment"] == to and row["origin"] == foot[of]["origin"])
        case "takes-signalling":
            one, segment = served[to], next(s for s in rows["segment"] if s["id"] == of)
            members = [i for i in rows["interface"] if i["segment"] == of]
            return (one["service"] == "NGAP" and one["encryption"] == "none" and len(members) > 2
                    and foot[to]["segment"] == of and segment["checks_source"] is False)  # fmt: skip
        case "reads-what-it-is-amid" | "stops-what-it-is-amid":
            return of == to and served[of]["service"] == "NGAP"
        case "link-read":
            return any(
                {link["source"], link["target"]} == {of, to} and link["is_encrypted"] is False
                and link["origin"] == row["origin"] for link in rows["link"]
            )  # fmt: skip
    raise AssertionError(row["rule"])


def test_every_proof_stands_on_the_rows_it_names() -> None:
    rows = drawn(11, 25)
    found = answer(rows)
    steps: dict[tuple[str, str], list[Row]] = {}
    for row in found["chain"].to_pylist():
        steps.setdefault((row["element"], row["effect"]), []).append(row)
    breached = [r for r in found["exposed"].to_pylist() if r["verdict"] == "breached"]
    assert len(breached) > 20
    for one in breached:
        held: set[str] = set()
        for row in sorted(steps[one["element"], one["effect"]], key=lambda r: int(r["step"])):
            assert row["unknown"] is None
            assert {row["premise"], row["also"]} - {None} <= held
            assert is_so(row, rows, {"v:x"}), row
            held.add(row["conclusion"])
        assert f"{one['effect']} element {one['element']}" in held
