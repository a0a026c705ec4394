"""A token's life, as issuers write it: lifetimes going out, moments coming in. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from providers.issuers.http.profile import ExpirySpec
from providers.issuers.http.templates import OMIT
from rotator.domain.contracts import ExpiryRules
from rotator.domain.durations import Duration

_SECOND: Final = timedelta(seconds=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
_MILLISECONDS_FROM: Final = 100_000_000_000
"""An epoch above this is in milliseconds: as seconds it would be the year 5138."""


def rules(spec: ExpirySpec) -> ExpiryRules:
    """Give the rules the planner knows. Tokens that cannot expire offer no lifetime longer than none at all."""
    maximum = Duration() if spec.format == "none" else spec.maximum
    return ExpiryRules(spec.required, spec.choices or tuple(spec.values.values()), maximum, spec.never_means)


def as_sent(spec: ExpirySpec, lifetime: Duration | None, now: datetime) -> Any:
    """Give what ``{{ expiry }}`` is. ValueError for a lifetime that this issuer does not offer."""
    if lifetime is None:
        if spec.required:
            raise ValueError("its tokens need an expiry: write `expires_in`")
        return OMIT if spec.never == "omit" else spec.never
    if spec.format == "none":
        raise ValueError("its tokens cannot expire: leave out `expires_in`")
    if spec.format == "enum":
        return _word_for(spec, lifetime)
    return _WRITERS[spec.format](lifetime.after(now).astimezone(UTC), now)


def computed_end(spec: ExpirySpec, lifetime: Duration | None, now: datetime) -> datetime | None:
    """Give when a token made now will expire, as far as the profile tells."""
    if lifetime is None:
        return spec.never_means.after(now) if spec.never_means else None
    end = lifetime.after(now)
    match spec.format:
        case "iso_date":
            return _last_midnight(end, now)
        case "ttl_hours":
            return now + _whole(_HOUR, end, now) * _HOUR
        case "ttl_days":
            return now + _whole(_DAY, end, now) * _DAY
    return end


def moment(value: Any) -> datetime | None:
    """Read a moment: RFC 3339, a date, epoch seconds or milliseconds. None, 0, "" and the year 1 are no moment.

    ValueError for anything else, and for what is beyond the year 9999. A time without a zone is UTC.
    """
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    if not value or isinstance(value, bool):
        return None
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value / 1000 if value > _MILLISECONDS_FROM else value, UTC)
        if isinstance(value, str):
            read = datetime.fromisoformat(value)
            if read.year == 1:  # Go's zero time
                return None
            return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("not a moment") from error
    raise ValueError("not a moment")


def end_of(seconds: Any, now: datetime) -> datetime | None:
    """Give the end of a remaining life in seconds. 0 and null are none. ValueError as for ``moment``."""
    if not seconds:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("not a number of seconds")  # noqa: TRY004  the caller asks one question: is it a length?
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError as error:
        raise ValueError("not a moment") from error


def _last_midnight(end: datetime, now: datetime) -> datetime:
    """Give the midnight (UTC) that a date stands for. Today's is past already, so it is tomorrow's at least."""
    earliest = now.astimezone(UTC).date() + timedelta(days=1)
    return datetime.combine(max(end.astimezone(UTC).date(), earliest), time(), UTC)


def _word_for(spec: ExpirySpec, lifetime: Duration) -> str:
    for word, offered in spec.values.items():
        if offered == lifetime:
            return word
    offers = ", ".join(str(offered) for offered in spec.values.values())
    raise ValueError(f"it does not offer a lifetime of {lifetime}: write one of {offers}")


def _whole(unit: timedelta, end: datetime, now: datetime) -> int:
    """Count whole units: a token lives no longer than it was asked to, but one unit at least."""
    return max((end - now) // unit, 1)


_WRITERS: Final[Mapping[str, Callable[[datetime, datetime], Any]]] = {
    "rfc3339": lambda end, _now: end.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "iso_date": lambda end, now: _last_midnight(end, now).date().isoformat(),
    "epoch_s": lambda end, _now: int(end.timestamp()),
    "epoch_ms": lambda end, _now: int(end.timestamp()) * 1000,
    "ttl_seconds": lambda end, now: _whole(_SECOND, end, now),
    "ttl_hours": lambda end, now: _whole(_HOUR, end, now),
    "ttl_days": lambda end, now: _whole(_DAY, end, now),
    "go_duration": lambda end, now: f"{_whole(_SECOND, end, now)}s",
}
"""(end, now) → what is sent, by format. ``end`` is in UTC."""
