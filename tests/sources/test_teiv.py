"""TEIV: events in every shape, deletes and merges, the database, and what is bent or cut."""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import HEAD_BYTES, Gathered, Options, gather
from ringfence.sources.teiv import Teiv
from ringfence.sources.teiv.events import read_events
from ringfence.sources.teiv.ledger import Ledger
from ringfence.sources.teiv.types import real_name, relationship_named
from tests.sources.mutations import bent

RAN, OAM = "o-ran-smo-teiv-ran", "o-ran-smo-teiv-oam"
MANAGES_DU = "o-ran-smo-teiv-rel-oam-ran:MANAGEDELEMENT_MANAGES_ODUFUNCTION"


def event(
    action: str, entities: object = None, relationships: object = None, **more: object
) -> dict[str, Any]:
    data: dict[str, object] = dict(more)
    if entities is not None:
        data["entities"] = entities
    if relationships is not None:
        data["relationships"] = relationships
    return {
        "specversion": "1.0",
        "id": "1",
        "source": "nm-1",
        "type": f"topology-inventory-ingestion.{action}",
        "data": data,
    }


def entity(identifier: str, handle: str = "AA", **attributes: Any) -> dict[str, Any]:
    return {"id": identifier, "attributes": attributes, "sourceIds": [f"urn:cmHandle:{handle}"]}


SITE_EVENT = event(
    "create",
    [
        {f"{OAM}:ManagedElement": [entity("me1"), entity("me2", "BB")]},
        {f"{RAN}:ODUFunction": [entity("du1", dUpLMNId={"mcc": "901", "mnc": "70"})]},
        {f"{RAN}:NRCellDU": [entity("cell1", nCI=1), entity("cell2", nCI=2)]},
    ],
    [{MANAGES_DU: [{"id": "r1", "aSide": "me1", "bSide": "du1", "sourceIds": []}]}],
)


def read(tmp_path: Path, content: object, name: str = "events.json") -> Gathered:
    path = tmp_path / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    claim = Teiv().claims(path, path.read_bytes()[:HEAD_BYTES])
    assert claim.sureness >= 0.9, claim
    return gather(Teiv(), path, Options())


def rows(found: Gathered, table: str) -> list[dict[str, Any]]:
    if table not in found.tables:
        return []
    return [
        {k: v for k, v in row.items() if v is not None} for row in found.tables[table].to_pylist()
    ]


def keys(found: Gathered, table: str = "element") -> set[str]:
    return {row["id"] for row in rows(found, table)}


def test_an_event_gives_elements_functions_and_who_manages_them(tmp_path: Path) -> None:
    found = read(tmp_path, SITE_EVENT)
    assert keys(found) == {"teiv:me1", "teiv:me2", "teiv:du1"}
    assert rows(found, "function") == [
        {"element": "teiv:du1", "kind": "GNBDU", "generation": "5G",
         "origin": "events.json:1:$.data.entities[1].ODUFunction[0]"}
    ]  # fmt: skip
    assert [(r["source"], r["kind"], r["target"]) for r in rows(found, "relation")] == [
        ("teiv:me1", "manages", "teiv:du1")
    ]
    assert keys(found, "operator") == {"teiv:operator/901-70"}
    assert (found.rows_read, found.rows_kept, found.rows_rejected) == (6, 4, 2)
    assert found.rejects.to_pylist()[0]["kind"] == "set aside"


