"""The verb that asks whether a separation holds: exposure."""

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
    seconds: Annotated[float, typer.Option(min=0, help="Time to look for a repair.")] = 60,
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
    from ringfence.rules.pack import load_pack  # noqa: PLC0415

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
    vendor = vendor or []
    vendors = [place.vendor(network, name) for name in vendor]
    chosen = [name.strip() for name in profile.split("+") if name.strip()]
    if what_if is not None:
        rows = place.what_if(network, what_if, vendors, chosen, load_pack(core), powers=known)
        _what_if(out, network, what_if, vendor, chosen, rows)
        return
    found = place.exposure(network, vendors, chosen, load_pack(core), powers=known)
    exposed = found["exposed"].to_pylist()
    verdicts = {row["verdict"] for row in exposed}
    whole = next((v for v in VERDICTS if v in verdicts), "unknown")
    chain = with_sentences(found["chain"], known)
    mended = None
    if repair:
        mended = place.repair(
            network, vendors, chosen, load_pack(core), powers=known, seconds=seconds
        )
    summary: dict[str, object] = {
        "vendors": vendors,
        "profiles": chosen,
        "core": core,
        "verdict": whole if exposed else "no core function is stated",
        **{v: sum(r["verdict"] == v for r in exposed) for v in VERDICTS},
    }
    more = {
        "chain": chain,
        "decider": found["decider"],
        "asked": found["asked"],
        "affected_people": found["affected_people"],
    }
    if mended is not None:
        summary["repair"] = _bounds(mended)
        more["repair"] = mended.changes
    out.document("exposure", network, summary, found["exposed"], more)
    if out.is_for_people:
        _headline(out, vendor, chosen, network, exposed, whole)
        _by_function(out, exposed)
        _people(out, found)
        names = place.element_names(network)
        _chains(out, chain.to_pylist(), exposed, paths, names)
        _unknowns(out, found)
        _repair(out, mended)
        _next(out, vendor, exposed, found, mended)
    if mended is not None and not mended.is_least:
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
    out.say(
        f"{elements:,} core elements, {len(exposed):,} answers (to control, read or stop each): {counts}"
    )
    out.say()


def _by_function(out: "Output", exposed: list[dict[str, Any]]) -> None:
    """The worst answer of each function for each effect, with the shortest chain to it."""
    from ringfence.exposure.control import EFFECTS  # noqa: PLC0415
    from ringfence.exposure.exposed import VERDICTS  # noqa: PLC0415

    cells: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in exposed:
        cells[row["kind"], row["effect"]].append(row)

    def cell(kind: str, effect: str) -> str:
        rows = cells[kind, effect]
        worst = min((r["verdict"] for r in rows), key=VERDICTS.index)
        of_it = [r for r in rows if r["verdict"] == worst]
        steps = min((r["steps"] for r in of_it if r["steps"] is not None), default=None)
        far = "" if steps is None else f", {steps} steps" if steps != 1 else ", 1 step"
        many = f" ({len(of_it)} of {len(rows)})" if len(rows) > 1 else ""
        return f"{worst}{many}{far}"

    out.table(
        "What it could come to do, at worst, by core function",
        ("function", *EFFECTS),
        [(kind, *(cell(kind, e) for e in EFFECTS)) for kind in sorted({k for k, _ in cells})],
        note="steps: of the shortest chain; unknown: it hangs on a fact that nobody stated",
    )


def _people(out: "Output", found: "Tables") -> None:
    from ringfence.cli.output import cell  # noqa: PLC0415

    for row in found["affected_people"].to_pylist():
        if row["total"]:
            low, high = (row[c] / row["total"] for c in ("people_low", "people_high"))
            out.say(
                f"traffic it could {row['effect']}: that of {low:.0%} to {high:.0%} of "
                f"{cell(row['total'])} people"
                + (f"; {row['not_stated']:,} sites state no people" if row["not_stated"] else "")
            )


def _chains(
    out: "Output",
    chain: list[dict[str, Any]],
    exposed: list[dict[str, Any]],
    paths: int,
    names: dict[str, str],
) -> None:
    """The shortest chains, to answers of different functions first."""
    from ringfence.exposure.exposed import VERDICTS  # noqa: PLC0415

    steps: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in chain:
        steps[row["element"], row["effect"]].append(row)
    told = sorted(
        (r for r in exposed if (r["element"], r["effect"]) in steps),
        key=lambda r: (
            VERDICTS.index(r["verdict"]), r["steps"], r["kind"], r["element"], r["effect"],
        ),
    )  # fmt: skip
    seen: set[tuple[str, str]] = set()
    verbs = {"control": "it comes to control", "read": "it comes to read", "stop": "it can stop"}
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
            out.say(f"  {step['step']}  {step['means'] or step['conclusion']}")
            out.say(f"     because: {step['says'] or step['rule']}")
            if step["unknown"]:
                out.say(f"     ONLY IF, which nobody stated: {step['unknown']}")
            for origin in (step["origin"] or "").splitlines():
                out.say(f"     read at {origin}")
            if step["cites"]:
                out.say(f"     see {step['cites']}")
    more = len(steps) - len(seen)
    if more > 0 and seen:
        out.say()
        out.say(f"{more:,} more chains: --paths {len(steps)}, or --json")


def _unknowns(out: "Output", found: "Tables") -> None:
    """What to ask, by the sort of fact: all of a sort together, with where the answer goes."""
    every = found["asked"].to_pylist()
    rows = [r for r in every if r["breaches"] or r["settles"]] or every
    if rows:
        out.say()
        out.table(
            "Facts to collect, the most decisive first; those of one sort are counted together",
            ("fact", "facts", "fill", "breached if so", "holds if not"),
            [
                (
                    r["ask"],
                    f"{r['facts']:,}",
                    f"{r['table']}.{r['column']}" if r["table"] else "",
                    f"{r['breaches']:,}",
                    f"{r['settles']:,}",
                )
                for r in rows[:SHOWN_UNKNOWNS]
            ],
            right=(1, 3, 4),
            note="one by one: --json (decider)"
            + (
                f"; {len(rows) - SHOWN_UNKNOWNS:,} more sorts" if len(rows) > SHOWN_UNKNOWNS else ""
            ),
        )


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
    return {
        "cost": mended.cost,
        "lower_bound": mended.lower,
        "is_checked": mended.is_checked,
        "beyond_repair": list(mended.beyond),
    }


def _repair(out: "Output", mended: "Repair | None") -> None:
    if mended is None:
        return
    rows = mended.changes.to_pylist()
    if not rows and not mended.beyond:
        out.say()
        out.say("nothing to repair: what is known reaches nothing of the core")
        return
    how = (
        "no cheaper one exists" if mended.is_least else f"none can cost less than {mended.lower:g}"
    )
    out.say()
    out.table(
        f"Cheapest repair of what is known: cost {mended.cost:g}; {how}",
        ("change", "to", "cost", "powers gone"),
        [(r["change"], r["means"] or r["of"], f"{r['cost']:g}", f"{r['facts']:,}") for r in rows],
        right=(2, 3),
        note="checked: the closure of the repaired network reaches none of it"
        if mended.is_checked
        else "NOT enough: the closure of the repaired network still reaches some of it",
    )
    if mended.beyond:
        more = f" and {len(mended.beyond) - 5:,} more" if len(mended.beyond) > 5 else ""
        out.say(f"no change that we know of prevents: {', '.join(mended.beyond[:5])}{more}")
