"""Checks a cron line before a daemon relies on it, with the same calculator that will compute its times."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

_FIELDS: Final = 5
_ANY_MOMENT: Final = datetime(2024, 1, 1, tzinfo=UTC)
"""A leap year begins: every date that exists comes within four years of it."""


@lru_cache(maxsize=1024)
def check_cron(expression: str) -> str:
    """Give the line back, or ValueError.

    Weekdays by number are refused: cron counts them from Sunday, APScheduler from Monday.
    """
    fields = expression.split()
    if len(fields) != _FIELDS:
        raise ValueError('a cron line has five fields; write for example "0 3 1 */3 *"')
    if re.search(r"(?<!/)\b\d", fields[4]):
        raise ValueError("programs disagree on which weekday a number is; write mon, tue, wed, thu, fri, sat, sun")
    from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415  costs 60 ms, and few files use cron

    try:
        trigger = CronTrigger.from_crontab(expression, timezone=UTC)
    except ValueError as error:
        raise ValueError(f'not a cron line ({error}); write for example "0 3 1 */3 *"') from error
    if trigger.get_next_fire_time(None, _ANY_MOMENT) is None:
        raise ValueError("this date never comes; check the day and the month")
    return expression
