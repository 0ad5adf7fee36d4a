"""GraphML: the Topology Zoo's networks, yEd's drawings, other tools' graphs, and files that harm."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.graphml import GraphMl
from tests.sources.mutations import bent

XMLNS = 'xmlns="http://graphml.graphdrawing.org/xmlns"'
ZOO = f"""<?xml version="1.0" encoding="utf-8"?><graphml {XMLNS}>
  <key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="d9" />
  <key attr.name="LinkStatus" attr.type="string" for="edge" id="d8" />
  <key attr.name="LinkLabel" attr.type="string" for="edge" id="d7" />
  <key attr.name="hyperedge" attr.type="int" for="node" id="d6" />
  <key attr.name="label" attr.type="string" for="node" id="d5" />
  <key attr.name="Longitude" attr.type="double" for="node" id="d4" />
  <key attr.name="Latitude" attr.type="double" for="node" id="d3" />
  <key attr.name="Internal" attr.type="int" for="node" id="d2" />
  <key attr.name="Country" attr.type="string" for="node" id="d12" />
  <key attr.name="label" attr.type="string" for="graph" id="d11" />
  <key attr.name="ToolsetVersion" attr.type="string" for="graph" id="d1" />
  <key attr.name="Network" attr.type="string" for="graph" id="d0" />
  <graph edgedefault="undirected">
    <data key="d0">Core 5G</data>
    <data key="d11">Core5G2011</data>
    <node id="0"><data key="d2">1</data><data key="d3">52.5</data><data key="d4">-1.25</data>
      <data key="d5">Harbour</data><data key="d12">Northland</data></node>
    <node id="1"><data key="d2">1</data><data key="d5">Harbour</data></node>
    <node id="2"><data key="d2">0</data><data key="d5">Internet</data></node>
    <node id="3"><data key="d2">1</data><data key="d6">1</data><data key="d5">None</data></node>
    <node id="4"><data key="d2">1</data><data key="d5">Island</data></node>
    <edge source="0" target="1"><data key="d9">2500000000.0</data>
      <data key="d7">2.5 Gbps</data></edge>
    <edge source="1" target="0"><data key="d7">2x10Gb/s dark fibre</data></edge>
    <edge source="0" target="1"><data key="d9">100000000.0</data>
      <data key="d7">less than 100 Mbps</data></edge>
    <edge source="0" target="2"><data key="d7">2x10Gb/s</data></edge>
    <edge source="0" target="3" />
    <edge source="4" target="4" />
    <edge source="1" target="4"><data key="d8">Planned</data></edge>
  </graph>
</graphml>
"""


def ingest(tmp_path: Path, content: str | bytes, name: str = "net.graphml") -> Gathered:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = gather(GraphMl(), path, Options())
    assert found.rows_read == found.rows_kept + found.rows_rejected
    return found


def rows(found: Gathered, table: str) -> list[dict[str, Any]]:
    return found.tables[table].to_pylist() if table in found.tables else []


def reasons(found: Gathered) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reject in found.rejects.to_pylist():
        counts[reject["reason"]] = counts.get(reject["reason"], 0) + reject["rows"]
    return counts


def test_a_node_without_coordinates_has_none_and_one_outside_has_no_site(tmp_path: Path) -> None:
    found = ingest(tmp_path, ZOO)
    sites = {s["id"]: (s["name"], s["latitude_deg"], s["longitude_deg"], s["region"])
             for s in rows(found, "site")}  # fmt: skip
    assert sites == {
        "topology-zoo:Core5G2011/0": ("Harbour", 52.5, -1.25, "Northland"),
        "topology-zoo:Core5G2011/1": ("Harbour", None, None, None),
        "topology-zoo:Core5G2011/4": ("Island", None, None, None),
    }
    elements = {e["id"][-1]: (e["name"], e["site"]) for e in rows(found, "element")}
    assert elements["2"] == ("Internet", None)
    assert elements["3"] == ("None", None)
    assert [e["role_name"] for e in rows(found, "element")][3] == "hyperedge"


def test_parallel_links_and_self_loops_are_kept_apart(tmp_path: Path) -> None:
    links = {
        link["id"].removeprefix("topology-zoo:Core5G2011/link/"): link
        for link in rows(ingest(tmp_path, ZOO), "link")
    }
    assert list(links) == ["0/1/1", "0/1/2", "0/1/3", "0/2/1", "0/3/1", "4/4/1"]
    assert links["0/1/2"]["source"] == "topology-zoo:Core5G2011/1"
    assert {link["is_one_way"] for link in links.values()} == {False}


def test_a_capacity_is_taken_where_it_is_stated_and_is_no_bound(tmp_path: Path) -> None:
    links = rows(ingest(tmp_path, ZOO), "link")
    # 2.5 Gbit/s; words beside the rate; "less than"; 2 x 10 Gbit/s; nothing; nothing.
    assert [link["capacity_mbps"] for link in links] == [2500, None, None, 20000, None, None]
    assert [link["medium"] for link in links] == [None, "fibre", None, None, None, None]


def test_a_planned_link_is_set_aside(tmp_path: Path) -> None:
    assert reasons(ingest(tmp_path, ZOO)) == {"the link is not there yet: its status is Planned": 1}


def test_a_networks_name_gives_no_function_and_no_operator(tmp_path: Path) -> None:
    found = ingest(tmp_path, ZOO)
    assert set(found.tables) == {"site", "element", "link"}
    assert {e["operator"] for e in rows(found, "element")} == {None}


def test_an_origin_is_the_line_of_its_record(tmp_path: Path) -> None:
    lines = ZOO.splitlines()
    for element in rows(ingest(tmp_path, ZOO), "element"):
        file, _, line = element["origin"].rpartition(":")
        assert file == "net.graphml"
        assert f'<node id="{element["id"][-1]}">' in lines[int(line) - 1]


def test_the_prefix_option_and_the_files_name_make_the_keys(tmp_path: Path) -> None:
    path = tmp_path / "ring.graphml"
    path.write_text(f'<graphml {XMLNS}><graph><node id="a"/></graph></graphml>')
    found = gather(GraphMl(), path, Options(prefix="mine", origin="west/ring.graphml"))
    assert [e["id"] for e in rows(found, "element")] == ["mine:ring/a"]
    assert [e["origin"] for e in rows(found, "element")] == ["west/ring.graphml:1"]


YED = f"""<graphml {XMLNS} xmlns:y="http://www.yworks.com/xml/graphml">
<key for="node" id="d6" yfiles.type="nodegraphics"/><key for="edge" id="d10" yfiles.type="edgegraphics"/>
<key attr.name="description" for="node" id="d5"/>
<graph edgedefault="directed" id="G">
<node id="n0"><data key="d6"><y:ShapeNode><y:Geometry x="10.0" y="20.0"/>
 <y:NodeLabel>Exchange <!-- c -->West</y:NodeLabel></y:ShapeNode></data></node>
