"""NetBox exports of each shape, read to our tables.

The small network is written out below as NetBox's `dumpdata` would; the PostgreSQL dump is made
of the same records by the rules of `pg_dump`. What is expected of it is worked out by hand.
"""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.netbox import NetBox

Dumped = list[dict[str, Any]]


def rec(model: str, pk: int | None, /, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"model": model, "pk": pk, "fields": fields}
    if pk is None:
        del found["pk"]
    return found


IFACE = ["dcim", "interface"]
SMALL: Dumped = [
    rec("dcim.region", 1, name="North", slug="north"),
    rec("dcim.region", 2, name="South", slug="south"),
    rec("tenancy.tenant", 1, name="Blue Telecom", slug="blue"),
    rec("tenancy.tenant", 2, name="A Customer", slug="customer"),
    rec("dcim.manufacturer", 1, name="Aurel", slug="aurel"),
    rec("dcim.manufacturer", 2, name="Tessera", slug="tessera"),
    rec("dcim.manufacturer", 3, name="Makes nothing", slug="nothing"),
    rec("dcim.site", 1, name="Harbour", slug="harbour", region=1, tenant=1, latitude="53.100000",
        longitude="-1.500000", status="active"),
    rec("dcim.site", 2, name="Hill", slug="hill", region=None, tenant=None, latitude=None,
        longitude=None, status="active"),
    rec("dcim.devicerole", 1, name="Core router", slug="core"),
    rec("dcim.devicerole", 2, name="Nobody's", slug="nobody"),
    rec("dcim.devicetype", 1, manufacturer=1, model="AX-1", slug="ax-1"),
    rec("dcim.devicetype", 2, manufacturer=2, model="Panel 24", slug="panel-24"),
    rec("dcim.rack", 1, name="R1", site=1),
    rec("dcim.rack", 2, name="R2", site=1),
    rec("dcim.device", 1, name="r1", device_type=1, role=1, tenant=1, site=1, serial="S1",
        status="active", custom_field_data={
            "install_date": "2021-05-04", "nf_type": ["UPF", "SMF"], "Software_Version": "7.2",
            "purchase_date": "2021-01-31T08:00:00Z", "end_of_life": "2031-12-31", "colour": "red"}),
    rec("dcim.device", 2, name="r2", device_type=1, role=1, tenant=None, site=2, serial="",
        status="offline", custom_field_data={}),
    rec("dcim.device", 3, name="p1", device_type=2, role=None, tenant=1, site=1, serial="",
        status="active", custom_field_data={}),
    rec("dcim.device", 4, name="p2", device_type=2, role=None, tenant=1, site=2, serial="",
        status="active", custom_field_data={}),
    rec("dcim.device", 5, name="r5", device_type=1, role=1, tenant=1, site=1, serial="S5",
        status="planned", custom_field_data={}),
    rec("dcim.device", 6, name=None, device_type=1, role=1, tenant=None, site=999, serial="S6",
        status="decommissioning", custom_field_data={"install_date": "soon"}),
    rec("virtualization.cluster", 1, name="C1", type=1, scope_type=["dcim", "site"], scope_id=2,
        _site=2),
    rec("virtualization.cluster", 2, name="C2", type=1, scope_type=None, scope_id=None, _site=None),
    rec("virtualization.virtualmachine", 361, name="vm1", cluster=1, site=None, device=1,
        tenant=None, role=1, serial="", status="active", custom_field_data={}),
    rec("virtualization.virtualmachine", 362, name="vm2", cluster=2, site=1, device=None,
        tenant=None, role=None, serial="", status="planned", custom_field_data={}),
    rec("ipam.vrf", 2, name="blue", rd="65000:1"),
    rec("ipam.vlan", 3, vid=100, name="Data"),
    rec("ipam.vlan", 4, vid=200, name="Voice"),
    rec("ipam.prefix", 7, prefix="10.0.0.0/8", vlan=None, vrf=None, status="container"),
    rec("ipam.prefix", 8, prefix="10.1.0.0/16", vlan=None, vrf=2, status="active"),
    rec("ipam.prefix", 9, prefix="10.0.0.0/24", vlan=3, vrf=2, status="active"),
    rec("dcim.interface", 10, device=1, name="eth0", mgmt_only=False, untagged_vlan=3,
        tagged_vlans=[], vrf=None, cable=1, cable_end="A"),
    rec("dcim.interface", 11, device=1, name="eth1", mgmt_only=False, untagged_vlan=None,
        tagged_vlans=[3, 4], vrf=2, cable=None, cable_end=""),
    rec("dcim.interface", 12, device=2, name="eth0", mgmt_only=False, untagged_vlan=None,
        tagged_vlans=[], vrf=None, cable=2, cable_end="B"),
    rec("dcim.interface", 13, device=5, name="eth0", mgmt_only=False, untagged_vlan=3,
        tagged_vlans=[3], vrf=None, cable=9, cable_end="A"),
    rec("dcim.interface", 14, device=1, name="mgmt", mgmt_only=True, untagged_vlan=None,
        tagged_vlans=[], vrf=None, cable=None, cable_end=""),
    rec("dcim.interface", 15, device=2, name="eth9", mgmt_only=False, untagged_vlan=None,
        tagged_vlans=[], vrf=None, cable=9, cable_end="B"),
    rec("dcim.interface", 16, device=1, name="eth2", mgmt_only=False, untagged_vlan=None,
        tagged_vlans=[], vrf=None, cable=5, cable_end="A"),
    rec("dcim.interface", 17, device=2, name="eth2", mgmt_only=False, untagged_vlan=None,
        tagged_vlans=[], vrf=None, cable=5, cable_end="B"),
    rec("dcim.interface", 18, device=1, name="eth3", mgmt_only=False, untagged_vlan=None,
        tagged_vlans=[], vrf=None, cable=7, cable_end="A"),
    rec("dcim.interface", 19, device=2, name="eth3", mgmt_only=False, untagged_vlan=None,
        tagged_vlans=[], vrf=None, cable=8, cable_end="A"),
    rec("virtualization.vminterface", 20, virtual_machine=361, name="ens1", untagged_vlan=None,
        tagged_vlans=[], vrf=None),
    rec("ipam.fhrpgroup", 1, group_id=10, protocol="vrrp2"),
    rec("ipam.ipaddress", 31, address="10.0.0.2/24", vrf=None, assigned_object_type=IFACE,
        assigned_object_id=10),
    rec("ipam.ipaddress", 30, address="10.0.0.1/24", vrf=None, assigned_object_type=IFACE,
        assigned_object_id=10),
    rec("ipam.ipaddress", 32, address="10.1.0.9/16", vrf=2,
        assigned_object_type=["virtualization", "vminterface"], assigned_object_id=20),
    rec("ipam.ipaddress", 33, address="10.9.9.9/32", vrf=None, assigned_object_type=None,
        assigned_object_id=None),
    rec("ipam.ipaddress", 34, address="10.0.0.5/24", vrf=None, assigned_object_type=IFACE,
        assigned_object_id=13),
    rec("ipam.ipaddress", 35, address="10.0.0.6/24", vrf=None, assigned_object_type=IFACE,
        assigned_object_id=99),
    rec("ipam.ipaddress", 36, address="10.0.0.7/24", vrf=None,
        assigned_object_type=["ipam", "fhrpgroup"], assigned_object_id=1),
    rec("dcim.rearport", 50, device=3, name="B1", positions=1, cable=3, cable_end="A"),
    rec("dcim.rearport", 51, device=4, name="B1", positions=1, cable=3, cable_end="B"),
    rec("dcim.rearport", 52, device=4, name="B2", positions=1, cable=None, cable_end=""),
    rec("dcim.frontport", 40, device=3, name="F1", rear_port=50, rear_port_position=1, cable=1,
        cable_end="B"),
    rec("dcim.frontport", 41, device=4, name="F1", rear_port=51, rear_port_position=1, cable=2,
        cable_end="A"),
    rec("circuits.circuit", 3, cid="C-3", commit_rate=100000, provider=1),
    rec("circuits.circuit", 4, cid="C-4", commit_rate=None, provider=1),
    rec("circuits.circuittermination", 60, circuit=3, term_side="A", cable=7, cable_end="B"),
    rec("circuits.circuittermination", 61, circuit=3, term_side="Z", cable=8, cable_end="B"),
    rec("dcim.cable", 1, type="smf-os2", status="connected", length="1.50", length_unit="m"),
    rec("dcim.cable", 2, type="smf", status="connected", length="50.00", length_unit="cm"),
    rec("dcim.cable", 3, type="smf", status="decommissioning", length="2.00", length_unit="km"),
    rec("dcim.cable", 5, type="cat6", status="connected", length=None, length_unit=None),
    rec("dcim.cable", 6, type="power", status="connected", length=None, length_unit=None),
    rec("dcim.cable", 7, type="cat6", status="connected", length=None, length_unit=None),
    rec("dcim.cable", 8, type="cat6", status="connected", length=None, length_unit=None),
    rec("dcim.cable", 9, type="cat6", status="connected", length=None, length_unit=None),
    *(
        rec("dcim.cabletermination", 100 + n, cable=cable, cable_end=end, termination_type=of,
            termination_id=at)
        for n, (cable, end, of, at) in enumerate([
            (1, "A", IFACE, 10), (1, "B", ["dcim", "frontport"], 40),
            (2, "A", ["dcim", "frontport"], 41), (2, "B", IFACE, 12),
            (3, "A", ["dcim", "rearport"], 50), (3, "B", ["dcim", "rearport"], 51),
            (5, "A", IFACE, 16), (5, "B", IFACE, 17),
            (6, "A", ["dcim", "powerport"], 1), (6, "B", ["dcim", "poweroutlet"], 1),
            (7, "A", IFACE, 18), (7, "B", ["circuits", "circuittermination"], 60),
            (8, "A", IFACE, 19), (8, "B", ["circuits", "circuittermination"], 61),
            (9, "A", IFACE, 13), (9, "B", IFACE, 15),
        ])
    ),
    rec("ipam.service", 70, name="NETCONF over SSH", protocol="tcp", ports=[830, 22], device=1,
        virtual_machine=None),
    rec("ipam.service", 71, name="DNS", protocol="udp", ports=[53], device=None,
        virtual_machine=361),
    rec("ipam.service", 72, name="SSH", protocol="tcp", ports=[22], device=5,
        virtual_machine=None),
]  # fmt: skip
TYPES = {
    ("dcim", "interface"): 4, ("dcim", "frontport"): 5, ("dcim", "rearport"): 6,
    ("dcim", "powerport"): 7, ("dcim", "poweroutlet"): 8, ("dcim", "site"): 9,
    ("circuits", "circuittermination"): 10, ("virtualization", "vminterface"): 11,
    ("ipam", "fhrpgroup"): 12,
}  # fmt: skip
REFERENCES = {
    "region", "tenant", "manufacturer", "site", "device_type", "role", "cluster", "device", "vlan",
    "vrf", "untagged_vlan", "cable", "virtual_machine", "rear_port", "circuit", "provider",
    "_site",
}  # fmt: skip


