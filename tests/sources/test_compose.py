"""Compose files of made-up stacks: each thing the tables must say."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import SourceError
from ringfence.sources.base import Gathered, Options, gather, gather_together
from ringfence.sources.compose import Compose
from tests.sources.packets import End, Network

Read = Callable[..., Gathered]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read files, by name, as those below a path called `lab`."""

    def of(**files: str) -> Gathered:
        paths = {}
        for name, text in files.items():
            path = tmp_path / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            paths[f"lab/{path.relative_to(tmp_path).as_posix()}"] = path
        return gather_together(Compose(), paths, Options(origin="lab"))

    return of


def rows(gathered: Gathered, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        gathered.tables[table].to_pylist() if table in gathered.tables else []
    )
    return found


def short(key: str | None) -> str | None:
    return key.removeprefix("compose:lab/compose/") if key is not None else None


def test_services_are_elements_that_one_host_holds(read: Read) -> None:
    gathered = read(
        compose="""\
services:
  amf:
    container_name: amf-1
    image: example/amf:${TAG:-3.1}
    labels: {org.opencontainers.image.vendor: Norrsken Systems}
  other:
    image: example/other:${TAG}
"""
    )
    elements = {short(r["id"]): r for r in rows(gathered, "element")}
    assert elements.keys() == {"host", "amf", "other"}
    amf = elements["amf"]
    assert (amf["name"], amf["software_version"], amf["vendor_name"]) == (
        "amf-1", "3.1", "Norrsken Systems",
    )  # fmt: skip
    # A variable that is stated nowhere leaves the image unknown.
    assert elements["other"]["product"] is None
    relations = {
        (short(r["source"]), short(r["target"]), r["kind"]) for r in rows(gathered, "relation")
    }
    assert relations == {
        ("host", s, k) for s in ("amf", "other") for k in ("hosts", "orchestrates")
    }


def test_feet_are_in_the_networks_that_are_named(read: Read) -> None:
    gathered = read(
        compose="""\
services:
  a: {image: x, networks: [front]}
  b: {image: x, networks: {front: {ipv4_address: 192.0.2.5}, back: {}}}
  c: {image: x}
  d: {image: x, network_mode: none}
  e: {image: x, network_mode: "service:b"}
  f: {image: x, network_mode: "container:elsewhere"}
networks:
  front: {ipam: {config: [{subnet: 192.0.2.0/24, gateway: 192.0.2.1}]}}
  back: {driver: macvlan, driver_opts: {parent: eth1, macvlan_mode: private}}
  unused: {}
  shared: {external: true, name: plant}
"""
    )
    feet = {
        (short(r["element"]), r["name"], short(r["segment"]), r["address"])
        for r in rows(gathered, "interface")
        if short(r["element"]) != "host"
    }
    assert feet == {
        ("a", "eth0", "network/front", None),
        ("b", "eth0", "network/front", "192.0.2.5"), ("b", "eth1", "network/back", None),
        ("c", "eth0", "network/default", None),
        ("e", "eth0", "network/front", "192.0.2.5"), ("e", "eth1", "network/back", None),
        ("f", "eth0", None, None),
    }  # fmt: skip
    segments = {short(r["id"]): r for r in rows(gathered, "segment")}
    assert segments["network/front"]["address_range"] == "192.0.2.0/24"
    assert segments["network/front"]["isolates_members"] is False
    back = segments["network/back"]
    assert (back["parent_interface"], short(back["parent"]), back["isolates_members"]) == (
        "eth1", "wire/eth1", True,
    )  # fmt: skip
    # A network that nothing uses is there, and one of another stack has that stack's key.
    assert "network/unused" in segments
    assert "compose:lab/network/plant" in {r["id"] for r in rows(gathered, "segment")}
    host = {short(r["segment"]): r["address"] for r in rows(gathered, "interface")
            if short(r["element"]) == "host"}  # fmt: skip
    assert host["network/front"] == "192.0.2.1"
    assert "network/back" not in host


def test_an_internal_network_lets_only_its_members_reach_each_other(read: Read) -> None:
    text = """\
services:
  a: {image: x, networks: [n]}
  b: {image: x, networks: [n]}
networks:
  n: {internal: %s}
"""
    for internal in (True, False):
        gathered = read(compose=text % str(internal).lower())
        network = Network(gathered.tables)
        a, b = (
            End(r["element"], r["id"])
            for r in network.interfaces.values()
            if short(r["element"]) != "host"
        )
        beyond = End(address=1)
        assert network.passes(a, b, "TCP", 80) is True
        assert network.passes(beyond, a, "TCP", 80) is not internal
        assert network.passes(a, beyond, "TCP", 80) is not internal


def test_ports_are_the_hosts_where_published(read: Read) -> None:
    gathered = read(
        compose="""\
services:
  a:
    image: x
    expose: ["8000", "9000-9001/udp"]
    ports:
      - "5000:80"
      - 127.0.0.1:6000-6001:70-71/udp
      - "443"
      - {target: 22, published: "2222", host_ip: 192.0.2.1}
      - "nonsense"
      - "99999:1"
"""
    )
    found = {
        (short(r["element"]), r["protocol"], r["port"], r["address"])
        for r in rows(gathered, "endpoint")
    }
    assert found == {
        ("a", "TCP", 8000, None), ("a", "UDP", 9000, None), ("a", "UDP", 9001, None),
        ("a", "TCP", 80, None), ("a", "UDP", 70, None), ("a", "UDP", 71, None),
        ("a", "TCP", 443, None), ("a", "TCP", 22, None), ("a", "TCP", 1, None),
        ("host", "TCP", 5000, None), ("host", "UDP", 6000, "127.0.0.1"),
        ("host", "UDP", 6001, "127.0.0.1"), ("host", "TCP", 2222, "192.0.2.1"),
    }  # fmt: skip


