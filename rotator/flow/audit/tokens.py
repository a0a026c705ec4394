"""What issuers list, against what the ledger knows: strangers, orphans, the undead, and tokens in force that are gone.

Nobody's tokens are named and left alone: they may be what people made for themselves, or what we sign in with.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from rotator.domain.contracts import TokenInfo, Verdict
from rotator.domain.model import Proof, Secret, Token, TokenState
from rotator.flow.audit.evidence import Evidence, shown
from rotator.flow.audit.findings import Finding, Kind
from rotator.flow.audit.looking import Listing, named

UNUSED_FOR: Final = timedelta(days=30)
NEVER_USED_FOR: Final = timedelta(days=7)
OUR_OWN_USE: Final = timedelta(hours=1)
"""A new token is tried by us when it is made and put in its places; that is no use of it."""


def judge_listings(evidence: Evidence) -> Iterator[Finding]:
    """Go through every token of every list."""
    told: set[tuple[str, str]] = set()
    for listing in evidence.seen.listings:
        if listing.error is not None:
            yield _not_asked(listing)
        elif listing.tokens is None:
            yield Finding(
                Kind.CANNOT_TELL,
                named(listing.account),
                "This issuer lists no tokens: whether it has others than ours, nobody can tell.",
                "Look at its own pages now and then.",
            )
        for info in listing.tokens or ():
            if (listing.account.connection, info.handle) not in told and not _has_expired(info, evidence):
                told.add((listing.account.connection, info.handle))
                yield from _judge(info, listing, evidence)


def judge_tokens_in_force(evidence: Evidence) -> Iterator[Finding]:
    """Look whether the tokens in force are listed, and used."""
    for policy in evidence.chosen:
        secret = evidence.secret(policy)
        if secret.current is None or policy.name in evidence.moved:
            continue
        info = evidence.as_listed(secret)
        if info is None:
            yield from _ended(secret, secret.current, evidence)
        else:
            yield from _unused(secret, secret.current, info, evidence)


def judge_verdicts(evidence: Evidence) -> Iterator[Finding]:
    """Look at what issuers that list nothing said of the values that destinations hold."""
    for held in evidence.seen.places:
        current = evidence.secrets[held.secret].current if held.secret in evidence.secrets else None
        if held.issuer_error is not None:
            yield Finding(
                Kind.NOT_ASKED, str(held.target), _said(held.issuer_error.what), held.issuer_error.remedy, held.secret
            )
        elif (
            held.verdict is Verdict.INVALID
            and held.secret not in evidence.moved
            and current is not None
            and current.fingerprint == held.fingerprint
            and not _ran_out(current, evidence)
        ):
            yield Finding(
                Kind.ENDED,
                str(held.target),
                f"The issuer refuses the token in force, {current.handle or current.name}, which this place holds.",
                f"`rotate now {held.secret}` puts a new one in its place.",
                held.secret,
            )


def judge_latecomers(evidence: Evidence) -> Iterator[Finding]:
    """Tell of tokens that came too late and could not be revoked, where no list tells whether they are gone."""
    listing = {seen.account.connection for seen in evidence.seen.listings if seen.tokens is not None}
    chosen = {policy.name for policy in evidence.chosen}
    for token, connection in ((known.token, known.connection) for known in evidence.late):
        if connection not in listing and (evidence.everything or token.secret in chosen):
            yield Finding(
                Kind.CANNOT_TELL,
                str(connection),
                f"Token {token.handle} ({token.name}) came too late to be used, and may live: it could not be revoked.",
                "Nobody has its value: see there that it is gone.",
                token.secret,
                token.created_at,
            )


def _judge(info: TokenInfo, listing: Listing, evidence: Evidence) -> Iterator[Finding]:
    token = evidence.owner_of(info, listing)
    if token is None:
        yield from _stranger(info, listing, evidence)
    elif token.state is TokenState.DEAD or any(token is known.token for known in evidence.late):
        yield from _undead(token, info, listing)
    elif token.id not in evidence.accounted_for:
        yield Finding(
            Kind.LEFT_OVER,
            named(listing.account),
            f"{described(info)} was in force for {token.secret} until another one was adopted, and lives on.",
            "Nothing replaces it any more: see that nobody uses it, and delete it there.",
            token.secret,
            info.created_at,
            info,
        )


def _undead(token: Token, info: TokenInfo, listing: Listing) -> Iterator[Finding]:
    patience = listing.traits.revoke_propagation if listing.traits is not None else timedelta()
    if token.ended_at is not None and listing.asked_at <= token.ended_at + patience:
        return  # it died a moment ago; lists lag
    if token.proof is None:
        what = f"{described(info)} came too late to be used, could not be revoked, and lives."
        remedy = "Nobody has its value: delete it there."
    elif token.proof is Proof.NEVER_MADE:
        what = f"{described(info)} was asked for and taken for never made, and lives: its answer was lost."
        remedy = "Nobody has its value: delete it there."
    else:
        what = f"{described(info)} is listed as alive, and counts as dead (proof: {token.proof})."
        remedy = f"Delete it there, and see that it is gone. `rotate history {token.secret}` says how it ended."
    yield Finding(Kind.UNDEAD, named(listing.account), what, remedy, token.secret, token.ended_at, info)


def _stranger(info: TokenInfo, listing: Listing, evidence: Evidence) -> Iterator[Finding]:
    where, waiting = named(listing.account), evidence.not_adopted(listing.account)
    if evidence.is_likely(info, listing):
        return  # it is told of its policy, which was never adopted
    if evidence.bears_a_mark(info, listing):
        yield Finding(
            Kind.ORPHAN,
            where,
            f"{described(info)} has a name as we give them, and the ledger does not know it.",
            "If no other Rotator works with this account, it was left by an earlier ledger: delete it there.",
            since=info.created_at,
            token=info,
        )
        return
    adopt = (
        f", or is it the one of `rotate adopt {waiting[0].name} --handle {shlex.quote(info.handle)}`" if waiting else ""
    )
    yield Finding(
        Kind.NOBODYS,
        where,
        f"{described(info)} is known to no policy, and not to the ledger.",
        f"Whose is it (it may be what Rotator signs in with){adopt}? Delete it there if nobody needs it.",
        since=info.created_at,
        token=info,
    )


def _ended(secret: Secret, current: Token, evidence: Evidence) -> Iterator[Finding]:
    """Tell of a token in force that must be listed, and is not."""
    listing = evidence.listing_of(secret)
    if listing is None or listing.traits is None or current.state is not TokenState.LIVE or current.handle is None:
        return
    known_by = (current.created_at or listing.asked_at) + listing.traits.issue_propagation
    is_too_young = current.created_at is not None and listing.asked_at <= known_by
    if is_too_young or _ran_out(current, evidence):
        return
    yield Finding(
        Kind.ENDED,
        named(listing.account),
        f"The token in force, {current.handle}, is not listed any more: somebody ended it.",
        f"`rotate now {secret.name}` puts a new one in its place; then find out who did, and why.",
        secret.name,
    )


def _unused(secret: Secret, current: Token, info: TokenInfo, evidence: Evidence) -> Iterator[Finding]:
    listing = evidence.listing_of(secret)
    if listing is None or listing.traits is None or not listing.traits.reports_last_use:
        return
    made, last = info.created_at or current.created_at, info.last_used_at
    if made is not None and (last is None or last <= made + OUR_OWN_USE):
        idle, limit, what = evidence.now - made, NEVER_USED_FOR, "was never used by anybody but us"
    elif last is not None:
        idle, limit, what = evidence.now - last, UNUSED_FOR, "has not been used since"
    else:
        return
    if idle >= limit:
        yield Finding(
            Kind.UNUSED,
            named(listing.account),
            f"{described(info)} {what}, for {idle.days} days.",
            f"See that its consumers read the places that `rotate plan {secret.name}` names. If nobody needs it any "
            "more, take its policy away and delete it there.",
            secret.name,
            last or made,
            info,
        )


def described(info: TokenInfo) -> str:
    """Name a token as its issuer does. The words are anybody's: nothing in them reaches a terminal but letters."""
    name, handle = _printable(info.name or ""), _printable(info.handle)
    said = [f"made {shown(info.created_at)}"] if info.created_at else []
    said += [f"expires {shown(info.expires_at)}"] if info.expires_at else []
    said += [f"last used {shown(info.last_used_at)}"] if info.last_used_at else []
    token = f"Token {handle} “{name}”" if name else f"Token {handle}"
    return f"{token} ({', '.join(said)})" if said else token


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _not_asked(listing: Listing) -> Finding:
    assert listing.error is not None
    return Finding(Kind.NOT_ASKED, named(listing.account), _said(listing.error.what), listing.error.remedy)


def _said(what: str) -> str:
    return f"It could not be asked. {what}"


def _has_expired(info: TokenInfo, evidence: Evidence) -> bool:
    return info.expires_at is not None and info.expires_at <= evidence.now


def _ran_out(token: Token, evidence: Evidence) -> bool:
    """Tell whether a token has expired by itself, which is told apart."""
    return token.expires_at is not None and token.expires_at <= evidence.now
