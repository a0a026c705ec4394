"""Which rotation is begun next, where an account has room for a few tokens only."""

from __future__ import annotations

from rotator.domain.model import Cause, ConnectionName, IssuerRef, Mode, SecretName
from rotator.flow.lanes import Lanes, account_key
from rotator.flow.opening import Order
from tests.unit.domain.builders import a_policy

HUB, IAM = IssuerRef(ConnectionName("hub")), IssuerRef(ConnectionName("iam"), {"user": "ci"})


def order(name: str, issuer: IssuerRef = HUB, mode: Mode = Mode.ROTATE_FIRST) -> Order:
    return Order(a_policy(name=SecretName(name), issuer=issuer), Cause.COMPROMISED, mode)


def all_that_fit(lanes: Lanes) -> list[str]:
    given = []
    while (found := lanes.next()) is not None:
        given.append(str(found.policy.name))
    return given


def test_without_a_limit_all_are_begun():
    assert all_that_fit(Lanes([order("a"), order("b"), order("c")], {})) == ["a", "b", "c"]


def test_no_more_are_under_way_than_an_account_has_room_for():
    lanes = Lanes([order("a"), order("b"), order("c")], {account_key(HUB): 2})
    assert all_that_fit(lanes) == ["a", "b"]
    lanes.ended(order("a"))
    assert all_that_fit(lanes) == ["c"]
    lanes.ended(order("b"))
    assert all_that_fit(lanes) == []


def test_an_account_without_room_holds_up_no_other():
    lanes = Lanes([order("a"), order("b"), order("x", IAM), order("y", IAM)], {account_key(HUB): 1})
    assert all_that_fit(lanes) == ["a", "x", "y"]


def test_a_full_account_is_tried_one_at_a_time_so_that_it_says_so_itself():
    assert all_that_fit(Lanes([order("a"), order("b")], {account_key(HUB): 0})) == ["a"]


def test_who_is_revoked_first_needs_no_room():
    first = [order(name, mode=Mode.REVOKE_FIRST) for name in "abc"]
    assert all_that_fit(Lanes(first, {account_key(HUB): 0})) == ["a", "b", "c"]


def test_accounts_take_turns():
    lanes = Lanes([order("a"), order("b"), order("x", IAM)], {})
    assert all_that_fit(lanes) == ["a", "x", "b"]
