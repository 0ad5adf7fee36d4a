"""RFC 8345 topologies: encodings, wrappers, augmentations, layers, and names that say nothing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.topology_rfc8345 import TopologyRfc8345
from tests.sources.mutations import bent


def ingest(tmp_path: Path, content: Any, name: str = "net") -> Gathered:
    path = tmp_path / name
    if isinstance(content, dict | list):
        content = json.dumps(content)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    found = gather(TopologyRfc8345(), path, Options())
    assert found.rows_read == found.rows_kept + found.rows_rejected
    return found


def rows(found: Gathered, table: str) -> list[dict[str, Any]]:
    return found.tables[table].to_pylist() if table in found.tables else []


def without_origin(found: Gathered) -> dict[str, list[str]]:
    return {n: sorted(map(str, t.drop_columns(["origin"]).to_pylist()))
            for n, t in found.tables.items()}  # fmt: skip


def reasons(found: Gathered) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reject in found.rejects.to_pylist():
        counts[reject["reason"]] = counts.get(reject["reason"], 0) + reject["rows"]
    return counts


def link(id_: str, source: str, target: str, ports: tuple[str, str] = ("", ""), **more: Any) -> Any:
    return {
        "link-id": id_,
        "source": {"source-node": source, "source-tp": ports[0]},
        "destination": {"dest-node": target, "dest-tp": ports[1]},
        **more,
    }


NETWORK = {
    "network-id": "ip",
    "network-types": {"ietf-l3-unicast-topology:l3-unicast-topology": {}},
    "node": [
        {
            "node-id": "1.1.1.1",
            "ietf-l3-unicast-topology:l3-node-attributes": {"name": "quay-r1"},
            "ietf-network-topology:termination-point": [
                {"tp-id": "0", "ietf-l3-unicast-topology:l3-termination-point-attributes": {
                    "ip-address": ["192.0.2.1", "2001:db8::1"]}},
                {"tp-id": "1", "ietf-l3-unicast-topology:l3-termination-point-attributes": {
                    "interface-name": "ge-0/0/1", "ip-address": ["192.0.2.300"]}},
                {"tp-id": "2", "ietf-l3-unicast-topology:l3-termination-point-attributes": {
                    "unnumbered-id": 7}},
            ],
        },
        {"node-id": "2.2.2.2"},
    ],
    "ietf-network-topology:link": [
        link("a", "1.1.1.1", "2.2.2.2"),
        link("b", "2.2.2.2", "1.1.1.1"),
        link("c", "1.1.1.1", "2.2.2.2"),
        link("d", "1.1.1.1", "1.1.1.1"),
        {"link-id": "e"},
    ],
}  # fmt: skip


def test_nodes_links_and_addresses_become_rows(tmp_path: Path) -> None:
    found = ingest(tmp_path, {"ietf-network:networks": {"network": [NETWORK]}})
    assert [(e["id"], e["name"], e["site"]) for e in rows(found, "element")] == [
        ("rfc8345:ip/1.1.1.1", "quay-r1", None),
        ("rfc8345:ip/2.2.2.2", "2.2.2.2", None),
    ]
    assert [(i["id"], i["name"], i["address"], i["is_management"])
            for i in rows(found, "interface")] == [
        ("rfc8345:ip/1.1.1.1/0", "0", "192.0.2.1", None),
        ("rfc8345:ip/1.1.1.1/0/2001:db8::1", "0", "2001:db8::1", None),
    ]  # fmt: skip
    # Parallel links, a way back, a loop and a link whose ends are not stated are rows of their own.
    assert [x["id"].rpartition("/")[2] for x in rows(found, "link")] == list("abcde")
    assert [x["target"] for x in rows(found, "link")][3:] == ["rfc8345:ip/1.1.1.1", None]
    assert {x["is_one_way"] for x in rows(found, "link")} == {True}
    assert reasons(found) == {
        "it is no address; what has it is kept without": 1,
        "a termination point without an address is a foot in no segment": 2,
    }


def bare(value: Any) -> Any:
    """The same data without the modules' names."""
    if isinstance(value, dict):
        return {k.rpartition(":")[2]: bare(v) for k, v in value.items()}
    return [bare(v) for v in value] if isinstance(value, list) else value


