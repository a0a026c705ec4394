"""What a server says of a login, and how little of it proves anything."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from providers.issuers.mysql_login.issuer import MySQLLogins
from rotator.domain.contracts import Verdict
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue
from tests.integration.mysql_login.setting import Database, request


def test_garbage_is_refused_as_the_check_before_the_first_rotation_needs_it(issuer: MySQLLogins) -> None:
    verification = issuer.verify(SecretValue("0123456789abcdef" * 2 + "01234567"))
    assert (verification.verdict, verification.reason) == (Verdict.INVALID, "There is no such login.")


def test_a_lone_word_may_be_a_living_logins_password_and_proves_nothing(issuer: MySQLLogins) -> None:
    assert issuer.verify(SecretValue("correct-horse-battery")).verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize(("disconnects", "change"), [("OFF", "PASSWORD EXPIRE"), ("ON", "PASSWORD EXPIRE"),
                                                     ("OFF", "ACCOUNT LOCK")])  # fmt: skip
def test_a_login_that_somebody_else_ended_is_dead(database, issuer, disconnects, change) -> None:
    issued = issuer.issue(request())
    database.query(f"ALTER USER %s@'%%' {change}", issued.name)
    database.run(f"SET GLOBAL disconnect_on_expired_password = {disconnects}")
    verification = issuer.verify(issued.value)
    database.run("SET GLOBAL disconnect_on_expired_password = OFF")
    assert verification.verdict is Verdict.INVALID
    assert verification.reason in ("It is locked.", "It has expired.")


def test_a_login_whose_sessions_are_all_taken_is_not_dead(database: Database, issuer: MySQLLogins) -> None:
    crowded = database.opened(connection_limit=1)
    issued = crowded.issue(request())
    consumer = database.consumer(issued)
    assert crowded.verify(issued.value).verdict is Verdict.INDETERMINATE
    consumer.close()


def test_a_login_without_its_role_is_of_no_use(database: Database, issuer: MySQLLogins) -> None:
    issued = issuer.issue(request())
    database.query(f"REVOKE {database.role} FROM %s@'%%'", issued.name)
    verification = issuer.verify(issued.value)
    database.query("DROP USER %s@'%%'", issued.name)
    assert verification.verdict is Verdict.INDETERMINATE
    assert "without the role" in verification.reason


def test_a_login_that_may_come_from_elsewhere_is_not_dead_because_it_may_not_come_from_here(database, issuer) -> None:
    """The server answers both with the same number: access denied."""
    issued = issuer.issue(request())
    database.query("RENAME USER %s@'%%' TO %s@'192.0.2.%%'", issued.name, issued.name)
    verification = issuer.verify(issued.value)
    assert verification.verdict is Verdict.INDETERMINATE
    assert f"{issued.name}@192.0.2.% may be accepted from others" in verification.reason


def test_without_a_way_to_ask_for_the_accounts_nothing_is_proven(database: Database, issuer: MySQLLogins) -> None:
    issued = issuer.issue(request())
    issuer.revoke(issued.handle)
    stranger = database.opened(password="not-the-password-of-rotator")
    assert stranger.verify(issued.value).verdict is Verdict.INDETERMINATE


# --- TLS ---


def test_a_server_whose_certificate_is_not_trusted_hears_nothing(database: Database, issuer: MySQLLogins) -> None:
    issued = issuer.issue(request())
    elsewhere = database.opened(connection={"url": f"mysql://localhost:{database.server.port}/app"})
    assert elsewhere.verify(issued.value).verdict is Verdict.VALID
    distrusting = database.opened(connection={"ca_file": "/etc/ssl/certs/ca-certificates.crt"})
    with pytest.raises(NeedsOperator, match="certificate is not trusted"):
        distrusting.tokens()
    assert distrusting.verify(issued.value).verdict is Verdict.INDETERMINATE


def test_a_server_that_offers_no_tls_gets_no_password(database: Database) -> None:
    with without_tls() as (port, heard), pytest.raises(NeedsOperator, match="does not offer TLS"):
        database.opened(port=port).tokens()
    assert heard == [b""]


@contextmanager
def without_tls() -> Iterator[tuple[int, list[bytes]]]:
    """Greet as a server does that has no TLS, or as somebody in between who took that word out."""
    no_tls = 0xFFFFFFFF & ~0x0800
    greeting = b"\n10.11.0-MariaDB\0" + struct.pack("<I", 1) + b"saltsalt\0" + struct.pack("<H", no_tls & 0xFFFF)
    greeting += b"\x21" + struct.pack("<HHB", 2, no_tls >> 16, 21) + bytes(10) + b"saltsaltsalt\0"
    greeting += b"mysql_native_password\0"
    heard: list[bytes] = []

    def greet() -> None:
        client, _ = listener.accept()
        with client:
            client.sendall(struct.pack("<I", len(greeting)) + greeting)
            heard.append(client.recv(1024))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        greeting_thread = threading.Thread(target=greet, daemon=True)
        greeting_thread.start()
        yield listener.getsockname()[1], heard
        greeting_thread.join(10)
