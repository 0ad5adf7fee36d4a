"""NetBox files that are cut, bent, of another kind or made to do harm.

A file is refused with a `SourceError`, or read with each record in it kept or rejected; nothing
else may come of it.
"""

import gc
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import SourceError
from ringfence.sources.base import HEAD_BYTES, Gathered, Options, gather
from ringfence.sources.netbox import NetBox


def ingest(tmp_path: Path, content: str | bytes) -> Gathered:
    path = tmp_path / "netbox-export"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = gather(NetBox(), path, Options())
    assert found.rows_read == found.rows_kept + found.rows_rejected
    return found


def elements(found: Gathered) -> list[str]:
    return found.tables["element"].column("id").to_pylist() if "element" in found.tables else []


def rejects(found: Gathered) -> list[tuple[str, str, str]]:
    return [(r["kind"], r["place"], r["reason"]) for r in found.rejects.to_pylist()]


def device(number: Any, **more: Any) -> dict[str, Any]:
    url = f"https://netbox.example/api/dcim/devices/{number}/"
    return {"id": number, "url": url, "name": f"r{number}", **more}


def page(*devices: dict[str, Any]) -> str:
    return json.dumps({"count": len(devices), "next": None, "results": list(devices)})


def dump(*devices: dict[str, Any]) -> str:
    return json.dumps(
        [
            {
                "model": "dcim.device",
                "pk": d["id"],
                "fields": {k: v for k, v in d.items() if k not in ("id", "url")},
            }
            for d in devices
        ]
    )


SITES = """\
COPY public.dcim_site (id, name, slug, region_id, tenant_id, latitude, longitude) FROM stdin;
1\tHarbour\tharbour\t\\N\t\\N\t53.100000\t-1.500000
2\tHill\thill\t1\t\\N\t\\N\t\\N
\\.
"""
DEVICES = """\
COPY public.dcim_device (id, name, site_id, serial, status, custom_field_data) FROM stdin;
1\tr1\t1\t\tactive\t{"install_date": "2021-05-04"}
2\tr2\t2\tS2\tactive\t{}
\\.
"""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "the file is empty"),
        (" \n\n", "the file is empty"),
        ("[]", "it is an empty list"),
        ("{}", "no NetBox record in it"),
        ("[1, 2]", "no NetBox record in it"),
        ("[[[]]]", "no NetBox record in it"),
        ("null", "neither a REST answer"),
        ("12", "neither a REST answer"),
        ('"dcim.device"', "neither a REST answer"),
        ("<xml><dcim/></xml>", "neither a REST answer"),
        ("name,site\nr1,s1\n", "neither a REST answer"),
        ('{"detail": "Authentication credentials were not provided."}', "it holds no data but"),
        ('{"type": "FeatureCollection", "features": [{"id": 1}]}', "no NetBox record in it"),
        ('{"apiVersion": "v1", "kind": "List", "items": []}', "no NetBox record in it"),
        ('{"bomFormat": "CycloneDX", "components": [{"name": "x"}]}', "no NetBox record in it"),
        ('[{"model": "shop.order", "pk": 1, "fields": {"name": "x"}}]', "no NetBox record in it"),
        ('[{"model": ["x"], "fields": {}}]', "no NetBox record in it"),
        ('{"results": 5}', "no NetBox record in it"),
        ('{"results": [{"id": 1, "url": "https://x.example/api/v2/hosts/1/"}]}', "no NetBox rec"),
        (b"PGDMP\x01\x0e\x00dcim_site", "in the custom format is not read"),
        (gzip.compress(page(device(1)).encode(), mtime=0), "the file is compressed"),
        ("INSERT INTO public.dcim_site VALUES (1, 'x');\n", "without COPY blocks is not read"),
        ("COPY public.shop_order (id) FROM stdin;\n1\n\\.\n", "neither a REST answer"),
        ("\ufeff", "the file is empty"),
        ("x".join("\x00" for _ in range(9)), "neither a REST answer"),
        ("{'id': 1}", "not well formed"),
    ],
)
def test_what_is_no_netbox_export_is_refused_with_the_reason(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    with pytest.raises(SourceError, match=reason):
        ingest(tmp_path, content)
    head = content.encode() if isinstance(content, str) else content
    sure = NetBox().claims(tmp_path / "x", head[:HEAD_BYTES]).sureness
    assert (sure > 0) == head.startswith(b"INSERT")


@pytest.mark.parametrize("kind", ["folder", "missing"])
def test_a_path_that_cannot_be_read_is_a_source_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path if kind == "folder" else tmp_path / "none"
    with pytest.raises(SourceError, match="cannot be read"):
        gather(NetBox(), path, Options())


@pytest.mark.parametrize("make", [page, dump])
@pytest.mark.parametrize("part", [0.3, 0.6, 0.9, 0.999])
def test_a_json_file_that_is_cut_off_is_refused_whole(
    tmp_path: Path, make: Any, part: float
) -> None:
    text = make(*(device(n) for n in range(1, 40)))
    with pytest.raises(SourceError, match=r"cut off|not well formed") as caught:
        ingest(tmp_path, text[: int(len(text) * part)])
    assert "netbox-export:1" in str(caught.value.where)


def test_a_malformed_json_file_is_refused_with_the_line(tmp_path: Path) -> None:
    text = json.dumps(json.loads(page(device(1), device(2))), indent=1).replace('"r2"', "r2")
    line = text[: text.index(" r2")].count("\n") + 1
    with pytest.raises(SourceError, match="not well formed at character") as caught:
        ingest(tmp_path, text)
    assert str(caught.value.where).endswith(f":{line}")


@pytest.mark.parametrize("make", [page, dump])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"id": "abc"}, "text where a number or null should be"),
        ({"id": True}, "true or false where a number or null should be"),
        ({"id": 1.5}, "a number where a number or null should be"),
        ({"name": ["r9"]}, "name: a list where text or null should be"),
        ({"site": "Harbour"}, "site: text where"),
        ({"custom_fields": 5}, "custom_fields: a number where an object or null should be"),
    ],
)
def test_a_record_with_a_value_of_the_wrong_type_is_rejected_alone(
    tmp_path: Path, make: Any, fault: dict[str, Any], reason: str
) -> None:
    found = ingest(tmp_path, make(device(1), device(9) | fault, device(3)))
    assert elements(found) == ["netbox:1", "netbox:3"]
    kind, place, why = rejects(found)[0]
    assert (kind, place) == ("fault", "#/1" if make is dump else "#/results/1")
    assert reason in why
    assert found.rows_read == 3


