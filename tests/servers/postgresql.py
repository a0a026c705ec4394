"""PostgreSQL from Debian's package. It refuses to run as root, so then it runs as ``postgres``, or as ``nobody``."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.servers.process import free_ports, require, running

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # a crash of the machine may lose a test's data
    "shared_buffers": "16MB",
    "max_connections": "60",
}


@dataclass(frozen=True)
class PostgreSQL:
    port: int
    password: str = field(repr=False)

    def url(self, database: str = "postgres") -> str:
        """Give the address of a database, as SQLAlchemy writes it. It holds the password."""
        return f"postgresql+psycopg://admin:{self.password}@127.0.0.1:{self.port}/{database}"

    @contextmanager
    def fresh_database(self) -> Iterator[str]:
        """Make an empty database for the block, and give its address."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}"')
        try:
            yield self.url(name)
        finally:
            self.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def contents(self, url: str) -> Iterator[tuple[str, str]]:
        """Give each table of a database with all its rows as text."""
        import psycopg

        tables = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'public'"
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            for (table,) in connection.execute(tables).fetchall():
                rows = connection.execute(f"SELECT t::text FROM {table} t".encode()).fetchall()
                yield table, "\n".join(row for (row,) in rows)

    def execute(self, statement: str) -> None:
        """Run one statement as the superuser, outside a transaction."""
        import psycopg

        with psycopg.connect(self.url().replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(statement.encode())


@contextmanager
def running_postgresql(directory: Path) -> Iterator[PostgreSQL]:
    binaries = find_binaries()
    require(binaries is not None, "PostgreSQL is missing: apt-get install postgresql")
    assert binaries is not None
    account = _account_to_run_as()
    # Not below pytest's own folder: that one is closed to other accounts.
    home = Path(tempfile.mkdtemp(prefix="rotator-postgresql-"))
    try:
        if account is not None:
            os.chown(home, account.pw_uid, account.pw_gid)
        with _running_in(home, binaries, account, directory / "postgresql.log") as server:
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


def find_binaries() -> Path | None:
    """Find the folder of the newest server: Debian keeps it out of PATH."""
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    found = packaged[-1] if packaged else Path(on_path) if on_path else None
    return found.parent if found else None


def _account_to_run_as() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


@contextmanager
def _running_in(home: Path, binaries: Path, account: pwd.struct_passwd | None, log: Path) -> Iterator[PostgreSQL]:
    [port] = free_ports()
    server = PostgreSQL(port, secrets.token_hex(16))
    user, group = (account.pw_uid, account.pw_gid) if account else (None, None)
    password_file = home / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(server.password)
    if account is not None:
        os.chown(password_file, account.pw_uid, account.pw_gid)
    initdb: list[str | Path] = [binaries / "initdb", "-D", home / "data", "-U", "admin", "-A", "scram-sha-256"]
    initdb += [f"--pwfile={password_file}", "--no-sync", "--encoding=UTF8", "--locale=C"]
    subprocess.run(
        initdb, check=True, cwd=home, user=user, group=group, extra_groups=[] if account else None,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    password_file.unlink()
    settings = {**_SETTINGS, "unix_socket_directories": str(home)}
    command: list[str | Path] = [binaries / "postgres", "-D", home / "data", "-p", str(port)]
    command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with running(
        "PostgreSQL", command, log=log, directory=home, user=user, group=group, secrets=(server.password,),
        ending=signal.SIGINT,  # its "fast" shutdown: does not wait for clients
    ) as process:  # fmt: skip
        process.wait_until_ready(lambda: _is_ours(server), timeout=30)
        yield server


def _is_ours(server: PostgreSQL) -> bool:
    """Only our server knows the random password."""
    import psycopg

    try:
        server.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True
