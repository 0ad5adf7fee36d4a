"""CSAF advisories and VEX documents: what a vendor or coordinator says of products and weaknesses.

An advisory names its products once, in a tree of branches (vendor, product, version), and says of
each weakness which of them it touches. Read to OASIS CSAF 2.0 and 2.1, all profiles.

Three things are not as a reader might expect. A CVE's title is not taken: each advisory words its
own, and one weakness told of by two advisories would end with none; where the weakness has no CVE
number, no other document can speak of it and its title is taken. Versions that are `recommended`
are not thereby fixed (the standard lets them be affected by something else) and are set aside. And
a base score is one number of a weakness: where an advisory scores it by product and the scores
differ, none is stated.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.software_documents import (
    Fields,
    Ledger,
    UnfitError,
    day,
    fields,
    head_text,
    json_of,
    many,
    needed,
    number,
    objects,
    one_line,
    text,
    texts,
    vulnerability_key,
)

_STATUSES: Final = {
    "first_affected": "affected",
    "known_affected": "affected",
    "last_affected": "affected",
    "first_fixed": "fixed",
    "fixed": "fixed",
    "known_not_affected": "not affected",
    "under_investigation": "under investigation",
}
"""CSAF 2.0 and 2.1, section 3.2.3.9 and 3.2.4.12 (product status), by the groups of test 6.1.6."""

_NO_STATUS: Final = {
    "recommended": "a recommended version: the standard does not say that it is fixed",
    "unknown": "a product of which the advisory says that it does not know",
}
_REMEDIES: Final = (
    "vendor_fix",
    "mitigation",
    "workaround",
    "optional_patch",
    "fix_planned",
    "no_fix_planned",
    "none_available",
)
"""What a person does first stands first."""

_VERSION_BRANCHES: Final = (
    "product_version",
    "product_version_range",
    "service_pack",
    "patch_level",
)
_SCORES: Final = ("cvss_v3", "cvss_v4", "cvss_v2")
"""The version that most sources state first, so that they can be held against each other."""


@dataclass(frozen=True, slots=True)
class _Product:
    """A product that the tree names: what its branches say of it."""

    vendor: str | None = None
    name: str | None = None
    version: str | None = None
    cpe: str | None = None
    purl: str | None = None


@dataclass(slots=True)
class _Advisory:
    """One advisory under way; `key` is its own, which goes before its product ids."""

    name: str
    prefix: str
    key: str
    ledger: Ledger
    products: dict[str, _Product] = field(default_factory=dict)
    groups: dict[str, Sequence[str]] = field(default_factory=dict)
    given: set[str] = field(default_factory=set)


_Reader: TypeAlias = Callable[[Fields, str, _Advisory], None]


class Csaf:
    """Reads CSAF advisories."""

    kind = "csaf"
    describes = "CSAF 2.0 and 2.1 security advisories and VEX documents (JSON)"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:
        """Claim a JSON object that states its CSAF version."""
        del path
        beginning = head_text(head)
        if not beginning.lstrip().startswith("{"):
            return Claim(0.0, "no JSON object")
        if re.search(r'"csaf_version"\s*:\s*"2\.', beginning):
            return Claim(1.0, "csaf_version 2")
        if '"product_tree"' in beginning and '"branches"' in beginning:
            return Claim(0.6, "a product tree with branches")
        return Claim(0.0, "no csaf_version")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield products, vulnerabilities and what is said of each pair."""
        document = json_of(path)
        try:
            head = fields(document.get("document"), "document")
            version = needed(head, "csaf_version")
            key = needed(fields(head.get("tracking"), "document.tracking"), "id")
            tree = fields(document.get("product_tree"), "product_tree")
            groups = many(tree, "product_groups")
            relationships = many(tree, "relationships")
            vulnerabilities = many(document, "vulnerabilities")
        except UnfitError as error:
            raise SourceError(f"it is no CSAF advisory: {error}", where=f"{path}:$") from None
        if not version.startswith("2."):
            raise SourceError(
                f"its csaf_version is {version}; 2.0 and 2.1 are read",
                where=f"{path}:$.document.csaf_version",
            )
        advisory = _Advisory(
            options.origin or path.name, options.prefix or self.kind, key, Ledger()
        )
        _read_tree(tree, advisory)
        _each(relationships, "$.product_tree.relationships", _read_relationship, advisory)
        _each(groups, "$.product_tree.product_groups", _read_group, advisory)
        _each(vulnerabilities, "$.vulnerabilities", _read_vulnerability, advisory)
        yield from advisory.ledger.items()


