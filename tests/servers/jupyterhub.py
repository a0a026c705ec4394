"""JupyterHub with its proxy: an issuer of user tokens that reuses ids. Measured on JupyterHub 6.1.1.

The proxy (``configurable-http-proxy``) is a Node program that ``make`` installs into ``node_modules``. The tests talk
to the hub's own port, which answers the same without the proxy.
"""

from __future__ import annotations

import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.canary import CANARY
from tests.servers.process import free_ports, require, running

_BINARY = Path(sys.executable).parent / "jupyterhub"
_PROXY = Path(__file__).parents[2] / "node_modules" / ".bin" / "configurable-http-proxy"

_CONFIGURATION = """
import os

c = get_config()
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_api}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.JupyterHub.db_url = "sqlite:///hub.sqlite"
c.JupyterHub.cookie_secret_file = "cookie_secret"
c.JupyterHub.services = [{{"name": "rotator", "api_token": os.environ["ADMIN_TOKEN"]}}]
c.JupyterHub.load_roles = [
    {{
        "name": "rotator",
        "scopes": ["admin:users", "tokens", "read:users", "list:users"],
        "services": ["rotator"],
    }}
]
"""


@dataclass(frozen=True)
class JupyterHub:
    """``url`` is the base of the API (``…/hub/api``); ``admin_token`` may manage the tokens of ``user``."""

    url: str
    admin_token: str = field(repr=False)
    user: str = "alice"

    def request(self, method: str, path: str, body: Any = None, *, token: str | None = None) -> httpx.Response:
        headers = {"Authorization": f"token {token or self.admin_token}"}
        # No certificate is asked for on loopback, and loading authorities would take longer than the call.
        return httpx.request(
            method, f"{self.url}{path}", headers=headers, json=body, trust_env=False, verify=False, timeout=30
        )

    def new_user(self) -> str:
        """Make a user for one test, so that its tokens are alone."""
        name = f"user-{secrets.token_hex(4)}"
        assert self.request("POST", f"/users/{name}").status_code == 201
        return name

    def issue(self, note: str, *, user: str | None = None, **settings: Any) -> dict[str, Any]:
        """Make a token by hand; gives ``id``, ``token`` (its value) and what else the hub tells."""
        answer = self.request("POST", f"/users/{user or self.user}/tokens", {"note": note, **settings})
        assert answer.status_code == 201, f"JupyterHub answered {answer.status_code} when asked for a token"
        issued: dict[str, Any] = answer.json()
        CANARY.add(issued["token"])
        return issued

    def tokens(self, user: str | None = None) -> list[dict[str, Any]]:
        answer = self.request("GET", f"/users/{user or self.user}/tokens")
        assert answer.status_code == 200, f"JupyterHub answered {answer.status_code} when asked for the list"
        tokens: list[dict[str, Any]] = answer.json()["api_tokens"]
        return tokens

    def accepts(self, value: str) -> bool:
        return self.request("GET", "/user", token=value).status_code == 200


@contextmanager
def running_jupyterhub(directory: Path) -> Iterator[JupyterHub]:
    require(_BINARY.exists(), "JupyterHub is missing: pip install jupyterhub (it is in the `dev` group)")
    require(_PROXY.exists(), "JupyterHub's proxy is missing: npm install --no-save configurable-http-proxy")
    require(shutil.which("node") is not None, "Node is missing: JupyterHub's proxy needs it (apt-get install nodejs)")
    public, hub, proxy_api = free_ports(3)
    server = JupyterHub(f"http://127.0.0.1:{hub}/hub/api", secrets.token_hex(16))
    proxy_token = secrets.token_hex(16)
    configuration = directory / "jupyterhub_config.py"
    configuration.write_text(_CONFIGURATION.format(public=public, hub=hub, proxy_api=proxy_api, proxy=str(_PROXY)))
    with running(
        "JupyterHub",
        [_BINARY, "-f", configuration],
        log=directory / "jupyterhub.log",
        environment={"ADMIN_TOKEN": server.admin_token, "CONFIGPROXY_AUTH_TOKEN": proxy_token},
        directory=directory,
        secrets=(server.admin_token, proxy_token),
    ) as process:
        process.wait_until_ready(lambda: _is_ours(server), timeout=90)
        assert server.request("POST", f"/users/{server.user}").status_code == 201
        yield server


def _is_ours(server: JupyterHub) -> bool:
    """Only our hub knows the random admin token."""
    try:
        return server.request("GET", "/users").status_code == 200
    except httpx.TransportError:
        return False
