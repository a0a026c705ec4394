"""A role of each test's own on a real OpenBao, a manager with the permissions that we ship, and an issuer there."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from providers.issuers.openbao_approle import PLUGIN
from rotator.domain.contracts import Issued, Issuer, IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.canary import CANARY
from tests.servers.openbao import OpenBao

_PERMISSIONS = Path(__file__).parents[3] / "deploy" / "permissions" / "openbao-approle-secret-id.hcl"


@dataclass
class Role:
    """One AppRole. ``manager`` may do to it what our permissions say, and no more."""

    server: OpenBao
    name: str = field(default_factory=lambda: f"app-{secrets.token_hex(4)}")

    def __post_init__(self) -> None:
        self.server.request("POST", self.path, {"token_policies": ["default"], "token_ttl": "1h"})
        rules = _PERMISSIONS.read_text().replace("role/billing/", f"role/{self.name}/")
        self.manager = self.server.token(self.server.policy(rules), "default")["client_token"]

    @property
    def path(self) -> str:
        return f"auth/approle/role/{self.name}"

    def by_hand(self, **settings: Any) -> dict[str, Any]:
        made: dict[str, Any] = self.server.request("POST", f"{self.path}/secret-id", settings)["data"]
        CANARY.add(made["secret_id"])
        return made

    def login(self, secret_id: str) -> str | None:
        """Log in as a consumer does; give the token, or None when that is refused as a dead secret id is."""
        role_id = self.server.request("GET", f"{self.path}/role-id")["data"]["role_id"]
        answer = self.server.answer("POST", "auth/approle/login", {"role_id": role_id, "secret_id": secret_id})
        if answer.status_code == 400:
            assert "invalid role or secret ID" in json.dumps(answer.json())
            return None
        return CANARY.add(answer.json()["auth"]["client_token"])

    def issuer(
        self, *, token: str = "", url: str = "", role: str = "", mount: str = "approle", **options: Any
    ) -> Issuer:
        access = DictionaryAccess({"token": token or self.manager})
        access.clock = MovingClock(datetime.now(UTC))
        settings = {"url": url or self.server.url, "mount": mount, "credentials": {"token": "env:BAO_TOKEN"}}
        config = PLUGIN.config.model_validate(settings)
        return PLUGIN.open(config, PLUGIN.options.model_validate({"role": role or self.name, **options}), access)


def request(name: str = "app", lifetime: str | None = None) -> IssueRequest:
    return IssueRequest(TokenName(name), Duration.parse(lifetime) if lifetime else None, datetime.now(UTC))


def made(issuer: Issuer, name: str = "app") -> Issued:
    return issuer.issue(request(name))
