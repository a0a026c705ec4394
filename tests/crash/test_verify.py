"""Rotator is killed while a policy's own `verify` tries the new token: before consumers see it, and as they read it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from rotator.domain.model import SecretName
from tests.crash.places import EnvFile
from tests.crash.rehearsal import KILLED, Rehearsal
from tests.crash.services import Sandbox
from tests.servers.forked_rotate import ForkedRotate
from tests.servers.sandbox import SandboxIssuer, StartSandbox

NOW = ("now", "--all", "--yes", "--overlap", "0")


class Tried(Sandbox):
    """Its tokens are tried by a program as well. The settings allow that."""

    def __init__(self, server: SandboxIssuer) -> None:
        super().__init__(server)
        self.environment = {**self.environment, "ROTATOR_ALLOW_COMMANDS": "true"}


@pytest.fixture
def program(tmp_path: Path) -> Callable[[str], Path]:
    """Writes the program that tries a token; what it does first is the test's."""

    def write(first: str) -> Path:
        file = tmp_path / "try"
        file.write_text(f'#!/bin/sh\n{first}\ntest "$(wc -c)" -gt 30\n')
        file.chmod(0o700)
        return file

    return write


@pytest.mark.parametrize("trial", [1, 2])
@pytest.mark.parametrize("again", [("run", "--once"), NOW])
def test_a_kill_while_a_program_tries_the_new_token(
    tmp_path: Path,
    forked: ForkedRotate,
    start_sandbox: StartSandbox,
    program: Callable[[str], Path],
    trial: int,
    again: tuple[str, ...],
) -> None:
    name, counted = SecretName(f"payments-{secrets.token_hex(4)}"), tmp_path / "tried"
    kills = f'echo tried >>{counted}; test "$(wc -l <{counted})" -eq {trial} && kill -KILL $PPID'
    rules = f"overlap: {{for: 0s}}\n    verify: {{command: [{program(kills)}]}}"
    folder, service = tmp_path / name, Tried(start_sandbox())
    run = Rehearsal(
        name, folder, f"sqlite:///{tmp_path}/ledger.db", tmp_path / "key", forked, service, [EnvFile(folder)], rules
    )
    run.prepare()
    assert run.rotate(*NOW, output="killed") == KILLED
    run.no_consumer_reads_a_dead_token()
    assert run.rotate(*again, output="again") == 0, run.said("again")
    run.is_whole(rotated=True)
    assert len(counted.read_text().split()) == 3, "each token is tried before consumers see it, and as they read it"
