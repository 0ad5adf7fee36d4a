"""Whom an instrument means: the vendors that it names, and whoever they control.

An instrument names vendors, or it has criteria. Under the first a maker that is not named, and whose
owners are stated and not named, is not meant. Under the second nobody can say so of a maker before
it has been assessed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa

from ringfence.network.ownership import control
from ringfence.network.vendors import normalise
from ringfence.rules.pack import Pack
from ringfence.rules.written import Fact
from ringfence.store.duck import Tables

_LISTS = frozenset({"designated", "treated as high risk", "assumed"})
"""A naming of these standings counts; one that is only proposed, or revoked, does not."""

_LISTING = pa.schema(
    [
        ("vendor", pa.string()),
        ("maker", pa.string()),
        ("made_by", pa.string()),
        ("is_listed", pa.bool_()),
        ("listed_because", pa.string()),
        ("listed_vendors", pa.list_(pa.string())),
        ("rests_on", pa.string()),
        ("has_mitigation_strategy", pa.bool_()),
        ("listed_only_for", pa.string()),
        ("maker_group", pa.string()),
    ]
)
_DESIGNATED = pa.schema(
    [
        ("vendor", pa.string()),
        ("vendor_name", pa.string()),
        ("status", pa.string()),
        ("valid_from", pa.date32()),
        ("has_mitigation_strategy", pa.bool_()),
        ("source", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Naming:
    """One vendor named under the instrument on the day."""

    vendor: str
    status: str
    valid_from: date | None
    has_mitigation_strategy: bool | None
    source: str
    only_for: str | None = None

    @property
    def words(self) -> str:
        """The naming as a reason tells it: `designated from 2022-10-13`."""
        since = f" from {self.valid_from.isoformat()}" if self.valid_from else ""
        uses = f" for {self.only_for}" if self.only_for else ""
        return f"{self.status}{uses}{since}"


def namings(tables: Tables, pack: Pack, as_of: date) -> list[Naming]:
    """Everyone named under the instrument on the day: by the snapshot, and by the pack itself."""
    found = []
    for row in tables["designation"].to_pylist():
        if row["instrument"] != pack.id or (row["status"] or "designated") not in _LISTS:
            continue
        if _lasts(row["valid_from"], row["valid_to"], as_of):
            found.append(
                Naming(
                    row["vendor"],
                    row["status"] or "designated",
                    row["valid_from"],
                    row["has_mitigation_strategy"],
                    row["origin"] or row["source"] or "designation",
                )
            )
    if pack.manifest.names == "criteria":
        found += [
            Naming(
                str(row["vendor"]),
                "treated as high risk",
                row["granted_on"],
                None,
                row["origin"] or row["source"] or "approval",
            )
            for row in _assessments(tables, pack, as_of)
            if row["outcome"] == "refused"
        ]
    meant = _vendors_by_name(tables)
    for fact in pack.manifest.fact:
        if fact.status in _LISTS and _lasts(fact.valid_from, fact.valid_to, as_of):
            found += _of_fact(fact, meant, pack)
    return sorted(found, key=lambda n: (n.vendor, n.valid_from or date.min, n.source))


def _assessments(tables: Tables, pack: Pack, as_of: date) -> Iterator[dict[str, Any]]:
    """What was found of whole makers on the day, under the instrument's criteria."""
    for row in tables["approval"].to_pylist():
        if row["instrument"] == pack.id and row["kind"] == "assessment" and row["vendor"]:
            part = row["operator"] or row["product"] or row["element"]
            if not part and _lasts(row["granted_on"], row["valid_to"], as_of):
                yield row


def cleared(tables: Tables, pack: Pack, as_of: date) -> frozenset[str]:
    """The makers that an assessment found not to meet the criteria."""
    rows = _assessments(tables, pack, as_of)
    return frozenset(str(r["vendor"]) for r in rows if r["outcome"] == "granted")


def _lasts(first: date | None, last: date | None, day: date) -> bool:
    return (first is None or first <= day) and (last is None or day <= last)


def _of_fact(fact: Fact, meant: Mapping[str, set[str]], pack: Pack) -> Iterator[Naming]:
    """The vendors of the snapshot that a fact of the pack names: by exact name, never by likeness."""
    vendors = {v for name in (fact.vendor, *fact.names) for v in meant.get(normalise(name), ())}
    for vendor in sorted(vendors):
        yield Naming(
            vendor,
            fact.status,
            fact.valid_from,
            fact.has_mitigation_strategy,
            f"{pack.id}/pack.toml: {fact.source} ({fact.date.isoformat()}, grade {fact.grade})",
            fact.only_for,
        )


def _vendors_by_name(tables: Tables) -> dict[str, set[str]]:
    meant: dict[str, set[str]] = {}
    for row in tables["vendor"].select(["id", "name", "legal_name"]).to_pylist():
        for name in (row["name"], row["legal_name"]):
            if name:
                meant.setdefault(normalise(name), set()).add(row["id"])
    for row in tables["vendor_alias"].select(["alias", "vendor"]).to_pylist():
        meant.setdefault(normalise(row["alias"]), set()).add(row["vendor"])
    return meant


