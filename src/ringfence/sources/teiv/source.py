"""The source itself: what entities and relationships become once they are settled."""

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.teiv.events import read_events
from ringfence.sources.teiv.ledger import HandlesNeededError, Ledger
from ringfence.sources.teiv.sql import has_statements, read_sql
from ringfence.sources.teiv.standing import Standing
from ringfence.sources.teiv.stores import EntityStore, RelationshipStore, keys_of

__all__ = ["Teiv"]

_MARK: Final = b"\xef\xbb\xbf"
_TYPE: Final = re.compile(
    rb'"type"\s*:\s*"(?:topology-inventory-ingestion|ran-logical-topology)\.[\w-]+"'
)
_QUALIFIED: Final = re.compile(rb'"(?:o-ran-smo-teiv-[\w-]+|ran-[\w-]*topology):\w+"\s*:\s*[\[{]')
_ENTITIES: Final = re.compile(rb'"(?:entities|relationships|items)"\s*:\s*\[')
_DATA: Final = re.compile(rb'"(?:specversion|data)"\s*:')


class Teiv:
    """Reads what O-RAN's topology and inventory (TE&IV) says."""

    kind = "teiv"
    describes = "O-RAN TEIV: CloudEvents and REST answers as JSON, dumps of its database"
    version = 1

    def claims(self, path: Path, head: bytes) -> Claim:  # noqa: ARG002  # a name proves nothing
        """Decide from the first bytes alone."""
        head = head.removeprefix(_MARK)
        if head.lstrip()[:1] not in (b"{", b"["):
            if has_statements(head):
                return Claim(1.0, "it is SQL of TEIV's database")
            return Claim(0.0, "it begins neither as JSON nor as SQL of TEIV")
        if _TYPE.search(head) and _DATA.search(head):
            return Claim(1.0, "it is an event of TEIV's topology ingestion")
        if _QUALIFIED.search(head) and _ENTITIES.search(head):
            return Claim(1.0, "it names entities or relationships of TEIV's modules")
        if _QUALIFIED.match(head.lstrip()[1:].lstrip()):
            return Claim(0.9, "it is an answer of TEIV for one entity or relationship")
        return Claim(0.0, "no event or type of TEIV stands in its beginning")

    def read(self, path: Path, options: Options) -> Iterator[Batch | Reject | Read]:
        """Yield the tables, then why other records became no rows, then the counts."""
        prefix = options.prefix or "teiv"
        ledger = Ledger(f"{prefix}:")
        with _no_cyclic_collection():
            try:
                _read(path, ledger)
            except HandlesNeededError:
                ledger = Ledger(f"{prefix}:", keeps_handles=True)
                _read(path, ledger)
        settling = _Settling(ledger, prefix, options.origin or path.name)
        yield from settling.all()


def _read(path: Path, ledger: Ledger) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(64 * 1024).removeprefix(_MARK)
    except OSError as error:
        raise SourceError(f"cannot be read: {error.strerror or error}", where=str(path)) from None
    if not head.strip():
        raise SourceError("the file is empty", where=str(path))
    if head.startswith(b"PGDMP"):
        raise SourceError(
            "a PostgreSQL dump in the custom format is not read",
            where=str(path),
            hint="make text of it: pg_restore --file=teiv.sql DUMP",
        )
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise SourceError(
            "the file is UTF-16, which JSON and SQL dumps are not",
            where=str(path),
            hint="convert it: iconv -f UTF-16 -t UTF-8",
        )
    if head.lstrip()[:1] in (b"{", b"["):
        read_events(path, ledger)
    else:
        read_sql(path, ledger)


