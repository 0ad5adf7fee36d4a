"""A pack of 20 rules over 1,000,000 elements, from Parquet to findings, against pandas.

    uv run --no-sync python benchmarks/rule_pack.py [--elements 1000000]

Aim: at least 5 times as fast as the same pack written in pandas, in the same run, cold and warm; it
leaves with 1 where it is not. See docs/explanation/speed.md for what it came to.

The rules are those of the two built-in packs; where two of them ask the same, one is varied, so
that twenty questions are asked. The peer is written as one who knows pandas would: it reads only
the columns it needs, those of few values as categories, joins the network once, works on whole
columns with pandas' own nullable booleans, and works out texts for the rows it keeps alone. Both give each finding its subject,
operator, verdict, reason, deadline and the rows it rests on. Each runs in a process of its own,
cold (the first time) and warm (again in that process); the verdicts, subject by subject, must be
equal.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

PACK = "bench-twenty"
AS_OF = date(2026, 6, 1)
SEED = 20260601
VENDORS, PRODUCTS, OPERATORS, REGIONS = 40, 2_000, 4, 12
LISTED_SHARE = 0.15
AIM = 5


# The network.


def make(folder: Path, elements: int) -> None:
    """Write a seeded network of so many elements, as a snapshot lays it out."""
    import numpy as np  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    from ringfence.network.model import NETWORK_TABLES, TABLES  # noqa: PLC0415
    from ringfence.store.duck import write_parquet  # noqa: PLC0415

    rng = np.random.default_rng(SEED)
    sites = elements // 8

    def sparse(values: Any, share: float) -> Any:
        return pa.array(values, mask=rng.random(len(values)) < share)

    def numbered(prefix: str, numbers: Any) -> list[str]:
        return [f"{prefix}{number:07d}" for number in numbers.tolist()]

    tables: dict[str, dict[str, Any]] = {}
    tables["operator"] = {
        "id": [f"op:{i}" for i in range(OPERATORS)],
        "name": [f"Operator {i}" for i in range(OPERATORS)],
        "network_purpose": ["public", "public", "safety-related", None],
        "origin": [f"operators.csv row {i + 2}" for i in range(OPERATORS)],
    }
    tables["site"] = {
        "id": numbered("site:", np.arange(sites)),
        "operator": [f"op:{i}" for i in rng.integers(0, OPERATORS, sites)],
        "region": [f"region {i}" for i in rng.integers(0, REGIONS, sites)],
        "is_sensitive": sparse(rng.random(sites) < 0.01, 0.03),
        "origin": [f"sites.csv row {i + 2}" for i in range(sites)],
    }
    tables["vendor"] = {
        "id": [f"v:{i:02d}" for i in range(VENDORS)],
        "name": [f"Maker {i:02d}" for i in range(VENDORS)],
        # Vendor 1 is held by vendor 0; of the last three nobody knows who holds them.
        "is_independent": [None if i == 1 or i >= VENDORS - 3 else True for i in range(VENDORS)],
        "origin": [f"vendors.csv row {i + 2}" for i in range(VENDORS)],
    }
    tables["ownership"] = {
        "owner": ["v:00"],
        "owned": ["v:01"],
        "is_controlling": [True],
        "origin": ["owners.csv row 2"],
    }
    tables["designation"] = {
        "vendor": ["v:00", "v:02"],
        "instrument": [PACK, PACK],
        "status": ["designated", "designated"],
        "has_mitigation_strategy": [True, False],
        "origin": ["designations.csv row 2", "designations.csv row 3"],
    }
    tables["product"] = {
        "id": [f"p:{i:04d}" for i in range(PRODUCTS)],
        "vendor_name": [f"Maker {i % VENDORS:02d}" for i in range(PRODUCTS)],
        "vendor": [f"v:{i % VENDORS:02d}" for i in range(PRODUCTS)],
        "sanctions_affected": sparse(rng.random(PRODUCTS) < 0.3, 0.1),
        "origin": [f"products.csv row {i + 2}" for i in range(PRODUCTS)],
    }
    product = rng.integers(0, PRODUCTS, elements)
    held = rng.random(elements) < LISTED_SHARE
    product = np.where(held, product // VENDORS * VENDORS, product)
    vendor = product % VENDORS
    nobody = rng.random(elements) < 0.02
    installed = np.datetime64("2012-01-01") + rng.integers(0, 5_400, elements).astype("m8[D]")
    placed = rng.integers(0, sites, elements)
    tables["element"] = {
        "id": numbered("netbox:", np.arange(elements)),
        "site": pa.array(numbered("site:", placed), mask=rng.random(elements) < 0.0005),
        "vendor_name": pa.array([f"Maker {i:02d}" for i in vendor], mask=nobody),
        "vendor": pa.array([f"v:{i:02d}" for i in vendor], mask=nobody),
        "product": pa.array([f"p:{i:04d}" for i in product], mask=nobody),
        "installed_on": sparse(installed, 0.05),
        "purchased_on": sparse(installed - np.timedelta64(60, "D"), 0.2),
        "origin": [f"devices.json#/results/{i}" for i in range(elements)],
    }
    kinds = {
        "GNBDU": 0.2, "GNBCU": 0.05, "ENB": 0.2, "OLT": 0.1, "cell site router": 0.15, "WDM": 0.05,
        "IP core router": 0.02, "UPF": 0.01, "AMF": 0.005, "EMS": 0.005, "firewall": 0.02,
        "NODEB": 0.05, "BBU": 0.005, "BNG": 0.03, "MME": 0.01, "NFVI": 0.095,
    }  # fmt: skip
    stated = {"GNBDU": "5G", "GNBCU": "5G", "ENB": "4G", "NODEB": "3G"}
    more = elements // 20
    performer = np.concatenate([np.arange(elements), rng.integers(0, elements, more)])
    kind = rng.choice(list(kinds), elements + more, p=list(kinds.values()))
    kept = np.sort(rng.permutation(elements + more)[: int(0.97 * (elements + more))])
    order = kept[np.lexsort((kind[kept], performer[kept]))]
    rows = sorted(set(zip(performer[order].tolist(), kind[order].tolist(), strict=True)))
    tables["function"] = {
        "element": [f"netbox:{i:07d}" for i, _ in rows],
        "kind": [k for _, k in rows],
        "generation": pa.array([stated.get(k) for _, k in rows], pa.string()),
        "origin": [f"functions.csv row {i + 2}" for i in range(len(rows))],
    }
    lines = elements // 10
    carriers = np.sort(rng.integers(0, elements, lines))
    tables["link"] = {
        "id": numbered("link:", np.arange(lines)),
        "source": numbered("netbox:", carriers),
        "target": numbered("netbox:", rng.integers(0, elements, lines)),
        "carries": sparse(rng.choice(["access", "backhaul", "intra-core"], lines), 0.1),
        "capacity_mbps": sparse(rng.choice([1e3, 1e4, 1e5], lines), 0.1),
        "origin": [f"links.csv row {i + 2}" for i in range(lines)],
    }
    ids = tables["site"]["id"]
    tables["demand"] = {
        "site": [i for i in ids for _ in range(2)],
        "kind": ["fixed", "mobile data"] * sites,
        "traffic_mbps": np.round(rng.gamma(2.0, 100.0, 2 * sites), 3),
        "premises": np.floor(rng.gamma(2.0, 400.0, 2 * sites)),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for table in NETWORK_TABLES:
        content = TABLES[table.name].conform(pa.table(tables.get(table.name, {"none": []})))
        write_parquet(content, folder / f"{table.name}.parquet")


# Ours.

VARIED = {
    "UKP-02": ("generation = '5G'", "generation = '4G'"),
    "UKP-03": ("installed_on > $last_installation", "purchased_on > $last_installation"),
    "UKP-04": ("cap = 0.35", "cap = 0.05"),
    "UK20-02": ("scope WHEN 'in' THEN true", "scope WHEN 'review' THEN true"),
    "UK20-03": ("is_listed AND is_sensitive", "(is_listed OR sanctions_affected) AND is_sensitive"),
    "UK20-05": ("cap = 0.35", "cap = 0.30"),
}
"""What is changed in a rule that would otherwise ask what another asks."""


def pack_files() -> dict[str, str]:
    """The rules of the two built-in packs as one pack, each with a question of its own."""
    from ringfence.rules.pack import load_pack  # noqa: PLC0415

    files: dict[str, str] = {}
    for name in ("uk-ncsc-2020", "uk-dvd-2022"):
        pack = load_pack(name)
        files |= {
            place: text
            for place, text in pack.files.items()
            if place.startswith("rules/") and not place.endswith(".test.toml")
        }
        files["functions.toml"] = pack.files["functions.toml"]
    for rule, (old, new) in VARIED.items():
        place = f"rules/{rule}.toml"
        if old not in files[place]:
            raise SystemExit(f"{rule} does not contain {old!r}")
        files[place] = files[place].replace(old, new)
    files["pack.toml"] = f"""
