"""MariaDB from Debian's package ``mariadb-server-core``. It refuses to run as root, so then it runs as ``nobody``."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fakes.own_authority import own_authority
from tests.servers.process import free_ports, require, running

_SHARES = (Path("/usr/share/mysql"), Path("/usr/share/mariadb"))
_TABLES = "mysql_system_tables.sql"
_SETTINGS = (
    "--no-defaults", "--basedir=/usr", "--innodb-buffer-pool-size=8M", "--innodb-log-file-size=4M",
    "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve",
)  # fmt: skip


@dataclass(frozen=True)
class MariaDB:
    port: int
    ca_file: Path
    password: str = field(repr=False)

    def connected(self, user: str = "admin", password: str | None = None) -> Any:
        import pymysql

        return pymysql.connect(
            host="127.0.0.1", port=self.port, user=user, password=password or self.password, autocommit=True
        )


@contextmanager
def running_mariadb(directory: Path) -> Iterator[MariaDB]:
    """Run a server with TLS, and an account ``admin`` that may do everything."""
    binary = shutil.which("mariadbd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    share = next((share for share in _SHARES if (share / _TABLES).exists()), None)
    require(bool(binary and share), "MariaDB is missing: apt-get install mariadb-server-core")
    assert binary is not None
    assert share is not None
    # Not below pytest's own folder: that one is closed to other accounts.
    home = Path(tempfile.mkdtemp(prefix="rotator-mariadb-"))
    try:
        with _running_in(home, binary, share, directory) as server:
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _running_in(home: Path, binary: str, share: Path, directory: Path) -> Iterator[MariaDB]:
    [port] = free_ports()
    server = MariaDB(port, own_authority(home).ca_file, secrets.token_hex(16))
    data = home / "data"
    data.mkdir()
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    for path in (home, data, home / "server.pem") if account is not None else ():
        os.chown(path, account.pw_uid, account.pw_gid)
    user, group = (account.pw_uid, account.pw_gid) if account else (None, None)
    # A server that starts removes what it takes for an earlier one's temporary tables: each has a folder of its own.
    settings = [*_SETTINGS, f"--datadir={data}", f"--tmpdir={home}", f"--lc-messages-dir={share}"]
    with (directory / "bootstrap.log").open("wb") as log:
        subprocess.run(
            [binary, *settings, "--bootstrap"], input=_first_words(share, server.password).encode(), check=True,
            cwd=home, user=user, group=group, extra_groups=[] if account else None, stdout=log, stderr=log,
        )  # fmt: skip
    command = [binary, *settings, f"--port={port}", "--bind-address=127.0.0.1", f"--socket={home / 'socket'}"]
    command += [f"--ssl-cert={home / 'server.pem'}", f"--ssl-key={home / 'server.pem'}"]
    with running(
        "MariaDB", command, log=directory / "mariadb.log", directory=home, user=user, group=group,
        secrets=(server.password,),
    ) as process:  # fmt: skip
        process.wait_until_ready(lambda: _is_ours(server), timeout=30)
        yield server


def _first_words(share: Path, password: str) -> str:
    """Give what an empty server is told: its own tables, and one account. One statement a line, except in its files."""
    tables = "\n".join((share / name).read_text() for name in (_TABLES, "mysql_system_tables_data.sql"))
    return f"""\
CREATE DATABASE mysql;
USE mysql;
SET @auth_root_socket=NULL;
{tables}
FLUSH PRIVILEGES;
CREATE USER admin@'127.0.0.1' IDENTIFIED BY '{password}';
GRANT ALL ON *.* TO admin@'127.0.0.1' WITH GRANT OPTION;
DELETE FROM mysql.global_priv WHERE User IN ('root', '');
"""


def _is_ours(server: MariaDB) -> bool:
    """Only our server knows the random password."""
    import pymysql

    try:
        server.connected().close()
    except pymysql.err.OperationalError:
        return False
    return True
