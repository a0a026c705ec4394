"""What was seen a moment ago, for whoever acts on it next: given once, and believed for ten seconds.

A look holds values. So it lives no longer than the value that was shown to whoever looked: when they do not go on, and
let go of that, nothing of it is left in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from rotator.domain.clock import Clock
from rotator.domain.secret_value import SecretValue

SeenT = TypeVar("SeenT")

_FRESH: Final = timedelta(seconds=10)
"""Most rotations come from the look to the write in that time. Not longer: what others stage meanwhile is not seen."""


class FreshLooks(Generic[SeenT]):
    """Looks that are not older than ten seconds, by what was looked at. Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shown: WeakValueDictionary[Hashable, SecretValue] = WeakValueDictionary()
        self._looks: WeakKeyDictionary[SecretValue, tuple[datetime, SeenT]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def keep(self, what: Hashable, seen: SeenT, shown: SecretValue) -> None:
        """Keep a look for as long as somebody holds ``shown``, the value in it that was given to them."""
        with self._lock:
            self._shown[what] = shown
            self._looks[shown] = self._clock.now(), seen

    def take(self, what: Hashable) -> SeenT | None:
        """Give what was seen, for the first time that it is asked for; None when that was too long ago, or never."""
        with self._lock:
            shown = self._shown.pop(what, None)
            look = self._looks.pop(shown, None) if shown is not None else None
        return look[1] if look is not None and _is_fresh(look[0], self._clock.now()) else None

    def __len__(self) -> int:
        """Count the looks that are kept."""
        return len(self._looks)


def _is_fresh(at: datetime, now: datetime) -> bool:
    """Tell whether that was less than ten seconds ago; a clock that was put back makes nothing fresh."""
    return timedelta() <= now - at < _FRESH
