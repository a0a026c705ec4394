"""What came of an incident, from what the ledger holds: the same after a kill, another try, or on another machine."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from rotator.domain.contracts import Coexistence
from rotator.domain.errors import RotatorError, Temporary
from rotator.domain.model import Cause, Event, Mode, Phase, Proof, Rotation, SecretName, Token, TokenState
from rotator.domain.standing import DECLARED
from rotator.flow import latecomers
from rotator.flow.emergency import STOPPED, is_answer
from rotator.flow.incident import Incident
from rotator.flow.outlook import Outlook
from rotator.flow.report import Outcome, Report, why_withdrawn
from rotator.flow.without_policy import WithoutPolicy
from rotator.flow.work import Tools
from rotator.observe.incident import (
    PUT_AWAY,
    Fate,
    IncidentReport,
    OldToken,
    Related,
    SecretReport,
    Status,
    Written,
)
from rotator.observe.troubles import as_sentence, stuck


@dataclass(frozen=True)
class Course:
    """What this run knows of an incident beside the ledger."""

    incident: Incident
    again: str
    """The command that goes on with it."""
    outlooks: Sequence[Outlook]
    reports: Mapping[SecretName, Report] = field(default_factory=dict)
    ended_again: Sequence[OldToken] = ()
    without_policy: Sequence[WithoutPolicy] = ()
    related: Sequence[Related] = ()
    advice: Sequence[str] = ()
    commit: str | None = None


def write_up(tools: Tools, course: Course, *, interrupted: bool | None) -> IncidentReport:
    """Give the report as things stand. ``interrupted`` None: it has only begun."""
    found = [_told_of(tools, course, outlook) for outlook in course.outlooks]
    found += [each.as_report() for each in course.without_policy]
    tokens = [token for _, tokens in found for token in tokens]
    draft = IncidentReport(
        id=course.incident.id,
        status=Status.UNDER_WAY,
        began=course.incident.began,
        written_at=tools.clock.now(),
        by=course.incident.by,
        reason=course.incident.reason,
        again=course.again,
        secrets=tuple(secret for secret, _ in found),
        tokens=(*tokens, *course.ended_again),
        related=tuple(course.related),
        advice=tuple(course.advice),
        commit=course.commit,
    )
    return _with_status(draft, interrupted=interrupted)


def _with_status(draft: IncidentReport, *, interrupted: bool | None) -> IncidentReport:
    if interrupted is None:
        return draft
    if draft.is_contained:
        return replace(draft, status=Status.CONTAINED)
    return replace(draft, status=Status.INTERRUPTED if interrupted else Status.NOT_CONTAINED)


def _told_of(tools: Tools, course: Course, outlook: Outlook) -> tuple[SecretReport, list[OldToken]]:
    since = _since_declared(tools.ledger.history(outlook.name), course.incident)
    rotations = _rotations(tools, course, outlook, since)
    late = _late(course, outlook, since)
    tokens = [*_old_tokens(course, outlook, since, rotations), *late]
    last = rotations[-1] if rotations else None
    report = course.reports.get(outlook.name) or Report(outlook.name, last)
    to_do, needs_person = _to_do(course, outlook, report, last, since)
    if late and not to_do:
        names = ", ".join(token.called for token in late)
        to_do, needs_person = f"Delete {names} at {late[0].issuer}: it came too late to be used, and may live.", True
    answer = last if last is not None and is_answer(last, course.incident.began) else None
    in_force = answer is not None and answer.phase in (Phase.CONFIRMED, Phase.RETIRED) and answer.new is not None
    told = SecretReport(
        secret=outlook.name,
        owner=outlook.order.policy.owner,
        issuer=outlook.order.policy.issuer.connection,
        outcome=_outcome(report, last),
        rotations=tuple(rotation.id for rotation in rotations),
        new_handle=answer.new.handle if in_force and answer is not None and answer.new is not None else None,
        destinations=_destinations(tools, outlook, answer, since),
        to_do=to_do,
        needs_person=needs_person,
    )
    return told, tokens


def _since_declared(history: Sequence[Event], incident: Incident) -> list[Event]:
    for position, event in enumerate(history):
        if event.kind == DECLARED and event.detail.get("incident") == incident.id:
            return list(history[position:])
    return []


def _rotations(tools: Tools, course: Course, outlook: Outlook, since: Sequence[Event]) -> list[Rotation]:
    """Give the rotations that this incident is about, oldest first: the one it found open, and its answers."""
    report = course.reports.get(outlook.name)
    at_hand = {each.id: each for each in (report.taken_over, report.rotation) if each is not None} if report else {}
    found_open = since[0].detail.get("open") if since else None
    ids = [found_open, *(event.rotation for event in since)]
    found = []
    for rotation_id in dict.fromkeys(each for each in ids if each is not None):
        rotation = at_hand.get(rotation_id) or tools.ledger.rotation(rotation_id)
        if rotation is not None:
            found.append(rotation)
    return found


# --- its tokens ----------------------------------------------------------------------------------------------------


def _old_tokens(
    course: Course, outlook: Outlook, since: Sequence[Event], rotations: Sequence[Rotation]
) -> list[OldToken]:
    began = course.incident.began
    suspects: dict[str, Token] = {token.id: token for token in outlook.dying}
    for rotation in rotations:
        suspects.update({token.id: token for token in _suspects(rotation, began)})
    used = {str(told["id"]): told.get("last_used") for told in (since[0].detail.get("tokens", ()) if since else ())}
    asked_at = _moment(since[0].detail.get("last_use_asked")) if since else None
    told = [
        _as_told(outlook, token, began, _moment(used.get(token.id)), asked_at if token.id in used else None)
        for token in suspects.values()
        if token.proof is not Proof.NEVER_MADE
    ]
    if any(rotation.old is None and is_answer(rotation, began) for rotation in rotations) or not told:
        told.append(_unknown(outlook))
    return told


def _late(course: Course, outlook: Outlook, since: Sequence[Event]) -> list[OldToken]:
    """Give the tokens that came too late to be used since, and were not seen to be dead, but those told of already."""
    told = {token.handle for token in course.ended_again if token.secret == outlook.name}
    late = (known.token for known in latecomers.may_live(since))
    began = course.incident.began
    return [_as_told(outlook, token, began, None, None) for token in late if token.handle not in told]


def _suspects(rotation: Rotation, began: datetime) -> Iterable[Token]:
    """Give the tokens of a rotation that may have got out: all that there were when it was declared, and lost ones.

    One that was lost since, and that is gone by nobody's word but a person's, is among them.
    """
    old = (rotation.old,) if rotation.old is not None else ()
    if not is_answer(rotation, began):
        return (*old, *rotation.tokens)
    withdrawn = rotation.phase is Phase.WITHDRAWN
    lost = [token for token in rotation.tokens if withdrawn or token != rotation.new]
    return (*old, *(token for token in lost if token.state is not TokenState.DEAD or token.proof is Proof.SAID))


def _as_told(
    outlook: Outlook, token: Token, began: datetime, last_used: datetime | None, asked_at: datetime | None
) -> OldToken:
    is_dead = token.state is TokenState.DEAD
    fate = Fate.DEAD if is_dead and token.proof is Proof.REFUSED else Fate.UNPROVEN if is_dead else Fate.ALIVE
    died_at = token.ended_at if is_dead else None
    return OldToken(
        secret=outlook.name,
        issuer=outlook.order.policy.issuer.connection,
        handle=token.handle,
        name=token.name,
        fate=fate,
        proof=token.proof,
        created_at=token.created_at,
        died_at=died_at,
        exposed_for=max(died_at - began, timedelta()) if died_at is not None else None,
        last_used_at=last_used,
        last_use_asked_at=asked_at,
    )


def _unknown(outlook: Outlook) -> OldToken:
    connection = outlook.order.policy.issuer.connection
    return OldToken(outlook.name, connection, None, None, Fate.ALIVE, known=False)


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(str(text)) if text else None


# --- where it was written, and what is left ------------------------------------------------------------------------


def _destinations(
    tools: Tools, outlook: Outlook, answer: Rotation | None, since: Sequence[Event]
) -> tuple[Written, ...]:
    if answer is None:
        return tuple(Written(str(target), "not touched") for target in outlook.order.policy.targets)
    put_away: dict[str, str] = {}
    for event in since:
        for target, said in _still_there(tools, event).items():
            put_away[target] = str(said) if put_away.get(target, PUT_AWAY) == PUT_AWAY else put_away[target]
    return tuple(
        Written(str(place.target), place.state, put_away.get(str(place.target))) for place in answer.destinations
    )


def _still_there(tools: Tools, event: Event) -> dict[str, str]:
    """Give, by place, what came of putting earlier versions away, and where one waits for a neighbour's proof yet."""
    if event.kind != "retired":
        return {}
    told: dict[str, str] = dict(event.detail.get("put_away") or {})
    for target, rotations in (event.detail.get("left") or {}).items():
        for left_to in (tools.ledger.rotation(each) for each in rotations):
            if left_to is not None and left_to.phase is not Phase.RETIRED and told.get(target) == PUT_AWAY:
                told[target] = f"kept until {left_to.secret}, whose old token is in it too, is rotated"
    return told


