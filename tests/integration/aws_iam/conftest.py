"""The two accounts that the issuer is tried on, and what opens it there. moto's checks are on for one module only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from providers.issuers.aws_iam.issuer import AccessKeyIssuer
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.fakes.aws_iam import Iam, iam
from tests.integration.aws_iam.setting import Account, access_with, checking, least_privilege, opened
from tests.servers.moto import Moto


@pytest.fixture(scope="module")
def account(moto: Moto) -> Iterator[Account]:
    with checking(moto) as made:
        yield made


@pytest.fixture(scope="module")
def manager(account: Account) -> DictionaryAccess:
    """A manager in that account who may do what our permissions say, and no more."""
    return access_with(*account.manager(least_privilege()))


@pytest.fixture(scope="module")
def fake_server() -> Iterator[Iam]:
    with iam(MovingClock(datetime.now(UTC))) as service:
        yield service


@pytest.fixture
def fake(fake_server: Iam) -> Iam:
    fake_server.reset()
    return fake_server


@pytest.fixture(scope="module")
def fake_manager(fake_server: Iam) -> DictionaryAccess:
    made = access_with(fake_server.manager.id, fake_server.manager.secret)
    made.clock = fake_server.clock
    return made


@pytest.fixture
def user(fake: Iam) -> str:
    return fake.new_user()


@pytest.fixture
def issuer(fake: Iam, fake_manager: DictionaryAccess, user: str) -> AccessKeyIssuer:
    return opened(fake.url, user, fake_manager)
