"""Run every transport topology as backhaul under made-up sites; write docs/explanation/backhaul.md.

    uv run python tools/backhaul_table.py ../shared/data

Each node of a topology has five radio sites on it. The core stands at the two nodes with the most
links. What is out is measured for every node alone, and for a third of the nodes, drawn evenly, as
one maker's. The same files give the same table.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ringfence.dependence.evaluate import clocks, served
from ringfence.dependence.inventory import inventory
from ringfence.dependence.reach import packed, unpacked
from ringfence.dependence.scenario import ServiceScenario
from ringfence.dependence.services import structure
from ringfence.network.model import TABLES
from ringfence.sources.base import Options, Source, gather
from ringfence.sources.graphml import GraphMl
from ringfence.sources.sndlib import SndLib
from ringfence.store.duck import Tables

PAGE = Path(__file__).resolve().parents[1] / "docs" / "explanation" / "backhaul.md"
DAY = date(2026, 1, 1)
SITES_A_NODE = 5
DRAWS = 64
SEED = 2026
CORE = ("MME", "SGW", "PGW", "HSS")

HEAD = """# Real transport topologies as backhaul

What does a network lose when transport equipment goes? It hangs on how the transport is meshed.
The table runs every topology of the Internet Topology Zoo (Knight et al., IEEE JSAC 29(9), 2011)
and of SNDlib (Orlowski et al., Networks 55(3), 2010) as backhaul under made-up radio sites:
{sites} at each node, the 4G core at the two nodes with the most links, either of them enough.

- *nodes*, *links*: of the topology, as read.
- *joined*: part of the sites that reach the core with nothing out. Below 100 %, the published
  topology is in several pieces, or has nodes without a link.
- *worst node*: part of the joined sites out when the one node that does most harm is out;
  *mean node*: the same on average over all nodes. A node takes its own {sites} sites with it.
- *a third out*: part of the joined sites out when a third of the nodes is out, the median and
  5 to 95 % of {draws} even draws (seed {seed}); the sites' own equipment stays.

Both readings of the service tree were run. Links that go one way with a way back are taken; the
two readings differ only where a node has no link (then *joined* is below 100 %).

This page is written by `tools/backhaul_table.py` from the published files; nothing here is
measured on a network in use.

| topology | nodes | links | joined | worst node | mean node | a third out |
|---|---:|---:|---:|---:|---:|---:|
"""


def files_of(data: Path) -> list[tuple[Source, Path]]:
    """Every topology, by name."""
    zoo = sorted((data / "topology-zoo").glob("*.graphml"), key=lambda f: f.name.lower())
    lib = sorted((data / "sndlib").glob("*.xml"), key=lambda f: f.name.lower())
    return [*((GraphMl(), file) for file in zoo), *((SndLib(), file) for file in lib)]


def network(source: Source, file: Path) -> tuple[Tables, list[str], int]:
    """The topology with sites and a core on it, its nodes, and how many links it has."""
    read = gather(source, file, Options()).tables
    nodes = sorted(read["element"]["id"].to_pylist())
    links = read.get("link", TABLES["link"].empty()).to_pylist()
    degree = Counter(end for row in links for end in {row["source"], row["target"]})
    centre = sorted(nodes, key=lambda n: (-degree[n], n))[:2]
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    rows["operator"] = [{"id": "o"}]
    for node in nodes:
        at = f"{node}/place"
        kind = "data centre" if node in centre else "exchange"
        rows["site"].append({"id": at, "operator": "o", "kind": kind})
        rows["element"].append({"id": node, "site": at})
        rows["function"].append({"element": node, "kind": "IP core router"})
        for number in range(SITES_A_NODE):
            site = f"{node}/site{number}"
            rows["site"].append({"id": site, "operator": "o", "kind": "macro"})
            rows["element"] += [{"id": f"{site}/{e}", "site": site} for e in ("radio", "router")]
            rows["function"] += [
                {"element": f"{site}/radio", "kind": "ENB"},
                {"element": f"{site}/router", "kind": "cell site router"},
            ]
            rows["link"].append({"id": site, "source": f"{site}/router", "target": node})
            rows["demand"].append({"site": site, "kind": "mobile data", "people": 1.0})
    for node in centre:
        for kind in CORE:
            rows["element"].append({"id": f"{node}/{kind}", "site": f"{node}/place"})
            rows["function"].append({"element": f"{node}/{kind}", "kind": kind})
    tables = {name: TABLES[name].from_rows(listed) for name, listed in rows.items()}
    own = read.get("link", TABLES["link"].empty())
    tables["link"] = pa.concat_tables([tables["link"], TABLES["link"].conform(own)])
    return Tables(tables), nodes, len(links)


def row_of(source: Source, file: Path) -> str:
    """One row of the table."""
    tables, nodes, links = network(source, file)
    tree = structure(inventory(tables, DAY), ServiceScenario())
    place = {name: n for n, name in enumerate(tree.inventory.elements.to_pylist())}
    own = np.array([place[node] for node in nodes])
    generator = np.random.default_rng(SEED)
    up = np.ones((len(place), 1 + len(nodes) + DRAWS), np.bool_)
    up[own, 1 + np.arange(len(nodes))] = False
    for draw in range(DRAWS):
        gone = generator.permutation(len(nodes))[: max(1, len(nodes) // 3)]
        up[own[gone], 1 + len(nodes) + draw] = False
    states = up.shape[1]
    felt = clocks(states, time=True, management=True)
    sure = unpacked(served(tree.sure, packed(up), felt), states)
    possible = unpacked(served(tree.possible, packed(up), felt), states)
    if (sure & ~possible).any():
        raise SystemExit(f"{file.name}: the sure reading serves more than the possible one")
    is_joined = sure[:, 0]
    count = int(is_joined.sum())
    out = 1 - sure[is_joined].sum(axis=0) / max(1, count)
    single, drawn = out[1 : 1 + len(nodes)], out[1 + len(nodes) :]
    low, middle, high = np.quantile(drawn, [0.05, 0.5, 0.95])
    cells = [
        file.stem,
        f"{len(nodes)}",
        f"{links}",
        _percent(count / tree.services),
        _percent(float(single.max())),
        _percent(float(single.mean())),
        f"{_percent(float(middle))} ({_percent(float(low))} to {_percent(float(high))})",
    ]
    return f"| {' | '.join(cells)} |"


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def page(data: Path) -> str:
    """The whole page."""
    rows = [row_of(source, file) for source, file in files_of(data)]
    head = HEAD.format(sites=SITES_A_NODE, draws=DRAWS, seed=SEED)
    return head + "\n".join(rows) + f"\n\n{len(rows)} topologies.\n"


def main(words: Sequence[str]) -> None:
    """Write the page, or with --check see that it is as it would be written."""
    folders = [word for word in words if word != "--check"]
    if len(folders) != 1 or not Path(folders[0]).is_dir():
        raise SystemExit(__doc__)
    text = page(Path(folders[0]))
    if "--check" in words:
        if PAGE.read_text(encoding="utf-8") != text:
            raise SystemExit(f"{PAGE} is not what the tool writes")
        return
    PAGE.write_text(text, encoding="utf-8")
    print(text.splitlines()[-1])


if __name__ == "__main__":
    main(sys.argv[1:])
