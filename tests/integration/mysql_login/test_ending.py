"""The end of a login: its sessions, what it defined, namesakes, and logins that were there before Rotator."""

from __future__ import annotations

import re
import secrets
from pathlib import Path
from typing import Any

import pytest

from providers.issuers.mysql_login.issuer import MySQLLogins
from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.integration.mysql_login.setting import Database, hashed, request

PAGE = Path(__file__).parents[3] / "docs" / "issuers" / "mysql-login.md"


def is_open(session: Any) -> bool:
    import pymysql

    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT 1")
    except pymysql.err.OperationalError:
        return False
    return True


def test_a_lock_leaves_sessions_open_so_they_are_ended(database: Database, issuer: MySQLLogins) -> None:
    old, new = issuer.issue(request()), issuer.issue(request())
    of_old, of_new = database.consumer(old), database.consumer(new)
    assert issuer.revoke(old.handle) is Revocation.DONE
    assert not is_open(of_old)
    assert is_open(of_new)
    of_new.close()


def test_sessions_can_be_waited_for_while_nobody_new_gets_in(database: Database, issuer: MySQLLogins) -> None:
    patient = database.opened(sessions="wait", drop=True)
    issued = patient.issue(request())
    session = database.consumer(issued)
    with pytest.raises(Temporary, match="1 of its sessions are still open"):
        patient.revoke(issued.handle)
    assert patient.verify(issued.value).verdict is Verdict.INVALID
    assert patient.tokens() == ()
    assert is_open(session)
    database.run(f"KILL USER {issued.name}")
    assert not is_open(session)
    assert patient.revoke(issued.handle) is Revocation.DONE
    assert database.accounts() == {}


@pytest.mark.parametrize("right", ["PROCESS", "CONNECTION ADMIN"])
def test_without_the_right_to_see_or_end_sessions_the_login_is_locked_all_the_same(database, issuer, right) -> None:
    issued = issuer.issue(request())
    session = database.consumer(issued)
    database.run(f"REVOKE {right} ON *.* FROM {database.rotator}@'127.0.0.1'")
    try:
        with pytest.raises(NeedsOperator, match=right):
            issuer.revoke(issued.handle)
        assert database.accounts() == {issued.handle: True}
    finally:
        database.run(f"GRANT {right} ON *.* TO {database.rotator}@'127.0.0.1'")
    assert is_open(session)
    assert issuer.revoke(issued.handle) is Revocation.DONE
    assert not is_open(session)


def test_sessions_of_a_namesake_are_not_ended(database: Database, issuer: MySQLLogins) -> None:
    """The server tells a session's name, not which of two accounts of that name it came in with."""
    issued = issuer.issue(request())
    database.query("CREATE USER %s@'127.0.0.1' IDENTIFIED BY 'of-a-namesake'", issued.name)
    session = database.server.connected(issued.name, "of-a-namesake")
    with pytest.raises(Temporary, match="sessions of that name"):
        issuer.revoke(issued.handle)
    assert is_open(session)
    session.close()
    database.query("DROP USER %s@'127.0.0.1'", issued.name)
    assert issuer.revoke(issued.handle) is Revocation.DONE


def test_what_an_old_login_defined_works_on_because_it_is_kept(database: Database, issuer: MySQLLogins) -> None:
    keeping = database.opened()
    issued = keeping.issue(request())
    database.query(f"CREATE DEFINER = %s@'%%' VIEW {database.schema}.seven AS SELECT 7", issued.name)
    assert keeping.revoke(issued.handle) is Revocation.DONE
    assert database.accounts() == {issued.handle: True}
    assert keeping.tokens() == ()
    assert keeping.verify(issued.value).verdict is Verdict.INVALID
    assert database.query(f"SELECT * FROM {database.schema}.seven") == [(7,)]
    assert keeping.revoke(issued.handle) is Revocation.DONE


# --- a login that was there before Rotator ---


def test_a_login_that_was_there_before_is_handed_over_as_the_page_says(database: Database, issuer) -> None:
    login, password = f"shop_{secrets.token_hex(4)}", f"{secrets.token_hex(16)}€"
    value = SecretValue(f"mariadb+pymysql://{login}:{password}@localhost/app")
    database.query("CREATE USER %s@'%%' IDENTIFIED BY PASSWORD %s", login, hashed(password))
    assert issuer.tokens() == ()
    assert issuer.verify(value).verdict is Verdict.INDETERMINATE
    with pytest.raises(NeedsOperator, match="was not touched"):
        issuer.revoke(Handle(f"{login}@%"))
    [hand_over] = re.findall(r"^```sql\n(GRANT app_role TO.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    database.run_all(hand_over, {"app_role": database.role, "'app'": f"'{login}'"})
    assert [info.handle for info in issuer.tokens()] == [f"{login}@%"]
    assert issuer.verify(value).handle == f"{login}@%"
    assert issuer.revoke(Handle(f"{login}@%")) is Revocation.DONE
    assert issuer.verify(value).verdict is Verdict.INVALID
