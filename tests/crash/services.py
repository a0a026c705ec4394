"""Real issuers of tokens, each as its administrator sees it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from tests.servers.sandbox import SandboxIssuer


class Service(Protocol):
    """What the policies say of an issuer, and the truth about its tokens."""

    connection: str
    issuer: str
    environment: Mapping[str, str]

    def make_by_hand(self) -> str:
        """Make the first token; give its value."""
        ...

    def live(self) -> Collection[str]:
        """Give the handles of the tokens that work."""
        ...

    def accepts(self, value: str) -> bool: ...


class Sandbox:
    """Tokens without number, so far as one secret is concerned."""

    def __init__(self, server: SandboxIssuer) -> None:
        self._server = server
        self.environment = {"SANDBOX_ADMIN": server.admin_token}
        self.connection = (
            f'issuer: {{provider: sandbox, url: "{server.url}", credentials: {{admin: "env:SANDBOX_ADMIN"}}}}'
        )
        self.issuer = "{connection: issuer, token_name: payments, expires_in: 90 days}"

    def make_by_hand(self) -> str:
        return str(self._server.issue("made by hand")["token"])

    def live(self) -> Collection[str]:
        return self._server.live_values().keys()

    def accepts(self, value: str) -> bool:
        return value in self._server.live_values().values()
