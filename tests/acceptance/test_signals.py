"""SIGTERM in the middle of a rotation: the first ends it gently, the second at once. Both lose nothing."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.servers.sandbox import SandboxIssuer

NOW = ("now", "app", "--overlap", "0", "--yes")


@pytest.fixture
def desk(tmp_path: Path, sandbox: SandboxIssuer) -> Desk:
    """One token of a sandbox issuer, in an env file, adopted."""
    env = CANARY.may_hold_values(tmp_path / "app.env")
    env.write_text(f"APP_TOKEN={sandbox.issue('by hand')['token']}\n")
    desk = Desk(tmp_path, {"SANDBOX_ADMIN": sandbox.admin_token})
    desk.write_policy(
        f"""\
connections:
  sandbox: {{provider: sandbox, url: "{sandbox.url}", credentials: {{admin: "env:SANDBOX_ADMIN"}}}}
  app-env: {{provider: env-file}}
policies:
  - name: app
    issuer: {{connection: sandbox, token_name: app}}
    stores: [{{connection: app-env, file: "{env}", var: APP_TOKEN}}]
    schedule: never
"""
    )
    desk.rotate("adopt", "app")
    return desk


def is_whole(desk: Desk, sandbox: SandboxIssuer) -> None:
    """The env file holds the only token that lives."""
    in_use = (desk.folder / "app.env").read_text().strip().partition("=")[2].strip("'\"")
    assert list(sandbox.live_values().values()) == [in_use]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_call_in_flight_is_finished_and_written_down(
    desk: Desk, sandbox: SandboxIssuer, number: signal.Signals
) -> None:
    sandbox.script("verify", "latency", seconds=1.5)
    run = desk.start(*NOW)
    run.until("issued")
    run.send(number)
    said = run.ends(4)
    assert said.kinds[-2:] == ["stopping", "verified"]
    [secret] = said.document["secrets"]
    assert (secret["outcome"], secret["rotation"]["phase"]) == ("unfinished", "VERIFIED")
    assert "It was interrupted." in desk.rotate("status").out
    assert desk.json("plan", "--exit-code", code=10).document["due"] == 1

    assert desk.json("run", "--once").document["secrets"][0]["outcome"] == "rotated"
    is_whole(desk, sandbox)


def test_a_second_signal_ends_it_at_once(desk: Desk, sandbox: SandboxIssuer) -> None:
    sandbox.script("verify", "latency", seconds=3)
    run = desk.start(*NOW)
    run.until("issued")
    run.send(signal.SIGTERM)
    run.until("stopping")
    run.send(signal.SIGTERM)
    assert run.ends(128 + signal.SIGTERM).out == ""
    desk.rotate("resume", "app")
    is_whole(desk, sandbox)