def as_sql(records: Dumped, *, with_types: bool) -> str:
    """The same records as `pg_dump` writes them."""
    tables: dict[str, Dumped] = {}
    tagged = []
    for record in records:
        tables.setdefault(record["model"].replace(".", "_"), []).append(record)
    blocks = []
    for table, of_table in tables.items():
        fields = [record["fields"] for record in of_table]
        names = list(dict.fromkeys(n for f in fields for n in f if n != "tagged_vlans"))
        lines = []
        for row in of_table:
            tagged += [(row["pk"], v) for v in row["fields"].get("tagged_vlans") or ()]
            lines.append("\t".join([str(row["pk"]), *(value(row["fields"].get(n)) for n in names)]))
        columns = ["id", *(column(n) for n in names)]
        blocks.append((table, columns, lines))
    lines = [f"{n}\t{i}\t{v}" for n, (i, v) in enumerate(tagged)]
    blocks.append(("dcim_interface_tagged_vlans", ["id", "interface_id", "vlan_id"], lines))
    if with_types:
        lines = [f"{n}\t{app}\t{model}" for (app, model), n in TYPES.items()]
        blocks.append(("django_content_type", ["id", "app_label", "model"], lines))
    text = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n"
    for table, columns, lines in blocks:
        head = f"COPY public.{table} ({', '.join(columns)}) FROM stdin;\n"
        text += head + "".join(f"{line}\n" for line in lines) + "\\.\n\n\n"
    return text + "-- PostgreSQL database dump complete\n"


