"""Our side of a pseudo-terminal at which ``rotate`` runs."""

from __future__ import annotations

import os
import select

_LONGEST_SECONDS = 120.0
"""What says nothing for so long, waits for something that no test gives it."""


def read(terminal: int, until: bytes | None) -> bytes:
    """Read up to a text, or to the end: Linux says EIO when nobody has the other side open any more."""
    shown = b""
    while until is None or until not in shown:
        assert select.select([terminal], [], [], _LONGEST_SECONDS)[0], f"nothing comes any more after {shown!r}"
        try:
            piece = os.read(terminal, 4096)
        except OSError:
            return shown
        if not piece:
            return shown
        shown += piece
    return shown
