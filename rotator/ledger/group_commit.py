"""Changes of several threads, made durable by one commit: whoever comes first writes for all who wait meanwhile.

For a database with one writer at a time. Each thread still returns only when its own change is durable; and a change
that fails takes none of the others with it: they are then made one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection

from rotator.domain.errors import LedgerUnavailable

ResultT = TypeVar("ResultT")
Change = Callable[[Connection], ResultT]

_MOST: Final = 64
"""Changes of one transaction. The first of them waits for the last."""


class _Ticket(Generic[ResultT]):
    """One change, and what came of it."""

    def __init__(self, change: Change[ResultT]) -> None:
        self.change = change
        self.error: BaseException | None = None
        self.is_done = False
        self._results: list[ResultT] = []

    def made(self, result: ResultT) -> None:
        self._results, self.is_done = [result], True

    def failed(self, error: BaseException) -> None:
        self.error, self.is_done = error, True

    def result(self) -> ResultT:
        if self.error is not None:
            raise self.error
        return self._results[0]


class GroupCommit:
    """The queue before the one writer."""

    def __init__(self, transaction: Callable[[], AbstractContextManager[Connection]]) -> None:
        """``transaction`` makes its block durable, or nothing of it. LedgerUnavailable: it cannot, or cannot tell."""
        self._transaction = transaction
        self._waiting: list[_Ticket[Any]] = []
        self.turn = threading.Lock()
        """Held by who writes."""

    def __len__(self) -> int:
        """How many changes wait, or are being made."""
        return len(self._waiting)

    def write(self, change: Change[ResultT]) -> ResultT:
        """Make a change durable. It may be called twice, and does nothing but write."""
        ticket = _Ticket(change)
        self._waiting.append(ticket)
        with self.turn:
            if not ticket.is_done:  # else another thread wrote it while this one waited for its turn
                self._write_those_who_wait(ticket)
        return ticket.result()

    def _write_those_who_wait(self, first: _Ticket[Any]) -> None:
        others = [ticket for ticket in self._waiting if ticket is not first][: _MOST - 1]
        tickets = [first, *others]
        try:
            self._make(tickets)
        except BaseException:  # this thread is ended in the middle: nobody else may wait for what it took in hand
            for ticket in others:
                if not ticket.is_done:
                    ticket.failed(LedgerUnavailable("The ledger was left in the middle of a change.", remedy=_LOOK))
            raise
        finally:
            for ticket in tickets:
                self._waiting.remove(ticket)

    def _make(self, tickets: Sequence[_Ticket[Any]]) -> None:
        try:
            with self._transaction() as connection:
                results = [ticket.change(connection) for ticket in tickets]
        except LedgerUnavailable as error:  # true for all of them: trying each would only take longer
            for ticket in tickets:
                ticket.failed(_of_its_own(error))
        except Exception as error:  # noqa: BLE001  not swallowed: it is raised in the thread whose change it was
            if len(tickets) == 1:
                tickets[0].failed(error)
            else:
                for ticket in tickets:
                    self._make([ticket])
        else:
            for ticket, result in zip(tickets, results, strict=True):
                ticket.made(result)


_LOOK: Final = "Read it again before going on: it is not known whether the change was made."


def _of_its_own(error: LedgerUnavailable) -> LedgerUnavailable:
    """Give each thread an error of its own: they write their tracebacks into it."""
    copy = LedgerUnavailable(error.what, remedy=error.remedy)
    copy.__cause__ = error.__cause__
    return copy
