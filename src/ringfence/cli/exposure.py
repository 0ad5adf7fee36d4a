"""The verb that asks whether a separation holds: exposure."""

import textwrap
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ringfence.cli.answers import CoreOption
from ringfence.cli.options import (
    HERE,
    AsOfOption,
    JsonlOption,
    JsonOption,
    OutOption,
    QuietOption,
    SnapshotOption,
    WorkspaceOption,
    network_of,
    output,
    packs_of,
    workspace_in,
)
from ringfence.errors import TimeLimitError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from ringfence.cli.output import Output
    from ringfence.exposure.control import Powers
    from ringfence.exposure.cuts import Repair
    from ringfence.store.duck import Tables
    from ringfence.workspace import Network

SHOWN_UNKNOWNS = 10
SHOWN_SETS = 30
SHOWN_FUNCTIONS = 8
SHOWN_CHANGES = 20
WIDTH = 100
WHEN = ("before", "after")

FailOnOption = Annotated[
    str,
    typer.Option("--fail-on", help="Leave with code 1 at answers: breached, unknown or never."),
]


def exposure(
    vendor: Annotated[
        list[str] | None,
        typer.Option("--vendor", help="A hostile vendor; several are hostile together."),
    ] = None,
    workspace: WorkspaceOption = HERE,
    profile: Annotated[
        str,
        typer.Option(
            help="What it has at first: see --profiles. Several are joined by a plus sign."
        ),
    ] = "own-software",
    profiles: Annotated[bool, typer.Option("--profiles", help="List the threat profiles.")] = False,
    core: CoreOption = "uk-dvd-2022",
    paths: Annotated[int, typer.Option(min=0, help="Show this many chains.")] = 3,
    what_if: Annotated[
        str | None,
        typer.Option(
            "--what-if",
            help="Try many instead: vendors, pairs of them, or regions of the vendors given.",
        ),
    ] = None,
    repair: Annotated[bool, typer.Option("--repair", help="Look for the cheapest repair.")] = False,
    seconds: Annotated[
        float,
        typer.Option(min=0, help="Time for the facts that decide, and as much again for a repair."),
    ] = 60,
    powers: Annotated[
        Path | None, typer.Option(help="A folder of powers and profiles of your own.")
    ] = None,
    fail_on: FailOnOption = "never",
    as_of: AsOfOption = None,
    snapshot: SnapshotOption = None,
    as_json: JsonOption = False,
    as_jsonl: JsonlOption = False,
    file: OutOption = None,
    quiet: QuietOption = False,
) -> None:
    """Say whether a vendor, kept out of the core, could still come to control, read or stop it."""
    from ringfence.exposure import control  # noqa: PLC0415
    from ringfence.exposure.exposed import VERDICTS, with_sentences  # noqa: PLC0415

    known = control.powers(powers)
    if profiles:
        _profiles(output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet), known)
        return
    if not vendor and what_if not in {"vendors", "pairs"}:
        raise UsageError("no vendor is given", where="--vendor", hint="see: ringfence show vendor")
    if fail_on not in {*VERDICTS[:2], "never"}:
        raise UsageError(
            f"{fail_on!r} is no threshold", where="--fail-on", hint="breached, unknown or never"
        )
    out = output(as_json=as_json, as_jsonl=as_jsonl, out=file, quiet=quiet)
    place = workspace_in(workspace)
    network = network_of(place, as_of, snapshot, out)
    (drawn,) = packs_of([core], workspace, out).packs
    vendor = vendor or []
    vendors = [place.vendor(network, name) for name in vendor]
    chosen = [name.strip() for name in profile.split("+") if name.strip()]
    if what_if is not None:
        rows = place.what_if(network, what_if, vendors, chosen, drawn, powers=known)
        _what_if(out, network, what_if, vendor, chosen, rows)
        return
    found = place.exposure(network, vendors, chosen, drawn, powers=known, seconds=seconds)
    exposed = found["exposed"].to_pylist()
    verdicts = {row["verdict"] for row in exposed}
    whole = next((v for v in VERDICTS if v in verdicts), "unknown")
    chain = with_sentences(found["chain"], known)
    mended = None
    if repair:
        mended = place.repair(network, vendors, chosen, drawn, powers=known, seconds=seconds)
    summary: dict[str, object] = {
        "vendors": vendors,
        "profiles": chosen,
        "core": core,
        "verdict": whole if exposed else "no core function is stated",
        **{v: sum(r["verdict"] == v for r in exposed) for v in VERDICTS},
        **_tried(found),
    }
    more = {
        "chain": chain,
        "decider": found["decider"],
        "asked": found["asked"],
        "affected_people": found["affected_people"],
    }
    if mended is not None:
        summary["repair"] = _bounds(mended)
        more |= {"repair": mended.changes, "repaired": mended.answers}
    out.document("exposure", network, summary, found["exposed"], more)
    if out.is_for_people:
        _headline(out, vendor, chosen, network, exposed, whole)
        _by_function(out, exposed)
        _people(out, found)
        names = place.element_names(network)
        _chains(out, chain.to_pylist(), exposed, paths, names)
        _unknowns(out, found)
        _repair(out, mended, names)
        _next(out, vendor, exposed, found, mended)
    tried = _tried(found)
    if tried["facts_tried"] < tried["facts"] or (mended is not None and not mended.is_least):
        raise typer.Exit(TimeLimitError.exit_code)
    if fail_on != "never" and verdicts & set(VERDICTS[: VERDICTS.index(fail_on) + 1]):
        raise typer.Exit(1)


