"""A management credential that lies in a store: read through the store's own connection, and believed for a minute.

It is kept in memory alone, so that an SDK which asks for credentials with every request does not double the requests.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from rotator.domain.clock import Clock
from rotator.domain.contracts import Place, Store, Stored
from rotator.domain.errors import NeedsOperator, RotatorError, Temporary
from rotator.domain.policy import Connection
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Target

BELIEVED_FOR: Final = timedelta(minutes=1)


def credentials_in_stores(connection: Connection) -> Iterator[tuple[str, Target]]:
    """Give the credentials of a connection that lie in a store, by name, and where each one lies."""
    for name, reference in connection.config.credentials.items():
        if isinstance(reference, Target):
            yield name, reference


class _Read(NamedTuple):
    value: SecretValue
    at: datetime


class StoredCredential:
    """One credential of one connection, at one place. Safe to use from several threads: one reads, the others wait."""

    def __init__(
        self, name: str, needed_by: str, target: Target, store: Store[Any], place: Place, clock: Clock
    ) -> None:
        """``needed_by`` is the connection whose credential it is; ``store`` and ``place`` are the target, opened."""
        self.target = target
        self._what = f"credential `{name}` of connection {needed_by}"
        self._store = store
        self._place = place
        self._clock = clock
        self._reading = threading.Lock()
        self._read: _Read | None = None
        self._forgotten = 0
        """How often: what was read before is not remembered after."""

    def __str__(self) -> str:
        return f"{self._what} ({self.target})"

    def __call__(self) -> SecretValue:
        """Give the value that the place holds, or held within the last minute.

        NeedsOperator: the store refuses, or there is none. Temporary: the store does not answer.
        """
        with self._reading:
            now, read = self._clock.now(), self._read
            if read is not None and timedelta() <= now - read.at < BELIEVED_FOR:
                return read.value
            self._read, before = None, self._forgotten
            value = self._value_of(self._current())
            if self._forgotten == before:
                self._read = _Read(value, now)
            return value

    def forget(self) -> None:
        """Read it anew next time: somebody is about to change it, or just did. Waits for nobody."""
        self._forgotten += 1
        self._read = None

    def _current(self) -> Stored | None:
        try:
            return self._store.current(self._place)
        except Temporary as error:
            what = f"The {self} cannot be looked up now: {error.what}"
            raise Temporary(what, remedy=error.remedy, retry_after=error.retry_after) from error
        except RotatorError as error:
            raise NeedsOperator(f"The {self} cannot be looked up: {error.what}", remedy=error.remedy) from error

    def _value_of(self, stored: Stored | None) -> SecretValue:
        if stored is None:
            raise NeedsOperator(f"The {self} is not there: the place does not exist.", remedy="Put the value there.")
        if stored.value is not None and not stored.value.fits(r"\s*"):
            return stored.value
        if stored.value is None and not self._store.traits(self._place).readable:
            raise NeedsOperator(
                f"The {self} can never be read back: that place is write-only.",
                remedy="Keep it where it can be read, and name that place.",
            )
        raise NeedsOperator(f"The {self} is empty: nothing stands there.", remedy="Put the value there.")
