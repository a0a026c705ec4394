"""At a terminal ``rotate now`` asks first, and only a yes is a yes."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable

import pytest

from tests.acceptance.command import ROTATE, Desk
from tests.acceptance.sandbox_token import is_whole
from tests.acceptance.terminal import read
from tests.canary import CANARY
from tests.servers.sandbox import SandboxIssuer

Answering = Callable[[bytes], tuple[int, str]]


@pytest.fixture
def answering(sandbox_desk: Desk) -> Answering:
    """Run ``rotate now`` at a terminal and type this when it asks; gives the exit code and what the screen showed."""

    def run(answer: bytes) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [ROTATE, "now", "app", "--overlap", "0"],
            cwd=sandbox_desk.folder, env={**sandbox_desk.whole_environment({}), "TERM": "dumb"},
            stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        shown = read(ours, until=b"[y/N]")
        os.write(ours, answer)
        shown += read(ours, until=None)
        os.close(ours)
        CANARY.look_at("the terminal", shown)
        return child.wait(60), shown.decode()

    return run


@pytest.mark.parametrize("answer", [b"n\n", b"\n", b"\x04"], ids=["no", "nothing", "end of file"])
def test_what_is_no_yes_is_a_no(answering: Answering, sandbox: SandboxIssuer, answer: bytes) -> None:
    code, shown = answering(answer)
    assert "is revoked as soon as the new one is confirmed everywhere" in shown
    assert "Nothing was done" in shown
    assert code == 2
    assert [token["name"] for token in sandbox.tokens()] == ["by hand"]


def test_a_yes_is_a_yes(answering: Answering, sandbox_desk: Desk, sandbox: SandboxIssuer) -> None:
    code, shown = answering(b"y\n")
    assert "rotated; the old token t1 is dead (proof: refused)." in shown
    assert code == 0
    is_whole(sandbox_desk, sandbox)


def test_where_the_locale_has_no_arrow_it_is_written_another_way_and_nothing_stops(
    sandbox_desk: Desk, sandbox: SandboxIssuer
) -> None:
    said = sandbox_desk.rotate("now", "app", "--compromised", "--yes", PYTHONIOENCODING="ascii")
    assert "app \\u2192 app-env file=" in said.out
    assert "app: rotated; the old token t1 is dead (proof: refused)." in said.out
    is_whole(sandbox_desk, sandbox)


def test_nobody_is_asked_for_a_value_that_nothing_waits_for(sandbox_desk: Desk) -> None:
    sandbox_desk.rotate("now", "app", "--yes")
    said = sandbox_desk.rotate("provide", "app", code=2)
    assert "waits for no value: it is CONFIRMED; `rotate status` says what it waits for" in said.err
