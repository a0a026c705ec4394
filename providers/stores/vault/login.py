"""How to sign in to Vault: one table entry for each auth method. Knows no SDK; hvac's client is handed in.

Another method (kubernetes, jwt, userpass …) is another entry. When to sign in, and what a refusal means, is
``session``'s business.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from rotator.domain.contracts import Access, Credential
from rotator.domain.secret_value import SecretValue

SignIn = Callable[[Any, Access, str], SecretValue]
"""(an hvac client without a token, access, the auth mount) → the token to work with."""


@dataclass(frozen=True)
class Method:
    """An auth method: the credentials it needs, where it is mounted by default, and the call that signs in."""

    credentials: tuple[Credential, ...]
    mount: str
    sign_in: SignIn


def _hand_over(_client: Any, access: Access, _mount: str) -> SecretValue:
    return access.credential("token")


def _sign_in_with_approle(client: Any, access: Access, mount: str) -> SecretValue:
    role, secret = access.credential("role_id"), access.credential("secret_id")
    answer = client.auth.approle.login(
        role_id=role.reveal(), secret_id=secret.reveal(), use_token=False, mount_point=mount
    )
    return SecretValue(answer["auth"]["client_token"])


METHODS: Final[Mapping[str, Method]] = {
    "token": Method((Credential("token", "a token, made and renewed by somebody else"),), "token", _hand_over),
    "approle": Method(
        (
            Credential("role_id", "the AppRole's role-id"),
            Credential("secret_id", "a secret-id of the role that may be used more than once"),
        ),
        "approle",
        _sign_in_with_approle,
    ),
}
