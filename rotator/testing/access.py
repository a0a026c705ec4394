"""What a provider is given to work with, in tests: credentials from a dictionary, and a clock that only tests move."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from rotator.domain.clock import Clock
from rotator.domain.contracts import NO_BUDGET, Budget
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue
from rotator.testing.moving_clock import MovingClock

MadeT = TypeVar("MadeT")


class DictionaryAccess:
    """One connection's access: what is shared is made once."""

    def __init__(self, credentials: Mapping[str, str] | None = None) -> None:
        self.clock: Clock = MovingClock()
        self.budget: Budget = NO_BUDGET
        self.warnings: list[str] = []
        self._credentials = dict(credentials or {})
        self._made: dict[str, Any] = {}

    def credential(self, name: str) -> SecretValue:
        if name not in self._credentials:
            raise NeedsOperator(f"there is no credential {name!r}")
        return SecretValue(self._credentials[name])

    def warn(self, what: str) -> None:
        self.warnings.append(what)

    def shared(self, key: str, make: Callable[[], MadeT]) -> MadeT:
        if key not in self._made:
            self._made[key] = make()
        made: MadeT = self._made[key]
        return made
