"""What Heroku's refusals mean, in our families of errors.

Heroku says why in an object with ``id``, ``message`` and sometimes ``url`` (Platform API reference, "Errors"). Ids are
read, and messages to tell refusals of one id apart; no text of Heroku's goes into an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from providers.http.client import HttpAnswer
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

PERMISSIONS: Final = "deploy/permissions/heroku.sh"

_TOKENS_TO_WAIT_FOR: Final = 10
"""Requests that one destination needs in a row, with something to spare."""
_A_TOKEN: Final = timedelta(seconds=60) / 75
"""How long an account waits for one more request once its 4,500 are used up (API reference, "Rate limits")."""

OWNED: Final = (
    "The config var belongs to an add-on, which sets it by itself: rotate its credentials with the add-on, or name "
    "another var."
)

_FOR_A_PERSON: Final = {
    "unauthorized": "Heroku does not know the connection's token: it was revoked, or has expired. Put a new one where "
    f"`token` is read from; {PERMISSIONS} makes one.",
    "two_factor": "Heroku wants a second factor, which nobody here can give. Use the token of an authorization "
    f"(`heroku authorizations:create`), not that of a login; see {PERMISSIONS}.",
    "suspended": "The account or the app is suspended: talk to Heroku.",
    "delinquent": "The account has not paid, or its payment method must be confirmed, in Heroku's dashboard.",
    "verification_needed": "The account must be verified in Heroku's dashboard first.",
}

_FINAL: Final = {
    "forbidden": "The token is good, but may not do this: its authorization lacks the scope `write-protected`, or its "
    f"account lacks the team's permission `operate` on the app. See {PERMISSIONS}.",
    "not_found": "There is no such app, or the token's account cannot see it. Check `app`.",
    "invalid_params": "An app's config vars, names and all, may have 64 KB together; check `var`, too.",
}


@dataclass(frozen=True)
class Asked:
    """What was asked for, in words that follow "to"."""

    server: str
    what: str
    changes: bool = False
    """Whether a lost answer may hide a change."""


def is_missing(answer: HttpAnswer) -> bool:
    """Tell Heroku's word that there is no such thing from the 404 of some proxy."""
    return answer.status == HTTPStatus.NOT_FOUND and _id(answer) == "not_found"


def garbled(asked: Asked) -> RotatorError:
    """Say that a success does not look like one of Heroku's."""
    said = f"{asked.server} answered in another shape than Heroku does when asked to {asked.what}."
    return Permanent(said, remedy="Check the connection's `url`: is there a login page or a proxy in front?")


def refusal(answer: HttpAnswer, asked: Asked, now: datetime) -> RotatorError:
    """Give the error that an answer is which is not a success."""
    status = answer.status
    said = f"{asked.server} answered {status} when asked to {asked.what}."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Temporary(said, remedy="The account's requests are used up for now.", retry_after=_wait(answer, now))
    if status == HTTPStatus.CONFLICT:
        return Temporary(said, remedy="Something else is changing the app at this moment.")
    if answer.may_be_done and asked.changes:
        return Ambiguous(said, remedy="The change may have been made.", retry_after=answer.retry_after(now))
    if answer.is_trouble:
        return Temporary(said, remedy="See https://status.heroku.com.", retry_after=answer.retry_after(now))
    return _final(answer, asked, said)


def _final(answer: HttpAnswer, asked: Asked, said: str) -> RotatorError:
    if answer.is_redirect:
        return Permanent(
            f"{asked.server} answered {answer.status} (a redirect) when asked to {asked.what}; redirects are not "
            "followed, because they carry the token elsewhere.",
            remedy="Set the connection's `url` to the API itself.",
        )
    what = _id(answer)
    if what in _FOR_A_PERSON:
        return NeedsOperator(said, remedy=_FOR_A_PERSON[what])
    if what == "invalid_params" and "attachment" in _message(answer):
        return Permanent(said, remedy=OWNED)
    if not what:
        return Permanent(said, remedy="The answer is not Heroku's: check the connection's `url`.")
    return Permanent(said, remedy=_FINAL.get(what, ""))


def _wait(answer: HttpAnswer, now: datetime) -> timedelta:
    asked = answer.retry_after(now)
    return _A_TOKEN * _TOKENS_TO_WAIT_FOR if asked is None else asked


def _id(answer: HttpAnswer) -> str:
    return _text(answer, "id")


def _message(answer: HttpAnswer) -> str:
    return _text(answer, "message")


def _text(answer: HttpAnswer, key: str) -> str:
    text = answer.document.get(key) if isinstance(answer.document, dict) else None
    return text if isinstance(text, str) else ""
