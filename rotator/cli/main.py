"""The command ``rotate``: how it starts, and how every error becomes a message and an exit code.

What a command needs is imported when it runs; ``--version`` alone needs next to nothing, and is answered at once.
"""

from __future__ import annotations

import gc
import io
import os
import signal
import sys
import warnings

from rotator.cli.exit_codes import BAD_INPUT, DONE, INTERRUPTED, OUR_FAULT, UNFINISHED, WITHDRAWN


def main() -> None:
    """Run the command line. Never a traceback for a user's mistake."""
    if sys.argv[1:] == ["--version"]:
        sys.exit(_say_version())
    _set_up(sys.argv[1:])
    gc.disable()  # until there is an application: what a start makes stays, and looking for garbage takes a tenth of it
    from rotator.cli.commands import UsageError, app_for, global_options_first
    from rotator.cli.output import code_of_what_is_lost, fail
    from rotator.domain.errors import (
        InvalidInput,
        LeaseLost,
        LedgerUnavailable,
        NeedsOperator,
        RotatorError,
        WrongOrder,
    )

    arguments = global_options_first(sys.argv[1:])
    as_json = "--json" in arguments
    try:
        sys.exit(app_for(arguments)(arguments, standalone_mode=not as_json) or 0)
    except SystemExit as ending:
        sys.exit(ending.code or code_of_what_is_lost())
    except UsageError as error:  # only with --json: else Typer has shown it, with the command's usage
        fail(InvalidInput.of(error.format_message(), "`rotate --help` lists what there is"), BAD_INPUT, as_json=True)
    except InvalidInput as error:
        fail(error, BAD_INPUT, as_json=as_json)
    except (LedgerUnavailable, WrongOrder) as error:
        fail(error, OUR_FAULT, as_json=as_json)
    except (NeedsOperator, LeaseLost) as error:
        fail(error, UNFINISHED, as_json=as_json)
    except RotatorError as error:
        fail(error, WITHDRAWN, as_json=as_json)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except Exception as bug:  # noqa: BLE001  the last door: what gets here is our bug, told without a traceback
        fail(bug, OUR_FAULT, as_json=as_json)
    finally:
        gc.enable()  # for commands that needed no application
        gc.freeze()  # the process ends: nobody looks for garbage in what is left


def _say_version() -> int:
    from rotator.cli.version import version

    try:
        os.write(1, f"rotate {version()}\n".encode())
    except OSError:  # a full disk, a reader who has gone, or no standard output at all
        return OUR_FAULT
    return DONE


def _set_up(arguments: list[str]) -> None:
    """Make this process ours, before anything else is imported."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # libraries warn their users' developers; with --json, it would be no JSON
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # None, where it is closed
            stream.reconfigure(errors="backslashreplace")  # a terminal without an arrow must not end a rotation
    if "run" in arguments and "--once" not in arguments:
        # SIGHUP has a daemon look for new policies. One that only begins looks for them anyway.
        signal.signal(signal.SIGHUP, lambda _number, _frame: None)
