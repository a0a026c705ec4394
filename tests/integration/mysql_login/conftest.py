"""A server for each worker, and one set of accounts for each module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.issuers.mysql_login.issuer import MySQLLogins
from tests.canary import CANARY
from tests.integration.mysql_login.setting import Database
from tests.servers.mariadb import MariaDB, running_mariadb


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    with running_mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        CANARY.add(server.password, for_session=True)
        yield server


@pytest.fixture(scope="module")
def database(mariadb: MariaDB) -> Iterator[Database]:
    made = Database(mariadb)
    made.set_up()
    yield made
    made.admin.close()


@pytest.fixture
def issuer(database: Database) -> Iterator[MySQLLogins]:
    yield database.opened(drop=True)
    for handle in database.accounts():
        name, _, host = handle.rpartition("@")
        database.query("DROP USER %s@%s", name, host)