@pytest.mark.parametrize("shape", ["one", "list", "lines", "pretty", "answer", "marked"])
@pytest.mark.parametrize("window", [64, 700, None])
def test_every_shape_and_slicing_says_the_same(
    tmp_path: Path, shape: str, window: int | None
) -> None:
    events = [
        event("create", [{f"{OAM}:ManagedElement": [entity(f"me{i}", note='a "}],[{" b')]}])
        for i in range(40)
    ]
    groups = [group for e in events for group in e["data"]["entities"]]
    content = {
        "one": json.dumps(event("create", groups)),
        "list": json.dumps(events),
        "lines": "\n".join(map(json.dumps, events)),
        "pretty": "\n".join(json.dumps(e, indent=2) for e in events),
        "answer": json.dumps({"items": groups, "self": {"href": "/"}}),
        "marked": "\ufeff" + json.dumps(events, indent=1),
    }[shape]
    path = tmp_path / "t.json"
    path.write_text(content, encoding="utf-8")
    ledger = Ledger(keeps_handles=True)
    if window == 64:
        # A record longer than a window is refused, not read in part.
        with pytest.raises(SourceError):
            read_events(path, ledger, window=window)
        return
    read_events(path, ledger, window=window)
    standing, gone = ledger.entities["ManagedElement"].settled({})
    table = pa.concat_tables(standing.batches())
    assert table["id"].to_pylist() == [f"me{i}" for i in range(40)]
    assert table["handles"].to_pylist() == ["AA"] * 40
    assert (ledger.records, gone) == (40, 0)


def test_one_event_longer_than_a_window_may_name_its_type_behind_its_data(tmp_path: Path) -> None:
    many = event("delete", [{f"{OAM}:ManagedElement": [entity(f"me{i}") for i in range(300)]}])
    turned = dict(reversed(many.items()))
    path = tmp_path / "t.json"
    path.write_text(json.dumps(turned), encoding="utf-8")
    ledger = Ledger()
    read_events(path, ledger, window=900)
    assert len(ledger.entities["ManagedElement"].deleted) == 300
    assert ledger.records == 300


def test_a_delete_takes_away_what_was_before_it_and_its_relationships(tmp_path: Path) -> None:
    gone = event("delete", [{f"{OAM}:ManagedElement": [{"id": "me1"}]}])
    found = read(tmp_path, [SITE_EVENT, gone])
    assert keys(found) == {"teiv:me2", "teiv:du1"}
    assert not rows(found, "relation")
    assert found.rows_read == found.rows_kept + found.rows_rejected == 7
    again = read(tmp_path, [SITE_EVENT, gone, SITE_EVENT])
    assert keys(again) == {"teiv:me1", "teiv:me2", "teiv:du1"}
    assert len(rows(again, "relation")) == 1


def test_a_deleted_relationship_is_gone_and_its_ends_are_not(tmp_path: Path) -> None:
    gone = event("delete", None, [{MANAGES_DU: [{"id": "r1"}]}])
    found = read(tmp_path, [SITE_EVENT, gone])
    assert not rows(found, "relation")
    assert len(keys(found)) == 3


def test_a_source_delete_takes_away_what_came_from_that_source(tmp_path: Path) -> None:
    found = read(tmp_path, [SITE_EVENT, event("source-entity-delete", type="cmHandle", value="AA")])
    assert keys(found) == {"teiv:me2"}
    assert not rows(found, "relation")
    assert found.rows_read == found.rows_kept + found.rows_rejected == 7


def test_a_merge_adds_and_a_stated_null_takes_away(tmp_path: Path) -> None:
    kind = "o-ran-smo-teiv-equipment:Site"
    place: dict[str, Any] = {"geo-location": {"latitude": 12.5, "longitude": 56.5}}
    nowhere: dict[str, Any] = {"geo-location": None}
    first = event("create", [{kind: [entity("s", name="Old", **place)]}])
    second = event("merge", [{kind: [entity("s", name="New")]}])
    third = event("merge", [{kind: [entity("s", **nowhere)]}])
    found = rows(read(tmp_path, [first, second]), "site")
    assert found[0]["name"] == "New"
    assert (found[0]["latitude_deg"], found[0]["longitude_deg"]) == (12.5, 56.5)
    found = rows(read(tmp_path, [first, second, third]), "site")
    assert found[0]["name"] == "New"
    assert "latitude_deg" not in found[0]


