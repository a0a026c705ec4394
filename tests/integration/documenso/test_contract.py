"""The issuer ``documenso`` keeps an issuer's promises, on a fake with the answers of a real Documenso 2.17.0."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import Issuer
from rotator.testing.issuer_contract import IssuerContract
from rotator.testing.moving_clock import MovingClock
from tests.fakes.documenso import Documenso
from tests.fakes.documenso_team import OTHER_TEAM, PASSWORD, TEAM, User
from tests.integration.documenso.setting import access_to, opened


class TestDocumenso(IssuerContract):
    @pytest.fixture
    def clock(self, service: Documenso) -> MovingClock:
        return service.clock

    @pytest.fixture(params=["a wrong password", "a plain member of the team", "another team's manager"])
    def stranger(self, request: pytest.FixtureRequest, service: Documenso) -> Issuer:
        """Two of them log in well: their lists are empty, and look like a team without tokens."""
        if request.param == "a wrong password":
            return opened(service.url, access_to(service, password="not the password"))
        if request.param == "a plain member of the team":
            return opened(service.url, access_to(service, email=_somebody(service, {TEAM: "MEMBER"})))
        return opened(service.url, access_to(service, email=_somebody(service, {OTHER_TEAM: "ADMIN"})))


def _somebody(service: Documenso, roles: dict[int, str]) -> str:
    service.team.users.append(User("bob@acme.example", PASSWORD, roles))
    return "bob@acme.example"
