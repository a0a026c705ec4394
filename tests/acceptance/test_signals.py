"""SIGTERM in the middle of a rotation: the first ends it gently, the second at once. Both lose nothing.

A reader of its output who goes away (``| head``) does not even end it.
"""

from __future__ import annotations

import signal
import subprocess

import pytest

from tests.acceptance.command import ROTATE, Desk, Running
from tests.acceptance.sandbox_token import is_whole
from tests.servers.process import poll
from tests.servers.sandbox import SandboxIssuer

NOW = ("now", "app", "--overlap", "0", "--yes")


def is_verifying(desk: Desk, sandbox: SandboxIssuer) -> Running:
    """Give a run in the middle of a call that takes its time."""
    sandbox.clear_script()
    sandbox.script("verify", "latency", seconds=3)
    run = desk.start(*NOW)
    poll(lambda: sandbox.requests("verify") > 0, 30, what="the new token being verified")
    return run


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_call_in_flight_is_finished_and_written_down(
    sandbox_desk: Desk, sandbox: SandboxIssuer, number: signal.Signals
) -> None:
    run = is_verifying(sandbox_desk, sandbox)
    run.send(number)
    said = run.ends(4)
    assert said.kinds[-2:] == ["stopping", "verified"]
    [secret] = said.document["secrets"]
    assert (secret["outcome"], secret["rotation"]["phase"]) == ("unfinished", "VERIFIED")
    assert "It was interrupted." in sandbox_desk.rotate("status").out
    assert sandbox_desk.json("plan", "--exit-code", code=10).document["due"] == 1

    assert sandbox_desk.json("run", "--once").document["secrets"][0]["outcome"] == "rotated"
    is_whole(sandbox_desk, sandbox)


def test_a_second_signal_ends_it_at_once(sandbox_desk: Desk, sandbox: SandboxIssuer) -> None:
    run = is_verifying(sandbox_desk, sandbox)
    run.send(signal.SIGTERM)
    run.until("stopping")
    run.send(signal.SIGTERM)
    assert run.ends(128 + signal.SIGTERM).out == ""
    sandbox_desk.rotate("resume", "app")
    is_whole(sandbox_desk, sandbox)


def test_a_reader_who_goes_away_does_not_stop_a_rotation(sandbox_desk: Desk, sandbox: SandboxIssuer) -> None:
    with subprocess.Popen(
        [ROTATE, *NOW],
        cwd=sandbox_desk.folder,
        env=sandbox_desk.whole_environment({}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline().startswith("app: a new token")
        run.stdout.close()
        assert run.stderr.read() == ""
    assert run.returncode == 128 + signal.SIGPIPE
    is_whole(sandbox_desk, sandbox)
