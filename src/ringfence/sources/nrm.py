"""Instances of 3GPP's network resource model, as JSON and as XML.

The classes are those of TS 28.622/28.623 (generic), 28.541 (NR and 5G core) and the E-UTRAN, EPC,
UTRAN and GERAN models, Releases 15 to 18. Objects come in three shapes:

- one within the other, `{"SubNetwork": [{"id": ..., "attributes": {...}, "ManagedElement": [...]}]}`,
  as the stage 3 of TS 28.623 and the answers of the provisioning service (TS 28.532, 32.158) have
  them; with or without the module before the name (`_3gpp-common-managed-element:ManagedElement`,
  RFC 7951);
- each by itself, with its name in `objectInstance`, `dn` or `href` and its class in `objectClass`;
- in XML, with `id` as a child (YANG) or as an attribute (the schemas of TS 28.623).

An answer about one object does not say its class, which stood in the request. It is taken as a
managed element where it holds what only that may hold; otherwise it is set aside.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.grids import readable
from ringfence.sources.managed_classes import FUNCTIONS, is_of_interest, lookup_name
from ringfence.sources.managed_object_xml import XmlReading, root_of, text_of_head
from ringfence.sources.managed_objects import ManagedObjects, Name, parse_name, text_of

_BYTES: Final = 256 * 1024**2
"""JSON is read whole, at some ten times its size; more is asked for as XML, or in parts."""

_OUTERMOST: Final = frozenset(("subnetwork", "mecontext", "managedelement", "managementnode"))
_CLASS_KEYS: Final = ("objectclass", "class", "classname")
_NAME_KEYS: Final = ("objectinstance", "dn", "distinguishedname", "href", "uri")
_OWN_KEYS: Final = frozenset(("id", "attributes", *_CLASS_KEYS, *_NAME_KEYS))
_ONLY_OF_ELEMENTS: Final = ("managedelementtypelist", "managedelementtypes", "managedby")

# A class as a key, with or without a module before it, and a list or a structure after it.
_NESTED: Final = re.compile(
    r'"(?P<module>[\w.-]+:)?(?:SubNetwork|MeContext|ManagedElement|ManagementNode)"\s*:\s*[\[{]'
)
_FLAT: Final = re.compile(
    r'"(?:objectInstance|dn|distinguishedName|href)"\s*:\s*"[^"]*'
    r'(?:SubNetwork|MeContext|ManagedElement)=[^"]+"'
)
_FUNCTION_KEY: Final = re.compile(r'"(?:_3gpp-[\w.-]+:)?([A-Za-z0-9]+Function)"\s*:\s*[\[{]')
_OTHERS: Final = ("o-ran-smo-teiv", '"specversion"', '"$schema"', '"$ref"', '"openapi"')
"""Marks of files that speak of the same classes and are something else: topology events, schemas."""


class Nrm:
    """Reads one file of model instances."""

    kind = "nrm"
    describes = "3GPP NRM instances (TS 28.623, 28.541): JSON, XML, answers of the ProvMnS"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002  # a name proves nothing
        """Decide by the outermost classes."""
        root = root_of(head)
        if root is not None:
            return _claim_xml(root, text_of_head(head))
        text = text_of_head(head).lstrip("\ufeff \t\r\n")
        if text[:1] not in ("{", "["):
            return Claim(0.0, "neither JSON nor XML")
        return _claim_json(text)

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield the tables, the rejects and the counts; raise `SourceError` if it is another file."""
        with readable(path), path.open("rb") as file:
            head = file.read(4096)
        if root_of(head) is not None or text_of_head(head).lstrip("\ufeff \t\r\n")[:1] == "<":
            reading = XmlReading(path, options, self.kind)
            if not reading.holds_any:
                raise _no_objects(path)
            yield from reading.results()
        else:
            yield from _read_json(path, options, self.kind)


