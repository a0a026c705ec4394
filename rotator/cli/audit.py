"""``rotate audit``: does reality fit what the ledger believes?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import typer

from rotator.cli import selecting
from rotator.cli.context import Context
from rotator.cli.exit_codes import DONE, UNFINISHED
from rotator.cli.output import counted, document, line, moment

if TYPE_CHECKING:
    from rotator.flow.audit.audit import Audit
    from rotator.flow.audit.findings import Finding

SHOWN_OF_A_KIND: Final = 20
"""An account may have thousands of tokens; a person reads a page."""


def audit(
    context: typer.Context,
    names: selecting.Names = None,
    issuer: selecting.ByIssuer = None,
    store: selecting.ByStore = None,
    tag: selecting.ByTag = None,
    owner: selecting.ByOwner = None,
    everything: selecting.Everything = False,
) -> None:
    """Compare reality with the ledger. Nobody's tokens, drift, what is late, dead, unused. Touches nothing."""
    from rotator.cli.reporting import say_that_it_looks
    from rotator.config.selection import Selection
    from rotator.flow.audit.audit import audit as held_against_the_ledger

    session: Context = context.obj
    policies = session.app.policies
    wanted = Selection(names or (), issuer, store, tag, owner, everything=everything)
    chosen = selecting.chosen(session, wanted, all_by_default=True)
    session.stop_gently_on_signals()
    say_that_it_looks(session)
    result = held_against_the_ledger(session.app.runner().tools, policies, chosen, session.settings.workers)
    counts = Counter(str(finding.weight) for finding in result.findings)
    code = UNFINISHED if counts["urgent"] or counts["warning"] else DONE
    if session.as_json:
        document(_as_data(result, counts, code))
    else:
        for text in _lines(result, counts):
            line(text)
    raise typer.Exit(code)


def _lines(result: Audit, counts: Counter[str]) -> Iterator[str]:
    for kind, group in groupby(result.findings, key=lambda finding: (finding.weight, finding.kind)):
        found = list(group)
        yield f"{str(kind[0]).upper()}: {_HEADINGS[kind[1]]} ({len(found)})"
        yield from (f"  {_line(finding)}" for finding in found[:SHOWN_OF_A_KIND])
        if len(found) > SHOWN_OF_A_KIND:
            yield f"  … and {len(found) - SHOWN_OF_A_KIND} more: `rotate audit --json` shows all."
    if result.moved:
        yield f"Changed meanwhile, so not judged by what was seen of them: {', '.join(sorted(result.moved))}."
    accounts, tokens = counted(result.accounts, "account"), counted(result.tokens, "token")
    looked = f"{accounts} with {tokens}, {counted(result.places, 'place')} of {counted(result.secrets, 'secret')}"
    found_at_all = ", ".join(_counted(counts, weight) for weight in ("urgent", "warning", "note") if counts[weight])
    yield f"Looked at {looked}: {found_at_all or 'all is as it should be'}."


def _counted(counts: Counter[str], weight: str) -> str:
    return f"{counts[weight]} urgent" if weight == "urgent" else counted(counts[weight], weight)


def _line(finding: Finding) -> str:
    """Say what, where, since when, and what to do."""
    about = ": ".join(filter(None, (finding.secret, finding.where)))
    token = finding.token
    said = {token.created_at, token.expires_at, token.last_used_at} if token is not None else set()
    since = f" Since {moment(finding.since)} UTC." if finding.since is not None and finding.since not in said else ""
    return f"{about}: {finding.what}{since} {finding.remedy}".rstrip()


def _as_data(result: Audit, counts: Counter[str], code: int) -> dict[str, Any]:
    return {
        "findings": [_finding(finding) for finding in result.findings],
        "counts": {weight: counts[weight] for weight in ("urgent", "warning", "note")},
        "looked_at": {
            "secrets": result.secrets,
            "accounts": result.accounts,
            "tokens": result.tokens,
            "places": result.places,
        },
        "changed_meanwhile": sorted(result.moved),
        "exit_code": code,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    token = finding.token
    listed = ("handle", "name", "created_at", "expires_at", "last_used_at")
    return {
        "kind": finding.kind,
        "weight": finding.weight,
        "secret": finding.secret,
        "where": finding.where,
        "what": finding.what,
        "since": finding.since,
        "remedy": finding.remedy,
        "token": {key: getattr(token, key) for key in listed} if token is not None else None,
    }


_HEADINGS: Final = {
    "tampered": "the history was changed",
    "got-out": "tokens that got out, and were not ended",
    "undead": "alive, though they count as dead",
    "ended": "tokens in force that somebody ended",
    "expired": "tokens in force that have expired",
    "earlier-token": "places that hold an earlier or another secret's token",
    "empty": "places that hold no token",
    "outlived": "old tokens that outlived their overlap",
    "stuck": "rotations that stand still",
    "drift": "places that somebody else wrote to",
    "not-asked": "could not be asked",
    "orphan": "tokens that are probably ours, and that the ledger does not know",
    "nobodys": "tokens that nobody owns, as far as we know",
    "left-over": "tokens that were replaced by an adoption, and live on",
    "no-policy": "tokens whose policy is gone",
    "not-adopted": "secrets that were never adopted",
    "not-written": "places that no rotation has written yet",
    "left-behind": "places that left the policy and hold our token",
    "overdue": "not rotated for too long",
    "expires-first": "expires before its rotation",
    "unused": "not used",
    "not-scheduled": "old, and only rotated when asked",
    "weak-proof": "deaths that nobody could try",
    "cannot-tell": "cannot be told",
    "no-history": "no history yet",
}
