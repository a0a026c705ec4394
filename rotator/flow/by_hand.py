"""How a token ends that only a person can delete: they are asked to, and its value is tried until it is refused.

Where nobody has its value any more, and the issuer lists nothing either, a person's word is all that there can be. It
is written down as what it is, and never taken against what the issuer itself says.
"""

from __future__ import annotations

from dataclasses import replace

from rotator.domain.contracts import Verdict
from rotator.domain.errors import NeedsOperator
from rotator.domain.lifecycle import buried, still_alive, with_token
from rotator.domain.model import Phase, Proof, Rotation, Token, TokenState
from rotator.flow import asking
from rotator.flow.values import refusal_is_about, value_kept, value_of
from rotator.flow.work import Work, without_trouble


def end_all(work: Work, tokens: tuple[Token, ...]) -> tuple[Rotation, dict[str, str]]:
    """See that these tokens are dead: gives the rotation with them dead, and the proof of each.

    Safe to repeat. Raises AsksPerson while one may live, by its name; the deaths of the others are written down.
    """
    _to_die(work, tokens)
    after, proofs = work.rotation, dict[str, str]()
    tried, fleeting, untried, unclear = list[Token](), list[Token](), list[Token](), ""
    for token in tokens:
        said = _said_of(work, token)
        if said is Verdict.INVALID:
            after = with_token(after, token.id, buried(Proof.REFUSED, work.now))
            proofs[str(token.name or token.handle)] = Proof.REFUSED
        elif said is None:
            untried.append(token)
        else:
            (tried if value_kept(work, token) is not None else fleeting).append(token)
        if said is Verdict.INDETERMINATE:
            unclear = f"The issuer does not say now whether {asking.names([token])} works."
    if not (tried or fleeting or untried):
        return after, proofs
    if proofs:
        work.record(after, "gone", proof=proofs)
    raise asking.to_delete(work, tried, fleeting, untried, unclear)


def take_word(work: Work) -> None:
    """Write down that a person says that the tokens are gone which are to die. What can be tried is tried all the same.

    Raises NeedsOperator where the issuer can be asked itself, or still accepts one of them.
    """
    if work.issuer.traits.lists:
        raise NeedsOperator(
            "This issuer lists its tokens: it is asked itself, and nobody's word is needed.",
            remedy=f"`rotate resume {work.rotation.id}` looks again.",
        )
    after, proofs = work.rotation, dict[str, str]()
    for token in _dying(work):
        said = _said_of(work, token)
        if said is Verdict.VALID:
            raise NeedsOperator(
                f"{work.rotation.issuer.connection} still accepts {asking.names([token])}: it is not gone.",
                remedy="See that you deleted this one, and not another; then say so again.",
            )
        proof = Proof.REFUSED if said is Verdict.INVALID else Proof.SAID
        after = with_token(after, token.id, buried(proof, work.now))
        proofs[str(token.name or token.handle)] = proof
    if not proofs:
        raise NeedsOperator(
            f"Rotation {work.rotation.id} waits for the end of no token.", remedy="`rotate status` says what it needs."
        )
    work.record(without_trouble(after), "gone", proof=proofs)


def _to_die(work: Work, tokens: tuple[Token, ...]) -> None:
    """Write down that these tokens are to die: from now on, nobody may be given one of them."""
    after = work.rotation
    for token in tokens:
        if token.state.may_live and token.state is not TokenState.REVOKING:
            after = with_token(after, token.id, lambda known: replace(known, state=TokenState.REVOKING))
    if after != work.rotation:
        work.record(after, "to be deleted", names=[str(token.name or token.handle) for token in tokens])


def _dying(work: Work) -> tuple[Token, ...]:
    """Give the tokens whose end a person may vouch for: those that we asked for it, or asked the issuer in vain."""
    rotation = work.rotation
    if rotation.phase is Phase.CONFIRMED and work.by_hand is not None:
        return still_alive(rotation)
    known = (rotation.old, *rotation.tokens)
    return tuple(token for token in known if token is not None and token.state is TokenState.REVOKING)


def _said_of(work: Work, token: Token) -> Verdict | None:
    """Try a token's value. None when nobody has it; INDETERMINATE, too, where a refusal may be the whole account's."""
    value = value_of(work, token)
    if value is None:
        return None
    work.keep_lease()
    verdict = work.issuer.verify(value).verdict
    if verdict is Verdict.INVALID and not refusal_is_about(work, token):
        return Verdict.INDETERMINATE
    return verdict
