"""Kubernetes manifests of a made-up cluster: each thing the tables must say, and each trap."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import SourceError
from ringfence.sources.base import HEAD_BYTES, Gathered, Options, gather, gather_together
from ringfence.sources.kubernetes import Kubernetes
from tests.sources.packets import End, Network

Read = Callable[..., Gathered]

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: {name}
  namespace: {namespace}
  labels: {{app: {name}}}
  annotations: {annotations}
spec:
  containers:
    - name: main
      image: {image}
      ports:
        - {{name: http, containerPort: {port}}}
"""


def pod(name: str, namespace: str = "core", annotations: str = "{}", **more: object) -> str:
    image, port = more.get("image", "registry.example/org/app:1.2"), more.get("port", 80)
    return POD.format(
        name=name, namespace=namespace, annotations=annotations, image=image, port=port
    )


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read files, by name, as one cluster called `c`."""

    def of(prefix: str | None = None, **files: str) -> Gathered:
        paths = {}
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/")
            path = path if "." in path.name else path.with_suffix(".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            paths[f"c/{path.relative_to(tmp_path).as_posix()}"] = path
        return gather_together(Kubernetes(), paths, Options(origin="c", prefix=prefix))

    return of


def rows(gathered: Gathered, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (
        gathered.tables[table].to_pylist() if table in gathered.tables else []
    )
    return found


def by_id(gathered: Gathered, table: str) -> Mapping[str, dict[str, Any]]:
    return {r["id"].removeprefix("kubernetes:c/"): r for r in rows(gathered, table)}


def asks(gathered: Gathered, source: str, target: str, protocol: str, port: int) -> bool | None:
    """Whether one pod's main foot may send to another's."""
    network = Network(gathered.tables)

    def foot(name: str) -> End:
        (found,) = (
            r
            for r in network.interfaces.values()
            if r["element"].endswith(f"/{name}") and r["name"] in ("eth0", "host", None)
        )
        return End(found["element"], found["id"])

    return network.passes(foot(source), foot(target), protocol, port)


def test_a_workload_is_one_element_and_its_image_a_product(read: Read) -> None:
    gathered = read(
        a="""\
apiVersion: apps/v1
kind: Deployment
metadata: {name: amf, namespace: core}
spec:
  replicas: 3
  template:
    metadata:
      labels: {app: amf, app.kubernetes.io/component: mobility}
      annotations: {org.opencontainers.image.vendor: Norrsken Systems}
    spec:
      nodeName: rack-7
      containers:
        - name: amf
          image: registry.example:5000/norrsken/core@sha256:%s
          command: [/usr/bin/open5gs-amfd]
        - {name: proxy, image: "example/proxy:2.0"}
"""
        % ("ab" * 32)
    )
    elements = by_id(gathered, "element")
    amf = elements["core/Deployment/amf"]
    assert (amf["kind"], amf["role_name"], amf["vendor_name"]) == (
        "container", "mobility", "Norrsken Systems",
    )  # fmt: skip
    assert amf["software_version"] is None
    assert amf["origin"] == "c/a.yaml:1"
    products = by_id(gathered, "product")
    assert amf["product"] == "kubernetes:c/image/registry.example:5000/norrsken/core"
    # The organisation in a repository's name is no maker; the label is that of the workload's own.
    assert products["image/example/proxy"]["vendor_name"] is None
    assert [r["kind"] for r in rows(gathered, "function") if "amf" in r["element"]] == ["AMF"]
    relations = {(r["source"], r["target"], r["kind"]) for r in rows(gathered, "relation")}
    key = "kubernetes:c/"
    assert relations == {
        (f"{key}cluster", f"{key}core/Deployment/amf", "orchestrates"),
        (f"{key}cluster", f"{key}Node/rack-7", "orchestrates"),
        (f"{key}Node/rack-7", f"{key}core/Deployment/amf", "hosts"),
    }
    parts = {r["name"]: (r["version"], r["sha256"]) for r in rows(gathered, "component")}
    assert parts == {
        "registry.example:5000/norrsken/core": (None, "ab" * 32),
        "example/proxy": ("2.0", None),
    }


def test_a_name_is_no_function(read: Read) -> None:
    gathered = read(a=pod("amf", image="example/amf:1"))
    assert [r["kind"] for r in rows(gathered, "function")] == ["Kubernetes control plane"]


def test_a_mounted_configuration_says_what_listens_where(read: Read) -> None:
    gathered = read(
        a="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: upf, namespace: core}
data:
  upf.yaml: |
    upf:
      pfcp:
        server:
          - dev: n4
      gtpu:
        server:
          - address: 192.0.2.1
---
apiVersion: v1
kind: Pod
metadata:
  name: upf
  namespace: core
  annotations:
    k8s.v1.cni.cncf.io/networks: '[{"name": "n4", "interface": "n4", "ips": ["198.51.100.1/24"]}]'
spec:
  containers:
    - name: x
      image: example/upf:1
      volumeMounts: [{name: conf, mountPath: /etc/upf}]
  volumes: [{name: conf, configMap: {name: upf}}]
"""
    )
    endpoints = {
        (r["service"], r["protocol"], r["port"], r["address"], r["origin"])
        for r in rows(gathered, "endpoint")
    }
    assert endpoints == {
        ("PFCP", "UDP", 8805, "198.51.100.1", "c/a.yaml:9"),
        ("GTP-U", "UDP", 2152, "192.0.2.1", "c/a.yaml:12"),
    }
    functions = {(r["kind"], r["origin"]) for r in rows(gathered, "function")}
    assert ("UPF", "c/a.yaml:7") in functions


