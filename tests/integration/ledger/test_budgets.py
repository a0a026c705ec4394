"""What is left of a connection's limits, counted over all machines: two open ledgers are two of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from rotator.domain.limits import Rate
from rotator.ledger.ledger import Ledger
from rotator.ledger.owners import this_process
from tests.integration.ledger.builders import MINUTE, NOW

SECOND = timedelta(seconds=1)
RATE = Rate(10, SECOND)


def _turn(ledger: Ledger, *, now=NOW, longest=MINUTE, urgent=False, name="acme"):
    return ledger.take_turn(name, RATE, now, longest=longest, urgent=urgent)


def test_turns_of_two_machines_follow_one_another_at_the_rate(open_ledger: Callable[[], Ledger]) -> None:
    here, there = open_ledger(), open_ledger()
    turns = [_turn(ledger).at - NOW for ledger in (here, there, here, there)]
    assert turns == [step * RATE.pace for step in range(4)]


def test_turns_that_many_ask_for_at_once_are_all_different(open_ledger: Callable[[], Ledger]) -> None:
    ledgers = [open_ledger(), open_ledger()]
    with ThreadPoolExecutor(4) as pool:
        turns = list(pool.map(lambda number: _turn(ledgers[number % 2]).at, range(20)))
    assert sorted(turns) == [NOW + step * RATE.pace for step in range(20)]


def test_another_connection_has_its_own_budget(ledger: Ledger) -> None:
    _turn(ledger)
    assert _turn(ledger, name="other").at == NOW


def test_a_turn_too_far_away_is_not_spent(ledger: Ledger) -> None:
    for _ in range(3):
        _turn(ledger)
    refused = _turn(ledger, longest=SECOND / 10)
    assert not refused.granted
    assert refused.at == NOW + 3 * RATE.pace
    assert _turn(ledger) == type(refused)(refused.at, granted=True)


def test_urgent_requests_go_first_on_every_machine_and_the_others_go_on_after(
    open_ledger: Callable[[], Ledger],
) -> None:
    here, there = open_ledger(), open_ledger()
    urgent = _turn(here, urgent=True)
    stands_back = _turn(there)
    assert urgent.granted
    assert not stands_back.granted
    assert _turn(here, urgent=True).granted
    assert _turn(there, now=stands_back.at + SECOND).granted


def test_a_pause_that_the_service_asks_for_holds_for_all(open_ledger: Callable[[], Ledger]) -> None:
    here, there = open_ledger(), open_ledger()
    here.pause_budget("acme", RATE, NOW + 30 * SECOND, NOW)
    assert _turn(there).at == NOW + 30 * SECOND
    here.pause_budget("acme", RATE, NOW + SECOND, NOW)
    assert _turn(there).at > NOW + 30 * SECOND


def test_a_clock_that_was_hours_ahead_blocks_nobody(ledger: Ledger) -> None:
    _turn(ledger, now=NOW + timedelta(hours=5), urgent=True)
    assert _turn(ledger).at == NOW


def test_requests_under_way_are_counted_over_all_machines(open_ledger: Callable[[], Ledger]) -> None:
    here, there = open_ledger(), open_ledger()
    assert here.begin_request("acme", 2, "a", NOW)
    assert there.begin_request("acme", 2, "b", NOW)
    assert not here.begin_request("acme", 2, "a", NOW)
    there.end_requests("acme", "b", 1)
    assert here.begin_request("acme", 2, "a", NOW)
    assert not there.begin_request("acme", 2, "b", NOW)
    assert there.begin_request("other", 2, "b", NOW)


def test_what_a_machine_counted_that_is_gone_ends_by_itself(ledger: Ledger) -> None:
    assert ledger.begin_request("acme", 1, "a machine that lost its power", NOW)
    assert not ledger.begin_request("acme", 1, "here", NOW + MINUTE)
    assert ledger.begin_request("acme", 1, "here", NOW + 5 * MINUTE)


def test_what_a_killed_process_of_this_machine_counted_holds_nobody_up(ledger: Ledger) -> None:
    host, where, _pid, *since = this_process().split("/")
    assert ledger.begin_request("acme", 1, "/".join((host, where, "4194304", *since)), NOW)
    assert ledger.begin_request("acme", 1, "here", NOW)
