"""A policy file defines a connection of its own, to get somebody else's credential: what the settings make of it."""

from __future__ import annotations

from typing import get_args
from urllib.parse import urlsplit

import pytest

from providers.issuers.sandbox.faults import Operation
from tests.acceptance.command import Desk
from tests.acceptance.sandbox_token import is_whole
from tests.servers.sandbox import SandboxIssuer, StartSandbox


@pytest.fixture
def elsewhere(start_sandbox: StartSandbox) -> SandboxIssuer:
    """Somebody else's server, which would take any credential."""
    return start_sandbox()


@pytest.fixture
def desk(sandbox_desk: Desk, elsewhere: SandboxIssuer) -> Desk:
    """One token in use, and a second policy file, in which the first one's credential is to go somewhere else."""
    sandbox_desk.write_policy(
        f"""\
connections:
  mine:
    provider: sandbox
    credentials: {{admin: env:SANDBOX_ADMIN}}
    url: {elsewhere.url}
policies:
  - name: mine
    issuer: {{connection: mine}}
    stores: [{{connection: app-env, file: "{sandbox_desk.folder}/mine.env", var: A}}]
    schedule: {{every: 90 days}}
""",
        "mine.yaml",
    )
    return sandbox_desk


def let_connections_lead_to(desk: Desk, *servers: SandboxIssuer) -> None:
    listed = ", ".join(f'"{urlsplit(server.url).netloc}"' for server in servers)
    (desk.folder / "rotator.toml").write_text(f"connection_hosts = [{listed}]\n")


def was_asked(server: SandboxIssuer) -> bool:
    return any(server.requests(operation) for operation in get_args(Operation))


@pytest.mark.parametrize(
    "command", ["check", "check --online", "plan", "now mine --yes", "now --all --yes", "run --once"]
)
def test_a_connection_that_leads_somewhere_else_is_refused_before_its_credential_is_looked_up(
    desk: Desk, sandbox: SandboxIssuer, elsewhere: SandboxIssuer, command: str
) -> None:
    let_connections_lead_to(desk, sandbox)
    sandbox.clear_script()
    told = desk.rotate(*command.split(), code=2, SANDBOX_ADMIN="")
    place = urlsplit(elsewhere.url).netloc
    assert told.err == (
        f"policies/mine.yaml:5:5: `url`: the settings do not let connections lead to `{place}`; add it to "
        f'`connection_hosts` in rotator.toml (connection_hosts = [..., "{place}"]), '
        "if it may get this connection's credentials\n"
    )
    assert told.out == ""
    assert not was_asked(elsewhere)
    assert not was_asked(sandbox)
    assert not (desk.folder / "mine.env").exists()
    is_whole(desk, sandbox)


def test_once_it_is_listed_it_is_taken(desk: Desk, sandbox: SandboxIssuer, elsewhere: SandboxIssuer) -> None:
    let_connections_lead_to(desk, sandbox, elsewhere)
    desk.rotate("check")
    assert not was_asked(elsewhere)
    desk.rotate("check", "--online", code=3)  # it does not know our credential
    assert was_asked(elsewhere)


def test_a_variable_lists_hosts_too(desk: Desk, sandbox: SandboxIssuer, elsewhere: SandboxIssuer) -> None:
    hosts = [urlsplit(server.url).netloc for server in (sandbox, elsewhere)]
    desk.rotate("check", ROTATOR_CONNECTION_HOSTS=", ".join(hosts))
    said = desk.json("check", code=2, ROTATOR_CONNECTION_HOSTS=hosts[0]).document["problems"]
    assert [problem["what"] for problem in said] == [f"`url`: the settings do not let connections lead to `{hosts[1]}`"]


def test_the_policies_that_lead_where_they_may_go_on_as_before(desk: Desk, sandbox: SandboxIssuer) -> None:
    (desk.policies / "mine.yaml").unlink()
    let_connections_lead_to(desk, sandbox)
    assert "rotated" in desk.rotate("now", "app", "--overlap", "0", "--yes").out
    is_whole(desk, sandbox)
