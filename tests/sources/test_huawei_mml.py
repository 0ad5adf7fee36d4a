"""Huawei MML: scripts and answers in made-up names, the shared example, and bent ones."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import Gathered, Options, gather
from ringfence.sources.huawei_mml import HuaweiMml
from ringfence.sources.huawei_mml.text import Command, read_items
from tests.sources.mutations import bent

STATION = """\
//MML script of a base station
MOD NE:NENAME="ALDER-1",LOCATION="Alder Hill",USERLABEL="a;b, c=d";
ADD ENODEBFUNCTION:ENODEBFUNCTIONNAME="ALDER-L",APPLICATIONREF=1,ENODEBID=77;
ADD GNODEBFUNCTION:GNODEBFUNCTIONNAME="ALDER-N",REFERENCEDAPPLICATIONID=2,GNBID=78;
ADD DEVIP:CN=0,SRN=0,SN=6,SBT=BASE_BOARD,PT=ETH,PN=0,IP="10.1.0.5",MASK="255.255.255.248";
ADD DEVIP:CN=0,SRN=0,SN=6,SBT=BASE_BOARD,PT=ETH,PN=0,
    IP="10.9.0.5",MASK="255.255.255.0";
ADD VLANMAP:NEXTHOPIP="10.1.0.1",MASK="255.255.255.255",VLANMODE=SINGLEVLAN,VLANID=31;
ADD IPRT:CN=0,SRN=0,SN=6,SBT=BASE_BOARD,DSTIP="10.50.0.0",DSTMASK="255.255.0.0",RTTYPE=NEXTHOP,NEXTHOP="10.1.0.1",PREF=60;
ADD SCTPLNK:SCTPNO=0,CN=0,SRN=0,SN=6,LOCIP="10.1.0.5",LOCPORT=36412,PEERIP="10.50.1.1",PEERPORT=36412;
ADD OMCH:FLAG=MASTER,IP="10.9.0.5",MASK="255.255.255.0",PEERIP="10.200.0.7",PEERMASK="255.255.255.0";
ADD CELL:LOCALCELLID=0,CELLNAME="ALDER-L-0"; ADD CELL:LOCALCELLID=1,CELLNAME="ALDER-L-1";
RMV CELL:LOCALCELLID=9;
LST VER:;
"""
NEW_STATION = """\
ADD GNODEBFUNCTION:gNodeBFunctionName="BIRCH-N",ReferencedApplicationId=2,gNBId=79;
ADD INTERFACE:ITFID=70,ITFTYPE=VLAN,PT=ETH,PORTID=0,VLANID=41;
ADD IPADDR4:ITFID=70,IPADDR="10.2.0.5",MASK="255.255.255.252";
ADD IPROUTE4:RTIDX=1,DSTIP="0.0.0.0",DSTMASK="0.0.0.0",RTTYPE=NEXTHOP,NEXTHOP="10.2.0.6";
ADD SCTPHOST:SCTPHOSTID=0,IPVERSION=IPv4,SIGIP1V4="10.2.0.5",PN=38412;
ADD USERPLANEHOST:UPHOSTID=0,IPVERSION=IPv4,LOCIPV4="10.2.0.5";
"""
CONTROLLER = """\
//****************MML script file****************
//Export start time: 2026-01-01 00:00:00
//System BSCID: 17
//For BAM version: V900R001
//MBSC Mode: GU
//OMU IP: 10.8.0.1
//***********************************************
SET SYS:SYSDESC="controller", SYSLOCATION="Exchange 3";
ADD BTS:BTSID=5, BTSNAME="CEDAR", BTSTYPE=BTS3900_GSM;
ADD UNODEB:NODEBNAME="DOGWOOD", NODEBID=6, IUBTRANSBEARTYPE=IP_TRANS;
ADD EMSIP:EMSIP="10.200.0.7", MASK="255.255.255.255", BAMIP="10.8.0.1";
ADD GCELL:CELLID=1;
"""
ANSWERS = """\
MML Command-----LST DEVIP:;
NE : ELDER-1
Report : +++    ELDER-1        2026-01-01 10:00:00
O&M    #17
%%LST DEVIP:;%%
RETCODE = 0  Operation succeeded.

