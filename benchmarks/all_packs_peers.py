"""The sixteen rules of `all_packs.py` by hand: in DuckDB, in pandas, and in Rego.

All are written as one who knows the tool would: the network is joined once, each rule is a line or
two on it. Three values are SQL's own in DuckDB, nullable booleans in pandas, and null in Rego. What
the packs list as core is handed in, not worked out. DuckDB and pandas give each finding a reason
and the rows it rests on, as ours do, if in fewer words; Rego gives the verdict alone.
"""

import time
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa

PACKS = ("au-tssr-2018", "ca-policy-2022", "de-contracts-2024", "eu-toolbox-2020", "se-pts-2020",
         "uk-dvd-2022", "us-ndaa-889")  # fmt: skip
DUE = {"ca-policy-2022/CA-03": "2027-12-31", "de-contracts-2024/DE-01": "2026-12-31",
       "uk-dvd-2022/UKD-02": "2027-12-31"}  # fmt: skip
"""The deadlines ahead on the day."""

Verdicts = list[tuple[str, str, str, str]]
Found = list[tuple[str, Any]]
"""Of each rule its findings, as a table of the tool: subject, is_unknown, because, rests_on."""


def scopes() -> pa.Table:
    """Of each kind its generation and, by pack, whether it is meant; null where that is open."""
    from ringfence.network.functions import catalogue  # noqa: PLC0415
    from ringfence.rules.pack import load_pack  # noqa: PLC0415

    known = catalogue().select(["kind", "generation"])
    for name in PACKS:
        scope = load_pack(name).scope_of_kinds().column("scope").to_pylist()
        meant = [{"in": True, "out": False}.get(s) for s in scope]
        known = known.append_column(f"in_{name[:2]}", pa.array(meant, pa.bool_()))
    return known


ANY = "CASE WHEN bool_or({0}) THEN true WHEN count(*) > count({0}) THEN NULL ELSE false END"

RULES_IN_SQL = {
    "au-tssr-2018/AU-01": "listed_au AND is_5g",
    "ca-policy-2022/CA-01": "listed_ca AND is_4g_or_5g AND purchased_on > DATE '2022-09-01'",
    "ca-policy-2022/CA-02": "listed_ca AND is_5g",
    "ca-policy-2022/CA-03": "listed_ca AND is_4g",
    "de-contracts-2024/DE-01": "listed_de AND in_de",
    "eu-toolbox-2020/SM03": "listed_eu AND in_eu",
    "eu-toolbox-2020/TM07": "in_eu AND end_of_support_on < $as_of",
    "se-pts-2020/SE-01": "listed_se AND in_se AND installed_on > DATE '2020-10-20'",
    "se-pts-2020/SE-02": "listed_se AND in_se",
    "se-pts-2020/SE-03": "in_se AND country <> 'SE'",
    "uk-dvd-2022/UKD-01": "listed_uk AND is_5g AND installed_on > DATE '2022-10-13'",
    "uk-dvd-2022/UKD-02": "listed_uk AND is_5g",
    "uk-dvd-2022/UKD-03": "listed_uk AND in_uk",
    "uk-dvd-2022/UKD-06": "listed_uk AND is_sensitive",
    "us-ndaa-889/US-889A": "listed_us",
    "us-ndaa-889/US-889B": "listed_us",
}


