"""What the fakes of Azure's services share: a request, an answer, and a server on loopback for several of them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.fakes import loopback


@dataclass(frozen=True)
class Request:
    method: str
    target: str
    """Path and query, as sent."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path


@dataclass(frozen=True)
class Reply:
    status: int
    document: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


Service = Callable[[Request], Reply | None]
"""Answers what is its own; None for what is not."""


@contextmanager
def serving(*services: Service) -> Iterator[str]:
    """Serve them at one address, over plain HTTP, one request at a time; the first that knows a request answers."""
    lock = threading.Lock()

    class Handling(loopback.Handler):
        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, self.path, headers, body)
            with lock:
                answers = (service(request) for service in services)
                reply = next((answer for answer in answers if answer is not None), Reply(404, {"error": "nobody's"}))
            self._send(reply)

        def __getattr__(self, name: str) -> Any:
            """Handle every method alike."""
            if name.startswith("do_"):
                return self._handle
            raise AttributeError(name)

        def _send(self, reply: Reply) -> None:
            content = b"" if reply.document is None else json.dumps(reply.document).encode()
            self.send_response(reply.status)
            for name, value in {"Content-Type": "application/json; charset=utf-8", **reply.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with loopback.serving(Handling) as url:
        yield url