def test_a_mounted_configuration_says_what_listens(read: Read) -> None:
    gathered = read(
        compose="""\
services:
  core-1:
    image: x
    volumes: ["./conf/amf.yaml:/etc/amf.yaml:ro"]
    networks: {n: {ipv4_address: 192.0.2.5}}
  core-2:
    image: x
    entrypoint: [open5gs-nrfd]
    command: ["-c", "/etc/core/nrf.yaml"]
    volumes: [{type: bind, source: conf, target: /etc/core}]
networks: {n: {}}
""",
        conf__amf="amf:\n  sbi:\n    server:\n      - {dev: eth0, port: 7777}\n",
        conf__nrf="nrf:\n  sbi:\n    server:\n      - {address: 0.0.0.0, port: 7777}\n",
    )
    functions = {(short(r["element"]), r["kind"], r["origin"]) for r in rows(gathered, "function")}
    assert functions == {
        ("core-1", "AMF", "lab/conf/amf.yaml:2"),
        ("core-2", "NRF", "lab/compose.yaml:9"),
    }
    endpoints = {
        (short(r["element"]), r["address"], r["origin"]) for r in rows(gathered, "endpoint")
    }
    assert endpoints == {
        ("core-1", "192.0.2.5", "lab/conf/amf.yaml:4"), ("core-2", None, "lab/conf/nrf.yaml:4"),
    }  # fmt: skip
    assert gathered.rows_rejected == 0


def test_anchors_and_merged_keys_are_followed(read: Read) -> None:
    gathered = read(
        compose="x-base: &base\n  image: example/core:2\nservices:\n  a:\n    <<: *base\n    networks: [n]\n"
    )
    assert {r["name"] for r in rows(gathered, "component")} == {"example/core"}


def test_what_is_not_read_is_told_of(read: Read) -> None:
    gathered = read(
        compose="services:\n  a: {image: x, extends: {file: b.yaml, service: b}}\n  b:\nvolumes: {v: {}}\n",
        docker__compose="services: {a: {image: x}}\nservices: {}\n",
        conf="amf:\n  sbi:\n    server: []\n",
    )
    told = {(r["file"], r["kind"], r["rows"]) for r in gathered.rejects.to_pylist()}
    assert told == {
        ("lab/compose.yaml", "fault", 1),
        ("lab/compose.yaml", "set aside", 1),
        ("lab/docker/compose.yaml", "fault", 1),
        ("lab/conf.yaml", "set aside", 1),
    }
    assert "line 2" in {r["place"] for r in gathered.rejects.to_pylist()}


def test_overrides_are_set_aside_and_stacks_are_apart(read: Read) -> None:
    gathered = read(
        **{
            "compose": "services: {a: {image: x}}\n",
            "compose.override": "services: {a: {image: y}}\n",
            "other__compose": "name: plant\nservices: {a: {image: x}}\n",
        }
    )
    elements = {r["id"] for r in rows(gathered, "element")}
    assert elements == {f"compose:lab/{s}/{e}" for s in ("compose", "plant") for e in ("host", "a")}


@pytest.mark.parametrize(
    ("text", "sureness"),
    [
        ("services:\n  a:\n    image: b\n", 0.95),
        ("version: '3'\nservices:\n  a:\n    build: .\n", 0.95),
        ("info:\n  version: 1.0.0\n  description: AMF initial local configuration\n", 0.5),
        ("apiVersion: v1\nservices:\n  a:\n    image: b\n", 0.0),
        ("services:\n  - a\n", 0.0),
        ("\x00", 0.0),
    ],
)
def test_claims(text: str, sureness: float, tmp_path: Path) -> None:
    assert Compose().claims(tmp_path / "a.yaml", text.encode()).sureness == sureness


def test_a_configuration_below_a_stack_is_the_stacks(tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yaml").write_text("services: {}\n")
    path = tmp_path / "config" / "amf.yaml"
    assert Compose().claims(path, b"amf:\n  sbi:\n    server: []\n").sureness == 0.65


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for text in ("", "a: [1\n", "a: 1\na: 2\n", "services: x\nservices: y\n"):
        path.write_text(text)
        with pytest.raises(SourceError):
            gather(Compose(), path, Options())


def test_an_nrf_that_gives_out_tokens_authenticates_those_that_use_it(read: Read) -> None:
    head = (
        "info:\n  version: 1.0.0\n  description: %s initial local configuration\nconfiguration:\n"
    )
    for oauth in ("true", "false"):
        gathered = read(
            compose="""\
services:
  a: {image: x, command: ./amf -c conf/amf.yaml, volumes: ["./amf.yaml:/f/conf/amf.yaml"]}
  n:
    image: x
    command: ./nrf -c conf/nrf.yaml
    volumes: ["./nrf.yaml:/f/conf/nrf.yaml"]
    networks: {default: {aliases: [nrf.lab]}}
""",
            amf=head % "AMF" + "  nrfUri: http://nrf.lab:8000\n",
            nrf=head % "NRF" + f"  sbi: {{scheme: http, port: 8000, oauth: {oauth}}}\n",
        )
        found = {
            (short(r["source"]), short(r["target"]), r["origin"])
            for r in rows(gathered, "relation")
            if r["kind"] == "authenticates"
        }
        assert found == ({("n", "a", "lab/amf.yaml:5")} if oauth == "true" else set())
