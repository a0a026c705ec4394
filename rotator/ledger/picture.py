"""All that the ledger knows at one moment, for the audit to hold against what issuers and stores show.

One transaction and a fixed number of queries, however many secrets there are. Of the dead only those are given that
something found outside could be: the history grows for ever, and most of it is over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, func, select

from rotator.domain.model import (
    ConnectionName,
    Fingerprint,
    Handle,
    IssuerRef,
    Proof,
    Rotation,
    Secret,
    SecretName,
    Token,
    TokenName,
    TokenState,
)
from rotator.ledger import queries
from rotator.ledger.rows import Row, origin_from, token_from
from rotator.ledger.tables import rotations, tokens

_AT_ONCE: Final = 1000
_WEAK: Final = (Proof.UNLISTED, Proof.SAID)


@dataclass(frozen=True)
class Sought:
    """What was found outside, by which a dead token may be known again."""

    handles: Collection[Handle] = frozenset()
    names: Collection[TokenName] = frozenset()
    fingerprints: Collection[Fingerprint] = frozenset()


NOTHING_SOUGHT: Final = Sought()


@dataclass(frozen=True)
class KnownToken:
    """A token of the ledger, and the connection of the issuer that made it. None: nobody wrote it down."""

    token: Token
    connection: ConnectionName | None


@dataclass(frozen=True)
class WeakDeaths:
    """The tokens of a secret whose death nobody could try: how many, and when the last one died."""

    secret: SecretName
    proof: Proof
    count: int
    last: datetime | None


@dataclass(frozen=True)
class Picture:
    """What the ledger knows."""

    secrets: tuple[Secret, ...] = ()
    in_force: dict[SecretName, Rotation] = field(default_factory=dict)
    """The rotation that brought the token in force, or ended the one before it; none for the first, adopted one."""
    made_through: dict[SecretName, IssuerRef] = field(default_factory=dict)
    """Where the token in force was made, as far as it was written down."""
    tokens: tuple[KnownToken, ...] = ()
    """Those that may live, and the dead that were sought."""
    weak_deaths: tuple[WeakDeaths, ...] = ()


def picture(connection: Connection, sought: Sought) -> Picture:
    return Picture(
        tuple(queries.secrets_known(connection)),
        {rotation.secret: rotation for rotation in queries.rotations_in_force(connection)},
        queries.origins_in_force(connection),
        tuple(_tokens(connection, sought)),
        tuple(_weak_deaths(connection)),
    )


def dead_without_refusal(connection: Connection) -> list[KnownToken]:
    weak = _KNOWN.where(tokens.c.proof.in_([proof.value for proof in _WEAK]))
    rows = connection.execute(weak.order_by(tokens.c.created_at, tokens.c.id)).mappings()
    return [_known_from(row) for row in rows]


_ISSUER: Final = rotations.c.issuer_connection, rotations.c.issuer_options, rotations.c.issuer_hosts
_KNOWN: Final = select(tokens, *_ISSUER).outerjoin(rotations, rotations.c.id == tokens.c.rotation)


def _tokens(connection: Connection, sought: Sought) -> Iterator[KnownToken]:
    rows = connection.execution_options(yield_per=_AT_ONCE).execute(_KNOWN.order_by(tokens.c.id))
    for row in rows.mappings():
        is_sought = (
            row["handle"] in sought.handles or row["name"] in sought.names or row["fingerprint"] in sought.fingerprints
        )
        if row["state"] != TokenState.DEAD or is_sought:
            yield _known_from(row)


def _known_from(row: Row) -> KnownToken:
    made = origin_from(row)
    return KnownToken(token_from(row), made.connection if made is not None else None)


def _weak_deaths(connection: Connection) -> Iterator[WeakDeaths]:
    which = tokens.c.secret, tokens.c.proof
    counted = select(*which, func.count(), func.max(tokens.c.ended_at))
    weak = counted.where(tokens.c.proof.in_([proof.value for proof in _WEAK])).group_by(*which).order_by(*which)
    for secret, proof, count, last in connection.execute(weak):
        yield WeakDeaths(SecretName(secret), Proof(proof), count, last)
