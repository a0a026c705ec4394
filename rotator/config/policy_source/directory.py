"""Policies from a directory, or one file, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Collection
from hashlib import blake2b
from pathlib import Path
from typing import Final

from rotator.config import policy_files
from rotator.config.allowed import BY_DEFAULT, Allowed
from rotator.config.commit import commit_of, head_of
from rotator.config.plugins import Plugins
from rotator.config.policy_paths import policy_paths
from rotator.config.policy_source.in_force import InForce, Refreshed
from rotator.domain.errors import InvalidInput, Problem

_TRIES: Final = 5


class DirectorySource:
    """A directory whose files are read again when one of them changes. What changes meanwhile is read next time.

    ``plugins`` makes the plug-ins for one reading; ``channels`` are those that policies may name, ``allowed`` is what
    the settings let them do.
    """

    def __init__(
        self,
        path: Path,
        plugins: Callable[[], Plugins] = Plugins,
        *,
        channels: Collection[str] | None = None,
        allowed: Allowed = BY_DEFAULT,
    ) -> None:
        self.in_force: InForce | None = None
        self.problems: tuple[Problem, ...] = ()
        self._path = path
        self._plugins = plugins
        self._channels = channels
        self._allowed = allowed
        self._judged: tuple[str | None, bytes] | None = None
        """The commit and the files that were read last. A commit without a change of a file is a change."""

    def load(self) -> InForce:
        for _ in range(_TRIES):
            self.refresh()
            if self.in_force is not None:
                return self.in_force
            if self.problems:
                raise InvalidInput(self.problems)
        what = "the files change while they are read"
        raise InvalidInput([Problem(what, "try again when nobody writes there", self._path)])

    def refresh(self) -> Refreshed:
        files, head = self._files(), head_of(self._path)  # in this order: files that a commit brings count as changed
        state = (head, files)
        if state == self._judged:
            return Refreshed()
        in_force, problems = self._read(head)
        if self._files() != files:
            return Refreshed()  # half of it may be old and half new
        self._judged = state
        healed = bool(self.problems) and not problems
        self.problems = problems
        if in_force is not None:
            self.in_force = in_force
        return Refreshed(in_force, problems, healed)

    def _read(self, head: str | None) -> tuple[InForce | None, tuple[Problem, ...]]:
        plugins = self._plugins()
        try:
            commit = commit_of(self._path, head)
            policies = policy_files.load(
                self._path, plugins, commit=commit, channels=self._channels, allowed=self._allowed
            )
        except InvalidInput as error:
            return None, error.problems
        return InForce(policies, plugins), ()

    def _files(self) -> bytes:
        """Digest what changes when a file does, without reading it.

        Links are followed: Kubernetes swaps a link to a whole directory of them. The time of the inode's change counts,
        too: it tells what ``touch -d`` and ``chmod`` did.
        """
        digest = blake2b()
        try:
            files = policy_paths(self._path)
        except InvalidInput as error:
            digest.update(str(error).encode(errors="surrogateescape"))
            return digest.digest()
        for file in files:
            try:
                found = file.stat()
                seen = f"{found.st_dev} {found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"
            except OSError as error:
                seen = str(error.strerror)
            digest.update(f"{seen} {file}\0".encode(errors="surrogateescape"))
        return digest.digest()
