"""Reading: whole rotations and secrets from their rows, in a number of queries that does not grow with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    not_,
    or_,
    select,
)

from rotator.domain.errors import InvalidInput
from rotator.domain.model import (
    ConnectionName,
    Destination,
    Event,
    Fingerprint,
    IssuerRef,
    Phase,
    Rotation,
    RotationId,
    Secret,
    SecretName,
    Token,
    TokenId,
    TokenState,
)
from rotator.domain.naming import ADOPTED
from rotator.ledger.prepared import Prepared
from rotator.ledger.rows import Row, destination_from, event_from, origin_from, rotation_from, token_from
from rotator.ledger.tables import IS_OPEN, IS_STANDING, destinations, events, rotations, secrets, tokens

_SHORTEST_PREFIX: Final = 4
_NAMES_AT_ONCE: Final = 500

_SECRET: Final = Prepared(select(secrets).where(secrets.c.name == bindparam("wanted", type_=Text)))
_TOKEN: Final = Prepared(select(tokens).where(tokens.c.id == bindparam("wanted", type_=Text)))
_ORIGINS: Final = select(
    tokens.c.id,
    tokens.c.adopted_through,
    tokens.c.adopted_options,
    tokens.c.adopted_hosts,
    rotations.c.issuer_connection,
    rotations.c.issuer_options,
    rotations.c.issuer_hosts,
).outerjoin(rotations, rotations.c.id == tokens.c.rotation)
_ORIGIN: Final = Prepared(_ORIGINS.where(tokens.c.id == bindparam("wanted", type_=Text)))
_TOKEN_OF_VALUE: Final = Prepared(select(tokens).where(tokens.c.fingerprint == bindparam("wanted", type_=Text)))
_OPEN: Final = Prepared(select(rotations.c.id).where(rotations.c.secret == bindparam("wanted", type_=Text), IS_OPEN))


def rotation(connection: Connection, rotation_id: str) -> Rotation | None:
    exact = _rotations(connection, rotations.c.id == rotation_id)
    if exact or len(rotation_id) < _SHORTEST_PREFIX:
        return exact[0] if exact else None
    begins_so = func.substr(rotations.c.id, 1, len(rotation_id)) == rotation_id
    found = connection.scalars(select(rotations.c.id).where(begins_so).order_by(rotations.c.id).limit(2)).all()
    if len(found) > 1:
        raise InvalidInput.of(f"Several rotations begin with {rotation_id}", "write more of the id")
    return _rotations(connection, rotations.c.id == found[0])[0] if found else None


def rotations_by_id(connection: Connection, ids: Sequence[RotationId]) -> dict[RotationId, Rotation]:
    return {found.id: found for found in _rotations(connection, rotations.c.id.in_(ids))}


def open_rotations(connection: Connection) -> list[Rotation]:
    return _rotations(connection, IS_OPEN)


def open_ids(connection: Connection) -> set[RotationId]:
    return set(connection.scalars(select(rotations.c.id).where(IS_OPEN)))


def rotations_in_force(connection: Connection) -> list[Rotation]:
    current = select(tokens.c.rotation).join(secrets, secrets.c.current_token == tokens.c.id)
    return _rotations(connection, rotations.c.id.in_(current))


def changed_since(connection: Connection, moment: datetime) -> list[SecretName]:
    return list(connection.scalars(select(events.c.secret).where(events.c.at >= moment).distinct()))


def open_by_state(connection: Connection, now: datetime) -> dict[str, int]:
    stuck, waiting = rotations.c.trouble_kind.in_(["operator", "person"]), rotations.c.retry_at > now
    state = case((stuck, "stuck"), (waiting, "waiting"), else_="moving").label("state")
    counted = select(state, func.count()).where(IS_OPEN).group_by(literal_column("state"))
    found = {row.state: row[1] for row in connection.execute(counted)}
    return {"moving": 0, "waiting": 0, "stuck": 0} | found


def last_rotation(connection: Connection, name: SecretName) -> Rotation | None:
    newest = rotations.c.opened_at.desc(), rotations.c.id.desc()
    last = connection.scalar(select(rotations.c.id).where(rotations.c.secret == name).order_by(*newest).limit(1))
    return _rotations(connection, rotations.c.id == last)[0] if last is not None else None


def secret(connection: Connection, name: SecretName) -> Secret:
    row = _SECRET.first(connection, {"wanted": name})
    if row is None:
        return Secret(name)
    current = _TOKEN.first(connection, {"wanted": row["current_token"]})
    opened = open_rotation_of(connection, name)
    return _secret_from(row, current, rotation(connection, opened) if opened is not None else None)


def open_rotation_of(connection: Connection, name: SecretName) -> RotationId | None:
    row = _OPEN.first(connection, {"wanted": name})
    return RotationId(row["id"]) if row is not None else None


def secrets_known(connection: Connection) -> list[Secret]:
    return _secrets(connection)


def secrets_named(connection: Connection, names: Sequence[SecretName]) -> list[Secret]:
    found: list[Secret] = []
    for begin in range(0, len(names), _NAMES_AT_ONCE):
        some = names[begin : begin + _NAMES_AT_ONCE]
        found += _secrets(connection, secrets.c.name.in_(some), rotations.c.secret.in_(some))
    return found


def expiring(connection: Connection, before: datetime) -> list[Secret]:
    with_token = select(secrets.c.name).join(tokens, tokens.c.id == secrets.c.current_token)
    ends = with_token.where(tokens.c.expires_at < before)
    return _secrets(connection, secrets.c.name.in_(ends), rotations.c.secret.in_(ends))


def made_through(connection: Connection, token: TokenId) -> IssuerRef | None:
    row = _ORIGIN.first(connection, {"wanted": token})
    return origin_from(row) if row is not None else None


def origins_in_force(connection: Connection) -> dict[SecretName, IssuerRef]:
    current = _ORIGINS.add_columns(secrets.c.name).join(secrets, secrets.c.current_token == tokens.c.id)
    rows = connection.execute(current).mappings()
    return {SecretName(row["name"]): made for row in rows if (made := origin_from(row)) is not None}


def tokens_of_issuer(connection: Connection, issuer: ConnectionName) -> list[Token]:
    of_it = select(rotations.c.id, rotations.c.old_token).where(rotations.c.issuer_connection == issuer).subquery()
    asked_for = and_(tokens.c.rotation.in_(select(of_it.c.id)), not_(tokens.c.id.startswith(ADOPTED)))
    replaced = and_(tokens.c.id.in_(select(of_it.c.old_token)), tokens.c.adopted_through.is_(None))
    concerned = or_(asked_for, replaced, tokens.c.adopted_through == issuer)
    alive = select(tokens).where(concerned, tokens.c.state != TokenState.DEAD.value)
    rows = connection.execute(alive.order_by(tokens.c.created_at, tokens.c.id)).mappings()
    return [token_from(row) for row in rows]


def token_by_id(connection: Connection, token_id: TokenId | None) -> Token | None:
    row = _TOKEN.first(connection, {"wanted": token_id})
    return token_from(row) if row is not None else None


def token_of_value(connection: Connection, fingerprint: Fingerprint) -> Token | None:
    row = _TOKEN_OF_VALUE.first(connection, {"wanted": fingerprint})
    return token_from(row) if row is not None else None


def history(connection: Connection, name: SecretName) -> list[Event]:
    rows = connection.execute(select(events).where(events.c.secret == name).order_by(events.c.sequence))
    return [event_from(row) for row in rows.mappings()]


def standing_events(connection: Connection, kinds: Sequence[str]) -> list[Event]:
    # IS_STANDING says nothing new, but without it SQLite does not see that its index serves this.
    of_kinds = select(events).where(IS_STANDING, events.c.kind.in_(kinds))
    rows = connection.execute(of_kinds.order_by(events.c.secret, events.c.sequence)).mappings()
    return [event_from(row) for row in rows]


def _secrets(connection: Connection, *which: ColumnElement[bool]) -> list[Secret]:
    """``which`` narrows secrets and rotations alike: one condition on each table, or none."""
    of_secrets, of_rotations = which[:1], which[1:]
    rows = connection.execute(select(secrets).where(*of_secrets).order_by(secrets.c.name)).mappings().all()
    current = _tokens(connection, select(secrets.c.current_token).where(*of_secrets))
    under_way = {found.secret: found for found in _rotations(connection, IS_OPEN, *of_rotations)}
    return [_secret_from(row, current.get(row["current_token"]), under_way.get(row["name"])) for row in rows]


def _secret_from(row: Row, current: Row | None, under_way: Rotation | None) -> Secret:
    return Secret(
        name=SecretName(row["name"]),
        current=token_from(current) if current else None,
        adopted=current is not None and (current["rotation"] is None or current["id"].startswith(ADOPTED)),
        open=under_way,
        last_ended=row["last_ended"],
        last_phase=Phase(row["last_phase"]) if row["last_phase"] else None,
        failures=row["failures"],
    )


def _tokens(connection: Connection, ids: Select[Any]) -> dict[TokenId, Row]:
    rows = connection.execute(select(tokens).where(tokens.c.id.in_(ids))).mappings()
    return {row["id"]: row for row in rows}


def _rotations(connection: Connection, *which: ColumnElement[bool]) -> list[Rotation]:
    """Give whole rotations, oldest first, in four queries."""
    order = rotations.c.opened_at, rotations.c.id
    rows = connection.execute(select(rotations).where(*which).order_by(*order)).mappings().all()
    if not rows:
        return []
    ids = select(rotations.c.id).where(*which)
    old = _tokens(connection, select(rotations.c.old_token).where(*which))
    asked_for: dict[str, list[Token]] = defaultdict(list)
    for row in connection.execute(
        select(tokens).where(tokens.c.rotation.in_(ids)).order_by(tokens.c.ordinal)
    ).mappings():
        asked_for[row["rotation"]].append(token_from(row))
    places: dict[str, list[Destination]] = defaultdict(list)
    chosen = select(destinations).where(destinations.c.rotation.in_(ids)).order_by(destinations.c.ordinal)
    for row in connection.execute(chosen).mappings():
        places[row["rotation"]].append(destination_from(row))
    return [rotation_from(row, _old_of(row, old), asked_for[row["id"]], places[row["id"]]) for row in rows]


def _old_of(row: Row, old: dict[TokenId, Row]) -> Token | None:
    return token_from(old[row["old_token"]]) if row["old_token"] is not None else None