def column(name: str) -> str:
    if name.endswith("_type") and name not in ("device_type", "nf_type"):
        return f"{name}_id"
    return f"{name}_id" if name in REFERENCES else name


def value(of: Any) -> str:
    if of is None:
        return "\\N"
    if isinstance(of, bool):
        return "t" if of else "f"
    if isinstance(of, dict):
        return json.dumps(of).replace("\\", "\\\\")
    if isinstance(of, list) and of and isinstance(of[0], str):
        return str(TYPES[of[0], of[1]])
    if isinstance(of, list):
        return "{" + ",".join(map(str, of)) + "}"
    return str(of).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def ingest(tmp_path: Path, name: str, text: str | bytes, **options: str) -> Gathered:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return gather(NetBox(), path, Options(**options))  # type: ignore[arg-type]


def rows(found: Gathered, table: str, *columns: str) -> list[Any]:
    """The rows of a table by key: one value, or a tuple of several."""
    if table not in found.tables:
        return []
    listed = found.tables[table].to_pylist()
    names = columns or ("id",)
    picked = sorted(
        (tuple(row[name] for name in names) for row in listed), key=lambda p: list(map(str, p[:2]))
    )
    return [row[0] if len(row) == 1 else row for row in picked]


def reasons(found: Gathered) -> dict[str, tuple[str, int]]:
    """Every reason with its kind and how many records it holds for."""
    return {r["reason"]: (r["kind"], r["rows"]) for r in found.rejects.to_pylist()}


def adds_up(found: Gathered) -> bool:
    return found.rows_read == found.rows_kept + found.rows_rejected


def without_origin(table: pa.Table) -> list[str]:
    return sorted(map(str, table.drop_columns(["origin"]).to_pylist()))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Gathered:
    return ingest(tmp_path_factory.mktemp("dump"), "small.json", json.dumps(SMALL))


