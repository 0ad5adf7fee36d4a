"""The parts that a CycloneDX list names, and its services."""

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
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
)

_KINDS: Final = {
    "application": "application",
    "framework": "library",
    "library": "library",
    "container": "container",
    "operating-system": "operating system",
    "device": "device",
    "firmware": "firmware",
    "file": "file",
    "data": "data",
    "machine-learning-model": "data",
}
"""Specification 1.7, `component.type`; `platform`, `device-driver`, `cryptographic-asset` and what
later versions add are `other`."""


@dataclass(frozen=True, slots=True)
class Part:
    """What `affected` needs to know of a part; `component` is null where it is a service."""

    subject: str
    component: str | None
    name: str | None
    vendor: str | None
    cpe: str | None
    purl: str | None


@dataclass(slots=True)
class Document:
    """One list; `parts` by bom-ref."""

    name: str
    path: Path
    prefix: str
    content: Fields
    serial: str | None
    edition: str
    scope: str = ""
    product: str | None = None
    root: Part | None = None
    parts: dict[str, Part] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """A component found in a list: where, and which one it lies in."""

    record: object
    place: str
    above: int | None
    is_root: bool = False
    native: str | None = None
    key: str | None = None


def read_parts(document: Document, ledger: Ledger) -> None:
    """The components of a list, and the product that it is a list of."""
    found = find_components(document, ledger)
    for each in found:
        # A fault is told of below, where the whole record is read.
        with suppress(UnfitError):
            each.native = _native(fields(each.record, "the component"))
    root = next((f for f in found if f.is_root), None)
    document.scope = _scope(document, root)
    if root and root.native:
        document.product = _key_of_root(document, root)
    times = Counter(f.native for f in found)
    taken: set[str] = set()
    for each in found:
        try:
            record = fields(each.record, "the component")
            row, ref = _component(record), text(record, "bom-ref")
            product = _product(record, document) if each.is_root else None
            key = _key(document, each, record, is_twice=times[each.native] > 1)
            if key not in taken:
                taken.add(key)
                each.key = key
        except UnfitError as error:
            ledger.fault(each.place, str(error), "component", each.record)
            if each.is_root:
                document.product = None
            continue
        if each.key is None:
            ledger.fault(each.place, "the same bom-ref stands twice", "component", record)
            continue
        above = found[each.above].key if each.above is not None else None
        ledger.keep()
        if product is not None:
            ledger.row("product", id=key, **product, origin=each.place)
        row |= {"id": key, "product": document.product, "part_of": above, "origin": each.place}
        ledger.row("component", **row)
        _note_part(document, record, row, ref, is_root=each.is_root)


def _key(document: Document, each: Found, record: Fields, *, is_twice: bool) -> str:
    if each.is_root:
        return str(document.product)
    native = each.native
    if is_twice:
        # One package found twice: its own reference tells the two apart.
        native = f"{native}#{text(record, 'bom-ref') or each.place.partition(':')[2]}"
    return f"{document.prefix}:{document.scope}/{native}"


def _note_part(
    document: Document,
    record: Fields,
    row: Mapping[str, object],
    ref: str | None,
    *,
    is_root: bool,
) -> None:
    """Remember a component by its reference, for what is said of it."""
    key = str(row["id"])
    part = Part(
        key, key, text(record, "name"), _maker(record), text(record, "cpe"), text(record, "purl")
    )
    if is_root:
        document.root = part
    if ref:
        document.parts.setdefault(ref, part)


def find_components(document: Document, ledger: Ledger) -> list[Found]:
    """Every component, in the order of the file, whatever its depth."""
    found: list[Found] = []
    waiting: list[tuple[object, str, int | None, bool]] = []
    content = document.content

    def lay(holder: Fields, path: str, above: int | None) -> None:
        try:
            below = many(holder, "components")
        except UnfitError as error:
            ledger.fault(place_of(document.name, holder, path), str(error), "component", None)
            return
        waiting.extend(
            (below[i], f"{path}.components[{i}]", above, False) for i in reversed(range(len(below)))
        )

    lay(content, "$", None)
    metadata = content.get("metadata")
    if isinstance(metadata, dict):
        _set_tools_aside(document, metadata, ledger)
        if metadata.get("component") is not None:
            waiting.append((metadata["component"], "$.metadata.component", None, True))
    while waiting:
        record, path, above, is_root = waiting.pop()
        at = len(found)
        found.append(Found(record, place_of(document.name, record, path), above, is_root))
        if isinstance(record, dict):
            lay(record, path, at)
    return found


