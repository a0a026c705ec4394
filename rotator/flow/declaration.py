"""How a declared compromise stands in a secret's history, and how long it is taken to be under way."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from rotator.domain.model import Event
from rotator.domain.standing import DECLARED, OVER

GOES_ON_FOR: Final = timedelta(hours=12)
"""How long the same command means the same incident. Later, it is taken for another one."""


def is_under_way(history: Iterable[Event], now: datetime) -> bool:
    """Tell whether a secret's tokens were declared compromised lately, and not all of them are proven dead."""
    told = [event for event in history if event.kind in (DECLARED, OVER)]
    return bool(told) and told[-1].kind == DECLARED and told[-1].at >= now - GOES_ON_FOR
