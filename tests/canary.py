"""The canary: no test may let a known secret value reach a file, a log, an error, stdout or stderr.

A pytest plug-in that watches every test without being asked. Known is each value that was ever put into a
``SecretValue`` in this process, what the test servers issued, and what a test adds itself. After every test we look
through what it printed and logged, the errors it raised or caught, what its child processes printed, and every file
below its ``tmp_path``. A find fails the test and names the place, never the value.

A test speaks to the canary through two fixtures: ``may_hold_values(path)`` for a file whose purpose is to hold a value
(an env file, a credential), and ``known_values`` for the rest. The product knows nothing of this.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
import traceback
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import typer.testing

from rotator.domain.errors import RotatorError
from rotator.domain.secret_value import MASK, SecretValue

_SHORTEST_VALUE = 6
"""A shorter text than this is not a token; it would be found in ordinary words."""

_ADVICE = (
    "A file that is meant to hold values is declared with may_hold_values(path); "
    "a text that is no secret, with known_values.not_secret(text)."
)


class Canary:
    """What is secret in the running test, and where it has been seen."""

    def __init__(self) -> None:
        self._for_session: set[str] = set()
        self._of_test: set[str] = set()
        self._not_secret: set[str] = set()
        self._exempt: set[Path] = set()
        self._watched: set[Path] = set()
        self._texts: set[tuple[str, str]] = set()
        self._reported: set[str] = set()
        self._in_test = False

    def begin_test(self) -> None:
        """Forget the test before. Values from outside any test (a module's constants, a session's servers) stay."""
        for kept in (self._of_test, self._not_secret, self._reported, self._texts, self._exempt, self._watched):
            kept.clear()
        self._in_test = True

    def add(self, value: str, *, for_session: bool = False) -> str:
        """Make a value known, and give it back. A known value may be shown nowhere."""
        (self._for_session if for_session or not self._in_test else self._of_test).add(value)
        return value

    def not_secret(self, text: str) -> None:
        """Say that a text which stands in a ``SecretValue`` in this test may be shown all the same."""
        self._not_secret.add(text)

    def may_hold_values(self, path: Path) -> Path:
        """Exempt a file, or all files below a folder: holding values is what it is for."""
        self._exempt.add(path.absolute())
        return path

    def watch(self, path: Path) -> None:
        """Look into this file or folder too, though it is not below ``tmp_path``."""
        self._watched.add(path)

    def look_at(self, place: str, text: str | bytes | None) -> None:
        """Have a text looked through at the end of the test, under the name of where it came from."""
        if text:
            self._texts.add((place, text.decode(errors="replace") if isinstance(text, bytes) else text))

    def look_at_error(self, error: BaseException | None) -> None:
        """Have an error looked through, and whatever caused it.

        Only its text is kept: its frames would keep values alive, and ``redact`` works on living values.
        """
        seen: set[int] = set()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            shown = [*traceback.format_exception_only(error), repr(error), *getattr(error, "__notes__", ())]
            self.look_at(f"an error ({type(error).__name__})", "\n".join(shown))
            error = error.__cause__ or error.__context__

    def finds(self, *folders: Path) -> Iterator[str]:
        """Name each new place that holds a known value."""
        for place, text in list(self._everything(*folders)):
            if place not in self._reported and self.holds_value(text):
                self._reported.add(place)
                yield place

    def _everything(self, *folders: Path) -> Iterator[tuple[str, str | bytes]]:
        yield from self._texts
        for folder in (*folders, *self._watched):
            yield from self._files(folder)

    def _files(self, top: Path) -> Iterator[tuple[str, str | bytes]]:
        paths = [top] if top.is_file() else [Path(where) / name for where, _, names in os.walk(top) for name in names]
        for path in paths:
            if path.is_symlink() or not path.is_file():
                continue
            relative = path.relative_to(top) if path != top else Path(path.name)
            yield "the name of a file below tmp_path", str(relative)
            if not any(path.absolute().is_relative_to(exempt) for exempt in self._exempt):
                try:
                    yield f"the file {relative}", path.read_bytes()
                except (FileNotFoundError, PermissionError):  # gone since it was listed; closed by the test
                    continue

    def _secrets(self) -> set[str]:
        known = (self._for_session | self._of_test) - self._not_secret
        return {value for value in known if len(value) >= _SHORTEST_VALUE}

    def holds_value(self, text: str | bytes) -> bool:
        if isinstance(text, str):
            text = text.encode(errors="surrogatepass")
        return any(form.encode(errors="surrogatepass") in text for value in self._secrets() for form in _forms(value))

    def masked(self, text: str) -> str:
        for value in self._secrets():
            for form in _forms(value):
                text = text.replace(form, MASK)
        return text


def _forms(value: str) -> set[str]:
    """Give the shapes in which a value is still readable to anybody who looks."""
    encoded = base64.b64encode(value.encode(errors="replace")).decode()
    return {value, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe="", errors="replace"), encoded}


class _LogWatcher(logging.Handler):
    """Looks at each record with all it carries, also what a formatter may leave out today."""

    def emit(self, record: logging.LogRecord) -> None:
        extras = " ".join(f"{name}={value}" for name, value in record.__dict__.items() if name != "args")
        CANARY.look_at(f"the log ({record.name})", f"{record.getMessage()} {extras}")
        if record.exc_info:
            CANARY.look_at_error(record.exc_info[1])


CANARY = Canary()
"""The one of this process: values are known wherever they are made."""

_patches = pytest.MonkeyPatch()
_log_watcher = _LogWatcher(level=logging.NOTSET)


def pytest_configure() -> None:
    _after(SecretValue, "__init__", lambda _result, _self, value: CANARY.add(value))
    _after(RotatorError, "__init__", _look_at_made_error)
    _after(subprocess.Popen, "communicate", _look_at_child)
    _after(pytest.CaptureFixture, "readouterr", lambda captured, _self: _look_at_both(captured.out, captured.err))
    _after(typer.testing.CliRunner, "invoke", _look_at_command)
    logging.getLogger().addHandler(_log_watcher)


def pytest_unconfigure() -> None:
    logging.getLogger().removeHandler(_log_watcher)
    _patches.undo()


def _after(owner: type, name: str, look: Callable[..., object]) -> None:
    """Have ``look`` see the result and the arguments of a method, each time it has run."""
    original = getattr(owner, name)

    def wrapper(*arguments: Any, **keywords: Any) -> Any:
        result = original(*arguments, **keywords)
        look(result, *arguments, **keywords)
        return result

    _patches.setattr(owner, name, wrapper)


def _look_at_made_error(_result: None, error: RotatorError, *_: Any, **__: Any) -> None:
    """See an error when it is made, with the one being handled, which becomes its cause or context."""
    CANARY.look_at_error(error)
    CANARY.look_at_error(sys.exc_info()[1])


def _look_at_child(result: tuple[str | bytes | None, str | bytes | None], *_: Any, **__: Any) -> None:
    for channel, text in zip(("stdout", "stderr"), result, strict=True):
        CANARY.look_at(f"a child's {channel}", text)


def _look_at_both(out: str | bytes, err: str | bytes) -> None:
    CANARY.look_at("stdout", out)
    CANARY.look_at("stderr", err)


def _look_at_command(result: typer.testing.Result, *_: Any, **__: Any) -> None:
    CANARY.look_at("a command's output", result.output)
    CANARY.look_at_error(result.exception)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol() -> Generator[None, object, object]:
    CANARY.begin_test()
    return (yield)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    for title, text in report.sections:
        CANARY.look_at(title.lower(), text)
    if call.excinfo is not None:
        CANARY.look_at_error(call.excinfo.value)
    tmp_path = getattr(item, "funcargs", {}).get("tmp_path")
    places: list[str] = []
    if call.when != "setup":  # closing a file drops SQLite's locks on it, and the test may have a ledger open already
        places = sorted(CANARY.finds(*([tmp_path] if tmp_path else [])))
    _mask(report)
    if places:
        found = "\n".join(f"canary: a known secret value reached {place}" for place in places)
        before = f"{report.longreprtext}\n" if report.failed else ""
        report.outcome = "failed"
        report.longrepr = f"{before}{found}\n{_ADVICE}"
        if hasattr(report, "wasxfail"):
            del report.wasxfail
    return report


def _mask(report: pytest.TestReport) -> None:
    """Take the values out of what pytest is about to print."""
    report.sections = [(title, CANARY.masked(text)) for title, text in report.sections]
    if report.failed and CANARY.holds_value(report.longreprtext):
        report.longrepr = CANARY.masked(report.longreprtext)


@pytest.fixture
def known_values() -> Canary:
    """The canary: ``add(value)``, ``not_secret(text)``, ``watch(path)``, ``look_at(place, text)``."""
    return CANARY


@pytest.fixture
def may_hold_values() -> Callable[[Path], Path]:
    """Declare a file or folder that is meant to hold values; gives the path back."""
    return CANARY.may_hold_values
