"""Two published 5G cores, read through a workspace, with a made-up maker for the base station.

Files and lines that a proof must name are found here by reading the files' lines, not by the
program.
"""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from ringfence.exposure.control import powers
from ringfence.rules.pack import load_pack
from ringfence.store.duck import Tables
from ringfence.workspace import Workspace

DAY = date(2026, 11, 24)
OPEN5GS = "5gcore-open5gs-k8s"
FREE5GC = "5gcore-free5gc-compose"
GNB = f"kubernetes:{OPEN5GS}/open5gs/Deployment/ueransim-gnb"
POWERS = powers()

Asked = Callable[..., tuple[Tables, Tables]]
Origins = dict[tuple[str, str], list[dict[str, Any]]]


def line_of(file: Path, text: str) -> int:
    """The number of the first line with that text."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return next(n for n, line in enumerate(lines, 1) if text in line)


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """Read a deployment whose base station a hostile vendor made, and ask."""

    def ask(
        folder: Path, gnb: str, *, others: str | None = None, services: bool = True
    ) -> tuple[Tables, Tables]:
        home = tmp_path / "home"
        shutil.rmtree(home, ignore_errors=True)
        place = Workspace.init(home, name="made up")
        (tmp_path / "vendor.csv").write_text(
            "id,name,is_independent\nx,Corvane,yes\no,Borealis,yes\n", encoding="utf-8"
        )
        # Where the rest is stated too, so is that no pod passes packets on between its networks.
        forwards = ",no" if others else ""
        heading = "element,vendor_name" + (",forwards_packets" if others else "")
        made = f"{heading}\n{gnb},Corvane{forwards}\n"
        (tmp_path / "made.csv").write_text(made, encoding="utf-8")
        files = [folder, tmp_path / "vendor.csv", tmp_path / "made.csv"]
        place.ingest(files, as_of=DAY)
        if others:
            keys = place.network(DAY).tables["element"]["id"].to_pylist()
            text = "".join(f"{k},{others}{forwards}\n" for k in keys if k != gnb)
            (tmp_path / "others.csv").write_text(f"{heading}\n{text}", encoding="utf-8")
            place.ingest([tmp_path / "others.csv"], as_of=DAY)
        if others and services:
            # And what serves at the ports of which the manifests give the number alone.
            ports = place.network(DAY).tables.query(
                "SELECT id, element FROM endpoint WHERE service IS NULL ORDER BY id"
            )
            text = "".join(f"{r['id']},{r['element']},web page\n" for r in ports.to_pylist())
            (tmp_path / "services.csv").write_text(
                f"endpoint,element,service\n{text}", encoding="utf-8"
            )
            place.ingest([tmp_path / "services.csv"], as_of=DAY)
        network = place.network(DAY)
        found = place.exposure(
            network, ["table:x"], ["own-software"], load_pack("uk-dvd-2022"), powers=POWERS
        )
        return network.tables, found

    return ask


def chains(found: Tables) -> Origins:
    steps: Origins = {}
    for row in found["chain"].to_pylist():
        steps.setdefault((row["element"].rpartition("/")[2], row["effect"]), []).append(row)
    return steps


def verdicts(found: Tables) -> dict[tuple[str, str], str]:
    return {
        (r["element"].rpartition("/")[2], r["effect"]): r["verdict"]
        for r in found["exposed"].to_pylist()
    }


@pytest.fixture
def open5gs(shared_data: Path, tmp_path: Path) -> Path:
    """A copy of the deployment that a test may change."""
    there = shared_data / OPEN5GS
    if not there.is_dir():
        pytest.skip(f"needs {OPEN5GS} in the shared data")
    return Path(shutil.copytree(there, tmp_path / OPEN5GS))


PFCP = ("open5gs-smf1", "open5gs-smf2", "open5gs-upf1", "open5gs-upf2")


@pytest.mark.slow
def test_open5gs_is_breached_in_its_own_files(open5gs: Path, asked: Asked) -> None:
    tables, found = asked(open5gs, GNB)
    answers = verdicts(found)
    # PFCP and GTP-C are open to the pod network and, at the feet in n3, to the base station.
    assert {k for k, v in answers.items() if v == "breached"} == {
        (e, effect) for e in PFCP for effect in ("read", "stop")
    }
    # The rest is not cleared by that: who made it, and whether its SBI asks for a token, is in no file.
    assert set(answers.values()) == {"breached", "unknown"}
    assert_shared_subnet(tables, open5gs)
    # The network named n2 is stated, at its lines, and used by nothing.
    networks = "networks5g/network-attachments-ovs.yaml"
    (n2,) = tables.query("SELECT id, origin FROM segment WHERE id LIKE '%/n2network'").to_pylist()
    assert 0 <= line_of(open5gs / networks, "name: n2network") - at(n2["origin"], networks) <= 3
    assert n2["id"] not in tables["interface"]["segment"].to_pylist()
    # Every pod shares the pod network, and no policy bounds it.
    pods = tables.query("SELECT id FROM element WHERE kind = 'container'")["id"].to_pylist()
    inside = tables.query("SELECT element FROM interface WHERE segment LIKE '%/pod-network'")
    assert sorted(inside["element"].to_pylist()) == sorted(pods)
    assert tables.rows("filter") == 0
    assert {r["default_action"] for r in tables["boundary"].to_pylist()} == {"allow"}


def at(origin: str, file: str) -> int:
    """The line of a file that an origin names."""
    (line,) = (
        o.rpartition(":")[2] for o in origin.splitlines() if o.rpartition(":")[0].endswith(file)
    )
    return int(line)


def assert_shared_subnet(tables: Tables, folder: Path) -> None:
    """AMF, both SMFs, both UPFs and the base station have a foot in one /24, each at its line."""
    feet = tables.query(
        "SELECT element, address, origin FROM interface WHERE segment LIKE '%/n3network' ORDER BY ALL"
    ).to_pylist()
    assert [r["element"].rpartition("/")[2] for r in feet] == [
        "open5gs-amf", "open5gs-smf1", "open5gs-smf2", "open5gs-upf1", "open5gs-upf2",
        "ueransim-gnb",
    ]  # fmt: skip
    for foot in feet:
        address = foot["address"]
        assert address.startswith("10.10.3.")
        assert address.endswith("/24")
        file = foot["origin"].rpartition(":")[0].removeprefix(f"{OPEN5GS}/")
        # The line of the list of networks, and in it that of the foot.
        assert 0 <= line_of(folder / file, f'"{address}"') - at(foot["origin"], file) <= 2


@pytest.mark.slow
def test_the_proof_names_file_and_line(open5gs: Path, asked: Asked) -> None:
    _, found = asked(open5gs, GNB)
    (first, send, passes, reads) = chains(found)["open5gs-upf1", "read"]
    manifest = "ueransim/ueransim-gnb/gnb-deployment.yaml"
    upf = "open5gs/slices/slice1/upf1"
    begins = line_of(open5gs / manifest, "apiVersion: apps/v1")
    foot = line_of(open5gs / manifest, "n3network")
    assert first["origin"].splitlines() == [f"{OPEN5GS}/{manifest}:{begins}", "made.csv:2"]
    assert send["origin"].splitlines()[0].startswith(f"{OPEN5GS}/{manifest}:")
    assert abs(int(send["origin"].rpartition(":")[2]) - foot) <= 1
    network = "networks5g/network-attachments-ovs.yaml"
    named = line_of(open5gs / network, "name: n3network")
    told = [o for o in passes["origin"].splitlines() if network in o]
    assert told
    assert 0 <= named - int(told[0].rpartition(":")[2]) <= 3
    # What listens: the file that configures it, at the line of its PFCP server.
    listens = [o for o in reads["origin"].splitlines() if f"{upf}/upf-configmap.yaml" in o]
    pfcp = line_of(open5gs / upf / "upf-configmap.yaml", "pfcp:")
    assert listens
    assert 0 <= int(listens[0].rpartition(":")[2]) - pfcp <= 3
    assert any(f"{upf}/upf-deployment.yaml" in o for o in reads["origin"].splitlines())


def state_default_deny(folder: Path) -> None:
    """No pod of the core's namespace sends or takes in anything over the pod network."""
    (folder / "default-deny.yaml").write_text(
        """apiVersion: v1
kind: Namespace
metadata: {name: open5gs, labels: {kubernetes.io/metadata.name: open5gs}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: open5gs}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
""",
        encoding="utf-8",
    )