SPACES = {
    "ietf-network": "urn:ietf:params:xml:ns:yang:ietf-network",
    "org-openroadm-common-network": "http://org/openroadm/common/network",
    "org-openroadm-network": "http://org/openroadm/network",
    "org-openroadm-network-topology": "http://org/openroadm/network/topology",
    "org-openroadm-clli-network": "http://org/openroadm/clli/network",
}


def xml(name: str, value: Any) -> str:
    """The same data in XML, each module by its namespace."""
    if isinstance(value, list):
        return "\n".join(xml(name, entry) for entry in value)
    module, _, local = name.rpartition(":")
    space = SPACES.get(module, f"urn:ietf:params:xml:ns:yang:{module}")
    mark = f' xmlns="{space}"' if module else ""
    inner = (
        "\n".join(xml(k, v) for k, v in value.items()) if isinstance(value, dict) else str(value)
    )
    return f"<{local}{mark}>{inner}</{local}>"


WHOLE = {"ietf-network:networks": {"network": [NETWORK]}}
WRAPPED: dict[str, Any] = {
    "RESTCONF data": {"data": WHOLE},
    "RESTCONF data, qualified": {"ietf-restconf:data": WHOLE},
    "without prefixes": bare(WHOLE),
    "one network": {"ietf-network:network": NETWORK},
    "one network as a list": {"ietf-network:network": [NETWORK]},
    "instance data": {"ietf-yang-instance-data:instance-data-set": {"content-data": WHOLE}},
    "operational state": {"ietf-network-state:networks": {"network": [NETWORK]}},
    "XML": xml("ietf-network:networks", {"network": [NETWORK]}),
    "NETCONF data": "<?xml version='1.0'?>\n<!-- saved -->\n<data "
    'xmlns="urn:ietf:params:xml:ns:netconf:base:1.0">' + xml(*next(iter(WHOLE.items()))) + "</data>",
    "NETCONF reply": '<nc:rpc-reply message-id="1" '
    'xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0"><nc:data>'
    + xml(*next(iter(WHOLE.items()))) + "</nc:data></nc:rpc-reply>",
    "XML without namespaces": xml("networks", bare({"network": [NETWORK]})),
    "UTF-16": json.dumps(WHOLE).encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(WHOLE).encode(),
}  # fmt: skip


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_encodings_and_wrappers_give_the_same(tmp_path: Path, wrapper: str) -> None:
    expected = without_origin(ingest(tmp_path, WHOLE))
    content = WRAPPED[wrapper]
    assert without_origin(ingest(tmp_path, content)) == expected
    if isinstance(content, dict):
        content = json.dumps(content)
    head = content.encode() if isinstance(content, str) else content
    assert TopologyRfc8345().claims(tmp_path / "net", head).sureness >= 0.7


def test_an_origin_leads_to_the_record(tmp_path: Path) -> None:
    found = ingest(tmp_path, {"ietf-network:networks": {"network": [NETWORK]}})
    place = "net:$.ietf-network:networks.network[0]"
    assert rows(found, "element")[1]["origin"] == f"{place}.node[1]"
    assert rows(found, "link")[2]["origin"] == f"{place}.ietf-network-topology:link[2]"
    text = xml("ietf-network:networks", {"network": [NETWORK]})
    for row in rows(ingest(tmp_path, text), "link"):
        line = int(row["origin"].rpartition(":")[2])
        following = "".join(text.splitlines()[line - 1 : line + 1])
        assert f"<link-id>{row['id'].rpartition('/')[2]}</link-id>" in following


def test_a_member_of_another_module_is_another_thing(tmp_path: Path) -> None:
    node = {"node-id": "a", "acme-extras:vendor": "Acme", "acme-extras:node-type": "core"}
    found = ingest(tmp_path, {"ietf-network:network": {"network-id": "n", "node": [node]}})
    text = xml("ietf-network:network", {"network-id": "n", "node": [node]})
    for way in (found, ingest(tmp_path, text)):
        assert rows(way, "element")[0]["vendor_name"] is None
        assert rows(way, "element")[0]["role_name"] is None


