"""The issuer in memory keeps the contract, whatever its traits: so what is proven with it is worth something."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain.contracts import IssueRequest, IssuerTraits
from rotator.domain.errors import Ambiguous
from rotator.domain.model import TokenName
from rotator.testing.issuer_contract import IssuerContract
from rotator.testing.moving_clock import MovingClock
from tests.fakes.memory_issuer import MemoryIssuer

KINDS = {
    "names and lists its tokens": IssuerTraits(),
    "binds values to handles": IssuerTraits(binds_value_to_handle=True),
    "lists without names": IssuerTraits(names_tokens=False),
    "lists nothing": IssuerTraits(lists=False),
    "reports last use": IssuerTraits(reports_last_use=True),
    "gives handles out again": IssuerTraits(reuses_handles=True),
    "has a quota": IssuerTraits(max_active=3),
}


class TestMemoryIssuer(IssuerContract):
    @pytest.fixture(params=["prompt", "slow"])
    def pace(self, request: pytest.FixtureRequest) -> timedelta:
        return timedelta(seconds=5 if request.param == "slow" else 0)

    @pytest.fixture
    def clock(self) -> MovingClock:
        return MovingClock()

    @pytest.fixture(params=KINDS.values(), ids=KINDS.keys())
    def issuer(self, request: pytest.FixtureRequest, clock: MovingClock, pace: timedelta) -> MemoryIssuer:
        issuer = MemoryIssuer(clock, request.param)
        issuer.revoke_delay = pace
        return issuer

    @pytest.fixture
    def stranger(self, issuer: MemoryIssuer) -> MemoryIssuer:
        return issuer.opened_with_a_wrong_credential()


def test_a_slow_issuer_does_not_know_its_new_token_yet() -> None:
    clock = MovingClock()
    issuer = MemoryIssuer(clock)
    issuer.issue_delay = timedelta(seconds=5)
    token = issuer.make_by_hand()
    assert list(issuer.tokens()) == []
    clock.move(seconds=5)
    assert [info.handle for info in issuer.tokens()] == [token.handle]


def test_a_create_that_was_lost_may_arrive_late() -> None:
    clock = MovingClock()
    issuer = MemoryIssuer(clock)
    issuer.lose_the_next_create(arrives_after=timedelta(seconds=5))
    with pytest.raises(Ambiguous):
        issuer.issue(IssueRequest(TokenName("late"), None, clock.now()))
    assert issuer.alive() == []
    clock.move(seconds=5)
    assert [token.name for token in issuer.alive()] == ["late"]


def test_a_handle_is_given_out_again_where_the_traits_say_so() -> None:
    issuer = MemoryIssuer(MovingClock(), IssuerTraits(reuses_handles=True))
    first = issuer.make_by_hand("first")
    issuer.revoke_by_hand(first.handle)
    assert issuer.make_by_hand("second").handle == first.handle
