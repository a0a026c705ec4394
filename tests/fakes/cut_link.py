"""A TCP link to a real server that is cut, for everybody at once, until it is mended."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_CHUNK = 65536


class CutLink:
    """Listens on ``port``. While it is cut, whoever connects is hung up on."""

    def __init__(self, server_port: int, listener: socket.socket) -> None:
        self._server_port = server_port
        self._listener = listener
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._is_cut = False
        self.port: int = listener.getsockname()[1]

    def cut(self) -> int:
        """Break every connection, in the middle of whatever is said; give how many there were."""
        with self._lock:
            self._is_cut = True
            for end in self._open:
                with suppress(OSError):  # it went by itself
                    end.shutdown(socket.SHUT_RDWR)
            return len(self._open) // 2

    def mend(self) -> None:
        self._is_cut = False

    def serve(self) -> None:
        with suppress(OSError):  # the listener was closed: the end
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(("127.0.0.1", self._server_port), 10) as server:
            ends = {client, server}
            with self._lock:
                if self._is_cut:
                    return
                self._open |= ends
            try:
                _exchange(client, server)
            finally:
                with self._lock:
                    self._open -= ends


def _exchange(client: socket.socket, server: socket.socket) -> None:
    while True:
        for source in select.select([client, server], [], [])[0]:
            words = source.recv(_CHUNK)
            if not words:
                return
            (server if source is client else client).sendall(words)


@contextmanager
def cut_link(server_port: int) -> Iterator[CutLink]:
    """Give a link to the server on this port of this machine, whole as yet."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        link = CutLink(server_port, listener)
        threading.Thread(target=link.serve, daemon=True).start()
        yield link
        link.cut()
        # Closing alone would not wake the thread that waits in accept.
        listener.shutdown(socket.SHUT_RDWR)