ROADM = "org-openroadm-common-network:openroadm-common-network"
LAYERS = {"ietf-network:networks": {"network": [
    {"network-id": "clli-network", "network-types": {"org-openroadm-clli-network:clli-network": {}},
     "node": [{"node-id": "QUAY01", "org-openroadm-clli-network:clli": "QUAY01"}]},
    {"network-id": "openroadm-network", "network-types": {ROADM: {}}, "node": [
        {"node-id": "R/1", "org-openroadm-network:vendor": "Fjordlight",
         "org-openroadm-network:model": "FL-8", "org-openroadm-network:ip": "192.0.2.9",
         "org-openroadm-common-network:node-type": "ROADM",
         "supporting-node": [{"network-ref": "clli-network", "node-ref": "QUAY01"}]}]},
    {"network-id": "openroadm-topology", "network-types": {ROADM: {}}, "node": [
        {"node-id": f"R/1-{part}", "org-openroadm-common-network:node-type": kind,
         "supporting-node": [{"network-ref": "openroadm-network", "node-ref": "R/1"},
                             {"network-ref": "clli-network", "node-ref": at},
                             {"network-ref": "openroadm-topology", "node-ref": f"R/1-{part}"}]}
        for part, kind, at in (("DEG1", "DEGREE", "QUAY01"), ("SRG1", "SRG", "MILL02"))],
     "ietf-network-topology:link": [
        link("span", "R/1-DEG1", "R/2-DEG1") | {
            "org-openroadm-common-network:link-type": "ROADM-TO-ROADM",
            "org-openroadm-network-topology:OMS-attributes": {"span": {"link-concatenation": [
                {"SRLG-Id": 0, "fiber-type": "smf", "SRLG-length": "60000.0"},
                {"SRLG-Id": 1, "fiber-type": "smf", "SRLG-length": "20000.0"}]}}},
        link("add", "R/1-SRG1", "R/1-DEG1") | {
            "org-openroadm-common-network:link-type": "ADD-LINK"}]},
]}}  # fmt: skip


@pytest.mark.parametrize("form", ["json", "xml"])
def test_openroadm_layers_are_elements_hosted_by_the_box_below(tmp_path: Path, form: str) -> None:
    found = ingest(tmp_path, LAYERS if form == "json" else xml(*next(iter(LAYERS.items()))))
    assert {s["id"] for s in rows(found, "site")} == {
        "rfc8345:clli-network/QUAY01", "rfc8345:clli-network/MILL02",
    }  # fmt: skip
    elements = {e["id"].partition(":")[2]: e for e in rows(found, "element")}
    assert set(elements) == {
        "openroadm-network/R/1", "openroadm-topology/R/1-DEG1", "openroadm-topology/R/1-SRG1",
    }  # fmt: skip
    box = elements["openroadm-network/R/1"]
    assert (box["vendor_name"], box["vendor"], box["role_name"]) == ("Fjordlight", None, "ROADM")
    assert box["product"] == rows(found, "product")[0]["id"]
    assert box["site"] == "rfc8345:clli-network/QUAY01"
    assert [(r["source"][-3:], r["target"][-4:], r["kind"]) for r in rows(found, "relation")] == [
        ("R/1", "DEG1", "hosts"), ("R/1", "SRG1", "hosts"),
    ]  # fmt: skip
    assert [(i["address"], i["is_management"]) for i in rows(found, "interface")] == [
        ("192.0.2.9", True)
    ]
    links = {x["id"].rpartition("/")[2]: (x["medium"], x["length_km"]) for x in rows(found, "link")}
    assert links == {"span": ("fibre", 80), "add": (None, None)}
    assert "function" not in found.tables


