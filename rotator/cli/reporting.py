"""Telling what came of rotations: a line for each as it happens, and a result for each at the end."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from rotator.cli.context import Context
from rotator.cli.output import document, line, moment, warn
from rotator.domain.model import Event, Rotation, Token
from rotator.flow.report import Outcome, Report, exit_code
from rotator.observe.events import sentence


def progress(session: Context) -> Callable[[Event], None]:
    """Give an observer that shows events as they happen: JSON lines on stderr, or plain lines on stdout."""
    writing = threading.Lock()

    def show(event: Event) -> None:
        with writing:
            if session.as_json:
                warn(json.dumps(_event(event), default=str))
            else:
                line(f"  {event.at:%H:%M:%S} {event.secret}: {sentence(event)}")

    return show


def conclude(session: Context, reports: list[Report], *, compromised: bool = False) -> int:
    """Print the results; give the exit code."""
    code = exit_code(reports, compromised=compromised)
    if session.as_json:
        document({"secrets": [as_data(report) for report in reports], "exit_code": code})
        return code
    for report in sorted(reports, key=lambda report: report.secret):
        line(f"{report.secret}: {_in_words(report)}")
    return code


def as_data(report: Report) -> dict[str, Any]:
    """Give a report as JSON shows it."""
    return {
        "secret": report.secret,
        "outcome": report.outcome,
        "rotation": rotation_data(report.rotation) if report.rotation else None,
        "refused": {"what": report.refused.what, "remedy": report.refused.remedy} if report.refused else None,
        "blocked": report.blocked.text if report.blocked else None,
        "old_may_live": report.old_may_live,
    }


def rotation_data(rotation: Rotation) -> dict[str, Any]:
    return {
        "id": rotation.id,
        "phase": rotation.phase,
        "cause": rotation.cause,
        "opened_at": rotation.opened_at,
        "retry_at": rotation.retry_at,
        "commit": rotation.commit,
        "old": _token(rotation.old),
        "new": _token(rotation.new),
        "strays": [_token(token) for token in rotation.strays],
        "destinations": [{"target": str(place.target), "state": place.state} for place in rotation.destinations],
        "trouble": {"what": rotation.trouble.what, "remedy": rotation.trouble.remedy} if rotation.trouble else None,
    }


def _token(token: Token | None) -> dict[str, Any] | None:
    if token is None:
        return None
    return {
        "handle": token.handle,
        "name": token.name,
        "state": token.state,
        "expires_at": token.expires_at,
        "proof": token.proof,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(timespec="milliseconds"),
        "secret": event.secret,
        "rotation": event.rotation,
        "event": event.kind,
        "text": sentence(event),
        "detail": dict(event.detail),
    }


def _in_words(report: Report) -> str:
    rotation = report.rotation
    if rotation is None:
        blocked = report.blocked.text if report.blocked else ""
        return f"REFUSED, nothing was touched. {report.refused}" if report.refused else f"WAITS. {blocked}"
    match report.outcome:
        case Outcome.ROTATED:
            return _rotated(report, rotation)
        case Outcome.IN_OVERLAP:
            return (
                f"rotated; the old token lives until {moment(rotation.retry_at)} UTC. `rotate run --once` revokes "
                f"it then, `rotate retire {rotation.id}` does it now."
            )
        case Outcome.WITHDRAWN:
            return f"WITHDRAWN; the old token is in force everywhere. See `rotate history {report.secret}`."
        case _:
            return f"UNFINISHED ({rotation.phase}), rotation {rotation.id}. {_why_unfinished(report, rotation)}"


def _why_unfinished(report: Report, rotation: Rotation) -> str:
    if report.refused is not None:
        return str(report.refused)
    if rotation.trouble is not None:
        return f"{rotation.trouble.what} {rotation.trouble.remedy}".strip()
    return f"It was interrupted; `rotate resume {rotation.id}` goes on."


def _rotated(report: Report, rotation: Rotation) -> str:
    if report.old_may_live:
        return f"rotated, BUT {report.old_may_live}."
    if rotation.old is None:
        return "rotated; there was no old token that we know of (nothing was revoked)."
    return f"rotated; the old token {rotation.old.handle} is dead (proof: {rotation.old.proof})."
