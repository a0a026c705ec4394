"""The permissions that we ship are enough, and none of them is too many: IAM's own checks, as moto has them."""

from __future__ import annotations

import pytest

from providers.issuers.aws_iam.issuer import AccessKeyIssuer
from providers.issuers.aws_iam.plugin import PLUGIN
from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import NeedsOperator, Permanent
from tests.integration.aws_iam.setting import Account, access_with, least_privilege, opened, request


@pytest.fixture
def user(account: Account) -> str:
    return account.new_user()


def without(account: Account, user: str, action: str) -> AccessKeyIssuer:
    rest = [allowed for allowed in least_privilege() if allowed != action]
    assert len(rest) == len(least_privilege()) - 1
    return opened(account.url, user, access_with(*account.manager(rest)))


def test_the_plugin_names_what_the_file_allows() -> None:
    assert [line.partition(" ")[0] for line in PLUGIN.permissions] == least_privilege()


def test_without_the_right_to_create_the_rotation_is_given_up(account: Account, user: str) -> None:
    with pytest.raises(Permanent, match="Allow iam:CreateAccessKey"):
        without(account, user, "iam:CreateAccessKey").issue(request())
    assert account.keys_of(user) == {}


@pytest.mark.parametrize("action", ["iam:ListAccessKeys", "iam:GetAccessKeyLastUsed"])
def test_without_a_right_to_look_the_missing_one_is_named(account: Account, user: str, action: str) -> None:
    issuer = without(account, user, action)
    issuer.issue(request())
    with pytest.raises(NeedsOperator, match=f"Allow {action}"):
        issuer.tokens()


def test_without_the_right_to_deactivate_nothing_is_touched(account: Account, user: str) -> None:
    issuer = without(account, user, "iam:UpdateAccessKey")
    issued = issuer.issue(request())
    with pytest.raises(NeedsOperator, match="Allow iam:UpdateAccessKey"):
        issuer.revoke(issued.handle)
    assert account.keys_of(user) == {issued.handle: "Active"}


def test_without_the_right_to_delete_the_key_is_dead_all_the_same(account: Account, user: str, manager) -> None:
    issued = opened(account.url, user, manager).issue(request())
    with pytest.raises(NeedsOperator, match="Allow iam:DeleteAccessKey"):
        without(account, user, "iam:DeleteAccessKey").revoke(issued.handle)
    assert account.keys_of(user) == {issued.handle: "Inactive"}
    assert opened(account.url, user, manager).revoke(issued.handle) is Revocation.DONE
    assert account.keys_of(user) == {}


def test_the_rights_of_the_user_itself_do_not_matter(account: Account, user: str, manager) -> None:
    """GetCallerIdentity needs no permission: the user here has none at all."""
    issuer = opened(account.url, user, manager)
    assert issuer.verify(issuer.issue(request()).value).verdict is Verdict.VALID
