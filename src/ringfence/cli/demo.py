"""The demo: a made-up country, written as operators would send it, read, judged and reported."""

import shutil
import time
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.answers import HOW_TO_READ, PACKS, show_options, show_presence
from ringfence.cli.options import JobsOption, JsonOption, QuietOption, day, output, today

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ringfence.cli.output import Output
    from ringfence.rules.pack import Pack
    from ringfence.store.duck import Tables
    from ringfence.workspace import Network, Workspace

PROFILES = ("own-software", "remote-support")
"""What the vendor is assumed to have: a hand in its software; only what its support may do."""

PAST = (date(2021, 6, 30), date(2024, 1, 1))
"""The past days whose law is shown: before the direction of 2022, and the day after the last day
for removal from the core."""


def demo(
    size: Annotated[str, typer.Option(help="town, country or continent.")] = "country",
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another country.")] = 7,
    folder: Annotated[Path, typer.Option(help="Where to put it all.")] = Path("ringfence-demo"),
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="The day asked for.")
    ] = None,
    jobs: JobsOption = 1,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Make a made-up country and run the main job on it, in a minute and offline."""
    from ringfence.errors import UsageError  # noqa: PLC0415
    from ringfence.network.synthetic import SIZES, CountryParameters, write_files  # noqa: PLC0415
    from ringfence.network.synthetic.world import COUNTRIES  # noqa: PLC0415
    from ringfence.workspace import Workspace  # noqa: PLC0415

    if size not in SIZES:
        raise UsageError(f"{size!r} is no size", where="--size", hint=f"one of: {', '.join(SIZES)}")
    out = output(as_json=as_json, quiet=quiet)
    clock = _Clock(out)
    asked = day(as_of) or today()
    country = COUNTRIES[0] if size != "continent" else f"{COUNTRIES[0]} and its neighbours"
    export, home = folder / "export", folder / "workspace"
    _clear(folder)
    with out.progress() as progress:
        progress(f"make {country} and write its files", 0, 1)
        files = write_files(CountryParameters(size=size, seed=seed, as_of=asked), export)
    megabytes = sum(f.stat().st_size for f in files) / 1e6
    clock.say("made", f"{country}, {size}, seed {seed}: {len(files)} files, {megabytes:,.1f} MB")
    place = Workspace.init(home, name=f"{country} (made up)", country=country)
    for mapping in (export / "mappings").glob("*.toml"):
        shutil.copyfile(mapping, home / "mappings" / mapping.name)
    inputs = sorted(f for f in export.iterdir() if f.is_dir() and f.name != "mappings")
    with out.progress() as progress:
        done = place.ingest(inputs, as_of=asked, jobs=jobs, progress=progress)
    network = place.network(asked)
    rows = {n: network.tables.rows(n) for n in ("operator", "site", "element")}
    rejected = sum(f["rows_rejected"] for f in done.files.to_pylist())
    clock.say(
        "read",
        f"{rows['operator']:,} operators, {rows['site']:,} sites, {rows['element']:,} elements; "
        f"{rejected:,} records not kept",
    )
    _answer(out, clock, place, network, folder, is_large=size == "continent")


def _answer(
    out: "Output",
    clock: "_Clock",
    place: "Workspace",
    network: "Network",
    folder: Path,
    *,
    is_large: bool,
) -> None:
    """Ask the main questions of the network and write the report.

    Of a large one it is left to a person to ask whether the separation holds, which takes minutes.
    """
    from ringfence.cli.rules import DUE  # noqa: PLC0415
    from ringfence.network.synthetic.world import DESIGNATED, INDEX, VENDORS  # noqa: PLC0415
    from ringfence.report.assessment import write  # noqa: PLC0415
    from ringfence.rules.pack import load_pack  # noqa: PLC0415
    from ringfence.rules.tally import SORTS, tally, totals  # noqa: PLC0415

    name = VENDORS[INDEX[DESIGNATED]].name
    vendor = place.vendor(network, name)
    with out.progress() as progress:
        progress(f"where {name} is", 0, 4)
        where = place.presence(network, vendor)
        progress("what the law says", 1, 4)
        packs = [load_pack(name) for name in PACKS]
        days = [network.as_of, *PAST]
        law = []
        for pack in packs:
            for that in sorted(days):
                found = place.judge(place.on_day(network, that), pack)
                law.append((pack, that, totals(tally(found["finding"], found["judged"]))))
        progress("what each option would forbid", 2, 4)
        decided = place.decide(network, vendor, packs, packs[0])
        progress("the report", 3, 4)
        file = folder / "report.html"
        asked: Sequence[Sequence[str]] = () if is_large else (PROFILES[:1],)
        made = place.assessment(network, vendor, packs, packs[0], days, profiles=asked)
        write(made, file)
    clock.say("asked", "presence, two instruments on three days, three options; wrote the report")
    separation = None if is_large else _separation(clock, place, network, vendor, packs[0])
    summary = {
        "vendor": vendor,
        "report": str(file),
        "law": [{"pack": p.id, "as_of": d.isoformat(), **c} for p, d, c in law],
        "separation": separation and separation.summary,
    }
    more = {"options": decided.options, "remaining": decided.remaining}
    out.document("demo", network, summary, where, more)
    out.say()
    out.say(f"Where {name} is, on {network.as_of}")
    out.say(HOW_TO_READ)
    out.say()
    names_of = place.operator_names(network)
    measures = {"operator": ("sites", "traffic"), "region": ("sites",), "function": ("elements",)}
    show_presence(out, where, list(measures), names_of, only=measures, most=8)
    out.table(
        "What two United Kingdom instruments say of it",
        ("instrument", "on", "breach", "due", "due?", "unknown", "comply"),
        [(p.id, str(d), *(f"{c[n]:,}" for n in SORTS)) for p, d, c in law],
        right=(2, 3, 4, 5, 6),
        note=DUE,
    )
    show_options(out, decided, names_of)
    command = f"uv run ringfence exposure --vendor {name} --workspace {place.folder}"
    if separation:
        separation.show(out, name, names_of, command)
    else:
        out.say(f"Kept out of the core, could {name} come to it all the same? It takes minutes:")
        out.say(f"        {command}")
        out.say()
    out.say(f"report  {file}")
    out.say(f"next    uv run ringfence check --workspace {place.folder}")
    out.say(f"        uv run ringfence rules run {' '.join(PACKS)} --workspace {place.folder}")


def _separation(
    clock: "_Clock", place: "Workspace", network: "Network", vendor: str, core: "Pack"
) -> "_Separation":
    """Whether the vendor could come to the core all the same, by what it is assumed to have."""
    from ringfence.exposure.control import powers  # noqa: PLC0415

    known = powers()
    found = {
        profile: place.exposure(network, [vendor], [profile], core, powers=known)
        for profile in PROFILES
    }
    clock.say("asked", "whether the separation holds, by two profiles")
    return _Separation(found)


class _Separation:
    """What exposure answered, by profile, in a few lines."""

    def __init__(self, found: "Mapping[str, Tables]") -> None:
        self._asked = found[PROFILES[0]]["asked"].to_pylist()
        self._people = found[PROFILES[0]]["affected_people"].to_pylist()
        self._counts: dict[str, dict[str, Counter[str]]] = {}
        for profile, tables in found.items():
            counts = self._counts.setdefault(profile, defaultdict(Counter))
            for row in tables["exposed"].select(["operator", "verdict"]).to_pylist():
                counts[row["operator"] or ""][row["verdict"]] += 1

    @property
    def summary(self) -> dict[str, object]:
        """The counts by profile and operator, as the JSON document has them."""
        return {p: {o: dict(c) for o, c in of.items()} for p, of in self._counts.items()}

    def show(self, out: "Output", name: str, names: "Mapping[str, str]", command: str) -> None:
        from ringfence.cli.output import cell  # noqa: PLC0415
        from ringfence.exposure.exposed import VERDICTS  # noqa: PLC0415

        own, support = (self._counts[profile] for profile in PROFILES)

        def worst(counts: "Mapping[str, int]") -> str:
            return next((verdict for verdict in VERDICTS if counts.get(verdict)), "")

        out.table(
            f"Kept out of the core, could {name} come to control, read or stop it all the same?",
            ("operator", "by its software", *VERDICTS, "by its support alone"),
            [
                (
                    names.get(operator, operator),
                    worst(own[operator]).upper(),
                    *(f"{own[operator][v]:,}" for v in VERDICTS),
                    worst(support[operator]),
                )
                for operator in sorted(own, key=lambda o: names.get(o, o))
            ],
            right=(2, 3, 4),
            note="answers: three for each core element; the worst of them is the operator's",
        )
        for row in self._people:
            if row["effect"] == "read" and row["total"]:
                low, high = (row[c] / row["total"] for c in ("people_low", "people_high"))
                out.say(
                    f"It could read the traffic of {low:.0%} to {high:.0%} of "
                    f"{cell(row['total'])} people."
                )
        for row in self._asked[:1]:
            out.say(f"Ask first: {row['ask']}.")
            out.say(
                f"If all of it is bad, {row['breaches']:,} more answers are breached; "
                f"if none is, {row['settles']:,} more hold."
            )
        out.say(f"The chains: {command}")
        out.say()


class _Clock:
    """Says what was done and how long it took."""

    def __init__(self, out: "Output") -> None:
        self._out = out
        self._begun = time.monotonic()

    def say(self, verb: str, text: str) -> None:
        now = time.monotonic()
        if self._out.is_for_people:
            self._out.say(f"{verb:<6} {text}  ({now - self._begun:.1f} s)")
        self._begun = now


def _clear(folder: Path) -> None:
    """Take away an earlier demo, and nothing else: the folder must be one of ours or empty."""
    from ringfence.errors import UsageError  # noqa: PLC0415

    ours = {"export", "workspace", "report.html"}
    if not folder.exists():
        return
    if not folder.is_dir() or {f.name for f in folder.iterdir()} - ours:
        raise UsageError(
            "the folder holds something else", where=str(folder), hint="give another --folder"
        )
    shutil.rmtree(folder / "export", ignore_errors=True)
    shutil.rmtree(folder / "workspace", ignore_errors=True)
