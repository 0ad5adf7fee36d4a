"""On which rows a finding rests: where its subject, and what is said of its maker, was read.

Worked out once for all subjects that any rule found something of, and only for those: of a million
elements that comply, nobody needs the origins.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.rules.elements import Elements
from ringfence.store.duck import Tables

_NAMES_A_VENDOR = {"element": "vendor", "contract": "vendor", "vendor": "id"}
"""The tables whose rows name a vendor, and where."""


def proofs(
    elements: Elements,
    table: str,
    subjects: np.ndarray,
    listing: pa.Table,
    of_maker: Iterable[bool],
) -> dict[bool, pa.Array]:
    """The rows that each of `subjects`, numbers of rows of `table`, rests on, one a line.

    Those of the subject itself, or, `of_maker`, those and the ones that say who its maker is and
    is held by, as `listing` has them.
    """
    tables = elements.tables
    with ThreadPoolExecutor(1) as pool:
        of_functions = None
        names = {"origin", _NAMES_A_VENDOR.get(table, "origin")}
        if table == "element":
            of_functions = pool.submit(_of_functions, elements, subjects)
            names.add("product")
        row = _rows(tables.columns(table, *sorted(names)), pa.array(subjects))
        makers = _of_makers(tables, table, row, listing) if True in of_maker else []
    own = [row["origin"]]
    if of_functions:
        is_new = pc.not_equal(of_functions.result(), pc.fill_null(row["origin"], ""))
        own.append(pc.if_else(is_new, of_functions.result(), None))
    return {one: _lines([*own, *makers] if one else own) for one in of_maker}


def _lines(parts: list[pa.Array]) -> pa.Array:
    """The parts that are there, one a line; null where there is none."""
    is_there = pc.is_valid(parts[0])
    for part in parts[1:]:
        is_there = pc.or_(is_there, pc.is_valid(part))
    # Joining would leave a row out in which all parts are null.
    first = pc.if_else(is_there, parts[0], "")
    lines = pc.binary_join_element_wise(first, *parts[1:], "\n", null_handling="skip")
    return pc.if_else(pc.equal(lines, ""), None, lines)


def _of_makers(
    tables: Tables, table: str, row: dict[str, pa.Array], listing: pa.Table
) -> list[pa.Array]:
    if table not in _NAMES_A_VENDOR:
        return []
    listed = _rows(listing.select(["vendor", "rests_on"]))

    def of(vendors: pa.Array) -> pa.Array:
        return listed["rests_on"].take(_places(vendors, listed["vendor"]))

    vendor = row[_NAMES_A_VENDOR[table]]
    if table != "element":
        return [of(vendor)]
    product = tables.columns("product", "id", "vendor", "original_maker", "origin")
    of_vendor, of_first = (of(_rows(product)[name]) for name in ("vendor", "original_maker"))
    product = product.append_column("of_vendor", of_vendor).append_column("of_first", of_first)
    made = _rows(product, _places(row["product"], product["id"]))
    is_said = pc.fill_null(pc.equal(made["vendor"], vendor), False)
    return [
        of(vendor),
        made["origin"],
        pc.if_else(is_said, None, made["of_vendor"]),
        made["of_first"],
    ]


def _of_functions(elements: Elements, subjects: np.ndarray) -> pa.Array:
    """Where the functions of each element were read: each place once, in the alphabet's order."""
    origin = elements.tables.columns("function", "origin")["origin"].combine_chunks()
    # One place more, for the rows that are of no element.
    place_of = np.full(len(elements.ids) + 1, -1, np.int32)
    place_of[subjects] = np.arange(len(subjects), dtype=np.int32)
    places = place_of[elements.performers]
    is_read = places >= 0
    if origin.null_count:
        is_read &= pc.is_valid(origin).to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(is_read)
    places = places[rows]
    is_alone = np.bincount(places, minlength=len(subjects))[places] == 1
    at = np.full(len(subjects), -1)
    at[places[is_alone]] = rows[is_alone]
    # Most elements do one thing: only the lines of the others need to be sorted and joined.
    several = pa.table({"place": places[~is_alone], "origin": origin.take(rows[~is_alone])})
    several = several.group_by(["place", "origin"]).aggregate([])
    lines = _rows(several.sort_by([("place", "ascending"), ("origin", "ascending")]))
    joined_places, begins = np.unique(lines["place"].to_numpy(), return_index=True)
    offsets = pa.array([*begins, len(lines["place"])], pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, lines["origin"]), "\n")
    at[joined_places] = len(origin) + np.arange(len(joined_places))
    return pa.concat_arrays([origin, joined]).take(pa.array(at, mask=at < 0))


def _rows(table: pa.Table, chosen: pa.Array | None = None) -> dict[str, pa.Array]:
    """The columns of the chosen rows; where there is none, a row of nulls."""
    taken = table if chosen is None else table.take(chosen)
    return {name: taken[name].combine_chunks() for name in taken.schema.names}


def _places(
    keys: pa.Array | pa.ChunkedArray, among: pa.Array | pa.ChunkedArray
) -> pa.Array | pa.ChunkedArray:
    """Where each of `keys` lies among others; null where it does not, or is null."""
    return pc.index_in(keys, value_set=among, skip_nulls=True)
