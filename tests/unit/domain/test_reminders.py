"""When a person is told again: at once, after one, three and seven days, weekly; daily in a token's last week."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.domain import reminders
from rotator.domain.model import Phase
from tests.unit.domain.builders import NOON, a_rotation, a_token

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("days", "expires_in", "number"),
    [
        (0, None, 1),
        (0.9, None, 1),
        (1, None, 2),
        (3, None, 3),
        (7, None, 4),
        (14, None, 5),
        (28, None, 7),
        (0, 30, 1),
        (22, 30, 6),
        (23, 30, 7),
        (24, 30, 8),
        (30, 30, 14),
        (0, 2, 1),
        (1, 2, 2),
        (2, 2, 3),
        (0, -5, 1),
    ],
)
def test_so_many_times_somebody_is_told_by_then(days, expires_in, number):
    expires_at = NOON + expires_in * DAY if expires_in is not None else None
    due = reminders.due(NOON, expires_at, 0, NOON + days * DAY)
    assert due is not None
    assert due.number == number


def test_what_was_told_is_not_told_again_before_its_time():
    assert reminders.due(NOON, None, 1, NOON + 0.9 * DAY) is None
    assert reminders.due(NOON, None, 1, NOON + DAY).number == 2


def test_of_several_that_passed_unnoticed_only_the_last_is_told():
    due = reminders.due(NOON, None, 1, NOON + 8 * DAY)
    assert due.number == 4
    assert reminders.due(NOON, None, due.number, NOON + 8 * DAY) is None


def test_it_says_how_long_the_token_in_force_lives():
    assert reminders.due(NOON, NOON + 3 * DAY, 0, NOON).left == 3 * DAY
    assert reminders.due(NOON, None, 0, NOON).left is None


@pytest.mark.parametrize(
    ("after", "expires_in", "days"), [(0, None, 1), (1, None, 3), (7, None, 14), (0, 5, 1), (3, 5, 4), (8, 20, 13)]
)
def test_the_next_time_is_known(after, expires_in, days):
    expires_at = NOON + expires_in * DAY if expires_in is not None else None
    assert reminders.next_after(NOON, expires_at, NOON + after * DAY) == NOON + days * DAY


def test_the_deadline_is_the_old_tokens_expiry_until_it_is_replaced():
    old = a_token("old", expires_at=NOON + 9 * DAY)
    assert reminders.deadline(a_rotation(Phase.PLANNED, old=old)) == NOON + 9 * DAY
    assert reminders.deadline(a_rotation(Phase.CONFIRMED, old=old)) is None
    assert reminders.deadline(a_rotation(Phase.PLANNED)) is None
