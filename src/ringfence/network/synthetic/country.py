"""The whole country, piece by piece."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from ringfence.network.synthetic.connections import centre_pieces
from ringfence.network.synthetic.core import core_pieces, regulator_pieces
from ringfence.network.synthetic.plan import CountryParameters, Operator, operators
from ringfence.network.synthetic.rows import Piece
from ringfence.network.synthetic.sites import site_pieces

BATCH_SITES: Final = 4096
"""No piece holds more than these many sites, or what stands at them."""


def country(parameters: CountryParameters) -> Iterator[Piece]:
    """Yield the made-up country as pairs of a table's name and some of its rows.

    The order is always the same: what the regulator knows, then each operator's core and its
    regions. Every piece has all columns of its table; `vendor` columns are left to resolution.
    """
    yield from regulator_pieces(parameters)
    for operator in operators(parameters):
        yield from operator_pieces(parameters, operator)


def operator_pieces(parameters: CountryParameters, operator: Operator) -> Iterator[Piece]:
    """One operator's part of `country`."""
    yield from core_pieces(parameters, operator)
    yield from centre_pieces(operator)
    for place in range(len(operator.regions)):
        first = operator.first_site(place)
        end = first + sum(operator.counts(place))
        for start in range(first, end, BATCH_SITES):
            numbers = np.arange(start, min(start + BATCH_SITES, end), dtype=np.int64)
            yield from site_pieces(parameters, operator, place, numbers)
