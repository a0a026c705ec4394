"""Spreading what would otherwise happen at once: evenly over many names, and the same every time for one of them."""

from __future__ import annotations

import hashlib


def share_of(name: str) -> float:
    """Give this name's own share: at least 0, less than 1."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big") / 2**56
