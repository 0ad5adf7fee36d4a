"""What the values in a compose file mean: variables, commands, labels, addresses, ports.

The short forms are those of the Compose Specification: `HOST:CONTAINER/PROTOCOL` for ports,
`key=value` for labels, `${NAME:-default}` for variables, whose values lie outside the file.
"""

import ipaddress
import re
import shlex
from collections.abc import Iterator

from ringfence.sources.yaml_files import Node

_VARIABLE = re.compile(r"\$\$|\$\{(\w+)(?::?([-+?])([^}]*))?\}|\$(\w+)")
_PROTOCOLS = ("TCP", "UDP", "SCTP")


def filled(text: str | None) -> str | None:
    """A text with the defaults of its variables; None where one has no default to take."""
    if text is None or "$" not in text:
        return text
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        if match[0] == "$$":
            return "$"
        if match[2] == "-":
            return match[3]
        missing = True
        return ""

    result = _VARIABLE.sub(value, text)
    return None if missing else result


def words(node: Node | None) -> list[str]:
    """A command, given as a list or as a line for the shell's rules of quoting."""
    if node is None:
        return []
    if node.text is not None:
        try:
            return shlex.split(node.text)
        except ValueError:
            return node.text.split()
    return node.texts()


def pairs(node: Node | None) -> dict[str, str]:
    """Labels, as a mapping or as a list of `key=value`."""
    if node is None:
        return {}
    found = {k: v.text or "" for k, v in node.entries().items()}
    for text in node.texts():
        key, _, value = text.partition("=")
        found[key] = value
    return found


def address_of(text: str | None) -> str | None:
    """An address as it is usually written; None where it is none."""
    text = filled(text)
    try:
        return str(ipaddress.ip_address(text)) if text else None
    except ValueError:
        return None


def range_of(text: str | None) -> str | None:
    """A range as CIDR; None where it is none."""
    text = filled(text)
    try:
        return str(ipaddress.ip_network(text, strict=False)) if text else None
    except ValueError:
        return None


def gateway_of(subnets: list[Node]) -> str | None:
    """The first gateway that a network states, which is the address of the host's end."""
    return next((a for s in subnets if (a := address_of(s.at("gateway")))), None)


def is_isolating(node: Node | None, driver: str) -> bool | None:
    """Whether members of a network cannot send to each other; None where the driver decides."""
    if node is None:
        return False if driver == "bridge" else None
    if driver == "bridge":
        talk = node.get("driver_opts", "com.docker.network.bridge.enable_icc")
        return talk is not None and talk.truth is False
    if driver == "macvlan":
        return node.at("driver_opts", "macvlan_mode") in ("private", "vepa")
    return None


def protocol_of(text: str | None) -> str:
    """The protocol behind the slash of a port; TCP where none is stated."""
    name = (text or "").partition("/")[2].upper()
    return name if name in _PROTOCOLS else "TCP"


def port_range(text: str | None) -> list[int]:
    """`8000`, `8000-8003` or `8000/udp`; nothing where it is none."""
    found = re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?(?:/\w+)?", (filled(text) or "").strip())
    if found is None:
        return []
    first, last = int(found[1]), int(found[2] or found[1])
    return list(range(first, last + 1)) if 0 < first <= last <= 65535 else []


def published_ports(node: Node) -> Iterator[tuple[str | None, int | None, int | None, str]]:
    """Host address, host port, container port and protocol of each published port."""
    if node.text is None:
        target, published = port_range(node.at("target")), port_range(node.at("published"))
        protocol = protocol_of(f"/{node.at('protocol') or 'tcp'}")
        address = address_of(node.at("host_ip"))
        for number in target:
            yield address, published[0] if len(published) == 1 else None, number, protocol
        return
    text = filled(node.text) or ""
    protocol = protocol_of(text)
    head, _, last = text.rpartition(":")
    address_text, _, outside_text = head.rpartition(":")
    inside, outside = port_range(last.split("/")[0]), port_range(outside_text)
    listening = None if address_text in ("", "0.0.0.0") else address_of(address_text.strip("[]"))  # noqa: S104  # as read
    for index, number in enumerate(inside):
        yield listening, outside[index] if len(outside) == len(inside) else None, number, protocol
