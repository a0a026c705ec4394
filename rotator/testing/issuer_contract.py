"""What every issuer must do, as a class that an issuer's tests inherit: ours, third parties', and the fakes'.

A test class inherits ``IssuerContract`` and provides the fixtures ``issuer`` and ``stranger`` (the same issuer, opened
with a management credential that is wrong)::

    class TestAcme(IssuerContract):
        @pytest.fixture
        def issuer(self, server): ...

        @pytest.fixture
        def stranger(self, server): ...

``clock`` is the machine's unless the class gives a ``clock`` of its own: nothing here sleeps, but a real server's
propagation can only be waited for. What an issuer's traits do not claim is not asked of it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Protocol

import pytest

from rotator.domain.clock import Clock, SystemClock
from rotator.domain.contracts import Issued, Issuer, IssueRequest, IssuerTraits, Revocation, TokenInfo, Verdict
from rotator.domain.durations import Duration
from rotator.domain.errors import RotatorError, Temporary
from rotator.domain.model import TokenName
from rotator.domain.secret_value import SecretValue

_CLOCKS_MAY_DIFFER_BY = timedelta(minutes=1)
_POLL_EVERY = timedelta(milliseconds=100)

MakeName = Callable[[int | None], TokenName]


class Issue(Protocol):
    """Issues a token under this name, or under a new one; with a lifetime, where one is asked for."""

    def __call__(self, name: TokenName | None = None, *, expires: bool = False) -> Issued: ...


class IssuerContract:
    """The promises of ``rotator.domain.contracts.Issuer``."""

    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()

    @pytest.fixture
    def traits(self, issuer: Issuer) -> IssuerTraits:
        return issuer.traits

    @pytest.fixture
    def make_name(self, traits: IssuerTraits) -> MakeName:
        """Makes names that nobody used yet; of this length, where one is asked for."""

        def make(length: int | None = None) -> TokenName:
            rules = traits.names
            length = length or max(rules.min_length, min(rules.max_length, 20))
            name = ("t" + secrets.token_hex(length // 2 + 1))[:length]
            assert rules.pattern is None or re.fullmatch(rules.pattern, name), "give the class a `make_name` that fits"
            return TokenName(name)

        return make

    @pytest.fixture
    def lifetime(self, traits: IssuerTraits) -> Duration | None:
        """One that the issuer offers; None where its tokens cannot expire."""
        if traits.expiry.choices:
            return traits.expiry.choices[0]
        day = Duration.parse("1 day")
        maximum = day if traits.expiry.maximum is None else traits.expiry.maximum
        return min(day, maximum, key=lambda offered: offered.roughly) or None

    @pytest.fixture
    def issue(self, issuer: Issuer, clock: Clock, make_name: MakeName, lifetime: Duration | None) -> Iterator[Issue]:
        """Issues tokens, and ends with the test those that it left alive."""
        issued: list[Issued] = []

        def make(name: TokenName | None = None, *, expires: bool = False) -> Issued:
            needs_expiry = expires or issuer.traits.expiry.required
            request = IssueRequest(name or make_name(None), lifetime if needs_expiry else None, clock.now())
            issued.append(issuer.issue(request))
            return issued[-1]

        yield make
        for token in issued:
            issuer.revoke(token.handle)

    # --- issue ---

    def test_a_new_token_is_accepted_within_its_propagation(
        self, issuer: Issuer, issue: Issue, clock: Clock, traits: IssuerTraits
    ) -> None:
        issued = issue()
        assert settled(clock, traits.issue_propagation, says(issuer, issued.value, Verdict.VALID))

    def test_a_verified_value_belongs_to_the_handle_that_came_with_it(
        self, issuer: Issuer, issue: Issue, clock: Clock, traits: IssuerTraits
    ) -> None:
        first, second = issue(), issue()
        assert first.handle != second.handle
        for issued in (first, second):
            settled(clock, traits.issue_propagation, says(issuer, issued.value, Verdict.VALID))
            expected = issued.handle if traits.binds_value_to_handle else None
            assert issuer.verify(issued.value).handle == expected

    def test_two_tokens_have_two_values(self, issue: Issue) -> None:
        assert not issue().value.same_as(issue().value)

    def test_a_token_begins_when_it_was_asked_for(self, issue: Issue, clock: Clock) -> None:
        before = clock.now()
        created_at = issue().created_at
        assert created_at is not None
        assert created_at.utcoffset() == timedelta()
        assert abs(created_at - before) < _CLOCKS_MAY_DIFFER_BY

    def test_a_lifetime_that_is_asked_for_is_given(
        self, issuer: Issuer, issue: Issue, clock: Clock, lifetime: Duration | None, traits: IssuerTraits
    ) -> None:
        if lifetime is None:
            pytest.skip("its tokens cannot expire")
        issued = issue(expires=True)
        wanted = lifetime.after(clock.now())
        assert issued.expires_at is not None
        # A date ends at midnight: up to a day early.
        assert wanted - timedelta(days=1, minutes=1) <= issued.expires_at <= wanted + _CLOCKS_MAY_DIFFER_BY
        if traits.lists:
            listed = find(issuer, issued)
            assert listed is not None
            assert listed.expires_at is None or abs(listed.expires_at - issued.expires_at) < _CLOCKS_MAY_DIFFER_BY

    @pytest.mark.parametrize("limit", ["min_length", "max_length"])
    def test_a_name_as_short_or_long_as_the_rules_allow_is_taken(
        self, issuer: Issuer, issue: Issue, make_name: MakeName, traits: IssuerTraits, limit: str
    ) -> None:
        # A very short name may be taken already; three letters are as good a test of "short" and never are.
        name = make_name(max(getattr(traits.names, limit), 3))
        issued = issue(name)
        if traits.lists and traits.names_tokens:
            listed = find(issuer, issued)
            assert listed is not None
            assert listed.name == name

    # --- tokens ---

    def test_a_new_token_is_listed_under_its_name(
        self, issuer: Issuer, issue: Issue, clock: Clock, traits: IssuerTraits, make_name: MakeName
    ) -> None:
        if not traits.lists:
            pytest.skip("it does not list")
        name = make_name(None)
        issued = issue(name)
        assert settled(clock, traits.issue_propagation, lambda: find(issuer, issued) is not None)
        listed = find(issuer, issued)
        assert listed is not None
        assert listed.name == (name if traits.names_tokens else None)
        if listed.created_at is not None and issued.created_at is not None:
            assert abs(listed.created_at - issued.created_at) < _CLOCKS_MAY_DIFFER_BY

    def test_each_token_is_listed_once(self, issuer: Issuer, issue: Issue, traits: IssuerTraits) -> None:
        if not traits.lists:
            pytest.skip("it does not list")
        issue(), issue()
        handles = [info.handle for info in issuer.tokens()]
        assert len(handles) == len(set(handles))

    def test_the_use_of_a_token_is_told_where_the_issuer_tells_it(
        self, issuer: Issuer, issue: Issue, clock: Clock, traits: IssuerTraits
    ) -> None:
        if not traits.reports_last_use:
            pytest.skip("it does not tell")
        issued = issue()
        issuer.verify(issued.value)
        assert settled(clock, timedelta(seconds=60), lambda: was_used(issuer, issued))

    # --- verify ---

    def test_a_value_that_was_never_issued_is_invalid(self, issuer: Issuer, issue: Issue) -> None:
        assert issuer.verify(never_issued(issue().value)).verdict is Verdict.INVALID

    def test_a_value_that_cannot_be_sent_is_no_proof_of_anything(self, issuer: Issuer) -> None:
        assert issuer.verify(SecretValue("two\r\nlines: of it")).verdict is not Verdict.VALID

    # --- revoke ---

    def test_a_revoked_token_is_refused_within_its_propagation(
        self, issuer: Issuer, issue: Issue, clock: Clock, traits: IssuerTraits
    ) -> None:
        issued = issue()
        assert issuer.revoke(issued.handle) is Revocation.DONE
        assert settled(clock, traits.revoke_propagation, says(issuer, issued.value, Verdict.INVALID))

    def test_a_revoked_token_is_no_longer_listed(
        self, issuer: Issuer, issue: Issue, clock: Clock, traits: IssuerTraits
    ) -> None:
        if not traits.lists:
            pytest.skip("it does not list")
        issued = issue()
        issuer.revoke(issued.handle)
        assert settled(clock, traits.revoke_propagation, lambda: find(issuer, issued) is None)

    def test_revoking_twice_is_no_error(self, issuer: Issuer, issue: Issue) -> None:
        issued = issue()
        issuer.revoke(issued.handle)
        assert issuer.revoke(issued.handle) in (Revocation.DONE, Revocation.ALREADY_GONE)

    def test_revoking_one_token_leaves_the_others_alive(
        self, issuer: Issuer, issue: Issue, clock: Clock, traits: IssuerTraits
    ) -> None:
        old, new = issue(), issue()
        issuer.revoke(old.handle)
        assert settled(clock, traits.revoke_propagation, says(issuer, old.value, Verdict.INVALID))
        assert issuer.verify(new.value).verdict is Verdict.VALID
        if traits.lists:
            assert find(issuer, new) is not None

    # --- a wrong management credential ---

    def test_a_wrong_credential_issues_nothing_and_says_so_for_good(
        self, stranger: Issuer, make_name: MakeName, lifetime: Duration | None, clock: Clock
    ) -> None:
        with pytest.raises(RotatorError) as refused:
            stranger.issue(IssueRequest(make_name(None), lifetime, clock.now()))
        assert not isinstance(refused.value, Temporary)
        assert refused.value.remedy

    def test_a_wrong_credential_is_never_an_empty_list(self, stranger: Issuer, traits: IssuerTraits) -> None:
        if not traits.lists:
            pytest.skip("it does not list")
        with pytest.raises(RotatorError) as refused:
            list(stranger.tokens())
        assert not isinstance(refused.value, Temporary)

    def test_a_wrong_credential_revokes_nothing(self, issuer: Issuer, stranger: Issuer, issue: Issue) -> None:
        issued = issue()
        with pytest.raises(RotatorError):
            stranger.revoke(issued.handle)
        assert issuer.verify(issued.value).verdict is Verdict.VALID

    # --- secrets ---

    def test_nothing_shows_a_value(self, issuer: Issuer, issue: Issue, traits: IssuerTraits) -> None:
        issued = issue()
        value = issued.value.reveal()
        shown = [issuer, issued, issuer.verify(issued.value), *(issuer.tokens() if traits.lists else ())]
        assert not [thing for thing in shown if value in repr(thing) or value in str(thing)]


def says(issuer: Issuer, value: SecretValue, verdict: Verdict) -> Callable[[], bool]:
    return lambda: issuer.verify(value).verdict is verdict


def find(issuer: Issuer, issued: Issued) -> TokenInfo | None:
    return next((info for info in issuer.tokens() if info.handle == issued.handle), None)


def was_used(issuer: Issuer, issued: Issued) -> bool:
    listed = find(issuer, issued)
    return listed is not None and listed.last_used_at is not None


def never_issued(real: SecretValue) -> SecretValue:
    """Make a value that looks like a real one."""
    value = real.reveal()
    return SecretValue(value[:-8] + ("00000000" if value[-8:] != "00000000" else "11111111"))


def settled(clock: Clock, within: timedelta, holds: Callable[[], bool]) -> bool:
    """Ask until it holds; False when it does not within this time."""
    deadline = clock.now() + within
    while not holds():
        if clock.now() >= deadline:
            return False
        clock.wait(_POLL_EVERY)
    return True
