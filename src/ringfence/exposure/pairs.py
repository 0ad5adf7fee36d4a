"""Who can send a packet to what, element by element, for those who ask about single elements.

Rules of law ask about pairs ("no path from the corporate zone to the management plane"). The
answers are those of `packets`, laid out for each pair of elements; where they are too many, none
is laid out, and a rule that needs them says that it was not worked out.
"""

from dataclasses import dataclass

from ringfence.exposure.packets import NOWHERE
from ringfence.exposure.reach import EXPOSED, REACH
from ringfence.provenance.step import Answer, step
from ringfence.store.duck import Tables, connect

MOST_PAIRS = 20_000_000
"""More pairs than this are not laid out: places and openings answer for them."""


@dataclass(frozen=True, slots=True)
class PairParameters:
    """How many pairs may be laid out."""

    most: int = MOST_PAIRS


@step(reads=("place", "opening", "passage"), writes=("reach", "exposed"), version=1)
def pairs(network: Tables, parameters: PairParameters) -> Answer:
    """Lay the passages out for each pair of elements.

    An element of which no foot is stated was not looked at. What lies outside the network is no
    element, so that whether it can be reached from there is not known.
    """
    with connect(network) as duck:
        between = (
            "FROM passage g JOIN place p ON p.place = g.place JOIN opening o ON o.opening = g.opening "
            "WHERE o.endpoint IS NOT NULL AND p.element <> o.element "
            "AND g.place <> $nowhere AND g.opening <> $nowhere"
        )
        named = {"nowhere": NOWHERE}
        many = duck.value(f"SELECT count(*) {between}", named)
        if not isinstance(many, int) or many > parameters.most:
            return {"reach": REACH.empty(), "exposed": EXPOSED.empty()}
        # "can" sorts before "not known".
        reach = duck.query(
            "SELECT p.element AS source_element, o.endpoint AS target_endpoint, "
            "o.element AS target_element, min(g.answer) AS answer, "
            "arg_min(g.rests_on, g.answer || g.place || g.opening) AS origin "
            f"{between} GROUP BY ALL ORDER BY ALL",
            named,
        )
        exposed = duck.query(
            "SELECT element, 'not known' AS answer, min(origin) AS origin FROM place "
            "WHERE place <> $nowhere GROUP BY element ORDER BY element",
            named,
        )
    return {"reach": REACH.conform(reach), "exposed": EXPOSED.conform(exposed)}
