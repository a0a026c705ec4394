"""One token of a sandbox issuer, in an env file: the least that can be rotated, where the servers are not the point."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final

import pytest

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.servers.sandbox import SandboxIssuer

_AN_HOUR: Final = timedelta(hours=1)


@pytest.fixture
def sandbox_desk(tmp_path: Path, sandbox: SandboxIssuer) -> Desk:
    """One token of a sandbox issuer, an hour old, in an env file, adopted."""
    env = CANARY.may_hold_values(tmp_path / "app.env")
    sandbox.advance(-_AN_HOUR)
    env.write_text(f"APP_TOKEN={sandbox.issue('by hand')['token']}\n")
    sandbox.advance(_AN_HOUR)
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
