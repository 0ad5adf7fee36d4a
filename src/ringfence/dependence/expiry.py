"""What expires on a date that the tables state, once nobody renews it.

A licence or certificate of an element (`licence_until`, `certificate_until`) is by its meaning one
without which the element gives no service: it counts in both readings. A certificate that an
authority gave (`approval`) makes use unlawful when it lapses, not impossible, so it counts among
what may be out alone. Updates stop with the vendor; where the contract for them, or the product's
support, had ended before, they stopped then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ringfence.dependence.reach import Flags
from ringfence.store.duck import Tables

Floats = npt.NDArray[np.float64]

READS = ("element", "site", "product", "contract", "approval")

_OF_ELEMENTS = """
WITH here AS (
  SELECT DISTINCT ON (e.id) e.id, coalesce(e.operator, s.operator) AS operator, e.product,
    e.licence_until, e.certificate_until, p.end_of_support_on
  FROM element e LEFT JOIN site s ON s.id = e.site LEFT JOIN product p ON p.id = e.product
  ORDER BY e.id
), paid AS (
  SELECT operator, CASE WHEN bool_or(until IS NULL) THEN NULL ELSE max(until) END AS until,
  FROM contract WHERE covers IN ('updates', 'support') AND operator IS NOT NULL
    AND vendor IN (SELECT unnest($vendors))
  GROUP BY operator
), lapse AS (
  SELECT h.id, a.instrument,
    CASE WHEN bool_or(a.valid_to IS NULL) THEN NULL ELSE max(a.valid_to) END AS valid_to
  FROM here h JOIN approval a ON a.kind = 'certificate'
    AND a.outcome IN ('granted', 'granted with conditions')
    AND (a.operator IS NULL OR a.operator = h.operator)
    AND (a.element = h.id OR (a.element IS NULL AND (a.product = h.product
      OR (a.product IS NULL AND a.vendor IN (SELECT unnest($vendors))))))
  GROUP BY h.id, a.instrument
), first_lapse AS (SELECT id, min(valid_to) AS valid_to FROM lapse GROUP BY id)
SELECT h.id, h.licence_until - $on AS licence, h.certificate_until - $on AS certificate,
  h.end_of_support_on - $on AS support, paid.until - $on AS contract,
  first_lapse.valid_to - $on AS lapse
FROM here h LEFT JOIN paid ON paid.operator = h.operator
  LEFT JOIN first_lapse ON first_lapse.id = h.id
"""


@dataclass(frozen=True, slots=True)
class Expiry:
    """Days from the withdrawal, a row an element; infinite where nothing that is stated expires.

    `stops` is the day from which a licence or certificate of its own has run out, `lapses` that of
    an authority's certificate; neither is before the day itself. `mended_until` is the day on which
    its updates stopped. `is_stated` tells whether both its licence and certificate state an end.
    """

    stops: Floats
    lapses: Floats
    mended_until: Floats
    is_stated: Flags


def expiry(
    network: Tables,
    elements: pa.Array,
    vendors: Sequence[str],
    on: date,
    *,
    honours_contracts: bool,
) -> Expiry:
    """What expires when, of these elements; `vendors` are those that go."""
    found = network.query(_OF_ELEMENTS, {"vendors": sorted(vendors), "on": on})
    place = {element: row for row, element in enumerate(found["id"].to_pylist())}
    rows = np.array([place.get(element, -1) for element in elements.to_pylist()], np.int64)

    def days(name: str) -> Floats:
        stated = np.append(found[name].cast(pa.float64()).to_numpy(), np.nan)
        chosen: Floats = stated[rows].astype(np.float64)
        return chosen

    licence, certificate, lapse = days("licence"), days("certificate"), days("lapse")
    # The last day itself still counts.
    stops = np.nan_to_num(np.fmin(licence, certificate) + 1.0, nan=np.inf)
    contract = np.nan_to_num(days("contract"))
    if not honours_contracts:
        contract = np.minimum(contract, 0.0)
    return Expiry(
        np.maximum(stops, 0.0),
        np.maximum(np.nan_to_num(lapse + 1.0, nan=np.inf), 0.0),
        np.fmin(contract, days("support")),
        ~np.isnan(licence) & ~np.isnan(certificate),
    )
