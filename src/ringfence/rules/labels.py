"""Which audience may have what a pack says.

A pack beside the public ones can be secret: a direction, a list of sensitive sites. Not its
findings alone but its name, its rules and how many there are must stay out of an output with a
lower label, so it is left out before it is asked, and nothing says that it was.
"""

from collections.abc import Sequence

import pyarrow as pa

from ringfence.errors import AudienceError, UsageError
from ringfence.rules.pack import Pack
from ringfence.store.tables import Secrecy

LABELS = tuple(one.name.lower() for one in Secrecy)
"""The labels, from the one that anyone may see to the one for the few."""


def label_of(packs: Sequence[Pack]) -> str:
    """The highest label of some packs: that of an output that holds them all."""
    return max((pack.manifest.secrecy for pack in packs), key=LABELS.index, default=LABELS[0])


def for_audience(packs: Sequence[Pack], audience: str | None) -> list[Pack]:
    """The packs that an audience may have; all of them where none is stated.

    Raises `AudienceError` where it may have none of what it asks for, `UsageError` where there is
    no such label.
    """
    if audience is None:
        return list(packs)
    if audience not in LABELS:
        raise UsageError(
            f"{audience!r} is no label", where="--audience", hint=f"one of: {', '.join(LABELS)}"
        )
    cleared = LABELS.index(audience)
    kept = [pack for pack in packs if LABELS.index(pack.manifest.secrecy) <= cleared]
    if packs and not kept:
        # The name of what is withheld would be told by naming it.
        raise AudienceError(f"an audience cleared for {audience} may not have what is asked for")
    return kept


def labelled(rows: pa.Table, pack: Pack) -> pa.Table:
    """What a pack says, each row with the pack's label in a column `label`."""
    label = pa.repeat(pa.scalar(pack.manifest.secrecy, pa.string()), rows.num_rows)
    return rows.append_column("label", label)
