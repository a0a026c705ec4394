"""What a provider is given to work with: credentials, a budget, a clock, and what its threads share."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import Final, Protocol, TypeVar

from rotator.domain.clock import Clock
from rotator.domain.secret_value import SecretValue


class Budget(Protocol):
    """How much one connection may ask of its service, counted over all threads and machines."""

    def request(self) -> AbstractContextManager[None]:
        """Wait until one more request may be sent, and count it as under way inside the block.

        Every request to the service goes through here. Raises Temporary when its turn is too far away: the request
        was not sent.
        """
        ...

    def throttled(self, retry_after: timedelta | None) -> None:
        """Tell that the service refused a request for want of budget: nobody asks again before that time is over."""
        ...

    def unavailable(self) -> None:
        """Tell, while its request is under way, that the service is down: a gateway answered for it (502, 503, 504)."""
        ...


class NoBudget:
    """For a connection that nothing limits."""

    def request(self) -> AbstractContextManager[None]:
        return nullcontext()

    def throttled(self, retry_after: timedelta | None) -> None:
        """Nobody counts."""

    def unavailable(self) -> None:
        """Nobody counts."""


NO_BUDGET: Final = NoBudget()

SharedT = TypeVar("SharedT")


class Access(Protocol):
    """What a provider is given to work with, one for each connection."""

    @property
    def clock(self) -> Clock: ...

    @property
    def budget(self) -> Budget: ...

    def credential(self, name: str) -> SecretValue:
        """Resolve a management credential now. Not kept: it may be rotated under us. NeedsOperator if missing."""
        ...

    def warn(self, what: str) -> None:
        """Note what a person should mend, though nothing stops for it. `rotate check --online` tells it."""
        ...

    def shared(self, key: str, make: Callable[[], SharedT]) -> SharedT:
        """Make something once for the connection (an HTTP client, a login) and give the same to all who ask."""
        ...
