"""The chapter on what fails when the vendor is gone, on a network whose answers are known by hand."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from ringfence.dependence.concentration import ConcentrationParameters, concentration
from ringfence.dependence.edges import EdgeParameters, service_needs
from ringfence.dependence.outcome import ASSUMED, CHAIN, FIRST, LOST, OUTAGE
from ringfence.dependence.scenario import Scenario, ServiceScenario
from ringfence.dependence.withdraw import WithdrawParameters, withdraw
from ringfence.report.assessment import Assessment, render
from ringfence.report.exhibits import Annex
from ringfence.report.outages import Layer, Need, service_tree, sites_lost, with_a_part
from ringfence.report.withdrawal import Withdrawn, index_words, withdrawal
from ringfence.store.duck import Tables

Build = Callable[..., Tables]

DAY = date(2026, 3, 1)
NAMES = {"v": "Corvane", "w": "Borealis", "a": "Mast <b>one</b>", "a-enb": "华景基站 7"}


def network() -> dict[str, Any]:
    """Two 4G sites of 100 and 50 people, of v and w; a third of 25 of no stated maker."""
    rows: dict[str, Any] = {
        "operator": [{"id": "o"}],
        "vendor": [{"id": "v", "is_independent": True, "name": "Corvane"},
                   {"id": "w", "is_independent": True, "name": "Borealis"}],
        "site": [{"id": "dc", "operator": "o", "kind": "data centre", "region": "North"}],
        "element": [], "function": [], "demand": [], "link": [],
    }  # fmt: skip
    for kind in ("MME", "SGW", "PGW", "HSS", "IP core router"):
        rows["element"].append({"id": kind, "site": "dc", "vendor": "w"})
        rows["function"].append({"element": kind, "kind": kind})
    for place, (site, maker, people) in enumerate(
        (("a", "v", 100), ("b", "w", 50), ("c", None, 25))
    ):
        rows["site"].append(
            {"id": site, "operator": "o", "region": "North", "kind": "macro",
             "latitude_deg": 60 + place / 4, "longitude_deg": 5 + place / 4}
        )  # fmt: skip
        for end, kind, whose in (("enb", "ENB", maker), ("r", "cell site router", "w")):
            rows["element"].append({"id": f"{site}-{end}", "site": site, "vendor": whose})
            rows["function"].append({"element": f"{site}-{end}", "kind": kind})
        rows["link"].append({"id": site, "source": f"{site}-r", "target": "IP core router"})
        rows["demand"].append({"site": site, "kind": "mobile data", "people": float(people)})
    return rows


def gone(tables: Tables, names: dict[str, str], **services: Any) -> Withdrawn:
    scenario = Scenario(runs=20, years=2, services=ServiceScenario(**services))
    asked = WithdrawParameters(vendors=("v",), mode="order", on=DAY, as_of=DAY, scenario=scenario)
    off, left = (
        withdraw(tables, asked.model_copy(update={"mode": mode})) for mode in ("order", "support")
    )
    shares = concentration(tables, ConcentrationParameters(as_of=DAY))
    return Withdrawn(
        off=off,
        left_alone=left["outage"],
        assumption=left["assumption"],
        need=service_needs(tables, EdgeParameters(as_of=DAY, vendor="v"))["service_need"],
        concentration=shares["concentration"],
        share=shares["concentration_share"],
        names=names,
    )


@pytest.fixture(scope="module")
def given(build: Build) -> Withdrawn:
    return gone(build(**network()), NAMES)


def section(page: str) -> str:
    return page.partition('<section aria-labelledby="withdrawal">')[2].partition("</section>")[0]


def test_the_figures_are_those_worked_out_by_hand(given: Withdrawn) -> None:
    annex = Annex()
    chapter = withdrawal(given, "Corvane", annex)
    assert chapter is not None
    (row,) = chapter.outages
    # Of 175 people: a's 100 surely, and c's 25 as well at most; before, none.
    assert (row.service, row.total) == ("mobile data", "175 people")
    assert row.surely == "100 (57.1\u00a0%)"
    assert row.at_most == "125 (71.4\u00a0%)"
    assert row.before == "0 (0\u00a0%)"
    assert chapter.in_short == (
        "If all of Corvane were switched off, 57.1 to 71.4\u00a0% of people would be without mobile "
        "data: the lower end is certain, the upper adds what hangs on facts that nobody stated."
    )
    (failure,) = chapter.failures
    assert (failure.cause, failure.service, failure.sites) == (
        "its own equipment", "mobile data", 1,
    )  # fmt: skip
    assert failure.chain == (
        "Mast <b>one</b> (a) does not give mobile data: its own equipment",
        "华景基站 7 (a-enb) is out",
    )
    # Of 11 elements 9 are of w, 1 of v, 1 of nobody known: (81 + 1) / 121 to (100 + 1) / 121.
    whole = chapter.held[0]
    assert (whole.part, whole.elements) == ("The whole network", 11)
    assert whole.makers == "0.68 to 0.83"
    assert whole.maker == "Borealis, 81.8 to 90.9\u00a0%"
    by_region = next(t for t in annex.tables if t.caption.startswith("Sites that lose"))
    assert by_region.rows == (("North", "1", "1", "1"),)
    assert "Area is not counted" in chapter.not_counted


def test_area_stands_beside_people_where_it_is_counted(build: Build) -> None:
    rows = network()
    for demand in rows["demand"]:
        demand["range_km"] = 5.0
    chapter = withdrawal(gone(build(**rows), {}), "Corvane", Annex())
    assert chapter is not None
    people, area = chapter.outages
    # Three circles of 78.54 km2, far apart.
    assert people.total == "175 people"
    assert re.fullmatch(r"23\d km²", area.total)
    assert area.surely.endswith("(33.3\u00a0%)") or area.surely.endswith("(33.4\u00a0%)")
    assert "Area" not in chapter.not_counted


def test_the_page_has_the_chapter_and_every_picture_its_table(
    given: Withdrawn, sample: Assessment
) -> None:
    page = render(replace(sample, withdrawn=given))
    part = section(page)
    assert "What fails when the vendor is gone" in part
    assert "If it goes" in page
    pictures = re.findall(r"<svg xmlns.*?</svg>", part, re.DOTALL)
    assert len(pictures) == 3
    for drawn in pictures:
        assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 (our own text)
    for anchor in re.findall(r'href="#([^"]+)"', part):
        assert f'id="{anchor}"' in page
    # No id twice, or a picture would be painted with another's hatching.
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert "<script" not in page
    assert "<b>one" not in page
    assert "Mast &lt;b&gt;one&lt;/b&gt; (a)" in part
    assert "华景基站 7" in part


def test_the_same_answers_give_the_same_page(given: Withdrawn, sample: Assessment) -> None:
    one = replace(sample, withdrawn=given)
    assert render(one) == render(replace(sample, withdrawn=replace(given)))


@pytest.mark.parametrize("name", ["<b>V</b>", "华景", '"><script>x</script>', "a\u202eb", "&amp;"])
def test_a_hostile_name_of_vendor_region_or_site_stays_a_name(
    name: str, build: Build, sample: Assessment
) -> None:
    rows = network()
    for site in rows["site"]:
        site["region"] = name
    made = gone(build(**rows), dict.fromkeys(("a", "a-enb", "v", "w"), name))
    page = render(replace(sample, vendor=name, withdrawn=made))
    for drawn in re.findall(r"<svg xmlns.*?</svg>", section(page), re.DOTALL):
        ET.fromstring(drawn)  # noqa: S314 (our own text)
    assert "<script" not in page
    assert "<b>V" not in page
    assert "\u202e" not in page


def test_nothing_worked_out_claims_nothing(sample: Assessment) -> None:
    part = section(render(sample))
    assert "What fails was not worked out" in part
    assert "<table" not in part


def test_a_network_without_services_claims_nothing(given: Withdrawn, sample: Assessment) -> None:
    bare = replace(
        given,
        off={t.name: t.empty() for t in (OUTAGE, LOST, FIRST, CHAIN)},
        left_alone=OUTAGE.empty(),
        assumption=ASSUMED.empty(),
    )
    part = section(render(replace(sample, withdrawn=bare)))
    assert "nothing can be said of what fails" in part
    assert "<svg xmlns" not in part


def test_a_tree_shows_what_the_vendor_is_in_and_counts_the_rest() -> None:
    layers = [
        Layer("at the sites", (Need("ENB", 9, 4, 0), Need("OLT", 3, 0, 0), Need("BTS", 2, 0, 1))),
        Layer("on the way", (Need("WDM", 5, 0, 0),)),
    ]
    kept = with_a_part(layers)
    assert [[need.label for need in layer.needs] for layer in kept] == [["ENB", "BTS"], []]
    assert [layer.left_out for layer in kept] == [1, 1]
    drawn = service_tree(kept, key="t", title="t", describes="d")
    assert ">and 1 kind of function without a part of the vendor<" in drawn
    assert ">1 kind of function without a part of the vendor<" in drawn


def test_a_map_has_a_bar_of_a_round_length_that_is_true_to_its_scale() -> None:
    rows = [
        {"site": str(n), "service": "voice", "surely_lost": 0.0, "may_be_lost": 0.0,
         "latitude_deg": 50.0, "longitude_deg": 10.0 + n}
        for n in range(2)
    ]  # fmt: skip
    drawn = sites_lost(LOST.from_rows(rows), service="voice", key="m", title="t", describes="d")
    # The two are 71.5 km apart and lie at the two edges, 408 units apart; 10 km are then 57.1.
    bar = re.search(r'<line x1="([\d.]+)" y1="10" x2="([\d.]+)"', drawn)
    assert bar is not None
    assert ">10\u00a0km<" in drawn
    assert float(bar[2]) - float(bar[1]) == pytest.approx(408 * 10 / 71.47, rel=0.01)


def test_an_index_of_shares_that_overlap_is_none() -> None:
    assert index_words({"index_low": None, "index_high": None}) == "·"
    assert index_words({"index_low": 0.5, "index_high": 0.5}) == "0.50"
