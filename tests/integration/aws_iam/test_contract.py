"""The issuer keeps its promises on moto's IAM and STS, with their checks on, and on a fake where moto differs."""

from __future__ import annotations

import pytest

from providers.issuers.aws_iam.forms import AccessKey, Form, read, written
from providers.issuers.aws_iam.issuer import AccessKeyIssuer
from rotator.domain.contracts import Verdict
from rotator.testing.access import DictionaryAccess
from rotator.testing.issuer_contract import IssuerContract
from rotator.testing.moving_clock import MovingClock
from tests.fakes.aws_iam import Iam
from tests.integration.aws_iam.setting import Account, access_with, opened


class AccessKeyContract(IssuerContract):
    @pytest.fixture
    def clock(self, access: DictionaryAccess) -> MovingClock:
        assert isinstance(access.clock, MovingClock)
        return access.clock

    @pytest.fixture
    def user(self, service: Account | Iam) -> str:
        return service.new_user()

    @pytest.fixture
    def issuer(self, service: Account | Iam, user: str, access: DictionaryAccess) -> AccessKeyIssuer:
        return opened(service.url, user, access)

    @pytest.fixture
    def stranger(self, service: Account | Iam, user: str) -> AccessKeyIssuer:
        return opened(service.url, user, access_with("AKIA0000000000000000", "no-such-secret-access-key"))

    def test_a_value_that_was_never_issued_is_invalid(self, issuer, issue):
        """A pair is changed in its id: with another secret it is a live key's, wrongly signed."""
        key = read(issue().value)
        other = AccessKey(key.id[:-8] + "00000000", key.secret)
        assert issuer.verify(written(other, Form.JSON)).verdict is Verdict.INVALID


class TestOnMoto(AccessKeyContract):
    @pytest.fixture
    def service(self, account: Account) -> Account:
        return account

    @pytest.fixture
    def access(self, manager: DictionaryAccess) -> DictionaryAccess:
        return manager


class TestOnTheFake(AccessKeyContract):
    @pytest.fixture
    def service(self, fake: Iam) -> Iam:
        return fake

    @pytest.fixture
    def access(self, fake_manager: DictionaryAccess) -> DictionaryAccess:
        return fake_manager
