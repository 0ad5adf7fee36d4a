"""NetBox exports of public networks, from the shared data beside the project.

The demo network is there twice, as a dumpdata file and as a PostgreSQL dump. `RECORDS` are the
counts of `grep -o '"model":"dcim.site"' FILE | wc -l` and the like; how each other number was
counted stands beside it.
"""

import json
from pathlib import Path

import pyarrow as pa
import pytest

from ringfence.errors import SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.netbox import NetBox

RECORDS = {
    "dcim.site": 24, "dcim.device": 72, "dcim.devicetype": 14, "dcim.interface": 1586,
    "virtualization.virtualmachine": 180, "ipam.ipaddress": 180, "ipam.vrf": 6,
    "ipam.vlan": 63, "ipam.prefix": 90, "dcim.cable": 108, "dcim.manufacturer": 14,
    "tenancy.tenant": 11, "dcim.region": 67,
}  # fmt: skip


def without_origin(table: pa.Table) -> list[str]:
    return sorted(map(str, table.drop_columns(["origin"]).to_pylist()))


@pytest.fixture(scope="module")
def both(shared_data: Path) -> tuple[Gathered, Gathered]:
    folder = shared_data / "netbox-demo-data"
    names = ("netbox-demo-v4.2.dumpdata.json", "netbox-demo-v4.2.copy-blocks.sql")
    dump, sql = (gather(NetBox(), folder / name, Options()) for name in names)
    return dump, sql


def test_both_shapes_give_the_same_tables(both: tuple[Gathered, Gathered]) -> None:
    dump, sql = ({n: without_origin(t) for n, t in g.tables.items()} for g in both)
    assert dump == sql


def test_every_record_is_a_row_or_a_reject(both: tuple[Gathered, Gathered]) -> None:
    dump, sql = both
    assert dump.rows_read == dump.rows_kept + dump.rows_rejected
    assert sql.rows_read == sql.rows_kept + sql.rows_rejected
    # `grep -c '"model"'`, and the lines between `COPY` and `\.`.
    assert (dump.rows_read, sql.rows_read) == (5581, 6212)
    assert set(dump.rejects.column("kind").to_pylist()) == {"set aside"}


def test_records_are_those_of_the_file(both: tuple[Gathered, Gathered], shared_data: Path) -> None:
    path = shared_data / "netbox-demo-data" / "netbox-demo-v4.2.dumpdata.json"
    models = [record["model"] for record in json.loads(path.read_bytes())]
    assert {name: models.count(name) for name in RECORDS} == RECORDS
    aside = dict.fromkeys(RECORDS, 0)
    for reject in both[0].rejects.to_pylist():
        name = reject["reason"].split(" ")[0]
        aside[name] = aside.get(name, 0) + reject["rows"]
    kept = {name: RECORDS[name] - aside[name] for name in RECORDS}
    tables = both[0].tables
    kinds = tables["element"].column("kind").to_pylist()
    segments = tables["segment"].column("kind").to_pylist()
    assert kept["dcim.site"] == tables["site"].num_rows == 24
    assert kept["dcim.device"] == kinds.count("box") == 72
    assert kept["virtualization.virtualmachine"] == kinds.count("virtual machine") == 180
    assert kept["dcim.devicetype"] == tables["product"].num_rows == 14
    assert kept["ipam.vrf"] == segments.count("VRF") == 6
    assert kept["ipam.vlan"] == segments.count("VLAN") == 63
    # 21 prefixes have `"status": "container"`.
    assert kept["ipam.prefix"] == segments.count("subnet") == 90 - 21
    # No address of the demo is assigned to anything: `"assigned_object_id": null`, 180 times.
    assert kept["ipam.ipaddress"] == 0
    # 25 interfaces have `"mgmt_only": true`; none has a VLAN or a VRF.
    assert tables["interface"].num_rows == 25
    # Tenants 5, 10 and 13 are those that sites and devices name.
    assert kept["tenancy.tenant"] == tables["operator"].num_rows == 3


