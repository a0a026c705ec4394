"""A ledger opens, or says what is wrong and what to do."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.errors import LedgerUnavailable
from rotator.domain.secret_value import SecretValue
from rotator.ledger.ledger import Ledger
from tests.integration.ledger.builders import begun
from tests.servers.process import free_ports

Sql = Callable[..., list[tuple[Any, ...]]]
on_sqlite = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize("ledger_url", ["postgresql"], indirect=True)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# --- the files ---------------------------------------------------------------------------------------------------


def test_everything_on_the_disk_is_for_its_owner_only(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "rotator"
    with Ledger.open(f"sqlite:///{folder / 'ledger.db'}") as ledger:
        begun(ledger)
        modes = {path.name: _mode(path) for path in folder.iterdir()}
    assert modes == dict.fromkeys(("ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.key"), 384)
    assert _mode(folder) == 0o700


def test_a_ledger_file_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.touch(mode=0o644)
    file.chmod(0o644)
    with Ledger.open(f"sqlite:///{file}"):
        assert _mode(file) == 0o600


def test_a_folder_that_exists_stays_as_it_is(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}"):
        assert _mode(tmp_path) == 0o755


def test_a_file_that_is_removed_or_replaced_under_a_running_process_is_not_written_to_any_more(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    with Ledger.open(f"sqlite:///{file}") as ledger:
        rotation, lease = begun(ledger)
        kept = file.rename(tmp_path / "moved.db")
        with pytest.raises(LedgerUnavailable, match="replaced or removed") as refused:
            ledger.release(lease)
        assert "start it again" in str(refused.value)
        shutil.copy(kept, file)  # as from a backup
        with pytest.raises(LedgerUnavailable, match="replaced or removed"):
            ledger.release(lease)
        kept.replace(file)
        ledger.release(lease)
        assert ledger.rotation(rotation.id) == rotation


# --- the key -----------------------------------------------------------------------------------------------------


def test_fingerprints_are_the_same_for_every_process_and_differ_between_ledgers(
    open_ledger: Callable[[], Ledger], tmp_path: Path
) -> None:
    value = SecretValue("tok-8fj2k1l9")
    first = open_ledger().fingerprint(value)
    assert open_ledger().fingerprint(SecretValue("tok-8fj2k1l9")) == first
    with Ledger.open(f"sqlite:///{tmp_path / 'another.db'}") as another:
        assert another.fingerprint(value) != first
    assert len(first) == 32


def test_the_key_lies_beside_a_sqlite_file_or_in_the_users_state(
    ledger_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Ledger.open(ledger_url).close()
    place = "ledger.db.key" if ledger_url.startswith("sqlite") else "state/rotator/ledger.key"
    assert _mode(tmp_path / place) == 0o600
    Ledger.open(ledger_url).close()


def test_another_ledgers_key_is_refused(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    another = tmp_path / "another.key"
    Ledger.open(f"sqlite:///{tmp_path / 'another.db'}", key_file=another).close()
    with pytest.raises(LedgerUnavailable, match=r"is the key of another ledger\. Copy the key file"):
        Ledger.open(ledger_url, key_file=another)


def test_a_key_that_was_handed_over_is_used_and_its_folder_not_written_to(ledger_url: str, tmp_path: Path) -> None:
    with Ledger.open(f"sqlite:///{tmp_path / 'first.db'}", key_file=tmp_path / "made" / "key"):
        handed_over = (tmp_path / "made" / "key").read_bytes()
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "key").write_bytes(handed_over)
    (mounted / "key").chmod(0o440)
    before = mounted.stat().st_mtime_ns
    with Ledger.open(ledger_url, key_file=mounted / "key") as ledger:
        assert ledger.fingerprint(SecretValue("a value"))
    assert mounted.stat().st_mtime_ns == before


def test_a_missing_key_is_not_replaced(ledger: Ledger, ledger_url: str, key_file: Path) -> None:
    key_file.unlink()
    with pytest.raises(LedgerUnavailable, match=r"The key of the ledger is missing.*Copy the key file"):
        Ledger.open(ledger_url, key_file=key_file)
    assert not key_file.exists()


@pytest.mark.parametrize("content", [b"", b"not a key", b"abcd\n", b"\xff" * 64])
def test_a_damaged_key_is_refused(ledger: Ledger, ledger_url: str, key_file: Path, content: bytes) -> None:
    key_file.write_bytes(content)
    with pytest.raises(LedgerUnavailable, match="does not hold a ledger's key"):
        Ledger.open(ledger_url, key_file=key_file)


def test_a_key_that_everybody_may_read_is_refused(ledger: Ledger, ledger_url: str, key_file: Path) -> None:
    key_file.chmod(0o644)
    with pytest.raises(LedgerUnavailable, match=r"is open to other users\. chmod 600"):
        Ledger.open(ledger_url, key_file=key_file)


# --- what is not a ledger ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"# a text file\n" * 100, b"SQLite format 3\0" + b"\xa5" * 4096])
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "notes.txt"
    file.write_bytes(content)
    with pytest.raises(LedgerUnavailable, match=r"Name a file that does not exist yet|Restore the file"):
        Ledger.open(f"sqlite:///{file}")
    assert file.read_bytes() == content


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="is not a file"):
        Ledger.open(f"sqlite:///{tmp_path}")


def test_a_database_of_something_else_is_refused_and_left_alone(ledger_url: str, key_file: Path, sql: Sql) -> None:
    sql("CREATE TABLE tokens (colour TEXT)")
    with pytest.raises(LedgerUnavailable, match=r"it holds tables of something else \(tokens\)"):
        Ledger.open(ledger_url, key_file=key_file)
    assert sql("SELECT * FROM tokens") == []
    assert not key_file.exists()


@on_postgresql
def test_a_database_may_be_shared_with_other_tables(ledger_url: str, key_file: Path, sql: Sql) -> None:
    sql("CREATE TABLE alembic_version (version_num TEXT)", "INSERT INTO alembic_version VALUES ('of another')")
    Ledger.open(ledger_url, key_file=key_file).close()
    assert sql("SELECT * FROM alembic_version") == [("of another",)]


def test_a_newer_schema_is_refused(ledger: Ledger, ledger_url: str, key_file: Path, sql: Sql) -> None:
    sql("UPDATE ledger_version SET version_num = '0999'")
    with pytest.raises(LedgerUnavailable, match=r"has schema 0999.*A newer Rotator wrote it"):
        Ledger.open(ledger_url, key_file=key_file)


# --- what cannot be reached or written ---------------------------------------------------------------------------


@contextmanager
def _as_nobody() -> Iterator[Path]:
    """Give a folder of an account that is not root, and be that account. (root may write everywhere.)"""
    folder = Path(tempfile.mkdtemp(prefix="rotator-ledger-"))
    nobody, myself = 65534, os.geteuid()
    if myself == 0:
        os.chown(folder, nobody, -1)
        os.seteuid(nobody)
    try:
        yield folder
    finally:
        os.seteuid(myself)
        shutil.rmtree(folder)


def test_a_folder_that_we_may_not_write_to_is_said() -> None:
    with _as_nobody() as folder:
        folder.chmod(0o500)
        with pytest.raises(LedgerUnavailable, match=r"cannot be used: Permission denied.*writable"):
            Ledger.open(f"sqlite:///{folder / 'ledger.db'}")
        folder.chmod(0o700)


def test_a_read_only_ledger_is_said_when_it_is_opened() -> None:
    with _as_nobody() as folder:
        file = folder / "ledger.db"
        Ledger.open(f"sqlite:///{file}").close()
        file.chmod(0o400)
        with pytest.raises(LedgerUnavailable, match=r"cannot be written\. It must be this user's own"):
            Ledger.open(f"sqlite:///{file}")


@on_postgresql
def test_a_read_only_server_is_said_when_it_is_opened(
    ledger: Ledger, ledger_url: str, key_file: Path, sql: Sql
) -> None:
    database = ledger_url.rpartition("/")[2]
    sql(f'ALTER DATABASE "{database}" SET default_transaction_read_only = on')
    with pytest.raises(LedgerUnavailable, match=r"session is read-only.*no read-only standby"):
        Ledger.open(ledger_url, key_file=key_file)


def test_a_server_that_does_not_answer_is_said_without_the_password(key_file: Path) -> None:
    [port] = free_ports()
    with pytest.raises(LedgerUnavailable, match=f"127.0.0.1:{port}/rotator cannot be used.*refused") as said:
        Ledger.open(f"postgresql://admin:very-secret@127.0.0.1:{port}/rotator", key_file=key_file)
    assert "very-secret" not in str(said.value)


@on_postgresql
@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("admin:", "admin:wrong-", "password authentication failed"),
        ("admin:", "nobody:", "password authentication failed"),
        ("/test_", "/missing_", "does not exist"),
    ],
)
def test_a_server_that_does_not_let_us_in_is_said(
    ledger_url: str, key_file: Path, right: str, wrong: str, said: str
) -> None:
    with pytest.raises(LedgerUnavailable, match=f"{said}.*user, password and database in the ledger's URL"):
        Ledger.open(ledger_url.replace(right, wrong), key_file=key_file)


@pytest.mark.parametrize(
    "url", ["", "ledger.db", "mysql://host/rotator", "sqlite://", "sqlite:///:memory:", "postgresql+nothing:x"]
)
def test_a_url_that_cannot_be_a_ledgers_is_refused(url: str) -> None:
    with pytest.raises(LedgerUnavailable, match=r"Write sqlite:////folder/ledger\.db or postgresql://"):
        Ledger.open(url)


@on_sqlite
def test_a_ledger_that_exists_opens_without_alembic(ledger: Ledger, ledger_url: str, key_file: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from rotator.ledger.ledger import Ledger; "
        f"Ledger.open({ledger_url!r}, key_file=Path({str(key_file)!r})).close(); "
        "sys.exit('alembic' in sys.modules or 'psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_file_that_is_no_ledger_keeps_its_mode(tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("these are no tables, and they are long enough to be looked at\n" * 20)
    notes.chmod(0o644)
    with pytest.raises(LedgerUnavailable):
        Ledger.open(f"sqlite:///{notes}")
    assert notes.stat().st_mode & 0o777 == 0o644
