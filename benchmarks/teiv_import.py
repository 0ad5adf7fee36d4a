"""Claim: a TEIV file of 2 GiB is imported in bounded memory and at most twice the time of a parse.

Import is from bytes on disk to gathered Arrow tables, with every record counted, merged and deleted
as the file says; its peak memory is below 1.5 GiB. The peer does less: it decodes the same file
with msgspec to dictionaries, a line or an element at a time, and keeps nothing. That it is told
where each element ends (each stands on a line of its own) is in its favour; elements joined to
slices and decoded together take it longer.

Each run is a process of its own, and the clock starts after its imports. Cold runs read a file that
was put out of the page cache; warm ones read it right after. The two take turns, and of each the
shortest time counts: others may use the machine meanwhile. The claim is held against wall and CPU
seconds, cold and warm, of every shape; where one fails, the exit code is 1.

    python benchmarks/teiv_import.py [--mib 2048] [--shape lines --shape list --shape event]

Shapes: `lines`, an event a line; `list`, one list of events; `event`, one event with lists as long
as the file. Each event of the first two is one site: a managed element with its functions, six
cells and carriers, and what joins them; every twentieth is a delete.
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
from collections.abc import Callable, Iterator
from pathlib import Path

PEERS = ("msgspec", "ringfence")
MOST_PEAK_MIB = 1536
MOST_RATIO = 2.0
CELLS = 6


def _record(kind: str, name: str, handle: str, more: str = "") -> str:
    return (
        f'{{"id":"urn:3gpp:dn:{name}"{more},"sourceIds":["urn:3gpp:dn:{name}",'
        f'"urn:cmHandle:{handle}"]}}'
        if kind
        else ""
    )


def entities(site: int, handle: str) -> Iterator[tuple[str, list[str]]]:
    """The entities of one site by their types."""
    element = f"SubNetwork=Europe,MeContext=NR{site:06d},ManagedElement=NR{site:06d}"
    network = '{"mcc":"901","mnc":"70"}'
    gnb = f'"gNBId":{site},"gNBIdLength":24'
    yield "oam:ManagedElement", [_record("e", element, handle)]
    yield (
        "ran:ODUFunction",
        [
            _record(
                "e",
                f"{element},ODUFunction=1",
                handle,
                f',"attributes":{{"gNBDUId":1,{gnb},"dUpLMNId":{network}}}',
            )
        ],
    )
    yield (
        "ran:OCUCPFunction",
        [
            _record(
                "e",
                f"{element},OCUCPFunction=1",
                handle,
                f',"attributes":{{"gNBCUName":"cu-{site}",{gnb},"pLMNId":{network}}}',
            )
        ],
    )
    yield (
        "ran:OCUUPFunction",
        [_record("e", f"{element},OCUUPFunction=1", handle, f',"attributes":{{{gnb}}}')],
    )
    for kind, parent in (("NRCellDU", "ODUFunction"), ("NRCellCU", "OCUCPFunction")):
        yield (
            f"ran:{kind}",
            [
                _record(
                    "e",
                    f"{element},{parent}=1,{kind}={cell}",
                    handle,
                    f',"attributes":{{"cellLocalId":{cell},"nCI":{site << 12 | cell},"nRTAC":310}}',
                )
                for cell in range(CELLS)
            ],
        )
    yield (
        "ran:NRSectorCarrier",
        [
            _record(
                "e",
                f"{element},ODUFunction=1,NRSectorCarrier={cell}",
                handle,
                ',"attributes":{"arfcnDL":640000,"arfcnUL":640000,"bSChannelBwDL":100}',
            )
            for cell in range(CELLS)
        ],
    )


def relationships(site: int, handle: str) -> Iterator[tuple[str, list[str]]]:
    """What joins the entities of one site."""
    element = f"SubNetwork=Europe,MeContext=NR{site:06d},ManagedElement=NR{site:06d}"

    def joined(name: str, b_side: str, a_side: str = element) -> str:
        sides = f',"aSide":"urn:3gpp:dn:{a_side}","bSide":"urn:3gpp:dn:{b_side}"'
        return _record("r", f"{name}={b_side}", handle, sides)

    for kind in ("ODUFunction", "OCUCPFunction", "OCUUPFunction"):
        name = f"MANAGEDELEMENT_MANAGES_{kind.upper()}"
        yield f"rel-oam-ran:{name}", [joined(name, f"{element},{kind}=1")]
    name = "ODUFUNCTION_PROVIDES_NRCELLDU"
    du = f"{element},ODUFunction=1"
    yield (
        f"ran:{name}",
        [joined(name, f"{du},NRCellDU={cell}", du) for cell in range(CELLS)],
    )


def head(site: int, action: str) -> str:
    """What stands before an event's data."""
    return (
        f'{{"specversion":"1.0","id":"{site:032x}","source":"dmi-plugin:nm-1",'
        f'"type":"topology-inventory-ingestion.{action}","time":"2026-01-01T00:00:00Z",'
        '"datacontenttype":"application/json","dataschema":"topology-inventory-ingestion:events",'
        '"data":'
    )


def grouped(groups: Iterator[tuple[str, list[str]]]) -> str:
    """Groups as an event has them."""
    return ",".join(f'{{"o-ran-smo-teiv-{name}":[{",".join(found)}]}}' for name, found in groups)


def event(site: int, handle: str) -> str:
    """An event of one site; every twentieth takes away the one before."""
    if site % 20 == 19:
        gone = f"urn:3gpp:dn:SubNetwork=Europe,MeContext=NR{site - 1:06d},"
        gone += f"ManagedElement=NR{site - 1:06d}"
        group = f'{{"o-ran-smo-teiv-oam:ManagedElement":[{{"id":"{gone}"}}]}}'
        return f'{head(site, "delete")}{{"entities":[{group}]}}}}'
    return (
        f'{head(site, "create")}{{"entities":[{grouped(entities(site, handle))}],'
        f'"relationships":[{grouped(relationships(site, handle))}]}}}}'
    )


