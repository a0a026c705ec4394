"""How we call Microsoft Graph about one tenant's applications, and what a refusal means.

Codes of errors are shown, messages never. Statuses and codes are those of Graph's documentation and of what its users
report; none was seen on a real tenant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from providers.azure.login import Login, transport
from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.issuers.azure_app.plugin import AzureAppConfig
from providers.kept_login import AccessToken, KeptLogin
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue

_CODE: Final = re.compile(r"[A-Za-z][A-Za-z_.]{2,79}")
_RENEWED_BEFORE_ITS_END: Final = timedelta(minutes=5)
_SILENCE: Final = timedelta(seconds=15)
_CONNECTING: Final = timedelta(seconds=5)

_REMEDIES: Final[Mapping[str, str]] = {
    "Authorization_RequestDenied": "Give our identity Application.ReadWrite.OwnedBy (with admin consent), and make it "
    "an owner of the app registration; see deploy/permissions/azure-app-secret.sh.",
    "Request_ResourceNotFound": "Check `application` (the client id, not the object id), and our tenant.",
    "CredentialTypeNotAllowedAsPerAppPolicy": "The tenant's app management policy forbids client secrets here: use a "
    "certificate or a federated credential, or ask for an exemption.",
    "CredentialInvalidLifetimeAsPerAppPolicy": "The tenant's app management policy wants a shorter life: set "
    "`expires_in`.",
}


@dataclass(frozen=True)
class Asked:
    """What was asked for, in words that follow "when asked to"."""

    what: str
    makes: bool = False
    """A secret is asked for: a denial leaves nothing behind. Elsewhere one waits for a person."""
    changes: bool = False
    """A lost answer may hide a change."""


class Graph:
    """One tenant's directory, asked as the connection's identity. Safe to share between threads."""

    def __init__(self, config: AzureAppConfig, access: Access) -> None:
        self._client = HttpClient(config.url, ca_file=config.ca_file, access=access)
        self._login = Login(config, access, transport(config.ca_file, _CONNECTING, _SILENCE))
        self._scope = f"{config.audience}/.default"
        self._clock = access.clock
        self._token = KeptLogin[AccessToken]()

    def get(self, asked: Asked, path: str, **query: str) -> HttpAnswer:
        return self._send(asked, HttpRequest(f"The request to {asked.what}", "GET", path, query=query))

    def post(self, asked: Asked, path: str, document: Any) -> HttpAnswer:
        """Send once, and give whatever was answered."""
        headers, body = {"Content-Type": "application/json"}, json.dumps(document).encode()
        return self._send(asked, HttpRequest(f"The request to {asked.what}", "POST", path, headers=headers, body=body))

    def refusal(self, asked: Asked, answer: HttpAnswer) -> RotatorError:
        """Give the error that an answer is, when it is no success."""
        status, code = answer.status, code_of(answer)
        said = f"Microsoft Graph answered {status}{f' {code}' if code else ''} when asked to {asked.what}"
        wait = answer.retry_after(self._clock.now())
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Temporary(f"{said}: too many requests.", retry_after=wait)
        is_open = answer.may_be_done or status == HTTPStatus.CONFLICT or status < HTTPStatus.MULTIPLE_CHOICES
        if asked.changes and is_open:
            return Ambiguous(f"{said}: it may have been done, or not.", retry_after=wait)
        if answer.is_trouble:
            return Temporary(f"{said}: it cannot do this now.", retry_after=wait)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND) or code in _REMEDIES:
            stop = Permanent if asked.makes else NeedsOperator
            return stop(f"{said}.", remedy=_REMEDIES.get(code, "Check the connection's `url`, `auth` and permissions."))
        if code:
            return Permanent(f"{said}.", remedy="Look the code up in Microsoft Graph's documentation.")
        return Permanent(f"{said}: not an answer of Graph's.", remedy="Check the connection's `url`.")

    def _send(self, asked: Asked, request: HttpRequest) -> HttpAnswer:
        token, is_new = self._token.current(self._sign_in, lambda token: self._clock.now() >= token.used_until)
        headers = {**request.headers, "Authorization": f"Bearer {token.value.reveal()}"}
        signed = HttpRequest(request.label, request.method, request.path, request.query, headers, request.body)
        answer = self._client.send(signed, changes=asked.changes)
        if answer.status == HTTPStatus.UNAUTHORIZED and not is_new:
            self._token.forget(token)
            raise Temporary(f"{request.label} was refused: our token had ended.", remedy="We sign in again next time.")
        return answer

    def _sign_in(self) -> AccessToken:
        given = self._login.get_token_info(self._scope)
        used_until = datetime.fromtimestamp(given.expires_on, UTC) - _RENEWED_BEFORE_ITS_END
        return AccessToken(SecretValue(given.token), used_until)


def code_of(answer: HttpAnswer) -> str:
    """Give Graph's code for a refusal; nothing where there is none that we would show."""
    code = _error(answer).get("code")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def says(answer: HttpAnswer, sentence: str) -> bool:
    """Tell whether Graph's own message holds this. The message itself is never shown."""
    message = _error(answer).get("message")
    return isinstance(message, str) and sentence in message


def _error(answer: HttpAnswer) -> Mapping[str, Any]:
    error = answer.document.get("error") if isinstance(answer.document, dict) else None
    return error if isinstance(error, dict) else {}
