"""What came of a rotation, and what it waits for, for tired people: the state, the reason, the next command."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from rotator.cli.output import moment
from rotator.domain import reminders
from rotator.domain.durations import Duration
from rotator.domain.model import Cause, Phase, Rotation, Secret
from rotator.domain.plan import Action, Decision
from rotator.flow.report import Outcome, Report
from rotator.observe.troubles import as_sentence, stuck

if TYPE_CHECKING:
    from rotator.flow.still_out import StillOut


def outcome(report: Report, why_withdrawn: str | None, *, by_hand: bool = False) -> str:
    """Say how a secret came out of a run. ``by_hand``: people delete its old tokens."""
    rotation = report.rotation
    if rotation is None:
        blocked = report.blocked.text if report.blocked else ""
        return f"REFUSED, nothing was touched. {report.refused}" if report.refused else f"WAITS: {blocked}."
    match report.outcome:
        case Outcome.ROTATED:
            return _rotated(report, rotation)
        case Outcome.IN_OVERLAP:
            then = f"`rotate run --once` revokes it then, `rotate retire {rotation.id}` does it now."
            if by_hand:
                then = f"Somebody is asked to delete it then; `rotate retire {rotation.id}` asks now."
            return f"rotated; the old token{_named(rotation)} lives until {moment(rotation.retry_at)} UTC. {then}"
        case Outcome.WITHDRAWN:
            why = f" Why: {as_sentence(why_withdrawn)}" if why_withdrawn else ""
            return f"WITHDRAWN, the old token is in force everywhere.{why} See `rotate history {report.secret}`."
        case _:
            reason = str(report.refused) if report.refused is not None else stuck(rotation)
            return f"UNFINISHED ({rotation.phase}), rotation {rotation.id}. {reason}"


def waits_for(secret: Secret, decision: Decision, now: datetime, out: StillOut | None = None) -> str:
    """Say what a secret waits for: its day, a person, or the next run. First of all, what got out and was not ended."""
    rotation = secret.open
    if out is not None:
        urgent = f"URGENT: {out.what} Since {moment(out.since)} UTC. `{out.command}` goes on."
        return urgent if rotation is None else f"{urgent} {waits_for(secret, decision, now)}"
    if rotation is None:
        return decision.text
    if rotation.phase is Phase.CONFIRMED and rotation.trouble is None and rotation.retry_at is not None:
        until = moment(rotation.retry_at)
        return f"the old token{_named(rotation)} lives until {until} UTC; `rotate retire {rotation.id}` ends it now"
    return f"{stuck(rotation)} {urgency(rotation, now)}".rstrip()


def urgency(rotation: Rotation, now: datetime) -> str:
    """Say since when a person is asked for something, and what happens when; louder as the time comes near."""
    trouble, expires_at = rotation.trouble, reminders.deadline(rotation)
    if trouble is None or not trouble.is_asked:
        return ""
    asked = f"Asked for since {moment(trouble.since)} UTC." if trouble.since else ""
    if rotation.cause is Cause.COMPROMISED:
        return f"{asked} URGENT: the token that got out may work until then.".strip()
    if expires_at is None:
        return asked
    days, left = (expires_at - now).days, expires_at - now
    if left <= timedelta():
        loud = f"URGENT: the token in use EXPIRED at {moment(expires_at)} UTC."
    elif days < 1:
        loud = f"URGENT: the token in use expires TODAY, at {moment(expires_at)} UTC."
    elif left <= _SOON:
        loud = f"SOON: the token in use expires in {Duration(exact=timedelta(days=days))}."
    else:
        loud = f"The token in use expires at {moment(expires_at)} UTC."
    return f"{asked} {loud}".strip()


_SOON: Final = timedelta(days=7)


def can_be_done_now(decision: Decision, now: datetime) -> bool:
    """Tell whether the next run would do something: begin a rotation, or move on one whose time has come."""
    if decision.action is Action.RESUME:
        return decision.due is None or decision.due <= now
    return decision.action is Action.ROTATE


def _rotated(report: Report, rotation: Rotation) -> str:
    if report.old_may_live:
        return f"rotated, BUT {report.old_may_live}."
    if rotation.old is None:
        return "rotated; there was no old token that we know of (nothing was revoked)."
    return f"rotated; the old token {rotation.old.handle} is dead (proof: {rotation.old.proof})."


def _named(rotation: Rotation) -> str:
    return f" {rotation.old.handle}" if rotation.old is not None else ""
