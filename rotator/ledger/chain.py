"""The chain of a secret's events: each is sealed together with the seal of the one before it.

Pure: events and digests in, digests and sentences out. The seal is keyed, so only who has the ledger's key can write
a history that holds; the newest link is remembered elsewhere, so one that is cut short shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Final

from rotator.domain.model import Event
from rotator.ledger.fingerprints import LedgerKey
from rotator.ledger.plain_data import plain, storable


@dataclass(frozen=True)
class Head:
    """The newest link of a chain: how many events there are, and the seal of the last. An empty one has neither."""

    events: int = 0
    digest: str = ""


def sealed(key: LedgerKey, head: Head, events: Iterable[Event]) -> list[Event]:
    """Give these events as the next links after ``head``. TypeError for a detail that is not plain data."""
    links = []
    for event in events:
        link = replace(
            event,
            kind=storable(event.kind),
            actor=storable(event.actor),
            detail=plain(event.detail),
            sequence=head.events + 1,
        )
        head = Head(link.sequence, _digest(key, head.digest, link))
        links.append(replace(link, digest=head.digest))
    return links


def breaks(key: LedgerKey, events: Iterable[Event], head: Head) -> Iterator[str]:
    """Say what is wrong with one secret's chain. ``events`` as they stand in the ledger, in order."""
    last: Event | None = None
    expected, previous = 1, ""
    for event in events:
        if event.sequence != expected:
            yield f"{_numbered(expected, event.sequence - 1)} missing"
        elif event.digest != _digest(key, previous, event):
            yield f"event {event.sequence} ({event.kind}, {event.at:%Y-%m-%d %H:%M}) was changed or exchanged"
        expected, previous, last = event.sequence + 1, event.digest, event
    if expected <= head.events:
        yield f"{_numbered(expected, head.events)} missing, at the end"
    elif expected > head.events + 1:
        yield f"{_numbered(head.events + 1, expected - 1)} not the ledger's own"
    elif last is not None and last.digest != head.digest:
        yield "the last event is not the one that the ledger remembers"


def _numbered(first: int, last: int) -> str:
    return f"event {first} is" if first >= last else f"events {first} to {last} are"


def _digest(key: LedgerKey, previous: str, event: Event) -> str:
    return key.seal(f"{previous}\n{_canonical(event)}".encode())


def _canonical(event: Event) -> str:
    """Write an event in the one way that both databases give back: keys in order, the time in UTC microseconds."""
    content = {
        "secret": event.secret,
        "sequence": event.sequence,
        "rotation": event.rotation,
        "kind": event.kind,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "detail": dict(event.detail),
    }
    return _WRITER.encode(content)


_WRITER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
