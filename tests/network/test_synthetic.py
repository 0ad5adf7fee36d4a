"""The made-up country: is it the same each time, sound, of the size asked for, and readable?"""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import UsageError
from ringfence.network.functions import catalogue, resolve_kind
from ringfence.network.merge import merge
from ringfence.network.model import NETWORK_TABLES, TABLES
from ringfence.network.synthetic import (
    FAULTY_ROWS,
    CountryParameters,
    country,
    folder_name,
    operator_pieces,
    operators,
    write_files,
)
from ringfence.network.synthetic import country as country_module
from ringfence.network.vendors import group, resolve
from ringfence.sources.base import Gathered, Options, gather, recognise
from ringfence.store.duck import Tables

SMALL = CountryParameters(size="town")
FOUR_OPERATORS = CountryParameters(elements=10_000)
COUNTRY = CountryParameters()


@cache
def made(parameters: CountryParameters) -> Mapping[str, pa.Table]:
    parts = defaultdict(list)
    for name, rows in country(parameters):
        parts[name].append(rows)
    return {name: pa.concat_tables(pieces) for name, pieces in parts.items()}


@cache
def resolved(parameters: CountryParameters) -> Mapping[str, pa.Table]:
    return resolve(made(parameters)).tables


# --- the same each time


def test_the_same_parameters_give_the_same_bytes(tmp_path: Path) -> None:
    one = write_files(SMALL, tmp_path / "one")
    other = write_files(SMALL, tmp_path / "other")
    assert [f.relative_to(tmp_path / "one") for f in one] == [
        f.relative_to(tmp_path / "other") for f in other
    ]
    assert [f.read_bytes() for f in one] == [f.read_bytes() for f in other]


def test_a_workbook_is_the_same_bytes_too(tmp_path: Path) -> None:
    books = []
    for folder in (tmp_path / "one", tmp_path / "other"):
        files = write_files(FOUR_OPERATORS, folder)
        books += [f.read_bytes() for f in files if f.suffix == ".xlsx"]
    assert len(books) == 4  # the inventory and the firewalls, twice
    assert books[:2] == books[2:]


def test_another_seed_gives_another_country() -> None:
    other = CountryParameters(size="town", seed=SMALL.seed + 1)
    assert not made(SMALL)["site"].equals(made(other)["site"])


def test_a_part_is_the_same_whatever_was_made_before_it() -> None:
    whole = [(name, rows) for name, rows in country(SMALL) if "site" in rows.column_names]
    alone = [
        (name, rows)
        for operator in reversed(operators(SMALL))
        for name, rows in operator_pieces(SMALL, operator)
        if "site" in rows.column_names
    ]
    assert len(whole) == len(alone)
    for name, rows in whole:
        assert any(other == name and found.equals(rows) for other, found in alone)


# --- never the whole at once


def test_no_piece_is_larger_than_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    sites = set(made(SMALL)["site"]["id"].to_pylist())
    module = sys.modules["ringfence.network.synthetic.country"]
    monkeypatch.setattr(module, "BATCH_SITES", 7)
    pieces = [(name, rows.num_rows) for name, rows in country_module(SMALL) if name == "site"]
    assert max(size for _, size in pieces) == 7
    found = pa.concat_tables([rows for name, rows in country_module(SMALL) if name == "site"])
    assert set(found["id"].to_pylist()) == sites


