"""A real HTTP server on loopback that answers as a test scripts it, and remembers what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Answer:
    """What to answer. ``promised`` is a Content-Length that is not kept: the connection ends in the body."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    promised: int | None = None

    @property
    def content(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


class Lost(Answer):
    """The request arrives, is obeyed, and its answer never comes back."""


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str] = field(repr=False)
    """By lower-case name."""
    body: bytes = field(repr=False)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Answers in the order of ``script``; an answer set for a path (``at``) is given again and again."""

    def __init__(self, port: int, scheme: str) -> None:
        self.url = f"{scheme}://127.0.0.1:{port}"
        self.script: list[Answer] = []
        self.at: dict[str, Answer] = {}
        self.asked: list[Asked] = []

    def answers(self, *answers: Answer) -> None:
        self.script.extend(answers)

    def answer_to(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        if f"{asked.method} {asked.path}" in self.at:
            return self.at[f"{asked.method} {asked.path}"]
        return self.script.pop(0) if self.script else Answer(599, {"error": "the test scripted no more answers"})

    @property
    def paths(self) -> list[str]:
        return [f"{asked.method} {asked.path}" for asked in self.asked]


@contextmanager
def scripted_server(trust: ssl.SSLContext | None = None) -> Iterator[ScriptedServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = scripted.answer_to(Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body))
            if isinstance(answer, Lost):
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            for cookie in answer.cookies:
                self.send_header("Set-Cookie", cookie)
            self.send_header("Content-Length", str(answer.promised or len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)
            self.close_connection = self.close_connection or answer.promised is not None

        def log_message(self, *_: Any) -> None:
            """A test that wants to know looks at ``asked``."""

    for method in ("GET", "POST", "PUT", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.handle_one)

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: Any) -> None:
            """A client that gives up in the middle of a huge answer is what a test wants."""

    server = Server(("127.0.0.1", 0), Handler)
    if trust is not None:
        server.socket = trust.wrap_socket(server.socket, server_side=True)
    scripted = ScriptedServer(server.server_address[1], "http" if trust is None else "https")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
