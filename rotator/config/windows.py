"""Reads when a schedule lets rotations begin: windows (``Mon-Thu 09:00-16:00 Europe/Berlin``) and freezes."""

from __future__ import annotations

import re
from datetime import date, time
from typing import Any, Final

from rotator.config.problems import did_you_mean
from rotator.domain.policy import Freeze, Window

HOW_TO_WRITE_A_WINDOW: Final = 'write for example "Mon-Thu 09:00-16:00 Europe/Berlin"'
HOW_TO_WRITE_A_FREEZE: Final = (
    'write for example "2026-11-27", "2026-12-20 to 2027-01-03", or "12-20 to 01-03" for every year'
)
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW: Final = r"(?:(?P<days>[A-Za-z]+(?:[-,][A-Za-z]+)*) )?(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d) (?P<zone>\S+)"


def parse_window(text: Any) -> Window:
    """Read days, times and zone. Without days: every day. An end at or before the start is on the next day."""
    match = re.fullmatch(_WINDOW, " ".join(text.split())) if isinstance(text, str) else None
    if match is None:
        raise ValueError(f"not a window (days, times, zone); {HOW_TO_WRITE_A_WINDOW}")
    return Window(_days(match["days"] or "mon-sun"), _time(match["start"]), _time(match["end"]), _zone(match["zone"]))


def parse_freeze(text: Any) -> Freeze:
    """Read one day or a first and a last one. Without a year: every year."""
    match text.split() if isinstance(text, str) else []:
        case [day]:
            written = day, day
        case [one, "to", other]:
            written = one, other
        case _:
            raise ValueError(f"not days; {HOW_TO_WRITE_A_FREEZE}")
    yearly = all(len(day) == len("12-20") for day in written)
    try:
        first, last = (date.fromisoformat(f"{_A_LEAP_YEAR}-{day}" if yearly else day) for day in written)
    except ValueError as error:
        raise ValueError(f"not days; {HOW_TO_WRITE_A_FREEZE}") from error
    if last < first and not yearly:
        raise ValueError("the last day is before the first; exchange them")
    return Freeze(first, last, yearly)


_A_LEAP_YEAR: Final = 2024


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = part.partition("-")
        last = last or first
        if first not in _DAYS or last not in _DAYS:
            raise ValueError(f"`{part}` is not a day or a range of days; write mon, tue, wed, thu, fri, sat, sun")
        begin, length = _DAYS.index(first), (_DAYS.index(last) - _DAYS.index(first)) % 7
        days |= {(begin + ahead) % 7 for ahead in range(length + 1)}
    return frozenset(days)


def _time(text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as error:
        raise ValueError("not a time of day; write 00:00 to 23:59") from error


def _zone(name: str) -> str:
    from zoneinfo import ZoneInfo, available_timezones  # noqa: PLC0415  only files with a window need it

    try:
        ZoneInfo(name)
    except (LookupError, ValueError, OSError) as error:
        hint = did_you_mean(name, available_timezones()) or "write an IANA name such as Europe/Berlin or UTC"
        raise ValueError(f"`{name}` is not a time zone; {hint}") from error
    return name
