"""How an env file is locked, read and replaced on the disk, so that it is whole at every instant.

The whole document is written to a new file in the same directory (0600, then owner, mode and ACL of the original),
fsynced, renamed over the original, and the directory is fsynced. A kill at any instant leaves the old document or the
new one. The new file *is* the destination on its way, under the same protection; there is no other way to an atomic
rename. One that a kill left behind is removed by whoever takes the lock next.

A file that was bind-mounted by itself cannot be renamed over (EBUSY). It is written in place, once there is room for
all of it, and a kill meanwhile can tear it: mount the directory instead.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from rotator.domain.clock import Clock
from rotator.domain.errors import Ambiguous, Permanent, Temporary

_LOCK_PATIENCE: Final = timedelta(seconds=10)
_LOCK_PAUSE: Final = timedelta(milliseconds=50)
_KEY_LENGTH: Final = 64
_OPENED: Final = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
_CANNOT_RENAME_OVER: Final = {errno.EBUSY, errno.EXDEV}
_HOPELESS: Final = {
    errno.EACCES: "Run the rotator as a user that may write the file and its directory.",
    errno.EPERM: "Run the rotator as the file's owner, or as root.",
    errno.EROFS: "Mount the file system read-write.",
    errno.ENOENT: "Make the directory first: only the file is ever created.",
    errno.ENOTDIR: "",
    errno.EISDIR: "Name the file itself.",
    errno.ELOOP: "",
    errno.ENAMETOOLONG: "",
}
"""Errors that trying again does not help against, and what does."""


def sidecar(path: Path) -> Path:
    """Name the file beside ``path`` that is its lock, and holds a random key."""
    return path.with_name(f".{path.name}.rotator")


def unfinished(path: Path) -> Path:
    """Name the new document beside ``path`` while it is not in its place yet."""
    return path.with_name(f".{path.name}.rotator-new")


def new_key() -> bytes:
    """Give a key for a file that has none beside it yet."""
    return os.urandom(_KEY_LENGTH // 2).hex().encode()


@contextlib.contextmanager
def locked(path: Path, clock: Clock, new: bytes) -> Iterator[bytes]:
    """Hold the lock of ``path`` against all of our threads and processes, and give the key beside it.

    Where there is none yet, it is made with the key ``new``, and stays. Temporary when somebody else holds the lock
    for long.
    """
    with explained(f"open {sidecar(path)}, the lock beside the env file"):
        descriptor = os.open(sidecar(path), _OPENED | os.O_CREAT, 0o600)
    with _holding(descriptor, path, clock, new) as key:
        yield key


@contextlib.contextmanager
def locked_if_ever_written(path: Path, clock: Clock, new: bytes) -> Iterator[bytes]:
    """Hold the lock as ``locked`` does. Where we never wrote there is none, and none is made: gives ``new``."""
    with explained(f"open {sidecar(path)}, the lock beside the env file"):
        try:
            descriptor = os.open(sidecar(path), _OPENED)
        except FileNotFoundError:
            descriptor = None
    with contextlib.nullcontext(new) if descriptor is None else _holding(descriptor, path, clock, new) as key:
        yield key


@contextlib.contextmanager
def _holding(descriptor: int, path: Path, clock: Clock, new: bytes) -> Iterator[bytes]:
    try:
        _wait_for_lock(descriptor, path, clock)
        with explained(f"use {sidecar(path)}, the lock beside the env file"):
            unfinished(path).unlink(missing_ok=True)
            key = os.pread(descriptor, _KEY_LENGTH, 0)
            if len(key) < _KEY_LENGTH:
                key = new
                os.pwrite(descriptor, key, 0)
                os.fsync(descriptor)
        yield key
    finally:
        os.close(descriptor)


def _wait_for_lock(descriptor: int, path: Path, clock: Clock) -> None:
    deadline = clock.now() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock.now() >= deadline or not clock.wait(_LOCK_PAUSE):
                raise Temporary(f"Another process holds the lock on {path}.") from None
        else:
            return


def contents(path: Path) -> tuple[bytes, os.stat_result] | None:
    """Read a file and its status; None where there is none."""
    with explained(f"read {path}"):
        try:
            with path.open("rb") as file:
                return file.read(), os.fstat(file.fileno())
        except FileNotFoundError:
            return None


def refuse_what_cannot_be_replaced(path: Path) -> None:
    """Raise Permanent for what would make ``replace`` fail. Touches nothing."""
    with explained(f"look at {path}"):
        directory = path.parent.stat()
        status = path.stat() if os.path.lexists(path) else None
    if not stat.S_ISDIR(directory.st_mode) or not _may(path.parent, os.W_OK | os.X_OK):
        raise Permanent(
            f"{path.parent} cannot be written to, and an env file is replaced by a new file beside it.",
            remedy="Let the rotator's user write the directory.",
        )
    if status is None:
        return
    if not stat.S_ISREG(status.st_mode):
        raise Permanent(f"{path} is not an ordinary file.", remedy="Name the env file itself.")
    _refuse_other_names(path, status, directory)
    if not _may(path, os.R_OK | os.W_OK):
        raise Permanent(f"{path} may not be read and written by us.", remedy=_HOPELESS[errno.EACCES])
    groups = {os.getegid(), *os.getgroups()}
    if os.geteuid() not in (0, status.st_uid) or (os.geteuid() != 0 and status.st_gid not in groups):
        raise Permanent(
            f"{path} belongs to uid {status.st_uid}, gid {status.st_gid}, and we could not keep it so.",
            remedy=_HOPELESS[errno.EPERM],
        )


def _refuse_other_names(path: Path, status: os.stat_result, directory: os.stat_result) -> None:
    """Refuse a file with hard links: renamed over, it would have a new value here and the old one under other names.

    One from another device was mounted there by itself; it is written in place, and its names stay together.
    """
    if status.st_nlink > 1 and status.st_dev == directory.st_dev:
        raise Permanent(
            f"{path} has {status.st_nlink} names (hard links), and only this one would get the new value.",
            remedy="Let the others be symbolic links to it, or files of their own: `cp`, then `mv` over it.",
        )


def _may(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def replace(path: Path, document: bytes, before: os.stat_result | None) -> None:
    """Put ``document`` in the place of what ``before`` describes (None: of nothing). Needs the lock.

    Any error but Ambiguous means that nothing was changed.
    """
    with explained(f"write {path}"):
        try:
            if before:
                _refuse_other_names(path, before, path.parent.stat())
            _write_beside(path, document, before)
            if _mark(before) != _mark(path.stat() if path.exists() else None):
                raise Temporary(f"{path} was changed by somebody else while it was about to be replaced.")
            try:
                unfinished(path).replace(path)
            except OSError as error:
                if error.errno not in _CANNOT_RENAME_OVER:
                    raise
                _write_in_place(path, document)
        finally:
            with contextlib.suppress(OSError):  # whoever takes the lock next removes it, or says why that fails
                unfinished(path).unlink(missing_ok=True)
    try:
        _flush_directory(path.parent)
    except OSError as error:
        raise Ambiguous(f"{path} was replaced, but {path.parent} could not be flushed to the disk.") from error


def _mark(status: os.stat_result | None) -> tuple[int, int, int] | None:
    return (status.st_ino, status.st_mtime_ns, status.st_size) if status else None


def _write_beside(path: Path, document: bytes, before: os.stat_result | None) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(unfinished(path), flags, 0o600), "wb") as file:
        file.write(document)
        file.flush()
        if before:
            os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
            for name in filter(lambda name: name.startswith(("user.", "system.posix_acl_access")), os.listxattr(path)):
                os.setxattr(file.fileno(), name, os.getxattr(path, name))
        os.fsync(file.fileno())


def _write_in_place(path: Path, document: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        _make_room(descriptor, os.fstat(descriptor).st_size, len(document))
        try:
            _write_all(descriptor, document, 0)
            os.ftruncate(descriptor, len(document))
            os.fsync(descriptor)
        except OSError as error:
            raise Ambiguous(
                f"{path} could not be renamed over, and writing it in place was cut short.",
                remedy="See whether all of it is there.",
            ) from error
    finally:
        os.close(descriptor)


def _make_room(descriptor: int, size: int, needed: int) -> None:
    """Take what a longer document needs as blank lines at its end, which readers skip. Refused, it is as before."""
    try:
        _write_all(descriptor, b"\n" * (needed - size), size)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def _write_all(descriptor: int, content: bytes, offset: int) -> None:
    """Write to the last byte: a full file system takes the first few, and says so only when it is asked for more."""
    while content:
        written = os.pwrite(descriptor, content, offset)
        content, offset = content[written:], offset + written


def _flush_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def explained(doing: str) -> Iterator[None]:
    """Turn what the operating system says into our families of errors."""
    try:
        yield
    except OSError as error:
        what = f"Could not {doing}: {os.strerror(error.errno or 0)}."
        if error.errno in _HOPELESS:
            raise Permanent(what, remedy=_HOPELESS[error.errno]) from error
        raise Temporary(what) from error
