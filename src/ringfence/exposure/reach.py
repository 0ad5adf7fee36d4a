"""The tables in which others ask who can send a packet to whom, element by element."""

from ringfence.store.tables import Column, Table, Type

_ANSWER = ("can", "cannot", "not known")

REACH = Table(
    "reach",
    "an element that can, or may, send a packet to something that listens and takes it",
    ("source_element", "target_endpoint"),
    (
        Column("source_element", Type.TEXT, "Who sends", required=True, refers_to="element"),
        Column("target_endpoint", Type.TEXT, "What listens", required=True,
               refers_to="endpoint"),
        Column("target_element", Type.TEXT, "The element it listens on", required=True,
               refers_to="element"),
        Column("answer", Type.TEXT, "Whether it can", required=True, one_of=_ANSWER),
        Column("origin", Type.TEXT, "What that rests on"),
    ),
)  # fmt: skip
"""Of two elements in `EXPOSED` it has every pair that can or may; what is not there cannot."""

EXPOSED = Table(
    "exposed",
    "an element whose links to others were worked out, and whether it can be reached from outside",
    ("element",),
    (
        Column("element", Type.TEXT, "The element", required=True, refers_to="element"),
        Column("answer", Type.TEXT,
               "Whether a user's device or another network can send it a packet it takes",
               required=True, one_of=_ANSWER),
        Column("origin", Type.TEXT, "What that rests on"),
    ),
)  # fmt: skip
"""One row for each element that was looked at: of one that is not there, nothing is known."""
