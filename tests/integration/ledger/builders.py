"""Rotations, tokens and events with a default for every field: a test names only what it is about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rotator.domain.model import (
    Cause,
    ConnectionName,
    Destination,
    Event,
    Handle,
    IssuerRef,
    Mode,
    Overlap,
    Phase,
    Proof,
    Rotation,
    RotationId,
    SecretName,
    Target,
    Token,
    TokenId,
    TokenName,
    TokenState,
)
from rotator.ledger.ledger import Lease, Ledger

NOW = datetime(2026, 1, 5, 12, 0, 0, 123456, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TTL = 5 * MINUTE
NAME = SecretName("payments-production")
HAPPY_PATH = [Phase.ISSUED, Phase.VERIFIED, Phase.PUBLISHED, Phase.CONFIRMED, Phase.RETIRED]


def a_token(token_id: str = "token-1", **changes: Any) -> Token:
    plain = Token(TokenId(token_id), NAME, TokenState.LIVE, TokenName("api-k3x"), Handle("a4"), created_at=NOW)
    return replace(plain, **changes)


def a_rotation(rotation_id: str = "20260105-1111aaaa", **changes: Any) -> Rotation:
    plain = Rotation(
        id=RotationId(rotation_id),
        secret=NAME,
        phase=Phase.PLANNED,
        cause=Cause.DUE,
        mode=Mode.ROTATE_FIRST,
        issuer=IssuerRef(ConnectionName("hub"), {"user": "alice", "scopes": ["self"]}),
        token_name="production-api",
        lifetime="90 days",
        overlap=Overlap(),
        opened_at=NOW,
        phase_at=NOW,
        destinations=(
            Destination(0, Target(ConnectionName("vault-prod"), {"path": "prod/payments", "field": "token"})),
            Destination(1, Target(ConnectionName("env"), {"file": "app.env", "variable": "TOKEN"})),
        ),
        reason="it is old",
        actor="alice",
        commit="abc123",
    )
    return replace(plain, **changes)


def an_event(kind: str = "noted", **changes: Any) -> Event:
    return replace(Event(kind, NAME, NOW, "alice", detail={"handle": "a4"}), **changes)


def begun(ledger: Ledger, rotation: Rotation | None = None, owner: str = "here") -> tuple[Rotation, Lease]:
    """Open a rotation, with an event."""
    rotation = rotation or a_rotation()
    return ledger.begin(rotation, owner, NOW, TTL, an_event("opened", secret=rotation.secret, rotation=rotation.id))


def moved_to(ledger: Ledger, lease: Lease, rotation: Rotation, *phases: Phase) -> Rotation:
    """Record a move to each of these phases, with an event each."""
    for phase in phases:
        after = replace(rotation, phase=phase, phase_at=rotation.phase_at + MINUTE)
        event = an_event(str(phase).lower(), secret=rotation.secret, rotation=rotation.id)
        rotation = ledger.record(lease, rotation, after, event)
    return rotation


def with_new_token(rotation: Rotation, token: Token) -> Rotation:
    return replace(rotation, tokens=(*rotation.tokens, token))


def finished(ledger: Ledger, rotation: Rotation, token: Token) -> Rotation:
    """Take a rotation from its beginning to RETIRED, with this new token."""
    opened, lease = begun(ledger, rotation)
    issued = ledger.record(lease, opened, with_new_token(opened, token), an_event("issuing", secret=rotation.secret))
    return moved_to(ledger, lease, issued, *HAPPY_PATH)


def buried(token: Token) -> Token:
    return replace(token, state=TokenState.DEAD, proof=Proof.REFUSED, ended_at=NOW)