def test_clouds_host_and_appliances_have_a_maker_and_a_site(tmp_path: Path) -> None:
    cloud, physical = "o-ran-smo-teiv-cloud", "o-ran-smo-teiv-physical"
    links = [
        (f"{cloud}:OCLOUDNAMESPACE_DEPLOYED_ON_NODECLUSTER", "ns", "cluster"),
        (f"{cloud}:NFDEPLOYMENT_DEPLOYED_ON_OCLOUDNAMESPACE", "nf", "ns"),
        ("o-ran-smo-teiv-rel-cloud-ran:NFDEPLOYMENT_SERVES_ODUFUNCTION", "nf", "du"),
        ("o-ran-smo-teiv-rel-physical-ran:PHYSICALAPPLIANCE_SERVES_ODUFUNCTION", "box", "du"),
        (f"{physical}:PHYSICALAPPLIANCE_INSTALLEDAT_SITE", "box", "site"),
        (f"{RAN}:ODUFUNCTION_O1LINK_SMO", "du", "smo"),
        (f"{RAN}:ODUFUNCTION_E2LINK_NEARRTRICFUNCTION", "du", "ric"),
        (f"{RAN}:ORUFUNCTION_OFHSLINK_ODUFUNCTION", "ru", "du"),
        (f"{RAN}:ODUFUNCTION_F1CLINK_OCUCPFUNCTION", "du", "cu"),
    ]
    found = read(
        tmp_path,
        event(
            "create",
            [{f"{physical}:PhysicalAppliance": [
                entity("box", vendorName="Northwind", modelName="N1")]},
             {f"{physical}:Site": [{"id": "site", "siteName": "Hill", "siteLocation": {
                 "coordinate": {"latitude": 1.5, "longitude": 2.5}}}]}],
            [{name: [{"id": name, "aSide": a, "bSide": b}]} for name, a, b in links],
        ),
    )  # fmt: skip
    relations = {(r["source"][5:], r["kind"], r["target"][5:]) for r in rows(found, "relation")}
    assert relations == {
        ("cluster", "hosts", "ns"), ("ns", "hosts", "nf"), ("nf", "hosts", "du"),
        ("box", "hosts", "du"), ("smo", "manages", "du"), ("ric", "manages", "du"),
        ("du", "synchronises", "ru"),
    }  # fmt: skip
    assert [(r["source"], r["target"]) for r in rows(found, "link")] == [("teiv:du", "teiv:cu")]
    box = rows(found, "element")[0]
    assert (box["vendor_name"], box["kind"], box["site"]) == ("Northwind", "box", "teiv:site")
    assert rows(found, "product")[0]["model"] == "N1"
    site = rows(found, "site")[0]
    assert (site["name"], site["latitude_deg"], site["longitude_deg"]) == ("Hill", 1.5, 2.5)


def test_faulty_records_are_listed_and_the_others_kept(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        event(
            "create",
            [{f"{OAM}:ManagedElement": [entity("a"), {"id": 7}, {}, entity("b")]},
             {f"{RAN}:ODUFunction": [{"id": "c", "attributes": 5}]},
             {f"{OAM}-test:ManagedElement": [entity("x")]}],
            [{MANAGES_DU: [{"id": "r", "aSide": "a"}, {"aSide": "a", "bSide": "b"}]}],
        ),
    )  # fmt: skip
    assert keys(found) == {"teiv:a", "teiv:b"}
    kinds = Counter((r["kind"], r["rows"]) for r in found.rejects.to_pylist())
    assert kinds == {("fault", 1): 5, ("set aside", 1): 1}
    assert found.rows_read == 8


def test_an_event_of_an_unknown_type_is_a_fault_a_record(tmp_path: Path) -> None:
    found = read(tmp_path, event("explode", [{f"{RAN}:ODUFunction": [entity("a"), entity("b")]}]))
    assert (found.rows_read, found.rows_kept) == (2, 0)
    assert "explode" in found.rejects.to_pylist()[0]["reason"]


