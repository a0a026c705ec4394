"""Google's IAM calls about keys of service accounts, its token endpoint, and a machine's metadata server.

The answers are those that Google documents and its users report. Assertions are checked against the public
keys of the account at that moment. ``lag`` is how long the token endpoint and the list take to know what was done.
Private keys are short and used in turn, because making and reading them takes its time; a key is known by its id.
"""

from __future__ import annotations

import base64
import itertools
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from rotator.testing.moving_clock import MovingClock
from tests.canary import CANARY
from tests.fakes.token_services.service import Asked, Refusal, Reply, TokenService, rfc3339

PROJECT = "acme-prod"
MANAGER = f"rotator@{PROJECT}.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_MOST = 10


def _some_private_keys() -> Iterator[rsa.RSAPrivateKey]:
    yield from itertools.cycle([rsa.generate_private_key(65537, 1024) for _ in range(4)])


_private_keys = _some_private_keys()


@dataclass
class Key:
    account: str
    made_at: datetime
    known_from: datetime
    origin: str = "GOOGLE_PROVIDED"
    disabled: bool = False
    deleted_at: datetime | None = None
    forgotten_at: datetime | None = None
    id: str = field(default_factory=lambda: secrets.token_hex(20))
    private: rsa.RSAPrivateKey = field(default_factory=lambda: next(_private_keys), repr=False)

    def is_known(self, now: datetime) -> bool:
        return self.known_from <= now and (self.forgotten_at is None or now < self.forgotten_at)

    def file(self, token_uri: str) -> dict[str, Any]:
        """What Google gives, once."""
        pem = self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        CANARY.add(pem)
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": self.id,
            "private_key": pem,
            "client_email": self.account,
            "client_id": "101234567890123456789",
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
        }


