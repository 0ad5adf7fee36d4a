"""3GPP bulk CM XML: own files in made-up names, the shared example, and bent ones."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources import managed_object_xml
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.bulk_cm import BulkCm
from tests.sources.mutations import bent

# Two releases of namespaces: 32-series of Release 8, and 28-series of Release 15.
RELEASES = {
    8: ("32_series/32.615#configData", "32_series/32.625#genericNrm", "32_series/32.765#eutranNrm"),
    15: ("32_series/32.616#configData", "28_series/28.623#genericNrm", "28_series/28.659#eutranNrm"),
}  # fmt: skip

NETWORK = """\
<?xml version="1.0" encoding="UTF-8"?>
<bulkCmConfigDataFile xmlns="http://www.3gpp.org/ftp/specs/archive/{config}"
  xmlns:xn="http://www.3gpp.org/ftp/specs/archive/{generic}"
  xmlns:en="http://www.3gpp.org/ftp/specs/archive/{eutran}"
  xmlns:nn="http://www.3gpp.org/ftp/specs/archive/28_series/28.541#nrNrm"
  xmlns:gn="http://www.3gpp.org/ftp/specs/archive/28_series/28.656#geranNrm"
  xmlns:vs="http://vendor.example/specific">
 <fileHeader fileFormatVersion="32.615 V9.2" senderName="SubNetwork=N,ManagementNode=OSS-1"
   vendorName="Northwind"/>
 <configData dnPrefix="DC=example.net">
  <xn:SubNetwork id="N">
   <xn:ManagementNode id="OSS-1">
    <xn:attributes><xn:userLabel>north OSS</xn:userLabel><xn:swVersion>7</xn:swVersion>
     <xn:managedElements><xn:dn>SubNetwork=N,MeContext=alder,ManagedElement=1</xn:dn>
     </xn:managedElements></xn:attributes>
   </xn:ManagementNode>
   <xn:MeContext id="alder">
    <xn:ManagedElement id="1">
     <xn:attributes>
      <xn:vendorName>Aurel</xn:vendorName><xn:swVersion>24.Q1</xn:swVersion>
      <xn:locationName>Alder Hill</xn:locationName>
      <xn:managedElementType>ENODEB,GNODEB</xn:managedElementType>
     </xn:attributes>
     <en:ENBFunction id="1"><en:attributes><en:eNBId>77</en:eNBId></en:attributes>
      <en:EUtranCellFDD id="c1"><en:attributes><en:userLabel>c1</en:userLabel></en:attributes>
       <xn:VsDataContainer id="c1"><xn:attributes>
        <xn:vsDataType>vsDataEUtranCellFDD</xn:vsDataType>
        <xn:vsDataFormatVersion>1</xn:vsDataFormatVersion>
        <vs:vsDataEUtranCellFDD><vs:power>1</vs:power></vs:vsDataEUtranCellFDD>
       </xn:attributes></xn:VsDataContainer>
      </en:EUtranCellFDD>
      <en:EUtranCellFDD id="c2"/>
     </en:ENBFunction>
     <nn:GNBDUFunction id="1">
      <nn:EP_F1C id="1"><nn:attributes><nn:localAddress>
        <nn:ipv4Address>10.1.0.5</nn:ipv4Address><nn:ipv6Address/><nn:vlanId>31</nn:vlanId>
       </nn:localAddress></nn:attributes></nn:EP_F1C>
     </nn:GNBDUFunction>
     <xn:VsDataContainer id="oam"><xn:attributes>
       <xn:vsDataType>vsDataAddressIPv4</xn:vsDataType>
       <xn:vsDataFormatVersion>1</xn:vsDataFormatVersion>
       <vs:vsDataAddressIPv4><vs:address>10.9.0.5/24</vs:address></vs:vsDataAddressIPv4>
     </xn:attributes></xn:VsDataContainer>
    </xn:ManagedElement>
   </xn:MeContext>
   <xn:MeContext id="birch">
    <xn:ManagedElement id="1">
     <xn:attributes>
      <xn:vendorName></xn:vendorName><xn:locationName> </xn:locationName>
      <xn:managedBy><xn:dn>DC=example.net,SubNetwork=N,ManagementNode=OSS-2</xn:dn></xn:managedBy>
     </xn:attributes>
     <xn:VsDataContainer id="1"><xn:attributes>
       <xn:vsDataType>vsDataGNBCUCPFunction</xn:vsDataType>
       <xn:vsDataFormatVersion>1</xn:vsDataFormatVersion>
       <vs:vsDataGNBCUCPFunction><vs:gNBId>9</vs:gNBId></vs:vsDataGNBCUCPFunction>
     </xn:attributes></xn:VsDataContainer>
    </xn:ManagedElement>
   </xn:MeContext>
   <xn:ManagedElement id="bsc">
    <gn:BssFunction id="1">
     <gn:BtsSiteMgr id="5"><gn:attributes><gn:userLabel>cedar</gn:userLabel></gn:attributes>
      <gn:GsmCell id="1"/></gn:BtsSiteMgr>
    </gn:BssFunction>
   </xn:ManagedElement>
   <xn:ManagedElement id="gone" modifier="delete"><en:ENBFunction id="1"/></xn:ManagedElement>
  </xn:SubNetwork>
 </configData>
 <fileFooter dateTime="2026-01-01T00:00:00Z"/>
