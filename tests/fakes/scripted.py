"""Faults on purpose, in memory: what a test lines up for a provider's next calls, and where it kills the process.

Every call of a fake goes through its ``Script``. A fault says whether the call took effect and what the caller gets
to see; the hook is called before a call takes effect and after it did, and may raise ``Killed`` there, or let other
things happen in the meantime::

    issuer.script.fail("issue", lost_answer())
    store.script.hook = kill_at("after store.write")
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary

ResultT = TypeVar("ResultT")

Hook = Callable[[str], None]
"""Called with a moment: ``before issuer.issue``, ``after store.write``, ``before ledger.record`` …"""


class Killed(BaseException):
    """The process is gone. Not an ``Exception``: no code of ours may catch it and write something down."""


@dataclass(frozen=True)
class Fault:
    """What becomes of one call."""

    error: Callable[[], Exception]
    applied: bool = False
    """The call took effect all the same."""


def lost_answer() -> Fault:
    """It was done, and the answer got lost."""
    return Fault(lambda: Ambiguous("the connection was closed before the answer came"), applied=True)


def lost_request() -> Fault:
    """It was not done, but nobody can tell: a broken connection looks the same."""
    return Fault(lambda: Ambiguous("the connection was closed before the answer came"))


def unavailable() -> Fault:
    return Fault(lambda: Temporary("503 Service Unavailable"))


def throttled(retry_after: timedelta | None = None) -> Fault:
    return Fault(lambda: Temporary("429 Too Many Requests", retry_after=retry_after))


def denied() -> Fault:
    return Fault(lambda: Permanent("403 Forbidden"))


def locked_by_somebody() -> Fault:
    return Fault(lambda: NeedsOperator("somebody holds a lock on it"))


def broken(error: Exception) -> Fault:
    """A bug in the plug-in."""
    return Fault(lambda: error)


class Script:
    """One provider's faults to come, each used once, in the order in which they were lined up."""

    def __init__(self, subject: str, hook: Hook | None = None) -> None:
        self.subject = subject
        self.hook: Hook = hook or (lambda _moment: None)
        self.calls: list[str] = []
        self.at = ""
        """Which place the call is about."""
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.RLock()

    def fail(self, call: str, *faults: Fault) -> None:
        self._faults[call].extend(faults)

    @property
    def lined_up(self) -> bool:
        """Tell whether any fault is still to come."""
        return any(self._faults.values())

    def forgive(self) -> None:
        """Forget all faults that were not used up."""
        self._faults.clear()

    def run(self, call: str, action: Callable[[], ResultT], at: str = "") -> ResultT:
        self.at = at
        self.hook(f"before {self.subject}.{call}")
        self.calls.append(call)
        with self._lock:
            fault = self._faults[call].popleft() if self._faults[call] else None
            if fault is not None and not fault.applied:
                raise fault.error()
            result = action()
        self.hook(f"after {self.subject}.{call}")
        if fault is not None:
            raise fault.error()
        return result
