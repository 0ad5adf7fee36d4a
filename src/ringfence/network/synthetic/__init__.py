"""A made-up country's networks, of any size, from a seed.

It is made part by part: one operator's core, then one region's sites in batches. Each part draws
from its own generator, seeded by its place, so that a part is the same whatever was made before
it, and nothing ever holds the whole: ten million elements need no more memory than ten thousand.

Who is connected to what, what listens and what is filtered differs by operator, so that a vendor
kept out of the core comes to it at one of them and not at another; see `practice`.

The tables are as sources would give them: makers under the names that operators write, functions
in the operators' words, facts missing where operators have not stated them. `write_files` writes
the same country as the files that operators would send; reading those gives these tables back.
"""

from ringfence.network.synthetic.core import regulator_pieces
from ringfence.network.synthetic.country import (
    BATCH_SITES,
    country,
    operator_pieces,
)
from ringfence.network.synthetic.files import FAULTY_ROWS, folder_name, write_files
from ringfence.network.synthetic.plan import SIZES, CountryParameters, Operator, operators
from ringfence.network.synthetic.rows import Piece

__all__ = [
    "BATCH_SITES",
    "FAULTY_ROWS",
    "SIZES",
    "CountryParameters",
    "Operator",
    "Piece",
    "country",
    "folder_name",
    "operator_pieces",
    "operators",
    "regulator_pieces",
    "write_files",
]