def test_a_network_named_clli_network_is_none_unless_its_model_says_so(tmp_path: Path) -> None:
    plain = {"network-id": "clli-network", "node": [{"node-id": "a"}]}
    above = {
        "network-id": "n2-core",
        "node": [
            {"node-id": "b", "supporting-node": [{"network-ref": "clli-network", "node-ref": "a"}]}
        ],
    }
    found = ingest(tmp_path, {"ietf-network:networks": {"network": [plain, above]}})
    assert "site" not in found.tables
    assert [e["id"] for e in rows(found, "element")] == [
        "rfc8345:clli-network/a", "rfc8345:n2-core/b",
    ]  # fmt: skip
    assert [r["kind"] for r in rows(found, "relation")] == ["hosts"]


def test_ids_that_slashes_could_confuse_stay_apart(tmp_path: Path) -> None:
    networks = [
        {"network-id": "a/b", "node": [{"node-id": "c"}]},
        {"network-id": "a", "node": [{"node-id": "b/c"}]},
        {"network-id": "b", "node": [{"node-id": "c"}]},
    ]
    found = ingest(tmp_path, {"ietf-network:networks": {"network": networks}})
    assert [e["id"] for e in rows(found, "element")] == [
        "rfc8345:a%2Fb/c", "rfc8345:a/b/c", "rfc8345:b/c",
    ]  # fmt: skip


def te(**attributes: Any) -> dict[str, Any]:
    return {"ietf-te-topology:te": {"te-link-attributes": attributes}}


def bandwidth(**value: Any) -> dict[str, Any]:
    return te(**{"max-link-bandwidth": {"te-bandwidth": value}})


@pytest.mark.parametrize(
    ("attributes", "mbps"),
    [
        # 2^27 bytes a second, times 8 bits.
        (bandwidth(generic="0x1p27"), 1073.741824),
        (bandwidth(generic="0X1.8P+20"), 12.582912),
        # A number without a form that says bytes, and time slots.
        (bandwidth(generic="1000000"), None),
        (bandwidth(generic="0,2,3,1"), None),
        (bandwidth(**{"ietf-microwave-topology:mw-bandwidth": "400000000"}), 400),
        (te(**{"ietf-bandwidth-availability-topology:link-availability": [
            {"availability": "99.99", "link-bandwidth": "155000"},
            {"availability": "99.9", "link-bandwidth": "400000"}]}), 155),
        ({"ietf-l2-topology:l2-link-attributes": {"rate": "1000.00"}}, 1000),
        ({"ietf-l2-topology:l2-link-attributes": {"rate": "fast"}}, None),
        ({"ietf-l3-unicast-topology:l3-link-attributes": {"metric1": "100"}}, None),
    ],
)  # fmt: skip
def test_a_bandwidth_is_read_in_the_unit_of_its_module(
    tmp_path: Path, attributes: dict[str, Any], mbps: float | None
) -> None:
    network = {"network-id": "n", "ietf-network-topology:link": [link("a", "x", "y", **attributes)]}
    [row] = rows(ingest(tmp_path, {"ietf-network:network": [network]}), "link")
    assert row["capacity_mbps"] == mbps


def radio(bundle: dict[str, Any], member: dict[str, Any]) -> dict[str, Any]:
    """A 1+1 radio link of two carriers."""
    carriers = [link(f"c{n}", "x", "y", (f"xc{n}", f"yc{n}"), **member) for n in (1, 2)]
    whole = link("rlt", "x", "y", ("xr", "yr"), **bundle)
    whole.setdefault("ietf-te-topology:te", {})["bundled-links"] = {
        "bundled-link": [
            {"sequence": n, "src-tp-ref": f"xc{n}", "des-tp-ref": f"yc{n}"} for n in (1, 2)
        ]
    }
    return {"network-id": "mw", "network-types": {
        "ietf-te-topology:te-topology": {"ietf-microwave-topology:mw-topology": {}}},
        "ietf-network-topology:link": [whole, *carriers]}  # fmt: skip


