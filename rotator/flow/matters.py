"""What is the matter with a secret, by what the ledger knows and its policy says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from rotator.domain.model import Phase, Secret
from rotator.domain.notice import Notice
from rotator.domain.plan import Action, Decision, Reason
from rotator.domain.policy import Policy
from rotator.flow.judging import judge
from rotator.observe import notices


def running_out(policy: Policy, secret: Secret, now: datetime) -> Notice | None:
    """Say that a token runs out, unless its rotation is to come before that, or has begun within the hour."""
    assert secret.current is not None
    assert secret.current.expires_at is not None
    expires_at = secret.current.expires_at
    if secret.open is not None and secret.open.phase is Phase.CONFIRMED:
        secret = replace(secret, open=None)  # it is the new token that is in force
    decision = judge(policy, secret, now)
    if _comes_in_time(decision, now, expires_at):
        return None
    notice = notices.expiring(policy.name, policy.owner, expires_at, _why_not(decision), now)
    moves = decision.action in (Action.ROTATE, Action.RESUME)
    return replace(notice, patience=notices.AN_HOUR) if moves else notice


def _comes_in_time(decision: Decision, now: datetime, expires_at: datetime) -> bool:
    waits = decision.reason in (Reason.NOT_DUE, Reason.FROZEN, Reason.OUTSIDE_WINDOW)
    return waits and decision.due is not None and now < decision.due < expires_at


def _why_not(decision: Decision) -> str:
    if decision.action is Action.ROTATE:
        return "it is due, and no rotation has come about"
    if decision.action is Action.WAIT and decision.due is not None:
        return f"{decision.text}; its next time is {decision.due:%Y-%m-%d %H:%M} UTC"
    return decision.text


def still_fails(policy: Policy, secret: Secret, now: datetime) -> bool:
    """Tell whether what failed may go on failing: its rotation has neither come about nor become superfluous."""
    rotation = secret.open
    if rotation is None:
        return judge(policy, secret, now).reason not in (Reason.NOT_DUE, Reason.NOT_SCHEDULED)
    if rotation.trouble is not None:
        return not rotation.trouble.needs_operator
    return rotation.phase is not Phase.CONFIRMED
