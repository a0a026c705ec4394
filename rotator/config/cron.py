"""Checks a cron line before a daemon relies on it, with the same calculator that will compute its times."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from rotator.domain.crontab import next_time

_ANY_MOMENT: Final = datetime(2024, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1024)
def check_cron(expression: str) -> str:
    """Give the line back, or ValueError that says what is wrong with it."""
    try:
        first = next_time(expression, _ANY_MOMENT, UTC)
    except ValueError as error:
        if "; " in str(error):  # it says already what to write
            raise
        raise ValueError(f'not a cron line ({error}); write for example "0 3 1 */3 *"') from error
    if first is None:
        raise ValueError("this date never comes; check the day and the month")
    return expression
