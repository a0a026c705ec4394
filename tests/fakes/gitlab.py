"""GitLab's CI/CD variables, written after the source of GitLab (``lib/api``, ``app/models/ci``), oddities and all.

Projects and groups by path or id, several variables of one key, hidden values, scopes and roles of tokens, moved
projects, rate limits. A PUT to a group whose filter finds nothing sets another variable of the key, as GitLab's does.
Proven with python-gitlab, which nobody here wrote. Plain HTTP on loopback.

What it does not know: who owns what beyond a token's roles, and how jobs get their variables.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

from tests.fakes import loopback

MAINTAINER, OWNER = 40, 50
_MASKABLE = re.compile(r"[a-zA-Z0-9_+=/@:.~-]{8,}")
_MASKABLE_RAW = re.compile(r"[^ \t\r\n\f\v]{8,}")
_ROUTE = re.compile(r"/(?P<kind>projects|groups)/(?P<id>[^/]+)(?P<rest>/variables|/access_tokens)?(?:/(?P<key>[^/]+))?")
_SETTABLE = ("value", "variable_type", "protected", "masked", "raw", "environment_scope", "description")


class Refusal(Exception):
    """An answer that is not a success, as GitLab gives it."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(status))
        self.status, self.body, self.headers = status, body, dict(headers or {})


def said(status: int, message: Any) -> Refusal:
    return Refusal(status, {"message": message})


@dataclass
class Variable:
    """One variable. ``changes`` is counted up by each write: the time that GitLab has, and tells nobody."""

    key: str
    value: str
    variable_type: str = "env_var"
    protected: bool = False
    masked: bool = False
    raw: bool = False
    hidden: bool = False
    environment_scope: str = "*"
    description: str | None = None
    changes: int = 0

    @property
    def told(self) -> dict[str, Any]:
        shown = {name: value for name, value in vars(self).items() if name != "changes"}
        return {**shown, "value": None if self.hidden else self.value}

    def refuse_invalid(self) -> None:
        pattern = _MASKABLE_RAW if self.raw else _MASKABLE
        if self.masked and not pattern.fullmatch(self.value):
            raise said(400, {"value": ["is invalid"]})


@dataclass
class Owner:
    """A project or a group."""

    kind: str
    id: int
    path: str
    variables: list[Variable] = field(default_factory=list)
    most: int = 8000

    def named(self, key: str, scope: str | None = None) -> list[Variable]:
        return [each for each in self.variables if each.key == key and scope in (None, "", each.environment_scope)]


@dataclass
class Token:
    """What a token may do: its scopes, and its role in each project or group that it sees."""

    scopes: list[str] = field(default_factory=lambda: ["api"])
    roles: dict[str, int] | None = None
    """None: Owner of everything."""
    is_personal: bool = True
    """Or of a project or a group, which GitLab treats alike; not so OAuth's."""


Answer = tuple[int, Any, dict[str, str]]


