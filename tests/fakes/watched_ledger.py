"""The real ledger, with a hook before and after every write: where a process can be killed or held up."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from sqlalchemy import event

from rotator.domain.model import Event, IssuerRef, Rotation, RotationId, Token
from rotator.ledger.ledger import Lease, Ledger
from tests.fakes.scripted import Hook

_DO_NOT_WAIT = "PRAGMA synchronous = OFF"


class WatchedLedger(Ledger):
    hook: Hook = staticmethod(lambda _moment: None)

    @classmethod
    def made_in(cls, folder: Path) -> Self:
        """Open a new, empty ledger there: a copy of one that was made before, and without waiting for the disk.

        A killed process loses nothing by that: only a failing machine would.
        """
        for file in _empty_ledger().iterdir():
            shutil.copy(file, folder / file.name)
        opened = cls.open(f"sqlite:///{folder}/ledger.db")
        opened._database.engine.dispose()
        event.listen(opened._database.engine, "connect", lambda connection, _: connection.execute(_DO_NOT_WAIT))
        return opened

    def adopt(
        self, token: Token, event: Event, ended_by: Rotation | None = None, issuer: IssuerRef | None = None
    ) -> None:
        self.hook("before ledger.adopt")
        super().adopt(token, event, ended_by, issuer)
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


@functools.cache
def _empty_ledger() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="empty-ledger-"))
    Ledger.open(f"sqlite:///{folder}/ledger.db").close()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder
