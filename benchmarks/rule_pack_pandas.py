"""The twenty rules of `rule_pack.py` in pandas: the network joined once, then a few lines a rule.

Three values are pandas' own: nullable booleans, whose "and" and "or" are Kleene's. Only the columns
that a rule needs are read, those of few values as categories; every step is on whole columns; and
texts are made for the rows that are kept alone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

KINDS = {
    "IP core router": "in", "UPF": "in", "AMF": "in", "EMS": "in", "firewall": "in", "NFVI": "in",
    "cell site router": "review", "BNG": "review", "MME": "review", "GNBDU": "out", "GNBCU": "out",
    "ENB": "out", "OLT": "out", "WDM": "out", "NODEB": "out", "BBU": "out",
}  # fmt: skip
GENERATIONS = {
    "GNBDU": "5G", "GNBCU": "5G", "UPF": "5G", "AMF": "5G", "ENB": "4G", "MME": "4G",
    "NODEB": "3G", "OLT": "fixed", "BNG": "fixed",
}  # fmt: skip
RADIO = ("GNBDU", "GNBCU", "ENB", "NODEB", "BBU")
TRANSMISSION = ("WDM", "IP core router", "cell site router")
HIGH_RATE_MBPS = 10_000


def read(folder: Path, table: str, columns: list[str], coded: tuple[str, ...] = ()) -> pd.DataFrame:
    """Some columns of a table, those in `coded` as categories."""
    file = folder / f"{table}.parquet"
    return pd.read_parquet(file, columns=columns, read_dictionary=list(coded))


def equals(values: pd.Series, *wanted: str) -> pd.Series:
    """Whether a text is one of these; not known where it is not stated."""
    found = values.isin(wanted).astype("boolean")
    return found.mask(values.isna())


def later(values: pd.Series, day: str) -> pd.Series:
    """Whether a date lies after a day."""
    return (values > pd.Timestamp(day)).astype("boolean").mask(values.isna())


def any_of(condition: pd.Series, by: pd.Series) -> pd.Series:
    """Whether it holds of one of each group: false only where it is known not to of all."""
    groups = pd.DataFrame({"true": condition.fillna(False), "open": condition.isna()}).groupby(
        by, sort=False
    )
    found = groups.any()
    return found["true"].astype("boolean").mask(found["open"] & ~found["true"])


def vendors(folder: Path, instrument: str) -> pd.DataFrame:
    """What is said of each vendor: few rows, so a loop will do."""
    vendor = read(folder, "vendor", ["id", "name", "is_independent", "origin"]).set_index("id")
    owned = read(folder, "ownership", ["owner", "owned", "is_controlling"])
    named = read(
        folder,
        "designation",
        ["vendor", "instrument", "status", "has_mitigation_strategy", "origin"],
    )
    named = named[named.instrument == instrument].set_index("vendor")
    owner = owned[owned.is_controlling.fillna(False).astype(bool)].set_index("owned").owner
    rows = []
    for one in vendor.index:
        chain = [one]
        while chain[-1] in owner.index and owner[chain[-1]] not in chain:
            chain.append(owner[chain[-1]])
        listed = [v for v in chain if v in named.index]
        stated = all(vendor.is_independent[v] is True or v in owner.index for v in chain)
        why = None if stated else "who controls it is not stated"
        if listed:
            why = named.status[listed[-1]]
            if listed[-1] != one:
                holders = " > ".join(vendor.name[v] for v in reversed(chain))
                why = f"controlled by {vendor.name[listed[-1]]}, {why}: {holders}"
        mitigated = [named.has_mitigation_strategy[v] for v in listed]
        rows.append(
            {
                "vendor": one,
                "is_listed": True if listed else False if stated else pd.NA,
                "listed_vendor": listed[-1] if listed else None,
                "made_by": f"{vendor['name'][one]} ({why})" if why else vendor["name"][one],
                "has_mitigation": all(mitigated) if mitigated else pd.NA,
                "maker_origin": "\n".join(
                    [vendor.origin[v] for v in chain] + [named.origin[v] for v in listed]
                ),
            }
        )
    return pd.DataFrame(rows).astype({"is_listed": "boolean", "has_mitigation": "boolean"})


@dataclass
class Network:
    """The network of the day, joined."""

    folder: Path
    instrument: str
    as_of: date
    element: pd.DataFrame = field(init=False)
    placement: pd.DataFrame = field(init=False)
    operator: pd.DataFrame = field(init=False)
    listed: int = field(init=False)

    def __post_init__(self) -> None:
        maker = vendors(self.folder, self.instrument)
        self.listed = maker.listed_vendor.nunique()
        self.operator = read(self.folder, "operator", ["id", "network_purpose", "origin"])
        coded = ("operator", "vendor", "product")
        dates = ["purchased_on", "installed_on", "removed_on"]
        e = read(self.folder, "element", ["id", "site", "origin", *coded, *dates], coded)
        for name in dates:
            e[name] = pd.to_datetime(e[name])
        day = pd.Timestamp(self.as_of)
        e = e[~(e.installed_on > day) & ~(e.removed_on <= day)]
        site = read(self.folder, "site", ["id", "operator", "is_sensitive"])
        site = site.rename(columns={"id": "site", "operator": "of_site"})
        e = e.merge(site, on="site", how="left")
        e["operator"] = e.operator.astype("str").fillna(e.of_site)
        purpose = self.operator[["id", "network_purpose"]].rename(columns={"id": "operator"})
        e = e.merge(purpose, on="operator", how="left")
        e = e.merge(maker, on="vendor", how="left")
        product = read(self.folder, "product", ["id", "vendor", "sanctions_affected", "origin"])
        product = product.rename(columns={"id": "product", "origin": "product_origin"})
        product = product.merge(maker[["vendor", "is_listed"]], on="vendor", how="left")
        product = product.rename(columns={"is_listed": "product_listed"}).drop(columns="vendor")
        e = e.merge(product, on="product", how="left")
        has_maker, has_product = e.vendor.notna(), e["product"].notna()
        either = e.is_listed | e.product_listed
        e["is_listed"] = either.where(
            has_maker & has_product, e.is_listed.where(has_maker, e.product_listed)
        )
        e["is_sensitive"] = e.is_sensitive.astype("boolean")
        e["sanctions_affected"] = e.sanctions_affected.astype("boolean")
        e["made_by"] = e.made_by.fillna("a maker that is not stated")
        e["row"] = np.arange(len(e))
        f = read(self.folder, "function", ["element", "kind", "generation", "origin"], ("kind",))
        f["generation"] = f.generation.fillna(f.kind.map(GENERATIONS).astype("str"))
        f["scope"] = f.kind.map(KINDS)
        f = e[["id", "row", "site", "operator", "is_listed"]].merge(
            f, left_on="id", right_on="element", how="left"
        )
        self.placement = f
        # Most elements do one thing: only of the others are the names joined.
        several = f.row.duplicated(keep=False)
        texts = (
            pd.concat(
                [
                    f.loc[~several, ["row", "kind", "origin"]],
                    f[several]
                    .astype({"kind": "str"})
                    .groupby("row", as_index=False)
                    .agg(kind=("kind", ", ".join), origin=("origin", "\n".join)),
                ]
            )
            .set_index("row")
            .sort_index()
        )
        e["kinds"] = texts.kind.astype("str").fillna("a function that is not stated")
        own = e.origin.fillna("")
        for more in (texts.origin, e.maker_origin, e.product_origin):
            own = own + ("\n" + more).fillna("")
        e["rests_on"] = own
        self.element = e


class Findings:
    """What was found, one frame a rule."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.frames: list[pd.DataFrame] = []

    def elements(
        self,
        rule: str,
        breach: pd.Series,
        words: Callable[[pd.DataFrame], pd.Series],
        due: date | None = None,
    ) -> None:
        """Keep the elements of which something is found, with the reason `words` gives."""
        open_ones = breach.isna()
        kept = self.network.element[(breach | open_ones).to_numpy(bool)]
        found = kept[["id", "operator", "rests_on"]].rename(columns={"id": "subject"})
        self._keep(rule, found, breach[kept.index], words(kept), due)

    def operators(self, rule: str, breach: pd.Series, because: pd.Series) -> None:
        """Keep the operators of which something is found."""
        kept = breach[breach | breach.isna()]
        rows = self.network.operator.set_index("id").loc[kept.index]
        found = pd.DataFrame({"subject": rows.index, "operator": rows.index}, index=rows.index)
        found["rests_on"] = rows.origin
        self._keep(rule, found, kept, because[kept.index], None)

    def _keep(
        self, rule: str, found: pd.DataFrame, breach: pd.Series, because: Any, due: date | None
    ) -> None:
        state = np.where(breach.isna(), "unknown", "breach")
        found["rule"] = f"{self.network.instrument}/{rule}"
        found["verdict"] = "comply" if due else state
        found["verdict_when_due"] = state if due else None
        found["due_on"] = due
        found["because"] = because
        self.frames.append(found)


