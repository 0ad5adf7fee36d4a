"""All packs that come with the program over 1,000,000 elements, together, against each alone.

    uv run --no-sync python benchmarks/all_packs.py [--elements 1000000] [--at-most 3]

Aim: all twenty together take at most 3 times as long as the slowest of them alone. Each runs in a
process of its own, cold (the first time, from Parquet) and warm (again in that process); of the
packs alone, those run that took longest within the whole. Left with code 1 where the aim is missed
in wall and in CPU seconds, or a peer does not agree; see docs/explanation/speed.md for what it came
to.

The network is that of `rule_pack.py`, with contracts, approvals, relations, endpoints, countries,
ends of support and who can reach whom beside it, so that every rule has something to judge.

The peers answer sixteen rules of seven packs (`PEER_RULES`), all that judge elements by maker,
function and date: by hand in DuckDB and in pandas, over the same Parquet and with a reason and the
rows it rests on for each finding, and in Rego where an engine for it is installed (the package
`gordon-to-regorus`; the reference engine of that language comes in no package that can be installed
here). The Rego engine is handed a part of the elements, joined already, and gives the verdict alone;
its time is scaled to all of them. Verdict by verdict and deadline by deadline, all must be equal.
"""

import argparse
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

AS_OF = date(2026, 6, 1)
SEED = 20260602
VALUES: dict[str, dict[str, object]] = {
    "eu-csa2-2026": {"countries_of_concern": "XA, XB"},
    "it-golden-power": {"union_countries": "SE, FI, DE"},
    "se-pts-2020": {"serves_bands": True},
    "uk-dvd-2022": {"high_data_rate_mbps": 10_000},
    "uk-security-2022": {"schedule_countries": "XA, XB"},
    "us-fcc-reimbursement": {"removal_due_on": date(2025, 12, 31)},
}
"""What is stated of the parameters of packs, so that their rules can decide."""

PEER_RULES: dict[str, tuple[str, ...]] = {
    "au-tssr-2018": ("AU-01",),
    "ca-policy-2022": ("CA-01", "CA-02", "CA-03"),
    "de-contracts-2024": ("DE-01",),
    "eu-toolbox-2020": ("SM03", "TM07"),
    "se-pts-2020": ("SE-01", "SE-02", "SE-03"),
    "uk-dvd-2022": ("UKD-01", "UKD-02", "UKD-03", "UKD-06"),
    "us-ndaa-889": ("US-889A", "US-889B"),
}
"""The rules that the peers answer too, by pack."""

ALONE = 3
"""How many packs are run alone: those that took longest within the whole."""

REGO_ELEMENTS = 20_000


