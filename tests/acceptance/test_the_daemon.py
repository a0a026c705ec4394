"""`rotate run` as a service runs it: left alone, told of changes by SIGHUP, stopped by SIGTERM."""

from __future__ import annotations

import json
import signal
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.command import Desk, Running, Said
from tests.acceptance.sandbox_token import is_whole
from tests.servers.process import poll
from tests.servers.sandbox import SandboxIssuer

EVERY_SECOND = "schedule: {every: 1s}\n    overlap: {for: 0}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Daemon:
    """A running daemon, and its pages."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.port = free_port()
        desk.environment["ROTATOR_LISTEN"] = f"127.0.0.1:{self.port}"
        self.running: Running = desk.start("run")
        poll(lambda: self.page("ready") == "ready\n", 30, what="the daemon to be ready")

    def page(self, name: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{name}", timeout=10) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def metric(self, name: str) -> float:
        lines = self.page("metrics").splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def reload(self) -> None:
        self.running.send(signal.SIGHUP)

    def stop(self) -> Said:
        self.running.send(signal.SIGTERM)
        return self.running.ends(0)


@pytest.fixture
def policy(sandbox_desk: Desk) -> Path:
    return sandbox_desk.policies / "policies.yaml"


@pytest.fixture
def daemon(sandbox_desk: Desk, policy: Path) -> Iterator[Daemon]:
    running = Daemon(sandbox_desk)
    yield running
    if running.running.is_alive():
        running.stop()


def log(said: Said) -> list[str]:
    return [json.loads(line)["event"] for line in said.err.splitlines()]


def test_it_rotates_what_is_due_says_so_and_stops_when_asked(
    daemon: Daemon, sandbox_desk: Desk, policy: Path, sandbox: SandboxIssuer
) -> None:
    assert "rotator_secrets 1.0" in daemon.page("metrics")
    policy.write_text(policy.read_text().replace("schedule: never", EVERY_SECOND))
    daemon.reload()
    poll(lambda: daemon.metric('rotator_rotations_total{outcome="rotated"}') >= 1, 30, what="a rotation")
    policy.write_text(policy.read_text().replace(EVERY_SECOND, "schedule: never"))
    daemon.reload()
    said = daemon.stop()
    assert "new policies are in force" in log(said)
    assert log(said)[-1] == "the daemon has stopped; what is under way is in the ledger"
    sandbox_desk.rotate("run", "--once")
    is_whole(sandbox_desk, sandbox)
    assert "the daemon on " in sandbox_desk.rotate("history", "app").out


def test_bad_policies_are_told_with_their_line_and_the_good_ones_stay(daemon: Daemon, policy: Path) -> None:
    good = policy.read_text()
    policy.write_text(good.replace("schedule: never", "shedule: never"))
    daemon.reload()
    poll(lambda: daemon.metric("rotator_policies_valid") == 0, 30, what="the bad policies to be refused")
    assert daemon.metric("rotator_secrets") == 1
    policy.write_text(good + "\n")
    daemon.reload()
    poll(lambda: daemon.metric("rotator_policies_valid") == 1, 30, what="the good policies to be taken")
    told = log(daemon.stop())
    [refusal] = [line for line in told if "are refused" in line]
    assert "policies.yaml:8:5: unknown key `shedule`; did you mean `schedule`?" in refusal
    assert "the newest policies are good again" in told


def test_a_policy_that_disappears_revokes_nothing(
    daemon: Daemon, sandbox_desk: Desk, policy: Path, sandbox: SandboxIssuer
) -> None:
    policy.write_text(policy.read_text().replace("name: app", "name: another"))
    daemon.reload()
    poll(lambda: 'due_in_seconds{secret="app"}' not in daemon.page("metrics"), 30, what="the policy to be gone")
    told = log(daemon.stop())
    assert "it has no policy any more; nothing is revoked for that, its token stays" in told
    is_whole(sandbox_desk, sandbox)


@pytest.mark.usefixtures("daemon")
def test_a_second_daemon_on_the_same_ledger_is_told_who_is_there(sandbox_desk: Desk) -> None:
    said = sandbox_desk.rotate("run", code=1, ROTATOR_LISTEN="")
    assert "Another daemon runs on the ledger" in said.err


def test_it_does_not_begin_with_bad_policies(sandbox_desk: Desk, policy: Path) -> None:
    policy.write_text("policies: 5\n")
    sandbox_desk.rotate("run", code=2)