def test_a_network_that_nothing_uses_is_there_and_used_by_nothing(read: Read) -> None:
    """A name proves nothing: `n2` is only a word, and so is `n3`, which is on the same wire."""
    attachment = """\
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {{name: {name}, namespace: core}}
spec:
  config: '{{"type": "macvlan", "master": "eth1", "mode": "{mode}", {more} "ipam": {{"type": "static"}}}}'
"""
    gathered = read(
        nads="---\n".join(
            (
                attachment.format(name="n2", mode="bridge", more=""),
                attachment.format(name="n3", mode="bridge", more=""),
                attachment.format(name="n4", mode="private", more='"vlan": 40,'),
            )
        ),
        a=pod("amf", annotations='{k8s.v1.cni.cncf.io/networks: "core/n3@if3, n4"}'),
    )
    segments = by_id(gathered, "segment")
    n2, n3, n4 = (segments[f"core/NetworkAttachmentDefinition/{n}"] for n in ("n2", "n3", "n4"))
    assert [s["parent_interface"] for s in (n2, n3, n4)] == ["eth1"] * 3
    assert n2["parent"] == n3["parent"] == "kubernetes:c/wire/eth1"
    assert n4["parent"] == "kubernetes:c/wire/eth1/vlan/40"
    assert [s["isolates_members"] for s in (n2, n3, n4)] == [False, False, True]
    feet = {r["name"]: r["segment"] for r in rows(gathered, "interface")}
    assert feet == {"eth0": "kubernetes:c/pod-network", "if3": n3["id"], "net2": n4["id"]}


def test_an_attachments_range_is_its_ipams(read: Read) -> None:
    text = """\
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: n, namespace: core}
spec:
  config: '{"plugins": [{"type": "bridge", "bridge": "br7", "ipam": %s}]}'
"""
    for ipam, expected in (
        ('{"type": "host-local", "subnet": "192.0.2.0/24"}', "192.0.2.0/24"),
        ('{"type": "host-local", "ranges": [[{"subnet": "2001:db8::/64"}]]}', "2001:db8::/64"),
        ('{"type": "whereabouts", "range": "192.0.2.10-192.0.2.20/24"}', "192.0.2.0/24"),
        ('{"type": "static"}', None),
    ):
        gathered = read(n=text % ipam)
        found = by_id(gathered, "segment")["core/NetworkAttachmentDefinition/n"]
        assert found["address_range"] == expected


LABELLED = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: from-ops, namespace: core}
spec:
  podSelector: {}
  ingress:
    - from:
        - namespaceSelector: {matchLabels: {team: ops}}
