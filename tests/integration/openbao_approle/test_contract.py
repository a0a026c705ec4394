"""The issuer keeps its promises on a real OpenBao, with the permissions that we ship."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import Issuer
from rotator.testing.issuer_contract import IssuerContract
from tests.integration.openbao_approle.setting import Role


class TestOpenBao(IssuerContract):
    @pytest.fixture
    def stranger(self, role: Role) -> Issuer:
        return role.issuer(token="s.000000000000000000000000")
