"""Reads files that somebody names: it never waits for a pipe, and never reads a device without end."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


class NotAFile(OSError):
    """It is a pipe or a device."""

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "it is a pipe or a device, not a file")


def read_at_most(file: Path, most: int) -> tuple[bytes, os.stat_result]:
    """Give a file's content, of a larger one ``most`` bytes and one more, and what it looked like. Or OSError.

    NotAFile where it could wait for ever: a pipe gives what somebody writes to it, whenever that may be.
    """
    with open(file, "rb", opener=_at_once) as stream:
        seen = os.fstat(stream.fileno())
        if not stat.S_ISREG(seen.st_mode):
            raise NotAFile
        return stream.read(most + 1), seen


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