"""
NAMED = LABELLED.replace("team: ops", "kubernetes.io/metadata.name: ops")


def test_a_namespace_may_lack_the_label_that_is_asked_for(read: Read) -> None:
    """Where its manifest is not given, whether it has the label is not known."""
    pods = {"a": pod("inside"), "b": pod("client", "ops")}
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: ops, labels: %s}\n"
    unknown = read(**pods, policy=LABELLED)
    assert asks(unknown, "client", "inside", "TCP", 80) is None
    member = {r["element"]: r["is_certain"] for r in rows(unknown, "group_member")}
    assert member["kubernetes:c/ops/Pod/client"] is False
    has = read(**pods, policy=LABELLED, ns=namespace % "{team: ops}")
    assert asks(has, "client", "inside", "TCP", 80) is True
    lacks = read(**pods, policy=LABELLED, ns=namespace % "{team: dev}")
    assert asks(lacks, "client", "inside", "TCP", 80) is False


def test_every_namespace_has_the_label_of_its_name(read: Read) -> None:
    gathered = read(a=pod("inside"), b=pod("client", "ops"), policy=NAMED)
    assert asks(gathered, "client", "inside", "TCP", 80) is True
    assert asks(gathered, "inside", "client", "TCP", 80) is True


EGRESS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: core}
spec:
  podSelector: {matchLabels: {app: client}}
  policyTypes: [Egress]
  egress:
    - to: [{podSelector: {}}]
      ports: %s
"""


def test_a_named_port_is_each_destinations_own(read: Read) -> None:
    pods = {"a": pod("one", port=80), "b": pod("two", port=8080), "c": pod("client", port=1)}
    gathered = read(**pods, policy=EGRESS % "[{port: http}]")
    answers = {
        (target, port): asks(gathered, "client", target, "TCP", port)
        for target in ("one", "two")
        for port in (80, 8080)
    }
    assert answers == {
        ("one", 80): True, ("one", 8080): False, ("two", 80): False, ("two", 8080): True,
    }  # fmt: skip
    nothing = read(**pods, policy=EGRESS % "[{port: https}]")
    assert asks(nothing, "client", "one", "TCP", 80) is False


def test_ranges_of_ports_and_protocols(read: Read) -> None:
    pods = {"a": pod("one"), "c": pod("client")}
    gathered = read(
        **pods, policy=EGRESS % "[{port: 100, endPort: 110, protocol: SCTP}, {protocol: UDP}]"
    )
    answers = [
        asks(gathered, "client", "one", protocol, port)
        for protocol, port in (("SCTP", 99), ("SCTP", 110), ("SCTP", 111), ("UDP", 9), ("TCP", 105))
    ]
    assert answers == [False, True, False, True, False]


def test_types_that_are_not_stated_follow_from_the_rules(read: Read) -> None:
    """Ingress always; egress where there are rules for it."""
    pods = {"a": pod("one"), "c": pod("client")}
    text = EGRESS.replace("  policyTypes: [Egress]\n", "") % "[]"
    gathered = read(**pods, policy=text)
    assert asks(gathered, "client", "one", "TCP", 80) is True
    assert asks(gathered, "one", "client", "TCP", 80) is False


def test_what_is_excepted_from_a_range_is_left_out(read: Read) -> None:
    text = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: out, namespace: core}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
    - to:
        - ipBlock: {cidr: 10.0.0.0/8, except: [10.128.0.0/9, 10.0.0.0/16]}
        - ipBlock: {cidr: "2001:db8::/32", except: ["2001:db8:8000::/33"]}
"""
    gathered = read(a=pod("one"), policy=text)
    ranges = {r["destination_range"] for r in rows(gathered, "filter")} - {None}
    # 10.0.0.0/9 without its first /16: the second /16, the next /15, /14 and so on.
    assert ranges == {
        "10.1.0.0/16", "10.2.0.0/15", "10.4.0.0/14", "10.8.0.0/13", "10.16.0.0/12",
        "10.32.0.0/11", "10.64.0.0/10", "2001:db8::/33",
    }  # fmt: skip


def test_a_field_that_nobody_knows_is_kept_and_not_understood(read: Read) -> None:
    pods = {"a": pod("one"), "c": pod("client")}
    text = EGRESS.replace("{podSelector: {}}", "{podSelector: {}, serviceAccount: x}") % "[]"
    gathered = read(**pods, policy=text)
    assert asks(gathered, "client", "one", "TCP", 80) is None
    assert False in {r["is_understood"] for r in rows(gathered, "filter")}


def test_a_policy_of_another_maker_is_not_understood(read: Read) -> None:
    text = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: x, namespace: core}
spec: {endpointSelector: {}}
"""
    gathered = read(a=pod("one"), b=pod("client", "ops"), policy=text)
    assert asks(gathered, "client", "one", "TCP", 80) is None
    assert asks(gathered, "one", "client", "TCP", 80) is None


