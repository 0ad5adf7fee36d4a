"""The chapter on the separation: what it says, what it draws, and that both can be trusted."""

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from ringfence.errors import RingfenceError
from ringfence.exposure.cuts import REPAIR, REPAIRED
from ringfence.exposure.exposed import AFFECTED, ASKED, CHAIN, EXPOSED
from ringfence.exposure.rings import RING
from ringfence.report.assessment import Assessment, render
from ringfence.report.exhibits import Annex
from ringfence.report.rings import RINGS_DRAWN, ChainStep, Core, Ring, rings
from ringfence.report.separation import Separation, in_a_sentence, separations

HOSTILE = "<script>alert('华为')</script>"
CHINESE = "核心网元-一号"

# Of the core, A is breached in all three ways, three steps away; B is the vendor's own; of C it is
# not known whether it is read; D holds. Of 2,000 people, 500 could be read as is known, 700 at most.

VERDICTS = {
    "A": ("breached", "breached", "breached"),
    "B": ("breached", "holds", "holds"),
    "C": ("holds", "unknown", "holds"),
    "D": ("holds", "holds", "holds"),
}
STEPS = {("A", "control"): 3, ("A", "read"): 4, ("A", "stop"): 4, ("B", "control"): 0,
         ("C", "read"): 2}  # fmt: skip
KINDS = {"A": "AMF", "B": "UPF", "C": "AMF", "D": "SMF"}
EFFECTS = ("control", "read", "stop")


def step(element: str, effect: str, number: int, rule: str, **more: str | None) -> dict[str, Any]:
    return {
        "element": element, "effect": effect, "step": number, "rule": rule,
        "says": f"sentence of {rule}", "cites": f"Act of {rule}, s. 1", **more,
    }  # fmt: skip


CHAINS = [
    step("A", "control", 0, "own-software", conclusion="control element M", means="controls ems-1",
         origin="in/element.csv:2"),
    step("A", "control", 1, "sends", premise="control element M", conclusion="send place 1",
         means="can send packets from its place in oam", origin="in/interface.csv:7"),
    step("A", "control", 2, "passage", premise="send place 1", conclusion="reach opening 1",
         means="its packets reach TCP 22 of A", origin="in/filter.csv:3\nin/filter.csv:4"),
    step("A", "control", 3, "open-management", premise="reach opening 1",
         conclusion="control element A", means="controls A", origin="in/endpoint.csv:5"),
    step("B", "control", 0, "own-software", conclusion="control element B", means="controls B",
         origin="in/element.csv:3"),
    step("C", "read", 0, "own-software", conclusion="control element M", means="controls ems-1",
         origin="in/element.csv:2"),
    step("C", "read", 1, "reads", premise="control element M", conclusion="read element C",
         means="reads what passes through C", unknown="whether link L is encrypted is not stated",
         origin="in/link.csv:9"),
]  # fmt: skip


def exposed() -> pa.Table:
    return EXPOSED.from_rows(
        {"element": e, "kind": KINDS[e], "effect": effect, "verdict": verdict,
         "steps": STEPS.get((e, effect))}
        for e, verdicts in VERDICTS.items()
        for effect, verdict in zip(EFFECTS, verdicts, strict=True)
    )  # fmt: skip


def repaired() -> pa.Table:
    """A is repaired, B cannot be."""
    rows = []
    for row in exposed().to_pylist():
        is_breached = row["verdict"] == "breached"
        after = "holds" if row["element"] == "A" else row["verdict"]
        rows.append(
            {"element": row["element"], "kind": row["kind"], "effect": row["effect"],
             "before": row["verdict"], "after": after, "is_own": row["element"] == "B",
             "is_preventable": row["element"] == "A" if is_breached else None}
        )  # fmt: skip
    return REPAIRED.from_rows(rows)


