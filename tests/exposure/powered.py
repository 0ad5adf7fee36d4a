"""Small networks for tests of powers, and their whole way from rows to verdicts."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pyarrow as pa

from ringfence.exposure.control import FactParameters, Powers, facts, powers
from ringfence.exposure.exposed import Exposure, ExposureParameters, exposure
from ringfence.exposure.packets import PacketParameters, packets
from ringfence.network.functions import catalogue
from ringfence.network.model import NETWORK_TABLES
from ringfence.store.duck import Tables

Row = dict[str, Any]
DAY = date(2026, 6, 1)
POWERS = powers()
ALL = ("control", "read", "stop")

VENDORS: list[Row] = [
    {"id": "v:x", "name": "X", "is_independent": True},
    {"id": "v:sub", "name": "X Radio"},
    {"id": "v:o", "name": "O", "is_independent": True},
]
HELD: list[Row] = [{"owner": "v:x", "owned": "v:sub", "is_controlling": True}]


def core_scope() -> pa.Table:
    """The 5G core is the core."""
    rows = catalogue().to_pylist()
    return pa.table(
        {
            "kind": [r["kind"] for r in rows],
            "scope": ["in" if r["domain"] == "5G core" else "out" for r in rows],
        }
    )


def powered(rows: Mapping[str, list[Row]], known: Powers = POWERS) -> Tables:
    """A network of these rows, with its packets, its powers and its core."""
    network = Tables({t.name: t.from_rows(rows.get(t.name, [])) for t in NETWORK_TABLES})
    network = network.and_these(dict(packets(network, PacketParameters())))
    network = network.and_these(dict(facts(network, FactParameters(known.rules))))
    return network.and_these({"scope": core_scope()})


def asked(
    profiles: tuple[str, ...] = ("own-software",),
    known: Powers = POWERS,
    vendors: tuple[str, ...] = ("v:x",),
) -> ExposureParameters:
    """Who is hostile."""
    return ExposureParameters(vendors, tuple(known.profile(name) for name in profiles), DAY)


def answer(
    rows: Mapping[str, list[Row]],
    *,
    profiles: tuple[str, ...] = ("own-software",),
    known: Powers = POWERS,
    vendors: tuple[str, ...] = ("v:x",),
) -> Tables:
    """All that is answered."""
    return Tables(dict(exposure(powered(rows, known), asked(profiles, known, vendors))))


def verdicts(found: Tables) -> dict[tuple[str, str], str]:
    """The verdict of each core element and effect."""
    return {(r["element"], r["effect"]): r["verdict"] for r in found["exposed"].to_pylist()}


def judged(
    rows: Mapping[str, list[Row]], profiles: tuple[str, ...] = ("own-software",)
) -> dict[tuple[str, str], str]:
    """The verdicts alone, without chains and what decides."""
    found = Exposure(powered(rows), asked(profiles))
    names = [(t["element"], t["effect"]) for t in found.targets]
    return dict(zip(names, found.verdicts(), strict=True))


def apart(element: str) -> Row:
    """A foot in a segment of its own, so that no packet leads anywhere."""
    return {"id": f"{element}/f", "element": element, "segment": f"only {element}",
            "address": "10.0.0.1/24", "origin": f"{element}.cfg:1"}  # fmt: skip


def network(elements: Mapping[str, str | None], **more: list[Row]) -> dict[str, list[Row]]:
    """Elements by their maker, each in a segment of its own; `amf` performs an AMF."""
    rows: dict[str, list[Row]] = {
        "vendor": VENDORS,
        "ownership": HELD,
        "operator": [{"id": "op", "name": "Op"}],
        "element": [
            {"id": e, "vendor": v, "operator": "op", "forwards_packets": False, "origin": f"e.csv:{n}"}
            for n, (e, v) in enumerate(elements.items(), 2)
        ],
        "function": [{"element": "amf", "kind": "AMF"}],
        "segment": [{"id": f"only {e}", "kind": "subnet", "checks_source": True} for e in elements],
        "interface": [apart(e) for e in elements],
        "endpoint": [{"id": f"{e}/none", "element": e, "address": "127.0.0.1"} for e in elements],
        **more,
    }  # fmt: skip
    return rows


def relation(source: str, target: str, kind: str = "manages") -> Row:
    """A power of one element over another."""
    return {"source": source, "target": target, "kind": kind, "origin": f"r.csv:{source}-{target}"}
