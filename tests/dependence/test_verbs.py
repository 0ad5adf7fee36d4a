"""The verbs withdraw and concentration, and the pictures, on a workspace read from files."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import typer
from typer.testing import CliRunner

from ringfence.cli import dependence
from ringfence.cli.app import app as whole
from ringfence.dependence.edges import EdgeParameters, service_edges, service_needs
from ringfence.dependence.outcome import LOST, OUTAGE
from ringfence.errors import NotFoundError, RingfenceError, UsageError
from ringfence.network.placement import PlacementParameters
from ringfence.report.outages import layers_of, outage_over_time, service_tree, sites_lost
from ringfence.workspace import Workspace

FILES = {
    "operator.csv": "id,name,country\no,Northline,XV\n",
    "site.csv": "id,operator,region,kind,latitude_deg,longitude_deg\n"
    "dc,o,Upland,data centre,60,5\na,o,Upland,macro,60.1,5.1\nb,o,Lowland,macro,60.2,5.2\n",
    "vendor.csv": "id,name,is_independent\nv,Corvane,yes\nw,Borealis,yes\n",
    "element.csv": "id,site,vendor_name\nhub,dc,Borealis\na1,a,Corvane\nar,a,Borealis\n"
    "b1,b,Borealis\nbr,b,Borealis\n"
    + "".join(f"{kind},dc,Borealis\n" for kind in ("MME", "SGW", "PGW", "HSS")),
    "function.csv": "element,kind\nhub,IP core router\na1,ENB\nb1,ENB\nar,cell site router\n"
    "br,cell site router\n" + "".join(f"{k},{k}\n" for k in ("MME", "SGW", "PGW", "HSS")),
    "link.csv": "id,source,target\nl1,ar,hub\nl2,br,hub\n",
    "demand.csv": "site,kind,people\na,mobile data,100\nb,mobile data,50\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("withdrawn")
    (base / "in").mkdir()
    for name, text in FILES.items():
        (base / "in" / name).write_text(text, encoding="utf-8")
    runner = CliRunner()
    for words in (["init", str(base / "w")],
                  ["ingest", str(base / "in"), "-w", str(base / "w"),
                   "--as-of", "2026-01-01"]):  # fmt: skip
        ran = runner.invoke(whole, words)
        assert ran.exit_code == 0, ran.output
    return base / "w"


def run(folder: Path, *words: str) -> str:
    verbs = typer.Typer()
    verbs.command()(dependence.withdraw)
    verbs.command()(dependence.concentration)
    ran = CliRunner().invoke(
        verbs, [words[0], "-w", str(folder), "--as-of", "2026-01-01", *words[1:]]
    )
    if isinstance(ran.exception, RingfenceError):
        raise ran.exception
    assert ran.exit_code == 0, ran.output
    return ran.output


def test_a_person_reads_who_is_without_service_and_why(folder: Path) -> None:
    text = run(folder, "withdraw", "--vendor", "Corvane", "-q")
    assert "mobile data: people without it, of 150" in text
    assert "100 = 66.7 %" in text
    assert "Upland" in text
    assert "does not give mobile data: its own equipment" in text
    assert "services.holdover_days" in text
    assert "Area is not counted" in text
    # An order needs no spare parts, so that what they rest on is not shown.
    assert "spares." not in text


def test_days_on_which_nothing_changes_are_one_line(folder: Path) -> None:
    text = run(folder, "withdraw", "--vendor", "Corvane", "-q")
    table = text.partition("mobile data: people")[2].partition("\n\n")[0]
    assert [line.split()[0] for line in table.splitlines()[2:]] == ["before", "0"]


def test_area_is_shown_where_a_scenario_bounds_it(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text("[services]\nfarthest_km = 4.0\n", encoding="utf-8")
    text = run(folder, "withdraw", "--vendor", "Corvane", "-q", "--scenario", str(file))
    # Two circles of 4 km, apart: 100.5 km2.
    assert "mobile data: km² without it, of 101" in text
    assert "Area is not counted" not in text
    assert "area.side_km" in text


def test_a_program_gets_every_table_and_what_was_assumed(folder: Path) -> None:
    text = run(folder, "withdraw", "--vendor", "Corvane", "--on", "2027-01-01", "--json", "-q")
    found = json.loads(text)
    assert found["summary"] == {"vendors": ["table:v"], "mode": "order", "on": "2027-01-01"}
    assert {"first_failure", "failure_chain", "assumption", "findings"} <= set(found)
    assert {row["basis"] for row in found["assumption"]} == {"assumed", "stated"}


def test_a_month_alone_and_concentration_answer(folder: Path) -> None:
    assert "A month without international links" in run(folder, "withdraw", "--alone", "-q")
    text = run(folder, "concentration", "--sets", "2", "--by", "network", "-q")
    assert "Least sets that surely stop" in text
    # Of nine elements one is Corvane's and eight are Borealis's: (1 + 64) / 81 = 0.80.
    row = next(line for line in text.splitlines() if line.startswith("all "))
    assert row.split() == ["all", "9", "9", "0.80", "Borealis", "88.9", "%", "no"]
    assert "Common components: the tables state none" in text
    # Of 0.80 with a tenth taken from both: 0.81 * 65 / 81 + 0.01 = 0.66; a fifth 0.55; 0.3, 0.48.
    newcomer = text.partition("if a newcomer took")[2].splitlines()[2]
    assert newcomer.split() == ["all", "0.80", "0.66", "0.55", "0.48"]
    assert "table:" not in text.partition("Least sets")[0]


def test_what_cannot_be_asked_is_said(folder: Path) -> None:
    with pytest.raises(UsageError, match="no vendor"):
        run(folder, "withdraw")
    with pytest.raises(UsageError, match="is no mode"):
        run(folder, "withdraw", "--vendor", "Corvane", "--mode", "gently")
    with pytest.raises(UsageError, match="is not a date"):
        run(folder, "withdraw", "--vendor", "Corvane", "--on", "soon")
    with pytest.raises(UsageError, match="no way of parting"):
        run(folder, "concentration", "--by", "colour")
    with pytest.raises(NotFoundError):
        run(folder, "withdraw", "--vendor", "Nobody")


def test_pictures_are_whole_svg_and_the_same_twice(folder: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(folder, "withdraw", "--vendor", "Corvane", "-q", "--pictures", str(tmp_path / name))
    files = sorted(f.name for f in (tmp_path / "one").iterdir())
    assert files == ["mobile-data-over-time.svg", "mobile-data-sites.svg"]
    for name in files:
        drawn = (tmp_path / "one" / name).read_bytes()
        assert drawn == (tmp_path / "two" / name).read_bytes()
        assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 (our own text)
    text = (tmp_path / "one" / "mobile-data-sites.svg").read_text(encoding="utf-8")
    assert ">1 lost in at least half of the runs<" in text
    assert ">1 served<" in text


def test_pictures_of_nothing_are_pictures(folder: Path) -> None:
    drawn = (
        outage_over_time(
            OUTAGE.empty(), service="voice", measure="people", key="a", title="t", describes="d"
        ),
        sites_lost(LOST.empty(), service="voice", key="b", title="t", describes="d"),
        service_tree([], key="c", title="t", describes="d"),
    )
    for text in drawn:
        assert ET.fromstring(text).tag.endswith("svg")  # noqa: S314 (our own text)


def test_a_regions_tree_counts_the_vendors_part_and_each_edge_has_its_origin(folder: Path) -> None:
    network = Workspace(folder).network()
    asked = EdgeParameters(as_of=network.as_of, vendor="table:v")
    needs = service_needs(network.tables, asked)["service_need"]
    layers = layers_of(needs, "Upland")
    assert [layer.label for layer in layers] == ["at the sites", "on the way", "in the centre"]
    at_sites = layers[0].needs[0]
    assert (at_sites.label, at_sites.total, at_sites.held) == ("ENB", 1, 1)
    assert "ENB: 1 of 1 the vendor" in service_tree(layers, key="t", title="t", describes="d")
    edges = service_edges(network.tables, PlacementParameters(network.as_of))["service_edge"]
    rows = {(r["needer"], r["need"], r["needed"]): r["origin"] for r in edges.to_pylist()}
    assert "link.csv" in rows["table:ar", "a link", "table:hub"]
    assert "element.csv" in rows["table:a", "mobile data", "table:a1"]
    assert "function.csv" in rows["sites of table:o", "MME", "table:MME"]
    assert all(rows.values())


def test_the_report_says_what_fails_and_takes_what_was_asked_before(
    folder: Path, tmp_path: Path
) -> None:
    file = tmp_path / "r.html"
    words = ["report", "--vendor", "Corvane", "-w", str(folder), "--as-of", "2026-01-01"]
    ran = CliRunner().invoke(whole, [*words, "--out", str(file), "-q"])
    assert ran.exit_code == 0, ran.output
    page = file.read_text(encoding="utf-8")
    assert "If all of Corvane were switched off, 66.7\u00a0% of people" in page
    assert "100 (66.7\u00a0%)" in page
    records = Workspace(folder).cache.records

    def made() -> int:
        return sum(record["step"].endswith("withdraw") for record in records())

    before = made()
    assert before >= 2
    run(folder, "withdraw", "--vendor", "Corvane", "-q")
    run(folder, "withdraw", "--vendor", "Corvane", "--mode", "support", "-q")
    # The verb and the report ask alike, so that neither works out what the other has.
    assert made() == before