_CHILD = """
import resource, sys
from ringfence.network.synthetic import CountryParameters, country
for name, rows in country(CountryParameters(elements=int(sys.argv[1]))):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_country() -> None:
    def most(elements: int) -> int:
        done = subprocess.run(
            [sys.executable, "-c", _CHILD, str(elements)], capture_output=True, check=True
        )
        return int(done.stdout)

    small, large = most(50_000), most(600_000)
    assert large < small + 150  # MiB, for twelve times as many elements


# --- the size asked for


@pytest.mark.parametrize(
    ("parameters", "number"),
    [
        (SMALL, 2),
        (CountryParameters(elements=4_321), 2),
        (FOUR_OPERATORS, 4),
        (COUNTRY, 4),
        pytest.param(CountryParameters(elements=350_000), 12, marks=pytest.mark.slow),
    ],
)
def test_there_are_about_as_many_elements_as_were_asked_for(
    parameters: CountryParameters, number: int
) -> None:
    tables = made(parameters)
    assert abs(tables["element"].num_rows / parameters.wanted - 1) < 0.03
    assert tables["operator"].num_rows == number == len(operators(parameters))
    assert tables["site"].num_rows == sum(operator.sites for operator in operators(parameters))


def test_a_country_has_about_twelve_thousand_sites() -> None:
    assert 11_500 < made(COUNTRY)["site"].num_rows < 12_500


@pytest.mark.parametrize(
    "wrong",
    [
        {"size": "village"},
        {"elements": 0},
        {"elements": 10_000_001},
        {"seed": -1},
        {"as_of": date(2012, 1, 1)},
    ],
)
def test_what_cannot_be_made_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError):
        CountryParameters(**wrong)  # type: ignore[arg-type]  # on purpose


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError) as raised:
        write_files(SMALL, tmp_path / "file")
    assert raised.value.where == str(tmp_path / "file")


# --- sound


def ids(tables: Mapping[str, pa.Table], name: str) -> set[str]:
    return set(tables[name]["id"].to_pylist())


@pytest.mark.parametrize("parameters", [SMALL, COUNTRY], ids=["town", "country"])
def test_every_row_is_sound_and_every_reference_leads_somewhere(
    parameters: CountryParameters,
) -> None:
    tables = resolved(parameters)
    for name, rows in tables.items():
        declared = TABLES[name]
        assert declared.faults(rows) == [], name
        assert rows.group_by(list(declared.key)).aggregate([]).num_rows == rows.num_rows, name
        for column in declared.columns:
            if column.refers_to:
                known = tables[column.refers_to]["id"].combine_chunks()
                found = pc.is_in(rows[column.name].drop_null(), value_set=known)
                assert pc.all(found).as_py() is not False, (name, column.name)


@settings(max_examples=12)
@given(
    st.integers(0, 2**63 - 1),
    st.integers(500, 1_500),
    st.dates(date(2022, 1, 1), date(2032, 12, 31)),
)
def test_dates_follow_one_another_and_none_is_ahead(seed: int, elements: int, as_of: date) -> None:
    parameters = CountryParameters(seed=seed, elements=elements, as_of=as_of)
    parts = [rows for name, rows in country(parameters) if name == "element"]
    rows = pa.concat_tables(parts)
    assert TABLES["element"].faults(rows) == []
    assert pc.max(rows["installed_on"]).as_py() <= as_of
    removed = rows["removed_on"].drop_null()
    assert not len(removed) or pc.max(removed).as_py() <= as_of
    for early, late in (("purchased_on", "installed_on"), ("installed_on", "removed_on")):
        assert pc.any(pc.greater(rows[early], rows[late])).as_py() is not True


def test_facts_are_missing_as_often_as_they_are_in_real_inventories() -> None:
    tables = resolved(COUNTRY)
    element = tables["element"]

    def missing(column: str) -> float:
        return float(element[column].null_count / element.num_rows)

    assert 0.03 < missing("vendor") < missing("vendor_name") < 0.06
    assert 0.03 < missing("installed_on") < 0.05
    told = set(tables["function"]["element"].to_pylist())
    untold = sum(1 for one in element["id"].to_pylist() if one not in told)
    assert 0.01 < untold / element.num_rows < 0.03
    strange = Counter(
        kind for kind in tables["function"]["kind"].to_pylist() if resolve_kind(kind) is None
    )
    assert set(strange) == {"Gateway node", "RAN misc", "Core box"}
    assert strange.total() < 0.01 * element.num_rows


def test_every_part_of_a_network_is_there() -> None:
    kinds = {resolve_kind(kind) for kind in made(COUNTRY)["function"]["kind"].to_pylist()}
    domains = {row["domain"] for row in catalogue().to_pylist() if row["kind"] in kinds}
    assert domains == set(catalogue()["domain"].to_pylist())
    assert {row["kind"] for row in made(COUNTRY)["relation"].to_pylist()} == set(
        TABLES["relation"]["kind"].one_of
    )
    assert {row["carries"] for row in made(COUNTRY)["link"].to_pylist()} == {
        None,
        *TABLES["link"]["carries"].one_of,
    }


# --- where the designated vendor is


def radio_shares(parameters: CountryParameters) -> list[tuple[float, float]]:
    """Of each operator's radio sites, the least and the most that may be the designated vendor's."""
    tables = resolved(parameters)
    held = group("table:corvane", tables)
    radio = {"ENB", "GNBDU", "GNBRU", "GNB", "BTS", "NODEB"}
    kind_of = {row["element"]: resolve_kind(row["kind"]) for row in tables["function"].to_pylist()}
    operator_of = {row["id"]: row["operator"] for row in tables["site"].to_pylist()}
    on_site = {
        row["id"] for row in tables["site"].to_pylist() if row["kind"] in {"macro", "small cell"}
    }
    state: dict[str, int] = {}
    for row in tables["element"].to_pylist():
        if row["site"] in on_site and kind_of.get(row["id"]) in radio and not row["removed_on"]:
            judged = 1 if row["vendor"] is None else 2 if row["vendor"] in held else 0
            state[row["site"]] = max(judged, state.get(row["site"], 0))
    counts = defaultdict(Counter)  # type: ignore[var-annotated]
    for site, judged in state.items():
        counts[operator_of[site]][judged] += 1
    return [
        (c[2] / c.total(), (c[1] + c[2]) / c.total())
        for c in (counts[operator.id] for operator in operators(parameters))
    ]


def test_one_operator_is_above_the_cap_one_below_and_one_depends_on_what_is_unknown() -> None:
    above, below, near, small = radio_shares(COUNTRY)
    assert 0.35 < above[0] < 0.4
    assert 0.2 < below[0] < below[1] < 0.35
    assert 0.3 < near[0] < 0.35 < near[1]
    assert small[1] < 0.2


@pytest.mark.parametrize("seed", [0, 7, 123456789])
def test_the_cap_is_as_interesting_with_any_seed(seed: int) -> None:
    above, below, near, _ = radio_shares(CountryParameters(elements=30_000, seed=seed))
    assert above[0] > 0.35 > below[1]
    assert near[0] < 0.35 < near[1]


def test_the_designated_vendor_owns_another_and_hides_behind_a_third() -> None:
    tables = resolved(COUNTRY)
    assert group("table:corvane", tables) == {"table:corvane", "table:lumisar"}
    assert "table:corvane" in group("table:corvane-holding", tables)
    product = {row["id"]: row for row in tables["product"].to_pylist()}
    hidden = [p for p in product.values() if p["original_maker"]]
    assert {p["vendor"] for p in hidden} == {"table:brightmast"}
    assert {p["original_maker"] for p in hidden} == {"table:corvane"}
    used = set(tables["element"]["product"].to_pylist())
    assert used & {p["id"] for p in hidden}
    named = {
        (row["instrument"], row["valid_from"], row["status"], row["has_mitigation_strategy"])
        for row in tables["designation"].to_pylist()
    }
    assert named == {
        ("uk-ncsc-2020", date(2020, 1, 28), "treated as high risk", True),
        ("uk-dvd-2022", date(2022, 10, 13), "designated", None),
    }


def test_one_operator_has_it_in_its_core_still_and_took_some_of_it_out_in_2023() -> None:
    tables = resolved(COUNTRY)
    kind_of = {row["element"]: row["kind"] for row in tables["function"].to_pylist()}
    core = [
        (kind_of[row["id"]], row["removed_on"])
        for row in tables["element"].to_pylist()
        if row["vendor"] == "table:corvane"
        and kind_of.get(row["id"]) in {"MME", "HSS", "MSC Server"}
        and row["id"].startswith("table:ORR")
    ]
    assert {day.year for kind, day in core if kind == "MME" and day} == {2023}
    assert {kind for kind, day in core if day is None} == {"MME", "HSS", "MSC Server"}


def test_makers_are_spelled_in_several_ways_and_some_are_for_a_person_to_notice() -> None:
    resolution = resolve(made(COUNTRY))
    assert set(resolution.added["name"].to_pylist()) == {
        "Corvanne",
        "Feymark Radios",
        "Nordstrahl AB",
    }
    suggested = {(r["vendor_name"], r["vendor"]) for r in resolution.suggestions.to_pylist()}
    assert ("Corvanne", "table:corvane") in suggested
    assert resolution.unresolved.num_rows == 0
    spelled = Counter(made(COUNTRY)["element"]["vendor_name"].to_pylist())
    assert all(spelled[s] for s in ("Corvane", "CORVANE COMMUNICATIONS", "Corvane Comms"))


# --- as files


def read(parameters: CountryParameters, folder: Path) -> dict[str, Gathered]:
    """Each file read by the source that claims it, with the mapping that was written for it."""
    found = {}
    for path in write_files(parameters, folder):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".toml":
            continue
        mapping = folder / "mappings" / f"{name.replace('/', '__')}.toml"
        options = Options(origin=name, mapping=mapping if mapping.exists() else None)
        source, _ = recognise(path)[0]
        found[name] = gather(source, path, options)
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("country")


@pytest.fixture(scope="module")
def gathered(folder: Path) -> dict[str, Gathered]:
    return read(FOUR_OPERATORS, folder)


def test_reading_the_files_gives_the_country_back(gathered: dict[str, Gathered]) -> None:
    from_files = merge([Tables(part.tables) for part in gathered.values()])
    as_made = merge([Tables(dict(made(FOUR_OPERATORS)))])
    for table in NETWORK_TABLES:
        columns = [name for name in table.names if name != "origin"]
        found = from_files.tables[table.name].select(columns)
        assert found.equals(as_made.tables[table.name].select(columns)), table.name
    assert len(from_files.contradictions) == 1


def test_only_the_rows_meant_to_be_at_fault_are_rejected(gathered: dict[str, Gathered]) -> None:
    reasons = {
        (name, row["kind"]): row["reason"]
        for name, part in gathered.items()
        for row in part.rejects.to_pylist()
    }
    assert {name for name, _ in reasons} == {
        "orrin-mobile/sites.csv",
        "orrin-mobile/network-elements.csv",
    }
    for part in gathered.values():
        assert part.rows_read == part.rows_kept + part.rows_rejected
    rejected = sum(part.rows_rejected for part in gathered.values())
    # One more contradicts an earlier row of its file, which shows when rows are laid together.
    assert rejected + 1 == FAULTY_ROWS


def test_each_operator_sends_what_operators_send(
    gathered: dict[str, Gathered], folder: Path
) -> None:
    files = set(gathered)
    assert [folder_name(operator) for operator in operators(FOUR_OPERATORS)] == [
        "aldmere",
        "orrin-mobile",
        "sundrel",
        "halvic-fibre",
    ]
    assert {
        "aldmere/devices.json",
        "aldmere/function.csv",
        "aldmere/interfaces.json",
        "orrin-mobile/network-elements.csv",
        "orrin-mobile/nf-instances.csv",
        "orrin-mobile/access-list-lines.csv",
        "sundrel/inventory.xlsx",
        "sundrel/firewalls.xlsx",
        "halvic-fibre/filter.csv",
        "halvic-fibre/element.csv",
        "regulator/designation.csv",
        "regulator/product.csv",
    } <= files
    heading = (folder / "orrin-mobile/network-elements.csv").read_text().splitlines()[0]
    assert heading.replace('"', "").split(",")[:5] == [
        "NE ID",
        "NE Name",
        "Site Code",
        "Supplier",
        "Model",
    ]


def test_saved_answers_of_netbox_come_in_pages_that_agree(
    gathered: dict[str, Gathered], folder: Path
) -> None:
    assert gathered["aldmere/devices.json"].rows_read > 2000
    text = (folder / "aldmere/devices.json").read_text(encoding="utf-8")
    pages = [json.loads(line) for line in text.splitlines()]
    assert len(pages) > 2
    total = sum(len(page["results"]) for page in pages)
    assert {page["count"] for page in pages} == {total}
    assert [len(page["results"]) for page in pages[:-1]] == [1000] * (len(pages) - 1)
    assert pages[0]["previous"] is None
    assert pages[-1]["next"] is None
    assert all(page["next"] for page in pages[:-1])


@pytest.mark.slow
def test_a_country_reads_back_whole(tmp_path: Path) -> None:
    parts = read(COUNTRY, tmp_path)
    found = merge([Tables(part.tables) for part in parts.values()]).tables
    as_made = merge([Tables(dict(made(COUNTRY)))]).tables
    for table in NETWORK_TABLES:
        columns = [name for name in table.names if name != "origin"]
        assert found[table.name].select(columns).equals(as_made[table.name].select(columns))
