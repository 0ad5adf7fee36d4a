"""The source itself: what entities and relationships become once they are settled."""

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from ringfence.errors import SourceError
from ringfence.sources.base import Batch, Claim, Options, Read, Reject
from ringfence.sources.teiv.events import read_events
from ringfence.sources.teiv.ledger import HandlesNeededError, Ledger
from ringfence.sources.teiv.sql import has_statements, read_sql
from ringfence.sources.teiv.stores import EntityStore, RelationshipStore, batches

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
        ledger = Ledger()
        with _no_cyclic_collection():
            try:
                _read(path, ledger)
            except HandlesNeededError:
                ledger = Ledger(keeps_handles=True)
                _read(path, ledger)
        settling = _Settling(ledger, options.prefix or "teiv", options.origin or path.name)
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
        for reject in (*ledger.rejects(), *self._aside):
            yield Reject(
                self._place(reject.place),
                reject.reason,
                reject.table,
                reject.kind,
                reject.rows,
                reject.content,
            )
        yield Read(ledger.records, self._kept)

    def _settle_entities(self, store: EntityStore) -> pa.Table:
        rows, gone = store.settled(self._ledger.lost_sources)
        self._set_aside(gone, store.entity.type, rows)
        return rows

    def _set_aside(self, gone: int, what: str, rows: pa.Table) -> None:
        if gone:
            place = rows["place"][0].as_py() if rows.num_rows else ""
            reason = f"{what} was deleted later in the file"
            self._aside.append(Reject(place, reason, kind="set aside", rows=gone))
            self._kept -= gone

    def _site_of(
        self,
        store: RelationshipStore,
        rows: pa.Table,
        sites: dict[str, dict[str, tuple[str, str]]],
    ) -> None:
        """Note where elements stand; one at several sites stands at none that can be told."""
        known = sites.setdefault(store.relationship.a_side.type, {})
        several: dict[str, int] = {}
        for batch in batches(rows):
            columns = (batch[name].to_pylist() for name in ("a_side", "b_side", "place"))
            for element, site, place in zip(*columns, strict=True):
                before = known.setdefault(element, (site, place))
                if before[0] != site:
                    several[element] = several.get(element, 1) + 1
        for element, count in several.items():
            place = known.pop(element)[1]
            reason = "an element at several sites: which it stands at cannot be told"
            self._aside.append(Reject(place, reason, "element", "set aside", count))
            self._kept -= count

    def _joined(self, store: RelationshipStore, rows: pa.Table) -> Iterator[Batch]:
        """Relations and links."""
        relationship = store.relationship
        for batch in batches(rows):
            source, target = (self._keys(batch[name]) for name in ("a_side", "b_side"))
            if relationship.is_turned:
                source, target = target, source
            columns = {"source": source, "target": target, "origin": self._origins(batch["place"])}
            if relationship.becomes == "link":
                yield Batch("link", pa.table({"id": self._keys(batch["id"]), **columns}))
            else:
                kind = _constant(relationship.becomes, batch.num_rows)
                yield Batch("relation", pa.table({**columns, "kind": kind}))

    def _entity_rows(
        self, store: EntityStore, rows: pa.Table, at_site: dict[str, tuple[str, str]]
    ) -> Iterator[Batch]:
        entity = store.entity
        sited = pa.array(list(at_site), pa.large_string())
        sites = pa.array([site for site, _ in at_site.values()], pa.large_string())
        missing = dict(at_site)
        for batch in batches(rows):
            keys, origins = self._keys(batch["id"]), self._origins(batch["place"])
            if entity.becomes == "site":
                yield Batch(
                    "site",
                    pa.table(
                        {
                            "id": keys,
                            "name": batch["name"],
                            "latitude_deg": batch["latitude_deg"],
                            "longitude_deg": batch["longitude_deg"],
                            "origin": origins,
                        }
                    ),
                )
                continue
            columns = {
                "id": keys,
                "name": batch["name"],
                "operator": self._operators(batch),
                "vendor_name": batch["vendor_name"],
                "product": self._product_keys(batch),
                "role_name": _constant(entity.type, batch.num_rows),
                "kind": _constant(entity.kind, batch.num_rows),
                "origin": origins,
            }
            if at_site:
                found = pc.index_in(batch["id"], value_set=sited)
                columns["site"] = self._keys(sites.take(found.combine_chunks()))
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
            places = pa.array([place for _, place in at_site.values()], pa.large_string())
            columns = {
                "id": self._keys(pa.array(list(at_site), pa.large_string())),
                "site": self._keys(pa.array([s for s, _ in at_site.values()], pa.large_string())),
                "origin": self._origins(places),
            }
            yield Batch("element", pa.table(columns))

    def _operators(self, batch: pa.Table) -> pa.Array:
        """Who runs an element: the one network that it says it is of."""
        networks = batch["network"]
        if networks.null_count == len(networks):
            return pa.nulls(len(networks), pa.string())
        for network, place in zip(networks.to_pylist(), batch["place"].to_pylist(), strict=True):
            if network is not None and network not in self._networks:
                self._networks[network] = place
        return _joined_text(f"{self._prefix}:operator/", networks)

    def _product_keys(self, batch: pa.Table) -> pa.Array:
        models = batch["model"]
        if models.null_count == len(models):
            return pa.nulls(len(models), pa.string())
        keys: list[str | None] = []
        columns = (batch[name].to_pylist() for name in ("vendor_name", "model", "place"))
        for vendor, model, place in zip(*columns, strict=True):
            if model is None:
                keys.append(None)
                continue
            self._products.setdefault((vendor, model), place)
            keys.append(self._product_key(vendor, model))
        return pa.array(keys, pa.string())

    def _product_key(self, vendor: str | None, model: str) -> str:
        return f"{self._prefix}:product/{vendor or ''}/{model}"

    def _gathered(self) -> Iterator[Batch]:
        """Operators and products, which elements speak of and TEIV has no records of."""
        if self._networks:
            columns = {
                "id": [f"{self._prefix}:operator/{network}" for network in self._networks],
                "origin": [self._place(place) for place in self._networks.values()],
            }
            yield Batch("operator", pa.table(columns))
        if self._products:
            products: dict[str, list[str] | list[str | None]] = {
                "id": [self._product_key(*product) for product in self._products],
                "vendor_name": [vendor for vendor, _ in self._products],
                "model": [model for _, model in self._products],
                "origin": [self._place(place) for place in self._products.values()],
            }
            yield Batch("product", pa.table(products))

    def _keys(self, column: pa.ChunkedArray | pa.Array) -> pa.Array:
        return _joined_text(f"{self._prefix}:", column)

    def _origins(self, places: pa.ChunkedArray | pa.Array) -> pa.Array:
        return _joined_text(f"{self._name}:", pc.utf8_ltrim(places, ":"))

    def _place(self, place: str) -> str:
        return f"{self._name}:{place.lstrip(':')}" if place else self._name


def _joined_text(head: str, column: pa.ChunkedArray | pa.Array) -> pa.Array:
    text = pa.string()
    return pc.binary_join_element_wise(
        pa.scalar(head, text), column.cast(text), pa.scalar("", text)
    )


def _constant(value: str | None, rows: int) -> pa.Array:
    return pa.repeat(pa.scalar(value, pa.string()), rows)
