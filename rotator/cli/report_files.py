"""Reports in files: Markdown or JSON by the suffix, whole or not at all, for their owner's eyes alone."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rotator.cli.output import as_text
from rotator.domain.errors import InvalidInput, Problem
from rotator.domain.secret_value import redact
from rotator.domain.visible import visible

SUFFIXES: Final = (".md", ".json")


def refuse_unwritable(files: Sequence[Path], *suffixes: str) -> None:
    """Raise InvalidInput for files whose suffix says nothing, or that cannot be written: before anything is done.

    What stands there stays: only a draft is made beside it, and taken away.
    """
    problems = []
    for file in files:
        if file.suffix not in suffixes:
            problems.append(Problem(f"--report {file}: a report is {' or '.join(suffixes)}", "name it by what it is"))
            continue
        try:
            problem = _trouble_with(file)
        except OSError as error:
            problem = Problem(f"--report {file}: cannot be written: {error.strerror}", "name a file that can be")
        problems += [problem] if problem is not None else []
    if problems:
        raise InvalidInput(problems)


def _trouble_with(file: Path) -> Problem | None:
    if not file.absolute().parent.is_dir():
        return Problem(f"--report {file}: there is no such folder", "make it first")
    if file.is_dir():
        return Problem(f"--report {file}: this is a folder", "name a file in it")
    descriptor, draft = _draft_of(file)
    os.close(descriptor)
    draft.unlink()
    return None


def write(files: Sequence[Path], data: Mapping[str, Any], markdown: Callable[[], str] = str) -> list[str]:
    """Write all of them; give a sentence for each that could not be. The old content stays until the new is whole."""
    failures = []
    for file in files:
        text = markdown() if file.suffix == ".md" else json.dumps(data, indent=2, default=as_text, ensure_ascii=False)
        try:
            _replace(file, visible(redact(text)).rstrip() + "\n")
        except OSError as error:
            failures.append(f"The report could not be written to {file}: {error.strerror}.")
    return failures


def _replace(file: Path, text: str) -> None:
    descriptor, draft = _draft_of(file)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def _draft_of(file: Path) -> tuple[int, Path]:
    """Make a file beside it, to be written and put in its place."""
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    return os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), draft
