"""When a token is due: pure arithmetic. Given the past, the next time; nobody is asked what time it is.

``crontab`` computes cron times; everything else is calendar arithmetic on zone-aware times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from rotator.domain import crontab
from rotator.domain.policy import Schedule, Window
from rotator.domain.spread import share_of

_DAYS_TO_LOOK_AHEAD: Final = 15
"""Two weeks and a day: a window of one day a week comes by, even if daylight saving skips it once."""


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
        moment = crontab.next_time(schedule.cron, since, ZoneInfo(schedule.window.zone) if schedule.window else UTC)
        if moment is not None:
            candidates.append(Due(moment + offset, f"cron {schedule.cron}"))
    if expires_at is not None and schedule.before_expiry is not None:
        candidates.append(
            Due(schedule.before_expiry.before(expires_at) - offset, f"{schedule.before_expiry} before it expires")
        )
    return min(candidates, key=lambda candidate: candidate.at, default=None)


def splay_of(schedule: Schedule, name: str) -> timedelta:
    """Give this secret's own share of the splay: the same from day to day, evenly spread over many names."""
    return timedelta(seconds=int(schedule.splay.total_seconds() * share_of(name)))


def opens(window: Window, moment: datetime) -> datetime:
    """Give the first time at or after ``moment`` at which the window is open, in UTC.

    Windows are kept in wall-clock time of their zone; one that lies in an hour that daylight saving skips does not
    open that day.
    """
    zone = ZoneInfo(window.zone)
    local = moment.astimezone(zone)
    for ahead in range(-1, _DAYS_TO_LOOK_AHEAD):
        day = local.date() + timedelta(days=ahead)
        if day.weekday() not in window.days:
            continue
        start = _instant(day, window.start, zone)
        end = _instant(day if window.end > window.start else day + timedelta(days=1), window.end, zone)
        if start < end and moment < end:
            return max(start, moment.astimezone(UTC))
    raise ValueError("a window needs at least one day")


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """Give the moment, in UTC, at which the clocks of the zone show this, or at which they are put past it."""
    shown = datetime.combine(day, at, zone)
    moment = shown.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == shown.replace(tzinfo=None):
        return moment
    moment = shown.replace(fold=1).astimezone(UTC)  # no clock shows it: from just before the change, find the change
    before = moment.astimezone(zone).utcoffset()
    while moment.astimezone(zone).utcoffset() == before:
        moment += timedelta(minutes=1)
    return moment
