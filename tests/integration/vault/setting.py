"""A KV mount on a real OpenBao, somebody else who writes there, and the store between."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from providers.stores.vault.plugin import VaultConfig, VaultPlace
from providers.stores.vault.session import VaultSession
from providers.stores.vault.store import VaultStore
from providers.stores.vault.wire import Timeouts
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.fakes.fault_proxy import FaultProxy
from tests.servers.openbao import OpenBao

PERMISSIONS = Path(__file__).parents[3] / "deploy" / "permissions" / "vault.hcl"

SIBLINGS = {
    "username": "reports",
    "port": 5432,
    "ratio": 0.1,
    "on": True,
    "note": None,
    "nested": {"list": [1, {"a": []}]},
}


class Credentials(DictionaryAccess):
    """Management credentials, as the engine resolves them. Tests put others in their place, and move the clock."""

    def __init__(self, **values: str) -> None:
        super().__init__(values)
        self.values = self._credentials
        self.clock = self.time = MovingClock()


def opened(url: str, mount: str, access: Credentials, *, read: float = 10, **settings: Any) -> VaultStore:
    """Open the store as the plug-in does, with a shorter patience where a test needs one."""
    references = {name: f"env:{name.upper()}" for name in access.values}
    config = VaultConfig(url=url, mount=mount, credentials=references, **settings)
    return VaultStore(VaultSession(config, access, Timeouts(read=timedelta(seconds=read))), config.mount)


class Tokens:
    """The tokens that carry a policy, and were made since we began to look: the logins of one test."""

    def __init__(self, bao: OpenBao, policy: str) -> None:
        self._bao, self._policy = bao, policy
        self._others = set(self._accessors())

    def alive(self) -> list[dict[str, Any]]:
        """Give what the server says of each."""
        found = []
        for accessor in set(self._accessors()) - self._others:
            token = self._bao.request("POST", "auth/token/lookup-accessor", {"accessor": accessor})["data"]
            if self._policy in token["policies"]:
                found.append(token)
            else:
                self._others.add(accessor)
        return found

    def renewals(self) -> int:
        """Tell how many of them were renewed at least once."""
        return sum("last_renewal" in token for token in self.alive())

    def revoke(self) -> int:
        """Revoke them all, and tell how many there were."""
        tokens = self.alive()
        for token in tokens:
            self._bao.request("POST", "auth/token/revoke-accessor", {"accessor": token["accessor"]})
        return len(tokens)

    def _accessors(self) -> list[str]:
        listed: list[str] = self._bao.request("LIST", "auth/token/accessors")["data"]["keys"]
        return listed


class Documents:
    """Somebody else at a KV mount, with a client of their own."""

    def __init__(self, bao: OpenBao, mount: str, version: int, path: str = "prod/app") -> None:
        self.bao, self.mount, self.version, self.path = bao, mount, version, path

    @property
    def url(self) -> str:
        return f"{self.mount}/data/{self.path}" if self.version == 2 else f"{self.mount}/{self.path}"

    def replace(self, fields: dict[str, Any]) -> None:
        self.bao.request("POST", self.url, {"data": fields} if self.version == 2 else fields)

    def fields(self) -> dict[str, Any]:
        data = self.bao.request("GET", self.url)["data"]
        return data["data"] if self.version == 2 else data

    def put(self, value: Any) -> None:
        self.replace({**self.fields(), "token": value})

    def field(self) -> Any:
        return self.fields().get("token")

    def siblings(self) -> object:
        return {name: value for name, value in self.fields().items() if name != "token"}

    def footprint(self) -> object:
        return self.bao.request("GET", f"{self.mount}/metadata/{self.path}")["data"]

    def delete(self) -> None:
        self.bao.request("DELETE", self.url)


class DocumentsV1(Documents):
    """KV v1 shows no trace of a write, so the requests that passed the proxy are counted."""

    proxy: FaultProxy

    def footprint(self) -> object:
        writes = [seen for seen in self.proxy.seen if seen.method in ("PUT", "POST") and self.mount in seen.path]
        return self.fields(), len(writes)


def policy_for(mount: str) -> str:
    """Give the shipped policy, for this mount instead of the one it names."""
    return PERMISSIONS.read_text().replace('"secret/', f'"{mount}/')


class AtOneDocument:
    """The contract's fixtures, as ``conftest`` makes them. First among the bases of a contract's class."""

    @pytest.fixture
    def store(self, store: VaultStore) -> VaultStore:
        return store

    @pytest.fixture
    def outside(self, outside: Documents) -> Documents:
        return outside

    @pytest.fixture
    def place(self, place: VaultPlace) -> VaultPlace:
        return place

    @pytest.fixture
    def missing_place(self) -> VaultPlace:
        return VaultPlace(path="prod/nowhere", field="token", create=False)

    @pytest.fixture
    def new_place(self) -> VaultPlace:
        return VaultPlace(path="prod/new/app", field="token")
