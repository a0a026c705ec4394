"""A chat's webhook on loopback: takes messages as JSON, or answers what a test wants; real HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Webhook:
    """Serves until it is closed. ``secret`` is the part of its address that nobody may see."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.taken: list[dict[str, Any]] = []
        self.status = 200
        self.goes_on = threading.Event()
        """Answers wait for it."""
        self.goes_on.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def apprise_url(self) -> str:
        """Its address, as Apprise takes it: it holds the secret."""
        return f"json://127.0.0.1:{self._server.server_address[1]}/hooks/{self.secret}"

    @property
    def subjects(self) -> list[str]:
        return [message["title"] for message in self.taken]

    def close(self) -> None:
        self.goes_on.set()
        self._server.shutdown()
        self._server.server_close()


def _handler(webhook: Webhook) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            webhook.goes_on.wait(30)
            knows = urlsplit(self.path).path == f"/hooks/{webhook.secret}"
            status = webhook.status if knows else 404
            if status < 300:
                webhook.taken.append(message)
            try:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:  # who asked has given up waiting
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
            """What it is asked holds the secret."""

    return Handler
