"""Lengths of time as people write them: ``90 days``, ``24h``, ``6 months``. Months and years are calendar months."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from pydantic_core import CoreSchema, core_schema

_SECONDS: Final = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600,
                   "d": 86400, "day": 86400, "w": 604800, "week": 604800}  # fmt: skip
_MONTHS: Final = {"mo": 1, "month": 1, "y": 12, "year": 12}
_PART: Final = re.compile(r"\s*([0-9]{1,9})\s*([a-z]+)\s*")
_CAPITAL_M: Final = re.compile(r"(?<![A-Za-z])M(?![A-Za-z])")
_DAYS_IN_A_MONTH: Final = 30.436875
_LONGEST: Final = timedelta(days=1000 * 366)
"""A longer time is a slip of the finger, and would leave the calendar."""


@dataclass(frozen=True)
class Duration:
    """A length of time: whole calendar months, plus an exact part."""

    months: int = 0
    exact: timedelta = timedelta()

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read ``90 days``, ``24h``, ``6 months``, ``1h 30m``. ValueError says what is accepted."""
        position, months, seconds = 0, 0, 0
        lowered = text.strip().lower()
        if not lowered:
            raise ValueError("a duration cannot be empty: write for example '90 days'")
        if lowered == "0":
            return cls()
        if _CAPITAL_M.search(text):
            raise ValueError(f"{text!r} could mean minutes or months: write for example '6 min' or '6 months'")
        while position < len(lowered):
            part = _PART.match(lowered, position)
            unit = _singular(part.group(2)) if part else ""
            if part is None or (unit not in _SECONDS and unit not in _MONTHS):
                raise ValueError(f"{text!r} is not a duration: write for example '90 days', '24h' or '6 months'")
            months += int(part.group(1)) * _MONTHS.get(unit, 0)
            seconds += int(part.group(1)) * _SECONDS.get(unit, 0)
            position = part.end()
        if months * _DAYS_IN_A_MONTH + seconds / _SECONDS["day"] > _LONGEST.days:
            raise ValueError(f"{text!r} is longer than a thousand years: write for example '90 days' or '6 months'")
        return cls(months, timedelta(seconds=seconds))

    def after(self, moment: datetime) -> datetime:
        """Give ``moment`` plus this. 31 January plus a month is the last day of February, as calendars do."""
        month_index = moment.year * 12 + moment.month - 1 + self.months
        year, month = divmod(month_index, 12)
        day = min(moment.day, calendar.monthrange(year, month + 1)[1])
        return moment.replace(year=year, month=month + 1, day=day) + self.exact

    def before(self, moment: datetime) -> datetime:
        return Duration(-self.months, -self.exact).after(moment)

    @property
    def roughly(self) -> timedelta:
        """Give a length to compare by, with months of the average length."""
        return timedelta(days=self.months * _DAYS_IN_A_MONTH) + self.exact

    @property
    def shortest(self) -> timedelta:
        """Give its length where the months it spans are short: 3 months can be over after 89 days."""
        return timedelta(days=min(_lengths(self.months))) + self.exact

    @property
    def longest(self) -> timedelta:
        """Give its length where the months it spans are long: 3 months can last 92 days."""
        return timedelta(days=max(_lengths(self.months))) + self.exact

    def __bool__(self) -> bool:
        return bool(self.months or self.exact)

    def __str__(self) -> str:
        parts = []
        if self.months:
            years, months = divmod(self.months, 12)
            parts += [f"{count} {unit}{'s' if count > 1 else ''}"
                      for count, unit in ((years, "year"), (months, "month")) if count]  # fmt: skip
        seconds = int(self.exact.total_seconds())
        for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
            count, seconds = divmod(seconds, size)
            if count:
                parts.append(f"{count} {unit}{'s' if count > 1 else ''}")
        return " ".join(parts) or "0s"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        """Let policy files and plug-in configs hold durations: a string, or a Duration made by code."""

        def read(value: Any) -> Duration:
            if isinstance(value, Duration):
                return value
            if value == 0 and not isinstance(value, bool):
                return cls()
            if not isinstance(value, str):
                raise ValueError(  # noqa: TRY004  pydantic turns a ValueError into a problem with its line
                    f"{value!r} is not a duration: write for example '90 days', '24h' or '6 months'"
                )
            return cls.parse(value)

        return core_schema.no_info_before_validator_function(
            read,
            core_schema.is_instance_schema(cls),
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )


def _singular(unit: str) -> str:
    """Take the s off a word, not off an abbreviation: ``ms`` are not minutes."""
    return unit[:-1] if len(unit) > len("ms") and unit.endswith("s") else unit


@lru_cache(maxsize=256)
def _lengths(months: int) -> frozenset[int]:
    """Give how many days so many months can last: from the first day of each month of four years.

    No other day gives another length. True until 2100, which will not be a leap year.
    """
    starts = [datetime(2024 + index // 12, index % 12 + 1, 1, tzinfo=UTC) for index in range(48)]
    return frozenset((Duration(months).after(start) - start).days for start in starts)
