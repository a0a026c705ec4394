"""What this process has in hand: the rotations that its threads are at, and the values that wait for the next try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rotator.domain.errors import LeaseLost
from rotator.domain.model import Rotation, RotationId
from rotator.flow.work import Held, Tools, Work
from rotator.ledger.leases import Lease


class InHand:
    """Gives each rotation's values to whoever works on it, and keeps them in between. Safe to use from many threads."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._kept: dict[RotationId, Held] = {}
        self._taken: set[RotationId] = set()

    @property
    def rotations(self) -> tuple[RotationId, ...]:
        """Those that a thread is at now, also while a call outlasts their lease."""
        return tuple(self._taken)

    @contextmanager
    def take(self, rotation: Rotation, lease: Lease, held: Held | None = None) -> Iterator[Work]:
        """Take a rotation in hand, with the values that are kept of it, or with those that come with it.

        They are nobody else's meanwhile: who came to the same rotation with a lease of their own would not find them.
        """
        found = self._kept.pop(rotation.id, None)
        work, keep = Work(self._tools, rotation, lease, held or found or Held()), True
        self._taken.add(rotation.id)
        try:
            yield work
            keep = work.rotation.phase.is_open
        except LeaseLost:
            keep = False  # those who took over go their own way; what we know is of no use
            raise
        finally:
            if keep:
                self._kept[rotation.id] = work.held
            self._taken.discard(rotation.id)

    def forget_ended(self) -> None:
        """Let go of the values of rotations that others have ended since we had them."""
        if kept := tuple(self._kept):
            for ended in set(kept) - self._tools.ledger.open_ids():
                self._kept.pop(ended, None)
