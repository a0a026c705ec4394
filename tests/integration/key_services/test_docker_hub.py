"""What is particular about Docker Hub's personal access tokens."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Permanent, Temporary
from tests.fakes.token_services.docker_hub import DockerHub
from tests.fakes.token_services.service import serving
from tests.integration.key_services.setting import opened, request


@pytest.fixture
def service(clock) -> Iterator[DockerHub]:
    with serving(DockerHub(clock)) as running:
        yield running


@pytest.fixture
def issuer(service):
    return opened("docker hub", service)


def test_one_login_serves_all_calls_until_just_before_it_ends(service, issuer, clock):
    issued = issuer.issue(request(service))
    list(issuer.tokens())
    assert service.log_ins == 1
    clock.wait(timedelta(minutes=9))
    issuer.revoke(issued.handle)
    assert service.log_ins == 2


def test_a_token_instead_of_the_password_is_refused_with_what_is_needed(service):
    token = service.make("by-hand", ("repo:admin",)).value
    by_token = opened("docker hub", service, credentials={"password": token})
    with pytest.raises(Permanent, match="denied") as refused:
        by_token.issue(request(service))
    assert "the user's own password" in refused.value.remedy
    with pytest.raises(NeedsOperator):
        list(by_token.tokens())


def test_a_token_is_verified_as_its_user_and_as_nobody_else(service, issuer):
    issued = issuer.issue(request(service))
    another = opened("docker hub", service, config={"username": "somebody-else"})
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    assert another.verify(issued.value).verdict is Verdict.INVALID


def test_a_deactivated_token_is_refused_but_listed_until_it_is_deleted(service, issuer):
    issued = issuer.issue(request(service))
    service.by_id(issued.handle).disabled = True
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    assert [info.handle for info in issuer.tokens()] == [issued.handle]
    assert issuer.revoke(issued.handle) is Revocation.DONE
    assert list(issuer.tokens()) == []


def test_every_page_is_read(service, issuer):
    service.longest_page = 2
    for number in range(5):
        service.make(f"t{number}", ("repo:read",))
    assert [info.name for info in issuer.tokens()] == ["t0", "t1", "t2", "t3", "t4"]


def test_a_limit_tells_the_moment_and_not_the_seconds(service, issuer):
    list(issuer.tokens())
    service.requests_left = 0
    with pytest.raises(Temporary, match="too many requests") as refused:
        issuer.issue(request(service))
    assert refused.value.retry_after == timedelta(seconds=90)


def test_a_limit_says_nothing_about_a_token(service, issuer):
    issued = issuer.issue(request(service))
    service.requests_left = 0
    assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE


def test_an_unknown_scope_makes_nothing(service):
    with pytest.raises(Permanent, match="the request was refused"):
        opened("docker hub", service, scopes=["repo:everything"]).issue(request(service))
    assert service.tokens == []


def test_an_expired_token_is_refused(service, issuer, clock):
    issued = issuer.issue(request(service, lifetime="30 days"))
    clock.wait(timedelta(days=30))
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
