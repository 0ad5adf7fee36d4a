"""Network topologies of RFC 8345, as JSON or XML, with what known augmentations add.

Read are `ietf-network` and `ietf-network-topology` (RFC 8345), bare or wrapped (RESTCONF and
NETCONF replies, instance data, one network alone, the `-state` modules), and of augmentations:

    RFC 8346   layer 3: names of nodes, addresses of termination points
    RFC 8944   layer 2: names and management addresses of nodes, rates of links (Mbps)
    RFC 8795   traffic engineering: names, geolocation, bandwidth of links and what they bundle
    RFC 9656   microwave: that links are microwave; their bandwidth, nominal and by availability
    OpenROADM  MSA network models: vendor, model, address, node type, CLLI site, span length

Choices:

- Keys carry the network's id: networks of one file are layers, and a node is named per layer. The
  layers of one box are elements of their own; `supporting-node` is the relation `hosts` from the
  node below to the one above, in the file or not.
- Links of RFC 8345 carry one way; a connection both ways is two links and stays two rows, each
  marked one way. A capacity stands on the link of the layer that states it, so that it is to be
  summed within a network. Where a bundle and its members both state one, it stands on the
  bundle alone, since what protecting members add is not there to use.
- Of bandwidths by availability that of the highest availability is taken: the most to rely on.
- RFC 8795 gives the generic bandwidth a unit for packet links alone, whose number is written as a
  hexadecimal float in bytes a second; other numbers count time slots or wavelengths.
- OpenROADM's network of CLLI codes lists places: its nodes are sites. It is known by its model,
  not by being named `clli-network`. A CLLI that a node of OpenROADM is at is a site, in the file
  or not.
- A termination point without an address is set aside: links end at elements in our model.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.topology import Layout, begins_as_json, first_tag, head_text
from ringfence.sources.yang_data import (
    Container,
    down,
    first,
    read_yang_json,
    read_yang_xml,
    word,
)

PREFIX: Final = "rfc8345"

NETWORK: Final = ("ietf-network", "ietf-network-state")
TOPOLOGY: Final = ("ietf-network-topology", "ietf-network-topology-state")
LAYER_2: Final = "ietf-l2-topology"
LAYER_3: Final = "ietf-l3-unicast-topology"
TE: Final = "ietf-te-topology"
MICROWAVE: Final = "ietf-microwave-topology"
AVAILABILITY: Final = "ietf-bandwidth-availability-topology"
ROADM_COMMON: Final = "org-openroadm-common-network"
ROADM_NETWORK: Final = "org-openroadm-network"
ROADM_TOPOLOGY: Final = "org-openroadm-network-topology"
ROADM_CLLI: Final = "org-openroadm-clli-network"
CLLI_NETWORK: Final = "clli-network"
"""The id that OpenROADM's network model gives the network of CLLI codes."""

_MARK = re.compile(r'"ietf-network(?:-topology)?(?:-state)?:[\w-]+"\s*:')
_NETWORK_ID = re.compile(r'"(?:[\w-]+:)?network-id"\s*:')
_ID = re.compile(r'"(?:[\w-]+:)?(?:node-id|link-id|network-types)"\s*:')
_XML_MARK = re.compile(
    r"""xmlns(?::[\w.-]+)?\s*=\s*["']urn:ietf:params:xml:ns:yang:ietf-network(?:-state)?["']"""
)
_XML_IDS = re.compile(r"<(?:[\w.-]+:)?network-id>.*<(?:[\w.-]+:)?(?:node-id|link-id)>", re.DOTALL)
_FLOAT = re.compile(r"0[xX][01](?:\.[0-9a-fA-F]{1,6})?[pP]\+?[0-9]{1,3}")
_OF_ROADM: Final = "org-openroadm-"


