"""How we call OpenBao about AppRoles, and what a refusal means.

Statuses mean little there: a role that is not there is answered 400, 404 or 500, a list that is empty 404 with no
errors. So the texts are looked into, for sentences that are known, and never shown (all measured on OpenBao 2.7.2).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from providers.http.client import HttpAnswer, HttpClient, HttpRequest
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

_DENIALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_OF_A_STANDBY: Final = HTTPStatus.TEMPORARY_REDIRECT
"""What a standby node answers that lost the active one on the way: what it handed over may be done (measured)."""
_REFUSED_WITH_500: Final = ("does not exist",)
_NOT_NOW: Final = "sealed"


@dataclass(frozen=True)
class Asked:
    """What was asked for, in words that follow "when asked to", and what that needs."""

    what: str
    path: str
    """Below ``/v1/``."""
    capability: str = "update"
    makes: bool = False
    """A secret id is asked for: a denial leaves nothing behind. Elsewhere one waits for a person."""
    changes: bool = False
    """A lost answer may hide a change."""


@dataclass(frozen=True)
class Server:
    """One server, asked with the connection's token, which is looked up anew each time."""

    client: HttpClient
    access: Access = field(repr=False)
    mount: str
    namespace: str | None = None

    def list(self, asked: Asked) -> HttpAnswer:
        return self._send(asked, "GET", None, {"list": "true"})

    def post(self, asked: Asked, body: Mapping[str, Any]) -> HttpAnswer:
        """Send once, and give whatever was answered. The body may hold a value: it goes no further than this."""
        return self._send(asked, "POST", json.dumps(body).encode(), {})

    def refusal(self, asked: Asked, answer: HttpAnswer) -> RotatorError:  # noqa: PLR0911  a table
        """Give the error that an answer is, when it is none of those that the caller knows."""
        status, said = answer.status, f"OpenBao answered {answer.status} when asked to {asked.what}"
        stop = Permanent if asked.makes else NeedsOperator
        wait = answer.retry_after(self.access.clock.now())
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            return Temporary(f"{said}: too many requests.", retry_after=wait)
        if says(answer, *_REFUSED_WITH_500):
            return stop(f"{said}: there is no such role.", remedy="Check the policy's `role`, `mount` and `namespace`.")
        if status == HTTPStatus.SERVICE_UNAVAILABLE and says(answer, _NOT_NOW):
            return Temporary(f"{said}: it is sealed.", retry_after=wait)
        if asked.changes and (answer.may_be_done or status == _OF_A_STANDBY or not _is_final(status)):
            return Ambiguous(f"{said}: it may have been done, or not.")
        if status == _OF_A_STANDBY:
            return Temporary(
                f"{said}: it may be a standby node that lost the active one.",
                remedy="If it goes on so, correct the connection's `url`.",
            )
        if answer.is_trouble:
            return Temporary(f"{said}: it cannot do this now.", retry_after=wait)
        if status in _DENIALS:
            needs = f"the connection's token needs `{asked.capability}` on {asked.path}, and must be alive"
            return stop(f"{said}: denied.", remedy=f"{needs}; see deploy/permissions/openbao-approle-secret-id.hcl.")
        return Permanent(f"{said}: not an answer that we know.", remedy="Check the connection's `url` and `mount`.")

    def _send(self, asked: Asked, method: str, body: bytes | None, query: Mapping[str, str]) -> HttpAnswer:
        headers = {"X-Vault-Token": self.access.credential("token").reveal()}
        headers |= {"X-Vault-Namespace": self.namespace} if self.namespace else {}
        headers |= {"Content-Type": "application/json"} if body is not None else {}
        request = HttpRequest(
            f"The request to {asked.what}", method, f"/v1/{asked.path}", query=query, headers=headers, body=body
        )
        return self.client.send(request, changes=asked.changes)


def data(answer: HttpAnswer, name: str) -> Any:
    """Give what a successful answer says under a name; None where it is no success, or says nothing."""
    found = answer.document.get("data") if isinstance(answer.document, dict) else None
    return found.get(name) if answer.status == HTTPStatus.OK and isinstance(found, dict) else None


def says(answer: HttpAnswer, *sentences: str) -> bool:
    """Tell whether OpenBao's own errors hold one of these. A proxy's page has no ``errors``."""
    document = answer.document if isinstance(answer.document, dict) else {}
    errors, found = document.get("errors"), document.get("data")
    said = [*errors] if isinstance(errors, list) else []
    said += [found.get("error")] if isinstance(found, dict) else []
    return any(sentence in error for error in said if isinstance(error, str) for sentence in sentences)


def _is_final(status: int) -> bool:
    """Tell whether a status says that nothing was done: a refusal, or a redirect that came instead."""
    return HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR
