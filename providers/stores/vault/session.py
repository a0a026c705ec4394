"""A signed-in connection to one Vault. It serves all threads, and stores, of its connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests

from providers.stores.vault.bearer import Bearer, Identity
from providers.stores.vault.failures import Doing, Garbled, Refused, Server, part, translated
from providers.stores.vault.health import Health
from providers.stores.vault.plugin import VaultConfig
from providers.stores.vault.wire import Clients, Timeouts, open_http
from rotator.domain.contracts import Access
from rotator.domain.errors import Temporary


class VaultSession:
    """Where calls are made. Signs in when the first call needs it."""

    def __init__(self, config: VaultConfig, access: Access, timeouts: Timeouts | None = None) -> None:
        self.warn = access.warn
        self._http = open_http(config)
        clients = Clients(config, self._http, access.budget, timeouts or Timeouts())
        self._above_all = clients.client(namespace=None)
        self._server = Server(f"Vault at {urlsplit(config.url).netloc}", self._health)
        signing_in = clients.client(namespace=config.auth.namespace or config.namespace)
        bearer = Bearer(Identity(self._server, signing_in, config, access), access)
        self._client = clients.client(namespace=config.namespace, bearer=bearer)

    @property
    def server(self) -> str:
        return self._server.name

    @contextmanager
    def to(self, doing: Doing) -> Iterator[Any]:
        """Give the hvac client, and translate what goes wrong."""
        with translated(self._server, doing):
            yield self._client

    def close(self) -> None:
        self._http.close()

    def capabilities(self, path: str) -> frozenset[str] | None:
        """Give what the token may do at an API path; None where it may not even ask (no ``default`` policy)."""
        with self.to(Doing("list its own capabilities")) as client:
            try:
                answer = client.sys.get_capabilities(paths=[path])
            except Refused as refused:
                if refused.status == HTTPStatus.FORBIDDEN:
                    return None
                raise
            return frozenset(part(answer, list, "data", path))

    def _health(self) -> Health:
        """Ask the node how it is. Another failure on the way is none of its own: the one at hand is what counts."""
        try:
            self._above_all.adapter.get("/v1/sys/health")
        except Refused as refused:
            return refused.health
        except (requests.RequestException, Garbled, Temporary):
            return Health.UNKNOWN
        return Health.ACTIVE
