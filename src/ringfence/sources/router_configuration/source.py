"""The source: who wrote a configuration is found, and its dialect reads it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.router_configuration import fortios, ios, junos, sros, vrp
from ringfence.sources.router_configuration.device import Device
from ringfence.sources.router_configuration.rows import results
from ringfence.sources.router_configuration.text import (
    Ledger,
    decoded_head,
    named_by_file,
    read_lines,
)

PREFIX: Final = "router"
"""What goes before native keys where nobody says otherwise."""

_Claim = Callable[[str], tuple[float, str] | None]
_Reader = Callable[[Ledger], Device]

DIALECTS: Final[tuple[tuple[_Claim, _Reader], ...]] = (
    (fortios.claim, fortios.read),
    (sros.claim, sros.read),
    (vrp.claim, vrp.read),
    (junos.claim, junos.read),
    (ios.claim, ios.read),
)


class RouterConfiguration:
    """Reads the configuration of one router, switch or firewall."""

    kind = "router-configuration"
    describes = "Configurations of routers, switches and firewalls"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim a configuration by statements and marks of its language."""
        del path
        sureness, because, _ = _dialect(decoded_head(head))
        return Claim(sureness, because)

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield rows, rejects and counts; raise `SourceError` if no language is recognised."""
        lines = read_lines(path)
        sureness, because, reader = _dialect("\n".join(lines)[: 1 << 18])
        if reader is None or not sureness:
            raise SourceError(
                f"this is no configuration that is known: {because}",
                where=str(path),
                hint="ringfence sources guess FILE says what a file could be",
            )
        name = options.origin or path.name
        device = reader(Ledger(name, lines))
        if device.name is None:
            device.fallback = named_by_file(name)
        yield from results(device, options.prefix or PREFIX)


def _dialect(text: str) -> tuple[float, str, _Reader | None]:
    best: tuple[float, str, _Reader | None] = (0.0, "no statements of a router configuration", None)
    if text.lstrip()[:1] in {"", "<"}:
        return best
    for claim, reader in DIALECTS:
        found = claim(text)
        if found and found[0] > best[0]:
            best = (*found, reader)
    return best
