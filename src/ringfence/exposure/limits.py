"""How long a hard question may take: an amount of work, and a clock beside it.

The facts that decide an answer and the cheapest repair take longer the more there is, without end.
Work is counted and not timed, so that the same network is cut off at the same place on every
machine and a result may be kept; a clock cuts off as well where somebody waits, and what a clock
has cut off is not kept.
"""

import time
from dataclasses import dataclass, field

WORK = 4_000_000_000
"""Powers looked at before a question is cut off, if nothing else is said: about a minute of one
processor of 2024."""


@dataclass(slots=True)
class Limit:
    """Counts what is spent; `seconds` of None is no clock."""

    work: int = WORK
    seconds: float | None = None
    spent: int = 0
    is_late: bool = False
    _until: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._until = time.monotonic() + (self.seconds or 0.0)

    def spend(self, powers: int) -> None:
        """Say that so many powers were looked at."""
        self.spent += powers

    @property
    def is_over(self) -> bool:
        """Whether to stop; once the clock has said so, `is_late` stays."""
        if self.seconds is not None and time.monotonic() > self._until:
            self.is_late = True
        return self.is_late or self.spent > self.work

    @property
    def seconds_left(self) -> float | None:
        """What the clock still gives; None where there is none."""
        if self.seconds is None:
            return None
        return max(0.0, self._until - time.monotonic())
