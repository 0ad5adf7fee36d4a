"""Managed objects of 3GPP's network resource models, laid into the tables of a network.

Both files of bulk configuration and files of model instances hold the same objects: a class, a
distinguished name, attributes. A `ManagedElement` is an element, whatever it does; what it does is
said by the classes of the objects below it. Attributes of other classes become interfaces, end
points, sites and relations; what the model has no table for is counted by class.

A manager is one only where the file says so: an object `ManagementNode` (by TS 28.622 the system
that manages elements), or one that an element's `managedBy` names.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Any, Final, TypeAlias

import pyarrow as pa

from ringfence.sources.base import Batch, Read, Reject
from ringfence.sources.cells import NOT_STATED
from ringfence.sources.managed_classes import (
    ADDRESSES,
    CONTEXT,
    FUNCTIONS,
    GSM_SITES,
    MANAGED_ELEMENT,
    MANAGEMENT_NODE,
    NAMING,
    NF_SERVICE,
    SBI,
    SERVICES,
    Service,
    lookup_name,
)

Value: TypeAlias = str | int | float | bool | list[Any] | dict[str, Any] | None
"""An attribute's value, of JSON or of XML."""

Name: TypeAlias = tuple[tuple[str, str], ...]
"""A distinguished name: pairs of class and identifier, the outermost first."""

_CLASSES_TOLD_APART: Final = 1000
"""Rejects are counted by class; a file with more classes than any release has gives one for the rest."""

_WHERE: Final = ("localaddress", "sap", "ipaddress")
_ESCAPE: Final = "\\"
_VLANS: Final = range(1, 4095)
"""IEEE 802.1Q: 0 is no VLAN and 4095 is reserved."""


