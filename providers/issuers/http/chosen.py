"""Ids that we choose for a new token, where its issuer lets us.

The handle follows from the token's name, so the same request that arrives twice (proxies repeat a PUT) makes one token:
the issuer refuses the second. The value is ours before the request is sent, so a lost answer loses nothing: the issuer
is asked whether it knows the value, and under which handle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID, uuid4, uuid5

from providers.issuers.http.templates import Secrets
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle, TokenName

_NAMES: Final = UUID("3f0c7a52-6f0e-4f0b-9a57-0d1f6c3b8e21")


@dataclass(frozen=True)
class Chosen:
    """A token's ids, before it exists."""

    handle: Handle
    value: SecretValue

    @classmethod
    def for_name(cls, name: TokenName) -> Self:
        """Choose a UUID that follows from the name, and one that nobody can guess (122 bits of the system's)."""
        return cls(Handle(str(uuid5(_NAMES, name))), SecretValue(str(uuid4())))

    @property
    def variables(self) -> Secrets:
        """Give what templates know as ``chosen.handle`` and ``chosen.value``."""
        parts: dict[str, SecretValue | str] = {"handle": self.handle, "value": self.value}
        return Secrets(parts.__getitem__)
