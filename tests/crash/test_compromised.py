"""The same kills after a compromise, of one of two tokens in the same document: it must be proven dead all the same.

After each kill the neighbour's token is replaced and put away first. Then the same command goes on, and must end with a
refusal for every old token; of either, no version of the document that could be gone back to may hold a dead one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rotator.domain.model import Proof, SecretName
from tests.crash.kills import kill_everywhere
from tests.crash.places import Bao
from tests.crash.rehearsal import Kill, Rehearsal
from tests.crash.services import Sandbox
from tests.servers.forked_rotate import ForkedRotate
from tests.servers.openbao import OpenBao
from tests.servers.sandbox import StartSandbox

COMPROMISED = ("--compromised", "--yes")


@dataclass
class Shared:
    """Makes documents with a token of ours and one of a neighbour, and goes on with both."""

    new: Callable[[str, str, str], Rehearsal]
    """Gives a secret with a field of a document; the other field is the neighbour's."""
    neighbours: dict[SecretName, Rehearsal] = field(default_factory=dict)

    def stage(self) -> Rehearsal:
        path = f"shared-{secrets.token_hex(4)}"
        ours, theirs = self.new(path, "ours", "theirs"), self.new(path, "theirs", "ours")
        ours.prepare()
        theirs.prepare()
        self.neighbours[ours.name] = theirs
        return ours

    def goes_on(self, run: Rehearsal, _number: int) -> None:
        run.no_consumer_reads_a_dead_token()
        both = (self.neighbours[run.name], run)
        for each in both:
            assert each.rotate("now", each.name, *COMPROMISED, output="again") == 0, each.said("again")
            each.is_whole(rotated=True)
        for each in both:
            with each.open_ledger() as ledger:
                last = ledger.last_rotation(each.name)
            assert last is not None
            assert last.old is not None
            assert last.old.proof is Proof.REFUSED
            [place] = each.destinations
            assert isinstance(place, Bao)
            assert set(place.earlier()) <= {each.in_force}, f"{each.name} could be rolled back to a dead token"


@pytest.fixture
def shared(tmp_path: Path, forked: ForkedRotate, start_sandbox: StartSandbox, openbao: OpenBao, mount: str) -> Shared:
    def new(path: str, field: str, neighbour: str) -> Rehearsal:
        name = SecretName(f"{field}-{path}")
        places = [Bao(openbao, mount, path, field, [neighbour])]
        ledger_url, service = f"sqlite:///{tmp_path}/ledger.db", Sandbox(start_sandbox())
        return Rehearsal(name, tmp_path / name, ledger_url, tmp_path / "ledger.key", forked, service, places)

    return Shared(new)


def test_a_kill_after_which_a_neighbour_comes_first(shared: Shared) -> None:
    def act(run: Rehearsal, output: str, kill: Kill | None) -> int:
        return run.rotate("now", run.name, *COMPROMISED, output=output, kill=kill)

    kill_everywhere(shared.stage, act, shared.goes_on, fewest_points=30)
