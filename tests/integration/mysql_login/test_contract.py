"""The issuer keeps its promises on a real MariaDB, in each form of the value."""

from __future__ import annotations

import pytest

from providers.database_login.value import Address, Form, Login, written
from providers.issuers.mysql_login.issuer import VALUE, MySQLLogins
from rotator.domain.contracts import Verdict
from rotator.testing.issuer_contract import IssuerContract, never_issued
from tests.integration.mysql_login.setting import Database, login_in


class TestMySQLLogins(IssuerContract):
    @pytest.fixture
    def stranger(self, database: Database) -> MySQLLogins:
        return database.opened(password="not-the-password-of-rotator")

    def test_a_value_that_was_never_issued_is_invalid(self, issuer, issue):
        """Of a pair, the password is changed: the contract's way would leave no URI."""
        login = login_in(issue().value)
        never = Login(login.user, never_issued(login.password))
        for form in Form:
            value = written(never, form, VALUE, Address("db.example.org", 3306, "app"))
            assert issuer.verify(value).verdict is Verdict.INVALID
