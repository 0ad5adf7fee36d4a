"""Phases of a rule that several tests ask about."""

AHEAD = """
[[phase]]
from = 2020-01-01
effect = "announced"
status = "binding, date in future"

[[phase]]
after = 2027-12-31
effect = "binding"
status = "legally binding now"
"""
"""Announced on the first day of 2020, and binding once 2027 is over."""