def _profiles(out: "Output", known: "Powers") -> None:
    from ringfence.store.tables import Column, Table, Type  # noqa: PLC0415

    listing = Table(
        "profiles",
        "a threat profile",
        ("profile",),
        (
            Column("profile", Type.TEXT, "Its name"),
            Column("says", Type.TEXT, "What it assumes"),
        ),
    )
    rows = [{"profile": p.id, "says": p.says} for p in known.profiles]
    out.document("exposure-profiles", None, {"profiles": len(rows)}, listing.from_rows(rows))
    out.table(
        "Threat profiles", ("profile", "what it assumes"), [(r["profile"], r["says"]) for r in rows]
    )


def _what_if(
    out: "Output",
    network: "Network",
    sets: str,
    vendors: list[str],
    profiles: list[str],
    rows: "pa.Table",
) -> None:
    from ringfence.cli.output import cell  # noqa: PLC0415

    summary = {"sets": sets, "vendors": vendors, "profiles": profiles, "cases": rows.num_rows}
    out.document("exposure-what-if", network, summary, rows)

    def span(row: dict[str, Any], effect: str) -> str:
        low, high = (cell(float(row[f"{effect}_{end}"])) for end in ("low", "high"))
        return low if low == high else f"{low} to {high}"

    listed = rows.to_pylist()
    whose = f"of {' and '.join(vendors)} " if sets == "regions" else ""
    out.table(
        f"What if {sets} {whose}were hostile, with {' and '.join(profiles)}, on {network.as_of}",
        ("hostile", "elements", "breached", "unknown", "holds", "people read", "people stopped"),
        [
            (
                r["of"],
                *(cell(r[c]) for c in ("held", "breached", "unknown", "holds")),
                span(r, "read"),
                span(r, "stop"),
            )
            for r in listed[:SHOWN_SETS]
        ],
        right=(1, 2, 3, 4, 5, 6),
        note="answers: to control, read or stop each core element; people: as is known, and at most"
        + (f"\n{len(listed) - SHOWN_SETS:,} more: --json" if len(listed) > SHOWN_SETS else ""),
    )


