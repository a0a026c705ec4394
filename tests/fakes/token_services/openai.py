"""OpenAI's administration API, as its OpenAPI description tells: admin keys, and service accounts with their keys.

The error of a bad key is the one that its users quote: code ``invalid_api_key``, with a part of the key in its text.
That a deleted key is answered the same is an assumption.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from typing import Any

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService

PROJECT, ARCHIVED = "proj_acme", "proj_archived"
_ADMINISTRATION = "organization"
_LONGEST = 31_536_000


def _refusal(status: int, code: str | None, message: str) -> Refusal:
    return Refusal(
        status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}
    )


def _epoch(moment: datetime | None) -> int | None:
    return int(moment.timestamp()) if moment else None


class OpenAI(TokenService):
    """One organization. ``owner`` of a key is the organization, the id of a service account, or "" for a person."""

    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.longest_page = 100
        self.deactivated = False
        self.accounts: dict[str, tuple[str, datetime]] = {}
        self.manager = self.make("main", _ADMINISTRATION).value

    def make(
        self, name: str, owner: str, expires_at: datetime | None = None, scopes: tuple[str, ...] = ("all",)
    ) -> Token:
        """Make a key, as somebody with the dashboard does."""
        kind = "admin" if owner == _ADMINISTRATION else "svcacct"
        value = f"sk-{kind}-{secrets.token_urlsafe(24)}"
        return self.keep(
            Token(f"key_{secrets.token_hex(8)}", name, value, self.now, expires_at, owner=owner, scopes=scopes)
        )

    # --- admin keys ---

    def create_admin_key(self, asked: Asked) -> Reply:
        self._admin(asked)
        seconds = asked.body.get("expires_in_seconds")
        if seconds is not None and not 1 <= seconds <= _LONGEST:
            raise _refusal(400, "invalid_value", "expires_in_seconds is out of range")
        ends = self.now + timedelta(seconds=seconds) if seconds else None
        token = self.make(asked.body["name"], _ADMINISTRATION, ends)
        return Reply(200, {**self._admin_key(token), "value": token.value})

    def list_admin_keys(self, asked: Asked) -> Reply:
        self._admin(asked)
        return self._page(asked, [self._admin_key(one) for one in self.tokens if one.owner == _ADMINISTRATION])

    def revoke_admin_key(self, asked: Asked, id_: str) -> Reply:
        self._admin(asked)
        token = self.by_id(id_)
        if token is None or token.owner != _ADMINISTRATION:
            raise _refusal(404, "not_found", "No such key")
        self.tokens.remove(token)
        return Reply(200, {"id": id_, "object": "organization.admin_api_key.deleted", "deleted": True})

    # --- service accounts of a project ---

    def create_account(self, asked: Asked, project: str) -> Reply:
        self._project(asked, project)
        id_ = f"svc_acct_{secrets.token_hex(8)}"
        self.accounts[id_] = (asked.body["name"], self.now)
        token = self.make("Secret Key", id_)
        return Reply(200, {**self._account(id_), "api_key": {**self._key(token), "value": token.value}})

    def list_project_keys(self, asked: Asked, project: str) -> Reply:
        self._project(asked, project)
        if asked.query.get("owner_project_access") != "any":
            # "existing membership-based visibility rules, which may exclude some enabled keys"
            return self._page(asked, [])
        keys = [token for token in self.tokens if token.owner != _ADMINISTRATION]
        return self._page(asked, [{**self._key(token), "owner": self._owner(token)} for token in keys])

    def revoke_account(self, asked: Asked, project: str, id_: str) -> Reply:
        self._project(asked, project)
        if self.accounts.pop(id_, None) is None:
            raise _refusal(404, "not_found", "No such service account")
        self.tokens = [token for token in self.tokens if token.owner != id_]
        return Reply(200, {"object": "organization.project.service_account.deleted", "id": id_, "deleted": True})

    def revoke_project_key(self, asked: Asked, project: str, id_: str) -> Reply:
        self._project(asked, project)
        raise _refusal(400, None, f"{id_} belongs to a service account and cannot be deleted")

    def models(self, asked: Asked) -> Reply:
        if "all" not in self._caller(asked).scopes:
            raise _refusal(403, None, "You have insufficient permissions for this operation.")
        return Reply(200, {"object": "list", "data": [{"id": "a-model", "object": "model"}]})

    # --- what they share ---

    def _caller(self, asked: Asked) -> Token:
        token = self.by_value(asked.bearer)
        if token is None or self.has_ended(token):
            shown = f"{asked.bearer[:8]}{'*' * 20}{asked.bearer[-4:]}"
            raise _refusal(401, "invalid_api_key", f"Incorrect API key provided: {shown}.")
        if self.deactivated:
            raise _refusal(401, "account_deactivated", "This organization has been deactivated.")
        token.last_used_at = self.now
        return token

    def _admin(self, asked: Asked) -> None:
        if self._caller(asked).owner != _ADMINISTRATION:
            raise _refusal(403, None, "You have insufficient permissions for this operation.")

    def _project(self, asked: Asked, project: str) -> None:
        self._admin(asked)
        if project == ARCHIVED:
            raise _refusal(400, None, "The project is archived.")
        if project != PROJECT:
            raise _refusal(404, "not_found", "No such project")

    def _page(self, asked: Asked, rows: list[dict[str, Any]]) -> Reply:
        size, after = min(int(asked.query.get("limit", 20)), self.longest_page), asked.query.get("after")
        start = [row["id"] for row in rows].index(after) + 1 if after else 0
        shown = rows[start : start + size]
        ends = {"first_id": shown[0]["id"] if shown else None, "last_id": shown[-1]["id"] if shown else None}
        return Reply(200, {"object": "list", "data": shown, **ends, "has_more": start + size < len(rows)})

    def _account(self, id_: str) -> dict[str, Any]:
        name, created_at = self.accounts[id_]
        kind = "organization.project.service_account"
        return {"object": kind, "id": id_, "name": name, "role": "member", "created_at": _epoch(created_at)}

    def _owner(self, token: Token) -> dict[str, Any]:
        if token.owner in self.accounts:
            return {"type": "service_account", "service_account": self._account(token.owner)}
        return {"type": "user", "user": {"id": "user_1", "name": "Ada"}}

    def _key(self, token: Token) -> dict[str, Any]:
        redacted = f"{token.value[:8]}...{token.value[-3:]}"
        times = {"created_at": _epoch(token.created_at), "last_used_at": _epoch(token.last_used_at)}
        return {"id": token.id, "name": token.name, "redacted_value": redacted, **times}

    def _admin_key(self, token: Token) -> dict[str, Any]:
        return {**self._key(token), "object": "organization.admin_api_key", "expires_at": _epoch(token.expires_at)}

    routes = (
        ("POST", "/v1/organization/admin_api_keys", create_admin_key),
        ("GET", "/v1/organization/admin_api_keys", list_admin_keys),
        ("DELETE", "/v1/organization/admin_api_keys/([^/]+)", revoke_admin_key),
        ("POST", "/v1/organization/projects/([^/]+)/service_accounts", create_account),
        ("DELETE", "/v1/organization/projects/([^/]+)/service_accounts/([^/]+)", revoke_account),
        ("GET", "/v1/organization/projects/([^/]+)/api_keys", list_project_keys),
        ("DELETE", "/v1/organization/projects/([^/]+)/api_keys/([^/]+)", revoke_project_key),
        ("GET", "/v1/models", models),
    )
