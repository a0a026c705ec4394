"""What an audit finds: which kind of thing, how grave, where, since when, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from rotator.domain.contracts import TokenInfo
from rotator.domain.model import SecretName


class Weight(StrEnum):
    """How grave a finding is. Notes say what cannot be known or is meant so; they alone do not fail an audit."""

    URGENT = "urgent"
    """Something is broken, or may be in wrong hands, now."""
    WARNING = "warning"
    NOTE = "note"


class Kind(StrEnum):
    """What was found, gravest first."""

    TAMPERED = "tampered"
    """The chain of events does not hold."""
    GOT_OUT = "got-out"
    """A token was declared compromised, and nothing is about to end it."""
    UNDEAD = "undead"
    """The issuer lists a token that counts as dead."""
    ENDED = "ended"
    """The token in force is not alive any more: somebody ended it."""
    EXPIRED = "expired"
    EARLIER_TOKEN = "earlier-token"  # noqa: S105  a kind of finding
    """A destination holds a token that we know, and that is not the one in force."""
    EMPTY = "empty"
    """A destination holds no token, or does not exist."""
    OUTLIVED = "outlived"
    """An old token lives on after its overlap."""
    STUCK = "stuck"
    """A rotation has not moved for long."""
    DRIFT = "drift"
    """A destination holds a value that is not ours, or was written by somebody else."""
    NOT_ASKED = "not-asked"
    """An issuer or a store could not be asked."""
    ORPHAN = "orphan"
    """A token that is probably ours, and that the ledger does not know."""
    NOBODYS = "nobodys"
    """A token that neither the ledger nor a policy knows."""
    LEFT_OVER = "left-over"
    """A token that was in force, was replaced by an adoption, and lives on."""
    NO_POLICY = "no-policy"
    """A token in force whose policy is gone."""
    NOT_ADOPTED = "not-adopted"
    """A policy whose token in use nobody knows."""
    NOT_WRITTEN = "not-written"
    """A destination that came into the policy after the last rotation."""
    LEFT_BEHIND = "left-behind"
    """A destination that left the policy and holds our token."""
    OVERDUE = "overdue"
    EXPIRES_FIRST = "expires-first"
    """The token expires before its schedule would replace it."""
    UNUSED = "unused"
    NOT_SCHEDULED = "not-scheduled"
    """Its token is old, and only replaced when somebody asks."""
    WEAK_PROOF = "weak-proof"
    """Tokens whose death nobody could try."""
    CANNOT_TELL = "cannot-tell"
    """What nobody can look at: issuers that list nothing, places that cannot be read."""
    NO_HISTORY = "no-history"
    """The ledger is empty."""


_URGENT: Final = frozenset(
    [Kind.TAMPERED, Kind.GOT_OUT, Kind.UNDEAD, Kind.ENDED, Kind.EXPIRED, Kind.EARLIER_TOKEN, Kind.EMPTY]
)
_NOTES: Final = frozenset([Kind.NOT_SCHEDULED, Kind.WEAK_PROOF, Kind.CANNOT_TELL, Kind.NO_HISTORY])


@dataclass(frozen=True)
class Finding:
    """One thing found. ``what`` and ``remedy`` are whole sentences; ``where`` is an account or a destination."""

    kind: Kind
    where: str
    what: str
    remedy: str
    secret: SecretName | None = None
    since: datetime | None = None
    token: TokenInfo | None = None
    """A token as its issuer lists it."""
    hurts_now: bool = False
    """It is urgent, though most of its kind are not."""

    @property
    def weight(self) -> Weight:
        if self.hurts_now or self.kind in _URGENT:
            return Weight.URGENT
        return Weight.NOTE if self.kind in _NOTES else Weight.WARNING


_ORDER: Final[Mapping[str, int]] = {
    member: place for place, member in enumerate([*Weight, *Kind])
}  # values of the two do not meet


def by_gravity(finding: Finding) -> tuple[int, int, str, str, str]:
    """Give what findings are sorted by: the gravest first, then by kind, secret and place."""
    return _ORDER[finding.weight], _ORDER[finding.kind], finding.secret or "", finding.where, finding.what
