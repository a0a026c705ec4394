"""Telling what came of rotations: a line for each as it happens, and a result for each at the end."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rotator.cli import wording
from rotator.cli.context import Context
from rotator.cli.exit_codes import DONE, UNFINISHED, WITHDRAWN
from rotator.cli.output import document, line, warn
from rotator.domain.errors import RotatorError
from rotator.domain.model import Event, Rotation, Token, Trouble
from rotator.flow.report import Outcome, Report, why_withdrawn
from rotator.flow.still_out import StillOut
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


def say_that_it_looks(session: Context) -> None:
    """Say at a terminal why nothing is shown yet: a service that does not answer is waited for."""
    if sys.stderr.isatty() and not session.as_json:
        warn("Asking issuers and stores …")


def conclude(session: Context, reports: list[Report], failures: Sequence[str] = (), *, stopped: bool = False) -> int:
    """Print the results; give the exit code.

    ``failures``: what was to be written down, and could not be. ``stopped``: something else may have been due.
    """
    code = UNFINISHED if failures or stopped else exit_code(reports)
    if session.as_json:
        document({"secrets": [as_data(report) for report in reports], "exit_code": code})
    else:
        for report in sorted(reports, key=lambda report: report.secret):
            line(told(session, report))
    tell_failures(session, failures)
    return code


def tell_failures(session: Context, failures: Sequence[str]) -> None:
    """Say what could not be written down."""
    for failure in failures:
        warn(json.dumps({"event": "not written", "text": failure}) if session.as_json else failure)


def told(session: Context, report: Report) -> str:
    """Say in one line what came of a secret."""
    by_hand = _is_by_hand(session, report)
    return f"{report.secret}: {wording.outcome(report, _why_withdrawn(session, report), by_hand=by_hand)}"


def _is_by_hand(session: Context, report: Report) -> bool:
    """Tell whether people delete its old tokens."""
    if report.outcome is not Outcome.IN_OVERLAP or report.rotation is None:
        return False
    try:
        return session.app.connections.issuer(report.rotation.issuer).traits.by_hand
    except RotatorError:  # its connection is gone from the policies
        return False


def _why_withdrawn(session: Context, report: Report) -> str | None:
    if report.outcome is not Outcome.WITHDRAWN or report.rotation is None:
        return None
    return why_withdrawn(session.app.ledger.history(report.secret), report.rotation.id)


def exit_code(reports: Iterable[Report]) -> int:
    """Give the code that says the worst of what came of them."""
    outcomes = [Outcome.UNFINISHED if report.old_may_live else report.outcome for report in reports]
    if Outcome.UNFINISHED in outcomes:
        return UNFINISHED
    return WITHDRAWN if Outcome.WITHDRAWN in outcomes or Outcome.REFUSED in outcomes else DONE


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
        "mode": rotation.mode,
        "reason": rotation.reason,
        "actor": rotation.actor,
        "opened_at": rotation.opened_at,
        "retry_at": rotation.retry_at,
        "commit": rotation.commit,
        "old": _token(rotation.old),
        "new": _token(rotation.new),
        "strays": [_token(token) for token in rotation.strays],
        "destinations": [{"target": str(place.target), "state": place.state} for place in rotation.destinations],
        "trouble": _trouble(rotation.trouble) if rotation.trouble else None,
    }


def still_out_data(out: StillOut) -> dict[str, Any]:
    return {
        "incident": out.incident,
        "since": out.since,
        "reason": out.reason,
        "tokens": [token.handle or token.name for token in out.tokens],
        "command": out.command,
    }


def _trouble(trouble: Trouble) -> dict[str, Any]:
    return {
        "kind": trouble.kind,
        "what": trouble.what,
        "remedy": trouble.remedy,
        "since": trouble.since,
        "times_told": trouble.said,
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
