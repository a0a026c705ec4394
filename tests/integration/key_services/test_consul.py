"""What is particular about Consul's ACL tokens: ids that we choose, errors in plain text, lists full of secrets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from rotator.domain.contracts import Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.fakes.fault_proxy import FaultProxy, answer, answer_after, fault_proxy
from tests.fakes.token_services.consul import Consul
from tests.fakes.token_services.service import serving
from tests.integration.key_services.setting import opened, request


@pytest.fixture(params=[False, True], ids=["older", "newer"])
def service(clock, request) -> Iterator[Consul]:
    with serving(Consul(clock, is_newer=request.param)) as running:
        yield running


@pytest.fixture
def proxy(service) -> Iterator[FaultProxy]:
    with fault_proxy(service.url) as running:
        yield running


@pytest.fixture
def issuer(service):
    return opened("consul", service)


def test_a_token_has_the_policies_of_the_option_and_the_id_that_follows_from_its_name(service, issuer):
    first = issuer.issue(request(service, "app-7f"))
    assert service.by_id(first.handle).scopes == ("app-read",)
    issuer.revoke(first.handle)
    again = issuer.issue(request(service, "app-7f"))
    assert again.handle == first.handle
    assert not again.value.same_as(first.value)
    assert issuer.traits.reuses_handles


def test_a_request_that_a_proxy_repeats_makes_one_token(service, proxy):
    """The second is refused with a 500, and that answer is the one we see: the token of the first is ours."""
    refusal = b"Invalid Token: AccessorID is already in use"
    proxy.fail("PUT", "/v1/acl/token", answer_after(500, {"Content-Type": "text/plain"}, refusal))
    issued = opened("consul", service, url=proxy.url).issue(request(service, "app-7f"))
    assert [token.name for token in service.tokens].count("app-7f") == 1
    assert service.by_id(issued.handle).value == issued.value.reveal()


def test_a_name_that_was_used_before_gives_back_no_old_token(service, issuer):
    issuer.issue(request(service, "app-7f"))
    with pytest.raises(Ambiguous):
        issuer.issue(request(service, "app-7f"))
    assert [info.name for info in issuer.tokens()].count("app-7f") == 1


def test_a_lost_request_that_made_nothing_stays_ambiguous(service, proxy):
    proxy.fail("PUT", "/v1/acl/token", answer(502))
    with pytest.raises(Ambiguous):
        opened("consul", service, url=proxy.url).issue(request(service))
    assert len(proxy.sent("PUT", "")) == 1


@pytest.mark.parametrize("why", ["an unknown policy", "too short a life"])
def test_a_refusal_that_comes_as_a_500_made_nothing_and_is_final(service, why):
    options = {"policies": [{"Name": "no-such"}]} if why == "an unknown policy" else {}
    lifetime = "30s" if why == "too short a life" else None
    before = len(service.tokens)
    with pytest.raises(Permanent, match="the request was refused"):
        opened("consul", service, **options).issue(request(service, lifetime=lifetime))
    assert len(service.tokens) == before


def test_a_dead_or_expired_token_is_refused_in_the_words_of_each_version(service, issuer, clock):
    revoked, expired = issuer.issue(request(service, "a")), issuer.issue(request(service, "b", "1h"))
    issuer.revoke(revoked.handle)
    clock.wait(timedelta(hours=1))
    assert issuer.verify(revoked.value).verdict is Verdict.INVALID
    assert issuer.verify(expired.value).verdict is Verdict.INVALID
    assert expired.handle not in [info.handle for info in issuer.tokens()]


def test_a_managing_token_that_is_unknown_revokes_nothing_and_is_not_told_that_it_did(service, issuer):
    issued = issuer.issue(request(service))
    stranger = opened("consul", service, credentials={"token": "7f1e9a52-0000-4000-8000-000000000000"})
    with pytest.raises((Ambiguous, NeedsOperator)):
        stranger.revoke(issued.handle)
    with pytest.raises(NeedsOperator):
        list(stranger.tokens())
    assert issuer.verify(issued.value).verdict is Verdict.VALID


def test_a_token_without_the_right_is_told_what_it_lacks_and_is_still_alive(service, issuer):
    weak = service.make("weak", ("app-read",))
    by_weak = opened("consul", service, credentials={"token": weak.value})
    with pytest.raises(Permanent, match="denied") as refused:
        by_weak.issue(request(service))
    assert "acl = " in refused.value.remedy
    assert issuer.verify(SecretValue(weak.value)).verdict is Verdict.VALID


@pytest.mark.parametrize("whose", ["nobody's", "one's own"])
def test_tokens_that_consul_keeps_are_not_ended(service, issuer, whose):
    handle = "00000000-0000-0000-0000-000000000002" if whose == "nobody's" else service.tokens[1].id
    before = len(service.tokens)
    with pytest.raises(Ambiguous):
        issuer.revoke(Handle(handle))
    assert len(service.tokens) == before


def test_the_secrets_in_a_list_go_nowhere(service, issuer):
    issuer.issue(request(service))
    shown = repr(list(issuer.tokens()))
    assert not [token for token in service.tokens if token.value in shown]
