"""Whole rotations of a login: by the engine, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from providers.database_login.value import read
from providers.issuers.mysql_login.issuer import VALUE, MySQLLogins
from rotator.domain.contracts import Verdict
from rotator.domain.model import Cause, IssuerRef, Phase, Proof
from rotator.domain.secret_value import SecretValue
from rotator.flow import adoption
from rotator.flow.report import Outcome
from rotator.testing.moving_clock import MovingClock
from tests.fakes.broken_link import BrokenLink, broken_link
from tests.fakes.world import World
from tests.integration.mysql_login.setting import Database, request


class WorldOnMariaDB(World):
    """Stores in memory and a real ledger; the logins are real, and the server holds the truth."""

    def __init__(self, folder: Path, database: Database, link: BrokenLink) -> None:
        super().__init__(folder)
        self.clock = MovingClock(datetime.now(UTC))
        self.database, self.link = database, link
        port = int(link.url.rsplit(":", 1)[1].partition("/")[0])
        self.opened = database.opened(port=port, connection={"tls": False, "ca_file": None}, drop=True)
        self.old = self.opened.issue(request())
        self.stores["vault"].put_by_hand("app", self.old.value.reveal())
        adoption.adopt(self.worker().runner.tools, self.policies["app"], None)

    def issuer(self, _ref: IssuerRef) -> MySQLLogins:
        return self.opened

    def assert_one_login_is_left_and_in_force(self) -> None:
        value = SecretValue(self.held_everywhere())
        login = read(value, VALUE)
        assert login is not None
        assert self.database.accounts() == {f"{login.user}@%": False}
        assert login.user != self.old.name
        assert self.opened.verify(value).verdict is Verdict.VALID


@pytest.fixture
def world(tmp_path: Path, database: Database, issuer: MySQLLogins) -> Iterator[WorldOnMariaDB]:
    database.run(f"ALTER USER {database.rotator}@'127.0.0.1' REQUIRE NONE")
    with broken_link(f"mysql://nobody@127.0.0.1:{database.server.port}/app") as link:
        made = WorldOnMariaDB(tmp_path, database, link)
        yield made
        made.ledger.close()


def test_the_new_login_is_in_force_and_the_old_one_is_gone_with_its_sessions(world: WorldOnMariaDB) -> None:
    import pymysql

    session = world.database.consumer(world.old)
    report = world.worker().rotate(cause=Cause.COMPROMISED)
    assert report.outcome is Outcome.ROTATED
    assert report.rotation.old.proof is Proof.REFUSED
    with pytest.raises(pymysql.err.OperationalError):
        session.ping(reconnect=False)
    world.assert_one_login_is_left_and_in_force()


@pytest.mark.parametrize("statement", [b"CREATE USER", b"GRANT `", b"SET DEFAULT ROLE"])
def test_a_login_whose_making_was_not_answered_is_found_ended_and_made_again(world, statement) -> None:
    world.link.lose_the_answer_to(statement)
    assert world.worker().rotate().outcome is Outcome.ROTATED
    lost, _new = world.rotation().tokens
    assert lost.proof is Proof.UNLISTED
    world.assert_one_login_is_left_and_in_force()


@pytest.mark.parametrize("words", [b"ACCOUNT LOCK", b"DROP USER"])
def test_an_end_that_breaks_off_is_finished(world: WorldOnMariaDB, words: bytes) -> None:
    broken = []

    def breaks_later(moment: str) -> None:
        if moment == "after vault.write" and not broken:
            broken.append(moment)
            world.link.lose_the_answer_to(words)

    world.hook = breaks_later
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert broken
    world.assert_one_login_is_left_and_in_force()


def test_a_process_that_dies_with_the_new_login_in_hand_leaves_none_behind(world: WorldOnMariaDB) -> None:
    with world.killed_at("after vault.write"):
        world.worker().rotate()
    world.lease_runs_out()
    assert world.worker().resume().phase is Phase.RETIRED
    world.assert_one_login_is_left_and_in_force()
