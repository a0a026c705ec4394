"""A clock that stands still until somebody waits or moves it: hours of overlap pass in no time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class MovingClock:
    """Implements ``rotator.domain.clock.Clock``. Waiting moves it, unless the process is asked to stop."""

    def __init__(self, now: datetime = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)) -> None:
        self._now = now
        self.wrong_by = timedelta()
        """How far it is from the time that everybody else has."""
        self.is_stopping = False
        self.waited = timedelta()
        """How long the product has waited so far."""

    def now(self) -> datetime:
        return self._now + self.wrong_by

    def right_time(self) -> datetime:
        return self._now

    def move(self, **by: float) -> None:
        """Let time pass outside of the process: ``clock.move(hours=24)``."""
        self._now += timedelta(**by)

    def stop(self) -> None:
        """Ask the process to stop, as SIGTERM does: from now on every wait is cut short."""
        self.is_stopping = True

    def wait(self, duration: timedelta) -> bool:
        if self.is_stopping:
            return False
        self._now += duration
        self.waited += duration
        return True
