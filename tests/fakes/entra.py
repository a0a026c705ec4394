"""Microsoft Entra ID as azure-identity meets it: discovery, and the token endpoint for apps.

An app signs in with a client secret, with an assertion signed by its certificate (the signature is checked), or with
a federated token. Also the endpoint through which an App Service gives managed identities their tokens. Errors are
Entra's own: 400 or 401, ``invalid_client`` and an AADSTS code. ``tokens`` are the ones that a vault accepts.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.canary import CANARY
from tests.fakes.azure import Reply, Request

TENANT = "11111111-aaaa-bbbb-cccc-000000000001"
CLIENT = "22222222-aaaa-bbbb-cccc-000000000002"
_DESCRIBED = {
    7000215: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value.",
    7000222: "The provided client secret keys for app are expired.",
}


@dataclass
class Entra:
    """One tenant with one app. What it accepts is open to tests."""

    public_url: str = ""
    client_secret: str = field(default_factory=lambda: _known("app~"))
    federated_token: str = field(default_factory=lambda: _known("eyJ."))
    identity_header: str = field(default_factory=lambda: _known("header-"))
    certificate_key: RSAPublicKey | None = None
    expired_secret: str | None = None
    tokens: dict[str, str] = field(default_factory=dict)
    """Each token, and what it is for."""
    apps: Mapping[str, Callable[[str], int | None]] = field(default_factory=dict)
    """Other apps by their client ids: (client secret) → the AADSTS code of its refusal, or None."""
    signed_in: list[str] = field(default_factory=list)
    """How, each time."""

    def answer(self, request: Request) -> Reply | None:
        """Answer what is Entra's; None for what is not."""
        tenant, _, path = request.path.removeprefix("/").partition("/")
        if path == "v2.0/.well-known/openid-configuration":
            return Reply(200, self._configuration(tenant)) if tenant == TENANT else _no_such_tenant(tenant)
        if path == "oauth2/v2.0/token" and request.method == "POST":
            return self._token(tenant, {name: values[0] for name, values in parse_qs(request.body.decode()).items()})
        if request.path == "/msi/token":
            return self._managed(request)
        return None

    def token_for(self, audience: str, how: str) -> str:
        token = _known("eyJ0")
        self.tokens[token] = audience
        self.signed_in.append(how)
        return token

    def _configuration(self, tenant: str) -> dict[str, Any]:
        base = f"{self.public_url}/{tenant}"
        return {
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "issuer": f"{base}/v2.0",
            "jwks_uri": f"{base}/discovery/v2.0/keys",
        }

    def _token(self, tenant: str, form: dict[str, str]) -> Reply:
        if tenant != TENANT:
            return _no_such_tenant(tenant)
        if form.get("client_id") in self.apps:
            return self._app_token(form)
        if form.get("client_id") != CLIENT:
            return _refused("unauthorized_client", "AADSTS700016: Application was not found in the directory.", 400)
        how = self._how(form)
        if isinstance(how, Reply):
            return how
        token = self.token_for(form["scope"].split()[0].removesuffix("/.default"), how)
        return Reply(200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})

    def _app_token(self, form: dict[str, str]) -> Reply:
        code = self.apps[form["client_id"]](form.get("client_secret", ""))
        if code is not None:
            return _refused("invalid_client", f"AADSTS{code}: {_DESCRIBED[code]}")
        token = self.token_for(form["scope"].split()[0].removesuffix("/.default"), form["client_id"])
        return Reply(200, {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token})

    def _how(self, form: dict[str, str]) -> str | Reply:
        if "client_secret" in form:
            if form["client_secret"] == self.expired_secret:
                return _refused("invalid_client", "AADSTS7000222: The provided client secret keys are expired.")
            if form["client_secret"] != self.client_secret:
                return _refused("invalid_client", "AADSTS7000215: Invalid client secret provided.")
            return "client_secret"
        assertion = form.get("client_assertion", "")
        if assertion == self.federated_token:
            return "workload_identity"
        if self.certificate_key is not None and _signed_by(self.certificate_key, assertion):
            return "certificate"
        return _refused("invalid_client", "AADSTS700027: The certificate used to sign the assertion is not registered.")

    def _managed(self, request: Request) -> Reply:
        if request.headers.get("x-identity-header") != self.identity_header:
            return Reply(400, {"statusCode": 400, "message": "bad header"})
        asked = parse_qs(urlsplit(request.target).query)
        token = self.token_for(asked["resource"][0], " ".join(["managed_identity", *asked.get("client_id", [])]))
        return Reply(200, {"access_token": token, "expires_on": "4102444800", "token_type": "Bearer"})


def _known(prefix: str) -> str:
    """Make a value that the canary knows for as long as the servers run."""
    return CANARY.add(prefix + secrets.token_hex(20), for_session=True)


def _refused(error: str, description: str, status: int = 401) -> Reply:
    trace = "Trace ID: 0000 Correlation ID: 0000 Timestamp: 2026-01-01 00:00:00Z"
    return Reply(status, {"error": error, "error_description": f"{description} {trace}", "error_codes": [0]})


def _no_such_tenant(tenant: str) -> Reply:
    return _refused("invalid_tenant", f"AADSTS90002: Tenant '{tenant}' not found.", 400)


def _signed_by(key: RSAPublicKey, assertion: str) -> bool:
    signed, _, signature = assertion.rpartition(".")
    header, _, _payload = signed.partition(".")
    if not header or not signature:
        return False
    is_pss = json.loads(_decoded(header))["alg"] == "PS256"
    scheme: Any = (
        padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH) if is_pss else padding.PKCS1v15()
    )
    try:
        key.verify(_decoded(signature), signed.encode(), scheme, hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
