"""How a policy file says who we are to Microsoft Entra ID: one method, chosen by name, with what belongs to it.

Shared by all providers on Azure; ``login`` does the signing in.

There is no default and no chain: azure-identity's ``DefaultAzureCredential`` tries one after the other, waits many
seconds for metadata services that are not there, and takes whoever answers first. This module imports no SDK.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from rotator.domain.contracts import Credential


@dataclass(frozen=True)
class Method:
    """What one method takes: settings in ``auth``, and references in ``credentials``."""

    needs: frozenset[str] = frozenset()
    may_have: frozenset[str] = frozenset()
    credentials: tuple[Credential, ...] = ()
    asks_authority: bool = True
    """It signs in at the authority itself; else somebody does it for us."""


_APP: Final = frozenset({"tenant_id", "client_id"})

METHODS: Final[Mapping[str, Method]] = {
    "client_secret": Method(
        needs=_APP,
        credentials=(Credential("client_secret", "a client secret of the app registration"),),
    ),
    "certificate": Method(
        needs=_APP,
        credentials=(
            Credential("certificate", "the app registration's certificate with its RSA private key, in PEM"),
            Credential("certificate_password", "the private key's passphrase, if it has one", required=False),
        ),
    ),
    "workload_identity": Method(may_have=_APP | {"token_file"}),
    "managed_identity": Method(may_have=frozenset({"client_id"}), asks_authority=False),
    "cli": Method(may_have=frozenset({"tenant_id"}), asks_authority=False),
}


class Auth(BaseModel):
    """How to sign in."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = Field(json_schema_extra={"enum": [*METHODS]})
    tenant_id: str | None = Field(default=None, pattern=r"^[0-9A-Za-z.-]+$")
    client_id: str | None = Field(default=None, min_length=1)
    """The app registration's; with ``managed_identity``, that of a user-assigned identity."""
    token_file: Path | None = None
    """With ``workload_identity``: where Kubernetes puts the service account's token."""

    @model_validator(mode="after")
    def _fits_its_method(self) -> Self:
        method = METHODS.get(self.method)
        if method is None:
            raise ValueError(f"unknown auth method; known are {', '.join(sorted(METHODS))}")
        given = {name for name in ("tenant_id", "client_id", "token_file") if getattr(self, name) is not None}
        if missing := sorted(method.needs - given):
            raise ValueError(f"auth method {self.method} needs {', '.join(missing)}")
        if surplus := sorted(given - method.needs - method.may_have):
            raise ValueError(f"auth method {self.method} has no {', '.join(surplus)}; remove it")
        return self


def problems_with_credentials(method: str, names: frozenset[str]) -> Iterator[str]:
    """Say which references are missing for a method, and which are too many."""
    known = METHODS[method].credentials
    if missing := sorted({credential.name for credential in known if credential.required} - names):
        yield f"auth method {method} needs credentials: {', '.join(missing)}; add references"
    if surplus := sorted(names - {credential.name for credential in known}):
        yield f"auth method {method} has no credentials {', '.join(surplus)}; remove them"