@pytest.mark.parametrize("make", [page, dump])
def test_one_bad_record_alone_is_a_reject_and_no_refusal(tmp_path: Path, make: Any) -> None:
    found = ingest(tmp_path, make(device(9) | {"id": "abc"}))
    assert (found.rows_read, found.rows_kept) == (1, 0)


def test_text_that_is_not_utf8_is_the_fault_of_its_record(tmp_path: Path) -> None:
    for text in (page(device(1), device(2)), dump(device(1), device(2)), SITES + DEVICES):
        found = ingest(tmp_path, text.encode().replace(b"r2", b"r\xff", 1))
        assert elements(found) == ["netbox:1"]
        assert [reason for kind, _, reason in rejects(found) if kind == "fault"] == [
            "text in it is not UTF-8"
        ]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"results":[' * 50_000,
        '{"a":' * 100_000,
        "[" * 100_000 + "]" * 100_000,
        page(device(1)).replace('"r1"', "[" * 100_000 + "]" * 100_000),
        page(device(1)).replace('"name"', '"other"').replace('"r1"', '{"x":' * 99_999),
        dump(device(1)).replace('"r1"', "[" * 100_000 + "]" * 100_000),
        '{"results":[' * 900 + "1" + "]}" * 900,
    ],
)
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError):
        ingest(tmp_path, text)
    assert NetBox().claims(tmp_path, text.encode()[:HEAD_BYTES]).sureness in (0, 0.95)


def test_numbers_that_json_has_not_are_null_and_huge_ones_are_read(tmp_path: Path) -> None:
    huge = 10**40
    site = {"id": 7, "url": "https://x.example/api/dcim/sites/7/", "name": "NaN, Infinity",
            "latitude": float("nan"), "longitude": float("-inf")}  # fmt: skip
    found = ingest(tmp_path, json.dumps([site]))
    row = found.tables["site"].to_pylist()[0]
    assert (row["name"], row["latitude_deg"]) == ("NaN, Infinity", None)
    found = ingest(tmp_path, page(device(huge, site=-1), device(2, site=huge)))
    assert elements(found) == [f"netbox:{huge}", "netbox:2"]
    assert found.tables["element"].column("site").to_pylist() == [
        "netbox:site/-1",
        f"netbox:site/{huge}",
    ]
    found = ingest(tmp_path, page(device(1), device(1) | {"id": int("9" * 4300)}))
    assert len(elements(found)) == 2
    cut = page(device(1), device(2)).replace('"id": 2', '"id": ' + "9" * 5000)
    assert elements(ingest(tmp_path, cut)) == ["netbox:1"]


