"""What a policy file says to a plug-in: of a connection, and of one token."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from rotator.domain.terms import Target


class Config(BaseModel):
    """A connection's settings, as a policy file writes them. Plug-ins add theirs; unknown ones are errors.

    ``credentials`` holds references, never values: ``env:NAME``, ``file:PATH``, or a place in a store. A plug-in looks
    at their names alone; ``Access`` resolves them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    credentials: Mapping[str, str | Target] = {}


class Options(BaseModel):
    """What a policy's ``issuer:`` block says to the plug-in, beside connection, token_name and expires_in."""

    model_config = ConfigDict(frozen=True, extra="forbid")
