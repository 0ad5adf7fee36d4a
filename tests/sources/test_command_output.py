"""Captured output of commands: prompts, collectors' files, proof by template, and what is no proof."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import Gathered, Options, gather, gather_together
from ringfence.sources.command_output import CommandOutput, apart
from ringfence.sources.command_output.meaning import addresses, is_up
from ringfence.sources.command_output.sessions import Named, cleaned, named_of, outputs
from ringfence.sources.command_output.templates import platforms, templates_for
from tests.sources.mutations import mutated

VRP_VERSION = """Huawei Versatile Routing Platform Software
VRP (R) software, Version 8.180 (NE40E V800R011C00SPC200)
Copyright (C) 2012-2018 Huawei Technologies Co., Ltd.
HUAWEI NE40E-X2-M8A uptime is 161 days, 0 hour, 20 minutes

"""
VRP_NEIGHBOURS = """GigabitEthernet0/0/1 has 1 neighbor(s):

Neighbor index :1
Chassis type   :MAC address
Chassis ID     :0000-5e00-5301
Port ID type   :Interface name
Port ID        :GigabitEthernet0/0/2
Port description    :GigabitEthernet0/0/2
System name         :vale-2
System description  :Huawei Switch S6730-S24X6Q
Huawei Versatile Routing Platform Software
VRP (R) software, Version 5.170 (S6730 V200R022C00SPC500)
Copyright (C) 2000-2022 HUAWEI TECH Co., Ltd.
System capabilities supported   :bridge router
System capabilities enabled     :bridge router
Management address type  :ipv4
Management address value :192.0.2.2
OID  :0.6.15.43.6.1.4.1.2011.5.25.41.1.2.1.1.1.
Expired time   :95s
"""
SROS_VERSION = """TiMOS-B-23.10.R1 both/x86_64 Nokia 7750 SR-1 Copyright (c) 2000-2023 Nokia.
All rights reserved. All use subject to applicable license agreements.
Built on Thu Oct 26 20:17:13 UTC 2023 by builder in /builds/2310B/R1/panos/main/sros
"""
SROS_INTERFACES = """===============================================================================
Interface Table (Router: Base)
===============================================================================
Interface-Name                   Adm       Opr(v4/v6)  Mode    Port/SapId
   IP-Address                                                  PfxState
-------------------------------------------------------------------------------
system                           Up        Up/Down     Network system
   192.0.2.11/32                                               n/a
to-vale-2                        Down      Down/Down   Network 1/1/c1/1:0
   198.51.100.0/31                                             n/a
-------------------------------------------------------------------------------
Interfaces : 2
===============================================================================
"""
IOS_VERSION = """Cisco IOS Software, 7200 Software (C7200-ADVIPSERVICESK9-M), Version 15.2(4)S5, RELEASE SOFTWARE (fc1)
Technical Support: http://www.cisco.com/techsupport
Copyright (c) 1986-2014 by Cisco Systems, Inc.

ROM: ROMMON Emulation Microcode

vale-3 uptime is 14 minutes
System returned to ROM by reload
System image file is "tftp://255.255.255.255/unknown"

Cisco 7206VXR (NPE400) processor (revision A) with 983040K/65536K bytes of memory.
Processor board ID 4279256517
"""
IOS_INTERFACES = """GigabitEthernet0/0 is administratively down, line protocol is down
  Hardware is i82543 (Livengood), address is ca01.0b34.0008 (bia ca01.0b34.0008)
  Internet address is 192.0.2.65/26
GigabitEthernet1/0 is up, line protocol is up
  Hardware is i82543 (Livengood), address is ca01.0b34.001c (bia ca01.0b34.001c)
