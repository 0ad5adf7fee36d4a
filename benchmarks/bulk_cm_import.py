"""Claim: a 1 GiB bulk CM file is read in under 1.5 GiB, and in at most twice the bare parse's time.

Reading is from the file on disk to gathered Arrow tables. The peer does less: lxml's `iterparse`
goes through the elements and clears them, as its manual says to do for large files, and keeps
nothing. Each run is a process of its own, and the clock starts after its imports. Cold runs read a
file that was put out of the page cache; warm ones read it right after another run did.

    python benchmarks/bulk_cm_import.py [--mib 1024] [--seed 20260101] [--warm-runs 3]

The file is made from the seed, in a temporary folder: base stations of made-up makers, each with
its functions, end points, cells, neighbours and containers of a maker's own data.
"""

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

MAKERS = ("Northwind", "Aurel", "Tessera", "Kestrel", "Halcyon")
CELLS, NEIGHBOURS = 6, 12
PARAMETERS = tuple(f"{w}{n}" for n in range(1, 9) for w in ("threshold", "offset", "timer", "use"))
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<bulkCmConfigDataFile
 xmlns="http://www.3gpp.org/ftp/specs/archive/32_series/32.616#configData"
 xmlns:xn="http://www.3gpp.org/ftp/specs/archive/28_series/28.623#genericNrm"
 xmlns:nn="http://www.3gpp.org/ftp/specs/archive/28_series/28.541#nrNrm"
 xmlns:mk="MakerSpecificAttributes">
<fileHeader fileFormatVersion="32.616 V15.0.0" senderName="SubNetwork=1,ManagementNode=1"
 vendorName="Northwind"/>
<configData dnPrefix="DC=example.net">
<xn:SubNetwork id="1">
<xn:ManagementNode id="1">
<xn:attributes><xn:userLabel>manager 1</xn:userLabel></xn:attributes></xn:ManagementNode>
"""
FOOT = """</xn:SubNetwork>
</configData>
<fileFooter dateTime="2026-01-01T00:00:00+00:00"/>
</bulkCmConfigDataFile>
"""


def container(draw: random.Random, kind: str, number: int) -> str:
    """A maker's own data of one object."""
    lines = "\n".join(f"<mk:{name}>{draw.randrange(1000)}</mk:{name}>" for name in PARAMETERS)
    return (
        f'<xn:VsDataContainer id="{number}">\n<xn:attributes>\n'
        f"<xn:vsDataType>vsData{kind}</xn:vsDataType>\n"
        "<xn:vsDataFormatVersion>MakerSpecificAttributes.1</xn:vsDataFormatVersion>\n"
        f"<mk:vsData{kind}>\n{lines}\n</mk:vsData{kind}>\n</xn:attributes>\n</xn:VsDataContainer>\n"
    )


def station(draw: random.Random, number: int) -> str:
    """One base station, some 130 kB of text."""
    octets = f"{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    start = (
        f'<xn:MeContext id="station-{number:06d}">\n<xn:ManagedElement id="1">\n<xn:attributes>\n'
        f"<xn:userLabel>station-{number:06d}</xn:userLabel>\n"
        f"<xn:vendorName>{MAKERS[draw.randrange(len(MAKERS))]}</xn:vendorName>\n"
        f"<xn:locationName>Site {number // 3:05d}</xn:locationName>\n"
        f"<xn:swVersion>{draw.randrange(20, 26)}.{draw.randrange(1, 5)}</xn:swVersion>\n"
        "<xn:managedBy><xn:dn>DC=example.net,SubNetwork=1,ManagementNode=1</xn:dn></xn:managedBy>\n"
        '</xn:attributes>\n<nn:GNBCUCPFunction id="1">\n<nn:attributes/>\n<nn:EP_NgC id="1">\n'
        f"<nn:attributes><nn:localAddress><nn:ipv4Address>10.{octets}</nn:ipv4Address>"
        "<nn:vlanId>100</nn:vlanId></nn:localAddress></nn:attributes>\n"
        '</nn:EP_NgC>\n</nn:GNBCUCPFunction>\n<nn:GNBDUFunction id="1">\n<nn:attributes/>\n'
    )
    parts = [start]
    for cell in range(CELLS):
        parts.append(
            f'<nn:NRCellDU id="{cell}">\n<nn:attributes>\n<nn:nRPCI>{draw.randrange(1008)}</nn:nRPCI>\n'
            f"<nn:nRTAC>{draw.randrange(9000)}</nn:nRTAC>\n</nn:attributes>\n"
        )
        parts.append(container(draw, "NRCellDU", cell))
        parts += [container(draw, "NRCellRelation", n) for n in range(NEIGHBOURS)]
        parts.append("</nn:NRCellDU>\n")
    parts.append("</nn:GNBDUFunction>\n</xn:ManagedElement>\n</xn:MeContext>\n")
    return "".join(parts)


