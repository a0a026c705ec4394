"""Rotator's own management credentials in a store: looked up when they are needed, and rotated by Rotator itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.servers.openbao import OpenBao
from tests.servers.sandbox import SandboxIssuer

MAY_MAKE_TOKENS = """\
path "auth/token/create" { capabilities = ["update", "sudo"] }
path "auth/token/accessors" { capabilities = ["list", "sudo"] }
path "auth/token/lookup-accessor" { capabilities = ["update"] }
path "auth/token/revoke-accessor" { capabilities = ["update"] }
"""


def held(bao: OpenBao, mount: str, path: str) -> str:
    return CANARY.add(str(bao.request("GET", f"{mount}/data/{path}")["data"]["data"]["token"]))


@pytest.fixture
def mount(openbao: OpenBao) -> str:
    return openbao.mount_kv()


@pytest.fixture
def desk(tmp_path: Path, openbao: OpenBao, sandbox: SandboxIssuer, mount: str) -> Desk:
    """The sandbox's administrator token lies in OpenBao; what it makes goes into an env file."""
    env = CANARY.may_hold_values(tmp_path / "app.env")
    env.write_text(f"APP_TOKEN={sandbox.issue('by hand')['token']}\n")
    desk = Desk(tmp_path, {"BAO_TOKEN": openbao.root_token})
    desk.write_policy(
        f"""\
connections:
  sandbox:
    provider: sandbox
    url: "{sandbox.url}"
    credentials:
      admin: {{connection: safe, path: rotator/sandbox, field: admin}}
  safe: {{provider: vault, url: "{openbao.url}", mount: {mount}, credentials: {{token: "env:BAO_TOKEN"}}}}
  app-env: {{provider: env-file}}
policies:
  - name: app
    issuer: {{connection: sandbox, token_name: app}}
    stores: [{{connection: app-env, file: "{env}", var: APP_TOKEN}}]
    schedule: never
"""
    )
    return desk


def test_a_rotation_with_a_credential_from_a_store(
    desk: Desk, openbao: OpenBao, sandbox: SandboxIssuer, mount: str
) -> None:
    openbao.request("POST", f"{mount}/data/rotator/sandbox", {"data": {"admin": sandbox.admin_token}})
    online = desk.rotate("check", "--online").out.splitlines()
    subject = "credential `admin` of connection sandbox (safe path=rotator/sandbox field=admin)"
    assert online[0] == f"ok   connections: {subject}: it is there"
    desk.rotate("adopt", "app")
    desk.rotate("now", "app", "--overlap", "0", "--yes")
    assert len(sandbox.live_values()) == 1


def test_a_place_with_nothing_in_it_is_told_when_somebody_looks_and_nothing_is_touched(
    desk: Desk, openbao: OpenBao, sandbox: SandboxIssuer, mount: str
) -> None:
    desk.rotate("check")
    asked = desk.rotate("check", "--online", code=3).out
    subject = "credential `admin` of connection sandbox (safe path=rotator/sandbox field=admin)"
    remedy = "is not there: the place does not exist. Put the value there."
    assert f"FAIL connections: {subject}: The {subject} {remedy}" in asked

    openbao.request("POST", f"{mount}/data/rotator/sandbox", {"data": {"another": "field"}})
    assert f"The {subject} is empty" in desk.rotate("adopt", "app", code=4).err
    assert len(sandbox.live_values()) == 1


def test_rotator_replaces_its_own_credential_and_goes_on_with_the_new_one(
    tmp_path: Path, openbao: OpenBao, mount: str
) -> None:
    rules = openbao.policy(MAY_MAKE_TOKENS)
    first = openbao.token("default", rules, ttl="240h")["client_token"]
    openbao.request("POST", f"{mount}/data/rotator/bao", {"data": {"token": first, "note": "kept"}})
    desk = Desk(tmp_path, {"BAO_TOKEN": openbao.root_token})
    desk.write_policy(
        f"""\
connections:
  safe: {{provider: vault, url: "{openbao.url}", mount: {mount}, credentials: {{token: "env:BAO_TOKEN"}}}}
  bao:
    provider: openbao-token
    url: "{openbao.url}"
    credentials: {{token: {{connection: safe, path: rotator/bao, field: token}}}}
policies:
  - name: rotators-own
    issuer: {{connection: bao, token_name: rotator, policies: [default, {rules}], expires_in: 20 days}}
    stores: [{{connection: safe, path: rotator/bao, field: token}}]
    schedule: {{every: 7 days}}
"""
    )
    desk.rotate("adopt", "rotators-own")
    desk.rotate("now", "rotators-own", "--overlap", "0", "--yes")
    second = held(openbao, mount, "rotator/bao")
    assert (openbao.accepts(first), openbao.accepts(second)) == (False, True)

    desk.rotate("now", "rotators-own", "--overlap", "0", "--yes")
    third = held(openbao, mount, "rotator/bao")
    assert (openbao.accepts(second), openbao.accepts(third)) == (False, True)
