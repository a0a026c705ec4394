"""What is particular to Cloudflare: verify's answers, two kinds of tokens, pages, and a token that is only disabled."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import Verdict
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.fakes.token_services.cloudflare import ACCOUNT, Cloudflare
from tests.integration.token_services.setting import opened, request

SERVICE = Cloudflare
USER, ACCOUNTS = "cloudflare-token", "cloudflare-account-token"


def test_a_value_of_another_shape_is_answered_400_and_proves_nothing(service):
    verification = opened(USER, service).verify(SecretValue("a-global-key-of-thirty-seven-letters."))
    assert verification.verdict is Verdict.INDETERMINATE
    assert "answered 400" in verification.reason


@pytest.mark.parametrize("name", [USER, ACCOUNTS])
def test_a_disabled_token_may_be_enabled_again_and_is_not_dead(service, name):
    issuer = opened(name, service)
    issued = issuer.issue(request(service))
    service.by_id(issued.handle).disabled = True
    assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE
    assert issued.handle in [info.handle for info in issuer.tokens()]


def test_an_expired_token_is_dead_and_no_longer_listed(service, clock):
    issuer = opened(USER, service)
    issued = issuer.issue(request(service, lifetime="1 hour"))
    clock.move(hours=1)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    assert issued.handle not in [info.handle for info in issuer.tokens()]


def test_an_accounts_token_meets_the_answer_for_the_dead_in_the_users_profile(service):
    """Cloudflare does not tell them apart: the profile must be the right one."""
    issued = opened(ACCOUNTS, service).issue(request(service))
    assert opened(ACCOUNTS, service).verify(issued.value).verdict is Verdict.VALID
    assert opened(USER, service).verify(issued.value).verdict is Verdict.INVALID


@pytest.mark.parametrize("tells_total_pages", [True, False])
def test_tokens_on_later_pages_are_listed(service, tells_total_pages):
    service.tells_total_pages = tells_total_pages
    issuer = opened(ACCOUNTS, service)
    for number in range(60):
        service.make(f"t{number}", ACCOUNT)
    assert len(list(issuer.tokens())) == 61
    assert len(list(opened(USER, service).tokens())) == 1


def test_a_wrong_account_is_no_word_about_a_token(service):
    wrong = opened(ACCOUNTS, service, config={"account": "f" * 32})
    with pytest.raises(NeedsOperator, match="7003"):
        wrong.revoke(Handle("0" * 32))
    with pytest.raises(NeedsOperator):
        list(wrong.tokens())


def test_a_token_without_the_permission_makes_none(service):
    issuer = opened(USER, service)
    weak = issuer.issue(request(service, "weak"))
    with pytest.raises(Permanent, match=r"403 \(10000\).*API Tokens Write"):
        opened(USER, service, credentials={"token": weak.value.reveal()}).issue(request(service))


def test_the_quotas_are_known_before_they_are_met(service):
    assert opened(USER, service).traits.max_active == 50
    assert opened(ACCOUNTS, service).traits.max_active == 500
