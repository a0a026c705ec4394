"""A connection's budget: every request waits here for its turn, and says when the service wants to be left alone.

What is spent stands in the ledger, so that all threads and machines count together; a connection without limits
touches no ledger. Work on a compromised token goes first, everywhere.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from rotator.domain.clock import Clock
from rotator.domain.errors import LedgerUnavailable, Temporary
from rotator.domain.lifecycle import LONGEST_PAUSE
from rotator.domain.limits import LONGEST_WAIT, Limits, Rate
from rotator.domain.model import Cause
from rotator.flow.breaker import Breaker

if TYPE_CHECKING:
    from rotator.ledger.ledger import Ledger

_SIGN_OF_LIFE: Final = timedelta(seconds=60)
"""How often whoever waits says that they are still there."""

_LOOK_AGAIN: Final = timedelta(milliseconds=200)
_PAUSE_UNASKED: Final = timedelta(seconds=1)
"""How long a service that refused and did not say for how long is left alone."""


def _nothing() -> None:
    """Have no lease to keep."""


_urgent: ContextVar[bool] = ContextVar("urgent", default=False)
_keep_lease: ContextVar[Callable[[], None]] = ContextVar("keep_lease", default=_nothing)


@contextmanager
def on_behalf_of(cause: Cause, keep_lease: Callable[[], None] = _nothing) -> Iterator[None]:
    """Let the requests of this block go ahead of others when a token is compromised, or they are made because of one.

    ``keep_lease`` is called now and then while one waits for its turn. It may raise LeaseLost: then nothing was sent.
    """
    urgent = _urgent.set(_urgent.get() or cause is Cause.COMPROMISED)
    keeping = _keep_lease.set(keep_lease)
    try:
        yield
    finally:
        _keep_lease.reset(keeping)
        _urgent.reset(urgent)


class ConnectionBudget:
    """Implements ``contracts.Budget`` for one connection. Safe to use from several threads."""

    def __init__(self, name: str, limits: Limits, ledger: Callable[[], Ledger], clock: Clock, owner: str) -> None:
        self._name = name
        self._limits = limits
        self._ledger = ledger
        self._clock = clock
        self._owner = owner
        self._ended = threading.Condition()
        self._uncounted = 0
        """Requests that ended while the ledger could not be told."""
        self._breaker = Breaker(name)
        self._closed_until: datetime | None = None
        self.requests = 0
        self.throttles = 0

    @contextmanager
    def request(self) -> Iterator[None]:
        now = self._clock.now()
        rate = self._limits.rate
        latest = now + (LONGEST_WAIT if rate is None else rate.longest_wait)
        self._refuse_while_resting(now)
        if self._closed_until is not None and now < self._closed_until:
            self._wait_until(self._closed_until, latest)
        limit = self._limits.concurrency
        with nullcontext() if limit is None else self._counted(limit, latest):
            if rate is not None:
                self._wait_for_turn(rate, latest)
            self.requests += 1
            failures = self._breaker.failures
            try:
                yield
            except Temporary:  # no answer came
                self._breaker.failed(self._clock.now())
                raise
            if self._breaker.failures == failures:
                self._breaker.worked()

    def throttled(self, retry_after: timedelta | None) -> None:
        self.throttles += 1
        now = self._clock.now()
        until = now + (_PAUSE_UNASKED if retry_after is None else min(retry_after, LONGEST_PAUSE))
        self._closed_until = max(until, self._closed_until or until)
        if self._limits.rate is not None:
            with suppress(LedgerUnavailable):  # other machines will be told by the service itself
                self._ledger().pause_budget(self._name, self._limits.rate, until, now)

    def unavailable(self) -> None:
        self._breaker.failed(self._clock.now())

    def rests_until(self) -> datetime | None:
        """Give until when the service is left alone because it does not answer; None when it may be asked."""
        return self._breaker.rests_until(self._clock.now())

    def _refuse_while_resting(self, now: datetime) -> None:
        until = self._breaker.rests_until(now)
        if until is not None and not _urgent.get():
            raise Temporary(
                f"Connection {self._name} does not answer, and is left alone for a while.",
                remedy="It is asked again by itself.",
                retry_after=until - now,
            )

    def _wait_for_turn(self, rate: Rate, latest: datetime) -> None:
        while True:
            now = self._clock.now()
            turn = self._ledger().take_turn(self._name, rate, now, longest=latest - now, urgent=_urgent.get())
            self._wait_until(turn.at, latest)
            if turn.granted:
                return

    def _wait_until(self, moment: datetime, latest: datetime) -> None:
        now = self._clock.now()
        if moment > latest:
            raise Temporary(
                f"The budget of connection {self._name} is spent ({self._limits.rate or 'asked by the service'}).",
                remedy="It goes on by itself.",
                retry_after=moment - now,
            )
        while now < moment:
            self._wait(min(moment - now, _SIGN_OF_LIFE))
            now = self._clock.now()

    def _wait(self, duration: timedelta) -> None:
        if not self._clock.wait(duration):
            raise Temporary("The process was asked to stop while a request waited for its turn.")
        _keep_lease.get()()

    @contextmanager
    def _counted(self, limit: int, latest: datetime) -> Iterator[None]:
        while not self._begun(limit):
            if self._clock.now() >= latest:
                raise Temporary(
                    f"Connection {self._name} has {limit} requests under way, which is all that it may.",
                    remedy="It goes on by itself.",
                    retry_after=_LOOK_AGAIN,
                )
            with self._ended:  # another thread's request ends, or another machine's, which nobody here is told of
                self._ended.wait(_LOOK_AGAIN.total_seconds())
            self._wait(timedelta())
        try:
            yield
        finally:
            with self._ended:
                self._uncounted += 1
            with suppress(LedgerUnavailable):  # no answer is lost for it: the next request tells it
                self._tell_what_ended()

    def _begun(self, limit: int) -> bool:
        self._tell_what_ended()
        return self._ledger().begin_request(self._name, limit, self._owner, self._clock.now())

    def _tell_what_ended(self) -> None:
        with self._ended:
            ended, self._uncounted = self._uncounted, 0
        if not ended:
            return
        try:
            self._ledger().end_requests(self._name, self._owner, ended)
        except LedgerUnavailable:
            with self._ended:
                self._uncounted += ended
            raise
        with self._ended:
            self._ended.notify(ended)
