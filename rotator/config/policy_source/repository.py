"""Policies from a git repository that is followed: the newest commit of a ref if it is good, else the last good one.

A look asks the server where the ref is. Only a commit that was not judged yet is fetched; it is verified, written out
and read as a whole before it is in force. The last good one is kept on disk: it stays in force over restarts, whatever
the server says or does not say.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Final

from rotator.config import policy_files
from rotator.config.allowed import BY_DEFAULT, Allowed
from rotator.config.plugins import Plugins
from rotator.config.policy_source.checkout import check_out
from rotator.config.policy_source.clone import Clone
from rotator.config.policy_source.git import GitFailed
from rotator.config.policy_source.in_force import InForce, Refreshed
from rotator.config.policy_source.signatures import Signers
from rotator.config.policy_source.state_folder import StateFolder
from rotator.config.references import Reference
from rotator.domain.errors import InvalidInput, NeedsOperator, Problem
from rotator.domain.policy import Connection, PolicySet, Source
from rotator.domain.secret_value import SecretValue

_SHORT: Final = 10


class RepositorySource:
    """One ref of one repository, and the folder (or file) in it that holds policies.

    ``state`` is this repository's own folder on this machine; any number of processes may share it. ``plugins`` makes
    the plug-ins for one reading, ``token`` looks up what an https server may ask for; it may raise NeedsOperator.
    ``channels`` are those that policies may name, ``allowed`` is what the settings let them do.
    """

    def __init__(
        self,
        address: str,
        ref: str,
        folder: PurePosixPath,
        state: Path,
        plugins: Callable[[], Plugins] = Plugins,
        *,
        channels: Collection[str] | None = None,
        allowed: Allowed = BY_DEFAULT,
        signed_by: Path | None = None,
        token: Callable[[], SecretValue] | None = None,
    ) -> None:
        self.in_force: InForce | None = None
        self.problems: tuple[Problem, ...] = ()
        self._folder = folder
        self._state = StateFolder(state)
        self._plugins = plugins
        self._channels = channels
        self._allowed = allowed
        self._signers = Signers(signed_by) if signed_by else None
        self._address, self._ref, self._token = address, ref, token
        self._clone: Clone | None = None
        self._judged: object = None
        """What the last look found, so far as it decides what is in force. The same again needs no judging."""

    def load(self) -> InForce:
        with self._state.locked():
            self._look()
            if self.in_force is None:
                self.in_force = self._last_good()
        return self.in_force

    def refresh(self) -> Refreshed:
        try:
            with self._state.locked():
                return self._look()
        except InvalidInput as error:  # of the state folder
            return self._told("state folder", error.problems)

    def _look(self) -> Refreshed:
        try:
            clone = self._open_clone()
            allowed = self._signers.state() if self._signers else ""
            head = clone.head()
            if (head, allowed) == self._judged:
                return Refreshed()
            return self._judge(clone, clone.fetch(head), (head, allowed))
        except GitFailed as error:
            if self._clone is not None:
                self._clone.begin_again_if_damaged()
            return self._not_done(error)
        except (NeedsOperator, OSError) as error:
            return self._not_done(error)
        except InvalidInput as error:
            return self._told(str(error), error.problems)

    def _open_clone(self) -> Clone:
        """Give the clone: GitFailed where there is no git, or one that is too old."""
        if self._clone is None:
            self._clone = Clone(self._state.repository, self._address, self._ref, self._token)
        return self._clone

    def _judge(self, clone: Clone, commit: str, state: object) -> Refreshed:
        """Put a commit into force if it is good as a whole. What fails in between leaves the one before in force."""
        try:
            found = self._read(clone, commit)
        except InvalidInput as error:
            return self._told(state, error.problems)
        is_new = self.in_force is None or self.in_force.policies.commit != commit
        if is_new:
            self._keep(clone, commit)
            self.in_force = found
        healed, self.problems, self._judged = bool(self.problems), (), state
        return Refreshed(found if is_new else None, healed=healed)

    def _keep(self, clone: Clone, commit: str) -> None:
        """Let this commit be the one that is in force after a restart. A crash in between leaves the one before."""
        clone.keep(commit)
        self._state.remember(commit)
        clone.keep_only(commit)
        self._state.remove_checkouts(but=commit)

    def _not_done(self, error: GitFailed | NeedsOperator | OSError) -> Refreshed:
        """Tell what kept us from judging. It is tried again at the next look."""
        problem = _as_problem(error)
        # curl says how many milliseconds it tried: that is not another problem.
        return self._told(re.sub(r"\d+", "", str(problem)), (problem,))

    def _told(self, state: object, problems: tuple[Problem, ...]) -> Refreshed:
        """Tell problems, unless they are those of the state that was told last."""
        is_known, self._judged, self.problems = state == self._judged, state, problems
        return Refreshed(problems=() if is_known else problems)

    def _last_good(self) -> InForce:
        """Read what was in force before this process began. InvalidInput says why there is nothing good at all."""
        commit = self._state.last_good()
        if commit is None:
            raise InvalidInput(self.problems)
        try:
            return self._read(self._open_clone(), commit)
        except InvalidInput as error:
            raise InvalidInput([*self.problems, *error.problems]) from error
        except (GitFailed, OSError) as error:
            raise InvalidInput([*self.problems, _as_problem(error)]) from error

    def _read(self, clone: Clone, commit: str) -> InForce:
        """Give the policies of a commit that is in the clone, if it is good as a whole."""
        if self._signers:
            self._signers.verify(commit, clone.git)
        root = self._state.checkout(commit)
        if root.exists():
            try:
                return self._valid(root, commit)
            except InvalidInput:  # a power cut may have left its files empty: it is written again, and judged then
                shutil.rmtree(root)
        try:
            check_out(clone, commit, str(self._folder), root)
            return self._valid(root, commit)
        except InvalidInput as error:
            raise InvalidInput([_as_in_git(problem, root, commit) for problem in error.problems]) from error

    def _valid(self, root: Path, commit: str) -> InForce:
        plugins = self._plugins()
        policies = policy_files.load(
            root / self._folder, plugins, commit=commit, channels=self._channels, allowed=self._allowed
        )
        _refuse_credentials_in_repository(policies)
        return InForce(_as_in_repository(policies, root), plugins)


def _as_problem(error: GitFailed | NeedsOperator | OSError) -> Problem:
    if isinstance(error, OSError):
        remedy = "see to it that it can be written, and has space"
        return Problem(f"the state folder: {error.strerror}", remedy, Path(error.filename) if error.filename else None)
    return Problem(f"the repository of the policies: {error.what.rstrip('.')}", error.remedy)


def _refuse_credentials_in_repository(policies: PolicySet) -> None:
    problems = [
        Problem(
            f"`credentials.{name}` names a file of the repository, which never holds a secret",
            "write an absolute path, or `env:NAME`",
            connection.source.file,
            connection.source.line,
            connection.source.column,
        )
        for connection in policies.connections.values()
        for name in _relative_files(connection)
    ]
    if problems:
        raise InvalidInput(problems)


def _relative_files(connection: Connection) -> list[str]:
    written = {name: text for name, text in connection.config.credentials.items() if isinstance(text, str)}
    references = {name: Reference.parse(text) for name, text in written.items()}
    return [
        name
        for name, reference in references.items()
        if reference.scheme == "file" and not reference.target.startswith(("/", "~"))
    ]


def _as_in_repository(policies: PolicySet, root: Path) -> PolicySet:
    """Name sources from the top of the repository: the commit is named beside them, and our folder is nobody's matter.

    So what has not changed from one commit to the next is equal.
    """

    def there(source: Source) -> Source:
        return replace(source, file=source.file.relative_to(root))

    return replace(
        policies,
        policies=tuple(replace(each, source=there(each.source)) for each in policies.policies),
        connections={name: replace(each, source=there(each.source)) for name, each in policies.connections.items()},
    )


def _as_in_git(problem: Problem, root: Path, commit: str) -> Problem:
    """Name a file as git does, ``4f2a9c1e07:policies/web.yaml``: nobody looks for it in our state folder."""
    what = problem.what.replace(f"{root}/", "")
    if problem.file is None:
        return replace(problem, what=what)
    path = problem.file.relative_to(root) if problem.file.is_relative_to(root) else problem.file
    return replace(problem, what=what, file=Path(f"{commit[:_SHORT]}:{path}"))
