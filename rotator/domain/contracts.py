"""What providers promise. A provider imports this module (and its neighbours), and nothing else of the engine.

The engine branches on *traits*, never on names. Errors come in the families of ``errors``; a provider translates its
SDK's exceptions at its own door. Everything but ``Issuer.issue`` may be called twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from typing import Any, Final, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from rotator.domain.clock import Clock
from rotator.domain.durations import Duration
from rotator.domain.limits import NO_LIMITS, Limits
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle, Target, TokenName, Version

# --- issuers -----------------------------------------------------------------------------------------------------


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


# --- stores ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StoreTraits:
    """What a store is like, at one place."""

    readable: bool = True
    versioned: bool = True
    """Earlier versions can be read and restored."""
    stages: bool = False
    """``write`` does not show the value to consumers yet; ``promote`` does."""
    compares_and_sets: bool = True
    settles: bool = False
    """Consumers see a change only after a restart, release or redeploy."""
    puts_away: bool = False
    """A version whose token is dead is put away after every rotation; else after a compromise only."""


@dataclass(frozen=True)
class Stored:
    """What a place holds. ``value`` is None where the store is write-only or our field is not there yet."""

    value: SecretValue | None
    version: Version
    attributes: Mapping[str, str] = field(default_factory=dict)


class Place(BaseModel):
    """One place in a store, as a policy writes it. Plug-ins add their fields; unknown ones are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


PlaceT_contra = TypeVar("PlaceT_contra", bound=Place, contravariant=True)


class Store(Protocol[PlaceT_contra]):
    """Where consumers read tokens. One store serves every place of its connection, from several threads."""

    def traits(self, place: PlaceT_contra) -> StoreTraits: ...

    def current(self, place: PlaceT_contra) -> Stored | None:
        """Give what consumers read now; None when the place does not exist yet."""
        ...

    def preflight(self, place: PlaceT_contra) -> Stored | None:
        """Give ``current``, or raise what would make a write fail: missing and not ours to create, denied,
        scheduled for deletion, somebody else's pending version, owned by another controller. Touches nothing.
        """
        ...

    def write(self, place: PlaceT_contra, value: SecretValue, expected: Version | None, key: str) -> Version:
        """Put ``value`` there, in our field only, if the place is still at ``expected`` (None: does not exist).

        Repeatable under ``key``: the second time finds the first one's work and changes nothing. Where the store
        stages, consumers do not see it yet. Raises Conflict when somebody else wrote, Ambiguous when the answer was
        lost.
        """
        ...

    def promote(self, place: PlaceT_contra, version: Version, expected: Version | None) -> None:
        """Show a staged version to consumers, if they still see ``expected``. Nothing to do where nothing stages."""
        ...

    def read(self, place: PlaceT_contra, version: Version) -> Stored | None:
        """Give one version; None when it is not to be had (any more). Not versioned: only the newest one."""
        ...

    def written(self, place: PlaceT_contra, key: str) -> Stored | None:
        """Give what a write under ``key`` may have left behind, staged or current: how a value is found after a crash.

        A store that cannot tell by key gives ``current``; the caller compares fingerprints.
        """
        ...

    def restore(self, place: PlaceT_contra, version: Version, expected: Version | None) -> Version:
        """Put an earlier version back as the newest. Permanent where the store keeps none."""
        ...

    def discard(self, place: PlaceT_contra, key: str) -> None:
        """Take back what was staged under ``key`` and never promoted. Nothing staged: nothing to do."""
        ...

    def settle(self, place: PlaceT_contra, version: Version) -> None:
        """Return once consumers can see ``version``: ask for the restart or redeploy and see it finish.

        Raises Temporary while it is under way, NeedsOperator when it failed.
        """
        ...


class VersionedStore(Store[PlaceT_contra], Protocol[PlaceT_contra]):
    """A store at whose places earlier versions can be read, and so gone back to."""

    def put_away(self, place: PlaceT_contra, is_dead: Callable[[Stored], bool]) -> None:
        """See to it that nobody goes back to an earlier version with a dead token: disable, destroy or unlabel it.

        ``is_dead`` is asked about each that somebody could go back to, and about the newest never: a change beside our
        field carries our value on, so more than one version may hold it. Repeatable. What the newest version holds, and
        versions that ``is_dead`` denies, stay as they are. Permanent where the store cannot: that is told, and stops
        nothing.
        """
        ...