def write(shape: str, path: Path, size: int) -> None:
    """Make the file of one shape, at least `size` bytes long."""
    draw = random.Random(20260101)  # noqa: S311  # test data, no secret
    written = 0
    with path.open("w", encoding="ascii", newline="") as file:
        if shape == "event":
            sites = size // len(event(1, "0" * 32)) + 1
            handles = [f"{draw.getrandbits(128):032X}" for _ in range(sites)]
            file.write(head(0, "create") + "{")
            for part, made in (("entities", entities), ("relationships", relationships)):
                file.write(("," if part != "entities" else "") + f'"{part}":[\n')
                for number, (name, _) in enumerate(made(0, "")):
                    file.write(("," if number else "") + f'{{"o-ran-smo-teiv-{name}":[\n')
                    for site in range(sites):
                        records = list(made(site, handles[site]))[number][1]
                        file.write((",\n" if site else "") + ",\n".join(records))
                    file.write("\n]}")
                file.write("]")
            file.write("}}\n")
        else:
            parting = "\n" if shape == "lines" else ",\n"
            file.write("" if shape == "lines" else "[\n")
            site = 0
            while written < size:
                text = (parting if site else "") + event(site, f"{draw.getrandbits(128):032X}")
                written += file.write(text)
                site += 1
            file.write("\n" if shape == "lines" else "\n]\n")
        file.flush()
        os.fsync(file.fileno())


def by_msgspec(path: Path) -> int:
    """The peer: decode each line that is a value, to dictionaries, and forget it."""
    import msgspec  # noqa: PLC0415  # so that neither peer pays for the other's memory

    decode = msgspec.json.Decoder().decode
    count = 0
    with path.open("rb") as file:
        for line in file:
            text = line.rstrip(b",\n")
            if text.startswith((b'{"specversion"', b'{"id"')) and text.endswith(b"}"):
                decode(text)
                count += 1
    return count


def by_ringfence() -> Callable[[Path], int]:
    """Ours, with everything imported; pyarrow looks for pandas when it makes its first array."""
    import pyarrow as pa  # noqa: PLC0415

    from ringfence.sources.base import Options, gather  # noqa: PLC0415
    from ringfence.sources.teiv import Teiv  # noqa: PLC0415

    pa.array([0])

    def run(path: Path) -> int:
        found = gather(Teiv(), path, Options())
        return found.rows_read

    return run


def measure(peer: str, path: Path) -> dict[str, float]:
    """Run one peer here; the caller gives it a process of its own."""
    run = by_msgspec if peer == "msgspec" else by_ringfence()
    wall, cpu = time.perf_counter(), time.process_time()
    records = run(path)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "records": records,
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


def report(shape: str, path: Path, runs: int) -> bool:
    """Print one line a peer, the best of its runs; whether the claim holds."""
    print(f"\n{shape}: {path.stat().st_size / 2**20:,.0f} MiB")
    print(
        f"  {'':10}{'cold wall':>10}{'cpu':>8}{'warm wall':>11}{'cpu':>8}{'peak MiB':>10}{'records':>12}"
    )
    found: dict[tuple[str, str], list[dict[str, float]]] = {}
    for _ in range(runs):
        for peer in PEERS:
            put_out_of_cache(path)
            for where in ("cold", "warm"):
                found.setdefault((peer, where), []).append(in_a_process(peer, path))
    best = {
        (peer, where, key): min(run[key] for run in several)
        for (peer, where), several in found.items()
        for key in ("wall", "cpu", "records")
    }
    for peer in PEERS:
        times = [best[peer, where, key] for where in ("cold", "warm") for key in ("wall", "cpu")]
        print(
            f"  {peer:10}{times[0]:9.2f}s{times[1]:7.2f}s{times[2]:10.2f}s{times[3]:7.2f}s"
            f"{peak_mib(found, peer):10,.0f}{best[peer, 'warm', 'records']:12,.0f}"
        )
    ratios = {
        f"{where} {key}": best["ringfence", where, key] / best["msgspec", where, key]
        for where in ("cold", "warm")
        for key in ("wall", "cpu")
    }
    print("  ringfence / msgspec: " + ", ".join(f"{k} {v:.2f}" for k, v in ratios.items()))
    misses = [f"{key} is {ratio:.2f}" for key, ratio in ratios.items() if ratio > MOST_RATIO]
    if peak_mib(found, "ringfence") >= MOST_PEAK_MIB:
        misses.append("memory is not bounded")
    print(f"  {'does not hold: ' + ', '.join(misses) if misses else 'holds'}", flush=True)
    return not misses


def peak_mib(found: dict[tuple[str, str], list[dict[str, float]]], peer: str) -> float:
    """The most memory that any run of a peer took."""
    return max(run["peak_mib"] for (of, _), runs in found.items() if of == peer for run in runs)


def main() -> None:
    """Make the files, run the peers, print; leave with 1 where the claim does not hold."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=2048)
    parser.add_argument("--shape", action="append", choices=["lines", "list", "event"])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("PEER", "FILE"))
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]))))
        return
    holds = True
    with tempfile.TemporaryDirectory() as folder:
        for shape in options.shape or ["lines", "list", "event"]:
            path = Path(folder) / "teiv.json"
            write(shape, path, options.mib * 2**20)
            holds = report(shape, path, options.runs) and holds
            path.unlink()
    sys.exit(not holds)


if __name__ == "__main__":
    main()
