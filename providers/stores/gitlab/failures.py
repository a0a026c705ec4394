"""What GitLab's refusals mean, in our families of errors.

GitLab says why as ``{"message": text}``, ``{"message": {field: [texts]}}`` or ``{"error": code}``. That is read to tell
refusals apart and never shown: it may quote what was sent. The texts are those of GitLab's source (``lib/api``).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from providers.http.client import HttpAnswer
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

PERMISSIONS: Final = "deploy/permissions/gitlab.sh"
NOT_MASKABLE: Final = (
    "A masked variable takes one line of 8 characters and more without blanks; while references in it are expanded, "
    "only letters, digits and _+=/@:.~- as well. Change the variable's settings in GitLab, or let the issuer give "
    "another kind of token."
)

_UNNAMED_WAIT: Final = timedelta(minutes=1)
"""What GitLab counts its rate limits over."""


@dataclass(frozen=True)
class Asked:
    """What was asked for, in words that follow "to", and the role that it takes."""

    server: str
    what: str
    role: str
    changes: bool = False
    """Whether a lost answer may hide a change."""


def is_missing_variable(answer: HttpAnswer) -> bool:
    """Tell that there is no such variable from a missing project, and from the 404 of some proxy."""
    return answer.status == HTTPStatus.NOT_FOUND and _text(answer) in (
        "404 Variable Not Found",
        "404 GroupVariable Not Found",
    )


def is_several(answer: HttpAnswer) -> bool:
    """Tell that a key alone does not name one variable."""
    return answer.status == HTTPStatus.CONFLICT and "multiple variables" in _text(answer)


def is_taken(answer: HttpAnswer) -> bool:
    """Tell that a variable of this key and scope is there already."""
    return answer.status == HTTPStatus.BAD_REQUEST and "already been taken" in str(_fields(answer).get("key"))


def garbled(asked: Asked) -> RotatorError:
    """Say that a success does not look like one of GitLab's."""
    said = f"{asked.server} answered in another shape than GitLab does when asked to {asked.what}."
    if asked.changes:
        return Ambiguous(said, remedy="The change may have been made.")
    return Permanent(said, remedy="Check the connection's `url`: is there a login page or a proxy in front?")


def refusal(answer: HttpAnswer, asked: Asked, now: datetime) -> RotatorError:
    """Give the error that an answer is which is not a success."""
    said = f"{asked.server} answered {answer.status} when asked to {asked.what}."
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Temporary(said, remedy="A rate limit is used up.", retry_after=_wait(answer, now))
    if answer.may_be_done and asked.changes:
        return Ambiguous(said, remedy="The change may have been made.", retry_after=answer.retry_after(now))
    if answer.is_trouble:
        return Temporary(said, retry_after=answer.retry_after(now))
    return _final(answer, asked, said)


def _final(answer: HttpAnswer, asked: Asked, said: str) -> RotatorError:
    if answer.is_redirect:
        return Permanent(
            said,
            remedy="Redirects are not followed: they carry the token elsewhere. If the project was renamed or moved, "
            "write its new path into the policy, or its id, which stays; else correct the connection's `url`.",
        )
    if not _is_gitlabs(answer):
        return Permanent(said, remedy="The answer is not GitLab's: check the connection's `url`.")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return NeedsOperator(
            said,
            remedy="GitLab does not take the connection's token: it has expired, or was revoked. Put a new one where "
            f"`token` is read from; {PERMISSIONS} makes one.",
        )
    return Permanent(said, remedy=_remedy(answer, asked))


def _wait(answer: HttpAnswer, now: datetime) -> timedelta:
    asked = answer.retry_after(now)
    if asked is None:
        asked = answer.retry_after(now, header="RateLimit-Reset", form="epoch_s")
    return _UNNAMED_WAIT if asked is None else asked


def _remedy(answer: HttpAnswer, asked: Asked) -> str:
    if answer.status == HTTPStatus.FORBIDDEN:
        return _remedy_for_a_denial(answer, asked)
    if answer.status == HTTPStatus.NOT_FOUND and "error" in answer.document:
        return "GitLab has no such address: check the connection's `url`. It ends before /api/v4."
    if answer.status == HTTPStatus.NOT_FOUND:
        return "There is no such project or group, or the token cannot see it: check its path."
    if answer.status == HTTPStatus.METHOD_NOT_ALLOWED:
        return "The project was renamed or moved: write its new path into the policy, or its id, which stays."
    if answer.status == HTTPStatus.BAD_REQUEST:
        return _remedy_for_what_is_invalid(_fields(answer))
    return "The answer's status is all that is known of the reason."


def _remedy_for_a_denial(answer: HttpAnswer, asked: Asked) -> str:
    if answer.document.get("error") == "insufficient_scope":
        return f"The token lacks the scope `api`; {PERMISSIONS} makes one that has it."
    return (
        f"It takes the role {asked.role}; see {PERMISSIONS}. An archived project, or an address that GitLab does not "
        "let in, is refused like this too."
    )


def _remedy_for_what_is_invalid(fields: dict[str, Any]) -> str:
    if "value" in fields:
        return NOT_MASKABLE
    if "encrypted_value" in fields:
        return "The value is longer than GitLab takes: 10,000 characters."
    if "Maximum number" in str(fields.get("base")):
        return "The project or group has as many variables as it may have: remove some."
    if "environment_scope" in fields:
        return "GitLab does not take this `environment_scope`."
    return "GitLab calls it invalid, and names no field that is known here."


def _is_gitlabs(answer: HttpAnswer) -> bool:
    return isinstance(answer.document, dict) and ("message" in answer.document or "error" in answer.document)


def _text(answer: HttpAnswer) -> str:
    said = answer.document.get("message") if isinstance(answer.document, dict) else None
    return said if isinstance(said, str) else ""


def _fields(answer: HttpAnswer) -> dict[str, Any]:
    said = answer.document.get("message") if isinstance(answer.document, dict) else None
    return said if isinstance(said, dict) else {}
