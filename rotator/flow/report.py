"""What came of one secret, as the commands and the daemon tell it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rotator.domain.errors import RotatorError
from rotator.domain.model import Cause, Event, Phase, Proof, Rotation, RotationId, SecretName
from rotator.domain.plan import Decision


class Outcome(StrEnum):
    """How a secret came out of a run."""

    ROTATED = "rotated"
    """Every old token is proven dead."""
    IN_OVERLAP = "in overlap"
    """The new token is everywhere; the old one lives for as long as its policy wants."""
    WITHDRAWN = "withdrawn"
    REFUSED = "refused"
    """Something stood in the way; nothing was touched."""
    UNFINISHED = "unfinished"
    """It waits for a person, or for a later run."""


@dataclass(frozen=True)
class Report:
    """One secret's outcome: its rotation, or what kept one from beginning (``refused``), or us from moving it on."""

    secret: SecretName
    rotation: Rotation | None = None
    refused: RotatorError | None = None
    blocked: Decision | None = None
    taken_over: Rotation | None = None
    """An earlier rotation of the same secret that was ended to make room for this one; its tokens had to die, too."""

    @property
    def outcome(self) -> Outcome:
        if self.rotation is None:
            return Outcome.REFUSED if self.refused is not None else Outcome.UNFINISHED
        if self.refused is not None or self.blocked is not None:
            return Outcome.UNFINISHED
        match self.rotation.phase:
            case Phase.RETIRED:
                return Outcome.ROTATED
            case Phase.WITHDRAWN:
                return Outcome.WITHDRAWN
            case Phase.CONFIRMED if self.rotation.trouble is None and self.rotation.retry_at is not None:
                return Outcome.IN_OVERLAP
            case _:
                return Outcome.UNFINISHED

    @property
    def old_may_live(self) -> str | None:
        """Say why an old token that should be dead may live, or None. Only the issuer's refusal proves it."""
        rotation = self.rotation
        if rotation is None or rotation.cause is not Cause.COMPROMISED or rotation.phase is not Phase.RETIRED:
            return None
        if rotation.old is None:
            return "the token that was in use before was never adopted, so it was left alone"
        earlier = (self.taken_over.old, *self.taken_over.strays) if self.taken_over else ()
        for old in (rotation.old, *earlier):
            if old is not None and old.proof is Proof.UNLISTED:
                return f"{old.handle} was revoked and is not listed any more, but its value could not be tried"
        for token in (rotation.old, *earlier, *rotation.strays):
            if token is not None and token.proof is Proof.SAID:
                return f"that {token.handle or token.name} is gone was said by a person; its value could not be tried"
        return None


def why_withdrawn(history: Iterable[Event], rotation: RotationId) -> str | None:
    """Give the reason that a secret's history holds: a rotation that has ended is in no trouble any more."""
    ends = [event for event in history if event.rotation == rotation and event.kind == "withdrawn"]
    return str(ends[-1].detail.get("why", "")) or None if ends else None
