"""The sandbox's bad days: each kind of fault, and what is true at the issuer afterwards."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from providers.issuers.sandbox.server import Sandbox
from rotator.domain.secret_value import SecretValue
from tests.servers.sandbox import SandboxIssuer


def create(sandbox: SandboxIssuer) -> httpx.Response:
    return sandbox.request("POST", "/v1/tokens", {"name": "app"})


@pytest.mark.parametrize(
    ("kind", "tokens_made"),
    [("lose_request", 0), ("lose_answer", 1)],
)
def test_a_cut_connection_hides_whether_the_token_was_made(sandbox: SandboxIssuer, kind: str, tokens_made: int) -> None:
    sandbox.script("create", kind)
    with pytest.raises(httpx.RemoteProtocolError):
        create(sandbox)
    assert len(sandbox.tokens()) == tokens_made
    assert create(sandbox).status_code == 201


@pytest.mark.parametrize(
    ("kind", "settings", "status", "tokens_made"),
    [
        ("refuse", {}, 403, 0),
        ("refuse", {"status": 401}, 401, 0),
        ("fail_before", {}, 503, 0),
        ("fail_after", {}, 500, 1),
        ("fail_after", {"status": 502}, 502, 1),
        ("rate_limit", {}, 429, 0),
        ("garbage", {}, 200, 1),
    ],
)
def test_a_failed_create_may_or_may_not_have_made_a_token(
    sandbox: SandboxIssuer, kind: str, settings: dict[str, int], status: int, tokens_made: int
) -> None:
    sandbox.script("create", kind, **settings)
    assert create(sandbox).status_code == status
    assert len(sandbox.tokens()) == tokens_made
    assert sandbox.fired() == [kind]


@pytest.mark.parametrize("retry_after", [None, 7, "Sun, 22 Nov 2026 12:00:00 GMT"])
def test_a_rate_limit_says_when_to_come_back_or_does_not(sandbox: SandboxIssuer, retry_after: int | str | None) -> None:
    sandbox.script("verify", "rate_limit", retry_after=retry_after)
    expected = None if retry_after is None else str(retry_after)
    assert sandbox.request("GET", "/v1/self").headers.get("Retry-After") == expected


def test_a_lost_answer_to_a_revoke_leaves_the_token_dead(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    sandbox.script("revoke", "lose_answer")
    with pytest.raises(httpx.RemoteProtocolError):
        sandbox.request("DELETE", f"/v1/tokens/{issued['id']}")
    assert not sandbox.accepts(issued["token"])


def test_a_slow_create_is_accepted_after_some_uses(sandbox: SandboxIssuer) -> None:
    sandbox.script("create", "propagate_slowly", requests=2)
    value = create(sandbox).json()["token"]
    assert [sandbox.accepts(value) for _ in range(4)] == [False, False, True, True]


def test_a_slow_create_is_accepted_and_listed_after_some_time(sandbox: SandboxIssuer) -> None:
    sandbox.script("create", "propagate_slowly", seconds=30, hidden_from_list=True)
    value = create(sandbox).json()["token"]
    assert not sandbox.accepts(value)
    assert sandbox.tokens() == []
    sandbox.advance(timedelta(seconds=30))
    assert sandbox.accepts(value)
    assert len(sandbox.tokens()) == 1


def test_a_lost_answer_may_leave_a_token_that_the_list_shows_only_later(sandbox: SandboxIssuer) -> None:
    sandbox.script("create", "lose_answer", seconds=30, hidden_from_list=True)
    with pytest.raises(httpx.RemoteProtocolError):
        create(sandbox)
    assert sandbox.tokens() == []
    sandbox.advance(timedelta(seconds=30))
    assert len(sandbox.tokens()) == 1


def test_a_slow_revoke_leaves_the_token_working_for_some_uses(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    sandbox.script("revoke", "propagate_slowly", requests=2)
    assert sandbox.request("DELETE", f"/v1/tokens/{issued['id']}").status_code == 204
    assert [sandbox.accepts(issued["token"]) for _ in range(4)] == [True, True, False, False]


def test_a_slow_revoke_leaves_the_token_working_for_some_time_though_it_is_not_listed(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    sandbox.script("revoke", "propagate_slowly", seconds=30)
    assert sandbox.request("DELETE", f"/v1/tokens/{issued['id']}").status_code == 204
    assert sandbox.request("DELETE", f"/v1/tokens/{issued['id']}").status_code == 404
    assert sandbox.tokens() == []
    assert sandbox.accepts(issued["token"])
    sandbox.advance(timedelta(seconds=30))
    assert not sandbox.accepts(issued["token"])


def test_a_wrong_value_looks_right_and_does_not_work(sandbox: SandboxIssuer) -> None:
    sandbox.script("create", "wrong_value")
    shown = create(sandbox).json()
    assert len(shown["token"]) == len(sandbox.values[shown["id"]])
    assert not sandbox.accepts(shown["token"])
    assert sandbox.accepts(sandbox.values[shown["id"]])


def test_garbage_may_say_yes_to_any_token(sandbox: SandboxIssuer) -> None:
    sandbox.script("verify", "garbage", body="<html>welcome</html>")
    answer = sandbox.request("GET", "/v1/self", token="no-token-at-all")
    assert (answer.status_code, answer.text) == (200, "<html>welcome</html>")


def test_a_slow_answer_comes_all_the_same(sandbox: SandboxIssuer) -> None:
    sandbox.script("create", "latency", seconds=0.05)
    assert create(sandbox).status_code == 201
    assert sandbox.fired() == ["latency"]


def test_a_fault_comes_true_so_many_times_after_so_many_that_went_well(sandbox: SandboxIssuer) -> None:
    sandbox.script("list", "fail_before", skip=1, times=2)
    assert [sandbox.request("GET", "/v1/tokens").status_code for _ in range(4)] == [200, 503, 503, 200]
    assert sandbox.requests("list") == 4


def test_a_cleared_script_is_forgotten(sandbox: SandboxIssuer) -> None:
    sandbox.script("list", "fail_before")
    sandbox.clear_script()
    assert sandbox.request("GET", "/v1/tokens").status_code == 200


@pytest.mark.parametrize(
    "fault",
    [
        {"operation": "verify", "kind": "wrong_value"},
        {"operation": "list", "kind": "propagate_slowly"},
        {"operation": "create", "kind": "explode"},
        {"operation": "create", "kind": "refuse", "tiems": 2},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(sandbox: SandboxIssuer, fault: dict[str, object]) -> None:
    assert sandbox.request("POST", "/_faults", [fault], token=sandbox.control_token).status_code == 422


def test_the_control_endpoint_is_closed_to_everybody_else(sandbox: SandboxIssuer) -> None:
    issued = sandbox.issue("app")
    for token in (sandbox.admin_token, issued["token"], "no-token-at-all"):
        assert sandbox.request("GET", "/_faults", token=token).status_code == 404


def test_without_a_control_token_there_is_no_control_endpoint() -> None:
    with Sandbox(SecretValue("admin-token-of-this-test")) as plain:
        headers = {"Authorization": "Bearer None"}
        assert httpx.get(f"{plain.url}/_faults", headers=headers, trust_env=False).status_code == 404
