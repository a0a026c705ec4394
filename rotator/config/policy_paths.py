"""Which files hold policies: every ``*.yaml`` below a directory, or one file that was named."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from rotator.domain.errors import InvalidInput, Problem


def policy_paths(path: Path) -> tuple[Path, ...]:
    """Give the files in a fixed order. InvalidInput where there are none, or one that is about to be overlooked.

    What begins with a dot is passed over: Kubernetes keeps a second copy of a mounted ConfigMap in ``..data``.
    """
    if not path.is_dir():
        if not path.exists():
            remedy = "check the path; `rotate init` writes a first policy file"
            raise InvalidInput([Problem("there is no such file or directory", remedy, path)])
        return (path,)
    found = sorted(_files(path, set()))
    overlooked = [Problem("only *.yaml files are read", "rename it", file) for file in found if file.suffix == ".yml"]
    if overlooked:
        raise InvalidInput(overlooked)
    if not found:
        raise InvalidInput([Problem("no policy file (*.yaml) in this directory", "`rotate init` writes one", path)])
    return tuple(found)


def _files(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:  # a link that leads back up
        return
    seen.add(real)
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    except OSError as error:
        remedy = "let the user that runs rotate read it"
        raise InvalidInput([Problem(f"cannot be read: {error.strerror}", remedy, folder)]) from error
    for entry in entries:
        if entry.is_dir():
            yield from _files(Path(entry.path), seen)
        elif entry.name.endswith((".yaml", ".yml")):
            yield Path(entry.path)