RINGS = (
    (0, "control", "management", False, "breached", "2 EMS", 2),
    (0, "control", "radio access", False, "unknown", "9 GNB", 9),
    (2, "reach", "transport", False, "breached", "4 router", 4),
    (2, "reach", "5G core", True, "breached", "1 AMF", 1),
    (3, "control", "5G core", True, "breached", "1 AMF", 1),
    (5, "stop", "transport", False, "unknown", "3 router", 3),
    (None, None, "transport", False, "holds", "70 router", 70),
)


def ring_table(rows: tuple[tuple[Any, ...], ...] = RINGS) -> pa.Table:
    names = ("steps", "power", "domain", "is_core", "verdict", "kinds", "elements")
    return RING.from_rows(dict(zip(names, row, strict=True)) for row in rows)


def separation(**more: Any) -> Separation:
    given: dict[str, Any] = {
        "profile": "own-software",
        "assumes": ("The vendor has a hand in the software of everything it made",),
        "core": "A list of core functions",
        "pack": "xx-list",
        "exposed": exposed(),
        "chain": CHAIN.from_rows(CHAINS),
        "asked": ASKED.from_rows(
            [{"ask": "whether encryption protects link L", "table": "link", "column": "is_encrypted",
              "facts": 1, "of": "L", "breaches": 1, "settles": 1, "tried": 1}]
        ),
        "people": AFFECTED.from_rows(
            [{"effect": "read", "people_low": 500.0, "people_high": 700.0, "total": 2000.0,
              "not_stated": 3},
             {"effect": "stop", "people_low": 0.0, "people_high": 0.0, "total": 2000.0,
              "not_stated": 0}]
        ),
        "ring": ring_table(),
        "changes": REPAIR.from_rows(
            [{"change": "filter it", "of": "from place 1 to opening 1",
              "means": "from its place in oam to TCP 22 of A", "cost": 1.0, "facts": 1,
              "origin": "in/filter.csv:3"}]
        ),
        "repaired": repaired(),
        "cost": 1.0,
        "lower": 1.0,
        "names": {"B": CHINESE},
    }  # fmt: skip
    return Separation(**{**given, **more})


class Text(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag in {"td", "th", "tr", "p", "li"}:
            self.said.append(" ")

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.said).replace("\u00a0", " "))


def chapter(page: str) -> str:
    start = page.index('<section aria-labelledby="separation">')
    return page[start : page.index('<section aria-labelledby="law">', start)]


def annex_c(page: str) -> str:
    start = page.index('<section aria-labelledby="chains">')
    return page[start : page.index("</main>", start)]


def with_separation(assessment: Assessment, *given: Separation) -> str:
    return render(replace(assessment, separations=given))


def picture(page: str, key: str = "ring-1") -> ET.Element:
    (svg,) = re.findall(rf"<svg [^>]*aria-labelledby=.{key}-title.*?</svg>", page, re.DOTALL)
    return ET.fromstring(svg)  # noqa: S314  # our own output


def words_in(svg: ET.Element) -> list[str]:
    return [text.text or "" for text in svg.iter("{http://www.w3.org/2000/svg}text")]


# What it says


def test_the_chapter_says_the_answer_its_count_and_the_people(sample: Assessment) -> None:
    said = Text(chapter(with_separation(sample, separation()))).text
    assert (
        "Breached. Of 12 answers (to control, to read, to stop each of 4 core elements), " in said
    )
    assert "4 breached, 1 unknown and 7 hold." in said
    assert (
        "Traffic that could be read: that of between 25.0 % and 35.0 % of the people (500 of 2,000 "
        "as is known, 200 more if what is not stated turns out so; 3 sites with radio or access "
        "equipment state no people)."
    ) in said
    assert (
        "Traffic that could be stopped: that of 0 % of the people (0 of 2,000 as is known)." in said
    )


def test_people_that_nobody_states_are_no_nought(sample: Assessment) -> None:
    people = AFFECTED.from_rows(
        [{"effect": "read", "people_low": 0.0, "people_high": 0.0, "total": 0.0, "not_stated": 8}]
    )
    said = Text(chapter(with_separation(sample, separation(people=people)))).text
    assert (
        "could be read is not determined: 8 sites with radio or access equipment state no" in said
    )
    assert "0 %" not in said


