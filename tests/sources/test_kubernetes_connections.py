"""Each cluster of the shared policy analyser's tests, against the connections it lists.

The lists were written by another program, not by this one. Every question is asked packet by
packet of our tables: each pair of workloads, each range outside that a policy parts, each protocol
and each range of ports. Files of one folder are one cluster.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import pytest

from ringfence.sources.base import Gathered, Options, gather_together
from ringfence.sources.kubernetes import Kubernetes
from tests.sources import connection_lists
from tests.sources.connection_lists import INGRESS_CONTROLLER, Connection, Outside
from tests.sources.packets import End, Network

FOLDERS = 66
"""`ls test_outputs/connlist/*.txt | wc -l`, as many as `ls tests | wc -l`."""

ON_THE_HOST = {
    "multiple_topology_resources_1",
    "semanticDiff-same-topologies-new1a",
    "semanticDiff-same-topologies-new3",
    "semanticDiff-same-topologies-old2",
}
"""Clusters in which policies select pods with `hostNetwork: true` (grep): what a policy does to
those the definition leaves to the plugin, while the lists take them for any others."""

_SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "netpol-analyzer"
NAMES = sorted(p.name for p in (_SHARED / "tests").iterdir()) if _SHARED.is_dir() else []

pytestmark = pytest.mark.skipif(not NAMES, reason=f"needs the shared data: {_SHARED}")

Asked = tuple[str | Outside, str | Outside, str, str, int, int]


@cache
def cluster(name: str) -> Gathered:
    folder = _SHARED / "tests" / name
    files = {f"{name}/{p.relative_to(folder)}": p for p in folder.rglob("*") if p.is_file()}
    return gather_together(Kubernetes(), files, Options(origin=name))


def expected(name: str) -> Mapping[tuple[str, str, bool | str], list[Connection]]:
    """The listed connections by their ends and network: main, or an attachment's name."""
    found = defaultdict(list)
    for connection in connection_lists.read(
        _SHARED / "test_outputs" / "connlist" / f"{name}_connlist_output.txt"
    ):
        secondary = connection.network.removeprefix("secondary NAD ")
        network = secondary if secondary != connection.network else True
        ends = [
            e if isinstance(e, str) else "outside" for e in (connection.source, connection.target)
        ]
        found[ends[0], ends[1], network].append(connection)
    return found


def is_listed(
    connections: Sequence[Connection], end: int | None, protocol: str, first: int, last: int
) -> bool:
    return any(
        p == protocol and a <= first and last <= b
        for c in connections
        for p, a, b in c.ports
        if end is None
        or any(isinstance(e, tuple) and e[0] <= end <= e[1] for e in (c.source, c.target))
    )


class Comparison:
    """All questions that can be asked of a cluster, with our answer and the list's."""

    def __init__(self, name: str, network: Network) -> None:
        self.network = network
        self.listed = expected(name)
        key = f"kubernetes:{name}/"
        self.names = {}
        for row in network.rows("element"):
            parts = row["id"].removeprefix(key).split("/")
            if parts == ["ingress-controller"]:
                self.names[row["id"]] = INGRESS_CONTROLLER
            elif row["kind"] in ("container", "virtual machine"):
                self.names[row["id"]] = "/".join(parts[:3])
        segments = {r["id"]: r for r in network.rows("segment")}
        self.feet = defaultdict(list)
        for row in network.interfaces.values():
            if row["element"] in self.names:
                segment = segments[row["segment"]]
                is_main = segment["kind"] in ("pod network", "host network")
                end = End(row["element"], row["id"])
                self.feet[True if is_main else segment["name"]].append(end)

    def answers(self) -> Iterator[tuple[Asked, bool | None, bool]]:
        ports = self.network.ports()
        for kind, feet in self.feet.items():
            for source in feet:
                for target in feet:
                    a, b = self.names[source.element or ""], self.names[target.element or ""]
                    if b in (a, INGRESS_CONTROLLER):
                        continue
                    meet = self.network.on_one_wire(source, target)
                    listed = self.listed.get((a, b, kind), [])
                    for protocol, first, last in ports:
                        ours = meet and self.network.passes(source, target, protocol, first)
                        theirs = is_listed(listed, None, protocol, first, last)
                        yield (a, b, str(kind), protocol, first, last), ours, theirs
        for foot in self.feet[True]:
            name = self.names[foot.element or ""]
            for address in self.network.outside() if name != INGRESS_CONTROLLER else ():
                yield from self._outside(foot, name, address, ports)

    def _outside(
        self, foot: End, name: str, address: int, ports: Sequence[tuple[str, int, int]]
    ) -> Iterator[tuple[Asked, bool | None, bool]]:
        beyond = End(address=address)
        for protocol, first, last in ports:
            for source, target, ends in (
                (foot, beyond, (name, "outside")),
                (beyond, foot, ("outside", name)),
            ):
                ours = self.network.passes(source, target, protocol, first)
                listed = self.listed.get((*ends, True), [])
                theirs = is_listed(listed, address, protocol, first, last)
                yield (*ends, str(address), protocol, first, last), ours, theirs


def test_every_folder_is_compared() -> None:
    assert len(NAMES) == FOLDERS
    lists = (_SHARED / "test_outputs" / "connlist").glob("*.txt")
    assert sorted(p.name.removesuffix("_connlist_output.txt") for p in lists) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_connections_are_those_listed(name: str) -> None:
    comparison = Comparison(name, Network(cluster(name).tables, as_written=True))
    answers = list(comparison.answers())
    assert [a for a in answers if a[1] is not a[2]] == []
    named = {e for ends in comparison.listed for e in ends[:2]} - {"outside"}
    assert named <= set(comparison.names.values())
    assert answers or not comparison.names


@pytest.mark.parametrize("name", NAMES)
def test_what_is_not_known_is_said_to_be_so(name: str) -> None:
    """Taken strictly, no answer differs, and the only open ones are of pods on the host's network."""
    comparison = Comparison(name, Network(cluster(name).tables))
    answers = list(comparison.answers())
    assert [a for a in answers if a[1] is not None and a[1] is not a[2]] == []
    hosts = {
        comparison.names[r["element"]]
        for r in comparison.network.interfaces.values()
        if r["name"] == "host" and r["element"] in comparison.names
    }
    unknown = [a for a in answers if a[1] is None]
    assert bool(unknown) == (name in ON_THE_HOST)
    assert all(hosts & set(asked[:2]) for asked, _, _ in unknown)


@pytest.mark.parametrize("name", NAMES)
def test_lists_in_other_forms_say_the_same(name: str) -> None:
    """So that the parser of the lists can be trusted: three forms, written by the other program."""
    folder = _SHARED / "test_outputs" / "connlist"
    text = {(c.source, c.target, c.ports) for c in connection_lists.read(
        folder / f"{name}_connlist_output.txt") if "secondary" not in c.network}  # fmt: skip
    for form in ("csv", "json"):
        path = folder / f"{name}_connlist_output.{form}"
        if path.exists():
            listed = {(c.source, c.target, c.ports) for c in connection_lists.read(path)}
            assert text <= listed


@pytest.mark.parametrize("name", NAMES)
def test_every_object_is_a_row_or_told_of(name: str) -> None:
    gathered = cluster(name)
    assert gathered.rows_read == gathered.rows_kept + gathered.rows_rejected
    origins = {
        r["origin"]
        for table in gathered.tables.values()
        for r in table.select(["origin"]).to_pylist()
    }
    for origin in origins:
        file, _, line = origin.rpartition(":")
        path = _SHARED / "tests" / file
        assert 0 < int(line) <= len(path.read_text().splitlines())
