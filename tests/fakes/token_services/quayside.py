"""Quayside, the service of docs/writing-a-provider.md: it exists here only, and answers as the page says.

A crane's keys are made with a master key and carry a header of their own; a crane has three keys at the most.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService, rfc3339

_MOST = 3


def _refusal(status: int, code: str) -> Refusal:
    return Refusal(status, {"error": {"code": code, "message": "in words"}})


class Quayside(TokenService):
    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.master = self.keep(Token("master", "master", f"qm_{secrets.token_hex(16)}", self.now)).value

    def create(self, asked: Asked, crane: str) -> Reply:
        self._master(asked)
        if set(asked.body) - {"label", "expires_at"}:
            raise _refusal(422, "unknown_member")
        if len(self.alive(crane)) >= _MOST:
            raise _refusal(409, "too_many_keys")
        made = self.make(crane, asked.body["label"], asked.body.get("expires_at"))
        return Reply(201, {"key": {**self._shown(made), "secret": made.value}})

    def listing(self, asked: Asked, crane: str) -> Reply:
        self._master(asked)
        start = int(asked.query.get("after", 0))
        page = self.alive(crane)[start : start + 2]
        more = start + 2 < len(self.alive(crane))
        return Reply(200, {"keys": [self._shown(key) for key in page], "next": str(start + 2) if more else None})

    def whoami(self, asked: Asked) -> Reply:
        key = self.by_value(asked.headers.get("x-quayside-key", ""))
        if key is None or key not in self.alive(key.owner):
            raise _refusal(401, "key_unknown")
        key.last_used_at = self.now
        return Reply(200, {"key_id": key.id, "crane": key.owner})

    def revoke(self, asked: Asked, crane: str, id_: str) -> Reply:
        self._master(asked)
        key = self.by_id(id_)
        if key is None or key not in self.alive(crane):
            raise _refusal(404, "no_such_key")
        key.revoked_at = self.now
        return Reply(204)

    def make(self, crane: str, label: str, expires_at: str | None = None) -> Token:
        value, id_ = f"qs_{secrets.token_hex(20)}", f"k{self.new_number()}"
        ends = datetime.fromisoformat(expires_at) if expires_at else None
        return self.keep(Token(id_, label, value, self.now, ends, owner=crane))

    def alive(self, crane: str) -> list[Token]:
        mine = [key for key in self.tokens if key.owner == crane and crane]
        return [key for key in mine if key.revoked_at is None and not self.has_ended(key)]

    def _master(self, asked: Asked) -> None:
        if asked.bearer != self.master:
            raise _refusal(401, "not_the_master_key")

    def _shown(self, key: Token) -> dict[str, Any]:
        return {
            "id": key.id, "label": key.name, "created_at": rfc3339(key.created_at),
            "expires_at": rfc3339(key.expires_at), "last_used_at": rfc3339(key.last_used_at),
        }  # fmt: skip

    routes = (
        ("POST", "/v1/cranes/([^/]+)/keys", create),
        ("GET", "/v1/cranes/([^/]+)/keys", listing),
        ("GET", "/v1/whoami", whoami),
        ("DELETE", "/v1/cranes/([^/]+)/keys/([^/]+)", revoke),
    )