def text_of(value: object) -> str | None:
    """A plain value as text; null where it states nothing or is a structure."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return None
    text = value.strip()
    return None if text.lower() in NOT_STATED else text


def written(name: Name) -> str:
    """The name as TS 32.300 writes it: a comma or a backslash within an identifier is escaped."""
    return ",".join(
        f"{kind[:1].upper()}{kind[1:]}={_escaped(value) if ',' in value or _ESCAPE in value else value}"
        for kind, value in name
    )


def _escaped(value: str) -> str:
    return value.replace(_ESCAPE, _ESCAPE * 2).replace(",", f"{_ESCAPE},")


def parse_name(text: str) -> Name | None:
    """A distinguished name in text, or None where it is none."""
    parts: list[str] = [""]
    letters = iter(text)
    for letter in letters:
        if letter == _ESCAPE:
            parts[-1] += next(letters, "")
        elif letter == ",":
            parts.append("")
        else:
            parts[-1] += letter
    pairs = tuple(tuple(part.strip().split("=", 1)) for part in parts)
    if any(len(pair) != 2 or not pair[0].strip() or not pair[1].strip() for pair in pairs):
        return None
    return tuple((pair[0].strip(), pair[1].strip()) for pair in pairs)


def element_of(name: Name) -> Name | None:
    """The part of a name that names the managed element; None where there is none in it."""
    for at in range(len(name) - 1, -1, -1):
        kind = name[at][0].lower()
        if kind in (MANAGED_ELEMENT, MANAGEMENT_NODE) or lookup_name(kind) in GSM_SITES:
            return name[: at + 1]
    return None


@dataclass(slots=True)
class _Aside:
    """Objects that became no rows, for one reason."""

    place: str
    kind: str
    table: str | None
    content: str | None
    rows: int


@dataclass(slots=True)
class ManagedObjects:
    """Gathers objects one by one; `results` gives the rows, the rejects and the count.

    Memory grows with the elements, functions and addresses that are found, not with the file.
    """

    prefix: str
    _records: int = 0
    _kept: int = 0
    _elements: dict[str, list[Any]] = field(default_factory=dict)
    _functions: dict[tuple[str, str, str | None], list[Any]] = field(default_factory=dict)
    _relations: dict[tuple[str, str], str] = field(default_factory=dict)
    _sites: dict[str, list[Any]] = field(default_factory=dict)
    _segments: dict[str, list[Any]] = field(default_factory=dict)
    _interfaces: dict[str, list[Any]] = field(default_factory=dict)
    _endpoints: dict[str, list[Any]] = field(default_factory=dict)
    _managers: list[tuple[Name, Name, str]] = field(default_factory=list)
    _aside: dict[tuple[str, str], _Aside] = field(default_factory=dict)

    def add(self, name: Name, attributes: Mapping[str, Value], place: str) -> None:
        """Take one object; `attributes` by names in small letters, `name` is its whole name."""
        as_written = name[-1][0].lower()
        looked_up = lookup_name(as_written)
        element = element_of(name)
        if as_written == MANAGED_ELEMENT:
            self._managed_element(name, attributes, place)
        elif as_written == MANAGEMENT_NODE:
            self._management_node(name, attributes, place)
        elif as_written in NAMING:
            self.set_aside(f"{name[-1][0]} only names what it contains", place)
            self._note_managers(name, attributes, place)
        elif looked_up in GSM_SITES:
            self._gsm_site(name, attributes, place)
        elif looked_up in FUNCTIONS:
            self._function(name, element, FUNCTIONS[looked_up], attributes, place)
        elif as_written.startswith("ep_"):
            self._end_point(name, element, SERVICES.get(as_written), attributes, place)
        elif as_written == NF_SERVICE:
            self._end_point(name, element, SBI, attributes, place)
        elif looked_up in ADDRESSES:
            self._address(name, attributes, place)
        else:
            self.unplaced(name[-1][0], place)

    def unplaced(self, class_name: str, place: str, rows: int = 1) -> None:
        """Count objects of a class that gives no rows."""
        self.set_aside(f"{class_name} has no place in the model", place, rows)

    def set_aside(self, reason: str, place: str, rows: int = 1) -> None:
        """Count objects that are sound and have no place in the model."""
        self._reject(_Aside(place, "set aside", None, None, rows), reason)

    def fault(
        self, reason: str, place: str, content: str | None = None, table: str | None = None
    ) -> None:
        """Count an object that is wrong."""
        self._reject(_Aside(place, "fault", table, content, 1), reason)

    def _reject(self, aside: _Aside, reason: str) -> None:
        self._records += aside.rows
        key = (reason, aside.kind)
        if key not in self._aside and len(self._aside) >= _CLASSES_TOLD_APART:
            key = ("one of many more classes or reasons", aside.kind)
        known = self._aside.setdefault(key, aside)
        if known is not aside:
            known.rows += aside.rows

    def key(self, name: Name) -> str:
        """The key of what has this name."""
        return f"{self.prefix}:{written(name)}"

    def _managed_element(self, name: Name, attributes: Mapping[str, Value], place: str) -> None:
        key = self.key(name)
        known = self._elements.get(key)
        if known is not None and not known[_IS_MENTION]:
            self.fault("a managed element is stated twice", place, written(name), "element")
            return
        site = self._located(attributes, place)
        of_function = known[2] if known is not None else None
        if site is not None and of_function not in (None, site):
            self.fault("a function states another site than its element", place, of_function)
        self._elements[key] = [
            key,
            text_of(attributes.get("userlabel")) or _short_name(name),
            site or of_function,
            text_of(attributes.get("vendorname")),
            text_of(attributes.get("swversion")),
            None,
            _role(attributes),
            text_of(attributes.get("serialnumber")),
            place,
            False,
        ]
        self._kept_one()
        self._note_managers(name, attributes, place)

    def _management_node(self, name: Name, attributes: Mapping[str, Value], place: str) -> None:
        key = self.key(name)
        known = self._elements.get(key)
        if known is not None and not known[_IS_MENTION]:
            self.fault("a management node is stated twice", place, written(name), "element")
            return
        self._elements[key] = [
            key,
            text_of(attributes.get("userlabel")) or name[-1][1],
            self._located(attributes, place),
            text_of(attributes.get("vendorname")),
            text_of(attributes.get("swversion")),
            "management system",
            None,
            text_of(attributes.get("serialnumber")),
            place,
            False,
        ]
        # TS 28.622, ManagementNode: a management system (EM) that manages a number of elements.
        self._functions[key, "EMS", None] = [key, "EMS", None, None, place]
        self._kept_one()
        for target in _names(attributes.get("managedelements")):
            self._managers.append((name, target, place))

    def _note_managers(self, name: Name, attributes: Mapping[str, Value], place: str) -> None:
        for manager in _names(attributes.get("managedby")):
            self._managers.append((manager, name, place))

    def _located(self, attributes: Mapping[str, Value], place: str) -> str | None:
        where = text_of(attributes.get("locationname"))
        if where is None:
            return None
        key = f"{self.prefix}:site/{where}"
        self._sites.setdefault(key, [key, where, None, None, place])
        return key

    def _gsm_site(self, name: Name, attributes: Mapping[str, Value], place: str) -> None:
        controller = element_of(name[:-1])
        if controller is None:
            self.set_aside(f"{name[-1][0]} lies in no managed element", place)
            return
        key = self.key(name)
        if key in self._elements and not self._elements[key][_IS_MENTION]:
            self.fault("a base station is stated twice", place, written(name), "element")
            return
        label = text_of(attributes.get("userlabel")) or name[-1][1]
        site = self._located(attributes, place)
        self._elements[key] = [key, label, site, None, None, None, None, None, place, False]
        self._functions[key, "BTS", None] = [key, "BTS", None, None, place]
        # 3GPP TS 52.021: the controller does the operation and maintenance of its stations.
        self._relations.setdefault((self._mention(controller, place), key), place)
        self._kept_one()

    def _function(
        self,
        name: Name,
        element: Name | None,
        kind: str,
        attributes: Mapping[str, Value],
        place: str,
    ) -> None:
        if element is None:
            self.set_aside(f"{name[-1][0]} lies in no managed element", place)
            return
        key = self._mention(element, place)
        pool = text_of(attributes.get("amfset")) or text_of(attributes.get("amfsetref"))
        is_new = False
        for slice_ in _slices(attributes) or [None]:
            row = [key, kind, pool, slice_, place]
            is_new = self._functions.setdefault((key, kind, slice_), row) is row or is_new
        if is_new:
            self._kept_one()
        else:
            self.set_aside(f"{name[-1][0]}: the element already has a {kind}", place)
        self._environment(key, attributes, place)

    def _environment(self, element: str, attributes: Mapping[str, Value], place: str) -> None:
        """TS 28.622, `peeParametersList`: the site of a function, with its coordinates."""
        for stated in _structures(attributes.get("peeparameterslist")):
            identification = text_of(stated.get("siteidentification"))
            if identification is None:
                continue
            key = f"{self.prefix}:site/{identification}"
            latitude = self._degrees(stated, "sitelatitude", place)
            longitude = self._degrees(stated, "sitelongitude", place)
            name = text_of(stated.get("sitedescription"))
            site = self._sites.setdefault(key, [key, name, latitude, longitude, place])
            if site[2] is None and site[3] is None:
                site[2:4] = [latitude, longitude]
            row = self._elements[element]
            if row[2] is None:
                row[2] = key
            elif row[2] != key:
                self.fault("a function states another site than its element", place, key)

    def _degrees(self, stated: Mapping[str, Value], name: str, place: str) -> float | None:
        text = text_of(stated.get(name))
        try:
            value = float(text) if text is not None else None
        except ValueError:
            value = math.nan
        bound = 90.0 if name == "sitelatitude" else 180.0
        if value is not None and not abs(value) <= bound:
            self.fault(f"{name} is no angle", place, text, "site")
            return None
        return value

    def _end_point(
        self,
        name: Name,
        element: Name | None,
        service: Service | None,
        attributes: Mapping[str, Value],
        place: str,
    ) -> None:
        # `EP_Transport` of TS 28.541 has its address beside, not in, a structure.
        stated = next((s for k in _WHERE if (s := attributes.get(k))), None)
        if element is None:
            self.set_aside(f"{name[-1][0]} lies in no managed element", place)
            return
        addresses, vlan, port = _addresses(stated)
        good = [a for a in map(_address_in, addresses) if a is not None]
        if len(good) < len(addresses):
            self.fault(f"an address of {name[-1][0]} is none", place, str(stated), "endpoint")
            return
        if not good:
            self.set_aside(f"{name[-1][0]} states no address", place)
            return
        key = self._mention(element, place)
        serves = _serving(name)
        for address in good:
            self._interface(key, address, None, vlan, place)
            if service is not None:
                own = self.key(name) if len(good) == 1 else f"{self.key(name)}/{address}"
                row = [own, key, address, serves, service.protocol, port, service.name, place]
                self._endpoints.setdefault(own, row)
        self._kept_one()

    def add_addresses(self, name: Name, stated: Value, place: str) -> None:
        """Take the addresses of an element's interface, whose whole name is `name`."""
        element = element_of(name)
        addresses, vlan, _ = _addresses(stated)
        good = [a for a in map(_address_in, addresses) if a is not None]
        if len(good) < len(addresses):
            self.fault(f"an address of {name[-1][0]} is none", place, str(stated), "interface")
        elif element is None or not good:
            self.set_aside(f"{name[-1][0]} states no address of an element", place)
        else:
            label = ",".join(f"{kind}={value}" for kind, value in name[len(element) :])
            key = self._mention(element, place)
            for address in good:
                self._interface(key, address, label or None, vlan, place)
            self._kept_one()

    def _address(self, name: Name, attributes: Mapping[str, Value], place: str) -> None:
        address = text_of(attributes.get("address")) or text_of(attributes.get("usedaddress"))
        self.add_addresses(name, address, place)

    def _interface(
        self, element: str, address: str, name: str | None, vlan: int | None, place: str
    ) -> None:
        segment = None
        if vlan is not None and vlan in _VLANS:
            segment = f"{element}/vlan/{vlan}"
            self._segments.setdefault(segment, [segment, f"VLAN {vlan}", "VLAN", place])
        key = f"{element}/{address}" if segment is None else f"{segment}/{address}"
        self._interfaces.setdefault(key, [key, element, segment, name, address, place])

    def _mention(self, name: Name, place: str) -> str:
        """The key of an element, which is a row also where only what is below it is in the file."""
        key = self.key(name)
        if key not in self._elements:
            is_manager = name[-1][0].lower() == MANAGEMENT_NODE
            kind = "management system" if is_manager else None
            # No name: another file may have the element itself, with its label.
            row = [key, None, None, None, None, kind, None, None, place, True]
            self._elements[key] = row
        return key

    def _kept_one(self) -> None:
        self._records += 1
        self._kept += 1

    def states_manager(self, name: Name) -> bool:
        """Whether the name is that of a manager, by its class or because an element says so."""
        at = element_of(name)
        if at is not None and at[-1][0].lower() == MANAGEMENT_NODE:
            return True
        return any(manager == name for manager, _, _ in self._managers)

    def sender(self, name: Name, vendor: str | None, place: str) -> None:
        """Take the manager that made the file, and its maker, which the file's head states."""
        at = element_of(name)
        key = self._resolved(at if at is not None else name, self._by_last(), place)
        row = self._elements[key]
        row[3] = row[3] or vendor
        row[5] = row[5] or "management system"
        self._kept_one()

    def results(self) -> Iterator[Batch | Reject | Read]:
        """All that was gathered."""
        self._resolve_managers()
        for table, columns, rows in (
            ("site", _SITE, list(self._sites.values())),
            ("element", _ELEMENT, [row[:_IS_MENTION] for row in self._elements.values()]),
            ("function", _FUNCTION, list(self._functions.values())),
            ("relation", _RELATION, [[*k, "manages", p] for k, p in self._relations.items()]),
            ("segment", _SEGMENT, list(self._segments.values())),
            ("interface", _INTERFACE, list(self._interfaces.values())),
            ("endpoint", _ENDPOINT, list(self._endpoints.values())),
        ):
            if rows:
                yield Batch(table, _table(columns, rows))
        for (reason, _), aside in self._aside.items():
            yield Reject(aside.place, reason, aside.table, aside.kind, aside.rows, aside.content)
        yield Read(self._records, self._kept)

    def _resolve_managers(self) -> None:
        by_last = self._by_last() if self._managers else {}
        for manager, target, place in self._managers:
            source = self._resolved(manager, by_last, place)
            row = self._elements[source]
            if row[_IS_MENTION]:
                row[5] = "management system"
            if target[-1][0].lower() in NAMING:
                # What manages a subnetwork manages what it contains.
                start = f"{self.key(target)},"
                managed = [key for key in self._elements if key.startswith(start)]
            else:
                managed = [self._resolved(target, by_last, place)]
            for key in managed:
                if key != source:
                    self._relations.setdefault((source, key), place)

    def _by_last(self) -> dict[str, list[str]]:
        by_last: dict[str, list[str]] = {}
        for key in self._elements:
            last = key.rpartition(",")[2].removeprefix(f"{self.prefix}:")
            by_last.setdefault(last, []).append(key)
        return by_last

    def _resolved(self, name: Name, by_last: Mapping[str, Sequence[str]], place: str) -> str:
        """A name may be written with or without what stands before the file's outermost object."""
        key = self.key(name)
        if key in self._elements:
            return key
        text = written(name)
        near = by_last.get(written(name[-1:]), ())
        start = len(self.prefix) + 1
        fits = [k for k in near if k[start:].endswith(f",{text}") or text.endswith(f",{k[start:]}")]
        return fits[0] if len(fits) == 1 else self._mention(name, place)


