"""Manifests, compose files and charts bent at random: rows, rejects or a refusal, and no more."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError
from ringfence.sources.base import HEAD_BYTES, Options, Source, gather, gather_together
from ringfence.sources.compose import Compose
from ringfence.sources.contract import check_source
from ringfence.sources.helm import Helm
from ringfence.sources.kubernetes import Kubernetes
from tests.sources.mutations import bent

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
_NETPOL = "netpol-analyzer/tests"
FILES = (
    ("kubernetes", "5gcore-open5gs-k8s/open5gs/slices/slice1/smf1/smf-deployment.yaml"),
    ("kubernetes", "5gcore-open5gs-k8s/open5gs/slices/slice1/smf1/smf-configmap.yaml"),
    ("kubernetes", "5gcore-open5gs-k8s/networks5g/network-attachments.yaml"),
    ("kubernetes", f"{_NETPOL}/anp_test_named_ports_multiple_peers/policies.yaml"),
    ("kubernetes", f"{_NETPOL}/nad_test_13/vms.yaml"),
    ("kubernetes", f"{_NETPOL}/cudn_test_5/cudns.yaml"),
    ("compose", "5gcore-free5gc-compose/docker-compose.yaml"),
    ("compose", "5gcore-free5gc-compose/config/amfcfg.yaml"),
    ("helm", "5gcore-towards5gs-helm/charts/free5gc/values.yaml"),
)
SOURCES: dict[str, Source] = {s.kind: s for s in (Kubernetes(), Compose(), Helm())}

OWN = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Pod
  metadata: {name: a, namespace: n, labels: {x: y}}
  spec:
    hostNetwork: true
    nodeName: one
    containers: [{name: c, image: "i:1", ports: [{containerPort: 80, hostPort: 80, name: p}]}]
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata: {name: p, namespace: n}
  spec:
    podSelector: {matchExpressions: [{key: x, operator: In, values: [y]}]}
    policyTypes: [Ingress, Egress]
    ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: p}]}]
    egress: [{to: [{namespaceSelector: {}, podSelector: {}}], ports: [{port: 1, endPort: 9}]}]
- {apiVersion: v1, kind: Service, metadata: {name: s, namespace: n}, spec: {selector: {x: y}, ports: [{port: 80, targetPort: p, nodePort: 30000}]}}
- {apiVersion: route.openshift.io/v1, kind: Route, metadata: {name: r, namespace: n}, spec: {to: {name: s}}}
- apiVersion: k8s.cni.cncf.io/v1
  kind: NetworkAttachmentDefinition
  metadata: {name: a, namespace: n}
  spec: {config: '{"type": "macvlan", "master": "eth0", "ipam": {"ranges": [[{"subnet": "10.0.0.0/8"}]]}}'}
"""


def check(source: Source, path: Path, content: bytes, origin: str | None = None) -> None:
    path.write_bytes(content)
    assert 0.0 <= source.claims(path, content[:HEAD_BYTES]).sureness <= 1.0
    try:
        gathered = gather(source, path, Options(origin=origin))
    except RingfenceError:
        return
    assert gathered.rows_read == gathered.rows_kept + gathered.rows_rejected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=120)
@given(content=bent(OWN))
def test_bent_objects_together(content: bytes, tmp_path: Path) -> None:
    """Beside a file that is whole, so that what is bent meets what is not."""
    path, whole = tmp_path / "x.yaml", tmp_path / "y.yaml"
    path.write_bytes(content)
    whole.write_text(OWN.replace("name: a,", "name: b,"))
    gathered = gather_together(Kubernetes(), {"c/x": path, "c/y": whole}, Options(origin="c"))
    assert gathered.rows_read == gathered.rows_kept + gathered.rows_rejected


@pytest.mark.parametrize(("kind", "name"), FILES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_bent_real_files(kind: str, name: str, data: st.DataObject, tmp_path: Path) -> None:
    real = _SHARED / name
    if not real.is_file():
        pytest.skip(f"needs the shared data: {real}")
    content = data.draw(bent(real.read_text()))
    check(SOURCES[kind], tmp_path / real.name, content)


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        b"\xff\xfe\x00",
        b"\xef\xbb\xbf",
        b"[" * 100_000,
        b"{" * 100_000,
        b"a: " * 10_000,
        b"- " * 50_000,
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: [a]}\nspec: {containers: {a: b}}\n",
        b"apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: [1]\n",
        b"services:\n  a:\n    image: [x]\n    ports: {a: b}\n    networks: 7\nnetworks: [n]\n",
        b"services: &a\n  b: *a\n",
        b"apiVersion: v1\nkind: List\nitems: [1, [], {}, {kind: Pod}]\n",
    ],
)
def test_nothing_but_rejects_or_a_refusal(kind: str, content: bytes, tmp_path: Path) -> None:
    check(SOURCES[kind], tmp_path / "values.yaml", content)


def test_long_names_are_cut_and_stay_apart(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {{name: {}, namespace: n}}\nspec: {{}}\n"
    path.write_text("---\n".join(pod.format("x" * 100_000 + end) for end in "ab"))
    gathered = gather(Kubernetes(), path, Options())
    assert gathered.rows_rejected == 0
    assert len(set(gathered.tables["element"].column("id").to_pylist())) == 3


def test_each_source_keeps_the_contract(tmp_path: Path) -> None:
    files = {
        "pod.yaml": OWN,
        "docker-compose.yaml": "services:\n  a:\n    image: x:1\n    ports: ['1:2']\n",
        "amf.yaml": "amf:\n  sbi:\n    server:\n      - {address: 192.0.2.1, port: 7777}\n",
        "lab-values.yaml": "image: {repository: a, tag: '1'}\nn3: {type: macvlan, masterIf: e}\n",
    }
    paths = {}
    for name, text in files.items():
        paths[name] = tmp_path / name
        paths[name].write_text(text)
    pod, compose, conf, values = paths.values()
    check_source(Kubernetes(), [pod], [compose, values])
    check_source(Compose(), [compose], [pod, values])
    check_source(Helm(), [values], [pod, compose, conf])
