"""How much a connection may ask of its service: so many requests in so long, and so many at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from pydantic_core import CoreSchema, core_schema

_HOW_TO_WRITE: Final = "not a rate; write for example `100/min`, `5/s`, `4500/h` or `10/15min`"
_UNITS: Final = {
    "s": timedelta(seconds=1),
    "sec": timedelta(seconds=1),
    "second": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "minute": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "hour": timedelta(hours=1),
    "d": timedelta(days=1),
    "day": timedelta(days=1),
}
_RATE: Final = re.compile(rf"([1-9][0-9]{{0,6}}) ?/ ?([1-9][0-9]{{0,3}})? ?({'|'.join(_UNITS)})")
_PACED_PERCENT: Final = 97

LONGEST_WAIT: Final = timedelta(minutes=1)
"""How long a request may wait, where no rate is so slow that it has to wait longer."""


@dataclass(frozen=True)
class Rate:
    """At most ``requests`` in any stretch of time as long as ``per``."""

    requests: int
    per: timedelta

    @classmethod
    def parse(cls, text: str) -> Rate:
        """Read ``100/min``, ``5/s``, ``4500/h`` or ``10/15min``."""
        found = _RATE.fullmatch(text.strip())
        if not found:
            raise ValueError(_HOW_TO_WRITE)
        requests, times, unit = found.groups()
        return cls(int(requests), int(times or 1) * _UNITS[unit])

    def __str__(self) -> str:
        whole = next((name for name in ("d", "h", "min", "s") if self.per == _UNITS[name]), None)
        return f"{self.requests}/{whole}" if whole else f"{self.requests}/{self.per.total_seconds():g}s"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: Any) -> CoreSchema:
        """Let policy files and profiles hold rates: a string, or a Rate made by code."""

        def read(value: Any) -> Rate:
            if isinstance(value, Rate):
                return value
            if not isinstance(value, str):
                raise ValueError(_HOW_TO_WRITE)  # noqa: TRY004  pydantic turns a ValueError into a problem with its line
            return cls.parse(value)

        return core_schema.no_info_before_validator_function(
            read,
            core_schema.is_instance_schema(cls),
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.to_string_ser_schema(),
        )

    @property
    def pace(self) -> timedelta:
        """How far apart requests are sent, so that the limit is nearly filled and clocks may differ a little."""
        return self.per / self.requests * 100 / _PACED_PERCENT

    @property
    def head_start(self) -> timedelta:
        """How much of the pace may be made up for at once after a rest: what the pace leaves of the limit."""
        return (self.requests - 1 - self.requests * _PACED_PERCENT // 100) * self.pace

    @property
    def longest_wait(self) -> timedelta:
        """How long a request may wait for its turn: a minute, or two turns of a slow rate."""
        return max(LONGEST_WAIT, 2 * self.pace)


@dataclass(frozen=True)
class Limits:
    """What a service allows, or what a connection is to make of it. None: no limit."""

    rate: Rate | None = None
    concurrency: int | None = None
    """Requests that may be under way at a time."""

    def __bool__(self) -> bool:
        return self.rate is not None or self.concurrency is not None

    def narrowed(self, by: Limits) -> Limits:
        """Give the stricter of both, for each of rate and concurrency."""
        rates = [rate for rate in (self.rate, by.rate) if rate is not None]
        counts = [count for count in (self.concurrency, by.concurrency) if count is not None]
        return Limits(max(rates, key=lambda rate: rate.pace, default=None), min(counts, default=None))


NO_LIMITS: Final = Limits()