def test_pods_on_the_hosts_network_may_or_may_not_be_filtered(read: Read) -> None:
    hosted = pod("hosted").replace("spec:\n", "spec:\n  hostNetwork: true\n")
    deny = LABELLED.split("  ingress:", maxsplit=1)[0]
    gathered = read(a=hosted, b=pod("client", "ops"), policy=deny)
    assert asks(gathered, "client", "hosted", "TCP", 80) is None
    segments = by_id(gathered, "segment")
    assert segments["host-network"]["parent"] == "kubernetes:c/pod-network"


def test_a_primary_network_needs_the_namespaces_label(read: Read) -> None:
    network = """\
apiVersion: k8s.ovn.org/v1
kind: UserDefinedNetwork
metadata: {name: own, namespace: core}
spec: {topology: Layer2, layer2: {role: Primary, subnets: ["192.0.2.0/24", "2001:db8::/64"]}}
"""
    namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: core, labels: %s}\n"

    def foot(**files: str) -> object:
        (found,) = rows(read(a=pod("one"), n=network, **files), "interface")
        return found["segment"]

    assert foot() is None
    assert foot(ns=namespace % "{}") == "kubernetes:c/pod-network"
    label = '{k8s.ovn.org/primary-user-defined-network: ""}'
    assert foot(ns=namespace % label) == "kubernetes:c/core/UserDefinedNetwork/own"
    ranges = {
        r["address_range"]
        for r in rows(read(a=pod("one"), n=network), "segment")
        if r["kind"] == "subnet"
    }
    assert ranges == {"192.0.2.0/24", "2001:db8::/64"}


def test_pods_of_one_controller_that_policies_tell_apart_are_apart(read: Read) -> None:
    owned = "  ownerReferences: [{kind: ReplicaSet, name: r, controller: true}]\nspec:\n"
    alike = "\n---\n".join(
        pod(n).replace("spec:\n", owned).replace(f"app: {n}", "app: r") for n in "ab"
    )
    assert set(by_id(read(a=alike), "element")) == {"cluster", "core/ReplicaSet/r"}
    unlike = "\n---\n".join(pod(n).replace("spec:\n", owned) for n in "ab")
    assert set(by_id(read(a=unlike), "element")) == {
        "cluster", "core/ReplicaSet/r/a", "core/ReplicaSet/r/b",
    }  # fmt: skip


def test_lists_json_and_byte_order_marks(read: Read) -> None:
    text = (
        '{"apiVersion": "v1", "kind": "PodList", "items": [\n'
        '{"metadata": {"name": "a", "namespace": "x"}, "spec": {}},\n'
        '{"metadata": {"name": "b", "namespace": "x"}, "spec": {}}]}'
    )
    gathered = read(**{"a.json": "\ufeff" + text})
    assert set(by_id(gathered, "element")) == {"cluster", "x/Pod/a", "x/Pod/b"}
    assert by_id(gathered, "element")["x/Pod/b"]["origin"] == "c/a.json:3"
    assert gathered.rows_read == 2


def test_a_key_twice_is_refused_with_its_line_and_the_rest_is_read(read: Read) -> None:
    gathered = read(a=pod("one") + "---\n" + pod("two").replace("spec:", "kind: Pod\nspec:"))
    (reject,) = gathered.rejects.to_pylist()
    # The first document has 13 lines, the mark one, and the second key stands on the eighth.
    assert (reject["place"], reject["kind"]) == ("line 22", "fault")
    assert "there twice" in reject["reason"]
    assert set(by_id(gathered, "element")) == {"cluster", "core/Pod/one"}


def test_a_broken_file_does_not_lose_the_others(read: Read) -> None:
    gathered = read(a=pod("one"), b="a: [1\n", c="just: text\n", d="")
    assert set(by_id(gathered, "element")) == {"cluster", "core/Pod/one"}
    counts = {n: (c.rows_read, c.rows_kept) for n, c in gathered.files.items()}
    assert counts == {
        "c/a.yaml": (1, 1), "c/b.yaml": (1, 0), "c/c.yaml": (1, 0), "c/d.yaml": (1, 0),
    }  # fmt: skip


def test_the_same_object_given_differently_is_told_of(read: Read) -> None:
    gathered = read(a=pod("one"), b=pod("one"), c=pod("one", image="example/other:2"))
    told = {r["file"]: (r["kind"], r["reason"]) for r in gathered.rejects.to_pylist()}
    assert told["c/b.yaml"] == ("set aside", "the same Pod is given at c/a.yaml:1")
    assert told["c/c.yaml"][0] == "fault"
    assert "c/a.yaml:1" in told["c/c.yaml"][1]


