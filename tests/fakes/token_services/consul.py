"""Consul's ACL tokens, as its source tells: errors in plain text, ids that the caller may choose, lists with secrets.

``is_newer`` answers as the versions that tell an unknown token by 404, to a DELETE by an unknown managing token, too.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService

_ANONYMOUS = "00000000-0000-0000-0000-000000000002"
_MANAGEMENT = "global-management"
_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(hours=24)
_PLAIN = {"Content-Type": "text/plain; charset=utf-8"}


def _refusal(status: int, text: str) -> Refusal:
    return Refusal(status, text.encode(), _PLAIN)


class Consul(TokenService):
    """One datacenter. ``scopes`` of a token are the names of its policies, ``id`` is its AccessorID."""

    def __init__(self, clock: MovingClock, *, is_newer: bool = False) -> None:
        super().__init__(clock)
        self.is_newer = is_newer
        self.policies = {"app-read", _MANAGEMENT}
        # Its secret is a common word, and no secret: it is not watched for, as kept tokens are.
        self.tokens.append(Token(_ANONYMOUS, "Anonymous Token", "anonymous", self.now))
        self.manager = self.make("Bootstrap Token (Global Management)", (_MANAGEMENT,)).value

    def make(self, description: str, policies: tuple[str, ...]) -> Token:
        return self.keep(Token(str(uuid4()), description, str(uuid4()), self.now, scopes=policies))

    def create(self, asked: Asked) -> Reply:
        self._manager(asked)
        accessor, secret = self._id(asked, "AccessorID"), self._id(asked, "SecretID")
        policies = tuple(link["Name"] for link in asked.body.get("Policies") or ())
        if unknown := sorted(set(policies) - self.policies):
            raise _refusal(500, f'No such ACL policy with name "{unknown[0]}"')
        ends = self._end(asked.body["ExpirationTTL"]) if asked.body.get("ExpirationTTL") else None
        token = self.keep(Token(accessor, asked.body.get("Description", ""), secret, self.now, ends, scopes=policies))
        return Reply(200, self._shown(token))

    def list_tokens(self, asked: Asked) -> Reply:
        self._manager(asked)
        return Reply(200, [self._shown(token) for token in self.tokens if not self.has_ended(token)])

    def revoke(self, asked: Asked, accessor: str) -> Reply:
        if self.is_newer and self._caller(asked) is None:
            raise _refusal(404, "Cannot find token to delete")
        self._manager(asked)
        token = self.by_id(accessor)
        if token is None:
            if self.is_newer:
                raise _refusal(404, "Cannot find token to delete")
            return Reply(200, body=True)
        if accessor == _ANONYMOUS:
            raise _refusal(500, "Delete operation not permitted on the anonymous token")
        if token is self._caller(asked):
            raise _refusal(500, "Deletion of the request's authorization token is not permitted")
        self.tokens.remove(token)
        return Reply(200, body=True)

    def own(self, asked: Asked) -> Reply:
        token = self._caller(asked)
        if token is None:
            raise _refusal(404, "Supplied token does not exist") if self.is_newer else _refusal(403, "ACL not found")
        return Reply(200, self._shown(token))

    def _caller(self, asked: Asked) -> Token | None:
        token = self.by_value(asked.headers.get("x-consul-token", "anonymous"))
        return None if token is None or self.has_ended(token) else token

    def _manager(self, asked: Asked) -> None:
        caller = self._caller(asked)
        if caller is None:
            raise _refusal(403, "ACL not found")
        if _MANAGEMENT not in caller.scopes:
            lacks = f"token with AccessorID '{caller.id}' lacks permission 'acl:write'"
            raise _refusal(403, f"Permission denied: {lacks}")

    def _id(self, asked: Asked, which: str) -> str:
        wanted = asked.body.get(which) or str(uuid4())
        try:
            UUID(wanted)
        except ValueError:
            raise _refusal(500, f"Invalid Token: {which} - not a valid UUID") from None
        if any(wanted in (token.id, token.value) for token in self.tokens):
            raise _refusal(500, f"Invalid Token: {which} is already in use")
        return str(wanted)

    def _end(self, ttl: str) -> datetime:
        found = re.fullmatch("([0-9]+)s", ttl)
        if found is None:
            raise _refusal(400, "Token decoding failed: time: invalid duration")
        life = timedelta(seconds=int(found[1]))
        if life > _LONGEST:
            raise _refusal(500, f"ExpirationTime cannot be more than 24h0m0s in the future (was {ttl})")
        if life < _SHORTEST:
            raise _refusal(500, f"ExpirationTime cannot be less than 1m0s in the future (was {ttl})")
        return self.now + life

    def _shown(self, token: Token) -> dict[str, Any]:
        """Give what a caller with acl:write sees: the secret, too, and of every token of a list."""
        times = {"CreateTime": token.created_at.isoformat()}
        if token.expires_at:
            times["ExpirationTime"] = token.expires_at.isoformat()
        policies = [{"ID": f"id-of-{name}", "Name": name} for name in token.scopes]
        ids = {"AccessorID": token.id, "SecretID": token.value}
        return {**ids, "Description": token.name, "Policies": policies, "Local": False, **times}

    routes = (
        ("PUT", "/v1/acl/token", create),
        ("GET", "/v1/acl/tokens", list_tokens),
        ("GET", "/v1/acl/token/self", own),
        ("DELETE", "/v1/acl/token/([^/]+)", revoke),
    )
