"""What is particular about Fastly's automation tokens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.fakes.fault_proxy import fault_proxy
from tests.fakes.token_services.fastly import SUDO_LASTS, Fastly
from tests.fakes.token_services.service import serving
from tests.integration.key_services.setting import opened, request


@pytest.fixture
def service(clock) -> Iterator[Fastly]:
    with serving(Fastly(clock)) as running:
        yield running


@pytest.fixture
def issuer(service):
    return opened("fastly", service)


def test_sudo_mode_is_entered_once_and_again_before_it_ends(service, clock):
    with fault_proxy(service.url) as proxy:
        issuer = opened("fastly", service, url=proxy.url)
        for _ in range(2):
            issuer.issue(request(service))
        assert len(proxy.sent("POST", "/sudo")) == 1
        clock.wait(SUDO_LASTS - timedelta(seconds=30))
        issuer.issue(request(service))
        assert len(proxy.sent("POST", "/sudo")) == 2


def test_a_create_that_meets_the_end_of_sudo_mode_is_left_for_the_next_try(service, issuer, clock):
    issuer.issue(request(service))
    service._sudo_until = clock.now()
    with pytest.raises(Temporary, match="login had ended"):
        issuer.issue(request(service))
    assert issuer.issue(request(service)).value


def test_an_account_that_enforces_mfa_is_refused_for_good(service, issuer):
    list(issuer.tokens())
    service.enforces_mfa = True
    with pytest.raises(Permanent, match="denied") as refused:
        issuer.issue(request(service))
    assert "MFA" in refused.value.remedy


def test_a_wrong_password_is_a_persons_matter_and_shows_nothing(service):
    wrong = opened("fastly", service, credentials={"password": "battery-horse-staple"})
    with pytest.raises(NeedsOperator, match="POST /sudo") as refused:
        wrong.issue(request(service))
    assert "battery" not in str(refused.value)


def test_a_token_is_as_narrow_as_the_policy_says(service, issuer):
    issued = issuer.issue(request(service, lifetime="180 days"))
    made = service.by_id(issued.handle)
    assert (made.owner, made.scopes) == ("engineer", ("purge_select",))
    assert issued.expires_at == made.expires_at == service.now + timedelta(days=180)


def test_a_token_without_end_has_none_though_the_answer_says_an_empty_text(service, issuer):
    assert issuer.issue(request(service)).expires_at is None


def test_a_long_list_is_read_to_its_last_page(service, issuer):
    for number in range(120):
        service.make(f"t{number}", "user", "global:read")
    assert len(list(issuer.tokens())) == 120


def test_the_own_token_of_the_manager_is_not_among_those_that_are_listed(service, issuer):
    assert list(issuer.tokens()) == []
    assert issuer.verify(SecretValue(service.manager)).verdict is Verdict.VALID


def test_an_expired_token_is_refused(service, issuer, clock):
    issued = issuer.issue(request(service, lifetime="1 day"))
    clock.wait(timedelta(days=1))
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


def test_nothing_is_ever_ended_in_bulk(service, issuer):
    with pytest.raises(Permanent, match="was not sent"):
        issuer.revoke(Handle(""))
    issued = issuer.issue(request(service))
    issuer.revoke(issued.handle)
    assert issuer.revoke(issued.handle) is Revocation.ALREADY_GONE
    assert not service.ended_in_bulk


def test_the_hourly_limit_says_when_to_come_back(service, issuer):
    issuer.issue(request(service))
    service.requests_left = 0
    with pytest.raises(Temporary, match="too many requests") as refused:
        issuer.issue(request(service))
    assert refused.value.retry_after == timedelta(minutes=20)


def test_the_last_use_of_a_token_is_known(service, issuer):
    issued = issuer.issue(request(service))
    assert next(iter(issuer.tokens())).last_used_at is None
    issuer.verify(issued.value)
    assert next(iter(issuer.tokens())).last_used_at == datetime(2026, 11, 22, 12, tzinfo=UTC)
