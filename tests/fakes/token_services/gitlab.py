"""GitLab's access tokens, as lib/api/{resource,personal}_access_tokens.rb and api_guard.rb of its source tell (18.x).

A project's or group's token has a bot user of its own. A revoked one is remembered until that user is gone, which a
background job sees to (``run_jobs``). A token ends at the beginning (UTC) of the day that it expires on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from rotator.testing.moving_clock import MovingClock
from tests.fakes.token_services.service import Asked, Refusal, Reply, Token, TokenService, rfc3339

PROJECT, GROUP = "acme/site", "acme"
SCOPES = {"api", "read_api", "read_user", "read_repository", "write_repository", "read_registry", "self_rotate"}
ADA, ADMIN = "1", "2"
"""Users, by number. Ada is Maintainer of the project and Owner of the group."""

_NUMBERS = {"projects": {PROJECT: "7", "7": "7"}, "groups": {GROUP: "3", "3": "3"}}
_LONGEST = timedelta(days=365)
_REVOKED = "Token was revoked. You have to re-authorize from the user."
_EXPIRED = "Token is expired. You can either do re-authorization or token refresh."


def _message(status: int, text: str) -> Refusal:
    return Refusal(status, {"message": text})


class GitLab(TokenService):
    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.limit_reached = False
        self.is_older = False
        """It answers as GitLab did until 17, where that differs."""
        self.manager = self.make("manager", f"users/{ADA}", ("api",), None).value
        self.administrator = self.make("manager", f"users/{ADMIN}", ("api",), None).value

    def run_jobs(self) -> None:
        """Delete the bot users of revoked tokens."""
        self.tokens = [one for one in self.tokens if one.owner.startswith("users/") or one.revoked_at is None]

    # --- a project's or group's ---

    def create(self, asked: Asked, kind: str, id_: str) -> Reply:
        caller, owner = self._caller(asked), self._resource(kind, id_)
        if not caller.owner.startswith("users/"):
            singular = kind.removesuffix("s")
            raise _message(400, f"400 Bad request - User does not have permission to create {singular} access token")
        if self.limit_reached:
            raise _message(400, "400 Bad request - Access token limit reached")
        if asked.body.get("access_level", 40) not in (10, 15, 20, 30, 40, 50):
            raise Refusal(400, {"error": "access_level does not have a valid value"})
        return self._created(asked, owner, SCOPES)

    def listing(self, asked: Asked, kind: str, id_: str) -> Reply:
        self._caller(asked)
        owner = self._resource(kind, id_)
        return self._page(asked, lambda token: token.owner == owner)

    def revoke(self, asked: Asked, kind: str, id_: str, token_id: str) -> Reply:
        caller, owner = self._caller(asked), self._resource(kind, id_)
        token = self.by_id(token_id)
        if token is None or token.owner != owner:
            singular = kind.removesuffix("s")
            older = f"Could not find {singular} access token with token_id: {token_id}"
            raise _message(404, f"404 {older if self.is_older else f'{singular} Access Token'} Not Found")
        if not caller.owner.startswith("users/"):
            raise _message(400, "400 Bad request - bot cannot delete bot")
        token.revoked_at = token.revoked_at or self.now
        return Reply(204)

    # --- a person's ---

    def create_own(self, asked: Asked) -> Reply:
        return self._created(asked, self._caller(asked).owner, {"k8s_proxy", "self_rotate"})

    def create_for(self, asked: Asked, user: str) -> Reply:
        if self._caller(asked).owner != f"users/{ADMIN}":
            raise _message(403, "403 Forbidden")
        return self._created(asked, f"users/{user}", SCOPES)

    def list_own(self, asked: Asked) -> Reply:
        caller, wanted = self._caller(asked).owner, asked.query.get("user_id")
        if caller != f"users/{ADMIN}" and wanted not in (None, caller.removeprefix("users/")):
            raise _message(401, "401 Unauthorized")
        owners = {f"users/{wanted}"} if wanted else {caller}
        return self._page(asked, lambda token: token.owner in owners)

    def revoke_own(self, asked: Asked, token_id: str) -> Reply:
        caller, token = self._caller(asked), self.by_id(token_id)
        if token is None or caller.owner not in (f"users/{ADMIN}", token.owner):
            raise _message(404, "404 Not Found")
        token.revoked_at = token.revoked_at or self.now
        return Reply(204)

    def own_information(self, asked: Asked) -> Reply:
        return Reply(200, self._shown(self._caller(asked, needs="")))

    # --- what they share ---

    def _created(self, asked: Asked, owner: str, allowed: set[str]) -> Reply:
        name, scopes = asked.body.get("name"), asked.body.get("scopes")
        if not isinstance(name, str) or not 1 <= len(name) <= 255:
            raise Refusal(400, {"message": {"name": ["is too long (maximum is 255 characters)"]}})
        if not isinstance(scopes, list) or not set(scopes) <= allowed:
            raise Refusal(400, {"error": "scopes does not have a valid value"})
        expires = date.fromisoformat(asked.body["expires_at"])
        if not self.now.date() < expires <= self.now.date() + _LONGEST:
            raise _message(400, "400 Bad request - Expiration date must be before " + str(self.now.date() + _LONGEST))
        token = self.make(name, owner, tuple(scopes), datetime.combine(expires, time(), UTC))
        return Reply(201, {**self._shown(token), "token": token.value})

    def make(self, name: str, owner: str, scopes: tuple[str, ...], expires_at: datetime | None) -> Token:
        value = f"glpat-{secrets.token_urlsafe(20)}"
        return self.keep(Token(str(self.new_number()), name, value, self.now, expires_at, owner=owner, scopes=scopes))

    def _caller(self, asked: Asked, *, needs: str = "api") -> Token:
        token = self.by_value(asked.headers.get("private-token", ""))
        if token is None:
            raise _message(401, "401 Unauthorized")
        for has_happened, description in ((token.revoked_at, _REVOKED), (self.has_ended(token), _EXPIRED)):
            if has_happened:
                raise Refusal(401, {"error": "invalid_token", "error_description": description})
        if needs and needs not in token.scopes:
            said = "The request requires higher privileges than provided by the access token."
            raise Refusal(403, {"error": "insufficient_scope", "error_description": said, "scope": needs})
        token.last_used_at = self.now
        return token

    def _resource(self, kind: str, id_: str) -> str:
        if id_ not in _NUMBERS[kind]:
            raise _message(404, f"404 {kind.removesuffix('s').title()} Not Found")
        return f"{kind}/{_NUMBERS[kind][id_]}"

    def _page(self, asked: Asked, wanted: Callable[[Token], bool]) -> Reply:
        found = [token for token in self.tokens if wanted(token)]
        if asked.query.get("state") == "active":
            found = [token for token in found if self._shown(token)["active"]]
        page, size = int(asked.query.get("page", 1)), min(int(asked.query.get("per_page", 20)), 100)
        rest = "&".join(f"{key}={value}" for key, value in asked.query.items() if key != "page")
        link = f'<{self.url}{asked.path}?{rest}&page={page + 1}>; rel="next"' if page * size < len(found) else ""
        shown = [self._shown(token) for token in found[(page - 1) * size : page * size]]
        return Reply(200, shown, {"Link": link} if link else {})

    def _shown(self, token: Token) -> dict[str, Any]:
        return {
            "id": int(token.id), "name": token.name, "description": None, "scopes": list(token.scopes),
            "revoked": token.revoked_at is not None, "active": token.revoked_at is None and not self.has_ended(token),
            "user_id": int(token.owner.removeprefix("users/") if token.owner.startswith("users/") else token.id),
            "created_at": rfc3339(token.created_at), "last_used_at": rfc3339(token.last_used_at),
            "expires_at": token.expires_at.date().isoformat() if token.expires_at else None,
        }  # fmt: skip

    routes = (
        ("POST", "/api/v4/(projects|groups)/([^/]+)/access_tokens", create),
        ("GET", "/api/v4/(projects|groups)/([^/]+)/access_tokens", listing),
        ("DELETE", "/api/v4/(projects|groups)/([^/]+)/access_tokens/([^/]+)", revoke),
        ("POST", "/api/v4/user/personal_access_tokens", create_own),
        ("POST", "/api/v4/users/([^/]+)/personal_access_tokens", create_for),
        ("GET", "/api/v4/personal_access_tokens", list_own),
        ("GET", "/api/v4/personal_access_tokens/self", own_information),
        ("DELETE", "/api/v4/personal_access_tokens/([0-9]+)", revoke_own),
    )
