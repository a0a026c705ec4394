"""What ``rotate now --compromised`` shows before it asks: one screen, however many tokens there are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from rotator.cli.output import counted, span
from rotator.config.selection import Selection
from rotator.domain.model import Mode
from rotator.flow.blast_radius import Neighbour, Ring, by_ring
from rotator.flow.estimate import Estimate
from rotator.flow.incident import Incident
from rotator.flow.outlook import Outlook, Survey
from rotator.flow.without_policy import WithoutPolicy
from rotator.observe.incident_page import about

_ROWS: Final = 20
_LINES: Final = 8
_IN_FULL: Final = 5
"""So many secrets have every destination written out."""

HEADINGS: Final = ("SECRET", "OLD TOKEN", "NAME", "AGE", "ISSUER", "DESTINATIONS", "HOW")


@dataclass(frozen=True)
class Screen:
    """All that the plan shows."""

    incident: Incident
    survey: Survey
    estimate: Estimate
    neighbours: Sequence[Neighbour]
    now: datetime
    only: Callable[[Selection], str]
    """Gives the command that does the same with others."""
    without_policy: Sequence[WithoutPolicy] = ()

    def heading(self) -> Iterator[str]:
        to_do, done = self.survey.to_do, len(self.survey.outlooks) - len(self.survey.to_do)
        dying = sum(len(each.dying) for each in to_do)
        yield (
            f"COMPROMISED: {counted(len(to_do), 'secret')} to rotate now, without overlap; "
            f"{counted(dying, 'old token')} to be proven dead."
        )
        if len(to_do) > _ROWS:
            yield f"Issuers: {_counts(each.order.policy.issuer.connection for each in to_do)}."
            yield f"Stores: {_counts(store for each in to_do for store, _ in each.stores)}."
        if self.incident.goes_on:
            yield f"This goes on with incident {self.incident.id}, declared {self.incident.began:%Y-%m-%d %H:%M} UTC."
        if done:
            many = counted(done, "secret")
            yield f"Replaced in it already, and so left alone: {many} (--again rotates all of them once more)."

    def rows(self) -> list[tuple[str, ...]]:
        """Give the table's rows: those that need attention first, and no more than fit."""
        urgent = sorted(self.survey.to_do, key=lambda each: not _is_urgent(each))
        return [row for each in urgent[:_ROWS] for row in _rows(each, self.now)][: _ROWS + _LINES]

    def rest(self) -> Iterator[str]:
        """Give what stands below the table."""
        to_do = self.survey.to_do
        if len(to_do) > _ROWS:
            yield f"… and {len(to_do) - _ROWS} more; `--json` tells all of them."
        if len(to_do) <= _IN_FULL:
            for each in to_do:
                yield from (f"  {each.name} → {target}" for target in each.order.policy.targets)
        yield from _section("DOWNTIME", _grouped((each.name, each.downtime) for each in to_do))
        yield from _section(
            "CANNOT OVERLAP (only with --revoke-first: DOWNTIME)",
            _grouped((each.name, each.in_the_way) for each in self.survey.in_the_way),
        )
        yield from _section(
            "A STORE DOES NOT ANSWER (replaced when it does; --revoke-first ends the old ones before: DOWNTIME)",
            _grouped((each.name, each.unanswered) for each in to_do),
        )
        yield from _section("NEEDS A PERSON", _grouped((each.name, each.needs) for each in to_do))
        yield from _section(
            "NO POLICY ANY MORE (nothing here replaces or ends these; as long as they may live, the exit code is 4)",
            [f"{each.secret}: {each.remedy}" for each in self.without_policy],
        )
        notes = ((each.name, note) for each in self.survey.outlooks for note in each.notes)
        yield from _section("TAKE NOTE", _grouped(notes))
        yield from _section("WHAT THE LIMITS ALLOW", list(_limits(self.estimate)))
        yield from _related(self.neighbours, self.only)

    def as_data(self) -> dict[str, Any]:
        """Give the plan as JSON shows it."""
        return {
            "event": "plan",
            "incident": self.incident.id,
            "goes_on": self.incident.goes_on,
            "eta_seconds": round(self.estimate.takes.total_seconds(), 1),
            "slowest": self.estimate.slowest,
            "secrets": [_data(each) for each in self.survey.outlooks],
            "without_policy": [
                {"secret": each.secret, "tokens": [token.handle or token.name for token in each.tokens]}
                for each in self.without_policy
            ],
            "related": [
                {"secret": each.policy.name, "shares": each.ring, "what": each.shared, "with": each.with_secret}
                for each in self.neighbours
            ],
        }


def _is_urgent(outlook: Outlook) -> bool:
    return bool(outlook.in_the_way or outlook.downtime or outlook.unanswered or outlook.needs)


