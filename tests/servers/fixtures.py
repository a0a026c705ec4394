"""The fixtures of the real servers. One server for each worker of a run, started by the first test that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.canary import CANARY
from tests.servers.jupyterhub import JupyterHub, running_jupyterhub
from tests.servers.moto import Moto, running_moto
from tests.servers.openbao import OpenBao, running_openbao
from tests.servers.postgresql import PostgreSQL, running_postgresql


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
