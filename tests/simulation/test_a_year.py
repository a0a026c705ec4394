"""A year of two hundred secrets: every kind of issuer, store and schedule, and all that goes wrong in between.

The rules that no step may break were checked after every piece of work, while the year passed by (``year``). Here is
what must be true of it as a whole.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from rotator.domain.contradictions import policy_problems
from rotator.domain.model import TokenState
from rotator.domain.policy import Policy
from rotator.flow import opening, work
from tests.fakes.in_order import InOrder
from tests.simulation import mishaps, promises
from tests.simulation.estate import Estate
from tests.simulation.kinds import BEGINNING, END, KINDS
from tests.simulation.promises import Stay
from tests.simulation.year import BEGIN_PER_HOUR, Year, check

pytestmark = pytest.mark.xdist_group("a simulated year")


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    """The whole year, once for all tests of this module."""
    numbers = itertools.count(1)
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr(work, "ThreadPoolExecutor", InOrder)
        patches.setattr(opening, "secrets", SimpleNamespace(token_hex=lambda _: f"{next(numbers):08x}"))
        estate = Estate(tmp_path_factory.mktemp("estate"), KINDS)
        yield Year(estate).pass_by()
        estate.ledger.close()


@pytest.fixture
def estate(year: Year) -> Estate:
    return year.estate


@pytest.fixture
def stays(estate: Estate) -> list[Stay]:
    return list(promises.stays(estate))


def policy_of(estate: Estate, name: str) -> Policy:
    return estate.account_of[name].policies[name]


def test_it_was_a_year_of_two_hundred_secrets_with_all_its_mishaps(year, estate):
    assert len(estate.account_of) == 200
    assert year.counted["open when upgraded"] >= 5
    assert year.counted["answers lost"] == mishaps.LOST_ANSWERS
    assert year.counted["killed"] >= mishaps.KILLS / 2
    assert year.counted["met"] >= mishaps.MEETINGS / 2
    assert year.counted["without ledger"] >= mishaps.OUTAGES_OF_THE_LEDGER + mishaps.LEDGER_LOST / 2
    kinds = Counter(event.kind for event in estate.events)
    assert kinds["retired"] > 500
    for kind in ("sought", "discarded", "recovered", "value lost", "withdrawn", "contained"):
        assert kinds[kind], kind
    by_hand = Counter(event.kind for event in estate.events if event.secret.startswith("by-hand"))
    assert by_hand["retired"] > 16
    assert by_hand["handed in"] >= by_hand["retired"]
    assert year.counted["asked"] >= 2 * by_hand["retired"]  # to make one, and to delete one


def test_no_policy_contradicts_itself(estate):
    for account in estate.accounts.values():
        for policy in account.policies.values():
            assert list(policy_problems(policy, account.kind.traits)) == []


def test_no_token_expires_while_it_is_in_force(stays):
    expired = [stay for stay in stays if stay.token.expires_at is not None and stay.token.expires_at <= stay.ends]
    assert expired == []


def test_every_token_is_replaced_when_its_schedule_asks_and_not_before(year, estate, stays):
    """A time that was missed for an outage or for the turns of others comes again with the next opening.

    People look once a week after what waits for them.
    """
    took_the_next_opening = []
    for stay in stays:
        policy = policy_of(estate, stay.secret)
        earliest = promises.earliest_due(policy, stay.token)
        if earliest is None:
            continue
        if stay.ends < END:
            assert stay.ends >= earliest, f"{stay.secret} was rotated before its time"
        first = promises.next_opening(policy, max(earliest + policy.schedule.splay, BEGINNING)) + promises.LATEST
        second = promises.next_opening(policy, first) + promises.LATEST
        if stay.secret in year.by_people:
            second += timedelta(days=7)
        if stay.ends > first:
            took_the_next_opening.append(stay.secret)
        assert stay.ends <= second, f"{stay.secret} was to be rotated by {second}, and was at {stay.ends}"
    assert len(took_the_next_opening) <= 0.05 * len(stays)


def test_every_time_of_a_crontab_line_makes_one_new_token(estate, stays):
    made = Counter(stay.secret for stay in stays)
    for name in made:
        policy = policy_of(estate, name)
        if policy.schedule.cron is not None:
            first = min(stay.token.created_at for stay in stays if stay.secret == name)
            times = [at for at in promises.cron_times(policy) if first < at < END - timedelta(days=2)]
            assert made[name] == 1 + len(times), name


def test_rotations_begin_in_their_windows_and_outside_freezes_unless_the_token_would_expire(estate, stays):
    forced = []
    for event in promises.begun_by_schedule(estate):
        policy = policy_of(estate, event.secret)
        if promises.is_open(policy, event.at):
            continue
        in_force = next(stay for stay in stays if stay.secret == event.secret and stay.begins <= event.at <= stay.ends)
        assert in_force.token.expires_at is not None, f"{event.secret} was begun at {event.at}"
        assert not promises.opens_before(policy, event.at, in_force.token.expires_at)
        forced.append(event.secret)
    assert sorted(forced) == [f"expiring-{number:03}" for number in range(3, 32, 4)]


def test_a_time_that_daylight_saving_skips_comes_an_hour_later(estate):
    begun = [
        event.at
        for event in promises.begun_by_schedule(estate)
        if policy_of(estate, event.secret).schedule.cron == "30 2 29 3,6,9,12 *" and event.at.month == 3
    ]
    assert len(begun) > 10
    assert min(begun) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert max(begun) < datetime(2026, 3, 29, 3, 0, tzinfo=UTC)


def test_nothing_begins_all_at_once(estate):
    assert promises.most_begun_in_an_hour(estate) <= 2 * BEGIN_PER_HOUR


def test_what_is_rotated_only_by_people_is_left_alone(estate):
    by_schedule = {event.secret for event in promises.begun_by_schedule(estate)}
    assert not any(name.startswith(("idle", "one-")) for name in by_schedule)
    contained = Counter(event.secret for event in estate.events if event.kind == "contained")
    assert contained == {name: 2 for name in estate.account_of if name.startswith("one-")}


def test_people_are_needed_only_where_an_issuer_does_not_list_its_tokens(year):
    assert year.by_people
    assert all(name.startswith("unlisted") for name in year.by_people)


def test_the_tokens_that_live_in_the_end_are_those_that_the_ledger_knows(estate):
    for account in estate.accounts.values():
        check(account)
        known = set()
        for name in account.policies:
            secret = account.secret(name)
            tokens = [secret.current] + ([secret.open.old, *secret.open.tokens] if secret.open else [])
            known |= {token.handle for token in tokens if token is not None and token.state is not TokenState.DEAD}
        assert {token.handle for token in account.issuer_fake.alive()} == known - {None}


def test_no_value_got_into_a_ledger(estate):
    values = {token.value for account in estate.accounts.values() for token in account.issuer_fake.made()}
    for file in estate.folder.rglob("ledger.db*"):
        assert not values & {found.decode() for found in re.findall(rb"tok_[0-9a-f]{24}", file.read_bytes())}


def test_the_history_of_the_year_is_whole(estate):
    assert estate.ledger.broken_links() == []
