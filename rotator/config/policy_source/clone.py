"""Our own bare clone of the repository that policies come from: one ref of it, without its history."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rotator.config.policy_source.git import Git, GitFailed
from rotator.domain.errors import InvalidInput
from rotator.domain.secret_value import SecretValue

_NEWEST: Final = "refs/rotator/newest"
_KEPT: Final = "refs/rotator/kept"
_LINE_OF_REFS: Final = re.compile(r"(?P<object>[0-9a-f]{40,64})\t(?P<name>refs/\S+)")
_AT_A_TIME: Final = 2000
"""So many files are in memory together."""


@dataclass(frozen=True)
class Head:
    """What the server says of the ref that is followed: its full name, and the object that it points to now."""

    name: str
    object: str


@dataclass(frozen=True)
class Entry:
    """One line of a commit's tree: what kind it is, its object, its size (0 for a submodule), its path."""

    mode: str
    object: str
    size: int
    path: str


class Clone:
    """The clone. Use it under a lock. Whatever fails raises GitFailed."""

    def __init__(self, folder: Path, address: str, ref: str, token: Callable[[], SecretValue] | None) -> None:
        self._git = Git(folder)
        self._address = address
        self._ref = ref
        self._token = token

    @property
    def git(self) -> Git:
        return self._git

    def head(self) -> Head:
        """Ask the server where the ref is now. InvalidInput when it has none of that name.

        A branch goes before a tag of its name: in git itself it is the other way round, and who may push tags
        could put one in front of the branch that is followed.
        """
        names = [self._ref] if self._ref.startswith("refs/") else [f"refs/heads/{self._ref}", f"refs/tags/{self._ref}"]
        printed = self._ask_server("ls-remote", "--quiet", "--", self._address, *names).decode()
        # ls-remote takes names for patterns that end like this: refs/x/refs/heads/main is one of them.
        found = {match["name"]: match["object"] for match in _LINE_OF_REFS.finditer(printed)}
        for name in names:
            if name in found:
                return Head(name, found[name])
        what = f"the repository has no branch or tag `{self._ref}`"
        raise InvalidInput.of(what, "push it, or name another one with `ref`")

    def fetch(self, head: Head) -> str:
        """Fetch what the ref points to, and give its commit. It may have moved on since ``head`` was asked for."""
        self._make_ready()
        options = ("--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        self._ask_server("fetch", *options, "--", self._address, f"+{head.name}:{_NEWEST}")
        return self._git.run("rev-parse", "--verify", "--quiet", f"{_NEWEST}^{{commit}}").decode().strip()

    def keep(self, commit: str) -> None:
        """Let nothing of this commit be cleared away until ``keep_only`` names another one."""
        self._git.run("update-ref", f"{_KEPT}/{commit}", commit)

    def keep_only(self, commit: str) -> None:
        names = self._git.run("for-each-ref", "--format=%(refname)", _KEPT).decode().split()
        for name in names:
            if name != f"{_KEPT}/{commit}":
                self._git.run("update-ref", "-d", name)

    def tree(self, commit: str, path: str) -> list[Entry]:
        """List all files at and below a path of a commit; ``.`` is the whole commit."""
        where = () if path == "." else ("--", path)
        printed = self._git.run("ls-tree", "-r", "-z", "--long", "--full-tree", commit, *where)
        return [_entry(line) for line in printed.split(b"\0") if line]

    def contents(self, objects: Iterable[str]) -> Iterator[bytes]:
        """Give the bytes of objects as they were committed, in order: no attribute and no filter touches them."""
        waiting = list(objects)
        for start in range(0, len(waiting), _AT_A_TIME):
            wanted = "\n".join(waiting[start : start + _AT_A_TIME]) + "\n"
            yield from _blobs(self._git.run("cat-file", "--batch", given=wanted.encode()))

    def begin_again_if_damaged(self) -> None:
        """Throw the clone away if git cannot read all of it: a power cut, a bad disk. The next fetch makes another."""
        try:
            self._git.run("fsck", "--no-dangling", "--no-progress")
        except GitFailed:
            shutil.rmtree(self._git.repository, ignore_errors=True)

    def _ask_server(self, *arguments: str) -> bytes:
        return self._git.run_at(self._address, self._token() if self._token else None, *arguments)

    def _make_ready(self) -> None:
        """See that the clone exists. What a killed git left locked is ours to unlock: nobody else works here."""
        for left_over in self._git.repository.rglob("*.lock"):
            left_over.unlink()
        if not (self._git.repository / "HEAD").exists():
            self._git.run("init", "--quiet", "--bare", "--template=")


def _entry(line: bytes) -> Entry:
    about, _, path = line.partition(b"\t")
    mode, _kind, name, size = about.decode().split()
    return Entry(mode, name, 0 if size == "-" else int(size), path.decode(errors="backslashreplace"))


def _blobs(printed: bytes) -> Iterator[bytes]:
    """Take apart what ``cat-file --batch`` printed: a line ``<object> blob <size>``, the content, a line break."""
    position = 0
    while position < len(printed):
        end = printed.index(b"\n", position)
        header = printed[position:end].split()
        if len(header) != 3 or header[1] != b"blob":  # noqa: PLR2004  see above
            raise GitFailed("the clone of the policies' repository is damaged", remedy="it is made again")
        size = int(header[2])
        yield printed[end + 1 : end + 1 + size]
        position = end + 1 + size + 1