def test_each_function_has_its_answers_with_the_nearest_chain() -> None:
    (one,) = separations([separation()], Annex(), vendor="V", command="c")
    cells = {
        kind: [[(i.verdict, i.count, i.words.replace("\u00a0", " ")) for i in cell] for cell in of]
        for kind, _, of in one.functions
    }
    assert cells["AMF"] == [
        [("breached", "1", "from 3 steps"), ("holds", "1", "")],
        [("breached", "1", "from 4 steps"), ("unknown", "1", "from 2 steps")],
        [("breached", "1", "from 4 steps"), ("holds", "1", "")],
    ]
    assert [kind for kind, *_ in one.functions] == ["AMF", "UPF", "SMF"]


def test_functions_that_are_alike_share_a_row() -> None:
    rows = [
        {"element": kind, "kind": kind, "effect": "stop", "verdict": verdict, "steps": steps}
        for kind, verdict, steps in (
            ("NRF", "breached", 2), ("NEF", "breached", 2), ("UDM", "unknown", 3),
            ("UDR", "unknown", 3), ("PCF", "unknown", 4), ("BSF", "holds", None),
        )
    ]  # fmt: skip
    table = EXPOSED.from_rows(rows)
    (one,) = separations([separation(exposed=table)], Annex(), vendor="V", command="c")
    assert [(kind, count) for kind, count, _ in one.functions] == [
        ("NEF and NRF", 2), ("PCF", 1), ("UDM and UDR", 2), ("BSF", 1),
    ]  # fmt: skip


def test_the_chain_is_told_with_rule_citation_and_line(sample: Assessment) -> None:
    said = Text(annex_c(with_separation(sample, separation()))).text
    assert "it comes to control the AMF A" in said
    assert "Because: sentence of passage (passage). See Act of passage, s. 1" in said
    assert "Read at: in/filter.csv:3; in/filter.csv:4" in said
    assert "only if, which nobody stated: whether link L is encrypted" in said
    # Breached before unknown, and what the vendor must come to before what is its own.
    leads = ("control the AMF A", f"control the UPF {CHINESE}", "passes through the AMF C")
    assert sorted(leads, key=said.index) == list(leads)


def test_chains_left_out_are_counted_with_the_command_that_shows_them(sample: Assessment) -> None:
    """Five answers have a chain; three are told of, so two are not."""
    page = with_separation(replace(sample, vendor="O'Hara & Co"), separation())
    said = Text(annex_c(page)).text
    assert "2 further answers with a chain are not written out" in said
    command = "ringfence exposure --vendor 'O'\"'\"'Hara & Co' --as-of 2026-03-14 --paths 200"
    assert f"{command} --core xx-list --profile own-software" in said


def test_the_facts_that_decide_say_where_the_answer_belongs(sample: Assessment) -> None:
    said = Text(chapter(with_separation(sample, separation()))).text
    assert "whether encryption protects link L 1 link.is_encrypted 1 1" in said
    assert "tried one by one" not in said


def test_facts_there_was_no_time_for_are_told(sample: Assessment) -> None:
    asked = ASKED.from_rows(
        [{"ask": "who made them", "table": "element", "column": "vendor_name", "facts": 900,
          "of": "", "breaches": 2, "settles": 0, "tried": 500},
         {"ask": "what is left", "table": None, "column": None, "facts": 10, "of": "",
          "breaches": None, "settles": None, "tried": 0}]
    )  # fmt: skip
    one = separation(asked=asked)
    assert one.is_cut_off
    assert not separation().is_cut_off
    said = Text(chapter(with_separation(sample, one))).text
    assert "500 of 910 facts were also tried one by one before the limit of work was met" in said


def test_the_first_page_says_it_too(sample: Assessment) -> None:
    page = with_separation(sample, separation())
    said = Text(page[: page.index("<nav ")]).text
    assert (
        "Assumed own-software: the separation is breached; of 12 answers on 4 core elements, "
        "4 breached, 1 unknown and 7 hold. The traffic of between 25.0 % and 35.0 % of 2,000 people "
        "could be read, that of 0 % stopped (3 sites state none)."
    ) in said