class GitLab:
    """The service. What it holds is open to tests, as are its age, its tier and its limits."""

    def __init__(self) -> None:
        self.url = ""
        self._lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """Forget everything, and start anew at the same address."""
        self.owners: list[Owner] = []
        self.tokens: dict[str, Token] = {}
        self.moved: dict[str, Owner] = {}
        self.calls: list[tuple[str, str]] = []
        self.filters_groups = True
        """As of 16.9."""
        self.has_group_scopes = True
        """Premium and Ultimate."""

    # --- what tests set up ---

    def add(self, kind: str, path: str) -> Owner:
        self.owners.append(Owner(kind, 1000 + len(self.owners), path))
        return self.owners[-1]

    def put(self, variable: Variable, value: str) -> None:
        """Set a value as the website does."""
        with self._lock:
            variable.value = value
            variable.changes += 1

    # --- what it answers ---

    def answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        parts = urlsplit(target)
        path = parts.path.removeprefix("/api/v4") if parts.path.startswith("/api/v4/") else "/-/sign_in"
        with self._lock:
            self.calls.append((method, path))
            try:
                return self._answer(method, path, _params(parts.query, body, headers.get("Content-Type", "")), headers)
            except Refusal as refusal:
                return refusal.status, refusal.body, refusal.headers

    def _answer(self, method: str, path: str, params: dict[str, Any], headers: Mapping[str, str]) -> Answer:
        token = self._who_asks(headers)
        if path == "/personal_access_tokens/self":
            if not token.is_personal:
                raise said(400, '400 Bad request - "This endpoint requires token type to be a personal access token"')
            return 200, {"id": 1, "name": "rotator", "revoked": False, "active": True, "scopes": token.scopes}, {}
        route = _ROUTE.fullmatch(path)
        if route is None:
            raise Refusal(404, {"error": "404 Not Found"})
        _refuse_by_scope(token, method)
        owner = self._owner(route["kind"], unquote(route["id"]), token, method)
        if route["rest"] is None:
            return 200, {"id": owner.id, "path_with_namespace": owner.path, "full_path": owner.path}, {}
        level = OWNER if owner.kind == "groups" else MAINTAINER
        if token.roles is not None and token.roles.get(owner.path, 0) < level:
            raise said(403, "403 Forbidden")
        if route["rest"] == "/access_tokens":
            return self._new_token(owner, params)
        if route["key"] is None:
            return self._all(method, owner, params)
        return self._one(method, owner, route["key"], params)

    def _who_asks(self, headers: Mapping[str, str]) -> Token:
        scheme, _, bearer = headers.get("Authorization", "").partition(" ")
        given = headers.get("PRIVATE-TOKEN", "")
        if given in self.tokens:
            return self.tokens[given]
        if scheme.lower() == "bearer" and bearer in self.tokens:
            return self.tokens[bearer]
        if bearer:
            raise Refusal(401, {"error": "invalid_token", "error_description": "Token was revoked. You have to …"})
        raise said(401, "401 Unauthorized")

    def _owner(self, kind: str, identity: str, token: Token, method: str) -> Owner:
        if identity in self.moved:
            if method != "GET":
                raise said(405, "Non GET methods are not allowed for moved projects")
            address = f"{self.url}/api/v4/projects/{self.moved[identity].id}/variables"
            raise Refusal(302, f"This resource has been moved temporarily to {address}.", {"Location": address})
        for owner in self.owners:
            sees = token.roles is None or owner.path in token.roles
            if owner.kind == kind and sees and identity in (str(owner.id), owner.path):
                return owner
        raise said(404, f"404 {kind[:-1].capitalize()} Not Found")

    def _new_token(self, owner: Owner, params: dict[str, Any]) -> Answer:
        """Make an access token of a project or a group: it sees nothing else."""
        value = f"glpat-{uuid4().hex[:20]}"
        scopes, level = params["scopes"], int(params.get("access_level", MAINTAINER))
        self.tokens[value] = Token(scopes, {owner.path: level})
        return 201, {"name": params["name"], "scopes": scopes, "access_level": level, "token": value}, {}

    def _all(self, method: str, owner: Owner, params: dict[str, Any]) -> Answer:
        if method == "POST":
            return self._create(owner, params)
        size, page = int(params.get("per_page", 20)), int(params.get("page", 1))
        address = f"{self.url}/api/v4/{owner.kind}/{owner.id}/variables?per_page={size}&page={page + 1}"
        more = {"Link": f'<{address}>; rel="next"'} if page * size < len(owner.variables) else {}
        return 200, [each.told for each in owner.variables[(page - 1) * size : page * size]], more

    def _create(self, owner: Owner, params: dict[str, Any]) -> Answer:
        missing = [name for name in ("key", "value") if not isinstance(params.get(name), str)]
        if missing:
            raise Refusal(400, {"error": ", ".join(f"{name} is missing" for name in missing)})
        made = Variable(params["key"], **self._settings(owner, params))
        if params.get("masked_and_hidden"):
            made.masked = made.hidden = True
        if not re.fullmatch(r"[a-zA-Z0-9_]{1,255}", made.key):
            raise said(400, {"key": ["can contain only letters, digits and '_'."]})
        if owner.named(made.key, made.environment_scope):
            raise said(400, {"key": [f"({made.key}) has already been taken"]})
        made.refuse_invalid()
        if len(owner.variables) >= owner.most:
            named = f"{owner.kind[:-1]} ci variables"
            raise said(400, {"base": [f"Maximum number of {named} ({owner.most}) exceeded"]})
        owner.variables.append(made)
        return 201, made.told, {}

    def _one(self, method: str, owner: Owner, key: str, params: dict[str, Any]) -> Answer:
        is_group = owner.kind == "groups"
        scope = params.get("filter", {}).get("environment_scope") if self.filters_groups or not is_group else None
        found = owner.named(key, scope)
        takes_the_first = is_group and (not self.filters_groups or (method == "PUT" and "filter" not in params))
        if len(found) > 1 and not takes_the_first:
            several = "There are multiple variables with provided parameters. Please use 'filter[environment_scope]'"
            raise said(409, several)
        if not found and is_group and method == "PUT":
            found = owner.named(key)  # what GitLab does: the filter is forgotten, and the key alone counts
        if not found:
            raise said(404, f"404 {'GroupVariable' if is_group else 'Variable'} Not Found")
        variable = found[0]
        if method == "PUT":
            self._edit(owner, variable, params)
        if method == "DELETE":
            owner.variables.remove(variable)
            return 204, None, {}
        return 200, variable.told, {}

    def _edit(self, owner: Owner, variable: Variable, params: dict[str, Any]) -> None:
        after = Variable(**{**vars(variable), **self._settings(owner, params), "changes": variable.changes + 1})
        if variable.hidden and not after.masked:
            raise said(400, {"base": ["The visibility setting cannot be changed for masked and hidden variables."]})
        if [each for each in owner.named(after.key, after.environment_scope) if each is not variable]:
            raise said(400, {"key": [f"({after.key}) has already been taken"]})
        after.refuse_invalid()
        vars(variable).update(vars(after))

    def _settings(self, owner: Owner, params: dict[str, Any]) -> dict[str, Any]:
        if params.get("variable_type", "env_var") not in ("env_var", "file"):
            raise Refusal(400, {"error": "variable_type does not have a valid value"})
        given = {name: params[name] for name in _SETTABLE if name in params}
        if owner.kind == "groups" and not self.has_group_scopes:
            given.pop("environment_scope", None)
        return given


