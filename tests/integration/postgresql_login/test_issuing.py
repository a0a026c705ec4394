"""Making and listing logins: what a lost answer leaves, what the server gets to see, and what is refused first."""

from __future__ import annotations

import secrets
from datetime import timedelta

import pytest

from providers.issuers.postgresql_login import server as postgresql_server
from providers.issuers.postgresql_login.issuer import PostgreSQLLogins
from rotator.domain.contracts import Verdict
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, Temporary
from tests.fakes.broken_link import BrokenLink, broken_link
from tests.integration.postgresql_login.setting import Database, login_in, request


@pytest.fixture
def link(database: Database):
    with broken_link(f"postgresql://nobody@127.0.0.1:{database.server.port}/postgres") as made:
        yield made


@pytest.fixture
def far(database: Database, link: BrokenLink, issuer: PostgreSQLLogins) -> PostgreSQLLogins:
    """The same issuer, at the other end of a link that breaks."""
    return database.opened(port=int(link.url.rsplit(":", 1)[1].partition("/")[0]))


def names(issuer: PostgreSQLLogins) -> list[str | None]:
    return [info.name for info in issuer.tokens()]


# --- issue ---


def test_what_a_consumer_makes_belongs_to_the_owner(database: Database, issuer: PostgreSQLLogins) -> None:
    database.run(f"CREATE SCHEMA IF NOT EXISTS things AUTHORIZATION {database.owner}")
    with database.consumer(issuer.issue(request())) as consumer:
        consumer.execute("CREATE TABLE things.orders (id int)")
    assert database.query("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'") == [(database.owner,)]


def test_the_value_leads_where_consumers_connect_to(database: Database, issuer: PostgreSQLLogins) -> None:
    there = database.opened(address="pool.example.org:6432/shop?sslmode=verify-full")
    value = there.issue(request("app_there")).value.reveal()
    assert value.startswith("postgresql://app_there:")
    assert value.endswith("@pool.example.org:6432/shop?sslmode=verify-full")


def test_neither_the_server_nor_anybody_on_the_way_sees_the_password(far, link, database, monkeypatch) -> None:
    password = secrets.token_urlsafe(32)
    monkeypatch.setattr("secrets.token_urlsafe", lambda _bytes: password)
    link.lose(password.encode())  # the link breaks when it passes
    issued = far.issue(request("app_unseen"))
    assert far.verify(issued.value).verdict is Verdict.VALID
    [(kept,)] = database.query("SELECT rolpassword FROM pg_authid WHERE rolname = 'app_unseen'")
    assert kept.startswith("SCRAM-SHA-256$4096:")


def test_a_login_is_made_with_its_limits(database: Database, issuer: PostgreSQLLogins) -> None:
    issued = database.opened(connection_limit=3).issue(request(lifetime="90 days"))
    [(limit, ends)] = database.query(
        "SELECT rolconnlimit, rolvaliduntil FROM pg_roles WHERE rolname = %(name)s", name=issued.handle
    )
    assert (limit, ends) == (3, issued.expires_at)
    assert issued.expires_at == issued.created_at + timedelta(days=90)


def test_a_lost_answer_to_the_commit_leaves_a_login_that_its_name_finds(far, link) -> None:
    link.lose_the_answer_to(b"COMMIT")
    with pytest.raises(Ambiguous):
        far.issue(request("app_lost"))
    assert names(far) == ["app_lost"]


def test_a_commit_that_never_arrived_leaves_nothing(far, link) -> None:
    link.lose(b"COMMIT")
    with pytest.raises(Ambiguous):
        far.issue(request("app_lost"))
    assert names(far) == []


@pytest.mark.parametrize("statement", [b"CREATE ROLE", b"GRANT", b"ALTER ROLE", b"COMMENT ON"])
def test_a_line_that_breaks_before_the_commit_made_nothing_for_certain(far, link, statement) -> None:
    link.lose_the_answer_to(statement)
    with pytest.raises(Temporary) as caught:
        far.issue(request("app_lost"))
    assert not isinstance(caught.value, Ambiguous)
    assert names(far) == []


def test_a_list_waits_for_a_creation_that_is_under_way(database, issuer, monkeypatch) -> None:
    """Its client may be gone, and its commit wait for a replica: it would appear after a list that said 'none'."""
    monkeypatch.setitem(postgresql_server._SETTINGS, "lock_timeout", "50ms")
    with database.connected("admin", database.server.password) as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('rotator:' || %s, 0))", (database.owner,))
        with pytest.raises(Temporary, match="55P03 LockNotAvailable"):
            issuer.tokens()
    assert issuer.tokens() == ()


def test_a_name_that_is_taken_is_refused_and_its_role_not_touched(database, issuer) -> None:
    issuer.issue(request("app_taken"))
    before = database.query("SELECT * FROM pg_authid WHERE rolname = 'app_taken'")
    with pytest.raises(Permanent, match="has a role app_taken already"):
        issuer.issue(request("app_taken"))
    assert database.query("SELECT * FROM pg_authid WHERE rolname = 'app_taken'") == before


