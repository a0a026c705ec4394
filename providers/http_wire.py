"""The connections to one origin, over urllib3. They answer: did the request leave? And did all of its answer come?

urllib3's exceptions do not tell whether anything was sent (a reset, a timeout and a TLS error come before and after it
alike), so connections of our own say ``NotConnected`` for whatever fails until one stands; what fails later, fails with
the request on its way. Nothing is sent twice: that a server closed a kept connection is seen before it is used again.
Answers are read by http.client, which lets much pass; what is doubtful is refused here.

Importing this imports urllib3: who only describes a connection does not need it.
"""

from __future__ import annotations

import http.client
import io
import logging
import socket
import ssl
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from urllib3 import BaseHTTPResponse, HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Retry, Timeout
from urllib3.util.response import assert_header_parsing

from providers.http_address import Origin

_LARGEST_ANSWER: Final = 8 * 1024 * 1024
_KEPT_CONNECTIONS: Final = 20
"""More may be open at once; those beyond are closed after their answer."""
_IDLE_SECONDS: Final = 4.0
"""A connection that nobody used for longer is not used again. Node.js and Apache close after five: who sends just then
does not learn whether it was read. And what forgets idle connections on the way, as NATs do, tells nobody."""
_NEVER_AGAIN: Final = Retry(total=False, redirect=False)


class NotConnected(Exception):
    """There is no connection, and nothing was sent. Says why in a word."""


class NotTrusted(NotConnected):
    """The server's certificate is none that we believe, or names another host."""


class NotAnswered(Exception):
    """The request may have arrived, and no whole answer came. Says why in a word or two, and quotes nothing."""


class Wire:
    """Connections to one origin. Safe to share between threads."""

    def __init__(
        self, origin: Origin, trust: ssl.SSLContext | None, *, connect_seconds: float, answer_seconds: float
    ) -> None:
        """``trust``: whose certificates are believed, where the origin is https. ValueError when there is no host."""
        # urllib3 logs paths with their queries at DEBUG, and headers that cannot be read at WARNING.
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        timeout = Timeout(connect=connect_seconds, read=answer_seconds)
        self._pool: HTTPConnectionPool
        if origin.scheme == "https":
            self._pool = _TlsPool(origin.host, origin.port, timeout, _KEPT_CONNECTIONS, ssl_context=trust)
        else:
            self._pool = _PlainPool(origin.host, origin.port, timeout, _KEPT_CONNECTIONS)

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> tuple[BaseHTTPResponse, bytes]:
        """Send one request, and give its answer with all of its body.

        ``target`` is a path with its query, quoted. Raises NotConnected when nothing was sent, NotAnswered else.
        """
        try:
            response = self._pool.urlopen(
                method, target, body=body, headers=headers, retries=_NEVER_AGAIN, redirect=False, preload_content=False
            )
            return response, _whole_body(response)
        except HTTPError as error:
            inner = next((cause for cause in error.args if isinstance(cause, Exception)), error)
            lost = NotAnswered(type(inner).__name__)
        raise lost  # alone: the error may quote the URL or the answer


def _whole_body(response: BaseHTTPResponse) -> bytes:
    try:
        body = response.read(_LARGEST_ANSWER + 1)
    finally:
        if response.connection is not None:  # else all of it was read, and the connection is kept
            response.close()
    if len(body) > _LARGEST_ANSWER:
        raise NotAnswered("the answer is too large")
    return body


class _WholeLines(io.BufferedReader):
    """What a server sends. http.client takes an end in the middle of a head for the head's end; so lines are whole."""

    def readline(self, limit: int | None = -1, /) -> bytes:
        line = super().readline(limit)
        if not line.endswith(b"\n") and len(line) != limit:
            raise http.client.RemoteDisconnected("in the middle of a line")
        return line


class _Answer(http.client.HTTPResponse):
    """An answer's head, read more strictly: http.client takes one of 103 for the last, and reads on over garbage."""

    def __init__(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> None:
        super().__init__(sock, debuglevel, method)
        self.fp = _WholeLines(self.fp.detach())

    def begin(self) -> None:
        super().begin()
        while self.status < HTTPStatus.OK:  # others may come before it (RFC 9110, 15.2)
            self.headers = self.msg = None  # type: ignore[assignment]  # so it stands in http.client before it begins
            super().begin()
        assert_header_parsing(self.headers)
        if self.length is None and not self.chunked and _says_its_length(self.headers):
            raise http.client.UnknownTransferEncoding


def _says_its_length(headers: http.client.HTTPMessage) -> bool:
    return "content-length" in headers or "transfer-encoding" in headers


class _PlainConnection(HTTPConnection):
    response_class = _Answer
    _answered_at = 0.0
    _held: list[bytes] | None = None
    """What waits to be sent, while a request is put together."""

    def request(self, *args: Any, **options: Any) -> None:
        """Send head and body at once. urllib3 sends one after the other, which wakes the server twice."""
        held: list[bytes] = []
        self._held = held
        try:
            super().request(*args, **options)
        finally:
            self._held = None
        self.send(b"".join(held))

    def send(self, data: Any) -> None:
        if self._held is None:
            super().send(data)
        else:
            self._held.append(data)

    def connect(self) -> None:
        try:
            super().connect()
        except ssl.SSLCertVerificationError as error:
            raise NotTrusted from error
        except (OSError, HTTPError) as error:
            raise NotConnected(type(error.__cause__ or error).__name__) from error

    def getresponse(self) -> HTTPResponse:  # type: ignore[override]  # urllib3's is not http.client's either
        response = super().getresponse()
        self._answered_at = time.monotonic()
        return response

    @property
    def is_connected(self) -> bool:
        """Asked before the connection is used again."""
        return time.monotonic() - self._answered_at < _IDLE_SECONDS and super().is_connected


class _TlsConnection(_PlainConnection, HTTPSConnection):
    """The same, and the certificate and the host's name in it are checked before anything is sent."""


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
