"""The real ledger, with a hook before and after every write: where a process can be killed or held up."""

from __future__ import annotations

from datetime import datetime, timedelta

from rotator.domain.model import Event, Rotation, RotationId, Token
from rotator.ledger.ledger import Lease, Ledger
from tests.fakes.scripted import Hook


class WatchedLedger(Ledger):
    hook: Hook = staticmethod(lambda _moment: None)

    def adopt(self, token: Token, event: Event) -> None:
        self.hook("before ledger.adopt")
        super().adopt(token, event)
        self.hook("after ledger.adopt")

    def begin(
        self, rotation: Rotation, owner: str, now: datetime, ttl: timedelta, event: Event
    ) -> tuple[Rotation, Lease]:
        self.hook("before ledger.begin")
        begun = super().begin(rotation, owner, now, ttl, event)
        self.hook("after ledger.begin")
        return begun

    def record(self, lease: Lease, before: Rotation, after: Rotation, *events: Event) -> Rotation:
        self.hook("before ledger.record")
        recorded = super().record(lease, before, after, *events)
        self.hook("after ledger.record")
        return recorded

    def claim(self, rotation_id: RotationId, owner: str, now: datetime, ttl: timedelta) -> Lease | None:
        self.hook("before ledger.claim")
        lease = super().claim(rotation_id, owner, now, ttl)
        self.hook("after ledger.claim")
        return lease

    def renew(self, lease: Lease, now: datetime, ttl: timedelta) -> Lease:
        self.hook("before ledger.renew")
        renewed = super().renew(lease, now, ttl)
        self.hook("after ledger.renew")
        return renewed

    def release(self, lease: Lease) -> None:
        self.hook("before ledger.release")
        super().release(lease)
        self.hook("after ledger.release")