def test_what_was_not_asked_is_said_not_to_have_been(sample: Assessment) -> None:
    assert in_a_sentence(()) == "Whether the separation holds was not asked."
    assert "Whether the separation holds was not asked." in Text(chapter(render(sample))).text


def test_without_a_core_function_nothing_is_claimed(sample: Assessment) -> None:
    nothing = separation(
        exposed=EXPOSED.empty(), chain=CHAIN.empty(), repaired=REPAIRED.empty(),
        changes=REPAIR.empty(), cost=0.0, lower=0.0, ring=RING.empty(),
    )  # fmt: skip
    page = chapter(with_separation(sample, nothing))
    assert "so there is nothing to answer" in Text(page).text
    assert "ring-1" not in page
    assert "holds" not in Text(page[page.index("<h3") :]).text.split("Not looked at")[0]


# The repair


def test_the_repair_has_its_bound_and_what_it_is_worth(sample: Assessment) -> None:
    said = Text(chapter(with_separation(sample, separation(cost=3.0, lower=2.0)))).text
    assert "cost [2, 3]: proved that none costs less than 2, the best found costs 3." in said
    # B is breached still, which no change prevents.
    assert "The separation is breached before and breached after: breached 4, then 1; " in said
    assert "unknown 1, then 1; holds 7, then 10." in said
    assert "Checked: all was worked out anew" in said
    assert "AMF 3 → 0 1 2 → 5" in said
    assert "All core functions 4 → 1 1 7 → 10" in said
    assert "No change that we know of prevents 1 of the breached answers." in said
    assert "1 core element made or held by the vendor itself" in said
    assert f"UPF {CHINESE}" in said
    assert separation(cost=3.0, lower=2.0).is_cut_off


def test_a_repair_that_does_not_suffice_is_not_called_one(sample: Assessment) -> None:
    rows = repaired().to_pylist()
    rows[0]["after"] = "breached"
    one = separation(repaired=REPAIRED.from_rows(rows))
    said = Text(chapter(with_separation(sample, one))).text
    assert "It does not suffice" in said
    assert "Checked:" not in said


def test_where_nothing_is_breached_there_is_nothing_to_repair(sample: Assessment) -> None:
    rows = [r | {"before": "holds", "after": "holds", "is_preventable": None}
            for r in repaired().to_pylist()]  # fmt: skip
    one = separation(repaired=REPAIRED.from_rows(rows), changes=REPAIR.empty(), cost=0.0, lower=0.0)
    said = Text(chapter(with_separation(sample, one))).text
    assert "Nothing that is known reaches the core, so there is nothing to repair." in said


# The picture


def test_the_rings_count_what_is_first_held_outside_the_core() -> None:
    (one,) = separations([separation()], Annex(), vendor="V", command="c")
    # The chain drawn has three steps, so there are three rings; what comes later is in the last.
    assert one.ring_rows == (
        ("At first", "2", "9", "0", "9 radio access, 2 management"),
        ("1 step", "0", "0", "0", "none"),
        ("2 steps and more", "0", "3", "4", "3 transport"),
    )


def test_the_chain_drawn_is_the_shortest_from_outside(sample: Assessment) -> None:
    """B is the vendor's own and no steps away; the way to A is the one to be seen."""
    told = words_in(picture(with_separation(sample, separation())))
    assert "Breached: 3 steps to the core" in told
    for says in ("controls ems-1", "its packets reach TCP 22 of A", "controls A"):
        assert says in told
    assert [t for t in told if t.isdigit()].count("3") == 2  # in the core, and in the list