def listing(
    tables: Tables,
    named_today: Sequence[Naming],
    *,
    fit: frozenset[str] | None = None,
    chains: pa.Table | None = None,
) -> pa.Table:
    """What the instrument says of each vendor, by who controls it.

    Where it names vendors, whoever is not named is not meant. Where it has criteria, `fit` are
    those that an assessment found not to meet them: any other is not known. `chains` is the
    `control` of the tables, if it is at hand.
    """
    by_vendor: dict[str, list[Naming]] = {}
    for naming in named_today:
        by_vendor.setdefault(naming.vendor, []).append(naming)
    names = {r["id"]: r["name"] for r in tables["vendor"].select(["id", "name"]).to_pylist()}
    stands = _Stands(tables)
    above: dict[str, list[tuple[str, str]]] = {}
    stated: dict[str, bool] = {}
    if chains is None:
        chains = control(tables["vendor"], tables["ownership"])
    for row in chains.to_pylist():
        above.setdefault(row["vendor"], []).append((row["holder"], row["chain"]))
        stated[row["vendor"]] = row["ownership_is_stated"]
    # A designated vendor of whom nothing else is said is still designated.
    for vendor in by_vendor:
        above.setdefault(vendor, [(vendor, names.get(vendor) or vendor)])
    holders = {vendor: {holder for holder, _ in pairs} for vendor, pairs in above.items()}
    rows = []
    for vendor, pairs in sorted(above.items()):
        named = {holder: chain for holder, chain in pairs if holder in by_vendor}
        is_stated = stated.get(vendor, False)
        is_cleared = fit is None or bool(fit & holders[vendor])
        top = sorted(h for h in named if not _is_below_another(h, named, holders))
        rests_on = stands.of(vendor, holders[vendor])
        rests_on += [n.source for h in sorted(named) for n in by_vendor[h]]
        because = _because(vendor, named, top, by_vendor, names)
        if not named and not is_stated:
            because = "who controls it is not stated"
        elif not named and not is_cleared:
            because = "nobody has stated whether it meets the criteria"
        name = names.get(vendor) or vendor
        rows.append(
            {
                "vendor": vendor,
                "maker": name,
                "made_by": f"{name} ({because})" if because else name,
                "is_listed": bool(named) if named or (is_stated and is_cleared) else None,
                "listed_because": because,
                "listed_vendors": top if named else None,
                "rests_on": "\n".join(dict.fromkeys(rests_on)) or None,
                "has_mitigation_strategy": _all_mitigated(by_vendor, named),
                "listed_only_for": _only_for(by_vendor, named),
                "maker_group": _group(vendor, holders) if is_stated else None,
            }
        )
    return pa.Table.from_pylist(rows, schema=_LISTING)


def _only_for(by_vendor: Mapping[str, Sequence[Naming]], named: Mapping[str, str]) -> str | None:
    """The uses it is named for: none where any naming is for all uses."""
    uses = {n.only_for for holder in named for n in by_vendor[holder]}
    return None if None in uses else "; ".join(sorted(u for u in uses if u)) or None


def _group(vendor: str, holders: Mapping[str, set[str]]) -> str:
    """Who controls the vendor and is controlled by no one outside the circle it may be in."""
    above = holders[vendor]
    tops = {h for h in above if all(h in holders.get(up, ()) for up in holders.get(h, ()))}
    return " + ".join(sorted(tops or {vendor}))


def _is_below_another(
    holder: str, named: Mapping[str, str], holders: Mapping[str, set[str]]
) -> bool:
    """Whether another named vendor controls `holder`, and not the other way round as well."""
    return any(
        other != holder and other in holders[holder] and holder not in holders.get(other, ())
        for other in named
    )


def _because(
    vendor: str,
    named: Mapping[str, str],
    top: Sequence[str],
    by_vendor: Mapping[str, Sequence[Naming]],
    names: Mapping[str, str],
) -> str | None:
    if vendor in named:
        return by_vendor[vendor][0].words
    said = [f"controlled by {names.get(h) or h}, {by_vendor[h][0].words}: {named[h]}" for h in top]
    return "; ".join(said) or None


def _all_mitigated(
    by_vendor: Mapping[str, Sequence[Naming]], named: Mapping[str, str]
) -> bool | None:
    """Whether each vendor it is listed by has a strategy: one naming that says no decides."""
    answers = []
    for holder in named:
        said = {n.has_mitigation_strategy for n in by_vendor[holder]} - {None}
        answers.append(None if not said else False not in said)
    if not answers or False in answers:
        return False if answers else None
    return None if None in answers else True


class _Stands:
    """Where it is written who a vendor is and who holds it."""

    def __init__(self, tables: Tables) -> None:
        self._vendor = {
            row["id"]: row["origin"]
            for row in tables["vendor"].select(["id", "origin"]).to_pylist()
        }
        self._held: dict[str, list[tuple[str, str]]] = {}
        holdings = tables["ownership"].select(["owner", "owned", "source", "origin"])
        for row in holdings.to_pylist():
            place = row["origin"] or row["source"]
            if place:
                self._held.setdefault(row["owned"], []).append((row["owner"], place))

    def of(self, vendor: str, holders: set[str]) -> list[str]:
        """The places for `vendor` and everyone above it."""
        found = []
        for one in [vendor, *sorted(holders - {vendor})]:
            if place := self._vendor.get(one):
                found.append(place)
            found += [place for owner, place in sorted(self._held.get(one, ())) if owner in holders]
        return found


def designated(tables: Tables, named_today: Sequence[Naming]) -> pa.Table:
    """The vendors named on the day, as rules read them."""
    names = {r["id"]: r["name"] for r in tables["vendor"].select(["id", "name"]).to_pylist()}
    rows = [
        {
            "vendor": n.vendor,
            "vendor_name": names.get(n.vendor) or n.vendor,
            "status": n.status,
            "valid_from": n.valid_from,
            "has_mitigation_strategy": n.has_mitigation_strategy,
            "source": n.source,
        }
        for n in named_today
    ]
    return pa.Table.from_pylist(rows, schema=_DESIGNATED)
