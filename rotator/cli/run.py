"""``rotate run --once``: one pass over all that is open or due, for cron and CronJobs."""

from __future__ import annotations

from typing import Annotated

import typer

from rotator.cli.context import Context
from rotator.cli.output import line


def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Make one pass over all that is due, and end.")] = False,
) -> None:
    """Finish what was begun, and rotate what is due."""
    from rotator.cli.reporting import conclude, progress
    from rotator.domain.errors import InvalidInput
    from rotator.flow.reconcile import one_pass

    if not once:
        raise InvalidInput.of(
            "`rotate run` without --once is not available in this version", "call `rotate run --once` from cron"
        )
    session: Context = context.obj
    policies = session.app.policies  # before the ledger is opened, or made: a mistake in them touches nothing
    session.stop_gently_on_signals()
    reports = list(one_pass(session.app.runner(progress(session)), policies))
    if not reports and not session.as_json:
        line("Nothing is due.")
    raise typer.Exit(conclude(session, reports))
