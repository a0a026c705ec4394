"""A TCP link to a real server that breaks at a chosen moment: just before, or just after, the server heard of it."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_CHUNK = 65536
_PATIENCE = 10


class BrokenLink:
    """``url`` leads to the server through this link. A fault acts once; connections made later are whole."""

    def __init__(self, url: str, listener: socket.socket) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._server = parts.hostname, parts.port
        self._listener = listener
        port = listener.getsockname()[1]
        self.url = url.replace(f"@{parts.hostname}:{parts.port}/", f"@127.0.0.1:{port}/")
        self._fault: tuple[bytes, bool] | None = None

    def lose(self, words: bytes) -> None:
        """Break the connection that sends these words next; the server never hears them."""
        self._fault = words, False

    def lose_the_answer_to(self, words: bytes) -> None:
        """Break the connection that sends these words next, once the server has answered."""
        self._fault = words, True

    def serve(self) -> None:
        with suppress(OSError):  # the listener was closed: the end
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server, _PATIENCE) as server, suppress(OSError):
            while True:
                speaking, _, _ = select.select([client, server], [], [])
                source, sink = (client, server) if client in speaking else (server, client)
                words = source.recv(_CHUNK)
                if source is client and self._fault is not None and self._fault[0] in words:
                    heard, self._fault = self._fault[1], None
                    if heard:
                        server.sendall(words)
                        server.recv(_CHUNK)
                    return
                if not words:
                    return
                sink.sendall(words)


@contextmanager
def broken_link(url: str) -> Iterator[BrokenLink]:
    """Give a link to the server of this URL, whole as yet."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        link = BrokenLink(url, listener)
        threading.Thread(target=link.serve, daemon=True).start()
        yield link
        # Closing alone would not wake the thread that waits in accept.
        listener.shutdown(socket.SHUT_RDWR)
