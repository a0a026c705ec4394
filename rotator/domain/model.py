"""What the engine remembers and moves: tokens, destinations, rotations, events. Values of the domain, without I/O.

A *step* is a verb, what to do next; a *phase* is a fact, what is already true. None of these types can hold a
token's value: the ledger keeps what stands here, and must never be able to keep a value. ``terms`` has those names
that policies and plug-ins need, too; they are to be had from here as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from rotator.domain.terms import (
    ConnectionName,
    Fingerprint,
    Handle,
    IssuerRef,
    Mode,
    Overlap,
    RotationId,
    SecretName,
    Target,
    TokenId,
    TokenName,
    Version,
)

__all__ = [
    "Cause",
    "ConnectionName",
    "Destination",
    "Event",
    "Fingerprint",
    "Handle",
    "IssuerRef",
    "Mode",
    "Overlap",
    "Phase",
    "Placed",
    "Proof",
    "Rotation",
    "RotationId",
    "Secret",
    "SecretName",
    "Target",
    "Token",
    "TokenId",
    "TokenName",
    "TokenState",
    "Trouble",
    "Version",
]


class Phase(StrEnum):
    """What is true of a rotation."""

    PLANNED = "PLANNED"
    """No new token is in hand. (One may exist whose creation was not answered: see TokenState.INTENDED.)"""
    ISSUED = "ISSUED"
    VERIFIED = "VERIFIED"
    """The issuer accepts the new token. Some destinations may already hold it."""
    PUBLISHED = "PUBLISHED"
    CONFIRMED = "CONFIRMED"
    """Every destination was read back and holds the new token, which works. The old one lives its overlap."""
    RETIRED = "RETIRED"
    WITHDRAWN = "WITHDRAWN"
    """Given up: the old token is in force everywhere, and no token of this rotation lives."""

    @property
    def is_open(self) -> bool:
        return self not in (Phase.RETIRED, Phase.WITHDRAWN)


class Cause(StrEnum):
    """Why a rotation was begun."""

    DUE = "due"
    ASKED = "asked"
    COMPROMISED = "compromised"


class TokenState(StrEnum):
    """What we know of a token's life at its issuer."""

    INTENDED = "INTENDED"
    """We were about to ask for it. Whether it exists is not known until the issuer was asked by name."""
    ABSENT = "ABSENT"
    """It was looked for and not found. It is looked for once more before its rotation ends."""
    LIVE = "LIVE"
    REVOKING = "REVOKING"
    """We were about to revoke it, or did, and have no proof of its death yet."""
    DEAD = "DEAD"

    @property
    def may_live(self) -> bool:
        return self in (TokenState.INTENDED, TokenState.LIVE, TokenState.REVOKING)


class Proof(StrEnum):
    """How we know that a token is dead, strongest first."""

    REFUSED = "refused"
    """The issuer was asked with the token's own value and refused it."""
    UNLISTED = "unlisted"
    """Revoked, and the issuer no longer lists it; its value was not to be had, so it could not be tried."""
    SAID = "said by a person"
    """A person says that it is gone; nothing could be asked. Not enough after a compromise."""
    NEVER_MADE = "never made"
    """The issuer refused to make it, or it was looked for twice and never found."""


@dataclass(frozen=True)
class Token:
    """One credential that an issuer made, as far as we may remember it."""

    id: TokenId
    secret: SecretName
    state: TokenState
    name: TokenName | None = None
    handle: Handle | None = None
    fingerprint: Fingerprint | None = None
    created_at: datetime | None = None
    expires_at: datetime | None = None
    handles_before: tuple[Handle, ...] = ()
    """Ids that existed before it was asked for: how a lost token of a nameless issuer is found."""
    proof: Proof | None = None
    ended_at: datetime | None = None


