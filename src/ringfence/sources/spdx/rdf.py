"""SPDX 2 as RDF/XML, read as the graph it is: the same graph can be written in many ways."""

import io
import logging
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rdflib import Graph, Namespace, URIRef
from rdflib.namespace import RDF, RDFS
from rdflib.term import Node

from ringfence.errors import SourceError
from ringfence.sources.software_documents import LINE

Tree = dict[object, object]

_SPDX: Final = Namespace("http://spdx.org/rdf/terms#")
_LICENCES: Final = "http://spdx.org/licenses/"
_DEEPEST: Final = 50


def document_of_rdf(path: Path, data: bytes) -> Tree:
    """The document as its JSON form would be; raises `SourceError` where it holds none."""
    graph = Graph()
    # Its complaints about dates and addresses are of no use here, and would go to the screen.
    logging.getLogger("rdflib.term").setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph.parse(io.BytesIO(data), format="xml", publicID="urn:spdx:document")
    except Exception as error:  # noqa: BLE001 (rdflib raises whatever its parts raise)
        raise SourceError(f"it is not valid RDF/XML: {error}", where=str(path)) from None
    documents = sorted(graph.subjects(RDF.type, _SPDX.SpdxDocument), key=str)
    if len(documents) != 1:
        raise SourceError(f"it holds {len(documents)} SPDX documents, not one", where=str(path))
    document = documents[0]
    namespace, _, _ = str(document).partition("#")
    packages = _sorted(graph.subjects(RDF.type, _SPDX.Package))
    files = _sorted(graph.subjects(RDF.type, _SPDX.File))
    described = [*graph.objects(document, _SPDX.describesPackage)]
    return {
        "spdxVersion": _text(graph, document, _SPDX.specVersion),
        "documentNamespace": namespace,
        "SPDXID": _ref(document),
        "documentDescribes": [_ref(d) for d in _sorted(described)],
        "packages": [_package(graph, p) for p in packages],
        "files": [_file(graph, f) for f in files],
        "snippets": [{"SPDXID": _ref(s)} for s in _sorted(graph.subjects(RDF.type, _SPDX.Snippet))],
        "relationships": [
            *(_relationship(graph, s, r) for s, r in _pairs(graph, _SPDX.relationship)),
            *(
                {
                    LINE: f"#{_ref(s)}",
                    "spdxElementId": _ref(s),
                    "relationshipType": "CONTAINS",
                    "relatedSpdxElement": _ref(f),
                }
                for s, f in _pairs(graph, _SPDX.hasFile)
            ),
        ],
    }


def _sorted(nodes: Iterator[Node] | list[Node]) -> list[Node]:
    return sorted(set(nodes), key=str)


def _pairs(graph: Graph, predicate: URIRef) -> list[tuple[Node, Node]]:
    found = set(graph.subject_objects(predicate))
    return sorted(found, key=lambda p: (str(p[0]), _said(graph, p[1])))


def _said(graph: Graph, node: Node) -> str:
    """What orders nodes that have no name of their own, whose labels differ at each reading."""
    if isinstance(node, URIRef):
        return str(node)
    return " ".join(sorted(str(o) for o in graph.objects(node) if isinstance(o, URIRef)))


def _ref(node: Node | None) -> str | None:
    if node is None:
        return None
    text = str(node)
    return text.partition("#")[2] or text


def _text(graph: Graph, subject: Node, predicate: URIRef) -> str | None:
    found = sorted(str(o) for o in graph.objects(subject, predicate))
    return found[0] if found else None


def _word(graph: Graph, subject: Node, predicate: URIRef, before: str) -> str | None:
    """The last word of a term such as `relationshipType_contains`."""
    found = _text(graph, subject, predicate)
    if found is None:
        return None
    word = found.rpartition("#")[2].removeprefix(before)
    # `containedBy` in RDF is CONTAINED_BY elsewhere.
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).upper()