<node id="n1" yfiles.foldertype="group"><data key="d6"/>
 <graph edgedefault="directed" id="n1:">
  <node id="n1::n0"><data key="d6"><y:ShapeNode><y:NodeLabel>R1</y:NodeLabel></y:ShapeNode></data></node>
  <edge id="n1::e0" source="n1::n0" target="n1::n0"/>
 </graph></node>
<edge id="e0" source="n0" target="n1::n0"/><edge id="e1" source="n0" target="n1"/>
<edge id="e0" source="n0" target="n0"/>
<hyperedge><endpoint node="n0"/><endpoint node="n1::n0"/></hyperedge>
</graph></graphml>"""


def test_a_drawing_of_yed_is_read_by_its_labels_and_groups_are_set_aside(tmp_path: Path) -> None:
    found = ingest(tmp_path, YED, "drawn.graphml")
    assert [(e["id"], e["name"], e["site"]) for e in rows(found, "element")] == [
        ("graphml:drawn/n0", "Exchange West", None),
        ("graphml:drawn/n1::n0", "R1", None),
    ]
    assert [(e["id"], e["is_one_way"]) for e in rows(found, "link")] == [
        ("graphml:drawn/edge/n1::e0", True),
        ("graphml:drawn/edge/e0", True),
    ]
    assert reasons(found) == {
        "a group drawn around nodes is no element": 1,
        "an edge of a group of nodes is no link": 1,
        "another edge has its id": 1,
        "an edge of more than two ends is no link": 1,
    }


OTHER = f"""<graphml {XMLNS}><key id="k0" for="node" attr.name="lat" attr.type="double"/>
<key id="k1" for="node" attr.name="lon"/><key id="k2" for="edge" attr.name="capacity_gbps"/>
<key id="k3" for="edge" attr.name="length_m"><default>1500</default></key>
<key id="k4" for="edge" attr.name="bandwidth"/><key id="k5" for="node" attr.name="x"/>
<graph id="a"><node id="1"><data key="k0">10</data><data key="k1">181</data></node>
<node id="2"><data key="k0">10</data><data key="k1">20</data><data key="k5">7</data></node>
<edge source="1" target="2" directed="true"><data key="k2">0.5</data><data key="k4">9</data></edge>
<edge source="1" target="9"/><edge source="1"/></graph>
<graph id="b"><node id="1"/><node id="1"/><node/></graph></graphml>"""


def test_keys_that_state_their_unit_are_read_and_graphs_kept_apart(tmp_path: Path) -> None:
    found = ingest(tmp_path, OTHER, "two.graphml")
    assert [e["id"] for e in rows(found, "element")] == [
        "graphml:two%2Fa/1", "graphml:two%2Fa/2", "graphml:two%2Fb/1",
    ]  # fmt: skip
    assert [(s["id"], s["latitude_deg"], s["longitude_deg"]) for s in rows(found, "site")] == [
        ("graphml:two%2Fa/1", None, None), ("graphml:two%2Fa/2", 10, 20),
    ]  # fmt: skip
    [link] = rows(found, "link")
    assert (link["capacity_mbps"], link["length_km"], link["is_one_way"]) == (500, 1.5, True)
    assert reasons(found) == {
        "the longitude is out of its range; what it belongs to is kept without": 1,
        "the edge joins a node that is not in the graph": 1,
        "the edge does not name both its ends": 1,
        "another node has its id": 1,
        "the node has no id": 1,
    }


BOMB = (
    '<!DOCTYPE graphml [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 9)).replace("&a0;", "&a;")
    + f"]><graphml {XMLNS}><graph><node id='&a8;'/></graph></graphml>"
)


NAMES_A_FILE = (
    f'<!DOCTYPE g [<!ENTITY x SYSTEM "file:///etc/hostname">]><graphml {XMLNS}><graph>'
    '<node id="n"><data key="k">&x;</data></node></graph></graphml>'
)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "no well-formed XML"),
        ("{}", "no well-formed XML"),
        (ZOO[:900], "no well-formed XML"),
        ("<network/>", "its first element is not graphml"),
        (BOMB, "declares entities|no well-formed XML"),
        (NAMES_A_FILE, "declares entities"),
        ("<graphml>" + "<graph>" * 400 + "</graph>" * 400 + "</graphml>", "Excessive depth"),
        (ZOO.encode("utf-16")[:501], "no well-formed XML"),
        ("<graphml>\x00</graphml>", "no well-formed XML"),
    ],
)
def test_what_is_no_graphml_is_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        ingest(tmp_path, content)


def test_another_encoding_is_read_as_the_file_declares_it(tmp_path: Path) -> None:
    text = ZOO.replace("Island", "Ælnø")
    expected = rows(ingest(tmp_path, text), "element")
    for encoding in ("utf-16", "iso-8859-1"):
        content = text.replace("utf-8", encoding).encode(encoding)
        assert GraphMl().claims(tmp_path, content).sureness == 1
        assert rows(ingest(tmp_path, content), "element") == expected


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from((ZOO, YED, OTHER)).flatmap(bent))
def test_a_bent_file_is_refused_or_counted(tmp_path: Path, content: bytes) -> None:
    GraphMl().claims(tmp_path, content)
    try:
        ingest(tmp_path, content)
    except RingfenceError:
        return


@pytest.fixture(scope="module")
def zoo(shared_data: Path) -> dict[Path, Gathered]:
    files = sorted((shared_data / "topology-zoo").glob("*.graphml"))
    return {path: gather(GraphMl(), path, Options()) for path in files}


def test_the_zoos_networks_are_whole(zoo: dict[Path, Gathered]) -> None:
    """Counted by `cat *.graphml | grep -c '<node '` and so on; the sums are those published with
    the folder: 131 networks, 5,464 nodes, 7,118 links.
    """
    text = {path: path.read_text(encoding="utf-8") for path in zoo}
    nodes = {path: len(re.findall(r"<node ", t)) for path, t in text.items()}
    edges = {path: len(re.findall(r"<edge ", t)) for path, t in text.items()}
    assert (len(zoo), sum(nodes.values()), sum(edges.values())) == (131, 5464, 7118)
    for path, found in zoo.items():
        assert found.rows_read == nodes[path] + edges[path]
        assert found.tables["element"].num_rows == nodes[path]
        links = found.tables["link"].num_rows
        assert links + sum(reasons(found).values()) == edges[path]
    # The key of LinkStatus, which four files declare, and how often its data say so.
    not_there = sum(
        len(re.findall(f'<data key="{key}">(?:Future|Proposed|Planned)<', t))
        for t in text.values()
        for key in re.findall(r'attr.name="LinkStatus"[^>]* id="(\w+)"', t)
    )
    assert sum(sum(reasons(f).values()) for f in zoo.values()) == not_there == 20
    # 4,555 nodes state a latitude; each is of the network's own.
    placed = sum(len(re.findall(f'<data key="{key}">', t)) for t in text.values()
                 for key in re.findall(r'attr.name="Latitude"[^>]* id="(\w+)"', t))  # fmt: skip
    stated = sum(f.tables["site"]["latitude_deg"].drop_null().__len__() for f in zoo.values())
    assert placed == stated == 4555


def test_keys_of_the_zoos_networks_do_not_meet(zoo: dict[Path, Gathered]) -> None:
    """16 files have the `Network` GARR, and all number their nodes from 0."""
    for table in ("element", "site", "link"):
        keys = Counter(key for f in zoo.values() for key in f.tables[table]["id"].to_pylist())
        assert max(keys.values()) == 1
    # 407 of the 7,118 edges join a pair that an edge before them joined, by a count of the
    # `source` and `target` attributes; none of those is a planned one.
    pairs = Counter(
        tuple(sorted((link["source"], link["target"])))
        for found in zoo.values() for link in rows(found, "link")
    )  # fmt: skip
    assert sum(n - 1 for n in pairs.values()) == 407


def test_only_graphml_is_claimed(shared_data: Path) -> None:
    for path in sorted(shared_data.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                sureness = GraphMl().claims(path, file.read(64 * 1024)).sureness
            assert (sureness == 1) == (path.parent.name == "topology-zoo"), path
