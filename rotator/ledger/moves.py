"""Writing: adoption, the beginning of a rotation, and every move of one, each within the caller's transaction.

The row of the secret is locked first, always: two transactions then never wait for each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table, bindparam, select, update

from rotator.domain.errors import WrongOrder
from rotator.domain.model import Event, IssuerRef, Phase, Rotation, SecretName, Token, TokenId
from rotator.ledger.chain import Head, sealed
from rotator.ledger.errors import AlreadyOpen, OutOfDate
from rotator.ledger.fingerprints import LedgerKey
from rotator.ledger.leases import Lease, lost
from rotator.ledger.prepared import Prepared
from rotator.ledger.queries import open_rotation_of, token_by_id
from rotator.ledger.rows import destination_row, event_row, origin_row, rotation_row, token_row
from rotator.ledger.statements import add, add_each, add_unless_there, change
from rotator.ledger.tables import IS_OPEN, MOVES, ONE_OPEN, destinations, events, rotations, secrets, tokens


def adopt(
    connection: Connection,
    key: LedgerKey,
    token: Token,
    event: Event,
    ended_by: Rotation | None,
    issuer: IssuerRef | None,
) -> None:
    known = _made_known(connection, token.secret)
    under_way = open_rotation_of(connection, token.secret)
    if under_way is not None:
        raise AlreadyOpen(token.secret, under_way)
    in_force = token_by_id(connection, known.current)
    again = in_force if in_force is not None and in_force.id == token.id else None
    ends = ended_by.old.id if ended_by is not None and ended_by.old is not None else None
    if in_force is not None and in_force.state.may_live and in_force.id not in (token.id, ends):
        raise OutOfDate(token.secret)
    if ended_by is None:
        _save_token(connection, again, token)
    else:
        _leave_behind(connection, ended_by, token)
    if issuer is not None:
        change(connection, tokens, {"id": token.id}, origin_row(issuer))
    _append(connection, key, token.secret, known.head, [event], current_token=token.id)


def _leave_behind(connection: Connection, rotation: Rotation, token: Token) -> None:
    if rotation.phase is not Phase.CONFIRMED or rotation.tokens != (token,):
        raise WrongOrder(f"rotation {rotation.id} cannot end what was in force before {token.id} was adopted.")
    add(connection, rotations, _new_row(rotation))
    _save_token(connection, None, token, rotation=rotation.id, ordinal=0)
    _add_destinations(connection, rotation)


def note(connection: Connection, key: LedgerKey, said: Iterable[Event]) -> None:
    for event in sorted(said, key=lambda event: event.secret):  # everybody locks secrets in the same order
        _append(connection, key, event.secret, _made_known(connection, event.secret).head, [event])


def begin(
    connection: Connection, key: LedgerKey, rotation: Rotation, owner: str, until: datetime, event: Event
) -> tuple[Rotation, Lease]:
    if rotation.phase is not Phase.PLANNED or rotation.tokens:
        raise WrongOrder(f"rotation {rotation.id} cannot begin as {rotation.phase}: it begins PLANNED, without tokens.")
    known = _made_known(connection, rotation.secret)
    if not _inserted(connection, rotation, owner, until):
        raise AlreadyOpen(rotation.secret, open_rotation_of(connection, rotation.secret) or rotation.id)
    if known.current != (rotation.old.id if rotation.old else None):
        raise OutOfDate(rotation.secret)
    _add_destinations(connection, rotation)
    _append(connection, key, rotation.secret, known.head, [event])
    return replace(rotation, revision=0), Lease(rotation.id, owner, 1, until)


def record(
    connection: Connection, key: LedgerKey, lease: Lease, before: Rotation, after: Rotation, said: Sequence[Event]
) -> Rotation:
    _refuse_wrong_order(lease, before, after)
    known = _locked(connection, after.secret)
    _move(connection, lease, before, after)
    _save_tokens(connection, before, after)
    _save_destinations(connection, before, after)
    _append(connection, key, after.secret, known.head, said, **_of_secret(before, after))
    if after.phase is Phase.WITHDRAWN:
        one_more = secrets.c.failures + 1
        connection.execute(update(secrets).where(secrets.c.name == after.secret).values(failures=one_more))
    return replace(after, revision=before.revision + 1)


# --- the rotation ------------------------------------------------------------------------------------------------


def _refuse_wrong_order(lease: Lease, before: Rotation, after: Rotation) -> None:
    if not lease.rotation == before.id == after.id or before.secret != after.secret:
        raise WrongOrder(f"the lease is on rotation {lease.rotation}, the move from {before.id} to {after.id}.")
    if (before.phase, after.phase) not in MOVES:
        raise WrongOrder(f"rotation {before.id} is {before.phase} and cannot become {after.phase}.")
    if after.phase is Phase.CONFIRMED and after.new is None:
        raise WrongOrder(f"rotation {before.id} cannot be {after.phase} without a new token.")


def _inserted(connection: Connection, rotation: Rotation, owner: str, until: datetime) -> bool:
    """Insert the row, unless the secret has an open rotation: the partial unique index decides."""
    row = _new_row(rotation) | {"fence": 1, "lease_owner": owner, "lease_until": until}
    return add_unless_there(connection, rotations, row, unique=ONE_OPEN)


def _new_row(rotation: Rotation) -> dict[str, Any]:
    """Give the row of a rotation that is new here, and nobody's yet."""
    return rotation_row(rotation) | {"phase_before": rotation.phase.value, "revision": 0, "fence": 0}


