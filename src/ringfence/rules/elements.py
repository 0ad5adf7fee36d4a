"""The elements of a network by number, and what each of them does.

An element's number is that of its row in the table. What names elements by their keys is looked up
once, here, and many packs may then be held against the same network.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from functools import cached_property
from threading import Lock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ringfence.network.functions import catalogue, resolve_kind
from ringfence.store.duck import Tables

PERFORMS = pa.schema(
    [
        ("functions", pa.int32()),
        *((name, pa.string()) for name in ("kind", "domain", "generation", "plane")),
    ]
)
"""A function of each set of functions that some element performs. Set 0 is the one that is not
stated."""


class Elements:
    """The elements of a network; each thing is worked out when it is first asked for."""

    def __init__(self, tables: Tables) -> None:
        """Of a network's `tables`, `element` and `function` must be there."""
        self.tables = tables
        self._in_service: dict[date, np.ndarray] = {}
        self._known: tuple[np.ndarray, pa.Table] | None = None
        self._lock = Lock()

    def __reduce__(self) -> tuple[type["Elements"], tuple[Tables]]:
        """Pickle the tables alone: a worker reads them anew sooner than it is sent the rest."""
        return Elements, (self.tables,)

    @cached_property
    def ids(self) -> pa.Array:
        """Their keys, in the order of the table."""
        return self.tables.columns("element", "id")["id"].combine_chunks()

    @cached_property
    def performers(self) -> np.ndarray:
        """Of each row of `function`, the number of the element that performs it, or -1."""
        named = self.tables.columns("function", "element")["element"]
        # The lines of a network's functions follow its elements, so few are looked up far apart.
        found = pc.index_in(named, value_set=self.ids, skip_nulls=True)
        numbers: np.ndarray = pc.fill_null(found, -1).to_numpy()
        return numbers

    def in_service(self, as_of: date) -> np.ndarray:
        """The numbers of those in service on a day; one whose dates are not stated is."""
        if as_of not in self._in_service:
            dates = self.tables.columns("element", "installed_on", "removed_on")
            is_out = pc.or_(
                pc.fill_null(pc.greater(dates["installed_on"], as_of), False),
                pc.fill_null(pc.less_equal(dates["removed_on"], as_of), False),
            )
            self._in_service[as_of] = np.flatnonzero(~is_out.to_numpy()).astype(np.int32)
        return self._in_service[as_of]

    def begin(self) -> None:
        """Begin to work out, in the background, what each of them performs."""
        pool = ThreadPoolExecutor(1)
        pool.submit(lambda: self._performed)
        pool.shutdown(wait=False)

    @property
    def functions(self) -> np.ndarray:
        """Of each element, the number of the set of functions it performs; see `performs`."""
        return self._performed[0]

    @property
    def performs(self) -> pa.Table:
        """The functions of each set, as `PERFORMS`."""
        return self._performed[1]

    @property
    def _performed(self) -> tuple[np.ndarray, pa.Table]:
        with self._lock:
            if self._known is None:
                self._known = self._work_out()
            return self._known

    def _work_out(self) -> tuple[np.ndarray, pa.Table]:
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(self._stated)
            performers = self.performers
        known, stated = asked.result()
        is_of_one = (performers >= 0) & (stated > 0)
        performer, stated = performers[is_of_one], stated[is_of_one]
        sets = np.zeros(len(self.ids), np.int32)
        sets[performer] = stated
        rows = [{"functions": 0}, *known]
        number = len(rows)
        # Most elements do one thing: only the others are sets worth a look.
        is_one_of_several = np.bincount(performer, minlength=len(sets))[performer] > 1
        if is_one_of_several.any():
            pairs = performer[is_one_of_several] * np.int64(len(rows)) + stated[is_one_of_several]
            performer, stated = np.divmod(np.unique(pairs), len(rows))
            doers, begins, sizes = np.unique(performer, return_index=True, return_counts=True)
            sets[doers] = stated[begins]
            for size in np.unique(sizes[sizes > 1]).tolist():
                begin = begins[sizes == size]
                several = stated[begin[:, np.newaxis] + np.arange(size)]
                kept, which = np.unique(several, axis=0, return_inverse=True)
                sets[doers[sizes == size]] = which.reshape(-1) + number
                rows += [
                    rows[one] | {"functions": number + place}
                    for place, each in enumerate(kept.tolist())
                    for one in each
                ]
                number += len(kept)
        return sets, pa.Table.from_pylist(rows, schema=PERFORMS)

    def _stated(self) -> tuple[list[dict[str, object]], np.ndarray]:
        """Each function that is stated, as the set of it alone; and of each row, its number."""
        columns = ("kind", "generation")
        read = self.tables.columns("function", *columns, coded=columns)
        kinds, generations = (read[name].combine_chunks() for name in columns)
        generation_names = [*generations.dictionary.to_pylist(), None]
        no_generation = len(generation_names) - 1
        # Both as one number, which is less than 0 where no kind is stated.
        pair = pc.fill_null(kinds.indices, -1).to_numpy() * np.int64(len(generation_names))
        pair += pc.fill_null(generations.indices, no_generation).to_numpy()
        coded = pa.array(pair).dictionary_encode()
        written = [
            (kinds.dictionary[kind].as_py(), generation_names[generation], place)
            for place, one in enumerate(coded.dictionary.to_pylist())
            for kind, generation in [divmod(one, len(generation_names))]
            if kind >= 0
        ]
        known = {row["kind"]: row for row in catalogue().to_pylist()}
        numbers: dict[tuple[str, str | None], int] = {}
        rows: list[dict[str, object]] = []
        number_of = np.zeros(len(coded.dictionary), np.int32)
        for kind, stated, place in sorted(written, key=lambda w: (w[0], w[1] or "")):
            meant = resolve_kind(kind) or kind
            entry = known.get(meant, {})
            generation = stated or entry.get("generation")
            number_of[place] = numbers.setdefault((meant, generation), len(numbers) + 1)
            if len(numbers) > len(rows):
                about = {name: entry.get(name) for name in ("domain", "plane")}
                rows.append(
                    {"functions": len(numbers), "kind": meant, "generation": generation} | about
                )
        return rows, number_of[coded.indices.to_numpy()]
