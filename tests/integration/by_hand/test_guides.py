"""What the guides of four products say, each rule a named case: names, expiry, quota, what each answer means."""

from __future__ import annotations

from typing import Any

import pytest

from rotator.domain import naming
from rotator.domain.contracts import IssueRequest, Verdict
from rotator.domain.contradictions import policy_problems
from rotator.domain.durations import Duration
from rotator.domain.errors import NeedsOperator
from rotator.domain.model import Handle, RotationId, TokenName
from rotator.domain.secret_value import SecretValue
from tests.contract.http_profiles import built_in
from tests.fakes.token_services.dashboards import Dojah
from tests.fakes.token_services.service import Reply
from tests.integration.by_hand.conftest import SERVICES, SETTINGS, OpenAt
from tests.unit.domain.builders import NOON, a_policy

EVERY = list(SERVICES)


def traits(name: str) -> Any:
    return built_in(name).traits(None, None)


def instructions(at: OpenAt, name: str, lifetime: str | None = None) -> Any:
    issuer: Any = at(name)[1]
    return issuer.instructions(Duration.parse(lifetime) if lifetime else None)


def problems(name: str, **policy: Any) -> list[str]:
    return [what for _, what, _ in policy_problems(a_policy(**policy), traits(name))]


# --- what only a person can do -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_nothing_is_ever_made_listed_or_deleted(at: OpenAt, name: str) -> None:
    page, issuer = at(name)
    for forbidden in (issuer.tokens, lambda: issuer.revoke(Handle("1")), lambda: issuer.issue(_request())):
        with pytest.raises(NeedsOperator, match="nobody but a person"):
            forbidden()
    assert page.asked == []


@pytest.mark.parametrize("name", EVERY)
def test_a_connection_takes_no_credentials(name: str) -> None:
    config = {"credentials": {"token": "env:TOKEN"}, **SETTINGS.get(name, {})}
    with pytest.raises(ValueError, match="`credentials` does not take token"):
        built_in(name).config.model_validate(config)


@pytest.mark.parametrize(
    ("name", "link", "make"),
    [
        ("pogodoc", "https://app.pogodoc.com/api-tokens", "Generate"),
        ("podstack", "https://cloud.podstack.ai", "Create Token"),
        ("meetzy", "https://docs.meetzy.io/account/api-tokens", "New Token"),
        ("dojah", "https://app.dojah.io", f"for the app {Dojah.app_id}"),
    ],
)
def test_a_person_is_told_where_and_how(at: OpenAt, name: str, link: str, make: str) -> None:
    told = instructions(at, name)
    assert told.link == link
    assert make in told.make
    assert all((told.delete, told.recognise, told.compromised))


def test_the_page_may_be_another_one(at: OpenAt) -> None:
    issuer: Any = at("podstack", page="https://portal.podstack.example/tokens")[1]
    assert issuer.instructions(None).link == "https://portal.podstack.example/tokens"


# --- names ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wanted", ["production-api-server", "a", "x" * 60])
def test_pogodoc_names_have_1_to_20_characters_and_keep_their_mark(wanted: str) -> None:
    mark = naming.mark_of(RotationId("20261122-1111aaaa"), 1)
    name = naming.token_name(wanted, mark, traits("pogodoc").names)
    assert len(name) <= 20
    assert name.endswith(mark)


def test_the_guides_own_example_of_a_name_would_be_too_long_as_it_stands() -> None:
    assert len("production-api-server") == 21
    assert not problems("pogodoc", token_name="production-api-server")


# --- expiry --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "lifetime", "choice"),
    [
        ("podstack", "7 days", "7 days"),
        ("podstack", "180 days", "180 days"),
        ("podstack", None, "Never expires"),
        ("meetzy", "90 days", "90 days"),
        ("meetzy", "6 months", "6 months"),
        ("meetzy", "1 year", "1 year"),
        ("meetzy", None, "No expiration (4 years)"),
        ("pogodoc", None, ""),
        ("dojah", None, ""),
    ],
)
def test_the_choice_is_named_as_the_page_names_it(at: OpenAt, name: str, lifetime: str | None, choice: str) -> None:
    assert instructions(at, name, lifetime).expiry == choice


@pytest.mark.parametrize(
    ("name", "lifetime", "offered"),
    [
        ("podstack", "60 days", "7 days, 30 days, 90 days, 180 days, 365 days"),
        ("meetzy", "180 days", "30 days, 90 days, 6 months, 1 year"),
    ],
)
def test_a_lifetime_that_the_page_does_not_offer_is_refused_when_policies_are_read(
    name: str, lifetime: str, offered: str
) -> None:
    [(_, what, remedy)] = [
        problem
        for problem in policy_problems(a_policy(lifetime=Duration.parse(lifetime)), traits(name))
        if problem[0] == ("issuer", "expires_in")
    ]
    assert "does not offer" in what
    assert offered in remedy


@pytest.mark.parametrize("name", ["pogodoc", "dojah"])
def test_where_tokens_do_not_expire_no_lifetime_is_taken(name: str) -> None:
    assert problems(name, lifetime=Duration.parse("90 days"))


