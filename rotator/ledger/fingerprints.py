"""The ledger's key: it turns values into fingerprints, and seals the chain of events.

It is kept in a file beside the ledger, not in it: who reads the ledger alone cannot try out values, nor write history.
"""

from __future__ import annotations

import hmac
import secrets
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from platformdirs import user_state_path
from sqlalchemy import Connection, select

from rotator.domain.errors import LedgerUnavailable
from rotator.domain.model import Fingerprint
from rotator.domain.secret_value import SecretValue
from rotator.ledger.database import Database
from rotator.ledger.engines import sqlite_file
from rotator.ledger.private_files import read_private, write_once
from rotator.ledger.statements import add_unless_there
from rotator.ledger.tables import meta

_KEY_BYTES: Final = 32
_FINGERPRINT_DIGITS: Final = 32
"""128 bits: two of a million values share one with a chance of 1 in 10^27."""

_KEY_ID: Final = "key_id"


class LedgerKey:
    """One key for each purpose, all made from the one in the file."""

    __slots__ = ("_for_events", "_for_values", "_known", "id")

    def __init__(self, key: bytes) -> None:
        self._for_values = _derived(key, "values")
        self._for_events = _derived(key, "events")
        self.id = _derived(key, "id").hex()[:16]
        self._known: WeakKeyDictionary[SecretValue, Fingerprint] = WeakKeyDictionary()
        """A rotation asks ten times for those of two values. They end with the value."""

    def fingerprint(self, value: SecretValue) -> Fingerprint:
        known = self._known.get(value)
        if known is None:
            known = self._known[value] = self._fingerprint(value)
        return known

    def _fingerprint(self, value: SecretValue) -> Fingerprint:
        digest = hmac.digest(self._for_values, value.reveal().encode(errors="surrogatepass"), "sha256")
        return Fingerprint(digest.hex()[:_FINGERPRINT_DIGITS])

    def seal(self, content: bytes) -> str:
        """Give the digest of a link of the chain."""
        return hmac.digest(self._for_events, content, "sha256").hex()


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, f"rotator ledger: {purpose}".encode(), "sha256")


def key_of(database: Database, key_file: Path | None) -> LedgerKey:
    """Give the key of this ledger. The first time, one is made and the ledger remembers its id.

    Raises LedgerUnavailable when the file is missing, damaged, or another ledger's: with another key no fingerprint
    would match and every event would look forged.
    """
    file = (key_file or _default_file(database)).absolute()
    with database.reading() as connection:
        known = _known_id(connection)
    if known is None:
        return _first_key(database, file)
    key = _read(file)
    if key is None:
        raise LedgerUnavailable(f"The key of the ledger is missing: there is no {file}.", remedy=_copy_it(file))
    return _checked(key, known, file)


def _default_file(database: Database) -> Path:
    ledger = sqlite_file(database.engine.url)
    if ledger is not None:
        return ledger.with_name(f"{ledger.name}.key")
    return user_state_path("rotator") / "ledger.key"


def _first_key(database: Database, file: Path) -> LedgerKey:
    """Make a key, durably, before the ledger depends on it. Of several processes that do so, the first one counts."""
    write_once(file, secrets.token_hex(_KEY_BYTES).encode() + b"\n")
    key = _read(file)
    assert key is not None
    with database.writing() as connection:
        add_unless_there(connection, meta, {"name": _KEY_ID, "value": key.id})
        known = _known_id(connection)
    return _checked(key, known, file)


def _checked(key: LedgerKey, known: str | None, file: Path) -> LedgerKey:
    if key.id != known:
        raise LedgerUnavailable(f"{file} is the key of another ledger.", remedy=_copy_it(file))
    return key


def _copy_it(file: Path) -> str:
    return f"Copy the key file that this ledger was made with to {file}, or name it in the settings."


def _read(file: Path) -> LedgerKey | None:
    content = read_private(file)
    if content is None:
        return None
    try:
        key = bytes.fromhex(content.decode("ascii"))
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise LedgerUnavailable(f"{file} does not hold a ledger's key.", remedy=_copy_it(file))
    return LedgerKey(key)


def _known_id(connection: Connection) -> str | None:
    return connection.scalar(select(meta.c.value).where(meta.c.name == _KEY_ID))
