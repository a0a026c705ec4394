"""When to look at each secret again: what the daemon keeps in memory so that a pass costs nothing when nothing is due.

It decides nothing. A secret whose time has come is looked up in the ledger, and ``plan`` decides; an entry that is
wrong costs one look too many. Everything here can be made again from the policies and the ledger.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from rotator.domain.model import SecretName

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
    """Secrets by the time of their next look. Not safe for several threads: its owner holds a lock."""

    def __init__(self) -> None:
        self.entries: dict[SecretName, Entry] = {}
        self._times: list[tuple[datetime, SecretName]] = []
        self._rescues: list[tuple[datetime, SecretName]] = []

    def put(self, name: SecretName, entry: Entry) -> None:
        """Look at this secret then, and not before."""
        self.entries[name] = entry
        heapq.heappush(self._times, (entry.look_at, name))
        if entry.expires_at is not None:
            heapq.heappush(self._rescues, (max(entry.look_at, entry.expires_at - RESCUE), name))

    def forget(self, name: SecretName) -> None:
        self.entries.pop(name, None)

    def next(self, now: datetime, *, only_rescues: bool = False) -> SecretName | None:
        """Take the secret whose time came first, out of the heaps; None when no time has come.

        ``only_rescues``: only those whose token expires soon.
        """
        heap = self._rescues if only_rescues else self._times
        while heap and heap[0][0] <= now:
            _, name = heapq.heappop(heap)
            entry = self.entries.get(name)
            if entry is not None and entry.look_at <= now:  # else it was put somewhere else meanwhile, or forgotten
                return name
        return None

    def __len__(self) -> int:
        return len(self.entries)
