"""The sandbox's profile against the running sandbox: the issuer contract, then its bad days as the issuer sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from providers.issuers.sandbox.tokens import Rules
from rotator.domain.clock import Clock
from rotator.domain.contracts import Issuer, IssueRequest, Revocation, Verdict
from rotator.domain.durations import Duration
from rotator.domain.errors import Ambiguous, Permanent, RotatorError, Temporary
from rotator.domain.model import Handle, TokenName
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.issuer_contract import IssuerContract
from rotator.testing.moving_clock import MovingClock
from tests.contract.http_profiles import built_in, open_issuer
from tests.servers.sandbox import SandboxIssuer, StartSandbox

UNUSUAL = Rules(page_size=1, reuses_ids=True, names_are_unique=True, max_active=2)


def opened(sandbox: SandboxIssuer, clock: Clock, admin_token: str | None = None) -> Issuer:
    access = DictionaryAccess({"admin": admin_token or sandbox.admin_token})
    access.clock = clock
    return open_issuer(built_in("sandbox"), access, config={"url": sandbox.url}, options={})


@pytest.fixture
def clock() -> MovingClock:
    return MovingClock()


@pytest.fixture
def issuer(sandbox: SandboxIssuer, clock: MovingClock) -> Issuer:
    return opened(sandbox, clock)


@pytest.fixture
def request_for_app(clock: MovingClock) -> IssueRequest:
    return IssueRequest(TokenName("app-1a2b3c"), None, clock.now())


class TestSandbox(IssuerContract):
    @pytest.fixture
    def clock(self) -> MovingClock:
        return MovingClock()

    @pytest.fixture(params=[Rules(), UNUSUAL], ids=["usual", "unusual"])
    def sandbox(self, request, clock: MovingClock, start_sandbox: StartSandbox) -> SandboxIssuer:
        return start_sandbox(rules=request.param, clock=clock)

    @pytest.fixture
    def issuer(self, sandbox: SandboxIssuer, clock: MovingClock) -> Issuer:
        return opened(sandbox, clock)

    @pytest.fixture
    def stranger(self, sandbox: SandboxIssuer, clock: MovingClock) -> Issuer:
        return opened(sandbox, clock, "not-the-admin-token")


class TestASandboxThatRevokesSlowly(IssuerContract):
    """A revoke is seen some seconds late, as at an issuer that is more than one machine."""

    @pytest.fixture
    def clock(self) -> MovingClock:
        return MovingClock()

    @pytest.fixture
    def sandbox(self, clock: MovingClock, start_sandbox: StartSandbox) -> SandboxIssuer:
        slow = start_sandbox(clock=clock)
        slow.script("revoke", "propagate_slowly", times=99, seconds=4)
        return slow

    @pytest.fixture
    def issuer(self, sandbox: SandboxIssuer, clock: MovingClock) -> Issuer:
        return opened(sandbox, clock)

    @pytest.fixture
    def stranger(self, sandbox: SandboxIssuer, clock: MovingClock) -> Issuer:
        return opened(sandbox, clock, "not-the-admin-token")


def test_its_profile_tells_the_rules_that_the_sandbox_has_by_default() -> None:
    traits, rules = built_in("sandbox").traits(None, None), Rules()
    assert traits.max_active == rules.max_active
    assert (traits.names.min_length, traits.names.max_length) == (rules.name_min, rules.name_max)
    assert traits.names.pattern == rules.name_pattern
    assert traits.expiry.maximum is not None
    assert traits.expiry.maximum.roughly.total_seconds() == rules.longest_lifetime
    assert traits.reuses_handles == rules.reuses_ids


@pytest.mark.parametrize("kind", ["lose_answer", "lose_request", "fail_before", "fail_after", "garbage"])
def test_a_create_that_may_have_made_a_token_is_ambiguous_and_was_sent_once(
    sandbox: SandboxIssuer, issuer: Issuer, request_for_app: IssueRequest, kind: str
) -> None:
    sandbox.script("create", kind)
    with pytest.raises(Ambiguous):
        issuer.issue(request_for_app)
    assert sandbox.requests("create") == 1


@pytest.mark.parametrize("kind", ["lose_answer", "fail_after", "garbage"])
def test_a_lost_token_is_found_by_its_name(
    sandbox: SandboxIssuer, issuer: Issuer, request_for_app: IssueRequest, kind: str
) -> None:
    sandbox.script("create", kind)
    with pytest.raises(Ambiguous):
        issuer.issue(request_for_app)
    [lost] = [token for token in issuer.tokens() if token.name == request_for_app.name]
    assert issuer.revoke(lost.handle) is Revocation.DONE
    assert sandbox.live_values() == {}


@pytest.mark.parametrize(("told", "wait"), [(7, timedelta(seconds=7)), (None, None)])
def test_a_rate_limit_makes_nothing_and_passes_on_when_to_come_back(
    sandbox: SandboxIssuer, issuer: Issuer, request_for_app: IssueRequest, told: int | None, wait: timedelta | None
) -> None:
    sandbox.script("create", "rate_limit", retry_after=told)
    with pytest.raises(Temporary) as limited:
        issuer.issue(request_for_app)
    assert not isinstance(limited.value, Ambiguous)
    assert limited.value.retry_after == wait
    assert sandbox.live_values() == {}


def test_a_full_quota_is_told_apart_from_a_missing_permission(
    sandbox: SandboxIssuer, issuer: Issuer, request_for_app: IssueRequest
) -> None:
    for _ in range(10):
        sandbox.issue("app")
    with pytest.raises(RotatorError, match="quota") as refused:
        issuer.issue(request_for_app)
    assert not isinstance(refused.value, Temporary)


def test_a_name_that_is_taken_may_be_by_the_token_that_was_asked_for(
    start_sandbox: StartSandbox, clock: MovingClock, request_for_app: IssueRequest
) -> None:
    strict = start_sandbox(rules=Rules(names_are_unique=True))
    strict.issue(request_for_app.name)
    with pytest.raises(Ambiguous):
        opened(strict, clock).issue(request_for_app)


def test_a_lifetime_that_is_too_long_is_refused_for_good(
    sandbox: SandboxIssuer, issuer: Issuer, clock: MovingClock
) -> None:
    with pytest.raises(Permanent):
        issuer.issue(IssueRequest(TokenName("app"), Duration.parse("3 years"), clock.now()))
    assert sandbox.live_values() == {}


def test_a_token_that_has_not_arrived_is_invalid_and_later_valid(
    sandbox: SandboxIssuer, issuer: Issuer, request_for_app: IssueRequest
) -> None:
    sandbox.script("create", "propagate_slowly", requests=1, seconds=4)
    issued = issuer.issue(request_for_app)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    sandbox.advance(timedelta(seconds=4))
    assert issuer.verify(issued.value).verdict is Verdict.VALID


def test_a_value_that_is_not_the_tokens_is_invalid(
    sandbox: SandboxIssuer, issuer: Issuer, request_for_app: IssueRequest
) -> None:
    sandbox.script("create", "wrong_value")
    issued = issuer.issue(request_for_app)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("garbage", {"body": "<html>welcome</html>"}),
        ("garbage", {"body": "{}"}),
        ("garbage", {"body": "{}", "status": 401}),
        ("fail_before", {}),
        ("lose_answer", {}),
        ("refuse", {"status": 403}),
        ("rate_limit", {"retry_after": 7}),
    ],
)
def test_an_answer_to_verify_that_proves_nothing_is_taken_for_neither_life_nor_death(
    sandbox: SandboxIssuer, issuer: Issuer, kind: str, settings: dict[str, object]
) -> None:
    issued = sandbox.issue("app")
    sandbox.script("verify", kind, **settings)
    try:
        verdict = issuer.verify(SecretValue(issued["token"])).verdict
    except Temporary:
        verdict = Verdict.INDETERMINATE
    assert verdict is Verdict.INDETERMINATE
    assert sandbox.fired() == [kind]


@pytest.mark.parametrize("kind", ["garbage", "fail_before", "lose_answer"])
def test_a_list_that_did_not_come_is_never_an_empty_one(sandbox: SandboxIssuer, issuer: Issuer, kind: str) -> None:
    sandbox.issue("app")
    sandbox.script("list", kind)
    with pytest.raises(RotatorError):
        list(issuer.tokens())


def test_a_revoke_whose_answer_was_lost_is_found_done_the_second_time(sandbox: SandboxIssuer, issuer: Issuer) -> None:
    issued = sandbox.issue("app")
    sandbox.script("revoke", "lose_answer")
    with pytest.raises(Temporary):
        issuer.revoke(Handle(issued["id"]))
    assert issuer.revoke(Handle(issued["id"])) is Revocation.ALREADY_GONE
    assert sandbox.live_values() == {}
