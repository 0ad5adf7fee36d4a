"""The network of a day as numbered arrays: what the service tree is built from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.dependence.reach import Flags, Ints
from ringfence.dependence.ways import SERVICES
from ringfence.network.placement import PlacementParameters, placement
from ringfence.store.duck import Connection, Tables, connect

Floats = npt.NDArray[np.float64]

_PREPARE = (
    """CREATE TEMP TABLE op AS
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM (
      SELECT DISTINCT operator AS id FROM placed WHERE operator IS NOT NULL
      UNION SELECT DISTINCT operator FROM site WHERE operator IS NOT NULL)""",
    """CREATE TEMP TABLE place AS
    SELECT *, row_number() OVER (ORDER BY id) - 1 AS n FROM (
      SELECT DISTINCT ON (id) * FROM site ORDER BY id)""",
    """CREATE TEMP TABLE el AS
    SELECT *, row_number() OVER (ORDER BY id) - 1 AS n FROM (
      SELECT DISTINCT ON (element) element AS id, site, operator, region, vendor, product_vendor,
        original_maker, product
      FROM placed ORDER BY element)""",
    """CREATE TEMP TABLE fn AS
    SELECT e.n AS element, f.kind, f.pool, f.slice FROM function f JOIN el e ON e.id = f.element""",
)
_OPERATOR = "(SELECT n FROM op WHERE op.id = {})"


@dataclass(frozen=True, slots=True)
class Inventory:
    """Arrays by number; -1 where a reference is not stated or leads nowhere.

    `operators`, `regions`, `sites`, `elements`, `kinds` are the names behind the numbers. An
    operator or region that is not stated has the number after the last.
    """

    operators: tuple[str | None, ...]
    regions: tuple[str | None, ...]
    kinds: tuple[str, ...]
    sites: pa.Array
    site_operator: Ints
    site_region: Ints
    site_kind: pa.Array
    site_country: pa.Array
    latitude_deg: Floats
    longitude_deg: Floats
    elements: pa.Array
    element_site: Ints
    element_operator: Ints
    element_product: Ints
    makers: tuple[pa.Array, pa.Array, pa.Array]
    """The vendor, the product's vendor and its original maker of each element."""
    function_element: Ints
    function_kind: Ints
    function_pool: Ints
    pools: tuple[str, ...]
    function_is_sliced: Flags
    link_source: Ints
    link_target: Ints
    link_is_one_way: Flags
    link_has_way_back: Flags
    link_medium: pa.Array
    relation_source: Ints
    relation_target: Ints
    relation_kind: pa.Array
    service_site: Ints
    service_kind: Ints
    """Place in `SERVICES`."""
    people: Floats
    traffic_mbps: Floats
    premises: Floats
    range_km: Floats

    @property
    def element_count(self) -> int:
        """How many elements there are."""
        return len(self.elements)

    def kinds_in(self, names: Sequence[str] | frozenset[str]) -> Flags:
        """Whether each function row is of one of these kinds."""
        wanted = np.array([kind in names for kind in self.kinds] or [False], np.bool_)
        chosen: Flags = wanted[self.function_kind]
        return chosen

    def holds(self, vendors: frozenset[str]) -> tuple[Flags, Flags]:
        """Whether each element is surely, and whether it may be, of one of these vendors."""
        wanted = pa.array(sorted(vendors), pa.string())
        surely = np.zeros(self.element_count, np.bool_)
        for maker in self.makers:
            surely |= np.asarray(pc.is_in(maker, value_set=wanted))
        unknown = np.asarray(pc.is_null(self.makers[0]))
        return surely, surely | unknown


def inventory(network: Tables, as_of: date) -> Inventory:
    """Number the network of a day."""
    placed = placement(network, PlacementParameters(as_of))["placement"]
    tables = {"placed": placed} | {
        name: network.member(name) for name in ("site", "function", "link", "relation", "demand")
    }
    with connect(tables) as duck:
        for statement in _PREPARE:
            duck.run(statement)
        return _numbered(duck)


