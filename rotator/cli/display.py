"""The progress of many rotations: a table that moves on a terminal, plain lines when piped, JSON lines for machines."""

from __future__ import annotations

import sys
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rotator.cli.context import Context
from rotator.cli.reporting import progress as told_one_by_one
from rotator.domain.clock import Clock
from rotator.domain.model import Event
from rotator.domain.secret_value import redact
from rotator.domain.visible import one_line
from rotator.flow.estimate import left
from rotator.flow.report import Outcome, Report
from rotator.observe.events import sentence
from rotator.observe.incident_page import about
from rotator.observe.progress import Progress

if TYPE_CHECKING:
    from rich.console import Group

_WORTH_A_LINE = frozenset({"trouble", "asked", "withdrawn"})


class Display:
    """Is told every event, shows how far it is. Made before it is known what there is to do; ``begin`` tells."""

    def __init__(self, session: Context, clock: Clock) -> None:
        self._clock = clock
        self._line_by_line = told_one_by_one(session)
        self._moves = sys.stdout.isatty() and not session.as_json and not session.no_color
        self._progress = Progress(())
        self._foreseen = timedelta()
        self._began = clock.now()
        self._live: Any = None

    def begin(self, progress: Progress, foreseen: timedelta) -> Self:
        self._progress, self._foreseen, self._began = progress, foreseen, self._clock.now()
        return self

    def __call__(self, event: Event) -> None:
        self._progress.saw(event)
        if self._live is None:
            self._line_by_line(event)
        elif event.kind in _WORTH_A_LINE:
            from rich.text import Text

            self._live.console.print(Text(one_line(redact(f"{event.at:%H:%M:%S} {event.secret}: {sentence(event)}"))))

    def ended(self, report: Report) -> None:
        self._progress.ended(report.secret, well=report.outcome is Outcome.ROTATED and not report.old_may_live)

    def __enter__(self) -> Self:
        if self._moves:
            from rich.live import Live

            self._live = Live(get_renderable=self._table, refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def status(self) -> str:
        """Say in one line how far it is."""
        whole = self._progress.whole()
        rest = left(self._foreseen, self._clock.now() - self._began, whole.ended, whole.total)
        return (
            f"{whole.ended} of {whole.total} done, {whole.in_trouble} in trouble, {about(rest)} left; "
            f"{whole.alive} old tokens not proven dead yet"
        )

    def _table(self) -> Group:
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(
            *("ISSUER", "SECRETS", "REPLACED", "DONE", "IN TROUBLE", "OLD TOKENS ALIVE"),
            box=box.SIMPLE_HEAD,
            pad_edge=False,
        )
        for each in self._progress.counts():
            numbers = (each.total, each.replaced, each.ended, each.in_trouble, each.alive)
            table.add_row(str(each.issuer), *(str(number) for number in numbers))
        return Group(table, Text(redact(self.status())))
