"""A gateway that ends TLS in front of a fake that speaks plain HTTP.

It moves bytes and knows no HTTP, so a fault proxy can stand behind it, and its hang-ups get through::

    with fault_proxy(fake.url) as proxy, tls_gateway(proxy.url, own_authority(folder).server) as url: ...
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


@contextmanager
def tls_gateway(upstream: str, context: ssl.SSLContext) -> Iterator[str]:
    """Serve ``upstream`` (``http://host:port``) over TLS on a free loopback port, as ``https://localhost:port``."""
    target = (urlsplit(upstream).hostname or "", urlsplit(upstream).port or 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):  # the listener is shut: the end
                while True:
                    client, _address = listener.accept()
                    threading.Thread(target=_serve, args=(client, target, context), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield f"https://localhost:{listener.getsockname()[1]}"
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        accepting.join()


def _serve(client: socket.socket, target: tuple[str, int], context: ssl.SSLContext) -> None:
    """Shake hands, then move bytes both ways until either side hangs up."""
    with (
        suppress(OSError),
        context.wrap_socket(client, server_side=True) as secure,
        socket.create_connection(target) as plain,
    ):
        for end in (secure, plain):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else each small answer waits 40 ms
        back = threading.Thread(target=_move, args=(plain, secure), daemon=True)
        back.start()
        _move(secure, plain)
        back.join()


def _move(source: socket.socket, goal: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            goal.sendall(data)
    for end in (source, goal):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
