"""Who controls whom: chains of holdings, followed to their end.

A vendor's own papers say little about who decides in it; its owners' owners do. The answer comes
with whether it is whole, for an owner that nobody looked for is not an owner that is not there.
"""

from collections import deque
from collections.abc import Callable, Mapping

import pyarrow as pa

from ringfence.errors import NotFoundError
from ringfence.network.model import OWNERSHIP, VENDOR
from ringfence.store.tables import Column, Table, Type

CONTROLLING_SHARE = 0.5
"""More than this share of the capital counts as control where the row does not say.

A majority of votes is the usual test of control (so section 1159 of the UK Companies Act 2006,
of voting rights); shares of capital stand in for it, and a row may say otherwise.
"""

CONTROL = Table(
    "control",
    "a vendor and one who controls it, itself included",
    ("vendor", "holder"),
    (
        Column("vendor", Type.TEXT, "The vendor", required=True, refers_to="vendor"),
        Column("holder", Type.TEXT, "Who controls it", required=True, refers_to="vendor"),
        Column("distance", Type.INTEGER, "Holdings between them", required=True, minimum=0),
        Column("chain", Type.TEXT, "The shortest chain, holder first", required=True),
        Column(
            "ownership_is_stated",
            Type.BOOLEAN,
            "All who control the vendor are stated; the same in each of its rows",
            required=True,
        ),
    ),
)


def control(vendor: pa.Table, ownership: pa.Table) -> pa.Table:
    """Who controls each vendor, directly or through others; a row of `CONTROL` for each pair.

    A holding counts where `is_controlling` is true, or is null and the share is above
    `CONTROLLING_SHARE`. `ownership_is_stated` is true only where the vendor and everyone above it
    is either independent or has a controlling owner stated: a holding that may or may not control,
    an owner of whom nothing is said, and an independent vendor with a controlling owner all make it
    false. Then nobody can say who else controls the vendor. Circles of holdings are followed once.
    """
    holdings = _Holdings(vendor, ownership)
    rows = []
    for owned in holdings.everyone:
        above = holdings.above(owned)
        stated = all(holdings.is_stated(one) for one in above)
        rows += [
            {
                "vendor": owned,
                "holder": holder,
                "distance": len(chain) - 1,
                "chain": " > ".join(holdings.name(one) for one in chain),
                "ownership_is_stated": stated,
            }
            for holder, chain in sorted(above.items())
        ]
    return CONTROL.from_rows(rows)


def group(vendor: str, tables: Mapping[str, pa.Table]) -> frozenset[str]:
    """`vendor` and all it controls, by key; raises `NotFoundError` where there is no such vendor."""
    holdings = _Holdings(
        tables.get("vendor", VENDOR.empty()), tables.get("ownership", OWNERSHIP.empty())
    )
    if vendor not in holdings.everyone:
        raise NotFoundError(
            f"no vendor {vendor!r}",
            where="vendor",
            hint="list them with `ringfence show vendor`",
        )
    return frozenset(holdings.below(vendor))


class _Holdings:
    """Who controls whom, one step at a time."""

    def __init__(self, vendor: pa.Table, ownership: pa.Table) -> None:
        self._names: dict[str, str] = {}
        self._independent: dict[str, bool | None] = {}
        for row in VENDOR.conform(vendor).to_pylist():
            self._names.setdefault(row["id"], row["name"] or row["id"])
            self._independent.setdefault(row["id"], row["is_independent"])
        self._owners: dict[str, set[str]] = {}
        self._owned: dict[str, set[str]] = {}
        self._doubtful: set[str] = set()
        everyone = set(self._names)
        for row in OWNERSHIP.conform(ownership).to_pylist():
            owner, owned = row["owner"], row["owned"]
            everyone |= {owner, owned}
            controls = row["is_controlling"]
            if controls is None and (row["share"] or 0.0) > CONTROLLING_SHARE:
                controls = True
            if owner == owned:
                continue
            if controls is None:
                self._doubtful.add(owned)
            elif controls:
                self._owners.setdefault(owned, set()).add(owner)
                self._owned.setdefault(owner, set()).add(owned)
        self.everyone = sorted(everyone)

    def name(self, vendor: str) -> str:
        return self._names.get(vendor, vendor)

    def is_stated(self, vendor: str) -> bool:
        """Whether the vendor's own ownership is said, and said without contradiction."""
        owners = self._owners.get(vendor)
        if self._independent.get(vendor):
            return not owners
        return bool(owners) and vendor not in self._doubtful

    def above(self, vendor: str) -> dict[str, tuple[str, ...]]:
        """All who control `vendor`, each with the shortest chain from it down to `vendor`."""
        return _reach(vendor, self._owners, lambda chain, one: (one, *chain))

    def below(self, vendor: str) -> dict[str, tuple[str, ...]]:
        """All whom `vendor` controls, itself included."""
        return _reach(vendor, self._owned, lambda chain, one: (*chain, one))


def _reach(
    start: str,
    steps: Mapping[str, set[str]],
    grow: Callable[[tuple[str, ...], str], tuple[str, ...]],
) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {start: (start,)}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there in sorted(steps.get(here, ())):
            if there not in found:
                found[there] = grow(found[here], there)
                waiting.append(there)
    return found
