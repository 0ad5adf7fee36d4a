"""SNDlib networks, XML and native: what is stated, what only could be, and what has no unit."""

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.sndlib import SndLib
from tests.sources.mutations import bent

XML = """<?xml version="1.0" encoding="ISO-8859-1"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <meta><unit>GBITPERSEC</unit></meta>
 <networkStructure>
  <nodes coordinatesType="geographical">
   <node id="Quay"><coordinates><x>4.5</x><y>52.25</y></coordinates></node>
   <node id="Mill"><coordinates><x>4.75</x><y>95</y></coordinates></node>
   <node id="Moor"/>
   <node id="Moor"/>
  </nodes>
  <links>
   <link id="L1"><source>Quay</source><target>Mill</target>
    <preInstalledModule><capacity>2.5</capacity><cost>0</cost></preInstalledModule>
    <additionalModules><addModule><capacity>40.0</capacity><cost>9</cost></addModule>
    </additionalModules></link>
   <link id="L2"><source>Mill</source><target>Quay</target>
    <additionalModules><addModule><capacity>40.0</capacity><cost>9</cost></addModule>
    </additionalModules></link>
   <link id="L3"><source>Moor</source><target>Moor</target></link>
   <link id="L4"><source>Moor</source><target>Nowhere</target></link>
  </links>
 </networkStructure>
 <demands>
  <demand id="D1"><source>Quay</source><target>Mill</target><demandValue>3.0</demandValue></demand>
  <demand id="D2"><source>Quay</source><target>Mill</target><routingUnit>2</routingUnit>
   <demandValue>0.5</demandValue><admissiblePaths><admissiblePath id="P1"/></admissiblePaths>
  </demand>
  <demand id="D3"><source>Mill</source><target>Quay</target><demandValue>many</demandValue></demand>
 </demands>
</network>
"""
NATIVE = """?SNDlib native format; type: network; version: 1.0
# network pier
NODES (
  N1 ( 4.50 52.25 )
  N2 ( 200.00 34.00 )
  N3
)
LINKS (
  # id ( source target ) pre-installed its-cost routing-cost setup-cost ( modules )
  L1 ( N1 N2 ) 2.50 0.00 0.00 0.00 ( 40.00 9.00 )
  L2 ( N1 N2 ) 0.00 0.00 0.00 0.00 ( )
  what is this
)
DEMANDS (
  D1 ( N1 N2 ) 1 3.00 UNLIMITED
)
ADMISSIBLE_PATHS (
  D1 ( P1 ( L1 ) )
)
"""


def ingest(tmp_path: Path, content: str | bytes, name: str = "pier.xml") -> Gathered:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = gather(SndLib(), path, Options())
    assert found.rows_read == found.rows_kept + found.rows_rejected
    return found


def rows(found: Gathered, table: str) -> list[dict[str, Any]]:
    return found.tables[table].to_pylist() if table in found.tables else []


def reasons(found: Gathered) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reject in found.rejects.to_pylist():
        counts[reject["reason"]] = counts.get(reject["reason"], 0) + reject["rows"]
    return counts


def test_xml_gives_sites_links_and_demands_in_the_unit_it_states(tmp_path: Path) -> None:
    found = ingest(tmp_path, XML)
    sites = [(s["id"], s["latitude_deg"], s["longitude_deg"]) for s in rows(found, "site")]
    assert sites == [
        ("sndlib:pier/Quay", 52.25, 4.5), ("sndlib:pier/Mill", None, None),
        ("sndlib:pier/Moor", None, None),
    ]  # fmt: skip
    # Only what is pre-installed is there; a loop and a parallel link are links.
    links = [(x["id"], x["capacity_mbps"], x["is_one_way"]) for x in rows(found, "link")]
    assert links == [
        ("sndlib:pier/link/L1", 2500, None), ("sndlib:pier/link/L2", None, None),
        ("sndlib:pier/link/L3", None, None),
    ]  # fmt: skip
    # 3 and 2 x 0.5 Gbit/s between the same two; a value that is no number is not known.
    demands = [
        (d["site"][-4:], d["to_site"][-4:], d["kind"], d["traffic_mbps"])
        for d in rows(found, "demand")
    ]
    assert demands == [("Quay", "Mill", "transport", 4000), ("Mill", "Quay", "transport", None)]
    assert reasons(found) == {
        "the latitude is out of its range; what it belongs to is kept without": 1,
        "another node has its id": 1,
        "the link names a node that is not in the file": 1,
        "the demand's value is no number; what it belongs to is kept without": 1,
        "a path that a demand may take has no place in the model": 1,
    }


def test_without_a_unit_or_with_an_unknown_one_no_capacity_and_no_traffic_is_known(
    tmp_path: Path,
) -> None:
    for unit in ("", "<unit></unit>", "<unit>ERLANG</unit>"):
        found = ingest(tmp_path, XML.replace("<unit>GBITPERSEC</unit>", unit))
        assert {x["capacity_mbps"] for x in rows(found, "link")} == {None}
        assert {d["traffic_mbps"] for d in rows(found, "demand")} == {None}