# --- tokens ---


def test_only_logins_that_carry_our_mark_are_listed(database: Database, issuer: PostgreSQLLogins) -> None:
    ours = issuer.issue(request()).handle
    theirs = f"alice_{secrets.token_hex(4)}"
    marked = f"bob_{secrets.token_hex(4)}"
    database.run(f"CREATE ROLE {theirs} LOGIN; GRANT {database.owner} TO {theirs}")
    database.run(f"CREATE ROLE {marked} LOGIN; COMMENT ON ROLE {marked} IS 'rotator: made of another owner'")
    try:
        assert [info.handle for info in issuer.tokens()] == [ours]
        for stranger in (theirs, marked, "admin", database.rotator, database.owner):
            with pytest.raises(NeedsOperator, match="was not touched"):
                issuer.revoke(stranger)
        assert database.query("SELECT rolcanlogin FROM pg_roles WHERE rolname = %(name)s", name=theirs) == [(True,)]
    finally:
        database.run(f"DROP ROLE {theirs}, {marked}")


def test_an_owner_that_is_not_there_is_no_empty_list(database: Database) -> None:
    with pytest.raises(NeedsOperator, match="there is no role app_owner_misspelt"):
        database.opened(role="app_owner_misspelt").tokens()


# --- what stands in the way ---


def test_each_missing_right_is_told_before_anything_is_made(database: Database, issuer: PostgreSQLLogins) -> None:
    rotator = database.rotator
    database.run(f"ALTER ROLE {rotator} NOCREATEROLE; REVOKE pg_signal_backend FROM {rotator}")
    try:
        with pytest.raises(NeedsOperator, match=r"CREATEROLE.*pg_signal_backend") as caught:
            issuer.tokens()
        assert "postgresql-login.sql" in caught.value.remedy
        with pytest.raises(NeedsOperator) as caught:
            database.opened(sessions="wait").tokens()
        assert "pg_signal_backend" not in str(caught.value)
        with pytest.raises(Permanent, match="a right is missing"):
            issuer.issue(request("app_without_rights"))
    finally:
        database.run(f"ALTER ROLE {rotator} CREATEROLE; GRANT pg_signal_backend TO {rotator}")
    assert names(issuer) == []


def test_from_version_16_on_the_owner_must_be_ours_to_grant(database: Database, issuer: PostgreSQLLogins) -> None:
    [(version,)] = database.query("SELECT current_setting('server_version_num')::int")
    if version < 160_000:
        pytest.skip("until version 15, CREATEROLE may grant any role")
    database.run(f"REVOKE {database.owner} FROM {database.rotator}")
    try:
        with pytest.raises(NeedsOperator, match="ADMIN OPTION"):
            issuer.tokens()
        with pytest.raises(Permanent, match="42501"):
            issuer.issue(request("app_not_grantable"))
    finally:
        database.run(f"GRANT {database.owner} TO {database.rotator} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    assert names(issuer) == []


def test_a_server_that_only_reads_is_a_standby_and_tried_again(database: Database, issuer: PostgreSQLLogins) -> None:
    database.run(f"ALTER ROLE {database.rotator} SET default_transaction_read_only = on")
    try:
        with pytest.raises(Temporary, match="25006") as caught:
            issuer.issue(request())
        assert not isinstance(caught.value, Ambiguous)
        assert "primary" in caught.value.remedy
    finally:
        database.run(f"ALTER ROLE {database.rotator} RESET default_transaction_read_only")


def test_a_server_that_falls_silent_is_hung_up_on(database, issuer, monkeypatch) -> None:
    monkeypatch.setattr(postgresql_server, "PATIENCE", 0.2)
    with database.connected("admin", database.server.password) as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended('rotator:' || %s, 0))", (database.owner,))
        with pytest.raises(Temporary, match="hung up"):
            issuer.issue(request())
    assert names(issuer) == []


def test_who_has_no_connection_free_tells_the_budget(database: Database, issuer: PostgreSQLLogins) -> None:
    database.run(f"ALTER ROLE {database.rotator} CONNECTION LIMIT 0")
    try:
        with pytest.raises(Temporary, match="no connection free"):
            issuer.tokens()
    finally:
        database.run(f"ALTER ROLE {database.rotator} CONNECTION LIMIT 10")


def test_nothing_is_taken_from_the_surroundings(database, issuer, monkeypatch, tmp_path) -> None:
    for name, value in {"PGHOSTADDR": "192.0.2.1", "PGSSLMODE": "verify-full", "PGOPTIONS": "-c role=admin",
                        "PGPASSFILE": str(tmp_path), "PGSSLCERT": "/nowhere", "PGSERVICE": "elsewhere",
                        "PGTARGETSESSIONATTRS": "standby"}.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    (tmp_path / "services").write_text("[elsewhere]\nhost=192.0.2.1\nport=1\n")
    issued = issuer.issue(request())
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    assert login_in(issued.value).user == issued.handle
