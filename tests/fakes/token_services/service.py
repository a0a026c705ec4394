"""What the fakes of token services share: tokens that are kept, requests that are read, answers that are given.

A fake is a class with ``routes``: (method, pattern of the path, handler). A handler is given the request and the parts
of the path, and returns a ``Reply`` or raises a ``Refusal``. Time comes from the test's clock::

    with serving(Acme(MovingClock())) as acme:
        ...  # acme.url, acme.tokens
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from rotator.testing.moving_clock import MovingClock
from tests.canary import CANARY
from tests.fakes import loopback


@dataclass
class Token:
    """One token, as its service keeps it."""

    id: str
    name: str
    value: str = field(repr=False)
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None
    owner: str = ""
    scopes: tuple[str, ...] = ()
    disabled: bool = False
    revoked_at: datetime | None = None


@dataclass(frozen=True)
class Asked:
    """One request. ``headers`` by lower-case name; ``body`` is its JSON, or the fields of its form."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(repr=False)
    body: Any = field(repr=False)

    @property
    def bearer(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(frozen=True)
class Reply:
    """One answer: JSON, or bytes as they are."""

    status: int
    body: Any = None
    headers: Mapping[str, str] | None = None

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.status == 204 else json.dumps(self.body).encode()


class Refusal(Exception):
    """Ends a request with an error."""

    def __init__(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.reply = Reply(status, body, headers)


class TokenService:
    """One service. ``tokens`` is open to tests; ``asked`` tells the method and path of each request."""

    routes: tuple[tuple[str, str, Callable[..., Reply]], ...] = ()

    def __init__(self, clock: MovingClock) -> None:
        self.url = ""
        self.clock = clock
        self.tokens: list[Token] = []
        self.asked: list[str] = []
        self._last_number = 0
        self._lock = threading.Lock()

    @property
    def now(self) -> datetime:
        return self.clock.right_time()

    def new_number(self) -> int:
        self._last_number += 1
        return self._last_number

    def keep(self, token: Token) -> Token:
        CANARY.add(token.value)
        self.tokens.append(token)
        return token

    def by_id(self, id_: str) -> Token | None:
        return next((token for token in self.tokens if token.id == id_), None)

    def by_value(self, value: str) -> Token | None:
        return next((token for token in self.tokens if token.value == value), None)

    def has_ended(self, token: Token) -> bool:
        return token.expires_at is not None and token.expires_at <= self.now

    def no_such_route(self) -> Reply:
        return Reply(404, {"message": "Not Found"})

    def before(self, asked: Asked) -> None:
        """Raise what every request meets: a limit, maintenance."""

    def answer(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(f"{asked.method} {asked.path}")
            try:
                self.before(asked)
                for method, pattern, handler in self.routes:
                    found = re.fullmatch(pattern, asked.path)
                    if found and method == asked.method:
                        return handler(self, asked, *map(unquote, found.groups()))
            except Refusal as refusal:
                return refusal.reply
            return self.no_such_route()


def rfc3339(moment: datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _body(sent: bytes, kind: str) -> Any:
    if kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(sent.decode()))
    return json.loads(sent) if sent else {}


class _Handler(loopback.Handler):
    service: TokenService

    def _handle(self) -> None:
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = _body(self.rfile.read(int(headers.get("content-length", 0))), headers.get("content-type", ""))
        reply = self.service.answer(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
        self.send_response_only(reply.status)
        for name, value in ({"Content-Type": "application/json"} | dict(reply.headers or {})).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        self.wfile.write(reply.content)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815  named after the methods


ServiceT = TypeVar("ServiceT", bound=TokenService)


@contextmanager
def serving(service: ServiceT) -> Iterator[ServiceT]:
    """Serve it on a free loopback port."""
    with loopback.serving(_Handler, service=service) as service.url:
        yield service