def test_links_are_those_that_netbox_itself_traced(
    both: tuple[Gathered, Gathered], shared_data: Path
) -> None:
    """`dcim_cablepath` is NetBox's own trace of each cable: the paths that are complete and run
    from interface to interface are our links, seen once from either end.
    """
    path = shared_data / "netbox-demo-data" / "netbox-demo-v4.2.copy-blocks.sql"
    lines = path.read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("COPY public.dcim_cablepath"))
    traced = set()
    for line in lines[start + 1 : lines.index("\\.", start)]:
        _, _, _, is_split, steps, is_complete = line.split("\t")
        ends = [json.loads(steps)[0], json.loads(steps)[-1]]
        # 39 is dcim.interface: cable ends of that type are all ids of interfaces.
        if is_complete == "t" and is_split == "f" and all(e[0][:3] == "39:" for e in ends):
            traced.add(frozenset(e[0].removeprefix("39:") for e in ends))
    start = next(
        n for n, line in enumerate(lines) if line.startswith("COPY public.dcim_interface ")
    )
    columns = lines[start].split("(")[1].split(")")[0].split(", ")
    device_of = {}
    for line in lines[start + 1 : lines.index("\\.", start)]:
        row = dict(zip(columns, line.split("\t"), strict=True))
        device_of[row["id"]] = f"netbox:{row['device_id']}"
    expected = sorted(sorted(device_of[interface] for interface in pair) for pair in traced)
    assert len(expected) == 38
    links = both[0].tables["link"].to_pylist()
    assert sorted(sorted([link["source"], link["target"]]) for link in links) == expected


def test_a_device_is_found_again_in_its_file(
    both: tuple[Gathered, Gathered], shared_data: Path
) -> None:
    for found, name in zip(both, ("dumpdata.json", "copy-blocks.sql"), strict=True):
        row = found.tables["element"].to_pylist()[0]
        text = (shared_data / "netbox-demo-data" / f"netbox-demo-v4.2.{name}").read_text()
        if name.endswith("sql"):
            place = text.splitlines()[int(row["origin"].split(":")[-1]) - 1]
        else:
            place = json.dumps(json.loads(text)[int(row["origin"].split("/")[-1])])
        assert row["name"] in place


def test_no_file_of_another_format_is_claimed(shared_data: Path) -> None:
    ours = {"netbox-demo-data", "pynetbox-fixtures"}
    claimed = []
    for path in sorted(shared_data.rglob("*")):
        if path.is_file() and path.relative_to(shared_data).parts[0] not in ours:
            with path.open("rb") as file:
                claim = NetBox().claims(path, file.read(64 * 1024))
            if claim.sureness > 0:
                claimed.append((path.name, claim.because))
    assert claimed == []


def test_a_fixture_is_read_if_it_is_claimed_and_refused_if_not(shared_data: Path) -> None:
    read, refused = set(), set()
    for path in sorted((shared_data / "pynetbox-fixtures").rglob("*.json")):
        claim = NetBox().claims(path, path.read_bytes()[: 64 * 1024])
        if claim.sureness > 0:
            found = gather(NetBox(), path, Options())
            assert found.rows_read == found.rows_kept + found.rows_rejected
            read.add(path.stem)
            continue
        with pytest.raises(SourceError, match=r"^no NetBox record in it: |^it holds no data"):
            gather(NetBox(), path, Options())
        refused.add(path.stem)
    assert read == {
        "available-ips-post", "available-prefixes-post", "cable", "cables", "circuit",
        "circuit_termination", "circuit_terminations", "circuits", "device",
        "device_bulk_create", "device_type", "device_types", "devices", "interface",
        "interfaces", "interfaces_1", "interfaces_2", "inventory_items", "ip_address",
        "ip_addresses", "prefix", "prefixes", "site", "sites", "vlan", "vlans", "vrf", "vrfs",
    }  # fmt: skip
    assert len(read) + len(refused) == 89


def test_old_style_devices_are_read(shared_data: Path) -> None:
    path = shared_data / "pynetbox-fixtures/tests/fixtures/dcim/devices.json"
    found = gather(NetBox(), path, Options())
    # `"count": 11` at the head of the file; each names its type's maker in full.
    assert found.tables["element"].num_rows == 11
    assert set(found.tables["element"].column("vendor_name").to_pylist()) == {
        device["device_type"]["manufacturer"]["name"]
        for device in json.loads(path.read_bytes())["results"]
    }
