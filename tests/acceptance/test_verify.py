"""``verify`` of a policy, with the installed command: a request or a program that must accept a new token, too."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.command import Desk
from tests.acceptance.sandbox_token import is_whole
from tests.servers.sandbox import SandboxIssuer


def asks_for(desk: Desk, verify: str) -> None:
    text = (desk.policies / "policies.yaml").read_text()
    desk.write_policy(f"{text.partition('    verify:')[0]}    verify: {verify}\n")


def allow(desk: Desk, setting: str) -> None:
    (desk.folder / "rotator.toml").write_text(f"{setting}\n")


@pytest.fixture
def desk(sandbox_desk: Desk) -> Desk:
    return sandbox_desk


def program(desk: Desk, lines: str) -> Path:
    file = desk.folder / "try"
    file.write_text(f"#!/bin/sh\n{lines}\n")
    file.chmod(0o700)
    return file


def test_a_request_with_the_new_token(desk: Desk, sandbox: SandboxIssuer) -> None:
    place = urlsplit(sandbox.url).netloc
    asks_for(desk, f'{{http: {{url: "{sandbox.url}/v1/self"}}}}')
    refused = desk.rotate("check", code=2).err
    assert refused.startswith("policies/policies.yaml:9:26: `url`: the settings do not let tokens be sent to ")
    assert f'(verify_hosts = ["{place}"])' in refused

    allow(desk, f'verify_hosts = ["{place}"]')
    online = desk.rotate("check", "--online").out
    assert f"ok   app: verify by GET {sandbox.url}/v1/self: it refuses what is no token" in online
    desk.rotate("now", "app", "--overlap", "0", "--yes")
    is_whole(desk, sandbox)
    history = desk.rotate("history", "app").out
    assert history.count(f"GET {sandbox.url}/v1/self accepted it, too") == 2


def test_an_address_that_lets_everybody_in_proves_nothing(desk: Desk, sandbox: SandboxIssuer) -> None:
    allow(desk, "allow_commands = true")
    asks_for(desk, "{command: [/bin/true]}")
    assert (
        "FAIL app: verify by the command /bin/true: Asked about a garbage token, the command /bin/true says valid. "
        "It must refuse one (401, 403, or exit code 1), or its yes proves nothing: correct `verify`."
    ) in desk.rotate("check", "--online", code=3).out


def test_a_request_that_is_refused_leaves_the_old_token_in_force(desk: Desk, sandbox: SandboxIssuer) -> None:
    before = (desk.folder / "app.env").read_text()
    allow(desk, f'verify_hosts = ["{urlsplit(sandbox.url).netloc}"]')
    # the list of all tokens is for the administrator; a token of ours is refused there
    asks_for(desk, f'{{http: {{url: "{sandbox.url}/v1/tokens"}}}}')
    said = desk.rotate("now", "app", "--yes", code=3).text
    assert f"but GET {sandbox.url}/v1/tokens refuses it." in said
    assert (desk.folder / "app.env").read_text() == before
    is_whole(desk, sandbox)


def test_a_command_with_the_new_token(desk: Desk, sandbox: SandboxIssuer) -> None:
    seen = desk.folder / "seen"
    lines = f'tr "\\0" "\\n" </proc/$$/environ >>{seen}; echo "$@" >>{seen}; test "$(wc -c)" -gt 30'
    asks_for(desk, f'{{command: ["{program(desk, lines)}", an, argument], timeout: 20s}}')
    refused = desk.rotate("check", code=2).err
    assert refused.startswith("policies/policies.yaml:9:23: `command`: the settings do not let policies run commands")
    assert not seen.exists()

    allow(desk, "allow_commands = true")
    desk.rotate("check")
    assert not seen.exists(), "a check that is not online asks nobody"
    said = desk.rotate("now", "app", "--overlap", "0", "--yes", AWS_SECRET_ACCESS_KEY="of-rotates-own-environment")
    assert "an argument" in seen.read_text()
    assert "AWS_SECRET_ACCESS_KEY" not in seen.read_text()
    assert "rotated" in said.out
    is_whole(desk, sandbox)


def test_a_command_that_refuses_leaves_the_old_token_in_force(desk: Desk, sandbox: SandboxIssuer) -> None:
    before = (desk.folder / "app.env").read_text()
    allow(desk, "allow_commands = true")
    asks_for(desk, f'{{command: ["{program(desk, "tee /dev/stderr; exit 1")}"]}}')
    said = desk.json("now", "app", "--yes", code=3)
    assert said.document["secrets"][0]["outcome"] == "withdrawn"
    assert (desk.folder / "app.env").read_text() == before
    is_whole(desk, sandbox)