def test_values_too_great_for_a_column_do_not_pass(tmp_path: Path) -> None:
    records = [
        {"model": "dcim.device", "pk": 1, "fields": {"name": "r1"}},
        {"model": "ipam.service", "pk": 1, "fields": {"device": 1, "ports": [10**30]}},
        {"model": "ipam.service", "pk": 2, "fields": {"device": 1, "ports": [70000]}},
        {"model": "ipam.service", "pk": 3, "fields": {"device": 1, "ports": ["x"]}},
        {"model": "ipam.service", "pk": 4, "fields": {"device": 1, "ports": '["22"]'}},
        {"model": "dcim.site", "pk": 1, "fields": {"name": "x", "latitude": "91"}},
        {"model": "dcim.site", "pk": 2, "fields": {"name": "y", "latitude": "north"}},
    ]
    found = ingest(tmp_path, json.dumps(records))
    assert found.tables["endpoint"].column("id").to_pylist() == ["netbox:service/4#22"]
    assert found.tables["site"].column("name").to_pylist() == ["y"]
    reasons = sorted(reason for _, _, reason in rejects(found))
    assert reasons == [
        "ipam.service has ports that are no numbers",
        "latitude is no number",
        "latitude_deg is above 90",
        "port is above 65535",
    ]


def test_a_file_that_names_a_great_many_models_is_read_without_a_class_for_each(
    tmp_path: Path,
) -> None:
    others = [{"model": f"dcim.made_up_{n}", "pk": 1, "fields": {}} for n in range(5000)]
    found = ingest(tmp_path, json.dumps([*others, *json.loads(dump(device(1)))]))
    assert elements(found) == ["netbox:1"]
    assert found.rows_read == 5001


def test_a_line_that_is_no_json_among_json_lines_is_rejected(tmp_path: Path) -> None:
    lines = [json.dumps(device(1)), '{"id": 2, "url"', json.dumps(device(3))]
    found = ingest(tmp_path, "\n".join(lines))
    assert elements(found) == ["netbox:1", "netbox:3"]
    assert rejects(found)[0][:2] == ("fault", "line 2")


def test_an_object_that_nothing_tells_is_rejected_among_others(tmp_path: Path) -> None:
    found = ingest(tmp_path, page(device(1), {"id": 2, "name": "x"}))
    assert elements(found) == ["netbox:1"]
    assert rejects(found) == [
        ("fault", "#/results/1",
         "neither its url nor its keys say which NetBox endpoint it is from")
    ]  # fmt: skip


def star(ends: int) -> str:
    """A cable with a great many ends on either side, all of two devices."""
    interface = ["dcim", "interface"]
    cable = [{"model": "dcim.cable", "pk": 1, "fields": {"type": "smf"}}]
    ports = [
        {"model": "dcim.interface", "pk": n, "fields": {"device": n % 2 + 1}} for n in range(ends)
    ]
    both = [
        {"model": "dcim.cabletermination", "pk": n, "fields": {
            "cable": 1, "cable_end": "AB"[n % 2], "termination_type": interface,
            "termination_id": n}}
        for n in range(ends)
    ]  # fmt: skip
    return json.dumps([*cable, *ports, *both])


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        ("COPY " * 400_000, False),
        ("COPY public.dcim_site (id) FROM stdin" * 50_000, False),
        ('[{"a": NaN, "b": "' + '\\"' * 400_000, False),
        ('[{"a": NaN, "b": ' + '"' * 400_001, False),
        (page(device(1, tags=["nf_type:" + " " * 400_000 + "\n", "nf_type" + " " * 400_000])), True),
        (page(device(1, custom_fields={"install_date": "1" * 400_000})), True),
        (page(device(1, **{" - at `" * 60_000: 1}) | {"serial": []}), True),
        (json.dumps([page(device(n)) for n in range(1, 4000)]).replace('\\"', '"')
         .replace('"{', "{").replace('}"', "}"), True),
        (star(20_000), True),
    ],
    ids=["copy", "headers", "escapes", "quotes", "tags", "dates", "message", "pages", "star"],
)  # fmt: skip
def test_no_file_makes_the_work_grow_faster_than_itself(
    tmp_path: Path, text: str, is_read: bool
) -> None:
    """Each would take hours if some step looked at all the rest of the file for each part."""
    if is_read:
        ingest(tmp_path, text)
    else:
        with pytest.raises(SourceError):
            ingest(tmp_path, text)