"""


def written(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def together(root: Path, files: dict[str, str]) -> Gathered:
    paths = {name: written(root / name, text) for name, text in files.items()}
    return gather_together(CommandOutput(), paths, Options())


def rows(found: Gathered, table: str) -> list[dict[str, object]]:
    data = found.tables.get(table)
    stated = data.to_pylist() if data else []
    return [{k: v for k, v in row.items() if v is not None} for row in stated]


def sureness(path: Path) -> float:
    return CommandOutput().claims(path, path.read_bytes()[:65536]).sureness


def test_a_session_log_is_parted_by_its_prompts(tmp_path: Path) -> None:
    log = (
        "Info: The max number of VTY users is 10.\r\n"
        f"<vale-1>display version\r\n{VRP_VERSION}<vale-1>display sn license\r\n"
        " ESN of device: 21500104792SM8504636\r\n<vale-1>\r\n"
    )
    path = written(tmp_path / "putty.log", log)
    assert sureness(path) == 0.9
    found = gather(CommandOutput(), path, Options())
    assert rows(found, "element") == [
        {
            "id": "command-output:vale-1",
            "name": "vale-1",
            "vendor_name": "Huawei",
            "product": "command-output:product/huawei_vrp/NE40E-X2-M8A",
            "software_version": "NE40E V800R011C00SPC200",
            "origin": "putty.log:3",
        },
        {
            "id": "command-output:vale-1",
            "name": "vale-1",
            "serial": "21500104792SM8504636",
            "origin": "putty.log:9",
        },
    ]
    assert [r["reason"] for r in found.rejects.to_pylist()] == [
        "what comes before the first prompt is of no command"
    ]


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("<vale-1>", "vale-1"),
        ("HRP_M<vale-1>", "vale-1"),
        ("[~vale-1]", "vale-1"),
        ("vale-1#", "vale-1"),
        ("vale-1>", "vale-1"),
        ("vale-1(config)#", "vale-1"),
        ("A:vale-1# ", "vale-1"),
        ("*B:admin@vale-1# ", "vale-1"),
        ("RP/0/RSP0/CPU0:vale-1#", "vale-1"),
        ("[local]vale-1#", "vale-1"),
        ("admin@vale-1> ", "vale-1"),
        ("vale-1 # ", "vale-1"),
        ("vale-1 (root) # ", "vale-1"),
        ("vale-1*> ", "vale-1"),
    ],
)
def test_prompts_of_many_systems_are_known(prompt: str, name: str) -> None:
    command = "display version" if prompt[:1] in "[<H" else "show version"
    found = outputs(f"{prompt}{command}\nsome text\n{prompt}", Named())
    assert [(o.device, o.command, o.text) for o in found] == [(name, command, "some text")]


def test_the_view_one_configures_in_is_no_part_of_the_name() -> None:
    log = "<vale-1>display clock\n12:00\n[vale-1-acl-adv-3000]display acl all\nnone\n"
    assert [o.device for o in outputs(log, Named())] == ["vale-1", "vale-1"]


def test_text_that_only_looks_like_a_prompt_is_none() -> None:
    text = "Total: 3 > expected 2\n<html>\n# show version\nvalue#5 is odd\n"
    assert [o.command for o in outputs(text, Named("x"))] == [None]


def test_what_a_terminal_shows_is_no_output() -> None:
    text = "one\r\n  ---- More ----\x1b[42D          \x1b[42Dtwo\r\n --More-- \x08\x08\x08three\x00"
    assert cleaned(text).replace(" ", "") == "one\ntwo\nthree"


def test_a_long_line_of_dashes_takes_no_time_to_clean() -> None:
    assert len(cleaned("-" * 300_000 + " " * 300_000)) == 600_000


def test_a_collectors_folders_name_the_device_and_its_outputs_prove_the_platform(
    tmp_path: Path,
) -> None:
    found = together(
        tmp_path,
        {
            "show/vale-3/show_interfaces.txt": IOS_INTERFACES,
            "show/vale-3/show_version.txt": IOS_VERSION,
        },
    )
    assert rows(found, "interface") == [
        {
            "id": "command-output:vale-3/GigabitEthernet0/0",
            "element": "command-output:vale-3",
            "name": "GigabitEthernet0/0",
            "address": "192.0.2.65/26",
            "is_up": False,
            "origin": "show/vale-3/show_interfaces.txt:1",
        }
    ]
    assert {k: v for row in rows(found, "element") for k, v in row.items() if k != "origin"} == {
        "id": "command-output:vale-3",
        "name": "vale-3",
        "vendor_name": "Cisco",
        "product": "command-output:product/cisco_ios/7206VXR",
        "software_version": "15.2(4)S5",
        "serial": "4279256517",
    }


def test_without_proof_of_the_platform_a_lenient_template_is_not_believed(tmp_path: Path) -> None:
    path = written(tmp_path / "show/vale-3/show_interfaces.txt", IOS_INTERFACES)
    found = gather(CommandOutput(), path, Options())
    assert not found.tables
    assert sureness(path) < 0.5


def test_a_text_that_several_platforms_read_is_set_aside_with_their_names(tmp_path: Path) -> None:
    text = "Protocol  Address          Age (min)  Hardware Addr   Type   Interface\n"
    path = written(tmp_path / "vale-9.log", f"vale-9#show ip arp\n{text}vale-9#\n")
    found = gather(CommandOutput(), path, Options())
    (reject,) = found.rejects.to_pylist()
    assert not found.tables
    assert reject["kind"] == "set aside"
    # `grep -l -- '-> Error' *_show_ip_arp.textfsm`, and of those the two with this heading.
    assert reject["reason"] == "the output of 'show ip arp' may be of any of: cisco_ios, cisco_nxos"


def test_a_neighbours_banner_is_not_the_devices_own(tmp_path: Path) -> None:
    path = written(tmp_path / "n.log", f"<vale-1>display lldp neighbor\n{VRP_NEIGHBOURS}<vale-1>\n")
    found = gather(CommandOutput(), path, Options())
    assert rows(found, "element") == []
    assert [(r["kind"], r["rows"]) for r in found.rejects.to_pylist()] == [("set aside", 1)]


def test_nokia_says_its_version_and_its_addresses(tmp_path: Path) -> None:
    log = (
        f"A:vale-1# show version\n{SROS_VERSION}A:vale-1# show router interface\n{SROS_INTERFACES}"
    )
    found = gather(CommandOutput(), written(tmp_path / "s.log", log), Options())
    assert rows(found, "product") == [
        {
            "id": "command-output:product/alcatel_sros/7750 SR-1",
            "vendor_name": "Nokia",
            "model": "7750 SR-1",
            "origin": "s.log:2",
        }
    ]
    assert [
        (r["name"], r["address"], r["is_up"], r["origin"]) for r in rows(found, "interface")
    ] == [
        ("system", "192.0.2.11/32", True, "s.log:12"),
        ("to-vale-2", "198.51.100.0/31", False, "s.log:14"),
    ]


def test_huawei_says_its_addresses(tmp_path: Path) -> None:
    text = """*down: administratively down
