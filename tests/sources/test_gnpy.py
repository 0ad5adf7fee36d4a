"""gnpy topologies: fibres between elements, sites by city, places that are only worked out."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.gnpy import Gnpy
from tests.sources.mutations import bent


def at(city: str | None, latitude: float, longitude: float, region: str = "") -> dict[str, Any]:
    place = {"city": city, "region": region, "latitude": latitude, "longitude": longitude}
    return {"metadata": {"location": place}}


def fibre(uid: str, length: Any = 80.0, **params: Any) -> dict[str, Any]:
    return {"uid": uid, "type": "Fiber", "params": {"length": length, **params}}


def topology(elements: list[Any], *connections: tuple[str, ...], **more: Any) -> str:
    joined = [{"from_node": a, "to_node": b} for a, *rest in connections for b in rest]
    return json.dumps({"elements": elements, "connections": joined, **more})


NETWORK = topology(
    [
        {"uid": "roadm Quay", "type": "Roadm", **at("Quay", 52.5, -1.5, "West")},
        {"uid": "trx Quay", "type": "Transceiver", "type_variety": "vendorA", **at("Quay", 0, 0, "West")},
        {"uid": "roadm Mill", "type": "Roadm", **at("Mill", 53.0, -1.0, "West")},
        {"uid": "roadm Mill East", "type": "Roadm", **at("Mill", 10.0, 20.0, "East")},
        {"uid": "ila", "type": "Edfa", "type_variety": "std_low_gain", **at(None, 52.75, -1.25)},
        {"uid": "hut", "type": "Roadm", **at(None, 50.0, 5.0)},
        {"uid": "nowhere", "type": "Roadm", **at(None, 0, 0)},
        fibre("f1", 60, length_units="km"),
        fibre("f2", 20_000, length_units="m"),
        fibre("f3", 1),
        fibre("f4", 2),
        {"uid": "f5", "type": "RamanFiber", "params": {"length": "x"}},
    ],
    ("trx Quay", "roadm Quay"),
    ("roadm Quay", "f1"), ("f1", "ila"), ("ila", "f2"), ("f2", "roadm Mill"),
    ("roadm Mill", "f3"), ("f3", "f4"), ("f4", "roadm Quay"),
    ("f5", "hut"),
)  # fmt: skip


def ingest(tmp_path: Path, content: str | bytes, name: str = "net.json") -> Gathered:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = gather(Gnpy(), path, Options())
    assert found.rows_read == found.rows_kept + found.rows_rejected
    return found


def rows(found: Gathered, table: str) -> list[dict[str, Any]]:
    return found.tables[table].to_pylist() if table in found.tables else []


def links(found: Gathered) -> dict[str, tuple[Any, ...]]:
    def short(key: str | None) -> str | None:
        return key.partition("/")[2] if key else None

    return {
        str(short(x["id"])): (short(x["source"]), short(x["target"]), x["medium"], x["length_km"])
        for x in rows(found, "link")
    }


def reasons(found: Gathered) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reject in found.rejects.to_pylist():
        counts[reject["reason"]] = counts.get(reject["reason"], 0) + reject["rows"]
    return counts


def test_a_fibre_is_a_link_of_its_length_between_what_it_joins(tmp_path: Path) -> None:
    found = ingest(tmp_path, NETWORK)
    assert links(found) == {
        "fibre/f1": ("roadm Quay", "ila", "fibre", 60),
        "fibre/f2": ("ila", "roadm Mill", "fibre", 20),
        # Two fibres without an element between are one way from Mill to Quay.
        "fibre/f3": ("roadm Mill", "roadm Quay", "fibre", 3),
        "fibre/f5": (None, "hut", "fibre", None),
        "connection/trx Quay/roadm Quay": ("trx Quay", "roadm Quay", None, None),
    }
    assert {x["is_one_way"] for x in rows(found, "link")} == {True}
    assert reasons(found) == {"the length is no number; what it belongs to is kept without": 1}
    assert found.rows_kept == 12 + 9


def test_sites_are_cities_and_what_gnpy_only_worked_out_is_none(tmp_path: Path) -> None:
    found = ingest(tmp_path, NETWORK)
    sites = {
        s["id"].removeprefix("gnpy:net/"): (s["latitude_deg"], s["longitude_deg"])
        for s in rows(found, "site")
    }
    assert sites == {
        "site/Quay, West": (52.5, -1.5),
        "site/Mill, West": (53.0, -1.0),
        "site/Mill, East": (10.0, 20.0),
        "site-of/hut": (50.0, 5.0),
    }
    places = {e["name"]: e["site"] for e in rows(found, "element")}
    # Latitude and longitude 0 state nothing; the transceiver is in the city all the same.
    assert places["trx Quay"] == places["roadm Quay"] == "gnpy:net/site/Quay, West"
    assert places["ila"] is None
    assert places["nowhere"] is None


def test_cities_of_one_name_are_told_apart_by_coordinates(tmp_path: Path) -> None:
    found = ingest(tmp_path, topology([
        {"uid": "a", "type": "Roadm", **at("Ford", 1, 2)},
        {"uid": "b", "type": "Roadm", **at("Ford", 3, 4)},
        {"uid": "c", "type": "Roadm", **at("Ford", 0, 0)},
    ]))  # fmt: skip
    assert [(s["id"], s["latitude_deg"]) for s in rows(found, "site")] == [
        ("gnpy:net/site/Ford (1.0 2.0)", 1), ("gnpy:net/site/Ford (3.0 4.0)", 3),
        ("gnpy:net/site/Ford", None),
    ]  # fmt: skip


def test_a_variety_is_a_product_and_no_maker(tmp_path: Path) -> None:
    found = ingest(tmp_path, NETWORK)
    assert [(p["model"], p["vendor_name"]) for p in rows(found, "product")] == [
        ("vendorA", None), ("std_low_gain", None),
    ]  # fmt: skip
    assert {e["vendor_name"] for e in rows(found, "element")} == {None}


def test_a_file_that_names_its_network_has_that_name_in_its_keys(tmp_path: Path) -> None:
    one = [{"uid": "a", "type": "Fused"}]
    named = ingest(tmp_path, topology(one, network_name="Ring/1"))
    assert [e["id"] for e in rows(named, "element")] == ["gnpy:Ring%2F1/a"]
    wrapped = json.dumps({"gnpy-network-topology:topology": json.loads(topology(one))})
    assert [e["id"] for e in rows(ingest(tmp_path, wrapped), "element")] == ["gnpy:net/a"]
    assert Gnpy().claims(tmp_path, wrapped.encode()).sureness > 0.9


def test_each_faulty_record_is_counted_with_its_place(tmp_path: Path) -> None:
    found = ingest(tmp_path, topology(
        [{"uid": "a", "type": "Roadm"}, {"uid": "a", "type": "Roadm"}, {"uid": "b"}, 7,
         {"uid": "c", "type": "Teapot"}, fibre("f"), fibre("g"), fibre("h"), fibre("i"),
         fibre("k", 3, length_units="miles")],
        ("f", "g"), ("g", "f"), ("h", "a", "i"), ("a", "z"), ("a", "a"), ("a", "a"),
    ))  # fmt: skip
    assert (
        reasons(found)
        == {
            "another element has its uid": 1,
            "the element does not state its uid and type": 2,
            "its type is none of gnpy's": 1,
            "the fibre has more than two ends": 1,
            "the fibres run in a ring that no element is on": 1,
            "the connection names an element that is not in the file": 1,
            "it says again that the two are connected, which gnpy takes once": 1,
            "the length's unit is none of gnpy's; the fibre is kept without": 1,
        }
        or found.rejects.num_rows == 10
    )
    places = {r["reason"]: r["place"] for r in found.rejects.to_pylist()}
    assert places["its type is none of gnpy's"] == "net.json:$.elements[4]"
    assert links(found)["connection/a/a"] == ("a", "a", None, None)
    assert links(found)["fibre/k"] == (None, None, "fibre", None)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is no JSON"),
        ("{}", "no list of elements"),
        ("[]", "no list of elements"),
        ('{"Edfa": [{"type_variety": "x"}], "Fiber": []}', "no list of elements"),
        ('{"elements": [], "elements": [], "connections": []}', "has the name 'elements' twice"),
        ('{"elements": [NaN], "connections": []}', "NaN is no number"),
        ('{"elements": [{"uid": "\\ud800"}], "connections": []}', "half a character"),
        ("[" * 100_000, "nested too deeply"),
        (NETWORK[:500], "it is no JSON"),
        (b'{"elements": "\xff\xfe"}', "it is no text"),
        ('{"elements": [' + "9" * 5000 + '], "connections": []}', "no JSON that can be read"),
    ],
)
def test_what_is_no_topology_is_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        ingest(tmp_path, content)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bent(NETWORK))
def test_a_bent_file_is_refused_or_counted(tmp_path: Path, content: bytes) -> None:
    Gnpy().claims(tmp_path, content)
    try:
        ingest(tmp_path, content)
    except RingfenceError:
        return


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_values_of_any_type_are_refused_or_counted(tmp_path: Path, data: st.DataObject) -> None:
    document = json.loads(NETWORK)
    for _ in range(data.draw(st.integers(1, 5))):
        holder: Any = document
        while isinstance(holder, dict | list) and holder:
            keys = sorted(holder) if isinstance(holder, dict) else range(len(holder))
            key = data.draw(st.sampled_from(list(keys)))
            if data.draw(st.booleans()):
                holder[key] = data.draw(SCALARS | st.lists(SCALARS, max_size=2))
                break
            holder = holder[key]
    try:
        ingest(tmp_path, json.dumps(document))
    except RingfenceError:
        return


@pytest.mark.parametrize(
    ("name", "roadms", "fibres", "patches", "elements", "km"),
    [
        # jq '[.elements[] | select(.type=="Fiber")] | length' and so on; kilometres by
        # jq '[.elements[] | select(.type=="Fiber") | .params.length] | add'. A patch is a
        # connection of which neither end is a fibre: all less two for each fibre.
        ("CORONET_CONUS_Topology", 75, 198, 546 - 2 * 198, 348 - 198, 78371.28),
        ("Sweden_OpenROADMv4_example_network", 15, 90, 298 - 2 * 90, 254 - 90, 8075.988028),
    ],
)
def test_the_networks_of_gnpy_are_whole(
    shared_data: Path, name: str, roadms: int, fibres: int, patches: int, elements: int, km: float
) -> None:
    path = shared_data / "gnpy-topologies" / "gnpy" / "example-data" / f"{name}.json"
    found = gather(Gnpy(), path, Options())
    assert found.rows_rejected == 0
    kinds = [e["role_name"] for e in rows(found, "element")]
    assert (len(kinds), kinds.count("Roadm")) == (elements, roadms)
    media = [x["medium"] for x in rows(found, "link")]
    assert (media.count("fibre"), media.count(None)) == (fibres, patches)
    assert sum(x["length_km"] or 0 for x in rows(found, "link")) == pytest.approx(km)
    # As many cities as ROADMs; each ROADM is at a site of its own, with coordinates.
    sites = {s["id"] for s in rows(found, "site") if s["latitude_deg"] is not None}
    assert len(sites) == roadms
    at_roadm = [e["site"] for e in rows(found, "element") if e["role_name"] == "Roadm"]
    assert set(at_roadm) == sites
    ends = {end for x in rows(found, "link") for end in (x["source"], x["target"])}
    assert ends == {e["id"] for e in rows(found, "element")}


def test_only_gnpy_is_claimed(shared_data: Path) -> None:
    for path in sorted(shared_data.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                sureness = Gnpy().claims(path, file.read(64 * 1024)).sureness
            is_ours = path.parent.name == "example-data"
            assert (sureness > 0) == is_ours, path
