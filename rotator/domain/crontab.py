"""What a crontab line means: the next time it asks for, in a zone's wall-clock time.

APScheduler's trigger does the counting. Three things it reads otherwise than cron does, and they are put right here:
it counts weekdays from Monday (cron: 0 and 7 are Sunday), it wants a day of the month *and* a weekday where both are
given (cron: either will do), and it repeats a fixed hour that the end of daylight saving repeats (cron: once).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any, Final, NamedTuple

_DAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: Final = 5
_WEEKDAYS: Final = r"(?:\*|(?P<first>[a-z]{3}|[0-7])(?:-(?P<last>[a-z]{3}|[0-7]))?)(?:/(?P<step>[1-9]))?"


class _Line(NamedTuple):
    triggers: tuple[Any, ...]
    """APScheduler's; the earliest counts."""
    repeats: bool
    """By the hour or the minute: in the hour that daylight saving gives back, it is due a second time."""


def next_time(expression: str, since: datetime, zone: tzinfo) -> datetime | None:
    """Give the first time after ``since`` that the line asks for, in UTC; None: it asks for a date that never comes.

    A time of day that daylight saving skips comes an hour later that day. ValueError: not a crontab line.
    """
    line = _read(expression, zone)
    times = (_next(trigger, since.astimezone(UTC), line.repeats) for trigger in line.triggers)
    return min((moment for moment in times if moment is not None), default=None)


@lru_cache(maxsize=256)
def intervals(expression: str) -> frozenset[timedelta]:
    """Give the times between two times that the line asks for: over four years, or its first few hundred."""
    moment = _BEGIN
    found: set[timedelta] = set()
    for _ in range(_MOST_TIMES):
        following = next_time(expression, moment, UTC)
        if following is None or following > _END:
            break
        if moment is not _BEGIN:
            found.add(following - moment)
        moment = following
    return frozenset(found)


_BEGIN: Final = datetime(2024, 1, 1, tzinfo=UTC) - timedelta(microseconds=1)
_END: Final = datetime(2028, 12, 31, tzinfo=UTC)
_MOST_TIMES: Final = 400


def _next(trigger: Any, since: datetime, repeats: bool) -> datetime | None:
    after = since
    while True:
        moment: datetime | None = trigger.get_next_fire_time(after, after + timedelta(microseconds=1))
        if moment is None:
            return None
        first = moment.replace(fold=0).astimezone(UTC)
        if first > since:
            return first
        after = moment.astimezone(UTC)
        if repeats:
            return after


@lru_cache(maxsize=1024)
def _read(expression: str, zone: tzinfo) -> _Line:
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415  costs 60 ms, and only cron schedules need it

    fields = expression.split()
    if len(fields) != _FIELDS:
        raise ValueError('a cron line has five fields; write for example "0 3 1 */3 *"')
    minute, hour, day, month, weekday = fields
    days = [(day, _weekdays(weekday))]
    if not day.startswith("*") and not weekday.startswith("*"):
        days = [(day, "*"), ("*", _weekdays(weekday))]
    triggers = [
        CronTrigger(minute=minute, hour=hour, day=of_month, month=month, day_of_week=of_week, timezone=zone)
        for of_month, of_week in days
    ]
    return _Line(tuple(triggers), repeats=hour.startswith("*") or minute.startswith("*"))


def _weekdays(field: str) -> str:
    """Spell every weekday that cron reads in this field by its name, which means the same to everybody."""
    if field == "*":
        return field
    names: set[str] = set()
    for part in field.split(","):
        match = re.fullmatch(_WEEKDAYS, part, re.IGNORECASE)
        if match is None:
            raise ValueError(f"`{part}` is not a weekday; write sun to sat, or 0 to 7 (0 and 7 are Sunday)")
        step = match["step"]
        first = _number(match["first"] or "sun")
        last = _number(match["last"] or ("sat" if step or not match["first"] else match["first"]))
        last += 7 if last < first else 0
        names |= {_DAYS[number % 7] for number in range(first, last + 1, int(step or 1))}
    return ",".join(sorted(names, key=_DAYS.index))


def _number(weekday: str) -> int:
    if weekday.isdecimal():
        return int(weekday)
    if weekday.lower() not in _DAYS:
        raise ValueError(f"`{weekday}` is not a weekday; write sun to sat, or 0 to 7 (0 and 7 are Sunday)")
    return _DAYS.index(weekday.lower())
