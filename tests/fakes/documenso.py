"""Documenso 2.17's login, token pages and public API, as far as tokens go: what a real server answered, to the byte
where it matters, and what its source code says of TOTP, captchas, quotas and roles.

The team's members and tokens are in ``documenso_team``. Plain HTTP on loopback, on the tests' clock. What it does not
know: documents, v1, sign-up, other ways to log in, and organisations of several teams.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from rotator.testing.moving_clock import MovingClock
from tests.fakes import loopback
from tests.fakes.documenso_team import Refusal, Team, User

ORIGIN = "https://sign.acme.example"
"""What the instance believes its address to be. Its cookies are for this host, and ``Secure``."""

_PREFIX = "__Secure-"
_SESSION_LIVES = timedelta(days=30)
_FAIR_USE = (
    "Your request could not be completed at this time due to your account exceeding the fair use limits of your "
    "current plan. Please contact support."
)
_STATUS = {"UNAUTHORIZED": 401, "NOT_FOUND": 404, "TOO_MANY_REQUESTS": 429, "EXPIRED_CODE": 400, "BAD_REQUEST": 400,
           "INTERNAL_SERVER_ERROR": 500, "ACCOUNT_DISABLED": 403}  # fmt: skip


@dataclass
class Answer:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """One request, as the handlers see it."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes

    @property
    def cookies(self) -> dict[str, str]:
        return {name: morsel.value for name, morsel in SimpleCookie(self.headers.get("cookie", "")).items()}

    @property
    def json(self) -> Any:
        return json.loads(self.raw) if self.raw else None