def test_devices_and_virtual_machines_become_elements(small: Gathered) -> None:
    columns = ("id", "name", "site", "operator", "vendor_name", "product", "kind", "role_name",
               "serial", "software_version", "purchased_on", "installed_on", "end_of_life_on",
               "origin")  # fmt: skip
    at = {r["pk"]: n for n, r in enumerate(SMALL) if r["model"] == "dcim.device"}
    vm = next(n for n, r in enumerate(SMALL) if r["pk"] == 361)
    no = (None, None, None, None)
    assert rows(small, "element", *columns) == [
        ("netbox:1", "r1", "netbox:site/1", "netbox:operator/1", "Aurel", "netbox:type/1", "box",
         "Core router", "S1", "7.2", date(2021, 1, 31), date(2021, 5, 4), date(2031, 12, 31),
         f"small.json#/{at[1]}"),
        ("netbox:2", "r2", "netbox:site/2", None, "Aurel", "netbox:type/1", "box",
         "Core router", None, *no, f"small.json#/{at[2]}"),
        ("netbox:3", "p1", "netbox:site/1", "netbox:operator/1", "Tessera", "netbox:type/2", "box",
         None, None, *no, f"small.json#/{at[3]}"),
        ("netbox:4", "p2", "netbox:site/2", "netbox:operator/1", "Tessera", "netbox:type/2", "box",
         None, None, *no, f"small.json#/{at[4]}"),
        ("netbox:6", None, "netbox:site/999", None, "Aurel", "netbox:type/1", "box",
         "Core router", "S6", *no, f"small.json#/{at[6]}"),
        ("netbox:vm/361", "vm1", "netbox:site/2", None, None, None, "virtual machine",
         "Core router", None, *no, f"small.json#/{vm}"),
    ]  # fmt: skip


def test_a_role_called_core_is_no_function_but_a_custom_field_is(small: Gathered) -> None:
    assert rows(small, "function", "element", "kind") == [("netbox:1", "SMF"), ("netbox:1", "UPF")]


def test_sites_operators_and_products(small: Gathered) -> None:
    columns = ("id", "operator", "name", "region", "latitude_deg", "longitude_deg", "kind",
               "is_sensitive")  # fmt: skip
    assert rows(small, "site", *columns) == [
        ("netbox:site/1", "netbox:operator/1", "Harbour", "North", 53.1, -1.5, None, None),
        ("netbox:site/2", None, "Hill", None, None, None, None, None),
    ]
    assert rows(small, "operator", "id", "name") == [("netbox:operator/1", "Blue Telecom")]
    assert rows(small, "product", "id", "vendor_name", "model") == [
        ("netbox:type/1", "Aurel", "AX-1"),
        ("netbox:type/2", "Tessera", "Panel 24"),
    ]
    assert rows(small, "relation", "source", "target", "kind") == [
        ("netbox:1", "netbox:vm/361", "hosts")
    ]


def test_segments(small: Gathered) -> None:
    assert rows(small, "segment", "id", "name", "kind", "parent", "address_range") == [
        ("netbox:prefix/8", None, "subnet", "netbox:vrf/2", "10.1.0.0/16"),
        ("netbox:prefix/9", None, "subnet", "netbox:vlan/3", "10.0.0.0/24"),
        ("netbox:vlan/3", "Data (100)", "VLAN", None, None),
        ("netbox:vlan/4", "Voice (200)", "VLAN", None, None),
        ("netbox:vrf/2", "blue", "VRF", None, None),
    ]


def test_an_interface_is_a_row_for_each_foot(small: Gathered) -> None:
    columns = ("id", "element", "segment", "name", "address", "is_management")
    assert rows(small, "interface", *columns) == [
        ("netbox:interface/10", "netbox:1", "netbox:vlan/3", "eth0", "10.0.0.1/24", False),
        ("netbox:interface/10#ip/31", "netbox:1", "netbox:vlan/3", "eth0", "10.0.0.2/24", False),
        ("netbox:interface/11", "netbox:1", "netbox:vrf/2", "eth1", None, False),
        ("netbox:interface/11#vlan/3", "netbox:1", "netbox:vlan/3", "eth1", None, False),
        ("netbox:interface/11#vlan/4", "netbox:1", "netbox:vlan/4", "eth1", None, False),
        ("netbox:interface/14", "netbox:1", None, "mgmt", None, True),
        ("netbox:vminterface/20", "netbox:vm/361", "netbox:vrf/2", "ens1", "10.1.0.9/16", None),
    ]


def test_links_run_through_panels_and_circuits(small: Gathered) -> None:
    columns = ("id", "source", "target", "medium", "capacity_mbps", "length_km")
    assert rows(small, "link", *columns) == [
        ("netbox:cable/1+3+2", "netbox:1", "netbox:2", "fibre", None, pytest.approx(2.002)),
        ("netbox:cable/5", "netbox:1", "netbox:2", "copper", None, None),
        ("netbox:circuit/3", "netbox:1", "netbox:2", "leased", 100.0, None),
    ]


def test_services_become_an_endpoint_for_each_port(small: Gathered) -> None:
    assert rows(small, "endpoint", "id", "element", "protocol", "port", "service") == [
        ("netbox:service/70#22", "netbox:1", "TCP", 22, "NETCONF over SSH"),
        ("netbox:service/70#830", "netbox:1", "TCP", 830, "NETCONF over SSH"),
        ("netbox:service/71#53", "netbox:vm/361", "UDP", 53, "DNS"),
    ]


