"""Lifetimes as issuers want them told, and moments as they tell them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from providers.issuers.http import expiry as expiries
from providers.issuers.http.profile import ExpirySpec
from providers.issuers.http.templates import OMIT
from rotator.domain.durations import Duration

NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
ENUM = {"MONTH": "1 month", "YEAR": "1 year"}


@pytest.mark.parametrize(
    ("form", "lifetime", "sent", "end"),
    [
        ("rfc3339", "3 months", "2027-02-22T15:30:00Z", "2027-02-22T15:30:00"),
        ("iso_date", "30 days", "2026-12-22", "2026-12-22T00:00:00"),
        ("iso_date", "1h", "2026-11-23", "2026-11-23T00:00:00"),
        ("epoch_s", "1h", 1795365000, "2026-11-22T16:30:00"),
        ("epoch_ms", "1h", 1795365000000, "2026-11-22T16:30:00"),
        ("ttl_seconds", "90 days", 7776000, "2027-02-20T15:30:00"),
        ("ttl_hours", "36h", 36, "2026-11-24T03:30:00"),
        ("ttl_hours", "10m", 1, "2026-11-22T16:30:00"),
        ("ttl_days", "36h", 1, "2026-11-23T15:30:00"),
        ("ttl_days", "1 month", 30, "2026-12-22T15:30:00"),
        ("go_duration", "1h 30m", "5400s", "2026-11-22T17:00:00"),
        ("enum", "1 month", "MONTH", "2026-12-22T15:30:00"),
    ],
)
def test_a_lifetime_is_sent_as_the_issuer_wants_it_and_ends_when_it_says(form, lifetime, sent, end):
    spec, wanted = ExpirySpec(format=form, values=ENUM if form == "enum" else {}), Duration.parse(lifetime)
    assert expiries.as_sent(spec, wanted, NOW) == sent
    assert expiries.computed_end(spec, wanted, NOW) == datetime.fromisoformat(end).replace(tzinfo=UTC)


@pytest.mark.parametrize(("never", "sent"), [("omit", OMIT), (None, None), (0, 0), ("NEVER", "NEVER")])
def test_no_lifetime_is_sent_as_the_issuer_says_never(never, sent):
    assert expiries.as_sent(ExpirySpec(format="ttl_seconds", never=never), None, NOW) == sent


def test_a_never_that_ends_has_an_end():
    four_years = ExpirySpec(format="enum", values=ENUM, never_means="4 years")
    assert expiries.computed_end(four_years, None, NOW) == NOW.replace(year=2030)
    assert expiries.computed_end(ExpirySpec(format="rfc3339"), None, NOW) is None


@pytest.mark.parametrize(
    ("spec", "lifetime", "problem"),
    [
        (ExpirySpec(format="enum", values=ENUM), "2 weeks", "1 month, 1 year"),
        (ExpirySpec(), "2 weeks", "cannot expire"),
        (ExpirySpec(format="iso_date", required=True), None, "need an expiry"),
    ],
)
def test_a_lifetime_that_is_not_on_offer_is_refused(spec, lifetime, problem):
    with pytest.raises(ValueError, match=problem):
        expiries.as_sent(spec, Duration.parse(lifetime) if lifetime else None, NOW)


@pytest.mark.parametrize(
    ("told", "moment"),
    [
        ("2026-11-22T15:30:00Z", NOW),
        ("2026-11-22T15:30:00.000000999Z", NOW),
        ("2026-11-22T16:30:00+01:00", NOW),
        ("2026-11-22T15:30:00", NOW),
        ("2026-11-22", NOW.replace(hour=0, minute=0)),
        (1795361400, NOW),
        (1795361400000, NOW),
        ("1795361400", NOW),
        (1795361400.0, NOW),
        (None, None),
        ("", None),
        (0, None),
        ("0", None),
        ("0001-01-01T00:00:00Z", None),
    ],
)
def test_a_moment_is_read_however_it_is_told(told, moment):
    assert expiries.moment(told) == moment


@pytest.mark.parametrize("told", ["soon", ["2026-11-22"], {"at": 1}, 1e300, "9999-12-31T23:59:59-05:00"])
def test_what_is_no_moment_is_refused(told):
    with pytest.raises(ValueError):
        expiries.moment(told)


def test_tokens_that_cannot_expire_offer_no_lifetime():
    assert expiries.rules(ExpirySpec()).maximum == Duration()
    assert expiries.rules(ExpirySpec(format="enum", values=ENUM)).choices == (
        Duration.parse("1 month"),
        Duration.parse("1 year"),
    )


def test_a_remaining_life_is_read_in_seconds():
    assert expiries.end_of(90, NOW) == NOW + timedelta(seconds=90)
    assert expiries.end_of(0, NOW) is None


@pytest.mark.parametrize("told", ["90 days", True, 1e12, 1e15, 10**400, math.inf, math.nan])
def test_what_is_no_remaining_life_is_refused(told):
    with pytest.raises(ValueError):
        expiries.end_of(told, NOW)
