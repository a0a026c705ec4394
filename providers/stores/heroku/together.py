"""Several vars of one app in one change, and so in one release, when several secrets change together.

Each change of vars restarts an app's dynos, and its release command runs again. Whoever was looked at a moment ago and
has not set its var yet is waited for, a few seconds at most; a secret that changes alone waits for nobody.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from rotator.domain.clock import Clock
from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue

_LONGEST_WAIT: Final = timedelta(seconds=5)
_LOOK_AGAIN: Final = timedelta(milliseconds=100)
_COMES_WITHIN: Final = timedelta(seconds=60)
"""Who was looked at longer ago has failed on its way."""

Vars = Mapping[str, SecretValue | None]


@dataclass
class _Change:
    values: dict[str, SecretValue | None] = field(default_factory=dict, repr=False)
    is_over: threading.Event = field(default_factory=threading.Event)
    error: Exception | None = None


class Together:
    """Gathers the changes of one connection, app by app. Safe to use from several threads."""

    def __init__(self, send: Callable[[str, Vars], None], clock: Clock) -> None:
        """``send`` changes vars of an app, and raises when it cannot."""
        self._send = send
        self._clock = clock
        self._lock = threading.Lock()
        self._coming: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
        self._gathering: dict[str, _Change] = {}

    def expect(self, app: str, var: str) -> None:
        """Note that this var will probably be set soon."""
        with self._lock:
            self._coming[app][var] = self._clock.now()

    def set(self, app: str, var: str, value: SecretValue | None) -> None:
        """Change a var, alone or with others; return when it was sent. Every one of them gets the same error.

        But where all of them together were refused for good, each is sent once more alone: one that Heroku does not
        take, or that no room is left for, must not hold up the others.
        """
        with self._lock:
            self._coming[app].pop(var, None)
            change = self._gathering.get(app)
            leads = change is None or var in change.values
            if change is None or leads:
                change = self._gathering[app] = _Change()
            change.values[var] = value
        if not leads:
            change.is_over.wait()
        else:
            self._lead(app, change)
        if isinstance(change.error, Permanent) and len(change.values) > 1:
            self._send(app, {var: value})
        elif change.error is not None:
            raise change.error

    def _lead(self, app: str, change: _Change) -> None:
        try:
            self._wait_for_others(app)
            with self._lock:
                if self._gathering.get(app) is change:
                    del self._gathering[app]
            self._send(app, change.values)
        except Exception as error:  # noqa: BLE001  not swallowed: each of those who wait raises it
            change.error = error
        finally:
            change.is_over.set()

    def _wait_for_others(self, app: str) -> None:
        begun = self._clock.now()
        while self._clock.now() < begun + _LONGEST_WAIT:
            with self._lock:
                since = self._clock.now() - _COMES_WITHIN
                if not any(moment > since for moment in self._coming[app].values()):
                    return
            if not self._clock.wait(_LOOK_AGAIN):
                return
        with self._lock:
            self._coming[app].clear()