def test_every_other_record_is_counted_with_its_reason(small: Gathered) -> None:
    assert reasons(small) == {
        "dcim.region holds no site": ("set aside", 1),
        "tenancy.tenant owns no site, device or virtual machine: may be a customer": (
            "set aside", 1),
        "dcim.manufacturer makes no device type in the file": ("set aside", 1),
        "dcim.devicerole is the role of no element": ("set aside", 1),
        "dcim.rack has no place in the model": ("set aside", 2),
        "dcim.device status is planned: not in the network yet": ("set aside", 1),
        "virtualization.virtualmachine status is planned: not in the network yet": (
            "set aside", 1),
        "virtualization.cluster gives no virtual machine its site": ("set aside", 1),
        "ipam.prefix is a container: it groups prefixes and is no segment": ("set aside", 1),
        # Interface 13 is on the planned device; 15 has no foot and its cable leads to 13.
        "dcim.interface belongs to a device that is set aside": ("set aside", 1),
        "dcim.interface has no address, VLAN or VRF: a foot in no segment": ("set aside", 1),
        "ipam.fhrpgroup has no place in the model": ("set aside", 1),
        "ipam.ipaddress is assigned to no interface": ("set aside", 1),
        "ipam.ipaddress belongs to a device that is set aside": ("set aside", 1),
        "ipam.ipaddress is on dcim.interface 99, which is not in the file": ("fault", 1),
        "ipam.ipaddress is assigned to ipam.fhrpgroup, which is no interface of an element": (
            "set aside", 1),
        "dcim.rearport lies on no way between two devices": ("set aside", 1),
        "circuits.circuit gives no link: no device is cabled to both of its ends": (
            "set aside", 1),
        "dcim.cable gives no link: it ends at a port that carries no traffic "
        "(dcim.poweroutlet, dcim.powerport)": ("set aside", 1),
        "dcim.cable gives no link: it leads to a device that is set aside": ("set aside", 1),
        "dcim.cabletermination is an end of a cable that gives no link": ("set aside", 4),
        "ipam.service belongs to a device that is set aside": ("set aside", 1),
        "custom field install_date is no date": ("fault", 1),
    }  # fmt: skip
    # The unusable date is counted beside its device, which was kept.
    assert small.rows_read == len(SMALL) + 1
    assert small.rows_rejected == 27
    assert adds_up(small)


@pytest.mark.parametrize("with_types", [True, False])
def test_a_postgresql_dump_gives_the_same_tables(
    tmp_path: Path, small: Gathered, with_types: bool
) -> None:
    """Without Django's table of types the cable ends prove what the numbers mean.

    Only the numbers of addresses are then not all proved: interfaces by their cables, virtual
    interfaces and FHRP groups by elimination, since no id fits both.
    """
    found = ingest(tmp_path, "small.sql", as_sql(SMALL, with_types=with_types))
    assert {name: without_origin(table) for name, table in found.tables.items()} == {
        name: without_origin(table) for name, table in small.tables.items()
    }
    assert adds_up(found)
    line = as_sql(SMALL, with_types=with_types).splitlines().index("1\tr1\t1\t1\t1\t1\tS1\tactive\t"
        + json.dumps(SMALL[15]["fields"]["custom_field_data"])) + 1  # fmt: skip
    assert f"small.sql:{line}" in rows(found, "element", "origin")


def test_a_type_number_that_nothing_proves_is_not_guessed(tmp_path: Path) -> None:
    """Interface 10 and virtual interface 10 both exist, and no cable tells which is meant."""
    records = [
        rec("dcim.device", 1, name="r1", device_type=1, site=1, status="active"),
        rec("dcim.interface", 10, device=1, name="eth0", mgmt_only=False),
        rec("virtualization.vminterface", 10, virtual_machine=1, name="ens1"),
        rec("ipam.fhrpgroup", 1, group_id=10),
        rec("ipam.ipaddress", 30, address="10.0.0.1/24", assigned_object_type=IFACE,
            assigned_object_id=10),
    ]  # fmt: skip
    found = ingest(tmp_path, "x.sql", as_sql(records, with_types=False))
    assert rows(found, "interface") == []
    reason = (
        "ipam.ipaddress is of a type number the dump does not name; dump django_content_type too"
    )
    assert reasons(found)[reason] == ("set aside", 1)
    found = ingest(tmp_path, "y.sql", as_sql(records, with_types=True))
    assert rows(found, "interface", "id", "address") == [("netbox:interface/10", "10.0.0.1/24")]


def brief(endpoint: str, number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "url": f"https://netbox.example/api/{endpoint}/{number}/", **more}


def page(*results: dict[str, Any]) -> dict[str, Any]:
    return {"count": len(results), "next": None, "previous": None, "results": list(results)}


def rest_device(number: int, **more: Any) -> dict[str, Any]:
    """A device as NetBox 4 writes it, cut to what matters here."""
    maker = brief("dcim/manufacturers", 1, display="Aurel", name="Aurel", slug="aurel")
    return brief(
        "dcim/devices", number, display=f"r{number}", name=f"r{number}",
        device_type=brief("dcim/device-types", 7, manufacturer=maker, model="AX-1", slug="ax-1"),
        role=brief("dcim/device-roles", 3, name="Edge", slug="edge"),
        tenant=brief("tenancy/tenants", 5, name="Blue Telecom", slug="blue"),
        site=brief("dcim/sites", 9, name="Harbour", slug="harbour"),
        serial=f"S{number}", status={"value": "active", "label": "Active"}, tags=[],
        custom_fields={"NF_Type": {"value": 1, "label": "GNBDU"}}, **more,
    )  # fmt: skip