_SITE = ("id", "name", "latitude_deg", "longitude_deg", "origin")
_ELEMENT = (
    *("id", "name", "site", "vendor_name", "software_version", "kind", "role_name", "serial"),
    "origin",
)
_IS_MENTION = len(_ELEMENT)
_FUNCTION = ("element", "kind", "pool", "slice", "origin")
_RELATION = ("source", "target", "kind", "origin")
_SEGMENT = ("id", "name", "kind", "origin")
_INTERFACE = ("id", "element", "segment", "name", "address", "origin")
_ENDPOINT = ("id", "element", "address", "function", "protocol", "port", "service", "origin")
_NUMBERS = {"latitude_deg": pa.float64(), "longitude_deg": pa.float64(), "port": pa.int64()}


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    values = zip(*rows, strict=True)
    return pa.table(
        {
            column: pa.array(list(cells), _NUMBERS.get(column, pa.string()))
            for column, cells in zip(columns, values, strict=True)
        }
    )


def _short_name(name: Name) -> str:
    """Makers that number every element 1 name it by its context."""
    if name[-1][0].lower() == MANAGED_ELEMENT and len(name) > 1 and name[-2][0].lower() == CONTEXT:
        return name[-2][1]
    return name[-1][1]


def _role(attributes: Mapping[str, Value]) -> str | None:
    """The types an element is said to be of: words, and no proof of a function."""
    for key in ("managedelementtype", "managedelementtypelist", "managedelementtypes"):
        words = [t for t in map(text_of, _leaves(attributes.get(key))) if t is not None]
        if words:
            return ", ".join(words)
    return None


