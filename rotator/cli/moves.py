"""``rotate resume``, ``withdraw`` and ``retire``: move a rotation on, back, or to its end, because a person says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from rotator.cli.context import Context
from rotator.cli.exit_codes import DONE
from rotator.domain.errors import InvalidInput, NeedsOperator

if TYPE_CHECKING:
    from rotator.domain.model import Rotation
    from rotator.flow.report import Outcome
    from rotator.flow.runner import Runner
    from rotator.ledger.leases import Lease

RotationArgument = Annotated[
    str,
    typer.Argument(help="A rotation's id (or the first characters of one), or a secret's name.", metavar="ROTATION"),
]


def resume(context: typer.Context, rotation: RotationArgument) -> None:
    """Move a stuck rotation on, now. If somebody else had written to a destination, it is written over."""
    session: Context = context.obj
    move(session, wanted_rotation(session, rotation), lambda runner, found, lease: runner.resume(found, lease))


def withdraw(
    context: typer.Context,
    rotation: RotationArgument,
    gone: Annotated[
        bool, typer.Option("--gone", help="My word: the token that I was asked to make is not there (any more).")
    ] = False,
) -> None:
    """Take a rotation back. Earlier values are restored, its new token is revoked."""
    from rotator.flow.report import Outcome

    session: Context = context.obj
    move(
        session,
        wanted_rotation(session, rotation),
        lambda runner, found, lease: runner.withdraw(found, lease, "a person asked for it", gone=gone),
        meant=Outcome.WITHDRAWN,
    )


def retire(
    context: typer.Context,
    rotation: RotationArgument,
    gone: Annotated[
        bool, typer.Option("--gone", help="My word: what is to be deleted is gone. Only where nothing can be tried.")
    ] = False,
) -> None:
    """End the overlap early. The old token is revoked now, whoever still uses it."""
    from rotator.domain.model import Phase

    def retire_now(runner: Runner, found: Rotation, lease: Lease) -> Rotation:
        if gone:
            return runner.believe(found, lease)
        if found.phase is not Phase.CONFIRMED:
            runner.tools.ledger.release(lease)
            raise InvalidInput.of(
                f"rotation {found.id} is {found.phase}: it has no overlap to end", "`rotate resume` moves it on"
            )
        return runner.retire_now(found, lease)

    session: Context = context.obj
    move(session, wanted_rotation(session, rotation), retire_now)


def wanted_rotation(session: Context, wanted: str) -> Rotation:
    """Give the open rotation that is wanted; InvalidInput when there is none."""
    from rotator.config.problems import did_you_mean
    from rotator.domain.model import SecretName

    ledger = session.app.ledger
    found = ledger.secret(SecretName(wanted)).open or ledger.rotation(wanted)
    if found is None:
        known = {secret.name: secret for secret in ledger.secrets()}
        what = f"{wanted} has no open rotation" if wanted in known else f"There is no rotation {wanted}"
        opened = [name for name, secret in known.items() if secret.open]
        shown = "`rotate status` shows the open ones"
        raise InvalidInput.of(what, shown if wanted in known else did_you_mean(wanted, opened, shown))
    if not found.phase.is_open:
        raise InvalidInput.of(
            f"Rotation {found.id} of {found.secret} has ended: it is {found.phase}", f"`rotate history {found.secret}`"
        )
    return found


def move(
    session: Context,
    found: Rotation,
    moved: Callable[[Runner, Rotation, Lease], Rotation],
    meant: Outcome | None = None,
) -> None:
    """Hold a rotation, move it, tell what came of it. Where ``meant`` came of it, all went well."""
    from rotator.cli.reporting import conclude, progress
    from rotator.flow.report import Report
    from rotator.flow.work import LEASE

    ledger = session.app.ledger
    session.stop_gently_on_signals()
    runner = session.app.runner(progress(session))
    lease = ledger.claim(found.id, runner.tools.owner, runner.tools.clock.now(), LEASE)
    if lease is None:
        raise NeedsOperator(
            f"Another process is working on rotation {found.id}.", remedy="Let it finish, then see `rotate status`."
        )
    fresh = ledger.rotation(found.id)
    assert fresh is not None
    report = Report(fresh.secret, moved(runner, fresh, lease))
    code = conclude(session, [report])
    raise typer.Exit(DONE if report.outcome is meant else code)
