"""How a token ends: revoked by its exact handle, then seen to be dead.

A revoke may lie or lag (an answer of 200, and the token works on), and a handle may be given to another token. So
the issuer's answer proves nothing, and a handle alone decides nothing where the issuer reuses them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from rotator.domain.contracts import Issued, Verdict
from rotator.domain.errors import NeedsOperator, RotatorError, Temporary
from rotator.domain.identity import means
from rotator.domain.lifecycle import buried, with_token
from rotator.domain.model import Event, Phase, Proof, Rotation, Token, TokenState
from rotator.domain.secret_value import SecretValue
from rotator.domain.standing import CAME_LATE, LATE_ENDED
from rotator.flow import by_hand, latecomers
from rotator.flow.budget import on_behalf_of
from rotator.flow.lost import look_for, still_unknown_for
from rotator.flow.shortened import note_end_of_current
from rotator.flow.values import refusal_is_about, value_of
from rotator.flow.work import Work, poll
from rotator.observe.logs import logger


def end_all(work: Work, tokens: tuple[Token, ...], kind: str) -> tuple[Rotation, dict[str, str]]:
    """Revoke these tokens and prove each death. Gives the rotation with them dead, and the proof of each.

    Where nobody but a person can delete them, they are asked to: AsksPerson while one may live.
    """
    if work.by_hand is not None:
        return by_hand.end_all(work, tokens)
    begun = work.rotation
    for token in tokens:
        if token.state.may_live:
            begun = with_token(begun, token.id, lambda known: replace(known, state=TokenState.REVOKING))
    if tokens:
        work.record(begun, kind, handles=[token.handle for token in tokens if token.handle])
    after, proofs = work.rotation, dict[str, str]()
    for token in tokens:
        proof = end(work, token, value_of(work, token))
        after = with_token(after, token.id, buried(proof, work.now))
        proofs[str(token.handle or token.name)] = proof
    return after, proofs


def end(work: Work, token: Token, value: SecretValue | None) -> Proof:
    """Revoke ``token`` and prove that it is dead. Safe to repeat.

    With its ``value``, the proof is the issuer's refusal of it; without, or where that value was never accepted, that
    the issuer no longer lists it. Raises Temporary while the issuer still accepts it, and NeedsOperator where neither
    proof can be had.
    """
    if token.handle is None:
        found = look_for(work, token)
        if found is None:
            return Proof.NEVER_MADE
        token = replace(token, handle=found)
    assert token.handle is not None
    _wait_until_known(work, token, value)
    if _is_still_ours(work, token):
        work.keep_lease()
        work.issuer.revoke(token.handle)
    if value is not None and (_was_accepted(work, token) or not work.issuer.traits.lists):
        return _seen_refused(work, token, value)
    if work.issuer.traits.lists:
        return _seen_unlisted(work, token)
    raise NeedsOperator(
        f"Token {token.handle} was revoked, but nothing proves it: its value is gone and the issuer lists no tokens.",
        remedy="Look at the issuer whether it is gone; if it is, "
        f"`rotate retire {work.rotation.id} --gone` writes down your word for it.",
    )


_PATIENCE_WITH_A_LATE_ONE: Final = timedelta(minutes=2)
"""How long it is tried to end a token that nobody else will: as long as a run waits for troubles that may pass."""


def disown(work: Work, token: Token, issued: Issued) -> None:
    """Revoke a token that came when its rotation was no longer ours: nobody will use it, or ever look for it again.

    Not where those who went on have come by it, too: then it is theirs. Written down before, in the secret's history,
    which is where an audit finds it if it could not be revoked.
    """
    fresh = work.tools.ledger.rotation(work.rotation.id)
    current = work.tools.ledger.secret(work.rotation.secret).current
    known = (current, *((fresh.old, *fresh.tokens) if fresh is not None else ()))
    if any(work.matches(theirs, issued.value) for theirs in known):
        return
    late = replace(token, handle=issued.handle, created_at=issued.created_at or work.now)
    _tell(work, late, CAME_LATE)
    try:
        with on_behalf_of(work.rotation.cause):  # without the lease, which is no longer ours to keep
            proof = _ended_in_time(replace(work, leased=False), late, issued.value)
    except RotatorError as error:
        logger().error(
            "a token came too late to be used and could not be revoked: delete it at the issuer",
            secret=work.rotation.secret,
            rotation=work.rotation.id,
            handle=late.handle,
            name=late.name,
            error=type(error).__name__,
        )
    else:
        _tell(work, late, LATE_ENDED, proof=proof)


def _ended_in_time(work: Work, token: Token, value: SecretValue) -> Proof:
    """End it, through troubles that pass. Raises the last of them when they do not, and what does not pass at once."""
    troubles: list[Temporary] = []

    def ended() -> Proof | None:
        try:
            proof = end(work, token, value)
            note_end_of_current(work)
        except Temporary as trouble:
            troubles.append(trouble)
            return None
        return proof

    proof = poll(work, _PATIENCE_WITH_A_LATE_ONE, ended)
    if proof is None:
        raise troubles[-1]
    return proof


def _tell(work: Work, late: Token, kind: str, **detail: str) -> None:
    rotation, tools = work.rotation, work.tools
    told = {**latecomers.detail_of(late, rotation.issuer.connection), **detail}
    event = Event(kind, rotation.secret, work.now, tools.actor, rotation.id, told)
    tools.ledger.note(event)
    tools.tell(event)


def _wait_until_known(work: Work, token: Token, value: SecretValue | None) -> None:
    """Let so young a token become known to its issuer. Until then, neither a revoke nor a refusal means anything."""
    patience = still_unknown_for(work, token)

    def known() -> bool | None:
        if work.issuer.traits.lists:
            return _listed_as_ours(work, token) or None
        return (value is not None and work.issuer.verify(value).verdict is Verdict.VALID) or None

    if patience > timedelta():
        poll(work, patience, known)


def _was_accepted(work: Work, token: Token) -> bool:
    """Tell whether the issuer ever accepted this token's value: only then does refusing it mean anything."""
    is_new = work.rotation.new is not None and token.id == work.rotation.new.id
    return not is_new or work.rotation.phase not in (Phase.PLANNED, Phase.ISSUED)


def _is_still_ours(work: Work, token: Token) -> bool:
    """Tell whether the handle still belongs to this token, where handles are given out again."""
    if not work.issuer.traits.reuses_handles:
        return True
    return _listed_as_ours(work, token)


def _listed_as_ours(work: Work, token: Token) -> bool:
    """Tell whether the issuer lists this very token."""
    work.keep_lease()
    return any(means(info, token) for info in work.issuer.tokens())


def _seen_refused(work: Work, token: Token, value: SecretValue) -> Proof:
    def refused() -> Proof | None:
        invalid = work.issuer.verify(value).verdict is Verdict.INVALID
        return Proof.REFUSED if invalid and refusal_is_about(work, token) else None

    proof = poll(work, work.issuer.traits.revoke_propagation, refused)
    if proof is None:
        raise Temporary(f"Token {token.handle} was revoked, but the issuer does not refuse it yet.")
    return proof


def _seen_unlisted(work: Work, token: Token) -> Proof:
    def unlisted() -> Proof | None:
        # Two looks: a page may slide past one when somebody else's token goes while we turn pages.
        return None if _listed_as_ours(work, token) or _listed_as_ours(work, token) else Proof.UNLISTED

    proof = poll(work, work.issuer.traits.revoke_propagation, unlisted)
    if proof is None:
        raise Temporary(f"Token {token.handle} was revoked, but the issuer still lists it.")
    return proof