def _leaves(value: Value) -> Iterator[Value]:
    if isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _leaves(part)
    else:
        yield value


def _structures(value: Value) -> Iterator[dict[str, Value]]:
    """The structures in a value, their members by names in small letters."""
    if isinstance(value, list):
        for part in value:
            yield from _structures(part)
    elif isinstance(value, dict):
        members = {str(k).lower(): v for k, v in value.items()}
        yield members
        for part in members.values():
            if isinstance(part, dict | list):
                yield from _structures(part)


def _names(value: Value) -> Iterator[Name]:
    """The distinguished names in a value."""
    for leaf in _leaves(value):
        text = text_of(leaf)
        name = parse_name(text) if text is not None else None
        if name is not None:
            yield name


def _slices(attributes: Mapping[str, Value]) -> list[str | None]:
    """Each S-NSSAI as TS 29.571 writes it: `1` or `1-00000a`."""
    found: dict[str | None, None] = {}
    for key in ("plmninfolist", "snssailist"):
        for stated in _structures(attributes.get(key)):
            sst, sd = text_of(stated.get("sst")), text_of(stated.get("sd"))
            if sst is not None:
                found[f"{sst}-{sd}" if sd is not None else sst] = None
    return list(found)


def _serving(name: Name) -> str | None:
    for kind, _ in reversed(name[:-1]):
        function = FUNCTIONS.get(lookup_name(kind))
        if function is not None:
            return function
    return None


def _addresses(value: Value) -> tuple[list[str], int | None, int | None]:
    """The addresses, the VLAN and the port in a local address, in the shapes of all releases."""
    if isinstance(value, str):
        text = text_of(value)
        return ([text] if text is not None else []), None, None
    addresses: dict[str, None] = {}
    vlan, port = None, None
    for stated in _structures(value):
        for key in ("ipv4address", "ipv6address", "ipaddress"):
            text = text_of(stated.get(key))
            if text is not None:
                addresses[text] = None
        vlan = vlan if vlan is not None else _number(stated.get("vlanid"), 4095)
        port = port if port is not None else _number(stated.get("port"), 65535)
    return list(addresses), vlan, port


def _number(value: Value, at_most: int) -> int | None:
    text = text_of(value)
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 6:
        return None
    return int(text) if 0 < int(text) <= at_most else None


def _address_in(text: str) -> str | None:
    """The address of one thing, as it is written shortest; the unspecified address is none."""
    try:
        whole = ip_interface(text)
    except ValueError:
        return None
    if whole.ip.is_unspecified:
        return None
    return str(whole) if "/" in text else str(whole.ip)
