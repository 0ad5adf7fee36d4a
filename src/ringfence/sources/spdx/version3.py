"""SPDX 3.0, from its JSON-LD: a flat graph of elements that name each other by address.

Of each element the short form of its class is read, as the standard's serialisation has it
(`software_Package`, `Relationship`).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from ringfence.sources.software_documents import (
    Fields,
    Ledger,
    UnfitError,
    day,
    fields,
    needed,
    number,
    objects,
    one_line,
    place_of,
    sha256_of,
    text,
    texts,
    vulnerability_key,
)
from ringfence.sources.spdx.parts import Part, Parts, agent, kind_of, stated

_PARTS: Final = {
    "software_Package": None,
    "software_File": "file",
    "ai_AIPackage": "data",
    "dataset_DatasetPackage": "data",
}
"""Classes that are parts, with the kind that the class itself states."""

_COLLECTIONS: Final = ("SpdxDocument", "software_Sbom", "Bom", "Bundle", "ElementCollection")
_RELATIONSHIPS: Final = ("Relationship", "LifecycleScopedRelationship")
_LICENCES: Final = ("hasConcludedLicense", "hasDeclaredLicense")
_VEX: Final = {
    "security_VexAffectedVulnAssessmentRelationship": "affected",
    "security_VexFixedVulnAssessmentRelationship": "fixed",
    "security_VexNotAffectedVulnAssessmentRelationship": "not affected",
    "security_VexUnderInvestigationVulnAssessmentRelationship": "under investigation",
}
_CVSS: Final = (
    "security_CvssV3VulnAssessmentRelationship",
    "security_CvssV4VulnAssessmentRelationship",
    "security_CvssV2VulnAssessmentRelationship",
)
"""The version that most sources state first, so that they can be held against each other."""


class _Graph:
    """The elements of a document by their addresses."""

    def __init__(self, document: Fields, name: str, ledger: Ledger) -> None:
        self.name = name
        self.ledger = ledger
        self.elements: list[tuple[str, str, Fields]] = []
        self.by_id: dict[str, Fields] = {}
        graph = document.get("@graph")
        records = graph if isinstance(graph, list) else [document]
        for index, record in enumerate(records):
            path = f"$['@graph'][{index}]" if isinstance(graph, list) else "$"
            place = place_of(name, record, path)
            try:
                element = fields(record, "the element")
                kind = text(element, "type") or needed(element, "@type")
            except UnfitError as error:
                ledger.fault(place, str(error), "component", record)
                continue
            self.elements.append((kind, place, element))
            key = element.get("spdxId") or element.get("@id")
            if isinstance(key, str):
                self.by_id.setdefault(key, element)

    def of(self, *kinds: str) -> Iterator[tuple[str, str, Fields]]:
        """The elements of some classes."""
        return (e for e in self.elements if e[0] in kinds)

    def name_of(self, ref: object) -> str | None:
        """The name of an agent, by its address or where it stands in full."""
        element = self.by_id.get(ref) if isinstance(ref, str) else ref
        named = element.get("name") if isinstance(element, dict) else None
        return agent(named.strip() or None) if isinstance(named, str) else None


def read_version_3(document: Fields, name: str, prefix: str, ledger: Ledger) -> None:
    """Lay the graph's packages, files and weaknesses into the ledger."""
    graph = _Graph(document, name, ledger)
    parts = _read_parts(graph)
    for _, place, element in graph.of(*_COLLECTIONS):
        try:
            for ref in texts(element, "rootElement"):
                parts.describes(ref)
            ledger.set_aside(place, "a collection says what the document is about")
        except UnfitError as error:
            ledger.fault(place, str(error), "product", element)
    for _, place, element in graph.of(*_RELATIONSHIPS):
        try:
            _relate(graph, element, place, parts)
        except UnfitError as error:
            ledger.fault(place, str(error), "component", element)
    parts.write(ledger, prefix, None)
    _read_weaknesses(graph, parts, prefix)
    told = {*_PARTS, *_COLLECTIONS, *_RELATIONSHIPS, *_VEX, *_CVSS, "security_Vulnerability"}
    for kind, place, _ in graph.elements:
        if kind not in told:
            ledger.set_aside(place, f"a {kind} is no part, product or weakness")


def _read_parts(graph: _Graph) -> Parts:
    licences = _read_licences(graph)
    parts = Parts()
    for kind, place, element in graph.of(*_PARTS):
        try:
            part = _part(graph, kind, place, element, licences)
            if part.ref in parts.by_ref:
                raise _twice(part.ref)
            parts.by_ref[part.ref] = part
        except UnfitError as error:
            graph.ledger.fault(place, str(error), "component", element)
    return parts


def _twice(ref: str) -> UnfitError:
    return UnfitError(f"the spdxId {ref} stands twice")


def _read_licences(graph: _Graph) -> Mapping[str, str]:
    """The licence of each part; that which was concluded goes before that which is declared."""
    found: dict[str, str] = {}
    for wanted in _LICENCES:
        for _, _, element in graph.of(*_RELATIONSHIPS):
            if element.get("relationshipType") != wanted:
                continue
            source, targets = element.get("from"), element.get("to")
            for target in targets if isinstance(targets, list) else (targets,):
                licence = graph.by_id.get(target) if isinstance(target, str) else None
                words = licence.get("simplelicensing_licenseExpression") if licence else None
                # A licence of the standard's list is named by its address alone.
                if words is None and isinstance(target, str) and "spdx.org/licenses/" in target:
                    words = target.rpartition("/")[2]
                if isinstance(source, str) and isinstance(words, str) and stated(words.strip()):
                    found.setdefault(source, words.strip())
    return found