def test_a_broken_line_among_events_loses_itself_alone(tmp_path: Path) -> None:
    found = read(tmp_path, f"{json.dumps(SITE_EVENT)}\n{{oops\n{json.dumps(SITE_EVENT)}\n")
    assert len(keys(found)) == 3
    fault = next(r for r in found.rejects.to_pylist() if r["kind"] == "fault")
    assert fault["place"].startswith("events.json:2")


@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
def test_a_file_that_is_cut_off_is_refused_with_its_line(tmp_path: Path, cut: float) -> None:
    path = tmp_path / "t.json"
    text = json.dumps([SITE_EVENT] * 3, indent=1)
    path.write_text(text[: int(len(text) * cut)], encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        gather(Teiv(), path, Options())
    assert caught.value.where is not None
    assert ":" in caught.value.where


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"[1,2]", b'{"type":"x.create"}' * 2, b"[" * 100_000, b'"' + b"x" * 999_999,
     b'{"items":' + b"[" * 5000, "\ufeff{".encode("utf-16"), b"\x00\x01", b"PGDMP\x00",
     b'[{"type":"a.create","data":' + b'{"a":' * 3000],
)  # fmt: skip
def test_hostile_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "t.json"
    path.write_bytes(content)
    try:
        found = gather(Teiv(), path, Options())
    except RingfenceError:
        return
    assert found.rows_kept == 0


SQL = """BEGIN;
CREATE TABLE IF NOT EXISTS teiv_data."o-ran-smo-teiv-oam_ManagedElement" ("id" TEXT);
COPY teiv_data."o-ran-smo-teiv-oam_ManagedElement" ("id", "CD_sourceIds") FROM stdin;
me1	["urn:cmHandle:AA"]
me2\\\\x	[]
\\.
COPY teiv_data."o-ran-smo-teiv-ran_ODUFunction" ("id", "dUpLMNId", "REL_FK_managed-by-managedElement", "REL_ID_MANAGEDELEMENT_MANAGES_ODUFUNCTION") FROM stdin;
du1	{"mcc":"901","mnc":"70"}	me1	r1
du2	\\N	\\N	\\N
\\.
COPY teiv_data."o-ran-smo-teiv-equipment_Site" ("id", "geo-location", "name") FROM stdin;
s1	POINT(59.5 17.5)	Hill
s2	POINT Z (-47.5 19.5 111.1)	\\N
s3	0101000020E61000000000000000004A400000000000803140	\\N
\\.
INSERT INTO teiv_data."o-ran-smo-teiv-physical_PhysicalAppliance" ("id", "vendorName", "modelName")
VALUES ('box''1', '"Northwind"', 'N1'), ('box2', NULL, NULL);
COPY teiv_data."{hashed}" ("id", "aSide_PhysicalAppliance", "bSide_ODUFunction") FROM stdin;
p1	box2	du2
\\.
COMMIT;
"""


def test_a_dump_gives_what_its_tables_and_columns_say(tmp_path: Path) -> None:
    name = b"o-ran-smo-teiv-rel-physical-ran_PHYSICALAPPLIANCE_SERVES_ODUFUNCTION"
    hashed = hashlib.sha1(name).hexdigest().upper()  # noqa: S324  # TEIV's own
    found = read(tmp_path, SQL.replace("{hashed}", hashed), "t.sql")
    assert keys(found) == {
        "teiv:me1",
        "teiv:me2\\x",
        "teiv:du1",
        "teiv:du2",
        "teiv:box'1",
        "teiv:box2",
    }
    relations = {(r["source"], r["kind"], r["target"]) for r in rows(found, "relation")}
    assert relations == {
        ("teiv:me1", "manages", "teiv:du1"), ("teiv:box2", "hosts", "teiv:du2"),
    }  # fmt: skip
    sites = {r["id"]: (r.get("latitude_deg"), r.get("longitude_deg")) for r in rows(found, "site")}
    # The last is EWKB of POINT(52 17.5), worked out by hand: 52.0 is 404A0000..., little end first.
    assert sites == {"teiv:s1": (59.5, 17.5), "teiv:s2": (-47.5, 19.5), "teiv:s3": (52.0, 17.5)}
    assert [r["vendor_name"] for r in rows(found, "product")] == ["Northwind"]
    # 2 + 2 functions and 1 relationship of them + 3 sites + 2 boxes + 1 of many to many.
    assert (found.rows_read, found.rows_kept) == (11, 11)
    assert any(r["origin"] == "t.sql:4" for r in rows(found, "element"))


