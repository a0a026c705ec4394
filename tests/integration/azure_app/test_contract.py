"""The issuer keeps its promises on a fake of Graph and Entra ID."""

from __future__ import annotations

import pytest

from rotator.domain.clock import Clock
from rotator.domain.contracts import Issuer, Verdict
from rotator.testing.issuer_contract import IssuerContract
from tests.integration.azure_app.setting import Directory


class TestEntra(IssuerContract):
    @pytest.fixture
    def clock(self, directory: Directory) -> Clock:
        return directory.clock

    @pytest.fixture
    def stranger(self, directory: Directory, application: str) -> Issuer:
        return directory.issuer(application, access=directory.access("never~chosen"))

    def test_a_secret_works_for_azure_identity_until_it_is_removed(self, directory, application, issuer, issue):
        """Microsoft's own client signs in with it, as a consumer does."""
        from azure.core.exceptions import ClientAuthenticationError
        from azure.identity import ClientSecretCredential

        from tests.fakes.entra import TENANT

        def signs_in() -> bool:
            settings = {"authority": directory.url, "connection_verify": str(directory.ca_file), "retry_total": 0}
            consumer = ClientSecretCredential(
                TENANT, application, issued.value.reveal(), disable_instance_discovery=True, **settings
            )
            try:
                return bool(consumer.get_token("https://billing.example/.default").token)
            except ClientAuthenticationError as refused:
                assert "AADSTS7000215" in str(refused)  # noqa: PT017  either way is an answer
                return False

        issued = issue()
        assert signs_in()
        issuer.revoke(issued.handle)
        assert not signs_in()
        assert issuer.verify(issued.value).verdict is Verdict.INVALID