def _counts(names: Iterable[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in Counter(names).most_common())


def _rows(outlook: Outlook, now: datetime) -> Iterator[tuple[str, ...]]:
    connections = Counter(target.connection for target in outlook.order.policy.targets)
    places = ", ".join(f"{count} in {name}" if count > 1 else name for name, count in connections.items())
    issuer = str(outlook.order.policy.issuer.connection)
    if not outlook.dying:
        yield (outlook.name, "not known", "-", "-", issuer, places, how(outlook))
    for position, token in enumerate(outlook.dying):
        age = span(now - token.created_at) if token.created_at is not None else "-"
        called = str(token.handle or "not known"), str(token.name or "-")
        if position == 0:
            yield (outlook.name, *called, age, issuer, places, how(outlook))
        else:
            yield ("", *called, age, "", "", "dies, too")


def how(outlook: Outlook) -> str:
    """Say in a few words what is done with the old token."""
    if outlook.in_the_way:
        return "CANNOT OVERLAP"
    if outlook.account.traits.by_hand:
        return "by hand"
    if outlook.order.mode is Mode.REVOKE_FIRST and outlook.secret.current is not None:
        return "REVOKED FIRST"
    if outlook.unanswered:
        return "WAITS FOR A STORE"
    if outlook.secret.current is None and outlook.secret.open is None:
        return "new token; the old one is NOT revoked"
    return "replaced, then revoked"


def _limits(estimate: Estimate) -> Iterator[str]:
    for share in estimate.shares:
        if share.limits:
            asked = f"{counted(share.requests, 'request')} at {_allowed(share.limits)}"
            yield f"{share.connection}: {asked}: {about(share.takes)}"
    decides = f"{estimate.slowest} decides" if estimate.slowest else "no limit decides, only the round trips"
    yield f"All of it: {about(estimate.takes)}, if nothing goes wrong ({decides})."


def _allowed(limits: Any) -> str:
    at_a_time = f"{limits.concurrency} at a time" if limits.concurrency is not None else ""
    return ", ".join(part for part in (str(limits.rate or ""), at_a_time) if part)


def _related(neighbours: Sequence[Neighbour], only: Callable[[Selection], str]) -> Iterator[str]:
    texts = []
    for ring, some in by_ring(neighbours).items():
        names = [str(each.policy.name) for each in some]
        shared = list(dict.fromkeys(each.shared for each in some))
        told = f"{ring} ({', '.join(shared[:2])}{', …' if len(shared) > 2 else ''})"  # noqa: PLR2004  two are enough
        these = _these(ring, some, shared)
        texts.append(f"{_listed(names)}: {told}{f'; only these: {only(these)}' if these is not None else ''}")
    yield from _section("MAY HAVE GOT OUT, TOO (left alone; --related rotates them, too)", texts)


def _these(ring: Ring, some: Sequence[Neighbour], shared: Sequence[str]) -> Selection | None:
    """Choose one ring alone, where that is short to say."""
    if ring is Ring.DOCUMENT and len(some) <= _LINES:
        return Selection([str(each.policy.name) for each in some])
    if len(shared) != 1:
        return None
    match ring:
        case Ring.ISSUER:
            return Selection(issuer=shared[0])
        case Ring.OWNER:
            return Selection(owner=shared[0])
        case Ring.STORE:
            return Selection(store=shared[0])
        case _:
            return None


def _grouped(told: Iterable[tuple[str, str]]) -> list[str]:
    """Say what is the same of several secrets once, with all their names. What is empty is nothing to say."""
    names: dict[str, list[str]] = {}
    for name, text in told:
        if text:
            names.setdefault(text, []).append(name)
    return [f"{_listed(some)}: {text}" for text, some in names.items()]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LINES} more" if len(names) > _LINES else ""
    return f"{', '.join(names[:_LINES])}{more}"


def _section(heading: str, texts: Iterable[str]) -> Iterator[str]:
    shown = list(texts)
    if not shown:
        return
    yield heading
    yield from (f"  {text}" for text in shown[:_LINES])
    if len(shown) > _LINES:
        yield f"  … and {len(shown) - _LINES} more"


def _data(outlook: Outlook) -> dict[str, Any]:
    return {
        "secret": outlook.name,
        "issuer": outlook.order.policy.issuer.connection,
        "mode": outlook.order.mode,
        "old": [{"handle": token.handle, "name": token.name, "made": token.created_at} for token in outlook.dying],
        "destinations": [str(target) for target in outlook.order.policy.targets],
        "downtime": outlook.downtime or None,
        "in_the_way": outlook.in_the_way or None,
        "needs": outlook.needs or None,
        "unanswered": outlook.unanswered or None,
        "notes": list(outlook.notes),
        "done": outlook.done is not None,
    }
