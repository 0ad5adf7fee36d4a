"""The page: what it says, what it must never say, and that it is safe to open."""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest

from ringfence.decision.options import OPTION, REMAINING
from ringfence.errors import RingfenceError, UnavailableError
from ringfence.exposure.presence import PRESENCE
from ringfence.network.model import FINDING
from ringfence.report.assessment import (
    Assessment,
    Law,
    render,
    write,
)
from ringfence.rules.evaluate import JUDGED

VOID = {"meta", "br", "link", "img", "input", "hr"}


@dataclass
class Node:
    tag: str
    attributes: dict[str, str | None]
    children: list["Node | str"] = field(default_factory=list)

    def all(self, *tags: str) -> list["Node"]:
        found = [self] if self.tag in tags else []
        for child in self.children:
            if isinstance(child, Node):
                found += child.all(*tags)
        return found

    @property
    def text(self) -> str:
        parts = [c if isinstance(c, str) else c.text for c in self.children]
        return re.sub(r"\s+", " ", "".join(parts)).strip()


class Tree(HTMLParser):
    """The page as a tree; a tag that is not closed in its turn is an error."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("", {})
        self._open = [self.root]
        self.feed(page)
        self.close()
        assert len(self._open) == 1

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs))
        assert len(node.attributes) == len(attrs)
        self._open[-1].children.append(node)
        if tag not in VOID:
            self._open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open[-1].children.append(Node(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


def tree(assessment: Assessment) -> Node:
    return Tree(render(assessment)).root


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def points(assessment: Assessment) -> dict[str, str]:
    (first,) = [n for n in tree(assessment).all("dl") if n.attributes.get("class") == "points"]
    return {
        dt.text: plain(dd.text) for dt, dd in zip(first.all("dt"), first.all("dd"), strict=True)
    }


def section(page: Node, name: str) -> Node:
    return next(n for n in page.all("section") if n.attributes.get("aria-labelledby") == name)


def table(page: Node, caption: str) -> list[list[str]]:
    for found in page.all("table"):
        if plain(found.all("caption")[0].text).startswith(caption):
            return [[plain(c.text) for c in row.all("th", "td")] for row in found.all("tr")]
    raise AssertionError(caption)


def share(
    by: str, group: str | None, measure: str, amounts: tuple[float, float, float],
    domain: str | None = None,
) -> Mapping[str, object]:  # fmt: skip
    held, unknown, total = amounts
    return {
        "by": by, "group": group, "measure": measure, "held": held, "unknown": unknown,
        "total": total, "not_stated": 0, "share_low": held / total,
        "share_high": (held + unknown) / total, "denominator": f"{measure} of the {by}",
        "domain": domain,
    }  # fmt: skip


def test_the_same_input_gives_the_same_bytes(make: Callable[..., Assessment]) -> None:
    assert render(make()) == render(make())


def test_the_page_asks_for_nothing_and_runs_nothing(sample: Assessment) -> None:
    text = render(sample)
    page = Tree(text).root
    assert not page.all("script", "iframe", "object", "embed", "link", "img", "form", "base")
    for node in page.all(*{n.tag for n in _every(page)}):
        for name, value in node.attributes.items():
            assert not name.startswith("on")
            assert name not in {"style", "src", "srcset"}
            if name in {"href", "xlink:href"}:
                assert value
                assert value.startswith("#")
    assert set(re.findall(r"[a-z]+://[^\s\"'<]*", text)) == {"http://www.w3.org/2000/svg"}
    assert "@import" not in text
    assert "@font-face" not in text


def _every(node: Node) -> list[Node]:
    return [node, *(n for c in node.children if isinstance(c, Node) for n in _every(c))]


def test_the_policy_allows_the_one_style_sheet_by_its_hash(sample: Assessment) -> None:
    page = tree(sample)
    (policy,) = [
        m.attributes["content"] or ""
        for m in page.all("meta")
        if m.attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    (style,) = page.all("style")
    raw = "".join(c for c in style.children if isinstance(c, str))
    digest = b64encode(sha256(raw.encode()).digest()).decode()
    assert "default-src 'none'" in policy
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert "url(" not in raw


@pytest.mark.parametrize("which", ["sample", "nothing"])
def test_the_page_can_be_read_without_seeing_it(which: str, request: pytest.FixtureRequest) -> None:
    page = tree(request.getfixturevalue(which))
    assert page.all("html")[0].attributes["lang"] == "en-GB"
    ids = [n.attributes["id"] for n in _every(page) if "id" in n.attributes]
    assert len(ids) == len(set(ids))
    for link in page.all("a", "use"):
        assert (link.attributes["href"] or "")[1:] in ids
    assert page.all("a")[0].attributes["href"] == "#content"
    assert len(page.all("main")) == len(page.all("h1")) == 1
    level = 1
    for heading in page.all("h1", "h2", "h3", "h4"):
        assert int(heading.tag[1]) <= level + 1
        level = int(heading.tag[1])
    for found in page.all("table"):
        assert found.all("caption")[0].text
        assert all(th.attributes.get("scope") for th in found.all("th"))
        widths = {
            sum(int(c.attributes.get("colspan") or 1) for c in row.all("th", "td"))
            for row in found.all("tr")
        }
        assert len(widths) == 1
    for picture in page.all("svg"):
        if picture.attributes.get("aria-hidden") != "true":
            assert picture.attributes["role"] == "img"
            assert picture.all("title")[0].text
            assert picture.all("desc")


def drawn(page: str) -> int:
    """How many pictures there are; each must be sound XML by itself."""
    found = re.findall(r"<svg [^>]*role=.img.*?</svg>", page, re.DOTALL)
    for svg in found:
        ET.fromstring(svg)  # noqa: S314  # our own output
    return len(found)


def test_each_picture_has_its_table(sample: Assessment) -> None:
    page = tree(sample)
    figures = [f for f in page.all("figure") if not f.all("li")]
    assert len(figures) > 10
    for figure in figures:
        (link,) = figure.all("a")
        assert (link.attributes["href"] or "").startswith("#table-a")
    assert drawn(render(sample)) == len(figures) + 1


def test_no_share_stands_in_a_picture_without_its_denominator(sample: Assessment) -> None:
    page = tree(sample)
    rows = 0
    for figure in section(page, "where").all("figure"):
        for group in figure.all("g"):
            title = plain(group.all("title")[0].text)
            if "%" in title:
                assert re.search(
                    r"[\d.]+ % of [\d,]+ (elements|sites|people|Mbit/s|premises)", title
                )
                rows += 1
    assert rows > 20


def test_the_first_page_says_number_denominator_and_doubt(sample: Assessment) -> None:
    small = replace(
        sample,
        presence=PRESENCE.from_rows([
            share("network", None, "sites", (312, 21, 1000)),
            share("operator", "Nordtel", "sites", (300, 20, 400)),
            share("operator", "Vestline", "sites", (12, 1, 600)),
            share("function", "AMF", "elements", (1, 0, 4), "5G core"),
            share("function", "SMF", "elements", (0, 2, 4), "5G core"),
            share("function", "NRF", "elements", (0, 0, 4), "5G core"),
            share("function", "OLT", "elements", (9, 0, 10), "fixed access"),
            share("function", "EMS", "elements", (0, 1, 10), "management"),
            share("function", "ADMF", "elements", (0, 0, 2), "lawful interception"),
        ]),
    )  # fmt: skip
    said = points(small)
    assert said["Where"] == (
        "Equipment of Meridian Networks stands at 312 of 1,000 sites (31.2 %); at another 21 the "
        "maker is not known, so the share lies between 31.2 % and 33.3 %. By operator: Vestline, "
        "2.0 to 2.2 % of 600 sites; Nordtel, 75.0 to 80.0 % of 400 sites."
    )
    assert said["In what"] == (
        "Of the 3 kinds of 5G core function in the network, Meridian Networks has a part in 1 "
        "(AMF); in 1 other a maker is not known, so a part there cannot be ruled out. Its "
        "equipment is also in fixed access (1 of 1 kind). In management it is not seen, but not "
        "every maker is known there. It has no part in lawful interception."
    )


def test_a_share_not_determined_is_said_with_its_reason(sample: Assessment) -> None:
    row = {**share("network", None, "sites", (1, 0, 2)), "share_low": None, "share_high": None}
    told = replace(sample, presence=PRESENCE.from_rows([{**row, "not_stated": 7}]))
    assert points(told)["Where"] == (
        "The share of Meridian Networks in the sites of the network is not determined: amount not "
        "stated for 7."
    )


def test_where_the_maker_is_known_everywhere_the_page_says_so(sample: Assessment) -> None:
    told = replace(
        sample, presence=PRESENCE.from_rows([share("network", None, "sites", (0, 0, 9))])
    )
    assert points(told)["Where"] == (
        "Equipment of Meridian Networks stands at 0 of 9 sites (0 %); the maker is known at every "
        "one."
    )


def law(
    rows: list[Mapping[str, object]],
    on: date,
    *,
    not_in_force: tuple[tuple[str, str, date | None], ...] = (),
    not_encoded: tuple[tuple[str, str, str], ...] = (),
) -> Law:
    table_of = JUDGED.from_rows({"standing": "in force", **row} for row in rows)
    return Law("act", "Act", "binding law", on, table_of, not_in_force, not_encoded)


def judged(
    rule: str, operator: str | None, verdict: str, *, due: bool = False
) -> dict[str, object]:
    return {"rule": rule, "title": f"title of {rule}", "operator": operator, "verdict": verdict,
            "due": due, "subjects": 3}  # fmt: skip


ROWS: list[Mapping[str, object]] = [
    judged("r1", "N", "comply"),
    judged("r1", "V", "breach"),
    judged("r2", "N", "unknown"),
    judged("r2", "N", "comply"),
    judged("r2", "V", "comply", due=True),
    judged("r3", "N", "comply", due=True),
    judged("r3", "V", "comply"),
    judged("r4", "N", "comply"),
    judged("r5", None, "breach", due=True),
]


def test_a_rule_counts_by_its_gravest_answer(sample: Assessment) -> None:
    told = replace(
        sample, laws=(law(ROWS, sample.as_of, not_encoded=(("s. 1", "Vetting", "no data"),)),)
    )
    assert points(told)["The law"] == (
        "Act: of 5 rules in force, 2 are breached by at least one operator, 1 cannot be answered "
        "for lack of facts, 1 is met today and falls due ahead and 1 is met; 1 further "
        "requirement is not put as a test and not judged."
    )


def test_the_matrix_keeps_every_answer_of_an_operator_gravest_first(sample: Assessment) -> None:
    told = replace(sample, laws=(law(ROWS, sample.as_of),), operators={"N": "Nordtel"})
    rows = table(tree(told), "Each rule, by operator")
    assert rows[0] == ["Rule", "Nordtel", "V", "No operator stated"]
    assert rows[1][1:] == ["comply 3", "breach 3", "not asked"]
    assert rows[2][1:] == ["unknown 3 comply 3", "due 3", "not asked"]
    assert rows[5][1:] == ["not asked", "not asked", "breach 3"]


def test_like_answers_are_added_and_a_note_of_the_whole_rule_is_said_once(
    sample: Assessment,
) -> None:
    rows: list[Mapping[str, object]] = [
        {**judged("act/r1", "N", "breach"), "note": "read narrowly"},
        {**judged("act/r1", "N", "breach", due=True), "note": "read narrowly"},
        {**judged("act/r2", "N", "unknown"), "note": "one plan is missing"},
        {**judged("act/r2", "N", "comply"), "note": None},
    ]
    page = tree(replace(sample, laws=(law(rows, sample.as_of),)))
    matrix = table(page, "Each rule, by operator")
    assert matrix[1] == ["r1title of act/r1read narrowly", "breach 6"]
    assert matrix[2] == ["r2title of act/r2", "unknown 3one plan is missing comply 3"]
    annex = table(page, "Table A18. Act, law of 14 March 2026")
    assert annex[1] == ["r1: title of act/r1", "N", "6", "none", "none", "none", "read narrowly"]


def test_operators_of_one_name_are_told_apart(sample: Assessment) -> None:
    rows: list[Mapping[str, object]] = [
        judged("r1", "a:1", "breach"),
        judged("r1", "b:1", "comply"),
    ]
    told = replace(
        sample, laws=(law(rows, sample.as_of),), operators={"a:1": "Nordtel", "b:1": "Nordtel"}
    )
    found = table(tree(told), "Each rule, by operator")
    assert found[0] == ["Rule", "Nordtel (a:1)", "Nordtel (b:1)"]
    assert found[1][1:] == ["breach 3", "comply 3"]


def test_many_operators_are_listed_by_their_gravest_answer(sample: Assessment) -> None:
    rows: list[Mapping[str, object]] = [
        judged("r1", f"O{i:02}", "breach" if i < 2 else "comply") for i in range(30)
    ]
    rows += [judged("r1", "O00", "comply")]
    told = replace(sample, laws=(law(rows, sample.as_of),))
    found = table(tree(told), "Each rule")
    assert found[0] == ["Rule", "breach", "unknown", "due", "comply"]
    assert found[1][1].replace(" ", "") == "breach2O00andO01"
    assert found[1][2] == "none"
    assert found[1][4].startswith("comply 28O02, O03")
    assert found[1][4].endswith("and 16 more")


def test_the_law_of_another_day_is_told_apart(sample: Assessment) -> None:
    before, begins = date(2020, 1, 1), date(2021, 5, 1)
    told = replace(
        sample,
        laws=(
            law([judged("r1", "N", "breach")], sample.as_of),
            law([judged("r2", "N", "comply")], before, not_in_force=(("r1", "one", begins),)),
        ),
    )
    page = tree(told)
    rows = table(page, "The same network under the law of each date")
    assert rows[0] == ["Rule", "14 March 2026", "1 January 2020"]
    assert rows[1][1:] == ["breach 1", "in force from 1 May 2021"]
    assert rows[2][1:] == ["not asked", "comply 1"]
    events = [plain(li.text) for f in page.all("figure") for li in f.all("li")]
    assert any("1 May 2021: comes into force: Act: one" in e for e in events)


def test_without_the_law_of_the_day_the_latest_earlier_one_is_named(sample: Assessment) -> None:
    told = replace(
        sample,
        laws=tuple(law([judged("r1", "N", "comply")], date(y, 1, 1)) for y in (2019, 2024, 2030)),
    )
    assert points(told)["The law"] == "Act (law of 1 January 2024): of 1 rule in force, 1 is met."


def finding(rule: str, subject: str, verdict: str, **more: object) -> Mapping[str, object]:
    return {"rule": rule, "subject_table": "element", "subject": subject, "verdict": verdict,
            "because": f"because of {subject}", "rests_on": "a.csv row 1\na.csv row 2", **more}  # fmt: skip


def test_findings_are_cut_at_the_limit_gravest_first_and_the_rest_counted(
    sample: Assessment,
) -> None:
    rows = [finding("act/r1", f"e{i}", "unknown", severity="high") for i in range(4)]
    rows += [finding("act/r1", "late", "comply", due_on=date(2027, 1, 1),
                     verdict_when_due="breach")]  # fmt: skip
    rows += [finding("act/r1", "mild", "breach", severity="low"),
             finding("act/r1", "bad", "breach", severity="high")]  # fmt: skip
    rows += [finding("act/r1", f"fine{i}", "comply") for i in range(9)]
    rows += [finding("act/it's", f"x{i}", "breach") for i in range(4)]
    told = replace(sample, findings=FINDING.from_rows(rows), findings_per_rule=3)
    page = tree(told)
    counts = table(page, "Open findings by rule")
    assert counts[1][1:] == ["4", "0", "0", "3 in annex B, 1 more"]
    assert counts[2][1:] == ["2", "4", "1", "3 in annex B, 4 more"]
    annex = section(page, "proofs").all("section")[2]
    first, second, third = (plain(li.text) for li in annex.all("ol")[0].all("li"))
    assert first.startswith("breach element bad · high")
    assert second.startswith("breach element mild · low")
    assert third.startswith("unknown element e0")
    assert "Rests on: a.csv row 1; a.csv row 2." in first
    assert "4 more under this rule are not written out" in annex.text
    assert "ringfence rules run act --as-of 2026-03-14" in annex.text


def test_a_rule_name_cannot_break_out_of_the_command_that_is_shown(sample: Assessment) -> None:
    rows = [finding("a; rm -rf x/r", f"x{i}", "breach") for i in range(2)]
    told = replace(
        sample,
        findings=FINDING.from_rows(rows),
        findings_per_rule=1,
        findings_command="show {pack} {rule}",
    )
    (command,) = [c.text for c in section(tree(told), "proofs").all("code")]
    assert command == "show 'a; rm -rf x' 'a; rm -rf x/r'"


def test_what_falls_due_names_the_day_and_the_answer_then(sample: Assessment) -> None:
    rows = [finding("act/r1", "e", "comply", due_on=date(2027, 1, 1), verdict_when_due="breach")]
    page = tree(replace(sample, findings=FINDING.from_rows(rows), laws=()))
    (item,) = section(page, "proofs").all("li")
    assert "Due on 1 January 2027; the answer on that day, if nothing changes: breach." in plain(
        item.text
    )
    assert table(page, "Open findings by rule")[1][1:4] == ["0", "0", "1"]


def test_the_options_stand_side_by_side_with_what_they_leave(sample: Assessment) -> None:
    rows: list[Mapping[str, object]] = [
        {"option": "Ban", "means": "All out.", "forbidden_elements": 40.0,
         "undecided_elements": 5.0, "elements": 100.0, "sites": 10.0},
        {"option": "Allow", "means": "As it is.", "forbidden_elements": 0,
         "undecided_elements": 0, "elements": 100, "sites": 0},
        {"option": "Ban", "means": "All out.", "operator": "Nordtel", "forbidden_elements": 8,
         "undecided_elements": 2, "elements": 20, "sites": 1},
    ]  # fmt: skip
    remaining = [
        {"option": "Ban", "pack": "act", "verdict": "breach", "subjects": 0},
        {"option": "Ban", "pack": "act", "verdict": "unknown", "subjects": 1},
        {"option": "Ban", "pack": "act", "verdict": "due", "subjects": 2},
        {"option": "Allow", "pack": "act", "verdict": "breach", "subjects": 7},
    ]
    told = replace(
        sample,
        presence=PRESENCE.from_rows([share("network", None, "sites", (10, 0, 40))]),
        options=OPTION.from_rows(rows),
        remaining=REMAINING.from_rows(remaining),
    )
    page = tree(told)
    found = {row[0]: row[1:] for row in table(page, "The options on the date asked")}
    assert found["What it means"] == ["All out.", "As it is."]
    assert found["Elements forbidden today"] == [
        "40 of 100 elements (40.0 %)", "none of 100 elements"
    ]  # fmt: skip
    assert found["Elements undecided"] == ["5 of 100 elements (5.0 %)", "none of 100 elements"]
    assert found["Sites with a forbidden element"] == [
        "10 of 40 sites (25.0 %)",
        "none of 40 sites",
    ]
    assert found["Once obeyed, under act"] == [
        "unknown 1 subject due 2 subjects",
        "breach 7 subjects",
    ]
    by_operator = table(page, "Elements forbidden, by operator")
    assert by_operator[1] == [
        "Nordtel", "8 of 20 elements (40.0 %); 2 undecided", "not determined"
    ]  # fmt: skip
    assert points(told)["The options"] == (
        "Of 100 elements, on the date asked, “Ban” forbids 40 and leaves 5 undecided and “Allow” "
        "forbids none."
    )


def test_the_making_names_files_rejects_and_what_is_no_test(sample: Assessment) -> None:
    page = tree(sample)
    files = table(page, "Files read")
    assert files[1][3:6] == ["41,200", "41,151", "49"]
    assert files[-1] == ["All files", "61,261", "61,212", "49", ""]
    reasons = table(page, "Records that did not become rows")
    assert reasons[1] == ["id is not stated", "fault", "element", "37"]
    assert "it speaks of meetings, not of a network" in section(page, "making").text
    assert "4c1f09ab77e2d310" in section(page, "making").text


def test_an_empty_network_gives_a_page_that_claims_nothing(nothing: Assessment) -> None:
    page = tree(nothing)
    assert "%" not in "".join(points(nothing).values())
    assert not section(page, "where").all("figure")
    assert "not stated" in page.all("header")[0].text
    assert "This does not mean that all is well" in section(page, "findings").text
    assert not [n for n in _every(page) if (n.attributes.get("class") or "").startswith("label")]


HOSTILE = (
    "<script>alert(1)</script>", "</style><img src=x onerror=alert(1)>", "a\u202egnp.exe",
    "{{ 7 * 7 }}{% raw %}", '" onload="alert(1)', "华" * 500, "x" * 3000, "]]>--><!--", "\x00",
    "شركة الاتصالات",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_a_name(name: str, make: Callable[..., Assessment]) -> None:
    base = make(operators=(name, "Nordtel"), regions=(name, "Holt"), finding_count=12)
    rows = [finding(name, name, "breach", operator=name, because=name, rests_on=name,
                    citation=name, legal_status=name)]  # fmt: skip
    told = replace(
        base,
        title=name,
        country=name,
        vendor=name,
        vendor_group=((name, name),),
        label=name[:60],
        snapshot=name,
        code_version=name,
        findings=FINDING.from_rows(rows),
        laws=(replace(base.laws[0], title=name, legal_status=name, not_encoded=((name,) * 3,),
                      not_in_force=((name, name, None),)),),
    )  # fmt: skip
    text = render(told)
    assert "\u202e" not in text
    assert "\x00" not in text
    page = Tree(text).root
    harmless = tree(base)
    assert {n.tag for n in _every(page)} <= {n.tag for n in _every(harmless)}
    assert {a for n in _every(page) for a in n.attributes} <= {
        a for n in _every(harmless) for a in n.attributes
    }
    shown = name.replace("\u202e", "\ufffd").replace("\x00", "\ufffd")
    assert page.all("h1")[0].text == shown
    assert drawn(text)


def test_the_marking_stands_at_head_and_foot_and_prints_on_each_page(sample: Assessment) -> None:
    page = tree(sample)
    marks = [n for n in page.all("div") if (n.attributes.get("class") or "").startswith("label")]
    assert [n.text for n in marks] == ["Confidential", "Confidential"]
    assert page.all("body")[0].attributes["class"] == "labelled"
    style = page.all("style")[0].text
    printed = style[style.index("@media print") :]
    assert re.search(r"\.label \{[^}]*position: fixed", printed)
    assert re.search(r"\.labelled \.page \{[^}]*box-decoration-break: clone", printed)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("share_high", 1.2, "a share runs from"),
        ("share_low", 0.9, "a share runs from"),
        ("share_low", float("nan"), "a share runs from"),
        ("share_low", None, "one of its two ends"),
        ("total", None, "no denominator"),
        ("measure", "masts", "measure is 'masts'"),
        ("by", None, "by is not stated"),
    ],
)
def test_a_figure_that_cannot_be_is_refused(
    sample: Assessment, column: str, value: object, says: str
) -> None:
    row = {**share("network", None, "sites", (3, 1, 8)), column: value}
    with pytest.raises(RingfenceError, match=says):
        replace(sample, presence=PRESENCE.from_rows([row]))


def test_a_table_that_breaks_its_declaration_is_refused(sample: Assessment) -> None:
    one = share("network", None, "sites", (3, 1, 8))
    with pytest.raises(RingfenceError, match="given twice"):
        replace(sample, presence=PRESENCE.from_rows([one, one]))
    with pytest.raises(RingfenceError, match="lacks the column denominator"):
        replace(sample, presence=PRESENCE.from_rows([one]).drop_columns(["denominator"]))
    worded = PRESENCE.from_rows([one]).drop_columns(["held"])
    worded = worded.append_column("held", pa.array(["many"]))
    with pytest.raises(RingfenceError, match="do not fit"):
        replace(sample, presence=worded)
    with pytest.raises(RingfenceError, match="verdict is 'fine'"):
        law([judged("r1", "N", "fine")], sample.as_of)
    with pytest.raises(RingfenceError, match="one line"):
        replace(sample, label="Secret\nor not")


def test_a_page_is_written_whole_or_not_at_all(sample: Assessment, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    write(sample, file)
    assert file.read_bytes() == render(sample).encode()
    assert [f.name for f in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(UnavailableError, match="cannot be written"):
        write(sample, tmp_path / "absent" / "report.html")
    taken = tmp_path / "folder"
    taken.mkdir()
    with pytest.raises(UnavailableError, match="cannot be written"):
        write(sample, taken)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["folder", "report.html"]


def test_more_rules_than_the_page_holds_are_counted_all_the_same(sample: Assessment) -> None:
    rows = [finding(f"act/r{i:03}", f"e{j}", "breach") for i in range(60) for j in range(25)]
    page = tree(replace(sample, findings=FINDING.from_rows(rows)))
    counts = table(page, "Open findings by rule")
    assert len(counts) == 61
    assert {row[1] for row in counts[1:]} == {"25"}
    assert counts[-1][-1] == "none of 25"
    assert len(section(page, "proofs").all("li")) == 1000


@pytest.mark.slow
def test_a_million_findings_make_a_small_page_quickly(make: Callable[..., Assessment]) -> None:
    big = make(
        operators=tuple(f"Operator {i:02}" for i in range(40)),
        regions=tuple(f"Region {i:02}" for i in range(40)),
        finding_count=1_000_000,
    )
    assert len(render(big).encode()) < 2_000_000
