"""What holds for every command: options before and behind it, errors as text and as JSON, signals, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

import pytest
import typer

from rotator.cli import commands, main
from rotator.cli.context import Context
from rotator.cli.output import counted, fail
from rotator.cli.reporting import conclude
from rotator.domain.errors import (
    InvalidInput,
    LeaseLost,
    LedgerUnavailable,
    NeedsOperator,
    Permanent,
    Problem,
    Temporary,
    WrongOrder,
)

PROBLEM = Problem("unknown key `x`", "remove it", Path("policies/a.yaml"), 3, 5)


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("status --json", "--json status"),
        ("now a --ledger sqlite:///x --yes", "--ledger sqlite:///x now a --yes"),
        ("plan --policies=there --no-color b", "--policies=there --no-color plan b"),
        ("--json check --online", "--json check --online"),
        ("now -- --json", "now -- --json"),
        ("check --log-level", "--log-level"),
        ("status --json --policies", "--json --policies"),
    ],
)
def test_options_of_every_command_may_stand_behind_it(typed: str, understood: str) -> None:
    assert commands.global_options_first(typed.split()) == understood.split()


@pytest.mark.parametrize(
    ("typed", "ready"),
    [
        ("check --online", {"check"}),
        ("--policies check --json notify-test ops", {"notify-test"}),
        ("--ledger=sqlite:///x history check", {"history"}),
    ],
)
def test_only_the_command_that_is_named_is_made_ready(typed: str, ready: set[str]) -> None:
    assert set(commands_of(commands.app_for(typed.split()))) == ready


@pytest.mark.parametrize("typed", ["", "--help", "--help check", "chekc", "--policies check", "-- check"])
def test_where_none_is_named_all_are_there(typed: str) -> None:
    assert commands.app_for(typed.split()) is commands.app
    assert {"init", "check", "demo"} < set(commands_of(commands.app))


def commands_of(app: typer.Typer) -> Any:
    group: Any = typer.main.get_command(app)
    return group.commands


EXIT_CODES = {
    "invalid input": (InvalidInput([PROBLEM]), 2),
    "an unavailable ledger": (LedgerUnavailable("It is away."), 1),
    "a step in the wrong order": (WrongOrder("Not now."), 1),
    "a need for a person": (NeedsOperator("Look.", remedy="There."), 4),
    "a rotation that another process has": (LeaseLost("Another process has it."), 4),
    "what is final": (Permanent("No."), 3),
    "what may pass": (Temporary("Not yet."), 3),
    "a bug": (KeyError("tok_0123456789"), 1),
}


@pytest.mark.parametrize(("error", "code"), EXIT_CODES.values(), ids=EXIT_CODES)
@pytest.mark.parametrize("as_json", [False, True])
def test_every_error_ends_with_its_exit_code_and_without_a_traceback(
    error: Exception, code: int, as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app(*_arguments: object, **_settings: object) -> None:
        raise error

    monkeypatch.setattr(commands, "app_for", lambda _arguments: app)
    monkeypatch.setattr("sys.argv", ["rotate", "status", *(["--json"] if as_json else [])])
    with pytest.raises(SystemExit) as ending:
        main.main()
    said = capsys.readouterr()
    assert ending.value.code == code
    assert "Traceback" not in said.out + said.err
    assert "tok_0123456789" not in said.out + said.err
    if as_json:
        assert json.loads(said.out)["exit_code"] == code
        assert said.err == ""
    else:
        assert said.out == ""
        assert said.err


def test_problems_are_told_with_their_place_one_on_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail(InvalidInput([PROBLEM, PROBLEM]), 2, as_json=False)
    assert capsys.readouterr().err == "policies/a.yaml:3:5: unknown key `x`; remove it\n" * 2


def test_problems_as_json_keep_file_line_and_column_apart(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail(InvalidInput([PROBLEM]), 2, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "problems": [
            {"what": "unknown key `x`", "remedy": "remove it", "file": "policies/a.yaml", "line": 3, "column": 5}
        ],
        "exit_code": 2,
    }


def test_a_bug_names_the_places_it_went_through(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        {}["tok_0123456789"]
    except KeyError as bug:
        with pytest.raises(SystemExit):
            fail(bug, 1, as_json=False)
    said = capsys.readouterr().err
    assert "Failed with KeyError, which is a bug of rotate's." in said
    assert "at test_the_command_line.py:" in said


def test_a_pass_that_was_stopped_leaves_something_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(Context({}, as_json=True, no_color=True), [], stopped=True) == 4
    assert json.loads(capsys.readouterr().out) == {"secrets": [], "exit_code": 4}


@pytest.mark.parametrize(
    ("number", "thing", "words"),
    [(1, "policy", "1 policy"), (0, "policy", "0 policies"), (2, "check", "2 checks"), (1, "check", "1 check")],
)
def test_numbers_agree_with_their_nouns(number: int, thing: str, words: str) -> None:
    assert counted(number, thing) == words


@pytest.fixture
def handlers_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@contextmanager
def standard_error() -> Iterator[TextIO]:
    """Give where to read what is written to standard error. Not by a fixture: pytest has its own while a test runs."""
    reader, writer = os.pipe()
    with os.fdopen(reader) as ear, os.fdopen(writer, "w") as mouth, pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stderr", mouth)
        yield ear


@pytest.mark.usefixtures("handlers_put_back")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_asks_to_stop_though_the_wait_for_it_holds_its_lock(number: signal.Signals) -> None:
    session = Context({}, as_json=True, no_color=True)
    with standard_error() as ear:
        session.stop_gently_on_signals()
        with session.stop._cond:  # as in the middle of Event.wait
            os.kill(os.getpid(), number)
        assert session.stop.wait(10)
        assert json.loads(ear.readline())["event"] == "stopping"


@pytest.mark.usefixtures("handlers_put_back")
def test_a_signal_is_obeyed_though_nobody_reads_what_is_said() -> None:
    session = Context({}, as_json=False, no_color=True)
    with standard_error() as ear:
        ear.close()
        session.stop_gently_on_signals()
        os.kill(os.getpid(), signal.SIGTERM)
        assert session.stop.wait(10)


@pytest.mark.usefixtures("handlers_put_back")
def test_a_reload_that_fails_leaves_the_next_signal_obeyed() -> None:
    session = Context({}, as_json=False, no_color=True)

    def reload() -> None:
        raise RuntimeError("no policies")

    session.stop_gently_on_signals(reload)
    os.kill(os.getpid(), signal.SIGHUP)
    os.kill(os.getpid(), signal.SIGTERM)
    assert session.stop.wait(10)


def said_on_standard_error(output: int, *command: str, code: int) -> str:
    """Run ``rotate`` with this standard output, which is closed then."""
    with os.fdopen(output, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "rotator", *command], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == code
    return done.stderr


@pytest.mark.parametrize("command", [("schema",), ("--json", "providers"), ("providers",)])
def test_a_reader_who_has_gone_is_no_bug(command: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    assert said_on_standard_error(writer, *command, code=128 + signal.SIGPIPE) == ""


def test_output_that_a_full_disk_does_not_take_is_told() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    said = said_on_standard_error(os.open("/dev/full", os.O_WRONLY), "schema", code=1)
    assert said == "What was to be said could not be written: No space left on device.\n"


def test_what_libraries_warn_of_is_not_said_to_users_unless_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Filters that two threads change at once, each importing an SDK, are not what they were: so ours come first."""
    monkeypatch.setattr("sys.argv", ["rotate", "--help"])
    for options, filtered in (["error"], False), ([], True):
        monkeypatch.setattr("sys.warnoptions", options)
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            with pytest.raises(SystemExit):
                main.main()
            assert (warnings.filters[0][0] == "ignore") == filtered
