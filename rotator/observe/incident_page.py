"""The incident report as Markdown: what lives comes first, then what a person does, then the proof. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from rotator.domain.secret_value import redact
from rotator.observe.incident import Fate, IncidentReport, OldToken, SecretReport, Status

_VERDICTS: Final = {
    Status.UNDER_WAY: "UNDER WAY. This was written when it began; a finished report takes its place.",
    Status.INTERRUPTED: "INTERRUPTED. Nothing is lost: the command below goes on.",
    Status.CONTAINED: "CONTAINED: every old token is proven dead.",
    Status.NOT_CONTAINED: "NOT CONTAINED: see what is not proven dead, and what is left to do.",
}


def page(report: IncidentReport) -> str:
    """Write a report as one Markdown document."""
    return redact("\n".join(_lines(report)).rstrip() + "\n")


def _lines(report: IncidentReport) -> Iterator[str]:
    yield from (f"# Incident {report.id}", "", f"**{_VERDICTS[report.status]}**", "")
    yield from _facts(report)
    yield from _alive(report)
    yield from _to_do(report.unfinished)
    if report.status in (Status.UNDER_WAY, Status.INTERRUPTED) or report.can_go_on:
        yield from ("## Go on", "", "```", report.again, "```", "")
    yield from _tokens(report.tokens)
    yield from _destinations(report.secrets)
    still_there = [f"{place.target}: {place.put_away}" for place in report.still_there]
    yield from _bullets("Dead tokens that a store could still be rolled back to", still_there)
    yield from _bullets("Look at these, too", [f"{each.secret}: {each.why}" for each in report.related])
    yield from _bullets("What else to do", report.advice)


def _facts(report: IncidentReport) -> Iterator[str]:
    dead = len(report.tokens) - len(report.alive)
    exposures = [token.exposed_for for token in report.tokens if token.exposed_for is not None]
    rows = [
        ("Why", report.reason or "no reason was given"),
        ("Declared", f"{_moment(report.began)}, by {report.by}"),
        ("This report", _moment(report.written_at)),
        ("Secrets", f"{len(report.secrets)}, of which {len(report.unfinished)} unfinished"),
        ("Old tokens", f"{len(report.tokens)}: {dead} proven dead, {len(report.alive)} not"),
    ]
    if exposures:
        rows.append(("Longest exposure", f"{length(max(exposures))} from the declaration to the proof of death"))
    if report.commit:
        rows.append(("Policies", f"at commit {report.commit}"))
    yield from _table(("", ""), rows)


def _alive(report: IncidentReport) -> Iterator[str]:
    if not report.alive:
        return
    yield from ("## Not proven dead", "")
    rows = [(token.secret, token.issuer, _called(token), why_alive(token)) for token in report.alive]
    yield from _table(("Secret", "Issuer", "Token", "What is known"), rows)


def _called(token: OldToken) -> str:
    if not token.known:
        return "never adopted: not known here"
    return f"{token.called} ({token.name})" if token.name and token.name != token.called else token.called


def why_alive(token: OldToken) -> str:
    """Say what is known of a token that is not proven dead."""
    if not token.known:
        return "it works until somebody deletes it at the issuer: look there for the one in use"
    if token.fate is Fate.UNPROVEN:
        return f"taken for dead ({token.proof}); see at the issuer that it is gone"
    return token.proof or "it works, or may: see what is left to do for its secret"


def _to_do(unfinished: Sequence[SecretReport]) -> Iterator[str]:
    for heading, some in (
        ("Needs a person", [each for each in unfinished if each.needs_person]),
        ("Can be tried again now", [each for each in unfinished if not each.needs_person]),
    ):
        if some:
            yield from (f"## {heading}", "")
            rows = [(each.secret, each.owner or "-", each.outcome, each.to_do) for each in some]
            yield from _table(("Secret", "Owner", "State", "What to do"), rows)


def _tokens(tokens: Sequence[OldToken]) -> Iterator[str]:
    if not tokens:
        return
    yield from ("## Every old token", "")
    headings = ("Secret", "Issuer", "Token", "Made", "Last used", "Fate", "Proof", "Died", "Exposed for")
    yield from _table(headings, [_token_row(token) for token in tokens])


def _token_row(token: OldToken) -> tuple[str, ...]:
    return (
        token.secret,
        token.issuer,
        _called(token),
        _moment(token.created_at),
        last_use(token),
        token.fate.upper() if token.fate is not Fate.DEAD else token.fate,
        token.proof or "none",
        _moment(token.died_at),
        length(token.exposed_for) if token.exposed_for is not None else "goes on",
    )


def last_use(token: OldToken) -> str:
    """Say when its issuer says that it was last used, and when that was asked."""
    if token.last_use_asked_at is None:
        return "the issuer does not tell"
    asked = f" (asked {token.last_use_asked_at:%H:%M:%S})"
    return f"{_moment(token.last_used_at)}{asked}" if token.last_used_at is not None else f"never, or not told{asked}"


def _destinations(secrets: Sequence[SecretReport]) -> Iterator[str]:
    rows = [
        (each.secret, place.target, place.state, str(each.new_handle or "-"), place.put_away or "-")
        for each in secrets
        for place in each.destinations
    ]
    if rows:
        yield from ("## Where the new tokens are", "")
        yield from _table(("Secret", "Destination", "State", "New token", "Earlier value put away"), rows)


def _bullets(heading: str, points: Iterable[str]) -> Iterator[str]:
    shown = [f"- {_cell(point)}" for point in points]
    if shown:
        yield from (f"## {heading}", "", *shown, "")


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(headings)} |"
    yield f"|{'---|' * len(headings)}"
    for row in rows:
        yield f"| {' | '.join(_cell(cell) for cell in row)} |"
    yield ""


def _cell(text: str) -> str:
    """Keep a text in its cell: what a person or a service wrote may hold anything."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;").strip()


def _moment(when: datetime | None) -> str:
    return f"{when:%Y-%m-%d %H:%M:%S} UTC" if when is not None else "-"


def length(span: timedelta) -> str:
    """Write a length of time as people say it: ``2 h 5 min``, ``3 min 20 s``, ``45 s``."""
    seconds = max(0, round(span.total_seconds()))
    hours, minutes, seconds = seconds // 3600, seconds % 3600 // 60, seconds % 60
    if hours:
        return f"{hours} h {minutes} min"
    if minutes:
        return f"{minutes} min {seconds} s"
    return f"{seconds} s" if seconds else "less than 1 s"


def about(span: timedelta) -> str:
    """Say a length of time that is only foreseen."""
    return f"about {length(span)}" if round(span.total_seconds()) > 0 else length(span)