def _headline(
    out: "Output",
    vendors: list[str],
    profiles: list[str],
    network: "Network",
    exposed: list[dict[str, Any]],
    whole: str,
) -> None:
    words = {
        "breached": "the separation is BREACHED",
        "unknown": "whether the separation holds is UNKNOWN",
        "holds": "the separation HOLDS",
    }
    out.say(f"{' and '.join(vendors)}, with {' and '.join(profiles)}, on {network.as_of}")
    if not exposed:
        out.say("no element is stated to perform a core function, so there is nothing to answer")
        out.say("next: ringfence check")
        return
    counts = ", ".join(
        f"{sum(r['verdict'] == v for r in exposed):,} {v}"
        for v in ("breached", "unknown", "holds")
        if any(r["verdict"] == v for r in exposed)
    )
    elements = len({r["element"] for r in exposed})
    out.say(f"{words[whole]}")
    _hung(
        out,
        f"{elements:,} core elements, ",
        f"{len(exposed):,} answers (to control, read or stop each): {counts}",
    )
    out.say()


def _by_function(out: "Output", exposed: list[dict[str, Any]]) -> None:
    """The worst answer of each function for each effect; functions alike in all of it together."""
    from ringfence.exposure.control import EFFECTS  # noqa: PLC0415
    from ringfence.exposure.exposed import VERDICTS  # noqa: PLC0415
    from ringfence.exposure.told import listed  # noqa: PLC0415

    cells: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in exposed:
        cells[row["kind"], row["effect"]].append(row)

    def worst(kind: str, effect: str) -> tuple[int, int | None]:
        rows = cells[kind, effect]
        grave = min(VERDICTS.index(r["verdict"]) for r in rows)
        steps = [r["steps"] for r in rows if VERDICTS.index(r["verdict"]) == grave]
        return grave, min((s for s in steps if s is not None), default=None)

    groups: dict[tuple[tuple[int, int | None], ...], list[str]] = defaultdict(list)
    for kind in sorted({k for k, _ in cells}):
        groups[tuple(worst(kind, effect) for effect in EFFECTS)].append(kind)

    def cell(kinds: list[str], effect: str, grave: int, steps: int | None) -> str:
        rows = [r for kind in kinds for r in cells[kind, effect]]
        of_it = sum(VERDICTS.index(r["verdict"]) == grave for r in rows)
        far = "" if steps is None else f" in {steps}"
        return f"{VERDICTS[grave]} {of_it:,} of {len(rows):,}{far}"

    def gravity(group: tuple[tuple[int, int | None], ...]) -> tuple[object, ...]:
        return *(grave for grave, _ in sorted(group)), *(s or 0 for _, s in group), groups[group]

    out.table(
        "What it could come to do, at worst, by core function",
        ("function", *EFFECTS),
        [
            (
                listed(groups[group], SHOWN_FUNCTIONS),
                *(
                    cell(groups[group], effect, *one)
                    for effect, one in zip(EFFECTS, group, strict=True)
                ),
            )
            for group in sorted(groups, key=gravity)
        ],
        note="in 3: the shortest chain has 3 steps; unknown: it hangs on a fact that nobody stated"
        "\neach function and element: --json",
    )


def _people(out: "Output", found: "Tables") -> None:
    from ringfence.cli.output import cell  # noqa: PLC0415

    for row in found["affected_people"].to_pylist():
        lacking = f"; {row['not_stated']:,} sites state no people" if row["not_stated"] else ""
        if not row["total"]:
            if lacking:
                out.say(f"people whose traffic it could {row['effect']}: not known{lacking}")
            continue
        low, high, total = (row[c] for c in ("people_low", "people_high", "total"))
        known = f"{cell(low)} of {cell(total)} ({low / total:.0%}) as is known"
        most = f", at most {cell(high)} ({high / total:.0%})" if high > low else ""
        _hung(out, f"people whose traffic it could {row['effect']}: ", f"{known}{most}{lacking}")