class Documenso:
    """The service. Its knobs and ``team`` are open to tests; ``seen`` lists what was asked for."""

    def __init__(self) -> None:
        self.url = ""
        self.clock = MovingClock()
        self.team = Team(self.clock)
        self.seen: list[str] = []
        self.last_headers: Mapping[str, str] = {}
        self.codes_seen: list[str] = []
        """The one-time codes that logins sent."""
        self.wants_captcha = False
        self.remembers_codes = False
        """Take each code once, as many servers do. Documenso does not."""
        self.quota: int | None = None
        """API requests that the organisation may make in a month."""
        self.api_requests = 0
        self.limits = {"login": 10, "trpc": 100, "v2": 1000}
        self._requests: dict[str, list[datetime]] = {}
        self._csrf: set[str] = set()
        self._sessions: dict[str, tuple[User, datetime]] = {}
        self._lock = threading.RLock()

    def reset(self) -> None:
        url = self.url
        self.__init__()  # type: ignore[misc]  # everything but the address begins anew
        self.url = url

    def end_sessions(self) -> None:
        self._sessions.clear()

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    def count(self, request: str) -> int:
        """Tell how often this was asked for: ``POST /api/trpc/apiToken.create``."""
        return self.seen.count(request)

    def answer(self, call: Call) -> Answer:
        with self._lock:
            self.seen.append(f"{call.method} {call.path}")
            self.last_headers = call.headers
            if call.path.startswith("/api/auth/"):
                return self._auth(call)
            kind = "v2" if call.path.startswith("/api/v2/") else "trpc"
            shown, limited = self._limit(kind, kind, timedelta(minutes=1))
            if limited is not None:
                return limited
            given = self._public(call) if kind == "v2" else self._page(call)
            given.headers = {**shown, **given.headers}
            return given

    def _limit(self, key: str, kind: str, window: timedelta) -> tuple[dict[str, str], Answer | None]:
        now, most = self.clock.now(), self.limits[kind]
        recent = [moment for moment in self._requests.get(key, []) if moment > now - window]
        self._requests[key] = [*recent, now]
        reset = int((now + window).timestamp())
        shown = {"X-RateLimit-Limit": str(most), "X-RateLimit-Remaining": str(max(most - len(recent) - 1, 0)),
                 "X-RateLimit-Reset": str(reset)}  # fmt: skip
        if len(recent) < most:
            return shown, None
        shown["Retry-After"] = str(int(window.total_seconds()))
        return shown, Answer(429, {"error": "Too many requests, please try again later."}, shown)

    # --- the login ---

    def _auth(self, call: Call) -> Answer:
        if call.headers.get("origin", ORIGIN) != ORIGIN:
            return Answer(403, {"message": "Forbidden", "statusCode": 403})
        try:
            match call.method, call.path:
                case "GET", "/api/auth/csrf":
                    token = secrets.token_hex(16)
                    self._csrf.add(token)
                    return Answer(200, {"csrfToken": token}, _cookie("csrfToken", f"{token}.{_signature(token)}"))
                case "POST", "/api/auth/email-password/authorize":
                    return self._authorize(call)
                case "POST", "/api/auth/signout":
                    self._sessions.pop(call.cookies.get(f"{_PREFIX}sessionId", ""), None)
                    return Answer(200)
        except Refusal as refusal:
            status = refusal.status or 500
            return Answer(status, {"code": refusal.code, "message": refusal.message, "statusCode": refusal.status})
        return Answer(404, "404 Not Found")

    def _authorize(self, call: Call) -> Answer:
        form = call.json
        if len(form["password"]) < 6 or "@" not in form["email"]:
            error = [{"code": "too_small", "path": ["password"], "message": "Must be at least 6 characters in length"}]
            return Answer(400, {"success": False, "error": error, "data": form})
        shown, limited = self._limit(f"login {form['email']}", "login", timedelta(minutes=15))
        if limited is not None:
            return Answer(429, {"code": "UNKNOWN_ERROR", "message": "", "statusCode": 429}, limited.headers)
        cookie = call.cookies.get(f"{_PREFIX}csrfToken", "")
        token, _, signature = cookie.partition(".")
        if token not in self._csrf or signature != _signature(token) or form["csrfToken"] != token:
            raise Refusal("INVALID_REQUEST", "Invalid CSRF token")
        if self.wants_captcha and not form.get("captchaToken"):
            raise Refusal("INVALID_CAPTCHA", "Captcha token is required", status=400)
        user = self.team.user(form["email"])
        if user is None or user.password != form["password"]:
            raise Refusal("INVALID_CREDENTIALS", "Invalid email or password")
        self._check_second_factor(user, form.get("totpCode"))
        if not user.verified:
            raise Refusal("UNVERIFIED_EMAIL", "Unverified email")
        if user.disabled:
            raise Refusal("ACCOUNT_DISABLED", "Account disabled", status=403)
        session = f"{secrets.token_hex(16)}.{secrets.token_hex(8)}%3D"
        self._sessions[session] = user, self.clock.now() + _SESSION_LIVES
        return Answer(201, None, {**shown, **_cookie("sessionId", session)})

    def _check_second_factor(self, user: User, code: str | None) -> None:
        if user.key is None:
            return
        if not code:
            raise Refusal("TWO_FACTOR_MISSING_CREDENTIALS", "TWO_FACTOR_MISSING_CREDENTIALS")
        is_used = self.remembers_codes and code in self.codes_seen
        self.codes_seen.append(code)
        if is_used or code != user.code_at(self.clock.right_time()):
            raise Refusal("INVALID_TWO_FACTOR_CODE", "INVALID_TWO_FACTOR_CODE")

    # --- the pages' own calls (tRPC) ---

    def _page(self, call: Call) -> Answer:
        procedure = call.path.removeprefix("/api/trpc/")
        try:
            user = self._logged_in(call)
            given = self._procedure(procedure, call, user)
        except Refusal as refusal:
            status = refusal.status or _STATUS[refusal.code]
            return Answer(status, {"error": {"json": refusal.as_trpc(procedure, status)}})
        if given is None:
            return Answer(200, {"result": {"data": {"json": None, "meta": {"values": ["undefined"], "v": 1}}}})
        return Answer(200, {"result": {"data": {"json": given}}})

    def _logged_in(self, call: Call) -> User:
        user, ends = self._sessions.get(call.cookies.get(f"{_PREFIX}sessionId", ""), (None, self.clock.now()))
        if user is None or ends <= self.clock.now():
            raise Refusal("UNAUTHORIZED", "Invalid session or API token.", is_app_error=False)
        if user.disabled:
            raise Refusal("ACCOUNT_DISABLED", "Account disabled", status=403)
        return user

    def _procedure(self, name: str, call: Call, user: User) -> Any:
        given = json.loads(call.query["input"]) if "input" in call.query else call.json
        asked = given["json"] if given else {}
        match call.method, name:
            case "POST", "apiToken.create":
                return self.team.create(user, asked)
            case "GET", "apiToken.getMany":
                return self.team.listed_to(user, call.headers.get("x-team-id", ""))
            case "POST", "apiToken.delete":
                return self.team.delete(user, asked)
            case "GET", "team.get":
                return self.team.described_to(user, asked["teamReference"])
        raise Refusal("NOT_FOUND", f'No procedure found on path "{name}"', is_app_error=False)

    # --- the public API ---

    def _public(self, call: Call) -> Answer:
        value = call.headers.get("authorization", "").removeprefix("Bearer ")
        try:
            self._let_in(value)
        except Refusal as refusal:
            data = {"code": refusal.code, "httpStatus": 401, "path": "envelope.find"}
            body = {"message": refusal.message, "code": "INTERNAL_SERVER_ERROR", "data": data}
            return Answer(_STATUS[refusal.code], body)
        page = {"count": 0, "currentPage": 1, "perPage": 1, "totalPages": 0}
        return Answer(200, {"data": [], **page}) if call.path == "/api/v2/envelope" else Answer(404, {})

    def _let_in(self, value: str) -> None:
        """Count the request of a living token, and of no other. What is over the quota has no ``Retry-After``."""
        if not value:
            raise Refusal("UNAUTHORIZED", "Invalid session or API token.", is_app_error=False)
        self.team.check(value)
        self.api_requests += 1
        if self.quota is not None and self.api_requests > self.quota:
            raise Refusal("TOO_MANY_REQUESTS", _FAIR_USE)


def _signature(token: str) -> str:
    return f"signed-{token[::-1]}%3D"


def _cookie(name: str, value: str) -> dict[str, str]:
    host = urlsplit(ORIGIN).hostname
    return {"Set-Cookie": f"{_PREFIX}{name}={value}; Domain={host}; Path=/; HttpOnly; Secure; SameSite=None"}


@contextmanager
def documenso() -> Iterator[Documenso]:
    """Serve an instance on a free loopback port."""
    service = Documenso()

    class Handling(loopback.Handler):
        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            headers = {name.lower(): value for name, value in self.headers.items()}
            given = service.answer(Call(self.command, parts.path, query, headers, raw))
            body = b"" if given.body is None else json.dumps(given.body).encode()
            self.send_response(given.status)
            for name, value in {"Content-Type": "application/json", **given.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def __getattr__(self, name: str) -> Any:
            if re.fullmatch("do_[A-Z]+", name):
                return self._handle
            raise AttributeError(name)

    with loopback.serving(Handling) as service.url:
        yield service