^down: standby
(l): loopback
(s): spoofing
The number of interface that is UP in Physical is 2

Interface                         IP Address/Mask      Physical   Protocol  VPN
GigabitEthernet0/0/0              192.0.2.1/24         up         up        --
GigabitEthernet0/0/1              198.51.100.1/30      *down      down      mgmt
LoopBack0                         192.0.2.129/32       up         up(s)     --
NULL0                             unassigned           up         up(s)     --
"""
    log = f"<vale-1>display ip interface brief\n{text}<vale-1>\n"
    found = gather(CommandOutput(), written(tmp_path / "s.log", log), Options())
    assert [
        (r["name"], r["address"], r["is_up"], r["origin"]) for r in rows(found, "interface")
    ] == [
        ("GigabitEthernet0/0/0", "192.0.2.1/24", True, "s.log:9"),
        ("GigabitEthernet0/0/1", "198.51.100.1/30", False, "s.log:10"),
        ("LoopBack0", "192.0.2.129/32", True, "s.log:11"),
    ]


def test_a_template_is_not_taken_for_a_command_that_only_begins_alike() -> None:
    assert templates_for("display something unheard of", "huawei_vrp") == ()
    assert [t.name for t in templates_for("dir flash:", "huawei_vrp")] == ["huawei_vrp_dir"]
    assert [t.name for t in templates_for("sh ver", "cisco_ios")] == ["cisco_ios_show_version"]


def test_a_cut_output_is_a_fault_with_its_line(tmp_path: Path) -> None:
    log = f"<vale-1>display version\n{VRP_VERSION.replace('Copyright', 'Cpyright')}<vale-1>\n"
    found = gather(CommandOutput(), written(tmp_path / "s.log", log), Options())
    (reject,) = found.rejects.to_pylist()
    assert not found.tables
    assert (reject["kind"], reject["place"]) == ("fault", "s.log:4")


def test_a_line_no_device_prints_is_not_tried(tmp_path: Path) -> None:
    log = f"<vale-1>display version\n{VRP_VERSION}{'x' * 1001}\n<vale-1>\n"
    found = gather(CommandOutput(), written(tmp_path / "s.log", log), Options())
    (reject,) = found.rejects.to_pylist()
    assert (reject["kind"], reject["place"]) == ("fault", "s.log:7")


def test_a_line_on_which_a_template_comes_to_no_end_does_not_stop_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`(\\w+-?)+` in the template of `display arp brief` tries each way to part sixty letters."""
    monkeypatch.setattr(apart, "LIMIT_S", 0.3)
    log = (
        f"<vale-1>display arp brief\n192.0.2.1   {'a' * 60} !\n"
        f"<vale-1>display version\n{VRP_VERSION}<vale-1>\n"
    )
    found = gather(CommandOutput(), written(tmp_path / "s.log", log), Options())
    assert [r["reason"] for r in found.rejects.to_pylist()] == [
        "huawei_vrp_display_arp_brief came to no end on the output of 'display arp brief'"
    ]
    assert [r["vendor_name"] for r in rows(found, "element")] == ["Huawei"]


