"""How long an emergency takes, from limits alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rotator.domain.contracts import Coexistence, IssuerTraits, StoreTraits
from rotator.domain.limits import Limits, Rate
from rotator.domain.model import ConnectionName
from rotator.flow.estimate import ROUND_TRIP, Trip, estimate, left, requests_of_issuer, requests_of_store, trip

ISSUER, VAULT = ConnectionName("issuer"), ConnectionName("vault")
SECONDS = timedelta(seconds=1)


def per_minute(requests: int) -> Limits:
    return Limits(Rate(requests, timedelta(minutes=1)))


def trips(count: int, **requests: int) -> list[Trip]:
    named = {ConnectionName(name): number for name, number in requests.items()}
    return [Trip(named, sum(requests.values()))] * count


def test_the_slowest_connection_decides():
    found = estimate(trips(100, issuer=6, vault=4), {ISSUER: per_minute(100), VAULT: per_minute(1000)}, workers=8)
    assert found.slowest == ISSUER
    assert found.takes == pytest.approx(timedelta(minutes=6) / 0.97, abs=SECONDS)
    assert [share.connection for share in found.shares] == [ISSUER, VAULT]
    assert [share.requests for share in found.shares] == [600, 400]


def test_it_is_another_one_where_that_has_more_to_do():
    found = estimate(trips(100, issuer=6, vault=40), {ISSUER: per_minute(100), VAULT: per_minute(200)}, workers=8)
    assert found.slowest == VAULT


def test_requests_that_may_be_under_way_at_a_time_limit_too():
    found = estimate(trips(100, issuer=6), {ISSUER: Limits(concurrency=1)}, workers=8)
    assert (found.slowest, found.takes) == (ISSUER, 600 * ROUND_TRIP)


def test_without_limits_the_round_trips_decide_shared_by_the_workers():
    found = estimate(trips(80, issuer=10), {}, workers=8)
    assert (found.slowest, found.takes) == (None, 100 * ROUND_TRIP)


def test_where_an_account_has_little_room_its_round_trips_follow_each_other():
    tight = [replace(each, issuer=ISSUER, account="issuer alice", room=1) for each in trips(10, issuer=6, vault=4)]
    found = estimate([*trips(80, other=10), *tight], {}, workers=8)
    assert (found.slowest, found.takes) == (None, 900 / 8 * ROUND_TRIP)
    found = estimate([*trips(8, other=10), *tight], {}, workers=8)
    assert (found.slowest, found.takes) == (ISSUER, 100 * ROUND_TRIP)


def test_one_rotation_is_not_quicker_for_having_many_workers():
    assert estimate(trips(1, issuer=10), {}, workers=8).takes == 10 * ROUND_TRIP


def test_nothing_to_do_takes_no_time():
    assert estimate([], {ISSUER: per_minute(1)}, workers=8).takes == timedelta()


@pytest.mark.parametrize(
    ("traits", "old", "requests"),
    [
        (IssuerTraits(), True, 5),  # issue, verify, verify as stored, revoke, verify that it is refused
        (IssuerTraits(), False, 3),
        (IssuerTraits(max_active=10), True, 6),
        (IssuerTraits(coexistence=Coexistence.TWO, max_active=2, names_tokens=False), True, 7),
        (IssuerTraits(reuses_handles=True), True, 6),
        (IssuerTraits(by_hand=True, lists=False), True, 3),
    ],
)
def test_what_an_issuer_is_like_says_how_often_it_is_asked(traits, old, requests):
    assert requests_of_issuer(traits, old=old) == requests


def test_what_a_store_is_like_says_how_often_it_is_asked():
    asked = [
        requests_of_store(traits) for traits in (StoreTraits(), StoreTraits(stages=True), StoreTraits(settles=True))
    ]
    assert asked == [4, 9, 6]


def test_destinations_are_written_side_by_side_but_all_of_them_are_asked():
    made = trip(ISSUER, IssuerTraits(), [(VAULT, StoreTraits()), (VAULT, StoreTraits(stages=True))], old=True)
    assert made.requests == {ISSUER: 5, VAULT: 13}
    assert made.in_a_row == 5 + 9


def test_what_is_left_follows_the_estimate_and_then_the_pace_that_was_seen():
    assert left(100 * SECONDS, 30 * SECONDS, done=2, total=50) == 70 * SECONDS
    assert left(100 * SECONDS, 300 * SECONDS, done=2, total=50) == SECONDS
    assert left(100 * SECONDS, 30 * SECONDS, done=10, total=50) == 120 * SECONDS
    assert left(100 * SECONDS, 30 * SECONDS, done=50, total=50) == timedelta()
