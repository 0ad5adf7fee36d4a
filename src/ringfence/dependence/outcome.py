"""What a withdrawal answers, as tables. Nothing here loads the compiler, so that a page may use it."""

from typing import Final

from ringfence.dependence.ways import SERVICES
from ringfence.store.tables import Column, Table, Type

AREA: Final = "area"
MEASURES: Final = ("sites", "people", "traffic", "premises", AREA)
"""What is counted; traffic in Mbit/s in the busy hour, area in square kilometres."""

GROUPINGS: Final = ("network", "operator", "region")

SPREAD = tuple(
    Column(f"{name}_{at}", Type.DECIMAL, f"{means}, {words}", required=True)
    for name, means in (
        ("surely_out", "Without service whatever the facts that are not stated"),
        ("may_be_out", "Without service if those facts are all against it"),
    )
    for at, words in (
        ("median", "in the median run"),
        ("low", "5 % of the runs are below"),
        ("high", "95 % of the runs are below"),
    )
)
OUTAGE = Table(
    "outage",
    "what is without a service on a day, in a part of the network",
    ("by", "group", "service", "measure", "day"),
    (
        Column("by", Type.TEXT, "How the network is parted", one_of=GROUPINGS, required=True),
        Column("group", Type.TEXT, "The part; null for the whole, or where not stated"),
        Column("service", Type.TEXT, "The service", one_of=SERVICES, required=True),
        Column("measure", Type.TEXT, "What is counted", one_of=MEASURES, required=True),
        Column("day", Type.DECIMAL, "Days since it went; -1 is before", required=True),
        Column("on", Type.DATE, "The date", required=True),
        *SPREAD,
        Column("total", Type.DECIMAL, "All there is of it", required=True),
        Column("not_stated", Type.INTEGER, "Sites that lack the figure", required=True),
    ),
)
LOST = Table(
    "site_lost",
    "a service of a site on the last day",
    ("site", "service"),
    (
        Column("site", Type.TEXT, "The site", required=True, refers_to="site"),
        Column("service", Type.TEXT, "The service", required=True),
        Column("region", Type.TEXT, "The site's region"),
        Column("latitude_deg", Type.DECIMAL, "Latitude", unit="deg"),
        Column("longitude_deg", Type.DECIMAL, "Longitude", unit="deg"),
        Column("surely_lost", Type.DECIMAL, "Part of the runs in which it is surely out"),
        Column("may_be_lost", Type.DECIMAL, "Part of the runs in which it may be out"),
        Column("people", Type.DECIMAL, "People served"),
    ),
)
FIRST = Table(
    "first_failure",
    "what the services first lost, and those lost in the end, lack in a typical run",
    ("when", "cause", "service"),
    (
        Column("when", Type.TEXT, "First or last", one_of=("first", "last"), required=True),
        Column("day", Type.DECIMAL, "Days since it went", required=True),
        Column("cause", Type.TEXT, "What they lack", required=True),
        Column("service", Type.TEXT, "The service", required=True),
        Column("sites", Type.INTEGER, "Sites", required=True),
        Column("people", Type.DECIMAL, "People served", required=True),
    ),
)
CHAIN = Table(
    "failure_chain",
    "one step of the chain behind a service that fails",
    ("number", "position"),
    (
        Column("number", Type.INTEGER, "The chain", required=True),
        Column("position", Type.INTEGER, "The step in it, the site first", required=True),
        Column("cause", Type.TEXT, "What the service lacks", required=True),
        Column("service", Type.TEXT, "The service", required=True),
        Column("subject_table", Type.TEXT, "The table", required=True),
        Column("subject", Type.TEXT, "The row's key", required=True),
        Column("says", Type.TEXT, "What is said of it", required=True),
    ),
)
ASSUMED = Table(
    "assumption",
    "a value that the answer rests on and no table states",
    ("parameter",),
    (
        Column("parameter", Type.TEXT, "Its name in a scenario file", required=True),
        Column("value", Type.TEXT, "The value or range", required=True),
        Column("means", Type.TEXT, "What it is", required=True),
        Column("basis", Type.TEXT, "Whence", one_of=("stated", "assumed", "counted")),
    ),
)
