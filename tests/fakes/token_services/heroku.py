"""Heroku's OAuth authorizations, as the Platform API reference tells: the version in Accept, scopes, ranges, limits.

Its list and its DELETE show the tokens' values, as the reference's examples do. That /account/rate-limits takes any
scope is an assumption. A store's side of Heroku (config vars) is in tests/fakes/heroku.py.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService, rfc3339

_SCOPES = {"global", "identity", "read", "write", "read-protected", "write-protected"}


def _refusal(status: int, id_: str, message: str = "") -> Refusal:
    return Refusal(status, {"id": id_, "message": message or id_})


class HerokuAuthorizations(TokenService):
    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.requests_left = 4500
        self.manager = self.make("manager", ("global",), None).value

    def create(self, asked: Asked) -> Reply:
        self._caller(asked, {"global"})
        description, scope, seconds = (asked.body.get(key) for key in ("description", "scope", "expires_in"))
        if not set(scope or ["global"]) <= _SCOPES:
            raise _refusal(422, "invalid_params", "Invalid scope.")
        if seconds is not None and int(seconds) <= 0:
            raise _refusal(422, "invalid_params", "Invalid expires_in.")
        made = self.make(description or "", tuple(scope or ["global"]), int(seconds) if seconds else None)
        return Reply(201, self._shown(made))

    def listing(self, asked: Asked) -> Reply:
        self._caller(asked, {"global"})
        found = re.fullmatch(r"(?:id \.\.; ?max=(\d+)|)", asked.headers.get("range", ""))
        if not found:
            raise _refusal(416, "requested_range_not_satisfiable")
        longest = min(int(found[1] or 200), 1000)
        ordered = sorted((token for token in self.tokens if not self.has_ended(token)), key=lambda one: one.id)
        shown = [self._shown(token) for token in ordered[:longest]]
        if len(ordered) > longest:
            return Reply(206, shown, {"Next-Range": f"]{shown[-1]['id']}..; max={longest}"})
        return Reply(200, shown)

    def revoke(self, asked: Asked, id_: str) -> Reply:
        self._caller(asked, {"global"})
        token = self.by_id(id_)
        if token is None:
            raise _refusal(404, "not_found", "Couldn't find that OAuth authorization.")
        self.tokens.remove(token)
        return Reply(200, self._shown(token))

    def rate_limits(self, asked: Asked) -> Reply:
        self._caller(asked, _SCOPES, counts=False)
        return Reply(200, {"remaining": self.requests_left})

    def account(self, asked: Asked) -> Reply:
        self._caller(asked, {"global", "identity"})
        return Reply(200, {"id": str(uuid4()), "email": "ada@example.com"})

    def no_such_route(self) -> Reply:
        return Reply(404, {"id": "not_found", "message": "The requested API endpoint was not found."})

    def make(self, description: str, scopes: tuple[str, ...], seconds: int | None) -> Token:
        expires_at = self.now + timedelta(seconds=seconds) if seconds else None
        return self.keep(Token(str(uuid4()), description, f"HRKU-{uuid4()}", self.now, expires_at, scopes=scopes))

    def _caller(self, asked: Asked, accepted: set[str], *, counts: bool = True) -> None:
        if not re.match(r"application/vnd\.heroku\+json; version=3", asked.headers.get("accept", "")):
            raise _refusal(406, "not_acceptable")
        token = self.by_value(asked.bearer)
        if token is None or self.has_ended(token):
            raise _refusal(401, "unauthorized", "Invalid credentials provided.")
        if counts and self.requests_left <= 0:
            raise _refusal(429, "rate_limit", "Your account reached the API rate limit")
        self.requests_left -= counts
        if not accepted & set(token.scopes):
            raise _refusal(403, "forbidden", "You do not have access to this.")

    def _shown(self, token: Token) -> dict[str, Any]:
        left = int((token.expires_at - self.now).total_seconds()) if token.expires_at else None
        access = {"id": token.id, "token": token.value, "expires_in": left}
        return {
            "id": token.id, "description": token.name, "scope": list(token.scopes), "access_token": access,
            "client": None, "grant": None, "created_at": rfc3339(token.created_at),
            "updated_at": rfc3339(token.created_at), "user": {"id": token.id, "email": "ada@example.com"},
        }  # fmt: skip

    routes = (
        ("POST", "/oauth/authorizations", create),
        ("GET", "/oauth/authorizations", listing),
        ("DELETE", "/oauth/authorizations/([^/]+)", revoke),
        ("GET", "/account/rate-limits", rate_limits),
        ("GET", "/account", account),
    )