def _set_tools_aside(document: Document, metadata: Fields, ledger: Ledger) -> None:
    tools = metadata.get("tools")
    if isinstance(tools, dict):
        rows = sum(len(t) for t in tools.values() if isinstance(t, list))
    else:
        rows = len(tools) if isinstance(tools, list) else 0
    place = f"{document.name}:$.metadata.tools"
    ledger.set_aside(place, "a tool that made the list is no part of the product", rows)


def _native(record: Fields) -> str:
    """What a component is known by in its list."""
    named = text(record, "purl") or text(record, "bom-ref")
    if named:
        return named
    version = text(record, "version")
    return f"{_full_name(record)}@{version}" if version else _full_name(record)


def _scope(document: Document, root: Found | None) -> str:
    """What tells the list's components from those of other lists.

    A package URL with its version is the same from one export of a product to the next; a serial
    number is not, and is taken where there is nothing better.
    """
    native = root.native if root else None
    if native and native.startswith("pkg:") and "@" in native:
        return native
    if document.serial:
        return document.serial
    record = root.record if root else None
    with suppress(UnfitError):
        if isinstance(record, dict) and text(record, "version"):
            return f"{_full_name(record)}@{text(record, 'version')}"
    return document.name


def _key_of_root(document: Document, root: Found) -> str:
    own = f"{document.prefix}:{document.scope}"
    return own if root.native == document.scope else f"{own}#{root.native}"


def _component(record: Fields) -> dict[str, object]:
    stated = text(record, "type")
    return {
        "kind": _KINDS.get(stated, "other") if stated else None,
        "name": _full_name(record),
        "version": text(record, "version"),
        "vendor_name": _maker(record),
        "purl": text(record, "purl"),
        "cpe": text(record, "cpe"),
        "sha256": next(
            (
                sha256_of(text(h, "content"))
                for h in objects(record, "hashes")
                if text(h, "alg") == "SHA-256"
            ),
            None,
        ),
        "licence": _licence(record),
    }


def _full_name(record: Fields) -> str:
    group, name = text(record, "group"), needed(record, "name")
    return f"{group}/{name}" if group else name


def _organisation(record: Fields, *names: str) -> str | None:
    for name in names:
        value = record.get(name)
        found = value.strip() if isinstance(value, str) else text(fields(value, name), "name")
        if found:
            return found
    return None


def _maker(record: Fields) -> str | None:
    """Who made it, or else who supplied or published it; an author is a person."""
    return _organisation(record, "manufacturer", "supplier", "publisher")


def _product(record: Fields, document: Document) -> dict[str, object]:
    metadata = fields(document.content.get("metadata"), "metadata")
    supplier = _organisation(record, "supplier") or _organisation(metadata, "supplier")
    # `metadata.manufacture` is the product's maker; `metadata.manufacturer` is the list's.
    maker = _organisation(record, "manufacturer") or _organisation(metadata, "manufacture")
    seller = supplier or maker or _organisation(record, "publisher")
    return {
        "vendor_name": seller,
        "original_maker_name": maker if maker != seller else None,
        "model": _full_name(record),
    }


def _licence(record: Fields) -> str | None:
    stated = []
    for choice in objects(record, "licenses"):
        licence = fields(choice.get("license"), "license")
        stated.append(
            text(choice, "expression") or text(licence, "id") or text(licence, "name") or ""
        )
    return "; ".join(s for s in stated if s) or None


def read_services(document: Document, ledger: Ledger) -> None:
    """Services are no parts, but something may be said of them."""
    waiting: list[tuple[Fields, str]] = [(document.content, "$")]
    while waiting:
        holder, path = waiting.pop()
        try:
            below = many(holder, "services")
        except UnfitError as error:
            ledger.fault(place_of(document.name, holder, path), str(error), "component", None)
            continue
        for index, record in enumerate(below):
            here = f"{path}.services[{index}]"
            place = place_of(document.name, record, here)
            try:
                service = fields(record, "the service")
                name, ref = _full_name(service), text(service, "bom-ref")
                provider = _organisation(service, "provider")
            except UnfitError as error:
                ledger.fault(place, str(error), "component", record)
                continue
            ledger.set_aside(place, "a service is used, it is no part")
            waiting.append((service, here))
            if ref:
                subject = f"{document.prefix}:{document.scope}/{ref}"
                part = Part(subject, None, name, provider, None, None)
                document.parts.setdefault(ref, part)