</bulkCmConfigDataFile>
"""
N = "bulk-cm:DC=example.net,SubNetwork=N"
ALDER, BIRCH = (f"{N},MeContext={name},ManagedElement=1" for name in ("alder", "birch"))
BSC = f"{N},ManagedElement=bsc"


def network(release: int = 15) -> str:
    config, generic, eutran = RELEASES[release]
    return NETWORK.format(config=config, generic=generic, eutran=eutran)


def read(path: Path, content: str | bytes) -> Gathered:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return gather(BulkCm(), path, Options())


def rows(found: Gathered, table: str) -> list[dict[str, Any]]:
    return list(found.tables[table].to_pylist())


def reasons(found: Gathered) -> dict[str, int]:
    return {r["reason"]: r["rows"] for r in found.rejects.to_pylist()}


@pytest.mark.parametrize("release", sorted(RELEASES))
def test_every_release_gives_the_same_network(tmp_path: Path, release: int) -> None:
    path = tmp_path / "export.xml"
    found = read(path, network(release))
    assert BulkCm().claims(path, path.read_bytes()).sureness == 1.0
    elements = {row["id"]: row for row in rows(found, "element")}
    # Alder, birch, the controller and its station, two managers: one only named by `managedBy`.
    assert set(elements) == {
        *(ALDER, BIRCH, BSC, f"{BSC},BssFunction=1,BtsSiteMgr=5"),
        *(f"{N},ManagementNode=OSS-1", f"{N},ManagementNode=OSS-2"),
    }
    functions = {(row["element"], row["kind"]) for row in rows(found, "function")}
    assert functions == {
        *((ALDER, "ENB"), (ALDER, "GNBDU"), (BIRCH, "GNBCUCP"), (BSC, "BSC")),
        *((f"{BSC},BssFunction=1,BtsSiteMgr=5", "BTS"), (f"{N},ManagementNode=OSS-1", "EMS")),
    }


def test_an_element_is_what_its_attributes_say(tmp_path: Path) -> None:
    found = read(tmp_path / "export.xml", network())
    alder = next(row for row in rows(found, "element") if row["id"] == ALDER)
    line = network().splitlines().index('    <xn:ManagedElement id="1">') + 1
    assert alder == {
        **dict.fromkeys(alder),
        "id": ALDER,
        "name": "alder",
        "site": "bulk-cm:site/Alder Hill",
        "vendor_name": "Aurel",
        "software_version": "24.Q1",
        "role_name": "ENODEB,GNODEB",
        "origin": f"export.xml:{line}",
    }
    assert [(s["id"], s["name"]) for s in rows(found, "site")] == [
        ("bulk-cm:site/Alder Hill", "Alder Hill")
    ]


def test_what_an_element_does_not_say_stays_null(tmp_path: Path) -> None:
    birch = next(
        row for row in rows(read(tmp_path / "x.xml", network()), "element") if row["id"] == BIRCH
    )
    assert birch["vendor_name"] is birch["site"] is birch["software_version"] is None
    assert birch["operator"] is birch["vendor"] is None


def test_the_maker_of_the_file_is_put_on_the_sender_alone(tmp_path: Path) -> None:
    makers = {
        row["id"].rpartition(",")[2]: row["vendor_name"]
        for row in rows(read(tmp_path / "x.xml", network()), "element")
    }
    assert makers["ManagementNode=OSS-1"] == "Northwind"
    assert makers["ManagementNode=OSS-2"] is None
    assert makers["ManagedElement=bsc"] is None
    # Without a statement that the sender is a manager, nobody gets the name.
    text = network().replace(',ManagementNode=OSS-1"', ',IRPAgent=1"')
    found = read(tmp_path / "x.xml", text)
    assert {row["vendor_name"] for row in rows(found, "element")} == {None, "Aurel"}
    assert any("the head's vendorName" in reason for reason in reasons(found))


def test_managers_are_those_stated(tmp_path: Path) -> None:
    found = read(tmp_path / "x.xml", network())
    relations = {(r["source"], r["target"], r["kind"]) for r in rows(found, "relation")}
    assert relations == {
        # Written without the prefix in the file, and found all the same.
        (f"{N},ManagementNode=OSS-1", ALDER, "manages"),
        (f"{N},ManagementNode=OSS-2", BIRCH, "manages"),
        (BSC, f"{BSC},BssFunction=1,BtsSiteMgr=5", "manages"),
    }
    kinds = {row["id"]: row["kind"] for row in rows(found, "element")}
    assert kinds[f"{N},ManagementNode=OSS-2"] == "management system"


def test_addresses_become_interfaces_and_end_points(tmp_path: Path) -> None:
    found = read(tmp_path / "x.xml", network())
    interfaces = {(i["address"], i["element"], i["segment"]) for i in rows(found, "interface")}
    assert interfaces == {("10.1.0.5", ALDER, f"{ALDER}/vlan/31"), ("10.9.0.5/24", ALDER, None)}
    (endpoint,) = rows(found, "endpoint")
    said = {k: endpoint[k] for k in ("address", "function", "protocol", "port", "service")}
    assert said == {
        "address": "10.1.0.5", "function": "GNBDU", "protocol": "SCTP", "port": None,
        "service": "F1AP",
    }  # fmt: skip


def test_every_object_is_a_row_or_counted(tmp_path: Path) -> None:
    found = read(tmp_path / "x.xml", network())
    # 20 objects have ` id="`, by `grep -o ' id="' | wc -l`; the head is one record more.
    assert network().count(' id="') == 20
    assert found.rows_read == 21
    assert reasons(found) == {
        "SubNetwork only names what it contains": 1,
        "MeContext only names what it contains": 2,
        "EUtranCellFDD has no place in the model": 2,
        "vsDataEUtranCellFDD has no place in the model": 1,
        "GsmCell has no place in the model": 1,
        "a change that the file asks for (modifier), no fact": 2,
    }
    assert set(found.rejects.column("kind").to_pylist()) == {"set aside"}


def test_an_object_without_an_identifier_is_a_fault_with_all_below_it(tmp_path: Path) -> None:
    text = network().replace('<xn:MeContext id="alder">', "<xn:MeContext>")
    found = read(tmp_path / "x.xml", text)
    faults = [r for r in found.rejects.to_pylist() if r["kind"] == "fault"]
    # The context itself and the eight objects in it, counted by hand.
    assert sum(r["rows"] for r in faults) == 9
    assert "ENB" not in found.tables["function"].column("kind").to_pylist()


def test_an_element_stated_twice_is_a_fault(tmp_path: Path) -> None:
    text = network().replace('<xn:MeContext id="birch">', '<xn:MeContext id="alder">')
    found = read(tmp_path / "x.xml", text)
    assert reasons(found)["a managed element is stated twice"] == 1
    assert [e["vendor_name"] for e in rows(found, "element") if e["id"] == ALDER] == ["Aurel"]


def test_lines_beyond_those_the_parser_counts_are_right(tmp_path: Path) -> None:
    many = "".join(f'      <en:EUtranCellFDD id="m{n}"/>\n' for n in range(70_000))
    start = "     <nn:GNBDUFunction"
    text = network().replace(start, f"{many}{start}")
    found = read(tmp_path / "x.xml", text)
    lines = text.splitlines()
    for table in ("endpoint", "element"):
        places = [int(r["origin"].rpartition(":")[2]) for r in rows(found, table)]
        far = [place for place in places if place > 65_535]
        assert far
        marks = ("<xn:ManagedElement", "<nn:EP_F1C", "<gn:BtsSiteMgr")
        assert all(lines[place - 1].strip().startswith(marks) for place in far)


def test_a_file_in_one_line_is_told_apart_by_names(tmp_path: Path) -> None:
    text = " ".join(line.strip() for line in network().splitlines())
    found = read(tmp_path / "one.xml", text)
    places = {e["id"]: e["origin"] for e in rows(found, "element")}
    assert places[ALDER] == f"one.xml:{ALDER.removeprefix('bulk-cm:')}"


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1", "utf-8-sig"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    declared = encoding.replace("-sig", "")
    text = network().replace('encoding="UTF-8"', f'encoding="{declared}"').replace("Aurel", "Aürel")
    path = tmp_path / "x.xml"
    found = read(path, text.replace("\n", "\r\n").encode(encoding))
    assert "Aürel" in found.tables["element"].column("vendor_name").to_pylist()
    assert BulkCm().claims(path, path.read_bytes()).sureness == 1.0


@pytest.mark.parametrize("content", [b"", b"<", b"<?xml", b"\0" * 9, b"<a/>", b"{}", b"\xff\xfe<"])
def test_another_file_is_refused_and_not_claimed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.xml"
    with pytest.raises(SourceError):
        read(path, content)
    assert BulkCm().claims(path, content).sureness == 0


def test_a_file_cut_short_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cut short"):
        read(tmp_path / "x.xml", network()[:-200])


def test_entities_are_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE bulkCmConfigDataFile [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    text = network().replace("<bulkCm", f"{bomb}<bulkCm", 1).replace("Aurel", "&b;")
    with pytest.raises(SourceError, match="declares XML entities"):
        read(tmp_path / "x.xml", text)
    outside = '<!DOCTYPE bulkCmConfigDataFile [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    text = network().replace("<bulkCm", f"{outside}<bulkCm", 1).replace("Aurel", "&a;")
    with pytest.raises(SourceError, match="declares XML entities"):
        read(tmp_path / "x.xml", text)


def test_depth_and_length_have_limits(tmp_path: Path) -> None:
    deep = '<xn:SubNetwork id="1">' * 400 + "</xn:SubNetwork>" * 400
    text = network().replace('<xn:SubNetwork id="N">', f'{deep}<xn:SubNetwork id="N">')
    with pytest.raises(SourceError, match="depth"):
        read(tmp_path / "x.xml", text)
    with pytest.raises(SourceError, match=r"no end|too long"):
        read(tmp_path / "x.xml", network().replace("Aurel", "a" * 18_000_000))


@settings(max_examples=25)
@given(size=st.integers(1, 400))
def test_what_is_read_does_not_depend_on_the_pieces(
    size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "pieces.xml"
    whole = read(path, network())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(managed_object_xml, "_PIECE_BYTES", size)
        parts = read(path, network())
    assert {n: t.to_pylist() for n, t in parts.tables.items()} == {
        n: t.to_pylist() for n, t in whole.tables.items()
    }
    assert reasons(parts) == reasons(whole)


@settings(max_examples=300)
@given(content=bent(network()))
def test_a_bent_file_raises_nothing_but_our_errors(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "bent.xml"
    path.write_bytes(content)
    claim = BulkCm().claims(path, content)
    assert 0 <= claim.sureness <= 1
    try:
        found = gather(BulkCm(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


def test_the_shared_example(shared_data: Path) -> None:
    path = shared_data / "ran-cm-exports/3gpp-bulkcm/src/test/resources/bulkcm.xml"
    found = gather(BulkCm(), path, Options())
    # `grep -o ' id="' | wc -l` gives 9 objects, of which `ManagedElement` is one; the head is a record.
    assert (found.rows_read, found.rows_kept) == (10, 1)
    (element,) = rows(found, "element")
    # `xmllint --xpath` of its attributes; `locationName` is empty.
    assert (element["name"], element["vendor_name"]) == ("Some Element Name", "Bodastage Solutions")
    assert (element["software_version"], element["site"]) == ("0.0.0", None)
    # It is written `meContext`, and the name begins as 3GPP has it.
    assert element["id"] == (
        "bulk-cm:SubNetwork=BS_NRM_ROOT,SubNetwork=101,MeContext=4698,ManagedElement=4698"
    )
    assert "function" not in found.tables
