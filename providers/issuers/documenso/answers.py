"""What Documenso's answers mean, in our families of errors.

Its pages' calls are tRPC: ``{"result": {"data": {"json": …}}}`` or ``{"error": {"json": {"data": {"code": …}}}}``. Its
login and its public API have ``code`` at the top. A code is shown, a message never: a login that is refused for its
form answers with the password in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from providers.http.client import HttpAnswer
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

_CODE: Final = re.compile(r"[A-Z][A-Z_]{0,39}")
_DENIALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_CHECK_URL: Final = "Check the connection's `url`: it is the address of the site itself, without `/api`."

_REFUSED_LOGINS: Final[Mapping[str, tuple[str, str]]] = {
    "INVALID_CREDENTIALS": (
        "the email or the password is wrong",
        "Correct what `email` and `password` refer to; an account that signs in with Google or SSO has no password.",
    ),
    "INVALID_TWO_FACTOR_CODE": (
        "it does not take our one-time codes",
        "Check what `totp_secret` refers to, and this machine's clock: a code is good for its own 30 seconds only.",
    ),
    "TWO_FACTOR_MISSING_CREDENTIALS": (
        "the account has a second factor",
        "Give the connection `totp_secret`, the key of its authenticator app.",
    ),
    "UNVERIFIED_EMAIL": ("the email address is not verified", "Follow the link in the mail that Documenso sent to it."),
    "ACCOUNT_DISABLED": ("the account is disabled", "Have an administrator of the instance enable it."),
    "SIGNIN_DISABLED": (
        "signing in by email and password is turned off",
        "Turn it on for the instance; Rotator has no other way in.",
    ),
    "INVALID_CAPTCHA": (
        "it wants a captcha, which only a person can solve",
        "This instance cannot be automatic: rotate its tokens by hand, or turn Turnstile off.",
    ),
    "INVALID_REQUEST": (
        "the CSRF token did not come back as it was given",
        "Check that nothing in front of Documenso changes cookies.",
    ),
}


@dataclass(frozen=True)
class Asked:
    """What was asked for, in words that follow "when asked to"."""

    server: str
    what: str
    team_id: int
    makes: bool = False
    """A token is asked for: a denial leaves nothing behind. Elsewhere a token waits for a person."""
    changes: bool = False
    """A lost answer may hide a change."""


def at(document: Any, *path: str) -> Any:
    """Give a part of a document; None where there is none."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def is_success(answer: HttpAnswer) -> bool:
    """Ask whether a tRPC call did what it should. A page that a proxy shows with a 200 is no success."""
    return answer.status == HTTPStatus.OK and isinstance(at(answer.document, "result", "data"), dict)


def result(answer: HttpAnswer) -> Any:
    """Give what a tRPC call gave."""
    return at(answer.document, "result", "data", "json")


def code_of(answer: HttpAnswer) -> str:
    """Give the code of a refusal; nothing where there is none that we would show."""
    document = answer.document
    for path in (("error", "json", "data", "code"), ("data", "code"), ("code",)):
        code = at(document, *path)
        if isinstance(code, str) and _CODE.fullmatch(code):
            return code
    return ""


def refusal(answer: HttpAnswer, asked: Asked, now: datetime) -> RotatorError:
    """Give the error that a tRPC call's answer is, when it is no success."""
    status, code = answer.status, code_of(answer)
    said = f"{asked.server} answered {status}{f' ({code})' if code else ''} when asked to {asked.what}"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Temporary(f"{said}: too many requests.", retry_after=answer.retry_after(now))
    if asked.changes and (answer.may_be_done or status < HTTPStatus.MULTIPLE_CHOICES):
        return Ambiguous(f"{said}: it may have been done, or not.")
    if answer.is_trouble:
        return Temporary(f"{said}: it cannot do this now.", retry_after=answer.retry_after(now))
    if status in _DENIALS:
        family = Permanent if asked.makes else NeedsOperator
        return family(f"{said}: denied.", remedy=_what_is_denied(code, asked))
    if status == HTTPStatus.BAD_REQUEST and code:
        return Permanent(f"{said}: the request was refused.", remedy="Check `token_name`.")
    return Permanent(f"{said}: not an answer that we know.", remedy=_CHECK_URL)


def _what_is_denied(code: str, asked: Asked) -> str:
    if code in _REFUSED_LOGINS:
        return _REFUSED_LOGINS[code][1]
    if not code:
        return f"The answer is not Documenso's. {_CHECK_URL}"
    return f"The account must be ADMIN or MANAGER of team {asked.team_id}: check its role, and `team_id`."


def login_refusal(answer: HttpAnswer, server: str, now: datetime) -> RotatorError:
    """Give the error that a login's answer is, when it let nobody in. Nothing of its body is told but a known code."""
    status, code = answer.status, code_of(answer)
    if code in _REFUSED_LOGINS:
        why, remedy = _REFUSED_LOGINS[code]
        return NeedsOperator(f"{server} answered {status} ({code}) to the login: {why}.", remedy=remedy)
    said = f"{server} answered {status} to the login"
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        what = f"{said}: it takes ten for an account in 15 minutes."
        return Temporary(what, retry_after=answer.retry_after(now))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Temporary(f"{said}: it cannot do this now.", retry_after=answer.retry_after(now))
    if status == HTTPStatus.BAD_REQUEST:
        what = "email and password do not have the form that it expects"
        return NeedsOperator(f"{said}: {what}.", remedy="A password has 6 to 72 characters; check the credentials.")
    return NeedsOperator(f"{said}, which lets nobody in.", remedy=_CHECK_URL)
