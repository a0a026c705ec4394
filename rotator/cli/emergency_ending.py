"""What ``rotate now --compromised`` says when it has ended: what is left, every token that lives, one line on all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from rotator.cli.output import counted
from rotator.flow.emergency import STOPPED
from rotator.flow.report import Report
from rotator.observe.incident import Fate, IncidentReport
from rotator.observe.incident_page import why_alive

_RESULTS: Final = 30
"""With more secrets than that, those that are done are counted only."""


def ending(written: IncidentReport, results: Sequence[Report], told: Callable[[Report], str]) -> Iterator[str]:
    """Give the lines. Those that had no turn before it was stopped share one: nothing is wrong with them."""
    stopped = {each.secret for each in results if each.refused is STOPPED}
    unfinished = {each.secret for each in written.unfinished}
    for report in sorted(results, key=lambda each: each.secret):
        if report.secret not in stopped and (report.secret in unfinished or len(results) <= _RESULTS):
            yield told(report)
    told_of = {each.secret for each in results}
    for each in written.unfinished:
        if each.secret not in told_of:  # none of those that were to be rotated
            yield f"{each.secret}: {each.outcome.upper()}. {each.to_do}"
    if stopped:
        yield f"NOT BEGUN when it was stopped, so their old tokens live: {', '.join(sorted(stopped))}."
    for token in written.alive:
        if token.secret not in stopped:
            seen = f", {why_alive(token)}" if token.fate is Fate.UNPROVEN else ""
            called = token.called if token.known else "never adopted, not known"
            yield f"NOT PROVEN DEAD: {token.secret}: {called}{seen}"
    for place in written.still_there:
        yield f"AN EARLIER VALUE IS STILL IN {place.target}: {place.put_away}"
    dead = len(written.tokens) - len(written.alive)
    yield (
        f"Incident {written.id} is {written.status.upper()}: {counted(dead, 'old token')} proven dead, "
        f"{len(written.alive)} not; {len(written.secrets) - len(unfinished)} of "
        f"{counted(len(written.secrets), 'secret')} done."
    )
