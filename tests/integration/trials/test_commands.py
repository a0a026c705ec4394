"""A trial by a command: real processes, and the canary that watches what they print and write."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from rotator.domain.contracts import Verdict, Verification
from rotator.domain.secret_value import SecretValue
from rotator.domain.trial import CommandTrial
from rotator.flow.trials import try_out

VALUE = "tok-correct-horse-battery"
Script = Callable[[str], CommandTrial]


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Make a program of some lines of shell, which gets ``tmp_path`` as its argument."""

    def make(lines: str, timeout: timedelta = timedelta(seconds=30)) -> CommandTrial:
        program = tmp_path / "try"
        program.write_text(f"#!/bin/sh\n{lines}\n")
        program.chmod(0o700)
        return CommandTrial((str(program), str(tmp_path)), timeout)

    return make


def run(trial: CommandTrial, value: str = VALUE) -> Verification:
    return try_out(trial, SecretValue(value))


def test_the_value_comes_on_standard_input_as_it_is(script: Script) -> None:
    digest = sha256(VALUE.encode()).hexdigest()
    assert run(script(f'test "$(sha256sum)" = "{digest}  -"')).verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("code", "verdict"),
    [(0, Verdict.VALID), (1, Verdict.INVALID), (2, Verdict.INDETERMINATE), (127, Verdict.INDETERMINATE)],
)
def test_the_exit_code_is_the_whole_answer(script: Script, tmp_path: Path, code: int, verdict: Verdict) -> None:
    said = run(script(f"cat >/dev/null; exit {code}"))
    assert said.verdict is verdict
    assert said.reason == ("" if code == 0 else f"{tmp_path}/try ended with {code}.")


def test_a_program_that_is_killed_proves_nothing(script: Script) -> None:
    said = run(script("kill -KILL $$"))
    assert (said.verdict, said.reason.rpartition(" ")[2]) == (Verdict.INDETERMINATE, "-9.")


def test_a_program_that_does_not_read_the_value_may_say_what_it_likes(script: Script) -> None:
    assert run(script("exit 0"), "x" * 200_000).verdict is Verdict.VALID
    assert run(script("exit 1"), "x" * 200_000).verdict is Verdict.INVALID


def test_the_value_is_in_no_argument_and_no_environment_and_what_is_printed_goes_nowhere(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-process-that-runs-rotate")
    trial = script('tr "\\0" "\\n" </proc/$$/environ >$1/environment; tr "\\0" "\\n" </proc/$$/cmdline >$1/arguments\n'
                   "pwd >$1/folder; tee /dev/stderr")  # fmt: skip
    assert run(trial).verdict is Verdict.VALID
    names = {line.partition("=")[0] for line in (tmp_path / "environment").read_text().splitlines()}
    assert names <= {"PATH", "LANG", "PWD", "SHLVL", "_", "OLDPWD"}
    assert (tmp_path / "arguments").read_text().splitlines()[1:] == [str(tmp_path / "try"), str(tmp_path)]
    assert (tmp_path / "folder").read_text() == "/\n"
    assert capfd.readouterr() == ("", "")


def test_a_program_that_takes_too_long_is_killed_with_all_its_children(script: Script, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "alive")
    ended = threading.Event()

    def hold_on() -> None:
        with (tmp_path / "alive").open() as pipe:
            pipe.read()  # ends when the last one that can write there has ended
        ended.set()

    threading.Thread(target=hold_on, daemon=True).start()
    trial = script("exec 9>$1/alive\nsleep 600 &\nsleep 600", timedelta(milliseconds=500))
    said = run(trial)
    assert said.verdict is Verdict.INDETERMINATE
    assert said.reason == f"{tmp_path}/try was not done within 0.5 seconds."
    assert ended.wait(10)


@pytest.mark.parametrize(("mode", "why"), [(None, "No such file or directory"), (0o600, "Permission denied")])
def test_a_program_that_cannot_be_run_proves_nothing(tmp_path: Path, mode: int | None, why: str) -> None:
    program = tmp_path / "missing"
    if mode is not None:
        program.write_text("#!/bin/sh\n")
        program.chmod(mode)
    said = run(CommandTrial((str(program),), timedelta(seconds=5)))
    assert (said.verdict, said.reason) == (Verdict.INDETERMINATE, f"{program} cannot be run: {why}.")
