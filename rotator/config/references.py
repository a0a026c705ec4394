"""References to credentials, in policy files and settings, and what they refer to: in the environment, or in a file.

A value is looked up each time it is needed: it may itself be rotated under us. A rotation asks for twenty, so a file
is opened again only when it is not the one that was read, or was changed.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rotator.config.ordinary_file import read_at_most
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue

HOW_TO_REFER: Final = "write `env:NAME` for an environment variable, or `file:PATH`"
_LARGEST_FILE: Final = 64 * 1024
_OTHERS_MAY_READ: Final = stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH
"""A group may read: container platforms need it."""

_TICK: Final = 3.0
"""Seconds. On the coarsest file systems a file that was changed less than two seconds ago may change again unseen."""


@dataclass(frozen=True)
class Reference:
    """Where a credential is: ``env`` and the name of a variable, or ``file`` and a path."""

    scheme: str
    target: str

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``env:NAME`` or ``file:PATH``. ValueError says what is wrong, without the text: it may be a secret."""
        scheme, colon, target = text.partition(":")
        if scheme in ("vault", "aws") and colon:
            raise ValueError(f"only the credentials of a connection can be in a store (`{scheme}:…`); {HOW_TO_REFER}")
        if scheme not in ("env", "file") or not colon:
            raise ValueError(f"not a reference, and a policy file never holds a secret itself; {HOW_TO_REFER}")
        if not target.strip() or target != target.strip():
            raise ValueError(f"`{scheme}:` needs a name right behind it; {HOW_TO_REFER}")
        if scheme == "env" and not (target.isidentifier() and target.isascii()):
            raise ValueError("not the name of an environment variable; write letters, digits and underscores")
        return cls(scheme, target)

    def __str__(self) -> str:
        return f"{self.scheme}:{self.target}"


class Lookup:
    """Gives what a reference refers to now. Safe to use from several threads."""

    def __init__(
        self,
        reference: Reference,
        needed_by: str,
        folder: Path = Path(),
        environment: Mapping[str, str] | None = None,
        *,
        name: str = "",
        warn: Callable[[str], None] = lambda _warning: None,
    ) -> None:
        """Relative paths start from ``folder``. ``warn`` is told when others may read a file."""
        self._reference = reference
        self._needed_by = needed_by
        self._name = name
        self._environment = os.environ if environment is None else environment
        self._file = folder / os.path.expanduser(reference.target)  # noqa: PTH111  Path.expanduser raises for ~nobody
        self._warn = warn
        self._read: tuple[os.stat_result, SecretValue] | None = None

    def __call__(self) -> SecretValue:
        """Look it up. NeedsOperator says what is missing, and who needs it."""
        if self._reference.scheme == "env":
            return self._value(self._from_environment())
        read = self._read
        if read is not None and self._is_still(read[0]):
            return read[1]
        self._read = None  # what is not there any more is not kept either
        content, seen = self._from_file()
        value = self._value(content.removesuffix("\n").removesuffix("\r"))
        self._read = (seen, value) if _would_show_a_change(seen, len(content.encode())) else None
        return value

    def _value(self, text: str) -> SecretValue:
        if not text.strip():
            what = f"Credential {self._name} of {self._needed_by} is empty: {self._reference}.".replace("  ", " ")
            raise NeedsOperator(what, remedy="Put the value there.")
        return SecretValue(text)

    def _from_environment(self) -> str:
        value = self._environment.get(self._reference.target)
        if value is None:
            what = f"The environment variable {self._reference.target} is not set; {self._needed_by} needs it."
            raise NeedsOperator(what, remedy="Set it for the process that runs rotate.")
        return value

    def _from_file(self) -> tuple[str, os.stat_result]:
        """Give the file's content, and what the file looked like."""
        path, needed_by = self._file, self._needed_by
        try:
            content, seen = read_at_most(path, _LARGEST_FILE)
            text = content.decode()
        except UnicodeDecodeError:  # its message quotes the content
            what = f"The credential file {path} of {needed_by} is not UTF-8 text."
            raise NeedsOperator(what, remedy="Put the value there as text.") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            what = f"The credential file {path} of {needed_by} cannot be read: {reason}."
            raise NeedsOperator(what, remedy="Put the value there, readable by the user that runs rotate.") from error
        if len(content) > _LARGEST_FILE:
            what = f"The credential file {path} of {needed_by} is larger than {_LARGEST_FILE:,} bytes."
            raise NeedsOperator(what, remedy="Name the file that holds the credential alone.")
        if seen.st_mode & _OTHERS_MAY_READ:
            mode = stat.S_IMODE(seen.st_mode)
            self._warn(f"{path} can be read or written by others (mode {mode:04o}); run `chmod 600` on it")
        return text, seen

    def _is_still(self, seen: os.stat_result) -> bool:
        try:
            return _identity(os.stat(self._file)) == _identity(seen)  # noqa: PTH116  half the time of Path.stat
        except OSError:
            return False


def _identity(file: os.stat_result) -> tuple[int, ...]:
    return file.st_dev, file.st_ino, file.st_mode, file.st_size, file.st_mtime_ns, file.st_ctime_ns


def _would_show_a_change(file: os.stat_result, size: int) -> bool:
    """Tell whether a later change must change its looks. Those of a made-up file, as in ``/proc``, do not."""
    # The machine's time, not ours to move: the file's times are by that clock, too.
    settled = time.time() - max(file.st_mtime, file.st_ctime) > _TICK
    return settled and file.st_size == size