# PostgreSQL


@pytest.mark.parametrize("end", ["", "\\", "\\.x\n", "3\tr3"])
def test_a_block_without_an_end_is_refused_with_the_line(tmp_path: Path, end: str) -> None:
    text = SITES + DEVICES.removesuffix("\\.\n") + end
    with pytest.raises(SourceError, match="rows of dcim_device, which begin in line 5") as caught:
        ingest(tmp_path, text)
    assert str(caught.value.where).endswith(":8" if end else ":7")


def test_rows_with_faults_are_rejected_with_their_lines(tmp_path: Path) -> None:
    bad = [
        "3\tr3\t1\t\tactive",
        "x\tr4\t1\t\tactive\t{}",
        "5\tr5\tHarbour\t\tactive\t{}",
        "6\tr6\t1\t\tactive\t{]",
        "1\tagain\t1\t\tactive\t{}",
        "\\N\tr7\t1\t\tactive\t{}",
    ]
    found = ingest(tmp_path, DEVICES.replace("\\.\n", "\n".join(bad) + "\n\\.\n"))
    assert elements(found) == ["netbox:1", "netbox:2"]
    assert sorted(rejects(found), key=lambda r: r[1]) == [
        ("fault", "line 4", "5 values where the table has 6 columns"),
        ("fault", "line 5", "id: 'x' does not fit"),
        ("fault", "line 6", "site_id: 'Harbour' does not fit"),
        ("fault", "line 7", "custom_field_data: '{]' does not fit"),
        ("fault", "line 8", "dcim.device 1 stands twice; first at :2"),
        ("fault", "line 9", "it has no number, slug or name to be keyed by"),
    ]


def test_escapes_line_ends_quotes_and_other_statements(tmp_path: Path) -> None:
    text = (
        "-- COPY public.dcim_site (id) FROM stdin;\nSET x = 1;\n"
        "CREATE FUNCTION f() RETURNS void AS $$ COPY x FROM stdin; $$;\n"
        'COPY netbox."dcim_device" (serial, "name", id, "position") FROM stdin;\n'
        "\\N\ta\\tb\\\\c\\nd\\101\\x42\t1\t\\N\n"
        "\t\\\\N\t2\t\\N\n"
        "\\.\n"
        "COPY public.auth_user (id) FROM stdin;\n1\n2\n\\.\n"
        "COPY public.dcim_region (id, name) FROM stdin;\n\\."
    )
    for content in (text, text.replace("\n", "\r\n")):
        found = ingest(tmp_path, content)
        rows = found.tables["element"].to_pylist()
        assert [(r["id"], r["name"], r["serial"]) for r in rows] == [
            ("netbox:1", "a\tb\\c\ndAB", None),
            ("netbox:2", "\\N", None),
        ]
        assert [r["origin"] for r in rows] == ["netbox-export:5", "netbox-export:6"]
        assert rejects(found) == [("set aside", "line 9", "auth_user has no place in the model")]
        assert found.rows_read == 4


# Anything at all


def mutated(seed: bytes) -> st.SearchStrategy[bytes]:
    """The bytes with a few cuts, copies, changed bytes and strange values in them."""
    odd = [b"null", b'"x"', b"[]", b"{}", b"-1", b"1e999", b"true", b"9" * 30, b"NaN", b"\\N",
           b"\t", b"\n", b"\\.", b'"\\ud800"', b"\xff", b"\x00", b'[["a"]]', b'{"id":"z"}']  # fmt: skip
    spot = st.integers(0, len(seed) - 1)
    change = st.one_of(
        st.tuples(st.just("cut"), spot, st.integers(1, 60), st.just(b"")),
        st.tuples(st.just("put"), spot, st.integers(0, 12), st.sampled_from(odd)),
        st.tuples(st.just("put"), spot, st.just(1), st.binary(min_size=1, max_size=2)),
        st.tuples(st.just("copy"), spot, st.integers(1, 200), st.just(b"")),
    )

    def apply(changes: list[tuple[str, int, int, bytes]]) -> bytes:
        data = seed
        for what, at, length, put in changes:
            taken = data[at : at + length]
            data = data[:at] + (taken * 2 if what == "copy" else put) + data[at + length :]
        return data

    return st.lists(change, min_size=1, max_size=6).map(apply)