def test_what_devices_of_a_rest_page_mention_becomes_rows_once(tmp_path: Path) -> None:
    found = ingest(tmp_path, "d.json", json.dumps(page(rest_device(11), rest_device(12))))
    assert rows(found, "element", "id", "site", "operator", "vendor_name", "product", "role_name",
                "origin") == [
        (f"netbox:{n}", "netbox:site/9", "netbox:operator/5", "Aurel", "netbox:type/7", "Edge",
         f"d.json#/results/{n - 11}") for n in (11, 12)
    ]  # fmt: skip
    assert rows(found, "site", "id", "name", "origin") == [
        ("netbox:site/9", "Harbour", "d.json#/results/0")
    ]
    assert rows(found, "operator", "id", "name") == [("netbox:operator/5", "Blue Telecom")]
    assert rows(found, "product", "id", "vendor_name", "model") == [
        ("netbox:type/7", "Aurel", "AX-1")
    ]
    assert rows(found, "function", "element", "kind") == [
        ("netbox:11", "GNBDU"),
        ("netbox:12", "GNBDU"),
    ]
    assert (found.rows_read, found.rows_kept) == (2, 2)


def test_pages_in_one_list_are_joined(tmp_path: Path) -> None:
    site = brief("dcim/sites", 9, name="Harbour", slug="harbour", latitude=53.1, longitude=-1.5,
                 region=brief("dcim/regions", 2, name="North", slug="north"),
                 tenant=brief("tenancy/tenants", 5, name="Blue Telecom", slug="blue"))  # fmt: skip
    kept_whole = brief("dcim/interfaces", 30, name="eth0", mgmt_only=True,
                       device=brief("dcim/devices", 11, name="r11"), tagged_vlans=[],
                       untagged_vlan=brief("ipam/vlans", 3, vid=100, name="Data"), vrf=None)  # fmt: skip
    address = brief("ipam/ip-addresses", 40, address="10.0.0.1/24", vrf=None,
                    assigned_object_type="dcim.interface", assigned_object_id=30)  # fmt: skip
    elsewhere = brief("ipam/ip-addresses", 41, address="10.0.0.2/24", vrf=None,
                      assigned_object_type="dcim.interface", assigned_object_id=31,
                      assigned_object=brief("dcim/interfaces", 31, name="eth1",
                                            device=brief("dcim/devices", 12, name="r12")))  # fmt: skip
    pages = [page(rest_device(11)), page(rest_device(12)), page(site), page(kept_whole),
             page(address, elsewhere), page(brief("dcim/racks", 1, name="R1"))]  # fmt: skip
    found = ingest(tmp_path, "all.json", json.dumps(pages))
    assert rows(found, "element", "id", "origin") == [
        ("netbox:11", "all.json#/0/results/0"),
        ("netbox:12", "all.json#/1/results/0"),
    ]
    assert rows(found, "site", "id", "region", "latitude_deg", "operator", "origin") == [
        ("netbox:site/9", "North", 53.1, "netbox:operator/5", "all.json#/2/results/0")
    ]
    assert rows(found, "interface", "id", "element", "segment", "name", "address") == [
        ("netbox:interface/30", "netbox:11", "netbox:vlan/3", "eth0", "10.0.0.1/24"),
        ("netbox:interface/31#ip/41", "netbox:12", None, "eth1", "10.0.0.2/24"),
    ]
    assert rows(found, "segment", "id", "name") == [("netbox:vlan/3", "Data (100)")]
    assert reasons(found) == {"dcim/racks has no place in the model": ("set aside", 1)}
    assert adds_up(found)


@pytest.mark.parametrize("shape", ["list", "one", "lines", "page lines", "mixed list"])
def test_objects_come_in_other_containers_too(tmp_path: Path, shape: str) -> None:
    one, two = rest_device(11), rest_device(12)
    rack = brief("dcim/racks", 1, name="R1")
    text, origins = {
        "list": (json.dumps([one, two], indent=1), ["x#/0", "x#/1"]),
        "one": (json.dumps(one), ["x#"]),
        "lines": (f"{json.dumps(one)}\n\n{json.dumps(two)}\n", ["x:1", "x:3"]),
        "page lines": (
            f"{json.dumps(page(one))}\n{json.dumps(page(two))}",
            ["x:1/results/0", "x:2/results/0"],
        ),
        "mixed list": (json.dumps([one, rack, two]), ["x#/0", "x#/2"]),
    }[shape]
    found = ingest(tmp_path, "x", text)
    assert rows(found, "element", "origin") == origins
    assert adds_up(found)


