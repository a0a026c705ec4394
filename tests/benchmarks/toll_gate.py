"""Stands before a server, as the edge of a service does: each request takes its time, and only so many pass a second.

``python -m tests.benchmarks.toll_gate PORT UPSTREAM_PORT SECONDS PER_SECOND`` (0: no limit). Beyond the limit it
answers 429, or what AWS answers instead. ``GET /_seen`` tells how many requests passed and how many were refused.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from tests.servers.process import free_ports, running

_WINDOW: Final = 1.0
"""Seconds: in none of this length do more pass than are allowed."""


@contextmanager
def toll_gate(url: str, folder: Path, *, latency: float, per_second: int = 0) -> Iterator[str]:
    """Run a gate before the server at ``url``, in a process of its own; give the URL to go through."""
    port, upstream = free_ports()[0], urlsplit(url).port
    command = [sys.executable, "-m", "tests.benchmarks.toll_gate", str(port), str(upstream), str(latency)]
    log = folder / f"gate-{port}.log"
    with running("the gate", [*command, str(per_second)], log=log) as process:
        process.wait_until_ready(lambda: log.read_text() == "open\n", timeout=10)
        yield f"http://127.0.0.1:{port}"


def seen(url: str) -> tuple[int, int]:
    """Give how many requests passed a gate, and how many it refused."""
    counts = httpx.get(f"{url}/_seen", trust_env=False).json()
    return counts["passed"], counts["refused"]


class _Gate:
    def __init__(self, upstream: int, latency: float, per_second: int) -> None:
        self._upstream, self._latency, self._per_second = upstream, latency, per_second
        self._recent: deque[float] = deque()
        self._passed = self._refused = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, request after request."""
        try:
            while head := await _head(reader):
                body = await reader.readexactly(_length(head))
                writer.write(await self._answer(head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, head: bytes, body: bytes) -> bytes:
        if head.startswith(b"GET /_seen "):
            return _framed(b"200 OK", json.dumps({"passed": self._passed, "refused": self._refused}).encode())
        if not self._may_pass():
            self._refused += 1
            if b"x-amz-target" in head.lower():
                return _framed(b"400 Bad Request", b'{"__type": "ThrottlingException", "message": "Rate exceeded"}')
            return _framed(b"429 Too Many Requests", b"{}", b"Retry-After: 1\r\n")
        self._passed += 1
        if self._latency:
            await asyncio.sleep(self._latency)
        return await self._passed_on(head, body)

    def _may_pass(self) -> bool:
        now = time.monotonic()
        while self._recent and self._recent[0] <= now - _WINDOW:
            self._recent.popleft()
        if self._per_second and len(self._recent) >= self._per_second:
            return False
        self._recent.append(now)
        return True

    async def _passed_on(self, head: bytes, body: bytes) -> bytes:
        """Ask the server on a connection of its own, and give its answer with a length, so that ours can stay open."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._upstream)
        first, _, rest = head.partition(b"\r\n")
        lines = [line for line in rest.split(b"\r\n") if line and not line.lower().startswith(b"connection:")]
        writer.write(b"\r\n".join([first, *lines, b"Connection: close", b"", body]))
        try:
            answer = await _head(reader)
            content = await reader.readexactly(_length(answer)) if _has_length(answer) else await reader.read()
        finally:
            writer.close()
        status, _, headers = answer.partition(b"\r\n")
        kept = [
            line
            for line in headers.split(b"\r\n")
            if line and line.partition(b":")[0].lower() not in (b"connection", b"content-length", b"transfer-encoding")
        ]
        return _framed(status.partition(b" ")[2], content, b"".join(line + b"\r\n" for line in kept))


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return b""


def _has_length(head: bytes) -> bool:
    return b"\r\ncontent-length:" in head.lower()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line.partition(b":")[2]) for line in lines if line.startswith(b"content-length:")), 0)


def _framed(status: bytes, body: bytes, headers: bytes = b"") -> bytes:
    length = str(len(body)).encode()
    return b"HTTP/1.1 " + status + b"\r\n" + headers + b"Content-Length: " + length + b"\r\n\r\n" + body


async def _main(port: int, upstream: int, latency: float, per_second: int) -> None:
    server = await asyncio.start_server(_Gate(upstream, latency, per_second).serve, "127.0.0.1", port)
    sys.stdout.write("open\n")
    sys.stdout.flush()
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])))
