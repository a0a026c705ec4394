"""Watches what this process sends and commits: the requests by name, the ledger's commits, and what each costs.

Installed from outside, for the length of a block; the product knows nothing of it.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from providers.http.wire import Wire
from rotator.ledger.database import Database
from rotator.ledger.ledger import Ledger

_LEDGER = ("secret", "rotation", "begin", "record", "claim", "renew", "release", "fingerprint")
_HANDLE = re.compile(r"(/v1/tokens)/[^/]+")


@dataclass
class Traffic:
    """What was seen so far."""

    requests: list[str] = field(default_factory=list)
    """In order: ``POST /v1/tokens``, ``PutSecretValue`` …"""
    commits: int = 0
    """Transactions of the ledger that were to write something."""
    ledger_cpu: float = 0.0
    """CPU seconds inside the ledger, of all threads."""
    _inside: threading.local = field(default_factory=threading.local)

    def took_place(self, name: str, call: Callable[[], Any], latency: float) -> Any:
        self.requests.append(name)
        if latency:
            time.sleep(latency)
        return call()

    def transaction(self, kind: str, call: Callable[[], Any]) -> Any:
        self.commits += kind == "IMMEDIATE"
        return call()

    def in_ledger(self, call: Callable[[], Any]) -> Any:
        begun = time.thread_time()
        try:
            return call()
        finally:
            self.ledger_cpu += time.thread_time() - begun


@contextmanager
def watched(latency: float = 0.0) -> Iterator[Traffic]:
    """Watch everything that this process sends and commits. ``latency``: seconds added to each request."""
    traffic = Traffic()

    def name(_self: Any, method: str, target: str, headers: Mapping[str, Any], _body: Any) -> str:
        return _aws_operation(headers) or f"{method} " + _HANDLE.sub(r"\1/{id}", target.partition("?")[0])

    with (
        _around(Wire, "exchange", lambda call, *given: traffic.took_place(name(*given), call, latency)),
        _around(Database, "_begun", lambda call, _self, _on, kind: traffic.transaction(kind, call)),
    ):
        yield traffic


@contextmanager
def ledger_timed() -> Iterator[Traffic]:
    """Count the CPU seconds that are spent inside the ledger. Reading the clock for it costs a little, too."""
    traffic, patched = Traffic(), []
    for name in _LEDGER:
        around = _around(Ledger, name, lambda call, *_: traffic.in_ledger(call))
        around.__enter__()
        patched.append(around)
    try:
        yield traffic
    finally:
        for around in patched:
            around.__exit__(None, None, None)


@contextmanager
def _around(owner: type, name: str, act: Callable[..., Any]) -> Iterator[None]:
    """Have ``act`` called with each call of a method, and its arguments."""
    original = getattr(owner, name)

    def passing(*arguments: Any, **named: Any) -> Any:
        return act(lambda: original(*arguments, **named), *arguments)

    setattr(owner, name, passing)
    try:
        yield
    finally:
        setattr(owner, name, original)


def _aws_operation(headers: Mapping[str, Any]) -> str:
    target = headers.get("X-Amz-Target", b"")
    return (target.decode() if isinstance(target, bytes) else str(target)).partition(".")[2]
