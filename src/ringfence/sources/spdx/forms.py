"""The written forms of SPDX 2: each laid out as the same document is in JSON.

JSON, YAML, tag-value, RDF/XML and XML say the same. Where a form has lines, objects keep theirs.
A version `1.10` in YAML stays what it is, since scalars are taken as written.
"""

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from lxml import etree

from ringfence.errors import SourceError
from ringfence.sources.software_documents import LINE, bytes_of, text_of
from ringfence.sources.yaml_files import Fault, Node, documents

Tree = dict[object, object]

_LISTS: Final = {
    "packages", "files", "snippets", "relationships", "annotations", "revieweds", "checksums",
    "externalRefs", "documentDescribes", "hasFiles", "externalDocumentRefs",
    "hasExtractedLicensingInfos",
}  # fmt: skip


def document_of_yaml(path: Path) -> Tree:
    """A YAML document; raises `SourceError` with the line where it is none."""
    first = next(documents(text_of(path)), None)
    if isinstance(first, Fault):
        raise SourceError(
            f"the file {first.reason}, at line {first.line}", where=f"{path}:{first.line}"
        )
    found = _plain(first) if first is not None else None
    if not isinstance(found, dict):
        raise SourceError("it holds no YAML mapping", where=str(path))
    return found


def _plain(node: Node) -> object:
    if isinstance(node.value, dict):
        found: Tree = {LINE: node.line}
        found.update((name, _plain(value)) for name, value in node.value.items())
        return found
    if isinstance(node.value, list):
        return [_plain(value) for value in node.value]
    return node.text


def document_of_xml(path: Path) -> Tree:
    """An XML or RDF/XML document; raises `SourceError` with the line where it is none."""
    data = bytes_of(path)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise SourceError(
            f"it is not valid XML: {error.msg} at line {line}", where=f"{path}:{line}"
        ) from None
    except ValueError as error:
        raise SourceError(f"it is not valid XML: {error}", where=str(path)) from None
    if root.getroottree().docinfo.doctype:
        # A document type is where entities that grow without end are declared.
        raise SourceError(
            "it declares a document type, which is not read", where=str(path),
            hint="export it without one",
        )  # fmt: skip
    if etree.QName(root).localname == "RDF":
        from ringfence.sources.spdx.rdf import document_of_rdf  # noqa: PLC0415 (rdflib is slow)

        return document_of_rdf(path, data)
    if root.tag != "Document":
        raise SourceError(f"its root is {root.tag!r}, not an SPDX Document", where=f"{path}:1")
    return _of_element(root)


def _of_element(element: etree._Element) -> Tree:
    found: Tree = {LINE: element.sourceline}
    for child in element:
        name = etree.QName(child).localname
        value: object = _of_element(child) if len(child) else child.text
        if name in _LISTS:
            held = found.setdefault(name, [])
            if isinstance(held, list):
                held.append(value)
        else:
            found[name] = value
    return found


_PACKAGE: Final = {
    "PackageVersion": "versionInfo",
    "PackageSupplier": "supplier",
    "PackageOriginator": "originator",
    "PackageLicenseConcluded": "licenseConcluded",
    "PackageLicenseDeclared": "licenseDeclared",
    "PrimaryPackagePurpose": "primaryPackagePurpose",
}
_DOCUMENT: Final = {
    "SPDXVersion": "spdxVersion",
    "DocumentNamespace": "documentNamespace",
    "DocumentName": "name",
}
_BEGINS: Final = {
    "PackageName": ("packages", "name"),
    "FileName": ("files", "fileName"),
    "SnippetSPDXID": ("snippets", "SPDXID"),
    "LicenseID": ("hasExtractedLicensingInfos", "licenseId"),
    "Annotator": ("annotations", "annotator"),
    "Reviewer": ("revieweds", "reviewer"),
    "ExternalDocumentRef": ("externalDocumentRefs", "externalDocumentId"),
}
"""Tags with which something new begins (SPDX 2.3, each clause's tag-value format)."""

_TAG: Final = re.compile(r"([A-Za-z]+):[ \t]*(.*)", re.DOTALL)
_PLACES: Final = {
    "packages": {**_PACKAGE, "SPDXID": "SPDXID"},
    "files": {"SPDXID": "SPDXID", "LicenseConcluded": "licenseConcluded"},
}


def document_of_tags(path: Path) -> Tree:
    """A tag-value document; what is no tag is in `faults`, for the reader to reject."""
    document: Tree = {name: [] for name in (*_LISTS, "faults")}
    here: Tree = document
    section = ""
    package: object = None
    for line, tag, value in _tags(text_of(path)):
        if tag is None:
            _add(document, "faults", {LINE: line, "text": value[:200]})
        elif tag in _BEGINS:
            package = here.get("SPDXID") if section == "packages" else package
            section, name = _BEGINS[tag]
            # A file that follows a package is of that package.
            here = {LINE: line, name: value, "of_package": package}
            _add(document, section, here)
        elif tag == "Relationship":
            _add(document, "relationships", _relationship(line, value))
        else:
            _set(document, here, section, tag, value)
    return document


def _set(document: Tree, here: Tree, section: str, tag: str, value: str) -> None:
    """Note what a tag says of the document or of what it has begun."""
    if tag in _DOCUMENT:
        document[_DOCUMENT[tag]] = value
    elif tag in {"PackageChecksum", "FileChecksum"}:
        algorithm, _, digest = value.partition(":")
        _add(here, "checksums", {"algorithm": algorithm, "checksumValue": digest.strip()})
    elif tag == "ExternalRef":
        names = ("referenceCategory", "referenceType", "referenceLocator")
        _add(here, "externalRefs", dict(zip(names, value.split(None, 2), strict=False)))
    elif name := _PLACES.get(section, {"SPDXID": "SPDXID"}).get(tag):
        here[name] = value


def _add(holder: Tree, name: str, item: Tree | dict[str, str]) -> None:
    held = holder.setdefault(name, [])
    if isinstance(held, list):
        held.append(item)


def _relationship(line: int, value: str) -> Tree:
    words = value.split()
    names = ("spdxElementId", "relationshipType", "relatedSpdxElement")
    return {LINE: line, **dict(zip(names, words, strict=False))}


def _tags(content: str) -> Iterator[tuple[int, str | None, str]]:
    """Each tag with its line and value; a value of several lines stands in `<text>`."""
    lines = enumerate(content.splitlines(), start=1)
    for number, line in lines:
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = _TAG.fullmatch(stripped)
        if not match:
            yield number, None, stripped
            continue
        tag, value = match[1], match[2].strip()
        if value.startswith("<text>"):
            parts = [value.removeprefix("<text>")]
            while "</text>" not in parts[-1]:
                following = next(islice(lines, 1), None)
                if following is None:
                    yield number, None, stripped
                    return
                parts.append(following[1])
            value = "\n".join(parts).partition("</text>")[0].strip()
        yield number, tag, value
