"""What an issuer promises: four calls, and the traits by which the engine knows what to expect of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Protocol

from rotator.domain.durations import Duration
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle, TokenName


class Verdict(Enum):
    """What an issuer says of a value. Only VALID lets a rotation go on; only INVALID proves a death."""

    VALID = "valid"
    INVALID = "invalid"
    INDETERMINATE = "indeterminate"


@dataclass(frozen=True)
class Verification:
    """A verdict, with the handle that the issuer says the value belongs to, where it tells."""

    verdict: Verdict
    handle: Handle | None = None
    reason: str = ""


class Revocation(Enum):
    """The issuer's answer to a revoke. Neither is proof of death."""

    DONE = "done"
    ALREADY_GONE = "already gone"


@dataclass(frozen=True)
class IssueRequest:
    """Ask for one token. ``name`` already fits the issuer's rules; ``lifetime`` is one it offers, or None (default)."""

    name: TokenName
    lifetime: Duration | None
    now: datetime


@dataclass(frozen=True)
class Issued:
    """A token that now exists. The value is shown once: here."""

    handle: Handle
    value: SecretValue
    name: TokenName | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class TokenInfo:
    """What an issuer lists of a live token."""

    handle: Handle
    name: TokenName | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    last_used_at: datetime | None = None


class Coexistence(StrEnum):
    """How many tokens of one secret may be alive at the issuer at a time."""

    MANY = "many"
    TWO = "two"
    ONE = "one"
    SHORTENS_OLD = "shortens_old"
    """Creating one cuts the life of the old one short."""


@dataclass(frozen=True)
class NameRules:
    """What the issuer accepts as a token's name. ``pattern`` must match all of it, ``forbid`` nowhere."""

    min_length: int = 1
    max_length: int = 255
    pattern: str | None = None
    forbid: str | None = None
    separator: str = "-"


@dataclass(frozen=True)
class ExpiryRules:
    """Which lifetimes the issuer offers. No choices and no maximum: any."""

    required: bool = False
    choices: tuple[Duration, ...] = ()
    maximum: Duration | None = None
    never_means: Duration | None = None
    """What "never" turns out to be there, where it is not for ever."""

    def end_of(self, lifetime: Duration | None, made_at: datetime) -> datetime | None:
        """Give when a token expires that was made then, by these rules alone; None: never."""
        length = lifetime or self.never_means
        return length.after(made_at) if length else None


@dataclass(frozen=True)
class IssuerTraits:
    """What an issuer is like."""

    coexistence: Coexistence = Coexistence.MANY
    max_active: int | None = None
    by_hand: bool = False
    """People make and delete its tokens on its own pages. It is an ``IssuerByHand``, and lists nothing."""
    lists: bool = True
    names_tokens: bool = True
    """Its list shows the name we gave: a lost token is found by name. Else by ids that are new."""
    binds_value_to_handle: bool = False
    """Verifying a value returns the handle it belongs to."""
    reports_last_use: bool = False
    reuses_handles: bool = False
    """A dead token's handle may be given to another: compare name and creation time before a revoke."""
    names: NameRules = field(default_factory=NameRules)
    expiry: ExpiryRules = field(default_factory=ExpiryRules)
    issue_propagation: timedelta = timedelta(seconds=10)
    """How long a new token may still be refused, or be missing from the list."""
    revoke_propagation: timedelta = timedelta(seconds=60)
    """How long a revoked token may still be accepted."""
    value_pattern: str | None = None
    """What a whole value looks like, where people hand it in."""
    refuses_accounts: bool = False
    """A refusal may be about the whole account (a bill that was not paid): it proves a token's death only while the
    issuer accepts another one of the account."""


class Issuer(Protocol):
    """Makes, lists, checks and revokes the tokens of one account (user, team, project …)."""

    @property
    def traits(self) -> IssuerTraits: ...

    def issue(self, request: IssueRequest) -> Issued:
        """Make one token. Not repeatable; the request is sent once.

        Raises Permanent or Temporary only when no token was made; Ambiguous whenever one may have been (a lost or
        cut answer, a 5xx).
        """
        ...

    def tokens(self) -> Iterable[TokenInfo]:
        """List the live tokens: all of them, or an error. NeedsOperator where an empty answer may be a lie."""
        ...

    def verify(self, value: SecretValue) -> Verification:
        """Ask the issuer whether it accepts this value. INDETERMINATE for every answer that proves neither."""
        ...

    def revoke(self, handle: Handle) -> Revocation:
        """End this token and no other. Repeatable."""
        ...


@dataclass(frozen=True)
class Instructions:
    """What a person does at an issuer's own pages, in the pages' words. Parts of sentences, without a full stop."""

    link: str
    make: str
    """Where on the page: ``API Tokens → New Token``."""
    delete: str
    expiry: str = ""
    """What to choose there for the lifetime that was asked for; empty where the page offers no choice."""
    recognise: str = ""
    """How one token is told from another in the page's list."""
    compromised: str = ""
    """What its makers advise when a token got out."""


class IssuerByHand(Issuer, Protocol):
    """An issuer that only a person can ask for a token. The engine asks the person; ``verify`` is all that it calls."""

    def instructions(self, lifetime: Duration | None) -> Instructions:
        """Say how a token of this lifetime is made, and how one is deleted. Calls nobody."""
        ...
