"""What the API server's refusals mean, in our families of errors.

Kubernetes says why in a ``Status`` object (apimachinery's ``api/errors``). Its ``reason`` and ``details`` are read; no
text of it goes into an error, because what an admission webhook writes there is anybody's guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from providers.http.client import HttpAnswer
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

PERMISSIONS: Final = "deploy/permissions/kubernetes.yaml"

_TOO_LARGE: Final = 413


@dataclass(frozen=True)
class Asked:
    """What was asked for, in RBAC's words: the server, a verb, and what it was to be done to."""

    server: str
    verb: str
    resource: str
    changes: bool = False
    """Whether a lost answer may hide a change."""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource}"


def status_of(answer: HttpAnswer) -> Mapping[str, Any]:
    """Give the ``Status`` that Kubernetes explains a refusal with; empty where it is somebody else's answer."""
    document = answer.document
    return document if isinstance(document, dict) and document.get("kind") == "Status" else {}


def details_of(status: Mapping[str, Any]) -> Mapping[str, Any]:
    details = status.get("details")
    return details if isinstance(details, dict) else {}


def garbled(asked: Asked) -> RotatorError:
    """Say that a success does not look like one of Kubernetes'."""
    said = f"{asked.server} answered in another shape than Kubernetes does when asked to {asked}."
    if asked.changes:
        return Ambiguous(said, remedy="The change may have been made.")
    return Permanent(said, remedy="Check the connection's `url`: is there a login page or a proxy in front?")


def refusal(answer: HttpAnswer, asked: Asked, now: datetime) -> RotatorError:
    """Give the error that an answer other than a success means. Conflicts (409) and what is missing come before."""
    code, status = answer.status, status_of(answer)
    said = f"{asked.server} answered {code} when asked to {asked}."
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        return Temporary(
            said, remedy="It is busy, or limits our requests.", retry_after=_retry_after(answer, status, now)
        )
    if answer.may_be_done and asked.changes:
        return Ambiguous(said, remedy="The change may have been made.", retry_after=_retry_after(answer, status, now))
    if answer.is_trouble:
        return Temporary(said, retry_after=_retry_after(answer, status, now))
    if code == HTTPStatus.UNAUTHORIZED:
        return NeedsOperator(
            f"{asked.server} does not know the connection's token (401).",
            remedy="It has expired, its service account was deleted, or it belongs to another cluster: put a new one "
            "where `token` is read from.",
        )
    return _final(answer, asked, said)


def _final(answer: HttpAnswer, asked: Asked, said: str) -> Permanent:
    code, status = answer.status, status_of(answer)
    if answer.is_redirect:
        return Permanent(
            f"{asked.server} answered {code} (a redirect) when asked to {asked}; redirects are not followed, because "
            "they carry the token elsewhere.",
            remedy="Set the connection's `url` to the API server itself.",
        )
    if not status:
        return Permanent(said, remedy="The answer is not Kubernetes': check the connection's `url`.")
    return Permanent(said, remedy=_remedy(code, status, asked))


def _remedy(code: int, status: Mapping[str, Any], asked: Asked) -> str:
    if code == HTTPStatus.FORBIDDEN:
        # The words of RBAC and of every other authorizer; quotas and admission say something else.
        if f"cannot {asked.verb} resource" in str(status.get("message")):
            return f"Its user lacks `{asked.verb}` there: grant it, see {PERMISSIONS}."
        return "Its user may do this; an admission rule, a quota or the namespace's end forbids it."
    if code == HTTPStatus.NOT_FOUND:
        return f"Is there a namespace of that name? There is no {details_of(status).get('kind') or 'such thing'}."
    if code == HTTPStatus.UNPROCESSABLE_ENTITY:
        fields = _fields(status)
        return f"It is not valid there ({fields}): look at the Secret's type." if fields else "It is not valid there."
    if code == _TOO_LARGE:
        return "The Secret is larger than the server takes."
    return "The API server's own log says why."


def _fields(status: Mapping[str, Any]) -> str:
    """Name the fields that were not valid: paths such as ``data[token]``, never what stood in them."""
    causes = details_of(status).get("causes")
    fields = (
        {str(cause.get("field")) for cause in causes if isinstance(cause, dict)} if isinstance(causes, list) else ()
    )
    return ", ".join(sorted(fields))


_LONGEST_SECONDS: Final = 10**9
"""What is more was not meant, and no length of time can hold it all."""


def _retry_after(answer: HttpAnswer, status: Mapping[str, Any], now: datetime) -> timedelta | None:
    seconds = details_of(status).get("retryAfterSeconds")
    stated = timedelta(seconds=seconds) if isinstance(seconds, int) and 0 < seconds < _LONGEST_SECONDS else None
    return answer.retry_after(now) or stated
