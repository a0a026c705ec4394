"""What rings: APScheduler in memory. It remembers nothing; whatever it rings for asks the ledger what is due."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from rotator.domain.clock import Clock

_JUMP: Final = timedelta(seconds=90)


class Every(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Every so often. Times that were slept through are one, however many: APScheduler's own trigger names each.

    A clock that was put ahead by half a year would be counted up for a minute; one that begins in 1970, for hours.
    """

    def __init__(self, interval: timedelta) -> None:
        self._interval = interval

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now if previous is None else max(previous + self._interval, now)


class Rung:
    """A job that is never at work twice at a time; rung meanwhile, it begins again once it has ended."""

    def __init__(self, job: Callable[[], object]) -> None:
        self._job = job
        self._lock = threading.Lock()
        self._is_at_work = self._is_to_go_on = False

    def __call__(self) -> None:
        with self._lock:
            self._is_to_go_on = True
            if self._is_at_work:
                return
            self._is_at_work = True
        try:
            while self._goes_on():
                self._job()
        except BaseException:
            with self._lock:
                self._is_at_work = False
            raise

    def _goes_on(self) -> bool:
        with self._lock:
            self._is_at_work, self._is_to_go_on = self._is_to_go_on, False
            return self._is_at_work


class Bell:
    """Rings jobs at their intervals, one at a time each, until it is stopped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scheduler = BackgroundScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 3, "misfire_grace_time": None}
        )

    def every(self, interval: timedelta, job: Callable[[], object]) -> None:
        """Call ``job`` at once and then at this interval."""
        self._scheduler.add_job(Rung(job), Every(interval), next_run_time=self._clock.now())

    def ring(self) -> None:
        """Ring everything now."""
        for job in self._scheduler.get_jobs():
            job.modify(next_run_time=self._clock.now())

    def start(self) -> None:
        self._scheduler.start()

    def listen(self, tick: timedelta, on_tick: Callable[[], None]) -> None:
        """Stay until the process is to stop.

        The scheduler computes its next times by the clock as it was: put back by a day, it would sleep for a day. A
        clock that jumped is noticed here, and everything rings at once.
        """
        before = self._clock.now()
        while self._clock.wait(tick):
            now = self._clock.now()
            if abs(now - before - tick) > _JUMP:
                self.ring()
            before = now
            on_tick()

    def stop(self) -> None:
        """Ring no more, once the jobs that run have ended."""
        self._scheduler.shutdown(wait=True)
