"""Looking for a token that we asked for and whose answer we never read.

It is known by its name, which carries a mark of ours. Where tokens have no names, a handle that was not there before
has to do; so we ask such an issuer for one token at a time, and only a token of that moment counts, that nobody else
of ours has and nobody ever used: its value has reached nobody.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from rotator.domain.contracts import TokenInfo
from rotator.domain.errors import NeedsOperator, Temporary
from rotator.domain.identity import CLOCK_SKEW
from rotator.domain.model import Handle, Rotation, Token, TokenState
from rotator.flow.work import Work, poll


def look_for(work: Work, token: Token) -> Handle | None:
    """Give the handle of a lost token; None once the issuer had the time to list it and does not.

    Raises NeedsOperator where nothing tells whether it exists.
    """
    return poll(work, still_unknown_for(work, token), lambda: _find(work, token))


def still_unknown_for(work: Work, token: Token) -> timedelta:
    """Give how long its issuer may still not know a token that it made.

    It is made by now, so its propagation is enough; and where the clocks may have jumped over it, all of it is needed.
    """
    patience = work.issuer.traits.issue_propagation
    made = token.created_at or work.rotation.opened_at
    return min(made + patience + CLOCK_SKEW - work.now, patience)


def wait_for_our_turn(work: Work) -> None:
    """Raise Temporary while another rotation waits for an answer of the same issuer: its token could be taken for ours.

    Asked only where tokens have no names; and once more when our own intent is durable, because two may begin together.
    One that waits for a person is not waited for: its request was answered or lost long ago.
    """
    for other in _unanswered(work):
        if other.trouble is None or not other.trouble.needs_operator:
            raise Temporary(
                f"Rotation {other.id} of {other.secret} waits for a token of this issuer, whose tokens have no names.",
                remedy="It is our turn when that one is answered.",
            )


def _let_younger_ones_be_answered(work: Work, token: Token) -> None:
    """Raise Temporary while a token may be on its way that was asked for after ours was lost, when we waited long."""
    ours = token.created_at or work.rotation.opened_at
    for other in _unanswered(work):
        theirs = other.new.created_at if other.new is not None else None
        if theirs is not None and theirs > ours:
            raise Temporary(
                f"Rotation {other.id} of {other.secret} waits for a token of this issuer, whose tokens have no names.",
                remedy="The lost one is looked for when that one is answered.",
            )


def _unanswered(work: Work) -> Iterator[Rotation]:
    """Give the other open rotations of this issuer's connection whose token was asked for and is not known yet."""
    for other in work.tools.ledger.open_rotations():
        asked = other.new is not None and other.new.state is TokenState.INTENDED
        if asked and other.id != work.rotation.id and other.issuer.connection == work.rotation.issuer.connection:
            yield other


def _go_on(work: Work, token: Token) -> str:
    """Name the command that says: it was looked for, and is not there."""
    rotation = work.rotation
    is_ending = token.state is not TokenState.INTENDED
    return f"`rotate retire {rotation.id} --gone`" if is_ending else f"`rotate resume {rotation.id}`"


def _find(work: Work, token: Token) -> Handle | None:
    issuer = work.issuer
    if not issuer.traits.lists:
        raise NeedsOperator(
            f"The issuer's answer was lost, and it lists no tokens: {token.name} may exist, unknown to anybody.",
            remedy=f"Look for {token.name} at the issuer and delete it, then run {_go_on(work, token)}.",
        )
    if not issuer.traits.names_tokens:
        _let_younger_ones_be_answered(work, token)
    work.keep_lease()
    listed = list(issuer.tokens())
    if issuer.traits.names_tokens:
        found = [candidate for candidate in listed if candidate.name == token.name]
    else:
        new = [info for info in listed if info.handle not in token.handles_before]
        found = [info for info in new if _is_of_that_moment(work, info, token) and not _is_somebodys(work, info)]
    if len(found) > 1:
        raise NeedsOperator(
            f"The issuer's answer was lost, and {len(found)} tokens could be the one it made.",
            remedy="Delete at the issuer those that nobody uses, then run `rotate resume`.",
        )
    return found[0].handle if found else None


def _is_somebodys(work: Work, info: TokenInfo) -> bool:
    """Tell whether the ledger knows whose token this is: this rotation's, or another secret's.

    Another issuer may number its tokens in the same way. Of one that was adopted nobody may have written down at which
    issuer, so it has to be as old, too.
    """
    connection = work.rotation.issuer.connection
    of_this_issuer = (work.rotation.old, *work.rotation.tokens, *work.tools.ledger.tokens_of_issuer(connection))
    if any(known is not None and known.handle == info.handle for known in of_this_issuer):
        return True
    adopted = [secret.current for secret in work.tools.ledger.secrets() if secret.adopted]
    return any(known is not None and known.handle == info.handle and _is_as_old(info, known) for known in adopted)


def _is_as_old(info: TokenInfo, known: Token) -> bool:
    if info.created_at is None or known.created_at is None:
        return True
    return abs(info.created_at - known.created_at) <= CLOCK_SKEW


def _is_of_that_moment(work: Work, info: TokenInfo, token: Token) -> bool:
    """Tell whether a token can have been made by the request for ``token``, by its time and by its use."""
    if info.last_used_at is not None or token.created_at is None:
        return False
    made = info.created_at or work.now
    return made <= token.created_at + work.issuer.traits.issue_propagation + CLOCK_SKEW