def of_any_kind() -> list[dict[str, Any]]:
    """A record of nearly every kind that is read, as a dump has them."""
    interface = ["dcim", "interface"]
    fields: list[tuple[str, int, dict[str, Any]]] = [
        ("contenttypes.contenttype", 39, {"app_label": "dcim", "model": "interface"}),
        ("dcim.region", 1, {"name": "North"}),
        ("dcim.site", 1, {"name": "H", "region": 1, "tenant": 1, "latitude": "1.5"}),
        ("tenancy.tenant", 1, {"name": "Blue"}),
        ("dcim.manufacturer", 1, {"name": "Aurel"}),
        ("dcim.devicetype", 1, {"model": "AX", "manufacturer": 1}),
        ("dcim.device", 1, {"name": "a", "device_type": 1, "site": 1, "tenant": 1, "tags": ["x"],
            "status": "active", "custom_field_data": {"install_date": "2020-01-01",
            "nf_type": ["UPF"], "software_version": "1"}}),
        ("dcim.device", 2, {"name": "b", "device_type": 1, "site": 1, "status": "planned"}),
        ("dcim.device", 3, {"name": "c", "device_type": 1, "site": 1, "status": "offline"}),
        ("virtualization.cluster", 1, {"name": "C", "_site": 1}),
        ("virtualization.virtualmachine", 1, {"name": "v", "cluster": 1, "device": 1}),
        ("dcim.interface", 1, {"device": 1, "name": "e", "untagged_vlan": 1, "tagged_vlans": [1],
            "vrf": 1, "mgmt_only": True, "cable": 1, "cable_end": "A"}),
        ("dcim.interface", 3, {"device": 3, "name": "e", "cable": 2, "cable_end": "B"}),
        ("ipam.ipaddress", 1, {"address": "10.0.0.1/8", "assigned_object_type": interface,
            "assigned_object_id": 1}),
        ("ipam.vlan", 1, {"vid": 5, "name": "V"}),
        ("ipam.vrf", 1, {"name": "R"}),
        ("ipam.prefix", 1, {"prefix": "10.0.0.0/8", "vlan": 1, "vrf": 1, "status": "active"}),
        ("ipam.service", 1, {"name": "ssh", "protocol": "tcp", "ports": [22], "device": 1}),
        ("dcim.rearport", 1, {"device": 9}),
        ("dcim.frontport", 1, {"device": 9, "rear_port": 1, "rear_port_position": 1}),
        ("circuits.circuit", 1, {"cid": "c", "commit_rate": 1000}),
        ("circuits.circuittermination", 1, {"circuit": 1, "term_side": "A"}),
        ("circuits.circuittermination", 2, {"circuit": 1, "term_side": "Z"}),
        ("dcim.cable", 1, {"type": "smf", "length": "1", "length_unit": "m"}),
        ("dcim.cable", 2, {"type": "smf", "length": "1", "length_unit": "m"}),
        ("dcim.cabletermination", 1, {"cable": 1, "cable_end": "A", "termination_type": interface,
            "termination_id": 1}),
        ("dcim.cabletermination", 2, {"cable": 1, "cable_end": "B",
            "termination_type": ["circuits", "circuittermination"], "termination_id": 1}),
        ("dcim.cabletermination", 3, {"cable": 2, "cable_end": "A",
            "termination_type": ["circuits", "circuittermination"], "termination_id": 2}),
        ("dcim.cabletermination", 4, {"cable": 2, "cable_end": "B", "termination_type": interface,
            "termination_id": 3}),
        ("extras.taggeditem", 1, {"content_type": ["dcim", "device"], "object_id": 1,
            "tag": ["nf_type:AMF"]}),
        ("dcim.rack", 1, {"name": "R"}),
    ]  # fmt: skip
    return [{"model": m, "pk": pk, "fields": f} for m, pk, f in fields]