class TopologyRfc8345:
    """Reads topologies of RFC 8345."""

    kind = "rfc8345"
    describes = "network topologies of RFC 8345 (ietf-network), JSON or XML"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002 (the contract's parameter)
        """Claim JSON and XML with members of `ietf-network`."""
        text = head_text(head)
        if begins_as_json(text):
            return _claim_json(text)
        if first_tag(text) is None:
            return Claim(0.0, "it begins neither as JSON nor as XML")
        if _XML_MARK.search(text):
            return Claim(1.0, "it has elements of the namespace of ietf-network")
        if _XML_IDS.search(text):
            return Claim(0.7, "it has elements named as those of ietf-network")
        return Claim(0.0, "it has no elements of ietf-network")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield rows, rejects and counts; raise `SourceError` if no network is in the file."""
        try:
            with path.open("rb") as file:
                head = head_text(file.read(4096))
        except OSError as error:
            why = f"cannot be read: {error.strerror or error}"
            raise SourceError(why, where=str(path)) from None
        root = read_yang_xml(path) if head.lstrip()[:1] == "<" else read_yang_json(path)
        networks = [n for n in root.named("network") if _is_network(n)]
        if not networks:
            raise SourceError(
                "no network with its nodes or links is in it",
                where=str(path),
                hint="export the whole of ietf-network:networks, not a part of one network",
            )
        layout = Layout.of(path, options, PREFIX)
        _Laying(layout, networks).lay()
        for name, place in root.others("network"):
            layout.set_aside(place, f"{name} is no part of a topology")
        yield from layout.items()


def _claim_json(text: str) -> Claim:
    has_id = _NETWORK_ID.search(text) is not None
    if _MARK.search(text):
        return Claim(1.0 if has_id else 0.8, "it has members of the YANG module ietf-network")
    if has_id and _ID.search(text):
        return Claim(0.8, "it has members named as those of ietf-network")
    return Claim(0.0, "it has no members of ietf-network")


def _is_network(container: Container) -> bool:
    if container.words("network-id", *NETWORK):
        return True
    lists = (("node", NETWORK), ("link", TOPOLOGY))
    return any(first(container, name, *modules) is not None for name, modules in lists)


@dataclass(slots=True)
class _Site:
    place: str
    name: str
    latitude: float | None = None
    longitude: float | None = None


@dataclass(slots=True)
class _Link:
    """A link that waits for the bundles of its network to be known."""

    id: str
    entry: Container
    source: str | None
    target: str | None
    ports: tuple[str | None, str | None]
    members: frozenset[tuple[str, str]]
    capacity_mbps: float | None


@dataclass(slots=True)
class _Laying:
    """Lays networks out."""

    layout: Layout
    networks: list[Container]
    _cllis: set[str] = field(default_factory=set)
    _sites: dict[str, _Site] = field(default_factory=dict)
    _seen: set[tuple[str, str]] = field(default_factory=set)
    _relations: set[tuple[str, str]] = field(default_factory=set)

    def lay(self) -> None:
        """Lay out all networks, then the sites that their nodes are at."""
        self._cllis = {
            id_
            for network in self.networks
            if (id_ := word(network, "network-id", *NETWORK)) and _lists_cllis(network)
        }
        for network in self.networks:
            self._lay_network(network)
        for key, site in self._sites.items():
            self.layout.row(
                "site",
                site.place,
                id=key,
                name=site.name,
                latitude_deg=site.latitude,
                longitude_deg=site.longitude,
            )

    def _lay_network(self, network: Container) -> None:
        id_ = word(network, "network-id", *NETWORK)
        nodes = list(network.each("node", *NETWORK))
        links = list(network.each("link", *TOPOLOGY))
        if id_ is None:
            why = "its network has no id, so that it cannot be told from others of its name"
            for entry in (*nodes, *links):
                self.layout.refuse(entry.place, why)
            return
        for node in nodes:
            self._lay_node(id_, node)
        is_microwave = _is_microwave(network)
        found = [link for entry in links if (link := self._link(id_, entry)) is not None]
        # A port's name is its node's own, so that the nodes tell which bundle a member is of.
        bundled = {
            (link.source, link.target, ports)
            for link in found
            if link.capacity_mbps is not None
            for ports in link.members
        }
        for link in found:
            is_in_bundle = (link.source, link.target, link.ports) in bundled
            self._lay_link(id_, link, is_microwave=is_microwave, is_in_bundle=is_in_bundle)

    def _lay_node(self, network: str, node: Container) -> None:
        layout = self.layout
        id_ = word(node, "node-id", *NETWORK)
        table = "site" if network in self._cllis else "element"
        if id_ is None or (network, id_) in self._seen:
            why = "another node of its network has its id" if id_ else "the node has no id"
            layout.refuse(node.place, why, table, id_)
            return
        self._seen.add((network, id_))
        key = layout.key(network, id_)
        if table == "site":
            name = word(node, "clli", ROADM_CLLI) or id_
            self._sites.setdefault(key, _Site(node.place, name)).place = node.place
            layout.keep()
            return
        site = self._site_of(network, id_, node)
        layout.row(
            "element",
            node.place,
            id=key,
            name=_name_of(node) or id_,
            site=site,
            vendor_name=word(_roadm(node), "vendor", ROADM_NETWORK),
            product=self._product_of(network, node),
            role_name=word(node, "node-type", ROADM_COMMON),
        )
        layout.keep()
        self._lay_addresses(network, id_, node)
        for point in node.each("termination-point", *TOPOLOGY):
            self._lay_point(network, id_, point)

    def _site_of(self, network: str, id_: str, node: Container) -> str | None:
        """The site a node is at; its supporting nodes that are no sites host it."""
        layout, found = self.layout, None
        is_roadm = any(module.startswith(_OF_ROADM) for module in node.modules())
        for below in node.each("supporting-node", *NETWORK):
            of, ref = word(below, "network-ref", *NETWORK), word(below, "node-ref", *NETWORK)
            if of is None or ref is None:
                continue
            key = layout.key(of, ref)
            if of in self._cllis or (is_roadm and of == CLLI_NETWORK):
                found = found or key
                self._sites.setdefault(key, _Site(node.place, ref))
            elif (of, ref) != (network, id_):
                self._lay_host(key, layout.key(network, id_), node.place)
        spot = down(node, ("te", TE), ("geolocation", TE))
        latitude, longitude = (word(spot, axis, TE) for axis in ("latitude", "longitude"))
        north = layout.number(latitude, node.place, "latitude", -90, 90)
        east = layout.number(longitude, node.place, "longitude", -180, 180)
        if north is None or east is None:
            return found
        key = found or layout.key(network, "site-of", id_)
        site = self._sites.setdefault(key, _Site(node.place, _name_of(node) or id_))
        if site.latitude is None:
            site.latitude, site.longitude = north, east
        return key

    def _lay_host(self, source: str, target: str, place: str) -> None:
        if (source, target) not in self._relations:
            self._relations.add((source, target))
            self.layout.row("relation", place, source=source, target=target, kind="hosts")

    def _product_of(self, network: str, node: Container) -> str | None:
        roadm = _roadm(node)
        model, vendor = word(roadm, "model", ROADM_NETWORK), word(roadm, "vendor", ROADM_NETWORK)
        if model is None:
            return None
        key = self.layout.key(network, "product", *((vendor, model) if vendor else (model,)))
        if ("product", key) not in self._seen:
            self._seen.add(("product", key))
            self.layout.row("product", node.place, id=key, vendor_name=vendor, model=model)
        return key

    def _lay_addresses(self, network: str, id_: str, node: Container) -> None:
        """The addresses by which a node is managed."""
        of_layer_2 = first(node, "l2-node-attributes", LAYER_2)
        stated = word(_roadm(node), "ip", ROADM_NETWORK)
        listed = of_layer_2.words("management-address", LAYER_2) if of_layer_2 is not None else []
        for address in dict.fromkeys([*([stated] if stated else []), *listed]):
            if self._is_address(address, node.place):
                self.layout.row(
                    "interface",
                    node.place,
                    id=self.layout.key(network, id_, "management", address),
                    element=self.layout.key(network, id_),
                    address=address,
                    is_management=True,
                )

    def _lay_point(self, network: str, id_: str, point: Container) -> None:
        layout = self.layout
        name = word(point, "tp-id", *TOPOLOGY)
        if name is None:
            why = "the termination point has no id"
            layout.refuse(point.place, why, "interface")
            return
        of_layer_3 = first(point, "l3-termination-point-attributes", LAYER_3)
        listed = of_layer_3.words("ip-address", LAYER_3) if of_layer_3 is not None else []
        addresses = [a for a in dict.fromkeys(listed) if self._is_address(a, point.place)]
        if not addresses:
            why = "a termination point without an address is a foot in no segment"
            layout.set_aside(point.place, why, "interface")
            return
        for index, address in enumerate(addresses):
            native = (id_, name) if index == 0 else (id_, name, address)
            layout.row(
                "interface",
                point.place,
                id=layout.key(network, *native),
                element=layout.key(network, id_),
                name=word(of_layer_3, "interface-name", LAYER_3) or name,
                address=address,
            )
        layout.keep()

    def _is_address(self, text: str, place: str) -> bool:
        try:
            ipaddress.ip_interface(text.partition("%")[0])
        except ValueError:
            why = "it is no address; what has it is kept without"
            self.layout.refuse(place, why, "interface", text)
            return False
        return True

    def _link(self, network: str, entry: Container) -> _Link | None:
        """A link as it stands, or None where it is refused."""
        layout = self.layout
        id_ = word(entry, "link-id", *TOPOLOGY)
        if id_ is None or ("link", f"{network}/{id_}") in self._seen:
            why = "another link of its network has its id" if id_ else "the link has no id"
            layout.refuse(entry.place, why, "link", id_)
            return None
        self._seen.add(("link", f"{network}/{id_}"))
        here, there = (first(entry, end, *TOPOLOGY) for end in ("source", "destination"))
        te = first(entry, "te", TE)
        bundle = down(te, ("bundled-links", TE))
        members = frozenset(
            (source, target)
            for member in (bundle.each("bundled-link", TE) if bundle is not None else ())
            if (source := word(member, "src-tp-ref", TE))
            and (target := word(member, "des-tp-ref", TE))
        )
        return _Link(
            id_,
            entry,
            word(here, "source-node", *TOPOLOGY),
            word(there, "dest-node", *TOPOLOGY),
            (word(here, "source-tp", *TOPOLOGY), word(there, "dest-tp", *TOPOLOGY)),
            members,
            self._capacity_mbps(entry, first(te, "te-link-attributes", TE) if te else None),
        )

    def _lay_link(
        self, network: str, link: _Link, *, is_microwave: bool, is_in_bundle: bool
    ) -> None:
        layout = self.layout
        ends = (end and layout.key(network, end) for end in (link.source, link.target))
        source, target = ends
        is_fibre, length_km = self._span(link.entry)
        medium = "fibre" if is_fibre else None
        layout.row(
            "link",
            link.entry.place,
            id=layout.key(network, "link", link.id),
            source=source,
            target=target,
            medium="microwave" if is_microwave or _is_microwave_link(link.entry) else medium,
            capacity_mbps=None if is_in_bundle and not link.members else link.capacity_mbps,
            length_km=length_km,
            is_one_way=True,
        )
        layout.keep()

    def _capacity_mbps(self, entry: Container, of_te: Container | None) -> float | None:
        number, place = self.layout.number, entry.place
        bandwidth = down(of_te, ("max-link-bandwidth", TE), ("te-bandwidth", TE))
        nominal = number(word(bandwidth, "mw-bandwidth", MICROWAVE), place, "mw-bandwidth")
        if nominal is not None:
            return nominal * 1e-6
        generic = word(bandwidth, "generic", TE)
        if generic is not None and _FLOAT.fullmatch(generic):
            return float.fromhex(generic) * 8e-6
        if (kbps := self._available_kbps(of_te, place)) is not None:
            return kbps * 1e-3
        of_layer_2 = first(entry, "l2-link-attributes", LAYER_2)
        return number(word(of_layer_2, "rate", LAYER_2), place, "rate")

    def _available_kbps(self, of_te: Container | None, place: str) -> float | None:
        number = self.layout.number
        best: tuple[float, float] | None = None
        for level in of_te.each("link-availability", AVAILABILITY) if of_te is not None else ():
            share = number(word(level, "availability", AVAILABILITY), place, "availability", 0, 100)
            kbps = number(word(level, "link-bandwidth", AVAILABILITY), place, "link-bandwidth")
            if share is not None and kbps is not None and (best is None or share > best[0]):
                best = share, kbps
        return best[1] if best else None

    def _span(self, entry: Container) -> tuple[bool, float | None]:
        """Whether OpenROADM says that the link is a fibre span, and its length in km."""
        span = down(entry, ("OMS-attributes", ROADM_TOPOLOGY), ("span", ROADM_TOPOLOGY))
        is_fibre = word(entry, "link-type", ROADM_COMMON) == "ROADM-TO-ROADM"
        if span is None:
            return is_fibre, None
        parts = list(span.each("link-concatenation", ROADM_TOPOLOGY))
        metres = [
            self.layout.number(word(part, "SRLG-length", ROADM_TOPOLOGY), part.place, "SRLG-length")
            for part in parts
        ]
        stated = [length for length in metres if length is not None]
        has_type = any(part.words("fiber-type", ROADM_TOPOLOGY) for part in parts)
        is_whole = bool(stated) and len(stated) == len(metres)
        return is_fibre or has_type, sum(stated) * 1e-3 if is_whole else None


def _roadm(node: Container) -> Container:
    """What OpenROADM says of a node; its first versions put it one level deeper."""
    return first(node, "node-attributes", ROADM_NETWORK) or node


def _name_of(node: Container) -> str | None:
    of_te = down(node, ("te", TE), ("te-node-attributes", TE))
    return (
        word(first(node, "l3-node-attributes", LAYER_3), "name", LAYER_3)
        or word(first(node, "l2-node-attributes", LAYER_2), "name", LAYER_2)
        or word(of_te, "name", TE)
    )


def _lists_cllis(network: Container) -> bool:
    """Whether a network is OpenROADM's list of CLLI codes."""
    types = first(network, "network-types", *NETWORK)
    if types is not None and first(types, CLLI_NETWORK, ROADM_CLLI) is not None:
        return True
    return any(ROADM_CLLI in node.modules() for node in network.each("node", *NETWORK))


def _is_microwave(network: Container) -> bool:
    types = first(network, "network-types", *NETWORK)
    return down(types, ("te-topology", TE), ("mw-topology", MICROWAVE)) is not None


def _is_microwave_link(entry: Container) -> bool:
    steps = ("te", TE), ("te-link-attributes", TE), ("mw-link", MICROWAVE)
    return down(entry, *steps) is not None
