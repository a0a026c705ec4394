"""How often a person who was asked for something is reminded of it: pure arithmetic.

At once, then after one, three and seven days and every week from then on; and every day of the last week before the
token expires that their work is to replace. Who tells them is not decided here.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, takewhile
from typing import Final

from rotator.domain.model import Phase, Rotation

_DAY: Final = timedelta(days=1)
_FIRST: Final = (0 * _DAY, 1 * _DAY, 3 * _DAY)
_WEEK: Final = 7 * _DAY
_LAST_DAYS: Final = 7


@dataclass(frozen=True)
class Reminder:
    """A person is to be told now. ``number`` counts from 1, which is the request itself."""

    number: int
    left: timedelta | None
    """How long the token in force still lives; None: it does not expire, or nobody knows."""


def due(since: datetime, expires_at: datetime | None, said: int, now: datetime) -> Reminder | None:
    """Say which reminder is due to somebody who is asked ``since`` then and was told ``said`` times; None: none.

    Of several whose time has passed unnoticed only the last is due.
    """
    passed = sum(1 for _ in takewhile(lambda moment: moment <= now, _moments(since, expires_at)))
    if passed <= said:
        return None
    return Reminder(passed, expires_at - now if expires_at is not None else None)


def next_after(since: datetime, expires_at: datetime | None, now: datetime) -> datetime:
    """Give when they are to be told next."""
    return next(moment for moment in _moments(since, expires_at) if moment > now)


def deadline(rotation: Rotation) -> datetime | None:
    """Give when the token in force expires that a rotation is to replace; None: never, or it was replaced already."""
    if rotation.phase is Phase.CONFIRMED or rotation.old is None:
        return None
    return rotation.old.expires_at


def _moments(since: datetime, expires_at: datetime | None) -> Iterator[datetime]:
    """Give every moment at which a person is told, in order and each once, without end."""
    earlier = None
    for moment in heapq.merge(_rhythm(since), _last_week(since, expires_at)):
        if moment != earlier:
            yield moment
        earlier = moment


def _rhythm(since: datetime) -> Iterator[datetime]:
    yield from (since + pause for pause in _FIRST)
    yield from (since + weeks * _WEEK for weeks in count(1))


def _last_week(since: datetime, expires_at: datetime | None) -> Iterator[datetime]:
    if expires_at is not None:
        days = (expires_at - before * _DAY for before in range(_LAST_DAYS, -1, -1))
        yield from (day for day in days if day > since)
