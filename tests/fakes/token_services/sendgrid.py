"""Twilio SendGrid's API keys, as its OpenAPI description tells (twilio/sendgrid-oai).

A deleted key goes on being accepted for ``lag``: the description says "some small propagation delay", others saw
minutes. Not in the description, and ours: the texts of the 403 at the limit and of the 404.
"""

from __future__ import annotations

import secrets
from datetime import timedelta

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService

_FULL_ACCESS = ("alerts.read", "api_keys.create", "api_keys.delete", "api_keys.read", "billing.read", "mail.send")
_MOST = 100


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, {"errors": [{"field": None, "message": message}]})


class SendGrid(TokenService):
    """One account, whose owner is "", with subusers of any name."""

    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.lag = timedelta()
        self.out_of_credits = False
        self.manager = self.make("manager").value

    def make(self, name: str, scopes: tuple[str, ...] = _FULL_ACCESS, owner: str = "") -> Token:
        """Make a key, as somebody with the dashboard does."""
        id_ = secrets.token_urlsafe(16)
        value = f"SG.{id_}.{secrets.token_urlsafe(32)}"
        return self.keep(Token(id_, name, value, self.now, owner=owner, scopes=scopes))

    def create(self, asked: Asked) -> Reply:
        self._caller(asked, "api_keys.create")
        owner, name = asked.headers.get("on-behalf-of", ""), asked.body.get("name")
        if not name:
            raise _refusal(400, "missing required field")
        if len(self._alive(owner)) >= _MOST:
            raise _refusal(403, f"Cannot create more than {_MOST} API keys")
        token = self.make(name, tuple(asked.body.get("scopes") or _FULL_ACCESS), owner)
        made = {"api_key": token.value, "api_key_id": token.id, "name": name, "scopes": list(token.scopes)}
        return Reply(201, made)

    def list_tokens(self, asked: Asked) -> Reply:
        self._caller(asked, "api_keys.read")
        keys = self._alive(asked.headers.get("on-behalf-of", ""))
        return Reply(200, {"result": [{"name": token.name, "api_key_id": token.id} for token in keys]})

    def revoke(self, asked: Asked, id_: str) -> Reply:
        self._caller(asked, "api_keys.delete")
        token = self.by_id(id_)
        if token is None or token not in self._alive(asked.headers.get("on-behalf-of", "")):
            raise _refusal(404, "unable to find API key")
        token.revoked_at = self.now
        return Reply(204)

    def scopes(self, asked: Asked) -> Reply:
        return Reply(200, {"scopes": self._caller(asked).scopes})

    def _alive(self, owner: str) -> list[Token]:
        return [token for token in self.tokens if token.owner == owner and token.revoked_at is None]

    def _caller(self, asked: Asked, scope: str | None = None) -> Token:
        token = self.by_value(asked.bearer)
        if token is None or (token.revoked_at is not None and self.now >= token.revoked_at + self.lag):
            raise _refusal(401, "authorization required")
        if self.out_of_credits:
            raise _refusal(401, "Maximum credits exceeded")
        if scope and scope not in token.scopes:
            raise _refusal(403, "access forbidden")
        return token

    routes = (
        ("POST", "/v3/api_keys", create),
        ("GET", "/v3/api_keys", list_tokens),
        ("DELETE", "/v3/api_keys/([^/]+)", revoke),
        ("GET", "/v3/scopes", scopes),
    )
