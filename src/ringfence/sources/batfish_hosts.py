"""Hosts of a Batfish snapshot: `hosts/NAME.json`, with the packet filter each names.

The file states the host's name, its interfaces with address and gateway, and by `iptablesFile`
where its rules stand, from the snapshot's folder on. Both are read together, so that rules for one
interface are stated exactly. A snapshot is one network: a host's keys are those that a router
configuration of its name would give, so that hosts and routers meet in their subnets, and a host
marked `overlay` is the router of its name. `bgpProcess` and `hostInterfaces` of cloud hosts are set
aside.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from ringfence.errors import SourceError
from ringfence.sources.base import HEAD_BYTES, Batch, Claim, Options, Read, Reject
from ringfence.sources.iptables import walls_of
from ringfence.sources.router_configuration.device import Device, Static, Wall
from ringfence.sources.router_configuration.entries import any_of, network
from ringfence.sources.router_configuration.rows import Rows
from ringfence.sources.router_configuration.source import PREFIX
from ringfence.sources.router_configuration.text import (
    MOST_BYTES,
    Ledger,
    decoded,
    outside,
    read_lines,
)

_MOST_HOSTS: Final = 2_000
"""Deciding whose a file is must be cheap."""


class BatfishHost:
    """Reads the hosts of a Batfish snapshot and the packet filters they name."""

    kind = "batfish-host"
    describes = "Hosts of a Batfish snapshot, with their packet filters"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim a JSON object with a host name and interfaces, and the filter that such one names."""
        if re.search(rb"^\*(filter|nat|mangle|raw|security)[ \t\r]*$", head, re.MULTILINE):
            if _is_named(path):
                return Claim(1.0, "the packet filter of a host of a Batfish snapshot")
            return Claim(0.0, "a packet filter that no host of Batfish names")
        if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{" or b'"hostInterfaces"' not in head:
            return Claim(0.0, "no host of Batfish")
        sureness = 1.0 if b'"hostname"' in head else 0.8
        return Claim(sureness, "a host of a Batfish snapshot")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield the host's rows; raise `SourceError` if it is no host file."""
        yield from self.read_together({options.origin or path.name: path}, options)

    def read_together(
        self, files: Mapping[str, Path], options: Options
    ) -> Iterator[Batch | Reject | Read]:
        """Yield each host's rows; a file that is no host is a reject, unless it is the only one."""
        filters: dict[Path, Ledger] = {}
        for name, path in files.items():
            if _first_byte(path) != b"{":
                filters[path.resolve()] = Ledger(name, read_lines(path), file=name)
        named: set[Path] = set()
        for name, path in files.items():
            if path.resolve() in filters:
                continue
            try:
                yield from _Host(name, path, filters, named).rows(options.prefix or PREFIX)
            except SourceError as error:
                if len(files) == 1:
                    raise
                yield Read(1, 0, file=name)
                yield Reject(name, error.message, file=name)
        for path, ledger in filters.items():
            if path in named:
                yield from ledger.results()
            elif len(files) == 1:
                raise SourceError("no host is given that names this packet filter", where=str(path))
            else:
                yield Read(1, 0, file=ledger.file)
                yield Reject(ledger.name, "no host that names it was given", file=ledger.file)


def _is_named(path: Path) -> bool:
    """Whether a host beside the filter's folder names it."""
    wanted = f"{path.parent.name}/{path.name}".encode()
    try:
        hosts = sorted((path.resolve().parent.parent / "hosts").glob("*.json"))[:_MOST_HOSTS]
        return any(wanted in host.read_bytes()[:HEAD_BYTES] for host in hosts)
    except OSError:
        return False


def _first_byte(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
    except OSError:
        return b""


class _Host:
    """One host file. `filters` are those given with it, `named` gathers which of them hosts name."""

    def __init__(
        self, name: str, path: Path, filters: Mapping[Path, Ledger], named: set[Path]
    ) -> None:
        self.path = path
        self.filters = filters
        self.named = named
        self.lines = read_lines(path)
        self.ledger = Ledger(name, self.lines, file=name)

    def rows(self, prefix: str) -> list[Batch | Reject | Read]:
        """The host's rows and counts; raises `SourceError` where it is no host."""
        stated = _object(self.path)
        ledger = self.ledger
        native = stated.get("hostname")
        if not isinstance(native, str) or not native.strip():
            raise SourceError("the host has no name", where=str(self.path))
        interfaces = stated.get("hostInterfaces")
        if not isinstance(interfaces, dict):
            raise SourceError("hostInterfaces is no object", where=str(self.path))
        for key in stated:
            ledger.record(self.line_of(key), outside(key))
        device = Device(ledger, name=native, forwards_packets=None)
        device.name_line = self.line_of("hostname")
        for key in ("hostname", "hostInterfaces", "overlay"):
            if key in stated:
                ledger.keep(self.line_of(key))
        for key, value in interfaces.items():
            self._interface(device, key, value)
        own: Ledger | None = None
        if isinstance(rules := stated.get("iptablesFile"), str):
            own = self._rules(device, rules)
        results: list[Batch | Reject | Read] = [*Rows(device, prefix).batches(), *ledger.results()]
        return [*results, *own.results()] if own else results

    def line_of(self, key: str, after: int = 0) -> int:
        """The line that a key first stands in; the first line where it is written otherwise."""
        quoted = f'"{key}"'
        for number in range(after, len(self.lines)):
            if quoted in self.lines[number]:
                return number + 1
        return 1

    def _interface(self, device: Device, name: str, value: object) -> None:
        ledger = self.ledger
        line = self.line_of(name, self.line_of("hostInterfaces") - 1)
        ledger.record(line, outside("hostInterfaces"))
        if not isinstance(value, dict):
            ledger.fault(line, "an interface that is no object")
            return
        written = value.get("name")
        port = device.port(written if isinstance(written, str) and written else name, line)
        for key in value:
            ledger.record(self.line_of(key, line - 1), outside("hostInterfaces"))
        if "name" in value:
            ledger.keep(self.line_of("name", line - 1))
        if isinstance(prefix := value.get("prefix"), str):
            place = self.line_of("prefix", line - 1)
            if not port.address(prefix, place):
                ledger.fault(place, "an address that is none")
        if isinstance(gateway := value.get("gateway"), str):
            place = self.line_of("gateway", line - 1)
            hop = network(gateway)
            if hop is None or "/" in gateway:
                ledger.fault(place, "a gateway that is no address")
                return
            address = str(hop.network_address)
            device.statics.append(
                Static(any_of(hop.version), place, next_hop=address, interface=port.name)
            )

    def _rules(self, device: Device, stated: str) -> Ledger | None:
        """Read the packet filter; gives its ledger where it was not given among the files."""
        line = self.line_of("iptablesFile")
        root = self.path.resolve().parent.parent
        try:
            found = (root / stated).resolve()
            # A name that leads out of the snapshot would read any file of this machine.
            is_there = found.is_relative_to(root) and found.is_file()
        except (OSError, ValueError, RuntimeError):
            is_there = False
        if not is_there:
            self.ledger.fault(line, "the packet filter is no file below the snapshot's folder")
            device.walls.append(
                Wall("iptables", stated[:200], line, "in", is_stated=False, default=None)
            )
            return None
        given = self.filters.get(found)
        place = f"{self.ledger.name} > {stated}"
        own = given or Ledger(place, read_lines(found), file=self.ledger.file)
        ports = [name for name in device.ports if name != "lo"]
        if not walls_of(own, device, ports, stated):
            self.ledger.fault(line, "what it names is no packet filter")
            return None
        self.ledger.keep(line)
        self.named.add(found)
        return None if given else own


def _object(path: Path) -> dict[str, object]:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise SourceError("the file is too large for a host", where=str(path))
        found = msgspec.json.decode(decoded(path.read_bytes()))
    except OSError as error:
        raise SourceError(f"the file cannot be read: {error.strerror}", where=str(path)) from error
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise SourceError(f"the file is not JSON: {error}", where=str(path)) from error
    if not isinstance(found, dict):
        raise SourceError("the file is no host of Batfish", where=str(path))
    return found
