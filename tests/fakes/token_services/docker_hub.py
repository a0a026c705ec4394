"""Docker Hub's personal access tokens, as Docker's OpenAPI description tells: JWTs, pages, X-Retry-After.

That a JWT which was got with a token is refused here comes from docker/hub-feedback (2438, 2478). The description has
the shape of its errors, and not their words: those are ours.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService, rfc3339

USERNAME, PASSWORD = "acmebuilds", "correct-horse-battery"
_JWT_LASTS = timedelta(minutes=10)
_SCOPES = {"repo:admin", "repo:write", "repo:read", "repo:public_read"}


def _refusal(status: int, message: str) -> Refusal:
    return Refusal(status, {"detail": message, "message": message})


class DockerHub(TokenService):
    """One user. ``disabled`` tokens are those that somebody deactivated."""

    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.requests_left = 100_000
        self.longest_page = 100
        self.log_ins = 0
        self._sessions: dict[str, tuple[datetime, bool]] = {}
        """By JWT: when it ends, and whether it was got with a token."""

    def make(self, label: str, scopes: tuple[str, ...], expires_at: datetime | None = None) -> Token:
        value = f"dckr_pat_{secrets.token_urlsafe(20)}"
        return self.keep(Token(str(uuid4()), label, value, self.now, expires_at, scopes=scopes))

    def log_in(self, asked: Asked) -> Reply:
        self._count()
        identifier, secret = asked.body.get("identifier"), asked.body.get("secret")
        token = self.by_value(secret)
        is_token = token is not None and not token.disabled and not self.has_ended(token)
        if identifier != USERNAME or not (is_token or secret == PASSWORD):
            raise _refusal(401, "unauthorized")
        if token is not None:
            token.last_used_at = self.now
        self.log_ins += not is_token
        jwt = f"eyJ.{secrets.token_urlsafe(40)}"
        self._sessions[jwt] = (self.now + _JWT_LASTS, is_token)
        return Reply(200, {"access_token": jwt})

    def create(self, asked: Asked) -> Reply:
        self._signed_in(asked)
        label, scopes, expires = (asked.body.get(key) for key in ("token_label", "scopes", "expires_at"))
        if not label or len(label) > 100 or not scopes or not set(scopes) <= _SCOPES:
            raise Refusal(400, {"fields": {"token_label": "", "scopes": ""}, "text": "invalid"})
        token = self.make(label, tuple(scopes), datetime.fromisoformat(expires) if expires else None)
        return Reply(201, {**self._shown(token), "token": token.value})

    def list_tokens(self, asked: Asked) -> Reply:
        self._signed_in(asked)
        page, size = int(asked.query.get("page", 1)), min(int(asked.query.get("page_size", 10)), self.longest_page)
        following = f"{self.url}{asked.path}?page={page + 1}&page_size={size}"
        shown = [self._shown(token) for token in self.tokens[(page - 1) * size : page * size]]
        told = {"count": len(self.tokens), "active_count": len([one for one in self.tokens if not one.disabled])}
        has_more = page * size < len(self.tokens)
        return Reply(200, {**told, "next": following if has_more else None, "previous": None, "results": shown})

    def revoke(self, asked: Asked, id_: str) -> Reply:
        self._signed_in(asked)
        token = self.by_id(id_)
        if token is None:
            raise _refusal(404, "not found")
        self.tokens.remove(token)
        return Reply(204)

    def _count(self) -> None:
        self.requests_left -= 1
        if self.requests_left < 0:
            again = str(int((self.now + timedelta(seconds=90)).timestamp()))
            raise Refusal(429, {"detail": "Too many requests"}, {"X-Retry-After": again})

    def _signed_in(self, asked: Asked) -> None:
        self._count()
        ends_at, is_of_a_token = self._sessions.get(asked.bearer, (self.now, False))
        if self.now >= ends_at:
            raise _refusal(401, "unauthorized")
        if is_of_a_token:
            raise _refusal(403, "token issued from personal access token is not allowed")

    def _shown(self, token: Token) -> dict[str, Any]:
        return {
            "uuid": token.id, "token_label": token.name, "token": "", "scopes": list(token.scopes), "client_id": "HUB",
            "is_active": not token.disabled, "generated_by": "manual", "created_at": rfc3339(token.created_at),
            "last_used": rfc3339(token.last_used_at), "expires_at": rfc3339(token.expires_at),
        }  # fmt: skip

    routes = (
        ("POST", "/v2/auth/token", log_in),
        ("POST", "/v2/access-tokens", create),
        ("GET", "/v2/access-tokens", list_tokens),
        ("DELETE", "/v2/access-tokens/([^/]+)", revoke),
    )
