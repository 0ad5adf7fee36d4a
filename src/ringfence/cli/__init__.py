"""The command line: thin, one file a group of verbs.

Nothing heavy is imported here or at the top of a verb's file: `ringfence --help` answers before
numpy or an engine could be loaded. stdout is the result, stderr is progress and notes.
"""

import sys


def main() -> None:
    """Run the command line and leave with the exit code of the errors' table."""
    from ringfence.cli.app import app  # noqa: PLC0415
    from ringfence.cli.output import report_bug, report_error  # noqa: PLC0415
    from ringfence.errors import RingfenceError  # noqa: PLC0415

    try:
        app()
    except RingfenceError as error:
        report_error(error)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader of our output (a pager, `head`) has gone; that is no fault.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001
        report_bug(error)
        sys.exit(70)