def over_cap(held: pd.Series, unknown: Any, total: Any, cap: float, unplaced: Any) -> pd.Series:
    """Whether a share is above a cap, to the sixth decimal."""
    above = held.round(6) > (cap * (total + unplaced)).round(6)
    below = (held + unknown).round(6) <= (cap * total).round(6)
    return above.astype("boolean").mask(~above & ~below)


def places(n: Network, is_station: pd.Series) -> pd.DataFrame:
    """One row a place with equipment that counts or may; what has no site is a place of its own."""
    p = n.placement
    per_element = any_of(is_station, p.row)
    own = per_element | per_element.isna()
    e = n.element[own.to_numpy(bool)]
    station = per_element[e.row].set_axis(e.index)
    key = e.site.fillna(e.id)
    held, clean = station & e.is_listed, ~(e.is_listed | ~station)
    keys = e.operator.fillna("") + "|" + key
    first = pd.DataFrame({"operator": e.operator, "site": e.site}).groupby(keys, sort=False).first()
    return first.assign(
        station=any_of(station, keys), held=any_of(held, keys), others=any_of(clean, keys)
    )


def cap(
    n: Network, is_station: pd.Series, most: float, load: pd.Series | None, *, shared: bool
) -> tuple[pd.Series, pd.Series]:
    """Whether each operator's share of sites (`load` None), or of a load at sites, is above a cap.

    `shared`: equipment of several makers at a site parts the load between them in a way not known.
    """
    place = places(n, is_station)
    if shared:
        held = (~place.others).fillna(False)
        place["held"] = held.astype("boolean").mask(~held & (place.held | place.held.isna()))
    sure = place.station.fillna(False) & place.site.notna()
    amount = pd.Series(1.0, place.index) if load is None else place.site.map(load)
    held, maybe = place.held.fillna(False), place.held.isna()

    def total(chosen: pd.Series) -> pd.Series:
        of = amount.where(chosen.astype(bool), 0.0)
        sums = of.groupby(place.operator).sum()
        gaps = of.isna().groupby(place.operator).any()
        return (
            sums.mask(gaps).reindex(n.operator.id).fillna(sums.reindex(n.operator.id).isna() * 0.0)
        )

    parts = [
        total(sure & held),
        total(sure & maybe | ~sure & (held | maybe)),
        total(sure),
        total(~sure),
    ]
    nobody = place[place.operator.isna()]
    if len(nobody):
        loose = int((nobody.held | nobody.held.isna()).sum())
        parts[1] = (
            parts[1] + loose if load is None else parts[1].mask(parts[1].notna() & (loose > 0))
        )
        parts[3] = parts[3] + len(nobody) if load is None else parts[3] * np.nan
    said = parts[0].astype("str") + " of " + parts[2].astype("str")
    return over_cap(parts[0], parts[1], parts[2], most, parts[3]), said