def _params(query: str, body: bytes, kind: str) -> dict[str, Any]:
    """Read parameters as Rails does: from the address, from JSON, or from a form; ``a[b]=c`` and ``a[]=c`` nest."""
    flat = parse_qsl(query, keep_blank_values=True)
    params: dict[str, Any] = {}
    if body and "json" in kind:
        params.update(json.loads(body))
    elif body:
        flat += parse_qsl(body.decode(), keep_blank_values=True)
    for name, value in flat:
        nested = re.fullmatch(r"([^[]+)\[([^]]*)\]", name)
        if nested is None:
            params[name] = value
        elif nested[2]:
            params.setdefault(nested[1], {})[nested[2]] = value
        else:
            params.setdefault(nested[1], []).append(value)
    return params


def _refuse_by_scope(token: Token, method: str) -> None:
    if "api" in token.scopes or (method == "GET" and "read_api" in token.scopes):
        return
    lacks = "The request requires higher privileges than provided by the access token."
    raise Refusal(403, {"error": "insufficient_scope", "error_description": lacks, "scope": "api"})


@contextmanager
def gitlab() -> Iterator[GitLab]:
    """Run the service for as long as the block lasts."""
    service = GitLab()
    with loopback.serving(_Handler, service=service) as service.url:
        yield service


class _Handler(loopback.Handler):
    service: Any

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, document, extra = self.service.answer(self.command, self.path, self.headers, body)
        text = b"" if document is None else json.dumps(document).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **extra}.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)
        self.wfile.flush()

    do_GET = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 -- how the server finds them