def test_the_table_beneath_says_what_the_picture_says(sample: Assessment) -> None:
    page = with_separation(sample, separation())
    told = " ".join(words_in(picture(page)))
    said = Text(chapter(page)).text
    assert "2 held, 9 perhaps held" in told
    assert "At first 2 9 0 9 radio access, 2 management" in said
    assert "3 perhaps held, 4 reached by packets" in told
    assert "2 steps and more 0 3 4 3 transport" in said
    description = picture(page).find("{http://www.w3.org/2000/svg}desc")
    assert description is not None
    assert "to control: 2 breached, 0 unknown, 2 hold" in (description.text or "")


def draw(verdict: str, counts: tuple[int, int, int]) -> ET.Element:
    core = [Core(effect, *counts) for effect in EFFECTS]
    chain = [ChainStep(0, "controls a", True), ChainStep(1, "stops b", verdict == "breached")]
    svg = rings(
        [Ring("At first", 1, 0, 0, "")], core, [] if verdict == "holds" else chain, "stop",
        verdict=verdict, says=verdict, key="k", title="t", describes="d",
    )  # fmt: skip
    return ET.fromstring(svg)  # noqa: S314  # our own output


def shapes(svg: ET.Element) -> set[str]:
    """All that is drawn but for colours: the answers must differ without them."""
    return {
        f"{e.tag} {sorted((k, v) for k, v in e.attrib.items() if k not in {'fill', 'stroke'})}"
        for e in svg.iter()
        if not e.tag.endswith(("text", "title", "desc"))
    }


def test_the_three_answers_differ_by_more_than_colour() -> None:
    drawn = {
        verdict: shapes(draw(verdict, counts))
        for verdict, counts in (
            ("breached", (1, 0, 0)), ("unknown", (0, 1, 0)), ("holds", (0, 0, 1)),
        )
    }  # fmt: skip
    assert drawn["breached"] != drawn["unknown"] != drawn["holds"] != drawn["breached"]
    # Whole, broken or dashed: only one fence is a circle without dashes.
    fences = {
        verdict: [s for s in of if "('stroke-width', '4')" in s] for verdict, of in drawn.items()
    }
    assert all(len(of) == 1 for of in fences.values())
    assert "dasharray" in fences["unknown"][0]
    assert "path" in fences["breached"][0]
    assert "dasharray" not in fences["holds"][0]
    assert "circle" in fences["holds"][0]


def test_each_effect_has_its_word_and_its_sign() -> None:
    svg = draw("breached", (1, 0, 0))
    told = words_in(svg)
    assert all(told.count(effect) == 2 for effect in EFFECTS)  # in the core and beside its bar


def test_a_long_chain_is_drawn_with_no_more_rings_than_can_be_seen(sample: Assessment) -> None:
    rows = [
        step("A", "control", 0, "own-software", conclusion="n 0", means="controls n 0"),
        *(
            step("A", "control", i, "manages", premise=f"n {i - 1}", conclusion=f"n {i}",
                 means=f"controls n {i}")
            for i in range(1, 21)
        ),
    ]  # fmt: skip
    many = ring_table(
        tuple((i, "control", "transport", False, "breached", "1 r", 1) for i in range(25))
    )
    page = with_separation(sample, separation(chain=CHAIN.from_rows(rows), ring=many))
    (one,) = separations(
        [separation(chain=CHAIN.from_rows(rows), ring=many)], Annex(), vendor="V", command="c"
    )
    assert [(label, held) for label, held, *_ in one.ring_rows] == [
        ("At first", "1"), ("1 step", "1"), ("2 steps", "1"), ("3 steps", "1"),
        ("4 to 18 steps", "15"), ("19 steps and more", "6"),
    ]  # fmt: skip
    assert len(one.ring_rows) == RINGS_DRAWN
    assert "and 12 more steps" in words_in(picture(page))


def test_two_premises_make_a_step_one_further_than_the_later_of_them() -> None:
    rows = [
        step("A", "control", 0, "own-software", conclusion="n 0"),
        step("A", "control", 1, "own-software", conclusion="n 1"),
        step("A", "control", 2, "calls", premise="n 0", conclusion="n 2"),
        step("A", "control", 3, "lets-in", premise="n 1", also="n 2", conclusion="n 3"),
    ]
    (one,) = separations(
        [separation(chain=CHAIN.from_rows(rows))], Annex(), vendor="V", command="c"
    )
    # What is further away than the core is seen all the same.
    assert [label for label, *_ in one.ring_rows] == ["At first", "1 step", "2 steps and more"]
    assert one.ring is not None
    assert "Breached: 2 steps to the core" in one.ring.svg


