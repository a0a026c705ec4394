"""Where the value of a token may still be had: in our memory, or in a store that gives it back. Never in the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from rotator.domain.contracts import Stored, Verdict
from rotator.domain.model import Destination, Placed, Token, TokenState
from rotator.domain.secret_value import SecretValue
from rotator.flow.work import Work


def value_of(work: Work, token: Token) -> SecretValue | None:
    """Give a token's value: from memory, from a place that holds it, or from an earlier version of one. Else None."""
    for value in (work.held.old, work.held.new):
        if work.matches(token, value):
            return value
    return value_kept(work, token)


def keep_old_value(work: Work, destination: Destination) -> None:
    """Take the old token's value into memory before its place is written over: it is to prove that token's death.

    A process that goes on with another's rotation has not seen it yet; and not every place keeps what it held.
    """
    old = work.rotation.old
    if old is None or work.matches(old, work.held.old):
        return
    for stored in _looks(work, destination, old):
        if stored is not None and work.matches(old, stored.value):
            work.held.old = stored.value
            return


def value_kept(work: Work, token: Token) -> SecretValue | None:
    """Give a token's value from a place that holds it, or held it before: another process finds it there, too."""
    for destination in work.rotation.destinations:
        for stored in _looks(work, destination, token):
            if stored is not None and work.matches(token, stored.value):
                return stored.value
    return None


def refusal_is_about(work: Work, token: Token) -> bool:
    """Tell whether a refusal of this token's value is about the token, and not about the account that it belongs to.

    Where the issuer refuses whole accounts, another token of ours must be accepted at the same time.
    """
    if not work.issuer.traits.refuses_accounts:
        return True
    others = [other for other in (work.rotation.new, work.rotation.old) if other is not None and other.id != token.id]
    values = [value_of(work, other) for other in others if other.state is TokenState.LIVE]
    return any(value is not None and work.issuer.verify(value).verdict is Verdict.VALID for value in values)


def _looks(work: Work, destination: Destination, token: Token) -> Iterator[Stored | None]:
    """Give what a place shows, and what it showed before, where that may be this token."""
    holds_it = destination.token == token.id and destination.state in (Placed.WRITTEN, Placed.CONFIRMED)
    held_it = token.fingerprint is not None and destination.before_fingerprint == token.fingerprint
    if not (holds_it or held_it):
        return
    opened = work.open(destination)
    if not opened.traits.readable:
        return
    work.keep_lease()
    if holds_it or destination.state is Placed.PENDING:
        yield opened.store.current(opened.place)
    if held_it and opened.traits.versioned and destination.before:
        yield opened.store.read(opened.place, destination.before)
