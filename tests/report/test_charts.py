"""Pictures: well formed for any input, true to their figures, and readable."""

import math
from collections import defaultdict
from datetime import date
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.errors import RingfenceError
from ringfence.report import charts, drawing
from ringfence.report.assessment import STATES

SVG = "{http://www.w3.org/2000/svg}"
LABELS = st.text(max_size=60) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "华" * 90,
        "W" * 200,
        "a\u202eb",
        "]]>&amp;",
        "",
        "شركة الاتصالات",
    ]
)
SHARES = st.none() | st.sampled_from([0.0, 1.0, math.nan, math.inf, 1e-12]) | st.floats(0, 1)
AMOUNTS = st.none() | st.sampled_from([0.0, math.nan, 1e15]) | st.floats(0, 1e9)
SAYS = {"key": "k", "title": "T", "describes": "D"}


def parsed(svg: str) -> ET.Element:
    root = ET.fromstring(svg)  # noqa: S314  # our own output
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert root.get("aria-labelledby") == "k-title k-desc"
    assert {"k-title", "k-desc"} <= set(ids)
    assert {e.tag for e in root.iter()} <= {
        SVG + name
        for name in ("svg", "title", "desc", "defs", "pattern", "g", "rect", "line", "circle",
                     "path", "text")
    }  # fmt: skip
    for element in root.iter():
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert name not in {"style", "href"}
            assert "nan" not in value.split()
            assert "inf" not in value.split()
        if element.tag == f"{SVG}rect":
            assert float(element.get("width", "0")) >= 0
    assert "url(http" not in svg
    return root


def fits(root: ET.Element) -> None:
    """No text leaves the picture, and no two texts on one line meet."""
    on_line: dict[float, list[tuple[float, float]]] = defaultdict(list)
    for text in root.iter(f"{SVG}text"):
        size = float(text.get("font-size", "0"))
        wide = drawing.text_width(text.text or "", size)
        x = float(text.get("x", "0"))
        start = {"end": x - wide, "middle": x - wide / 2}.get(text.get("text-anchor", ""), x)
        # The last and first words of a scale may be a hair outside; a picture does not clip them.
        assert start >= -4
        assert start + wide <= drawing.WIDTH + 4 if wide <= drawing.WIDTH else False
        if wide:
            on_line[float(text.get("y", "0"))].append((start, start + wide))
    for spans in on_line.values():
        ordered = sorted(spans)
        for (_, end), (start, _) in pairwise(ordered):
            assert end <= start


@settings(max_examples=60)
@given(st.lists(st.tuples(LABELS, SHARES, SHARES, LABELS.map(lambda s: s[:40])), max_size=8))
def test_bars_are_well_formed_and_their_words_do_not_meet(
    rows: list[tuple[str, float | None, float | None, str]],
) -> None:
    root = parsed(charts.bars([charts.Bar(*row) for row in rows], **SAYS))
    fits(root)
    groups = root.findall(f"{SVG}g")
    assert len(groups) == len(rows)


@settings(max_examples=60)
@given(st.lists(st.tuples(LABELS, st.tuples(AMOUNTS, AMOUNTS, AMOUNTS, AMOUNTS)), max_size=6))
def test_stacked_bars_are_well_formed_and_their_words_do_not_meet(
    rows: list[tuple[str, tuple[float | None, ...]]],
) -> None:
    stacks = [charts.Stack(*row) for row in rows]
    fits(parsed(charts.stacks(stacks, charts.ANSWER_PARTS, **SAYS)))


@settings(max_examples=60)
@given(
    st.lists(st.tuples(LABELS, st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1))), max_size=8)
)
def test_dots_are_well_formed_and_their_words_do_not_meet(
    rows: list[tuple[str, tuple[float, float] | None]],
) -> None:
    dots = [charts.DotRow(label, (share, None, share)) for label, share in rows]
    fits(parsed(charts.dots(dots, ["Elements", "Sites", "Premises"], **SAYS)))


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.dates(), st.sampled_from(["asked", "begins", "due", "read"]), LABELS),
        max_size=24,
    ),
    st.dates(),
)
def test_dates_are_well_formed_and_no_two_marks_meet(
    rows: list[tuple[date, str, str]], asked: date
) -> None:
    moments = [charts.Moment(on, kind, i, label) for i, (on, kind, label) in enumerate(rows, 1)]
    root = parsed(charts.strip(moments, asked, **SAYS))
    fits(root)
    places = [
        (float(text.get("x", "0")), float(text.get("y", "0")))
        for group in root.findall(f"{SVG}g")
        for text in group.findall(f"{SVG}text")
    ]
    assert len(places) == len(rows)
    for i, (x, y) in enumerate(places):
        assert all(abs(x - x2) >= 24 or abs(y - y2) >= 12 for x2, y2 in places[:i])


def rects(group: ET.Element) -> list[tuple[float, float, str]]:
    return [
        (float(r.get("x", "0")), float(r.get("width", "0")), r.get("fill", ""))
        for r in group.findall(f"{SVG}rect")
    ]


def test_a_bar_is_as_long_as_its_share_and_its_hatching_as_the_unknown_part() -> None:
    root = parsed(charts.bars([charts.Bar("Nordtel", 0.25, 0.5, "25 to 50 % of 8")], **SAYS))
    (group,) = root.findall(f"{SVG}g")
    assert rects(group)[1:] == [
        (0, 105, drawing.COLOURS["held"]),
        (105, 105, "url(#k-held)"),
    ]


