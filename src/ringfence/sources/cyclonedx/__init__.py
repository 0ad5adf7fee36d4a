"""CycloneDX lists of what software or hardware is made of, and what is said of its weaknesses.

Read to the specification's versions 1.0 to 1.7, as JSON and as XML: software, hardware and
services lists, and VEX documents. Lists below one path are read together, because a VEX document
speaks of parts of other lists, by their BOM-Link (`urn:cdx:SERIAL/VERSION#REF`).

A part is part of another where it is nested in it. A dependency says who calls whom, not what
contains what; it is set aside, as compositions are, which say how complete a list is. The same
library in two products is two parts: a key is that of the product, then the package URL, or the
part's `bom-ref` where it has none.

A rating whose vector weighs the surroundings or the day (`/MAV:`, `/E:`) is not a base score and
is not taken for one. Where a document tells of one weakness several times, as VEX does for each
state, its facts are those that all of them agree on.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.cyclonedx.parts import Document, Part, read_parts, read_services
from ringfence.sources.cyclonedx.weaknesses import Statement, of_part, read_weaknesses
from ringfence.sources.cyclonedx.xml_form import document_of_xml
from ringfence.sources.software_documents import (
    Fields,
    Ledger,
    UnfitError,
    beginning_of,
    head_text,
    json_of,
    needed,
    text,
)

_SET_ASIDE: Final = {
    "dependencies": "a dependency says who needs whom, not what is part of what",
    "compositions": "a composition says how complete the list is",
    "annotations": "an annotation is a remark",
    "formulation": "how it was built is not part of the model",
    "declarations": "a declaration of conformity is not part of the model",
    "definitions": "a definition is not part of the model",
    "citations": "a citation says where a value was taken from",
}


class CycloneDx:
    """Reads CycloneDX documents."""

    kind = "cyclonedx"
    describes = "CycloneDX software and hardware lists and VEX, 1.0 to 1.7 (JSON, XML)"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim what names the format, or its namespace, at its beginning."""
        del path
        beginning = head_text(head).lstrip()
        if beginning.startswith("{"):
            if re.search(r'"bomFormat"\s*:\s*"CycloneDX"', beginning):
                return Claim(1.0, "bomFormat CycloneDX")
            if '"http://cyclonedx.org/schema/bom' in beginning:
                return Claim(0.9, "a schema of cyclonedx.org")
            if '"bom-ref"' in beginning and '"components"' in beginning:
                return Claim(0.7, "components with bom-ref")
        elif beginning.startswith("<") and re.search(
            r"""<(?:[\w.-]+:)?bom\s[^>]*["']http://cyclonedx\.org/schema/bom/""", beginning
        ):
            return Claim(1.0, "a bom of cyclonedx.org")
        return Claim(0.0, "no mark of CycloneDX")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield parts and what is said of them; raise `SourceError` where it is no such list."""
        name = options.origin or path.name
        reading = _Reading(options.prefix or self.kind)
        yield from reading.document(_open(path, name, reading.prefix))
        yield from reading.statements()

    def read_together(
        self, files: Mapping[str, Path], options: Options
    ) -> Iterator[Batch | Reject | Read]:
        """Yield as `read` does; what a document says of a part of another finds that part."""
        reading = _Reading(options.prefix or self.kind)
        for name, path in files.items():
            try:
                document = _open(path, name, reading.prefix)
            except SourceError as error:
                yield Reject(error.where or name, error.message, file=name)
                yield Read(1, 0, name)
                continue
            yield from reading.document(document)
        yield from reading.statements()


def _open(path: Path, name: str, prefix: str) -> Document:
    is_xml = beginning_of(path).startswith("<")
    content: Fields = document_of_xml(path) if is_xml else json_of(path)
    try:
        _check_format(content, is_xml=is_xml)
        version = needed(content, "specVersion")
        serial = text(content, "serialNumber")
        edition = content.get("version")
    except UnfitError as error:
        raise SourceError(f"it is no CycloneDX list: {error}", where=f"{path}:$") from None
    if not version.startswith("1."):
        raise SourceError(
            f"its specification version is {version}; 1.0 to 1.7 are read",
            where=f"{path}:$.specVersion",
            hint="convert it with the CycloneDX command line tool",
        )
    plain = edition if isinstance(edition, int | str) else 1
    return Document(name, path, prefix, content, serial, str(plain))


def _check_format(content: Fields, *, is_xml: bool) -> None:
    if not is_xml and text(content, "bomFormat") != "CycloneDX":
        raise UnfitError("bomFormat is not CycloneDX")


class _Reading:
    """Lists under way; what is said of parts of other lists waits for the last of them."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._waiting: list[Statement] = []
        self._where: dict[str, list[tuple[str, Path, str]]] = {}

    def document(self, document: Document) -> Iterator[Batch | Reject | Read]:
        """The rows of one list."""
        ledger = Ledger(document.name)
        if document.serial:
            key = document.serial.lower().removeprefix("urn:uuid:")
            place = (document.edition, document.path, document.name)
            self._where.setdefault(key, []).append(place)
        read_parts(document, ledger)
        read_services(document, ledger)
        self._waiting += read_weaknesses(document, ledger)
        for name, reason in _SET_ASIDE.items():
            found = document.content.get(name)
            rows = len(found) if isinstance(found, list) else int(bool(found))
            ledger.set_aside(f"{document.name}:$.{name}", reason, rows)
        yield from ledger.items()

    def statements(self) -> Iterator[Batch]:
        """What was said of parts of other lists, with the parts where those were read."""
        ledger = Ledger()
        lists: dict[Path, Document] = {}
        for said in self._waiting:
            part = self._find(said, lists)
            ledger.row("affected", **said.values | (of_part(part) if part else {}))
        yield from (item for item in ledger.items() if isinstance(item, Batch))

    def _find(self, said: Statement, lists: dict[Path, Document]) -> Part | None:
        for edition, path, name in self._where.get(said.serial, ()):
            if said.edition not in (None, edition):
                continue
            if path not in lists:
                # Only lists that are spoken of are held, so that many lists need little memory.
                lists[path] = _open(path, name, self.prefix)
                read_parts(lists[path], Ledger())
                read_services(lists[path], Ledger())
            return lists[path].parts.get(said.ref) if said.ref else lists[path].root
        return None
