"""Whole rotations of a login: by the engine, on a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from providers.database_login.value import read
from providers.issuers.postgresql_login.issuer import DIALECT, PostgreSQLLogins
from rotator.domain.contracts import Verdict
from rotator.domain.model import Cause, IssuerRef, Overlap, Phase, Proof
from rotator.domain.secret_value import SecretValue
from rotator.flow import adoption
from rotator.flow.inspection import inspect
from rotator.flow.report import Outcome
from rotator.testing.moving_clock import MovingClock
from tests.fakes.broken_link import BrokenLink, broken_link
from tests.fakes.world import World
from tests.integration.postgresql_login.setting import Database, request


class WorldOnPostgreSQL(World):
    """Stores in memory and a real ledger; the logins are real, and the server holds the truth."""

    def __init__(self, folder: Path, database: Database, link: BrokenLink) -> None:
        super().__init__(folder)
        self.clock = MovingClock(datetime.now(UTC))
        self.database, self.link = database, link
        self.opened = database.opened(port=int(link.url.rsplit(":", 1)[1].partition("/")[0]))
        self.old = self.opened.issue(request())
        self.stores["vault"].put_by_hand("app", self.old.value.reveal())
        adoption.adopt(self.worker().runner.tools, self.policies["app"], None)

    def issuer(self, _ref: IssuerRef) -> PostgreSQLLogins:
        return self.opened

    def assert_one_login_is_left_and_in_force(self) -> None:
        value = SecretValue(self.held_everywhere())
        login = read(value, DIALECT)
        assert login is not None
        assert login.user != self.old.handle
        assert self.database.roles() == {login.user: True}
        assert self.opened.verify(value).verdict is Verdict.VALID


@pytest.fixture
def world(tmp_path: Path, database: Database, issuer: PostgreSQLLogins) -> Iterator[WorldOnPostgreSQL]:
    with broken_link(f"postgresql://nobody@127.0.0.1:{database.server.port}/postgres") as link:
        made = WorldOnPostgreSQL(tmp_path, database, link)
        yield made
        made.ledger.close()


def test_the_check_before_the_first_rotation_hears_the_server_refuse_garbage(world: WorldOnPostgreSQL) -> None:
    first, *_ = inspect(world, world.policies["app"])
    assert (first.error, first.said) == (None, "logged in; 1 token")


def test_the_new_login_is_in_force_and_the_old_one_is_gone_with_its_sessions(world: WorldOnPostgreSQL) -> None:
    import psycopg

    with world.database.consumer(world.old) as session:
        report = world.worker().rotate(cause=Cause.COMPROMISED)
        assert report.outcome is Outcome.ROTATED
        assert report.rotation.old.proof is Proof.REFUSED
        with pytest.raises(psycopg.errors.AdminShutdown):
            session.execute("SELECT 1")
    world.assert_one_login_is_left_and_in_force()


def test_both_logins_act_as_the_owner_while_the_overlap_lasts(world: WorldOnPostgreSQL) -> None:
    report = world.worker().rotate(overlap=Overlap(for_=timedelta(hours=24)))
    assert report.rotation.phase is Phase.CONFIRMED
    for value in (world.old.value, SecretValue(world.held_everywhere())):
        login = read(value, DIALECT)
        with world.database.connected(login.user, login.password.reveal()) as consumer:
            assert consumer.execute("SELECT current_user").fetchone() == (world.database.owner,)


def test_a_login_whose_creation_was_not_answered_is_found_by_its_name_ended_and_made_again(world) -> None:
    world.link.lose_the_answer_to(b"COMMIT")
    assert world.worker().rotate().outcome is Outcome.ROTATED
    lost, new = world.rotation().tokens
    assert (lost.proof, new.handle) == (Proof.UNLISTED, next(iter(world.database.roles())))
    world.assert_one_login_is_left_and_in_force()


@pytest.mark.parametrize("words", [b"ALTER ROLE", b"pg_terminate_backend", b"DROP ROLE"])
def test_an_end_that_breaks_off_is_finished(world: WorldOnPostgreSQL, words: bytes) -> None:
    broken = []

    def breaks_later(moment: str) -> None:
        if moment == "after vault.write" and not broken:
            broken.append(moment)
            world.link.lose_the_answer_to(words)

    world.hook = breaks_later
    with world.database.consumer(world.old):
        assert world.worker().rotate().outcome is Outcome.ROTATED
    assert broken
    world.assert_one_login_is_left_and_in_force()


def test_a_process_that_dies_with_the_new_login_in_hand_leaves_none_behind(world: WorldOnPostgreSQL) -> None:
    with world.killed_at("after vault.write"):
        world.worker().rotate()
    world.lease_runs_out()
    assert world.worker().resume().phase is Phase.RETIRED
    world.assert_one_login_is_left_and_in_force()