def test_serials_of_a_stack_are_not_one_serial(tmp_path: Path) -> None:
    stack = IOS_VERSION + "Processor board ID 1111111111\n"
    found = together(tmp_path, {"show/vale-3/show_version.txt": stack})
    assert [r.get("serial") for r in rows(found, "element")] == [None]


def test_a_board_that_is_only_configured_is_not_there(tmp_path: Path) -> None:
    text = """*: configured, unactived board
Device status:
--------------------------------------------------------------------------------------
Slot  Card   Type                Online   Power Register     Alarm     Primary
--------------------------------------------------------------------------------------
1     -      CE6850-48S4Q-EI     Present  On    Registered   Normal    Master
2     -      *CE6850-48S4Q-EI    Offline  -     Unregistered -         NA
--------------------------------------------------------------------------------------
"""
    log = f"<vale-1>display device\n{text}<vale-1>\n"
    found = gather(CommandOutput(), written(tmp_path / "s.log", log), Options())
    assert [(r["id"], r["name"], r["origin"]) for r in rows(found, "component")] == [
        ("command-output:vale-1/slot/1", "CE6850-48S4Q-EI", "s.log:7")
    ]
    assert [r["reason"] for r in found.rejects.to_pylist()] == [
        "a board that is configured and is not there"
    ]


def test_files_are_named_by_what_collectors_do() -> None:
    assert named_of(Path("x/show/vale-1/show_version.txt")) == Named("vale-1", "show version")
    assert named_of(Path("x/vale-1_show_ip_route.txt")) == Named("vale-1", "show ip route")
    assert named_of(Path("x/huawei_vrp/display_version/a.raw")) == Named(
        None, "display version", "huawei_vrp"
    )
    assert named_of(Path("x/show_interface_vtep_|_display_json.txt")) == Named(
        None, "show interface vtep | display json"
    )
    assert named_of(Path("x/notes.txt")) == Named("notes")


def test_addresses_have_the_lengths_that_are_stated() -> None:
    assert addresses({"ip_address": "192.0.2.1", "netmask": "255.255.255.0"}) == ["192.0.2.1/24"]
    assert addresses(
        {"ip_address": ["192.0.2.1", "198.51.100.1"], "prefix_length": ["24", "30"]}
    ) == [
        "192.0.2.1/24",
        "198.51.100.1/30",
    ]
    assert addresses({"ip_address": "192.0.2.1"}) == ["192.0.2.1"]
    assert addresses({"primary_ip_address": "192.0.2.1", "primary_ip_subnet": "192.0.2.0/31"}) == [
        "192.0.2.1/31"
    ]
    for none in ("unassigned", "0.0.0.0/0", "", "DHCP", "999.1.1.1"):
        assert addresses({"ip_address": none}) == []


def test_a_link_that_is_down_may_be_switched_on() -> None:
    assert is_up({"link_status": "administratively down"}) is False
    assert is_up({"status": "*down"}) is False
    assert is_up({"status": "up"}) is True
    assert is_up({"status": "down"}) is None
    assert is_up({}) is None


def test_two_files_without_names_are_not_one_device(tmp_path: Path) -> None:
    found = together(
        tmp_path,
        {
            "huawei_vrp/display_version/a.raw": VRP_VERSION,
            "huawei_vrp/display_sn_license/a.raw": " ESN of device: 21500104792SM8504636\n",
        },
    )
    assert len({r["id"] for r in rows(found, "element")}) == 2
    assert all("name" not in r for r in rows(found, "element"))


def test_a_broken_file_does_not_lose_the_others(tmp_path: Path) -> None:
    found = together(
        tmp_path, {"show/vale-3/show_version.txt": IOS_VERSION, "show/vale-3/show_vrf.txt": " \n"}
    )
    assert len(rows(found, "element")) == 1
    assert [r["reason"] for r in found.rejects.to_pylist()] == ["the file is empty"]