def _outcome(report: Report, last: Rotation | None) -> str:
    if report.rotation is None and report.refused is None and last is None:
        return "not begun"
    if report.outcome is Outcome.UNFINISHED and last is not None:
        return f"unfinished ({last.phase})"
    return str(report.outcome)


def _to_do(
    course: Course, outlook: Outlook, report: Report, last: Rotation | None, since: Sequence[Event]
) -> tuple[str, bool]:
    """Say what is left to do for a secret, with the command, and whether only a person can."""
    again = f"`{_command_for(course, outlook)}`"
    if last is not None and last.phase.is_open:
        waits = last.trouble is not None and last.trouble.needs_operator
        said = str(report.refused) if report.refused is not None else stuck(last)
        return said, waits or report.refused is not None
    if report.refused is not None:
        return _not_begun(course, outlook, report.refused)
    if last is None:
        return f"It was not begun. Run {again}.", False
    if last.phase is Phase.WITHDRAWN or not is_answer(last, course.incident.began):
        why = why_withdrawn(since, last.id) or "see `rotate history`"
        return f"It was withdrawn: {as_sentence(why)} Then run {again}.", True
    if report.old_may_live is not None:
        whose = last.issuer.connection
        return f"See at {whose} that the old token is gone: {as_sentence(report.old_may_live)}", True
    return "", False


def _not_begun(course: Course, outlook: Outlook, why: RotatorError) -> tuple[str, bool]:
    again = f"`{_command_for(course, outlook)}`"
    if why is STOPPED:
        return f"{why.what} Run {again}.", False
    if outlook.in_the_way and outlook.account.traits.coexistence is Coexistence.ONE:
        return f"{as_sentence(outlook.in_the_way)} {_containment(course, outlook)}".rstrip(), True
    said = f"{as_sentence(str(why))} Then run {again}. {_containment(course, outlook)}".rstrip()
    return said, not isinstance(why, Temporary)


def _containment(course: Course, outlook: Outlook) -> str:
    """Name the way to end the old token without waiting for what stands in the way, where there is one."""
    if not outlook.dying or outlook.order.mode is Mode.REVOKE_FIRST:
        return ""
    return f"To end the old token before that, with DOWNTIME: `{_command_for(course, outlook, revoke_first=True)}`."


def _command_for(course: Course, outlook: Outlook, *, revoke_first: bool = False) -> str:
    first = ["--revoke-first"] if revoke_first else []
    reason = ["--reason", course.incident.reason] if course.incident.reason else []
    return shlex.join(["rotate", "now", outlook.name, f"--{Cause.COMPROMISED}", *first, *reason])
