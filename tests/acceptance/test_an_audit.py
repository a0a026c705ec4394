"""``rotate audit``, as an auditor runs it: reality against the ledger, with real servers behind."""

from __future__ import annotations

import re
import secrets
from pathlib import Path

import pytest

from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.servers.openbao import OpenBao
from tests.servers.sandbox import SandboxIssuer


@pytest.fixture
def mount(openbao: OpenBao) -> str:
    return openbao.mount_kv()


@pytest.fixture
def desk(tmp_path: Path, sandbox: SandboxIssuer, openbao: OpenBao, mount: str) -> Desk:
    """A hand-made token in OpenBao and in an env file, with a policy, and nothing in the ledger yet."""
    desk = Desk(tmp_path, {"SANDBOX_ADMIN": sandbox.admin_token, "BAO_TOKEN": openbao.root_token})
    value = sandbox.issue("app")["token"]
    openbao.request("POST", f"{mount}/data/app", {"data": {"user": "app", "token": value}})
    env = CANARY.may_hold_values(tmp_path / "app.env")
    env.write_text(f"APP_TOKEN={value}\n")
    desk.write_policy(
        f"""\
connections:
  sandbox: {{provider: sandbox, url: "{sandbox.url}", credentials: {{admin: "env:SANDBOX_ADMIN"}}}}
  bao: {{provider: vault, url: "{openbao.url}", mount: "{mount}", credentials: {{token: "env:BAO_TOKEN"}}}}
  app-env: {{provider: env-file}}
policies:
  - name: app
    issuer: {{connection: sandbox, token_name: app, expires_in: 90 days}}
    stores:
      - {{connection: bao, path: app, field: token}}
      - {{connection: app-env, file: "{env}", var: APP_TOKEN}}
    schedule: {{every: 30 days}}
"""
    )
    return desk


def test_before_anything_was_adopted_it_says_so_and_how_to_begin(desk: Desk, sandbox: SandboxIssuer) -> None:
    [token] = sandbox.tokens()
    said = desk.rotate("audit", code=4).out
    assert "The ledger knows no secret yet" in said
    assert f"`rotate adopt app --handle {token['id']}` takes it over" in said
    assert said.endswith("Looked at 1 account with 1 token, 2 places of 1 secret: 1 warning, 1 note.\n")


def test_where_reality_fits_the_ledger_nothing_is_found(desk: Desk, sandbox: SandboxIssuer) -> None:
    desk.rotate("adopt", "app")
    desk.rotate("now", "app", "--overlap", "0", "--yes")
    before = sandbox.live_values()
    said = desk.rotate("audit", "app")
    assert said.out == "Looked at 1 account with 1 token, 2 places of 1 secret: all is as it should be.\n"
    assert desk.json("audit").document == {
        "findings": [],
        "counts": {"urgent": 0, "warning": 0, "note": 0},
        "looked_at": {"secrets": 1, "accounts": 1, "tokens": 1, "places": 2},
        "changed_meanwhile": [],
        "exit_code": 0,
    }
    assert sandbox.live_values() == before


def test_what_does_not_fit_is_told_gravest_first_with_what_to_do(
    desk: Desk, sandbox: SandboxIssuer, openbao: OpenBao, mount: str
) -> None:
    desk.rotate("adopt", "app")
    stranger, orphan = sandbox.issue("ci-deploy"), sandbox.issue("app-k3j4x2q")
    (desk.folder / "app.env").write_text("PORT=8080\n")
    strange = CANARY.add(f"sk_{secrets.token_hex(12)}")
    openbao.request("POST", f"{mount}/data/app", {"data": {"user": "app", "token": strange}})
    found = desk.json("audit", code=4).document
    assert [finding["kind"] for finding in found["findings"]] == ["empty", "drift", "orphan", "nobodys"]
    assert found["counts"] == {"urgent": 1, "warning": 3, "note": 0}
    *_, ours, theirs = found["findings"]
    assert (ours["token"]["handle"], theirs["token"]["handle"]) == (orphan["id"], stranger["id"])
    assert (theirs["where"], theirs["secret"], theirs["token"]["name"]) == ("sandbox", None, "ci-deploy")
    said = desk.rotate("audit", "--all", code=4).out
    assert re.search(r"^URGENT: places that hold no token \(1\)\n  app: app-env .*`rotate now app`", said)
    assert {stranger["id"], orphan["id"]} <= {token["id"] for token in sandbox.tokens()}


def test_a_store_and_an_issuer_that_do_not_answer_are_findings(desk: Desk) -> None:
    desk.rotate("adopt", "app")
    found = desk.json("audit", code=4, SANDBOX_ADMIN="wrong-token", BAO_TOKEN="wrong-token").document["findings"]
    assert [(finding["kind"], finding["where"].partition(" ")[0]) for finding in found] == [
        ("not-asked", "sandbox"),
        ("not-asked", "bao"),
    ]


def test_a_name_that_fits_nothing_is_an_error(desk: Desk) -> None:
    assert "no policy is named `ap`" in desk.rotate("audit", "ap", code=2).err
