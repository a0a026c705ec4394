"""When a token is due: pure arithmetic. Given the past, the next time; nobody is asked what time it is.

APScheduler's cron trigger computes cron times; everything else is calendar arithmetic on zone-aware times.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from rotator.domain.policy import Schedule, Window

_DAYS_TO_LOOK_AHEAD: Final = 8
"""A week and a day: every weekday of a window comes by."""


@dataclass(frozen=True)
class Due:
    """A due time, and which rule asked for it."""

    at: datetime
    why: str


def due(schedule: Schedule, name: str, since: datetime, expires_at: datetime | None) -> Due | None:
    """Give the earliest time that the schedule asks for, for a token in force since ``since``; None: never by itself.

    The splay moves an interval or cron time later, and an expiry time earlier: never past the expiry.
    """
    offset = splay_of(schedule, name)
    candidates: list[Due] = []
    if schedule.every is not None:
        candidates.append(Due(schedule.every.after(since) + offset, f"every {schedule.every}"))
    if schedule.cron is not None:
        moment = _next_cron(schedule.cron, since, schedule.window)
        if moment is not None:
            candidates.append(Due(moment + offset, f"cron {schedule.cron}"))
    if expires_at is not None and schedule.before_expiry is not None:
        candidates.append(
            Due(schedule.before_expiry.before(expires_at) - offset, f"{schedule.before_expiry} before it expires")
        )
    return min(candidates, key=lambda candidate: candidate.at, default=None)


def splay_of(schedule: Schedule, name: str) -> timedelta:
    """Give this secret's own share of the splay: the same from day to day, evenly spread over many names."""
    share = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return timedelta(seconds=int(schedule.splay.total_seconds() * share))


def opens(window: Window, moment: datetime) -> datetime:
    """Give the first time at or after ``moment`` at which the window is open, in UTC.

    Windows are kept in wall-clock time of their zone; an hour that daylight saving skips is not waited for.
    """
    zone = ZoneInfo(window.zone)
    local = moment.astimezone(zone)
    for ahead in range(-1, _DAYS_TO_LOOK_AHEAD):
        day = local.date() + timedelta(days=ahead)
        if day.weekday() not in window.days:
            continue
        start = datetime.combine(day, window.start, zone).astimezone(UTC)
        end_day = day if window.end > window.start else day + timedelta(days=1)
        end = datetime.combine(end_day, window.end, zone).astimezone(UTC)
        if moment < end:
            return max(start, moment.astimezone(UTC))
    raise ValueError("a window needs at least one day")


def _next_cron(expression: str, since: datetime, window: Window | None) -> datetime | None:
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415  costs 60 ms, and only cron schedules need it

    trigger = CronTrigger.from_crontab(expression, timezone=ZoneInfo(window.zone) if window else UTC)
    moment = trigger.get_next_fire_time(since, since + timedelta(microseconds=1))
    return moment.astimezone(UTC) if moment is not None else None