def _part(
    graph: _Graph, kind: str, place: str, element: Fields, licences: Mapping[str, str]
) -> Part:
    ref = needed(element, "spdxId")
    identifiers = [*objects(element, "externalIdentifier")]

    def identifier(*kinds: str) -> str | None:
        for wanted in kinds:
            for each in identifiers:
                if text(each, "externalIdentifierType") == wanted:
                    return needed(each, "identifier")
        return None

    hashes = [
        sha256_of(text(h, "hashValue"))
        for h in objects(element, "verifiedUsing")
        if text(h, "algorithm") == "sha256" and text(h, "type") == "Hash"
    ]
    columns: dict[str, object] = {
        "kind": _PARTS[kind] or kind_of(stated(text(element, "software_primaryPurpose"))),
        "name": needed(element, "name"),
        "version": stated(text(element, "software_packageVersion")),
        "purl": text(element, "software_packageUrl") or identifier("packageUrl"),
        "cpe": identifier("cpe23", "cpe22"),
        "sha256": hashes[0] if hashes else None,
        "licence": licences.get(ref),
    }
    origins = element.get("originatedBy")
    makers = [graph.name_of(o) for o in (origins if isinstance(origins, list) else [origins])]
    maker = "; ".join(m for m in makers if m) or None
    return Part(ref, place, columns, maker, graph.name_of(element.get("suppliedBy")))


def _relate(graph: _Graph, element: Fields, place: str, parts: Parts) -> None:
    kind, source, targets = _ends(element)
    if kind in _LICENCES:
        graph.ledger.set_aside(place, "a licence is told of with its part")
    elif kind == "describes":
        for target in targets:
            parts.describes(target)
        graph.ledger.keep()
    elif kind == "contains":
        reasons = [r for t in targets if (r := parts.contains(source, t))]
        if source not in parts.by_ref:
            graph.ledger.set_aside(place, "it says what lies in something that is no part")
        elif len(reasons) < len(targets):
            graph.ledger.keep()
            for reason in reasons:
                graph.ledger.fault(place, reason, "component", element)
        else:
            raise UnfitError("; ".join(reasons) or "it names nothing that is contained")
    else:
        reason = f"a relationship {kind} does not say what is part of what"
        graph.ledger.set_aside(place, reason)


def _ends(element: Fields) -> tuple[str, str, list[str]]:
    return (
        needed(element, "relationshipType"),
        needed(element, "from"),
        texts(element, "to"),
    )


def _read_weaknesses(graph: _Graph, parts: Parts, prefix: str) -> None:
    """Weaknesses with their scores, and what is said of each and each part."""
    scores = _read_scores(graph)
    keys: dict[str, str] = {}
    for _, place, element in graph.of("security_Vulnerability"):
        try:
            ref = needed(element, "spdxId")
            numbers = [
                needed(i, "identifier")
                for i in objects(element, "externalIdentifier")
                if text(i, "externalIdentifierType") == "cve"
            ]
            own = numbers[0] if numbers else text(element, "name") or ref
            row = {"published_on": day(element, "security_publishedTime"), **scores.get(ref, {})}
        except UnfitError as error:
            graph.ledger.fault(place, str(error), "vulnerability", element)
            continue
        keys[ref] = vulnerability_key(own, prefix)
        graph.ledger.keep()
        graph.ledger.row("vulnerability", id=keys[ref], **row, origin=place)
    for kind, place, element in graph.of(*_VEX):
        try:
            _read_statement(graph, kind, place, element, (parts, keys, prefix))
        except UnfitError as error:
            graph.ledger.fault(place, str(error), "affected", element)


def _read_scores(graph: _Graph) -> dict[str, dict[str, object]]:
    found: dict[str, set[tuple[float | None, str | None]]] = {}
    for wanted in _CVSS:
        scored = set(found)
        for _, place, element in graph.of(wanted):
            try:
                score, vector = (
                    number(element, "security_score"),
                    text(element, "security_vectorString"),
                )
                if score is not None and not 0 <= score <= 10:
                    raise _no_score()
                ref = needed(element, "from")
            except UnfitError as error:
                graph.ledger.fault(place, str(error), "vulnerability", element)
                continue
            graph.ledger.set_aside(place, "a score is told of with its weakness")
            if ref not in scored:
                found.setdefault(ref, set()).add((score, vector))
    agreed: dict[str, dict[str, object]] = {}
    for ref, stated_scores in found.items():
        if len(stated_scores) == 1:
            score, vector = next(iter(stated_scores))
            agreed[ref] = {"cvss_score": score, "cvss_vector": vector}
    return agreed


def _no_score() -> UnfitError:
    return UnfitError("security_score is not of 0 to 10")


def _read_statement(
    graph: _Graph,
    kind: str,
    place: str,
    element: Fields,
    known: tuple[Parts, Mapping[str, str], str],
) -> None:
    parts, keys, prefix = known
    _, source, targets = _ends(element)
    if source not in keys:
        raise UnfitError(f"it names the weakness {source}, which the document does not hold")
    if not targets:
        raise UnfitError("it names nothing that it is said of")
    action = text(element, "security_actionStatement")
    graph.ledger.keep()
    for target in targets:
        part = parts.by_ref.get(target)
        columns = part.columns if part else {}
        graph.ledger.row(
            "affected",
            vulnerability=keys[source],
            subject=parts.keys.get(target, f"{prefix}:{target}"),
            component=parts.keys.get(target),
            vendor_name=(part.supplier or part.maker) if part else None,
            product_name=columns.get("name"),
            cpe=columns.get("cpe"),
            purl=columns.get("purl"),
            status=_VEX[kind],
            remedy=one_line(action) if action else None,
            origin=place,
        )
