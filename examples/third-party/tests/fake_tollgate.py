"""Tollgate as its provider sees it: a real HTTP server on loopback that checks signatures and keeps passes."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ACCOUNT = "acme"
MOST = 10
Answer = tuple[int, Any]


class Tollgate:
    """``passes`` holds what lives, by id. ``answers`` are given instead of the true ones, once each, in this order."""

    def __init__(self) -> None:
        self.url = ""
        self.key = secrets.token_hex(20)
        self.passes: dict[str, dict[str, Any]] = {}
        self.answers: list[Answer] = []

    def answer(self, method: str, path: str, authorization: str, body: bytes) -> Answer:
        if self.answers:
            return self.answers.pop(0)
        kind, _, proof = authorization.partition(" ")
        if path == "/v1/me":
            return self._me(proof if kind == "Pass" else "")
        if kind != "Signed" or not self._is_signed(method, path, proof, body):
            return 401, {"error": "bad_signature"}
        if method == "POST":
            return self.make(json.loads(body))
        if method == "GET":
            return 200, {"passes": [self._shown(each) for each in self.passes.values()]}
        gone = self.passes.pop(path.removeprefix("/v1/passes/"), None) is None
        return (404, {"error": "no_such_pass"}) if gone else (204, None)

    def _me(self, value: str) -> Answer:
        mine = next((each for each in self.passes.values() if each["pass"] == value), None)
        if mine is None:
            return 401, {"error": "unknown_pass"}
        mine["last_used_at"] = datetime.now(UTC).isoformat()
        return 200, {"id": mine["id"], "lane": mine["lane"]}

    def _is_signed(self, method: str, path: str, proof: str, body: bytes) -> bool:
        account, moment, signature = proof.split(":")
        text = f"{method}\n{path}\n{moment}\n".encode() + body
        wanted = hmac.new(self.key.encode(), text, hashlib.sha256).hexdigest()
        return account == ACCOUNT and hmac.compare_digest(wanted, signature)

    def make(self, wanted: dict[str, Any]) -> Answer:
        if any(each["label"] == wanted["label"] for each in self.passes.values()):
            return 409, {"error": "label_taken"}
        if len(self.passes) >= MOST:
            return 409, {"error": "too_many_passes"}
        made = {**wanted, "id": f"p{secrets.token_hex(4)}", "pass": f"tg_{secrets.token_hex(20)}"}
        self.passes[made["id"]] = {**made, "created_at": datetime.now(UTC).isoformat()}
        return 201, self.passes[made["id"]]

    def _shown(self, kept: dict[str, Any]) -> dict[str, Any]:
        return {name: kept[name] for name in kept if name != "pass"}


@contextmanager
def serving(tollgate: Tollgate) -> Iterator[Tollgate]:
    """Serve it on a free loopback port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def handle_one(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = tollgate.answer(self.command, self.path, self.headers.get("Authorization", ""), body)
            content = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()

        do_GET = do_POST = do_DELETE = handle_one  # noqa: N815 -- named after the methods

        def log_message(self, *_: object) -> None:
            """Say nothing: requests hold values."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        tollgate.url = f"http://127.0.0.1:{server.server_port}"
        yield tollgate
        server.shutdown()
