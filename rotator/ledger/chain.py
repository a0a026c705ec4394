"""The chain of a secret's events: each is sealed together with the seal of the one before it.

Pure: events and digests in, digests and sentences out. The seal is keyed, so only who has the ledger's key can write
a history that holds; the newest link is remembered elsewhere, so one that is cut short shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC
from typing import Any, Final

from rotator.domain.model import Event
from rotator.ledger.fingerprints import LedgerKey
from rotator.ledger.plain_data import keeping, plain


@dataclass(frozen=True)
class Head:
    """The newest link of a chain: how many events there are, and the seal of the last. An empty one has neither."""

    events: int = 0
    digest: str = ""


def sealed(key: LedgerKey, head: Head, events: Iterable[Event]) -> list[Event]:
    """Give these events as the next links after ``head``. TypeError for a detail that is not plain data."""
    links = []
    for event in events:
        kept = _as_kept(event) | {"sequence": head.events + 1}
        head = Head(head.events + 1, _digest(key, head.digest, _content(event) | kept))
        links.append(replace(event, **kept, digest=head.digest))
    return links


def breaks(key: LedgerKey, events: Iterable[Event], head: Head) -> Iterator[str]:
    """Say what is wrong with one secret's chain. ``events`` as they stand in the ledger, in order."""
    last: Event | None = None
    expected, previous = 1, ""
    for event in events:
        if event.sequence != expected:
            yield f"{_numbered(expected, event.sequence - 1)} missing"
        elif event.digest != _digest(key, previous, _content(event)):
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


def _as_kept(event: Event) -> dict[str, Any]:
    keep = keeping(event.kind, event.actor, event.detail)
    return {"kind": keep(event.kind), "actor": keep(event.actor), "detail": plain(event.detail, keep)}


def _content(event: Event) -> dict[str, Any]:
    """Give what a seal is for."""
    return {
        "secret": event.secret,
        "sequence": event.sequence,
        "rotation": event.rotation,
        "kind": event.kind,
        "at": event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": event.actor,
        "detail": dict(event.detail),
    }


_WRITER: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
"""Writes in the one way that both databases give back: keys in order."""


def _digest(key: LedgerKey, previous: str, content: dict[str, Any]) -> str:
    return key.seal(f"{previous}\n{_WRITER.encode(content)}".encode())
