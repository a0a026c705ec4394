"""What came of a rotation, and what it waits for, for tired people: the state, the reason, the next command."""

from __future__ import annotations

from datetime import datetime

from rotator.cli.output import moment
from rotator.domain.model import Phase, Rotation, Secret
from rotator.domain.plan import Action, Decision
from rotator.flow.report import Outcome, Report
from rotator.observe.troubles import as_sentence, stuck


def outcome(report: Report, why_withdrawn: str | None) -> str:
    """Say how a secret came out of a run."""
    rotation = report.rotation
    if rotation is None:
        blocked = report.blocked.text if report.blocked else ""
        return f"REFUSED, nothing was touched. {report.refused}" if report.refused else f"WAITS: {blocked}."
    match report.outcome:
        case Outcome.ROTATED:
            return _rotated(report, rotation)
        case Outcome.IN_OVERLAP:
            return (
                f"rotated; the old token{_named(rotation)} lives until {moment(rotation.retry_at)} UTC. `rotate run "
                f"--once` revokes it then, `rotate retire {rotation.id}` does it now."
            )
        case Outcome.WITHDRAWN:
            why = f" Why: {as_sentence(why_withdrawn)}" if why_withdrawn else ""
            return f"WITHDRAWN, the old token is in force everywhere.{why} See `rotate history {report.secret}`."
        case _:
            reason = str(report.refused) if report.refused is not None else stuck(rotation)
            return f"UNFINISHED ({rotation.phase}), rotation {rotation.id}. {reason}"


def waits_for(secret: Secret, decision: Decision) -> str:
    """Say what a secret waits for: its day, a person, or the next run."""
    rotation = secret.open
    if rotation is None:
        return decision.text
    if rotation.phase is Phase.CONFIRMED and rotation.trouble is None and rotation.retry_at is not None:
        until = moment(rotation.retry_at)
        return f"the old token{_named(rotation)} lives until {until} UTC; `rotate retire {rotation.id}` ends it now"
    return stuck(rotation)


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
