"""What is kept between runs: which commit was last good. One folder for each repository, one process at a time."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rotator.domain.errors import InvalidInput, Problem


class StateFolder:
    """The folder, closed to other users. InvalidInput when it is not to be had."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.repository = path / "repository.git"
        self._checkouts = path / "checkouts"
        self._last_good = path / "last-good"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes, and other threads, out. Whoever is in is not for long: git is given a minute."""
        try:
            _make_private(self._checkouts)
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            what = f"cannot be used: {error.strerror}"
            raise InvalidInput([Problem(what, "let it be this user's own, on a disk with space", self.path)]) from error
        try:
            self._refuse_if_open_to_others()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def last_good(self) -> str | None:
        """Give the commit that was in force when this was last used."""
        try:
            text = self._last_good.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return None
        return text if re.fullmatch(r"[0-9a-f]{40,64}", text) else None

    def remember(self, commit: str) -> None:
        """Note that this commit is good: durably, and whole or not at all."""
        draft = self._last_good.with_suffix(".unfinished")
        with draft.open("w") as stream:
            stream.write(f"{commit}\n")
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(self._last_good)

    def checkout(self, commit: str) -> Path:
        """Give the folder that holds, or is to hold, the policy files of a commit."""
        return self._checkouts / commit

    def remove_checkouts(self, *, but: str | None = None) -> None:
        for folder in self._checkouts.iterdir():
            if folder.name != but:
                shutil.rmtree(folder)

    def _refuse_if_open_to_others(self) -> None:
        found = self.path.stat()
        if found.st_mode & stat.S_IWOTH or found.st_uid not in (os.geteuid(), 0):
            what = "others can write here, and what is here decides what is rotated"
            raise InvalidInput([Problem(what, "let it be this user's own, and run `chmod 700` on it", self.path)])


def _make_private(folder: Path) -> None:
    """Make a folder, and those above it that are missing, each closed to others."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    for each in reversed(missing):
        each.mkdir(mode=0o700, exist_ok=True)