def joined(con: Any, folder: Path, as_of: date) -> None:
    """The network of the day with what the rules ask of, as the table `fact`."""
    con.register("scope", scopes())
    shorts = [name[:2] for name in PACKS]
    listed = ", ".join(
        f"CASE WHEN bool_or(n.instrument = '{name}') THEN true "
        f"WHEN bool_and(c.is_known) THEN false END AS listed_{name[:2]}"
        for name in PACKS
    )
    means = ", ".join(ANY.format(f"in_{s}") + f" AS in_{s}" for s in shorts)
    con.execute(
        f"""
        CREATE OR REPLACE TABLE fact AS
        WITH RECURSIVE held AS (
          SELECT id AS vendor, id AS holder FROM '{folder}/vendor.parquet'
          UNION SELECT h.vendor, o.owner FROM held h
          JOIN '{folder}/ownership.parquet' o ON o.owned = h.holder AND o.is_controlling
        ),
        known AS (
          SELECT v.id, v.is_independent IS TRUE
            OR v.id IN (SELECT owned FROM '{folder}/ownership.parquet' WHERE is_controlling)
            AS is_known
          FROM '{folder}/vendor.parquet' v
        ),
        maker AS (
          SELECT h.vendor, {listed},
            any_value(v.name) FILTER (WHERE v.id = h.vendor) AS made_by,
            string_agg(DISTINCT concat_ws(chr(10), v.origin, n.origin), chr(10)) AS maker_origin
          FROM held h JOIN known c ON c.id = h.holder
          JOIN '{folder}/vendor.parquet' v ON v.id = h.holder
          LEFT JOIN '{folder}/designation.parquet' n ON n.vendor = h.holder
          GROUP BY h.vendor
        ),
        done AS (
          SELECT f.element, {means},
            string_agg(DISTINCT f.kind, ', ' ORDER BY f.kind) AS kinds,
            string_agg(f.origin, chr(10)) AS function_origin,
            {ANY.format("coalesce(f.generation, s.generation) = '5G'")} AS is_5g,
            {ANY.format("coalesce(f.generation, s.generation) = '4G'")} AS is_4g,
            {ANY.format("coalesce(f.generation, s.generation) IN ('4G', '5G')")} AS is_4g_or_5g
          FROM '{folder}/function.parquet' f LEFT JOIN scope s USING (kind) GROUP BY f.element
        )
        SELECT e.id, e.site, e.installed_on, e.purchased_on, t.country, t.is_sensitive,
          p.end_of_support_on, m.* EXCLUDE (vendor, maker_origin),
          d.* EXCLUDE (element, function_origin),
          concat_ws(chr(10), e.origin, d.function_origin, m.maker_origin, p.origin) AS rests_on
        FROM '{folder}/element.parquet' e
        LEFT JOIN '{folder}/site.parquet' t ON t.id = e.site
        LEFT JOIN '{folder}/product.parquet' p ON p.id = e.product
        LEFT JOIN maker m ON m.vendor = e.vendor
        LEFT JOIN done d ON d.element = e.id
        WHERE (e.installed_on IS NULL OR e.installed_on <= $as_of)
          AND (e.removed_on IS NULL OR e.removed_on > $as_of)
        """,
        {"as_of": as_of},
    ).fetchall()


WORDS_IN_SQL = """concat_ws(', ', coalesce(kinds, 'a function that is not stated')
    || ' by ' || coalesce(made_by, 'a maker that is not stated'),
    'installed on ' || installed_on, 'at ' || site)"""


def in_duckdb(folder: Path, as_of: date) -> Found:
    """The findings, by DuckDB."""
    import duckdb  # noqa: PLC0415

    with duckdb.connect() as con:
        joined(con, folder, as_of)
        return [
            (
                rule,
                con.sql(
                    f"SELECT id AS subject, ({condition}) IS NULL AS is_unknown, "
                    f"{WORDS_IN_SQL} AS because, rests_on "
                    f"FROM fact WHERE ({condition}) IS DISTINCT FROM false",
                    params={"as_of": as_of} if "$as_of" in condition else None,
                ).to_arrow_table(),
            )
            for rule, condition in RULES_IN_SQL.items()
        ]


def verdicts(found: Found) -> Verdicts:
    """What was found, to be held against what others found."""
    rows: Verdicts = []
    for rule, table in found:
        pairs = zip(
            *(
                column.to_pylist() if isinstance(table, pa.Table) else column.tolist()
                for column in (table["subject"], table["is_unknown"])
            ),
            strict=True,
        )
        due = DUE.get(rule, "")
        rows += [(rule, one, "unknown" if is_open else "breach", due) for one, is_open in pairs]
    return rows


