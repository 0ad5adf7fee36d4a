"""Every error a person can meet, each with a place and the next command.

::

    RingfenceError            70  a bug of ours, when raised as itself
    ├── UsageError             2  the command or call cannot mean anything
    ├── InputError            65  the input is not what it claims to be
    │   ├── SourceError           a file of a network export
    │   ├── MappingError          the operator's columns against ours
    │   └── PackError             a rule pack
    ├── NotFoundError         66  no such file, table, vendor, pack or snapshot
    ├── UnavailableError      69  an engine or an optional part is missing
    ├── TimeLimitError        75  stopped by a limit of time or memory
    ├── VerificationError     76  what is stored is not what was recorded
    └── AudienceError         77  this audience may not have that

Faults in *rows* are never exceptions: they are rejects or findings, in a table.
"""

from typing import Any, ClassVar


class RingfenceError(Exception):
    """What went wrong, where, and what to do next.

    `where` names a file, row, column, rule or table; `hint` is the next command or step.
    `exit_code` is what the command line returns.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __reduce__(self) -> tuple[Any, ...]:
        """Let an error cross from a worker process whole."""
        return _rebuilt, (type(self), self.message, self.where, self.hint)

    def __str__(self) -> str:
        place = f" [{self.where}]" if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{self.message}{place}{advice}"


class UsageError(RingfenceError):
    """The command or call cannot mean anything as it was given."""

    exit_code = 2


class InputError(RingfenceError):
    """The input is not what it claims to be."""

    exit_code = 65


class SourceError(InputError):
    """A file of a network export cannot be read as the kind it was taken for."""


class MappingError(InputError):
    """The operator's columns cannot be laid onto ours."""


class PackError(InputError):
    """A rule pack is not well formed, or one of its rules did not run."""


class NotFoundError(RingfenceError):
    """No such file, table, vendor, pack or snapshot."""

    exit_code = 66


class UnavailableError(RingfenceError):
    """An engine or an optional part is missing on this machine."""

    exit_code = 69


class TimeLimitError(RingfenceError):
    """Stopped by a limit of time or memory."""

    exit_code = 75


class VerificationError(RingfenceError):
    """What is stored is not what was recorded: a hash does not match."""

    exit_code = 76


class AudienceError(RingfenceError):
    """Withheld: not for this audience."""

    exit_code = 77


def _rebuilt(
    kind: type[RingfenceError], message: str, where: str | None, hint: str | None
) -> RingfenceError:
    return kind(message, where=where, hint=hint)
