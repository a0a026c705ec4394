"""``rotate run``: the daemon; with ``--once`` one pass over all that is open or due, for cron and CronJobs."""

from __future__ import annotations

from typing import Annotated

import typer

from rotator.cli.context import Context
from rotator.cli.output import line


def run(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Make one pass over all that is due, and end.")] = False,
) -> None:
    """Finish what was begun, and rotate what is due. Once, or for as long as the daemon runs."""
    session: Context = context.obj
    if not once:
        _stay(session)
        return
    from rotator.cli.people import people_told
    from rotator.cli.reporting import conclude, progress
    from rotator.flow.reconcile import one_pass

    policies = session.app.policies  # before the ledger is opened, or made: a mistake in them touches nothing
    session.stop_gently_on_signals()
    with people_told(session) as tell:
        reports = [tell(report) for report in one_pass(session.app.runner(progress(session)), policies)]
        stopped = session.stop.is_set()
        if not session.as_json and (stopped or not reports):
            line("Stopped; the next run goes on with what is left." if stopped else "Nothing is due.")
        code = conclude(session, reports, stopped=stopped)
    raise typer.Exit(code)


def _stay(session: Context) -> None:
    from rotator.daemon.daemon import Daemon

    daemon = Daemon(session.app, session.app.source, messenger=session.app.messenger(knows_all=True))
    session.stop_gently_on_signals(reload=daemon.reload)
    daemon.run()
