"""The same kills with one issuer of each kind of overlap: whatever may be alive at a time, nothing is lost.

Two destinations and a ledger in SQLite: what differs here is the issuer. ``test_every_kill`` has those that make as
many tokens as one likes; ``test_by_hand`` those that only people can make.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.issuers.sandbox.tokens import Rules
from rotator.domain.model import SecretName, TokenState
from tests.crash.kills import kill_everywhere, running
from tests.crash.places import Bao, EnvFile
from tests.crash.rehearsal import Rehearsal
from tests.crash.services import AccessKeys, Logins, OneAtATime, Service, ShortensTheOld
from tests.integration.aws_iam.setting import checking
from tests.integration.postgresql_login.setting import Database
from tests.servers.forked_rotate import ForkedRotate
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.postgresql import PostgreSQL
from tests.servers.sandbox import StartSandbox

NOW = ("now", "--all", "--yes", "--overlap", "0")
REVOKE_FIRST = (*NOW, "--revoke-first")

StageWith = Callable[[Callable[[], Service]], Callable[[], Rehearsal]]


@pytest.fixture
def stage_with(tmp_path: Path, forked: ForkedRotate, openbao: OpenBao, mount: str) -> StageWith:
    def with_service(new_service: Callable[[], Service]) -> Callable[[], Rehearsal]:
        def stage() -> Rehearsal:
            name = SecretName(f"payments-{secrets.token_hex(4)}")
            folder = tmp_path / name
            places = EnvFile(folder), Bao(openbao, mount, name)
            run = Rehearsal(
                name, folder, f"sqlite:///{tmp_path}/ledger.db", tmp_path / "ledger.key", forked, new_service(), places
            )
            run.prepare()
            return run

        return stage

    return with_service


def goes_on(run: Rehearsal, number: int) -> None:
    """Go on as cron would, or as a person would: by turns. Before its first row a rotation has not begun."""
    run.no_consumer_reads_a_dead_token()
    _finishes(run, number, NOW)


def goes_on_without_an_old_token(run: Rehearsal, number: int) -> None:
    """The user chose to revoke first: consumers may read a dead token, for as long as the rotation is open."""
    with run.open_ledger() as ledger:
        opened = ledger.secret(run.name).open
    if opened is None or opened.old is None or opened.old.state is TokenState.LIVE:
        run.no_consumer_reads_a_dead_token()
    _finishes(run, number, REVOKE_FIRST)


def _finishes(run: Rehearsal, number: int, command: tuple[str, ...]) -> None:
    begun = run.has_begun()
    by_cron = number % 2 == 0
    again = ("run", "--once") if by_cron else command
    assert run.rotate(*again, output="again") == 0, run.said("again")
    run.is_whole(rotated=begun or not by_cron)


def test_two_at_a_time(stage_with: StageWith, moto: Moto) -> None:
    with checking(moto) as account:
        kill_everywhere(stage_with(lambda: AccessKeys(account)), running(*NOW), goes_on, fewest_points=30)


@pytest.fixture
def database(postgresql: PostgreSQL) -> Iterator[Callable[[], Database]]:
    made: list[Database] = []

    def one_more() -> Database:
        made.append(Database(postgresql))
        made[-1].set_up()
        return made[-1]

    yield one_more
    for database in made:
        database.admin.close()


def test_two_logins_by_turns(stage_with: StageWith, database: Callable[[], Database]) -> None:
    kill_everywhere(stage_with(lambda: Logins(database())), running(*NOW), goes_on, fewest_points=30)


def test_one_at_a_time(stage_with: StageWith, start_sandbox: StartSandbox) -> None:
    stage = stage_with(lambda: OneAtATime(start_sandbox(rules=Rules(max_active=1))))
    kill_everywhere(stage, running(*REVOKE_FIRST), goes_on_without_an_old_token, fewest_points=30)


def test_a_new_one_shortens_the_old_one(stage_with: StageWith, start_sandbox: StartSandbox) -> None:
    kill_everywhere(stage_with(lambda: ShortensTheOld(start_sandbox())), running(*NOW), goes_on, fewest_points=30)