def move(folder: Path, manifest: str, address: str) -> None:
    """Put the foot that a workload has in n3network into n2network, at an address there."""
    file = folder / manifest
    text = file.read_text(encoding="utf-8")
    old = f'"n3network", "interface": "n3", "ips": [ "10.10.3.{address}/24" ]'
    assert text.count(old) == 1
    new = f'"n2network", "interface": "n3", "ips": [ "10.10.2.{address}/24" ]'
    file.write_text(text.replace(old, new), encoding="utf-8")


GNB_FILE = "ueransim/ueransim-gnb/gnb-deployment.yaml"
AMF_FILE = "open5gs/common/amf/amf-deployment.yaml"


@pytest.mark.slow
def test_a_policy_for_the_pod_network_alone_leaves_the_shared_n3(
    open5gs: Path, asked: Asked
) -> None:
    """A NetworkPolicy does not bind attached networks, so what has a foot in n3 stays open."""
    state_default_deny(open5gs)
    _, found = asked(open5gs, GNB, others="Borealis")
    answers = verdicts(found)
    assert {k for k, v in answers.items() if v == "breached"} == {
        (e, effect) for e in PFCP for effect in ("read", "stop")
    }
    # Three with a foot in n3 serve their SBI on all their addresses: port 80, without TLS. And N2
    # crosses n3, to the AMF: whoever has a foot there may come between where addresses are free.
    rest = {k for k, v in answers.items() if v == "unknown"}
    sbi = ("open5gs-amf", "open5gs-smf1", "open5gs-smf2")
    assert rest == {("open5gs-amf", e) for e in ("control", "read", "stop")} | {
        ("open5gs-smf1", "control"),
        ("open5gs-smf2", "control"),
    }
    decides = {r["unknown"] for r in found["decider"].to_pylist() if r["breaches"] or r["settles"]}
    prefix = f"kubernetes:{OPEN5GS}/open5gs/Deployment"
    n3 = f"kubernetes:{OPEN5GS}/default/NetworkAttachmentDefinition/n3network"
    assert decides == {
        *(f"whether {prefix}/{e}/endpoint/TCP/80 asks for a token" for e in sbi),
        f"whether {n3} checks its members' addresses",
    }
    # Nobody without a foot in n3 is reached any more.
    assert all(v == "holds" for (e, _), v in answers.items() if e not in {*PFCP, "open5gs-amf"})
    told = [o for row in found["chain"].to_pylist() for o in (row["origin"] or "").splitlines()]
    assert not [o for o in told if "mongodb" in o]


