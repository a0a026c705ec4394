"""Files that are for this user only: the ledger, and its key."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rotator.domain.errors import LedgerUnavailable

_SQLITE_MAGIC: Final = b"SQLite format 3\0"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def make_private(file: Path) -> None:
    """See that the file exists and that only its owner may read it.

    A folder that has to be made is closed to others (0700); one that exists stays as it is. SQLite gives the
    files that it makes beside this one (``-wal``, ``-shm``) the same mode.
    """
    with _explained(file):
        make_private_folder(file.parent)
        try:
            os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            _sync_folder(file.parent)
        except FileExistsError:
            _close_to_others(file)


def make_private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_once(file: Path, content: bytes) -> None:
    """Make a private file with this content, durably, unless it exists already.

    It appears whole or not at all: a reader never finds half of it, and a crash leaves no beginning of one.
    """
    with _explained(file):
        if file.exists():  # perhaps in a folder that nobody may write to: a mounted secret
            return
        make_private_folder(file.parent)
        draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            try:
                os.link(draft, file)
            except FileExistsError:
                return
        finally:
            draft.unlink()
        _sync_folder(file.parent)


def read_private(file: Path) -> bytes | None:
    """Read a file that others may not read; None when there is none. A group may: container platforms need it."""
    with _explained(file):
        try:
            with file.open("rb") as stream:
                if os.fstat(stream.fileno()).st_mode & (stat.S_IRWXO | stat.S_IWGRP):
                    raise LedgerUnavailable(f"{file} is open to other users.", remedy=f"chmod 600 {file}")
                return stream.read()
        except FileNotFoundError:
            return None


def _is_database_or_empty(file: Path) -> bool:
    """Tell whether this can be a ledger. What is not stays as it is; SQLite refuses it with its own words.

    Asked only of a file that others may read: no ledger that this process has open is one.
    """
    if not file.stat().st_size:
        return True
    with file.open("rb") as stream:
        return stream.read(len(_SQLITE_MAGIC)) == _SQLITE_MAGIC


def _close_to_others(file: Path) -> None:
    mode = file.stat().st_mode
    if not stat.S_ISREG(mode):
        raise LedgerUnavailable(f"{file} is not a file.", remedy="Name a file that does not exist yet, or a ledger.")
    # Not tried by opening it: closing a file drops every lock that this process holds on it, SQLite's too.
    if not os.access(file, os.R_OK | os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise LedgerUnavailable(f"{file} cannot be written.", remedy="It must be this user's own, and writable.")
    if mode & _OTHERS and _is_database_or_empty(file):
        file.chmod(stat.S_IMODE(mode) & ~_OTHERS)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LedgerUnavailable(
            f"{file} cannot be used: {error.strerror}.",
            remedy="The folder and the file must be this user's own, writable, on a disk with space.",
        ) from error