def test_kustomizations_give_namespace_prefix_image_and_maps(read: Read) -> None:
    deployment = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: amf}
spec:
  template:
    metadata: {labels: {app: amf}}
    spec:
      containers:
        - name: amf
          image: example/core:1
          volumeMounts: [{name: v, mountPath: /etc/amf}]
      volumes: [{name: v, configMap: {name: amf-map}}]
"""
    files = {
        "base__kustomization": (
            "resources: [amf.yaml]\nconfigMapGenerator: [{name: amf-map, files: [amf-conf.yaml]}]\n"
        ),
        "base__amf": deployment,
        "base__amf-conf": "amf: {sbi: {server: [{address: 192.0.2.1, port: 7777}]}}\n",
        "top__kustomization": (
            "namespace: core\nnamePrefix: x-\nresources: [../base]\n"
            "images: [{name: example/core, newTag: '2'}]\n"
        ),
    }
    gathered = read(**files)
    element = by_id(gathered, "element")["core/Deployment/x-amf"]
    assert element["software_version"] == "2"
    assert {r["origin"] for r in rows(gathered, "endpoint")} == {"c/base/amf-conf.yaml:1"}
    assert gathered.rows_rejected == 0
    # With a second overlay the base has two ways to go, and takes none.
    both = read(**files, other__kustomization="namespace: lab\nresources: [../base]\n")
    assert "default/Deployment/amf" in by_id(both, "element")
    told = [r["reason"] for r in both.rejects.to_pylist()]
    assert len([t for t in told if "alternative" in t]) == 2


def test_services_and_ingresses_lead_to_ports(read: Read) -> None:
    gathered = read(
        a=pod("web", port=8080),
        b="""\
apiVersion: v1
kind: Service
metadata: {name: web, namespace: core}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: w, port: 80, targetPort: http, nodePort: 30080}, {port: 9, targetPort: 99}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: core}
spec:
  defaultBackend: {service: {name: web, port: {name: w}}}
""",
    )
    endpoints = {
        (r["element"].removeprefix("kubernetes:c/"), r["port"]) for r in rows(gathered, "endpoint")
    }
    assert endpoints == {("core/Pod/web", 8080), ("core/Pod/web", 99), ("cluster", 30080)}
    assert asks(gathered, "ingress-controller", "web", "TCP", 8080) is True
    assert asks(gathered, "ingress-controller", "web", "TCP", 99) is False


def test_a_prefix_takes_the_place_of_the_cluster(read: Read) -> None:
    gathered = read(prefix="lab", a=pod("one"))
    assert {r["id"] for r in rows(gathered, "element")} == {"lab:cluster", "lab:core/Pod/one"}


def test_ports_that_are_none_give_no_rows(read: Read) -> None:
    gathered = read(a=pod("one", port=99999), b=pod("two", port="x"))
    assert rows(gathered, "endpoint") == []
    assert gathered.rows_kept == 2


@pytest.mark.parametrize(
    ("name", "text", "sureness"),
    [
        ("a.yaml", "apiVersion: v1\nkind: Pod\n", 0.95),
        ("a.json", '{\n  "apiVersion": "v1",\n  "items": [{"kind": "Pod"}]\n}', 0.95),
        ("a.json", '{"kind":"List","apiVersion":"v1"}', 0.95),
        ("kustomization.yaml", "resources: [a.yaml]\n", 1.0),
        (
            "a.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec:\n  {{- toYaml .Values }}",
            0.3,
        ),
        ("Chart.yaml", "apiVersion: v2\nname: x\nversion: 1\n", 0.0),
        ("docker-compose.yaml", "services:\n  a:\n    image: b\n", 0.0),
        ("a.yaml", "kind: Pod\n", 0.0),
        ("a.csv", "kind,apiVersion\n", 0.0),
        ("a.md", "# Use\n```\napiVersion: v1\nkind: Pod\n```\n", 0.0),
        ("a.bin", "\x00\xff\xfe", 0.0),
    ],
)
def test_claims(name: str, text: str, sureness: float, tmp_path: Path) -> None:
    claim = Kubernetes().claims(tmp_path / name, text.encode("latin-1")[:HEAD_BYTES])
    assert claim.sureness == sureness


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    for text in ("a: 1\n", "", "a: [1\n", "a: 1\na: 2\n"):
        path.write_text(text)
        with pytest.raises(SourceError, match="no Kubernetes manifest"):
            gather(Kubernetes(), path, Options())


def test_one_that_mounts_the_configurations_of_others_is_none_of_them(read: Read) -> None:
    text = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: all, namespace: core}
data:
  amf.yaml: |
    amf:
      sbi: {server: [{address: 192.0.2.1}]}
  smf.yaml: |
    smf:
      sbi: {server: [{address: 192.0.2.2}]}
---
"""
    mounts = "      volumeMounts: [{name: v, mountPath: /c}]\n  volumes: [{name: v, configMap: {name: all}}]\n"
    gathered = read(a=text + pod("editor") + mounts)
    assert [r["kind"] for r in rows(gathered, "function")] == ["Kubernetes control plane"]
    assert {r["port"] for r in rows(gathered, "endpoint")} == {80}