@pytest.mark.slow
def test_with_n2_apart_the_amf_alone_is_left_and_one_fact_decides_it(
    open5gs: Path, asked: Asked
) -> None:
    state_default_deny(open5gs)
    move(open5gs, GNB_FILE, "231")
    move(open5gs, AMF_FILE, "200")
    config = open5gs / AMF_FILE.replace("deployment", "configmap")
    text = config.read_text(encoding="utf-8")
    assert text.count("address: 10.10.3.200") == 1
    config.write_text(text.replace("10.10.3.200", "10.10.2.200"), encoding="utf-8")
    _, found = asked(open5gs, GNB, others="Borealis")
    answers = verdicts(found)
    assert {k for k, v in answers.items() if v != "holds"} == {
        ("open5gs-amf", e) for e in ("control", "read", "stop")
    }
    assert set(answers.values()) == {"holds", "unknown"}
    amf = f"kubernetes:{OPEN5GS}/open5gs/Deployment/open5gs-amf"
    (decider,) = (r for r in found["decider"].to_pylist() if r["breaches"] or r["settles"])
    assert decider == {
        "unknown": f"whether {amf}/endpoint/TCP/80 asks for a token", "breaches": 3, "settles": 3
    }  # fmt: skip
    (asks,) = (r for r in found["asked"].to_pylist() if r["breaches"] or r["settles"])
    assert (asks["table"], asks["column"], asks["facts"]) == ("endpoint", "authentication", 1)


