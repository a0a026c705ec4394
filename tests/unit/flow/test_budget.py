"""Every request of a connection waits for its turn, whoever makes it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.errors import LeaseLost, LedgerUnavailable, Temporary
from rotator.domain.lifecycle import LONGEST_PAUSE
from rotator.domain.limits import LONGEST_WAIT, Limits, Rate
from rotator.domain.model import Cause
from rotator.flow.budget import ConnectionBudget, on_behalf_of
from rotator.ledger.ledger import Ledger
from rotator.testing.moving_clock import MovingClock

SECOND = timedelta(seconds=1)
TEN_A_SECOND = Limits(Rate(10, SECOND))


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        yield ledger


@pytest.fixture
def budget_of(ledger: Ledger, clock: MovingClock):
    return lambda limits, name="acme": ConnectionBudget(name, limits, lambda: ledger, clock, "here")


def test_requests_wait_for_their_turn(budget_of, clock):
    budget = budget_of(TEN_A_SECOND)
    for _ in range(11):
        with budget.request():
            pass
    assert clock.waited == 10 * TEN_A_SECOND.rate.pace
    assert budget.requests == 11


def test_a_connection_without_limits_touches_no_ledger(clock):
    def no_ledger() -> Ledger:
        raise LedgerUnavailable("there is none")

    with ConnectionBudget("acme", Limits(), no_ledger, clock, "here").request():
        assert clock.waited == timedelta()


def test_a_request_whose_turn_is_too_far_away_is_not_sent(budget_of, ledger, clock):
    rate = Rate(1, timedelta(hours=1))
    budget = budget_of(Limits(rate))
    for _ in range(3):  # of others, who wait already
        ledger.take_turn("acme", rate, clock.now(), longest=rate.longest_wait, urgent=False)
    with pytest.raises(Temporary, match=r"budget of connection acme is spent \(1/h\)") as caught, budget.request():
        pytest.fail("it was sent")
    assert caught.value.retry_after > LONGEST_WAIT


def test_where_the_rate_is_slow_a_turn_is_waited_for_and_the_lease_is_kept_meanwhile(budget_of, clock):
    budget = budget_of(Limits(Rate(10, timedelta(minutes=15))))
    signs_of_life = []
    with on_behalf_of(Cause.ASKED, lambda: signs_of_life.append(clock.now())):
        for _ in range(4):
            with budget.request():
                pass
    assert clock.waited == 3 * Rate(10, timedelta(minutes=15)).pace
    silences = [after - before for before, after in itertools.pairwise(signs_of_life)]
    assert max(silences) <= timedelta(minutes=1)


def test_nothing_is_sent_when_the_lease_was_lost_while_a_turn_was_waited_for(budget_of):
    def lost() -> None:
        raise LeaseLost("somebody else took over")

    budget = budget_of(Limits(Rate(1, timedelta(minutes=1))))
    with budget.request():
        pass
    with pytest.raises(LeaseLost), on_behalf_of(Cause.ASKED, lost), budget.request():
        pytest.fail("it was sent")


@pytest.mark.parametrize("limits", [Limits(), TEN_A_SECOND])
def test_a_service_that_asks_to_be_left_alone_is(budget_of, clock, limits):
    budget = budget_of(limits)
    budget.throttled(30 * SECOND)
    budget.throttled(SECOND)
    with budget.request():
        assert clock.waited == 30 * SECOND
    assert budget.throttles == 2


def test_other_processes_leave_it_alone_as_well(budget_of, clock):
    budget_of(TEN_A_SECOND).throttled(30 * SECOND)
    with budget_of(TEN_A_SECOND).request():
        assert clock.waited == 30 * SECOND


def test_a_pause_longer_than_a_request_may_wait_is_left_to_a_later_try(budget_of):
    budget = budget_of(Limits())
    budget.throttled(timedelta(minutes=10))
    with pytest.raises(Temporary) as caught, budget.request():
        pytest.fail("it was sent")
    assert caught.value.retry_after == timedelta(minutes=10)


@pytest.mark.parametrize("limits", [Limits(), TEN_A_SECOND])
@pytest.mark.parametrize("asked_for", [timedelta(days=1), timedelta(seconds=1_790_000_000), timedelta.max])
def test_no_service_is_left_alone_for_more_than_an_hour_whatever_it_asks_for(budget_of, clock, limits, asked_for):
    budget = budget_of(limits)
    budget.throttled(asked_for)
    with pytest.raises(Temporary) as caught, budget.request():
        pytest.fail("it was sent")
    assert caught.value.retry_after == LONGEST_PAUSE
    clock.wait(LONGEST_PAUSE)
    with budget.request():
        assert clock.waited == LONGEST_PAUSE


def test_work_on_a_compromised_token_goes_first(budget_of, clock):
    budget = budget_of(TEN_A_SECOND)
    with on_behalf_of(Cause.COMPROMISED), budget.request():
        pass
    with on_behalf_of(Cause.COMPROMISED), budget.request():
        assert clock.waited == TEN_A_SECOND.rate.pace
    with budget.request():
        assert clock.waited > 2 * SECOND


def test_a_process_that_is_to_stop_waits_for_no_turn(budget_of, clock):
    budget = budget_of(TEN_A_SECOND)
    with budget.request():
        clock.stop()
    with pytest.raises(Temporary, match="asked to stop"), budget.request():
        pytest.fail("it was sent")


def test_a_service_that_does_not_answer_is_left_alone_longer_and_longer(budget_of, clock):
    budget = budget_of(Limits())
    for _ in range(5):
        with pytest.raises(Temporary, match="refused"), budget.request():
            raise Temporary("refused")
    rests = []
    for _ in range(3):
        with pytest.raises(Temporary, match="left alone") as caught, budget.request():
            pytest.fail("it was sent")
        rests.append(caught.value.retry_after)
        clock.wait(caught.value.retry_after)
        with budget.request():
            budget.unavailable()
    assert rests[0] >= 30 * SECOND
    assert rests == sorted(rests)
    assert len(set(rests)) == 3


def test_one_answer_ends_the_rest(budget_of, clock):
    budget = budget_of(Limits())
    for _ in range(5):
        with budget.request():
            budget.unavailable()
    clock.wait(budget.rests_until() - clock.now())
    for _ in range(4):
        with budget.request():
            pass
        with pytest.raises(Temporary, match="refused"), budget.request():
            raise Temporary("refused")
    assert budget.rests_until() is None


def test_work_on_a_compromised_token_asks_a_service_that_is_left_alone(budget_of):
    budget = budget_of(Limits())
    for _ in range(5):
        with budget.request():
            budget.unavailable()
    with on_behalf_of(Cause.COMPROMISED), budget.request():
        pass
    assert budget.rests_until() is None


def test_no_more_requests_are_under_way_than_may_be(budget_of):
    budget = budget_of(Limits(concurrency=1))
    inside, order = threading.Event(), []

    def second() -> None:
        inside.wait()
        with budget.request():
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with budget.request():
        inside.set()
        thread.join(0.05)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_who_waits_until_another_process_has_been_answered_keeps_the_lease_and_stops_when_asked_to(budget_of, clock):
    limits, signs_of_life = Limits(concurrency=1), []

    def keep_lease() -> None:
        signs_of_life.append(clock.now())
        if len(signs_of_life) == 2:
            clock.stop()

    with budget_of(limits).request(), on_behalf_of(Cause.ASKED, keep_lease):
        other = budget_of(limits)
        with pytest.raises(Temporary, match="asked to stop"), other.request():
            pytest.fail("it was sent")
    assert len(signs_of_life) == 2


def test_what_is_done_because_a_token_got_out_is_urgent_though_it_is_about_an_earlier_rotation(budget_of):
    budget = budget_of(Limits())
    for _ in range(5):
        with budget.request():
            budget.unavailable()
    with on_behalf_of(Cause.DUE), pytest.raises(Temporary), budget.request():
        pytest.fail("it was sent, though the service is left alone")
    with on_behalf_of(Cause.COMPROMISED), on_behalf_of(Cause.DUE), budget.request():
        pass
    assert budget.requests == 6


def test_an_answer_is_not_lost_because_the_ledger_cannot_count_it_and_it_is_counted_later(
    budget_of, ledger, monkeypatch
):
    budget = budget_of(Limits(concurrency=1))
    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(ledger, "end_requests", _unavailable)
        with budget.request():
            pass
        with pytest.raises(LedgerUnavailable), budget.request():
            pytest.fail("it was sent")
    with budget.request():
        pass
    assert budget.requests == 2


def _unavailable(*_: object) -> None:
    raise LedgerUnavailable("it is gone")
