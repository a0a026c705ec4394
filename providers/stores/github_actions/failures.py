"""What GitHub's refusals mean, in our families of errors.

GitHub's own text is read to tell refusals apart and never shown: a message may quote what was sent. Shown are statuses,
our own names of things, and the permissions that a header of the answer names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from providers.http.client import HttpAnswer
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

_UNNAMED_WAIT: Final = timedelta(minutes=1)
"""What GitHub's docs ask for after a secondary limit that names no time."""

_PERMISSIONS: Final = re.compile(r"[a-z_]+=[a-z]+([,;] ?[a-z_]+=[a-z]+)*")


@dataclass(frozen=True)
class Doing:
    """What is being asked for, in words that follow "to", and the permission that it takes."""

    what: str
    permission: str
    changes: bool = False
    """Whether a lost answer may hide a change."""


def refusal(server: str, doing: Doing, answer: HttpAnswer, now: datetime) -> RotatorError:
    """Give the error that an answer is which is not a success."""
    said = f"{server} answered {answer.status} when asked to {doing.what}."
    if answer.is_trouble or (doing.changes and answer.may_be_done):
        return _broken(said, doing, answer.retry_after(now))
    if answer.is_redirect:
        return Permanent(
            said,
            remedy="Redirects are not followed: they carry the token elsewhere. If the repository was renamed or "
            "moved, write its new name into the policy; else correct the connection's `url`.",
        )
    if _is_a_rate_limit(answer):
        return Temporary(said, remedy="A rate limit of the token is used up.", retry_after=limited_for(answer, now))
    if not is_githubs(answer):
        return not_github(said)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return NeedsOperator(
            said,
            remedy="GitHub does not know the connection's token: it has expired, or was revoked. Put a new one where "
            "the connection's `credentials` say.",
        )
    return Permanent(said, remedy=_remedy(doing, answer))


def _broken(said: str, doing: Doing, retry_after: timedelta | None) -> RotatorError:
    if doing.changes:
        return Ambiguous(said, remedy="The change may have been made.", retry_after=retry_after)
    return Temporary(said, retry_after=retry_after)


def not_github(said: str) -> Permanent:
    return Permanent(
        said,
        remedy="The answer is not one of GitHub's API: check the connection's `url`. That of GitHub Enterprise Server "
        "ends in /api/v3.",
    )


def is_githubs(answer: HttpAnswer) -> bool:
    """GitHub says why it refuses in a JSON object; a gateway's page, or the website's, is something else."""
    return isinstance(answer.document, dict) and "message" in answer.document


def _message(answer: HttpAnswer) -> str:
    return str(answer.document.get("message", "")).lower() if isinstance(answer.document, dict) else ""


def _is_a_rate_limit(answer: HttpAnswer) -> bool:
    """The primary limit leaves nothing remaining, the secondary one says when to come back; either may be a 403."""
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return answer.status == HTTPStatus.FORBIDDEN and (
        "retry-after" in answer.headers
        or answer.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in _message(answer)
    )


def limited_for(answer: HttpAnswer, now: datetime) -> timedelta | None:
    """Give how long GitHub asks to be left alone; None where it does not."""
    if not _is_a_rate_limit(answer):
        return None
    asked = answer.retry_after(now)
    if asked is None and answer.headers.get("x-ratelimit-remaining") == "0":
        asked = answer.retry_after(now, header="x-ratelimit-reset", form="epoch_s")
    return _UNNAMED_WAIT if asked is None else asked


def _remedy(doing: Doing, answer: HttpAnswer) -> str:
    message = _message(answer)
    if answer.status == HTTPStatus.FORBIDDEN:
        return _remedy_for_a_denial(doing, answer)
    if answer.status == HTTPStatus.NOT_FOUND:
        return (
            "There is no such repository, environment or organisation, or the token cannot see it. Check the names, "
            "and which repositories the token may use."
        )
    if "improperly encrypted" in message:
        return (
            "GitHub could not open the sealed box: the value was sealed for another key. The scope's key may have "
            "been replaced at that moment; the next attempt fetches it anew."
        )
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return (
            "It takes values of up to 48 KB, and 100 secrets in a repository or an environment, 1,000 in an "
            "organisation."
        )
    return "The answer's status is all that is known of the reason."


def _remedy_for_a_denial(doing: Doing, answer: HttpAnswer) -> str:
    if "archived" in _message(answer):
        return (
            "The repository is archived, so nothing in it can be changed: unarchive it, or take it out of the policy."
        )
    if "x-github-sso" in answer.headers:
        return "The organisation asks for single sign-on: authorise the token for it in the token's settings."
    level = "read and write" if doing.changes else "read"
    accepted = answer.headers.get("x-accepted-github-permissions", "")
    named = f" (in GitHub's words: {accepted})" if _PERMISSIONS.fullmatch(accepted) else ""
    return f"The token lacks {doing.permission}: {level}{named}; see deploy/permissions/github-actions.json."
