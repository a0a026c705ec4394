"""The end of a login: its sessions, the objects it owns, and logins that were there before Rotator."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.integration.postgresql_login.setting import Database, request

PAGE = Path(__file__).parents[3] / "docs" / "issuers" / "postgresql-login.md"


def is_open(session) -> bool:
    import psycopg

    try:
        session.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def test_a_new_password_would_leave_sessions_open_so_they_are_ended(database: Database, issuer) -> None:
    old, new = issuer.issue(request()), issuer.issue(request())
    with database.consumer(old) as of_old, database.consumer(new) as of_new:
        assert issuer.revoke(old.handle) is Revocation.DONE
        assert not is_open(of_old)
        assert is_open(of_new)


def test_sessions_can_be_waited_for_while_nobody_new_gets_in(database: Database, issuer) -> None:
    patient = database.opened(sessions="wait")
    issued = patient.issue(request())
    with database.consumer(issued) as session:
        with pytest.raises(Temporary, match="1 of its sessions are still open"):
            patient.revoke(issued.handle)
        assert patient.verify(issued.value).verdict is Verdict.INVALID
        assert patient.tokens() == ()
        assert is_open(session)
    assert patient.revoke(issued.handle) is Revocation.DONE
    assert database.roles() == {}


def test_without_the_right_to_end_sessions_the_login_is_closed_all_the_same(database: Database, issuer) -> None:
    issued = issuer.issue(request())
    database.run(f"REVOKE pg_signal_backend FROM {database.rotator}")
    try:
        with database.consumer(issued), pytest.raises(NeedsOperator, match="a right is missing"):
            issuer.revoke(issued.handle)
        assert issuer.verify(issued.value).verdict is Verdict.INVALID
    finally:
        database.run(f"GRANT pg_signal_backend TO {database.rotator}")
    assert issuer.revoke(issued.handle) is Revocation.DONE


def test_a_login_that_owns_objects_stays_closed_and_says_why(database: Database, issuer) -> None:
    issued = issuer.issue(request())
    database.run(f"CREATE SCHEMA belongings AUTHORIZATION {issued.handle}")
    assert issuer.revoke(issued.handle) is Revocation.DONE
    assert database.roles() == {issued.handle: False}
    assert database.comment_on(issued.handle).startswith("rotator: closed; it owns objects")
    assert issuer.tokens() == ()
    assert issuer.verify(issued.value).verdict is Verdict.INVALID
    database.run(f"DROP SCHEMA belongings; DROP ROLE {issued.handle}")
    assert issuer.revoke(issued.handle) is Revocation.ALREADY_GONE


def test_old_logins_can_be_kept_and_are_closed(database: Database, issuer) -> None:
    keeping = database.opened(drop=False)
    issued = keeping.issue(request())
    assert keeping.revoke(issued.handle) is Revocation.DONE
    assert database.roles() == {issued.handle: False}
    assert keeping.tokens() == ()


# --- a login that was there before Rotator ---


@pytest.fixture
def before_rotator(database: Database) -> Iterator[tuple[str, str]]:
    """The login of an application, as most have one: it owns the objects. Its name and its password."""
    name, password = f"shop_{secrets.token_hex(4)}", f"{secrets.token_hex(16)}€"
    database.run(f"CREATE ROLE {name} LOGIN; CREATE SCHEMA {name} AUTHORIZATION {name}")
    database.set_password(name, password)
    yield name, password
    database.run(f"DROP SCHEMA {name}")


def hand_over(database: Database, login: str) -> None:
    """Run what our page tells the administrator to run."""
    [version] = database.query("SELECT current_setting('server_version_num')::int")
    always, *from_16_on = re.findall(r"^```sql\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    for block in (always, *(from_16_on[:1] if version[0] >= 160_000 else ())):
        named = block.replace("app_owner", database.owner).replace("rotator WITH", f"{database.rotator} WITH")
        database.run(re.sub(r"\bapp\b", login, named))


def test_a_login_that_was_there_before_is_handed_over_as_the_page_says(database, issuer, before_rotator) -> None:
    login, password = before_rotator
    value = SecretValue(f"postgresql+psycopg://{login}:{password}@localhost/postgres")
    assert issuer.tokens() == ()
    assert issuer.verify(value).verdict is Verdict.INDETERMINATE
    with pytest.raises(NeedsOperator, match="was not touched"):
        issuer.revoke(Handle(login))
    hand_over(database, login)
    assert [info.handle for info in issuer.tokens()] == [login]
    assert issuer.verify(value).handle == login
    assert issuer.revoke(Handle(login)) is Revocation.DONE
    assert issuer.verify(value).verdict is Verdict.INVALID
    assert database.roles() == {}


def test_a_word_of_the_mark_alone_is_no_right_over_a_role_of_somebody_else(database: Database, issuer) -> None:
    name = f"dba_{secrets.token_hex(4)}"
    database.run(f"CREATE ROLE {name} SUPERUSER LOGIN; GRANT {database.owner} TO {name}")
    database.run(f"COMMENT ON ROLE {name} IS 'rotator: by mistake'")
    try:
        with pytest.raises(NeedsOperator, match="a right is missing"):
            issuer.revoke(Handle(name))
        assert database.roles() == {name: True}
    finally:
        database.run(f"DROP ROLE {name}")
