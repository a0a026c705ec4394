"""When to look at each secret again: what the daemon keeps in memory so that a pass costs nothing when nothing is due.

It decides nothing. A secret whose time has come is looked up in the ledger, and ``plan`` decides; an entry that is
wrong costs one look too many. Everything here can be made again from the policies and the ledger.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rotator.domain.model import SecretName
from rotator.domain.spread import share_of

RESCUE: Final = timedelta(days=1)
"""A token that expires within this long does not wait for its turn behind others."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of one secret: for metrics, and to find stale times in the heaps."""

    look_at: datetime
    due: datetime | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


class Agenda:
    """Secrets by the time of their next look. Not safe for several threads: its owner holds a lock.

    Those whose time has come together are taken in an order of this process's own: daemons that share a ledger do
    not all reach for the same one.
    """

    def __init__(self, owner: str = "") -> None:
        """``owner`` is different for every process."""
        self._owner = owner
        self.entries: dict[SecretName, Entry] = {}
        self._ready: deque[SecretName] = deque()
        self._times: list[tuple[datetime, SecretName]] = []
        self._rescues: list[tuple[datetime, datetime, SecretName]] = []

    def put(self, name: SecretName, entry: Entry) -> None:
        """Look at this secret then, and not before."""
        self.entries[name] = entry
        heapq.heappush(self._times, (entry.look_at, name))
        if entry.expires_at is not None:
            heapq.heappush(self._rescues, (max(entry.look_at, entry.expires_at - RESCUE), entry.expires_at, name))

    def begin_anew(self) -> None:
        """Drop all times, for who is about to put every secret again: stale ones would only add up over the years."""
        self._times.clear()
        self._rescues.clear()

    def forget(self, name: SecretName) -> None:
        self.entries.pop(name, None)

    def next(self, now: datetime, *, only_rescues: bool = False) -> SecretName | None:
        """Take a secret whose time has come; None when there is none. Who was taken is put again, or forgotten.

        ``only_rescues``: only those whose token expires soon, and the first of them.
        """
        waiting = self._rescued(now) if only_rescues else self._in_our_order(now)
        return next((name for name in waiting if self._is_ready(name, now)), None)

    def _rescued(self, now: datetime) -> Iterator[SecretName]:
        while self._rescues and self._rescues[0][0] <= now:
            yield heapq.heappop(self._rescues)[-1]

    def _in_our_order(self, now: datetime) -> Iterator[SecretName]:
        """Give those that came together shuffled, and before any that came later."""
        if not self._ready:
            together = []
            while self._times and self._times[0][0] <= now:
                together.append(heapq.heappop(self._times)[1])
            self._ready.extend(sorted(together, key=lambda name: share_of(f"{self._owner} {name}")))
        while self._ready:
            yield self._ready.popleft()

    def _is_ready(self, name: SecretName, now: datetime) -> bool:
        entry = self.entries.get(name)
        return entry is not None and entry.look_at <= now  # else it was put somewhere else meanwhile, or forgotten

    def __len__(self) -> int:
        return len(self.entries)
