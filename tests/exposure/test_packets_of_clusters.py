"""The engine on the shared policy analyser's clusters, against the connections it lists.

The lists were written by another program. Every protocol and every range of ports that a policy
tells apart is made an endpoint of each workload, and addresses outside are hosts in the pod
network, one in each range that a policy parts; pods have addresses that no policy names, as the
definition of Kubernetes' policies takes ranges to lie outside.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from ringfence.exposure.packets import PacketParameters, packets
from ringfence.network.model import TABLES
from ringfence.sources.base import Options, gather_together
from ringfence.sources.kubernetes import Kubernetes
from ringfence.store.duck import Tables
from tests.sources import connection_lists
from tests.sources.connection_lists import INGRESS_CONTROLLER, Connection
from tests.sources.packets import Network

Row = dict[str, Any]

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "netpol-analyzer"
NAMES = sorted(p.name for p in (_SHARED / "tests").iterdir()) if _SHARED.is_dir() else []
NEEDED = ("element", "segment", "interface", "boundary", "filter", "group_member", "route",
          "translation")  # fmt: skip
LEFT_OPEN = {
    # Policies select pods on the host's network: what that does the definition leaves open.
    "multiple_topology_resources_1",
    "semanticDiff-same-topologies-new1a",
    "semanticDiff-same-topologies-new3",
    "semanticDiff-same-topologies-old2",
    # User-defined networks: whether a pod with a foot in two passes packets on is not stated. Its
    # network namespace takes that setting over from its host, which no file of the cluster tells of.
    "nad_test_13",
    # Each pod has two feet in a macvlan network and a third bonded over them, and no address of
    # them is stated: it may take in at the one what is addressed to the other.
    "nad_test_15",
}
NOBODY_ELSE: set[str] = set()
"""Clusters of one workload."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not NAMES, reason=f"needs the shared data: {_SHARED}"),
]


class Cluster:
    """A cluster's rows, with endpoints and hosts outside."""

    def __init__(self, name: str, *, with_outside: bool) -> None:
        folder = _SHARED / "tests" / name
        files = {f"{name}/{p.relative_to(folder)}": p for p in folder.rglob("*") if p.is_file()}
        read = gather_together(Kubernetes(), files, Options(origin=name)).tables
        self.rows: dict[str, list[Row]] = {
            t: read[t].to_pylist() if t in read else [] for t in NEEDED
        }
        network = Network(read)
        self.ports = network.ports()
        self.names: dict[str, str] = {}
        key = f"kubernetes:{name}/"
        for row in self.rows["element"]:
            parts = row["id"].removeprefix(key).split("/")
            if parts == ["ingress-controller"]:
                self.names[row["id"]] = INGRESS_CONTROLLER
            elif row["kind"] in ("container", "virtual machine"):
                self.names[row["id"]] = "/".join(parts[:3])
        self.segments = {r["id"]: r for r in self.rows["segment"]}
        self.outside: dict[str, int] = {}
        for row in self.rows["segment"]:
            row["checks_source"] = True
        for number, row in enumerate(self.rows["interface"], 1):
            row["origin"] = f"{row['element']} in {row['segment']}"
            if self.is_main(row["segment"]):
                # Ranges of policies mean what is outside: here no pod has an address in one.
                row["address"] = (
                    f"100.64.0.{number}/32" if with_outside else f"fd00::{number:x}/128"
                )
        if with_outside:
            self._add_outside(network.outside())
        self.rows["endpoint"] = [
            {"id": f"{element}|{protocol}|{first}|{last}", "element": element,
             "protocol": protocol, "port": first}
            for element in (*self.names, *self.outside)
            for protocol, first, last in self.ports
        ]  # fmt: skip

    def is_main(self, segment: str | None) -> bool:
        """Whether a segment is one that each pod is in, and no attachment."""
        return self.segments.get(segment or "", {}).get("kind") in ("pod network", "host network")

    def _add_outside(self, addresses: list[int]) -> None:
        mains = {r["segment"] for r in self.rows["interface"] if self.is_main(r["segment"])}
        for address in addresses:
            for number, segment in enumerate(sorted(mains)):
                name = f"outside {address} {number}"
                self.outside[name] = address
                self.rows["element"].append({"id": name, "kind": "box", "origin": name,
                                             "forwards_packets": False})  # fmt: skip
                self.rows["interface"].append({"id": name, "element": name, "segment": segment,
                    "origin": name, "address": f"{ipaddress.ip_address(address)}/32"})  # fmt: skip

    def name(self, element: str) -> str:
        """How the list calls an element."""
        return "outside" if element in self.outside else self.names[element]

    def answers(self) -> dict[tuple[str, str, str], str]:
        """By the sender's element and segment, the receiver's, and endpoint; what is not there cannot."""
        tables = {name: TABLES[name].from_rows(rows) for name, rows in self.rows.items()}
        found = packets(Tables(tables), PacketParameters())
        told = Tables(dict(found)).query(
            "SELECT p.origin AS source, o.origin AS target, o.endpoint, min(g.answer) AS answer "
            "FROM passage g "
            "JOIN place p ON p.place = g.place JOIN opening o ON o.opening = g.opening "
            "WHERE p.element <> o.element AND o.endpoint IS NOT NULL GROUP BY ALL"
        )
        return {(r["source"], r["target"], r["endpoint"]): r["answer"] for r in told.to_pylist()}


