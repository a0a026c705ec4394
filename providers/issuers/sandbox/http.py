"""The HTTP side of the sandbox issuer: from a request to an operation, through the fault that is due, to an answer."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from pydantic import TypeAdapter, ValidationError

from providers.issuers.sandbox.faults import Fault, Kind, Operation
from providers.issuers.sandbox.tokens import Delay, Refused

if TYPE_CHECKING:
    from providers.issuers.sandbox.server import Sandbox

_LARGEST_BODY: Final = 64 * 1024
_FAULTS: Final = TypeAdapter(tuple[Fault, ...])
_DOES_NOTHING: Final = (Kind.LOSE_REQUEST, Kind.REFUSE, Kind.FAIL_BEFORE, Kind.RATE_LIMIT)
_LOSES_THE_CONNECTION: Final = (Kind.LOSE_REQUEST, Kind.LOSE_ANSWER)


@dataclass
class Answer:
    status: int
    body: Any = None
    """To be sent as JSON; a string is sent as it is."""
    headers: dict[str, str] = field(default_factory=dict)


class Handler(BaseHTTPRequestHandler):
    """Serves one connection. Whatever it knows of the sandbox, it asks ``server.sandbox``."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server_version = "RotatorSandbox"

    @property
    def _sandbox(self) -> Sandbox:
        sandbox: Sandbox = self.server.sandbox  # type: ignore[attr-defined]  # only the sandbox's server has this handler
        return sandbox

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_GET  # noqa: N815
    do_DELETE = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the name in http.server
        """Say nothing: the one who asks tells what happened."""

    def _serve(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BODY:
            self.close_connection = True
            self._send(Answer(413, _error("too_large", "this request is too large")))
            return
        body = self.rfile.read(int(length))
        try:
            answer = self._answer(body)
        except Refused as refusal:
            answer = Answer(refusal.status, _error(refusal.code, str(refusal)))
        if answer is None:
            self._cut()
        else:
            self._send(answer)

    def _answer(self, body: bytes) -> Answer | None:
        """Do what is asked and say what to answer; None: cut the connection."""
        parts = urlsplit(self.path)
        if parts.path.startswith("/_"):
            return self._control(parts.path, body)
        operation, act = self._operation(parts.path, parse_qs(parts.query), body)
        sandbox = self._sandbox
        with sandbox.lock:
            fault = sandbox.script.next_for(operation)
        if fault is None:
            with sandbox.lock:
                return act(None)
        return self._answer_with(fault, act)

    def _operation(
        self, path: str, query: dict[str, list[str]], body: bytes
    ) -> tuple[Operation, Callable[[Delay | None], Answer]]:
        """Find what is asked for. The second thing does it; it takes the delay until the change is seen."""
        tokens, handle = self._sandbox.tokens, path.removeprefix("/v1/tokens/")
        match self.command, path:
            case "GET", "/v1/self":
                return "verify", lambda _delay: Answer(200, tokens.used(self._bearer()).shown())
            case "POST", "/v1/tokens":
                return "create", lambda delay: self._create(body, delay)
            case "GET", "/v1/tokens":
                return "list", lambda _delay: self._list(query.get("cursor", ["0"])[0])
            case "GET", _ if handle and handle != path:
                return "read", lambda _delay: self._read(handle)
            case "DELETE", _ if handle and handle != path:
                return "revoke", lambda delay: self._revoke(handle, delay)
        raise Refused(404, "not_found", "there is nothing here")

    def _answer_with(self, fault: Fault, act: Callable[[Delay | None], Answer]) -> Answer | None:
        sandbox = self._sandbox
        answer = Answer(fault.answer_status, _error(fault.kind, "this is a scripted fault"))
        if fault.kind is Kind.LATENCY:
            sandbox.stopping.wait(fault.seconds)
        if fault.kind not in _DOES_NOTHING:
            with sandbox.lock:
                done = self._outcome(act, self._delay(fault))
            if fault.kind in (Kind.LATENCY, Kind.PROPAGATE_SLOWLY):
                answer = done
            elif fault.kind is Kind.WRONG_VALUE:
                answer = Answer(done.status, {**done.body, "token": sandbox.tokens.new_value().reveal()})
            elif fault.kind is Kind.GARBAGE:
                answer.body = fault.body
        if fault.kind is Kind.RATE_LIMIT and fault.retry_after is not None:
            answer.headers["Retry-After"] = str(fault.retry_after)
        return None if fault.kind in _LOSES_THE_CONNECTION else answer

    def _outcome(self, act: Callable[[Delay | None], Answer], delay: Delay | None) -> Answer:
        try:
            return act(delay)
        except Refused as refusal:
            return Answer(refusal.status, _error(refusal.code, str(refusal)))

    def _delay(self, fault: Fault) -> Delay | None:
        if fault.kind is Kind.LATENCY or not (fault.requests or fault.seconds):
            return None
        until = self._sandbox.clock.now() + timedelta(seconds=fault.seconds)
        return Delay(fault.requests, until, hidden_from_list=fault.hidden_from_list)

    # --- the operations: each is called under the sandbox's lock -------------------------------------------------

    def _create(self, body: bytes, delay: Delay | None) -> Answer:
        self._require_admin()
        asked = _object(body)
        token, value = self._sandbox.tokens.issue(asked.get("name"), asked.get("expires_in"), delay)
        return Answer(201, {**token.shown(), "token": value.reveal()})

    def _list(self, cursor: str) -> Answer:
        self._require_admin()
        page, following = self._sandbox.tokens.page(cursor)
        return Answer(200, {"tokens": [token.shown() for token in page], "next": following})

    def _read(self, handle: str) -> Answer:
        self._require_admin()
        return Answer(200, self._sandbox.tokens.named_by(handle).shown())

    def _revoke(self, handle: str, delay: Delay | None) -> Answer:
        self._require_admin()
        self._sandbox.tokens.revoke(handle, delay)
        return Answer(204)

    def _control(self, path: str, body: bytes) -> Answer:
        sandbox = self._sandbox
        if path not in ("/_faults", "/_clock") or not sandbox.is_control(self._bearer()):
            raise Refused(404, "not_found", "there is nothing here")
        with sandbox.lock:
            if path == "/_clock":
                sandbox.clock.advance(timedelta(seconds=float(_object(body).get("advance", 0))))
                return Answer(200, {"now": sandbox.clock.now().isoformat()})
            if self.command == "DELETE":
                sandbox.script.clear()
            elif self.command == "POST":
                try:
                    sandbox.script.add(_FAULTS.validate_json(body))
                except ValidationError as error:
                    raise Refused(422, "invalid_fault", str(error)) from error
            return Answer(200, sandbox.script.shown())

    def _bearer(self) -> str:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else ""

    def _require_admin(self) -> None:
        if not self._sandbox.is_admin(self._bearer()):
            raise Refused(401, "unauthorized", "this needs the admin token")

    def _send(self, answer: Answer) -> None:
        body = answer.body
        content = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Type", "application/json")
        if answer.status != 204:  # noqa: PLR2004  "No Content" has no length either (RFC 9110, 8.6)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _cut(self) -> None:
        """End the connection without a word, as a lost network does."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _object(body: bytes) -> dict[str, Any]:
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        raise Refused(400, "invalid_json", "the body must be a JSON object")
    return asked
