"""The parts that an SPDX document names, laid out as rows once all of it has been read.

What is part of what, and which of them is the product, SPDX says in relationships that stand
apart from the parts; so the parts wait until the last relationship is known.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from ringfence.sources.software_documents import Ledger

_AGENTS: Final = ("Person", "Organization", "Tool")

KINDS: Final = {
    "application": "application",
    "container": "container",
    "data": "data",
    "device": "device",
    "file": "file",
    "firmware": "firmware",
    "framework": "library",
    "library": "library",
    "model": "data",
    "operatingsystem": "operating system",
}
"""The primary purpose of a package (SPDX 2.3 §7.24, 3.0 SoftwarePurpose), in letters only; the
others are `other`."""


@dataclass(frozen=True, slots=True)
class Part:
    """A package or file: its own reference, where it stands, and its columns of `component`.

    `maker` made it, `supplier` handed it on.
    """

    ref: str
    place: str
    columns: dict[str, object]
    maker: str | None
    supplier: str | None

    @property
    def purl(self) -> str | None:
        """Its package URL."""
        found = self.columns.get("purl")
        return found if isinstance(found, str) else None


@dataclass(slots=True)
class Parts:
    """All parts of a document, which of them lies in which, and which it describes."""

    by_ref: dict[str, Part] = field(default_factory=dict)
    whole_of: dict[str, str] = field(default_factory=dict)
    described: dict[str, None] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)

    def describes(self, ref: str) -> bool:
        """Note that the document is about a part; false where it has no such part."""
        if ref not in self.by_ref:
            return False
        self.described[ref] = None
        return True

    def contains(self, whole: str, part: str) -> str | None:
        """Note that one part lies in another; returns why it cannot be noted."""
        if whole not in self.by_ref or part not in self.by_ref:
            missing = whole if whole not in self.by_ref else part
            return f"it names {missing}, which the document does not hold"
        if self.whole_of.setdefault(part, whole) != whole:
            return f"{part} was said to lie in {self.whole_of[part]} before"
        return None

    def write(self, ledger: Ledger, prefix: str, namespace: str | None) -> None:
        """The rows of all parts. Without a namespace the references are keys of the whole world."""
        self._set_keys(prefix, namespace)
        products = {ref: self._product_of(ref) for ref in self.by_ref}
        for ref, part in self.by_ref.items():
            ledger.keep()
            if ref in self.described:
                seller = part.supplier or part.maker
                ledger.row(
                    "product",
                    id=self.keys[ref],
                    vendor_name=seller,
                    original_maker_name=part.maker if part.maker != seller else None,
                    model=part.columns.get("name"),
                    origin=part.place,
                )
            whole, product = self.whole_of.get(ref), products[ref]
            ledger.row(
                "component",
                id=self.keys[ref],
                product=self.keys[product] if product else None,
                part_of=self.keys[whole] if whole else None,
                vendor_name=part.maker or part.supplier,
                **part.columns,
                origin=part.place,
            )

    def _set_keys(self, prefix: str, namespace: str | None) -> None:
        if namespace is None:
            self.keys = {ref: f"{prefix}:{ref}" for ref in self.by_ref}
            return
        times = Counter(p.purl for p in self.by_ref.values())
        one = self.by_ref[next(iter(self.described))] if len(self.described) == 1 else None
        # The package URL of the product is the same from one export to the next; a document's
        # namespace is not, and is taken where there is nothing better.
        scope = one.purl if one and one.purl and "@" in one.purl else namespace
        for ref, part in self.by_ref.items():
            if part is one and part.purl == scope:
                self.keys[ref] = f"{prefix}:{scope}"
            elif part.purl and times[part.purl] == 1:
                self.keys[ref] = f"{prefix}:{scope}/{part.purl}"
            else:
                self.keys[ref] = f"{prefix}:{scope}#{ref}"

    def _product_of(self, ref: str) -> str | None:
        """The product a part lies in: that which contains it, or else the only one there is."""
        seen = set()
        at: str | None = ref
        while at is not None and at not in seen:
            if at in self.described:
                return at
            seen.add(at)
            at = self.whole_of.get(at)
        return next(iter(self.described)) if len(self.described) == 1 else None


def stated(value: str | None) -> str | None:
    """What SPDX says, where it says anything."""
    return None if value in {None, "NOASSERTION", "NONE"} else value


def agent(value: str | None) -> str | None:
    """The name of a person or organisation, without its sort and its address."""
    written = stated(value)
    if written is None:
        return None
    sort, colon, name = written.partition(":")
    name = name.strip() if colon and sort.strip() in _AGENTS else written
    if name.endswith(")") and "(" in name:
        name = name[: name.rindex("(")].rstrip()
    return stated(name or None)


def kind_of(purpose: str | None) -> str | None:
    """The kind of a part by its primary purpose."""
    letters = re.sub(r"[^a-z]", "", purpose.lower()) if purpose else None
    return KINDS.get(letters, "other") if letters else None
