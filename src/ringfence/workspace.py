"""A workspace: a folder with a network's snapshots, and what a person asks of them.

    ringfence.toml   what the workspace is: name, country, label, values for rule packs
    mappings/        how each table file's columns become ours; a person may edit them
    inputs/          what was read from each file, by the hash of the file and the reader
    snapshots/       the network as of a date; immutable
    cache/           results of steps, each with its record; may be deleted

Each verb is one step or a short chain of them, so every answer has a record of what it was made
from. Verbs return tables; printing them is the command line's work.
"""

import dataclasses
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pyarrow as pa
import pyarrow.compute as pc
import pydantic
import tomli_w

from ringfence.decision.options import (
    OPTIONS,
    REMAINING,
    OptionParameters,
    once_obeyed,
    options,
)
from ringfence.dependence.concentration import ConcentrationParameters, concentration
from ringfence.errors import (
    InputError,
    NotFoundError,
    SourceError,
    UsageError,
    VerificationError,
)
from ringfence.exposure.limits import Limit
from ringfence.exposure.packets import PacketParameters, packets
from ringfence.exposure.pairs import PairParameters, pairs
from ringfence.exposure.presence import PresenceParameters, presence
from ringfence.exposure.reach import EXPOSED, REACH
from ringfence.intake import (
    Found,
    MergeParameters,
    Part,
    Refusal,
    WasRead,
    files_after,
    files_below,
    identify,
    merge_step,
    part_in,
    read_files,
    readings,
    with_refused,
)
from ringfence.network import vendors
from ringfence.network.check import CheckParameters, check, to_fill
from ringfence.network.diff import DiffParameters, both, diff
from ringfence.network.linking import LINKED, LinkParameters, check_link, confirmed, propose
from ringfence.network.model import (
    CONFIRMED_LINK,
    FINDING,
    NETWORK_TABLES,
    REJECT,
    SCHEMA_VERSION,
    SOURCE_FILE,
    TABLES,
)
from ringfence.network.ownership import control
from ringfence.provenance.step import Parameters, Step, StepCache, code_hash
from ringfence.report.assessment import NETWORK_ROWS, Assessment, Law
from ringfence.report.separation import Separation
from ringfence.report.withdrawal import Withdrawn
from ringfence.rules.evaluate import EvaluateParameters, run_of, run_pack
from ringfence.rules.labels import LABELS, label_of
from ringfence.rules.pack import Pack
from ringfence.rules.tally import tally, totals
from ringfence.store import pool
from ringfence.store.duck import Tables
from ringfence.store.jail import Jail, Limits
from ringfence.store.snapshot import (
    Snapshot,
    Snapshots,
    exclusive,
    replace,
)
from ringfence.store.tables import Table

if TYPE_CHECKING:
    from ringfence.exposure.control import Powers
    from ringfence.exposure.cuts import Repair
    from ringfence.exposure.exposed import ExposureParameters

SETTINGS = "ringfence.toml"
_FOLDERS = ("mappings", "inputs", "snapshots", "cache")

Progress = Callable[[str, int, int], None]
"""Told what is being done, how many parts of it are done, and of how many."""


class Settings(pydantic.BaseModel):
    """What `ringfence.toml` may say."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    name: str = pydantic.Field(description="The workspace's name, as reports head it")
    country: str | None = pydantic.Field(
        default=None, description="The country the network is in, as reports name it"
    )
    label: str | None = pydantic.Field(
        default=None, description="The marking printed on every report, such as `Confidential`"
    )
    pack: dict[str, dict[str, float | str | bool | date]] = pydantic.Field(
        default_factory=dict,
        description="Values a rule pack asks for, by pack and parameter; absent is not stated",
    )


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an ingest did."""

    snapshot: Snapshot
    files: pa.Table
    rejects: pa.Table
    refused: tuple[Refusal, ...]
    findings: pa.Table


