"""HTTP in front of the fake cluster, with TLS or without."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.fakes import loopback
from tests.fakes.kubernetes.cluster import Cluster


@contextmanager
def serving(cluster: Cluster, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Serve a cluster on a free loopback port, and give the address. Plain HTTP is for a fault proxy to speak to."""
    with loopback.serving(_Handler, tls, served=cluster) as url:
        yield url


class _Handler(loopback.Handler):
    served: Cluster

    def _answer(self) -> None:
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: self.headers.get(name, "") for name in ("Authorization", "Content-Type")}
        body = json.loads(sent) if sent else None
        status, document = self.served.answer(self.command, urlsplit(self.path).path, headers, body)
        answer = json.dumps(document).encode()
        self.send_response_only(status)
        self.send_header("Audit-Id", "00000000-0000-4000-8000-000000000000")
        self.send_header("Cache-Control", "no-cache, private")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.wfile.flush()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def do_PATCH(self) -> None:
        self._answer()

    def do_DELETE(self) -> None:
        self._answer()
