"""The daemon's pages, for probes and for Prometheus. They tell no secret, and take no command."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rotator.domain.errors import InvalidInput

Page = Callable[[], tuple[bool, bytes]]
"""Gives whether all is well, and what to show."""


class HealthServer:
    """Serves pages from a thread of its own."""

    def __init__(self, listen: str, pages: dict[str, Page]) -> None:
        """``listen`` is HOST:PORT. InvalidInput when nobody can listen there."""
        host, _, port = listen.rpartition(":")
        try:
            self._server = ThreadingHTTPServer((host.strip("[]") or "127.0.0.1", int(port)), _handler(pages))
        except (OSError, ValueError, OverflowError) as error:
            what = f"`listen`: nobody can listen on {listen} ({getattr(error, 'strerror', None) or 'not HOST:PORT'})"
            raise InvalidInput.of(what, "choose another address, for example 127.0.0.1:9464") from error
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def address(self) -> str:
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(pages: dict[str, Page]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            page = pages.get(self.path.partition("?")[0])
            if page is None:
                self._answer(HTTPStatus.NOT_FOUND, b"/live, /ready, /metrics\n")
                return
            is_well, body = page()
            self._answer(HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE, body)

        def _answer(self, status: HTTPStatus, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            with suppress(ConnectionError):  # a probe waits for a second or two, and hangs up
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
            """Probes come every few seconds: not worth a line."""

    return Handler
