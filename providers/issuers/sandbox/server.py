"""A small issuer of tokens that really runs: for trying policies out, for the demo, and for tests.

    python -m providers.issuers.sandbox --port 8600 --admin-token-file admin-token

It binds to loopback only. Any HTTP issuer could look like this; the ``sandbox`` profile describes it to Rotator:

| request                    | bearer token | answer                                                              |
|----------------------------|--------------|---------------------------------------------------------------------|
| ``POST /v1/tokens``        | admin        | 201 with ``id`` and ``token``, its value; 422, 409 by the rules     |
| ``GET /v1/tokens?cursor=`` | admin        | 200 ``{"tokens": [...], "next": cursor or null}``, without values   |
| ``GET /v1/tokens/ID``      | admin        | 200, 404                                                            |
| ``DELETE /v1/tokens/ID``   | admin        | 204, then 404                                                       |
| ``GET /v1/self``           | the token    | 200 with its ``id``, 401                                            |
| ``/_faults``, ``/_clock``  | control      | what goes wrong next (``faults``); moving its own clock     |

Without a control token, the last row does not exist. Errors are ``{"error": {"code", "message"}}``.
"""

from __future__ import annotations

import argparse
import hmac
import ipaddress
import json
import os
import secrets
import signal
import socket
import socketserver
import sys
import threading
from contextlib import suppress
from datetime import datetime, timedelta
from http.server import HTTPServer
from pathlib import Path
from typing import Any, Self

from providers.issuers.sandbox.faults import Script
from providers.issuers.sandbox.http import Handler
from providers.issuers.sandbox.tokens import Rules, Tokens
from rotator.domain.clock import Clock, SystemClock
from rotator.domain.secret_value import SecretValue


class MovableClock:
    """Another clock, ahead of it by as much as it was moved."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = timedelta()

    def now(self) -> datetime:
        return self._clock.now() + self._ahead

    def wait(self, duration: timedelta) -> bool:
        return self._clock.wait(duration)

    @property
    def is_stopping(self) -> bool:
        return self._clock.is_stopping

    def advance(self, duration: timedelta) -> None:
        self._ahead += duration


class Sandbox:
    """A running sandbox issuer. Use it as a context manager, or ``start`` and ``stop`` it."""

    def __init__(
        self,
        admin_token: SecretValue,
        *,
        control_token: SecretValue | None = None,
        rules: Rules | None = None,
        clock: Clock | None = None,
        state_file: Path | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Bind the address. ValueError for one that other machines could reach."""
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        """Held while a request is served: the tokens, the script and the clock change under it only."""
        self.clock = MovableClock(clock or SystemClock())
        self.script = Script()
        self.tokens = Tokens(rules or Rules(), self.clock, state_file)
        self._admin_token = admin_token
        self._control_token = control_token
        self._server = _Server(_loopback(host), port, self)

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def is_admin(self, value: str) -> bool:
        return _are_equal(self._admin_token, value)

    def is_control(self, value: str) -> bool:
        return self._control_token is not None and _are_equal(self._control_token, value)

    def start(self) -> None:
        """Serve, in a thread of its own."""
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True).start()

    def stop(self) -> None:
        """End, with every connection that is still open, as the end of a process would."""
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._server.close_connections()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(socketserver.ThreadingMixIn, HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host: str, port: int, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._connections: set[socket.socket] = set()
        super().__init__((host, port), Handler)

    def server_bind(self) -> None:
        """Bind without asking DNS for our name, as ``HTTPServer`` does."""
        socketserver.TCPServer.server_bind(self)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that hung up; a fault of ours is told as usual, on stderr."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def close_connections(self) -> None:
        for connection in list(self._connections):
            with suppress(OSError):  # its own thread closed it meanwhile
                connection.shutdown(socket.SHUT_RDWR)


def _loopback(host: str) -> str:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        is_loopback = ipaddress.IPv4Address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(f"the sandbox serves this machine only: {host} is no loopback address; use 127.0.0.1")
    return address


def _are_equal(expected: SecretValue, value: str) -> bool:
    return hmac.compare_digest(expected.reveal().encode(), value.encode())


def _token_from(path: Path) -> SecretValue:
    """Read a token from a file; where there is none, make one that only its owner can read."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return SecretValue(path.read_text().strip())
    made = SecretValue(secrets.token_hex(20))
    with os.fdopen(descriptor, "w") as file:
        file.write(made.reveal())
    return made


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m providers.issuers.sandbox", description="A sandbox issuer.")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (127.0.0.1)")
    parser.add_argument("--port", type=int, default=0, help="0, the default, takes a free one")
    parser.add_argument("--admin-token-file", type=Path, required=True, help="made where it does not exist")
    parser.add_argument("--control-token-file", type=Path, help="opens /_faults and /_clock to who holds it")
    parser.add_argument("--rules", type=Path, help="a JSON file with rules other than the default ones")
    parser.add_argument("--state", type=Path, help="a file to remember the tokens in (hashes, no values)")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or Ctrl-C. The first line on stdout is JSON: ``{"url": ...}``."""
    asked = _arguments(arguments)
    done = threading.Event()
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: done.set())
    try:
        sandbox = Sandbox(
            _token_from(asked.admin_token_file),
            control_token=_token_from(asked.control_token_file) if asked.control_token_file else None,
            rules=Rules.model_validate_json(asked.rules.read_text()) if asked.rules else None,
            state_file=asked.state,
            host=asked.host,
            port=asked.port,
        )
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    with sandbox:
        sys.stdout.write(json.dumps({"url": sandbox.url}) + "\n")
        sys.stdout.flush()
        done.wait()
    return 0
