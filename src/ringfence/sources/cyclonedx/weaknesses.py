"""What a CycloneDX list says of weaknesses, and of which parts it says it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from ringfence.sources.cyclonedx.parts import Document, Part, find_components
from ringfence.sources.software_documents import (
    Fields,
    Ledger,
    UnfitError,
    day,
    fields,
    many,
    needed,
    number,
    objects,
    one_line,
    place_of,
    text,
    texts,
    vulnerability_key,
)

_STATES: Final = {
    "resolved": "fixed",
    "resolved_with_pedigree": "fixed",
    "exploitable": "affected",
    "in_triage": "under investigation",
    "false_positive": "not affected",
    "not_affected": "not affected",
}
_VERSION_STATES: Final = {"affected": "affected", "unaffected": "not affected"}
_NOT_BASE: Final = re.compile(
    r"(?:^|/)(?:E|RL|RC|CR|IR|AR|CD|TD|CDP|M[A-Z]{1,3}):(?!X(?:/|$)|ND(?:/|$))"
)
"""Metrics of CVSS 2, 3 and 4 that are not base metrics (FIRST specifications); X, ND: not defined."""

_LINK: Final = re.compile(r"urn:cdx:([^/#]+)(?:/(\d+))?(?:#(.+))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Statement:
    """Something said of a part of another list, by its BOM-Link."""

    serial: str
    edition: str | None
    ref: str | None
    values: dict[str, object]


def read_weaknesses(document: Document, ledger: Ledger) -> list[Statement]:
    """What a list says of weaknesses; returns what it says of parts of other lists."""
    found: list[tuple[Fields, str, str, dict[str, object]]] = []
    for record, place in _vulnerabilities(document, ledger):
        try:
            weakness = fields(record, "the vulnerability")
            found.append((weakness, place, _identifier(weakness, document), _facts(weakness)))
        except UnfitError as error:
            ledger.fault(place, str(error), "vulnerability", record)
    agreed: dict[str, dict[str, set[object]]] = {}
    for _, _, key, facts in found:
        for column, value in facts.items():
            if value is not None:
                agreed.setdefault(key, {}).setdefault(column, set()).add(value)
    elsewhere: list[Statement] = []
    for record, place, key, facts in found:
        try:
            said, unsaid = _affected(record, key, place, document)
        except UnfitError as error:
            ledger.fault(place, str(error), "affected", record)
            continue
        values = {c: agreed.get(key, {}).get(c, set()) for c in facts}
        row = {c: next(iter(v)) if len(v) == 1 else None for c, v in values.items()}
        ledger.keep()
        ledger.row("vulnerability", id=key, **row, origin=place)
        ledger.set_aside(place, "a version of which it is said that its state is not known", unsaid)
        for each in said:
            if isinstance(each, Statement):
                elsewhere.append(each)
            else:
                ledger.row("affected", **each)
    return elsewhere


def _vulnerabilities(document: Document, ledger: Ledger) -> Iterator[tuple[object, str]]:
    """Those of the list, and those that the extension of 1.2 and 1.3 puts into components."""
    try:
        for index, record in enumerate(many(document.content, "vulnerabilities")):
            yield record, place_of(document.name, record, f"$.vulnerabilities[{index}]")
    except UnfitError as error:
        ledger.fault(f"{document.name}:$.vulnerabilities", str(error), "vulnerability", None)
    for each in find_components(document, Ledger()):
        inside = each.record.get("vulnerabilities") if isinstance(each.record, dict) else None
        for record in inside if isinstance(inside, list) else ():
            yield record, place_of(document.name, record, each.place)


def _identifier(record: Fields, document: Document) -> str:
    own = text(record, "id")
    for reference in () if own else objects(record, "references"):
        own = own or text(reference, "id")
    own = own or text(record, "bom-ref")
    if own is None:
        raise UnfitError("it has no id to be known by")
    source = text(fields(record.get("source"), "source"), "name") or document.scope
    return vulnerability_key(own, f"{document.prefix}:{source}")


def _facts(record: Fields) -> dict[str, object]:
    score, vector = _base_score(record)
    weaknesses = texts({"cwes": [str(w) for w in many(record, "cwes")]}, "cwes")
    return {
        "weakness": ", ".join(f"CWE-{w.removeprefix('CWE-')}" for w in weaknesses) or None,
        "cvss_score": score,
        "cvss_vector": vector,
        "published_on": day(record, "published"),
    }


def _base_score(record: Fields) -> tuple[float | None, str | None]:
    """The base score all CVSS ratings of the version that most sources state agree on."""
    by_method: dict[str, set[tuple[float | None, str | None]]] = {}
    for rating in objects(record, "ratings"):
        vector, method = text(rating, "vector"), text(rating, "method") or ""
        score = rating.get("score")
        if isinstance(score, dict):
            rating = {"score": score.get("base")}  # noqa: PLW2901 (the extension of 1.2 and 1.3)
        if method.startswith("CVSS") and not (vector and _NOT_BASE.search(vector)):
            value = number(rating, "score")
            if value is not None and not 0 <= value <= 10:
                raise UnfitError("a CVSS score is not of 0 to 10")
            by_method.setdefault(method[:6], set()).add((value, vector))
    for version in ("CVSSv3", "CVSSv4", "CVSSv2"):
        stated = by_method.get(version)
        if stated:
            return next(iter(stated)) if len(stated) == 1 else (None, None)
    return None, None


def _affected(
    record: Fields, key: str, place: str, document: Document
) -> tuple[list[dict[str, object] | Statement], int]:
    """What is said of each part and version, and how many statements say nothing."""
    analysis = fields(record.get("analysis"), "analysis")
    state = text(analysis, "state")
    if state is not None and state not in _STATES:
        raise UnfitError(f"the state {state!r} is not CycloneDX's")
    status = _STATES[state] if state else None
    remedy = _remedy(record, analysis)
    said: list[dict[str, object] | Statement] = []
    unsaid = 0
    for target in _targets(record):
        ref = needed(target, "ref")
        for version_range, stated in _versions(target, status):
            if stated is None:
                unsaid += 1
                continue
            values: dict[str, object] = {
                "vulnerability": key,
                "version_range": version_range,
                "status": stated,
                "remedy": remedy if stated == "affected" else None,
                "origin": place,
            }
            said.append(_of_target(ref, values, document))
    return said, unsaid


def _targets(record: Fields) -> Iterator[Fields]:
    yield from objects(record, "affects")
    # The extension of 1.2 and 1.3 names the one part as an attribute.
    if record.get("affects") is None and record.get("ref") is not None:
        yield {"ref": record["ref"]}


def _versions(target: Fields, status: str | None) -> Iterator[tuple[str | None, str | None]]:
    """Each version or range with what is said of it; None where it is said to be unknown.

    What is said of a version goes before what is said of the whole; the specification's default,
    where neither says anything, is affected.
    """
    versions = [*objects(target, "versions")]
    for version in versions:
        stated = text(version, "status")
        written = text(version, "version") or text(version, "range")
        if stated == "unknown":
            yield written, None
        elif stated is not None and stated not in _VERSION_STATES:
            raise UnfitError(f"the status {stated!r} is not CycloneDX's")
        else:
            yield written, _VERSION_STATES[stated] if stated else status or "affected"
    if not versions:
        yield None, status or "affected"


def _of_target(
    ref: str, values: dict[str, object], document: Document
) -> dict[str, object] | Statement:
    if link := _LINK.fullmatch(ref):
        serial, edition, part = link.groups()
        subject = f"{document.prefix}:{ref}"
        return Statement(
            serial.lower(), edition, unquote(part) if part else None, {**values, "subject": subject}
        )
    found = document.parts.get(ref)
    if found:
        return values | of_part(found)
    purl = ref if ref.startswith("pkg:") else None
    return values | {"subject": f"{document.prefix}:{document.scope}/{ref}", "purl": purl}


def of_part(part: Part) -> dict[str, object]:
    """The columns of `affected` that a part fills."""
    return {
        "subject": part.subject,
        "component": part.component,
        "vendor_name": part.vendor,
        "product_name": part.name,
        "cpe": part.cpe,
        "purl": part.purl,
    }


def _remedy(record: Fields, analysis: Fields) -> str | None:
    written = text(record, "recommendation") or text(record, "workaround")
    if written:
        return one_line(written)
    responses = texts(analysis, "response") or texts(analysis, "responses")
    return "; ".join(r.replace("_", " ") for r in responses) or None