def test_of_an_object_given_twice_that_is_believed_which_is_deployed(read: Read) -> None:
    """The one to which a kustomization leads, though the other's file comes first."""
    bare = pod("one", image="example/old:1")
    gathered = read(
        a=bare, z__one=pod("one", image="example/new:2"), z__kustomization="resources: [one.yaml]\n"
    )
    assert {r["name"] for r in rows(gathered, "component")} == {"example/new"}
    assert [r["file"] for r in gathered.rejects.to_pylist()] == ["c/a.yaml"]


def test_admin_policies_leave_pods_on_the_host_alone(read: Read) -> None:
    hosted = pod("hosted").replace("spec:\n", "spec:\n  hostNetwork: true\n")
    text = """\
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: deny}
spec:
  priority: %s
  subject: {namespaces: {}}
  ingress: [{action: %s, from: [{namespaces: {}}]}]
"""
    pods = {"a": hosted, "b": pod("client", "ops"), "c": pod("other", "ops")}
    gathered = read(**pods, policy=text % (5, "Deny"))
    assert asks(gathered, "client", "hosted", "TCP", 80) is True
    assert asks(gathered, "client", "other", "TCP", 80) is False
    assert asks(gathered, "hosted", "other", "TCP", 80) is True
    # Of two with one priority nobody knows which is first.
    twice = (
        text % (5, "Deny") + "---\n" + (text % (5, "Allow")).replace("name: deny", "name: allow")
    )
    assert asks(read(**pods, policy=twice), "client", "other", "TCP", 80) is None


def test_common_labels_are_on_pods_and_in_selectors(read: Read) -> None:
    """The policy of one kustomization does not select the pods of another."""
    deny = LABELLED.split("  ingress:", maxsplit=1)[0]
    gathered = read(
        x__one=pod("one"),
        x__deny=deny,
        x__kustomization="resources: [one.yaml, deny.yaml]\ncommonLabels: {part: x}\n",
        y__two=pod("two"),
        client=pod("client", "ops"),
    )
    assert asks(gathered, "client", "one", "TCP", 80) is False
    assert asks(gathered, "client", "two", "TCP", 80) is True


def test_what_has_ended_is_told_of_and_is_no_element(read: Read) -> None:
    old = """\
apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: old
  namespace: core
  ownerReferences: [{kind: Deployment, name: d, controller: true}]
spec: {replicas: 0, template: {metadata: {labels: {app: d}}, spec: {containers: []}}}
"""
    gathered = read(a=pod("done") + "status: {phase: Succeeded}\n", b=old, c=pod("one"))
    assert set(by_id(gathered, "element")) == {"cluster", "core/Pod/one"}
    assert (gathered.rows_read, gathered.rows_rejected) == (3, 2)


def test_keys_are_of_one_row_whatever_is_stated_twice(read: Read) -> None:
    networks = '{k8s.v1.cni.cncf.io/networks: "n@net2, m, o@eth0"}'
    twice = pod("one", annotations=networks) + pod("one").split("containers:\n")[1].replace(
        "containerPort: 80", "containerPort: 80, hostPort: 30080"
    )
    service = """\
apiVersion: v1
kind: Service
metadata: {name: s, namespace: core}
spec: {selector: {app: one}, ports: [{port: 80, nodePort: 30080}, {port: 81, nodePort: 30080}]}
"""
    gathered = read(a=twice, b=service)
    for name in ("interface", "endpoint", "component", "segment", "boundary"):
        keys = [r["id"] for r in rows(gathered, name)]
        assert len(keys) == len(set(keys))
    assert len(rows(gathered, "interface")) == 4
