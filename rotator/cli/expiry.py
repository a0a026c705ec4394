"""``--expires``: a person says when a token expires that its issuer tells nothing about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from rotator.domain.errors import InvalidInput

Expires = Annotated[
    str | None,
    typer.Option(
        "--expires",
        help="When it expires, where the issuer does not tell: e.g. 2027-03-01 (UTC).",
        metavar="WHEN",
        show_default=False,
    ),
]


def moment_of(text: str | None, now: datetime) -> datetime | None:
    """Read a date (its beginning) or a time; without a zone it is UTC. InvalidInput: it is none, or past."""
    if text is None:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput.of(f"--expires: {text!r} is not a date", "write for example 2027-03-01") from error
    moment = read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    if moment <= now:
        raise InvalidInput.of(f"--expires: {text} is past", "write when the token will expire")
    return moment