def test_meetzys_never_ends_after_four_years() -> None:
    ends = traits("meetzy").expiry.end_of(None, NOON)
    assert ends.year == NOON.year + 4
    assert traits("podstack").expiry.end_of(None, NOON) is None


# --- quota ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "most"), [("pogodoc", 10), ("podstack", 5), ("meetzy", None), ("dojah", None)])
def test_so_many_tokens_may_live_at_a_time(name: str, most: int | None) -> None:
    assert traits(name).max_active == most


# --- what an answer means ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVERY)
def test_a_token_that_works_is_valid_and_one_that_never_was_is_not(at: OpenAt, name: str) -> None:
    page, issuer = at(name)
    value = SecretValue(page.make("app"))
    assert issuer.verify(value).verdict is Verdict.VALID
    assert issuer.verify(SecretValue("never-issued")).verdict is Verdict.INVALID


@pytest.mark.parametrize("name", EVERY)
def test_a_deleted_token_is_invalid_at_once(at: OpenAt, name: str) -> None:
    page, issuer = at(name)
    value = SecretValue(page.make("app"))
    page.delete("app")
    assert issuer.verify(value).verdict is Verdict.INVALID


@pytest.mark.parametrize("name", ["podstack", "meetzy"])
def test_an_expired_token_is_invalid(at: OpenAt, name: str) -> None:
    page, issuer = at(name)
    value = SecretValue(page.make("app", days=30))
    page.clock.move(days=31)
    assert issuer.verify(value).verdict is Verdict.INVALID


ANSWERS = {
    "pogodoc, 402": ("pogodoc", Reply(402, {"message": "Payment Required"}), "subscription is not in good standing"),
    "podstack, 403": ("podstack", Reply(403, {"message": "Forbidden"}), "the status of the account"),
    "meetzy, 403": ("meetzy", Reply(403, {"success": False, "error": {"code": "forbidden"}}), "may not do this"),
    "meetzy, 401 of something else": ("meetzy", Reply(401, {"detail": "sign in"}), "neither life nor death"),
    "meetzy, 200 that says no": ("meetzy", Reply(200, {"success": False}), "neither life nor death"),
    "dojah, 402": ("dojah", Reply(402, {"error": "top up"}), "top it up"),
    "dojah, 403": ("dojah", Reply(403, {"error": "forbidden"}), "may not do this"),
    "dojah, 424": ("dojah", Reply(424, {"error": "upstream"}), "did not answer"),
    "dojah, an error with 200": ("dojah", Reply(200, {"error": "no"}), "neither life nor death"),
}


@pytest.mark.parametrize(("name", "answer", "said"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_is_about_something_else_proves_nothing_and_says_why(
    at: OpenAt, name: str, answer: Reply, said: str
) -> None:
    page, issuer = at(name)
    value = SecretValue(page.make("app"))
    page.trouble = answer
    verification = issuer.verify(value)
    assert verification.verdict is Verdict.INDETERMINATE
    assert said in verification.reason


TROUBLES = {
    "429": Reply(429, {"message": "Too Many Requests"}, {"Retry-After": "7"}),
    "500": Reply(500, {"message": "Internal Server Error"}),
    "503": Reply(503, {"message": "Service Unavailable"}),
    "a redirect": Reply(302, {}, {"Location": "/login"}),
    "a sign-in page": Reply(200, b"<html>", {"Content-Type": "text/html"}),
    "a proxy's 401": Reply(401, b"<html>", {"Content-Type": "text/html"}),
}


@pytest.mark.parametrize("answer", TROUBLES.values(), ids=TROUBLES)
@pytest.mark.parametrize("name", EVERY)
def test_a_service_in_trouble_proves_neither_life_nor_death(at: OpenAt, name: str, answer: Reply) -> None:
    page, issuer = at(name)
    value = SecretValue(page.make("app"))
    page.trouble = answer
    assert issuer.verify(value).verdict is Verdict.INDETERMINATE


def test_pogodoc_refuses_a_whole_account_and_is_known_to(at: OpenAt) -> None:
    page, issuer = at("pogodoc")
    value = SecretValue(page.make("app"))
    page.in_good_standing = False
    assert issuer.verify(value).verdict is Verdict.INVALID
    assert issuer.traits.refuses_accounts


def test_pogodocs_call_with_side_effects_is_never_made(at: OpenAt) -> None:
    page, issuer = at("pogodoc")
    issuer.verify(SecretValue(page.make("app")))
    assert [asked.split("/")[1] for asked in page.asked] == ["jobs"]


@pytest.mark.parametrize(("style", "bearer"), [("authorization-and-appid", False), ("bearer-and-x-api-key", True)])
def test_dojahs_headers_can_be_chosen(at: OpenAt, style: str, bearer: bool) -> None:
    page, issuer = at("dojah", headers=style)
    page.bearer_style = bearer  # type: ignore[attr-defined]  # only Dojah has two
    try:
        value = SecretValue(page.make("app"))
        assert issuer.verify(value).verdict is Verdict.VALID
        page.bearer_style = not bearer  # type: ignore[attr-defined]  # as above
        assert issuer.verify(value).verdict is Verdict.INVALID
    finally:
        page.bearer_style = False  # type: ignore[attr-defined]  # as above


def _request() -> Any:
    return IssueRequest(TokenName("app"), None, NOON)
