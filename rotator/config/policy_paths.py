"""Which files hold policies: every ``*.yaml`` below a directory, or one file that was named."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rotator.domain.errors import InvalidInput, Problem

_SUFFIXES: Final = (".yaml", ".yml")


def policy_paths(path: Path) -> tuple[Path, ...]:
    """Give the files in a fixed order. InvalidInput where there are none, or one that is about to be overlooked.

    What begins with a dot is passed over: Kubernetes keeps a second copy of a mounted ConfigMap in ``..data``.
    """
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:  # ValueError: no path can be like this
        remedy = "check the path; `rotate init` writes a first policy file"
        raise InvalidInput([Problem("there is no such file or directory", remedy, path)]) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    if not is_folder:
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
        raise _unreadable(folder, error) from error
    for entry in entries:
        if _is_folder(entry):
            yield from _files(Path(entry.path), seen)
        elif entry.name.endswith(_SUFFIXES):
            yield Path(entry.path)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError as error:  # a link to where we may not look
        if entry.name.endswith(_SUFFIXES):
            return False  # whoever reads the file says why it cannot be read, beside what is wrong with others
        raise _unreadable(Path(entry.path), error) from error


def _unreadable(path: Path, error: OSError) -> InvalidInput:
    remedy = "let the user that runs rotate read it"
    return InvalidInput([Problem(f"cannot be read: {error.strerror}", remedy, path)])
