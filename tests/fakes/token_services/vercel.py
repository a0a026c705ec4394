"""Vercel's access tokens, as its REST reference, its SDK 1.x and its CLI 64 tell: milliseconds, cursors, `current`.

A store's side of Vercel (projects, variables) is in tests/fakes/vercel.py.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from string import ascii_letters, digits
from typing import Any

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService

TEAM, PROJECT = "team_acme", "prj_site"


def _refusal(status: int, code: str, message: str = "", **more: Any) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": message or code, **more}})


def _milliseconds(moment: datetime | None) -> int | None:
    return int(moment.timestamp() * 1000) if moment else None


class VercelTokens(TokenService):
    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.throttled_until: datetime | None = None
        self.manager = self.make("manager").value

    def create(self, asked: Asked) -> Reply:
        if self._caller(asked).scopes:
            raise _refusal(403, "forbidden", "Only user authentication tokens can be used to create new tokens.")
        name, expires, project = (asked.body.get(key) for key in ("name", "expiresAt", "projectId"))
        if not isinstance(name, str) or not name:
            raise _refusal(400, "bad_request", "`name` is missing")
        if expires is not None and (not isinstance(expires, int) or expires <= (_milliseconds(self.now) or 0)):
            raise _refusal(400, "bad_request", "`expiresAt` is in the past")
        limits = tuple(limit for limit in (asked.query.get("teamId"), project) if limit)
        if not set(limits) <= {TEAM, PROJECT}:
            raise _refusal(403, "forbidden", "Not authorized")
        token = self.make(name, datetime.fromtimestamp(expires / 1000, UTC) if expires else None, limits)
        return Reply(200, {"token": self._shown(token), "bearerToken": token.value})

    def listing(self, asked: Asked) -> Reply:
        self._caller(asked)
        size, until = int(asked.query.get("limit", 20)), asked.query.get("until", "")
        if not 1 <= size <= 100:
            raise _refusal(400, "bad_request", "`limit` must be between 1 and 100")
        newest_first = [token for token in reversed(self.tokens) if not until or int(token.id[4:]) < int(until)]
        page = newest_first[:size]
        following = page[-1].id[4:] if len(newest_first) > size else None
        told = {"count": len(page), "next": following, "prev": None}
        return Reply(200, {"tokens": [self._shown(token) for token in page], "pagination": told})

    def read(self, asked: Asked, id_: str) -> Reply:
        return Reply(200, {"token": self._shown(self._named(asked, id_))})

    def revoke(self, asked: Asked, id_: str) -> Reply:
        token = self._named(asked, id_)
        self.tokens.remove(token)
        return Reply(200, {"tokenId": token.id})

    def no_such_route(self) -> Reply:
        return _refusal(404, "not_found", "The requested API endpoint was not found.").reply

    def make(self, name: str, expires_at: datetime | None = None, scopes: tuple[str, ...] = ()) -> Token:
        number, value = self.new_number(), "".join(secrets.choice(ascii_letters + digits) for _ in range(24))
        return self.keep(Token(f"tok_{number}", name, value, self.now, expires_at, self.now, scopes=scopes))

    def _named(self, asked: Asked, id_: str) -> Token:
        caller = self._caller(asked)
        token = caller if id_ == "current" else self.by_id(id_)
        if token is None:
            raise _refusal(404, "not_found", "Token not found")
        return token

    def _caller(self, asked: Asked) -> Token:
        if not asked.bearer:
            raise _refusal(403, "forbidden", "The request is missing an authentication token", missingToken=True)
        token = self.by_value(asked.bearer)
        if token is None or self.has_ended(token):
            raise _refusal(403, "forbidden", "Not authorized", invalidToken=True)
        if self.throttled_until and self.now < self.throttled_until:
            body = {"error": {"code": "rate_limited", "message": "Too many requests", "limit": {"remaining": 0}}}
            raise Refusal(429, body, {"X-RateLimit-Reset": str(int(self.throttled_until.timestamp()))})
        token.last_used_at = self.now
        return token

    def _shown(self, token: Token) -> dict[str, Any]:
        scope = {"type": "team" if token.scopes else "user", "createdAt": _milliseconds(token.created_at)}
        told = {
            "id": token.id, "name": token.name, "type": "token", "origin": "manual", "scopes": [scope],
            "createdAt": _milliseconds(token.created_at), "activeAt": _milliseconds(token.last_used_at),
            "expiresAt": _milliseconds(token.expires_at),
        }  # fmt: skip
        return {key: value for key, value in told.items() if value is not None}

    routes = (
        ("POST", "/v3/user/tokens", create),
        ("GET", "/v6/user/tokens", listing),
        ("GET", "/v5/user/tokens/([^/]+)", read),
        ("DELETE", "/v3/user/tokens/([^/]+)", revoke),
        (
            "GET",
            "/v2/user",
            lambda self, asked: Reply(200, {"user": {"id": "usr_1", "username": self._caller(asked).id}}),
        ),
    )
