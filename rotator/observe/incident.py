"""What an incident report says, as plain values: for people (``incident_page``) and for machines. No value ever."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from rotator.domain.model import ConnectionName, Handle, SecretName, TokenName

PUT_AWAY: Final = "done"
"""What is said of a destination whose earlier value nobody can roll back to."""


class Status(StrEnum):
    """How an incident stands when its report is written."""

    UNDER_WAY = "under way"
    INTERRUPTED = "interrupted"
    CONTAINED = "contained"
    """Every old token is proven dead."""
    NOT_CONTAINED = "not contained"


class Fate(StrEnum):
    """What is known of an old token."""

    DEAD = "dead"
    """Its issuer was asked with its value, and refused it."""
    UNPROVEN = "unproven"
    """It is taken for dead, and nobody could try it."""
    ALIVE = "alive"
    """It works, or may."""


@dataclass(frozen=True)
class OldToken:
    """One token that had to die."""

    secret: SecretName
    issuer: ConnectionName
    handle: Handle | None
    name: TokenName | None
    fate: Fate
    proof: str | None = None
    created_at: datetime | None = None
    died_at: datetime | None = None
    exposed_for: timedelta | None = None
    """From the declaration to its death; None while it may live."""
    last_used_at: datetime | None = None
    last_use_asked_at: datetime | None = None
    """When its issuer was asked for its last use. None: it does not tell, or could not be asked."""
    known: bool = True
    """False where the token in use was never adopted: nobody here knows which one it is."""

    @property
    def called(self) -> str:
        return str(self.handle or self.name or "the token in use")


@dataclass(frozen=True)
class Written:
    """One destination, and how far it is."""

    target: str
    state: str
    put_away: str | None = None
    """Whether the earlier value is gone from it, too: ``done``, or why not. None: it keeps none, or nobody knows."""


@dataclass(frozen=True)
class SecretReport:
    """What came of one secret."""

    secret: SecretName
    owner: str
    issuer: ConnectionName
    outcome: str
    rotations: tuple[str, ...] = ()
    new_handle: Handle | None = None
    destinations: tuple[Written, ...] = ()
    to_do: str = ""
    """What is left to do, with the command. Empty: nothing."""
    needs_person: bool = False


@dataclass(frozen=True)
class Related:
    """A secret that was left alone, and what it shares with one of these."""

    secret: SecretName
    why: str


@dataclass(frozen=True)
class IncidentReport:
    """All of it."""

    id: str
    status: Status
    began: datetime
    written_at: datetime
    by: str
    reason: str
    again: str
    """The command that goes on with it."""
    secrets: tuple[SecretReport, ...] = ()
    tokens: tuple[OldToken, ...] = ()
    related: tuple[Related, ...] = ()
    advice: tuple[str, ...] = ()
    commit: str | None = None
    notes: tuple[str, ...] = field(default=())

    @property
    def alive(self) -> tuple[OldToken, ...]:
        """The tokens that are not proven dead."""
        return tuple(token for token in self.tokens if token.fate is not Fate.DEAD)

    @property
    def unfinished(self) -> tuple[SecretReport, ...]:
        return tuple(secret for secret in self.secrets if secret.to_do)

    @property
    def still_there(self) -> tuple[Written, ...]:
        """The destinations that could be rolled back to a dead token, by mistake."""
        places = (place for secret in self.secrets for place in secret.destinations)
        return tuple(place for place in places if place.put_away not in (None, PUT_AWAY))

    @property
    def can_go_on(self) -> bool:
        """Whether another run may still do or prove anything. What nobody could try, nobody can any more."""
        return bool(self.unfinished) or any(token.fate is Fate.ALIVE for token in self.tokens)

    @property
    def is_contained(self) -> bool:
        return not self.alive and not self.unfinished


def as_data(report: IncidentReport) -> dict[str, Any]:
    """Give a report as JSON shows it: times in ISO 8601, lengths of time in seconds."""
    shown: dict[str, Any] = _plain(asdict(report))
    return {**shown, "is_contained": report.is_contained, "alive": [_plain(asdict(token)) for token in report.alive]}


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.isoformat(timespec="seconds")
        case timedelta():
            return round(value.total_seconds(), 1)
        case Mapping():
            return {key: _plain(item) for key, item in value.items()}
        case str():
            return str(value)
        case Sequence():
            return [_plain(item) for item in value]
        case _:
            return value
