"""A directory of policy files that a test writes, and what loading it says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from rotator.config.policy_files import load
from rotator.domain.errors import InvalidInput
from rotator.domain.policy import PolicySet
from tests.unit.config.small_plugins import small_plugins

CONNECTIONS = """\
    connections:
      acme: {provider: saas, credentials: {email: env:ACME_EMAIL}}
      shelf: {provider: cabinet, url: https://shelf.example}
"""


class Folder:
    """A policies directory. Problems are given as ``file:line:column: what; what to do``, files relative to it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Folder:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(dedent(text))
        return self

    def load(self) -> PolicySet:
        return load(self.path, small_plugins())

    def problems(self) -> list[str]:
        with pytest.raises(InvalidInput) as caught:
            self.load()
        return [str(problem).replace(f"{self.path}/", "") for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def connected(folder: Folder) -> Folder:
    """A folder that already has the connections ``acme`` (an issuer's) and ``shelf`` (a store's)."""
    return folder.write("connections.yaml", CONNECTIONS)


@pytest.fixture
def policy(connected: Folder) -> Callable[..., Folder]:
    """Write a whole policy into ``p.yaml``, some lines of it replaced or added; ``key=None`` leaves a key out."""

    def write(**keys: str | None) -> Folder:
        lines = {
            "name": "name: payments",
            "issuer": "issuer: {connection: acme}",
            "stores": "stores: [{connection: shelf, path: prod/payments}]",
            "schedule": "schedule: {every: 90 days}",
        } | keys
        body = "\n    ".join(line for line in lines.values() if line)
        return connected.write("p.yaml", f"policies:\n  - {body}\n")

    return write
