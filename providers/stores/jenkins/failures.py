"""What Jenkins' refusals mean, in our families of errors.

Jenkins says why on HTML pages, whose text is read for one thing only, the crumb, and never shown. Denials say in
headers which permission is missing (Jenkins core, ``AccessDeniedException3``); that is shown, as its settings name it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

from providers.http.client import HttpAnswer
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

PERMISSIONS: Final = "deploy/permissions/jenkins.yaml"

MISSING: Final = (
    "Check `folder`, `domain` and `credential`, and the connection's `url` with its path prefix. What its user may not "
    "see does not exist for it, either: it needs Credentials/View there, and Job/Read on the folder and all around it; "
    f"see {PERMISSIONS}."
)

_PERMISSION: Final = re.compile(r"[A-Za-z0-9.$]{1,200}")
_NO_CRUMB: Final = b"No valid crumb"
_GROUPS: Final = {"Hudson": "Overall", "Item": "Job", "CredentialsProvider": "Credentials"}
"""What the settings call the permissions of a class."""


@dataclass(frozen=True)
class Doing:
    """What is being asked for, in words that follow "to"."""

    what: str
    changes: bool = False
    """Whether a lost answer may hide a change."""


def refusal(server: str, doing: Doing, answer: HttpAnswer, now: datetime) -> RotatorError:
    """Give the error that an answer is which is not a success."""
    said = f"{server} answered {answer.status} when asked to {doing.what}."
    wait = answer.retry_after(now)
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Temporary(said, remedy="Something in front of it limits requests.", retry_after=wait)
    if answer.may_be_done and doing.changes:
        return Ambiguous(said, remedy="It may be done all the same; Jenkins' own log says why.", retry_after=wait)
    if answer.is_trouble:
        return Temporary(said, remedy="Is it starting, or going down?", retry_after=wait)
    return _final(said, answer)


def _final(said: str, answer: HttpAnswer) -> RotatorError:
    if answer.is_redirect:
        return Permanent(
            said,
            remedy="Redirects are not followed: they carry the login elsewhere. Set the connection's `url` to the "
            "address that Jenkins itself answers at, its path prefix included.",
        )
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return NeedsOperator(said, remedy="Jenkins does not know the connection's `user` with this token or password.")
    if answer.status == HTTPStatus.FORBIDDEN:
        return _denied(said, answer)
    if answer.status == HTTPStatus.NOT_FOUND:
        return Permanent(said, remedy=MISSING)
    return Permanent(said, remedy="Jenkins does not answer so here: check the connection's `url`.")


def _denied(said: str, answer: HttpAnswer) -> RotatorError:
    if _NO_CRUMB in answer.body:
        return Permanent(
            said,
            remedy="It does not take the crumb that it just gave. Use an API token, which needs none; or, behind a "
            "proxy, set `Enable proxy compatibility` under CSRF protection.",
        )
    if answer.headers.get("x-you-are-authenticated-as") == "anonymous":
        return NeedsOperator(
            said, remedy="It takes us for nobody: something on the way drops the login, or the realm has no such user."
        )
    missing = _in_words(answer.headers.get("x-required-permission", ""))
    if missing:
        return Permanent(said, remedy=f"The connection's user lacks {missing} there; see {PERMISSIONS}.")
    return Permanent(said, remedy="It names no permission, as Jenkins does: check the connection's `url`.")


def _in_words(permission: str) -> str:
    """``com.cloudbees.plugins.credentials.CredentialsProvider.Update`` is Credentials/Update in the settings."""
    if not _PERMISSION.fullmatch(permission):
        return ""
    owner, _, action = permission.rpartition(".")
    group = owner.rpartition(".")[2]
    return f"{_GROUPS.get(group, group)}/{action}"
