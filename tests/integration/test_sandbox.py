"""The sandbox issuer keeps the rules of a real one."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from datetime import timedelta

import httpx
import pytest

from providers.issuers.sandbox.server import Sandbox
from providers.issuers.sandbox.tokens import Rules
from rotator.domain.secret_value import SecretValue
from tests.servers.process import poll
from tests.servers.sandbox import SandboxIssuer, StartSandbox, sandbox_in_its_own_process


def test_a_new_token_works_until_it_is_revoked(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    assert sandbox.accepts(issued["token"])
    assert sandbox.request("DELETE", f"/v1/tokens/{issued['id']}").status_code == 204
    assert not sandbox.accepts(issued["token"])
    assert sandbox.request("DELETE", f"/v1/tokens/{issued['id']}").status_code == 404
    assert sandbox.tokens() == []


def test_a_value_is_shown_once(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    assert issued["token"].startswith("sbx_")
    shown = [sandbox.request("GET", path).text for path in ("/v1/tokens", f"/v1/tokens/{issued['id']}")]
    assert all(issued["id"] in text and issued["token"] not in text for text in shown)


def test_a_token_tells_its_own_id(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    assert sandbox.request("GET", "/v1/self", token=issued["token"]).json()["id"] == issued["id"]


def test_a_token_may_not_manage_tokens(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    for method, path in (("POST", "/v1/tokens"), ("GET", "/v1/tokens"), ("DELETE", f"/v1/tokens/{issued['id']}")):
        assert sandbox.request(method, path, {}, token=issued["token"]).status_code == 401
    assert sandbox.accepts(issued["token"])


def test_the_last_use_is_seen(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    assert sandbox.tokens()[0]["last_used_at"] is None
    sandbox.accepts(issued["token"])
    assert sandbox.tokens()[0]["last_used_at"] is not None


def test_a_token_ends_when_it_expires(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app", expires_in=60)
    sandbox.advance(timedelta(seconds=59))
    assert sandbox.accepts(issued["token"])
    sandbox.advance(timedelta(seconds=1))
    assert not sandbox.accepts(issued["token"])
    assert sandbox.tokens() == []


@pytest.mark.parametrize("name", ["", "x" * 41, "-app", "app/production", None, 7])
def test_a_name_against_the_rules_is_refused(sandbox: SandboxIssuer, name: object) -> None:
    answer = sandbox.request("POST", "/v1/tokens", {"name": name})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_name")
    assert sandbox.tokens() == []


@pytest.mark.parametrize("lifetime", [0, -1, 61, True, "60", 1.5])
def test_a_lifetime_that_is_not_on_offer_is_refused(start_sandbox: StartSandbox, lifetime: object) -> None:
    sandbox = start_sandbox(rules=Rules(lifetimes=(60, 120)))
    answer = sandbox.request("POST", "/v1/tokens", {"name": "app", "expires_in": lifetime})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_lifetime")


def test_a_lifetime_may_be_required(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(rules=Rules(expiry_required=True))
    assert sandbox.request("POST", "/v1/tokens", {"name": "app"}).status_code == 422


def test_the_quota_counts_live_tokens_only(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(rules=Rules(max_active=2))
    first = sandbox.issue("app")
    sandbox.issue("app", expires_in=60)
    answer = sandbox.request("POST", "/v1/tokens", {"name": "app"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "quota_exceeded")
    sandbox.request("DELETE", f"/v1/tokens/{first['id']}")
    sandbox.issue("app")
    sandbox.advance(timedelta(minutes=1))
    sandbox.issue("app")


def test_names_may_have_to_be_unique(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(rules=Rules(names_are_unique=True))
    sandbox.issue("app")
    answer = sandbox.request("POST", "/v1/tokens", {"name": "app"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "name_taken")


def test_ids_are_never_reused_unless_the_rules_say_so(start_sandbox: StartSandbox) -> None:
    for reuses_ids in (False, True):
        sandbox = start_sandbox(rules=Rules(reuses_ids=reuses_ids))
        sandbox.issue("first")
        gone = sandbox.issue("second")["id"]
        sandbox.request("DELETE", f"/v1/tokens/{gone}")
        assert (sandbox.issue("third")["id"] == gone) == reuses_ids


def test_the_list_comes_in_pages_and_loses_none_when_one_is_revoked_meanwhile(start_sandbox: StartSandbox) -> None:
    sandbox = start_sandbox(rules=Rules(page_size=2))
    ids = [sandbox.issue("app")["id"] for _ in range(5)]
    assert [token["id"] for token in sandbox.tokens()] == ids
    cursor = sandbox.request("GET", "/v1/tokens").json()["next"]
    sandbox.request("DELETE", f"/v1/tokens/{ids[0]}")
    page = sandbox.request("GET", f"/v1/tokens?cursor={cursor}").json()["tokens"]
    assert [token["id"] for token in page] == ids[2:4]
    assert sandbox.request("GET", "/v1/tokens?cursor=nonsense").status_code == 400


@pytest.mark.parametrize("body", [b"{", b"[]", b'"name"'])
def test_a_body_that_is_no_object_is_refused(sandbox: SandboxIssuer, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {sandbox.admin_token}"}
    answer = httpx.post(f"{sandbox.url}/v1/tokens", headers=headers, content=body, trust_env=False)
    assert answer.status_code == 400


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "", "example.com", "::"])  # every machine, or another one
def test_it_serves_this_machine_only(host: str) -> None:
    with pytest.raises(ValueError, match="no loopback address"):
        Sandbox(SecretValue("admin-token"), host=host)


def test_the_server_sees_the_values_only_in_the_test(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    assert sandbox.live_values() == {issued["id"]: issued["token"]}
    kept = [vars(token) for token in sandbox.server.tokens.live()] if sandbox.server else []
    assert issued["token"] not in repr(kept)


def test_a_stopped_sandbox_answers_nobody_any_more() -> None:
    with httpx.Client(trust_env=False) as client:
        with Sandbox(SecretValue("admin-token-of-this-test")) as running:
            assert client.get(f"{running.url}/v1/self").status_code == 401
        with pytest.raises(httpx.TransportError):
            client.get(f"{running.url}/v1/self")


def test_as_a_process_it_remembers_its_tokens_and_keeps_no_value(tmp_path, may_hold_values) -> None:
    may_hold_values(tmp_path / "admin-token")
    may_hold_values(tmp_path / "control-token")
    state = tmp_path / "state.json"
    with sandbox_in_its_own_process(tmp_path, state=state) as issuer:
        kept, revoked = issuer.issue("kept", expires_in=3600), issuer.issue("revoked")
        assert issuer.accepts(kept["token"])
        issuer.request("DELETE", f"/v1/tokens/{revoked['id']}")
        before = issuer.tokens()
    with sandbox_in_its_own_process(tmp_path, state=state) as issuer:
        assert issuer.tokens() == before
        assert issuer.accepts(kept["token"])
        assert not issuer.accepts(revoked["token"])
        assert issuer.issue("next")["id"] not in (kept["id"], revoked["id"])
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "admin-token").stat().st_mode) == 0o600


def test_as_a_process_it_takes_rules(tmp_path_factory) -> None:
    with sandbox_in_its_own_process(tmp_path_factory.mktemp("sandbox"), Rules(max_active=1)) as issuer:
        issuer.issue("app")
        assert issuer.request("POST", "/v1/tokens", {"name": "app"}).status_code == 409


def test_a_mistake_on_its_command_line_is_told_without_a_traceback(tmp_path, may_hold_values) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"max_activ": 1}))
    admin = may_hold_values(tmp_path / "admin-token")
    command = [sys.executable, "-m", "providers.issuers.sandbox", "--admin-token-file", str(admin)]
    for wrong in (["--host", "0.0.0.0"], ["--rules", str(rules)], ["--rules", str(tmp_path / "missing.json")]):
        ended = subprocess.run([*command, *wrong], check=False, capture_output=True, text=True, timeout=30)
        assert ended.returncode == 2
        assert ended.stderr
        assert "Traceback" not in ended.stderr


def test_sigterm_ends_it_cleanly(tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("sandbox")
    command = [sys.executable, "-m", "providers.issuers.sandbox", "--admin-token-file", str(folder / "token")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["url"].startswith("http://127.0.0.1:")
        process.terminate()
        poll(lambda: process.poll() is not None, 10, what="the sandbox ending")
    assert process.returncode == 0
