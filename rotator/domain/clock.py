"""Time, for all that the engine decides and waits for."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Time as an argument: tests move it, the daemon interrupts it."""

    def now(self) -> datetime:
        """Give the time, zone-aware, in UTC."""
        ...

    def wait(self, duration: timedelta) -> bool:
        """Let ``duration`` pass. False when the wait was cut short because the process is to stop."""
        ...

    @property
    def is_stopping(self) -> bool:
        """Whether the process is to stop: then every wait is cut short."""
        ...


class SystemClock:
    """The machine's clock. Waits on an event, so that SIGTERM is obeyed at once (and libfaketime can be used)."""

    def __init__(self, stop: threading.Event | None = None) -> None:
        self.stop = stop or threading.Event()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def wait(self, duration: timedelta) -> bool:
        return not self.stop.wait(max(duration.total_seconds(), 0.0))

    @property
    def is_stopping(self) -> bool:
        return self.stop.is_set()
