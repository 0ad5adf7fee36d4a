"""SPDX 2.0 to 2.3, from a document laid out as in JSON."""

from collections.abc import Iterator
from typing import Final

from ringfence.sources.software_documents import (
    Fields,
    Ledger,
    UnfitError,
    fields,
    many,
    needed,
    objects,
    place_of,
    sha256_of,
    text,
    texts,
)
from ringfence.sources.spdx.parts import Part, Parts, agent, kind_of, stated

_SET_ASIDE: Final = {
    "snippets": "a snippet is a piece of a file, not a part of its own",
    "annotations": "an annotation is a remark",
    "revieweds": "a review is a remark",
    "hasExtractedLicensingInfos": "the words of a licence are not kept",
    "externalDocumentRefs": "the name of another document",
}
_OUTSIDE: Final = ("NONE", "NOASSERTION")


def read_version_2(document: Fields, name: str, prefix: str, ledger: Ledger) -> None:
    """Lay the document's packages and files into the ledger."""
    parts = _read_parts(document, name, ledger)
    own = document.get("SPDXID")
    own = own if isinstance(own, str) else "SPDXRef-DOCUMENT"
    try:
        for ref in texts(document, "documentDescribes"):
            parts.describes(ref)
    except UnfitError as error:
        ledger.fault(f"{name}:$.documentDescribes", str(error), "product", None)
    for index, record in enumerate(_many(document, "relationships", name, ledger)):
        place = _place(name, record, "relationships", index)
        try:
            _relate(fields(record, "the relationship"), own, parts, place, ledger)
        except UnfitError as error:
            ledger.fault(place, str(error), "component", record)
    _contain_quietly(document, parts)
    for section, reason in _SET_ASIDE.items():
        found = document.get(section)
        rows = len(found) if isinstance(found, list) else 0
        ledger.set_aside(f"{name}:$.{section}", reason, rows)
    for record in _many(document, "faults", name, ledger):
        ledger.fault(
            place_of(name, record, ""), "it is neither a tag nor a remark", "component", record
        )
    namespace = document.get("documentNamespace")
    parts.write(ledger, prefix, namespace if isinstance(namespace, str) else name)


def _read_parts(document: Fields, name: str, ledger: Ledger) -> Parts:
    parts = Parts()
    for section in ("packages", "files"):
        for index, record in enumerate(_many(document, section, name, ledger)):
            place = _place(name, record, section, index)
            try:
                part = _part(fields(record, "the record"), section, place)
                if part.ref in parts.by_ref:
                    raise _twice(part.ref)
                parts.by_ref[part.ref] = part
            except UnfitError as error:
                ledger.fault(place, str(error), "component", record)
    return parts


def _many(document: Fields, section: str, name: str, ledger: Ledger) -> list[object]:
    try:
        return [*many(document, section)]
    except UnfitError as error:
        ledger.fault(f"{name}:$.{section}", str(error), "component", document.get(section))
        return []


def _place(name: str, record: object, section: str, index: int) -> str:
    return place_of(name, record, f"$.{section}[{index}]")


def _twice(ref: str) -> UnfitError:
    return UnfitError(f"the SPDXID {ref} stands twice")


def _part(record: Fields, section: str, place: str) -> Part:
    is_file = section == "files"
    references = [*objects(record, "externalRefs")]
    purls = [
        needed(r, "referenceLocator") for r in references if text(r, "referenceType") == "purl"
    ]
    names = [
        needed(r, "referenceLocator")
        for r in references
        if text(r, "referenceType") in {"cpe23Type", "cpe22Type"}
    ]
    # A package may be found under several names; a column holds one, the first that is of 2.3.
    names.sort(key=lambda n: not n.startswith("cpe:2.3:"))
    hashes = [
        sha256_of(text(c, "checksumValue"))
        for c in objects(record, "checksums")
        if text(c, "algorithm") in {"SHA256", "SHA-256"}
    ]
    columns: dict[str, object] = {
        "kind": "file" if is_file else kind_of(stated(text(record, "primaryPackagePurpose"))),
        "name": needed(record, "fileName" if is_file else "name"),
        "version": None if is_file else stated(text(record, "versionInfo")),
        "purl": purls[0] if purls else None,
        "cpe": names[0] if names else None,
        "sha256": hashes[0] if hashes else None,
        "licence": stated(text(record, "licenseConcluded"))
        or stated(text(record, "licenseDeclared")),
    }
    maker, supplier = agent(text(record, "originator")), agent(text(record, "supplier"))
    return Part(needed(record, "SPDXID"), place, columns, maker, supplier)


def _relate(record: Fields, own: str, parts: Parts, place: str, ledger: Ledger) -> None:
    source, target = needed(record, "spdxElementId"), needed(record, "relatedSpdxElement")
    kind = needed(record, "relationshipType")
    if kind in {"CONTAINED_BY", "DESCRIBED_BY"}:
        source, target = target, source
        kind = {"CONTAINED_BY": "CONTAINS", "DESCRIBED_BY": "DESCRIBES"}[kind]
    if kind not in {"CONTAINS", "DESCRIBES"}:
        ledger.set_aside(place, f"a relationship {kind} does not say what is part of what")
    elif target in _OUTSIDE or source in _OUTSIDE:
        ledger.set_aside(place, "a relationship that says there is nothing, or nothing known")
    elif ":" in target or ":" in source:
        ledger.set_aside(place, "a relationship to a part of another document")
    elif kind == "DESCRIBES" or source == own:
        if not parts.describes(target):
            raise UnfitError(f"it names {target}, which the document does not hold")
        ledger.keep()
    elif reason := parts.contains(source, target):
        raise UnfitError(reason)
    else:
        ledger.keep()


def _contain_quietly(document: Fields, parts: Parts) -> None:
    """Which files lie in which package, where no relationship says it.

    `hasFiles` is the form of 2.2; in tag-value a file that follows a package is of it.
    """
    for record in _records(document, "packages"):
        held = record.get("hasFiles")
        for ref in held if isinstance(held, list) else ():
            if isinstance(ref, str) and ref not in parts.whole_of:
                parts.contains(str(record.get("SPDXID")), ref)
    for record in _records(document, "files"):
        ref, package = str(record.get("SPDXID")), record.get("of_package")
        if isinstance(package, str) and ref not in parts.whole_of:
            parts.contains(package, ref)


def _records(holder: Fields, name: str) -> Iterator[Fields]:
    """The objects of a list; what else is in it was rejected before."""
    found = holder.get(name)
    return (r for r in found if isinstance(r, dict)) if isinstance(found, list) else iter(())
