"""Findings in the forms that other programs read: SARIF, JUnit and OSCAL.

Three values have to be said in forms that mostly know two. An `unknown` is never a pass: it is
`open` in SARIF (OASIS SARIF 2.1.0 §3.27.9), an `error` in JUnit, which is a test that came to no
answer, and `not-satisfied` in OSCAL (assessment results 1.1), with the reason beside it.

Identifiers are made of what is said (UUID version 5), and the time is the date asked for, so the
same findings give the same bytes.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.etree import ElementTree as ET

import pyarrow as pa

from ringfence.rules.pack import Pack

SARIF_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
OSCAL_VERSION = "1.1.2"
"""The edition of the OSCAL models that is written, https://pages.nist.gov/OSCAL."""

_NAMESPACE: UUID = uuid5(NAMESPACE_URL, "https://ringfence.invalid/rules")
_LEVELS = {"high": "error", "medium": "warning", "low": "note"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LINE = re.compile(r"(.+):(\d{1,9})")

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Results:
    """What several packs found of one network on a day: tables as `evaluate` gives them."""

    packs: Sequence[Pack]
    finding: pa.Table
    judged: pa.Table
    as_of: date
    snapshot: str
    label: str
    program_version: str


def sarif(results: Results) -> str:
    """The findings as one SARIF 2.1.0 log; what complies, with nothing due, is not in it."""
    rules: list[dict[str, object]] = []
    number: dict[str, int] = {}
    for pack in results.packs:
        for rule in pack.rules:
            number[f"{pack.id}/{rule.id}"] = len(rules)
            said: dict[str, object] = {
                "id": f"{pack.id}/{rule.id}",
                "shortDescription": {"text": rule.title},
                "fullDescription": {"text": f"{rule.metric}. {rule.citation}, grade {rule.grade}"},
                "defaultConfiguration": {"level": _LEVELS[rule.severity]},
                "properties": {"test": rule.test, "grade": rule.grade, "binds": rule.binds},
            }
            # A reader makes a link of it, and a stranger's pack may say anything.
            if rule.citation.url and rule.citation.url.startswith(("https://", "http://")):
                said["helpUri"] = rule.citation.url
            rules.append(said)
    driver = {"name": "Ringfence", "version": results.program_version, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "properties": {
            "asOf": results.as_of.isoformat(),
            "snapshot": results.snapshot,
            "label": results.label,
        },
        "results": [
            _sarif_result(row, number[str(row["rule"])]) for row in results.finding.to_pylist()
        ],
    }
    return _json({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run]})


def _sarif_result(row: Row, number: int) -> dict[str, object]:
    verdict, due = row["verdict"], row["due_on"]
    kind = {"breach": "fail", "unknown": "open"}.get(str(verdict), "review" if due else "pass")
    places = []
    for origin in filter(None, str(row["rests_on"] or "").split("\n")):
        read = _LINE.fullmatch(origin)
        place: dict[str, object] = {"artifactLocation": {"uri": _uri(read[1] if read else origin)}}
        if read and int(read[2]):
            place["region"] = {"startLine": int(read[2])}
        places.append({"physicalLocation": place})
    subject = {"fullyQualifiedName": f"{row['subject_table']}/{row['subject']}", "kind": "object"}
    first = places or [{}]
    locations = [{**first[0], "logicalLocations": [subject]}]
    result: dict[str, object] = {
        "ruleId": row["rule"],
        "ruleIndex": number,
        "kind": kind,
        "level": _LEVELS[str(row["severity"])] if kind == "fail" else "none",
        "message": {"text": _said(row)},
        "locations": locations,
        "partialFingerprints": {"subject/v1": str(_uuid(row["rule"], row["subject"]))},
    }
    if places[1:]:
        result["relatedLocations"] = places[1:]
    return result


