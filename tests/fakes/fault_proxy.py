"""An HTTP proxy that fails on purpose, between a provider and a real server.

A rule says which requests it is for (method and path), what to do to them, and how often; the first rule that matches
and is not used up acts, everything else passes through. ``seen`` tells what came by, and what reached the server::

    with fault_proxy(server.url) as proxy:
        proxy.fail("POST", r"/data/", lose_answer())
        ...
        assert [request.reached for request in proxy.seen] == [True, True]

It speaks plain HTTP/1.1 on loopback, to one upstream, and keeps no bodies.
"""

from __future__ import annotations

import http.client
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.fakes import loopback

_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length", "host"}


@dataclass(frozen=True)
class Answer:
    """What goes back to the client. ``sent`` cuts the body short of the length it announced."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    sent: int | None = None


@dataclass(frozen=True)
class Seen:
    """One request that came by."""

    method: str
    path: str
    reached: bool
    """It was handed to the server."""


Forward = Callable[[], Answer]
Fault = Callable[[Forward, threading.Event], Answer | None]
"""(hand the request to the server, set when the proxy ends) → the answer, or None for none at all."""


def lose_answer() -> Fault:
    """Let the server do it, and hang up without a word."""

    def fault(forward: Forward, _ending: threading.Event) -> None:
        forward()

    return fault


def refuse() -> Fault:
    """Hang up; the server hears nothing of it."""

    def fault(_forward: Forward, _ending: threading.Event) -> None:
        return

    return fault


def answer(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Fault:
    """Answer in the server's place; it hears nothing of it."""

    def fault(_forward: Forward, _ending: threading.Event) -> Answer:
        return Answer(status, tuple((headers or {}).items()), body)

    return fault


def answer_after(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Fault:
    """Let the server do it, and answer something else, as a gateway does that loses patience."""

    def fault(forward: Forward, _ending: threading.Event) -> Answer:
        forward()
        return Answer(status, tuple((headers or {}).items()), body)

    return fault


def repeat() -> Fault:
    """Let the server do it, lose the answer and ask once more, as gateways do that are told to retry."""

    def fault(forward: Forward, _ending: threading.Event) -> Answer:
        forward()
        return forward()

    return fault


def truncate(length: int) -> Fault:
    """Let the server do it, announce its whole answer, and hang up after ``length`` bytes of the body."""

    def fault(forward: Forward, _ending: threading.Event) -> Answer:
        whole = forward()
        return Answer(whole.status, whole.headers, whole.body, sent=length)

    return fault


def delay(seconds: float) -> Fault:
    """Let the server do it, and hold its answer back. The end of the proxy ends the wait."""

    def fault(forward: Forward, ending: threading.Event) -> Answer | None:
        whole = forward()
        return None if ending.wait(seconds) else whole

    return fault


def first(act: Callable[[], None]) -> Fault:
    """Do something just before the request reaches the server: what somebody else does at the worst moment."""

    def fault(forward: Forward, _ending: threading.Event) -> Answer:
        act()
        return forward()

    return fault


@dataclass
class _Rule:
    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int | None


@dataclass
class FaultProxy:
    url: str
    upstream: str
    seen: list[Seen] = field(default_factory=list)
    _rules: list[_Rule] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(self, method: str, path: str, fault: Fault, *, times: int | None = 1) -> None:
        """Add a rule: for requests of this method (``*``: any) whose path the pattern is found in; None: for ever."""
        with self._lock:
            self._rules.append(_Rule(method, re.compile(path), fault, times))

    def heal(self) -> None:
        """Forget all rules."""
        with self._lock:
            self._rules.clear()

    def sent(self, method: str, path: str) -> list[Seen]:
        """Give the requests of this method whose path the pattern is found in."""
        return [request for request in self.seen if request.method == method and re.search(path, request.path)]

    def take(self, method: str, path: str) -> Fault | None:
        """Find the rule for a request, and use it up by one."""
        with self._lock:
            for rule in self._rules:
                if rule.times != 0 and rule.method in ("*", method) and rule.path.search(path):
                    rule.times = None if rule.times is None else rule.times - 1
                    return rule.fault
        return None


@contextmanager
def fault_proxy(upstream: str) -> Iterator[FaultProxy]:
    """Run a proxy to ``upstream`` (``http://host:port``) for as long as the block lasts."""
    ending = threading.Event()
    proxy = FaultProxy("", upstream)
    with loopback.serving(_Handler, proxy=proxy, ending=ending) as proxy.url:
        try:
            yield proxy
        finally:
            ending.set()


class _Handler(loopback.Handler):
    proxy: FaultProxy
    ending: threading.Event

    def _handle(self) -> None:
        proxy = self.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        reached = False

        def forward() -> Answer:
            nonlocal reached
            reached = True
            return self._forward(proxy.upstream, body)

        fault = proxy.take(self.command, self.path)
        given = fault(forward, self.ending) if fault else forward()
        proxy.seen.append(Seen(self.command, self.path, reached))
        if given is None:
            self._hang_up()
        else:
            self._reply(given)

    def __getattr__(self, name: str) -> Any:
        """Handle every method alike; LIST, which Vault knows, too."""
        if name.startswith("do_"):
            return self._handle
        raise AttributeError(name)

    def _forward(self, upstream: str, body: bytes) -> Answer:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        connection = http.client.HTTPConnection(urlsplit(upstream).netloc, timeout=30)
        try:
            connection.request(self.command, self.path, body=body or None, headers=headers)
            response = connection.getresponse()
            kept = tuple((name, value) for name, value in response.getheaders() if name.lower() not in _HOP_BY_HOP)
            return Answer(response.status, kept, response.read())
        finally:
            connection.close()

    def _reply(self, given: Answer) -> None:
        try:
            self.send_response_only(given.status)
            for name, value in given.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(given.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(given.body[: given.sent])
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client gave up waiting
            return
        if given.sent is not None:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # the client was quicker
