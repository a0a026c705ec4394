"""The fixtures of the real servers. One server for each worker of a run, started by the first test that asks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.jupyterhub import JupyterHub, running_jupyterhub
from tests.servers.moto import Moto, running_moto
from tests.servers.openbao import OpenBao, running_openbao
from tests.servers.postgresql import PostgreSQL, running_postgresql


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """OpenBao, in memory. Use ``mount_kv()`` for a mount of the test's own."""
    with running_openbao(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture(scope="session")
def jupyterhub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterHub]:
    """JupyterHub with a user "alice". Use ``new_user()`` for tokens of the test's own."""
    with running_jupyterhub(tmp_path_factory.mktemp("jupyterhub")) as server:
        yield server


@pytest.fixture(scope="session")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """AWS as moto simulates it. Call ``reset()`` where a test needs an empty account."""
    with running_moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """PostgreSQL. Most tests want ``postgresql_url``."""
    with running_postgresql(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql: PostgreSQL) -> Iterator[str]:
    """The address of an empty database of the test's own, as SQLAlchemy writes it."""
    with postgresql.fresh_database() as url:
        yield url
