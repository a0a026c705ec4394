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

SUFFIXES: Final = (".md", ".json")


def refuse_unknown(files: Sequence[Path], *suffixes: str) -> None:
    """Raise InvalidInput for files whose suffix says nothing, or whose folder is not there: before anything is done."""
    problems = []
    for file in files:
        if file.suffix not in suffixes:
            problems.append(Problem(f"--report {file}: a report is {' or '.join(suffixes)}", "name it by what it is"))
        elif not file.absolute().parent.is_dir():
            problems.append(Problem(f"--report {file}: there is no such folder", "make it first"))
        elif file.is_dir():
            problems.append(Problem(f"--report {file}: this is a folder", "name a file in it"))
    if problems:
        raise InvalidInput(problems)


def write(files: Sequence[Path], data: Mapping[str, Any], markdown: Callable[[], str] = str) -> list[str]:
    """Write all of them; give a sentence for each that could not be. The old content stays until the new is whole."""
    failures = []
    for file in files:
        text = markdown() if file.suffix == ".md" else json.dumps(data, indent=2, default=as_text, ensure_ascii=False)
        try:
            _replace(file, redact(text).rstrip() + "\n")
        except OSError as error:
            failures.append(f"The report could not be written to {file}: {error.strerror}.")
    return failures


def _replace(file: Path, text: str) -> None:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
