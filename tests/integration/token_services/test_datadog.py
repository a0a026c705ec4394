"""What is particular to Datadog: two keys to manage and one to verify, an edge that speaks HTML, and delays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain.contracts import Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.issuer_contract import says, settled
from tests.fakes.fault_proxy import repeat
from tests.fakes.token_services.datadog import Datadog
from tests.integration.token_services.setting import opened, request

SERVICE = Datadog
NAME = "datadog"


def test_managing_takes_both_keys_and_each_must_be_right(service):
    right = {"api_key": service.manager, "application_key": service.application_key}
    for wrong in ("api_key", "application_key"):
        issuer = opened(NAME, service, credentials={**right, wrong: "0" * 32})
        with pytest.raises(Permanent, match=r"answered 403 .*api_keys_write"):
            issuer.issue(request(service))
        with pytest.raises(NeedsOperator):
            list(issuer.tokens())


def test_verify_sends_the_key_in_question_and_not_the_application_key(service):
    issuer = opened(NAME, service)
    assert issuer.verify(issuer.issue(request(service)).value).verdict is Verdict.VALID
    assert not service.validated_with_an_application_key


def test_a_refusal_of_the_edge_is_not_datadogs_word(service):
    verification = opened(NAME, service).verify(SecretValue("not-32-hexadecimal-digits"))
    assert verification.verdict is Verdict.INDETERMINATE
    assert "answered 403" in verification.reason


def test_a_key_lives_and_dies_with_a_delay_that_is_waited_for(service, clock):
    service.lag = timedelta(seconds=20)
    issuer = opened(NAME, service)
    issued = issuer.issue(request(service))
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    assert settled(clock, issuer.traits.issue_propagation, says(issuer, issued.value, Verdict.VALID))
    issuer.revoke(issued.handle)
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    assert settled(clock, issuer.traits.revoke_propagation, says(issuer, issued.value, Verdict.INVALID))


def test_a_name_that_is_taken_is_our_own_of_a_request_that_arrived_twice(service, proxy):
    """Each request asks for a name that no other has. So the token is looked for, and not taken for never made."""
    issuer = opened(NAME, service, url=proxy.url)
    proxy.fail("POST", "api_keys", repeat())
    with pytest.raises(Ambiguous, match="a token of this name exists"):
        issuer.issue(request(service, "taken"))
    assert "taken" in [info.name for info in issuer.tokens()]


def test_keys_never_expire_and_none_is_asked_to(service):
    with pytest.raises(Permanent, match="cannot expire"):
        opened(NAME, service).issue(request(service, lifetime="30 days"))
    assert service.asked == []


def test_keys_on_later_pages_are_listed_and_the_quota_is_known(service):
    issuer = opened(NAME, service)
    for number in range(120):
        service.make(f"k{number}")
    assert len(list(issuer.tokens())) == 121
    assert issuer.traits.max_active == 50


def test_too_many_requests_says_for_how_long(service):
    issuer = opened(NAME, service)
    service.throttled = True
    with pytest.raises(Temporary) as limited:
        issuer.issue(request(service))
    assert not isinstance(limited.value, Ambiguous)
    assert limited.value.retry_after == timedelta(seconds=23)