@pytest.mark.slow
def test_what_serves_at_a_port_is_the_reason_that_remains(open5gs: Path, asked: Asked) -> None:
    """A policy and a network of its own, and nobody said what listens at the cluster's port."""
    state_default_deny(open5gs)
    move(open5gs, GNB_FILE, "231")
    _, found = asked(open5gs, GNB, others="Borealis", services=False)
    # The cluster listens at a port of which no file says what serves there, nor in which segment.
    assert set(verdicts(found).values()) == {"unknown"}
    port = f"what kubernetes:{OPEN5GS}/cluster/endpoint/TCP/30300 listens on"
    assert {r["unknown"] for r in found["decider"].to_pylist() if r["settles"]} == {
        port, "in which segments it has a foot is not stated"
    }  # fmt: skip


@pytest.mark.slow
def test_with_a_policy_and_a_network_of_its_own_the_base_station_reaches_nothing(
    open5gs: Path, asked: Asked
) -> None:
    state_default_deny(open5gs)
    move(open5gs, GNB_FILE, "231")
    _, found = asked(open5gs, GNB, others="Borealis")
    assert set(verdicts(found).values()) == {"holds"}
    # The network alone is not enough: the pods still share the pod network.
    (open5gs / "default-deny.yaml").unlink()
    _, found = asked(open5gs, GNB, others="Borealis")
    assert {k for k, v in verdicts(found).items() if v == "breached"} == {
        (e, effect) for e in PFCP[:2] for effect in ("read", "stop")
    }


@pytest.mark.slow
def test_free5gc_is_flat(shared_data: Path, asked: Asked) -> None:
    """All services of docker-compose.yaml but those on the host's network are in `privnet`."""
    folder = shared_data / FREE5GC
    if not folder.is_dir():
        pytest.skip(f"needs {FREE5GC} in the shared data")
    tables, found = asked(folder, f"compose:{FREE5GC}/docker-compose/ueransim")
    stack = f"compose:{FREE5GC}/docker-compose/"
    breached = {
        (r["element"], r["effect"])
        for r in found["exposed"].to_pylist()
        if r["verdict"] == "breached"
    }
    # `grep -n pfcp: config/*.yaml`: the SMF's and the UPF's; the other stack is another host's.
    assert breached == {
        (f"{stack}free5gc-{e}", effect) for e in ("smf", "upf") for effect in ("read", "stop")
    }
    inside = tables.query(
        "SELECT DISTINCT segment FROM interface WHERE element LIKE $of AND segment LIKE '%/docker-compose/network/%'",
        {"of": f"{stack}%"},
    ).to_pylist()
    assert inside == [{"segment": f"{stack}network/privnet"}]
    compose = folder / "docker-compose.yaml"
    begins = line_of(compose, "  ueransim:")
    (steps,) = (
        [r for r in found["chain"].to_pylist() if (r["element"], r["effect"]) == key]
        for key in [(f"{stack}free5gc-upf", "read")]
    )
    gnb = int(steps[0]["origin"].splitlines()[0].rpartition(":")[2])
    assert 0 <= gnb - begins <= 1
    # The network is stated in the block at the margin, below all services.
    lines = compose.read_text(encoding="utf-8").splitlines()
    block = lines.index("networks:") + 1
    passes = int(steps[2]["origin"].splitlines()[0].rpartition(":")[2])
    assert block < passes <= block + 2
    assert "config/upfcfg.yaml:" in steps[3]["origin"]
    pfcp = line_of(folder / "config" / "upfcfg.yaml", "pfcp:")
    listens = next(o for o in steps[3]["origin"].splitlines() if "upfcfg" in o)
    assert 0 <= int(listens.rpartition(":")[2]) - pfcp <= 1
