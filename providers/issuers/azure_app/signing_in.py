"""Signing in as the application, with one of its secrets: how it is known whether that secret works.

Not through azure-identity, which repeats requests, remembers tokens and quotes answers. The access token that comes of
it is dropped at once; it lives for about an hour, and is of use to nobody.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, urlencode

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.issuers.azure_app.plugin import AzureAppConfig
from rotator.domain.contracts import Access, Verdict, Verification
from rotator.domain.errors import RotatorError
from rotator.domain.secret_value import SecretValue

_CODE: Final = re.compile(r"AADSTS(\d+)\b")
_DEAD: Final = {
    "7000215": "Entra ID does not know this secret of the application.",
    "7000222": "The secret has expired.",
}
"""The codes that are about the secret alone (Entra ID's table of error codes)."""
_OTHERWISE: Final = {
    "700016": "there is no such application in this tenant: check `application` and `tenant_id`",
    "90002": "there is no such tenant: check `tenant_id` and `authority`",
    "7000112": "the application is disabled, which says nothing of its secret",
    "7000229": "the application has no service principal in this tenant",
    "53003": "a Conditional Access policy blocks it, perhaps for this machine's address",
}


class SignIn:
    """The token endpoint of one tenant."""

    def __init__(self, config: AzureAppConfig, access: Access) -> None:
        self._client = HttpClient(config.sign_in_at or "", ca_file=config.ca_file, access=access)
        self._path = f"/{quote(config.tenant or '', safe='')}/oauth2/v2.0/token"
        self._scope = f"{config.audience}/.default"

    def verify(self, application: str, value: SecretValue) -> Verification:
        """Try the secret. INVALID only for the two codes that Entra ID has for a dead one."""
        form = {"grant_type": "client_credentials", "client_id": application, "scope": self._scope}
        request = HttpRequest(
            "The sign-in with the secret",
            "POST",
            self._path,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode({**form, "client_secret": value.reveal()}).encode(),
        )
        try:
            answer = self._client.send(request, changes=False)
        except RotatorError as error:
            return Verification(Verdict.INDETERMINATE, reason=str(error))
        return _meaning(answer)


def _meaning(answer: HttpAnswer) -> Verification:
    document = answer.document if isinstance(answer.document, dict) else {}
    if answer.status == HTTPStatus.OK and isinstance(document.get("access_token"), str) and document["access_token"]:
        return Verification(Verdict.VALID)
    described = document.get("error_description")
    found = _CODE.match(described) if isinstance(described, str) else None
    code = found[1] if found else ""
    refused = answer.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED)
    if refused and document.get("error") == "invalid_client" and code in _DEAD:
        return Verification(Verdict.INVALID, reason=_DEAD[code])
    said = f"Entra ID answered {answer.status}{f' AADSTS{code}' if code else ''} to the sign-in with the secret"
    why = _OTHERWISE.get(code, "which proves neither life nor death")
    return Verification(Verdict.INDETERMINATE, reason=f"{said}: {why}.")
