"""Making and listing logins: what a lost answer leaves, what the server gets to see, and what is refused first."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from providers.issuers.mysql_login import accounts
from providers.issuers.mysql_login import server as mysql_server
from providers.issuers.mysql_login.issuer import MySQLLogins
from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from tests.fakes.broken_link import BrokenLink, broken_link
from tests.integration.mysql_login.setting import Database, request


@pytest.fixture
def link(database: Database) -> Iterator[BrokenLink]:
    with broken_link(f"mysql://nobody@127.0.0.1:{database.server.port}/app") as made:
        yield made


@pytest.fixture
def far(database: Database, link: BrokenLink, issuer: MySQLLogins) -> Iterator[MySQLLogins]:
    """The same issuer, at the other end of a link that reads along and breaks."""
    database.run(f"ALTER USER {database.rotator}@'127.0.0.1' REQUIRE NONE")
    port = int(link.url.rsplit(":", 1)[1].partition("/")[0])
    yield database.opened(port=port, connection={"tls": False, "ca_file": None}, drop=True)
    database.run(f"ALTER USER {database.rotator}@'127.0.0.1' REQUIRE SSL")


def marked() -> str:
    """Give a name as the engine makes them: with a mark that tells it from all others."""
    return f"app_{''.join(secrets.choice('abcdefghijklmnopqrstuvwxyz234567') for _ in range(7))}"


def names(issuer: MySQLLogins) -> list[str | None]:
    return [info.name for info in issuer.tokens()]


# --- issue ---


def test_a_consumer_has_the_role_from_the_first_moment(database: Database, issuer: MySQLLogins) -> None:
    database.run(f"CREATE TABLE {database.schema}.orders (id INT)")
    consumer = database.consumer(issuer.issue(request()))
    with consumer.cursor() as cursor:
        assert cursor.execute(f"INSERT INTO {database.schema}.orders VALUES (1)") == 1
    consumer.close()


def test_neither_the_server_nor_anybody_on_the_way_sees_the_password(far, link, monkeypatch) -> None:
    password = secrets.token_urlsafe(32)
    monkeypatch.setattr("secrets.token_urlsafe", lambda _bytes: password)
    link.lose(password.encode())  # the link breaks when it passes
    assert far.verify(far.issue(request()).value).verdict is Verdict.VALID


def test_a_login_is_made_with_its_limits(database: Database, issuer: MySQLLogins) -> None:
    issued = database.opened(connection_limit=3).issue(request(lifetime="90 days"))
    assert issued.expires_at == issued.created_at + timedelta(days=90)
    [(most,)] = database.query(
        "SELECT JSON_VALUE(Priv, '$.max_user_connections') FROM mysql.global_priv WHERE User = %s", issued.name
    )
    assert most == "3"


def test_a_lifetime_is_whole_days(issuer: MySQLLogins) -> None:
    with pytest.raises(Permanent, match="whole days"):
        issuer.issue(request(lifetime="36h"))


@pytest.mark.parametrize("statement", [b"CREATE USER", b"GRANT `", b"SET DEFAULT ROLE"])
def test_a_login_whose_making_broke_off_is_found_by_its_name_and_ended(far, link, database, statement) -> None:
    link.lose_the_answer_to(statement)
    name = marked()
    with pytest.raises(Ambiguous):
        far.issue(request(name))
    [lost] = far.tokens()
    assert lost.name == name
    assert far.revoke(lost.handle) is Revocation.DONE
    assert far.tokens() == ()
    assert not database.exists(name)


def test_a_request_that_never_arrived_made_nothing(far, link) -> None:
    link.lose(b"CREATE USER")
    with pytest.raises(Ambiguous):
        far.issue(request(marked()))
    assert far.tokens() == ()


def test_a_login_that_cannot_have_its_role_goes_again(database: Database, issuer: MySQLLogins) -> None:
    name = marked()
    with pytest.raises(Permanent, match=r"error 1959"):
        database.opened(role="role_misspelt").issue(request(name))
    assert not database.exists(name)


def test_a_login_that_could_not_be_tried_from_here_goes_again(database: Database, issuer: MySQLLogins) -> None:
    name = marked()
    with pytest.raises(Permanent, match="did not let the new login"):
        database.opened(host="192.0.2.%").issue(request(name))
    assert not database.exists(name)


def test_a_name_that_is_taken_is_refused_and_its_account_not_touched(database, issuer) -> None:
    taken = issuer.issue(request("app_taken"))
    with pytest.raises(Permanent, match="has an account app_taken already"):
        issuer.issue(request("app_taken"))
    assert issuer.verify(taken.value).verdict is Verdict.VALID


# --- tokens ---


def test_only_holders_of_the_role_are_listed_and_nobody_else_is_touched(database: Database, issuer) -> None:
    ours = issuer.issue(request()).handle
    theirs = f"alice_{secrets.token_hex(4)}"
    database.run(f"CREATE USER {theirs}@localhost")
    try:
        assert [info.handle for info in issuer.tokens()] == [ours]
        for stranger in (f"{theirs}@localhost", "admin@127.0.0.1", f"{database.rotator}@127.0.0.1"):
            with pytest.raises(NeedsOperator, match="was not touched"):
                issuer.revoke(stranger)
            assert database.exists(stranger.partition("@")[0])
    finally:
        database.run(f"DROP USER {theirs}@localhost")


def test_a_list_waits_for_a_creation_that_is_under_way(database, issuer, monkeypatch) -> None:
    monkeypatch.setattr(accounts, "_LOCK_SECONDS", 0)
    with somebody_changing(database), pytest.raises(Temporary, match="is under way"):
        issuer.tokens()
    assert issuer.tokens() == ()


@contextmanager
def somebody_changing(database: Database) -> Iterator[None]:
    """Hold what everybody takes who makes or ends logins of this role."""
    name = f"CONCAT('rotator:', SHA1('{database.role}'))"
    database.run(f"SELECT GET_LOCK({name}, 0)")
    try:
        yield
    finally:
        database.run(f"SELECT RELEASE_LOCK({name})")


# --- what stands in the way ---


def test_a_role_that_is_not_there_is_no_empty_list(database: Database) -> None:
    with pytest.raises(NeedsOperator, match="may not grant the role role_misspelt"):
        database.opened(role="role_misspelt").tokens()


@pytest.mark.parametrize("right", ["CREATE USER", "PROCESS", "CONNECTION ADMIN"])
def test_each_missing_right_is_told_before_anything_is_made(database, issuer, right) -> None:
    database.run(f"REVOKE {right} ON *.* FROM {database.rotator}@'127.0.0.1'")
    try:
        with pytest.raises(NeedsOperator, match=right) as caught:
            issuer.tokens()
        assert "mysql-login.sql" in caught.value.remedy
        if right == "CREATE USER":
            with pytest.raises(Permanent, match="a right is missing"):
                issuer.issue(request())
    finally:
        database.run(f"GRANT {right} ON *.* TO {database.rotator}@'127.0.0.1'")


def test_without_the_right_to_read_accounts_nothing_is_listed(database: Database, issuer: MySQLLogins) -> None:
    database.run(f"REVOKE SELECT ON mysql.roles_mapping FROM {database.rotator}@'127.0.0.1'")
    try:
        with pytest.raises(NeedsOperator, match="a right is missing"):
            issuer.tokens()
    finally:
        database.run(f"GRANT SELECT ON mysql.roles_mapping TO {database.rotator}@'127.0.0.1'")


def test_a_server_that_only_reads_may_be_a_replica_and_is_believed_in_nothing(database, issuer) -> None:
    issued = issuer.issue(request())
    database.run("SET GLOBAL read_only = ON")
    try:
        for ask in (issuer.tokens, lambda: issuer.issue(request()), lambda: issuer.revoke("gone@%")):
            with pytest.raises(Temporary, match="only reads"):
                ask()
        database.query("ALTER USER %s@'%%' ACCOUNT LOCK", issued.name)
        assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE
    finally:
        database.run("SET GLOBAL read_only = OFF")
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


def test_a_server_that_falls_silent_is_hung_up_on(database, issuer, monkeypatch) -> None:
    monkeypatch.setattr(mysql_server, "ANSWER_SECONDS", 0.2)
    with somebody_changing(database), pytest.raises(Temporary, match="broke off"):
        issuer.tokens()


def test_who_has_no_connection_free_is_told_so(database: Database, issuer: MySQLLogins) -> None:
    account = f"{database.rotator}@'127.0.0.1'"
    database.run(f"ALTER USER {account} WITH MAX_USER_CONNECTIONS 1")
    try:
        taken = database.server.connected(database.rotator, database.password)
        with pytest.raises(Temporary, match="no connection free"):
            issuer.tokens()
        taken.close()
    finally:
        database.run(f"ALTER USER {account} WITH MAX_USER_CONNECTIONS 0")
