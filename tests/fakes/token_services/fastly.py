"""Fastly's tokens, as its API reference and the recordings in its Go client's tests tell: sudo mode, automation tokens.

Neither says what a create without sudo mode, or where MFA is enforced, is answered: a 403 whose words are ours.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService, rfc3339

USERNAME, PASSWORD = "root@acme.example", "correct-horse-battery"
SUDO_LASTS = timedelta(minutes=5)
_SCOPES = {"global", "global:read", "purge_all", "purge_select"}
_ROLES = {"engineer", "billing", "user"}


def _problem(status: int, title: str) -> Refusal:
    return Refusal(status, {"title": title, "status": status, "detail": title, "errors": []})


def _message(status: int, text: str) -> Refusal:
    return Refusal(status, {"msg": text})


class Fastly(TokenService):
    """One account with one superuser. ``owner`` of a token is its role."""

    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.enforces_mfa = False
        self.requests_left = 1000
        self.ended_in_bulk = False
        """Somebody called the endpoint that ends many tokens."""
        self.manager = self.make("own", "superuser", "global").value
        self._sudo_until = self.now

    def make(self, name: str, role: str, scope: str, expires_at: datetime | None = None) -> Token:
        value = secrets.token_urlsafe(24)
        token = Token(secrets.token_urlsafe(16), name, value, self.now, expires_at, owner=role, scopes=(scope,))
        return self.keep(token)

    def sudo(self, asked: Asked) -> Reply:
        self._superuser(asked)
        if (asked.body.get("username"), asked.body.get("password")) != (USERNAME, PASSWORD):
            raise _message(403, "Forbidden")
        self._sudo_until = self.now + SUDO_LASTS
        return Reply(200, {"expiry_time": self._sudo_until.isoformat()})

    def create(self, asked: Asked) -> Reply:
        self._superuser(asked)
        if self.enforces_mfa:
            raise _message(403, "Automation tokens cannot be created while MFA is enforced")
        if self.now >= self._sudo_until:
            raise _message(403, "You must POST to /sudo to access this endpoint")
        role, scope, expires = (asked.body.get(key) for key in ("role", "scope", "expires_at"))
        if role not in _ROLES or not set((scope or "global").split()) <= _SCOPES:
            raise _problem(400, "Bad request")
        try:
            expires_at = datetime.fromisoformat(expires) if expires else None
        except ValueError:
            raise _problem(422, "expires_at is not a time") from None
        token = self.make(asked.body["name"], role, scope or "global", expires_at)
        # Times that are not set are "" here, and null in lists.
        times = {"created_at": rfc3339(token.created_at), "expires_at": rfc3339(expires_at) or "", "last_used_at": ""}
        told = {"services": asked.body.get("services") or [], "scope": token.scopes[0], "role": role, "ip": ""}
        return Reply(200, {"id": token.id, "name": token.name, "access_token": token.value, **told, **times})

    def list_tokens(self, asked: Asked) -> Reply:
        self._superuser(asked)
        page, size = int(asked.query.get("page", 1)), int(asked.query.get("per_page", 20))
        found = [token for token in self.tokens if token.owner in _ROLES]
        shown = [self._shown(token) for token in found[(page - 1) * size : page * size]]
        meta = {"per_page": size, "current_page": page, "record_count": len(found)}
        return Reply(200, {"data": shown, "meta": {**meta, "total_pages": -(-len(found) // size)}})

    def revoke(self, asked: Asked, id_: str) -> Reply:
        self._superuser(asked)
        token = self.by_id(id_)
        if token is None:
            raise _problem(404, "Not Found")
        self.tokens.remove(token)
        return Reply(204)

    def revoke_in_bulk(self, asked: Asked) -> Reply:
        self._superuser(asked)
        self.ended_in_bulk = True
        return Reply(204)

    def own(self, asked: Asked) -> Reply:
        token = self._caller(asked)
        return Reply(200, {**self._shown(token), "scope": token.scopes[0], "scopes": token.scopes[0].split()})

    def _caller(self, asked: Asked) -> Token:
        self.requests_left -= 1
        if self.requests_left < 0:
            reset = str(int((self.now + timedelta(minutes=20)).timestamp()))
            headers = {"Fastly-RateLimit-Remaining": "0", "Fastly-RateLimit-Reset": reset}
            raise Refusal(429, {"msg": "You have exceeded your hourly rate limit"}, headers)
        token = self.by_value(asked.headers.get("fastly-key", ""))
        if token is None or self.has_ended(token):
            raise _message(401, "Provided credentials are missing or invalid")
        token.last_used_at = self.now
        return token

    def _superuser(self, asked: Asked) -> None:
        if self._caller(asked).owner != "superuser":
            raise _message(403, "You are not authorized to perform this action")

    def _shown(self, token: Token) -> dict[str, Any]:
        return {
            "id": token.id, "name": token.name, "role": token.owner, "scopes": token.scopes[0], "access_token": "",
            "services": None, "created_at": rfc3339(token.created_at), "last_used_at": rfc3339(token.last_used_at),
            "expires_at": rfc3339(token.expires_at), "sudo_expires_at": None, "tls_access": False,
        }  # fmt: skip

    routes = (
        ("POST", "/sudo", sudo),
        ("POST", "/automation-tokens", create),
        ("GET", "/automation-tokens", list_tokens),
        ("DELETE", "/automation-tokens/([^/]+)", revoke),
        ("DELETE", "/tokens", revoke_in_bulk),
        ("GET", "/tokens/self", own),
    )