def _each(
    records: Sequence[object],
    path: str,
    read: _Reader,
    advisory: _Advisory,
) -> None:
    for index, record in enumerate(records):
        place = f"{advisory.name}:{path}[{index}]"
        try:
            read(fields(record, "the record"), place, advisory)
        except UnfitError as error:
            table = "product" if "product_tree" in path else "vulnerability"
            advisory.ledger.fault(place, str(error), table, record)


def _read_tree(tree: Fields, advisory: _Advisory) -> None:
    """All products of the tree, whatever its depth and the order of its branches."""
    path = "$.product_tree.full_product_names"
    try:
        alone = many(tree, "full_product_names")
    except UnfitError as error:
        advisory.ledger.fault(f"{advisory.name}:{path}", str(error), "product", None)
        alone = ()
    for index, record in enumerate(alone):
        _read_product(record, {}, f"{advisory.name}:{path}[{index}]", advisory)
    waiting: list[tuple[object, str, Mapping[str, str]]] = [(tree, "$.product_tree", {})]
    while waiting:
        holder, path, above = waiting.pop()
        try:
            branch = fields(holder if holder is not None else "", "the branch")
            here = _branches_of(branch, above)
            if branch.get("product") is not None:
                place = f"{advisory.name}:{path}.product"
                _read_product(branch["product"], here, place, advisory)
            below = many(branch, "branches")
        except UnfitError as error:
            advisory.ledger.fault(f"{advisory.name}:{path}", str(error), "product", holder)
            continue
        waiting += [
            (below[index], f"{path}.branches[{index}]", here)
            for index in reversed(range(len(below)))
        ]


def _branches_of(branch: Fields, above: Mapping[str, str]) -> Mapping[str, str]:
    category, name = text(branch, "category"), text(branch, "name")
    return {**above, category: name} if category and name else above


def _read_product(
    record: object, branches: Mapping[str, str], place: str, advisory: _Advisory
) -> None:
    try:
        key, found = _product(fields(record, "the product"), branches, advisory)
    except UnfitError as error:
        advisory.ledger.fault(place, str(error), "product", record)
        return
    advisory.products[key] = found
    advisory.ledger.keep()
    own = f"{advisory.prefix}:{found.vendor or ''}/{found.name}"
    if own not in advisory.given:
        # The versions of one product are one row; each of them is a subject of its own.
        advisory.given.add(own)
        advisory.ledger.row(
            "product", id=own, vendor_name=found.vendor, model=found.name, origin=place
        )


def _product(
    product: Fields, branches: Mapping[str, str], advisory: _Advisory
) -> tuple[str, _Product]:
    key, full_name = needed(product, "product_id"), needed(product, "name")
    if key in advisory.products:
        raise UnfitError(f"the product_id {key} stands twice")
    helper = fields(product.get("product_identification_helper"), "the identification helper")
    purls = texts(helper, "purls") or texts(helper, "purl")
    versions = [branches[b] for b in _VERSION_BRANCHES if b in branches]
    return key, _Product(
        branches.get("vendor"),
        branches.get("product_name") or full_name,
        " ".join(versions) or None,
        text(helper, "cpe"),
        purls[0] if len(purls) == 1 else None,
    )


def _read_relationship(record: Fields, place: str, advisory: _Advisory) -> None:
    """A product on or with another: what is said of it is said of the two together."""
    full = fields(record.get("full_product_name"), "full_product_name")
    key, name = needed(full, "product_id"), needed(full, "name")
    part, whole = (
        needed(record, "product_reference"),
        needed(record, "relates_to_product_reference"),
    )
    for each in (part, whole):
        if each not in advisory.products:
            raise UnfitError(f"the product {each} is not in the tree")
    if key in advisory.products:
        raise UnfitError(f"the product_id {key} stands twice")
    first, second = advisory.products[part], advisory.products[whole]
    vendor = first.vendor if first.vendor == second.vendor else None
    advisory.products[key] = replace(first, vendor=vendor, name=name)
    advisory.ledger.keep()
    own = f"{advisory.prefix}:{vendor or ''}/{name}"
    if own not in advisory.given:
        advisory.given.add(own)
        advisory.ledger.row("product", id=own, vendor_name=vendor, model=name, origin=place)


def _read_group(record: Fields, place: str, advisory: _Advisory) -> None:
    advisory.groups[needed(record, "group_id")] = texts(record, "product_ids")
    advisory.ledger.set_aside(place, "a group of products: what is said of it is said of each")