def test_without_an_unknown_part_nothing_is_hatched() -> None:
    root = parsed(charts.bars([charts.Bar("Nordtel", 0.5, 0.5, "50 % of 8")], **SAYS))
    (group,) = root.findall(f"{SVG}g")
    assert [fill for *_, fill in rects(group)][1:] == [drawing.COLOURS["held"]]


@pytest.mark.parametrize("ends", [(None, None), (math.nan, 0.5), (0.2, None)])
def test_a_share_not_determined_has_a_broken_outline_and_no_bar(
    ends: tuple[float | None, float | None],
) -> None:
    root = parsed(charts.bars([charts.Bar("Nordtel", *ends, "not determined")], **SAYS))
    (group,) = root.findall(f"{SVG}g")
    (track,) = group.findall(f"{SVG}rect")
    assert track.get("stroke-dasharray")


@pytest.mark.parametrize(("low", "high"), [(1e-9, 1e-9), (0.0, 1e-9), (1 - 1e-9, 1.0), (0.0, 1.0)])
def test_the_least_part_is_still_seen_and_the_greatest_stays_within(
    low: float, high: float
) -> None:
    root = parsed(charts.bars([charts.Bar("Nordtel", low, high, "")], **SAYS))
    (group,) = root.findall(f"{SVG}g")
    parts = rects(group)[1:]
    assert len(parts) == (low > 0) + (high > low)
    assert all(width >= 1.5 for _, width, _ in parts)
    assert sum(width for _, width, _ in parts) <= drawing.WIDTH


def test_nothing_of_nothing_draws_no_bar() -> None:
    root = parsed(charts.bars([charts.Bar("Nordtel", 0.0, 0.0, "0 % of 8")], **SAYS))
    assert len(rects(root.findall(f"{SVG}g")[0])) == 1


def test_a_label_that_is_cut_stands_whole_in_the_title_of_its_row() -> None:
    name = "Regional cooperative of " + "very " * 40 + "distant isles"
    root = parsed(charts.bars([charts.Bar(name, 0.1, 0.2, "10 to 20 % of 5")], **SAYS))
    (group,) = root.findall(f"{SVG}g")
    assert name in (group.findtext(f"{SVG}title") or "")
    drawn = " ".join(t.text or "" for t in group.findall(f"{SVG}text"))
    assert "…" in drawn
    assert "10 to 20 % of 5" in drawn


def test_a_stack_is_parted_by_its_amounts_and_says_each_with_its_word() -> None:
    stack = charts.Stack("Act", (1.0, 1.0, 0.0, 2.0))
    root = parsed(charts.stacks([stack], charts.ANSWER_PARTS, **SAYS))
    (group,) = root.findall(f"{SVG}g")
    assert [(x, width) for x, width, _ in rects(group)[1:]] == [(0, 105), (105, 105), (210, 210)]
    said = [t.text for t in group.findall(f"{SVG}text")]
    assert said == ["Act", "1 breach", "1 unknown", "2 comply"]


def test_the_area_of_a_disc_is_its_share() -> None:
    row = charts.DotRow("AMF", ((0.25, 0.25), (1.0, 1.0)))
    root = parsed(charts.dots([row], ["a", "b"], **SAYS))
    radii = [float(c.get("r", "0")) for c in root.iter(f"{SVG}circle")]
    ring, quarter, _, whole = radii
    assert quarter**2 / ring**2 == pytest.approx(0.25, abs=0.01)
    assert whole == ring


def test_answers_differ_by_shape_and_not_by_colour_alone() -> None:
    def shape(state: str) -> list[tuple[str, str, str]]:
        root = ET.fromstring(f"<g>{drawing.mark(state, 6, 6)}</g>")  # noqa: S314
        return [(e.tag, e.get("d", ""), str(e.get("fill") == "#ffffff")) for e in root.iter()]

    shapes = [shape(state) for state in STATES]
    assert all(a != b for i, a in enumerate(shapes) for b in shapes[:i])


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("ground", ["paper", "faint"])
@pytest.mark.parametrize("ink", ["ink", "quiet", "held", "breach", "due", "unknown", "comply"])
def test_every_colour_of_text_has_the_contrast_of_wcag_aa(ink: str, ground: str) -> None:
    lighter = luminance(drawing.COLOURS[ground]) + 0.05
    darker = luminance(drawing.COLOURS[ink]) + 0.05
    assert lighter / darker >= 4.5


def test_what_a_picture_cannot_be_made_of_is_refused() -> None:
    with pytest.raises(RingfenceError, match="key of a picture"):
        charts.bars([], key='k" onload="', title="", describes="")
    with pytest.raises(RingfenceError, match="one amount for each part"):
        charts.stacks([charts.Stack("Act", (1.0,))], charts.ANSWER_PARTS, **SAYS)
    with pytest.raises(RingfenceError, match="no mark"):
        drawing.mark("maybe", 0, 0)


def test_the_same_rows_give_the_same_bytes() -> None:
    rows = [charts.Bar("Nordtel", 1 / 3, 2 / 3, "33.3 to 66.7 % of 3")]
    assert charts.bars(rows, **SAYS) == charts.bars(rows, **SAYS)
