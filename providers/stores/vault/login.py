"""How to sign in to Vault: one function for each auth method. Knows no SDK; hvac's client is handed in.

When to sign in, and what a refusal means, is ``bearer``'s business.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from providers.stores.vault.failures import Garbled, part
from providers.stores.vault.plugin import VaultConfig
from rotator.domain.contracts import Access
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue


@dataclass(frozen=True)
class Lease:
    """A token to work with, and what the server says of its end."""

    token: SecretValue
    lasts: timedelta | None = None
    """From now on. None: for ever, or nobody said."""
    renewable: bool = False


def lease_in(answer: Any) -> Lease:
    """Read what a login or a renewal was answered. Garbled, or NeedsOperator where a second factor is asked for."""
    auth = part(answer, dict, "auth")
    if auth.get("mfa_requirement"):
        raise NeedsOperator(
            "Vault asks for a second factor after the login, and nobody is here to give one.",
            remedy="Take this identity out of the login enforcement, or use another auth method.",
        )
    token = part(auth, str, "client_token")
    if not token:
        raise Garbled("the token is empty")
    seconds = part(auth, int, "lease_duration")
    return Lease(SecretValue(token), timedelta(seconds=seconds) if seconds else None, auth.get("renewable") is True)


SignIn = Callable[[Any, VaultConfig, Access], Lease]
"""(an hvac client without a token, the connection's settings, access) → a token."""


def _log_in(client: Any, config: VaultConfig, body: Mapping[str, Any], *, whose: str = "") -> Lease:
    mount = quote(config.auth.mount or config.auth.method)
    return lease_in(client.adapter.post(f"/v1/auth/{mount}/login{whose}", json=body))


def _as_approle(client: Any, config: VaultConfig, access: Access) -> Lease:
    role, secret = access.credential("role_id"), access.credential("secret_id")
    return _log_in(client, config, {"role_id": role.reveal(), "secret_id": secret.reveal()})


def _with_a_jwt(client: Any, config: VaultConfig, access: Access) -> Lease:
    """Sign in to ``kubernetes`` or ``jwt``. The token's file is read each time: what wrote it replaces it."""
    role = {"role": config.auth.role} if config.auth.role else {}
    return _log_in(client, config, {**role, "jwt": access.credential("jwt").reveal()})


def _as_an_iam_identity(client: Any, config: VaultConfig, access: Access) -> Lease:
    from providers.stores.vault.aws_identity import signed_caller_identity

    role = {"role": config.auth.role} if config.auth.role else {}
    return _log_in(client, config, {**role, **signed_caller_identity(config, access)})


def _with_a_certificate(client: Any, config: VaultConfig, _access: Access) -> Lease:
    """Sign in with what the TLS connection shows: a new connection, because the files may have been replaced."""
    certificate, key = client_certificate(config) or ("", "")
    try:
        # The empty password keeps OpenSSL from asking for one.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(certificate, key, password="")
    except OSError as error:  # an ssl.SSLError is one, too
        raise NeedsOperator(
            f"The client certificate cannot be used ({getattr(error, 'reason', None) or error.strerror}).",
            remedy=f"Check that {certificate} and {key} are a certificate and its key in PEM, without a passphrase, "
            "and readable by us.",
        ) from error
    client.adapter.close()
    return _log_in(client, config, {"name": config.auth.role} if config.auth.role else {})


def _as_a_user(client: Any, config: VaultConfig, access: Access) -> Lease:
    return _log_in(
        client, config, {"password": access.credential("password").reveal()}, whose=f"/{config.auth.username}"
    )


def client_certificate(config: VaultConfig) -> tuple[str, str] | None:
    """Give the files of the certificate and the key that TLS connections show, where the method is ``cert``."""
    certificate = config.auth.certificate_file
    return (str(certificate), str(config.auth.key_file or certificate)) if certificate else None


SIGN_IN: Final[Mapping[str, SignIn]] = {
    "approle": _as_approle,
    "kubernetes": _with_a_jwt,
    "jwt": _with_a_jwt,
    "aws": _as_an_iam_identity,
    "cert": _with_a_certificate,
    "userpass": _as_a_user,
}
"""By method. ``token`` is not here: it has one already."""
