"""Google's token endpoint: a signed assertion for an access token (RFC 7523), and what its refusals mean.

It is how our own identity gets a token for IAM, and how it is known whether a key works. There, the access token that
comes of it is dropped at once; it lives for an hour, and no scope of it does more than name the account.
"""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.issuers.gcp_service_account.key_file import ServiceAccountKey
from providers.issuers.gcp_service_account.plugin import GcpKeyConfig
from rotator.domain.contracts import Access
from rotator.domain.errors import Permanent

NAMES_THE_ACCOUNT: Final = "https://www.googleapis.com/auth/userinfo.email"
_AUDIENCE: Final = "https://oauth2.googleapis.com/token"
"""Whom assertions are for, also where they are sent to another address (google-auth does the same)."""
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME: Final = timedelta(minutes=10)

DEAD: Final = "Invalid JWT Signature."
"""What Google says of a key that was deleted, disabled or never was: it has no such public key for the account."""
WHY: Final = (
    ("Invalid JWT: Token must be a short-lived token", "this machine's clock is wrong"),
    ("Invalid grant: account not found", "there is no such service account; it may come back within 30 days"),
    ("Robot is disabled", "the service account is disabled, which says nothing of its keys"),
    ("account_disabled", "the service account is disabled, which says nothing of its keys"),
)
"""Beginnings of what else it says, as its users report, and what each means."""


class TokenEndpoint:
    """Exchanges what a key signs for an access token."""

    def __init__(self, config: GcpKeyConfig, access: Access) -> None:
        parts = urlsplit(config.token_url)
        self._client = HttpClient(f"{parts.scheme}://{parts.netloc}", ca_file=config.ca_file, access=access)
        self._path = parts.path or "/"
        self._clock = access.clock

    def exchange(self, key: ServiceAccountKey, scope: str) -> HttpAnswer:
        """Ask for an access token, and give whatever was answered. Permanent for a private key that cannot sign."""
        form = {"grant_type": _GRANT, "assertion": self._assertion(key, scope)}
        request = HttpRequest(
            f"The exchange of the key {key.id} for a token",
            "POST",
            self._path,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
        return self._client.send(request, changes=False)

    def _assertion(self, key: ServiceAccountKey, scope: str) -> str:
        now = self._clock.now()
        claims = {
            "iss": key.account,
            "scope": scope,
            "aud": _AUDIENCE,
            "iat": int(now.timestamp()),
            "exp": int((now + _LIFETIME).timestamp()),
        }
        header = {"alg": "RS256", "typ": "JWT", "kid": key.id}
        signed = ".".join(_encoded(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{_encoded(_signature(key, signed.encode()))}"


def access_token(answer: HttpAnswer) -> tuple[str, timedelta] | None:
    """Give an access token and how long it lives; None where the answer has none."""
    document = answer.document if isinstance(answer.document, dict) else {}
    token, seconds = document.get("access_token"), document.get("expires_in")
    if answer.status != HTTPStatus.OK or not isinstance(token, str) or not token or not isinstance(seconds, int):
        return None
    return token, timedelta(seconds=seconds)


def reason_of(answer: HttpAnswer) -> str:
    """Give why a grant was refused, in Google's own words; nothing for any other answer. Not to be shown."""
    document = answer.document if isinstance(answer.document, dict) else {}
    described: Any = document.get("error_description")
    is_refusal = answer.status == HTTPStatus.BAD_REQUEST and document.get("error") == "invalid_grant"
    return described if is_refusal and isinstance(described, str) else ""


def meaning_of(reason: str) -> str:
    """Say what a known reason means, in our words."""
    return next((meaning for beginning, meaning in WHY if reason.startswith(beginning)), "")


def _signature(key: ServiceAccountKey, signed: bytes) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    try:
        private = serialization.load_pem_private_key(key.private_key.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    if not isinstance(private, rsa.RSAPrivateKey):  # out here, where no cause hangs on: its text may quote the key
        raise Permanent(f"The private key of {key.id} is no RSA key in PEM.", remedy="Take the file as Google gave it.")
    return private.sign(signed, padding.PKCS1v15(), hashes.SHA256())


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