def listed(name: str) -> Mapping[tuple[str, str, str | bool], list[Connection]]:
    """The expected connections by their ends and network: main, or an attachment's name."""
    found = defaultdict(list)
    path = _SHARED / "test_outputs" / "connlist" / f"{name}_connlist_output.txt"
    for one in connection_lists.read(path):
        secondary = one.network.removeprefix("secondary NAD ")
        ends = [e if isinstance(e, str) else "outside" for e in (one.source, one.target)]
        found[ends[0], ends[1], secondary if secondary != one.network else True].append(one)
    return found


def is_listed(
    connections: list[Connection], outside: int | None, protocol: str, first: int, last: int
) -> bool:
    return any(
        p == protocol and a <= first and last <= b
        for one in connections
        for p, a, b in one.ports
        if outside is None
        or any(isinstance(e, tuple) and e[0] <= outside <= e[1] for e in (one.source, one.target))
    )


def compared(name: str, *, with_outside: bool) -> tuple[int, list[object], list[object]]:
    """How many questions, those answered otherwise than listed, and those not known."""
    cluster = Cluster(name, with_outside=with_outside)
    answers, expected = cluster.answers(), listed(name)
    feet = [
        r for r in cluster.rows["interface"] if r["element"] in (cluster.names | cluster.outside)
    ]
    asked, wrong, unknown = 0, list[object](), list[object]()
    for source in feet:
        for target in feet:
            ends = cluster.name(source["element"]), cluster.name(target["element"])
            is_outside = "outside" in ends
            if ends[0] == ends[1] or ends[1] == INGRESS_CONTROLLER or is_outside != with_outside:
                continue
            if is_outside and INGRESS_CONTROLLER in ends:
                continue
            one, other = (cluster.segments.get(f["segment"] or "", {}) for f in (source, target))
            mains = cluster.is_main(source["segment"]), cluster.is_main(target["segment"])
            if mains[0] != mains[1] or (is_outside and not all(mains)):
                continue
            if is_outside and source["segment"] != target["segment"]:
                continue
            network: str | bool = True if mains[0] else str(one.get("name"))
            if not mains[0] and one.get("name") != other.get("name"):
                continue
            address = cluster.outside.get(source["element"], cluster.outside.get(target["element"]))
            for protocol, first, last in cluster.ports:
                endpoint = f"{target['element']}|{protocol}|{first}|{last}"
                ours = answers.get((source["origin"], target["origin"], endpoint), "cannot")
                theirs = is_listed(
                    expected.get((*ends, network), []), address, protocol, first, last
                )
                asked += 1
                question = (*ends, network, address, protocol, first, ours, theirs)
                if ours == "not known":
                    unknown.append(question)
                elif (ours == "can") != theirs:
                    wrong.append(question)
    return asked, wrong, unknown


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_outside", [False, True])
def test_no_answer_is_other_than_listed(name: str, *, with_outside: bool) -> None:
    asked, wrong, unknown = compared(name, with_outside=with_outside)
    assert wrong == []
    assert not unknown or name in LEFT_OPEN
    assert asked or with_outside or name in NOBODY_ELSE