def _chains(
    out: "Output",
    chain: list[dict[str, Any]],
    exposed: list[dict[str, Any]],
    paths: int,
    names: dict[str, str],
) -> None:
    """The shortest chains, to answers of different functions first; the vendor's own last."""
    from ringfence.exposure.exposed import VERDICTS  # noqa: PLC0415
    from ringfence.exposure.told import plainly  # noqa: PLC0415

    steps: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in chain:
        steps[row["element"], row["effect"]].append(row)
    own = {r["element"] for r in exposed if r["effect"] == "control" and r["steps"] == 0}
    told = sorted(
        (r for r in exposed if (r["element"], r["effect"]) in steps),
        key=lambda r: (
            VERDICTS.index(r["verdict"]), r["element"] in own, r["steps"], r["kind"], r["element"],
            r["effect"],
        ),
    )  # fmt: skip
    seen: set[tuple[str, str]] = set()
    verbs = {
        "control": "it comes to control",
        "read": "it comes to read what passes through",
        "stop": "it can stop",
    }
    for row in told:
        if len(seen) >= paths:
            break
        if (row["kind"], row["effect"]) in seen:
            continue
        seen.add((row["kind"], row["effect"]))
        out.say()
        name = names.get(row["element"]) or row["element"]
        out.say(f"{row['verdict'].upper()}: {verbs[row['effect']]} the {row['kind']} {name}")
        out.say(f"  key {row['element']}")
        for step in steps[row["element"], row["effect"]]:
            _hung(out, f"  {step['step']}  ", step["means"] or step["conclusion"])
            _hung(out, "     because: ", step["says"] or step["rule"])
            if step["unknown"]:
                _hung(out, "     ONLY IF, which nobody stated: ", plainly(step["unknown"]))
            for origin in (step["origin"] or "").splitlines():
                _hung(out, "     read at ", origin)
            if step["cites"]:
                _hung(out, "     see ", step["cites"])
    more = len(steps) - len(seen)
    if more > 0 and seen:
        out.say()
        out.say(f"{more:,} more chains: --paths {len(steps)}, or --json")


