"""Which commit of the policies is in force: written into every rotation, for whoever asks later why it happened."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

_SECONDS: Final = 10
_OF_A_HOOK: Final = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_COMMON_DIR",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
)
"""Git sets these for its hooks. With them, it would tell of the hook's repository, wherever the policies are."""


def commit_of(policies: Path) -> str | None:
    """Give the commit that these files stand at, with ``-dirty`` when they differ from it; None outside of git."""
    head = head_of(policies)
    if head is None:
        return None
    changed = _ask(policies, "status", "--porcelain", "--", policies.name if policies.is_file() else ".")
    return f"{head}-dirty" if changed else head


def head_of(policies: Path) -> str | None:
    """Give the commit that is checked out where these files stand; None outside of git."""
    return _ask(policies, "rev-parse", "HEAD")


def _ask(policies: Path, *arguments: str) -> str | None:
    """Ask git about the user's own work tree. It takes no lock there, and starts no program the tree's config names."""
    git = shutil.which("git")
    if git is None:
        return None
    folder = policies if policies.is_dir() else policies.parent
    environment = {name: value for name, value in os.environ.items() if name not in _OF_A_HOOK}
    try:
        done = subprocess.run(  # noqa: S603  git itself, with arguments of ours
            [git, "-C", str(folder), "-c", "core.fsmonitor=false", *arguments],
            env=environment | {"GIT_OPTIONAL_LOCKS": "0"},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
