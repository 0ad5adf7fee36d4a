"""Claim: 300,000 NetBox devices are imported in no more time than `json.load` takes to read them.

Import is from bytes on disk to gathered Arrow tables and Parquet files written. The peer does less:
`json.load` ends with untyped dictionaries in memory. Each run is a process of its own, and the
clock starts after its imports. Cold runs read a file that was put out of the page cache; warm
ones read it right after another run did. The PostgreSQL dump has no peer and is there to compare.

    python benchmarks/netbox_import.py [--size 300000] [--shape fields --shape dump ...]

Shapes: `fields`, a REST answer with the fields a script would ask for (about 100 MB); `whole`, a
REST answer with all that NetBox 4 says of a device (about 650 MB; `json.load` needs 3 GB);
`dump`, the same as `dumpdata`; `sql`, as `pg_dump`.
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
from typing import Any

API = "https://netbox.example.net/api"
MAKERS = ("Northwind", "Aurel", "Tessera", "Kestrel", "Halcyon")
TYPES, ROLES, TENANTS, DEVICES_A_SITE = 240, 9, 3, 8


def devices(size: int) -> Iterator[dict[str, Any]]:
    """What every shape says of each device, drawn from a fixed seed."""
    draw = random.Random(20260101)  # noqa: S311  # test data, no secret
    for number in range(1, size + 1):
        site = draw.randrange(size // DEVICES_A_SITE + 1) + 1
        yield {
            "id": number,
            "name": f"node-{site:05d}-{number:06d}",
            "type": draw.randrange(TYPES) + 1,
            "role": draw.randrange(ROLES) + 1,
            "tenant": site % TENANTS + 1,
            "site": site,
            "serial": f"SN{draw.getrandbits(40):010X}",
            "installed_on": f"20{draw.randrange(10, 26)}-{draw.randrange(1, 13):02d}-15",
        }


def maker(of_type: int) -> tuple[int, str]:
    """The maker of a device type: its number and name."""
    return of_type % len(MAKERS) + 1, MAKERS[of_type % len(MAKERS)]


def fields(device: dict[str, Any]) -> dict[str, Any]:
    """A device with the fields that matter, as a script might save it."""
    number, name = maker(device["type"])
    return {
        "id": device["id"],
        "url": f"{API}/dcim/devices/{device['id']}/",
        "name": device["name"],
        "device_type": {
            "id": device["type"],
            "manufacturer": {"id": number, "name": name},
            "model": f"Model {device['type']:03d}",
        },
        "tenant": {"id": device["tenant"], "name": f"Operator {device['tenant']}"},
        "serial": device["serial"],
        "site": {"id": device["site"], "name": f"Site {device['site']:05d}"},
        "status": {"value": "active", "label": "Active"},
    }


def brief(endpoint: str, number: int, name: str, **more: object) -> dict[str, Any]:
    """A record as REST mentions it inside another."""
    url = f"{API}/{endpoint}/{number}/"
    slug = name.lower().replace(" ", "-")
    return {"id": number, "url": url, "display": name, **(more or {"name": name}), "slug": slug,
            "description": ""}  # fmt: skip


def whole(device: dict[str, Any]) -> dict[str, Any]:
    """A device with every field of NetBox 4.2's `/api/dcim/devices/`."""
    number, name = maker(device["type"])
    text = f"10.{device['id'] >> 16}.{device['id'] >> 8 & 255}.{device['id'] & 255}/32"
    address = {
        "id": device["id"],
        "url": f"{API}/ipam/ip-addresses/{device['id']}/",
        "display": text,
        "family": {"value": 4, "label": "IPv4"},
        "address": text,
        "description": "",
    }
    return {
        "id": device["id"],
        "url": f"{API}/dcim/devices/{device['id']}/",
        "display_url": f"{API.removesuffix('/api')}/dcim/devices/{device['id']}/",
        "display": device["name"],
        "name": device["name"],
        "device_type": brief(
            "dcim/device-types",
            device["type"],
            f"Model {device['type']:03d}",
            manufacturer=brief("dcim/manufacturers", number, name),
            model=f"Model {device['type']:03d}",
        ),
        "role": brief("dcim/device-roles", device["role"], f"Role {device['role']}"),
        "tenant": brief("tenancy/tenants", device["tenant"], f"Operator {device['tenant']}"),
        "platform": None,
        "serial": device["serial"],
        "asset_tag": None,
        "site": brief("dcim/sites", device["site"], f"Site {device['site']:05d}"),
        "location": None,
        "rack": None,
        "position": None,
        "face": None,
        "latitude": None,
        "longitude": None,
        "parent_device": None,
        "status": {"value": "active", "label": "Active"},
        "airflow": None,
        "primary_ip": address,
        "primary_ip4": address,
        "primary_ip6": None,
        "oob_ip": None,
        "cluster": None,
        "virtual_chassis": None,
        "vc_position": None,
        "vc_priority": None,
        "description": "",
        "comments": "",
        "config_template": None,
        "local_context_data": None,
        "tags": [],
        "custom_fields": {
            "installed_on": device["installed_on"],
            "cost_centre": f"CC{device['id'] % 100}",
            "nf_type": None,
        },
        "created": "2020-12-20T00:00:00Z",
        "last_updated": "2024-12-20T02:51:03.257000Z",
        **dict.fromkeys(COUNTS, 0),
    }


