"""``rotate provide``: a person hands in the token that they made at the issuer's own page.

The value comes from a prompt that shows nothing, or from standard input; it is never an argument, and never shown.
"""

from __future__ import annotations

import getpass
import sys
import warnings
from typing import TYPE_CHECKING, Annotated, Final

import typer

from rotator.cli.context import Context
from rotator.cli.expiry import Expires, moment_of
from rotator.cli.moves import RotationArgument, move, wanted_rotation
from rotator.cli.output import line
from rotator.domain.errors import InvalidInput

if TYPE_CHECKING:
    from rotator.domain.model import Rotation
    from rotator.domain.secret_value import SecretValue
    from rotator.flow.runner import Runner
    from rotator.ledger.leases import Lease

_LONGEST: Final = 65_536
"""Characters of a value. No token is longer; a file that was piped in by mistake is."""


def provide(
    context: typer.Context,
    rotation: RotationArgument,
    stdin: Annotated[
        bool, typer.Option("--stdin", help="Read the value from standard input, not from a prompt.")
    ] = False,
    expires: Expires = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Stay until the old token is deleted, and see that it is refused.")
    ] = False,
    lost: Annotated[
        bool, typer.Option("--lost", help="A value that was handed in is lost: have another token asked for.")
    ] = False,
) -> None:
    """Hand in the token that you were asked to make. `rotate status` says which. Everything after it goes by itself."""
    from rotator.flow.reconcile import wait_for_person

    session: Context = context.obj
    found = wanted_rotation(session, rotation)
    if lost:
        move(session, found, lambda runner, fresh, lease: runner.give_up_value(fresh, lease))
        return
    expires_at = moment_of(expires, session.app.clock.now())
    _refuse_unless_waiting(found)
    value = _read(session, found, from_stdin=stdin)

    def hand_in(runner: Runner, fresh: Rotation, lease: Lease) -> Rotation:
        if fresh.new != found.new:
            runner.tools.ledger.release(lease)
            raise InvalidInput.of(
                f"Rotation {found.id} has moved on meanwhile", "`rotate status` says what it waits for"
            )
        handed_in = runner.hand_in(fresh, lease, value, expires_at)
        return wait_for_person(runner, handed_in) if wait else handed_in

    move(session, found, hand_in)


def _refuse_unless_waiting(rotation: Rotation) -> None:
    """Ask nobody for a value that nothing waits for. Whether it is really waited for is asked again with the value."""
    from rotator.domain.model import Phase

    trouble, why = rotation.trouble, ""
    if rotation.phase is Phase.CONFIRMED:
        why = f"it is {rotation.phase}"
    elif trouble is not None and not trouble.is_asked:
        why = trouble.what
    if why:
        what = f"Rotation {rotation.id} of {rotation.secret} waits for no value: {why}"
        raise InvalidInput.of(what, "`rotate status` says what it waits for")


def _read(session: Context, rotation: Rotation, *, from_stdin: bool) -> SecretValue:
    from rotator.domain.secret_value import SecretValue

    if from_stdin:
        try:
            text = sys.stdin.read(_LONGEST + 1)
        except UnicodeDecodeError:  # it would quote what it could not decode
            raise InvalidInput.of("What was handed in is no text", "hand in the value alone") from None
    else:
        text = _prompted(session, rotation)
    stripped = text.strip()
    if not stripped:
        raise InvalidInput.of("Nothing was handed in", "it waits as before; run this again with the value")
    value = SecretValue(stripped)
    if len(stripped) > _LONGEST:
        raise InvalidInput.of("What was handed in is too long for a token", "hand in the value alone")
    return value


def _prompted(session: Context, rotation: Rotation) -> str:
    if not sys.stdin.isatty():
        raise InvalidInput.of("There is no terminal to ask for the value", "add --stdin, and pipe it in")
    if rotation.trouble is not None and not session.as_json:
        line(f"{rotation.secret}: {rotation.trouble.what} {rotation.trouble.remedy}")
    name = rotation.new.name if rotation.new is not None else rotation.secret
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            return getpass.getpass(f"Value of {name} (it is not shown): ", stream=sys.stderr)
    except getpass.GetPassWarning as warning:
        raise InvalidInput.of("This terminal would show what you type", "add --stdin, and pipe it in") from warning
    except EOFError:
        return ""
