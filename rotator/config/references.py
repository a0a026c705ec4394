"""Management credentials: references in policy files, values from the environment, from files, or from a store.

A value is looked up when it is needed and not kept: it may itself be rotated under us. What a store is asked for is
the one exception, for a minute: see ``stored_credential``.
"""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from rotator.domain.clock import Clock
from rotator.domain.contracts import NO_BUDGET, Budget
from rotator.domain.errors import NeedsOperator
from rotator.domain.policy import Connection
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Target

SharedT = TypeVar("SharedT")

HOW_TO_REFER: Final = "write `env:NAME` for an environment variable, or `file:PATH`"
_LARGEST_FILE: Final = 64 * 1024
_OTHERS_MAY_READ: Final = stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH
"""A group may read: container platforms need it."""


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


class ConnectionAccess:
    """What one connection's provider is given to work with (contracts.Access). Safe to use from several threads.

    ``file:`` paths are taken from the directory of the policy file that names them; ``stored`` looks up, by name, what
    lies in a store. ``warnings`` collects what a person should mend but nothing stops for: a file that others may read.
    """

    def __init__(
        self,
        connection: Connection,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
        budget: Budget = NO_BUDGET,
        stored: Mapping[str, Callable[[], SecretValue]] | None = None,
    ) -> None:
        self.clock = clock
        self.budget = budget
        self.warnings: list[str] = []
        self._name = connection.name
        self._credentials: Mapping[str, str | Target] = connection.config.credentials
        self._stored = stored or {}
        self._folder = connection.source.file.parent
        self._environment = os.environ if environment is None else environment
        self._shared: dict[str, Any] = {}
        self._lock = threading.RLock()

    def credential(self, name: str) -> SecretValue:
        """Look a management credential up now. NeedsOperator says what is missing and where it was looked for.

        Temporary: the store that it lies in does not answer.
        """
        reference = self._credentials.get(name)
        if reference is None:
            what = f"Connection {self._name} has no credential `{name}`."
            raise NeedsOperator(what, remedy=f"Add it under `credentials`: {HOW_TO_REFER}.")
        if isinstance(reference, Target):
            return self._stored[name]()
        needed_by = f"connection {self._name}"
        return look_up(
            Reference.parse(reference), needed_by, self._folder, self._environment, name=f"`{name}`", warn=self.warn
        )

    def warn(self, what: str) -> None:
        """Note what a person should mend. Said often, it is noted once."""
        with self._lock:
            if what not in self.warnings:
                self.warnings.append(what)

    def shared(self, key: str, make: Callable[[], SharedT]) -> SharedT:
        """Make something once for the connection. Whoever asks meanwhile waits; a failed attempt leaves nothing."""
        with self._lock:  # reentrant: making a login may ask for the shared HTTP client
            if key not in self._shared:
                self._shared[key] = make()
            made: SharedT = self._shared[key]
            return made

    def close(self) -> None:
        """Close what was shared and can be closed, such as HTTP clients."""
        with self._lock:
            shared, self._shared = list(self._shared.values()), {}
        for each in shared:
            close = getattr(each, "close", None)
            if callable(close):
                close()


def look_up(
    reference: Reference,
    needed_by: str,
    folder: Path = Path(),
    environment: Mapping[str, str] | None = None,
    *,
    name: str = "",
    warn: Callable[[str], None] = lambda _warning: None,
) -> SecretValue:
    """Give the value that a reference refers to now. NeedsOperator says what is missing, and who needs it.

    Relative paths start from ``folder``. ``warn`` is told when others may read a file.
    """
    if reference.scheme == "env":
        value = _from_environment(reference, needed_by, os.environ if environment is None else environment)
    else:
        value = _from_file(folder / os.path.expanduser(reference.target), needed_by, warn)  # noqa: PTH111  Path.expanduser raises for ~nobody
    if not value.strip():
        what = f"Credential {name} of {needed_by} is empty: {reference}.".replace("  ", " ")
        raise NeedsOperator(what, remedy="Put the value there.")
    return SecretValue(value)


def _from_environment(reference: Reference, needed_by: str, environment: Mapping[str, str]) -> str:
    value = environment.get(reference.target)
    if value is None:
        what = f"The environment variable {reference.target} is not set; {needed_by} needs it."
        raise NeedsOperator(what, remedy="Set it for the process that runs rotate.")
    return value


def _from_file(path: Path, needed_by: str, warn: Callable[[str], None]) -> str:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_LARGEST_FILE + 1)
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
    if mode & _OTHERS_MAY_READ:
        warn(f"{path} can be read or written by others (mode {stat.S_IMODE(mode):04o}); run `chmod 600` on it")
    return text.removesuffix("\n").removesuffix("\r")
