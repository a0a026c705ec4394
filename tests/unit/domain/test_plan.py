"""Why rotate? One named case for each reason, and who comes first when two reasons hold."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from rotator.domain.durations import Duration
from rotator.domain.lifecycle import back_off
from rotator.domain.model import Cause, Phase, Secret, SecretName, Trouble
from rotator.domain.plan import CHAIN, Action, Decision, Reason, decide
from rotator.domain.policy import Freeze, Schedule, Window
from tests.unit.domain.builders import NOON, a_policy, a_rotation, a_secret, utc

EVERY_90_DAYS = Schedule(every=Duration.parse("90 days"))
BEFORE_EXPIRY = Schedule(before_expiry=Duration.parse("14 days"))
NIGHTLY = Window(frozenset(range(7)), time(22), time(4), "UTC")
"""Closed at noon."""
DAILY = Window(frozenset(range(7)), time(9), time(16), "UTC")
IN_JUNE = Freeze(date(2026, 6, 10), date(2026, 6, 17))

NEVER_ADOPTED = Secret(SecretName("api"))
YOUNG = a_secret(made=NOON - timedelta(days=30))
OLD = a_secret(made=NOON - timedelta(days=91))

BROKEN_VAULT = Trouble("temporary", "Vault is sealed.")
A_PERSONS_STEP = Trouble("operator", "The destinations hold different tokens.")


@pytest.mark.parametrize(
    ("policy", "secret", "cause", "decision"),
    [
        pytest.param(
            a_policy(EVERY_90_DAYS), a_secret(open=a_rotation(Phase.VERIFIED)), Cause.DUE,
            Decision(Action.RESUME, Reason.OPEN_ROTATION, "a rotation is open (VERIFIED)"),
            id="open rotation",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS),
            a_secret(open=a_rotation(Phase.VERIFIED, trouble=BROKEN_VAULT, retry_at=utc("2026-06-15 12:05"))),
            Cause.DUE,
            Decision(
                Action.RESUME, Reason.OPEN_ROTATION, "a rotation is open (VERIFIED)", utc("2026-06-15 12:05")
            ),
            id="open rotation that is tried again later",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), a_secret(open=a_rotation(Phase.PUBLISHED, trouble=A_PERSONS_STEP)), Cause.DUE,
            Decision(Action.BLOCKED, Reason.OPEN_ROTATION, "PUBLISHED: The destinations hold different tokens."),
            id="open rotation that waits for a person",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), a_secret(open=a_rotation(Phase.PUBLISHED, trouble=A_PERSONS_STEP)), Cause.ASKED,
            Decision(Action.RESUME, Reason.OPEN_ROTATION, "a rotation is open (PUBLISHED)"),
            id="open rotation, and the person it waited for asks",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), YOUNG, Cause.ASKED,
            Decision(Action.ROTATE, Reason.ASKED, "asked", NOON),
            id="asked",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), YOUNG, Cause.COMPROMISED,
            Decision(Action.ROTATE, Reason.ASKED, "compromised", NOON),
            id="compromised",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), NEVER_ADOPTED, Cause.DUE,
            Decision(
                Action.BLOCKED, Reason.NOT_ADOPTED,
                "the token in use is not known. Run `rotate adopt api`, or `rotate now api` to start with a new one",
            ),
            id="not adopted",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS),
            a_secret(made=utc("2026-01-01 00:00"), failures=1, last_ended=utc("2026-06-15 11:59")), Cause.DUE,
            Decision(
                Action.WAIT, Reason.BACKING_OFF, "withdrawn 1 times in a row; next try at 2026-06-15 12:01",
                utc("2026-06-15 11:59") + back_off(7, None, "api"),
            ),
            id="backing off",
        ),
        pytest.param(
            a_policy(Schedule()), YOUNG, Cause.DUE,
            Decision(Action.WAIT, Reason.NOT_SCHEDULED, "only rotated when asked"),
            id="not scheduled",
        ),
        pytest.param(
            a_policy(BEFORE_EXPIRY), YOUNG, Cause.DUE,
            Decision(
                Action.WAIT, Reason.NOT_SCHEDULED,
                "only rotated when asked: nobody knows when the token expires, so `before_expiry` is never due",
            ),
            id="before an expiry that nobody knows",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), a_secret(expires=utc("2026-06-15 11:00")), Cause.DUE,
            Decision(
                Action.ROTATE, Reason.EXPIRED, "the token expired at 2026-06-15 11:00", utc("2026-06-15 11:00")
            ),
            id="expired",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), YOUNG, Cause.DUE,
            Decision(Action.WAIT, Reason.NOT_DUE, "every 90 days", NOON + timedelta(days=60)),
            id="not due",
        ),
        pytest.param(
            a_policy(Schedule(every=Duration.parse("90 days"), window=NIGHTLY)), OLD, Cause.DUE,
            Decision(Action.WAIT, Reason.OUTSIDE_WINDOW, "due; waits for its window", utc("2026-06-15 22:00")),
            id="outside its window",
        ),
        pytest.param(
            a_policy(Schedule(every=Duration.parse("90 days"), window=NIGHTLY, freezes=(IN_JUNE,))), OLD, Cause.DUE,
            Decision(Action.WAIT, Reason.FROZEN, "due; waits for the end of a freeze", utc("2026-06-18 00:00")),
            id="frozen",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), OLD, Cause.DUE,
            Decision(Action.ROTATE, Reason.DUE, "every 90 days", NOON - timedelta(days=1)),
            id="due",
        ),
    ],
)  # fmt: skip
def test_every_reason_has_its_case(policy, secret, cause, decision):
    assert decide(policy, secret, NOON, cause) == decision


WITHDRAWN_JUST_NOW = {"failures": 3, "last_ended": NOON - timedelta(seconds=1)}
EXPIRED = NOON - timedelta(hours=1)


@pytest.mark.parametrize(
    ("policy", "secret", "cause", "reason"),
    [
        pytest.param(
            a_policy(EVERY_90_DAYS), a_secret(open=a_rotation(), expires=EXPIRED), Cause.COMPROMISED,
            Reason.OPEN_ROTATION, id="what is open comes before what is asked",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), a_secret(open=a_rotation(), current=None), Cause.DUE,
            Reason.OPEN_ROTATION, id="what is open comes before adoption",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), NEVER_ADOPTED, Cause.ASKED,
            Reason.ASKED, id="asking starts with a new token where none was adopted",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), a_secret(**WITHDRAWN_JUST_NOW), Cause.ASKED,
            Reason.ASKED, id="asking does not wait for a back-off",
        ),
        pytest.param(
            a_policy(Schedule(window=NIGHTLY)), YOUNG, Cause.ASKED,
            Reason.ASKED, id="asking waits for no window and no schedule",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), Secret(SecretName("api"), **WITHDRAWN_JUST_NOW), Cause.DUE,
            Reason.NOT_ADOPTED, id="adoption comes before a back-off",
        ),
        pytest.param(
            a_policy(EVERY_90_DAYS), a_secret(expires=EXPIRED, **WITHDRAWN_JUST_NOW), Cause.DUE,
            Reason.BACKING_OFF, id="an expired token does not make an issuer work that just refused",
        ),
        pytest.param(
            a_policy(Schedule()), a_secret(expires=EXPIRED), Cause.DUE,
            Reason.NOT_SCHEDULED, id="who wants no schedule gets none, not even for an expired token",
        ),
        pytest.param(
            a_policy(Schedule(every=Duration.parse("90 days"), window=NIGHTLY)), a_secret(expires=EXPIRED), Cause.DUE,
            Reason.EXPIRED, id="an expired token waits for no window",
        ),
        pytest.param(
            a_policy(Schedule(every=Duration.parse("90 days"), window=NIGHTLY)), YOUNG, Cause.DUE,
            Reason.NOT_DUE, id="what is not due does not ask for its window",
        ),
    ],
)  # fmt: skip
def test_the_first_reason_of_the_chain_wins(policy, secret, cause, reason):
    assert decide(policy, secret, NOON, cause).reason is reason


def test_the_reasons_stand_in_the_order_in_which_the_chain_asks():
    last_link_is_due = [link.__name__ for link in CHAIN[:-1]] + ["due"]
    assert [reason.name.lower() for reason in Reason] == [*last_link_is_due, "unforeseen"]


# --- at the edges ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        ("2026-06-15 11:59:59", Reason.NOT_DUE),
        ("2026-06-15 12:00:00", Reason.DUE),
        ("2026-06-15 12:00:01", Reason.DUE),
    ],
)
def test_a_token_is_due_at_the_second(now, reason):
    secret = a_secret(made=NOON - timedelta(days=90))
    assert decide(a_policy(EVERY_90_DAYS), secret, utc(now)).reason is reason


@pytest.mark.parametrize(
    ("now", "reason"), [("2026-06-15 11:59:59", Reason.DUE), ("2026-06-15 12:00:00", Reason.EXPIRED)]
)
def test_a_token_is_expired_at_the_second(now, reason):
    assert decide(a_policy(EVERY_90_DAYS), a_secret(expires=NOON), utc(now)).reason is reason


@pytest.mark.parametrize(
    ("failures", "pause"),
    [
        (1, timedelta(minutes=2, seconds=8)),
        (2, timedelta(minutes=4, seconds=16)),
        (5, timedelta(minutes=34, seconds=8)),
        (6, timedelta(hours=1)),
        (1000, timedelta(hours=1)),
    ],
)
def test_a_withdrawn_rotation_is_tried_again_after_longer_and_longer_pauses(failures, pause):
    secret = a_secret(made=NOON - timedelta(days=91), failures=failures, last_ended=NOON)
    just_before, then = NOON + pause - timedelta(seconds=1), NOON + pause * 1.25
    assert decide(a_policy(EVERY_90_DAYS), secret, just_before).reason is Reason.BACKING_OFF
    assert decide(a_policy(EVERY_90_DAYS), secret, then).reason is Reason.DUE


def test_a_rotation_that_ended_well_leaves_no_pause():
    secret = a_secret(made=NOON - timedelta(days=91), failures=0, last_ended=NOON - timedelta(seconds=1))
    assert decide(a_policy(EVERY_90_DAYS), secret, NOON).reason is Reason.DUE


def test_a_token_of_unknown_age_is_due_instead_of_never():
    secret = a_secret(made=None)
    assert decide(a_policy(EVERY_90_DAYS), secret, NOON).reason is Reason.DUE
    assert decide(a_policy(EVERY_90_DAYS), secret, NOON + timedelta(days=1)).reason is Reason.DUE


@pytest.mark.parametrize(
    ("expires", "reason"),
    [
        pytest.param("2026-06-15 21:59", Reason.DUE, id="it would expire before the window opens"),
        pytest.param("2026-06-15 22:00", Reason.DUE, id="it would expire as the window opens"),
        pytest.param("2026-06-15 22:01", Reason.OUTSIDE_WINDOW, id="it lives until the window is open"),
    ],
)
def test_a_token_does_not_expire_for_the_sake_of_a_window(expires, reason):
    policy = a_policy(Schedule(before_expiry=Duration.parse("14 days"), window=NIGHTLY))
    assert decide(policy, a_secret(expires=utc(expires)), NOON).reason is reason


@pytest.mark.parametrize(("expires", "reason"), [("2026-06-17 12:00", Reason.DUE), ("2026-06-18 12:00", Reason.FROZEN)])
def test_a_token_does_not_expire_for_the_sake_of_a_freeze(expires, reason):
    policy = a_policy(Schedule(before_expiry=Duration.parse("14 days"), freezes=(IN_JUNE,)))
    assert decide(policy, a_secret(expires=utc(expires)), NOON).reason is reason


def test_inside_its_window_a_due_token_is_rotated():
    policy = a_policy(Schedule(every=Duration.parse("90 days"), window=DAILY))
    assert decide(policy, OLD, NOON).reason is Reason.DUE


def test_a_quarterly_token_is_due_on_the_first_of_the_quarter_and_not_again():
    policy = a_policy(Schedule(cron="0 3 1 */3 *"))
    made_in_may = a_secret(made=utc("2026-05-20 10:00"))
    assert decide(policy, made_in_may, utc("2026-07-01 02:59")).reason is Reason.NOT_DUE
    assert decide(policy, made_in_may, utc("2026-07-01 03:00")).reason is Reason.DUE
    made_in_july = a_secret(made=utc("2026-07-01 03:00:30"))
    assert decide(policy, made_in_july, utc("2026-07-01 03:01")).due == utc("2026-10-01 03:00")