def _claim_xml(root: tuple[str, str], text: str) -> Claim:
    name, tag = root
    if name.lower() in _OUTERMOST:
        if "urn:3gpp:sa5:" in tag or "3gpp.org" in tag:
            return Claim(1.0, f"XML whose outermost element is 3GPP's {name}")
        has_attributes = re.search(r"<(?:[\w.-]+:)?attributes[\s>]", text) is not None
        is_foreign = "xmlns=" in tag
        if has_attributes and not is_foreign:
            return Claim(0.7, f"XML whose outermost element is {name}, with attributes")
    if name.lower() in ("data", "rpc-reply", "config") and "urn:3gpp:sa5:" in text:
        return Claim(0.9, "a NETCONF answer with objects of 3GPP's models")
    return Claim(0.0, "no managed object outermost")


def _claim_json(text: str) -> Claim:
    if any(mark in text for mark in _OTHERS):
        return Claim(0.0, "events or a schema, not instances")
    nested = _NESTED.search(text)
    if nested is not None:
        if (nested["module"] or "_3gpp-").startswith("_3gpp-") and '"attributes"' in text:
            return Claim(0.95, "JSON with managed objects one within the other")
        return Claim(0.0, "classes of another model")
    if _FLAT.search(text) is not None:
        return Claim(0.9, "JSON with managed objects by their distinguished names")
    function = _FUNCTION_KEY.search(text)
    if function is not None and function[1].lower() in FUNCTIONS and '"attributes"' in text:
        return Claim(0.8, f"an answer about one object, with {function[1]} in it")
    return Claim(0.0, "no managed object in it")


def _read_json(path: Path, options: Options, kind: str) -> Iterator[Batch | Reject | Read]:
    document = _document(path)
    reading = _Json(ManagedObjects(options.prefix or kind), options.origin or path.name)
    reading.go(document)
    if not reading.holds_any:
        raise _no_objects(path)
    yield from reading.objects.results()


def _document(path: Path) -> Any:
    with readable(path):
        if path.stat().st_size > _BYTES:
            raise SourceError(
                f"a JSON file of more than {_BYTES // 1024**2} MiB is too large",
                where=str(path),
                hint="export each subnetwork by itself, or as bulk CM XML",
            )
        data = path.read_bytes()
    try:
        return json.loads(data, object_pairs_hook=_pairs, parse_constant=_no_number)
    except RecursionError:
        raise SourceError("the JSON is too deep", where=str(path)) from None
    except json.JSONDecodeError as error:
        raise SourceError(
            f"the JSON is not well formed, or cut short: {error.msg}",
            where=f"{path}:{error.lineno}",
            hint="export it again and let it finish",
        ) from error
    except ValueError as error:
        reason = str(error)[:200]
        raise SourceError(f"the JSON cannot be read: {reason}", where=str(path)) from error


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is stated twice in one structure")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _no_objects(path: Path) -> SourceError:
    return SourceError(
        "the file holds no managed object",
        where=str(path),
        hint="an answer of the provisioning service begins with SubNetwork or ManagedElement",
    )


