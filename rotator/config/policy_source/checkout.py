"""The policy files of one commit, as files: what stands in the tree is taken as bytes, and judged before it is written.

Only ``*.yaml`` files come along, and links between them. Git checks nothing out itself, so attributes, filters, hooks
and submodules have no part in it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from rotator.config.policy_source.clone import Clone, Entry
from rotator.domain.errors import InvalidInput, Problem

_LINK: Final = "120000"
_SUBMODULE: Final = "160000"
_SUFFIXES: Final = (".yaml", ".yml")
"""Policies are read from the first; the second is only taken to be refused by name."""
_LARGEST: Final = 256 * 2**20


def check_out(clone: Clone, commit: str, path: str, goal: Path) -> None:
    """Write the policy files at and below ``path`` into the folder ``goal``, with their whole paths.

    All or nothing: the folder appears when it is complete. InvalidInput says what of the commit is not taken.
    """
    entries = [entry for entry in clone.tree(commit, path) if not _is_hidden(entry, path)]
    _refuse(entries, commit, path)
    draft = goal.with_name("unfinished")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    files = [entry for entry in entries if entry.mode != _LINK and entry.path.endswith(_SUFFIXES)]
    for file, content in zip(files, clone.contents(entry.object for entry in files), strict=True):
        _write(draft / file.path, content)
    # Not before every file is written: nothing is ever written through a link.
    links = [entry for entry in entries if entry.mode == _LINK]
    for link, content in zip(links, clone.contents(entry.object for entry in links), strict=True):
        (draft / link.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        (draft / link.path).symlink_to(os.fsdecode(content))
    _refuse_stray_links(draft, path, links)
    draft.rename(goal)


def _is_hidden(entry: Entry, path: str) -> bool:
    """Pass over what a directory's files are read without, too; ``..`` and ``.git`` are among it."""
    if entry.path == path:
        return False
    return any(part.startswith(".") for part in entry.path.removeprefix(f"{path}/").split("/"))


def _refuse(entries: Collection[Entry], commit: str, path: str) -> None:
    problems: list[Problem] = []
    taken = {entry.path for entry in entries}
    for entry in entries:
        file = PurePosixPath(entry.path)
        if entry.mode == _SUBMODULE:
            what = "a submodule, which is not followed"
            problems.append(Problem(what, "put its files into this repository", Path(file)))
        # Git itself makes neither. The second would be written where a link leads.
        elif "" in entry.path.split("/") or any(str(folder) in taken for folder in file.parents):
            problems.append(Problem("not the name of a file", "rename it", Path(file)))
    size = sum(entry.size for entry in entries if entry.path.endswith(_SUFFIXES))
    if size > _LARGEST:
        what = f"the policies of commit {commit[:10]} have more than {_LARGEST // 2**20} MiB"
        problems.append(Problem(what, "name the folder that holds nothing else with `policies`", Path(path)))
    if not entries:
        remedy = "name the folder of the policies in the repository with `policies`"
        problems.append(Problem(f"commit {commit[:10]} has nothing there", remedy, Path(path)))
    if problems:
        raise InvalidInput(problems)


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as stream:  # noqa: PTH123
        stream.write(content)


def _refuse_stray_links(draft: Path, path: str, links: Iterable[Entry]) -> None:
    """Refuse links that lead out of the folder, and policy files that lead to nothing; drop what is no policy."""
    folder = Path(os.path.realpath(draft / path))
    problems: list[Problem] = []
    for link in links:
        file = draft / link.path
        if not Path(os.path.realpath(file)).is_relative_to(folder):
            what = "a link that leads out of the folder of the policies"
            problems.append(Problem(what, "put the file itself there", Path(link.path)))
        elif not file.exists():
            if link.path.endswith(_SUFFIXES):
                what = "a link that leads to no policy file"
                problems.append(Problem(what, "let it lead to a *.yaml file", Path(link.path)))
            file.unlink()
    if problems:
        raise InvalidInput(problems)