def write(path: Path, size: int, seed: int) -> int:
    """Make the file; returns how many base stations are in it."""
    draw = random.Random(seed)  # noqa: S311  # test data, no secret
    number = 0
    with path.open("w", encoding="utf-8") as file:
        left = size - file.write(HEAD) - len(FOOT)
        while left > 0:
            number += 1
            left -= file.write(station(draw, number))
        file.write(FOOT)
        file.flush()
        os.fsync(file.fileno())
    return number


def by_lxml() -> Callable[[Path], int]:
    """The peer: go through the elements, clear each and cut off what lies before it."""
    # Imported here, so that the memory of each peer is its own.
    from lxml import etree  # noqa: PLC0415

    def run(path: Path) -> int:
        found = 0
        for _, element in etree.iterparse(str(path)):
            found += str(element.tag).endswith("}ManagedElement")
            element.clear()
            parent = element.getparent()
            while parent is not None and element.getprevious() is not None:
                del parent[0]
        return found

    return run


def by_ringfence() -> Callable[[Path], int]:
    """Ours, to gathered tables."""
    import pyarrow as pa  # noqa: PLC0415

    from ringfence.sources.base import Options, gather  # noqa: PLC0415
    from ringfence.sources.bulk_cm import BulkCm  # noqa: PLC0415

    # pyarrow looks for pandas when it makes its first array.
    pa.array([0])

    def run(path: Path) -> int:
        found = gather(BulkCm(), path, Options())
        return int(found.tables["element"].num_rows) - 1

    return run


PEERS = {"lxml": by_lxml, "ringfence": by_ringfence}


def measure(peer: str, path: Path) -> dict[str, float]:
    """Run one peer here; the caller gives it a process of its own."""
    run = PEERS[peer]()
    wall, cpu = time.perf_counter(), time.process_time()
    elements = run(path)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "elements": elements,
    }


def in_a_process(peer: str, path: Path) -> dict[str, float]:
    """Run one peer in a fresh process."""
    command = [sys.executable, __file__, "--measure", peer, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def put_out_of_cache(path: Path) -> None:
    """Have the kernel forget the file, which is on disk by now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def report(path: Path, stations: int, warm_runs: int) -> None:
    """Print one line a peer, cold and the best of the warm runs, and the ratios."""
    print(f"{path.stat().st_size / 2**20:,.0f} MiB, {stations:,} base stations")
    print(f"  {'':11}{'cold wall':>10}{'cpu':>8}{'warm wall':>11}{'cpu':>8}{'peak MiB':>10}")
    runs: dict[str, tuple[dict[str, float], dict[str, float]]] = {}
    for peer in PEERS:
        put_out_of_cache(path)
        cold = in_a_process(peer, path)
        warm = [in_a_process(peer, path) for _ in range(warm_runs)]
        best = {key: min(run[key] for run in warm or [cold]) for key in cold}
        peak = max(run["peak_mib"] for run in [cold, *warm])
        if any(run["elements"] != stations for run in [cold, *warm]):
            sys.exit(f"{peer} found {best['elements']:,.0f} elements, not {stations:,}")
        runs[peer] = (cold, best)
        print(
            f"  {peer:11}{cold['wall']:9.2f}s{cold['cpu']:7.2f}s"
            f"{best['wall']:10.2f}s{best['cpu']:7.2f}s{peak:10,.0f}"
        )
    ratios = [
        f"{label} {key} {runs['ringfence'][at][key] / runs['lxml'][at][key]:.2f}"
        for at, label in enumerate(("cold", "warm"))
        for key in ("wall", "cpu")
    ]
    print(f"  ringfence / lxml, below 2 is the claim: {', '.join(ratios)}")


def main() -> None:
    """Make the file, run the peers, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=20260101)
    parser.add_argument("--warm-runs", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("PEER", "FILE"))
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bulk.xml"
        stations = write(path, options.mib * 2**20, options.seed)
        report(path, stations, options.warm_runs)


if __name__ == "__main__":
    main()
