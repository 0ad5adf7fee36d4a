"""CycloneDX as XML, laid out as the same document is in JSON.

The two forms of the specification say the same; XML wraps lists and puts some fields into
attributes. Each object keeps its line.
"""

from pathlib import Path
from typing import Final

from lxml import etree

from ringfence.errors import SourceError
from ringfence.sources.software_documents import LINE, bytes_of

_LISTS: Final = {
    "components",
    "services",
    "hashes",
    "licenses",
    "vulnerabilities",
    "ratings",
    "cwes",
    "affects",
    "versions",
    "dependencies",
    "compositions",
    "annotations",
    "definitions",
    "references",
    "responses",
    "tools",
}
_NAMESPACE: Final = "{http://cyclonedx.org/schema/bom/"


def document_of_xml(path: Path) -> dict[object, object]:
    """The document as its JSON form would be; raises `SourceError` where it is no CycloneDX XML."""
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        root = etree.fromstring(bytes_of(path), parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise SourceError(
            f"it is not valid XML: {error.msg} at line {line}", where=f"{path}:{line}"
        ) from None
    except ValueError as error:
        raise SourceError(f"it is not valid XML: {error}", where=str(path)) from None
    if root.getroottree().docinfo.doctype:
        # A document type is where entities that grow without end are declared; the format has none.
        raise SourceError("it declares a document type, which CycloneDX has not", where=str(path))
    tag = str(root.tag)
    if not tag.startswith(_NAMESPACE) or not tag.endswith("}bom"):
        raise SourceError(f"its root is {tag}, not a bom of cyclonedx.org", where=f"{path}:1")
    found = _fields(root)
    found["specVersion"] = tag.removeprefix(_NAMESPACE).partition("}")[0]
    return found


def _fields(element: etree._Element) -> dict[object, object]:
    found: dict[object, object] = {LINE: element.sourceline}
    found.update((etree.QName(str(n)).localname, str(v)) for n, v in element.attrib.items())
    for child in element:
        name = etree.QName(child).localname
        if name in _LISTS:
            found[name] = _list(child, name)
        else:
            found[name] = _value(child)
    return found


def _value(element: etree._Element) -> object:
    if len(element):
        return _fields(element)
    if element.attrib:
        return {**_fields(element), "content": element.text or ""}
    return element.text or ""


def _list(element: etree._Element, name: str) -> object:
    if name == "licenses":
        return [{etree.QName(c).localname: _value(c)} for c in element]
    if name == "tools" and any(etree.QName(c).localname != "tool" for c in element):
        return _fields(element)
    return [_value(child) for child in element]