def test_links_of_a_rest_page_of_cables(tmp_path: Path) -> None:
    def end(number: int, device: int) -> dict[str, Any]:
        port = brief("dcim/interfaces", number, name=f"eth{number}",
                     device=brief("dcim/devices", device, name=f"r{device}"))  # fmt: skip
        return {"object_type": "dcim.interface", "object_id": number, "object": port}

    new = brief("dcim/cables", 4, type="mmf-om4", a_terminations=[end(8, 2)],
                b_terminations=[end(7, 1)], status={"value": "connected", "label": "Connected"},
                length=30.0, length_unit={"value": "m", "label": "Meters"})  # fmt: skip
    breakout = brief("dcim/cables", 5, type="dac-passive", a_terminations=[end(9, 1)],
                     b_terminations=[end(10, 2), end(11, 3)], status=None)  # fmt: skip
    planned = brief("dcim/cables", 6, type=None, a_terminations=[end(12, 1)],
                    b_terminations=[end(13, 2)], status={"value": "planned", "label": "Planned"})  # fmt: skip
    crossed = brief("dcim/cables", 7, type=None, a_terminations=[end(14, 1), end(15, 2)],
                    b_terminations=[end(16, 3), end(17, 4)], status=None)  # fmt: skip
    looped = brief("dcim/cables", 8, type=None, a_terminations=[end(18, 1)],
                   b_terminations=[end(19, 1)], status=None)  # fmt: skip
    doubled = brief("dcim/cables", 9, type="aoc", a_terminations=[end(20, 1), end(21, 1)],
                    b_terminations=[end(22, 2), end(23, 2)], status=None)  # fmt: skip
    pages = page(new, breakout, planned, crossed, looped, doubled)
    found = ingest(tmp_path, "c.json", json.dumps(pages))
    assert rows(found, "link", "id", "source", "target", "medium", "length_km") == [
        ("netbox:cable/4", "netbox:1", "netbox:2", "fibre", pytest.approx(0.03)),
        ("netbox:cable/5#9-10", "netbox:1", "netbox:2", "copper", None),
        ("netbox:cable/5#9-11", "netbox:1", "netbox:3", "copper", None),
        ("netbox:cable/9", "netbox:1", "netbox:2", "fibre", None),
    ]
    assert reasons(found) == {
        "dcim.cable gives no link: status is planned: not laid yet": ("set aside", 1),
        "dcim.cable gives no link: several ports at both ends, and nothing says which join which": (
            "set aside",
            1,
        ),
        "dcim.cable gives no link: it joins a device to itself": ("set aside", 1),
    }
    assert adds_up(found)


def test_a_trunk_between_panels_is_followed_position_by_position(tmp_path: Path) -> None:
    """Two fronts on one rear port each side; the fronts are crossed, and so are the links."""

    def cable(number: int, *ends: tuple[str, str, int]) -> Dumped:
        return [
            rec("dcim.cable", number, type=None, status="connected"),
            *(rec("dcim.cabletermination", number * 10 + n, cable=number, cable_end=side,
                  termination_type=["dcim", of], termination_id=at)
              for n, (side, of, at) in enumerate(ends)),
        ]  # fmt: skip

    records = [
        *(rec("dcim.interface", n, device=n, name="e", mgmt_only=False) for n in (1, 2, 3, 4)),
        rec("dcim.rearport", 50, device=8),
        rec("dcim.rearport", 51, device=9),
        rec("dcim.frontport", 41, device=8, rear_port=50, rear_port_position=1),
        rec("dcim.frontport", 42, device=8, rear_port=50, rear_port_position=2),
        # From 4.5 on the pairs stand in a table of their own.
        rec("dcim.frontport", 43, device=9),
        rec("dcim.frontport", 44, device=9),
        rec("dcim.portmapping", 1, device=9, front_port=43, front_port_position=1, rear_port=51,
            rear_port_position=2),
        rec("dcim.portmapping", 2, device=9, front_port=44, front_port_position=1, rear_port=51,
            rear_port_position=1),
        *cable(1, ("A", "interface", 1), ("B", "frontport", 41)),
        *cable(2, ("A", "interface", 2), ("B", "frontport", 42)),
        *cable(3, ("A", "frontport", 43), ("B", "interface", 3)),
        *cable(4, ("A", "frontport", 44), ("B", "interface", 4)),
        *cable(5, ("A", "rearport", 50), ("B", "rearport", 51)),
    ]  # fmt: skip
    found = ingest(tmp_path, "t.json", json.dumps(records))
    assert rows(found, "link", "id", "source", "target") == [
        ("netbox:cable/1+5+4", "netbox:1", "netbox:4"),
        ("netbox:cable/2+5+3", "netbox:2", "netbox:3"),
    ]
    assert found.rows_rejected == 0
    assert adds_up(found)