def run(folder: Path, instrument: str, as_of: date) -> list[Any]:
    """All twenty rules; the rule, subject, verdict and deadline of each finding, in columns."""
    n = Network(folder, instrument, as_of)
    out = Findings(n)
    e, p = n.element, n.placement

    def of_elements(condition: pd.Series) -> pd.Series:
        return any_of(condition, p.row).reindex(e.row).set_axis(e.index)

    def what(rows: pd.DataFrame) -> pd.Series:
        return rows.kinds + " by " + rows.made_by

    def dated(column: str, word: str) -> Callable[[pd.DataFrame], pd.Series]:
        def words(rows: pd.DataFrame) -> pd.Series:
            day = rows[column].dt.strftime("%Y-%m-%d").fillna("a day that is not stated")
            return what(rows) + f" in 5G, {word} on " + day

        return words

    def placed(rows: pd.DataFrame) -> pd.Series:
        return rows.made_by + " at " + rows.site.fillna("a site that is not stated")

    # UK20-01 to UK20-03
    safety = equals(e.network_purpose, "safety-related", "safety-critical")
    out.elements(
        "UK20-01",
        e.is_listed & safety,
        lambda r: r.made_by + " in a network that is " + r.network_purpose.fillna("not stated"),
    )
    reviewed = of_elements(equals(p.scope, "review").mask(p.scope == "in"))
    out.elements("UK20-02", e.is_listed & reviewed, what)
    out.elements("UK20-03", (e.is_listed | e.sanctions_affected) & e.is_sensitive, placed)
    # UK20-04 to UK20-07
    demand = read(folder, "demand", ["site", "kind", "traffic_mbps", "premises"], ("kind",))
    mobile = demand[demand.kind == "mobile data"].set_index("site").traffic_mbps
    fixed = demand[demand.kind == "fixed"].set_index("site").premises
    is_station = equals(p.kind, *RADIO) & equals(p.generation, "5G")
    by_sites, said = cap(n, is_station, 0.35, None, shared=False)
    by_traffic, said_too = cap(n, is_station, 0.35, mobile, shared=False)
    out.operators("UK20-04", by_sites | by_traffic, said + "; " + said_too)
    out.operators("UK20-05", *cap(n, equals(p.kind, "OLT"), 0.30, fixed, shared=True))
    known = e[e.is_listed.fillna(False)].groupby("operator").listed_vendor.nunique()
    is_open = e.is_listed.isna().groupby(e.operator).any()
    known, is_open = known.reindex(n.operator.id, fill_value=0), is_open.reindex(n.operator.id)
    two = (known > 1).astype("boolean").mask((known <= 1) & is_open & (n.listed > 1))
    out.operators("UK20-06", two, known.astype("str") + " known")
    out.elements("UK20-07", e.is_listed & ~e.has_mitigation, lambda r: r.made_by)
    # UKP-01 to UKP-04
    bought = later(e.purchased_on, "2020-12-31")
    is_5g = of_elements(equals(p.generation, "5G"))
    out.elements("UKP-01", e.is_listed & is_5g & bought, dated("purchased_on", "bought"))
    is_4g = of_elements(equals(p.generation, "4G"))
    out.elements("UKP-02", e.is_listed & is_4g, what, date(2027, 12, 31))
    bought = later(e.purchased_on, "2021-09-30")
    is_5g = of_elements(equals(p.generation, "5G"))
    out.elements("UKP-03", e.is_listed & is_5g & bought, dated("installed_on", "installed"))
    out.operators("UKP-04", *cap(n, equals(p.kind, "OLT"), 0.05, fixed, shared=True))
    # UKD-01 to UKD-08, UKD-11
    fresh = later(e.installed_on, "2022-10-13")
    is_5g = of_elements(equals(p.generation, "5G"))
    out.elements("UKD-01", e.is_listed & is_5g & fresh, dated("installed_on", "installed"))
    is_5g = of_elements(equals(p.generation, "5G"))
    out.elements("UKD-02", e.is_listed & is_5g, what, date(2027, 12, 31))
    core = of_elements(equals(p.scope, "in").mask(p.scope == "review"))
    out.elements("UKD-03", e.is_listed & core, what)
    out.operators("UKD-04", *cap(n, equals(p.kind, "OLT"), 0.35, fixed, shared=True))
    is_station = equals(p.kind, *RADIO) & equals(p.generation, "5G")
    out.operators("UKD-05", *cap(n, is_station, 0.35, None, shared=False))
    out.elements("UKD-06", e.is_listed & e.is_sensitive, placed)
    fibre = of_elements(equals(p.kind, "OLT", "ONT"))
    fresh = later(e.installed_on, "2022-10-13")
    out.elements(
        "UKD-07",
        e.is_listed & fibre & e.sanctions_affected & fresh,
        dated("installed_on", "installed"),
    )
    link = read(folder, "link", ["source", "target", "carries", "capacity_mbps"], ("carries",))
    rate = (link.capacity_mbps >= HIGH_RATE_MBPS).astype("boolean").mask(link.capacity_mbps.isna())
    is_fast = equals(link.carries, "intra-core", "inter-operator") & rate
    ends = pd.concat([link.source, link.target], ignore_index=True)
    fast = any_of(pd.concat([is_fast, is_fast], ignore_index=True), ends)
    transmits = of_elements(equals(p.kind, *TRANSMISSION))
    fast = fast.reindex(e.id).set_axis(e.index)
    out.elements("UKD-08", e.is_listed & transmits & fast, what)
    document = read(folder, "document", ["operator", "kind", "instrument", "dated_on"])
    plans = document[(document.kind == "compliance plan") & (document.instrument == "uk-dvd-2022")]
    has_plan = pd.Series(n.operator.id.isin(plans.operator).to_numpy(), n.operator.id)
    missing = pd.Series(False, n.operator.id).astype("boolean").mask(~has_plan)
    out.operators("UKD-11", missing, pd.Series("no compliance plan", n.operator.id))
    found = pd.concat(out.frames, ignore_index=True)
    return [found[name].astype(object) for name in ("rule", "subject", "verdict", "due_on")]
