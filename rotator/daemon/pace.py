"""How many rotations the daemon begins in an hour.

A clock that jumps, or a daemon that was away for a quarter, must not rotate everything at once.
"""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta
from typing import Final

_WINDOW: Final = timedelta(hours=1)
_AT_LEAST: Final = 60
_SHARE: Final = 10
"""One in so many of all secrets, where that is more."""


class Pace:
    """Counts beginnings. Not safe for several threads: its owner holds a lock."""

    def __init__(self, per_hour: int | None = None) -> None:
        self._wanted = per_hour
        self._begun: deque[datetime] = deque()

    def has_room(self, secrets: int, now: datetime) -> bool:
        """Tell whether another rotation may begin, with so many secrets known."""
        while self._begun and not now - _WINDOW < self._begun[0] <= now:
            self._begun.popleft()
        return len(self._begun) < (self._wanted or max(_AT_LEAST, secrets // _SHARE))

    def begin(self, now: datetime) -> None:
        self._begun.append(now)
