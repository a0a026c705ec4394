"""The servers of the tests themselves: ours, empty enough, and gone when they should be."""

from __future__ import annotations

import sys

import psycopg
import pytest

from tests.servers.jupyterhub import JupyterHub
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.postgresql import PostgreSQL
from tests.servers.process import ServerFailed, require, running


def test_openbao_gives_each_test_a_mount_of_its_own(openbao: OpenBao) -> None:
    first, second = openbao.mount_kv(), openbao.mount_kv(version=1)
    openbao.request("POST", f"{first}/data/app", {"data": {"color": "blue"}})
    assert openbao.request("GET", f"{first}/data/app")["data"]["data"] == {"color": "blue"}
    assert openbao.answer("GET", f"{second}/app").status_code == 404


def test_openbao_limits_a_token_to_its_policies(openbao: OpenBao) -> None:
    mount = openbao.mount_kv()
    reader = openbao.token(openbao.policy(f'path "{mount}/*" {{ capabilities = ["read"] }}'))["client_token"]
    assert openbao.answer("POST", f"{mount}/data/app", {"data": {}}, token=reader).status_code == 403


def test_jupyterhub_issues_a_token_that_works(jupyterhub: JupyterHub) -> None:
    user = jupyterhub.new_user()
    issued = jupyterhub.issue("by hand", user=user)
    assert jupyterhub.accepts(issued["token"])
    assert [token["id"] for token in jupyterhub.tokens(user)] == [issued["id"]]
    assert not jupyterhub.accepts("not-a-token-of-this-hub")


def test_moto_forgets_on_reset(moto: Moto) -> None:
    moto.reset()
    secrets_manager = moto.client("secretsmanager")
    secrets_manager.create_secret(Name="app", SecretString="x")
    assert len(secrets_manager.list_secrets()["SecretList"]) == 1
    moto.reset()
    assert secrets_manager.list_secrets()["SecretList"] == []


def test_postgresql_gives_each_test_an_empty_database(postgresql: PostgreSQL, postgresql_url: str) -> None:
    with psycopg.connect(postgresql_url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE t (x int)")
    with postgresql.fresh_database() as other, psycopg.connect(other.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_what_is_left_in_a_database_is_shown_to_the_canary(postgresql: PostgreSQL) -> None:
    with postgresql.fresh_database() as url:
        with psycopg.connect(url.replace("+psycopg", "")) as connection:
            connection.execute("CREATE TABLE events (detail jsonb)")
            connection.execute("""INSERT INTO events VALUES ('{"token": "in plain sight"}')""")
        [(table, text)] = postgresql.contents(url)
    assert table == "public.events"
    assert "in plain sight" in text


def test_a_missing_server_skips_at_home_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no such server"):
        require(present=False, reason="no such server")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no such server"):
        require(present=False, reason="no such server")


def test_a_server_that_does_not_start_shows_its_log_without_its_secrets(tmp_path) -> None:
    program = "import os; print('cannot use', os.environ['TOKEN'])"
    with (
        pytest.raises(ServerFailed, match="ended with status 0:\ncannot use •••"),
        running(
            "a server",
            [sys.executable, "-c", program],
            log=tmp_path.parent / f"{tmp_path.name}.log",
            environment={"TOKEN": "hunter2-hunter2"},
            secrets=("hunter2-hunter2",),
        ) as process,
    ):
        process.wait_until_ready(lambda: False, timeout=30)
