"""What a person is asked to do at an issuer's own pages, in words: what, where and how, and the command that follows.

The first sentence of a request, ``what``, stays the same for as long as it is the same request: by it a reminder is
told from a new one. All the rest may change from one look to the next.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from rotator.domain.contracts import Instructions
from rotator.domain.durations import Duration
from rotator.domain.errors import AsksPerson, NeedsOperator, Permanent, RotatorError
from rotator.domain.model import Cause, Placed, Token, TokenState
from rotator.flow.work import Work

LOOK_AGAIN: Final = timedelta(minutes=15)
"""How often it is tried whether a token is dead that a person was asked to delete."""

LOOK_AGAIN_AFTER_A_COMPROMISE: Final = timedelta(minutes=1)


def to_make(work: Work, token: Token) -> AsksPerson:
    """Ask for the token that the ledger holds as intended, by its exact name."""
    told, rotation = _instructions(work), work.rotation
    expiry = f", with the expiry `{told.expiry}`" if told.expiry else ""
    how = f"At {told.link} ({told.make}), give it exactly this name: `{token.name}`{expiry}."
    anew = "If one of that name is there and you do not have its value, delete that first."
    stay = " --wait" if rotation.cause is Cause.COMPROMISED else ""
    then = f"It is shown once: hand it in with `rotate provide {rotation.id}{stay}`."
    return AsksPerson(
        f"{rotation.issuer.connection} has no API for its tokens: somebody has to make {token.name} there.",
        remedy=" ".join(filter(None, (how, anew, _quota(work, token), then))),
    )


def to_hand_in_again(work: Work) -> AsksPerson:
    """Ask for a value once more that was handed in, and lost before any place that can be read had it."""
    return AsksPerson(
        f"The value of {work.new.name} was lost with the process that had it, before it was everywhere.",
        remedy=f"Hand it in again with `rotate provide {work.rotation.id}`. If you do not have it any more, "
        f"`rotate provide {work.rotation.id} --lost` asks for another token instead.",
    )


def to_delete(
    work: Work, tried: Sequence[Token], fleeting: Sequence[Token], untried: Sequence[Token], unclear: str
) -> AsksPerson:
    """Ask for the end of these tokens.

    The values of ``fleeting`` are in this process's memory alone; those of ``untried`` nobody has: only a person's word
    can end them. ``unclear`` is what the issuer said of one that it neither accepts nor refuses.
    """
    told, rotation = _instructions(work), work.rotation
    doomed = [*tried, *fleeting, *untried]
    word = f"`rotate retire {rotation.id} --gone` writes down your word that it is gone"
    remedy = [f"At {told.link}: {told.delete}.", f"{told.recognise}." if told.recognise else "", unclear]
    if tried:
        remedy.append(f"{names(tried)} is tried until it is refused; `rotate resume {rotation.id}` looks at once.")
    if fleeting:
        remedy.append(
            f"{names(fleeting)} is tried for as long as the process lives that asks for this and alone has the value. "
            f"When it has ended, {word}."
        )
    if untried:
        remedy.append(f"Nobody has the value of {names(untried)}, so nothing can be tried: {word}.")
    old = rotation.old is not None and rotation.old.id in {token.id for token in doomed}
    if rotation.cause is Cause.COMPROMISED and told.compromised and old:
        remedy.append(f"It got out: {told.compromised}.")
    often = LOOK_AGAIN_AFTER_A_COMPROMISE if rotation.cause is Cause.COMPROMISED else LOOK_AGAIN
    return AsksPerson(
        f"{rotation.issuer.connection} has no API for its tokens: somebody has to delete {names(doomed)} there.",
        remedy=" ".join(filter(None, remedy)),
        look_again=often if tried or fleeting else None,
    )


def to_make_room(work: Work, refusal: Permanent) -> RotatorError:
    """Name the tokens in the way, where the issuer makes no more and the old one or lost ones of ours may be in use.

    Gives the issuer's own refusal where it is about something else.
    """
    rotation, limit = work.rotation, work.issuer.traits.max_active
    alive = [token for token in (rotation.old, *rotation.tokens) if token is not None and token.state.may_live]
    unread = [str(place.target) for place in rotation.destinations if place.state is not Placed.PENDING]
    if limit is None or len(alive) < limit or not unread:
        return refusal
    return NeedsOperator(
        f"{rotation.issuer.connection} allows {limit} {'token' if limit == 1 else 'tokens'} and has {names(alive)}; "
        f"nobody can read which of them {', '.join(unread)} gives to its consumers. {refusal.what}",
        remedy="Find out which one they use, and delete another one at the issuer; if there is none, they are without "
        f"a token until a new one is written. Then run `rotate resume {rotation.id}`.",
    )


def names(tokens: Iterable[Token]) -> str:
    """Name tokens as the issuer's page does."""
    return ", ".join(_named(token) for token in tokens)


def _named(token: Token) -> str:
    name = str(token.name or token.handle)
    return name if token.fingerprint or token.handle else f"{name} (if it was made)"


def _instructions(work: Work) -> Instructions:
    assert work.by_hand is not None
    lifetime = work.rotation.lifetime
    return work.by_hand.instructions(Duration.parse(lifetime) if lifetime else None)


def _quota(work: Work, wanted: Token) -> str:
    """Say which token to delete first if the issuer makes no more, as far as we know those that it has."""
    limit = work.issuer.traits.max_active
    if limit is None:
        return ""
    known = [token for token in work.tools.ledger.tokens_of_issuer(work.rotation.issuer.connection)
             if token.id != wanted.id]  # fmt: skip
    dying = [token for token in known if token.state is TokenState.REVOKING]
    if dying:
        return f"It allows {limit}; if there is no room, delete {names(dying)} first, which is to go anyway."
    ours = f" but {names(known)}, which we need" if known else ""
    return f"It allows {limit}; if there is no room, first delete one that nobody uses: any{ours}."
