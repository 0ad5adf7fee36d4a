"""Public 5G cores from the shared data: what they say was worked out by reading them, with grep.

How each number was counted stands beside it; no number is the reader's own.
"""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import SourceError
from ringfence.sources.base import (
    HEAD_BYTES,
    Gathered,
    Options,
    SourceOfMany,
    gather,
    gather_together,
)
from ringfence.sources.compose import Compose
from ringfence.sources.helm import Helm
from ringfence.sources.kubernetes import Kubernetes


def together(source: SourceOfMany, root: Path) -> Gathered:
    files = {}
    for path in sorted(root.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
            claims = {
                s.kind: s.claims(path, head).sureness for s in (Kubernetes(), Compose(), Helm())
            }
            if claims[source.kind] and max(claims.values()) == claims[source.kind]:
                files[f"{root.name}/{path.relative_to(root).as_posix()}"] = path
    return gather_together(source, files, Options(origin=root.name))


def rows(gathered: Gathered, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = gathered.tables[table].to_pylist()
    return found


@pytest.fixture(scope="module")
def open5gs(shared_data: Path) -> Gathered:
    return together(Kubernetes(), shared_data / "5gcore-open5gs-k8s")


@pytest.fixture(scope="module")
def free5gc(shared_data: Path) -> Gathered:
    return together(Compose(), shared_data / "5gcore-free5gc-compose")


def last(key: str) -> str:
    return key.rpartition("/")[2]


def test_n3_holds_core_and_radio_together(open5gs: Gathered) -> None:
    """`grep -rn '10.10.3' --include=*deployment.yaml`: the AMF, both SMFs, both UPFs, the gNB."""
    in_n3 = {
        last(r["element"]): r["address"]
        for r in rows(open5gs, "interface")
        if r["segment"] and last(r["segment"]) == "n3network"
    }
    assert in_n3 == {
        "open5gs-amf": "10.10.3.200/24",
        "open5gs-smf1": "10.10.3.101/24", "open5gs-smf2": "10.10.3.102/24",
        "open5gs-upf1": "10.10.3.1/24", "open5gs-upf2": "10.10.3.2/24",
        "ueransim-gnb": "10.10.3.231/24",
    }  # fmt: skip


def test_what_listens_is_what_the_configurations_say(open5gs: Gathered) -> None:
    """`dev: n4` under `pfcp`, and the annotations' addresses of n4; NGAP at 10.10.3.200."""
    pfcp = {
        last(r["element"]): r["address"]
        for r in rows(open5gs, "endpoint")
        if r["service"] == "PFCP"
    }
    assert pfcp == {
        "open5gs-smf1": "10.10.4.101", "open5gs-smf2": "10.10.4.102",
        "open5gs-upf1": "10.10.4.1", "open5gs-upf2": "10.10.4.2",
    }  # fmt: skip
    (ngap,) = (r for r in rows(open5gs, "endpoint") if r["service"] == "NGAP")
    assert (last(ngap["element"]), ngap["address"], ngap["protocol"], ngap["port"]) == (
        "open5gs-amf", "10.10.3.200", "SCTP", 38412,
    )  # fmt: skip
    assert ngap["origin"].endswith("open5gs/common/amf/amf-configmap.yaml:27")
    sbi = [r for r in rows(open5gs, "endpoint") if r["service"] == "SBI"]
    # One each of AMF, AUSF, BSF, NRF, NSSF, PCF, SCP, UDM, UDR and two SMFs; all in the clear.
    assert len(sbi) == 11
    assert {r["encryption"] for r in sbi} == {"none"}
    assert {(r["protocol"], r["port"]) for r in sbi} == {("TCP", 80)}


def test_the_networks_named_n2_and_n6_carry_nothing(open5gs: Gathered) -> None:
    segments = {last(r["id"]): r for r in rows(open5gs, "segment")}
    used = {last(r["segment"]) for r in rows(open5gs, "interface")}
    assert {"n2network", "n6network"} <= segments.keys()
    assert used == {"pod-network", "n3network", "n4network"}
    # The kustomization names the file with the OVS bridges and not the one with macvlan on eth0.
    assert segments["n3network"]["parent_interface"] == "n3br"
    assert segments["n6network"]["parent_interface"] == "eth0"
    told = [
        r["reason"] for r in open5gs.rejects.to_pylist() if "network-attachments.yaml" in r["file"]
    ]
    assert len([t for t in told if "network-attachments-ovs.yaml" in t]) == 3


def test_functions_are_those_that_are_started(open5gs: Gathered) -> None:
    kinds = Counter(r["kind"] for r in rows(open5gs, "function"))
    assert kinds == Counter(
        ["AMF", "AUSF", "BSF", "NRF", "NSSF", "PCF", "SCP", "SMF", "SMF", "UDM", "UDR", "UPF",
         "UPF", "GNB", "Kubernetes control plane"]
    )  # fmt: skip
    elements = {r["name"]: r for r in rows(open5gs, "element")}
    # 11 of the core's control plane and 2 UPFs, gNB, four UEs, the database, the web page.
    assert len(elements) == 13 + 1 + 4 + 2 + 1
    # `images:` of open5gs/kustomization.yaml, over what the deployments themselves write.
    assert elements["open5gs-amf"]["software_version"] == "v2.7.0-v2"
    assert elements["mongodb"]["software_version"] == "5.0"
    assert {r["vendor_name"] for r in elements.values()} == {None}


def test_without_policies_nothing_is_stopped(open5gs: Gathered) -> None:
    assert "filter" not in open5gs.tables
    boundaries = rows(open5gs, "boundary")
    # Twenty workloads, each with one foot in the pod network, two ways.
    assert len(boundaries) == 40
    assert {r["default_action"] for r in boundaries} == {"allow"}


def test_every_origin_is_a_line_that_is_there(
    open5gs: Gathered, free5gc: Gathered, shared_data: Path
) -> None:
    for gathered in (open5gs, free5gc):
        for table in gathered.tables.values():
            for origin in table.column("origin").to_pylist():
                file, _, line = origin.rpartition(":")
                lines = (shared_data / file).read_text().splitlines()
                assert 0 < int(line) <= len(lines)
                assert lines[int(line) - 1].strip()


def test_counts_are_those_of_the_documents(open5gs: Gathered, shared_data: Path) -> None:
    """Records: one for each line `kind:` at the left edge, and for each file mounted."""
    root = shared_data / "5gcore-open5gs-k8s"
    manifests = [p for p in root.rglob("*.yaml") if p.name != "kustomization.yaml"]
    kinds = sum(len(re.findall(r"^kind:", p.read_text(), re.MULTILINE)) for p in manifests)
    kustomizations = len(list(root.rglob("kustomization.yaml")))
    loose = sum(1 for p in manifests if not re.search(r"^kind:", p.read_text(), re.MULTILINE))
    read = {n: c.rows_read for n, c in open5gs.files.items() if "kustomization" not in n}
    assert sum(read.values()) == kinds + loose
    assert len(open5gs.files) - len(read) == kustomizations == 47
    assert open5gs.rows_read == open5gs.rows_kept + open5gs.rows_rejected


def test_seventeen_services_meet_on_one_network(free5gc: Gathered) -> None:
    """`yq '.services | length'` is 17; TNGF has the host's network, and so the host's end too."""
    stack = "compose:5gcore-free5gc-compose/docker-compose/"
    elements = {r["id"].removeprefix(stack) for r in rows(free5gc, "element") if stack in r["id"]}
    assert len(elements - {"host"}) == 17
    feet = [r for r in rows(free5gc, "interface") if r["segment"] == f"{stack}network/privnet"]
    assert {r["element"].removeprefix(stack) for r in feet} == elements
    addresses = {last(r["element"]): r["address"] for r in feet if r["address"]}
    # `grep -c ipv4_address docker-compose.yaml` is 3.
    assert addresses == {
        "free5gc-amf": "10.100.200.16", "free5gc-n3iwf": "10.100.200.15", "n3iwue": "10.100.200.203",
    }  # fmt: skip
    (tngf,) = (
        r for r in rows(free5gc, "interface") if r["element"] == f"{stack}free5gc-tngf" and
        r["name"] == "host"
    )  # fmt: skip
    assert tngf["segment"] == f"{stack}host-network"


def test_the_stack_says_what_runs_and_listens(free5gc: Gathered) -> None:
    stack = "compose:5gcore-free5gc-compose/docker-compose/"
    kinds = {
        last(r["element"]): r["kind"] for r in rows(free5gc, "function") if stack in r["element"]
    }
    names = (
        "upf",
        "nrf",
        "amf",
        "ausf",
        "nssf",
        "pcf",
        "smf",
        "udm",
        "udr",
        "chf",
        "n3iwf",
        "tngf",
        "nef",
    )
    assert kinds == {f"free5gc-{n}": n.upper() for n in names} | {"ueransim": "GNB"}
    (ngap,) = (
        r for r in rows(free5gc, "endpoint") if r["service"] == "NGAP" and stack in r["element"]
    )
    # amf.free5gc.org is the AMF's alias in its one network, where its address is stated.
    assert (last(ngap["element"]), ngap["address"]) == ("free5gc-amf", "10.100.200.16")
    published = {r["port"] for r in rows(free5gc, "endpoint") if r["element"] == f"{stack}host"}
    assert published == {5000, 2121, 2122}
    assert {r["vendor_name"] for r in rows(free5gc, "product")} == {None}


def test_the_nrf_authenticates_those_that_are_told_to_use_it(free5gc: Gathered) -> None:
    """`oauth: true` in nrfcfg.yaml; `grep -l nrfUri config/*.yaml`: AMF, AUSF, CHF, NEF, NSSF, PCF,
    UDM, UDR, the web page, which is no function, and SMF.
    """
    found = [r for r in rows(free5gc, "relation") if r["kind"] == "authenticates"]
    stack = "compose:5gcore-free5gc-compose/docker-compose/"
    targets = {last(r["target"]) for r in found if stack in r["source"]}
    names = ("amf", "ausf", "chf", "nef", "nssf", "pcf", "smf", "udm", "udr")
    assert targets == {f"free5gc-{n}" for n in names}
    assert {last(r["source"]) for r in found} == {"free5gc-nrf"}


def test_the_other_stack_is_a_stack_of_its_own(free5gc: Gathered) -> None:
    stack = "compose:5gcore-free5gc-compose/docker-compose-ulcl/"
    upfs = {
        last(r["element"])
        for r in rows(free5gc, "function")
        if stack in r["element"] and r["kind"] == "UPF"
    }
    assert upfs == {"free5gc-i-upf", "free5gc-psa-upf"}


def test_templates_are_refused_with_the_command_that_renders_them(shared_data: Path) -> None:
    root = shared_data / "5gcore-towards5gs-helm"
    templates = [p for p in root.rglob("*") if p.parent.name != "charts" and "templates" in p.parts]
    files = [p for p in templates if p.is_file()]
    assert len(files) == 101  # `find . -path '*templates*' -type f | wc -l`
    for path in files:
        assert Helm().claims(path, path.read_bytes()).sureness == 1.0
        name = path.relative_to(shared_data).as_posix()
        chart = "ueransim" if "ueransim" in path.parts else "free5gc"
        with pytest.raises(SourceError, match="template") as error:
            gather(Helm(), path, Options(origin=name))
        hint = error.value.hint or ""
        assert hint.startswith(f"helm template {chart} 5gcore-towards5gs-helm/charts/{chart} >")


def test_values_state_the_networks_of_the_hosts(shared_data: Path) -> None:
    path = shared_data / "5gcore-towards5gs-helm" / "charts" / "free5gc" / "values.yaml"
    gathered = gather(Helm(), path, Options(origin="charts/free5gc/values.yaml"))
    networks = {
        r["name"]: (r["parent_interface"], r["address_range"])
        for r in rows(gathered, "segment")
        if r["kind"] == "container network"
    }
    assert networks == {
        "n2network": ("eth0", "10.100.50.248/29"), "n3network": ("eth0", "10.100.50.232/29"),
        "n4network": ("eth0", "10.100.50.240/29"), "n6network": ("eth1", "10.100.100.0/24"),
        "n9network": ("eth0", "10.100.50.224/29"),
    }  # fmt: skip
    wires = {r["name"]: r["parent"] for r in rows(gathered, "segment") if r["parent"]}
    # Four of the five networks are on one wire.
    assert Counter(wires.values()) == Counter(
        {
            "helm:charts/free5gc/values.yaml/wire/eth0": 4,
            "helm:charts/free5gc/values.yaml/wire/eth1": 1,
        }
    )


def test_no_file_of_a_core_is_claimed_by_two_alike(shared_data: Path) -> None:
    kinds: dict[str, Counter[str]] = {}
    for folder in ("5gcore-open5gs-k8s", "5gcore-free5gc-compose", "5gcore-towards5gs-helm",
                   "netpol-analyzer"):  # fmt: skip
        for path in (p for p in (shared_data / folder).rglob("*") if p.is_file()):
            head = path.read_bytes()[:HEAD_BYTES]
            claims = [
                (s.claims(path, head).sureness, s.kind) for s in (Kubernetes(), Compose(), Helm())
            ]
            best = max(claims)
            assert [c[0] for c in claims].count(best[0]) == 1 or best[0] == 0.0
            kinds.setdefault(folder, Counter())[best[1] if best[0] else "nobody"] += 1
    # Licences, readmes, prometheus.yml and the analyser's own output are nobody's here.
    assert kinds == {
        "5gcore-open5gs-k8s": Counter({"kubernetes": 138, "nobody": 2}),
        "5gcore-free5gc-compose": Counter({"compose": 25, "nobody": 3}),
        "5gcore-towards5gs-helm": Counter({"helm": 134, "nobody": 1}),
        "netpol-analyzer": Counter({"kubernetes": 201, "nobody": 137}),
    }