def test_other_texts_are_not_claimed(tmp_path: Path) -> None:
    for name, text in {
        "show_version.txt": '{"version": "1"}',
        "router.cfg": "hostname vale-1\ninterface Loopback0\n ip address 192.0.2.1 255.255.255.255\n",
        "readme.md": "# Title\n\nSome words about > and #.\n",
        "table.csv": "id,name\n1,one\n",
        "display.xml": "<?xml version='1.0'?><show/>",
        "info.txt": "nothing of a device\n",
        "empty.txt": "",
    }.items():
        assert sureness(written(tmp_path / name, text)) == 0, name


def test_a_text_without_prompt_or_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no prompt with a command"):
        gather(CommandOutput(), written(tmp_path / "notes.txt", "hello\n"), Options())


def test_every_raw_file_of_the_templates_tests_is_read(shared_data: Path) -> None:
    """`find -name '*.raw' | wc -l` is 97; the `.yml` beside each says how many records it holds."""
    folder = shared_data / "ntc-show-outputs"
    files = {str(p.relative_to(folder)): p for p in sorted(folder.rglob("*.raw"))}
    assert len(files) == 97
    found = gather_together(CommandOutput(), files, Options())
    assert "fault" not in found.rejects.column("kind").to_pylist()
    for name, path in files.items():
        expected = yaml.load(path.with_suffix(".yml").read_text(), yaml.CSafeLoader)[
            "parsed_sample"
        ]
        assert found.files[name].rows_read == max(len(expected), 1), name


def test_what_a_device_says_of_itself_is_what_the_templates_tests_expect(shared_data: Path) -> None:
    folder = shared_data / "ntc-show-outputs" / "tests" / "huawei_vrp" / "display_version"
    for path in sorted(folder.glob("*.raw")):
        (expected,) = yaml.load(path.with_suffix(".yml").read_text(), yaml.CSafeLoader)[
            "parsed_sample"
        ]
        found = gather(CommandOutput(), path, Options())
        (element,), (product,) = rows(found, "element"), rows(found, "product")
        assert element["software_version"] == expected["product_version"]
        assert product["model"] == expected["model"]
        assert element["vendor_name"] == product["vendor_name"] == "Huawei"


def test_expected_results_are_set_aside_and_claim_nothing(shared_data: Path) -> None:
    for path in sorted((shared_data / "ntc-show-outputs").rglob("*.yml")):
        assert sureness(path) == 0.9
        found = gather(CommandOutput(), path, Options())
        assert (found.rows_read, found.rows_kept) == (1, 0)


def test_addresses_of_the_lab_are_those_of_its_devices(shared_data: Path) -> None:
    """`grep -rhc '^  Internet address is' show/*/show_interfaces.txt | paste -sd+ | bc` is 72, and
    13 `show_version.txt` say `Cisco IOS Software`.
    """
    snapshot = shared_data / "batfish-lab-validation" / "snapshots" / "ios_example_network"
    files = {
        str(p.relative_to(snapshot)): p
        for name in ("show_interfaces.txt", "show_version.txt")
        for p in sorted((snapshot / "show").rglob(name))
    }
    found = gather_together(CommandOutput(), files, Options())
    assert found.tables["interface"].num_rows == 72
    assert len({r["id"] for r in rows(found, "element")}) == 13
    assert {r.get("vendor_name") for r in rows(found, "element")} == {None, "Cisco"}
    for row in rows(found, "interface"):
        file, _, line = str(row["origin"]).rpartition(":")
        text = (snapshot / file).read_text().splitlines()
        assert text[int(line) - 1].startswith(f"{row['name']} ")


LOG = (
    f"<vale-1>display version\n{VRP_VERSION}A:vale-2# show router interface\n{SROS_INTERFACES}"
    f"vale-3#show version\n{IOS_VERSION}vale-3#show interfaces\n{IOS_INTERFACES}vale-3#\n"
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=mutated(LOG.encode()))
def test_a_mutated_log_raises_nothing_but_our_errors(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path / "m.log", content)
    CommandOutput().claims(path, content[:65536])
    try:
        found = gather(CommandOutput(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), name=st.sampled_from(["show_version.txt", "x.log", "dir"]))
def test_any_bytes_raise_nothing_but_our_errors(tmp_path: Path, content: bytes, name: str) -> None:
    path = written(tmp_path / name, content)
    CommandOutput().claims(path, content)
    try:
        gather(CommandOutput(), path, Options())
    except RingfenceError:
        return


def test_the_systems_that_matter_are_known() -> None:
    assert {
        "huawei_vrp",
        "huawei_smartax",
        "zte_zxros",
        "alcatel_sros",
        "ericsson_ipos",
    } <= platforms()
    assert {"ciena_saos", "hp_procurve", "aruba_procurve"} <= platforms()
