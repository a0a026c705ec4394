"""What can never work between a policy and its issuer is found when the policy is read, at the key that says it."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest

from rotator.domain.contracts import Coexistence, ExpiryRules, IssuerTraits, NameRules
from rotator.domain.contradictions import policy_problems
from rotator.domain.durations import Duration
from rotator.domain.model import Mode, Overlap
from rotator.domain.policy import Freeze, Schedule, Window
from tests.unit.domain.builders import a_policy

MONDAYS = Window(frozenset({0}), time(9), time(16), "UTC")
AT_NEW_YEAR = Freeze(date(2024, 12, 20), date(2024, 1, 3), yearly=True)


def length(text: str) -> Duration:
    return Duration.parse(text)


ANY = IssuerTraits()
THREE_MONTHS_OR_A_YEAR = IssuerTraits(expiry=ExpiryRules(required=True, choices=(length("3 months"), length("1 year"))))
AT_MOST_A_YEAR = IssuerTraits(expiry=ExpiryRules(maximum=length("365 days")))
ONE_AT_A_TIME = IssuerTraits(coexistence=Coexistence.ONE)
NEVER_IS_A_YEAR = IssuerTraits(expiry=ExpiryRules(never_means=length("1 year")))


NO_SCHEDULE = (
    "this issuer has one token at a time, and no schedule leaves consumers without one",
    "write `schedule: never`, and run `rotate now api --revoke-first` when downtime will do",
)


def every(text: str, **more) -> Schedule:
    return Schedule(every=length(text), **more)


@pytest.mark.parametrize(
    ("policy", "traits"),
    [
        pytest.param(a_policy(), ANY, id="the least that a policy says"),
        pytest.param(a_policy(lifetime=length("3 months")), THREE_MONTHS_OR_A_YEAR, id="a lifetime that is offered"),
        pytest.param(a_policy(lifetime=length("12 months")), THREE_MONTHS_OR_A_YEAR, id="the same in other words"),
        pytest.param(a_policy(lifetime=length("365 days")), AT_MOST_A_YEAR, id="the longest lifetime"),
        pytest.param(a_policy(every("90 days"), lifetime=length("6 months")), ANY, id="rotated in time"),
        pytest.param(a_policy(every("88 days"), lifetime=length("3 months")), ANY, id="rotated just in time"),
        pytest.param(
            a_policy(every("90 days", before_expiry=length("14 days")), lifetime=length("30 days")), ANY,
            id="it would expire, but before_expiry comes first",
        ),
        pytest.param(a_policy(every("11 months")), NEVER_IS_A_YEAR, id="rotated before never is over"),
        pytest.param(
            a_policy(overlap=Overlap(until_unused_for=timedelta(hours=1))), IssuerTraits(reports_last_use=True),
            id="last use is told",
        ),
        pytest.param(a_policy(), ONE_AT_A_TIME, id="one token at a time, rotated by people only"),
        pytest.param(a_policy(every("2 days"), overlap=Overlap(timedelta(hours=47))), ANY, id="a long overlap"),
        pytest.param(
            a_policy(token_name="production-api-server"), IssuerTraits(names=NameRules(max_length=20)),
            id="a name that is cut to fit",
        ),
    ],
)  # fmt: skip
def test_what_can_work_has_no_problem(policy, traits):
    assert list(policy_problems(policy, traits)) == []


@pytest.mark.parametrize(
    ("policy", "traits", "problem"),
    [
        pytest.param(
            a_policy(token_name="a b"), IssuerTraits(names=NameRules(forbid="[ ]")),
            (
                ("issuer", "token_name"),
                "'a b' cannot be a token's name: the issuer refuses names that contain [ ], as 'a b-aaaaaaa' would",
                "choose another name",
            ),
            id="an unfit name",
        ),
        pytest.param(
            a_policy(), THREE_MONTHS_OR_A_YEAR,
            (("issuer",), "this issuer only makes tokens that expire", "add expires_in: 3 months, 1 year"),
            id="no lifetime, and one is required",
        ),
        pytest.param(
            a_policy(), IssuerTraits(expiry=ExpiryRules(required=True)),
            (("issuer",), "this issuer only makes tokens that expire", "add expires_in: 90 days"),
            id="no lifetime, and any is required",
        ),
        pytest.param(
            a_policy(lifetime=length("90 days")), THREE_MONTHS_OR_A_YEAR,
            (("issuer", "expires_in"), "this issuer does not offer 90 days", "choose one of: 3 months, 1 year"),
            id="a lifetime that is not offered",
        ),
        pytest.param(
            a_policy(lifetime=length("366 days")), AT_MOST_A_YEAR,
            (("issuer", "expires_in"), "366 days is longer than this issuer allows", "choose at most 365 days"),
            id="a lifetime that is too long",
        ),
        pytest.param(
            a_policy(every("90 days"), compromise=Mode.REVOKE_FIRST), ONE_AT_A_TIME,
            (("schedule", "every"), *NO_SCHEDULE),
            id="one token at a time, and a schedule",
        ),
        pytest.param(
            a_policy(Schedule(before_expiry=length("14 days")), lifetime=length("90 days")), IssuerTraits(max_active=1),
            (("schedule", "before_expiry"), *NO_SCHEDULE),
            id="a quota of one token, and a schedule by its expiry",
        ),
        pytest.param(
            a_policy(every("90 days"), lifetime=length("30 days")), ANY,
            (
                ("schedule", "every"),
                "a token that lives 30 days would expire before it is rotated every 90 days",
                "rotate more often, add before_expiry, or let the token live longer",
            ),
            id="it expires before it is rotated",
        ),
        pytest.param(
            a_policy(every("30 days"), lifetime=length("30 days")), ANY,
            (
                ("schedule", "every"),
                "a token that lives 30 days would expire before it is rotated every 30 days",
                "rotate more often, add before_expiry, or let the token live longer",
            ),
            id="it expires as it is rotated",
        ),
        pytest.param(
            a_policy(every("90 days"), lifetime=length("3 months")), ANY,
            (
                ("schedule", "every"),
                "a token that lives 3 months would expire before it is rotated every 90 days",
                "rotate more often, add before_expiry, or let the token live longer",
            ),
            id="three months are 89 days from 1 February",
        ),
        pytest.param(
            a_policy(every("85 days", splay=timedelta(days=6)), lifetime=length("90 days")), ANY,
            (
                ("schedule", "every"),
                "a token that lives 90 days would expire before it is rotated every 85 days (spread over 6 days)",
                "rotate more often, add before_expiry, or let the token live longer",
            ),
            id="its splay lets it expire",
        ),
        pytest.param(
            a_policy(every("1 year")), NEVER_IS_A_YEAR,
            (
                ("schedule", "every"),
                "a token that lives 1 year would expire before it is rotated every 1 year",
                "rotate more often, add before_expiry, or let the token live longer",
            ),
            id="never is over before it is rotated",
        ),
        pytest.param(
            a_policy(Schedule(before_expiry=length("30 days")), lifetime=length("30 days")), ANY,
            (
                ("schedule", "before_expiry"),
                "30 days before expiry is before a token that lives 30 days is even made",
                "choose a shorter time",
            ),
            id="it is due as soon as it is made",
        ),
        pytest.param(
            a_policy(Schedule(before_expiry=length("20h"), splay=timedelta(hours=6)), lifetime=length("1 day")), ANY,
            (
                ("schedule", "before_expiry"),
                "20 hours before expiry (spread over 6 hours) is before a token that lives 1 day is even made",
                "choose a shorter time",
            ),
            id="its splay makes it due as soon as it is made",
        ),
        pytest.param(
            a_policy(Schedule(cron="0 3 1 */3 *"), lifetime=length("90 days")), ANY,
            (
                ("schedule", "cron"),
                "a token that lives 90 days would expire before it is rotated by cron 0 3 1 */3 *",
                "rotate more often, add before_expiry, or let the token live longer",
            ),
            id="some quarters are longer than it lives",
        ),
        pytest.param(
            a_policy(every("20 days", window=MONDAYS), lifetime=length("25 days")), ANY,
            (
                ("schedule", "window"),
                "it closes for 6 days 17 hours; a token is due only 5 days before it expires",
                "widen the window, or rotate earlier",
            ),
            id="its window may not open before it expires",
        ),
        pytest.param(
            a_policy(Schedule(before_expiry=length("10 days"), freezes=(AT_NEW_YEAR,)), lifetime=length("1 year")), ANY,
            (
                ("schedule", "freeze"),
                "12-20 to 01-03 is longer than the 10 days between a token's due time and its expiry",
                "shorten the freeze, or rotate earlier",
            ),
            id="a freeze may outlast it",
        ),
        pytest.param(
            a_policy(Schedule(cron="0 3 * * 1"), overlap=Overlap(for_=timedelta(days=7))), ANY,
            (
                ("overlap", "for"),
                "an overlap of 7 days is not over when the next rotation is due",
                "shorten the overlap, or rotate less often",
            ),
            id="an overlap as long as cron's interval",
        ),
        pytest.param(
            a_policy(
                every("30 days"),
                overlap=Overlap(
                    for_=timedelta(days=1), until_unused_for=timedelta(hours=1), at_most=timedelta(days=31)
                ),
            ),
            IssuerTraits(reports_last_use=True),
            (
                ("overlap", "at_most"),
                "an overlap of 31 days is not over when the next rotation is due",
                "shorten the overlap, or rotate less often",
            ),
            id="the longest overlap is longer than the interval",
        ),
        pytest.param(
            a_policy(overlap=Overlap(until_unused_for=timedelta(hours=1))), ANY,
            (
                ("overlap", "until_unused_for"),
                "this issuer does not tell when a token was last used",
                "use `for` alone",
            ),
            id="last use is not told",
        ),
        pytest.param(
            a_policy(every("24h"), overlap=Overlap(timedelta(hours=24))), ANY,
            (
                ("overlap", "for"),
                "an overlap of 1 day is not over when the next rotation is due",
                "shorten the overlap, or rotate less often",
            ),
            id="an overlap that is never over",
        ),
        pytest.param(
            a_policy(every("1 month"), overlap=Overlap(timedelta(days=29))), ANY,
            (
                ("overlap", "for"),
                "an overlap of 29 days is not over when the next rotation is due",
                "shorten the overlap, or rotate less often",
            ),
            id="an overlap that is longer than February",
        ),
    ],
)  # fmt: skip
def test_what_can_never_work_is_a_problem_with_its_place_and_its_remedy(policy, traits, problem):
    assert list(policy_problems(policy, traits)) == [problem]


def test_every_problem_is_found_at_once():
    policy = a_policy(
        every("90 days"),
        token_name="",
        lifetime=length("30 days"),
        overlap=Overlap(timedelta(days=90), until_unused_for=timedelta(hours=1)),
    )
    traits = IssuerTraits(names=NameRules(min_length=8), expiry=ExpiryRules(choices=(length("3 months"),)))
    assert [where for where, _, _ in policy_problems(policy, traits)] == [
        ("issuer", "token_name"),
        ("issuer", "expires_in"),
        ("overlap", "until_unused_for"),
        ("schedule", "every"),
        ("overlap", "for"),
    ]
