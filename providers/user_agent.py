"""How we introduce ourselves to services: their logs then say who asked."""

from __future__ import annotations

from functools import cache
from importlib import metadata


@cache
def user_agent() -> str:
    return f"secrets-rotator/{metadata.version('secrets-rotator')}"
