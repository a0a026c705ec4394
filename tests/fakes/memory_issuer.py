"""An issuer in memory that passes the issuer contract, and whose truth a test can look at.

It makes, lists, checks and revokes tokens by its traits; it is as slow, forgetful or deceitful as a test wants, within
what real issuers do: a new token may not be known yet, a revoked one may still work, a handle may be given out again,
a create whose answer was lost may arrive late.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rotator.domain.contracts import (
    Instructions,
    Issued,
    IssueRequest,
    IssuerTraits,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.durations import Duration
from rotator.domain.errors import Ambiguous, Permanent
from rotator.domain.model import Handle, TokenName
from rotator.domain.secret_value import SecretValue
from rotator.testing.moving_clock import MovingClock
from tests.fakes.scripted import Script


@dataclass
class MadeToken:
    """One token, as the issuer knows it."""

    handle: Handle
    name: TokenName
    value: str
    created_at: datetime
    known_from: datetime
    """Until then it exists, but is refused and not listed."""
    expires_at: datetime | None = None
    dies_at: datetime | None = None
    foreign: bool = False
    last_used_at: datetime | None = None
    times_revoked: int = 0


class MemoryIssuer:
    """Implements ``rotator.domain.contracts.Issuer``."""

    def __init__(self, clock: MovingClock, traits: IssuerTraits | None = None, *, script: Script | None = None) -> None:
        self.clock = clock
        self.script = script or Script("issuer")
        self._traits = traits or IssuerTraits()
        self._made: list[MadeToken] = []
        self._on_their_way: list[tuple[datetime, IssueRequest]] = []
        self._late_by: list[timedelta] = []
        self._authorized = True
        self.issue_delay = timedelta()
        """How long a new token is not known yet."""
        self.revoke_delay = timedelta()
        """How long a revoked token still works."""
        self.revokes_in_vain = False
        """Answers every revoke with DONE, and the token works on."""
        self.shortens_to: timedelta | None = None
        """With each new token, every other one has this long to live."""
        self.makes_duds = False
        """The value that it gives back is not the one that it accepts."""
        self.gives_back_the_newest = False
        """Answers a create with the token that is there already."""
        self.account_is_closed = False
        """Refuses every token, until the bill is paid."""

    @property
    def traits(self) -> IssuerTraits:
        return self._traits

    def with_traits(self, **changes: object) -> None:
        self._traits = replace(self._traits, **changes)  # type: ignore[arg-type]  # the names are the traits' own

    def opened_with_a_wrong_credential(self) -> MemoryIssuer:
        """Give the same issuer as somebody without permission sees it."""
        other = MemoryIssuer(self.clock, self._traits)
        other._made, other._authorized = self._made, False
        return other

    # --- what it promises ---

    def issue(self, request: IssueRequest) -> Issued:
        return self.script.run("issue", lambda: self._issue(request))

    def tokens(self) -> Iterable[TokenInfo]:
        return self.script.run("tokens", self._list)

    def verify(self, value: SecretValue) -> Verification:
        return self.script.run("verify", lambda: self._verify(value))

    def revoke(self, handle: Handle) -> Revocation:
        return self.script.run("revoke", lambda: self._revoke(handle))

    def instructions(self, lifetime: Duration | None) -> Instructions:
        """Where people make its tokens: see ``IssuerByHand``."""
        return Instructions(
            link="https://issuer.example/tokens",
            make="press New",
            delete="press Delete",
            expiry=str(lifetime or "never"),
            compromised="tell its makers",
        )

    # --- the truth ---

    def alive(self) -> list[MadeToken]:
        """Give the tokens that work, or will as soon as they are known."""
        self._let_arrive()
        return [token for token in self._made if not self._is_dead(token)]

    def accepts(self, value: str) -> bool:
        return any(token.value == value for token in self.alive())

    def made(self) -> list[MadeToken]:
        return list(self._made)

    def token_of(self, value: str) -> MadeToken | None:
        return next((token for token in self._made if token.value == value), None)

    # --- others, and accidents ---

    def make_by_hand(self, name: str = "by-hand", *, foreign: bool = True) -> MadeToken:
        """Make a token as a person does at the issuer's own page."""
        return self._make(TokenName(name), None, foreign=foreign)

    def delete_by_hand(self, name: str) -> None:
        """End a token as a person does who finds it by its name. One that is not there cannot be found."""
        for token in self.alive():
            if token.name == name:
                self._end(token.handle, self._now())

    def revoke_by_hand(self, handle: Handle) -> None:
        self._end(handle, self._now())

    def lose_the_next_create(self, *, arrives_after: timedelta) -> None:
        """Have the next create answered by nothing, and done only after a while."""
        self._late_by.append(arrives_after)

    def mend(self) -> None:
        """Be an issuer that works, from now on."""
        self.script.forgive()
        self.revokes_in_vain = self.makes_duds = self.gives_back_the_newest = False
        self._late_by.clear()

    # --- how it works ---

    def _now(self) -> datetime:
        return self.clock.right_time()

    def _issue(self, request: IssueRequest) -> Issued:
        assert not self._traits.by_hand, "it was asked for a token, and has no API for that"
        self._must_be_authorized()
        if self._late_by:
            self._on_their_way.append((self._now() + self._late_by.pop(0), request))
            raise Ambiguous("the connection was closed before the answer came")
        limit = self._traits.max_active
        if limit is not None and len(self.alive()) >= limit:
            raise Permanent(f"409: there are {limit} tokens already", remedy="Delete one.")
        for other in self.alive() if self.shortens_to is not None else ():
            end = self._now() + self.shortens_to
            other.expires_at = min(end, other.expires_at or end)
        there = self.alive() if self.gives_back_the_newest else []
        made = there[-1] if there else self._make(request.name, request)
        value = f"dud_{secrets.token_hex(12)}" if self.makes_duds else made.value
        name = made.name if self._traits.names_tokens else None
        return Issued(made.handle, SecretValue(value), name, made.created_at, made.expires_at)

    def _make(
        self, name: TokenName, request: IssueRequest | None, at: datetime | None = None, *, foreign: bool = False
    ) -> MadeToken:
        now = at or self._now()
        expires = request.lifetime.after(now) if request is not None and request.lifetime else None
        value = f"tok_{secrets.token_hex(12)}"
        known_from = now + self.issue_delay
        token = MadeToken(self._free_handle(), name, value, now, known_from, expires, foreign=foreign)
        self._made.append(token)
        return token

    def _free_handle(self) -> Handle:
        taken = self.alive() if self._traits.reuses_handles else self._made
        numbers = {int(token.handle) for token in taken}
        return Handle(str(next(number for number in range(1, len(numbers) + 2) if number not in numbers)))

    def _list(self) -> list[TokenInfo]:
        self._must_be_authorized()
        if not self._traits.lists:
            raise Permanent("404: there is no list")
        return [
            TokenInfo(
                token.handle,
                token.name if self._traits.names_tokens else None,
                token.created_at,
                token.expires_at,
                token.last_used_at if self._traits.reports_last_use else None,
            )
            for token in self._known()
        ]

    def _verify(self, value: SecretValue) -> Verification:
        if self.account_is_closed:
            return Verification(Verdict.INVALID, reason="401")
        for token in self._known():
            if token.value == value.reveal():
                token.last_used_at = self._now()
                return Verification(Verdict.VALID, token.handle if self._traits.binds_value_to_handle else None)
        return Verification(Verdict.INVALID, reason="401")

    def _revoke(self, handle: Handle) -> Revocation:
        assert not self._traits.by_hand, "it was asked to end a token, and has no API for that"
        self._must_be_authorized()
        if all(token.handle != handle for token in self._known()):
            return Revocation.ALREADY_GONE
        if not self.revokes_in_vain:
            self._end(handle, self._now() + self.revoke_delay)
        return Revocation.DONE

    def _end(self, handle: Handle, at: datetime) -> None:
        for token in self.alive():
            if token.handle == handle:
                token.times_revoked += 1
                token.dies_at = min(at, token.dies_at or at)

    def _known(self) -> list[MadeToken]:
        return [token for token in self.alive() if token.known_from <= self._now()]

    def _is_dead(self, token: MadeToken) -> bool:
        ends = [moment for moment in (token.dies_at, token.expires_at) if moment is not None]
        return any(moment <= self._now() for moment in ends)

    def _let_arrive(self) -> None:
        due = [late for late in self._on_their_way if late[0] <= self._now()]
        self._on_their_way = [late for late in self._on_their_way if late not in due]
        for moment, request in due:
            self._make(request.name, request, moment)

    def _must_be_authorized(self) -> None:
        if not self._authorized:
            raise Permanent("401: the management credential is wrong", remedy="Put the right one in its place.")