# --- plug-ins ----------------------------------------------------------------------------------------------------


class Config(BaseModel):
    """A connection's settings, as a policy file writes them. Plug-ins add theirs; unknown ones are errors.

    ``credentials`` holds references, never values: ``env:NAME``, ``file:PATH``, or a place in a store. A plug-in looks
    at their names alone; ``Access`` resolves them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    credentials: Mapping[str, str | Target] = {}


class Options(BaseModel):
    """What a policy's ``issuer:`` block says to the plug-in, beside connection, token_name and expires_in."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Budget(Protocol):
    """How much one connection may ask of its service, counted over all threads and machines."""

    def request(self) -> AbstractContextManager[None]:
        """Wait until one more request may be sent, and count it as under way inside the block.

        Every request to the service goes through here. Raises Temporary when its turn is too far away: the request
        was not sent.
        """
        ...

    def throttled(self, retry_after: timedelta | None) -> None:
        """Tell that the service refused a request for want of budget: nobody asks again before that time is over."""
        ...

    def unavailable(self) -> None:
        """Tell, while its request is under way, that the service is down: a gateway answered for it (502, 503, 504)."""
        ...


class NoBudget:
    """For a connection that nothing limits."""

    def request(self) -> AbstractContextManager[None]:
        return nullcontext()

    def throttled(self, retry_after: timedelta | None) -> None:
        """Nobody counts."""

    def unavailable(self) -> None:
        """Nobody counts."""


NO_BUDGET: Final = NoBudget()

SharedT = TypeVar("SharedT")


class Access(Protocol):
    """What a provider is given to work with, one for each connection."""

    @property
    def clock(self) -> Clock: ...

    @property
    def budget(self) -> Budget: ...

    def credential(self, name: str) -> SecretValue:
        """Resolve a management credential now. Not kept: it may be rotated under us. NeedsOperator if missing."""
        ...

    def warn(self, what: str) -> None:
        """Note what a person should mend, though nothing stops for it. `rotate check --online` tells it."""
        ...

    def shared(self, key: str, make: Callable[[], SharedT]) -> SharedT:
        """Make something once for the connection (an HTTP client, a login) and give the same to all who ask."""
        ...


@dataclass(frozen=True)
class Credential:
    """A management credential that a plug-in takes."""

    name: str
    what: str
    required: bool = True


@dataclass(frozen=True)
class IssuerPlugin:
    """What an entry point in ``rotator.issuers`` names. Making one imports no SDK; ``open`` may."""

    name: str
    summary: str
    config: type[Config]
    options: type[Options]
    traits: Callable[[Any, Any], IssuerTraits]
    """(config, options) → traits, without a call to anybody."""
    open: Callable[[Any, Any, Access], Issuer]
    """(config, options, access) → an issuer. Makes no call to anybody yet."""
    needs: tuple[str, ...] = ()
    """SDK modules that its work imports. One that is missing is told when a policy names the plug-in."""
    limits: Limits = NO_LIMITS
    """What the service itself allows; a connection may narrow it."""
    credentials: tuple[Credential, ...] = ()
    permissions: tuple[str, ...] = ()
    example: str = ""
    """A policy file that works, as YAML."""
    tested: str = ""
    """Against what this was proven: the real server and its version, or a fake, or nothing yet."""


@dataclass(frozen=True)
class StorePlugin:
    """What an entry point in ``rotator.stores`` names. Making one imports no SDK; ``open`` may."""

    name: str
    summary: str
    config: type[Config]
    place: type[Place]
    open: Callable[[Any, Access], Store[Any]]
    write_only: bool = False
    """Nothing that it holds is ever given back, whatever the place: no management credential can be kept there."""
    needs: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    credentials: tuple[Credential, ...] = ()
    permissions: tuple[str, ...] = ()
    example: str = ""
    tested: str = ""


@dataclass(frozen=True)
class ProfileReader:
    """How an issuer described in YAML becomes a plug-in: validated against ``model``, then handed to ``plugin``.

    An entry point in ``rotator.profile_readers`` names one; ``kind`` is what such a file says of itself.
    """

    kind: str
    model: type[BaseModel]
    plugin: Callable[[Any], IssuerPlugin]
