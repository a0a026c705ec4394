"""Between the domain's types and the rows of the tables: what stands in which column."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import RowMapping

from rotator.domain.model import (
    Cause,
    ConnectionName,
    Destination,
    Event,
    Fingerprint,
    Handle,
    IssuerRef,
    Mode,
    Overlap,
    Phase,
    Placed,
    Proof,
    Rotation,
    RotationId,
    SecretName,
    Target,
    Token,
    TokenId,
    TokenName,
    TokenState,
    Trouble,
    Version,
)
from rotator.domain.naming import ADOPTED

Row = RowMapping | Mapping[str, Any]
KindT = TypeVar("KindT")


def _maybe(kind: Callable[[str], KindT], text: str | None) -> KindT | None:
    return None if text is None else kind(text)


# --- rotations ---------------------------------------------------------------------------------------------------


def rotation_row(rotation: Rotation) -> dict[str, Any]:
    """Give what a move may change or must keep. Fence and lease are for ``leases``, tokens and destinations apart."""
    trouble = rotation.trouble
    return {
        "id": rotation.id,
        "secret": rotation.secret,
        "phase": rotation.phase.value,
        "cause": rotation.cause.value,
        "mode": rotation.mode.value,
        "issuer_connection": rotation.issuer.connection,
        "issuer_options": dict(rotation.issuer.options),
        "issuer_hosts": list(rotation.issuer.hosts),
        "token_name": rotation.token_name,
        "lifetime": rotation.lifetime,
        "overlap": _overlap_json(rotation.overlap),
        "opened_at": rotation.opened_at,
        "phase_at": rotation.phase_at,
        "old_token": rotation.old.id if rotation.old else None,
        "attempts": rotation.attempts,
        "retry_at": rotation.retry_at,
        "trouble_kind": trouble.kind if trouble else None,
        "trouble_what": trouble.what if trouble else None,
        "trouble_remedy": trouble.remedy if trouble else None,
        "trouble_since": trouble.since if trouble else None,
        "trouble_said": trouble.said if trouble else None,
        "given_up": rotation.given_up,
        "reason": rotation.reason,
        "actor": rotation.actor,
        "policy_commit": rotation.commit,
    }


def rotation_from(row: Row, old: Token | None, tokens: list[Token], destinations: list[Destination]) -> Rotation:
    return Rotation(
        id=RotationId(row["id"]),
        secret=SecretName(row["secret"]),
        phase=Phase(row["phase"]),
        cause=Cause(row["cause"]),
        mode=Mode(row["mode"]),
        issuer=_issuer_from(row),
        token_name=row["token_name"],
        lifetime=row["lifetime"],
        overlap=_overlap_from(row["overlap"]),
        opened_at=row["opened_at"],
        phase_at=row["phase_at"],
        old=old,
        tokens=tuple(tokens),
        destinations=tuple(destinations),
        attempts=row["attempts"],
        retry_at=row["retry_at"],
        trouble=_trouble_from(row),
        given_up=row["given_up"],
        reason=row["reason"],
        actor=row["actor"],
        commit=row["policy_commit"],
        revision=row["revision"],
    )


def _issuer_from(row: Row) -> IssuerRef:
    hosts = tuple(row["issuer_hosts"] or ())
    return IssuerRef(ConnectionName(row["issuer_connection"]), row["issuer_options"], hosts)


def _trouble_from(row: Row) -> Trouble | None:
    if row["trouble_kind"] is None:
        return None
    words = row["trouble_kind"], row["trouble_what"], row["trouble_remedy"]
    return Trouble(*words, since=row["trouble_since"], said=row["trouble_said"] or 0)


def _overlap_json(overlap: Overlap) -> dict[str, float | None]:
    """Write lengths of time as seconds."""
    lengths = {"for": overlap.for_, "until_unused_for": overlap.until_unused_for, "at_most": overlap.at_most}
    return {name: None if length is None else length.total_seconds() for name, length in lengths.items()}


def _overlap_from(seconds: Mapping[str, float | None]) -> Overlap:
    lengths = {name: None if count is None else timedelta(seconds=count) for name, count in seconds.items()}
    return Overlap(lengths["for"] or timedelta(), lengths["until_unused_for"], lengths["at_most"])


# --- tokens ------------------------------------------------------------------------------------------------------


def token_row(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "secret": token.secret,
        "state": token.state.value,
        "name": token.name,
        "handle": token.handle,
        "fingerprint": token.fingerprint,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "handles_before": list(token.handles_before),
        "proof": token.proof.value if token.proof else None,
        "ended_at": token.ended_at,
    }


def token_from(row: Row) -> Token:
    return Token(
        id=TokenId(row["id"]),
        secret=SecretName(row["secret"]),
        state=TokenState(row["state"]),
        name=_maybe(TokenName, row["name"]),
        handle=_maybe(Handle, row["handle"]),
        fingerprint=_maybe(Fingerprint, row["fingerprint"]),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        handles_before=tuple(map(Handle, row["handles_before"])),
        proof=_maybe(Proof, row["proof"]),
        ended_at=row["ended_at"],
    )


def origin_row(issuer: IssuerRef) -> dict[str, Any]:
    return {
        "adopted_through": issuer.connection,
        "adopted_options": dict(issuer.options),
        "adopted_hosts": list(issuer.hosts),
    }


def origin_from(row: Row) -> IssuerRef | None:
    """Give where a token was made, by its row and its rotation's. None: it was adopted, and nobody wrote it down.

    The rotation of an adopted token ends the one before it, which may be another issuer's.
    """
    if row["adopted_through"] is not None:
        hosts = tuple(row["adopted_hosts"] or ())
        return IssuerRef(ConnectionName(row["adopted_through"]), row["adopted_options"], hosts)
    if row["issuer_connection"] is None or row["id"].startswith(ADOPTED):
        return None
    return _issuer_from(row)


# --- destinations ------------------------------------------------------------------------------------------------


def destination_row(rotation_id: RotationId, destination: Destination) -> dict[str, Any]:
    return {
        "rotation": rotation_id,
        "ordinal": destination.ordinal,
        "connection": destination.target.connection,
        "place": dict(destination.target.place),
        "state": destination.state.value,
        "token": destination.token,
        "before": destination.before,
        "before_fingerprint": destination.before_fingerprint,
        "version": destination.version,
    }


def destination_from(row: Row) -> Destination:
    return Destination(
        ordinal=row["ordinal"],
        target=Target(ConnectionName(row["connection"]), row["place"]),
        state=Placed(row["state"]),
        token=_maybe(TokenId, row["token"]),
        before=_maybe(Version, row["before"]),
        before_fingerprint=_maybe(Fingerprint, row["before_fingerprint"]),
        version=_maybe(Version, row["version"]),
    )


# --- events ------------------------------------------------------------------------------------------------------


def event_row(event: Event) -> dict[str, Any]:
    """``event`` is a link of its chain already: its detail is plain data."""
    return {
        "secret": event.secret,
        "sequence": event.sequence,
        "rotation": event.rotation,
        "kind": event.kind,
        "at": event.at,
        "actor": event.actor,
        "detail": event.detail,
        "digest": event.digest,
    }


def event_from(row: Row) -> Event:
    return Event(
        kind=row["kind"],
        secret=SecretName(row["secret"]),
        at=row["at"],
        actor=row["actor"],
        rotation=_maybe(RotationId, row["rotation"]),
        detail=row["detail"],
        sequence=row["sequence"],
        digest=row["digest"],
    )