COUNTS = tuple(
    f"{port}_count"
    for port in (
        "console_port", "console_server_port", "power_port", "power_outlet", "interface",
        "front_port", "rear_port", "device_bay", "module_bay", "inventory_item",
    )
)  # fmt: skip


def dumped(device: dict[str, Any]) -> dict[str, Any]:
    """A device as NetBox 4.2's `dumpdata` writes it."""
    return {
        "model": "dcim.device",
        "pk": device["id"],
        "fields": {
            "created": "2020-12-20T00:00:00Z",
            "last_updated": "2020-12-20T02:51:03.257Z",
            "custom_field_data": {"installed_on": device["installed_on"], "cost_centre": "CC7"},
            "description": "",
            "comments": "",
            "local_context_data": None,
            "config_template": None,
            "device_type": device["type"],
            "role": device["role"],
            "tenant": device["tenant"],
            "platform": 1,
            "name": device["name"],
            "serial": device["serial"],
            "asset_tag": None,
            "site": device["site"],
            "location": None,
            "rack": 1,
            "position": "4.0",
            "face": "front",
            "status": "active",
            "airflow": None,
            "primary_ip4": None,
            "primary_ip6": None,
            "oob_ip": None,
            "cluster": None,
            "virtual_chassis": None,
            "vc_position": None,
            "vc_priority": None,
            "latitude": None,
            "longitude": None,
            **dict.fromkeys(COUNTS, 0),
        },
    }


