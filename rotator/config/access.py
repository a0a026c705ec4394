"""What a connection's provider is given to work with: its credentials, its budget, and what threads share."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rotator.config.references import HOW_TO_REFER, Lookup, Reference
from rotator.domain.clock import Clock
from rotator.domain.contracts import NO_BUDGET, Budget
from rotator.domain.errors import NeedsOperator
from rotator.domain.policy import Connection
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Target

SharedT = TypeVar("SharedT")


class ConnectionAccess:
    """What one connection's provider is given to work with (contracts.Access). Safe to use from several threads.

    ``file:`` paths are taken from the directory of the policy file that names them; ``stored`` looks up, by name, what
    lies in a store. ``warnings`` collects what a person should mend but nothing stops for: a file that others may read.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
        budget: Budget = NO_BUDGET,
        stored: Mapping[str, Callable[[], SecretValue]] | None = None,
    ) -> None:
        self.clock = clock
        self.budget = budget
        self.warnings: list[str] = []
        self._name = connection.name
        self._credentials: Mapping[str, str | Target] = connection.config.credentials
        self._stored = stored or {}
        self._folder = connection.source.file.parent
        self._environment = os.environ if environment is None else environment
        self._lookups: dict[str, Lookup] = {}
        self._shared: dict[str, Any] = {}
        self._lock = threading.RLock()

    def credential(self, name: str) -> SecretValue:
        """Look a management credential up now. NeedsOperator says what is missing and where it was looked for.

        Temporary: the store that it lies in does not answer.
        """
        reference = self._credentials.get(name)
        if reference is None:
            what = f"Connection {self._name} has no credential `{name}`."
            raise NeedsOperator(what, remedy=f"Add it under `credentials`: {HOW_TO_REFER}.")
        if isinstance(reference, Target):
            return self._stored[name]()
        return self._lookup(name, reference)()

    def _lookup(self, name: str, reference: str) -> Lookup:
        known = self._lookups.get(name)
        if known is None:
            where = Reference.parse(reference), f"connection {self._name}", self._folder, self._environment
            known = self._lookups[name] = Lookup(*where, name=f"`{name}`", warn=self.warn)
        return known

    def warn(self, what: str) -> None:
        """Note what a person should mend. Said often, it is noted once."""
        with self._lock:
            if what not in self.warnings:
                self.warnings.append(what)

    def shared(self, key: str, make: Callable[[], SharedT]) -> SharedT:
        """Make something once for the connection. Whoever asks meanwhile waits; a failed attempt leaves nothing."""
        with self._lock:  # reentrant: making a login may ask for the shared HTTP client
            if key not in self._shared:
                self._shared[key] = make()
            made: SharedT = self._shared[key]
            return made

    def close(self) -> None:
        """Close what was shared and can be closed, such as HTTP clients."""
        with self._lock:
            shared, self._shared = list(self._shared.values()), {}
        for each in shared:
            close = getattr(each, "close", None)
            if callable(close):
                close()
