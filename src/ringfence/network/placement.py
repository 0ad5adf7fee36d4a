"""Where everything is on a day: one row an element and function, with what questions ask of it.

Presence, rules and options all begin here, so that they speak of the same network: the elements
in service on the day, each with its operator (its own, or that of its site), its maker, and each
function it performs with its place in the catalogue.
"""

from dataclasses import dataclass
from datetime import date

from ringfence.network.functions import catalogue
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables, connect
from ringfence.store.tables import Column, Table, Type

PLACEMENT = Table(
    "placement",
    "an element in service and one of its functions, or the element alone where none is stated",
    ("element", "kind", "slice"),
    (
        Column("element", Type.TEXT, "The element", refers_to="element", required=True),
        Column("name", Type.TEXT, "Its name"),
        Column("kind", Type.TEXT, "The function, null where none is stated"),
        Column("slice", Type.TEXT, "The slice the function serves"),
        Column("domain", Type.TEXT, "The function's domain; null where it is in no catalogue"),
        Column("generation", Type.TEXT, "The generation stated, else that of the catalogue"),
        Column("site", Type.TEXT, "Where it stands", refers_to="site"),
        Column("region", Type.TEXT, "The site's region"),
        Column("operator", Type.TEXT, "Who runs it, or runs its site", refers_to="operator"),
        Column("vendor", Type.TEXT, "The maker", refers_to="vendor"),
        Column("product_vendor", Type.TEXT, "The maker of its product", refers_to="vendor"),
        Column("original_maker", Type.TEXT, "Who really makes that", refers_to="vendor"),
        Column("product", Type.TEXT, "The product", refers_to="product"),
        Column("purchased_on", Type.DATE, "Day it was bought"),
        Column("installed_on", Type.DATE, "Day it was put into service"),
        Column("origin", Type.TEXT, "Where the element, and its function, were read"),
    ),
)

_SQL = """
SELECT
  e.id AS element, e.name, f.kind, f.slice, c.domain,
  coalesce(f.generation, c.generation) AS generation,
  e.site, s.region, coalesce(e.operator, s.operator) AS operator,
  e.vendor, p.vendor AS product_vendor, p.original_maker, e.product, e.purchased_on, e.installed_on,
  concat_ws(chr(10), e.origin, f.origin) AS origin
FROM element e
LEFT JOIN function f ON f.element = e.id
LEFT JOIN catalogue c ON c.kind = f.kind
LEFT JOIN site s ON s.id = e.site
LEFT JOIN product p ON p.id = e.product
WHERE (e.installed_on IS NULL OR e.installed_on <= $as_of)
  AND (e.removed_on IS NULL OR e.removed_on > $as_of)
ORDER BY e.id, f.kind, f.slice
"""


@dataclass(frozen=True, slots=True)
class PlacementParameters:
    """The day asked for."""

    as_of: date


@step(
    reads=("element", "function", "site", "product"),
    writes=("placement",),
    version=1,
)
def placement(network: Tables, parameters: PlacementParameters) -> Answer:
    """Lay the network of a day out, one row an element and function.

    An element is in service from its installation until the day it is removed; where a date is
    not stated, it is taken to be there, since leaving it out could hide it.
    """
    with connect(network) as connection:
        connection.add("catalogue", catalogue())
        found = connection.query(_SQL, {"as_of": parameters.as_of})
        return {"placement": PLACEMENT.conform(found)}
