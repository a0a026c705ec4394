"""Grafana's service accounts, as its source tells (pkg/services/serviceaccounts, pkg/services/authn).

``version`` changes its words: 9 speaks of API keys and has no messageId; 10 refuses service accounts at /api/user; 11
names them there. ``anonymous`` is what it takes for who has no valid token, as auth.anonymous does. Only remembered:
that /api/user is for the signed in, also where anonymous access is on.
"""

from __future__ import annotations

import secrets
import zlib
from datetime import timedelta
from typing import Any

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService, rfc3339

ACCOUNT, OTHER_ACCOUNT = "3", "4"
_MANAGERS = "2"


class Grafana(TokenService):
    def __init__(self, clock: MovingClock, version: int = 11) -> None:
        super().__init__(clock)
        self.version = version
        self.anonymous = False
        self.longest_life: int | None = None
        """token_expiration_day_limit (before: api_key_max_seconds_to_live), in seconds."""
        self.disabled_accounts: set[str] = set()
        self.manager = self.make("manager", _MANAGERS, 0).value

    def create(self, asked: Asked, account: str) -> Reply:
        self._writer(asked)
        self._known(account)
        name, seconds = asked.body.get("name"), asked.body.get("secondsToLive") or 0
        if self.longest_life is not None and not 0 < seconds <= self.longest_life:
            what = "should be set" if seconds == 0 else "is greater than the global limit"
            raise self._refusal(400, "", f"Number of seconds before expiration {what}")
        if any(token.name == name for token in self.tokens):
            said = "service account token with given name already exists in the organization"
            status = 409 if self.version < 10 else 400
            raise self._refusal(status, "serviceaccounts.ErrTokenAlreadyExists", said)
        token = self.make(name, account, seconds)
        return Reply(200, {"id": int(token.id), "name": token.name, "key": token.value})

    def listing(self, asked: Asked, account: str) -> Reply:
        self._writer(asked)
        self._known(account)
        return Reply(200, [self._shown(token) for token in self.tokens if token.owner == account])

    def revoke(self, asked: Asked, account: str, id_: str) -> Reply:
        self._writer(asked)
        self._known(account)
        token = self.by_id(id_)
        if token is None or token.owner != account:
            said = "Failed to delete API key" if self.version < 10 else "service account token not found"
            raise self._refusal(404, "serviceaccounts.ErrTokenNotFound", said)
        self.tokens.remove(token)
        return Reply(200, {"message": "Service account token deleted"})

    def user(self, asked: Asked) -> Reply:
        token = self._signed_in(asked)
        if token is None:
            raise self._refusal(401, "", "Unauthorized")
        if self.version == 10:
            raise self._refusal(403, "", "Endpoint only available for users")
        return Reply(200, {"orgId": 1, "login": f"sa-1-{token.owner}", "name": token.owner, "isGrafanaAdmin": False})

    def org(self, asked: Asked) -> Reply:
        self._signed_in(asked)
        return Reply(200, {"id": 1, "name": "Main Org.", "address": {}})

    def _signed_in(self, asked: Asked) -> Token | None:
        """Give the token that asks; None for anonymous access, which is tried after every other way has failed."""
        token = self.by_value(asked.bearer)
        failure = self._why_not(token, asked.bearer)
        if failure is None:
            assert token is not None
            token.last_used_at = self.now
            return token
        if self.anonymous:
            return None
        raise failure

    def _why_not(self, token: Token | None, value: str) -> Refusal | None:
        if not value:
            return self._refusal(401, "auth.unauthorized", "Unauthorized")
        if token is None:
            is_whole = value.endswith(f"_{zlib.crc32(value.rpartition('_')[0].encode()):08x}")
            if self.version == 10 and is_whole:  # unknown, though well made: an error without words of its own
                return self._refusal(401, "", "Unauthorized")
            return self._refusal(401, "api-key.invalid", "Invalid API key")
        if self.has_ended(token):
            return self._refusal(401, "api-key.expired", "Expired API key")
        if token.owner in self.disabled_accounts:
            return self._refusal(401, "identity.disabled", "Unauthorized")
        return None

    def _writer(self, asked: Asked) -> None:
        caller = self._signed_in(asked)
        if caller is None or caller.owner != _MANAGERS:
            raise self._refusal(403, "", "You'll need additional permissions to perform this action.")

    def _known(self, account: str) -> None:
        if account not in (_MANAGERS, ACCOUNT, OTHER_ACCOUNT):
            said = "Failed to retrieve service account" if self.version < 10 else "service account not found"
            raise self._refusal(404, "serviceaccounts.ErrNotFound", said)

    def _refusal(self, status: int, message_id: str, message: str) -> Refusal:
        told = {"messageId": message_id, "statusCode": status, "traceID": ""} if message_id and self.version > 9 else {}
        return Refusal(status, {"message": message, **told})

    def make(self, name: str, account: str, seconds: int) -> Token:
        stem = f"glsa_{secrets.token_hex(16)}"
        expires_at = self.now + timedelta(seconds=seconds) if seconds else None
        value = f"{stem}_{zlib.crc32(stem.encode()):08x}"
        return self.keep(Token(str(self.new_number()), name, value, self.now, expires_at, owner=account))

    def _shown(self, token: Token) -> dict[str, Any]:
        left = (token.expires_at - self.now).total_seconds() if token.expires_at else 0
        return {
            "id": int(token.id), "name": token.name, "created": rfc3339(token.created_at),
            "lastUsedAt": rfc3339(token.last_used_at), "expiration": rfc3339(token.expires_at),
            "secondsUntilExpiration": left if 0 < left < 7 * 86400 else 0, "hasExpired": self.has_ended(token),
            "isRevoked": token.revoked_at is not None,
        }  # fmt: skip

    routes = (
        ("POST", "/api/serviceaccounts/([0-9]+)/tokens", create),
        ("GET", "/api/serviceaccounts/([0-9]+)/tokens", listing),
        ("DELETE", "/api/serviceaccounts/([0-9]+)/tokens/([0-9]+)", revoke),
        ("GET", "/api/user", user),
        ("GET", "/api/org", org),
    )
