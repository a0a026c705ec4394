"""A circuit breaker: a service that does not answer is left alone for a while, so that it holds up nobody else."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import Final

from rotator.domain.spread import share_of

_FAILURES: Final = 5
"""In a row, without a single answer between them."""

_FIRST_REST: Final = timedelta(seconds=30)
_LONGEST_REST: Final = timedelta(minutes=10)
_DOUBLINGS: Final = 6


class Breaker:
    """Counts what was not answered. Safe to use from several threads."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._failures = 0
        self._rests = 0
        self._open_until: datetime | None = None

    @property
    def failures(self) -> int:
        return self._failures

    def rests_until(self, now: datetime) -> datetime | None:
        """Give until when the service is left alone; None when it may be asked (again)."""
        until = self._open_until
        return until if until is not None and now < until <= now + 2 * _LONGEST_REST else None

    def worked(self) -> None:
        with self._lock:
            self._failures = self._rests = 0
            self._open_until = None

    def failed(self, now: datetime) -> None:
        """Count one that was not answered. After a rest a single one is enough for the next, longer rest."""
        with self._lock:
            self._failures += 1
            if self._failures < _FAILURES or self.rests_until(now) is not None:
                return
            rest = min(_FIRST_REST * (1 << min(self._rests, _DOUBLINGS)), _LONGEST_REST)
            self._rests += 1
            self._open_until = now + rest * (1 + share_of(f"{self._name} {self._rests}") / 4)