@contextmanager
def _no_cyclic_collection() -> Iterator[None]:
    """Records are in no cycles; looking for some while millions are made takes much of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Settling:
    """Makes the tables of a ledger; the ledger's rows are used up."""

    def __init__(self, ledger: Ledger, prefix: str, name: str) -> None:
        self._ledger = ledger
        self._prefix = prefix
        self._name = name
        self._kept = ledger.records - sum(r.rows for r in ledger.rejects())
        self._aside: list[Reject] = []
        self._networks: dict[str, str] = {}
        self._products: dict[tuple[str | None, str], str] = {}

    def all(self) -> Iterator[Batch | Reject | Read]:
        ledger = self._ledger
        entities = {name: self._settle_entities(store) for name, store in ledger.entities.items()}
        sites: dict[str, dict[str, tuple[str, str]]] = {}
        for relationships in ledger.relationships.values():
            rows, gone = relationships.settled(ledger.entities)
            self._set_aside(gone, relationships.relationship.name, rows)
            if relationships.relationship.becomes == "site":
                self._site_of(relationships, rows, sites)
            else:
                yield from self._joined(relationships, rows)
        for name, rows in entities.items():
            yield from self._entity_rows(ledger.entities[name], rows, sites.pop(name, {}))
        for at_site in sites.values():
            yield from self._unnamed(at_site)
        yield from self._gathered()
        for reject in ledger.rejects():
            yield replace(reject, place=self._place(reject.place))
        for reject in self._aside:
            yield replace(reject, place=reject.place or self._name)
        yield Read(ledger.records, self._kept)

    def _settle_entities(self, store: EntityStore) -> Standing:
        rows, gone = store.settled(self._ledger.lost_sources)
        self._set_aside(gone, store.entity.type, rows)
        return rows

    def _set_aside(self, gone: int, what: str, rows: Standing) -> None:
        if gone:
            first = rows.first()
            origin = "" if first is None else self._origins(first, what)[0].as_py()
            reason = f"{what} was deleted later in the file"
            self._aside.append(Reject(origin, reason, kind="set aside", rows=gone))
            self._kept -= gone

    def _site_of(
        self,
        store: RelationshipStore,
        rows: Standing,
        sites: dict[str, dict[str, tuple[str, str]]],
    ) -> None:
        """Note where elements stand; one at several sites stands at none that can be told."""
        known = sites.setdefault(store.relationship.a_side.type, {})
        several: dict[str, int] = {}
        for batch in rows.batches():
            origins = self._origins(batch, store.name)
            columns = (c.to_pylist() for c in (batch["a_side"], batch["b_side"], origins))
            for element, site, origin in zip(*columns, strict=True):
                before = known.setdefault(element, (site, origin))
                if before[0] != site:
                    several[element] = several.get(element, 1) + 1
        for element, count in several.items():
            origin = known.pop(element)[1]
            reason = "an element at several sites: which it stands at cannot be told"
            self._aside.append(Reject(origin, reason, "element", "set aside", count))
            self._kept -= count

    def _joined(self, store: RelationshipStore, rows: Standing) -> Iterator[Batch]:
        """Relations and links."""
        relationship = store.relationship
        for batch in rows.batches():
            source, target = (batch[name] for name in ("a_side", "b_side"))
            if relationship.is_turned:
                source, target = target, source
            origins = self._origins(batch, store.name)
            columns = {"source": source, "target": target, "origin": origins}
            if relationship.becomes == "link":
                yield Batch("link", pa.table({"id": batch["id"], **columns}))
            else:
                kind = _constant(relationship.becomes, batch.num_rows)
                yield Batch("relation", pa.table({**columns, "kind": kind}))

    def _entity_rows(
        self, store: EntityStore, rows: Standing, at_site: dict[str, tuple[str, str]]
    ) -> Iterator[Batch]:
        entity = store.entity
        sited = pa.array(list(at_site), pa.string())
        sites = pa.array([site for site, _ in at_site.values()], pa.string())
        missing = dict(at_site)
        for batch in rows.batches():
            keys, origins = batch["id"], self._origins(batch, entity.type)
            if entity.becomes == "site":
                yield Batch(
                    "site",
                    pa.table(
                        {
                            "id": keys,
                            **_stated(batch, "name", "latitude_deg", "longitude_deg"),
                            "origin": origins,
                        }
                    ),
                )
                continue
            columns = {
                "id": keys,
                **_stated(batch, "name", "vendor_name"),
                "role_name": _constant(entity.type, batch.num_rows),
                "kind": _constant(entity.kind, batch.num_rows),
                "origin": origins,
            }
            if "network" in batch.column_names:
                columns["operator"] = self._operators(batch["network"], origins)
            if "model" in batch.column_names:
                columns["product"] = self._product_keys(batch, origins)
            if at_site:
                found = pc.index_in(batch["id"], value_set=sited)
                columns["site"] = sites.take(found.combine_chunks())
                for identifier in batch["id"].filter(pc.is_valid(found)).to_pylist():
                    missing.pop(identifier, None)
            yield Batch("element", pa.table(columns))
            if entity.function is not None:
                yield Batch(
                    "function",
                    pa.table(
                        {
                            "element": keys,
                            "kind": _constant(entity.function, batch.num_rows),
                            "generation": _constant(entity.generation, batch.num_rows),
                            "origin": origins,
                        }
                    ),
                )
        yield from self._unnamed(missing)

    def _unnamed(self, at_site: dict[str, tuple[str, str]]) -> Iterator[Batch]:
        """Elements of which the file says no more than where they stand."""
        if at_site:
            columns = {
                "id": list(at_site),
                "site": [site for site, _ in at_site.values()],
                "origin": [origin for _, origin in at_site.values()],
            }
            yield Batch("element", pa.table(columns))

    def _operators(self, networks: pa.ChunkedArray, origins: pa.ChunkedArray) -> pa.Array:
        """Who runs an element: the one network that it says it is of."""
        encoded = networks.combine_chunks().dictionary_encode()
        for at, network in enumerate(encoded.dictionary.to_pylist()):
            if network not in self._networks:
                first = pc.index(encoded.indices, at).as_py()
                self._networks[network] = origins[first].as_py()
        return keys_of(f"{self._prefix}:operator/", networks)

    def _product_keys(self, batch: pa.Table, origins: pa.ChunkedArray) -> pa.Array:
        keys: list[str | None] = []
        vendors = [None] * batch.num_rows
        if "vendor_name" in batch.column_names:
            vendors = batch["vendor_name"].to_pylist()
        columns = (batch["model"].to_pylist(), origins.to_pylist())
        for vendor, model, origin in zip(vendors, *columns, strict=True):
            if model is None:
                keys.append(None)
                continue
            self._products.setdefault((vendor, model), origin)
            keys.append(self._product_key(vendor, model))
        return pa.array(keys, pa.string())

    def _product_key(self, vendor: str | None, model: str) -> str:
        return f"{self._prefix}:product/{vendor or ''}/{model}"

    def _gathered(self) -> Iterator[Batch]:
        """Operators and products, which elements speak of and TEIV has no records of."""
        if self._networks:
            columns = {
                "id": [f"{self._prefix}:operator/{network}" for network in self._networks],
                "origin": list(self._networks.values()),
            }
            yield Batch("operator", pa.table(columns))
        if self._products:
            products: dict[str, list[str] | list[str | None]] = {
                "id": [self._product_key(*product) for product in self._products],
                "vendor_name": [vendor for vendor, _ in self._products],
                "model": [model for _, model in self._products],
                "origin": list(self._products.values()),
            }
            yield Batch("product", pa.table(products))

    def _origins(self, rows: pa.Table, of: str) -> pa.ChunkedArray:
        return self._ledger.places.texts(f"{self._name}:", rows, of)

    def _place(self, place: str) -> str:
        return f"{self._name}:{place.lstrip(':')}" if place else self._name


def _stated(batch: pa.Table, *names: str) -> dict[str, pa.ChunkedArray]:
    return {name: batch[name] for name in names if name in batch.column_names}


def _constant(value: str | None, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), rows)
