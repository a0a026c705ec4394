"""Kill a real process before and after every ledger write, provider call and request of a rotation. Lose nothing.

A secret in three real stores. After a kill every destination must hold a token that works; after the next
``rotate run --once`` or ``rotate now``, everything promised must be true (``Rehearsal.is_whole``).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from rotator.domain.model import SecretName
from tests.crash.kills import GoesOn, kill_everywhere, running
from tests.crash.places import Bao, EnvFile, SecretsManager
from tests.crash.rehearsal import Rehearsal
from tests.crash.services import Sandbox
from tests.servers.forked_rotate import ForkedRotate
from tests.servers.moto import Moto
from tests.servers.openbao import OpenBao
from tests.servers.sandbox import StartSandbox

NOW = ("now", "--all", "--yes", "--overlap", "0")


def as_cron_would(run: Rehearsal, _number: int) -> None:
    """Before its first row a rotation has not begun, and nothing is due."""
    run.no_consumer_reads_a_dead_token()
    begun = run.has_begun()
    assert run.rotate("run", "--once", output="again") == 0, run.said("again")
    run.is_whole(rotated=begun)


def as_a_person_would(run: Rehearsal, _number: int) -> None:
    run.no_consumer_reads_a_dead_token()
    assert run.rotate(*NOW, output="again") == 0, run.said("again")
    run.is_whole(rotated=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    return f"sqlite:///{tmp_path}/ledger.db"


@pytest.fixture
def stage(
    ledger_url: str, tmp_path: Path, forked: ForkedRotate, start_sandbox: StartSandbox, openbao: OpenBao, mount: str,
    moto: Moto,
) -> Callable[[], Rehearsal]:  # fmt: skip
    def make() -> Rehearsal:
        name = SecretName(f"payments-{secrets.token_hex(4)}")
        folder = tmp_path / name
        places = EnvFile(folder), Bao(openbao, mount, name), SecretsManager(moto, name)
        service = Sandbox(start_sandbox())
        run = Rehearsal(name, folder, ledger_url, tmp_path / "ledger.key", forked, service, places)
        run.prepare()
        return run

    return make


@pytest.mark.parametrize("goes_on", [as_cron_would, as_a_person_would])
def test_a_rotation_that_is_killed_anywhere_loses_nothing(stage: Callable[[], Rehearsal], goes_on: GoesOn) -> None:
    kill_everywhere(stage, running(*NOW), goes_on, fewest_points=45)