# That it can be trusted


def test_the_same_tables_give_the_same_bytes_in_whatever_order(sample: Assessment) -> None:
    one = separation()
    turned = {
        name: getattr(one, name).take(list(range(getattr(one, name).num_rows))[::-1])
        for name in ("exposed", "chain", "repaired")
    }
    assert with_separation(sample, one) == with_separation(sample, separation(**turned))


@pytest.mark.parametrize("name", [HOSTILE, CHINESE, "a\u202eb", 'x" onload="y', "&amp;{{ 7*7 }}"])
def test_a_hostile_name_stays_a_name(name: str, make: Callable[..., Assessment]) -> None:
    rows = [r | {"means": f"controls {name}", "unknown": name, "cites": name} for r in CHAINS]
    rows = [r | {"origin": f"{name}:2"} for r in rows]
    exposed_rows = [r | {"kind": f"K{name}"} for r in exposed().to_pylist()]
    repaired_rows = [r | {"kind": f"K{name}"} for r in repaired().to_pylist()]
    one = separation(
        chain=CHAIN.from_rows(rows),
        exposed=EXPOSED.from_rows(exposed_rows),
        repaired=REPAIRED.from_rows(repaired_rows),
        names=dict.fromkeys("ABCD", name),
        profile=f"own-software {name}"[:60],
        assumes=(name,),
        core=name,
        asked=ASKED.from_rows(
            [{"ask": name, "facts": 1, "of": name, "breaches": 1, "settles": 0, "tried": 1}]
        ),
        changes=REPAIR.from_rows(
            [{"change": name, "of": name, "means": name, "cost": 1.0, "facts": 1, "origin": name}]
        ),
    )
    page = with_separation(replace(make(), vendor=name, title=name), one)
    assert "script" not in Text(page).tags
    assert not any(name.startswith("on") for name in Text(page).attributes)
    assert "<script" not in page
    assert "\u202e" not in page
    assert "49" not in Text(chapter(page)).text.replace("<script>", "")
    ET.tostring(picture(page))
    shown = Text(page).text
    assert name.replace("\u202e", "\ufffd") in shown


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"cost": 1.0, "lower": 2.0}, "none less than 2.0"),
        ({"cost": float("inf")}, "a repair costs inf"),
        ({"exposed": pa.table({"element": ["A"]})}, "lacks the column"),
        (
            {"people": AFFECTED.from_rows([{"effect": "read", "people_low": 9.0, "people_high": 3.0,
                                            "total": 10.0, "not_stated": 0}])},
            "the people run from 9.0 to 3.0",
        ),
        (
            {"people": AFFECTED.from_rows([{"effect": "read", "people_low": 1.0, "people_high": 30.0,
                                            "total": 10.0, "not_stated": 0}])},
            "the people run from 1.0 to 30.0 of 10.0",
        ),
    ],
)  # fmt: skip
def test_figures_that_cannot_be_are_refused(broken: dict[str, Any], says: str) -> None:
    with pytest.raises(RingfenceError, match=re.escape(says)):
        separation(**broken)


def test_the_page_is_sound_with_several_profiles(sample: Assessment) -> None:
    """Ids are the document's only ones of their name, and every link leads somewhere."""
    page = with_separation(
        sample, separation(), separation(profile="own-software + remote-support")
    )
    ids = re.findall(r"\sid=[\"']([^\"']+)[\"']", page)
    assert len(ids) == len(set(ids))
    for link in re.findall(r"href=[\"']#([^\"']+)[\"']", page):
        assert link in ids
    said = Text(chapter(page)).text
    assert "Assumed: own-software + remote-support" in said
    assert "--profile own-software+remote-support" in Text(annex_c(page)).text