def _uri(place: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415  # used by this form alone

    file, mark, fragment = place.partition("#")
    return quote(file, safe="/") + mark + quote(fragment, safe="/")


def junit(results: Results) -> str:
    """The findings as JUnit XML: a suite a pack, a case a finding, and one for all that complies.

    Breaches are failures, what is not known are errors, rules that were not run are skipped.
    """
    findings, judged = _by_rule(results.finding), _by_rule(results.judged)
    root = ET.Element("testsuites", name="ringfence rules run")
    whole: Counter[str] = Counter()
    for pack in results.packs:
        suite = ET.SubElement(root, "testsuite", name=pack.id)
        listed = ET.SubElement(suite, "properties")
        for name, value in (("as_of", results.as_of.isoformat()), ("label", results.label)):
            ET.SubElement(listed, "property", name=name, value=value)
        counts: Counter[str] = Counter()
        for rule in sorted(judged):
            if rule.startswith(f"{pack.id}/"):
                _cases(suite, rule, judged[rule], findings.get(rule, []), counts)
        _count(suite, counts)
        whole += counts
    _count(root, whole)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _count(element: ET.Element, counts: Mapping[str, int]) -> None:
    for name in ("tests", "failures", "errors", "skipped"):
        element.set(name, str(counts.get(name, 0)))


def _cases(
    suite: ET.Element,
    rule: str,
    judged: Sequence[Row],
    findings: Sequence[Row],
    counts: Counter[str],
) -> None:
    """The cases of one rule."""
    if judged[0]["standing"] != "in force":
        counts["skipped"] += 1
        why = str(judged[0]["note"] or judged[0]["standing"])
        ET.SubElement(_case(suite, rule, "not run", counts), "skipped", message=_xml(why))
        return
    for row in findings:
        case = _case(suite, rule, f"{row['subject_table']} {row['subject']}", counts)
        sort = {"breach": "failure", "unknown": "error"}.get(str(row["verdict"]))
        if sort is None:
            ET.SubElement(case, "system-out").text = _xml(_said(row))
            continue
        counts[f"{sort}s"] += 1
        fault = ET.SubElement(case, sort, message=_xml(_said(row)), type=str(row["verdict"]))
        fault.text = _xml(f"{row['citation']}\n{row['rests_on'] or ''}".strip())
    comply = sum(
        int(str(row["subjects"])) for row in judged if row["verdict"] == "comply" and not row["due"]
    )
    if comply:
        _case(suite, rule, f"{comply} comply", counts)


def _case(suite: ET.Element, rule: str, name: str, counts: Counter[str]) -> ET.Element:
    counts["tests"] += 1
    return ET.SubElement(suite, "testcase", classname=rule.replace("/", "."), name=_xml(name))


def oscal(results: Results) -> str:
    """The findings as OSCAL assessment results: a finding a rule, an observation a subject."""
    day = f"{results.as_of.isoformat()}T00:00:00Z"
    mark = (results.snapshot, results.as_of, *(pack.hash for pack in results.packs))
    plan = str(_uuid("plan", *mark))
    by_rule = _by_rule(results.finding)
    observations, found = [], []
    in_force = {r["rule"]: r for r in results.judged.to_pylist() if r["standing"] == "in force"}
    for rule, judged in sorted(in_force.items()):
        seen = []
        rows = by_rule.get(rule, [])
        for row in rows:
            number = str(_uuid("observation", rule, row["subject"], *mark))
            seen.append({"observation-uuid": number})
            properties = [{"name": "verdict", "value": row["verdict"]}]
            if row["due_on"]:
                properties.append({"name": "due-on", "value": str(row["due_on"])})
            observations.append(
                {
                    "uuid": number,
                    "title": f"{row['subject_table']} {row['subject']}",
                    "description": _said(row),
                    "props": properties,
                    "methods": ["TEST"],
                    "collected": day,
                    **({"remarks": row["rests_on"]} if row["rests_on"] else {}),
                }
            )
        verdicts = {row["verdict"] for row in rows}
        status = {"state": "satisfied", "reason": "pass"}
        if "breach" in verdicts:
            status = {"state": "not-satisfied", "reason": "fail"}
        elif "unknown" in verdicts:
            status = {"state": "not-satisfied", "reason": "other", "remarks": "not known"}
        one: dict[str, object] = {
            "uuid": str(_uuid("finding", rule, *mark)),
            "title": judged["title"],
            "description": f"{rule}: {judged['legal_status']}",
            "target": {"type": "objective-id", "target-id": _token(rule), "status": status},
        }
        found.append(one | ({"related-observations": seen} if seen else {}))
    silent = {r["rule"] for r in results.judged.to_pylist()} - in_force.keys()
    result: dict[str, object] = {
        "uuid": str(_uuid("result", *mark)),
        "title": f"The network on {results.as_of.isoformat()}",
        "description": f"Snapshot {results.snapshot} held against {len(results.packs)} rule packs",
        "start": day,
        "end": day,
        "props": [{"name": "marking", "value": results.label}],
        "reviewed-controls": {"control-selections": [_selection(in_force, silent)]},
    }
    result |= {"observations": observations} if observations else {}
    result |= {"findings": found} if found else {}
    document = {
        "uuid": str(_uuid("document", *mark)),
        "metadata": {
            "title": "Ringfence: a network under the law of a day",
            "last-modified": day,
            "version": results.program_version,
            "oscal-version": OSCAL_VERSION,
        },
        "import-ap": {"href": f"#{plan}"},
        "results": [result],
        "back-matter": {
            "resources": [
                {
                    "uuid": plan,
                    "title": "What was assessed, in place of an assessment plan",
                    "description": "; ".join(p.manifest.title for p in results.packs)
                    or "no rule pack",
                }
            ]
        },
    }
    return _json({"assessment-results": document})


def _selection(in_force: Iterable[str], silent: Iterable[str]) -> dict[str, object]:
    """The rules that were run; a selection of none cannot be said but as all less those."""
    run = [{"control-id": _token(rule)} for rule in sorted(in_force)]
    if run:
        return {"include-controls": run}
    left_out = [{"control-id": _token(rule)} for rule in sorted(silent)]
    selection: dict[str, object] = {
        "description": "No rule was in force on that day",
        "include-all": {},
    }
    return selection | ({"exclude-controls": left_out} if left_out else {})


FORMATS: Mapping[str, Callable[[Results], str]] = {"sarif": sarif, "junit": junit, "oscal": oscal}
"""The forms by name."""

ENDINGS: Mapping[str, str] = {".sarif": "sarif", ".xml": "junit", ".oscal.json": "oscal"}
"""The form that a file's name asks for by its end."""


def _by_rule(rows: pa.Table) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows.to_pylist():
        found.setdefault(row["rule"], []).append(row)
    return found


def _said(row: Row) -> str:
    text = f"{row['verdict']}: {row['because'] or 'no reason given'}"
    if row["due_on"]:
        text += f" (due by {row['due_on']}, then {row['verdict_when_due']})"
    return text


def _token(rule: str) -> str:
    """A rule's name as an OSCAL token, which has no slash."""
    return re.sub(r"[^\w.-]", ".", rule)


def _uuid(*parts: object) -> UUID:
    return uuid5(_NAMESPACE, json.dumps([str(part) for part in parts]))


def _xml(text: str) -> str:
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"
