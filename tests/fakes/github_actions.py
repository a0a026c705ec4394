"""GitHub's secrets, with key pairs that are real: every scope opens the boxes it gets, or refuses them.

Repositories, environments and organisations, for Actions, Dependabot and Codespaces, as GitHub's REST description has
them: permissions of fine-grained tokens, both rate limits, renamed repositories, pages, versions of the API. Proven
with PyGithub, which nobody here wrote. Plain HTTP on loopback.

What it does not know: who owns what beyond a token's permissions, and how long GitHub takes to show a write.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from nacl.encoding import Base64Encoder
from nacl.exceptions import CryptoError
from nacl.public import PrivateKey, SealedBox

from tests.fakes import loopback

_LARGEST_VALUE = 48 * 1024
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_NAME = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]*")
_SCOPE = re.compile(
    r"(/repos/[^/]+/[^/]+/environments/[^/]+|(?:/repos/[^/]+/[^/]+|/orgs/[^/]+)/(?:actions|dependabot|codespaces))"
    r"/secrets(?:/(?P<name>[^/]+)(?P<rest>/repositories)?)?"
)


class Refusal(Exception):
    """An answer that is not a success, as GitHub gives it."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, dict(headers or {})


@dataclass
class Secret:
    """One secret, opened."""

    value: str
    created_at: datetime
    updated_at: datetime
    visibility: str | None = None
    selected: list[int] = field(default_factory=list)


@dataclass
class Scope:
    """One list of secrets with its own key pair, and the permission that opens it."""

    permission: str
    is_of_an_organisation: bool
    private: PrivateKey = field(default_factory=PrivateKey.generate)
    secrets: dict[str, Secret] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return str(self.private.public_key.encode(Base64Encoder).decode())

    @property
    def key_id(self) -> str:
        return str(int.from_bytes(bytes(self.private.public_key)[:8]))

    def opened(self, box: str, key_id: str) -> str:
        """Open a sealed box. Refusal when it was sealed for another key."""
        refusal = Refusal(422, "Bad request - validation failed due to an improperly encrypted secret")
        if key_id != self.key_id:
            raise refusal
        try:
            return SealedBox(self.private).decrypt(box.encode(), Base64Encoder).decode()
        except (CryptoError, ValueError):
            raise refusal from None


Answer = tuple[int, Any, dict[str, str]]


