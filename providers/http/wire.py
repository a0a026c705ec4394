"""The connections to one origin. They answer: did the request leave? And did all of its answer come?

Whatever fails until a connection stands is ``NotConnected``; whatever fails later, ``NotAnswered``: the request was on
its way. Nothing is sent twice: that a server closed a kept connection is seen before it is used again.

Importing this imports the parser of answers: who only describes a connection does not need it.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
import weakref
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

from providers.http.address import Origin
from providers.http.config import DEFAULT_PORTS
from providers.http.reading import NotAnswered, RawAnswer, read_answer

__all__ = ["NotAnswered", "NotConnected", "NotTrusted", "RawAnswer", "Wire"]

_KEPT_CONNECTIONS: Final = 20
"""More may be open at once; those beyond are closed after their answer."""
_IDLE_SECONDS: Final = 4.0
"""A connection that nobody used for longer is not used again. Node.js and Apache close after five: who sends just then
does not learn whether it was read. And what forgets idle connections on the way, as NATs do, tells nobody."""
_LONGEST_ANSWER: Final = 6
"""In longest silences. A server that says a byte now and then is given up, too, before the caller's lease ends."""
_WITH_BODY: Final = ("POST", "PUT", "PATCH")
"""They say how long their body is even when they have none (RFC 9110, 8.6)."""


class NotConnected(Exception):
    """There is no connection, and nothing was sent. Says why in a word."""


class NotTrusted(NotConnected):
    """The server's certificate is none that we believe, or names another host."""


class Wire:
    """Connections to one origin. Safe to share between threads."""

    def __init__(
        self, origin: Origin, trust: ssl.SSLContext | None, *, connect_seconds: float, answer_seconds: float
    ) -> None:
        """``trust``: whose certificates are believed, where the origin is https."""
        self._origin = origin
        self._host = _written(origin)
        self._trust = trust
        if trust is not None:
            trust.set_alpn_protocols(["http/1.1"])
        self._connect_seconds, self._answer_seconds = connect_seconds, answer_seconds
        self._kept: list[_Connection] = []
        self._lock = threading.Lock()
        weakref.finalize(self, _close_all, self._kept)

    def exchange(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> RawAnswer:
        """Send one request, and give its answer with all of its body.

        ``target`` is a path with its query, quoted. Raises NotConnected when nothing was sent, NotAnswered else, and
        ValueError for characters that no header can carry.
        """
        request = self._head(method, target, headers, body) + (body or b"")
        connection = self._kept_connection() or self._new_connection()
        answer = connection.exchange(request, method)
        self._keep(connection)
        return answer

    def _head(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        names = {name.lower() for name in headers}
        if "host" not in names:
            lines.insert(1, f"Host: {self._host}")
        if "content-length" not in names and (body is not None or method in _WITH_BODY):
            lines.append(f"Content-Length: {len(body or b'')}")
        head = "\r\n".join(lines)
        with suppress(UnicodeEncodeError):  # which would hold on to all of it
            if head.count("\r") == head.count("\n") == len(lines) - 1:
                return f"{head}\r\n\r\n".encode("latin-1")
        raise ValueError("a header or the target has characters that cannot be sent")

    def _kept_connection(self) -> _Connection | None:
        """Give the one that was used last, of those that are still of use."""
        while True:
            with self._lock:
                if not self._kept:
                    return None
                connection = self._kept.pop()
            if connection.is_usable():
                return connection
            connection.close()

    def _keep(self, connection: _Connection) -> None:
        with self._lock:
            if connection.is_open and len(self._kept) < _KEPT_CONNECTIONS:
                self._kept.append(connection)
                return
        connection.close()

    def _new_connection(self) -> _Connection:
        name = self._origin.host.rstrip(".")
        try:
            plain = socket.create_connection((self._origin.host, self._origin.port), self._connect_seconds)
            try:
                plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connected = plain if self._trust is None else _secured(plain, self._trust, name)
            except BaseException:
                plain.close()
                raise
        except ssl.SSLCertVerificationError as error:
            raise NotTrusted from error
        except OSError as error:
            raise NotConnected(_in_a_word(error)) from error
        return _Connection(connected, self._answer_seconds)


class _Connection:
    """One connection that stands. Used by one thread at a time."""

    def __init__(self, connected: socket.socket, answer_seconds: float) -> None:
        connected.settimeout(answer_seconds)
        self._socket = connected
        self._longest = _LONGEST_ANSWER * answer_seconds
        self._arriving = select.poll()
        self._arriving.register(connected, select.POLLIN)
        self._answered_at = self._latest = 0.0
        self.is_open = True

    def exchange(self, request: bytes, method: str) -> RawAnswer:
        """Send, and read. Closes itself after whatever leaves it unclear what comes next. Raises NotAnswered."""
        answer = None
        self._latest = time.monotonic() + self._longest
        try:
            with suppress(BrokenPipeError, ConnectionResetError):  # who reads no further may have answered before
                self._socket.sendall(request)
            answer = read_answer(self._receive, method)
        except OSError as error:
            raise NotAnswered(_in_a_word(error)) from error
        finally:
            if answer is None or not answer.leaves_connection:
                self.close()
        self._answered_at = time.monotonic()
        return answer

    def _receive(self, most: int) -> bytes:
        """Wait for something, but not for ever for a little and a little more."""
        if time.monotonic() > self._latest:
            raise TimeoutError
        return self._socket.recv(most)

    def is_usable(self) -> bool:
        """Tell whether a request may go out on it: nothing has come since its last answer, not even its end."""
        return time.monotonic() - self._answered_at < _IDLE_SECONDS and not self._arriving.poll(0)

    def close(self) -> None:
        self.is_open = False
        self._socket.close()


def _secured(plain: socket.socket, trust: ssl.SSLContext, name: str) -> ssl.SSLSocket:
    """Shake hands. An end that TLS does not know of is none: anybody on the way can make one (RFC 9112, 9.8)."""
    return trust.wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False)


def _in_a_word(error: OSError) -> str:
    """Give the kind of an error; where it has none of its own (no route, no more files), the system's words for it."""
    return error.strerror if type(error) is OSError and error.strerror else type(error).__name__


def _close_all(connections: list[_Connection]) -> None:
    for connection in connections:
        connection.close()


def _written(origin: Origin) -> str:
    """Give an origin's host and port as the header Host has them."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == DEFAULT_PORTS[origin.scheme] else f"{host}:{origin.port}"
