"""SPDX lists of what software is made of.

Read: SPDX 2.0 to 2.3 as JSON, YAML, tag-value, RDF/XML and XML; SPDX 3.0 as JSON-LD. A part is part
of another where the document says that the one contains the other; what needs, builds or tests
what is set aside. The product is what the document describes. A key is that of the product, then
the package URL; where there is none, the document's namespace and the SPDXID.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TypeAlias

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.software_documents import Fields, Ledger, beginning_of, head_text, json_of
from ringfence.sources.spdx.forms import document_of_tags, document_of_xml, document_of_yaml
from ringfence.sources.spdx.version2 import read_version_2
from ringfence.sources.spdx.version3 import read_version_3

_Marks: TypeAlias = tuple[tuple[re.Pattern[str], float, str], ...]

_TAG_VALUE: Final = re.compile(r"^\s*SPDXVersion:\s*SPDX-", re.MULTILINE)
_YAML: Final = re.compile(
    r"""^["']?(?:spdxVersion["']?:\s*["']?SPDX-|SPDXID["']?:\s)""", re.MULTILINE
)
_JSON_MARKS: Final[_Marks] = (
    (re.compile(r'"spdxVersion"\s*:\s*"SPDX-'), 1.0, "spdxVersion"),
    (re.compile(r'"@context"\s*:\s*(?:\[\s*)?"https?://spdx\.org/rdf/'), 1.0, "SPDX 3's context"),
    (re.compile(r'"SPDXRef-'), 0.9, "references of SPDX"),
)
_XML_MARKS: Final[_Marks] = (
    (re.compile(r"""["']http://spdx\.org/rdf/terms#["']"""), 1.0, "RDF in the terms of SPDX"),
    (re.compile(r"<(?:spdxVersion|SPDXID)>"), 1.0, "an SPDX document in XML"),
)
_TEXT_MARKS: Final[_Marks] = (
    (_TAG_VALUE, 1.0, "the tag SPDXVersion"),
    (_YAML, 1.0, "spdxVersion in YAML"),
)


class Spdx:
    """Reads SPDX documents."""

    kind = "spdx"
    describes = "SPDX software lists, 2.0 to 2.3 in all forms and 3.0 as JSON-LD"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim what names the standard's version or its terms at its beginning."""
        del path
        beginning = head_text(head).lstrip()
        if beginning.startswith("{"):
            marks = _JSON_MARKS
        elif beginning.startswith("<"):
            marks = _XML_MARKS
        else:
            marks = _TEXT_MARKS
        for mark, sureness, because in marks:
            if mark.search(beginning):
                return Claim(sureness, because)
        return Claim(0.0, "no mark of SPDX")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield products, parts and weaknesses; raise `SourceError` where it is no SPDX."""
        name = options.origin or path.name
        prefix = options.prefix or self.kind
        ledger = Ledger()
        document = _document(path)
        version = document.get("spdxVersion")
        if version is None and ("@graph" in document or "@context" in document):
            read_version_3(document, name, prefix, ledger)
        elif isinstance(version, str) and version.strip().startswith("SPDX-2."):
            read_version_2(document, name, prefix, ledger)
        else:
            raise SourceError(
                f"its version is {version!r}; SPDX 2.0 to 2.3 and 3.0 are read",
                where=str(path),
                hint="convert it with the SPDX tools",
            )
        yield from ledger.items()


def _document(path: Path) -> Fields:
    beginning = beginning_of(path)
    if beginning.startswith("{"):
        return json_of(path)
    if beginning.startswith("<"):
        return document_of_xml(path)
    if _TAG_VALUE.search(beginning):
        return document_of_tags(path)
    return document_of_yaml(path)
