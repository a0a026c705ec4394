"""The same kills of `rotate withdraw`, where every place holds the new token already: all of them go back, or none.

Every other time the daemon comes next, and not the person again. What was given up it brings to its end; before that
was written down, nothing was said, and it goes forward.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from rotator.domain.model import Phase, SecretName
from tests.crash.kills import kill_everywhere
from tests.crash.places import Bao, EnvFile
from tests.crash.rehearsal import Kill, Rehearsal
from tests.crash.services import Sandbox
from tests.servers.forked_rotate import ForkedRotate
from tests.servers.openbao import OpenBao
from tests.servers.sandbox import StartSandbox

NOW = ("now", "--all", "--yes", "--overlap", "0")


@pytest.fixture
def stage(
    tmp_path: Path, forked: ForkedRotate, start_sandbox: StartSandbox, openbao: OpenBao, mount: str
) -> Callable[[], Rehearsal]:
    def make() -> Rehearsal:
        name = SecretName(f"payments-{secrets.token_hex(4)}")
        folder = tmp_path / name
        places = EnvFile(folder), Bao(openbao, mount, name)
        ledger, service = f"sqlite:///{tmp_path}/ledger.db", Sandbox(start_sandbox())
        run = Rehearsal(name, folder, ledger, tmp_path / "ledger.key", forked, service, places)
        run.prepare()
        assert run.rotate(*NOW, output="rotated") == 0
        run.is_whole(rotated=True)
        return run

    return make


def withdraws(run: Rehearsal, output: str, kill: Kill | None) -> int:
    """Have a rotation die when everything is written and nothing read back, and take it back."""
    run.rotate(*NOW, output="written", kill=run.before("bao.settle", "rotated"))
    return run.rotate("withdraw", run.name, output=output, kill=kill)


def goes_on(run: Rehearsal, number: int) -> None:
    run.no_consumer_reads_a_dead_token()
    with run.open_ledger() as ledger:
        opened = ledger.secret(run.name).open
    given_up = opened is None or opened.given_up is not None
    by_daemon = number % 2 == 1
    if opened is not None:
        again = ("run", "--once") if by_daemon else ("withdraw", run.name)
        run.rotate(*again, output="again")
    with run.open_ledger() as ledger:
        last = ledger.last_rotation(run.name)
    assert last is not None
    assert last.phase is (Phase.WITHDRAWN if given_up or not by_daemon else Phase.RETIRED)
    run.is_whole(rotated=last.phase is Phase.RETIRED)


def test_a_kill_of_the_command_that_takes_a_rotation_back(stage: Callable[[], Rehearsal]) -> None:
    kill_everywhere(stage, withdraws, goes_on, fewest_points=15)