class Gcp(TokenService):
    """One project. The manager may handle all keys, unless ``denied`` names an operation."""

    def __init__(self, clock: MovingClock) -> None:
        super().__init__(clock)
        self.access_tokens: dict[str, tuple[str, datetime]] = {}
        self.manager = Key(MANAGER, clock.now(), clock.now())
        self.reset()

    def reset(self) -> None:
        self.accounts: set[str] = {MANAGER}
        self.disabled_accounts: set[str] = set()
        self.keys: list[Key] = [self.manager]
        self.denied: set[str] = set()
        self.lag = timedelta()
        self.policy_forbids_keys = False
        self.asked.clear()

    @property
    def token_url(self) -> str:
        return f"{self.url}/token"

    def new_account(self) -> str:
        account = f"app-{secrets.token_hex(4)}@{PROJECT}.iam.gserviceaccount.com"
        self.accounts.add(account)
        return account

    def key_by_hand(self, account: str) -> Key:
        """Make a key as somebody at the console did, long enough ago to be known everywhere."""
        key = Key(account, self.now, self.now)
        self.keys.append(key)
        return key

    def keys_of(self, account: str) -> list[Key]:
        return [key for key in self.keys if key.account == account and key.deleted_at is None]

    # --- IAM ---

    def create(self, asked: Asked, account: str) -> Reply:
        self._may(asked, account, "create")
        if len(self.keys_of(account)) >= _MOST or self.policy_forbids_keys:
            raise _refusal(400, "FAILED_PRECONDITION", "Precondition check failed.")
        key = Key(account, self.now, self.now + self.lag)
        self.keys.append(key)
        data = base64.b64encode(json.dumps(key.file(self.token_url), indent=2).encode()).decode()
        return Reply(200, {**_row(key), "privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE", "privateKeyData": data})

    def list_keys(self, asked: Asked, account: str) -> Reply:
        self._may(asked, account, "list")
        rows = [_row(key) for key in self.keys if key.account == account and key.is_known(self.now)]
        system = {"name": f"projects/{PROJECT}/serviceAccounts/{account}/keys/{'5' * 40}", "keyType": "SYSTEM_MANAGED"}
        shown = rows if asked.query.get("keyTypes") == "USER_MANAGED" else [*rows, system]
        return Reply(200, {"keys": shown} if shown else {})

    def delete(self, asked: Asked, account: str, key_id: str) -> Reply:
        self._may(asked, account, "delete")
        for key in self.keys_of(account):
            if key.id == key_id and key.known_from <= self.now:
                key.deleted_at, key.forgotten_at = self.now, self.now + self.lag
                return Reply(200, {})
        raise _refusal(404, "NOT_FOUND", f"Service account key {key_id} does not exist.")

    def _may(self, asked: Asked, account: str, operation: str) -> None:
        caller, ends = self.access_tokens.get(asked.bearer, ("", self.now))
        if not caller or ends <= self.now:
            raise _refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
        if caller != MANAGER or operation in self.denied:
            what = f"Permission 'iam.serviceAccountKeys.{operation}' denied on resource (or it may not exist)."
            raise _refusal(403, "PERMISSION_DENIED", what)
        if account not in self.accounts:
            raise _refusal(404, "NOT_FOUND", f"Unknown service account: {account}")

    # --- tokens ---

    def exchange(self, asked: Asked) -> Reply:
        if asked.body.get("grant_type") != _GRANT:
            raise Refusal(400, {"error": "unsupported_grant_type", "error_description": "Invalid grant_type: "})
        claims = self._checked(asked.body["assertion"])
        return self.access_token_of(claims["iss"])

    def metadata(self, asked: Asked) -> Reply:
        if asked.headers.get("metadata-flavor") != "Google":
            raise Refusal(403, "Missing Metadata-Flavor:Google header.")
        return self.access_token_of(MANAGER)

    def access_token_of(self, account: str) -> Reply:
        token = CANARY.add("ya29.c." + secrets.token_urlsafe(40))
        self.access_tokens[token] = (account, self.now + timedelta(seconds=3599))
        return Reply(200, {"access_token": token, "expires_in": 3599, "token_type": "Bearer"})

    def _checked(self, assertion: str) -> dict[str, Any]:
        signed, _, signature = assertion.rpartition(".")
        header, claims = (json.loads(_decoded(part)) for part in signed.split("."))
        if claims["aud"] != AUDIENCE:
            raise _no_grant(f"Invalid JWT: Failed audience check. The right audience is {AUDIENCE}")
        if not self._is_in_time(claims):
            what = "Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
            raise _no_grant(f"Invalid JWT: {what} Check your iat and exp values in the JWT claim.")
        if claims["iss"] not in self.accounts:
            raise _no_grant("Invalid grant: account not found")
        if claims["iss"] in self.disabled_accounts:
            raise _no_grant("Robot is disabled.")
        for key in self.keys:
            if (key.account, key.id) == (claims["iss"], header["kid"]) and key.is_known(self.now) and not key.disabled:
                try:
                    public = key.private.public_key()
                    public.verify(_decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
                except InvalidSignature:
                    break
                return dict(claims)
        raise _no_grant("Invalid JWT Signature.")

    def _is_in_time(self, claims: dict[str, Any]) -> bool:
        now = self.now.timestamp()
        return claims["exp"] - claims["iat"] <= 3600 and claims["iat"] - 300 <= now < claims["exp"]

    routes = (
        ("POST", "/v1/projects/-/serviceAccounts/([^/]+)/keys", create),
        ("GET", "/v1/projects/-/serviceAccounts/([^/]+)/keys", list_keys),
        ("DELETE", "/v1/projects/-/serviceAccounts/([^/]+)/keys/([^/]+)", delete),
        ("POST", "/token", exchange),
        ("GET", "/computeMetadata/v1/instance/service-accounts/default/token", metadata),
    )


def _row(key: Key) -> dict[str, Any]:
    disabled = {"disabled": True} if key.disabled else {}
    return {
        "name": f"projects/{PROJECT}/serviceAccounts/{key.account}/keys/{key.id}",
        "validAfterTime": rfc3339(key.made_at),
        "validBeforeTime": "9999-12-31T23:59:59Z",
        "keyAlgorithm": "KEY_ALG_RSA_2048",
        "keyOrigin": key.origin,
        "keyType": "USER_MANAGED",
        **disabled,
    }


def _refusal(status: int, word: str, message: str) -> Refusal:
    return Refusal(status, {"error": {"code": status, "message": message, "status": word}})


def _no_grant(description: str) -> Refusal:
    return Refusal(400, {"error": "invalid_grant", "error_description": description})


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
