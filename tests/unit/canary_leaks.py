"""Tests that leak, each by one way, for test_canary.py to run apart. Its docstring names the place to be reported.

Those whose docstring is empty do nothing wrong. This file is not collected by itself: they have to fail.
"""
# ruff: noqa: T201, TRY301, LOG015, PT012  (they print, raise and log in the plainest way, because that is the subject)

import base64
import json
import logging
import os
import sqlite3
import subprocess
import sys

import pytest
import typer
import typer.testing

from rotator.domain.errors import Permanent
from rotator.domain.secret_value import SecretValue

VALUE = "canary/in/a/mine"


@pytest.fixture(autouse=True)
def secret():
    return SecretValue(VALUE)


@pytest.fixture
def prints_when_it_ends():
    yield
    print(VALUE)


@pytest.fixture
def raises_when_it_starts():
    raise ValueError(VALUE)


@pytest.fixture
def ledger(tmp_path):
    connection = sqlite3.connect(tmp_path / "ledger.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE tokens (value)")
    yield connection
    connection.close()


def test_stdout():
    """captured stdout call"""
    print(VALUE)


def test_stderr():
    """captured stderr call"""
    print(VALUE, file=sys.stderr)


def test_file_descriptor():
    """captured stdout call"""
    os.write(1, VALUE.encode())


def test_stdout_that_the_test_read(capsys):
    """stdout"""
    print(VALUE)
    capsys.readouterr()


def test_stdout_of_a_child():
    """a child's stdout"""
    subprocess.run(["echo", VALUE], check=True, capture_output=True)


def test_stderr_of_a_child():
    """a child's stderr"""
    subprocess.run(["sh", "-c", "echo $0 >&2", VALUE], check=True, stderr=subprocess.PIPE)


def test_output_of_a_command():
    """a command's output"""
    application = typer.Typer()
    application.command()(lambda: print(VALUE))
    typer.testing.CliRunner().invoke(application)


def test_log():
    """the log (app)"""
    logging.getLogger("app").warning("using %s", VALUE)


def test_extra_of_a_log():
    """the log (app)"""
    logging.getLogger("app").warning("using a token", extra={"token": VALUE})


def test_error_in_a_log():
    """an error (ValueError)"""
    try:
        raise ValueError(VALUE)
    except ValueError:
        logging.exception("failed")


def test_error():
    """an error (ValueError)"""
    raise ValueError(VALUE)


def test_error_that_was_caught():
    """an error (Permanent)"""
    with pytest.raises(Permanent):
        raise Permanent("refused", remedy=f"try without {VALUE}")


def test_cause_of_an_error_that_was_caught():
    """an error (KeyError)"""
    with pytest.raises(Permanent):
        try:
            raise KeyError(VALUE)
        except KeyError as error:
            raise Permanent("refused") from error


@pytest.mark.xfail(reason="expected")
def test_expected_failure():
    """an error (ValueError)"""
    raise ValueError(VALUE)


def test_file(tmp_path):
    """the file deep/a.txt"""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.txt").write_text(f"token={VALUE}")


def test_file_beside_a_declared_one(tmp_path, may_hold_values):
    """the file app.env.bak"""
    may_hold_values(tmp_path / "app.env").write_text(VALUE)
    (tmp_path / "app.env.bak").write_text(VALUE)


def test_name_of_a_file(tmp_path):
    """the name of a file below tmp_path"""
    (tmp_path / VALUE).parent.mkdir(parents=True)
    (tmp_path / VALUE).touch()


def test_watched_folder(tmp_path_factory, known_values):
    """the file a.txt"""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    known_values.watch(elsewhere)
    (elsewhere / "a.txt").write_text(VALUE)


def test_base64(tmp_path):
    """the file a.txt"""
    (tmp_path / "a.txt").write_bytes(base64.b64encode(VALUE.encode()))


def test_address_with_a_value():
    """captured stdout call"""
    print("https://issuer.example/?token=canary%2Fin%2Fa%2Fmine")


def test_json():
    """captured stdout call"""
    value = SecretValue('quoted"canary').reveal()
    print(json.dumps({"token": value}))


def test_ledger(tmp_path, ledger):
    """the file ledger.db"""
    ledger.execute("INSERT INTO tokens VALUES (?)", [VALUE])
    ledger.commit()
    ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def test_write_ahead_log_of_a_ledger(ledger):
    """the file ledger.db-wal"""
    ledger.execute("INSERT INTO tokens VALUES (?)", [VALUE])
    ledger.commit()


def test_value_that_a_server_issued(known_values):
    """captured stdout call"""
    known_values.add("12345678")
    print(12345678)


def test_setup(raises_when_it_starts):
    """an error (ValueError)"""


def test_teardown(prints_when_it_ends):
    """captured stdout teardown"""


def test_value_of_the_test_before_is_forgotten():
    print(12345678)


def test_declared_folder_may_hold_values(tmp_path, may_hold_values):
    may_hold_values(tmp_path)
    (tmp_path / "app.env").write_text(VALUE)


def test_text_that_is_no_secret_may_be_shown(known_values):
    known_values.not_secret(VALUE)
    print(VALUE)


def test_short_text_is_no_value():
    print(SecretValue("abc").reveal(), "abcdef")


def test_wrapped_value_shows_nothing(secret):
    print(secret, repr(secret))
