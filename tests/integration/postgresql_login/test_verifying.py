"""What a server says of a login, and how little of it proves anything."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from providers.issuers.postgresql_login.issuer import PostgreSQLLogins
from rotator.domain.contracts import Verdict
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue
from tests.canary import CANARY
from tests.fakes.own_authority import own_authority
from tests.integration.postgresql_login.setting import Database, request
from tests.servers.process import require


def test_garbage_is_refused_as_the_check_before_the_first_rotation_needs_it(issuer: PostgreSQLLogins) -> None:
    verification = issuer.verify(SecretValue("0123456789abcdef" * 2 + "01234567"))
    assert (verification.verdict, verification.reason) == (Verdict.INVALID, "There is no such login.")


def test_a_lone_word_may_be_a_living_logins_password_and_proves_nothing(issuer: PostgreSQLLogins) -> None:
    assert issuer.verify(SecretValue("correct-horse-battery")).verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("VALID UNTIL '2020-01-01'", "It has expired (VALID UNTIL)."),
        ("NOLOGIN", "It may not log in (NOLOGIN)."),
        ("PASSWORD NULL", "It has another password."),
    ],
)
def test_a_login_that_somebody_else_ended_is_dead_and_the_reason_told(database, issuer, change, reason) -> None:
    issued = issuer.issue(request())
    database.run(f"ALTER ROLE {issued.handle} {change}")
    verification = issuer.verify(issued.value)
    assert (verification.verdict, verification.reason) == (Verdict.INVALID, reason)


def test_a_login_whose_sessions_are_all_taken_is_not_dead(database: Database, issuer: PostgreSQLLogins) -> None:
    crowded = database.opened(connection_limit=1)
    issued = crowded.issue(request())
    with database.consumer(issued):
        assert crowded.verify(issued.value).verdict is Verdict.INDETERMINATE


def test_a_login_that_does_not_act_as_the_owner_would_leave_objects_behind(database, issuer) -> None:
    issued = issuer.issue(request())
    database.run(f"ALTER ROLE {issued.handle} RESET role")
    verification = issuer.verify(issued.value)
    assert verification.verdict is Verdict.INDETERMINATE
    assert f"acts as {issued.handle}" in verification.reason


def test_a_refusal_in_another_language_is_a_death_only_where_the_catalogue_says_so(database, issuer) -> None:
    """The server's text is all that libpq gives of a refusal. One that we do not know, here: no right to connect."""
    issued = issuer.issue(request())
    database.run(f"REVOKE CONNECT ON DATABASE postgres FROM PUBLIC, {database.owner}")
    try:
        alive = issuer.verify(issued.value)
        database.run(f"ALTER ROLE {issued.handle} VALID UNTIL '2020-01-01'")
        dead = issuer.verify(issued.value)
    finally:
        database.run(f"GRANT CONNECT ON DATABASE postgres TO PUBLIC, {database.owner}")
    assert alive.verdict is Verdict.INDETERMINATE
    assert "not in words we know" in alive.reason
    assert dead.verdict is Verdict.INVALID


def test_without_a_way_to_ask_the_catalogue_nothing_is_proven(database: Database, issuer: PostgreSQLLogins) -> None:
    issued = issuer.issue(request())
    issuer.revoke(issued.handle)
    stranger = database.opened(password="not-the-password-of-rotator")
    assert stranger.verify(issued.value).verdict is Verdict.INDETERMINATE


@contextmanager
def first_line_of_hba(database: Database, line: str) -> Iterator[None]:
    """Put a line before all others in pg_hba.conf, for as long as the block lasts."""
    [(name,)] = database.query("SHOW hba_file")
    file = Path(name)
    before = file.read_text()
    file.write_text(f"{line}\n{before}")
    database.run("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        file.write_text(before)
        database.run("SELECT pg_reload_conf()")


def test_a_server_that_lets_anybody_in_proves_nothing(database: Database, issuer: PostgreSQLLogins) -> None:
    issued = issuer.issue(request())
    with first_line_of_hba(database, f"host all {issued.handle} 127.0.0.1/32 trust"):
        reloaded(database, issued.handle, "trust")
        verification = issuer.verify(issued.value)
    assert verification.verdict is Verdict.INDETERMINATE
    assert "without a password" in verification.reason


def test_a_server_that_turns_this_machine_away_proves_nothing(database: Database, issuer: PostgreSQLLogins) -> None:
    issued = issuer.issue(request())
    with first_line_of_hba(database, f"host all {issued.handle} 127.0.0.1/32 reject"):
        reloaded(database, issued.handle, "reject")
        assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE


def reloaded(database: Database, role: str, method: str) -> None:
    """See that the server read its file again: it answers the signal when it comes to it."""
    import psycopg

    for _ in range(1000):
        try:
            with database.connected(role, "wrong"):
                if method == "trust":
                    return
        except psycopg.OperationalError as error:
            if method in str(error):
                return
    raise AssertionError("the server did not read its pg_hba.conf again")


# --- TLS ---


@contextmanager
def with_tls(database: Database, folder: Path) -> Iterator[Path]:
    """Have the server offer TLS with a certificate for localhost; give the authority's."""
    require(database.query("SHOW ssl_library") != [("",)], "this PostgreSQL was built without TLS")
    authority = own_authority(folder)
    chain = (folder / "server.pem").read_text()
    CANARY.may_hold_values(folder / "server.pem")
    [(home,)] = database.query("SHOW data_directory")
    file = Path(home) / "tls.pem"
    file.write_text(chain)
    owner = Path(home).stat()
    subprocess.run(["chown", f"{owner.st_uid}:{owner.st_gid}", file], check=True)
    file.chmod(0o600)
    for setting in ("ssl_cert_file = 'tls.pem'", "ssl_key_file = 'tls.pem'", "ssl = on"):
        database.run(f"ALTER SYSTEM SET {setting}")
    database.run("SELECT pg_reload_conf()")
    try:
        yield authority.ca_file
    finally:
        database.run("ALTER SYSTEM RESET ALL")
        database.run("SELECT pg_reload_conf()")


def test_a_connection_to_elsewhere_is_encrypted_and_its_server_checked(database, issuer, tmp_path) -> None:
    local = f"postgresql://localhost:{database.server.port}/postgres"
    with pytest.raises(NeedsOperator, match="does not offer TLS"):
        database.opened(connection={"url": local, "sslmode": "verify-full"}).tokens()
    with with_tls(database, tmp_path) as ca_file:
        trusting = database.opened(connection={"url": local, "ca_file": ca_file})
        issued = trusting.issue(request())
        assert trusting.verify(issued.value).verdict is Verdict.VALID
        with pytest.raises(NeedsOperator, match="certificate is not trusted"):
            database.opened(connection={"url": local, "sslmode": "verify-full"}).tokens()