class Placed(StrEnum):
    """How far one destination is."""

    PENDING = "PENDING"
    """Not touched by the token in question."""
    WRITING = "WRITING"
    """We were about to write, or did: it *might* hold the token."""
    WRITTEN = "WRITTEN"
    CONFIRMED = "CONFIRMED"


@dataclass(frozen=True)
class Destination:
    """One target within one rotation, with its own state."""

    ordinal: int
    target: Target
    state: Placed = Placed.PENDING
    token: TokenId | None = None
    """The token it was last written with, or is about to be."""
    before: Version | None = None
    """The version to write over, and to go back to. It is known before it is written over, also where a neighbour's
    change has made it since the rotation was planned: so it is where the old value is found after a crash."""
    before_fingerprint: Fingerprint | None = None
    version: Version | None = None
    """What our write made."""


@dataclass(frozen=True)
class Trouble:
    """Why a rotation is not moving, for people: which family of error, what happened, what to do."""

    kind: str
    """``temporary``, ``permanent``, ``operator``, or ``person``: somebody is asked to do a thing at an issuer."""
    what: str
    remedy: str = ""
    since: datetime | None = None
    """Since when a person is asked for this very thing."""
    said: int = 0
    """How often they were told: once when it was asked, and with each reminder."""

    @property
    def needs_operator(self) -> bool:
        """Tell whether nothing moves until a person does something."""
        return self.kind in ("operator", "person")

    @property
    def is_asked(self) -> bool:
        """Tell whether a person is asked for what no program can do. It is looked again whether they did."""
        return self.kind == "person"


@dataclass(frozen=True)
class Rotation:
    """One trip through the flow, for one secret. It carries all it needs, so a changed policy cannot strand it."""

    id: RotationId
    secret: SecretName
    phase: Phase
    cause: Cause
    mode: Mode
    issuer: IssuerRef
    token_name: str
    lifetime: str | None
    """How long new tokens are asked to live (a Duration as text), or None for the issuer's default."""
    overlap: Overlap
    opened_at: datetime
    phase_at: datetime
    old: Token | None = None
    tokens: tuple[Token, ...] = ()
    """Every token this rotation asked for, oldest first. The last one is *the* new one, while it may live."""
    destinations: tuple[Destination, ...] = ()
    attempts: int = 0
    """Failures in a row. Reset by every success."""
    retry_at: datetime | None = None
    trouble: Trouble | None = None
    given_up: str | None = None
    """Why it is being withdrawn, once that was begun: no way but to its end, unless a place has none back."""
    reason: str = ""
    actor: str = ""
    commit: str | None = None
    """The commit of the policies that it acts on."""
    revision: int = 0
    """Counted up by the ledger with every move."""

    @property
    def new(self) -> Token | None:
        """The token that is on its way to the consumers, or was asked for last."""
        return self.tokens[-1] if self.tokens else None

    @property
    def strays(self) -> tuple[Token, ...]:
        """Tokens of this rotation that were overtaken by a later one, dead or alive."""
        return self.tokens[:-1]


@dataclass(frozen=True)
class Secret:
    """What the ledger knows of a secret between rotations."""

    name: SecretName
    current: Token | None = None
    """The token in force, once one was adopted or confirmed."""
    adopted: bool = False
    open: Rotation | None = None
    last_ended: datetime | None = None
    last_phase: Phase | None = None
    failures: int = 0
    """Rotations in a row that were withdrawn."""

    @property
    def living(self) -> tuple[Token, ...]:
        """Give the tokens that may live: the one in force, and those of an open rotation."""
        opened = self.open
        known = (self.current, *((opened.old, *opened.tokens) if opened is not None else ()))
        return tuple({token.id: token for token in known if token is not None and token.state.may_live}.values())


@dataclass(frozen=True)
class Event:
    """One line of the audit log. ``detail`` holds names, handles, versions and reasons; never a value."""

    kind: str
    secret: SecretName
    at: datetime
    actor: str
    rotation: RotationId | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    sequence: int = 0
    digest: str = ""
