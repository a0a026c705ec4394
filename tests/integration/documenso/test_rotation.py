"""Whole rotations of a Documenso token: what the engine makes of its answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from rotator.domain.contracts import Issuer
from rotator.domain.durations import Duration
from rotator.domain.model import IssuerRef, Phase, Proof
from rotator.flow import adoption
from rotator.flow.report import Outcome
from tests.fakes.documenso import Documenso
from tests.fakes.documenso_team import TEAM
from tests.fakes.fault_proxy import FaultProxy, first, lose_answer
from tests.fakes.world import World
from tests.integration.documenso.setting import CREATE, LOGIN, access_to, opened


class WorldAtDocumenso(World):
    """A real ledger, one store in memory, and a team at Documenso with the token in use and somebody else's."""

    def __init__(self, folder: Path, service: Documenso, proxy: FaultProxy) -> None:
        super().__init__(folder)
        service.clock = self.clock
        service.team.clock = self.clock
        self.service = service
        self.documenso = opened(proxy.url, access_to(service))
        self.policies["app"] = replace(self.policies["app"], lifetime=Duration.parse("6 months"))
        _, self.theirs = service.team.add("somebody else's")
        self.handle, self.old = service.team.add("by hand")
        self.stores["vault"].put_by_hand("app", self.old)
        adoption.adopt(self.worker().runner.tools, self.policies["app"], self.handle)

    def issuer(self, _ref: IssuerRef) -> Issuer:  # type: ignore[override]  # not the one in memory
        return self.documenso

    def living(self) -> list[str]:
        return sorted(row.name for row in self.service.team.rows)


@pytest.fixture
def world(tmp_path: Path, service: Documenso, proxy: FaultProxy) -> Iterator[WorldAtDocumenso]:
    made = WorldAtDocumenso(tmp_path, service, proxy)
    yield made
    made.ledger.close()


def test_a_rotation_ends_with_the_old_token_refused_and_one_login(world: WorldAtDocumenso) -> None:
    report = world.worker().rotate()
    assert report.outcome is Outcome.ROTATED
    assert world.rotation().old.proof is Proof.REFUSED
    assert not world.service.team.accepts(world.old)
    assert world.service.team.accepts(world.held_everywhere())
    assert world.service.team.accepts(world.theirs)
    assert world.service.count(LOGIN) == 1


def test_a_rotation_costs_three_requests_of_the_monthly_quota(world: WorldAtDocumenso) -> None:
    """Adoption verifies the old token once; the new one is verified before it is published, and as it is stored."""
    world.worker().rotate()
    assert world.service.api_requests == 3


def test_a_token_whose_making_was_not_answered_is_found_by_its_name_and_deleted(
    world: WorldAtDocumenso, proxy: FaultProxy
) -> None:
    proxy.fail("POST", r"apiToken\.create", lose_answer())
    assert world.worker().rotate().outcome is Outcome.ROTATED
    assert world.service.count(CREATE) == 2
    assert len(world.living()) == 2
    assert world.service.team.accepts(world.held_everywhere())
    assert world.service.team.accepts(world.theirs)


def test_a_spent_quota_withdraws_the_rotation_and_leaves_the_old_token_in_force(world: WorldAtDocumenso) -> None:
    world.service.quota = world.service.api_requests
    report = world.worker().rotate()
    assert report.outcome is Outcome.WITHDRAWN
    assert world.rotation().phase is Phase.WITHDRAWN
    assert world.held_everywhere() == world.old
    assert world.living() == ["by hand", "somebody else's"]


def test_a_role_that_is_lost_before_the_old_token_is_deleted_is_a_persons_to_give_back(
    world: WorldAtDocumenso, proxy: FaultProxy
) -> None:
    lose_role = first(lambda: world.service.team.manager.roles.update({TEAM: "MEMBER"}))
    proxy.fail("POST", r"apiToken\.delete", lose_role)
    assert world.worker().rotate().outcome is Outcome.UNFINISHED
    rotation = world.rotation()
    assert rotation.trouble is not None
    assert rotation.trouble.needs_operator
    assert world.service.team.accepts(world.old)
    world.service.team.manager.roles[TEAM] = "MANAGER"
    assert world.worker().resume().phase is Phase.RETIRED
    assert not world.service.team.accepts(world.old)
