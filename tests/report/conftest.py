"""An assessment of an invented vendor in an invented country, of any size, consistent in its sums."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from ringfence.decision.options import OPTION, REMAINING
from ringfence.exposure.presence import PRESENCE
from ringfence.network.check import GAP
from ringfence.network.model import FINDING, REJECT, SOURCE_FILE
from ringfence.report.assessment import (
    NETWORK_ROWS,
    Assessment,
    Law,
)
from ringfence.rules.evaluate import JUDGED

OPERATORS = ("Nordtel", "Vestline Mobile", "Oresund & Sons Telecommunications Cooperative")
REGIONS = (
    "Almark", "Brennholm", "Upper Castellan and the Western Isles", "Dunvale", "Eastmoor",
    "Fjordane", "Greyhaven", "Holt",
)  # fmt: skip
KINDS = (
    ("5G core", "AMF"), ("5G core", "SMF"), ("5G core", "UPF"), ("5G core", "NRF"),
    ("5G core", "UDM"), ("5G core", "AUSF"), ("5G core", "PCF"), ("5G core", "SEPP"),
    ("4G core", "MME"), ("4G core", "HSS"), ("4G core", "S-GW"), ("4G core", "P-GW"),
    ("IMS", "P-CSCF"), ("IMS", "S-CSCF"), ("lawful interception", "ADMF"),
    ("management", "EMS"), ("management", "network management system of the radio access network"),
    ("virtualisation", "NFVO"), ("transport", "router"), ("radio access", "GNBDU"),
    ("radio access", "ENB"), ("fixed access", "OLT"),
)  # fmt: skip
TODAY = date(2026, 3, 14)
DATES = (TODAY, date(2025, 1, 1), date(2023, 6, 30))


def presence(
    operators: tuple[str, ...] = OPERATORS,
    regions: tuple[str, ...] = REGIONS,
    kinds: tuple[tuple[str, str], ...] = KINDS,
) -> pa.Table:
    draw = np.random.default_rng(7)
    total = draw.integers(120, 900, (len(operators), len(regions)))
    lean = np.linspace(0.55, 0.0, len(operators))[:, None]
    held = (total * np.clip(lean + draw.normal(0, 0.08, total.shape), 0, 1)).astype(int)
    unknown = np.minimum(total - held, draw.integers(0, 30, total.shape))
    rows: list[dict[str, object]] = []
    sizes = {"elements": 5.2, "sites": 1.0, "people": 740.0, "traffic": 96.0, "premises": 61.0}
    units = {
        "elements": "elements", "sites": "sites", "people": "people served by the sites",
        "traffic": "traffic of the sites in the busy hour", "premises": "premises served",
    }  # fmt: skip

    def add(by: str, group: str | None, amounts: tuple[int, int, int]) -> None:
        h, _, t = amounts
        for measure, size in sizes.items():
            # Traffic stands for a measure that some operators do not hand in.
            missing = t // 9 if measure == "traffic" and by != "network" and h < t // 5 else 0
            amount = [float(round(x * size)) for x in amounts]
            known = bool(t) and not missing
            rows.append({
                "by": by, "group": group, "measure": measure, "held": amount[0],
                "unknown": amount[1], "total": amount[2], "not_stated": missing,
                "share_low": amount[0] / amount[2] if known else None,
                "share_high": min(1.0, (amount[0] + amount[1]) / amount[2]) if known else None,
                "denominator": f"{units[measure]} of the {by}",
            })  # fmt: skip

    def sums(part: int | slice, axis: int) -> tuple[int, int, int]:
        where = (part, slice(None)) if axis == 0 else (slice(None), part)
        return int(held[where].sum()), int(unknown[where].sum()), int(total[where].sum())

    add("network", None, sums(slice(None), 0))
    for i, name in enumerate(operators):
        add("operator", name, sums(i, 0))
    for i, name in enumerate(regions):
        add("region", name, sums(i, 1))
    for place, (domain, kind) in enumerate(kinds):
        count = 4 + 3 * place
        h = (
            (place * 5 % 7) * count // 9
            if domain in {"5G core", "radio access", "transport"}
            else 0
        )
        u = 1 if place % 4 == 1 else 0
        for measure in ("elements", "sites"):
            t = count if measure == "elements" else max(1, count // 2)
            rows.append({
                "by": "function", "group": kind, "domain": domain, "measure": measure,
                "held": float(min(h, t)), "unknown": float(min(u, t - min(h, t))),
                "total": float(t), "not_stated": 0, "share_low": min(h, t) / t,
                "share_high": min(1.0, (min(h, t) + u) / t),
                "denominator": f"{measure} with the function",
            })  # fmt: skip
    return PRESENCE.from_rows(rows)


RULES = (
    ("core-01", "No equipment of a designated vendor in core functions", True),
    ("core-02", "No support contract of a designated vendor reaches core functions", True),
    ("ran-01", "At most 35 % of radio sites with a designated vendor", True),
    ("ran-02", "No new installation of a designated vendor after 30 September 2025", True),
    ("exit-01", "All equipment of a designated vendor removed by 31 December 2027", False),
    ("plan-01", "Each operator has handed in a compliance plan", False),
)


def judged(operators: tuple[str, ...], on: date) -> pa.Table:
    rows: list[dict[str, object]] = []
    for place, (rule, title, _) in enumerate(RULES):
        if rule == "exit-01" and on.year < 2025:
            continue
        for i, operator in enumerate(operators):
            if rule == "plan-01":
                continue
            case = (place * 2 + i + on.year) % 4
            answers = {
                0: [("breach", False, 12 + place), ("comply", False, 3 + 40 * i)],
                1: [("unknown", False, 4 + i), ("comply", False, 880)],
                2: [("comply", True, 210 + i)],
                3: [("comply", False, 1204)],
            }[case]
            rows.extend(
                {"rule": rule, "title": title, "operator": operator, "verdict": verdict,
                 "due": due, "subjects": subjects,
                 "note": "due on 31 December 2027" if due else None}
                for verdict, due, subjects in answers
            )  # fmt: skip
    rows.append({"rule": "plan-01", "title": RULES[5][1], "operator": None, "verdict": "unknown",
                 "due": False, "subjects": 1, "note": "one plan is not dated"})  # fmt: skip
    return JUDGED.from_rows({"standing": "in force", **row} for row in rows)


def laws(operators: tuple[str, ...] = OPERATORS) -> tuple[Law, ...]:
    packs = (
        (
            "vm-telecom-act",
            "Veldmark Telecom Security Act",
            "binding law, in force since 1 July 2022",
        ),
        ("vm-advice", "Advice of the Council for Networks", "advice, not binding"),
    )
    return tuple(
        Law(
            pack=pack, title=title,
            legal_status=status if on.year > 2023 else f"{status.split(',')[0]}, as first enacted",
            as_of=on, judged=judged(operators, on),
            not_in_force=(
                (("exit-01", "All equipment removed", date(2025, 1, 1)),) if on.year < 2025 else ()
            ),
            not_encoded=(
                ("s. 14", "The board is told each year", "it speaks of meetings, not of a network"),
                ("s. 22(3)", "Staff with access are vetted", "no inventory holds it"),
            ) if pack == "vm-telecom-act" else (),
        )
        for pack, title, status in packs
        for on in DATES
    )  # fmt: skip


def findings(count: int = 240, operators: tuple[str, ...] = OPERATORS) -> pa.Table:
    """`count` rows, made column by column so that a million take no time."""
    index = np.arange(count)
    rules = np.array([f"vm-telecom-act/{rule}" for rule, *_ in RULES])[index % len(RULES)]
    verdict = np.array(["comply", "breach", "unknown", "comply", "comply"])[index % 5]
    is_due = index % 10 == 3
    keys = np.char.add("netbox:", index.astype(str))
    texts = np.array([
        "maker Meridian Networks, which is designated since 1 July 2022; kind UPF is core (s. 3)",
        "the maker is not stated in the inventory",
    ])[(index % 5 == 2).astype(int)]  # fmt: skip
    origins = np.char.add(np.char.add("nordtel-inventory.csv row ", index.astype(str)),
                          "\nfunctions.json $.elements[4].functions[0]")  # fmt: skip
    table = pa.table({
        "rule": rules, "subject_table": np.full(count, "element"), "subject": keys,
        "operator": np.array(operators)[index % len(operators)], "verdict": verdict,
        "because": texts,
        "due_on": pa.array(np.where(is_due, np.datetime64("2027-12-31"),
                                    np.datetime64("NaT")).astype("datetime64[D]")),
        "verdict_when_due": pa.array(["breach" if due else None for due in is_due], pa.string()),
        "severity": np.array(["high", "medium", "low"])[index % 3],
        "citation": np.full(count, "Telecom Security Act, s. 5(2), 1 July 2022"),
        "legal_status": np.full(count, "binding law"), "rests_on": origins,
    })  # fmt: skip
    return FINDING.conform(table)


def options(operators: tuple[str, ...] = OPERATORS) -> tuple[pa.Table, pa.Table]:
    means = {
        "Ban": "All equipment of the vendor is taken out of every part of the network.",
        "Non-core only": "The vendor stays out of the functions listed as core; elsewhere it may stay.",
        "Allow": "The vendor may be anywhere; only the rules already in force apply.",
    }
    share = {"Ban": 1.0, "Non-core only": 0.06, "Allow": 0.0}
    rows = []
    for name, part in share.items():
        rows += [
            {"option": name, "means": means[name], "operator": operator,
             "forbidden_elements": float(round(of * part)),
             "undecided_elements": float(round(of * 0.1)) if part else 0.0,
             "elements": of * 3.0, "sites": float(round(of * part / 5)),
             "people": float(round(of * part * 140)) if part != 0.06 else None,
             "traffic_mbps": float(round(of * part * 19)), "premises": float(round(of * part * 12))}
            for operator, of in ((None, 6400.0), *((o, 6400.0 / len(operators)) for o in operators))
        ]  # fmt: skip
    remaining = [
        {"option": name, "pack": pack, "verdict": verdict, "subjects": subjects}
        for pack in ("vm-telecom-act", "vm-advice")
        for name, counts in (("Ban", (0, 41, 9204)), ("Non-core only", (212, 338, 8695)),
                             ("Allow", (1204, 338, 7703)))
        for verdict, subjects in zip(("breach", "unknown", "comply"), counts, strict=True)
    ]  # fmt: skip
    return OPTION.from_rows(rows), REMAINING.from_rows(remaining)


def quality() -> pa.Table:
    facts = (
        ("element", "vendor_name", 1204, "presence, core scope"),
        ("function", "kind", 611, "core scope, rules"),
        ("contract", "remote_access", 38, "who can log in from afar"),
        ("demand", "traffic_mbps", 312, "traffic affected"),
    )
    return GAP.from_rows(
        {"rank": i, "table": table, "column": column, "missing": missing, "of": 19240,
         "affects": missing // 3, "affected": "elements", "blocks": blocks,
         "fill_with": f"ringfence sources template {table} --missing {column}"}
        for i, (table, column, missing, blocks) in enumerate(facts, 1)
    )  # fmt: skip


def sources() -> pa.Table:
    return SOURCE_FILE.from_rows([
        {"file": "nordtel/inventory.csv", "source": "nordtel", "kind": "table-file",
         "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
         "as_of": date(2026, 2, 28), "rows_read": 41200, "rows_kept": 41151, "rows_rejected": 49},
        {"file": "vestline/netbox.json", "source": "vestline", "kind": "netbox",
         "sha256": "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
         "as_of": None, "rows_read": 20061, "rows_kept": 20061, "rows_rejected": 0,
         "note": "no racks in the export"},
        {"file": "vestline/plan of sites.pdf", "source": "vestline", "rows_read": 0,
         "rows_kept": 0, "rows_rejected": 0, "note": "no source knows this kind of file"},
    ])  # fmt: skip


def rejects() -> pa.Table:
    return REJECT.from_rows([
        {"file": "nordtel/inventory.csv", "place": "row 12", "table": "element", "kind": "fault",
         "reason": "id is not stated", "rows": 31},
        {"file": "nordtel/inventory.csv", "place": "row 90", "table": "element", "kind": "fault",
         "reason": "id is not stated", "rows": 6},
        {"file": "nordtel/inventory.csv", "place": "row 15", "table": "site", "kind": "fault",
         "reason": "latitude_deg is above 90", "rows": 2},
        {"file": "nordtel/inventory.csv", "place": "rows", "kind": "set aside",
         "reason": "spare parts in store", "rows": 10},
    ])  # fmt: skip


def assessment(
    *, operators: tuple[str, ...] = OPERATORS, regions: tuple[str, ...] = REGIONS,
    finding_count: int = 240,
) -> Assessment:  # fmt: skip
    offered, remaining = options(operators)
    return Assessment(
        title="Meridian Networks in the mobile networks of Veldmark",
        country="Veldmark",
        vendor="Meridian Networks",
        vendor_group=(
            ("Meridian Networks Ltd", ""),
            ("Northlight Radio BV", "held by Meridian Holding, 62 %, itself held by Meridian Networks Ltd, 100 %"),
        ),
        as_of=TODAY,
        snapshot="4c1f09ab77e2d310",
        snapshot_as_of=date(2026, 2, 28),
        label="Confidential",
        code_version="ringfence 0.1.0",
        network=NETWORK_ROWS.from_rows(
            {"table": t, "rows": n}
            for t, n in (("operator", len(operators)), ("site", 11840), ("element", 61212),
                         ("function", 70410), ("contract", 96))
        ),
        presence=presence(operators, regions),
        laws=laws(operators),
        findings=findings(finding_count, operators),
        options=offered,
        remaining=remaining,
        quality=quality(),
        sources=sources(),
        rejects=rejects(),
    )  # fmt: skip


def empty() -> Assessment:
    """Nothing was read and nothing asked."""
    return replace(
        assessment(),
        vendor_group=(), snapshot_as_of=None, label=None, laws=(),
        network=NETWORK_ROWS.empty(), presence=PRESENCE.empty(), findings=FINDING.empty(),
        options=OPTION.empty(), remaining=REMAINING.empty(), quality=GAP.empty(),
        sources=SOURCE_FILE.empty(), rejects=REJECT.empty(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def make() -> Callable[..., Assessment]:
    return assessment


@pytest.fixture(scope="session")
def sample() -> Assessment:
    return assessment()


@pytest.fixture(scope="session")
def nothing() -> Assessment:
    return empty()