def helpers(size: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """What a dump's devices refer to, and some records that are not read."""
    for number in range(40):
        yield "contenttypes.contenttype", number + 1, {"app_label": "dcim", "model": f"m{number}"}
    for number in range(1, len(MAKERS) + 1):
        yield "dcim.manufacturer", number, {"name": MAKERS[number - 1]}
    for number in range(1, TYPES + 1):
        model = {"model": f"Model {number:03d}", "manufacturer": maker(number)[0]}
        yield "dcim.devicetype", number, model
    for number in range(1, ROLES + 1):
        yield "dcim.devicerole", number, {"name": f"Role {number}"}
    for number in range(1, TENANTS + 1):
        yield "tenancy.tenant", number, {"name": f"Operator {number}"}
    sites = range(1, size // DEVICES_A_SITE + 2)
    for number in sites:
        site = {"name": f"Site {number:05d}", "tenant": number % TENANTS + 1, "region": None}
        yield "dcim.site", number, site
    for number in sites:
        yield "dcim.rack", number, {"name": "R1", "site": number}


def write(shape: str, path: Path, size: int) -> None:
    """Make the file of one shape."""
    with path.open("w", encoding="utf-8") as file:
        if shape in ("fields", "whole"):
            make = fields if shape == "fields" else whole
            file.write(f'{{"count":{size},"next":null,"previous":null,"results":[')
            for number, device in enumerate(devices(size)):
                text = json.dumps(make(device), separators=(",", ":"))
                file.write(f",{text}" if number else text)
            file.write("]}")
        elif shape == "dump":
            file.write("[\n")
            for model, key, values in helpers(size):
                file.write(json.dumps({"model": model, "pk": key, "fields": values}) + ",\n")
            for number, device in enumerate(devices(size)):
                file.write((",\n" if number else "") + json.dumps(dumped(device)))
            file.write("\n]\n")
        else:
            write_sql(file.write, size)
        file.flush()
        os.fsync(file.fileno())


def write_sql(put: Callable[[str], object], size: int) -> None:
    """Make the PostgreSQL dump."""
    table = ""
    refers = {"manufacturer", "tenant", "region", "site", "device_type", "role", "platform", "rack"}
    rows = [*helpers(size)]
    tail = (("dcim.device", d["id"], dumped(d)["fields"]) for d in devices(size))
    for part in (rows, tail):
        for model, key, values in part:
            if model != table:
                put("\\.\n\n" if table else "--\n-- PostgreSQL database dump\n--\n\n")
                table = model
                name = model.replace(".", "_").replace("contenttypes_contenttype",
                                                       "django_content_type")  # fmt: skip
                columns = [f"{n}_id" if n in refers else n for n in values]
                put(f"COPY public.{name} (id, {', '.join(columns)}) FROM stdin;\n")
            cells = (
                "\\N" if v is None else json.dumps(v) if isinstance(v, dict) else str(v)
                for v in values.values()
            )
            put(f"{key}\t" + "\t".join(cells) + "\n")
    put("\\.\n")


def by_json(path: Path) -> int:
    """The peer: read the file to Python objects, as `json.load` does out of the box."""
    with path.open(encoding="utf-8") as file:
        found = json.load(file)
    return len(found["results"] if isinstance(found, dict) else found)


def by_ringfence() -> Callable[[Path], int]:
    """Ours, with everything imported; pyarrow looks for pandas when it makes its first array."""
    # Imported here, so that the peer's memory is its own.
    import pyarrow as pa  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    from ringfence.sources.base import Options, gather  # noqa: PLC0415
    from ringfence.sources.netbox import NetBox  # noqa: PLC0415

    pa.array([0])

    def run(path: Path) -> int:
        found = gather(NetBox(), path, Options())
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            for name, table in found.tables.items():
                parquet.write_table(table, f"{folder}/{name}.parquet", compression="zstd")
        return int(found.tables["element"].num_rows)

    return run


def measure(peer: str, path: Path) -> dict[str, float]:
    """Run one peer here; the caller gives it a process of its own."""
    run = by_json if peer == "json.load" else by_ringfence()
    wall, cpu = time.perf_counter(), time.process_time()
    records = run(path)
    return {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
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


def report(shape: str, path: Path, warm_runs: int) -> None:
    """Print one line a peer: cold, and the best of the warm runs."""
    print(f"\n{shape}: {path.stat().st_size / 1e6:,.0f} MB")
    print(f"  {'':11}{'cold wall':>10}{'cpu':>8}{'warm wall':>11}{'cpu':>8}{'peak MB':>9}")
    best: dict[str, dict[str, float]] = {}
    cold: dict[str, dict[str, float]] = {}
    for peer in ("ringfence",) if shape == "sql" else ("json.load", "ringfence"):
        put_out_of_cache(path)
        cold[peer] = in_a_process(peer, path)
        warm = [in_a_process(peer, path) for _ in range(warm_runs)]
        best[peer] = {key: min(run[key] for run in warm) for key in warm[0]}
        print(
            f"  {peer:11}{cold[peer]['wall']:9.2f}s{cold[peer]['cpu']:7.2f}s"
            f"{best[peer]['wall']:10.2f}s{best[peer]['cpu']:7.2f}s{best[peer]['peak_mb']:9,.0f}"
        )
    if "json.load" in best:
        ratios = [
            f"{where} {key} {runs['json.load'][key] / runs['ringfence'][key]:.2f}"
            for where, runs in (("cold", cold), ("warm", best))
            for key in ("wall", "cpu")
        ]
        print(f"  json.load / ringfence: {', '.join(ratios)}")


def main() -> None:
    """Make the files, run the peers, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=300_000)
    parser.add_argument("--shape", action="append", choices=["fields", "whole", "dump", "sql"])
    parser.add_argument("--warm-runs", type=int, default=3)
    parser.add_argument("--measure", nargs=2, metavar=("PEER", "FILE"))
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure[0], Path(options.measure[1]))))
        return
    print(f"{options.size:,} devices; ratios above 1 mean that the whole import is faster")
    with tempfile.TemporaryDirectory() as folder:
        for shape in options.shape or ["fields", "dump", "sql"]:
            path = Path(folder) / ("netbox.sql" if shape == "sql" else "netbox.json")
            write(shape, path, options.size)
            report(shape, path, options.warm_runs)
            path.unlink()


if __name__ == "__main__":
    main()
