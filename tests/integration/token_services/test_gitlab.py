"""What is particular to GitLab: dates that end at midnight, three words for a dead token, bot users, 400 for denied."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import gitlab
import pytest

from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.fakes.fault_proxy import answer
from tests.fakes.token_services.gitlab import ADA, PROJECT, GitLab
from tests.integration.token_services.setting import opened, request

SERVICE = GitLab
OF_PROJECT, OF_ONESELF, OF_ANOTHER = "gitlab project", "gitlab oneself", "gitlab another user"
JSON = {"Content-Type": "application/json"}


def test_a_token_ends_at_midnight_utc_of_its_date(service, clock):
    issuer = opened(OF_PROJECT, service)
    issued = issuer.issue(request(service, lifetime="30 days"))
    assert issued.expires_at == datetime(2026, 12, 22, tzinfo=UTC)
    clock.move(seconds=(issued.expires_at - clock.now()).total_seconds() - 1)
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    clock.move(seconds=1)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    assert list(issuer.tokens()) == []


def test_a_lifetime_of_less_than_a_day_ends_at_the_next_midnight(service):
    issued = opened(OF_PROJECT, service).issue(request(service, lifetime="1 hour"))
    assert issued.expires_at == datetime(2026, 11, 23, tzinfo=UTC)


def test_a_year_is_the_longest_life(service):
    issuer = opened(OF_PROJECT, service)
    assert issuer.issue(request(service, lifetime="365 days")).expires_at == datetime(2027, 11, 22, tzinfo=UTC)
    with pytest.raises(Permanent, match="answered 400"):
        issuer.issue(request(service, lifetime="366 days"))


def test_a_token_without_an_expiry_is_not_asked_for(service):
    with pytest.raises(Permanent, match="need an expiry"):
        opened(OF_PROJECT, service).issue(request(service))
    assert service.asked == []


@pytest.mark.parametrize("is_older", [True, False])
def test_a_revoked_token_is_dead_before_and_after_its_bot_user_is_gone(service, is_older):
    service.is_older = is_older
    issuer = opened(OF_PROJECT, service)
    issued = issuer.issue(request(service, lifetime="30 days"))
    assert issuer.revoke(issued.handle) is Revocation.DONE
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    assert issuer.revoke(issued.handle) is Revocation.DONE
    service.run_jobs()
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    assert issuer.revoke(issued.handle) is Revocation.ALREADY_GONE


def test_an_impersonation_that_is_switched_off_may_be_switched_on_again(service, proxy):
    description = "Token is an impersonation token but impersonation was disabled."
    said = json.dumps({"error": "invalid_token", "error_description": description}).encode()
    issuer = opened(OF_PROJECT, service, url=proxy.url)
    issued = issuer.issue(request(service, lifetime="30 days"))
    proxy.fail("GET", "/self", answer(401, JSON, said))
    assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE


def test_a_token_is_verified_whatever_its_scopes(service):
    issuer = opened(OF_PROJECT, service, scopes=["read_registry"])
    assert issuer.verify(issuer.issue(request(service, lifetime="30 days")).value).verdict is Verdict.VALID


def test_a_project_that_cannot_be_seen_is_no_word_about_a_token(service):
    hidden = opened(OF_PROJECT, service, id="acme/hidden")
    with pytest.raises(NeedsOperator):
        hidden.revoke(Handle("1"))
    with pytest.raises(NeedsOperator):
        list(hidden.tokens())
    with pytest.raises(Permanent, match="denied"):
        hidden.issue(request(service, lifetime="30 days"))


def test_a_projects_own_token_makes_no_others(service):
    own = opened(OF_PROJECT, service, scopes=["api"]).issue(request(service, lifetime="30 days"))
    with pytest.raises(Permanent, match=r"answered 400 .*denied.*personal access token with the scope `api`"):
        opened(OF_PROJECT, service, credentials={"token": own.value.reveal()}).issue(request(service, lifetime="1 day"))


def test_a_plans_limit_is_told(service):
    service.limit_reached = True
    with pytest.raises(Permanent, match="no more tokens are allowed"):
        opened(OF_PROJECT, service).issue(request(service, lifetime="30 days"))


def test_tokens_on_later_pages_are_listed(service):
    issuer = opened(OF_PROJECT, service)
    for number in range(150):
        service.make(f"t{number}", "projects/7", ("read_api",), None)
    assert len(list(issuer.tokens())) == 150


def test_for_oneself_gitlab_makes_only_tokens_of_little_use(service):
    with pytest.raises(
        Permanent, match=r"answered 400.* to POST /api/v4/users/\{options.user\}/personal_access_tokens"
    ):
        opened(OF_ONESELF, service, scopes=["api"]).issue(request(service, lifetime="30 days"))


def test_an_administrator_sees_and_makes_the_tokens_of_that_user_only(service):
    issuer = opened(OF_ANOTHER, service)
    issued = issuer.issue(request(service, lifetime="30 days"))
    assert service.by_id(issued.handle).owner == f"users/{ADA}"
    assert {info.name for info in issuer.tokens()} == {"app", "manager"}
    administrators = next(token for token in service.tokens if token.value == service.administrator)
    assert administrators.id not in [info.handle for info in issuer.tokens()]


def test_another_users_token_is_not_ours(service):
    verification = opened(OF_ANOTHER, service).verify(SecretValue(service.administrator))
    assert verification.verdict is Verdict.INDETERMINATE
    assert "`user_id`" in verification.reason


def test_gitlabs_own_client_and_we_see_each_others_tokens(service):
    """The fake is held to python-gitlab."""
    client = gitlab.Gitlab(service.url, private_token=service.manager)
    tokens = client.projects.get(PROJECT, lazy=True).access_tokens
    theirs = tokens.create({"name": "by-hand", "scopes": ["read_api"], "expires_at": "2026-12-01", "access_level": 30})
    issuer = opened(OF_PROJECT, service)
    ours = issuer.issue(request(service, "ours-x7", "30 days"))
    assert {info.name for info in issuer.tokens()} == {"by-hand", "ours-x7"}
    seen = {token.name: (str(token.id), token.expires_at) for token in tokens.list(get_all=True, state="active")}
    assert seen["ours-x7"] == (ours.handle, "2026-12-22")
    itself = gitlab.Gitlab(service.url, private_token=ours.value.reveal()).personal_access_tokens.get("self")
    assert (str(itself.id), itself.active) == (ours.handle, True)
    tokens.delete(int(ours.handle))
    assert issuer.verify(ours.value).verdict is Verdict.INVALID
    issuer.revoke(Handle(str(theirs.id)))
    assert tokens.list(get_all=True, state="active") == []