def _numbered(duck: Connection) -> Inventory:
    operators: list[str | None] = _texts(duck, "SELECT id FROM op ORDER BY n")
    regions: list[str | None] = _texts(
        duck, "SELECT DISTINCT region FROM place WHERE region IS NOT NULL ORDER BY region"
    )
    kinds = _texts(duck, "SELECT DISTINCT kind FROM fn ORDER BY kind")
    pools = _texts(duck, "SELECT DISTINCT pool FROM fn WHERE pool IS NOT NULL ORDER BY pool")
    duck.add("region_number", _numbers(regions))
    duck.add("kind_number", _numbers(kinds))
    duck.add("pool_number", _numbers(pools))
    site = duck.query(
        f"""SELECT id, kind, country, latitude_deg, longitude_deg,
          coalesce({_OPERATOR.format("place.operator")}, {len(operators)}) AS operator,
          coalesce((SELECT n FROM region_number r WHERE r.id = place.region), {len(regions)})
            AS region
        FROM place ORDER BY n"""
    )
    element = duck.query(
        f"""SELECT e.id, e.vendor, e.product_vendor, e.original_maker, coalesce(p.n, -1) AS site,
          coalesce({_OPERATOR.format("e.operator")}, {len(operators)}) AS operator,
          coalesce(dense_rank() OVER (ORDER BY coalesce(e.product, e.vendor, '')) - 1, -1)
            AS product
        FROM el e LEFT JOIN place p ON p.id = e.site ORDER BY e.n"""
    )
    function = duck.query(
        """SELECT f.element, k.n AS kind, coalesce(p.n, -1) AS pool, f.slice IS NOT NULL AS sliced
        FROM fn f JOIN kind_number k ON k.id = f.kind LEFT JOIN pool_number p ON p.id = f.pool
        ORDER BY f.element, k.n, p.n, f.slice"""
    )
    link = duck.query(
        """WITH ends AS (
          SELECT l.id, s.n AS source, t.n AS target, l.medium, coalesce(l.is_one_way, false) AS one
          FROM link l JOIN el s ON s.id = l.source JOIN el t ON t.id = l.target
          WHERE s.n <> t.n AND (s.operator = t.operator OR s.operator IS NULL OR t.operator IS NULL)
            AND l.carries IS DISTINCT FROM 'inter-operator'
        ), back AS (SELECT DISTINCT source, target FROM ends)
        SELECT e.*, b.source IS NOT NULL AS returns
        FROM ends e LEFT JOIN back b ON b.source = e.target AND b.target = e.source
        ORDER BY e.id, e.source, e.target"""
    )
    relation = duck.query(
        """SELECT s.n AS source, t.n AS target, r.kind FROM relation r
        JOIN el s ON s.id = r.source JOIN el t ON t.id = r.target
        WHERE s.n <> t.n ORDER BY r.kind, t.n, s.n"""
    )
    duck.add("service_kind", _numbers(SERVICES))
    demand = duck.query(
        """SELECT p.n AS site, k.n AS kind, max(d.people) AS people,
          sum(d.traffic_mbps::DECIMAL(38, 6))::DOUBLE AS traffic,
          sum(d.premises::DECIMAL(38, 6))::DOUBLE AS premises, max(d.range_km) AS range_km
        FROM demand d JOIN place p ON p.id = d.site JOIN service_kind k ON k.id = d.kind
        WHERE d.to_site IS NULL GROUP BY p.n, k.n ORDER BY p.n, k.n"""
    )
    return Inventory(
        (*operators, None),
        (*regions, None),
        tuple(str(kind) for kind in kinds),
        _whole(site["id"]),
        _ints(site["operator"]),
        _ints(site["region"]),
        _whole(site["kind"]),
        _whole(site["country"]),
        _floats(site["latitude_deg"]),
        _floats(site["longitude_deg"]),
        _whole(element["id"]),
        _ints(element["site"]),
        _ints(element["operator"]),
        _ints(element["product"]),
        (
            _whole(element["vendor"]),
            _whole(element["product_vendor"]),
            _whole(element["original_maker"]),
        ),
        _ints(function["element"]),
        _ints(function["kind"]),
        _ints(function["pool"]),
        tuple(str(pool) for pool in pools),
        np.asarray(function["sliced"], np.bool_),
        _ints(link["source"]),
        _ints(link["target"]),
        np.asarray(link["one"], np.bool_),
        np.asarray(link["returns"], np.bool_),
        _whole(link["medium"]),
        _ints(relation["source"]),
        _ints(relation["target"]),
        _whole(relation["kind"]),
        _ints(demand["site"]),
        _ints(demand["kind"]),
        _floats(demand["people"]),
        _floats(demand["traffic"]),
        _floats(demand["premises"]),
        _floats(demand["range_km"]),
    )


def _texts(duck: Connection, sql: str) -> list[Any]:
    column: list[Any] = duck.query(sql).column(0).to_pylist()
    return column


def _numbers(names: Sequence[str | None]) -> pa.Table:
    return pa.table(
        {"id": pa.array(names, pa.string()), "n": pa.array(range(len(names)), pa.int64())}
    )


def _whole(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        return pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], whole.type)
    return whole


def _ints(column: pa.ChunkedArray) -> Ints:
    return np.asarray(column, np.int64).astype(np.int32)


def _floats(column: pa.ChunkedArray) -> Floats:
    """Numbers, NaN where not stated."""
    return np.asarray(column.cast(pa.float64()).to_numpy(), np.float64)
