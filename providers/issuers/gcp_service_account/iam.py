"""How we call Google's IAM API about the keys of service accounts, as whom, and what a refusal means.

The status word of an error is shown (``PERMISSION_DENIED``), its message never. Statuses are those of Google's API
guide and of what its users report; none was seen on a real project.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from providers.issuers.gcp_service_account.key_file import read
from providers.issuers.gcp_service_account.plugin import GcpKeyConfig
from providers.issuers.gcp_service_account.token_endpoint import (
    DEAD,
    TokenEndpoint,
    access_token,
    meaning_of,
    reason_of,
)
from providers.kept_login import AccessToken, KeptLogin
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue

_SCOPE: Final = "https://www.googleapis.com/auth/iam"
_METADATA: Final = "/computeMetadata/v1/instance/service-accounts/default/token"
_WORD: Final = re.compile(r"[A-Z][A-Z_]{2,39}")
_RENEWED_BEFORE_ITS_END: Final = timedelta(minutes=5)
_FULL: Final = "Maximum number of keys"


@dataclass(frozen=True)
class Asked:
    """What was asked for, in words that follow "when asked to"."""

    what: str
    right: str
    makes: bool = False
    """A key is asked for: a denial leaves nothing behind. Elsewhere one waits for a person."""
    changes: bool = False
    """A lost answer may hide a change."""


class Iam:
    """Google's IAM, asked as the connection's identity. Safe to share between threads."""

    def __init__(self, config: GcpKeyConfig, access: Access, endpoint: TokenEndpoint) -> None:
        self._client = HttpClient(config.url, ca_file=config.ca_file, access=access)
        self._config, self._access, self._endpoint = config, access, endpoint
        self._token = KeptLogin[AccessToken]()

    def send(self, asked: Asked, method: str, path: str, document: Any = None, **query: str) -> HttpAnswer:
        """Send once, and give whatever was answered."""
        token, is_new = self._token.current(self._sign_in, lambda token: self._access.clock.now() >= token.used_until)
        body = None if document is None else json.dumps(document).encode()
        headers = {"Authorization": f"Bearer {token.value.reveal()}"}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        request = HttpRequest(f"The request to {asked.what}", method, path, query=query, headers=headers, body=body)
        answer = self._client.send(request, changes=asked.changes)
        if answer.status == HTTPStatus.UNAUTHORIZED and not is_new:
            self._token.forget(token)
            raise Temporary(f"{request.label} was refused: our token had ended.", remedy="We sign in again next time.")
        return answer

    def own_key(self) -> str | None:
        """Give the id of the key that the connection itself signs with; None where it uses none."""
        key = read(self._access.credential("service_account_key")) if self._config.auth == "key" else None
        return key.id if key is not None else None

    def refusal(self, asked: Asked, answer: HttpAnswer) -> RotatorError:  # noqa: PLR0911  a table
        """Give the error that an answer is, when it is no success."""
        status, word, message = answer.status, _word_of(answer), _message_of(answer)
        said = f"Google's IAM answered {status}{f' {word}' if word else ''} when asked to {asked.what}"
        wait = answer.retry_after(self._access.clock.now())
        if asked.makes and (word == "FAILED_PRECONDITION" or message.startswith(_FULL)):
            return Permanent(
                f"{said}: it has 10 keys, or a policy of the organization forbids keys.",
                remedy="`gcloud iam service-accounts keys list --managed-by user` shows how many there are; the policy "
                "is iam.disableServiceAccountKeyCreation.",
            )
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Temporary(f"{said}: too many requests.", retry_after=wait)
        is_open = answer.may_be_done or status == HTTPStatus.CONFLICT or status < HTTPStatus.MULTIPLE_CHOICES
        if asked.changes and is_open:
            return Ambiguous(f"{said}: it may have been done, or not.", retry_after=wait)
        if answer.is_trouble:
            return Temporary(f"{said}: it cannot do this now.", retry_after=wait)
        if word in ("PERMISSION_DENIED", "UNAUTHENTICATED", "NOT_FOUND"):
            stop = Permanent if asked.makes else NeedsOperator
            right = f"our identity needs {asked.right} on it; see deploy/permissions/gcp-service-account-key.sh"
            return stop(f"{said}.", remedy=f"Check the policy's `service_account`: it must exist, and {right}.")
        if word:
            return Permanent(f"{said}.", remedy="Look the word up in the guide to errors of Google's APIs.")
        return Permanent(f"{said}: not an answer of Google's.", remedy="Check the connection's `url`.")

    def _sign_in(self) -> AccessToken:
        now = self._access.clock.now()
        answer = self._ask_metadata() if self._config.auth == "metadata" else self._exchange()
        given = access_token(answer)
        if given is None:
            raise self._not_signed_in(answer)
        return AccessToken(SecretValue(given[0]), now + given[1] - _RENEWED_BEFORE_ITS_END)

    def _exchange(self) -> HttpAnswer:
        key = read(self._access.credential("service_account_key"))
        if key is None:
            raise NeedsOperator(
                "The connection's `service_account_key` is no key file of a service account.",
                remedy="Refer to the JSON file as Google gave it.",
            )
        return self._endpoint.exchange(key, _SCOPE)

    def _ask_metadata(self) -> HttpAnswer:
        client = self._access.shared("metadata", lambda: HttpClient(self._config.metadata_url))
        headers = {"Metadata-Flavor": "Google"}
        request = HttpRequest("The request for this machine's token", "GET", _METADATA, headers=headers)
        return client.send(request, changes=False)

    def _not_signed_in(self, answer: HttpAnswer) -> RotatorError:
        said = f"Google gave us no access token ({answer.status})"
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Temporary(f"{said}.", retry_after=answer.retry_after(self._access.clock.now()))
        reason = reason_of(answer)
        why = "it does not know the connection's key" if reason == DEAD else meaning_of(reason)
        if self._config.auth == "metadata":
            why = "the machine has no service account"
        return NeedsOperator(
            f"{said}{f': {why}' if why else ''}.", remedy="Check the connection's `auth` and credentials."
        )


def _word_of(answer: HttpAnswer) -> str:
    word = _error(answer).get("status")
    return word if isinstance(word, str) and _WORD.fullmatch(word) else ""


def _message_of(answer: HttpAnswer) -> str:
    message = _error(answer).get("message")
    return message if isinstance(message, str) else ""


def _error(answer: HttpAnswer) -> dict[str, Any]:
    error = answer.document.get("error") if isinstance(answer.document, dict) else None
    return error if isinstance(error, dict) else {}
