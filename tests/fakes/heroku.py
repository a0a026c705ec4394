"""Heroku's Platform API as far as config vars go: scopes, ranges, releases with a release command, add-ons, dynos.

It is held to the Heroku CLI, which reads and writes through it. What Heroku documents is done as documented; three
things are not, and are done in the less convenient way: while a release command runs, and after it has failed, an
app's config vars are those from before (heroku/cli#3345); setting a var to what it is makes no release; and dynos are
replaced some time after a release succeeds, where a test says so.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.fakes import loopback

_LIMIT = 64 * 1024
_READS = {"global", "read", "read-protected", "write", "write-protected"}
_WRITES = {"global", "write", "write-protected"}
_READS_VARS = {"global", "read-protected", "write-protected"}
_WRITES_VARS = {"global", "write-protected"}


@dataclass
class Refusal(Exception):
    status: int
    id: str
    message: str = ""


@dataclass
class Release:
    number: int
    vars: dict[str, str] = field(repr=False)
    description: str
    status: str = "succeeded"
    id: str = field(default_factory=lambda: str(uuid4()))


@dataclass
class App:
    """One app, with a web dyno. ``release_command``: a release is pending until the test ends it."""

    name: str
    releases: list[Release]
    id: str = field(default_factory=lambda: str(uuid4()))
    release_command: bool = False
    slow_dynos: bool = False
    preboot: bool = False
    """Old web dynos go on for some minutes, and are not listed (Dev Center, "Preboot")."""
    addons: dict[str, list[str]] = field(default_factory=dict)
    dynos: dict[str, int] = field(default_factory=dict)
    suspended: bool = False

    @property
    def newest(self) -> Release:
        return self.releases[-1]

    @property
    def in_force(self) -> Release:
        return next(release for release in reversed(self.releases) if release.status == "succeeded")

    def set(self, changes: dict[str, str | None], *, description: str = "") -> Release:
        """Change vars, as somebody with the dashboard does."""
        vars_ = {**self.in_force.vars, **changes}
        kept = {name: value for name, value in vars_.items() if value is not None}
        return self.release(kept, description or f"Set {', '.join(changes)} config vars")

    def release(self, vars_: dict[str, str] | None = None, description: str = "Deploy 1a2b3c4d") -> Release:
        made = Release(self.newest.number + 1, dict(self.in_force.vars if vars_ is None else vars_), description)
        self.releases.append(made)
        if self.release_command:
            made.status = "pending"
        elif not self.slow_dynos:
            self.replace_dynos()
        return made

    def end_release_command(self, *, succeeds: bool = True) -> None:
        self.newest.status = "succeeded" if succeeds else "failed"
        if succeeds and not self.slow_dynos:
            self.replace_dynos()

    def replace_dynos(self) -> None:
        for name in self.dynos:
            if not name.startswith("run."):
                self.dynos[name] = self.in_force.number


class Heroku:
    """The service, with one account. ``apps`` and ``tokens`` (their scopes) are open to tests."""

    def __init__(self) -> None:
        self.url = ""
        self.apps: dict[str, App] = {}
        self.tokens: dict[str, set[str]] = {}
        self.requests_left = 4500
        self.refuses_account: Refusal | None = None
        """What every request meets: two_factor, suspended, delinquent …"""
        self.lock = threading.Lock()

    def make_app(self, name: str, vars_: dict[str, str]) -> App:
        first = Release(1, {}, "Initial release")
        app = App(name, [first, Release(2, {}, "Enable Logplex")], dynos={"web.1": 2})
        app.set(dict(vars_))
        self.apps[name] = app
        return app

    def app(self, name: str) -> App:
        app = next((app for app in self.apps.values() if name in (app.name, app.id)), None)
        if app is None:
            raise Refusal(404, "not_found", "Couldn't find that app.")
        if app.suspended:
            raise Refusal(403, "suspended", "The app is suspended.")
        return app

    def set_vars(self, app: App, changes: Any) -> dict[str, str]:
        owned = {name for names in app.addons.values() for name in names}
        if not isinstance(changes, dict) or not all(re.fullmatch(r"\w+", name, re.ASCII) for name in changes):
            raise Refusal(422, "invalid_params", "Invalid config var name.")
        if not all(value is None or isinstance(value, str) for value in changes.values()):
            raise Refusal(422, "invalid_params", "Invalid config var value.")
        if owned & changes.keys():
            named = ", ".join(sorted(owned & changes.keys()))
            raise Refusal(422, "invalid_params", f"Cannot overwrite attachment values {named}.")
        after = {**app.in_force.vars, **{name: value for name, value in changes.items() if value is not None}}
        if sum(len(name.encode()) + len(value.encode()) for name, value in after.items()) > _LIMIT:
            raise Refusal(422, "invalid_params", "Config vars are limited to 64KB.")
        if any(app.in_force.vars.get(name) != value for name, value in changes.items()):
            app.set(changes)
        return app.in_force.vars

    def authorize(self, asked: dict[str, Any]) -> dict[str, Any]:
        token = f"HRKU-{uuid4()}"
        self.tokens[token] = set(asked.get("scope") or ["global"])
        access = {"id": str(uuid4()), "token": token, "expires_in": asked.get("expires_in")}
        return {"id": str(uuid4()), "description": asked.get("description"), "scope": sorted(self.tokens[token]),
                "access_token": access, "created_at": _WHEN, "updated_at": _WHEN}  # fmt: skip


_WHEN = "2026-11-22T12:00:00Z"


def _described(app: App, release: Release) -> dict[str, Any]:
    return {
        "id": release.id, "version": release.number, "status": release.status, "description": release.description,
        "current": release is app.in_force, "app": {"id": app.id, "name": app.name}, "created_at": _WHEN,
        "updated_at": _WHEN, "user": {"email": "ada@example.com", "id": app.id}, "addon_plan_names": [],
        "slug": None, "output_stream_url": None, "eligible_for_rollback": True,
    }  # fmt: skip


def _release(app: App, which: str) -> Release:
    for release in app.releases:
        if which in (release.id, str(release.number)):
            return release
    raise Refusal(404, "not_found", "Couldn't find that release.")


def _rolled_back(app: App, asked: dict[str, Any]) -> dict[str, Any]:
    to = _release(app, asked["release"])
    return _described(app, app.release(to.vars, f"Rollback to v{to.number}"))


def _dynos(app: App) -> list[dict[str, Any]]:
    return [
        {"name": name, "type": name.partition(".")[0], "state": "up", "release": {"version": number, "id": ""}}
        for name, number in app.dynos.items()
    ]


Route = tuple[str, str, set[str], Callable[..., Any]]

_ROUTES: list[Route] = [
    ("GET", r"/apps/([^/]+)", _READS, lambda _, app, __: {"id": app.id, "name": app.name}),
    ("GET", r"/apps/([^/]+)/config-vars", _READS_VARS, lambda _, app, __: app.in_force.vars),
    ("PATCH", r"/apps/([^/]+)/config-vars", _WRITES_VARS, lambda heroku, app, body: heroku.set_vars(app, body)),
    ("GET", r"/apps/([^/]+)/releases", _READS, lambda _, app, __: [_described(app, one) for one in app.releases]),
    ("GET", r"/apps/([^/]+)/releases/([^/]+)", _READS, lambda _, app, __, it: _described(app, _release(app, it))),
    ("GET", r"/apps/([^/]+)/releases/([^/]+)/config-vars", _READS_VARS, lambda _, app, __, it: _release(app, it).vars),
    ("GET", r"/apps/([^/]+)/addons", _READS, lambda _, app, __: [
        {"id": name, "name": name, "config_vars": vars_} for name, vars_ in app.addons.items()]),
    ("GET", r"/apps/([^/]+)/features", _READS, lambda _, app, __: [
        {"id": "2", "name": "log-runtime-metrics", "enabled": True}, {"id": "1", "name": "preboot",
         "enabled": app.preboot}]),
    ("GET", r"/apps/([^/]+)/dynos", _READS, lambda _, app, __: _dynos(app)),
    ("DELETE", r"/apps/([^/]+)/dynos", _WRITES, lambda _, app, __: app.replace_dynos()),
    ("POST", r"/apps/([^/]+)/releases", _WRITES_VARS, lambda _, app, asked: _rolled_back(app, asked)),
    ("POST", r"/oauth/authorizations", {"global"}, lambda heroku, asked: heroku.authorize(asked)),
    ("GET", r"/account", {"global", "identity"}, lambda *_: {"email": "ada@example.com", "id": "1"}),
]  # fmt: skip


class _Handler(loopback.Handler):
    heroku: Heroku

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.heroku.lock:
            headers: dict[str, str] = {}
            try:
                answer = self._answer(json.loads(body or b"null"), headers)
                status, answer = _in_range(answer, self.headers.get("Range", ""), headers)
            except Refusal as refusal:
                status, answer = refusal.status, {"id": refusal.id, "message": refusal.message}
            self._send(status, headers, json.dumps(answer).encode())

    do_GET = do_PATCH = do_POST = do_DELETE = _handle  # noqa: N815  named after the methods

    def _answer(self, body: Any, headers: dict[str, str]) -> Any:
        heroku = self.heroku
        if not re.match(r"application/vnd\.heroku\+json; version=3(\.sdk)?", self.headers.get("Accept", "")):
            raise Refusal(406, "not_acceptable", "Set the Accept header.")
        scopes = heroku.tokens.get(self.headers.get("Authorization", "").removeprefix("Bearer "))
        if scopes is None:
            raise Refusal(401, "unauthorized", "Invalid credentials provided.")
        headers["Oauth-Scope"] = " ".join(sorted(scopes))
        heroku.requests_left = max(heroku.requests_left - 1, -1)
        headers["RateLimit-Remaining"] = str(max(heroku.requests_left, 0))
        if heroku.requests_left < 0:
            raise Refusal(429, "rate_limit", "Your account reached the API rate limit")
        if heroku.refuses_account:
            raise heroku.refuses_account
        for method, pattern, accepted, act in _ROUTES:
            found = re.fullmatch(pattern, self.path)
            if method == self.command and found:
                headers["Oauth-Scope-Accepted"] = " ".join(sorted(accepted))
                if not scopes & accepted:
                    raise Refusal(403, "forbidden", "You do not have access to this.")
                app, *others = found.groups() or [None]
                return act(heroku, heroku.app(app), body, *others) if app else act(heroku, body)
        raise Refusal(404, "not_found", "The requested API endpoint was not found.")

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _in_range(answer: Any, asked: str, headers: dict[str, str]) -> tuple[int, Any]:
    """Cut a list as ``Range: version ..; order=desc,max=1`` asks; 206 where there is more (API reference, "Ranges")."""
    if not isinstance(answer, list):
        return 200, answer
    found = re.fullmatch(r"(id|name|version) (?:\S+)?\.\.(?:; ?(.*?);?)?|", asked)
    if not found:
        raise Refusal(416, "requested_range_not_satisfiable", "Invalid range.")
    key = found[1] or "id"
    options = dict(one.strip().split("=") for one in (found[2] or "").split(",") if one)
    longest = int(options.get("max", 200))
    ordered = sorted(answer, key=lambda one: one.get(key, ""), reverse=options.get("order") == "desc")
    headers["Accept-Ranges"] = "id, version"
    if len(ordered) <= longest:
        return 200, ordered
    headers["Next-Range"] = f"]{ordered[longest - 1][key]}..; order={options.get('order', 'asc')},max={longest}"
    return 206, ordered[:longest]


@contextmanager
def running_heroku() -> Iterator[Heroku]:
    """Serve an empty account on a free loopback port."""
    heroku = Heroku()
    with loopback.serving(_Handler, heroku=heroku) as heroku.url:
        yield heroku