@dataclass(frozen=True, slots=True)
class Network:
    """A network a question is asked of: the snapshot, its tables, the day asked for.

    `is_of_that_day` is false where the workspace knows no network as of that day or earlier, so
    that a later one stands in; what was installed since is then left out, but what was removed
    since is not known.
    """

    snapshot: Snapshot
    tables: Tables
    as_of: date
    is_of_that_day: bool

    def on(self, tables: Tables) -> "Network":
        """The same network with other tables: fewer of them, or some rows left out."""
        return dataclasses.replace(self, tables=tables)


@dataclass(frozen=True, slots=True)
class Decided:
    """The options side by side, what each forbids, and what the law says once it is obeyed."""

    options: pa.Table
    forbidden: pa.Table
    remaining: pa.Table


class Workspace:
    """A folder with a network's snapshots. Make one with `Workspace.init`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / SETTINGS).exists():
            raise NotFoundError(
                "this is no workspace",
                where=str(folder),
                hint=f"make one: ringfence init {folder}",
            )
        self.settings = _settings(folder / SETTINGS)
        self.snapshots = Snapshots(folder / "snapshots")
        self.cache = StepCache(folder / "cache")

    @classmethod
    def init(cls, folder: Path, *, name: str | None = None, country: str | None = None) -> Self:
        """Make an empty workspace; one that is there already is opened as it is."""
        if not (folder / SETTINGS).exists():
            if not _is_free(folder):
                raise UsageError(
                    "the folder is not empty and holds no workspace",
                    where=str(folder),
                    hint="give a new folder",
                )
            try:
                for part in _FOLDERS:
                    (folder / part).mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise UsageError(f"cannot make it: {error.strerror}", where=str(folder)) from error
            said = {"name": name or folder.resolve().name, "country": country}
            text = tomli_w.dumps({k: v for k, v in said.items() if v is not None})
            replace(folder / SETTINGS, text.encode())
        return cls(folder)

    # ---- reading a network -------------------------------------------------------------------

    def ingest(
        self,
        paths: Sequence[Path],
        *,
        as_of: date,
        kind: str | None = None,
        prefix: str | None = None,
        mapping: Path | None = None,
        fresh: bool = False,
        without: Sequence[str] = (),
        jobs: int = 1,
        progress: Progress | None = None,
    ) -> Ingested:
        """Read files and folders into a new snapshot, as of a date.

        What was read before stays part of the network, except that a file of the same name is
        read anew, those in `without` are left out, and `fresh` starts from nothing, without the
        links confirmed. A file in a
        folder that no source can read is listed as refused; one named itself raises, and then
        nothing is changed. Killed at any moment, the workspace is as before or as after.
        """
        tell = progress or (lambda _what, _done, _total: None)
        with exclusive(self.folder):
            found = self._found(paths, kind)
            named = {p.resolve() for p in paths if p.is_file()}
            read: list[WasRead] = []
            known: list[Found] = []
            for number, one in enumerate(pool.map(identify, found, jobs=jobs)):
                tell("see what each file is", number + 1, len(found))
                read += [one] if isinstance(one, WasRead) else []
                known += [one] if isinstance(one, Found) else []
            wanted = readings(
                known, self.folder / "inputs", prefix, lambda name: mapping or self._saved(name)
            )
            for number, several in enumerate(pool.map(read_files, wanted, jobs=jobs)):
                tell(f"read {wanted[number].files[0].name}", number + 1, len(wanted))
                read += several
            refusals = {was.name: was.refusal for was in read if was.refusal}
            for file in found:
                if file.name in refusals and file.path.resolve() in named:
                    refusal = refusals[file.name]
                    raise SourceError(refusal.reason, where=file.name, hint=refusal.hint)
            if not any(was.part for was in read) and not without:
                raise InputError(
                    "none of the files could be read",
                    where=", ".join(str(p) for p in paths),
                    hint="; ".join(f"{r.file}: {r.reason}" for r in list(refusals.values())[:3])
                    or "see what can be read: ringfence sources list",
                )
            tell("lay the files together", 0, 1)
            before, links = (
                ([], CONFIRMED_LINK.empty()) if fresh else (self._files_now(), self.links())
            )
            files = files_after(before, read, as_of, without)
            result = self._publish(files, links, as_of)
            tell("lay the files together", 1, 1)
        refused = tuple(refusals[f.name] for f in found if f.name in refusals)
        return Ingested(*result, refused=refused, findings=result[0].tables(TABLES)["finding"])

    def _found(self, paths: Sequence[Path], kind: str | None) -> list[Found]:
        """The files below the paths, each by a name of its own."""
        found: dict[str, Found] = {}
        for path in paths:
            if not path.exists():
                raise NotFoundError("no such file or folder", where=str(path))
            for file in files_below(path, kind):
                if file.name in found:
                    raise UsageError(f"two inputs are named {file.name}", where=str(file.path))
                found[file.name] = file
        return list(found.values())

    def _saved(self, name: str) -> Path | None:
        saved = self.mapping_file(name)
        return saved if saved.exists() else None

    def mapping_file(self, name: str) -> Path:
        """Where the mapping of the table file of that name is kept."""
        return self.folder / "mappings" / f"{name.replace('/', '__')}.toml"

    def _files_now(self) -> list[dict[str, object]]:
        """The rows of `source_file` of the latest snapshot; none where there is no snapshot."""
        rows: list[dict[str, object]] = self._latest(SOURCE_FILE).to_pylist()
        return rows

    def _latest(self, table: Table) -> pa.Table:
        """A table of the latest snapshot; empty where there is no snapshot."""
        if not self.snapshots.ids():
            return table.empty()
        return self.snapshots.latest().tables({table.name: table})[table.name]

    def _publish(
        self, files: list[dict[str, object]], links: pa.Table, as_of: date
    ) -> tuple[Snapshot, pa.Table, pa.Table]:
        """Lay the parts together, reading linked keys as one, and publish the snapshot."""
        sorted_files = sorted(files, key=lambda f: str(f["file"]))
        first_of = {str(f["part"]): f for f in reversed(sorted_files) if f["part"]}
        keys = sorted(first_of, key=lambda key: str(first_of[key]["file"]))
        parts = [self._part(first_of[key]) for key in keys]
        members = {f"{i}/{n}": p.tables.member(n) for i, p in enumerate(parts) for n in p.tables}
        hashes = {f"{i}/{n}": p.tables.hash_of(n) for i, p in enumerate(parts) for n in p.tables}
        names = tuple(n for n in sorted(members) if not n.endswith("/reject"))
        linked = tuple((r["table"], r["kept"], r["joined"]) for r in links.to_pylist())
        merged = self.cache.run(
            merge_step(names, len(parts)), Tables(members, hashes), MergeParameters(linked)
        )
        refused = merged["contradiction"].to_pylist()
        rejects = []
        for number, part in enumerate(parts):
            listed = with_refused(part, [r for r in refused if r["part"] == number])
            listed_of = Counter(listed["file"].to_pylist())
            before_of = Counter(part.tables["reject"]["file"].to_pylist())
            for file in (f for f in sorted_files if f["part"] == keys[number]):
                # A record refused when the parts are laid together was kept when it was read.
                name = str(file["file"])
                more = listed_of[name] - before_of[name]
                file["rows_kept"] = part.files[name].rows_kept - more
                file["rows_rejected"] = part.files[name].rows_rejected + more
            rejects.append(listed)
        of_files = SOURCE_FILE.from_rows(sorted_files)
        rejected = REJECT.conform(pa.concat_tables([REJECT.from_rows([]), *rejects]))
        rejected = rejected.sort_by([(k, "ascending") for k in REJECT.key])
        tables: dict[str, pa.Table | Path] = {t.name: _path(merged, t.name) for t in NETWORK_TABLES}
        tables |= {"finding": _path(merged, "finding")}
        tables |= {"source_file": of_files, "reject": rejected, "confirmed_link": links}
        snapshot = self.snapshots.publish(tables, as_of, SCHEMA_VERSION)
        return snapshot, of_files, rejected

    def _part(self, file: Mapping[str, object]) -> Part:
        """What was read from a file of the network."""
        part = part_in(self.folder / "inputs", str(file["part"]))
        if part is None:
            raise VerificationError(
                f"what was read from {file['file']} is damaged",
                where=str(self.folder / "inputs" / str(file["part"])),
                hint="read the file again, or leave it out with --without",
            )
        return part

    # ---- linking what two sources say of one thing ----------------------------------------------

    def links(self) -> pa.Table:
        """The links that were confirmed."""
        return self._latest(CONFIRMED_LINK)

    def proposed_links(self, network: Network) -> pa.Table:
        """Rows of two sources that may be one thing, with the evidence, surest first."""
        return self.cache.run(propose, network.tables, LinkParameters())["proposed_link"]

    def link(
        self, more: Sequence[Mapping[str, object]], *, less: Sequence[str] | None = ()
    ) -> Snapshot:
        """Confirm links and take links back; the network is laid together anew.

        `less` are keys whose links are taken back; None takes back all. Raises `NotFoundError`
        where a key is in no link, or a link names a row that is not there.
        """
        with exclusive(self.folder):
            now = self.links().to_pylist()
            known = {key for link in now for key in (link["kept"], link["joined"])}
            if strange := sorted(set(less or ()) - known):
                raise NotFoundError(
                    f"{', '.join(strange)} is in no link", hint="see them: ringfence link list"
                )
            gone = known if less is None else set(less)
            left = [row for row in now if not {row["kept"], row["joined"]} & gone]
            latest = self.snapshots.latest()
            tables = latest.tables(TABLES)
            # A key that is linked already stands in no table any more.
            there = {t: known | set(tables[t]["id"].to_pylist()) for t in LINKED}
            for link in more:
                check_link(link, there)
            links = confirmed([*left, *more])
            files = self._files_now()
            return self._publish(files, links, latest.as_of)[0]

    # ---- asking ------------------------------------------------------------------------------

    def network(self, as_of: date | None = None, snapshot: str | None = None) -> Network:
        """The network to ask: of a snapshot by id, else the one nearest to the day, else the latest."""
        exact = True
        if snapshot:
            found = self.snapshots.open(snapshot)
        elif as_of:
            found, exact = self.snapshots.at(as_of)
        else:
            found = self.snapshots.latest()
        return Network(found, found.tables(TABLES), as_of or found.as_of, exact)

    def snapshot(self, text: str) -> Snapshot:
        """The snapshot a person means: by its id, the first digits of it, or a date."""
        try:
            day = date.fromisoformat(text)
        except ValueError:
            return self.snapshots.open(text)
        return self.snapshots.at(day)[0]

    def check(self, network: Network) -> Tables:
        """Tables `gap` (what is missing, most useful first), `finding`, `vendor_suggestion`."""
        return self.cache.run(check, network.tables, CheckParameters())

    def to_fill(self, network: Network, table: str, column: str | None) -> pa.Table:
        """The rows of a table that lack a column, to begin a template with."""
        return to_fill(network.tables, table, column)

    def vendor(self, network: Network, name: str) -> str:
        """The id of the vendor a person means; raises `NotFoundError` with the nearest names."""
        return vendors.find(name, network.tables)

    def presence(self, network: Network, vendor: str) -> pa.Table:
        """Where the vendor, by its id, and all it controls are."""
        parameters = PresenceParameters(vendor, network.as_of)
        return self.cache.run(presence, network.tables, parameters)["presence"]

    def makers_without_owner(self, network: Network) -> int:
        """How many makers in the network nobody has said the owner of."""
        makers = network.tables.only("element", "vendor", "ownership")
        found = control(makers["vendor"], makers["ownership"])
        return int(
            makers.and_these({"control": found})
            .query(
                "SELECT count(DISTINCT c.vendor) AS n FROM control c "
                "JOIN element e ON e.vendor = c.vendor WHERE NOT c.ownership_is_stated"
            )
            .column("n")[0]
            .as_py()
        )

    def exposure(
        self,
        network: Network,
        vendors: Sequence[str],
        profiles: Sequence[str],
        core: Pack,
        *,
        powers: "Powers",
        chains: int = 200,
        seconds: float | None = None,
    ) -> Tables:
        """What of the core the vendors, by their ids, come to control, read or stop.

        Tables `exposed`, `chain`, `decider`, `asked`, `affected_people`. `core` is the
        pack whose function list draws the core. The facts that decide are tried as far as the
        `seconds` go, where they are given: `asked` says how many were.
        """
        from ringfence.exposure.exposed import Exposure, exposure  # noqa: PLC0415  # the compiler takes half a second to load

        ask = self._exposure_parameters(network, vendors, profiles, powers, chains)
        return self._within(
            Limit(ask.work, seconds),
            exposure,
            lambda tables, limit: Exposure(tables, ask).answer(limit),
            self._with_powers(network, core, powers),
            ask,
        )

    def what_if(
        self,
        network: Network,
        sets: str,
        vendors: Sequence[str],
        profiles: Sequence[str],
        core: Pack,
        *,
        powers: "Powers",
    ) -> pa.Table:
        """What each vendor, each pair of vendors, or the vendors in each region come to.

        `sets` is `vendors`, `pairs` or `regions`; only the last asks of the vendors given.
        """
        from ringfence.exposure.what_if import WhatIfParameters, what_if  # noqa: PLC0415  # the compiler takes half a second to load

        ask = self._exposure_parameters(network, vendors, profiles, powers, 0)
        tables = self._with_powers(network, core, powers)
        return self.cache.run(what_if, tables, WhatIfParameters(sets, ask))["what_if"]

    def repair(
        self,
        network: Network,
        vendors: Sequence[str],
        profiles: Sequence[str],
        core: Pack,
        *,
        powers: "Powers",
        seconds: float | None = None,
    ) -> "Repair":
        """The cheapest repair after which what is known reaches nothing of the core.

        Where `seconds` are given it is the best by then, with the bound proved by then.
        """
        from ringfence.exposure import cuts  # noqa: PLC0415  # the compiler takes half a second to load

        asked = self._exposure_parameters(network, vendors, profiles, powers, 0)
        ask = cuts.RepairParameters(asked, powers.rules)
        found = self._within(
            Limit(asked.work, seconds),
            cuts.repair,
            lambda tables, limit: cuts.repaired(tables, ask, limit),
            self._with_powers(network, core, powers),
            ask,
        )
        return cuts.Repair.of(found)

    def _within(
        self,
        limit: Limit,
        what: Step[Parameters],
        answer: Callable[[Tables, Limit], Mapping[str, pa.Table]],
        tables: Tables,
        ask: Parameters,
    ) -> Tables:
        """A step's result, with a clock beside the work that is counted.

        What the clock cut off is not kept: at another hour it would be cut off elsewhere.
        """
        kept = self.cache.kept(what, tables, ask)
        if kept is not None:
            return kept
        found = answer(tables.only(*what.reads), limit)
        if limit.is_late:
            return Tables(dict(found))
        return self.cache.run(
            dataclasses.replace(what, function=lambda _tables, _ask: found), tables, ask
        )

    def separation(
        self,
        network: Network,
        vendors: Sequence[str],
        profiles: Sequence[str],
        core: Pack,
        *,
        powers: "Powers | None" = None,
    ) -> Separation:
        """All that a report says of whether the separation holds, with one set of profiles."""
        from ringfence.exposure.control import powers as ours  # noqa: PLC0415  # the compiler takes half a second to load
        from ringfence.exposure.exposed import with_sentences  # noqa: PLC0415
        from ringfence.exposure.rings import RingParameters, rings  # noqa: PLC0415

        known = powers or ours()
        found = self.exposure(network, vendors, profiles, core, powers=known)
        mended = self.repair(network, vendors, profiles, core, powers=known)
        ask = self._exposure_parameters(network, vendors, profiles, known, 0)
        tables = self._with_powers(network, core, known)
        return Separation(
            profile=" + ".join(profiles),
            assumes=tuple(known.profile(name).says for name in profiles),
            core=core.manifest.title,
            pack=core.id,
            exposed=found["exposed"],
            chain=with_sentences(found["chain"], known),
            asked=found["asked"],
            people=found["affected_people"],
            ring=self.cache.run(rings, tables, RingParameters(ask))["ring"],
            changes=mended.changes,
            repaired=mended.answers,
            cost=mended.cost,
            lower=mended.lower,
            names=self.element_names(network),
        )

    def _exposure_parameters(
        self,
        network: Network,
        vendors: Sequence[str],
        profiles: Sequence[str],
        powers: "Powers",
        chains: int,
    ) -> "ExposureParameters":
        from ringfence.exposure.exposed import ExposureParameters  # noqa: PLC0415

        chosen = tuple(powers.profile(name) for name in profiles)
        return ExposureParameters(tuple(sorted(vendors)), chosen, network.as_of, chains)

    def _with_powers(self, network: Network, core: Pack, powers: "Powers") -> Tables:
        """The network with what packets and powers make of it, and what the core is."""
        from ringfence.exposure.control import FactParameters, facts  # noqa: PLC0415

        reached = self.cache.run(packets, network.tables, PacketParameters())
        tables = network.tables.and_these(reached)
        found = self.cache.run(facts, tables, FactParameters(powers.rules))
        return tables.and_these(found).and_these({"scope": core.scope_of_kinds()})

    def operator_names(self, network: Network) -> dict[str, str]:
        """Each operator's name by its id."""
        rows = network.tables["operator"].select(["id", "name"]).to_pylist()
        return {row["id"]: row["name"] or row["id"] for row in rows}

    def element_names(self, network: Network) -> dict[str, str]:
        """The name of each element that states one, by its id."""
        rows = network.tables["element"].select(["id", "name"]).to_pylist()
        return {row["id"]: row["name"] for row in rows if row["name"]}

    def on_day(self, network: Network, day: date) -> Network:
        """The same network asked for another day."""
        return dataclasses.replace(network, as_of=day)

    def judge(self, network: Network, pack: Pack) -> Tables:
        """Hold the network against a rule pack on the day: tables `finding` and `judged`."""
        ask = EvaluateParameters(network.as_of, values=self.settings.pack.get(pack.id, {}))
        return self.cache.run(run_pack, self.to_judge(network, [pack]), run_of(pack, ask))

    def to_judge(self, network: Network, packs: Iterable[Pack]) -> Tables:
        """The tables that the rules of these packs read: the network's, and what was worked out.

        Of a nation there are millions of pairs, so they are made only where a rule asks for them.
        """
        is_needed = any(rule.needs for pack in packs for rule in pack.rules)
        return network.tables.and_these(self._worked_out(network, is_needed=is_needed))

    def _worked_out(self, network: Network, *, is_needed: bool) -> Tables:
        """Who can send to whom, where `exposure` was asked of this network; else empty tables."""
        kept = self.cache.kept(packets, network.tables, PacketParameters()) if is_needed else None
        if kept is None:
            return Tables({t.name: t.empty() for t in (REACH, EXPOSED)})
        return self.cache.run(pairs, kept, PairParameters())

    def decide(self, network: Network, vendor: str, packs: Sequence[Pack], core: Pack) -> Decided:
        """Lay the options for the vendor, by its id, side by side.

        `core` is the pack whose function list draws the core; `packs` are those whose verdicts
        are worked out again on the network as each option would leave it.
        """
        asked = network.tables.and_these({"scope": core.scope_of_kinds()})
        found = self.cache.run(options, asked, OptionParameters(vendor, network.as_of))
        remaining = []
        for option in OPTIONS:
            left = network.tables
            if option != "allow":
                kept = once_obeyed(left["element"], found["forbidden"], option)
                left = left.and_these({"element": kept})
            for pack in packs:
                found_left = self.judge(network.on(left), pack)
                counts = totals(tally(found_left["finding"], found_left["judged"]))
                remaining += [
                    {"option": option, "pack": pack.id, "verdict": sort, "subjects": number}
                    for sort, number in counts.items()
                ]
        return Decided(found["option"], found["forbidden"], REMAINING.from_rows(remaining))

    def assessment(
        self,
        network: Network,
        vendor: str,
        packs: Sequence[Pack],
        core: Pack,
        days: Sequence[date],
        *,
        profiles: Sequence[Sequence[str]] = (("own-software",),),
    ) -> Assessment:
        """All that a report on a vendor says; the law is shown of each of `days`.

        Whether the separation holds is asked once for each set of threat `profiles`.
        """
        decided = self.decide(network, vendor, packs, core)
        laws, findings = [], []
        for pack in packs:
            for day in days:
                found = self.judge(self.on_day(network, day), pack)
                laws.append(_law(pack, day, found["judged"]))
                if day == network.as_of:
                    findings.append(found["finding"])
        names = {v["id"]: v["name"] for v in network.tables["vendor"].to_pylist()}
        held = control(network.tables["vendor"], network.tables["ownership"]).to_pylist()
        chains = [(c["vendor"], c["chain"]) for c in held if c["holder"] == vendor]
        counts = [
            {"table": t.name, "rows": network.tables.rows(t.name)}
            for t in NETWORK_TABLES
            if network.tables.rows(t.name)
        ]
        return Assessment(
            title=f"{names[vendor]} in the networks of {self.settings.country or self.settings.name}",
            country=self.settings.country or self.settings.name,
            vendor=names[vendor],
            vendor_group=tuple((names.get(v, v), chain) for v, chain in chains),
            as_of=network.as_of,
            snapshot=network.snapshot.id,
            snapshot_as_of=network.snapshot.as_of,
            label=_marking(self.settings.label, [*packs, core]),
            code_version=f"ringfence {installed_version('ringfence')}, code {code_hash()[:12]}",
            network=pa.Table.from_pylist(counts, NETWORK_ROWS.schema),
            presence=self.presence(network, vendor),
            laws=tuple(laws),
            findings=pa.concat_tables(findings) if findings else FINDING.empty(),
            options=decided.options,
            remaining=_as_shown(decided.remaining),
            quality=self.check(network)["gap"],
            sources=network.tables["source_file"],
            rejects=network.tables["reject"],
            operators=self.operator_names(network),
            separations=tuple(
                self.separation(network, [vendor], chosen, core) for chosen in profiles
            ),
            withdrawn=self.withdrawn(network, vendor),
        )

    def withdrawn(self, network: Network, vendor: str) -> Withdrawn:
        """What fails when the vendor is gone: all of it off on the day, and left without more."""
        # These load the compiler, which no other verb of a workspace needs.
        from ringfence.dependence.edges import EdgeParameters, service_needs  # noqa: PLC0415
        from ringfence.dependence.withdraw import WithdrawParameters, withdraw  # noqa: PLC0415

        off, left = (
            self.cache.run(
                withdraw,
                network.tables,
                WithdrawParameters(
                    vendors=(vendor,), mode=mode, on=network.as_of, as_of=network.as_of
                ),
            )
            for mode in ("order", "support")
        )
        asked = EdgeParameters(as_of=network.as_of, vendor=vendor)
        needs = self.cache.run(service_needs, network.tables, asked)
        shares = self.cache.run(
            concentration, network.tables, ConcentrationParameters(as_of=network.as_of)
        )
        names = self.element_names(network) | {
            row["id"]: row["name"]
            for table in ("site", "vendor")
            for row in network.tables[table].select(["id", "name"]).to_pylist()
            if row["name"]
        }
        return Withdrawn(
            off=dict(off),
            left_alone=left["outage"],
            assumption=left["assumption"],
            need=needs["service_need"],
            concentration=shares["concentration"],
            share=shares["concentration_share"],
            names=names,
        )

    def diff(self, before: Snapshot, after: Snapshot) -> pa.Table:
        """What changed from one snapshot to another."""
        networks = both(before.tables(TABLES), after.tables(TABLES))
        return self.cache.run(diff, networks, DiffParameters())["difference"]

    def sql(self, network: Network, statement: str, *, limits: Limits | None = None) -> pa.Table:
        """The answer to one SELECT over the network's tables, in the jail."""
        with Jail(network.tables, limits=limits) as jail:
            return jail.select(statement)