def test_a_bundles_capacity_is_not_counted_again_in_its_members(tmp_path: Path) -> None:
    stated = bandwidth(**{"ietf-microwave-topology:mw-bandwidth": 400_000_000})
    network = radio(json.loads(json.dumps(stated)), stated)
    found = rows(ingest(tmp_path, {"ietf-network:network": [network]}), "link")
    assert [x["capacity_mbps"] for x in found] == [400, None, None]
    assert {x["medium"] for x in found} == {"microwave"}
    elsewhere = [link(f"z{n}", "x", "z", (f"xc{n}", f"yc{n}"), **stated) for n in (1, 2)]
    network["ietf-network-topology:link"] += elsewhere
    found = rows(ingest(tmp_path, {"ietf-network:network": [network]}), "link")
    assert [x["capacity_mbps"] for x in found] == [400, None, None, 400, 400]
    members_alone = rows(ingest(tmp_path, {"ietf-network:network": [radio({}, stated)]}), "link")
    assert [x["capacity_mbps"] for x in members_alone] == [None, 400, 400]


def test_a_geolocation_is_a_site_and_half_of_one_is_none(tmp_path: Path) -> None:
    nodes = [
        {"node-id": id_, "ietf-te-topology:te": {"geolocation": place,
                                                 "te-node-attributes": {"name": f"n-{id_}"}}}
        for id_, place in (
            ("a", {"latitude": "52.5", "longitude": "-1.25"}),
            ("b", {"latitude": "52.5"}),
            ("c", {"latitude": "95", "longitude": "1"}),
        )
    ]  # fmt: skip
    found = ingest(tmp_path, {"ietf-network:network": [{"network-id": "n", "node": nodes}]})
    assert [(s["id"], s["latitude_deg"], s["longitude_deg"]) for s in rows(found, "site")] == [
        ("rfc8345:n/site-of/a", 52.5, -1.25)
    ]
    assert [(e["name"], e["site"]) for e in rows(found, "element")] == [
        ("n-a", "rfc8345:n/site-of/a"), ("n-b", None), ("n-c", None),
    ]  # fmt: skip
    assert list(reasons(found)) == [
        "the latitude is out of its range; what it belongs to is kept without"
    ]


def test_each_faulty_record_is_counted(tmp_path: Path) -> None:
    networks = [
        {"network-id": "n", "node": [{"node-id": "a"}, {"node-id": "a"}, {"x": 1}, 7],
         "link": [link("l", "a", "a"), link("l", "a", "a"), {"source": {}}]},
        {"node": [{"node-id": "a"}], "link": [link("l", "a", "a")]},
    ]  # fmt: skip
    more = {"ietf-interfaces:interfaces": {"interface": [{"name": "x"}]}}
    found = ingest(tmp_path, {**more, "ietf-network:networks": {"network": networks}})
    assert reasons(found) == {
        "another node of its network has its id": 1,
        "the node has no id": 2,
        "another link of its network has its id": 1,
        "the link has no id": 1,
        "its network has no id, so that it cannot be told from others of its name": 2,
        "ietf-interfaces:interfaces is no part of a topology": 1,
    }
    assert (found.rows_read, found.rows_kept) == (10, 2)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "it is no JSON"),
        ("<networks/>", "no network with its nodes"),
        ('{"ietf-network:networks": {}}', "no network with its nodes"),
        ('{"ietf-network:node": [{"node-id": "a"}]}', "no network with its nodes"),
        ('{"ietf-network:networks": {"network": [], "network": []}}', "the name 'network' twice"),
        (json.dumps(WHOLE)[:400], "it is no JSON"),
        (WRAPPED["XML"][:400], "no well-formed XML"),
        ('<!DOCTYPE n [<!ENTITY x "y">]><networks>&x;</networks>', "declares entities"),
        ('{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_topology_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        ingest(tmp_path, content)


FIXTURES = (json.dumps(WHOLE), json.dumps(LAYERS), WRAPPED["XML"], WRAPPED["NETCONF reply"])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FIXTURES).flatmap(bent))
def test_a_bent_file_is_refused_or_counted(tmp_path: Path, content: bytes) -> None:
    TopologyRfc8345().claims(tmp_path, content)
    try:
        ingest(tmp_path, content)
    except RingfenceError:
        return


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_values_of_any_type_are_refused_or_counted(tmp_path: Path, data: st.DataObject) -> None:
    document = json.loads(data.draw(st.sampled_from(FIXTURES[:2])))
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


