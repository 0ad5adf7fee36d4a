"""The engine against the Linux kernel: random networks, every pair probed with real packets."""

import time

import pytest

from ringfence.exposure.packets import MOST_APART, PacketParameters, packets
from ringfence.network.model import TABLES
from ringfence.store.duck import Tables
from tests.exposure.kernel.namespaces import missing, without_vlans
from tests.exposure.kernel.networks import Generator, Row
from tests.exposure.kernel.probes import Probes, Reached, answered
from tests.exposure.kernel.realised import Realised

NETWORKS = 20
SECONDS = 40
"""No network is begun after so long."""

_WHY_NOT = missing()

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(_WHY_NOT is not None, reason=_WHY_NOT or "can be built"),
]


def told(
    rows: dict[str, list[Row]], most_apart: int = MOST_APART
) -> dict[tuple[str, str, str, int], str]:  # fmt: skip
    """The engine's answers; of packets whose ends are of two families none is sent."""
    tables = Tables({name: TABLES[name].from_rows(given) for name, given in rows.items()})
    found = packets(tables, PacketParameters(most_apart))
    answers = answered({name: table.to_pylist() for name, table in found.items()}, rows)
    return {k: a for k, a in answers.items() if (":" in k[1]) == k[0].endswith("/6")}


def arrived(rows: dict[str, list[Row]], expected: Reached) -> Reached:
    """What arrived, from others; what was expected and did not is sent again twice."""
    network = Realised(rows)
    try:
        probes = Probes(network)
        try:
            reached = probes.all()
            for _ in range(2):
                if late := expected - reached:
                    time.sleep(0.05)
                    reached |= probes.all({(foot, to) for foot, to, _, _ in late})
        finally:
            probes.close()
    finally:
        network.close()
    element_of = {r["id"]: r["element"] for r in rows["interface"]}
    owner_of = {r["address"].partition("/")[0]: r["element"] for r in rows["interface"]}
    return {k for k in reached if element_of[k[0]] != owner_of[k[1]]}


def leaves_open(rows: dict[str, list[Row]]) -> bool:
    """Whether the rows cannot say it all: a router where members are apart may be the exception."""
    forwards = {r["id"] for r in rows["element"] if r["forwards_packets"]}
    apart = {r["id"] for r in rows["segment"] if r["isolates_members"]}
    return any(r["segment"] in apart and r["element"] in forwards for r in rows["interface"])


def compared(
    seed: int, hosts: int, *, vlans: bool = False
) -> tuple[Reached, Reached, Reached]:  # fmt: skip
    """What the engine says can and did not arrive, what arrived and cannot, what is not known."""
    rows = Generator(seed, hosts, vlans=vlans).rows
    answers = told(rows)
    # Looked at one by one, and in classes across segments.
    assert answers == told(rows, 0)
    can = {k for k, answer in answers.items() if answer == "can"}
    reached = arrived(rows, can)
    return can - reached, reached - answers.keys(), answers.keys() - can


@pytest.mark.timeout(120)
def test_what_arrives_is_what_the_engine_says() -> None:
    began = time.monotonic()
    done = 0
    for seed in range(NETWORKS):
        if time.monotonic() - began > SECONDS:
            break
        hosts = 5 + seed * 7 % 36 if seed % 4 == 0 else 5 + seed % 8
        lost, strange, unknown = compared(seed, hosts)
        assert (lost, strange) == (set(), set()), f"seed {seed}, {hosts} hosts"
        assert not unknown or leaves_open(Generator(seed, hosts).rows), f"seed {seed}"
        done += 1
    assert done


@pytest.mark.timeout(120)
@pytest.mark.skipif(without_vlans() is not None, reason=without_vlans() or "can be built")
@pytest.mark.parametrize("seed", range(3))
def test_vlans_of_one_switch_are_apart_as_the_engine_says(seed: int) -> None:
    lost, strange, _ = compared(2000 + seed, 9, vlans=True)
    assert (lost, strange) == (set(), set())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(6))
def test_what_is_withheld_never_makes_a_wrong_answer(seed: int) -> None:
    rows = Generator(1000 + seed, 8).rows
    kept = withheld(rows, seed)
    answers = told(kept)
    assert answers == told(kept, 0)
    reached = arrived(rows, set())
    can = {k for k, answer in answers.items() if answer == "can"}
    assert reached - answers.keys() == set()
    assert can - arrived(rows, can) == set()


def withheld(rows: dict[str, list[Row]], seed: int) -> dict[str, list[Row]]:
    """The same network with some of what is known left out."""
    draw = Generator(seed, 5)
    kept = {name: [dict(row) for row in listed] for name, listed in rows.items()}
    for table, column, value in (
        ("boundary", "default_action", None),
        ("boundary", "has_rules_stated", False),
        ("filter", "is_understood", False),
        ("filter", "action", None),
        ("group_member", "is_certain", False),
        ("element", "forwards_packets", None),
        ("segment", "checks_source", None),
    ):
        for row in kept[table]:
            if draw.chance(0.2) and (column != "forwards_packets" or row[column]):
                row[column] = value
    return kept