def test_pixels_are_no_coordinates(tmp_path: Path) -> None:
    for said in ('"pixel"', '""'):
        found = ingest(tmp_path, XML.replace('"geographical"', said))
        assert {s["longitude_deg"] for s in rows(found, "site")} == {None}


def test_the_native_format_is_read_as_the_xml_is(tmp_path: Path) -> None:
    found = ingest(tmp_path, NATIVE, "pier.txt")
    # One coordinate is off the globe, so that all are of a drawing.
    assert {s["longitude_deg"] for s in rows(found, "site")} == {None}
    placed = ingest(tmp_path, NATIVE.replace("200.00", "20.00"), "pier.txt")
    assert [s["longitude_deg"] for s in rows(placed, "site")] == [4.5, 20, None]
    assert [x["id"] for x in rows(found, "link")] == ["sndlib:pier/link/L1", "sndlib:pier/link/L2"]
    assert {x["capacity_mbps"] for x in rows(found, "link")} == {None}
    united = "META (\n  unit = MBITPERSEC\n)\nNODES ("
    known = ingest(tmp_path, NATIVE.replace("NODES (", united), "pier.txt")
    assert [x["capacity_mbps"] for x in rows(known, "link")] == [2.5, 0]
    assert [(d["site"], d["traffic_mbps"]) for d in rows(known, "demand")] == [
        ("sndlib:pier/N1", 3)
    ]
    assert reasons(found) == {
        "a path that a demand may take has no place in the model": 1,
        "it is no line of the section LINKS": 1,
    }
    line = rows(found, "element")[1]["origin"].rpartition(":")[2]
    assert "N2 (" in NATIVE.splitlines()[int(line) - 1]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no well-formed XML"),
        (XML[:800], "no well-formed XML"),
        ('<networkModel xmlns="http://sndlib.zib.de/model"/>', "is networkModel, not network"),
        ("?SNDlib native format; type: model; version: 1.0\n", "not SNDlib's network but its mod"),
        ("?SNDlib native format\n", "its header is cut short"),
        (NATIVE[:120], "the section NODES has no end"),
        ('<!DOCTYPE n [<!ENTITY x "y">]><network>&x;</network>', "declares entities"),
        (b"?SNDlib native format; type: network\x00\xff", "its header is cut short"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        ingest(tmp_path, content)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from((XML, NATIVE)).flatmap(bent))
def test_a_bent_file_is_refused_or_counted(tmp_path: Path, content: bytes) -> None:
    SndLib().claims(tmp_path, content)
    try:
        ingest(tmp_path, content)
    except RingfenceError:
        return


PUBLISHED = {
    "abilene": (12, 15, 132), "cost266": (37, 57, 1332), "dfn-gwin": (11, 47, 110),
    "france": (25, 45, 300), "germany50": (50, 88, 662), "india35": (35, 80, 595),
    "janos-us": (26, 84, 650), "nobel-eu": (28, 41, 378), "nobel-us": (14, 21, 91),
    "pdh": (11, 34, 24), "sun": (27, 102, 67),
}  # fmt: skip
"""Nodes, links, demands of each, as the tables of sndlib.zib.de list them."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_networks_have_the_sizes_that_are_published(shared_data: Path, name: str) -> None:
    path = shared_data / "sndlib" / f"{name}.xml"
    found = gather(SndLib(), path, Options())
    sizes = tuple(found.tables[t].num_rows for t in ("site", "link", "demand"))
    assert sizes == PUBLISHED[name]
    assert (found.rows_read, found.rows_rejected) == (sum(PUBLISHED[name]), 0)
    text = path.read_text(encoding="iso-8859-1")
    assert tuple(len(re.findall(f"<{t} ", text)) for t in ("node", "link", "demand")) == sizes
    # `grep -l pixel *.xml`: france and sun. `grep -l '<unit>' *.xml`: abilene alone.
    placed = found.tables["site"]["latitude_deg"].null_count == 0
    assert placed == (name not in {"france", "sun"})
    has_unit = found.tables["demand"]["traffic_mbps"].null_count == 0
    assert has_unit == (name == "abilene")


def test_the_traffic_of_abilene_is_what_its_file_says_in_words(shared_data: Path) -> None:
    """Its `meta/origin` says "total demand 3Tbps"; its links are of 9920 and 2480 Mbit/s."""
    found = gather(SndLib(), shared_data / "sndlib" / "abilene.xml", Options())
    traffic = found.tables["demand"]["traffic_mbps"].to_pylist()
    assert sum(traffic) == pytest.approx(3e6, rel=0.001)
    assert set(found.tables["link"]["capacity_mbps"].to_pylist()) == {9920, 2480}


def test_only_sndlib_is_claimed(shared_data: Path) -> None:
    for path in sorted(shared_data.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                sureness = SndLib().claims(path, file.read(64 * 1024)).sureness
            assert (sureness == 1) == (path.parent.name == "sndlib"), path