id = "{PACK}"
title = "Twenty rules"
jurisdiction = "XX"
issued_by = "a benchmark"
published_on = 2020-01-28
url = "none"
language = "en"
version = "1.0.0"
binds = "nobody"
names = "vendors"
[[history]]
on = 2020-01-28
what = "Made up"
source = "this file"
grade = "R"
[[parameter]]
name = "high_data_rate_mbps"
means = "Rate from which transmission counts"
type = "number"
"""
    return files


class WithoutThePeer:
    """Makes pandas as absent as it is where only this program is installed."""

    def find_spec(self, name: str, *_: object) -> None:
        """Refuse pandas, and leave all else to the others."""
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)


def ours(folder: Path) -> Callable[[], list[Any]]:
    """What runs the pack; it returns (rule, subject, verdict, operator) of each finding, in columns."""
    # The peer is no part of what a user installs, and Arrow would load it if it were found.
    sys.meta_path.insert(0, WithoutThePeer())
    from ringfence.rules.evaluate import EvaluateParameters, evaluate  # noqa: PLC0415
    from ringfence.rules.pack import read_pack  # noqa: PLC0415
    from ringfence.store.duck import Tables  # noqa: PLC0415

    def run() -> list[Any]:
        files = json.loads((folder / "pack.json").read_text())
        pack = read_pack(files, PACK, PACK, built_in=True)
        tables = Tables({file.stem: file for file in sorted(folder.glob("*.parquet"))})
        ask = EvaluateParameters(AS_OF, values={"high_data_rate_mbps": 10_000})
        found = evaluate(tables, pack, ask)["finding"]
        return [found.column(name) for name in ("rule", "subject", "verdict", "due_on")]

    return run


# The peer.


def peer(folder: Path) -> Callable[[], list[Any]]:
    """The same pack in pandas."""
    import rule_pack_pandas  # noqa: PLC0415

    return lambda: rule_pack_pandas.run(folder, PACK, AS_OF)


# The race.


def one(which: str, folder: Path) -> None:
    """Run one side twice in this process, and print what it took."""
    began, cpu = time.perf_counter(), time.process_time()
    run = {"ours": ours, "pandas": peer}[which](folder)
    columns = run()
    cold = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_000
    began, cpu = time.perf_counter(), time.process_time()
    columns = run()
    warm = {"wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}
    listed = [column.to_pylist() if which == "ours" else column.tolist() for column in columns]
    listed[3] = [day if isinstance(day, date) else "" for day in listed[3]]
    rows = sorted(zip(*(map(str, column) for column in listed), strict=True))
    mark = sha256("\n".join("|".join(row) for row in rows).encode()).hexdigest()
    totals: dict[str, int] = {}
    for rule, _, verdict, due in rows:
        key = f"{rule.removeprefix(PACK + '/')} {verdict}{' until ' + due if due else ''}"
        totals[key] = totals.get(key, 0) + 1
    print(json.dumps({"cold": cold, "warm": warm, "peak_mb": peak, "mark": mark, "totals": totals}))


def main() -> None:
    """Make the network, run both sides, check that they agree, and print the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--elements", type=int, default=1_000_000)
    parser.add_argument(
        "--folder", type=Path, help="keep the network here, and use it if it is there"
    )
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many")
    parser.add_argument("--one", choices=["ours", "pandas"])
    asked = parser.parse_args()
    if asked.one:
        one(asked.one, asked.folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        if not (folder / "element.parquet").exists():
            make(folder, asked.elements)
        (folder / "pack.json").write_text(json.dumps(pack_files()))
        size = sum(file.stat().st_size for file in folder.glob("*.parquet")) / 1e6
        print(f"{asked.elements:,} elements, {size:.0f} MB of Parquet, 20 rules, as of {AS_OF}")
        # From the second round on, both find their modules compiled, as a user does.
        environment = os.environ | {"PYTHONPYCACHEPREFIX": f"{scratch}/compiled"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        found: dict[str, list[dict[str, Any]]] = {"ours": [], "pandas": []}
        for _ in range(asked.rounds):
            for which, results in found.items():
                command = [sys.executable, __file__, "--one", which, "--folder", str(folder)]
                answer = subprocess.run(
                    command, check=True, capture_output=True, text=True, env=environment
                )
                results.append(json.loads(answer.stdout))
    marks = {result["mark"] for results in found.values() for result in results}
    if len(marks) != 1:
        for key in sorted({k for r in found.values() for k in r[0]["totals"]}):
            counts = [found[which][0]["totals"].get(key, 0) for which in found]
            if counts[0] != counts[1]:
                print(f"  {key}: ours {counts[0]:,}, pandas {counts[1]:,}")
        raise SystemExit("the two do not agree")
    print(f"{sum(found['ours'][0]['totals'].values()):,} findings, the same in both")
    print(f"{'':8}{'':>6}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}")
    best: dict[tuple[str, str], float] = {}
    for which, results in found.items():
        for state in ("cold", "warm"):
            least = min(results, key=lambda r: r[state]["wall_s"])
            best[which, state] = least[state]["wall_s"]
            cpu, peak = least[state]["cpu_s"], least["peak_mb"]
            print(f"{which:8}{state:>6}{least[state]['wall_s']:9.2f}{cpu:9.2f}{peak:9.0f}")
    ratios = {state: best["pandas", state] / best["ours", state] for state in ("cold", "warm")}
    for state, ratio in ratios.items():
        print(f"ratio {state}: {ratio:.1f} (aim {AIM})")
    if min(ratios.values()) < AIM:
        raise SystemExit(f"not {AIM} times as fast")


if __name__ == "__main__":
    main()
