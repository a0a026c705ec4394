"""A fake Graph and a fake Entra ID behind TLS, and our issuer there; it goes through a proxy that can fail."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from providers.issuers.azure_app import PLUGIN
from rotator.domain.contracts import Issuer, IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.fakes.azure import serving
from tests.fakes.entra import CLIENT, TENANT, Entra
from tests.fakes.fault_proxy import FaultProxy, fault_proxy
from tests.fakes.graph import Graph
from tests.fakes.own_authority import own_authority
from tests.fakes.tls_gateway import tls_gateway

BY_SECRET = {"method": "client_secret", "tenant_id": TENANT, "client_id": CLIENT}


class Applications(dict[str, Any]):
    """What Entra ID knows of the applications that Graph keeps."""

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self._graph = graph

    def __contains__(self, app: object) -> bool:
        return app in self._graph.applications

    def __getitem__(self, app: str) -> Any:
        return self._graph.signs_in(app)


@dataclass
class Directory:
    graph: Graph
    entra: Entra
    clock: MovingClock
    proxy: FaultProxy
    url: str
    ca_file: Path

    @cached_property
    def shared(self) -> DictionaryAccess:
        return self.access()

    def access(self, secret: str = "") -> DictionaryAccess:
        """Give an access of its own. Tests share one: opening its clients costs as much as ten tests."""
        access = DictionaryAccess({"client_secret": secret or self.entra.client_secret})
        access.clock = self.clock
        return access

    def issuer(self, application: str, *, access: DictionaryAccess | None = None, **settings: Any) -> Issuer:
        access = access or self.shared
        basics = {"url": self.url, "authority": self.url, "ca_file": self.ca_file, "propagation": 0, "auth": BY_SECRET}
        references = {"credentials": {"client_secret": "env:AZURE_CLIENT_SECRET"}}
        config = PLUGIN.config.model_validate({**basics, **references, **settings})
        return PLUGIN.open(config, PLUGIN.options.model_validate({"application": application}), access)


@contextmanager
def running_directory(folder: Path) -> Iterator[Directory]:
    authority, entra, clock = own_authority(folder), Entra(), MovingClock(datetime.now(UTC))
    graph = Graph(clock, entra.tokens)
    entra.apps = Applications(graph)
    with (
        serving(graph.answer, entra.answer) as plain,
        fault_proxy(plain) as proxy,
        tls_gateway(proxy.url, authority.server) as url,
    ):
        graph.public_url = entra.public_url = url
        yield Directory(graph, entra, clock, proxy, url, authority.ca_file)


def request(directory: Directory, name: str = "app", lifetime: str | None = None) -> IssueRequest:
    return IssueRequest(TokenName(name), Duration.parse(lifetime) if lifetime else None, directory.clock.now())
