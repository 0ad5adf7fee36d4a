"""Hosts of a Batfish snapshot, with the packet filters they name."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from ringfence.errors import RingfenceError, SourceError
from ringfence.sources.base import Options, gather, gather_together
from ringfence.sources.batfish_hosts import BatfishHost
from ringfence.sources.iptables import Iptables
from ringfence.sources.router_configuration import RouterConfiguration
from tests.sources.mutations import bent
from tests.sources.packet_verdicts import Packet, boundary, outcome, rows_of

HOST = json.dumps(
    {
        "hostname": "web-1",
        "iptablesFile": "iptables/web-1.rules",
        "hostInterfaces": {
            "eth0": {"name": "eth0", "prefix": "10.0.0.5/24", "gateway": "10.0.0.1"},
            "eth1": {"name": "eth1", "prefix": "10.0.1.5/24"},
        },
    },
    indent=2,
)
RULES = """*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
-A INPUT -i eth0 -p tcp --dport 22 -j ACCEPT
-A INPUT ! -i eth0 -p tcp --dport 80 -j ACCEPT
-A FORWARD -i eth0 -o eth1 -j ACCEPT
COMMIT
"""


@pytest.fixture
def snapshot(tmp_path: Path) -> dict[str, Path]:
    texts = {"hosts/web-1.json": HOST, "iptables/web-1.rules": RULES}
    for name, text in texts.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    return {name: tmp_path / name for name in texts}


def test_the_host_and_its_filter_are_claimed_together(snapshot: dict[str, Path]) -> None:
    for path in snapshot.values():
        assert BatfishHost().claims(path, path.read_bytes()).sureness == 1.0
    other = snapshot["iptables/web-1.rules"].with_name("other.rules")
    other.write_text(RULES)
    assert BatfishHost().claims(other, other.read_bytes()).sureness == 0.0
    assert Iptables().claims(other, other.read_bytes()).sureness > 0.9
    assert BatfishHost().claims(other, b'{"hostname": "x"}').sureness == 0.0


@pytest.mark.parametrize("names", [
    ["hosts/web-1.json"], ["hosts/web-1.json", "iptables/web-1.rules"],
])  # fmt: skip
def test_rules_for_one_interface_are_exact(snapshot: dict[str, Path], names: list[str]) -> None:
    found = gather_together(BatfishHost(), {n: snapshot[n] for n in names}, Options())
    tables = found.tables
    base = "router:web-1/ipv4/filter"
    ssh, web = (Packet(destination_port=p, to_itself=True) for p in (22, 80))
    for key, packet, expected in (
        ("INPUT/eth0/any", ssh, "allow"), ("INPUT/eth1/any", ssh, "deny"),
        ("INPUT/eth0/any", web, "deny"), ("INPUT/eth1/any", web, "allow"),
        ("FORWARD/eth0/eth1", Packet(), "allow"), ("FORWARD/eth1/eth0", Packet(), "deny"),
        ("FORWARD/eth0/eth0", Packet(), "deny"),
    ):  # fmt: skip
        assert outcome(tables, f"{base}/{key}", packet) == expected, key
    through = boundary(tables, f"{base}/FORWARD/eth0/eth1")
    assert (through["interface"], through["to_interface"]) == (
        "router:web-1/eth0", "router:web-1/eth1",
    )  # fmt: skip
    interfaces = {r["name"]: r["segment"] for r in rows_of(tables, "interface")}
    assert interfaces == {
        "eth0": "router:subnet/10.0.0.0/24", "eth1": "router:subnet/10.0.1.0/24",
    }  # fmt: skip
    static = [r for r in rows_of(tables, "route") if r["kind"] == "static"]
    assert [(r["destination_range"], r["next_hop"]) for r in static] == [("0.0.0.0/0", "10.0.0.1")]
    # 10 keys of the host and 5 lines of its filter: none is left over.
    assert (found.rows_read, found.rows_rejected) == (15, 0)
    if len(names) > 1:
        assert found.files["iptables/web-1.rules"].rows_kept == 5


def test_a_filter_outside_of_the_snapshot_is_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "snapshot" / "hosts"
    folder.mkdir(parents=True)
    (tmp_path / "secret.rules").write_text(RULES)
    host = json.loads(HOST) | {"iptablesFile": "../secret.rules"}
    path = folder / "x.json"
    path.write_text(json.dumps(host, indent=1))
    found = gather(BatfishHost(), path, Options())
    (fault,) = [r for r in found.rejects.to_pylist() if r["kind"] == "fault"]
    assert "below the snapshot" in fault["reason"]
    assert [b["has_rules_stated"] for b in rows_of(found.tables, "boundary")] == [False]


def test_one_broken_host_does_not_lose_the_others(snapshot: dict[str, Path]) -> None:
    broken = snapshot["hosts/web-1.json"].with_name("broken.json")
    broken.write_text('{"hostname": "b", "hostInterfaces": ')
    files = {"broken.json": broken, **snapshot}
    found = gather_together(BatfishHost(), files, Options())
    assert [r["name"] for r in rows_of(found.tables, "element")] == ["web-1"]
    assert found.files["broken.json"].rows_rejected == 1
    with pytest.raises(SourceError, match="not JSON"):
        gather(BatfishHost(), broken, Options())


def test_the_shared_hosts(shared_data: Path) -> None:
    folder = shared_data / "batfish-networks/networks/iptables-firewall"
    paths = [*sorted((folder / "hosts").iterdir()), *sorted((folder / "iptables").iterdir())]
    files = {str(p.relative_to(folder)): p for p in paths}
    assert all(BatfishHost().claims(p, p.read_bytes()).sureness == 1.0 for p in paths)
    found = gather_together(BatfishHost(), files, Options())
    assert found.rejects.num_rows == 0
    # `jq -r .hostname hosts/*.json`: 7 hosts, `jq '.hostInterfaces | length'`: 9 interfaces.
    assert found.tables["element"].num_rows == 7
    assert found.tables["interface"].num_rows == 9
    # By hand, from z2-firewall.v4: what comes from 10.0.3.0/24 is let in at eth0 alone.
    key = "router:z2-firewall/ipv4/mangle/PREROUTING/{}/any"
    one = Packet("10.0.3.20", "10.0.4.20", destination_port=22)
    assert outcome(found.tables, key.format("eth0"), one) == "allow"
    assert outcome(found.tables, key.format("eth1"), one) == "deny"
    web = Packet("10.0.4.20", "10.0.8.10", destination_port=443)
    assert outcome(found.tables, key.format("eth0"), web) == "allow"


def test_a_host_laid_over_a_router_is_that_router(shared_data: Path) -> None:
    folder = shared_data / "batfish-networks/networks/iptables-firewall"
    host = gather(BatfishHost(), folder / "hosts/z1-firewall.json", Options())
    # The router's configuration does not name it; its file does.
    router = gather(RouterConfiguration(), folder / "configs/z1-firewall.cfg", Options())
    one, two = (
        {(r["id"], r["segment"]) for r in rows_of(f.tables, "interface")} for f in (host, router)
    )
    assert one == two
    assert len(one) == 2


@settings(max_examples=100)
@given(bent(HOST))
def test_bent_hosts_raise_nothing_of_others(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("bent") / "hosts"
    path.mkdir()
    path = path / "x.json"
    path.write_bytes(content)
    BatfishHost().claims(path, content)
    try:
        found = gather(BatfishHost(), path, Options())
    except RingfenceError:
        return
    assert found.rows_read == found.rows_kept + found.rows_rejected