class GitHubService:
    """The service. ``scopes`` and ``tokens`` are open to tests, as are its clock and its limits."""

    def __init__(self) -> None:
        self.url = ""
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything, and start anew at the same address."""
        self.scopes: dict[str, Scope] = {}
        self.tokens: dict[str, dict[str, str] | None] = {}
        """What each token may do, by permission; None: everything."""
        self.renamed: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.now = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
        self.between_writes = timedelta(seconds=1)
        """How much later each write is than the one before: zero makes them all of one second."""
        self.remaining: int | None = None
        """Requests left of the primary limit; None: no end of them."""
        self.busy_for: int | None = None
        """Seconds that the secondary limit tells writers to wait."""

    # --- what tests set up ---

    def repository(self, full_name: str, *environments: str) -> None:
        for kind, permission in _REPOSITORY_PERMISSIONS.items():
            self.scopes[f"/repos/{full_name}/{kind}"] = Scope(permission, is_of_an_organisation=False)
        for environment in environments:
            path = f"/repos/{full_name}/environments/{environment}"
            self.scopes[path] = Scope("environments", is_of_an_organisation=False)

    def organisation(self, name: str) -> None:
        for kind, permission in _ORGANISATION_PERMISSIONS.items():
            self.scopes[f"/orgs/{name}/{kind}"] = Scope(permission, is_of_an_organisation=True)

    def put(
        self, scope: str, name: str, value: str, visibility: str | None = None, selected: Iterable[int] = ()
    ) -> None:
        """Set a secret as the website does."""
        with self._lock:
            known = self.scopes[scope].secrets.get(name)
            self.now += self.between_writes
            created = known.created_at if known else self.now
            self.scopes[scope].secrets[name] = Secret(value, created, self.now, visibility, list(selected))

    # --- what it answers ---

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        path = urlsplit(target).path.removeprefix("/api/v3")
        query = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        with self._lock:
            self.calls.append((method, path))
            try:
                return self._answer(method, path, query, headers, body)
            except Refusal as refusal:
                told = {"message": refusal.message, "documentation_url": "https://docs.github.com/rest"}
                return refusal.status, {**told, "status": str(refusal.status)}, refusal.headers

    def _answer(self, method: str, path: str, query: dict[str, str], headers: Mapping[str, str], body: bytes) -> Answer:
        may = self._who_asks(headers)
        self._refuse_by_limits(method)
        for old, new in self.renamed.items():
            if path.startswith(f"/repos/{old}/"):
                raise Refusal(301, "Moved Permanently", {"Location": f"{self.url}/repositories/{new}"})
        asked = _SCOPE.fullmatch(path)
        if asked is None:
            return self._owner(path)
        scope, name = self.scopes.get(unquote(asked.group(1))), asked.group("name")
        if scope is None:
            raise Refusal(404, "Not Found")
        _refuse_by_permission(may, scope, method)
        if method == "PUT" and name:
            return self._put(scope, name.upper(), json.loads(body))
        if method == "DELETE" and name:
            return self._deleted(scope, name.upper())
        return self._look(scope, path, name, bool(asked.group("rest")), query)

    def _who_asks(self, headers: Mapping[str, str]) -> dict[str, str] | None:
        version = headers.get("X-GitHub-Api-Version", "2022-11-28")
        if version not in ("2022-11-28", "2026-03-10"):
            raise Refusal(400, f"The GitHub REST API version {version} is not supported.")
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if scheme.lower() not in ("bearer", "token") or token not in self.tokens:
            raise Refusal(401, "Bad credentials")
        return self.tokens[token]

    def _refuse_by_limits(self, method: str) -> None:
        if self.remaining is not None:
            if self.remaining == 0:
                raise Refusal(403, "API rate limit exceeded for user ID 1.", self._limit_headers())
            self.remaining -= 1
        if method != "GET" and self.busy_for is not None:
            message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            raise Refusal(403, message, {"Retry-After": str(self.busy_for)})

    def _limit_headers(self) -> dict[str, str]:
        reset = int((self.now + timedelta(minutes=20)).timestamp())
        return {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(reset)}

    def _owner(self, path: str) -> Answer:
        """A repository, an environment or an organisation itself: what PyGithub asks for on the way."""
        if not any(f"{scope}/".startswith(f"{unquote(path)}/") for scope in self.scopes):
            raise Refusal(404, "Not Found")
        kind, _, name = path.removeprefix("/").partition("/")
        told = {"full_name": name, "name": unquote(name.rpartition("/")[2])} if kind == "repos" else {"login": name}
        return 200, {"id": 1, **told, "url": f"{self.url}{path}"}, {}

    def _look(self, scope: Scope, path: str, name: str | None, repositories: bool, query: dict[str, str]) -> Answer:
        if name == "public-key":
            return 200, {"key_id": scope.key_id, "key": scope.key}, {}
        if name is None:
            told = [self._told(scope, path, name) for name in sorted(scope.secrets)]
            return self._page(path, "secrets", told, query)
        secret = scope.secrets.get(name.upper())
        if secret is None:
            raise Refusal(404, "Not Found")
        if repositories:
            told = [{"id": n, "name": f"r{n}", "full_name": f"acme/r{n}"} for n in secret.selected]
            return self._page(path, "repositories", told, query)
        return 200, self._told(scope, path.rpartition("/")[0], name.upper()), {}

    def _told(self, scope: Scope, path: str, name: str) -> dict[str, Any]:
        secret = scope.secrets[name]
        told = {"name": name, "created_at": _text(secret.created_at), "updated_at": _text(secret.updated_at)}
        if scope.is_of_an_organisation:
            told["visibility"] = str(secret.visibility)
            if secret.visibility == "selected":
                told["selected_repositories_url"] = f"{self.url}{path}/{name}/repositories"
        return told

    def _page(self, path: str, key: str, items: list[Any], query: dict[str, str]) -> Answer:
        size, page = min(int(query.get("per_page", 30)), 100), int(query.get("page", 1))
        link = f'<{self.url}{path}?per_page={size}&page={page + 1}>; rel="next"'
        headers = {"Link": link} if page * size < len(items) else {}
        return 200, {"total_count": len(items), key: items[(page - 1) * size : page * size]}, headers

    def _put(self, scope: Scope, name: str, asked: dict[str, Any]) -> Answer:
        if not _NAME.fullmatch(name):
            raise Refusal(422, "Secret names can only contain alphanumeric characters or underscores.")
        box = asked.get("encrypted_value", "")
        if not _BASE64.fullmatch(box):
            raise Refusal(422, f"Invalid request.\n\n{box} does not match /{_BASE64.pattern}/.")
        if not isinstance(asked.get("key_id"), str):
            raise Refusal(422, 'Invalid request.\n\n"key_id" wasn\'t supplied.')
        visibility, selected = _audience(scope, asked)
        value = scope.opened(box, asked["key_id"])
        if len(value.encode()) > _LARGEST_VALUE:
            raise Refusal(422, "Secret value is too large.")
        known = scope.secrets.get(name)
        if known is None and len(scope.secrets) >= (1000 if scope.is_of_an_organisation else 100):
            raise Refusal(422, "Maximum number of secrets exceeded.")
        self.now += self.between_writes
        created = known.created_at if known else self.now
        scope.secrets[name] = Secret(value, created, self.now, visibility, selected)
        return (204, None, {}) if known else (201, {}, {})

    def _deleted(self, scope: Scope, name: str) -> Answer:
        if scope.secrets.pop(name, None) is None:
            raise Refusal(404, "Not Found")
        return 204, None, {}


_REPOSITORY_PERMISSIONS = {
    "actions": "secrets",
    "dependabot": "dependabot_secrets",
    "codespaces": "codespaces_secrets",
}
_ORGANISATION_PERMISSIONS = {kind: f"organization_{name}" for kind, name in _REPOSITORY_PERMISSIONS.items()}


def _refuse_by_permission(may: dict[str, str] | None, scope: Scope, method: str) -> None:
    needed = "read" if method == "GET" else "write"
    if may is not None and may.get(scope.permission) not in (needed, "write"):
        accepted = {"X-Accepted-GitHub-Permissions": f"{scope.permission}={needed}"}
        raise Refusal(403, "Resource not accessible by personal access token", accepted)


def _audience(scope: Scope, asked: dict[str, Any]) -> tuple[str | None, list[int]]:
    if not scope.is_of_an_organisation:
        return None, []
    visibility, selected = asked.get("visibility"), asked.get("selected_repository_ids", [])
    if visibility not in ("all", "private", "selected"):
        raise Refusal(422, 'Invalid request.\n\n"visibility" wasn\'t supplied.')
    if selected and visibility != "selected":
        raise Refusal(422, "selected_repository_ids can only be given when visibility is selected.")
    # By PyGithub: Dependabot's endpoint takes the numbers as text, the others as numbers.
    if not all(isinstance(number, str if "dependabot" in scope.permission else int) for number in selected):
        raise Refusal(422, "Invalid request.\n\nselected_repository_ids are of another type.")
    return visibility, [int(number) for number in selected]


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@contextmanager
def github_service() -> Iterator[GitHubService]:
    """Run the service for as long as the block lasts."""
    service = GitHubService()
    with loopback.serving(_Handler, service=service) as service.url:
        yield service


class _Handler(loopback.Handler):
    service: Any

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: self.headers[name] for name in ("Authorization", "X-GitHub-Api-Version") if self.headers[name]}
        status, document, extra = self.service.answer(self.command, self.path, headers, body)
        text = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json; charset=utf-8", **extra}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()

    do_GET = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 -- how the server finds them
