"""A standby that lags behind tells the opposite of the truth: the new login is not there, the old one still is."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.issuers.postgresql_login.issuer import PostgreSQLLogins
from rotator.domain.contracts import Verdict
from rotator.domain.errors import Temporary
from tests.integration.postgresql_login.setting import Database, request
from tests.servers.postgresql import PostgreSQL, find_binaries
from tests.servers.process import free_ports, poll, running


@pytest.fixture(scope="module")
def standby(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A copy of the server that follows it. It runs as the account that the server runs as."""
    [(data_directory,)] = database.query("SHOW data_directory")
    account, binaries, [port] = Path(data_directory).stat(), find_binaries(), free_ports()
    assert binaries is not None
    made = PostgreSQL(port, database.server.password)
    home = Path(tempfile.mkdtemp(prefix="rotator-standby-"))
    os.chown(home, account.st_uid, account.st_gid)
    identity = {"user": account.st_uid, "group": account.st_gid} if os.geteuid() == 0 else {}
    source = ["-h", "127.0.0.1", "-p", str(database.server.port), "-U", "admin", "-c", "fast", "--no-sync"]
    server = [binaries / "postgres", "-D", home / "data", "-p", str(port), "-c", "listen_addresses=127.0.0.1"]
    server += ["-c", f"unix_socket_directories={home}", "-c", "fsync=off"]
    try:
        subprocess.run(
            [binaries / "pg_basebackup", *source, "-D", home / "data", "-R"], check=True, cwd=home,
            env={**os.environ, "PGPASSWORD": made.password}, extra_groups=[] if identity else None, **identity,
        )  # fmt: skip
        log = tmp_path_factory.mktemp("standby") / "postgresql.log"
        with running("the standby", server, log=log, directory=home, ending=signal.SIGINT, **identity) as process:
            process.wait_until_ready(lambda: answers(made), timeout=30)
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


def answers(server: PostgreSQL) -> bool:
    import psycopg

    try:
        server.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def test_a_standby_proves_nothing_and_changes_nothing(
    database: Database, issuer: PostgreSQLLogins, standby: PostgreSQL
) -> None:
    there = database.opened(port=standby.port)
    old = issuer.issue(request())
    poll(lambda: there.verify(old.value).verdict is Verdict.VALID, timeout=10, what="the standby knowing the login")
    standby.execute("SELECT pg_wal_replay_pause()")
    new = issuer.issue(request(f"app_{secrets.token_hex(4)}"))
    issuer.revoke(old.handle)
    assert issuer.verify(old.value).verdict is Verdict.INVALID
    assert there.verify(old.value).verdict is Verdict.VALID
    assert there.verify(new.value).verdict is Verdict.INDETERMINATE
    for ask in (there.tokens, lambda: there.issue(request()), lambda: there.revoke(new.handle)):
        with pytest.raises(Temporary, match="is a standby"):
            ask()
    assert issuer.verify(new.value).verdict is Verdict.VALID
