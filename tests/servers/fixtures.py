"""The fixtures of the real servers. One server for each worker of a run, started by the first test that asks.

The sandbox issuer is quick: each test gets its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.canary import CANARY
from tests.servers.jupyterhub import JupyterHub, running_jupyterhub
from tests.servers.moto import Moto, running_moto
from tests.servers.openbao import OpenBao, running_openbao
from tests.servers.postgresql import PostgreSQL, running_postgresql
from tests.servers.sandbox import SandboxIssuer, StartSandbox, sandbox_in_its_own_process, sandbox_in_this_process


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """OpenBao, in memory. Use ``mount_kv()`` for a mount of the test's own."""
    with running_openbao(tmp_path_factory.mktemp("openbao")) as server:
        CANARY.add(server.root_token, for_session=True)
        yield server


@pytest.fixture(scope="session")
def jupyterhub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterHub]:
    """JupyterHub with a user "alice". Use ``new_user()`` for tokens of the test's own."""
    with running_jupyterhub(tmp_path_factory.mktemp("jupyterhub")) as server:
        CANARY.add(server.admin_token, for_session=True)
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """AWS as moto simulates it. Call ``reset()`` where a test needs an empty account."""
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        CANARY.add(server.secret_access_key, for_session=True)
        yield server


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """PostgreSQL. Most tests want ``postgresql_url``."""
    with running_postgresql(tmp_path_factory.mktemp("postgresql")) as server:
        CANARY.add(server.password, for_session=True)
        yield server


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """The address of an empty database of the test's own, for SQLAlchemy. The canary reads what is left in it."""
    with postgresql.fresh_database() as url:
        yield url
        for table, text in postgresql.contents(url):
            CANARY.look_at(f"the table {table}", text)


@pytest.fixture
def start_sandbox() -> Iterator[StartSandbox]:
    """Start sandbox issuers in this process: ``start_sandbox(rules=Rules(max_active=2), clock=clock)``."""
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(sandbox_in_this_process(**settings))


@pytest.fixture
def sandbox(start_sandbox: StartSandbox) -> SandboxIssuer:
    """A sandbox issuer in this process, with the default rules, those of the ``sandbox`` profile."""
    return start_sandbox()


@pytest.fixture
def sandbox_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxIssuer]:
    """A sandbox issuer in a process of its own. Its values are not to be had; ask it with ``accepts(value)``."""
    with sandbox_in_its_own_process(tmp_path_factory.mktemp("sandbox")) as issuer:
        yield issuer
