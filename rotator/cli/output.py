"""How commands speak: one JSON document for machines, plain lines and tables for people, errors on standard error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn, TextIO

from rotator.cli.exit_codes import DONE, OUR_FAULT, UNHEARD
from rotator.domain.errors import InvalidInput, Problem, RotatorError
from rotator.domain.secret_value import redact
from rotator.domain.visible import one_line, visible


def document(data: Any) -> None:
    """Print one JSON document on standard output."""
    _print(visible(json.dumps(data, indent=2, default=as_text, ensure_ascii=False)), sys.stdout)


def line(text: str = "") -> None:
    _print(one_line(text), sys.stdout)


def warn(text: str) -> None:
    _print(one_line(text), sys.stderr)


def _print(text: str, stream: TextIO) -> None:
    """Print, as long as it is taken. A reader who has gone (``| head``), or a full disk, must not stop any work."""
    try:
        print(redact(text), file=stream, flush=True)
    except OSError as error:
        _refusals.append(error)
        with suppress(OSError), open(os.devnull, "w") as nowhere:  # noqa: PTH123  a device, not a path of ours
            os.dup2(nowhere.fileno(), stream.fileno())  # else what is left of it is refused again, as the process ends


_refusals: Final[list[OSError]] = []


def code_of_what_is_lost() -> int:
    """Give the exit code of a run whose work is done: 0, or what commands end with whose output was not taken."""
    if not _refusals:
        return DONE
    if isinstance(_refusals[0], BrokenPipeError):
        return UNHEARD
    warn(f"What was to be said could not be written: {_refusals[0].strerror}.")
    return OUR_FAULT


def fail(error: Exception, code: int, *, as_json: bool) -> NoReturn:
    """Say what went wrong, and end with this exit code: a document on standard output, or lines on standard error."""
    if isinstance(error, InvalidInput):
        problems = [problem_data(problem) for problem in error.problems]
        lines = [str(problem) for problem in error.problems]
    elif isinstance(error, RotatorError):
        problems = [{"what": error.what, "remedy": error.remedy}]
        lines = [str(error)]
    else:
        what = f"Failed with {type(error).__name__}, which is a bug of rotate's."
        remedy, where = "Nothing is lost: what was begun is in the ledger.", _where(error)
        problems = [{"what": what, "remedy": remedy, "where": where}]
        lines = [f"{what} {remedy}", *(f"  at {place}" for place in where)]
    if as_json:
        document({"problems": problems, "exit_code": code})
    else:
        for text in lines:
            warn(text)
    sys.exit(code)


def problem_data(problem: Problem) -> dict[str, Any]:
    """Give a problem as JSON shows it."""
    return {
        "what": problem.what,
        "remedy": problem.remedy,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
    }


def _where(error: Exception) -> list[str]:
    """Name the places a bug went through. Not its message: that may quote what it was given."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return [f"{Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]


def counted(number: int, thing: str) -> str:
    """Write ``1 policy``, ``2 policies``, ``3 checks``."""
    if number == 1:
        return f"1 {thing}"
    return f"{number} {thing[:-1]}ies" if thing.endswith("y") else f"{number} {thing}s"


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, no_color: bool) -> None:
    """Print a table: with rich on a terminal, in plain columns when piped."""
    cells = [[one_line(redact(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty() or no_color:
        widths = [max(len(row[column]) for row in [list(headings), *cells]) for column in range(len(headings))]
        for row in [list(headings), *cells]:
            line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
        return
    from rich import box
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    # A long word goes on in the next line: cut off, a rotation's id or a command would be of no use.
    grid = Table(*(Column(heading, overflow="fold") for heading in headings), box=box.SIMPLE_HEAD, pad_edge=False)
    for row in cells:
        grid.add_row(*(Text(cell) for cell in row))
    Console().print(grid)


def moment(when: datetime | None) -> str:
    """Write a time as people read it, in UTC."""
    return f"{when:%Y-%m-%d %H:%M}" if when is not None else "-"


def span(length: timedelta) -> str:
    """Write a length of time in its largest unit: ``89d``, ``5h``, ``12m``."""
    seconds = int(length.total_seconds())
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{sign}{seconds // size}{unit}"
    return f"{sign}{seconds}s"


def as_text(value: Any) -> str:
    """Write what JSON has no form for."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return str(value)