def _move(connection: Connection, lease: Lease, before: Rotation, after: Rotation) -> None:
    changes = _changes(rotation_row(before), rotation_row(after))
    changes |= {"phase_before": before.phase.value, "phase": after.phase.value, "revision": before.revision + 1}
    if not after.phase.is_open:
        changes |= {"lease_owner": None, "lease_until": None}
    held = {"id": lease.rotation, "fence": lease.fence, "lease_owner": lease.owner}
    unmoved = {"phase": before.phase.value, "revision": before.revision}
    if change(connection, rotations, held | unmoved, changes, only=IS_OPEN) != 1:
        raise lost(lease)


# --- its tokens and destinations ---------------------------------------------------------------------------------


def _save_tokens(connection: Connection, before: Rotation, after: Rotation) -> None:
    known = {token.id: token for token in (*before.tokens, *_maybe(before.old))}
    if not known.keys() <= {token.id for token in (*after.tokens, *_maybe(after.old))}:
        raise WrongOrder(f"a move of rotation {before.id} would forget a token.")
    for token in _maybe(after.old):
        _save_token(connection, known.get(token.id), token)
    for ordinal, token in enumerate(after.tokens):
        _save_token(connection, known.get(token.id), token, rotation=after.id, ordinal=ordinal)


def _save_token(connection: Connection, known: Token | None, token: Token, **asked_for: Any) -> None:
    if known is None:
        add(connection, tokens, token_row(token) | asked_for)
    elif known is not token:
        _save(connection, tokens, {"id": token.id}, token_row(known), token_row(token))


def _add_destinations(connection: Connection, rotation: Rotation) -> None:
    if rotation.destinations:
        add_each(connection, destinations, [destination_row(rotation.id, place) for place in rotation.destinations])


def _save_destinations(connection: Connection, before: Rotation, after: Rotation) -> None:
    known = {place.ordinal: place for place in before.destinations}
    if not known.keys() <= {place.ordinal for place in after.destinations}:
        raise WrongOrder(f"a move of rotation {before.id} would forget a destination.")
    for place in after.destinations:
        earlier = known.get(place.ordinal)
        row = destination_row(after.id, place)
        if earlier is None:
            add(connection, destinations, row)
        elif earlier is not place:
            which = {"rotation": after.id, "ordinal": place.ordinal}
            _save(connection, destinations, which, destination_row(before.id, earlier), row)


def _save(
    connection: Connection, table: Table, which: dict[str, Any], known: dict[str, Any], row: dict[str, Any]
) -> None:
    changes = _changes(known, row)
    if changes:
        change(connection, table, which, changes)


def _changes(known: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    return {column: value for column, value in row.items() if known.get(column) != value}


def _maybe(token: Token | None) -> tuple[Token, ...]:
    return (token,) if token is not None else ()


# --- the secret, and its events ----------------------------------------------------------------------------------


_LOCK: Final = Prepared(
    select(secrets.c.events, secrets.c.digest, secrets.c.current_token)
    .where(secrets.c.name == bindparam("wanted", type_=secrets.c.name.type))
    .with_for_update()
)


@dataclass(frozen=True)
class _Locked:
    """A secret whose row is ours until the transaction ends."""

    head: Head
    current: TokenId | None


def _made_known(connection: Connection, name: SecretName) -> _Locked:
    """Give the secret its row, unless it has one; lock it."""
    known = _found(connection, name)
    if known is None:
        add_unless_there(connection, secrets, {"name": name, "failures": 0, "events": 0, "digest": ""})
        return _locked(connection, name)
    return known


def _locked(connection: Connection, name: SecretName) -> _Locked:
    known = _found(connection, name)
    if known is None:
        raise WrongOrder(f"the ledger knows no secret {name}.")
    return known


def _found(connection: Connection, name: SecretName) -> _Locked | None:
    row = _LOCK.first(connection, {"wanted": name})
    return None if row is None else _Locked(Head(row["events"], row["digest"]), row["current_token"])


def _of_secret(before: Rotation, after: Rotation) -> dict[str, Any]:
    """Give what a move changes of the secret itself."""
    changes: dict[str, Any] = {}
    if after.phase is Phase.CONFIRMED and before.phase is not Phase.CONFIRMED and after.new is not None:
        changes["current_token"] = after.new.id
    if not after.phase.is_open:
        changes |= {"last_ended": after.phase_at, "last_phase": after.phase.value}
    if after.phase is Phase.RETIRED:
        changes["failures"] = 0
    return changes


def _append(
    connection: Connection, key: LedgerKey, name: SecretName, head: Head, said: Iterable[Event], **changes: Any
) -> None:
    """Write events at the end of their chain, and what else changes of the secret with them."""
    links = sealed(key, head, said)
    if any(link.secret != name for link in links):
        raise WrongOrder(f"an event of another secret was handed in with one of {name}.")
    if links:
        add_each(connection, events, [event_row(link) for link in links])
        changes |= {"events": links[-1].sequence, "digest": links[-1].digest}
    if changes:
        change(connection, secrets, {"name": name}, changes)
