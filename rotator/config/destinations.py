"""Where policies write: no two to one place, however it is written down."""

from __future__ import annotations

import json
from hashlib import blake2b
from pathlib import Path

from rotator.config.yaml_text import Spot
from rotator.domain.contracts import Place, StorePlugin, Where
from rotator.domain.errors import Problem
from rotator.domain.policy import Connection, Source
from rotator.domain.terms import Target

Key = bytes
"""Which place it is: a digest, for there may be very many."""


def where(plugin: StorePlugin, connection: Connection, place: Place) -> Where:
    """Tell where a value lies, with its document as text: no two stores have one of the same name."""
    document, part = plugin.where(connection.config, place)
    return Where(json.dumps([plugin.name, document], sort_keys=True, default=str), part)


def key_of(plugin: StorePlugin, connection: Connection, place: Place) -> Key:
    """Tell a place from all others. Permanent: there can be no such place."""
    known = json.dumps(where(plugin, connection, place), default=str)
    return blake2b(known.encode(), digest_size=16).digest()


class Destinations:
    """Who writes to each place."""

    def __init__(self) -> None:
        self._taken: dict[Key, tuple[str, Path, Spot]] = {}
        """By which policy, and where that is written."""

    def take(self, target: Target, key: Key, policy: str, file: Path, spot: Spot) -> Problem | None:
        """Let a policy write there; or say who does already."""
        if key not in self._taken:
            self._taken[key] = policy, file, spot
            return None
        other, there, line_and_column = self._taken[key]
        line = Source(there, *line_and_column)
        what = f"policy `{policy}` writes to {target}, and so does `{other}` ({line})"
        return Problem(what, "write each token to a place of its own", file, *spot)