def _marking(own: str | None, packs: Sequence[Pack]) -> str | None:
    """The workspace's own marking, with the label of the packs where that is above public."""
    label = label_of(packs)
    return own if label == LABELS[0] else "; ".join(filter(None, (own, label)))


def _as_shown(remaining: pa.Table) -> pa.Table:
    """The verdicts as a report sorts them: what may be due is due there, and it says so."""
    folded = Tables({"remaining": remaining}).query(
        "SELECT option, pack, replace(verdict, 'may be due', 'due') AS verdict, "
        "sum(subjects)::BIGINT AS subjects FROM remaining GROUP BY ALL ORDER BY ALL"
    )
    return REMAINING.conform(folded)


def _law(pack: Pack, day: date, judged: pa.Table) -> Law:
    """A pack on a day, as a report shows it."""
    rows = judged.to_pylist()
    in_force = [r for r in rows if r["standing"] == "in force"]
    standings = {r["legal_status"] for r in in_force}
    over = {s.split()[-1].partition("/")[0] for s in standings if s.startswith("superseded by")}
    standings = {s for s in standings if not s.startswith("superseded by")}
    standings |= {
        "its earlier steps superseded" if one == pack.id else f"superseded in part by {one}"
        for one in over
    }
    return Law(
        pack=pack.id,
        title=pack.manifest.title,
        legal_status="; ".join(sorted(standings)) or "not in force",
        as_of=day,
        judged=judged.filter(
            pc.and_(pc.equal(judged["standing"], "in force"), pc.greater(judged["subjects"], 0))
        ),
        not_in_force=tuple(
            (r["rule"], r["title"], r["in_force_from"])
            for r in rows
            if r["standing"] == "not in force"
        ),
        not_encoded=tuple((n.id, n.title, n.reason) for n in pack.manifest.not_encoded),
    )


def _is_free(folder: Path) -> bool:
    """Whether a workspace may be made there: it holds nothing but one that was never finished."""
    if not folder.is_dir():
        return True
    return all(
        one.name == f".{SETTINGS}.new" or (one.name in _FOLDERS and not any(one.iterdir()))
        for one in folder.iterdir()
    )


def _path(tables: Tables, name: str) -> pa.Table | Path:
    return tables.member(name)


def _settings(file: Path) -> Settings:
    try:
        return Settings.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"not TOML: {error}", where=str(file)) from error
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{key}: {first['msg']}",
            where=str(file),
            hint=f"its settings: {', '.join(Settings.model_fields)}",
        ) from error


def open_workspace(folder: str | Path) -> Workspace:
    """Open the workspace in `folder`."""
    return Workspace(Path(folder))