def _read_vulnerability(record: Fields, place: str, advisory: _Advisory) -> None:
    key, title = _identifier(record, advisory)
    # All of it is read before a row is written: a faulty record leaves no half of itself.
    row = _facts(record)
    said, faults, unsaid = _statuses(record, advisory)
    remedies = _remedies_by_product(record, advisory)
    advisory.ledger.keep()
    advisory.ledger.row("vulnerability", id=key, title=title, **row, origin=place)
    for product_id, status in said.items():
        product = advisory.products[product_id]
        advisory.ledger.row(
            "affected",
            vulnerability=key,
            subject=f"{advisory.prefix}:{advisory.key}/{product_id}",
            vendor_name=product.vendor,
            product_name=product.name,
            version_range=product.version,
            cpe=product.cpe,
            purl=product.purl,
            status=status,
            remedy=remedies.get(product_id) if status == "affected" else None,
            origin=place,
        )
    for reason in faults:
        advisory.ledger.fault(place, reason, "affected", record)
    for reason, rows in unsaid.items():
        advisory.ledger.set_aside(place, reason, rows)


def _identifier(record: Fields, advisory: _Advisory) -> tuple[str, str | None]:
    """The weakness's key, and its title where no other document can state another."""
    title = text(record, "title")
    if cve := text(record, "cve"):
        return vulnerability_key(cve, advisory.prefix), None
    for identifier in objects(record, "ids"):
        own = needed(identifier, "text")
        system = text(identifier, "system_name")
        return vulnerability_key(own, f"{advisory.prefix}:{system or advisory.key}"), title
    if title is None:
        raise UnfitError("it has no cve, no ids and no title to be known by")
    return f"{advisory.prefix}:{advisory.key}/{title}", title


def _facts(record: Fields) -> dict[str, object]:
    # 2.0 has `cwe`, `scores`, `release_date`; 2.1 has `cwes`, `metrics`, `disclosure_date`.
    weaknesses = [needed(w, "id") for n in ("cwe", "cwes") for w in objects(record, n)]
    scorings = [*objects(record, "scores")]
    scorings += [fields(m.get("content"), "content") for m in objects(record, "metrics")]
    score, vector = _score(scorings)
    return {
        "weakness": ", ".join(dict.fromkeys(weaknesses)) or None,
        "cvss_score": score,
        "cvss_vector": vector,
        "published_on": day(record, "disclosure_date") or day(record, "release_date"),
    }


def _score(scorings: Sequence[Fields]) -> tuple[float | None, str | None]:
    """The base score and vector that all scorings of the first version stated agree on."""
    for version in _SCORES:
        stated = [fields(s[version], version) for s in scorings if s.get(version) is not None]
        if stated:
            scores = {number(s, "baseScore") for s in stated} - {None}
            vectors = {text(s, "vectorString") for s in stated} - {None}
            for score in scores:
                if score is not None and not 0 <= score <= 10:
                    raise UnfitError(f"the baseScore of {version} is not of 0 to 10")
            one_score = len(scores) == 1
            return (
                scores.pop() if one_score else None,
                vectors.pop() if one_score and len(vectors) == 1 else None,
            )
    return None, None


def _statuses(
    record: Fields, advisory: _Advisory
) -> tuple[dict[str, str], list[str], dict[str, int]]:
    """What is said of each product, what of it cannot stand, and what says nothing."""
    groups = fields(record.get("product_status"), "product_status")
    said: dict[str, str] = {}
    faults: list[str] = []
    unsaid: dict[str, int] = {}
    for name in groups:
        products = texts(groups, str(name))
        status = _STATUSES.get(str(name))
        if status is None:
            reason = _NO_STATUS.get(str(name), f"a product status {name!r} that is not CSAF's")
            unsaid[reason] = unsaid.get(reason, 0) + len(products)
            continue
        for product in products:
            if product not in advisory.products:
                faults.append(f"the product {product} is not in the product tree")
            elif said.setdefault(product, status) != status:
                faults.append(f"the product {product} is both {said[product]} and {status}")
    return said, faults, unsaid


def _remedies_by_product(record: Fields, advisory: _Advisory) -> dict[str, str]:
    found: dict[str, dict[str, dict[str, None]]] = {}
    for remediation in objects(record, "remediations"):
        details, category = text(remediation, "details"), text(remediation, "category") or ""
        products = [*texts(remediation, "product_ids")]
        for group in texts(remediation, "group_ids"):
            products += advisory.groups.get(group, ())
        url = text(remediation, "url")
        words = " ".join(one_line(w) for w in (details, url) if w)
        for product in products if words else ():
            found.setdefault(product, {}).setdefault(category, {})[words] = None
    chosen = {}
    for product, by_category in found.items():
        rank = {c: i for i, c in enumerate(_REMEDIES)}
        best = min(by_category, key=lambda c: rank.get(c, len(rank)))
        chosen[product] = "; ".join(by_category[best])
    return chosen
