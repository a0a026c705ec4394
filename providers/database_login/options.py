"""What a policy may say of database logins, whatever the server."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from providers.database_login.value import Address, Form
from rotator.domain.contracts import Options


class LoginOptions(Options):
    format: Form = Form.URI
    """How name and password are written as one value."""
    address: str | None = None
    """Where consumers connect to, as ``host:port/database``, and what else their URL says. Left out: the connection's
    address."""
    connection_limit: int | None = Field(default=None, ge=1)
    """How many sessions a login may have open."""
    sessions: Literal["end", "wait"] = "end"
    """What becomes of an old login's open sessions: ended with it, or waited for."""
    at_most: int = Field(default=10, ge=2)
    """Make no further login while so many are alive."""

    @field_validator("address")
    @classmethod
    def _is_an_address(cls, address: str | None) -> str | None:
        if address is not None:
            Address.parse(address, default_port=0)
        return address
