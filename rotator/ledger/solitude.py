"""One daemon for one SQLite ledger: a second one would only wait for the first one's locks.

The lock belongs to the open file, so a killed daemon holds nobody up, and it says who holds it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rotator.domain.errors import LedgerUnavailable


@contextmanager
def alone(ledger: Path) -> Iterator[None]:
    """Be the only daemon of this ledger for the length of the block. LedgerUnavailable: another one is."""
    file = ledger.with_name(f"{ledger.name}.daemon")
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            pid = os.read(descriptor, 20).decode(errors="replace").strip() or "unknown"
            raise LedgerUnavailable(
                f"Another daemon runs on the ledger {ledger} (process {pid}).",
                remedy="Stop that one first; for several daemons keep the ledger in PostgreSQL.",
            ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