SAMPLES = "transportpce-topologies/tests/sample_configs"
COUNTED = {
    # grep -c '"node-id"', '"link-id"', '"tp-id"'; for XML '<node-id>' and so on. Sites are the
    # different CLLI codes: grep -A1 'clli-network"' | grep -o '"node-ref": "[^"]*"' | sort -u.
    f"{SAMPLES}/NW-simple-topology.json": (50, 250, 390, 15),
    f"{SAMPLES}/gnpy/openroadmNetwork.json": (10, 0, 0, 5),
    f"{SAMPLES}/gnpy/openroadmTopology.json": (24, 80, 191, 5),
    "transportpce-topologies/networkmodel/src/test/resources/openroadm-topology.xml":
        (13, 34, 41, 4),
    "ietf-mw-topology/json/example1plus1-mw-only.json": (4, 4, 8, 0),
    "ietf-mw-topology/json/example2plus0.json": (4, 4, 8, 0),
}  # fmt: skip


@pytest.mark.parametrize("name", COUNTED)
def test_the_shared_topologies_are_whole(shared_data: Path, name: str) -> None:
    path = shared_data / name
    nodes, links, points, sites = COUNTED[name]
    text = path.read_text(encoding="utf-8")
    counted = tuple(
        len(re.findall(f'"{leaf}"\\s*:|<{leaf}>', text)) for leaf in ("node-id", "link-id", "tp-id")
    )
    assert counted == (nodes, links, points)
    found = gather(TopologyRfc8345(), path, Options())
    sizes = tuple(len(rows(found, table)) for table in ("element", "link", "site"))
    assert sizes == (nodes, links, sites)
    beside = 1 if "ietf-interfaces:interfaces" in text else 0
    assert (found.rows_read, found.rows_kept) == (nodes + links + points + beside, nodes + links)


def test_every_vendor_of_the_shared_network_is_kept_as_written(shared_data: Path) -> None:
    path = shared_data / SAMPLES / "gnpy" / "openroadmNetwork.json"
    found = gather(TopologyRfc8345(), path, Options())
    written = re.findall(r'"org-openroadm-network:vendor": "(\w+)"', path.read_text())
    assert [e["vendor_name"] for e in rows(found, "element")] == written
    assert [i["address"] for i in rows(found, "interface")] == re.findall(
        r'"org-openroadm-network:ip": "([\d.]+)"', path.read_text()
    )


def test_microwave_links_are_microwave_and_the_layer_above_is_not(shared_data: Path) -> None:
    path = shared_data / "ietf-mw-topology" / "json" / "example2plus0.json"
    found = gather(TopologyRfc8345(), path, Options())
    links = {x["id"].rpartition("/")[2]: (x["medium"], x["capacity_mbps"])
             for x in rows(found, "link")}  # fmt: skip
    # Of 998423 kbit/s at 0.99 and 1048576 at 0.95 the first is there for longer.
    assert links == {
        "L2-N1-N2": (None, None), "mwrl-N1-N2": ("microwave", None),
        "mwc-N1-N2-A": ("microwave", 998.423), "mwc-N1-N2-B": ("microwave", None),
    }  # fmt: skip
    assert [(r["source"], r["target"]) for r in rows(found, "relation")] == [
        ("rfc8345:mw-network/mw-N1", "rfc8345:L2-network/L2-N1"),
        ("rfc8345:mw-network/mw-N2", "rfc8345:L2-network/L2-N2"),
    ]


def test_only_topologies_are_claimed(shared_data: Path) -> None:
    ours = {"transportpce-topologies", "ietf-mw-topology"}
    for path in sorted(shared_data.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                sureness = TopologyRfc8345().claims(path, file.read(64 * 1024)).sureness
            assert (sureness > 0) == (path.relative_to(shared_data).parts[0] in ours), path