def make(folder: Path, elements: int) -> None:
    """Write the seeded network of `rule_pack.py`, and what the other packs ask of beside it."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415
    import rule_pack  # noqa: PLC0415

    from ringfence.exposure.reach import EXPOSED, REACH  # noqa: PLC0415
    from ringfence.network.model import TABLES  # noqa: PLC0415
    from ringfence.rules.pack import list_packs  # noqa: PLC0415
    from ringfence.store.duck import write_parquet  # noqa: PLC0415

    rule_pack.make(folder, elements)
    rng = np.random.default_rng(SEED)
    vendors, products = rule_pack.VENDORS, rule_pack.PRODUCTS

    def with_columns(table: str, **columns: Any) -> None:
        file = folder / f"{table}.parquet"
        rows = pq.read_table(file)
        for name, values in columns.items():
            field = TABLES[table].schema.field(name)
            place = rows.schema.get_field_index(name)
            rows = rows.set_column(place, field, pa.array(values, field.type))
        write_parquet(rows, file)

    def some(choices: list[Any], count: int, shares: list[float] | None = None) -> list[Any]:
        return [choices[i] for i in rng.choice(len(choices), count, p=shares)]

    def elements_of(numbers: Any) -> list[str]:
        return [f"netbox:{number:07d}" for number in numbers.tolist()]

    sites = elements // 8
    with_columns("site", country=some(["SE", "NO", "GB", None], sites, [0.9, 0.05, 0.03, 0.02]))
    with_columns(
        "vendor",
        country_of_registration=[["SE", "FI", "XA", "US", None][i % 5] for i in range(vendors)],
    )
    ends = [date(2024, 6, 30), date(2026, 6, 1), date(2029, 12, 31), None]
    with_columns(
        "product",
        end_of_support_on=some(ends, products),
        **{
            name: some(["US", "SE", "XA", None], products, [0.55, 0.2, 0.2, 0.05])
            for name in ("designed_in", "developed_in", "made_in", "assembled_in")
        },
    )
    tables: dict[str, dict[str, list[Any]]] = {}
    # Every instrument names vendor 0 and every other one vendor 2 as well; the last three vendors
    # are those of which nobody knows who holds them.
    named = [
        (f"v:{vendor:02d}", instrument)
        for place, instrument in enumerate(list_packs())
        for vendor in ((0, 2) if place % 2 == 0 else (0,))
    ]
    tables["designation"] = {
        "vendor": [vendor for vendor, _ in named],
        "instrument": [instrument for _, instrument in named],
        "status": ["designated"] * len(named),
        "has_mitigation_strategy": [vendor == "v:00" for vendor, _ in named],
        "origin": [f"designations.csv row {i + 2}" for i in range(len(named))],
    }
    cleared = [
        (f"v:{vendor:02d}", instrument)
        for instrument in list_packs()
        for vendor in range(3, vendors - 3)
    ]
    cleared += [("v:02", i) for n, i in enumerate(list_packs()) if n % 2]
    granted = rng.choice(elements, elements // 20, replace=False)
    tables["approval"] = {
        "id": [f"a:{i}" for i in range(len(cleared) + len(granted))],
        "instrument": [i for _, i in cleared] + some(list(list_packs()), len(granted)),
        "kind": ["assessment"] * len(cleared)
        + some(["notification", "authorisation", "certificate"], len(granted)),
        "vendor": [v for v, _ in cleared] + [None] * len(granted),
        "element": [None] * len(cleared) + elements_of(granted),
        "outcome": ["granted"] * len(cleared)
        + some(["granted", "refused", "pending", None], len(granted)),
        "origin": [f"approvals.csv row {i + 2}" for i in range(len(cleared) + len(granted))],
    }
    contracts = elements // 100
    tables["contract"] = {
        "id": [f"c:{i}" for i in range(contracts)],
        "operator": [f"op:{i}" for i in rng.integers(0, rule_pack.OPERATORS, contracts)],
        "vendor": [f"v:{i:02d}" for i in rng.integers(0, vendors, contracts)],
        "covers": some(["support", "managed service", "spares", None], contracts),
        "remote_access": some([True, False, None], contracts),
        "until": some([date(2025, 1, 1), date(2030, 1, 1), None], contracts),
        "origin": [f"contracts.csv row {i + 2}" for i in range(contracts)],
    }
    # One in fifty manages others; half of the managed have an endpoint for it.
    managed = rng.choice(elements, elements // 4, replace=False)
    managers = rng.choice(elements, elements // 50, replace=False)
    tables["relation"] = {
        "source": elements_of(managers[rng.integers(0, len(managers), len(managed))]),
        "target": elements_of(managed),
        "kind": ["manages"] * len(managed),
        "origin": [f"managers.csv row {i + 2}" for i in range(len(managed))],
    }
    listening = managed[::2]
    tables["endpoint"] = {
        "id": [f"p:{i}" for i in range(len(listening))],
        "element": elements_of(listening),
        "service": some(["SSH", "NETCONF", "telnet", None], len(listening), [0.6, 0.3, 0.02, 0.08]),
        "authentication": some(["public key", "none", None], len(listening), [0.5, 0.02, 0.48]),
        "origin": [f"endpoints.csv row {i + 2}" for i in range(len(listening))],
    }
    feet = managers[::2]
    tables["interface"] = {
        "id": [f"i:{i}" for i in range(len(feet))],
        "element": elements_of(feet),
        "is_management": some([True, False, None], len(feet), [0.8, 0.1, 0.1]),
        "origin": [f"interfaces.csv row {i + 2}" for i in range(len(feet))],
    }
    answers = ["can", "cannot", "not known"]
    tables["exposed"] = {
        "element": elements_of(np.arange(elements)),
        "answer": some(answers, elements, [0.05, 0.9, 0.05]),
    }
    tables["reach"] = {
        "source_element": elements_of(managers[rng.integers(0, len(managers), len(listening))]),
        "target_endpoint": [f"p:{i}" for i in range(len(listening))],
        "target_element": elements_of(listening),
        "answer": some(["can", "not known"], len(listening), [0.9, 0.1]),
    }
    for name, content in tables.items():
        table = {"exposed": EXPOSED, "reach": REACH}.get(name) or TABLES[name]
        write_parquet(table.conform(pa.table(content)), folder / f"{name}.parquet")


# Ours.

Verdicts = list[tuple[str, str, str, str]]
"""Of each finding its rule, subject, verdict on the state, and deadline ahead (or "")."""


def judge(folder: Path, rules: dict[str, tuple[str, ...]]) -> tuple[list[Any], dict[str, float]]:
    """Hold the network against these packs, or these rules of them; and the CPU s of each pack."""
    from ringfence.rules.evaluate import EvaluateParameters, evaluate  # noqa: PLC0415
    from ringfence.rules.pack import load_pack  # noqa: PLC0415
    from ringfence.store.duck import Tables  # noqa: PLC0415

    tables = Tables({file.stem: file for file in sorted(folder.glob("*.parquet"))})
    found, seconds = [], {}
    for name, asked in rules.items():
        began = time.process_time()
        ask = EvaluateParameters(AS_OF, values=VALUES.get(name, {}), rules=asked)
        found.append(evaluate(tables, load_pack(name), ask)["finding"])
        seconds[name] = time.process_time() - began
    return found, seconds


def verdicts(found: Iterable[Any]) -> Verdicts:
    """The findings as the peers give them."""
    rows: Verdicts = []
    for table in found:
        columns = [
            table.column(n).to_pylist()
            for n in ("rule", "subject", "verdict", "verdict_when_due", "due_on")
        ]
        rows += [
            (rule, subject, later or now, due.isoformat() if due else "")
            for rule, subject, now, later, due in zip(*columns, strict=True)
        ]
    return rows


# The race.


def one(which: str, folder: Path) -> None:
    """Run one side twice in this process, and print what it took."""
    import all_packs_peers as peers  # noqa: PLC0415

    from ringfence.rules.pack import list_packs  # noqa: PLC0415

    def ours(rules: dict[str, tuple[str, ...]]) -> Callable[[], tuple[Any, dict[str, float]]]:
        return lambda: judge(folder, rules)

    sides: dict[str, Callable[[], tuple[Any, dict[str, float]]]] = {
        "all": ours(dict.fromkeys(list_packs(), ())),
        "ours": ours(PEER_RULES),
        "duckdb": lambda: (peers.in_duckdb(folder, AS_OF), {}),
        "pandas": lambda: (peers.in_pandas(folder, AS_OF), {}),
        **{name: ours({name: ()}) for name in list_packs()},
    }
    told: dict[str, Any] = {}
    for state in ("cold", "warm"):
        began, cpu = time.perf_counter(), time.process_time()
        found, packs = sides[which]()
        told[state] = {
            "wall_s": time.perf_counter() - began,
            "cpu_s": time.process_time() - cpu,
            "packs": packs,
        }
        if state == "cold":
            told["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    if which not in {"ours", "duckdb", "pandas"}:
        told["findings"] = sum(table.num_rows for table in found)
    else:
        rows = verdicts(found) if which == "ours" else peers.verdicts(found)
        told["findings"] = len(rows)
        lines = sorted("|".join(row) for row in rows)
        told["mark"] = sha256("\n".join(lines).encode()).hexdigest()
        totals: dict[str, int] = {}
        for rule, _, verdict, due in rows:
            key = f"{rule} {verdict} {due}"
            totals[key] = totals.get(key, 0) + 1
        told["totals"] = totals
    print(json.dumps(told))


def race(sides: Iterable[str], folder: Path, rounds: int) -> dict[str, dict[str, Any]]:
    """Each side the best of so many rounds, in processes of their own."""
    best: dict[str, dict[str, Any]] = {}
    for _ in range(rounds):
        for which in sides:
            command = [sys.executable, __file__, "--one", which, "--folder", str(folder)]
            answer = subprocess.run(command, check=True, capture_output=True, text=True)
            told = json.loads(answer.stdout)
            kept = best.setdefault(which, told)
            for state in ("cold", "warm"):
                kept[state] = min(kept[state], told[state], key=lambda t: float(t["wall_s"]))
            kept["peak_mb"] = min(kept["peak_mb"], told["peak_mb"])
    return best


def show(best: dict[str, dict[str, Any]]) -> None:
    """Print what each side took."""
    print(f"{'':24}{'':>6}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'findings':>12}")
    for which, told in best.items():
        for state in ("cold", "warm"):
            wall, cpu = told[state]["wall_s"], told[state]["cpu_s"]
            more = f"{told['peak_mb']:9.0f}{told['findings']:12,}" if state == "cold" else ""
            print(f"{which if state == 'cold' else '':24}{state:>6}{wall:9.2f}{cpu:9.2f}{more}")


def agree(best: dict[str, dict[str, Any]]) -> None:
    """Leave where the peers do not say what we do."""
    if len({told["mark"] for told in best.values()}) == 1:
        return
    for key in sorted({key for told in best.values() for key in told["totals"]}):
        counts = {which: told["totals"].get(key, 0) for which, told in best.items()}
        if len(set(counts.values())) > 1:
            print(f"  {key}: " + ", ".join(f"{w} {n:,}" for w, n in counts.items()))
    raise SystemExit("the peers do not agree")


def rego(folder: Path, elements: int) -> float | None:
    """The CPU seconds a Rego engine would take for all elements; None where there is no engine."""
    import all_packs_peers as peers  # noqa: PLC0415

    if importlib.util.find_spec("regorus") is None:
        print("no Rego engine is installed; its part is left out")
        return None
    part = min(REGO_ELEMENTS, elements)
    seconds, said = peers.in_rego(folder, AS_OF, part)
    found = peers.verdicts(peers.in_duckdb(folder, AS_OF))
    wanted = {row for row in found if row[1] < f"netbox:{part:07d}"}
    if set(said) != wanted:
        for row in sorted(set(said) ^ wanted)[:10]:
            print("  ", row)
        raise SystemExit("the Rego engine does not agree")
    return seconds * elements / part


def main() -> None:
    """Make the network, run all sides, check that they agree, and print the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--elements", type=int, default=1_000_000)
    parser.add_argument("--at-most", type=float, default=3.0, help="the ratio that still passes")
    parser.add_argument(
        "--folder", type=Path, help="keep the network here, and use it if it is there"
    )
    parser.add_argument("--rounds", type=int, default=2, help="the best of so many")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        one(asked.one, asked.folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        if not (folder / "reach.parquet").exists():
            make(folder, asked.elements)
        size = sum(file.stat().st_size for file in folder.glob("*.parquet")) / 1e6
        print(f"{asked.elements:,} elements, {size:.0f} MB of Parquet, as of {AS_OF}")
        whole = race(["all"], folder, asked.rounds)
        taken = whole["all"]["warm"]["packs"]
        slowest = sorted(taken, key=lambda name: -taken[name])[:ALONE]
        alone = race(slowest, folder, asked.rounds)
        show(whole | alone)
        print("CPU s of the whole, warm: " + ", ".join(f"{n} {s:.2f}" for n, s in taken.items()))
        missed = False
        for state in ("cold", "warm"):
            ratios = {}
            for unit in ("wall_s", "cpu_s"):
                most = max(told[state][unit] for told in alone.values())
                ratios[unit] = whole["all"][state][unit] / most
            # Others may hold the machine up: what is missed is missed in both.
            missed |= min(ratios.values()) > asked.at_most
            wall, cpu = ratios.values()
            print(
                f"{state}: all take {wall:.1f} times the wall and {cpu:.1f} times the CPU seconds"
            )
        print()
        print(f"{sum(map(len, PEER_RULES.values()))} rules of {len(PEER_RULES)} packs")
        peers = race(["ours", "duckdb", "pandas"], folder, asked.rounds)
        show(peers)
        agree(peers)
        for state in ("cold", "warm"):
            ours = peers["ours"][state]["wall_s"]
            times = [f"{w} {peers[w][state]['wall_s'] / ours:.1f}" for w in ("duckdb", "pandas")]
            print(f"{state}: times ours: {', '.join(times)}")
        if (seconds := rego(folder, asked.elements)) is not None:
            ours = peers["ours"]["warm"]["cpu_s"]
            print(
                f"Rego, scaled to all: {seconds:.0f} CPU s, {seconds / ours:.0f} times ours, warm"
            )
    if missed:
        raise SystemExit(f"more than {asked.at_most:g} times the slowest pack")


if __name__ == "__main__":
    main()
