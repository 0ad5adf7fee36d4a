"""Configurations of core functions, as their documentation has them; made-up addresses."""

import pytest

from ringfence.sources.core_configuration import (
    Configuration,
    Program,
    Socket,
    choose,
    configurations,
    is_configuration,
    listening_address,
    programs,
)
from ringfence.sources.yaml_files import Node, documents


def root(text: str) -> Node:
    (found,) = documents(text)
    assert isinstance(found, Node)
    return found


def only(text: str, kind: str | None = None) -> Configuration:
    (found,) = configurations(root(text), kind)
    return found


def shown(configuration: Configuration) -> set[tuple[object, ...]]:
    return {
        (s.service, s.protocol, s.port, s.address or s.device, s.encryption)
        for s in configuration.sockets
    }


OPEN5GS = """\
logger: {}
amf:
  sbi:
    server:
      - address: 192.0.2.5
        port: 7777
    client:
      nrf:
        - uri: http://nrf.core:7777
      scp:
        - uri: http://scp.core:7777
  ngap:
    server:
      - dev: n2
  metrics:
    server:
      - address: 0.0.0.0
"""


def test_open5gs_of_today() -> None:
    found = only(OPEN5GS)
    assert (found.kind, found.nrf, found.scp) == (
        "AMF",
        "http://nrf.core:7777",
        "http://scp.core:7777",
    )
    assert shown(found) == {
        ("NGAP", "SCTP", 38412, "n2", None),
        ("SBI", "TCP", 7777, "192.0.2.5", "none"),
        ("metrics", "TCP", 9090, None, None),
    }
    assert {s.service: s.line for s in found.sockets} == {"SBI": 5, "NGAP": 14, "metrics": 17}


def test_open5gs_of_before_where_other_sections_are_clients() -> None:
    text = """\
smf:
    sbi:
      - addr: 192.0.2.7
        port: 7777
        tls: {key: a.key, cert: a.crt}
    pfcp:
      - addr: [192.0.2.7, "2001:db8::7"]
    gtpu:
      - addr: 192.0.2.7
nrf:
    sbi:
      - addr: 192.0.2.10
        port: 7777
upf:
    pfcp:
      - addr: 192.0.2.8
"""
    assert configurations(root(text)) == []
    found = only(text, "SMF")
    assert shown(found) == {
        ("SBI", "TCP", 7777, "192.0.2.7", "TLS"),
        ("PFCP", "UDP", 8805, "192.0.2.7", None),
        ("PFCP", "UDP", 8805, "2001:db8::7", None),
        ("GTP-U", "UDP", 2152, "192.0.2.7", None),
    }
    assert found.nrf == "192.0.2.10:7777"


def test_open5gs_with_mutual_tls() -> None:
    text = """\
default: {tls: {server: {scheme: https, verify_client: true}}}
nrf:
  sbi:
    server:
      - address: nrf.core
"""
    (socket,) = only(text).sockets
    assert (socket.port, socket.encryption, socket.authentication) == (443, "TLS", "mutual TLS")


def test_free5gc() -> None:
    text = """\
info:
  version: 1.0.9
  description: AMF initial local configuration
configuration:
  ngapIpList: [192.0.2.1, 192.0.2.2]
  sbi: {scheme: https, bindingIPv4: amf.core, port: 8000}
  nrfUri: https://nrf.core:8000
  metrics: {enable: false, scheme: http, port: 9091}
"""
    found = only(text)
    assert (found.kind, found.nrf) == ("AMF", "https://nrf.core:8000")
    assert shown(found) == {
        ("SBI", "TCP", 8000, "amf.core", "TLS"),
        ("NGAP", "SCTP", 38412, "192.0.2.1", None),
        ("NGAP", "SCTP", 38412, "192.0.2.2", None),
    }
    assert is_configuration(text)


@pytest.mark.parametrize(
    "text",
    [
        "pfcp: {addr: 192.0.2.3, nodeID: 192.0.2.3}\ngtpu: {ifList: [{addr: 192.0.2.4, type: N3}]}\n",
        "configuration:\n  pfcp: [{addr: 192.0.2.3}]\n  gtpu: [{addr: 192.0.2.4}]\n",
    ],
)
def test_free5gc_user_plane_of_both_ages(text: str) -> None:
    assert shown(only(text)) == {
        ("PFCP", "UDP", 8805, "192.0.2.3", None),
        ("GTP-U", "UDP", 2152, "192.0.2.4", None),
    }


@pytest.mark.parametrize(
    "text",
    ["services: {a: {image: b}}", "amf: 8000", "configuration: {a: 1}", "info: {description: AMF}"],
)
def test_other_files_configure_no_function(text: str) -> None:
    assert configurations(root(text)) == []
    assert not is_configuration(text)


@pytest.mark.parametrize(
    ("command", "kinds"),
    [
        (["./open5gs-amfd"], ["AMF"]),
        (["open5gs-sgwcd", "-c", "x"], ["SGW-C"]),
        (["bash", "-c", "./rules.sh && ./upf -c ./config/upf.yaml"], ["UPF"]),
        (["/bin/sh", "-ec", "exec /free5gc/smf --config=x"], ["SMF"]),
        (["/openair-amf/bin/oai_amf", "-c", "y"], ["AMF"]),
        (["nr-gnb", "-c", "x"], ["GNB"]),
        (["./nr-ue", "-c", "x"], []),
        (["sh", "-c", "until nc -z amf 80; do echo waiting for the amf; sleep 2; done"], []),
        (["echo", "open5gs-amfd"], []),
        (["amf-exporter"], []),
        ([], []),
    ],
)
def test_a_command_starts_what_it_starts(command: list[str], kinds: list[str]) -> None:
    assert [p.kind for p in programs(command, {})] == kinds


def test_a_mounted_script_starts_what_is_in_it() -> None:
    script = "#!/bin/bash\nip link set up\n/usr/bin/open5gs-upfd -c /etc/upf.yaml\n# open5gs-smfd\n"
    assert programs(["/wrap.sh"], {"/wrap.sh": script}) == [
        Program("open5gs-upfd", "UPF", "/etc/upf.yaml")
    ]
    assert programs(["/wrap.sh"], {"/wrap.sh": "/wrap.sh\n" * 3}) == []


def test_the_program_decides_which_file_is_its_own() -> None:
    files = {"/c/amf.yaml": root(OPEN5GS), "/c/nrf.yaml": root("nrf: {sbi: {server: [{dev: e}]}}")}
    named = choose(Program("open5gs-amfd", "AMF", "./c/amf.yaml"), files)
    assert [(path, c.kind) for path, c in named] == [("/c/amf.yaml", "AMF")]
    unnamed = choose(Program("open5gs-nrfd", "NRF", None), files)
    assert [(path, c.kind) for path, c in unnamed] == [("/c/nrf.yaml", "NRF")]
    assert choose(Program("open5gs-nrfd", "NRF", "/elsewhere.yaml"), files) == []


def test_an_address_is_the_devices_or_as_written_and_a_name_is_none() -> None:
    def socket(address: str | None, device: str | None) -> Socket:
        return Socket("SBI", "TCP", 80, address, device, None, None, 1)

    feet = {"n4": "192.0.2.9/24", "eth0": None}
    assert listening_address(socket(None, "n4"), feet) == "192.0.2.9"
    assert listening_address(socket(None, "eth0"), feet) is None
    assert listening_address(socket("192.0.2.1", None), feet) == "192.0.2.1"
    assert listening_address(socket("amf.core", None), feet) is None
