"""A trial by a command: the token goes to its standard input, and its exit code is the answer.

The value is in no argument, no environment and no file; the program inherits neither our environment nor our working
directory, and what it prints goes nowhere: it might be the token.
"""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import Final

from rotator.domain.contracts import Verdict, Verification
from rotator.domain.secret_value import SecretValue
from rotator.domain.trial import CommandTrial

_ENVIRONMENT: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
_WORKS: Final = 0
_REFUSED: Final = 1


def run(trial: CommandTrial, value: SecretValue) -> Verification:
    """Run it once. It ends with 0 (the token works), 1 (it does not), or proves nothing. Too slow, it is killed."""
    program = trial.command[0]
    try:
        with subprocess.Popen(  # noqa: S603  no shell; the settings allow commands, the policy names this one
            trial.command,
            env=_ENVIRONMENT,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # no terminal to ask at, and one signal ends its children, too
        ) as child:
            try:
                child.communicate(value.reveal().encode(errors="surrogatepass"), timeout=trial.timeout.total_seconds())
            except subprocess.TimeoutExpired:
                _end(child)
                return _unsure(f"{program} was not done within {trial.timeout.total_seconds():g} seconds")
            except BaseException:
                _end(child)
                raise
    except OSError as error:
        return _unsure(f"{program} cannot be run: {error.strerror or type(error).__name__}")
    if child.returncode == _WORKS:
        return Verification(Verdict.VALID)
    if child.returncode == _REFUSED:
        return Verification(Verdict.INVALID, reason=f"{program} ended with 1.")
    return _unsure(f"{program} ended with {child.returncode}")


def _end(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)


def _unsure(why: str) -> Verification:
    return Verification(Verdict.INDETERMINATE, reason=f"{why}.")
