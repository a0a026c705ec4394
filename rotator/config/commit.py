"""Which commit of the policies is in force: written into every rotation, for whoever asks later why it happened."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

_SECONDS = 10


def commit_of(policies: Path) -> str | None:
    """Give the commit that these files stand at, with ``-dirty`` when they differ from it; None outside of git."""
    git = shutil.which("git")
    folder = policies if policies.is_dir() else policies.parent
    if git is None:
        return None
    head = _ask(git, folder, "rev-parse", "HEAD")
    if head is None:
        return None
    changed = _ask(git, folder, "status", "--porcelain", "--", policies.name if policies.is_file() else ".")
    return f"{head}-dirty" if changed else head


def _ask(git: str, folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  git itself, with arguments of ours
            [git, "-C", str(folder), *arguments], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
