"""Datadog's API keys, as its API reference tells: two keys for management, one to validate, and eventual consistency.

Its edge answers in HTML before its API does, to keys of another shape than 32 hexadecimal digits. Only remembered: 409
for a name that is taken.
"""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from typing import Any
from uuid import uuid4

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService, rfc3339

_MOST = 50
_EDGE = b"<html><body><h1>403 Forbidden</h1>\nRequest forbidden by administrative rules.\n</body></html>\n"


def _refusal(status: int, error: str, headers: dict[str, str] | None = None) -> Refusal:
    return Refusal(status, {"errors": [error]}, headers)


class Datadog(TokenService):
    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.lag = timedelta()
        """How long a key that was made or revoked is still unknown to what checks keys."""
        self.throttled = False
        self.validated_with_an_application_key = False
        self.manager = self.make("manager").value
        self.application_key = secrets.token_hex(20)

    def create(self, asked: Asked) -> Reply:
        self._caller(asked)
        name = asked.body["data"]["attributes"].get("name")
        if not isinstance(name, str) or not name or asked.body["data"].get("type") != "api_keys":
            raise _refusal(400, "Bad Request")
        if any(token.name == name for token in self._alive):
            raise _refusal(409, "Conflict")
        if len(self._alive) >= _MOST:
            raise _refusal(400, "API key limit reached")
        token = self.make(name)
        shown = self._shown(token)
        return Reply(201, {"data": {**shown, "attributes": {**shown["attributes"], "key": token.value}}})

    def listing(self, asked: Asked) -> Reply:
        self._caller(asked)
        size, number = int(asked.query.get("page[size]", 10)), int(asked.query.get("page[number]", 0))
        if size > 100:
            raise _refusal(400, "Bad Request")
        page = self._alive[number * size : (number + 1) * size]
        told = {"page": {"total_filtered_count": len(self._alive)}}
        return Reply(200, {"data": [self._shown(token) for token in page], "meta": told})

    def revoke(self, asked: Asked, id_: str) -> Reply:
        self._caller(asked)
        token = self.by_id(id_)
        if token is None or token.revoked_at:
            raise _refusal(404, "API key not found")
        if len(self._alive) == 1:
            raise _refusal(400, "An organization must have at least one API key")
        token.revoked_at = self.now
        return Reply(204)

    def validate(self, asked: Asked) -> Reply:
        self.validated_with_an_application_key |= "dd-application-key" in asked.headers
        token = self._key(asked)
        token.last_used_at = self.now
        return Reply(200, {"valid": True})

    @property
    def _alive(self) -> list[Token]:
        return [token for token in self.tokens if token.revoked_at is None]

    def make(self, name: str) -> Token:
        return self.keep(Token(str(uuid4()), name, secrets.token_hex(16), self.now))

    def _key(self, asked: Asked) -> Token:
        value = asked.headers.get("dd-api-key", "")
        if not re.fullmatch("[0-9a-f]{32}", value):
            raise Refusal(403, _EDGE, {"Content-Type": "text/html"})
        token = self.by_value(value)
        if token is None or self.now < token.created_at + self._lag_of(token):
            raise self._forbidden()
        if token.revoked_at is not None and self.now >= token.revoked_at + self.lag:
            raise self._forbidden()
        return token

    def _lag_of(self, token: Token) -> timedelta:
        return timedelta() if token.name == "manager" else self.lag

    def _caller(self, asked: Asked) -> None:
        self._key(asked)
        if asked.headers.get("dd-application-key") != self.application_key:
            raise self._forbidden()
        if self.throttled:
            raise _refusal(429, "Rate limit of 100 requests in 60 seconds reached", {"X-RateLimit-Reset": "23"})

    @staticmethod
    def _forbidden() -> Refusal:
        return Refusal(403, {"status": "error", "code": 403, "errors": ["Forbidden"], "statuspage": "", "email": ""})

    def _shown(self, token: Token) -> dict[str, Any]:
        told = {
            "name": token.name, "last4": token.value[-4:], "created_at": rfc3339(token.created_at),
            "modified_at": rfc3339(token.created_at), "date_last_used": rfc3339(token.last_used_at),
        }  # fmt: skip
        return {"type": "api_keys", "id": token.id, "attributes": told, "relationships": {}}

    routes = (
        ("POST", "/api/v2/api_keys", create),
        ("GET", "/api/v2/api_keys", listing),
        ("DELETE", "/api/v2/api_keys/([^/]+)", revoke),
        ("GET", "/api/v1/validate", validate),
    )