def test_a_dump_that_did_not_finish_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.sql"
    path.write_text(SQL[: SQL.index("du2")], encoding="utf-8")
    with pytest.raises(SourceError, match="cut off"):
        gather(Teiv(), path, Options())


def test_hashed_names_are_those_that_the_database_uses() -> None:
    # Found in TEIV's own schema, whose columns name the two sides.
    assert real_name("3C2E2CE7BDF8321BC824B6318B190690F58DBB82") == (
        "o-ran-smo-teiv-rel-cloud-ran:NFDEPLOYMENT_SERVES_NEARRTRICFUNCTION"
    )
    assert real_name("5A1D611A68E4A8B2F007A89876701DB3FA88346E") == (
        "o-ran-smo-teiv-rel-physical-ran:PHYSICALAPPLIANCE_SERVES_ODUFUNCTION"
    )
    assert relationship_named("NRCELLDU_USES_NOTHINGKNOWN") is None


@pytest.mark.parametrize(
    "content",
    [b'{"entities": [1], "type": "x"}', b'{"count":1,"results":[{"url":"/api/dcim/sites/1/"}]}',
     b"a,b\n1,2\n", b"CREATE TABLE public.dcim_site (id int);", b"apiVersion: v1\nkind: Pod\n",
     b'{"cps-ran-inventory:ran-inventory":{}}', b'{"ietf-network:networks":{"network":[]}}'],
)  # fmt: skip
def test_files_of_other_kinds_are_not_claimed(content: bytes) -> None:
    assert Teiv().claims(Path("x"), content).sureness == 0


@given(data=st.data())
def test_bent_events_raise_no_error_but_ours(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = data.draw(st.sampled_from([json.dumps([SITE_EVENT] * 2, indent=1), SQL,
                                      "\n".join([json.dumps(SITE_EVENT)] * 3)]))  # fmt: skip
    path = tmp_path_factory.getbasetemp() / "bent-teiv.json"
    path.write_bytes(data.draw(bent(text)))
    try:
        found = gather(Teiv(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


# Records of the JSON, counted with: jq '[(if type=="array" then .[] else . end) | .data |
# (.entities[]?, .relationships[]?) | .[] | length] | add' FILE. Of data.sql, with awk: 67 lines of
# COPY blocks, and what its REL_FK_ columns hold that is not \N. Elements of it: 7 ManagedElement,
# 2 PhysicalAppliance and the 21 functions (7 ODU, 7 O-CU-CP, 7 O-CU-UP), which stand for elements.
EXPECTED = {
    "ce-create-one-to-many3.json": (5, {"element": 4, "function": 2, "relation": 1, "operator": 1}),
    "ce-geo-location.json": (2, {"site": 2}),
    "ce-merge-long-names.json": (25, {}),
    "data.sql": (113, {"element": 30, "function": 21, "relation": 23, "operator": 7, "product": 2}),
}


@pytest.mark.parametrize("name", EXPECTED)
def test_the_shared_files_give_what_was_counted(shared_data: Path, name: str) -> None:
    path = next((shared_data / "oran-smo-teiv").rglob(name))
    found = gather(Teiv(), path, Options())
    read_rows, tables = EXPECTED[name]
    assert found.rows_read == read_rows
    assert {table: kept.num_rows for table, kept in found.tables.items()} == tables
