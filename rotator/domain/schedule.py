"""When a token is due: pure arithmetic. Given the past, the next time; nobody is asked what time it is.

``crontab`` computes cron times; everything else is calendar arithmetic on zone-aware times.
"""

from __future__ import annotations

from calendar import isleap
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from rotator.domain import crontab
from rotator.domain.policy import Freeze, Schedule, Window
from rotator.domain.spread import share_of

_DAYS_TO_LOOK_AHEAD: Final = 15
"""Two weeks and a day: a window of one day a week comes by, even if daylight saving skips it once."""


class Due(NamedTuple):
    """A due time, and which rule asked for it."""

    at: datetime
    why: str


def due(schedule: Schedule, name: str, since: datetime, expires_at: datetime | None) -> Due | None:
    """Give the earliest time that the schedule asks for, for a token in force since ``since``; None: never by itself.

    The splay moves an interval or cron time later, and an expiry time earlier: never past the expiry. A token that
    expires earlier than its schedule thought is due in the last tenth of its life, a week before its end at most.
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
    elif expires_at is not None and candidates:
        margin = min(_MARGIN, max(expires_at - since, timedelta()) / 10)
        candidates.append(Due(expires_at - margin - min(offset, margin), f"it expires at {expires_at:%F %R}"))
    return min(candidates, key=lambda candidate: candidate.at, default=None)


_MARGIN: Final = timedelta(days=7)


def longest_interval(schedule: Schedule) -> timedelta | None:
    """Give the longest time between two due times, by the schedule alone; None: it asks for none."""
    if schedule.every is not None:
        return schedule.every.longest
    return max(crontab.intervals(schedule.cron), default=None) if schedule.cron else None


def shortest_interval(schedule: Schedule) -> timedelta | None:
    """Give the shortest time between two due times, by the schedule alone; None: it asks for none."""
    if schedule.every is not None:
        return schedule.every.shortest
    return min(crontab.intervals(schedule.cron), default=None) if schedule.cron else None


def splay_of(schedule: Schedule, name: str) -> timedelta:
    """Give this secret's own share of the splay: the same from day to day, evenly spread over many names."""
    return timedelta(seconds=int(schedule.splay.total_seconds() * share_of(name)))


def may_begin(schedule: Schedule, moment: datetime) -> datetime:
    """Give the first time at or after ``moment`` at which the window is open and nothing is frozen, in UTC.

    Ten years ahead is the latest: nobody looks further for a day that freezes may never leave.
    """
    latest = moment + _FAR_AHEAD
    while moment < latest:
        opening = opens(schedule.window, moment) if schedule.window is not None else moment
        moment = frozen_until(schedule, opening) or opening
        if moment == opening:
            break
    return min(moment, latest)


_FAR_AHEAD: Final = timedelta(days=3653)


def frozen_until(schedule: Schedule, moment: datetime) -> datetime | None:
    """Give the end of the freeze that this moment lies in, in UTC; None: it lies in none."""
    zone = ZoneInfo(schedule.window.zone if schedule.window else "UTC")
    ends = _ends(schedule.freezes, moment.astimezone(zone).date())
    return _instant(min(max(ends), _LAST_DAY) + timedelta(days=1), time(), zone) if ends else None


_LAST_DAY: Final = date.max - timedelta(days=1)
"""The last one that has a next: a freeze until 9999-12-31 is one that nobody means to end."""


def leave_a_day(freezes: Iterable[Freeze]) -> bool:
    """Tell whether freezes leave a day of every year. One of a single year ends with it."""
    yearly = [freeze for freeze in freezes if freeze.yearly]
    return any(not _ends(yearly, _NEW_YEAR + timedelta(days=day)) for day in range(365))


_NEW_YEAR: Final = date(2023, 1, 1)
"""Of a year like most: a day that only leap years have is not enough."""


def _ends(freezes: Iterable[Freeze], today: date) -> list[date]:
    """Give the last day of each freeze that this day lies in."""
    stretches = (stretch for freeze in freezes for stretch in _occurrences(freeze, today))
    return [last for first, last in stretches if first <= today <= last]


def _occurrences(freeze: Freeze, today: date) -> Iterator[tuple[date, date]]:
    """Give the stretches of days of a freeze that could hold this day."""
    if not freeze.yearly:
        yield freeze.first, freeze.last
        return
    into_the_next = freeze.last.replace(year=freeze.first.year) < freeze.first
    for year in (today.year - 1, today.year):
        yield _in_year(freeze.first, year), _in_year(freeze.last, year + into_the_next)


def _in_year(day: date, year: int) -> date:
    leaps_over = (day.month, day.day) == (2, 29) and not isleap(year)
    return date(year, 2, 28) if leaps_over else day.replace(year=year)


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