def test_tags_of_a_dump_can_name_functions(tmp_path: Path) -> None:
    records = [
        rec("dcim.device", 2, name="r2", device_type=1, site=1, status="active"),
        rec("extras.tag", None, name="nf_type: AMF", slug="nf-type-amf"),
        rec("extras.tag", None, name="Alpha", slug="alpha"),
        rec("extras.taggeditem", None, content_type=["dcim", "device"], object_id=2,
            tag=["nf_type: AMF"]),
        rec("extras.taggeditem", None, content_type=["dcim", "device"], object_id=2,
            tag=["Alpha"]),
        rec("extras.taggeditem", None, content_type=["dcim", "site"], object_id=2,
            tag=["nf_type: AMF"]),
    ]  # fmt: skip
    found = ingest(tmp_path, "t.json", json.dumps(records))
    assert rows(found, "function", "element", "kind") == [("netbox:2", "AMF")]
    assert reasons(found) == {
        "extras.tag names no function": ("set aside", 1),
        "extras.taggeditem names no function of an element": ("set aside", 2),
    }


def test_a_dump_without_numbers_is_keyed_by_slugs_and_names(tmp_path: Path) -> None:
    """What a list of a natural key means is known; what a number means is not, and is kept."""
    records = [
        rec("dcim.site", None, name="Harbour", slug="harbour"),
        rec("dcim.manufacturer", None, name="Aurel", slug="aurel"),
        rec("dcim.devicetype", None, manufacturer=["aurel"], model="AX-1", slug="ax-1"),
        rec("dcim.device", None, name="r1", device_type=["ax-1"], site=["harbour"]),
        rec("dcim.device", None, name="r2", device_type=["ax-1"], site=4),
        rec("dcim.device", None, name=None, device_type=["ax-1"], site=["harbour"]),
    ]
    found = ingest(tmp_path, "n.json", json.dumps(records))
    assert rows(found, "element", "id", "site", "vendor_name", "product") == [
        ("netbox:r1", "netbox:site/harbour", "Aurel", "netbox:type/ax-1"),
        ("netbox:r2", "netbox:site/4", "Aurel", "netbox:type/ax-1"),
    ]
    assert reasons(found) == {"it has no number, slug or name to be keyed by": ("fault", 1)}


def test_the_same_key_twice_is_a_fault_of_the_second(tmp_path: Path) -> None:
    records = [
        rec("dcim.device", 1, name="first", device_type=1, site=1),
        rec("dcim.device", 1, name="second", device_type=1, site=1),
        rec("dcim.device", 2, name="third", device_type=1, site=1),
    ]
    found = ingest(tmp_path, "x.json", json.dumps(records))
    assert rows(found, "element", "id", "name", "origin") == [
        ("netbox:1", "first", "x.json#/0"),
        ("netbox:2", "third", "x.json#/2"),
    ]
    assert found.rejects.to_pylist()[0] | {"content": None} == {
        "file": "x.json", "place": "#/1", "table": "element", "kind": "fault", "rows": 1,
        "reason": "dcim.device 1 stands twice; first at #/0", "content": None,
    }  # fmt: skip


def test_a_prefix_and_a_name_may_be_given(tmp_path: Path) -> None:
    found = ingest(
        tmp_path, "x.json", json.dumps(page(rest_device(11))), prefix="blue", origin="in/d.json"
    )
    assert rows(found, "element", "id", "site", "origin") == [
        ("blue:11", "blue:site/9", "in/d.json#/results/0")
    ]


def test_names_of_older_releases_are_read(tmp_path: Path) -> None:
    """NetBox 3: `device_role`, a cluster's `site`, the ends of a cable in the cable."""
    records = [
        rec("dcim.devicerole", 1, name="Edge", slug="edge"),
        rec("dcim.device", 1, name="r1", device_type=1, device_role=1, site=1),
        rec("dcim.device", 2, name="r2", device_type=1, device_role=1, site=1),
        rec("virtualization.cluster", 1, name="C", site=6),
        rec("virtualization.virtualmachine", 1, name="vm", cluster=1),
        rec("dcim.interface", 7, device=1, name="e", mgmt_only=False),
        rec("dcim.interface", 8, device=2, name="e", mgmt_only=False),
        rec("dcim.cable", 4, type="cat6", status="connected", termination_a_type=IFACE,
            termination_a_id=7, termination_b_type=IFACE, termination_b_id=8),
    ]  # fmt: skip
    found = ingest(tmp_path, "x.json", json.dumps(records))
    assert rows(found, "element", "id", "role_name", "site") == [
        ("netbox:1", "Edge", "netbox:site/1"),
        ("netbox:2", "Edge", "netbox:site/1"),
        ("netbox:vm/1", None, "netbox:site/6"),
    ]
    assert rows(found, "link", "id", "source", "target") == [
        ("netbox:cable/4", "netbox:1", "netbox:2")
    ]


def test_a_maker_that_is_not_in_the_file_is_said_to_be_missing(tmp_path: Path) -> None:
    found = ingest(
        tmp_path, "x.json", json.dumps([rec("dcim.devicetype", 1, manufacturer=3, model="AX-1")])
    )
    assert rows(found, "product", "id", "vendor_name", "model") == [("netbox:type/1", None, "AX-1")]
    reason = "the manufacturer of a device type is not in the file: its name is not known"
    assert reasons(found) == {reason: ("fault", 1)}
