"""What is particular about SendGrid's API keys."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import ValidationError

from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.model import Handle
from tests.contract.http_profiles import built_in
from tests.fakes.token_services.sendgrid import SendGrid
from tests.fakes.token_services.service import serving
from tests.integration.key_services.setting import opened, request


@pytest.fixture
def service(clock) -> Iterator[SendGrid]:
    with serving(SendGrid(clock)) as running:
        yield running


@pytest.fixture
def issuer(service):
    return opened("sendgrid", service)


def test_a_key_has_the_scopes_that_the_policy_names_and_no_others(service, issuer):
    issued = issuer.issue(request(service))
    assert service.by_id(issued.handle).scopes == ("mail.send",)


def test_a_policy_without_scopes_is_refused_because_its_key_might_do_everything():
    with pytest.raises(ValidationError, match="scopes"):
        built_in("sendgrid-api-key").options.model_validate({})


def test_a_full_account_is_told_apart_from_a_scope_that_is_missing(service, issuer):
    for number in range(99):
        service.make(f"key-{number}")
    with pytest.raises(Permanent, match="no more tokens are allowed"):
        issuer.issue(request(service))
    weak = opened("sendgrid", service, credentials={"key": service.make("weak", ("api_keys.read",)).value})
    with pytest.raises(Permanent, match="denied") as refused:
        weak.issue(request(service))
    assert "api_keys.create" in refused.value.remedy
    assert issuer.traits.max_active == 100


def test_a_deleted_key_is_not_called_dead_while_it_is_still_accepted(service, issuer, clock):
    service.lag = timedelta(minutes=3)
    issued = issuer.issue(request(service))
    assert issuer.revoke(issued.handle) is Revocation.DONE
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    clock.wait(timedelta(minutes=3))
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    assert issuer.traits.revoke_propagation > service.lag


def test_an_account_without_credits_says_nothing_about_a_key(service, issuer):
    issued = issuer.issue(request(service))
    service.out_of_credits = True
    assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE


def test_a_subusers_keys_are_its_own(service, issuer):
    for_subuser = opened("sendgrid", service, config={"subuser": "newsletter"})
    issued = for_subuser.issue(request(service))
    assert service.by_id(issued.handle).owner == "newsletter"
    assert issued.handle not in [info.handle for info in issuer.tokens()]
    assert for_subuser.verify(issued.value).verdict is Verdict.VALID
    assert for_subuser.revoke(issued.handle) is Revocation.DONE


def test_a_key_that_is_not_there_is_gone_already(issuer):
    assert issuer.revoke(Handle("never-issued")) is Revocation.ALREADY_GONE


def test_a_managing_key_that_may_not_delete_is_a_persons_matter(service):
    weak = opened("sendgrid", service, credentials={"key": service.make("weak", ("api_keys.read",)).value})
    with pytest.raises(NeedsOperator):
        weak.revoke(Handle("any"))
