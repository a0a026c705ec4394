"""What Documenso's guide says of a token's name and of its life, rule by rule."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from providers.issuers.documenso.plugin import TRAITS
from rotator.domain import naming
from rotator.domain.contracts import Issuer, Revocation, Verdict
from rotator.domain.durations import Duration
from rotator.domain.errors import Permanent
from rotator.testing.store_contract import refusal_of
from tests.fakes.documenso import Documenso
from tests.integration.documenso.setting import request

# --- names ---


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        ("ab", True),  # with its mark it is longer than 3
        ("production-api", True),
        ("Zapier (staging) #2: café", True),
        ("x" * 300, True),  # cut to 100, the mark stays
        ("see https://acme.example", False),
        ("see HTTP://acme.example", False),
        ("www.acme.example", False),
        (" leading space", False),
        ("zero\u200bwidth", False),
        ("two\nlines", False),
        ("hangul \u3164 filler", False),
        ("escaped \\u200b", False),
    ],
)
def test_a_name_has_3_to_100_characters_and_neither_urls_nor_invisible_ones(
    service: Documenso, issuer: Issuer, name: str, fits: bool
) -> None:
    rules = issuer.traits.names
    assert (naming.why_unfit(name, rules) is None) is fits
    if fits:
        whole = naming.token_name(name, "k7rm2qa", rules)
        issuer.issue(request(service, whole))
        assert 3 <= len(whole) <= 100
        assert service.team.names() == [whole]


@pytest.mark.parametrize("name", ["x", "x" * 101, "see https://acme.example", "zero\u200bwidth"])
def test_a_name_that_documenso_refuses_makes_no_token_and_is_not_quoted(
    service: Documenso, issuer: Issuer, name: str
) -> None:
    error = refusal_of(lambda: issuer.issue(request(service, name)))
    assert type(error) is Permanent
    assert "(BAD_REQUEST)" in error.what
    assert name not in str(error).split()
    assert service.team.rows == []


def test_two_tokens_may_have_one_name(service: Documenso, issuer: Issuer) -> None:
    issuer.issue(request(service))
    issuer.issue(request(service))
    assert len(set(service.team.names())) == 1


# --- expiry ---


@pytest.mark.parametrize(
    ("lifetime", "ends"),
    [
        ("1 month", datetime(2026, 12, 22, 12, tzinfo=UTC)),
        ("3 months", datetime(2027, 2, 22, 12, tzinfo=UTC)),
        ("6 months", datetime(2027, 5, 22, 12, tzinfo=UTC)),
        ("1 year", datetime(2027, 11, 22, 12, tzinfo=UTC)),
        ("12 months", datetime(2027, 11, 22, 12, tzinfo=UTC)),
    ],
)
def test_a_token_lives_so_many_calendar_months(
    service: Documenso, issuer: Issuer, lifetime: str, ends: datetime
) -> None:
    issued = issuer.issue(request(service, lifetime=lifetime))
    [listed] = issuer.tokens()
    assert issued.expires_at == listed.expires_at == ends


def test_a_token_without_a_lifetime_never_expires(service: Documenso, issuer: Issuer) -> None:
    assert issuer.issue(request(service)).expires_at is None
    assert issuer.tokens()[0].expires_at is None


@pytest.mark.parametrize("lifetime", ["30 days", "90 days", "2 months", "2 years"])
def test_a_lifetime_that_is_not_offered_is_not_asked_for(service: Documenso, issuer: Issuer, lifetime: str) -> None:
    """The guide's "90 days" are three calendar months; an unknown word would be a 500, which may have made a token."""
    assert Duration.parse(lifetime) not in TRAITS.expiry.choices
    error = refusal_of(lambda: issuer.issue(request(service, lifetime=lifetime)))
    assert type(error) is Permanent
    assert "1 month, 3 months, 6 months, 1 year" in error.remedy
    assert service.seen == []


def test_an_expired_token_answers_400_and_is_dead(service: Documenso, issuer: Issuer) -> None:
    issued = issuer.issue(request(service, lifetime="1 month"))
    service.clock.move(days=31)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


def test_an_expired_token_is_listed_until_it_is_deleted(service: Documenso, issuer: Issuer) -> None:
    issued = issuer.issue(request(service, lifetime="1 month"))
    service.clock.move(days=31)
    [listed] = issuer.tokens()
    assert listed.expires_at is not None
    assert listed.expires_at < service.clock.now()
    assert issuer.revoke(issued.handle) is Revocation.DONE
