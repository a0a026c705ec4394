"""The sandbox issuer, in this process or as one of its own, and a client that plays the issuer's administrator."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from providers.issuers.sandbox.server import Sandbox
from providers.issuers.sandbox.tokens import Delay, Rules, Token
from rotator.domain.clock import Clock
from rotator.domain.secret_value import SecretValue
from tests.canary import CANARY
from tests.servers.process import running


@dataclass(frozen=True)
class SandboxIssuer:
    """A running sandbox, seen by its administrator and by whoever scripts its bad days."""

    url: str
    admin_token: str = field(repr=False)
    control_token: str = field(repr=False)
    server: Sandbox | None = None
    """Where it runs in this process: the server itself."""
    values: dict[str, str] = field(default_factory=dict, repr=False)
    """Where it runs in this process: the value of every token that it ever made, by id."""

    def request(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.admin_token}"}
        return _http.request(method, f"{self.url}{path}", headers=headers, json=body)

    def issue(self, name: str, expires_in: int | None = None) -> dict[str, Any]:
        """Make a token by hand; gives ``id``, ``token`` (its value), ``name`` and the rest."""
        answer = self.request("POST", "/v1/tokens", {"name": name, "expires_in": expires_in})
        assert answer.status_code == 201, f"the sandbox answered {answer.status_code} when asked for a token"
        issued: dict[str, Any] = answer.json()
        CANARY.add(issued["token"])
        return issued

    def tokens(self) -> list[dict[str, Any]]:
        """Give what the list shows, all pages of it."""
        found: list[dict[str, Any]] = []
        cursor: str | None = "0"
        while cursor is not None:
            answer = self.request("GET", f"/v1/tokens?cursor={cursor}")
            assert answer.status_code == 200, f"the sandbox answered {answer.status_code} when asked for the list"
            found += answer.json()["tokens"]
            cursor = answer.json()["next"]
        return found

    def accepts(self, value: str) -> bool:
        """Ask with a value, as a consumer does. It counts as a use of the token."""
        return self.request("GET", "/v1/self", token=value).status_code == 200

    def live_values(self) -> dict[str, str]:
        """Give the values of the tokens that are neither revoked nor expired, by id, without asking over HTTP."""
        assert self.server is not None, "a sandbox in a process of its own keeps no values"
        with self.server.lock:
            return {token.id: self.values[token.id] for token in self.server.tokens.live()}

    def script(self, operation: str, kind: str, **settings: Any) -> None:
        """Have the next request of an operation go wrong: see ``providers.issuers.sandbox.faults.Fault``."""
        self._control("POST", "/_faults", [{"operation": operation, "kind": kind, **settings}])

    def clear_script(self) -> None:
        """Forget what was still to come, and the counts."""
        self._control("DELETE", "/_faults")

    def fired(self) -> list[str]:
        """Give the kinds of the faults that came true, in their order."""
        return [fault["kind"] for fault in self._control("GET", "/_faults")["fired"]]

    def requests(self, operation: str) -> int:
        """Count the requests of an operation since the start, or since the script was cleared."""
        count: int = self._control("GET", "/_faults")["requests"].get(operation, 0)
        return count

    def advance(self, duration: timedelta) -> None:
        """Move the sandbox's clock."""
        self._control("POST", "/_clock", {"advance": duration.total_seconds()})

    def _control(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.request(method, path, body, token=self.control_token)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown


_http = httpx.Client(trust_env=False, timeout=30)

StartSandbox = Callable[..., SandboxIssuer]
"""What the fixture ``start_sandbox`` gives: ``start_sandbox(rules=…, clock=…)``."""


@contextmanager
def sandbox_in_this_process(rules: Rules | None = None, clock: Clock | None = None) -> Iterator[SandboxIssuer]:
    """Run a sandbox whose values the test can see. It outlives any child process that the test kills."""
    admin, control = secrets.token_hex(20), secrets.token_hex(20)
    server = Sandbox(SecretValue(admin), control_token=SecretValue(control), rules=rules, clock=clock)
    issuer = SandboxIssuer(server.url, admin, control, server)
    issue = server.tokens.issue

    def issue_and_remember(name: Any, expires_in: Any, unborn: Delay | None = None) -> tuple[Token, SecretValue]:
        token, value = issue(name, expires_in, unborn)
        issuer.values[token.id] = CANARY.add(value.reveal())
        return token, value

    server.tokens.issue = issue_and_remember  # type: ignore[method-assign]  # the product has no hook for this
    with server:
        yield issuer


@contextmanager
def sandbox_in_its_own_process(
    directory: Path, rules: Rules | None = None, *, state: Path | None = None, port: int = 0
) -> Iterator[SandboxIssuer]:
    """Run ``python -m providers.issuers.sandbox``. The same ``state`` and ``port`` again: the same issuer again."""
    admin, control = (directory / name for name in ("admin-token", "control-token"))
    command: list[str | Path] = [sys.executable, "-m", "providers.issuers.sandbox", "--port", str(port)]
    command += ["--admin-token-file", admin, "--control-token-file", control]
    if rules is not None:
        (directory / "rules.json").write_text(rules.model_dump_json())
        command += ["--rules", directory / "rules.json"]
    if state is not None:
        command += ["--state", state]
    with running("the sandbox", command, log=directory / "sandbox.log") as process:
        process.wait_until_ready(lambda: process.log.read_text().endswith("}\n"), timeout=30)
        url = json.loads(process.log.read_text())["url"]
        yield SandboxIssuer(url, CANARY.add(admin.read_text()), CANARY.add(control.read_text()))