List Device IP Address
----------------------
Cabinet No.  Subrack No.  Slot No.  Port Type      IP Address  Mask

0            0            6         Ethernet Port  10.3.0.5    255.255.255.0
0            0            7         Ethernet Port  10.3.1.5    255.255.255.0
(Number of results = 2)


---    END

+++    ELDER-1        2026-01-01 10:00:05
O&M    #18
%%LST VER:;%%
RETCODE = 0  Operation succeeded.

Display current version
-----------------------
    Product Name  =  BTS5900
Software version  =  BTS5900 V100R019
(Number of results = 1)


---    END

+++    ELDER-1        2026-01-01 10:00:06
O&M    #19
%%LST CELL:;%%
RETCODE = 1013  No such object.

---    END
"""


def read(path: Path, content: str | bytes) -> Gathered:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return gather(HuaweiMml(), path, Options())


def rows(found: Gathered, table: str, *names: str) -> list[Any]:
    listed = found.tables[table].to_pylist() if table in found.tables else []
    return [tuple(row[n] for n in names) for row in listed] if names else list(listed)


def reasons(found: Gathered, kind: str = "set aside") -> dict[str, int]:
    return {r["reason"]: r["rows"] for r in found.rejects.to_pylist() if r["kind"] == kind}


def test_a_script_states_its_station(tmp_path: Path) -> None:
    path = tmp_path / "export.txt"
    found = read(path, STATION)
    assert HuaweiMml().claims(path, path.read_bytes()).sureness >= 0.9
    key = "huawei-mml:ALDER-1"
    columns = ("id", "name", "site", "vendor_name", "kind", "origin")
    assert rows(found, "element", *columns) == [
        (key, "ALDER-1", "huawei-mml:site/Alder Hill", "Huawei", None, "export.txt:2"),
        ("huawei-mml:manager/10.200.0.7", None, None, None, "management system", "export.txt:11"),
    ]
    assert rows(found, "function", "element", "kind") == [(key, "ENB"), (key, "GNB")]
    assert rows(found, "relation", "source", "target", "kind") == [
        ("huawei-mml:manager/10.200.0.7", key, "manages")
    ]
    assert rows(found, "interface", "element", "address", "segment", "is_management") == [
        ("huawei-mml:manager/10.200.0.7", "10.200.0.7", None, None),
        (key, "10.1.0.5/29", f"{key}/vlan/31", None),
        # The second command is over two lines, and the management channel has its address.
        (key, "10.9.0.5/24", None, True),
    ]
    assert rows(found, "route", "destination_range", "next_hop", "kind", "preference") == [
        ("10.50.0.0/16", "10.1.0.1", "static", 60)
    ]
    assert rows(found, "endpoint", "address", "protocol", "port", "service") == [
        ("10.1.0.5", "SCTP", 36412, None)
    ]
    # By hand: 11 commands that state, of which 2 are of cells; then RMV and LST.
    assert (found.rows_read, found.rows_kept) == (13, 9)
    assert reasons(found) == {
        "CELL has no place in the model": 2,
        "RMV CELL is an act, no fact": 1,
        "LST asks, and states nothing": 1,
    }


def test_the_transport_commands_of_newer_releases_are_read(tmp_path: Path) -> None:
    found = read(tmp_path / "x.txt", NEW_STATION)
    key = "huawei-mml:BIRCH-N"
    assert rows(found, "interface", "element", "address", "segment", "name") == [
        (key, "10.2.0.5/30", f"{key}/vlan/41", "ITFID=70")
    ]
    assert rows(found, "segment", "id", "kind") == [(f"{key}/vlan/41", "VLAN")]
    assert rows(found, "route", "destination_range", "next_hop") == [("0.0.0.0/0", "10.2.0.6")]
    assert rows(found, "endpoint", "address", "protocol", "port") == [
        ("10.2.0.5", "SCTP", 38412), ("10.2.0.5", "UDP", None),
    ]  # fmt: skip
    assert (found.rows_read, found.rows_kept) == (6, 6)


def test_a_controllers_export_has_its_stations(tmp_path: Path) -> None:
    path = tmp_path / "CFGMML-17.txt"
    found = read(path, CONTROLLER)
    assert HuaweiMml().claims(path, path.read_bytes()).sureness == 1.0
    key = "huawei-mml:BSCID=17"
    assert rows(found, "element", "id", "software_version", "site") == [
        (key, "V900R001", "huawei-mml:site/Exchange 3"),
        ("huawei-mml:CEDAR", None, None),
        ("huawei-mml:DOGWOOD", None, None),
        ("huawei-mml:manager/10.200.0.7", None, None),
    ]
    assert rows(found, "function", "element", "kind") == [
        (key, "BSC"), (key, "RNC"), ("huawei-mml:CEDAR", "BTS"), ("huawei-mml:DOGWOOD", "NODEB"),
    ]  # fmt: skip
    # A NodeB is managed by the manager, not by its controller.
    assert rows(found, "relation", "source", "target") == [
        (key, "huawei-mml:CEDAR"), ("huawei-mml:manager/10.200.0.7", key),
    ]  # fmt: skip
    assert (key, "10.8.0.1", True) in rows(
        found, "interface", "element", "address", "is_management"
    )
    # 4 lines of the head that say something, and 5 commands.
    assert (found.rows_read, found.rows_kept) == (9, 8)


def test_answers_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    found = read(path, ANSWERS)
    assert HuaweiMml().claims(path, path.read_bytes()).sureness >= 0.9
    assert rows(found, "element", "id", "software_version", "vendor_name") == [
        ("huawei-mml:ELDER-1", "BTS5900 V100R019", None)
    ]
    assert rows(found, "interface", "address", "name", "origin") == [
        ("10.3.0.5/24", "CN=0 SRN=0 SN=6 PT=Ethernet Port", "log.txt:12"),
        ("10.3.1.5/24", "CN=0 SRN=0 SN=7 PT=Ethernet Port", "log.txt:13"),
    ]
    # The echo of the command, three results, and a command that failed.
    assert (found.rows_read, found.rows_kept) == (5, 3)
    assert reasons(found) == {
        "LST asks, and states nothing": 1,
        "the command failed: No such object.": 1,
    }


def test_answers_in_another_language_are_set_aside(tmp_path: Path) -> None:
    text = ANSWERS.replace("IP Address", "IP地址").replace("Mask", "子网掩码")
    for english in ("Cabinet No.", "Subrack No.", "Slot No.", "Port Type"):
        text = text.replace(english, "编号" + english[0])
    text = text.replace("Number of results", "结果个数")
    for encoding in ("utf-8", "gb18030"):
        found = read(tmp_path / f"{encoding}.txt", text.encode(encoding))
        assert reasons(found)["DEVIP answered in words that this source does not know"] == 2
        assert reasons(found, "fault") == {}


def test_a_table_with_empty_cells_is_read_by_its_columns(tmp_path: Path) -> None:
    text = ANSWERS.replace("Ethernet Port  10.3.1.5 ", "               10.3.1.5 ")
    found = read(tmp_path / "x.txt", text)
    assert rows(found, "interface", "address", "name")[1] == ("10.3.1.5/24", "CN=0 SRN=0 SN=7")


def test_a_count_that_does_not_fit_and_an_answer_without_end_are_faults(tmp_path: Path) -> None:
    found = read(tmp_path / "x.txt", ANSWERS.replace("results = 2", "results = 3"))
    assert reasons(found, "fault") == {"2 results where it says 3": 1}
    found = read(tmp_path / "x.txt", ANSWERS.partition("(Number of results = 1)")[0])
    assert reasons(found, "fault") == {"the answer is cut short: it has no end": 1}
    assert len(rows(found, "interface")) == 2


def test_commands_for_several_stations_are_told_apart(tmp_path: Path) -> None:
    text = (
        'ADD DEVIP:SN=6,IP="10.1.0.5",MASK="255.255.255.0";{FIR-1}\n'
        'ADD DEVIP:SN=6,IP="10.1.0.6",MASK="255.255.255.0";{FIR-2}\n'
        "LST VER:;{FIR-3}\n"
    )
    found = read(tmp_path / "x.txt", text)
    assert rows(found, "interface", "element", "address") == [
        ("huawei-mml:FIR-1", "10.1.0.5/24"), ("huawei-mml:FIR-2", "10.1.0.6/24"),
    ]  # fmt: skip
    assert len(rows(found, "element")) == 3


def test_comments_are_no_records(tmp_path: Path) -> None:
    text = (
        "//made: on a Monday\n/* several\nlines: */\n"
        'ADD DEVIP:SN=6,IP="10.1.0.5",MASK="255.255.255.0"; // the first; ADD X:A=1;\n'
    )
    found = read(tmp_path / "x.txt", text)
    assert (found.rows_read, found.rows_kept) == (1, 1)


def test_the_maker_is_not_stated_without_its_marks(tmp_path: Path) -> None:
    text = 'ADD DEVIP:SN=6,IP="10.1.0.5",MASK="255.255.255.0";\n'
    found = read(tmp_path / "some station.txt", text)
    assert rows(found, "element", "id", "vendor_name") == [("huawei-mml:some station", None)]


def test_the_wrong_is_told_and_what_follows_is_read(tmp_path: Path) -> None:
    text = (
        'ADD DEVIP:SN=6,IP="10.1.0.999",MASK="255.255.255.0";\n'
        'ADD DEVIP:SN=6,IP="10.1.0.5",MASK="255.0.255.0";\n'
        'ADD DEVIP:SN=6,SN=7,IP="10.1.0.5",MASK="255.255.255.0";\n'
        'ADD DEVIP:SN=6,IP="10.1.0.5,MASK=255.255.255.0;\n'
        "ADD DEVIP:SN=6\n"
        "ADD DEVIP:SN;\n"
        "what is this;\n"
        'ADD SCTPLNK:SCTPNO=0,LOCIP="10.1.0.5",LOCPORT=70000;\n'
        'ADD VLANMAP:NEXTHOPIP="10.1.0.1",VLANID=5000;\n'
        'ADD NE\0:NENAME="x";\n'
        'ADD DEVIP:SN=6,IP="10.1.0.5",MASK="255.255.255.0";\n'
    )
    found = read(tmp_path / "x.txt", text)
    assert reasons(found, "fault") == {
        "DEVIP: 10.1.0.999 is no address": 1,
        "DEVIP: 255.0.255.0 is no mask of 10.1.0.5": 1,
        "SN is stated twice in one command": 1,
        "a text whose quotation marks do not close": 1,
        "a command without its end (;)": 1,
        "parameters that are not NAME=value": 1,
        "neither a command nor an answer": 1,
        "SCTPLNK: 70000 is no port": 1,
        "VLANMAP: 5000 is no VLAN": 1,
        "a NUL in the text": 1,
    }
    assert rows(found, "interface", "address", "origin") == [("10.1.0.5/24", "x.txt:11")]


def test_a_network_as_the_managers_address_is_no_manager(tmp_path: Path) -> None:
    text = 'ADD OMCH:IP="10.9.0.5",MASK="255.255.255.0",PEERIP="10.200.0.0",PEERMASK="255.255.0.0";'
    found = read(tmp_path / "x.txt", text)
    assert "relation" not in found.tables
    assert rows(found, "interface", "address", "is_management") == [("10.9.0.5/24", True)]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1", "gb18030"])
def test_other_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    place = {"latin-1": "Größenhügel", "gb18030": "山顶"}.get(encoding, "Hügel 山顶")
    path = tmp_path / "x.txt"
    found = read(path, STATION.replace("Alder Hill", place).replace("\n", "\r\n").encode(encoding))
    assert rows(found, "site", "name") == [(place,)]
    assert HuaweiMml().claims(path, path.read_bytes()).sureness >= 0.9


def test_a_line_without_end_is_told(tmp_path: Path) -> None:
    found = read(tmp_path / "x.txt", STATION + "x" * 3_000_000 + "\n" + NEW_STATION)
    assert reasons(found, "fault") == {"a line of more than 1 MiB": 1}
    assert found.rows_read == 13 + 1 + 6


@pytest.mark.parametrize(
    "content",
    [
        *(
            b"",
            b"\0",
            b"{}",
            b"<a/>",
            b"a,b\n1,2\n",
            b"hello; world\n",
            b"SELECT 1;\n",
            b"\xff\xfe",
        ),
        b"hostname r1\ninterface Vlan10\n ip address 10.0.0.1 255.255.255.0\n!\n",
        b"system {\n    host-name r1;\n}\nset interfaces ge-0/0/0 unit 0;\n",
        b"<HUAWEI> display version\nVersion 8.180\n",
        b"*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -j ACCEPT\nCOMMIT\n",
    ],
)
def test_another_file_is_refused_and_not_claimed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.txt"
    with pytest.raises(SourceError, match="no MML command"):
        read(path, content)
    assert HuaweiMml().claims(path, content).sureness == 0


_NAMES = st.from_regex(r"[A-Z][A-Z0-9_]{0,9}", fullmatch=True)
_PLAIN = st.text("abc09.-&_", min_size=1, max_size=9)
_QUOTED = st.text(
    st.characters(exclude_characters='"', exclude_categories=("C", "Zl", "Zp")), max_size=20
).map(lambda text: f'"{text}"')


@settings(max_examples=150)
@given(
    values=st.dictionaries(_NAMES, _PLAIN | _QUOTED, max_size=5),
    gap=st.sampled_from(["", " ", "\n  ", "\r\n"]),
)
def test_a_command_is_read_as_it_was_written(
    values: dict[str, str], gap: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    body = f",{gap}".join(f"{name}={value}" for name, value in values.items())
    path = tmp_path_factory.getbasetemp() / "written.txt"
    path.write_bytes(f"ADD THING:{body};\nADD NEXT:A=1;\n".encode())
    first, second = read_items(path)
    assert isinstance(first, Command)
    assert isinstance(second, Command)
    assert (first.verb, first.target, first.line) == ("ADD", "THING", 1)
    assert first.values == {n: v.strip().strip('"') for n, v in values.items()}
    assert second.values == {"A": "1"}


@settings(max_examples=250)
@given(content=bent(STATION) | bent(CONTROLLER) | bent(ANSWERS))
def test_a_bent_file_raises_nothing_but_our_errors(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "bent.txt"
    path.write_bytes(content)
    assert 0 <= HuaweiMml().claims(path, content).sureness <= 1
    try:
        found = gather(HuaweiMml(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


def test_the_shared_example(shared_data: Path) -> None:
    path = shared_data / "ran-cm-exports/huawei-mml/src/test/resources/CFGMML1.txt"
    found = gather(HuaweiMml(), path, Options())
    # `grep -c '^SET'` gives one command; four lines of the head speak of the equipment, and the
    # address in one of them, 99.999.9.99, is none.
    assert (found.rows_read, found.rows_kept) == (5, 3)
    assert reasons(found, "fault") == {"OMU IP: 99.999.9.99 is no address": 1}
    assert reasons(found) == {"MONAME has no place in the model": 1}
    assert rows(found, "element", "id", "software_version") == [
        ("huawei-mml:BSCID=999", "V111R050ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    ]
    # `UO`: UMTS only.
    assert rows(found, "function", "kind") == [("RNC",)]
