"""``rotate notify-test``: send a message to a channel, to see whether it arrives."""

from __future__ import annotations

from typing import Annotated

import typer

from rotator.cli.context import Context
from rotator.cli.output import document, line
from rotator.domain.errors import InvalidInput


def notify_test(
    context: typer.Context,
    channel: Annotated[str, typer.Argument(help="The channel's name in the settings.", metavar="CHANNEL")],
) -> None:
    """Send a message to a channel, to see whether it arrives. Touches nothing else."""
    from rotator.config.problems import did_you_mean
    from rotator.observe.sending import send

    session: Context = context.obj
    channels = {each.name: each for each in session.app.channels()}
    if channel not in channels:
        remedy = did_you_mean(channel, channels, "add it under `[notify]` in rotator.toml")
        raise InvalidInput.of(f"unknown channel `{channel}`", remedy)
    body = "Somebody ran `rotate notify-test` to see whether this arrives. Nothing needs to be done."
    send(channels[channel], "Rotator: a test", body)
    if session.as_json:
        document({"channel": channel, "sent": True})
    else:
        line(f"{channel}: its service took the message. See whether it arrived.")
