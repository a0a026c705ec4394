"""What policies, plug-ins and rotations all speak of: names, places, and which issuer a token comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, NewType

SecretName = NewType("SecretName", str)
RotationId = NewType("RotationId", str)
TokenId = NewType("TokenId", str)
ConnectionName = NewType("ConnectionName", str)
Handle = NewType("Handle", str)
"""A token's public id at its issuer. It may be reused by the issuer after the token is gone."""
TokenName = NewType("TokenName", str)
Version = NewType("Version", str)
"""Whatever a store calls a version: an AWS VersionId, a KV number, a digest of a file."""
Fingerprint = NewType("Fingerprint", str)
"""A keyed hash of a value: equal values have equal fingerprints, and nothing else can be learned from one."""


class Mode(StrEnum):
    """Which comes first when both cannot be had."""

    ROTATE_FIRST = "rotate-first"
    REVOKE_FIRST = "revoke-first"


@dataclass(frozen=True)
class Target:
    """Where a policy wants its token written: a store's connection, and the place as its plug-in describes it."""

    connection: ConnectionName
    place: Mapping[str, Any]

    def __str__(self) -> str:
        """Name the place in one short line: ``vault-prod path=prod/documenso field=token``."""
        parts = " ".join(f"{key}={_in_a_word(value)}" for key, value in self.place.items() if value not in (None, {}))
        return f"{self.connection} {parts}".rstrip()


def _in_a_word(value: Any) -> str:
    return ",".join(str(item) for item in value) if isinstance(value, list | tuple) else str(value)


@dataclass(frozen=True)
class Overlap:
    """How long the old token outlives the confirmation of the new one."""

    for_: timedelta = timedelta(hours=24)
    until_unused_for: timedelta | None = None
    at_most: timedelta | None = None


@dataclass(frozen=True)
class IssuerRef:
    """Which issuer a secret's token comes from, as plain data: enough to go on when the policy has changed."""

    connection: ConnectionName
    options: Mapping[str, Any] = field(default_factory=dict)
    """What the policy says to this issuer's plug-in: a user, scopes, a project …"""
    hosts: tuple[str, ...] = ()
    """Where the connection leads, by the addresses in its settings. Empty: none is there, or nobody wrote it down."""

    def may_be_another(self, than: IssuerRef) -> bool:
        """Tell whether another service may be behind it: the connection has another name, or leads elsewhere."""
        leads_elsewhere = bool(self.hosts and than.hosts) and self.hosts != than.hosts
        return self.connection != than.connection or leads_elsewhere
