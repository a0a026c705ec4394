"""Telling people what came of a command, through the channels of the settings; and waiting for that at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rotator.cli.context import Context
    from rotator.flow.report import Report


@contextmanager
def people_told(session: Context) -> Iterator[Callable[[Report], Report]]:
    """Give what takes each report down, and gives it back. At the end of the block wait until people are told.

    Not when the block ends with an error: what is to be told is in the ledger then, and the next run tells it.
    """
    app = session.app
    messenger = app.messenger(knows_all=False)
    messenger.start()
    messenger.policies(app.policies, app.source.problems)

    def tell(report: Report) -> Report:
        messenger.report(report)
        return report

    yield tell
    messenger.finish()
