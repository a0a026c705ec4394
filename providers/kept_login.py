"""A connection's login: made when it is first needed, kept for all threads, and made anew once it has ended."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from rotator.domain.secret_value import SecretValue

LoginT = TypeVar("LoginT")


@dataclass(frozen=True)
class AccessToken:
    """A login that is one token, used until shortly before its end."""

    value: SecretValue
    used_until: datetime


class KeptLogin(Generic[LoginT]):
    """One login at a time, in memory only. Safe to share between threads: who comes while it is made waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._login: LoginT | None = None

    def current(
        self, log_in: Callable[[], LoginT], is_over: Callable[[LoginT], bool] = lambda _login: False
    ) -> tuple[LoginT, bool]:
        """Give the login, and whether it was made just now: such a one has not ended, whatever an answer says."""
        with self._lock:
            kept = None if self._login is None or is_over(self._login) else self._login
            self._login = log_in() if kept is None else kept
            return self._login, kept is None

    def forget(self, login: LoginT) -> None:
        """Forget a login, unless another thread has replaced it already."""
        with self._lock:
            if self._login is login:
                self._login = None

    def take(self) -> LoginT | None:
        """Give the login, if there is one, and forget it."""
        with self._lock:
            login, self._login = self._login, None
            return login
