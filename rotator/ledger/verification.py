"""Reading the whole chain of events back, and checking it. In constant memory, however long the history is."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import groupby

from sqlalchemy import Connection, select

from rotator.domain.model import Event, SecretName
from rotator.ledger.chain import Head, breaks
from rotator.ledger.fingerprints import LedgerKey
from rotator.ledger.rows import event_from
from rotator.ledger.tables import events, secrets

_AT_ONCE = 1000


def broken_links(connection: Connection, key: LedgerKey, names: Collection[SecretName]) -> list[str]:
    """Check these, or all where none is named."""
    remembered = _remembered(connection, names)
    found: list[str] = []
    for secret, chain in groupby(_stored(connection, names), key=lambda event: event.secret):
        found += _named(secret, breaks(key, chain, remembered.pop(secret, Head())))
    for secret, head in remembered.items():
        found += _named(secret, breaks(key, (), head))
    return found


def _named(secret: SecretName, sentences: Iterator[str]) -> list[str]:
    return [f"{secret}: {sentence}." for sentence in sentences]


def _remembered(connection: Connection, names: Collection[SecretName]) -> dict[SecretName, Head]:
    query = select(secrets.c.name, secrets.c.events, secrets.c.digest).order_by(secrets.c.name)
    if names:
        query = query.where(secrets.c.name.in_(names))
    return {SecretName(secret): Head(count, digest) for secret, count, digest in connection.execute(query)}


def _stored(connection: Connection, names: Collection[SecretName]) -> Iterator[Event]:
    query = select(events).order_by(events.c.secret, events.c.sequence)
    if names:
        query = query.where(events.c.secret.in_(names))
    rows = connection.execution_options(yield_per=_AT_ONCE).execute(query)
    return (event_from(row) for row in rows.mappings())
