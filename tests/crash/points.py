"""The points at which a rotation can be killed: around every ledger write, provider call, request and rename.

Installed from outside, into a process that is about to run ``rotate``; the product knows nothing of it. A point is
passed twice, before and after what happens there. At the chosen one the process gets SIGKILL, from itself.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LEDGER_WRITES = ("adopt", "begin", "record", "claim", "renew", "release")
ISSUER_CALLS = ("issue", "tokens", "verify", "revoke")
STORE_CALLS = (
    "current", "preflight", "write", "promote", "read", "written", "restore", "discard", "settle", "put_away",
)  # fmt: skip
ON_THE_WIRE = ("request ", "statement ", "commit")
"""How the names of points begin at which a provider talks to its server."""


def install(names: str, kill: tuple[int, str] | None) -> None:
    """Put points around everything outside this process that a rotation touches, and die at the chosen one."""
    Points(Path(names), kill).install()


class Points:
    """Counts the points that a process passes, writes their names to a file, and dies at the chosen one."""

    def __init__(self, names: Path, kill: tuple[int, str] | None) -> None:
        self._names = names.open("w", encoding="utf-8", buffering=1)
        self._kill = tuple(kill) if kill else None
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
        from rotator.flow import work
        from rotator.ledger.ledger import Ledger
        from rotator.open_connections import OpenConnections

        work.WRITERS = 1  # destinations one after the other: the same points in every run
        for name in LEDGER_WRITES:
            self._watch(Ledger, name, lambda *_, name=name: f"ledger.{name}")
        self._watch_the_wire()
        self._watch(os, "replace", lambda *_: "rename")
        self._watch(os, "link", lambda *_: "link")
        issuer, destination = OpenConnections.issuer, OpenConnections.destination

        def watched_issuer(connections: Any, ref: Any) -> Any:
            return WatchedIssuer(issuer(connections, ref), "issuer", ISSUER_CALLS, self)

        def watched_destination(connections: Any, target: Any) -> Any:
            opened = destination(connections, target)
            return work.OpenDestination(Watched(opened.store, str(target.connection), STORE_CALLS, self), opened.place)

        OpenConnections.issuer = watched_issuer  # type: ignore[method-assign]
        OpenConnections.destination = watched_destination  # type: ignore[method-assign]

    def _watch_the_wire(self) -> None:
        """Watch what the SDKs send. The ledger's own connections to PostgreSQL do not come by here."""
        import psycopg
        import requests

        from providers.http.wire import Wire
        from providers.issuers.postgresql_login import issuer as postgresql_login

        self._watch(Wire, "exchange", lambda _self, *sent: f"request {_aws_operation(*sent) or _http_request(*sent)}")
        self._watch(
            requests.Session, "send", lambda _self, request, *_a: f"request {request.method} {_path(request.url)}"
        )
        self._watch(psycopg.Connection, "execute", lambda _self, query, *_: _statement(query))
        self._watch(postgresql_login, "commit", lambda *_: "commit")

    def _watch(self, owner: Any, name: str, label: Callable[..., str]) -> None:
        """Make each call a point, under the name that ``label`` gives it. No name: it is none."""
        original = getattr(owner, name)

        def passing(*arguments: Any, **named: Any) -> Any:
            called = label(*arguments)
            if not called:
                return original(*arguments, **named)
            return self.around(called, lambda: original(*arguments, **named))

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


class WatchedIssuer(Watched):
    """An issuer that lists at once what it made, as the servers of these tests do.

    Else a token that was never made is looked for until the real service would list it: up to a minute, twice.
    """

    @property
    def traits(self) -> Any:
        return replace(self._provider.traits, issue_propagation=timedelta())


def _path(url: str) -> str:
    return urlsplit(url).path


def _http_request(method: str, target: str, *_: Any) -> str:
    return f"{method} {_path(target)}"


def _aws_operation(_method: str, _target: str, headers: Any, body: Any) -> str:
    asked = re.search(r"Action=(\w+)", _text(body)) if "AWS4" in _text(headers.get("Authorization", "")) else None
    return asked[1] if asked else _text(headers.get("X-Amz-Target", ""))


def _text(sent: Any) -> str:
    return sent.decode(errors="replace") if isinstance(sent, bytes) else str(sent)


def _statement(query: Any) -> str:
    """Name a statement that changes something, by its first words: without names and values."""
    text = query if isinstance(query, str) else query.as_string(None)
    if text.split()[0] == "SELECT" and "pg_terminate_backend" not in text:
        return ""
    return f"statement {' '.join(text.split()[:2])}"
