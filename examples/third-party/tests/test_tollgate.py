"""Tollgate's issuer: the contract that every issuer inherits, and what is Tollgate's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager

import pytest
from example_providers.tollgate import TollgateConfig, TollgateIssuer, TollgateOptions
from fake_tollgate import ACCOUNT, MOST, Tollgate, serving

from rotator.domain.contracts import NO_BUDGET, Budget, IssueRequest, NoBudget, Verdict
from rotator.domain.errors import Ambiguous, Permanent, Temporary
from rotator.domain.model import TokenName
from rotator.testing.access import DictionaryAccess
from rotator.testing.issuer_contract import IssuerContract


@pytest.fixture(scope="module")
def server() -> Iterator[Tollgate]:
    with serving(Tollgate()) as tollgate:
        yield tollgate


class CountingBudget(NoBudget):
    requests = 0

    def request(self) -> AbstractContextManager[None]:
        self.requests += 1
        return super().request()


def opened(server: Tollgate, key: str, budget: Budget = NO_BUDGET) -> TollgateIssuer:
    access = DictionaryAccess({"key": key})
    access.budget = budget
    config = TollgateConfig(url=server.url, account=ACCOUNT, credentials={"key": "env:TOLLGATE_KEY"})
    return TollgateIssuer(config, TollgateOptions(lane="north"), access)


@pytest.fixture(scope="module")
def issuer(server: Tollgate) -> TollgateIssuer:
    return opened(server, server.key)


@pytest.fixture
def request_() -> IssueRequest:
    return IssueRequest(TokenName("barrier"), None, DictionaryAccess().clock.now())


class TestTollgate(IssuerContract):
    @pytest.fixture
    def stranger(self, server: Tollgate) -> TollgateIssuer:
        return opened(server, "not-its-key")


def test_an_answer_that_is_no_answer_is_looked_for_before_anything_is_made_again(server, issuer, request_):
    server.answers = [(502, "from somebody in between")]
    with pytest.raises(Ambiguous):
        issuer.issue(request_)


def test_too_many_requests_are_a_reason_to_wait(server, issuer, request_):
    server.answers = [(429, None)]
    with pytest.raises(Temporary) as refused:
        issuer.issue(request_)
    assert not isinstance(refused.value, Ambiguous)


def test_an_account_that_is_full_is_told_as_that(issuer, request_):
    made = [issuer.issue(IssueRequest(TokenName(f"pass-{n}"), None, request_.now)) for n in range(MOST)]
    with pytest.raises(Permanent, match="all the passes it may have"):
        issuer.issue(request_)
    for each in made:
        issuer.revoke(each.handle)


@pytest.mark.parametrize(
    "answer", [(401, {"error": "try_later"}), (403, None), (500, None), (200, "not ours"), (302, None)]
)
def test_no_answer_but_its_own_proves_a_death(server, issuer, request_, answer):
    issued = issuer.issue(request_)
    server.answers = [answer]
    assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE
    issuer.revoke(issued.handle)


def test_every_request_is_taken_from_the_connections_budget(server, request_):
    issuer = opened(server, server.key, budget := CountingBudget())
    issued = issuer.issue(request_)
    issuer.verify(issued.value)
    issuer.tokens()
    issuer.revoke(issued.handle)
    assert budget.requests == 4
