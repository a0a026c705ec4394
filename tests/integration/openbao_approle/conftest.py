"""The auth method, mounted once for the server, and a role for each test."""

from __future__ import annotations

import pytest

from rotator.domain.contracts import Issuer
from tests.integration.openbao_approle.setting import Role
from tests.servers.openbao import OpenBao


@pytest.fixture(scope="session")
def approle(openbao: OpenBao) -> OpenBao:
    answer = openbao.answer("POST", "sys/auth/approle", {"type": "approle"})
    assert answer.status_code == 204 or "path is already in use" in answer.text
    return openbao


@pytest.fixture
def role(approle: OpenBao) -> Role:
    return Role(approle)


@pytest.fixture
def issuer(role: Role) -> Issuer:
    return role.issuer()