def _package(graph: Graph, node: Node) -> Tree:
    return {
        LINE: f"#{_ref(node)}",
        "SPDXID": _ref(node),
        "name": _text(graph, node, _SPDX.name),
        "versionInfo": _text(graph, node, _SPDX.versionInfo),
        "supplier": _no_address(_text(graph, node, _SPDX.supplier)),
        "originator": _no_address(_text(graph, node, _SPDX.originator)),
        "licenseConcluded": _licence(graph, node, _SPDX.licenseConcluded),
        "licenseDeclared": _licence(graph, node, _SPDX.licenseDeclared),
        "primaryPackagePurpose": _word(graph, node, _SPDX.primaryPackagePurpose, "purpose_"),
        "checksums": _checksums(graph, node),
        "externalRefs": [
            {
                "referenceType": (_text(graph, r, _SPDX.referenceType) or "").rpartition("/")[2],
                "referenceLocator": _text(graph, r, _SPDX.referenceLocator),
            }
            for r in graph.objects(node, _SPDX.externalRef)
        ],
    }


def _file(graph: Graph, node: Node) -> Tree:
    return {
        LINE: f"#{_ref(node)}",
        "SPDXID": _ref(node),
        "fileName": _text(graph, node, _SPDX.fileName),
        "licenseConcluded": _licence(graph, node, _SPDX.licenseConcluded),
        "checksums": _checksums(graph, node),
    }


def _checksums(graph: Graph, node: Node) -> list[Tree]:
    return [
        {
            "algorithm": _word(graph, c, _SPDX.algorithm, "checksumAlgorithm_"),
            "checksumValue": _text(graph, c, _SPDX.checksumValue),
        }
        for c in graph.objects(node, _SPDX.checksum)
    ]


def _relationship(graph: Graph, subject: Node, node: Node) -> Tree:
    related = _text(graph, node, _SPDX.relatedSpdxElement)
    return {
        LINE: f"#{_ref(subject)}",
        "spdxElementId": _ref(subject),
        "relationshipType": _word(graph, node, _SPDX.relationshipType, "relationshipType_"),
        "relatedSpdxElement": (related.partition("#")[2] or related) if related else None,
    }


def _no_address(value: str | None) -> str | None:
    """The words NOASSERTION and NONE are addresses in RDF."""
    return _short(value) if value else None


def _short(value: str) -> str:
    for word in ("noassertion", "none"):
        if value == f"{_SPDX}{word}":
            return word.upper()
    return value.removeprefix(_LICENCES)


def _licence(graph: Graph, node: Node, predicate: URIRef) -> str | None:
    found = _sorted(graph.objects(node, predicate))
    return _expression(graph, found[0], 0) if found else None


def _expression(graph: Graph, node: Node, depth: int) -> str | None:
    if depth > _DEEPEST:
        return None
    kinds = set(graph.objects(node, RDF.type))
    for kind, word in ((_SPDX.ConjunctiveLicenseSet, "AND"), (_SPDX.DisjunctiveLicenseSet, "OR")):
        if kind in kinds:
            members = [_expression(graph, m, depth + 1) for m in graph.objects(node, _SPDX.member)]
            stated = sorted({m for m in members if m})
            return f"({f' {word} '.join(stated)})" if stated else None
    if _SPDX.WithExceptionOperator in kinds:
        licence = next(graph.objects(node, _SPDX.member), None)
        exception = next(graph.objects(node, _SPDX.licenseException), None)
        base = _expression(graph, licence, depth + 1) if licence else None
        name = _text(graph, exception, _SPDX.licenseExceptionId) if exception else None
        return f"{base} WITH {name}" if base and name else base
    if _SPDX.OrLaterOperator in kinds:
        licence = next(graph.objects(node, _SPDX.member), None)
        base = _expression(graph, licence, depth + 1) if licence else None
        return f"{base}+" if base else None
    named = _text(graph, node, _SPDX.licenseId) or _text(graph, node, RDFS.label)
    return named or _short(str(node)) if isinstance(node, URIRef) or named else None
