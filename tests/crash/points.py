"""The points at which a rotation can be killed: around every ledger write, provider call, request and rename.

Installed from outside, into a process that is about to run ``rotate``; the product knows nothing of it. A point is
passed twice, before and after what happens there. At the chosen one the process gets SIGKILL, from itself.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LEDGER_WRITES = ("adopt", "begin", "record", "claim", "renew", "release")
ISSUER_CALLS = ("issue", "tokens", "verify", "revoke")
STORE_CALLS = (
    "current", "preflight", "write", "promote", "read", "written", "restore", "discard", "settle", "put_away",
)  # fmt: skip


class Points:
    """Counts the points that a process passes, writes their names to a file, and dies at the chosen one."""

    def __init__(self, names: Path, kill: tuple[int, str] | None) -> None:
        self._names = names.open("a", encoding="utf-8", buffering=1)
        self._kill = kill
        self._count = 0

    def around(self, name: str, call: Callable[[], Any]) -> Any:
        number, self._count = self._count, self._count + 1
        self._names.write(f"{name}\n")
        self._die_at(number, "before")
        result = call()
        self._die_at(number, "after")
        return result

    def _die_at(self, number: int, when: str) -> None:
        if self._kill == (number, when):
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Put a point around everything outside this process that a rotation touches."""
        import httpx
        import requests
        from botocore.httpsession import URLLib3Session

        from rotator import app
        from rotator.flow import work
        from rotator.ledger.ledger import Ledger

        work.WRITERS = 1  # destinations one after the other: the same points in every run
        for name in LEDGER_WRITES:
            self._watch(Ledger, name, lambda *_, name=name: f"ledger.{name}")
        self._watch(httpx.Client, "send", lambda _self, request, *_a: f"request {request.method} {request.url.path}")
        self._watch(
            requests.Session, "send", lambda _self, request, *_a: f"request {request.method} {_path(request.url)}"
        )
        self._watch(URLLib3Session, "send", lambda _self, request: f"request {_aws_operation(request)}")
        self._watch(os, "replace", lambda *_: "rename")
        self._watch(os, "link", lambda *_: "link")
        issuer, destination = app.OpenConnections.issuer, app.OpenConnections.destination

        def watched_issuer(connections: Any, ref: Any) -> Any:
            return Watched(issuer(connections, ref), "issuer", ISSUER_CALLS, self)

        def watched_destination(connections: Any, target: Any) -> Any:
            opened = destination(connections, target)
            return work.OpenDestination(Watched(opened.store, str(target.connection), STORE_CALLS, self), opened.place)

        app.OpenConnections.issuer = watched_issuer  # type: ignore[method-assign]
        app.OpenConnections.destination = watched_destination  # type: ignore[method-assign]

    def _watch(self, owner: Any, name: str, label: Callable[..., str]) -> None:
        original = getattr(owner, name)

        def passing(*arguments: Any, **named: Any) -> Any:
            return self.around(label(*arguments), lambda: original(*arguments, **named))

        setattr(owner, name, passing)


class Watched:
    """A provider whose calls are points; everything else is its own."""

    def __init__(self, provider: Any, name: str, calls: tuple[str, ...], points: Points) -> None:
        self._provider, self._name, self._calls, self._points = provider, name, calls, points

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._provider, name)
        if name not in self._calls:
            return attribute

        def passing(*arguments: Any) -> Any:
            def call() -> Any:
                result = attribute(*arguments)
                return list(result) if name == "tokens" else result

            return self._points.around(f"{self._name}.{name}", call)

        return passing


def _path(url: str) -> str:
    return urlsplit(url).path


def _aws_operation(request: Any) -> str:
    target = request.headers.get("X-Amz-Target", b"")
    return target.decode() if isinstance(target, bytes) else str(target)
