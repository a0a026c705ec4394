"""One set of roles for each module. The server is the session's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.issuers.postgresql_login.issuer import PostgreSQLLogins
from tests.integration.postgresql_login.setting import Database
from tests.servers.postgresql import PostgreSQL


@pytest.fixture(scope="module")
def database(postgresql: PostgreSQL) -> Iterator[Database]:
    made = Database(postgresql)
    made.set_up()
    yield made
    made.admin.close()


@pytest.fixture
def issuer(database: Database) -> Iterator[PostgreSQLLogins]:
    yield database.opened()
    for role in database.roles():
        database.run(f'DROP OWNED BY "{role}"; DROP ROLE "{role}"')
