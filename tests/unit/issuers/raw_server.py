"""A server on loopback that sends exactly the bytes a test gives it: cut, garbled, too early, or never."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import cast

DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

_LONGEST_SECONDS = 30.0
"""What is still waited for then, never comes, and the test fails."""


def head(*headers: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


class Link:
    """One connection, seen from the server."""

    def __init__(self, server: RawServer, connection: socket.socket) -> None:
        self._server, self._connection = server, connection
        self._connection.settimeout(_LONGEST_SECONDS)
        self._received = connection.makefile("rb")

    def request(self) -> bytes:
        """Read one request with its body, and remember it. Empty: the client hung up."""
        head = self.head()
        length = next((int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-le" in line), 0)
        whole = head + self._received.read(length)
        if whole:
            self._server.requests.append(whole)
        return whole

    def head(self) -> bytes:
        lines = []
        while (line := self._received.readline()) not in (b"\r\n", b""):
            lines.append(line)
        return b"".join([*lines, b"\r\n"]) if lines else b""

    def send(self, answer: bytes) -> bool:
        """Send, and tell whether the client was there to the end of it."""
        try:
            self._connection.sendall(answer)
        except ConnectionError:
            return False
        return True

    def answers(self, *answers: bytes) -> None:
        """Answer one request after the other."""
        for answer in answers:
            self.request()
            self.send(answer)

    def until_hung_up(self) -> None:
        with suppress(ConnectionError):
            self._received.read()

    def hung_up_within(self, seconds: float) -> bool:
        """Wait so long at most for the client to hang up."""
        return bool(select.select([self._connection], [], [], seconds)[0])

    def farewell(self) -> None:
        """Say over TLS that this was all."""
        with suppress(OSError):  # the client need not answer
            cast("ssl.SSLSocket", self._connection).unwrap()

    def reset(self) -> None:
        """Have the connection end without a farewell, as a machine that lost its power does after a restart."""
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self._received.close()
        self._connection.close()


Talk = Callable[[Link], None]


class RawServer:
    def __init__(
        self, listener: socket.socket, talks: tuple[Talk, ...], scheme: str, tls: ssl.SSLContext | None
    ) -> None:
        self.url = f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"
        self.requests: list[bytes] = []
        self.connections = 0
        self.errors: list[BaseException] = []
        self._listener, self._talks, self._tls = listener, talks, tls
        self._threads: list[threading.Thread] = []
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
        for talk in self._talks:
            try:
                connection, _ = self._listener.accept()
            except OSError:  # the test needs no more
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._talk, args=(talk, connection), daemon=True))
            self._threads[-1].start()

    def _talk(self, talk: Talk, connection: socket.socket) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with closing(Link(self, connection)) as link:
                talk(link)
        except Exception as error:  # noqa: BLE001  told by the test's own thread
            self.errors.append(error)

    def is_done(self) -> None:
        """Wait until every connection is served. All that was sent and every farewell is with the client then."""
        for thread in self._threads:
            thread.join(_LONGEST_SECONDS)
            assert not thread.is_alive(), "the server still waits for its client"
        assert self.errors == []

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()


@contextmanager
def raw_server(*talks: Talk, scheme: str = "http", tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """Listen for as many connections as there are talks: the first one gets the first. ``tls``: over TLS."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
    server = RawServer(listener, talks, "https" if tls else scheme, tls)
    try:
        yield server
    finally:
        server.close()
