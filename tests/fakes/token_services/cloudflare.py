"""Cloudflare's API tokens: a user's under /user, an account's under /accounts/ID, as its API reference tells.

Not in the reference, and done as people report it: a verify of a dead token, or of a token of the other kind, is 401
with code 1000; a value of another shape is 400 with code 6003, whoever owns it. Only remembered: the codes 9109, 10000
and 7003, and 404 for a token that is not there.
"""

from __future__ import annotations

import re
import secrets
from datetime import datetime
from typing import Any

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService, rfc3339

ACCOUNT = "023e105f4ecef8ad9ca31a8372d0c353"
POLICIES = [{"effect": "allow", "resources": {f"com.cloudflare.api.account.{ACCOUNT}": "*"}, "permission_groups": []}]

_SHAPE = re.compile(r"cf[ua]t_[A-Za-z0-9_-]{40,}|[A-Za-z0-9_-]{40}")
_MOST = {"user": 50, ACCOUNT: 500}


def _refusal(status: int, code: int, message: str, chain: list[dict[str, Any]] | None = None) -> Refusal:
    error = {"code": code, "message": message, **({"error_chain": chain} if chain else {})}
    return Refusal(status, {"success": False, "errors": [error], "messages": [], "result": None})


def _success(result: Any, **more: Any) -> Reply:
    return Reply(200, {"success": True, "errors": [], "messages": [], "result": result, **more})


class Cloudflare(TokenService):
    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.tells_total_pages = True
        self.managers = {owner: self.make("manager", owner, scopes=("write",)).value for owner in ("user", ACCOUNT)}

    def create(self, asked: Asked, owner: str) -> Reply:
        self._manager(asked, owner)
        name, policies, expires_on = (asked.body.get(key) for key in ("name", "policies", "expires_on"))
        if not isinstance(name, str) or not 1 <= len(name) <= 120:
            raise _refusal(400, 1001, "Invalid name")
        if not isinstance(policies, list) or not policies or not all(policy.get("effect") for policy in policies):
            raise _refusal(400, 1001, "Invalid policies")
        expires_at = datetime.fromisoformat(expires_on) if expires_on else None
        if expires_at is not None and expires_at <= self.now:
            raise _refusal(400, 1001, "Invalid expires_on")
        if len([token for token in self.tokens if token.owner == owner]) - 1 >= _MOST[owner]:
            raise _refusal(400, 1002, "Token limit reached")
        token = self.make(name, owner, expires_at)
        return _success({**self._shown(token), "value": token.value})

    def listing(self, asked: Asked, owner: str) -> Reply:
        self._manager(asked, owner)
        page, size = int(asked.query.get("page", 1)), int(asked.query.get("per_page", 20))
        if not 5 <= size <= 50:
            raise _refusal(400, 1001, "Invalid per_page")
        found = [token for token in self.tokens if token.owner == owner and not self.has_ended(token)]
        shown = [self._shown(token) for token in found[(page - 1) * size : page * size]]
        told = {"page": page, "per_page": size, "count": len(shown), "total_count": len(found)}
        if self.tells_total_pages:
            told["total_pages"] = -(-len(found) // size)
        return _success(shown, result_info=told)

    def verify(self, asked: Asked, owner: str) -> Reply:
        token = self.by_value(self._shaped(asked))
        if token is None or token.owner != owner:
            raise _refusal(401, 1000, "Invalid API Token")
        token.last_used_at = self.now
        return _success({"id": token.id, "status": self._status(token)})

    def revoke(self, asked: Asked, owner: str, id_: str) -> Reply:
        self._manager(asked, owner)
        token = self.by_id(id_)
        if token is None or token.owner != owner:
            raise _refusal(404, 1003, "Invalid API Token")
        self.tokens.remove(token)
        return _success({"id": id_})

    def make(self, name: str, owner: str, expires_at: datetime | None = None, scopes: tuple[str, ...] = ()) -> Token:
        value = f"{'cfut' if owner == 'user' else 'cfat'}_{secrets.token_hex(20)}"
        return self.keep(Token(secrets.token_hex(16), name, value, self.now, expires_at, owner=owner, scopes=scopes))

    def _shaped(self, asked: Asked) -> str:
        if not asked.headers.get("authorization"):
            raise _refusal(400, 1001, 'Missing "Authorization" header')
        if not _SHAPE.fullmatch(asked.bearer):
            chain = [{"code": 6111, "message": "Invalid format for Authorization header"}]
            raise _refusal(400, 6003, "Invalid request headers", chain)
        return asked.bearer

    def _manager(self, asked: Asked, owner: str) -> None:
        caller = self.by_value(self._shaped(asked))
        if owner not in _MOST:
            raise _refusal(404, 7003, "Could not route to it, perhaps your object identifier is invalid?")
        if caller is None or self._status(caller) != "active":
            raise _refusal(401, 9109, "Invalid access token")
        if "write" not in caller.scopes or caller.owner != owner:
            raise _refusal(403, 10000, "Authentication error")

    def _status(self, token: Token) -> str:
        return "disabled" if token.disabled else "expired" if self.has_ended(token) else "active"

    def _shown(self, token: Token) -> dict[str, Any]:
        times = {"issued_on": token.created_at, "expires_on": token.expires_at, "last_used_on": token.last_used_at}
        told = {key: rfc3339(moment) for key, moment in times.items() if moment}
        return {"id": token.id, "name": token.name, "status": self._status(token), "policies": POLICIES, **told}

    routes = (
        ("POST", "/user/tokens", lambda self, asked: self.create(asked, "user")),
        ("GET", "/user/tokens", lambda self, asked: self.listing(asked, "user")),
        ("GET", "/user/tokens/verify", lambda self, asked: self.verify(asked, "user")),
        ("DELETE", "/user/tokens/([^/]+)", lambda self, asked, id_: self.revoke(asked, "user", id_)),
        ("POST", "/accounts/([^/]+)/tokens", create),
        ("GET", "/accounts/([^/]+)/tokens", listing),
        ("GET", "/accounts/([^/]+)/tokens/verify", verify),
        ("DELETE", "/accounts/([^/]+)/tokens/([^/]+)", revoke),
    )
