"""What was seen a moment ago, for whoever acts on it next: kept once, given once, and gone after a minute."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from rotator.domain.clock import Clock

SeenT = TypeVar("SeenT")

_FRESH: Final = timedelta(minutes=1)


class FreshLooks(Generic[SeenT]):
    """Looks that are not older than a minute, by what was looked at. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._looks: OrderedDict[Hashable, tuple[datetime, SeenT]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, what: Hashable, seen: SeenT) -> None:
        now = self._clock.now()
        with self._lock:
            self._looks[what] = now, seen
            self._looks.move_to_end(what)
            # They hold values: an old one goes with the next look.
            while not _is_fresh(next(iter(self._looks.values()))[0], now):
                self._looks.popitem(last=False)

    def take(self, what: Hashable) -> SeenT | None:
        """Give what was seen, for the first time that it is asked for; None when that was too long ago, or never."""
        now = self._clock.now()
        with self._lock:
            at, seen = self._looks.pop(what, (None, None))
        return seen if at is not None and _is_fresh(at, now) else None


def _is_fresh(at: datetime, now: datetime) -> bool:
    """Tell whether that was less than a minute ago; a clock that was put back makes nothing fresh."""
    return timedelta() <= now - at < _FRESH
