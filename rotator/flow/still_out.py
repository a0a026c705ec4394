"""Tokens that were declared compromised, and that nothing is about to end.

The command was refused, stopped or withdrawn: its store was down, say. All else about such a secret looks healthy, so
this is what tells, from the declaration in its history and from what the ledger knows of its tokens.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime

from rotator.domain.model import Cause, Event, Secret, SecretName, Token
from rotator.domain.standing import DECLARED, OVER
from rotator.flow.emergency import is_answer
from rotator.ledger.ledger import Ledger


@dataclass(frozen=True)
class StillOut:
    """What got out of one secret, and may be alive."""

    secret: SecretName
    incident: str
    since: datetime
    reason: str
    tokens: tuple[Token, ...]
    """None at all: the one in use was never adopted."""

    @property
    def what(self) -> str:
        names = ", ".join(str(token.handle or token.name) for token in self.tokens)
        reason = f" ({self.reason})" if self.reason else ""
        not_ended = names or "the token in use, which was never adopted"
        return f"Declared compromised{reason}, and not ended: {not_ended}."

    def remedy(self, *, has_policy: bool) -> str:
        goes_on = f"`{self.command}` goes on: it replaces it, and proves it dead."
        if has_policy:
            return goes_on
        return f"Its policy is gone: delete the token at its issuer, or put the policy back; then {goes_on}"

    @property
    def command(self) -> str:
        words = ["rotate", "now", self.secret, f"--{Cause.COMPROMISED}"]
        return shlex.join([*words, "--reason", self.reason] if self.reason else words)


def declarations(ledger: Ledger) -> dict[SecretName, Event]:
    """Give the newest declaration of each secret whose incident is not over. One query, however many there are.

    Ask before you read the secrets: what was declared meanwhile may be answered already.
    """
    newest = {event.secret: event for event in ledger.standing_events(DECLARED, OVER)}
    return {name: event for name, event in newest.items() if event.kind == DECLARED}


def still_out(secret: Secret, declaration: Event | None) -> StillOut | None:
    """Give what is out, unless an open rotation answers the declaration: that one tells how far it is."""
    out = got_out(secret, declaration)
    is_answered = out is not None and secret.open is not None and is_answer(secret.open, out.since)
    return None if is_answered else out


def got_out(secret: Secret, declaration: Event | None) -> StillOut | None:
    """Give what got out of a secret and may be alive, whether or not something is about to end it."""
    if declaration is None:
        return None
    told = declaration.detail
    since = datetime.fromisoformat(str(told["began"]))
    named = {each["id"] for each in told["tokens"]}
    tokens = tuple(token for token in secret.living if token.id in named or _was_in_use(secret, token, since))
    if not tokens and secret.current is not None:
        return None
    return StillOut(secret.name, str(told["incident"]), since, str(told["reason"]), tokens)


def _was_in_use(secret: Secret, token: Token, since: datetime) -> bool:
    """Tell whether a token that was only adopted after the declaration may be the one that got out."""
    is_adopted = secret.adopted and token == secret.current
    return is_adopted and (token.created_at is None or token.created_at < since)