@dataclass(slots=True)
class _Json:
    """Goes through the objects of one document; without recursion, so that no depth is too deep."""

    objects: ManagedObjects
    file: str
    holds_any: bool = False
    _left: list[tuple[Any, str | None, Name | None, str]] = field(default_factory=list)

    def go(self, document: Any) -> None:
        """Take what is in the document: (value, class, name of what it lies in, path)."""
        self._left.append((document, None, (), "$"))
        while self._left:
            value, class_name, around, path = self._left.pop()
            if isinstance(value, list):
                for at in range(len(value) - 1, -1, -1):
                    self._left.append((value[at], class_name, around, f"{path}[{at}]"))
            elif isinstance(value, dict):
                self._structure(value, class_name, around, path)
            elif class_name is not None:
                self.objects.fault(
                    f"{class_name} holds what is no object", self._place(path), str(value)
                )

    def _structure(
        self, value: dict[str, Any], class_name: str | None, around: Name | None, path: str
    ) -> None:
        small = {str(key).rpartition(":")[2].lower(): v for key, v in value.items()}
        name = _stated_name(small)
        stated = next((text_of(small.get(key)) for key in _CLASS_KEYS if small.get(key)), None)
        class_name = class_name or stated or (name[-1][0] if name is not None else None)
        if class_name is None and "id" in small and _is_element(value, small):
            class_name = "ManagedElement"
        if class_name is None:
            self._wrapper(value, small, path)
            return
        self.holds_any = True
        attributes, children = _parts(value)
        own = self._own_name(class_name, name, small, attributes, around)
        place = self._place(path)
        if own is None:
            text = str(value)
            self.objects.fault(f"{class_name} has no identifier, or lies in such", place, text)
        elif lookup_name(own[-1][0]) != lookup_name(class_name):
            reason = f"an object of the class {class_name} has the name of another class"
            self.objects.fault(reason, place, str(own[-1]))
        elif is_of_interest(class_name):
            self.objects.add(own, {k.lower(): v for k, v in attributes.items()}, place)
        else:
            self.objects.unplaced(class_name, place)
        for key, child in reversed(children.items()):
            local = key.rpartition(":")[2]
            self._left.append((child, local, own, f"{path}.{key}"))

    def _wrapper(self, value: dict[str, Any], small: Mapping[str, Any], path: str) -> None:
        """What is no object itself: an envelope, or an answer that does not say its class."""
        _, children = _parts(value)
        if "id" in small and "attributes" in small:
            self.holds_any = True
            self.objects.set_aside("an object whose class is not stated", self._place(path))
            for key, child in reversed(children.items()):
                self._left.append((child, key.rpartition(":")[2], None, f"{path}.{key}"))
            return
        for key, child in reversed(value.items()):
            local = str(key).rpartition(":")[2]
            if isinstance(child, dict | list):
                is_class = local[:1].isupper() and (
                    lookup_name(local) in FUNCTIONS
                    or local.lower() in _OUTERMOST
                    or _holds_objects(child)
                )
                self._left.append((child, local if is_class else None, (), f"{path}.{key}"))

    def _own_name(
        self,
        class_name: str,
        name: Name | None,
        small: Mapping[str, Any],
        attributes: Mapping[str, Any],
        around: Name | None,
    ) -> Name | None:
        if name is not None:
            return name
        # What would state nothing as a value, such as "-", is a name like any other here.
        stated_id = small.get("id")
        is_plain = isinstance(stated_id, str | int) and not isinstance(stated_id, bool)
        identifier = str(stated_id).strip() if is_plain else ""
        if around is None or not identifier:
            return None
        prefix: Name | None = None
        if not around:
            stated = next((v for k, v in attributes.items() if k.lower() == "dnprefix"), None)
            prefix = parse_name(text_of(stated) or "")
        return (*(prefix or around), (class_name, identifier))

    def _place(self, path: str) -> str:
        return f"{self.file}:{path}"


def _stated_name(small: Mapping[str, Any]) -> Name | None:
    """The whole name of an object that states it, as a name or as the address of its resource."""
    for key in _NAME_KEYS:
        text = text_of(small.get(key))
        if text is None or "=" not in text:
            continue
        if "://" not in text and not text.startswith("/"):
            name = parse_name(text)
        else:
            # TS 32.158: the path of a resource is its name, after the root of the service.
            parts = [p for p in urlsplit(text).path.split("/") if "=" in p]
            name = parse_name(",".join(unquote(p).replace(",", "\\,") for p in parts))
        if name is not None:
            return name
    return None


def _parts(value: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes of an object, and the objects in it by their class."""
    stated = value.get("attributes")
    children = {
        key: child
        for key, child in value.items()
        if key.lower() not in _OWN_KEYS and _holds_objects(child)
    }
    if isinstance(stated, dict):
        return stated, children
    rest = {k: v for k, v in value.items() if k not in children and k.lower() not in _OWN_KEYS}
    return rest, children


def _holds_objects(value: Any) -> bool:
    members = value if isinstance(value, list) else [value]
    return any(isinstance(m, dict) and ("id" in m or "attributes" in m) for m in members)


def _is_element(value: Mapping[str, Any], small: Mapping[str, Any]) -> bool:
    """Whether an object holds what TS 28.541 and 28.622 put into a managed element alone."""
    attributes = small.get("attributes")
    names = {str(k).lower() for k in attributes} if isinstance(attributes, dict) else set()
    if any(key in names for key in _ONLY_OF_ELEMENTS):
        return True
    return any(lookup_name(str(k).rpartition(":")[2]) in FUNCTIONS for k in value)
