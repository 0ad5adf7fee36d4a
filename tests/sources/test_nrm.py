"""3GPP NRM instances as JSON and XML, written by hand to TS 28.623 and 28.541."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources import managed_object_xml
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.nrm import Nrm
from tests.sources.mutations import bent

MANAGER = "SubNetwork=N,ManagementNode=M1"

CORE: dict[str, Any] = {
    "id": "core-1",
    "attributes": {
        "userLabel": "core one",
        "vendorName": "Aurel",
        "swVersion": "3.2",
        "locationName": "Data centre East",
        "managedBy": [MANAGER],
        "managedElementTypeList": ["AMFFunction", "SMFFunction"],
    },
    "AMFFunction": [
        {
            "id": "a",
            "attributes": {
                "amfSet": "SubNetwork=N,AMFRegion=1,AMFSet=2",
                "pLMNInfoList": [
                    {"plmnId": {"mcc": "001", "mnc": "01"}, "snssai": {"sst": 1, "sd": "00000a"}},
                    {"plmnId": {"mcc": "001", "mnc": "01"}, "snssai": {"sst": 2}},
                ],
            },
            "EP_N2": [
                {
                    "id": "1",
                    "attributes": {
                        "localAddress": {
                            "addressWithVlan": {"ipv4Address": "10.2.0.1", "vlanId": 20},
                            "port": 38412,
                        }
                    },
                }
            ],
            "EP_N11": [{"id": "1", "attributes": {"localAddress": {"ipv6Address": "2001:db8::1"}}}],
            "ManagedNFService": [
                {
                    "id": "s",
                    "attributes": {"sAP": {"host": {"ipv4Address": "10.3.0.1"}, "port": 8443}},
                }
            ],
        }
    ],
    "UPFFunction": [
        {
            "id": "u",
            "attributes": {},
            "EP_N3": [{"id": "1", "attributes": {"localAddress": [{"ipAddress": "10.4.0.1"}]}}],
            "EP_N4": [{"id": "1", "attributes": {"localAddress": {"ipv4Address": "10.5.0.1"}}}],
            "EP_N6": [{"id": "1", "attributes": {"localAddress": {"ipv4Address": "10.6.0.1"}}}],
        }
    ],
    "N3IWFFunction": [{"id": "n", "attributes": {}}],
}
RADIO: dict[str, Any] = {
    "id": "radio-1",
    "attributes": {"vendorName": "Tessera", "swVersion": None, "locationName": ""},
    "GNBDUFunction": [
        {
            "id": "1",
            "attributes": {
                "gNBId": 7,
                "peeParametersList": [
                    {
                        "siteIdentification": "S-17",
                        "siteLatitude": 51.25,
                        "siteLongitude": "-0.5",
                        "siteDescription": "Hill top",
                    }
                ],
            },
            "NRCellDU": [{"id": "1", "attributes": {}}, {"id": "2", "attributes": {}}],
        }
    ],
    "GNBCUUPFunction": [
        {
            "id": "1",
            "attributes": {},
            "EP_NgU": [{"id": "1", "attributes": {"localAddress": {"ipv4Address": "10.7.0.1"}}}],
            "EP_XnU": [{"id": "1", "attributes": {}}],
        }
    ],
}
NESTED: dict[str, Any] = {
    "SubNetwork": [
        {
            "id": "N",
            "attributes": {"userLabel": "network"},
            "ManagementNode": [
                {"id": "M1", "attributes": {"vendorName": "Kestrel", "userLabel": "manager"}}
            ],
            "ManagedElement": [CORE, RADIO],
            "ExternalGNBCUCPFunction": [{"id": "other", "attributes": {}}],
        }
    ]
}
CORE_KEY, RADIO_KEY = (
    "nrm:SubNetwork=N,ManagedElement=core-1",
    "nrm:SubNetwork=N,ManagedElement=radio-1",
)


def flat(document: dict[str, Any], around: str = "") -> list[dict[str, Any]]:
    """The same objects one by one, with their names: a second way to write a network."""
    found = []
    for kind, members in document.items():
        if isinstance(members, list) and members and isinstance(members[0], dict):
            for member in members:
                name = f"{around}{kind}={member['id']}"
                stated = {"objectClass": kind, "objectInstance": name}
                found.append(stated | {"attributes": member["attributes"]})
                rest = {k: v for k, v in member.items() if k not in ("id", "attributes")}
                found += flat(rest, f"{name},")
    return found


def qualified(document: Any) -> Any:
    """The same with a module before each class, as RFC 7951 has it."""
    if isinstance(document, list):
        return [qualified(member) for member in document]
    if not isinstance(document, dict):
        return document
    return {
        f"_3gpp-x-{k.lower()}:{k}" if isinstance(v, list) and k[0].isupper() else k: (
            v if k == "attributes" else qualified(v)
        )
        for k, v in document.items()
    }


def yang_xml(document: dict[str, Any]) -> str:
    """The same as XML with the identifier as a child."""

    def value(name: str, stated: Any) -> str:
        if isinstance(stated, list):
            return "".join(value(name, part) for part in stated)
        if isinstance(stated, dict):
            return f"<{name}>{''.join(value(k, v) for k, v in stated.items())}</{name}>"
        return f"<{name}>{'' if stated is None else stated}</{name}>"

    def objects(parts: dict[str, Any]) -> str:
        return "\n".join(
            f"<{kind}><id>{m['id']}</id>\n<attributes>"
            + "".join(value(k, v) for k, v in m["attributes"].items())
            + "</attributes>\n"
            + objects({k: v for k, v in m.items() if k not in ("id", "attributes")})
            + f"</{kind}>"
            for kind, members in parts.items()
            for m in members
        )

    return f'<data xmlns="urn:3gpp:sa5:_3gpp-common-subnetwork">{objects(document)}</data>'


SHAPES = {
    "nested": json.dumps(NESTED, indent=1),
    "flat": json.dumps(flat(NESTED)),
    "qualified": json.dumps(qualified(NESTED)),
    "in an envelope": json.dumps({"data": NESTED}),
    "xml": yang_xml(NESTED),
}


def read(path: Path, content: str | bytes) -> Gathered:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return gather(Nrm(), path, Options())


def rows(found: Gathered, table: str) -> list[dict[str, Any]]:
    return list(found.tables[table].to_pylist())


def reasons(found: Gathered) -> dict[str, int]:
    return {r["reason"]: r["rows"] for r in found.rejects.to_pylist()}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_network(tmp_path: Path, shape: str) -> None:
    path = tmp_path / "x"
    found = read(path, SHAPES[shape])
    assert Nrm().claims(path, path.read_bytes()).sureness >= 0.9
    functions = {(f["element"], f["kind"], f["slice"]) for f in rows(found, "function")}
    assert functions == {
        *((CORE_KEY, "AMF", "1-00000a"), (CORE_KEY, "AMF", "2"), (CORE_KEY, "UPF", None)),
        *((CORE_KEY, "N3IWF", None), (RADIO_KEY, "GNBDU", None), (RADIO_KEY, "GNBCUUP", None)),
        ("nrm:SubNetwork=N,ManagementNode=M1", "EMS", None),
    }
    elements = {e["id"]: e for e in rows(found, "element")}
    said = ("name", "site", "vendor_name", "software_version", "kind", "operator", "vendor")
    assert [elements[CORE_KEY][k] for k in said] == [
        *("core one", "nrm:site/Data centre East", "Aurel", "3.2", None, None, None)
    ]
    assert elements[CORE_KEY]["role_name"] == "AMFFunction, SMFFunction"
    assert [elements[RADIO_KEY][k] for k in said] == [
        *("radio-1", "nrm:site/S-17", "Tessera", None, None, None, None)
    ]
    assert elements[f"nrm:{MANAGER}"]["kind"] == "management system"
    assert [(r["source"], r["target"], r["kind"]) for r in rows(found, "relation")] == [
        (f"nrm:{MANAGER}", CORE_KEY, "manages")
    ]
    endpoints = {
        (e["address"], e["function"], e["service"], e["protocol"], e["port"])
        for e in rows(found, "endpoint")
    }
    assert endpoints == {
        ("10.2.0.1", "AMF", "NGAP", "SCTP", 38412),
        ("2001:db8::1", "AMF", "SBI", "TCP", None),
        ("10.3.0.1", "AMF", "SBI", "TCP", 8443),
        ("10.4.0.1", "UPF", "GTP-U", "UDP", None),
        ("10.5.0.1", "UPF", "PFCP", "UDP", None),
        ("10.7.0.1", "GNBCUUP", "GTP-U", "UDP", None),
    }
    # N6 leads to a data network: an address, and nothing that 3GPP says is spoken there.
    assert "10.6.0.1" in {i["address"] for i in rows(found, "interface")}
    assert [s["name"] for s in rows(found, "segment")] == ["VLAN 20"]
    sites = {
        s["id"]: (s["name"], s["latitude_deg"], s["longitude_deg"]) for s in rows(found, "site")
    }
    assert sites == {
        "nrm:site/Data centre East": ("Data centre East", None, None),
        "nrm:site/S-17": ("Hill top", 51.25, -0.5),
    }
    assert reasons(found) == {
        "SubNetwork only names what it contains": 1,
        "NRCellDU has no place in the model": 2,
        "ExternalGNBCUCPFunction has no place in the model": 1,
        "EP_XnU states no address": 1,
    }
    # The objects of the network above, counted by hand: 1 subnetwork, 1 manager, 2 elements,
    # 5 functions, 8 end points and services, 2 cells, 1 external function.
    assert found.rows_read == 20


def test_an_answer_about_one_element_is_known_by_what_it_holds(tmp_path: Path) -> None:
    found = read(tmp_path / "x.json", json.dumps(RADIO))
    assert [e["id"] for e in rows(found, "element")] == ["nrm:ManagedElement=radio-1"]
    # Vendor and version may be those of a manager too: the class is not known.
    found = read(tmp_path / "y.json", json.dumps({"id": "1", "attributes": {"vendorName": "A"}}))
    assert found.tables == {}
    assert reasons(found) == {"an object whose class is not stated": 1}


def test_a_resource_address_is_a_name(tmp_path: Path) -> None:
    href = "https://x.example/3gpp/ProvMnS/v1700/SubNetwork=N/ManagedElement=a%2Cb"
    stated = {"data": {"href": href, "class": "ManagedElement", "attributes": {"vendorName": "A"}}}
    found = read(tmp_path / "x.json", json.dumps(stated))
    (element,) = rows(found, "element")
    assert element["id"] == "nrm:SubNetwork=N,ManagedElement=a\\,b"
    assert element["name"] == "a,b"


def test_a_name_of_another_class_is_a_fault(tmp_path: Path) -> None:
    stated = [
        {"objectClass": "AMFFunction", "objectInstance": "ManagedElement=1", "attributes": {}}
    ]
    found = read(tmp_path / "x.json", json.dumps(stated))
    reason = "an object of the class AMFFunction has the name of another class"
    assert reasons(found) == {reason: 1}


def test_a_function_alone_makes_its_element_known(tmp_path: Path) -> None:
    name = "SubNetwork=N,ManagedElement=e,GNBDUFunction=1"
    stated = [{"objectInstance": name, "attributes": {}}]
    found = read(tmp_path / "x.json", json.dumps(stated))
    (element,) = rows(found, "element")
    assert (element["id"], element["name"]) == ("nrm:SubNetwork=N,ManagedElement=e", None)
    stated = [{"objectInstance": "SubNetwork=N,GNBDUFunction=1", "attributes": {}}]
    found = read(tmp_path / "y.json", json.dumps(stated))
    assert reasons(found) == {"GNBDUFunction lies in no managed element": 1}


def test_classes_are_known_by_the_case_of_any_release(tmp_path: Path) -> None:
    stated = {"ManagedElement": [{"id": "e", "attributes": {}, "GnbCuCpFunction": [{"id": "1"}]}]}
    found = read(tmp_path / "x.json", json.dumps(stated))
    assert found.tables["function"].column("kind").to_pylist() == ["GNBCUCP"]


@pytest.mark.parametrize(
    ("address", "fault"),
    [("300.1.1.1", True), ("0.0.0.0", True), ("", False), ("N/A", False), (7, True)],  # noqa: S104
)
def test_an_address_that_is_none_is_no_row(tmp_path: Path, address: object, fault: bool) -> None:
    end = {"id": "1", "attributes": {"localAddress": {"ipv4Address": address}}}
    function = {"id": "1", "attributes": {}, "EP_NgC": [end]}
    stated = {"ManagedElement": [{"id": "e", "attributes": {}, "GNBCUCPFunction": [function]}]}
    found = read(tmp_path / "x.json", json.dumps(stated))
    assert "endpoint" not in found.tables
    (reject,) = found.rejects.to_pylist()
    assert (reject["kind"] == "fault") is fault


def test_a_site_beyond_the_globe_is_a_fault_of_its_own(tmp_path: Path) -> None:
    text = json.dumps(NESTED).replace("51.25", "151.25")
    found = read(tmp_path / "x.json", text)
    assert reasons(found)["sitelatitude is no angle"] == 1
    assert len(rows(found, "function")) == 7


def test_a_transport_end_point_has_its_address(tmp_path: Path) -> None:
    end = {"id": "1", "attributes": {"ipAddress": "10.8.0.1", "epApplicationRefs": []}}
    stated = {"ManagedElement": [{"id": "e", "attributes": {}, "EP_Transport": [end]}]}
    found = read(tmp_path / "x.json", json.dumps(stated))
    assert [i["address"] for i in rows(found, "interface")] == ["10.8.0.1"]
    assert "endpoint" not in found.tables


def test_a_function_has_its_pool(tmp_path: Path) -> None:
    functions = rows(read(tmp_path / "x.json", SHAPES["nested"]), "function")
    pools = {f["pool"] for f in functions if f["kind"] == "AMF"}
    assert pools == {"SubNetwork=N,AMFRegion=1,AMFSet=2"}


def test_what_manages_a_subnetwork_manages_what_is_in_it(tmp_path: Path) -> None:
    element = {"id": "e", "attributes": {}}
    network = {"id": "N", "attributes": {"managedBy": MANAGER}, "ManagedElement": [element]}
    beside = {"id": "M", "attributes": {}, "ManagedElement": [element]}
    found = read(tmp_path / "x.json", json.dumps({"SubNetwork": [network, beside]}))
    assert [(r["source"], r["target"]) for r in rows(found, "relation")] == [
        (f"nrm:{MANAGER}", "nrm:SubNetwork=N,ManagedElement=e")
    ]


@pytest.mark.parametrize("identifier", ["-", "unknown", 7, "0", "a=b"])
def test_any_identifier_is_a_name(tmp_path: Path, identifier: object) -> None:
    stated = {"ManagedElement": [{"id": identifier, "attributes": {}}]}
    found = read(tmp_path / "x.json", json.dumps(stated))
    assert [e["id"] for e in rows(found, "element")] == [f"nrm:ManagedElement={identifier}"]


@pytest.mark.parametrize("shape", ["json", "xml"])
def test_two_sites_of_one_element_are_a_fault_in_any_order(tmp_path: Path, shape: str) -> None:
    radio = RADIO | {"attributes": {"locationName": "Valley"}}
    document = {"ManagedElement": [radio]}
    text = yang_xml(document) if shape == "xml" else json.dumps(document)
    found = read(tmp_path / "x", text)
    assert [e["site"] for e in rows(found, "element")] == ["nrm:site/Valley"]
    assert reasons(found)["a function states another site than its element"] == 1


def test_a_key_stated_twice_is_refused(tmp_path: Path) -> None:
    text = '{"ManagedElement": [{"id": "1", "id": "2", "attributes": {}}]}'
    with pytest.raises(SourceError, match="'id' is stated twice"):
        read(tmp_path / "x.json", text)


@pytest.mark.parametrize(
    "content",
    [
        *("", "{", "[]", "{}", "null", "7", '{"a": 1}', '{"a": [1, "b"]}', "NaN", "\0", "<a/>"),
        *('{"ManagedElement": NaN}', "[" * 100_000, '{"a":' * 50_000, "1" * 9_000, "<data/>"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(SourceError):
        read(path, content)
    assert Nrm().claims(path, content.encode()[:65536]).sureness == 0 or "Managed" in content


@pytest.mark.parametrize(
    "content",
    [
        '{"specversion": "1.0", "data": {"o-ran-smo-teiv-oam:ManagedElement": [{"id": "1"}]}}',
        '[{"o-ran-smo-teiv-ran:GNBDUFunction": [{"id": "1", "attributes": {}}]}]',
        '{"$schema": "x", "ManagedElement": {"attributes": {}}}',
        '{"openapi": "3.0.1", "components": {"ManagedElement": {"attributes": {}}}}',
        '<schema xmlns:xn="http://www.3gpp.org/x#genericNrm"><element name="ManagedElement"/></schema>',
        '<bulkCmConfigDataFile xmlns="http://www.3gpp.org/x#configData"/>',
        "module x { namespace urn:3gpp:sa5:y; }",
        '<ManagedElement xmlns="urn:com:vendor:ComTop"><managedElementId>1</managedElementId>',
    ],
)
def test_files_of_other_kinds_are_not_claimed(tmp_path: Path, content: str) -> None:
    assert Nrm().claims(tmp_path / "x", content.encode()).sureness == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.json"
    found = read(path, SHAPES["nested"].replace("\n", "\r\n").encode(encoding))
    assert found.rows_kept == 15
    assert Nrm().claims(path, path.read_bytes()).sureness >= 0.9


def test_deep_containment_does_not_crash(tmp_path: Path) -> None:
    depth = 400
    opened = '{"SubNetwork": [{"id": "1", "attributes": {}'
    nested = opened + f", {opened[1:]}" * depth + "}]" * (depth + 1) + "}"
    found = read(tmp_path / "x.json", nested)
    assert found.rows_read == depth + 1


@settings(max_examples=20)
@given(size=st.integers(1, 300))
def test_what_is_read_of_xml_does_not_depend_on_the_pieces(
    size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "pieces.xml"
    whole = read(path, SHAPES["xml"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(managed_object_xml, "_PIECE_BYTES", size)
        parts = read(path, SHAPES["xml"])
    assert {n: t.to_pylist() for n, t in parts.tables.items()} == {
        n: t.to_pylist() for n, t in whole.tables.items()
    }
    assert reasons(parts) == reasons(whole)


@settings(max_examples=200)
@given(content=bent(SHAPES["nested"]) | bent(SHAPES["xml"]) | bent(SHAPES["flat"]))
def test_a_bent_file_raises_nothing_but_our_errors(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "bent.nrm"
    path.write_bytes(content)
    assert 0 <= Nrm().claims(path, content).sureness <= 1
    try:
        found = gather(Nrm(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


def test_the_shared_answer(shared_data: Path) -> None:
    folder = "oran-smo-teiv/adapters/ncmp-to-teiv-adapter/src/main/resources/sample-responses"
    path = shared_data / folder / "_3gpp-common-managed-element-ocucp.json"
    found = gather(Nrm(), path, Options())
    # `grep -c '"id"'` gives 7: an element, two functions of one kind, four cells.
    assert (found.rows_read, found.rows_kept) == (7, 2)
    (element,) = rows(found, "element")
    assert element["id"] == (
        "nrm:SubNetwork=Europe,SubNetwork=Ireland,MeContext=NR004,ManagedElement=ManagedElement-004"
    )
    assert element["name"] == "NR004"
    assert element["vendor_name"] is None
    assert found.tables["function"].column("kind").to_pylist() == ["GNBCUCP"]
    assert reasons(found)["NRCellCU has no place in the model"] == 4
