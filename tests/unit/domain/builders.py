"""A rotation, a token, a policy … with a default for every field: a test names only what it is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rotator.domain.model import (
    Cause,
    ConnectionName,
    Destination,
    IssuerRef,
    Mode,
    Overlap,
    Phase,
    Rotation,
    RotationId,
    Secret,
    SecretName,
    Target,
    Token,
    TokenId,
    TokenState,
)
from rotator.domain.policy import Policy, Schedule, Source

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
"""A Monday."""

ISSUER = IssuerRef(ConnectionName("issuer"))


def utc(text: str) -> datetime:
    """Read ``2026-06-15 12:00`` as a time in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_token(name: str = "new", state: TokenState = TokenState.LIVE, **changes: Any) -> Token:
    return Token(**{"id": TokenId(name), "secret": SecretName("api"), "state": state, **changes})


def a_target(name: str = "store") -> Target:
    return Target(ConnectionName(name), {"path": "prod/api"})


def a_destination(ordinal: int = 0, **changes: Any) -> Destination:
    return Destination(**{"ordinal": ordinal, "target": a_target(), **changes})


def a_rotation(phase: Phase = Phase.PLANNED, **changes: Any) -> Rotation:
    fields: dict[str, Any] = {
        "id": RotationId("rotation-1"),
        "secret": SecretName("api"),
        "phase": phase,
        "cause": Cause.DUE,
        "mode": Mode.ROTATE_FIRST,
        "issuer": ISSUER,
        "token_name": "api",
        "lifetime": None,
        "overlap": Overlap(),
        "opened_at": NOON,
        "phase_at": NOON,
    }
    return Rotation(**{**fields, **changes})


def a_policy(schedule: Schedule | None = None, **changes: Any) -> Policy:
    fields: dict[str, Any] = {
        "name": SecretName("api"),
        "issuer": ISSUER,
        "token_name": "production-api",
        "targets": (a_target(),),
        "source": Source(Path("policies/api.yaml"), 1),
        "schedule": schedule or Schedule(),
    }
    return Policy(**{**fields, **changes})


def a_secret(
    *, made: datetime | None = NOON - timedelta(days=30), expires: datetime | None = None, **changes: Any
) -> Secret:
    """Give a secret whose token in force was made then; ``current=None`` for one that was never adopted."""
    current = a_token("current", created_at=made, expires_at=expires)
    return Secret(**{"name": SecretName("api"), "current": current, **changes})
