"""Reads policy files and gives the policies in them, or everything that is wrong with them, at once.

Two passes: first every file by itself (``documents``, ``sections``), then what the files say of one another
(``resolving``).
"""

from __future__ import annotations

import gc
import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from rotator.config.allowed import BY_DEFAULT, Allowed
from rotator.config.documents import parse
from rotator.config.inline_secrets import inline_secrets
from rotator.config.plugins import Plugins
from rotator.config.policy_paths import policy_paths
from rotator.config.resolving import Check, Resolving
from rotator.config.sections import PolicyFile, read_sections
from rotator.config.yaml_text import read_text
from rotator.domain.contradictions import policy_problems
from rotator.domain.errors import InvalidInput, Problem
from rotator.domain.policy import PolicySet


def load(
    path: Path,
    plugins: Plugins,
    *,
    check: Check = policy_problems,
    commit: str | None = None,
    channels: Collection[str] | None = None,
    allowed: Allowed = BY_DEFAULT,
) -> PolicySet:
    """Read a directory of policy files, or one file. InvalidInput holds every problem of every file, in order.

    The user's own profiles (files with a ``kind``) are added to ``plugins``. ``channels`` are those that the settings
    name; without them, those that policies name are believed. ``allowed`` is what they let policies do. Touches
    nothing and asks nobody.
    """
    with _nothing_to_collect():
        return _load(path, plugins, check, commit, channels, allowed)


def _load(
    path: Path,
    plugins: Plugins,
    check: Check,
    commit: str | None,
    channels: Collection[str] | None,
    allowed: Allowed,
) -> PolicySet:
    files: list[PolicyFile] = []
    problems: list[Problem] = []
    unreadable = 0
    for each in policy_paths(path):
        try:
            _read(each, files, plugins, problems)
        except InvalidInput as error:
            unreadable += 1
            problems += error.problems
        except Exception as bug:
            raise _bug(bug, each) from bug
    resolving = Resolving(plugins, check, channels=channels, allowed=allowed, saw_everything=not unreadable)
    try:
        policy_set = resolving.resolve(files, commit)
    except Exception as bug:
        raise _bug(bug, path) from bug
    problems += resolving.problems
    if problems:
        raise InvalidInput(sorted(set(problems), key=_order))
    if not policy_set.policies:
        raise InvalidInput([Problem("there is no policy here", "add one under `policies:`", path)])
    return policy_set


@contextmanager
def _nothing_to_collect() -> Iterator[None]:
    """Let the garbage collector rest: what is read is all alive, and looking for what is not doubles the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _bug(bug: Exception, file: Path) -> InvalidInput:
    """Refuse policies of which a mistake of ours, or of a provider's, leaves unknown what they say.

    So the last good ones stay in force, and people are told. The error's message may quote what it was given.
    """
    at = traceback.extract_tb(bug.__traceback__)[-1]
    what = (
        f"reading it failed with {type(bug).__name__} at {Path(at.filename).name}:{at.lineno}, a bug of the program's"
    )
    return InvalidInput([Problem(what, "take back what was changed last, and report it", file)])


def _order(problem: Problem) -> tuple[str, int, int]:
    return str(problem.file or ""), problem.line or 0, problem.column or 0


def _read(path: Path, files: list[PolicyFile], plugins: Plugins, problems: list[Problem]) -> None:
    """Read one file: policies and connections, or a profile of the user's own."""
    text = read_text(path)
    problems += inline_secrets(text, path)
    document = parse(text, path)
    if isinstance(document.data, dict) and "kind" in document.data:
        plugins.add_profile(document)
    else:
        files.append(read_sections(document, problems))
        document.let_go()
