"""The issuer keeps its promises on a fake of Google's IAM and token endpoint."""

from __future__ import annotations

import json

import pytest

from rotator.domain.clock import Clock
from rotator.domain.contracts import Issuer, Verdict
from rotator.domain.secret_value import SecretValue
from rotator.testing.issuer_contract import IssuerContract
from tests.fakes.gcp_iam import Gcp
from tests.integration.gcp_service_account.setting import opened


class TestGoogle(IssuerContract):
    @pytest.fixture
    def clock(self, gcp: Gcp) -> Clock:
        return gcp.clock

    @pytest.fixture
    def stranger(self, gcp: Gcp, account: str) -> Issuer:
        other = gcp.key_by_hand(account)
        gcp.keys.remove(other)
        return opened(gcp, account, key=other)

    def test_a_value_that_was_never_issued_is_invalid(self, issuer, issue):
        """A key file is changed in its id: a piece of one is no key file at all."""
        document = json.loads(issue().value.reveal())
        other = SecretValue(json.dumps({**document, "private_key_id": "0" * 40}))
        assert issuer.verify(other).verdict is Verdict.INVALID