def _hung(out: "Output", lead: str, text: str) -> None:
    """A line whose further lines stand under its text."""
    margin = " " * (len(lead) if len(lead) < 8 else 7)
    out.say(
        textwrap.fill(
            f"{lead}{text}",
            WIDTH,
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
    )


def _unknowns(out: "Output", found: "Tables") -> None:
    """What to ask, by the sort of fact: all of a sort together, with where the answer goes."""
    every = found["asked"].to_pylist()
    rows = [r for r in every if r["breaches"] or r["settles"]] or every
    out.say()
    if rows:
        out.table(
            "Facts to collect, the most decisive first; those of one sort are counted together",
            ("fact", "facts", "fill", "breached if so", "holds if not"),
            [
                (
                    r["ask"],
                    f"{r['facts']:,}",
                    f"{r['table']}.{r['column']}" if r["table"] else "",
                    "not tried" if r["breaches"] is None else f"{r['breaches']:,}",
                    "not tried" if r["settles"] is None else f"{r['settles']:,}",
                )
                for r in rows[:SHOWN_UNKNOWNS]
            ],
            right=(1, 3, 4),
            note="one by one: --json (decider)"
            + (
                f"; {len(rows) - SHOWN_UNKNOWNS:,} more sorts" if len(rows) > SHOWN_UNKNOWNS else ""
            ),
        )
    tried = _tried(found)
    if left := tried["facts"] - tried["facts_tried"]:
        out.say(
            f"time was out: {left:,} of {tried['facts']:,} facts were not tried one by one; "
            "more time: --seconds"
        )


def _tried(found: "Tables") -> dict[str, int]:
    """How many facts the unknown answers may hang on, and how many were tried one by one."""
    rows = found["asked"].to_pylist()
    return {"facts": sum(r["facts"] for r in rows), "facts_tried": sum(r["tried"] for r in rows)}


def _next(
    out: "Output",
    vendors: list[str],
    exposed: list[dict[str, Any]],
    found: "Tables",
    mended: "Repair | None",
) -> None:
    """What to do next, as commands."""
    tables = [r["table"] for r in found["asked"].to_pylist() if r["table"]]
    if tables:
        out.say(f"next: ringfence sources template {tables[0]} --out {tables[0]}.csv")
        out.say("      fill it in and read it with: ringfence ingest")
    if mended is None and any(r["verdict"] == "breached" for r in exposed):
        named = " ".join(f"--vendor '{v}'" for v in vendors)
        out.say(f"next: ringfence exposure {named} --repair")


def _bounds(mended: "Repair") -> dict[str, object]:
    from ringfence.exposure.exposed import VERDICTS  # noqa: PLC0415

    answers = mended.answers.to_pylist()
    return {
        "cost": mended.cost,
        "lower_bound": mended.lower,
        "is_checked": mended.is_checked,
        **{when: {v: sum(r[when] == v for r in answers) for v in VERDICTS} for when in WHEN},
        "beyond_repair": [f"{r['effect']} {r['kind']} {r['element']}" for r in mended.beyond],
    }


def _repair(out: "Output", mended: "Repair | None", names: dict[str, str]) -> None:
    if mended is None:
        return
    rows = mended.changes.to_pylist()
    if not rows and not mended.beyond:
        out.say("nothing to repair: what is known reaches nothing of the core")
        return
    if rows:
        how = (
            "none costs less"
            if mended.is_least
            else f"the best so far; proved so far: none costs less than {mended.lower:g}"
        )
        out.table(
            f"Cheapest repair of what is known: cost {mended.cost:g}; {how}",
            ("change", "to", "cost", "powers gone"),
            [
                (r["change"], r["means"] or r["of"], f"{r['cost']:g}", f"{r['facts']:,}")
                for r in rows[:SHOWN_CHANGES]
            ],
            right=(2, 3),
            note="costs weigh the changes beside each other; they are not money"
            + (
                f"\n{len(rows) - SHOWN_CHANGES:,} more changes: --json"
                if len(rows) > SHOWN_CHANGES
                else ""
            ),
        )
        _before_and_after(out, mended)
    _beyond(out, mended, names)


def _before_and_after(out: "Output", mended: "Repair") -> None:
    """The answers of each function that the repair changes, before it and after it."""
    from ringfence.exposure.exposed import VERDICTS  # noqa: PLC0415

    by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
    answers = mended.answers.to_pylist()
    for row in answers:
        by_kind[row["kind"]].append(row)

    def change(of: list[dict[str, Any]], verdict: str) -> str:
        before, after = (sum(r[when] == verdict for r in of) for when in WHEN)
        return f"{before:,} -> {after:,}" if before != after else f"{before:,}"

    changed = {
        kind: of
        for kind, of in sorted(by_kind.items())
        if any(r["before"] != r["after"] for r in of)
    }
    whole = [
        next(v for v in VERDICTS if any(r[when] == v for r in answers)).upper() for when in WHEN
    ]
    out.table(
        f"Answers before the repair and after it: {whole[0]}, then {whole[1]}",
        ("function", *VERDICTS),
        [
            *((kind, *(change(of, v) for v in VERDICTS)) for kind, of in changed.items()),
            ("all of the core", *(change(answers, v) for v in VERDICTS)),
        ],
        right=(1, 2, 3),
        note="checked: all was worked out anew on the network without the powers taken away"
        if mended.is_checked
        else "NOT enough: worked out anew, the repaired network still has breaches that a change "
        "prevents",
    )


def _beyond(out: "Output", mended: "Repair", names: dict[str, str]) -> None:
    """What no change prevents: the vendor's own elements, and others."""
    from ringfence.exposure.told import listed  # noqa: PLC0415

    beyond = mended.beyond
    if not beyond:
        return
    out.say(f"no change that we know of prevents {len(beyond):,} of the breached answers:")
    for is_own, why in (
        (True, "the vendor's own, ended only by another in its place"),
        (False, "reached by powers that only another design takes away"),
    ):
        by_kind: dict[str, set[str]] = defaultdict(set)
        for row in beyond:
            if row["is_own"] is is_own:
                by_kind[str(row["kind"])].add(str(row["element"]))
        if by_kind:
            elements = len({e for of in by_kind.values() for e in of})
            what = "; ".join(
                f"{kind} {listed(sorted(names.get(e) or e for e in of))}"
                for kind, of in sorted(by_kind.items())
            )
            noun = "core element" if elements == 1 else "core elements"
            _hung(out, "  ", f"{elements:,} {noun}, {why}: {what}")
