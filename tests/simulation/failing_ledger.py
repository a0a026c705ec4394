"""The real ledger, on a disk that is full for a while: every transaction fails then, with SQLite's own error."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, event
from sqlalchemy.exc import OperationalError

from tests.fakes.watched_ledger import WatchedLedger
from tests.integration.ledger.first_release import carry_over


class FailingLedger(WatchedLedger):
    is_gone = False

    @classmethod
    def made_in(cls, folder: Path) -> Self:
        ledger = super().made_in(folder)
        event.listen(ledger._database.engine, "begin", ledger._fail)
        return ledger

    def _fail(self, _connection: Connection) -> None:
        if self.is_gone:
            raise OperationalError("BEGIN", None, sqlite3.OperationalError("database or disk is full"))

    def as_the_first_release_left_it(self, folder: Path) -> Self:
        """Close it, put all that it holds into a ledger of the first release there, and open that one: it migrates."""
        url = f"sqlite:///{folder}/ledger.db"
        self.close()
        folder.mkdir()
        carry_over(str(self._database.engine.url), url)
        key = next(Path(str(self._database.engine.url.database)).parent.glob("*.key"))
        ledger = self.open(url, key_file=key)
        event.listen(ledger._database.engine, "begin", ledger._fail)
        return ledger