DUMP = json.dumps(of_any_kind()).encode()
PAGES = json.dumps(
    [
        {"count": 1, "results": [device(
            1, site={"id": 3, "name": "H"}, tenant={"id": 4, "name": "T"}, tags=[{"name": "x"}],
            device_type={"id": 5, "model": "AX", "manufacturer": {"id": 6, "name": "Aurel"}},
            role={"id": 7, "name": "Core"}, status={"value": "active", "label": "Active"},
            custom_fields={"nf_type": ["UPF"]})]},
        {"count": 1, "results": [{
            "id": 4, "url": "https://x.example/api/dcim/cables/4/", "type": "smf",
            "a_terminations": [{"object_type": "dcim.interface", "object_id": 7,
                                "object": {"id": 7, "device": {"id": 1}}}],
            "b_terminations": [{"object_type": "dcim.interface", "object_id": 8,
                                "object": {"id": 8, "device": {"id": 2}}}]}]},
        {"count": 1, "results": [{
            "id": 9, "url": "https://x.example/api/ipam/ip-addresses/9/", "address": "10.0.0.1/8",
            "assigned_object_type": "dcim.interface", "assigned_object_id": 7,
            "assigned_object": {"id": 7, "name": "e", "device": {"id": 1}}}]},
    ]
).encode()  # fmt: skip
ONE_PAGE = page(device(1, site={"id": 3, "name": "H"}), device(2)).encode()
SQL = (SITES + DEVICES + SITES.replace("dcim_site", "dcim_rack")).encode()
LINES = b"\n".join(json.dumps(record).encode() for record in of_any_kind())


@pytest.mark.parametrize(
    "seed", [DUMP, PAGES, ONE_PAGE, SQL, LINES], ids=["dump", "pages", "page", "sql", "lines"]
)
@settings(max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_bent_file_is_refused_or_adds_up(
    tmp_path: Path, seed: bytes, data: st.DataObject
) -> None:
    content = data.draw(mutated(seed))
    claim = NetBox().claims(tmp_path, content[:HEAD_BYTES])
    assert 0 <= claim.sureness <= 1
    refused = ""
    try:
        ingest(tmp_path, content)
    except SourceError as error:
        refused = error.message
    assert "lost count" not in refused
    assert "rows of no record" not in refused


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["", "A", "B", "dcim.interface", "12", "nan", "2020-02-30", "container"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["id", "name", "value", "label", "device", "x"]), inner,
                      max_size=3),
    max_leaves=5,
)  # fmt: skip


@pytest.mark.parametrize("seed", [DUMP, PAGES], ids=["dump", "pages"])
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_anywhere_is_read_or_rejected(
    tmp_path: Path, seed: bytes, data: st.DataObject
) -> None:
    """The fault stays in its record, so the file is read whatever stands where."""
    records = json.loads(seed)
    inside = [r["fields"] if "fields" in r else r["results"][0] for r in records]
    for _ in range(data.draw(st.integers(1, 4))):
        fields = data.draw(st.sampled_from(inside))
        fields[data.draw(st.sampled_from(sorted(fields.keys() - {"url"})))] = data.draw(VALUES)
    found = ingest(tmp_path, json.dumps(records))
    assert found.rows_read >= len(records)


@settings(max_examples=200)
@given(content=st.binary(max_size=400))
def test_any_bytes_are_claimed_without_an_error(content: bytes) -> None:
    for head in (content, b"[" + content, b'{"results": [' + content, DUMP[:100] + content):
        claim = NetBox().claims(Path("x"), head)
        assert claim.because


@pytest.mark.parametrize("seed", [DUMP, PAGES, ONE_PAGE, SQL, LINES])
def test_the_seeds_of_the_mutations_are_sound(tmp_path: Path, seed: bytes) -> None:
    found = ingest(tmp_path, seed)
    assert elements(found)
    assert not [reject for reject in rejects(found) if reject[0] == "fault"]


@pytest.mark.parametrize("was_on", [True, False])
def test_cyclic_collection_is_left_as_it_was(tmp_path: Path, was_on: bool) -> None:
    before = gc.isenabled()
    try:
        gc.enable() if was_on else gc.disable()
        ingest(tmp_path, ONE_PAGE)
        with pytest.raises(SourceError):
            ingest(tmp_path, b"{")
        assert gc.isenabled() == was_on
    finally:
        gc.enable() if before else gc.disable()
