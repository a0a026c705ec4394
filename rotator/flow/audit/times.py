"""What should have happened by now: by the schedules, by the clocks of open rotations, by adoption."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from rotator.domain import lifecycle, schedule
from rotator.domain.identity import means
from rotator.domain.model import Cause, Phase, Rotation, Secret, Token
from rotator.domain.plan import Question
from rotator.domain.policy import Policy
from rotator.flow.audit.evidence import Evidence, shown
from rotator.flow.audit.findings import Finding, Kind
from rotator.flow.audit.looking import named
from rotator.observe.troubles import stuck

LATE: Final = timedelta(days=1)
"""How long a due rotation may wait for its turn, and an open one may stand still."""
LATE_DEATH: Final = timedelta(hours=1)
"""How long an old token may outlive its overlap: until the next run comes by."""
OLD: Final = timedelta(days=365)


def judge_schedules(evidence: Evidence) -> Iterator[Finding]:
    """Look at every chosen secret: is its token known, does it still live, and will it be replaced in time?"""
    for policy in evidence.chosen:
        secret = evidence.secret(policy)
        if secret.current is not None and _has_expired(secret, secret.current, evidence):
            yield _expired(policy, secret, secret.current, evidence)
        elif secret.current is not None and secret.open is None:
            yield from _out_of_time(policy, secret, secret.current, evidence)
        elif secret.open is None:
            yield _not_adopted(policy, evidence)


def judge_rotations(evidence: Evidence) -> Iterator[Finding]:
    """Look at every open rotation: does it move, and has the old token died in time?"""
    chosen = {policy.name for policy in evidence.chosen}
    for secret in evidence.picture.secrets:
        rotation = secret.open
        if rotation is not None and (evidence.everything or secret.name in chosen):
            if rotation.phase is Phase.CONFIRMED:
                yield from _outlived(rotation, secret, evidence)
            else:
                yield from _stuck(rotation, evidence)


def judge_without_policy(evidence: Evidence) -> Iterator[Finding]:
    """Find tokens in force that no policy names any more: nothing replaces them, and nothing ends them."""
    if not evidence.everything:
        return
    for secret in evidence.picture.secrets:
        current = secret.current
        if secret.name in evidence.policies or current is None or not current.state.may_live:
            continue
        listing, info = evidence.listing_of(secret), evidence.as_listed(secret)
        if listing is not None and info is None:
            continue  # it is gone already
        issuer = evidence.picture.made_through.get(secret.name)
        yield Finding(
            Kind.NO_POLICY,
            named(issuer) if issuer is not None else "",
            f"No policy names it any more, and its token {current.handle or current.name} "
            f"{'is alive' if info is not None else 'may be alive'}.",
            "Put the policy back, or delete the token at its issuer once nobody uses it.",
            secret.name,
            current.created_at,
            info,
        )


def judge_deaths(evidence: Evidence) -> Iterator[Finding]:
    """Tell of the tokens that count as dead on less than their own refusal."""
    chosen = {policy.name for policy in evidence.chosen}
    for deaths in evidence.picture.weak_deaths:
        if evidence.everything or deaths.secret in chosen:
            how_many = "One token counts" if deaths.count == 1 else f"{deaths.count} tokens count"
            yield Finding(
                Kind.WEAK_PROOF,
                "",
                f"{how_many} as dead, and nobody could try the value (proof: {deaths.proof}).",
                f"`rotate history {deaths.secret}` names them; a store that keeps earlier versions makes it provable.",
                deaths.secret,
                deaths.last,
            )


def _not_adopted(policy: Policy, evidence: Evidence) -> Finding:
    likely = evidence.likely(policy)
    handle = f" --handle {shlex.quote(likely.handle)}" if likely is not None else ""
    return Finding(
        Kind.NOT_ADOPTED,
        named(policy.issuer),
        "Nobody knows which token is in use, so it is never rotated by itself.",
        f"`rotate adopt {policy.name}{handle}` takes it over; `rotate now {policy.name}` starts with a new one.",
        policy.name,
        token=likely,
    )


def _expiry(secret: Secret, current: Token, evidence: Evidence) -> datetime | None:
    """Give when the token in force expires: as its issuer says, or else as we remember."""
    listed = evidence.as_listed(secret)
    return (listed.expires_at if listed is not None else None) or current.expires_at


def _has_expired(secret: Secret, current: Token, evidence: Evidence) -> bool:
    expires_at = _expiry(secret, current, evidence)
    return current.state.may_live and expires_at is not None and expires_at <= evidence.now


def _expired(policy: Policy, secret: Secret, current: Token, evidence: Evidence) -> Finding:
    return Finding(
        Kind.EXPIRED,
        named(policy.issuer),
        f"The token in force, {current.handle or current.name}, has expired: its consumers are refused.",
        f"`rotate now {policy.name}` puts a new one in its place.",
        policy.name,
        _expiry(secret, current, evidence),
        evidence.as_listed(secret),
    )


def _out_of_time(policy: Policy, secret: Secret, current: Token, evidence: Evidence) -> Iterator[Finding]:
    expires_at, where, now = _expiry(secret, current, evidence), named(policy.issuer), evidence.now
    due = Question(policy, secret, now, Cause.DUE).due
    if due is None:
        yield from _never_due(policy, current, expires_at, now)
        return
    begins = schedule.may_begin(policy.schedule, due.at)
    if expires_at is not None and expires_at <= due.at:
        yield Finding(
            Kind.EXPIRES_FIRST,
            where,
            f"The token in force expires at {shown(expires_at)}, earlier than it was made to; due at {shown(due.at)}.",
            f"`rotate now {policy.name}` replaces it before that.",
            policy.name,
        )
    elif expires_at is not None and expires_at <= begins:
        yield Finding(
            Kind.EXPIRES_FIRST,
            where,
            f"The token in force expires at {shown(expires_at)}, and nothing may be changed before {shown(begins)}.",
            f"It will be rotated outside of its window, at {shown(due.at)}, unless you run `rotate now {policy.name}`.",
            policy.name,
        )
    if begins + LATE <= now:
        failures = f" (withdrawn {secret.failures} times in a row)" if secret.failures else ""
        yield Finding(
            Kind.OVERDUE,
            where,
            f"It should have been rotated ({due.why}), and was not{failures}.",
            f"See that `rotate run` runs. `rotate plan {policy.name}` says what stands in the way, "
            f"`rotate now {policy.name}` rotates it at once.",
            policy.name,
            begins,
        )


def _never_due(policy: Policy, current: Token, expires_at: datetime | None, now: datetime) -> Iterator[Finding]:
    """Judge a token that is only replaced when somebody asks."""
    if expires_at is not None:
        yield Finding(
            Kind.EXPIRES_FIRST,
            named(policy.issuer),
            f"The token in force expires at {shown(expires_at)}, and its schedule never replaces it.",
            f"Give it a schedule, or run `rotate now {policy.name}` before that.",
            policy.name,
        )
    elif current.created_at is not None and now - current.created_at >= OLD:
        yield Finding(
            Kind.NOT_SCHEDULED,
            named(policy.issuer),
            f"The token in force is {(now - current.created_at).days} days old, and only replaced when somebody asks.",
            f"Give it a schedule, or run `rotate now {policy.name}`.",
            policy.name,
            current.created_at,
        )


def _stuck(rotation: Rotation, evidence: Evidence) -> Iterator[Finding]:
    trouble, got_out = rotation.trouble, rotation.cause is Cause.COMPROMISED
    since = (trouble.since if trouble is not None else None) or rotation.phase_at
    is_under_way = trouble is None and evidence.now < rotation.phase_at + LATE_DEATH
    if is_under_way or (evidence.now < since + LATE and not got_out):
        return
    yield Finding(
        Kind.STUCK,
        named(rotation.issuer),
        f"Rotation {rotation.id} stands still at {rotation.phase}"
        f"{', and the token that it is to replace got out' if got_out else ''}.",
        stuck(rotation),
        rotation.secret,
        since,
        hurts_now=got_out,
    )


def _outlived(rotation: Rotation, secret: Secret, evidence: Evidence) -> Iterator[Finding]:
    """Judge a rotation whose new token is in force: its old ones live for the overlap, and no longer."""
    alive, got_out = lifecycle.still_alive(rotation), rotation.cause is Cause.COMPROMISED
    last_used = _last_use(rotation, secret, evidence)
    over = lifecycle.look_again(rotation, last_used, evidence.now) or lifecycle.retire_from(rotation)
    if last_used is not None and rotation.overlap.until_unused_for is not None and rotation.overlap.at_most is None:
        over = max(over, last_used + rotation.overlap.until_unused_for)
    if not alive or evidence.now < over + (timedelta() if got_out else LATE_DEATH):
        return
    names = ", ".join(str(token.handle or token.name) for token in alive)
    yield Finding(
        Kind.OUTLIVED,
        named(rotation.issuer),
        f"{names} should be dead, and was not seen to be{': it got out' if got_out else ''}.",
        stuck(rotation),
        rotation.secret,
        over,
        hurts_now=got_out,
    )


def _last_use(rotation: Rotation, secret: Secret, evidence: Evidence) -> datetime | None:
    """Give when the old token was last used, where its overlap waits for that."""
    listing = evidence.listing_of(secret)
    if rotation.old is None or rotation.overlap.until_unused_for is None or listing is None:
        return None
    listed = (info for info in listing.tokens or () if means(info, rotation.old))
    return next((info.last_used_at for info in listed), None)