def in_pandas(folder: Path, as_of: date) -> Found:
    """The findings, by pandas."""
    import pandas as pd  # noqa: PLC0415
    from rule_pack_pandas import any_of, equals, later, read  # noqa: PLC0415

    vendor = read(folder, "vendor", ["id", "name", "is_independent", "origin"]).set_index("id")
    owned = read(folder, "ownership", ["owner", "owned", "is_controlling"])
    owner = owned[owned.is_controlling.fillna(False).astype(bool)].set_index("owned").owner
    named = read(folder, "designation", ["vendor", "instrument", "origin"])
    makers = []
    for one in vendor.index:
        chain = [one]
        while chain[-1] in owner.index and owner[chain[-1]] not in chain:
            chain.append(owner[chain[-1]])
        stated = all(vendor.is_independent[v] is True or v in owner.index for v in chain)
        of_it = set(named[named.vendor.isin(chain)].instrument)
        origins = [*vendor.origin[chain], *named[named.vendor.isin(chain)].origin]
        makers.append(
            {"vendor": one, "made_by": vendor["name"][one], "maker_origin": "\n".join(origins)}
            | {f"listed_{n[:2]}": True if n in of_it else False if stated else pd.NA for n in PACKS}
        )
    flags = [f"listed_{n[:2]}" for n in PACKS]
    maker = pd.DataFrame(makers).astype(dict.fromkeys(flags, "boolean"))
    e = read(
        folder,
        "element",
        ["id", "site", "vendor", "product", "installed_on", "purchased_on", "removed_on", "origin"],
        ("vendor", "product"),
    )
    for name in ("installed_on", "purchased_on", "removed_on"):
        e[name] = pd.to_datetime(e[name])
    day = pd.Timestamp(as_of)
    e = e[~(e.installed_on > day) & ~(e.removed_on <= day)]
    site = read(folder, "site", ["id", "country", "is_sensitive"], ("country",))
    e = e.merge(site.rename(columns={"id": "site"}), on="site", how="left")
    product = read(folder, "product", ["id", "end_of_support_on", "origin"])
    product = product.rename(columns={"id": "product", "origin": "product_origin"})
    product["end_of_support_on"] = pd.to_datetime(product.end_of_support_on)
    e = e.merge(product, on="product", how="left").merge(maker, on="vendor", how="left")
    e["is_sensitive"] = e.is_sensitive.astype("boolean")
    f = read(folder, "function", ["element", "kind", "generation", "origin"], ("kind",))
    scope = scopes().to_pandas().set_index("kind")
    f["generation"] = f.generation.fillna(f.kind.map(scope.generation).astype("str"))
    f["row"] = f.element.map(pd.Series(e.index, e.id))
    f = f[f.row.notna()]
    known = {f"in_{n[:2]}": f.kind.map(scope[f"in_{n[:2]}"]).astype("boolean") for n in PACKS}
    known |= {
        "is_5g": equals(f.generation, "5G"),
        "is_4g": equals(f.generation, "4G"),
        "is_4g_or_5g": equals(f.generation, "4G", "5G"),
    }
    for name, values in known.items():
        e[name] = any_of(values, f.row).reindex(e.index)
    abroad = (e.country != "SE").astype("boolean").mask(e.country.isna())
    over = (e.end_of_support_on < day).astype("boolean").mask(e.end_of_support_on.isna())
    conditions = {
        "au-tssr-2018/AU-01": e.listed_au & e.is_5g,
        "ca-policy-2022/CA-01": e.listed_ca & e.is_4g_or_5g & later(e.purchased_on, "2022-09-01"),
        "ca-policy-2022/CA-02": e.listed_ca & e.is_5g,
        "ca-policy-2022/CA-03": e.listed_ca & e.is_4g,
        "de-contracts-2024/DE-01": e.listed_de & e.in_de,
        "eu-toolbox-2020/SM03": e.listed_eu & e.in_eu,
        "eu-toolbox-2020/TM07": e.in_eu & over,
        "se-pts-2020/SE-01": e.listed_se & e.in_se & later(e.installed_on, "2020-10-20"),
        "se-pts-2020/SE-02": e.listed_se & e.in_se,
        "se-pts-2020/SE-03": e.in_se & abroad,
        "uk-dvd-2022/UKD-01": e.listed_uk & e.is_5g & later(e.installed_on, "2022-10-13"),
        "uk-dvd-2022/UKD-02": e.listed_uk & e.is_5g,
        "uk-dvd-2022/UKD-03": e.listed_uk & e.in_uk,
        "uk-dvd-2022/UKD-06": e.listed_uk & e.is_sensitive,
        "us-ndaa-889/US-889A": e.listed_us,
        "us-ndaa-889/US-889B": e.listed_us,
    }
    several = f.row.duplicated(keep=False)
    joined_up = f[several].astype({"kind": "str"}).groupby("row", as_index=False)
    texts = pd.concat(
        [
            f.loc[~several, ["row", "kind", "origin"]],
            joined_up.agg(kind=("kind", ", ".join), origin=("origin", "\n".join)),
        ]
    ).set_index("row")
    e["kinds"] = texts.kind.astype("str").reindex(e.index).fillna("a function that is not stated")
    own = e.origin.fillna("")
    for more in (texts.origin.reindex(e.index), e.maker_origin, e.product_origin):
        own = own + ("\n" + more).fillna("")
    e["rests_on"] = own
    e["made_by"] = e.made_by.fillna("a maker that is not stated")
    found: Found = []
    for rule, condition in conditions.items():
        is_open = condition.isna()
        kept = e[(condition | is_open).fillna(True).to_numpy(bool)]
        words = kept.kinds + " by " + kept.made_by
        words += (", installed on " + kept.installed_on.dt.strftime("%Y-%m-%d")).fillna("")
        words += (", at " + kept.site).fillna("")
        rows = {"subject": kept.id, "is_unknown": is_open[kept.index], "because": words}
        found.append((rule, pd.DataFrame(rows | {"rests_on": kept.rests_on})))
    return found


