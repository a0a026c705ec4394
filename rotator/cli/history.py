"""``rotate history``: what happened to a secret, when, by whom, and why."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Annotated

import typer

from rotator.cli.context import Context
from rotator.cli.exit_codes import UNFINISHED
from rotator.cli.output import document, line, warn
from rotator.domain.errors import InvalidInput


def history(
    context: typer.Context, name: Annotated[str, typer.Argument(help="The secret's name.", metavar="NAME")]
) -> None:
    """Show the events of a secret, oldest first. Checks that the log was not tampered with."""
    from rotator.domain.model import SecretName
    from rotator.observe.events import sentence

    session: Context = context.obj
    secret = SecretName(_named(session, name))
    events = session.app.ledger.history(secret)
    broken = session.app.ledger.broken_links(secret)
    if session.as_json:
        document(
            {
                "secret": secret,
                "events": [
                    {
                        "at": event.at,
                        "event": event.kind,
                        "rotation": event.rotation,
                        "actor": event.actor,
                        "detail": dict(event.detail),
                        "text": sentence(event),
                    }
                    for event in events
                ],
                "broken_links": broken,
            }
        )
    else:
        for event in events:
            line(f"{event.at:%Y-%m-%d %H:%M:%S}  {event.rotation or '-':<17}  {event.actor}  {sentence(event)}")
    for sentence_about_it in broken:
        warn(f"TAMPERED: {sentence_about_it}")
    if broken:
        raise typer.Exit(UNFINISHED)


def _named(session: Context, name: str) -> str:
    """Give the one secret of the ledger that a name or a glob fits."""
    from rotator.config.problems import did_you_mean

    known = sorted(secret.name for secret in session.app.ledger.secrets())
    fitting = [each for each in known if fnmatchcase(each, name)]
    if not fitting:
        remedy = did_you_mean(name, known, "it knows those that were adopted or rotated")
        raise InvalidInput.of(f"The ledger has no history of `{name}`", remedy)
    if len(fitting) > 1:
        raise InvalidInput.of(f"`{name}` fits {len(fitting)} secrets: {', '.join(fitting)}", "look at one at a time")
    return fitting[0]
