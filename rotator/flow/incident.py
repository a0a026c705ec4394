"""One compromise, from the moment a person declared it until every old token is proven dead.

It is written into each secret's own history, when the person said so: what follows (a kill, another try, another
machine) then counts from there. The same command, run again, goes on with it: what it has answered is not rotated
twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Final

from rotator.domain.model import Event, Phase, Rotation, SecretName, Token
from rotator.domain.standing import DECLARED, OVER
from rotator.flow.declaration import GOES_ON_FOR
from rotator.flow.emergency import is_answer
from rotator.flow.outlook import Outlook
from rotator.flow.work import Tools

_AT_ONCE: Final = 200
"""Events that share one commit."""


@dataclass(frozen=True)
class Incident:
    """What was declared, when, by whom and why."""

    id: str
    began: datetime
    by: str
    reason: str = ""
    declared: frozenset[SecretName] = frozenset()
    """The secrets whose history says so already: the command was run before."""

    @property
    def goes_on(self) -> bool:
        return bool(self.declared)


def current(tools: Tools, names: Sequence[SecretName], reason: str, *, anew: bool = False) -> Incident:
    """Give the incident that is still open for one of these secrets and has the same reason; else a new one."""
    now = tools.clock.now()
    told = (
        []
        if anew
        else [event for event in tools.ledger.standing_events(DECLARED, OVER) if event.at >= now - GOES_ON_FOR]
    )
    newest = {event.secret: event for event in told}
    mine = [newest[name] for name in names if name in newest and _is_open(newest[name], reason)]
    if not mine:
        return Incident(f"{now:%Y%m%d-%H%M}-{secrets.token_hex(2)}", now, tools.actor, reason)
    last = max(mine, key=lambda event: str(event.detail["began"]))
    incident = str(last.detail["incident"])
    declared = frozenset(event.secret for event in told if event.detail["incident"] == incident)
    return Incident(incident, datetime.fromisoformat(str(last.detail["began"])), last.actor, reason, declared)


def _is_open(event: Event, reason: str) -> bool:
    return event.kind == DECLARED and event.detail.get("reason", "") == reason


def answered(tools: Tools, incident: Incident, names: Iterable[SecretName]) -> dict[SecretName, Rotation]:
    """Give the rotations that were begun for this incident and have replaced their token. There is no other need."""
    wanted, found = set(names) & incident.declared, {}
    for secret in tools.ledger.secrets() if wanted else ():
        ended_since = secret.last_ended is not None and secret.last_ended >= incident.began
        if secret.name not in wanted or secret.open is not None or not ended_since:
            continue
        last = tools.ledger.last_rotation(secret.name)
        if last is not None and last.phase is Phase.RETIRED and is_answer(last, incident.began):
            found[secret.name] = last
    return found


def declare(tools: Tools, incident: Incident, outlooks: Iterable[Outlook]) -> None:
    """Write into each secret's history that its tokens got out, which they are, and when they were last used."""
    _note(
        tools,
        (
            Event(DECLARED, each.name, tools.clock.now(), tools.actor, detail=_declaration(incident, each))
            for each in outlooks
            if each.name not in incident.declared
        ),
    )


def close(tools: Tools, incident: Incident, names: Iterable[SecretName]) -> None:
    """Write down that it is over: every old token is proven dead. The same command then means another incident."""
    over = {"incident": incident.id}
    _note(tools, (Event(OVER, name, tools.clock.now(), tools.actor, detail=over) for name in names))


def _note(tools: Tools, events: Iterable[Event]) -> None:
    waiting = iter(events)
    while some := list(islice(waiting, _AT_ONCE)):
        tools.ledger.note(*some)
        tools.tell(*some)


def _declaration(incident: Incident, outlook: Outlook) -> dict[str, Any]:
    asked_at = outlook.account.asked_at if outlook.account.traits.reports_last_use else None
    return {
        "incident": incident.id,
        "began": incident.began.isoformat(),
        "reason": incident.reason,
        "open": outlook.secret.open.id if outlook.secret.open else None,
        "tokens": [_told(outlook, token) for token in outlook.dying],
        "last_use_asked": asked_at.isoformat() if asked_at else None,
    }


def _told(outlook: Outlook, token: Token) -> dict[str, Any]:
    last_used = outlook.last_used(token)
    return {
        "id": token.id,
        "handle": token.handle,
        "name": token.name,
        "last_used": last_used.isoformat() if last_used else None,
    }