def rego_policy() -> str:
    """The rules in Rego; `verdict` gives the three values of terms that must not all be true."""
    rules = {
        rule: [_term(term.strip()) for term in condition.split(" AND ")]
        for rule, condition in RULES_IN_SQL.items()
    }
    lines = ["package bench", "import rego.v1", ""]
    lines += [
        "after(day, limit) := null if day == null",
        "after(day, limit) := day > limit if day != null",
        "before(day, limit) := null if day == null",
        "before(day, limit) := day < limit if day != null",
        "differs(a, b) := null if a == null",
        "differs(a, b) := a != b if a != null",
        'verdict(terms) := "comply" if { some term in terms; term == false } else := "unknown" if {',
        '  some term in terms; term == null } else := "breach"',
    ]
    found = [f'  "{rule}": verdict([{", ".join(terms)}])' for rule, terms in rules.items()]
    return "\n".join([*lines, "found := {", ",\n".join(found), "}"]) + "\n"


def _term(condition: str) -> str:
    column, *rest = condition.split(" ", 1)
    if not rest:
        return f"input.{column}"
    sign, value = rest[0].split(" ", 1)
    value = value.removeprefix("DATE ").replace("'", '"').replace("$as_of", "input.as_of")
    match sign:
        case ">":
            return f"after(input.{column}, {value})"
        case "<":
            return f"before(input.{column}, {value})"
        case _:
            return f"differs(input.{column}, {value})"


def in_rego(folder: Path, as_of: date, elements: int) -> tuple[float, Verdicts]:
    """The CPU seconds that the engine took for the first so many elements, and the verdicts.

    What is handed to it is joined beforehand, and that is not counted.
    """
    import duckdb  # noqa: PLC0415
    import regorus  # type: ignore[import-not-found]  # noqa: PLC0415

    with duckdb.connect() as con:
        joined(con, folder, as_of)
        facts = con.sql(
            "SELECT * FROM fact WHERE id < $last ORDER BY id",
            params={"last": f"netbox:{elements:07d}"},
        ).to_arrow_table()
    rows = facts.to_pylist()
    for row in rows:
        row["as_of"] = as_of
        for name, value in row.items():
            if isinstance(value, date):
                row[name] = value.isoformat()
    engine = regorus.Engine()
    engine.add_policy("bench.rego", rego_policy())
    said: Verdicts = []
    began = time.process_time()
    for row in rows:
        engine.set_input(row)
        for rule, verdict in engine.eval_rule("data.bench.found").items():
            if verdict != "comply":
                said.append((rule, row["id"], verdict, DUE.get(rule, "")))
    return time.process_time() - began, said
