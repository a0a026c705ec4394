"""Which commit of the policies is in force: written into every rotation, for whoever asks later why it happened."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

_SECONDS: Final = 10
_GIT: Final = ".git"
"""Stands at the top of a work tree: the repository itself, or a file that says where it is."""
_OF_A_HOOK: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
)
"""Git sets these for its hooks. With them, it would tell of the hook's repository, wherever the policies are."""


def head_of(policies: Path) -> str | None:
    """Give the commit that is checked out where these files stand; None outside of git."""
    return _ask(policies, "rev-parse", "HEAD") if _may_be_in_git(policies) else None


def commit_of(policies: Path, head: str | None) -> str | None:
    """Give the commit that these files stand at, with ``-dirty`` when they differ from their head."""
    if head is None:
        return None
    changed = _ask(policies, "status", "--porcelain", "--", policies.name if policies.is_file() else ".")
    return f"{head}-dirty" if changed else head


def _ask(policies: Path, *arguments: str) -> str | None:
    """Ask git about the user's own work tree. It takes no lock there, and starts no program the tree's config names."""
    git = shutil.which("git")
    if git is None:
        return None
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(  # noqa: S603  git itself, with arguments of ours
            [git, "-C", str(_folder_of(policies)), "-c", "core.fsmonitor=false", *arguments],
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _may_be_in_git(policies: Path) -> bool:
    """Look for what git would look for: it is a process, and a daemon asks every half minute."""
    try:
        folder = _folder_of(policies).resolve()
        return any((above / _GIT).exists() for above in (folder, *folder.parents))
    except (OSError, RuntimeError):  # it may not be looked at, or is a circle of links
        return False


def _folder_of(policies: Path) -> Path:
    return policies if policies.is_dir() else policies.parent
