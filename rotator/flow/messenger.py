"""The thread that tells people, so that nobody who rotates waits for a chat's answer.

What comes in is put into a queue and is of little weight: if it is full, or the process dies, the next look finds in
the ledger what matters. Whoever has no channels has a ``Silent``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from queue import Empty, Full, Queue
from typing import Final, Protocol

from rotator.domain.clock import Clock
from rotator.domain.errors import LedgerUnavailable, Problem
from rotator.domain.policy import PolicySet
from rotator.flow.delivery import Delivery
from rotator.flow.report import Report
from rotator.flow.telling import Telling
from rotator.observe.logs import logger

LOOK_EVERY: Final = timedelta(seconds=30)
"""How long what happens together is gathered into one message."""

LAST_WORDS: Final = timedelta(seconds=20)
"""How long a process that ends waits for what is still to be told."""

_MOST_WAITING: Final = 1000


class Tells(Protocol):
    """Whom the daemon and the commands let know. None of it waits, but for ``finish``; none of it raises."""

    def start(self) -> None: ...

    def policies(self, policies: PolicySet, problems: Sequence[Problem]) -> None:
        """These policies are in force, and these are the problems of newer ones."""

    def report(self, report: Report) -> None:
        """This came of one piece of work."""

    def ledger_gone(self, trouble: str) -> None: ...

    def ledger_back(self) -> None: ...

    def finish(self, within: timedelta = LAST_WORDS) -> None:
        """Tell what is still to be told, and end; what takes longer is left to the next process."""


class Silent:
    """Tells nobody: there are no channels."""

    def start(self) -> None: ...

    def policies(self, policies: PolicySet, problems: Sequence[Problem]) -> None: ...

    def report(self, report: Report) -> None: ...

    def ledger_gone(self, trouble: str) -> None: ...

    def ledger_back(self) -> None: ...

    def finish(self, within: timedelta = LAST_WORDS) -> None: ...


class Messenger:
    """Tells people from a thread of its own."""

    def __init__(self, telling: Telling, delivery: Delivery, clock: Clock, look_every: timedelta = LOOK_EVERY) -> None:
        self._telling = telling
        self._delivery = delivery
        self._clock = clock
        self._look_every = look_every
        self._looked_at = clock.now()
        self._ending = threading.Event()
        self._waiting: Queue[Callable[[], None]] = Queue(_MOST_WAITING)
        self._thread = threading.Thread(target=self._run, name="messenger", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def policies(self, policies: PolicySet, problems: Sequence[Problem]) -> None:
        self._put(lambda: self._telling.use(policies, problems))

    def report(self, report: Report) -> None:
        self._put(lambda: self._telling.report(report))

    def ledger_gone(self, trouble: str) -> None:
        self._put(lambda: self._delivery.ledger_gone(trouble))

    def ledger_back(self) -> None:
        self._put(self._delivery.ledger_back)

    def finish(self, within: timedelta = LAST_WORDS) -> None:
        self._ending.set()
        self._put(lambda: None)
        self._thread.join(within.total_seconds())
        if self._thread.is_alive():
            logger().warning("not everything could be told in time; the next run tells it")

    def _put(self, work: Callable[[], None]) -> None:
        try:
            self._waiting.put_nowait(work)
        except Full:
            logger().warning("too much is to be told at once; what still stands is found again")

    def _run(self) -> None:
        while not (self._ending.is_set() and self._waiting.empty()):
            try:
                work = self._waiting.get(timeout=self._look_every.total_seconds())
            except Empty:
                pass
            else:
                self._try(work)
            if abs(self._clock.now() - self._looked_at) >= self._look_every:
                self._look()
        self._look()

    def _look(self) -> None:
        self._looked_at = self._clock.now()
        self._try(self._telling.look)
        self._try(self._delivery.deliver)

    def _try(self, work: Callable[[], None]) -> None:
        try:
            work()
        except LedgerUnavailable:
            pass  # its other users say so, and the next look finds what was missed
        except Exception as bug:  # noqa: BLE001  this thread must not die of it unseen
            logger().error("people could not be told, for a reason nobody foresaw", exc_info=bug)
