"""How far in the vendor comes: the rings with their counts, and the chain that is drawn on them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ringfence.report.exhibits import Annex, Figure
from ringfence.report.rings import EFFECTS, RINGS_DRAWN, ChainStep, Core, Ring, rings
from ringfence.report.words import NONE, number, sentence, shortened

if TYPE_CHECKING:
    from ringfence.report.separation import Separation

VERDICTS = ("breached", "unknown", "holds")
"""The answers, gravest first."""

_LONGEST_TEXT = 600

_RINGS_AT_LEAST = 3
"""Where the chain is shorter, what is further away is seen all the same."""

Rows = Sequence[Mapping[str, Any]]
Steps = Mapping[tuple[str, str], Rows]
"""The steps of each chain, by the element it leads to and its effect."""


def drawn_chain(exposed: Rows, steps: Steps, verdict: str | None) -> tuple[str, str] | None:
    """The answer whose chain is drawn: the shortest from outside, of the gravest answers.

    An element of the core that the vendor made itself has no way in to be drawn; its chain is
    taken only where there is no other.
    """
    own = {r["element"] for r in exposed if r["effect"] == "control" and r["steps"] == 0}
    fits = [
        (r["element"] in own, r["steps"], EFFECTS.index(r["effect"]), r["element"], r["effect"])
        for r in exposed
        if r["verdict"] == verdict
        and r["steps"] is not None
        and (r["element"], r["effect"]) in steps
    ]
    return min(fits)[3:] if fits else None


def _depths(rows: Rows) -> list[int]:
    """How many steps each conclusion of a chain is away from what is held at first."""
    depth: dict[str, int] = {}
    for row in rows:
        before = [depth.get(p, 0) for p in (row["premise"], row["also"]) if p is not None]
        depth[row["conclusion"]] = 1 + max(before) if before else 0
    return [depth[row["conclusion"]] for row in rows]


def way_in(
    one: "Separation",
    exposed: Rows,
    steps: Steps,
    annex: Annex,
    *,
    key: str,
    vendor: str,
) -> tuple[Figure | None, tuple[tuple[str, ...], ...]]:
    """The picture, and the rows of the table beneath it."""
    verdict = next((v for v in VERDICTS if any(r["verdict"] == v for r in exposed)), None)
    if verdict is None:
        return None, ()
    drawn = drawn_chain(exposed, steps, verdict)
    chain = steps[drawn] if drawn else ()
    depths = _depths(chain)
    last = max(depths, default=0)
    far = [r["steps"] for r in one.ring.to_pylist() if r["steps"] is not None and not r["is_core"]]
    spans = _spans(max(last, min(_RINGS_AT_LEAST, max(far, default=0) + 1)))
    rows = _by_ring(one, spans)
    core = [
        Core(effect, *(sum(r["effect"] == effect and r["verdict"] == v for r in exposed) for v in VERDICTS))
        for effect in EFFECTS
    ]  # fmt: skip
    in_ring = [
        next((i for i, (a, b) in enumerate(spans) if a <= d <= b), len(spans)) for d in depths
    ]
    if in_ring:
        in_ring[-1] = len(spans)
    told = [
        ChainStep(at, row["means"] or row["conclusion"], row["unknown"] is None)
        for at, row in zip(in_ring, chain, strict=True)
    ]
    says = _banner(verdict, last, is_own=bool(drawn) and last == 0 and len(chain) == 1)
    twin = annex.add(
        f"Steps from the vendor\u2019s equipment to the core, {one.profile}",
        ("Steps", "First", "Part of the network", "Core", "Answer", "Elements", "Functions"),
        [
            (
                NONE if r["steps"] is None else number(r["steps"]),
                _FIRST.get(r["power"], "nothing"),
                r["domain"] or "no function stated",
                "core" if r["is_core"] else "",
                r["verdict"],
                number(r["elements"]),
                shortened(r["kinds"] or "", _LONGEST_TEXT),
            )
            for r in one.ring.to_pylist()
        ],
        figures=range(5, 6),
        note=_case_of(one),
    )
    said = "; ".join(
        f"{r.label}: {r.held} held, {r.perhaps} perhaps, {r.reached} reached" for r in rows
    )
    worst = "; ".join(
        f"to {c.effect}: {c.breached} breached, {c.unknown} unknown, {c.holds} hold" for c in core
    )
    way = "; ".join(f"step {i}: {s.means}" for i, s in enumerate(told))
    figure = Figure(
        title=f"From {shortened(vendor, 80)} to the core",
        note=sentence(
            "The rim is what it has at first, each ring one step, the middle the core. Dark: "
            "something there is held; hatched: something may be; light: nothing is"
            + (
                ""
                if all(s.is_sure for s in told)
                else "; a dashed step hangs on what nobody stated"
            )
            + _case_of(one, "; ")
        ),
        svg=rings(
            rows,
            core,
            told,
            drawn[1] if drawn else None,
            verdict=verdict,
            says=says,
            key=key,
            title=f"How far the vendor comes, with {one.profile}: {verdict}",
            describes=f"{says}. {said}. The core: {worst}. {way}. The figures are in table {twin.name}.",
        ),
        twin=twin,
    )
    return figure, tuple(
        (r.label, number(r.held), number(r.perhaps), number(r.reached), r.where or NONE)
        for r in rows
    )


_FIRST = {
    "control": "controlled",
    "read": "read",
    "stop": "stopped",
    "reach": "reached by its packets",
}


def _case_of(one: "Separation", before: str = "") -> str:
    cases = sorted({r["case"] for r in one.ring.to_pylist() if r["case"] is not None})
    return f"{before}of many cases the worst is shown: {cases[0]}" if cases else ""


def _banner(verdict: str, steps: int, *, is_own: bool) -> str:
    away = "1 step" if steps == 1 else f"{number(steps)} steps"
    if verdict == "breached":
        return "Breached: it is in the core itself" if is_own else f"Breached: {away} to the core"
    if verdict == "unknown":
        hangs = "on facts that nobody stated"
        return f"Unknown: it hangs {hangs}" if is_own else f"Unknown: {away}, {hangs}"
    return "Holds: no chain of steps leads to the core"


def _spans(steps: int) -> list[tuple[int, int]]:
    """The steps that each ring stands for, the last without an end."""
    count = max(1, steps)
    if count <= RINGS_DRAWN:
        spans = [(i, i) for i in range(count)]
    else:
        spans = [(i, i) for i in range(RINGS_DRAWN - 2)]
        spans += [(RINGS_DRAWN - 2, count - 2), (count - 1, count - 1)]
    return [*spans[:-1], (spans[-1][0], 1 << 30)]


def _by_ring(one: "Separation", spans: Sequence[tuple[int, int]]) -> list[Ring]:
    table = [r for r in one.ring.to_pylist() if not r["is_core"] and r["steps"] is not None]
    found = []
    for place, (first, last) in enumerate(spans):
        here = [r for r in table if first <= r["steps"] <= last]
        held = [r for r in here if r["power"] != "reach"]
        where: Counter[str] = Counter()
        for row in held or here:
            where[row["domain"] or "no function stated"] += row["elements"]
        order = sorted(where, key=lambda d: (-where[d], d))
        found.append(
            Ring(
                label=_span_in_words(first, last, is_only=len(spans) == 1, is_last=place == len(spans) - 1),
                held=sum(r["elements"] for r in held if r["verdict"] == "breached"),
                perhaps=sum(r["elements"] for r in held if r["verdict"] == "unknown"),
                reached=sum(r["elements"] for r in here if r["power"] == "reach"),
                where=", ".join(f"{number(where[d])} {d}" for d in order),
            )
        )  # fmt: skip
    return found


def _span_in_words(first: int, last: int, *, is_only: bool, is_last: bool) -> str:
    if is_only:
        return "At first and after"
    if first == 0:
        return "At first"
    words = "1 step" if first == 1 else f"{number(first)} steps"
    if is_last:
        return f"{words} and more"
    return words if first == last else f"{number(first)} to {number(last)} steps"
