"""What Vercel's refusals mean, in our families of errors.

Vercel says why as ``{"error": {"code", "message", …}}``; codes come in upper and lower case. The code is shown where it
is one, and the message never: it may quote what was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from providers.http.client import HttpAnswer
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

PERMISSIONS: Final = "deploy/permissions/vercel.sh"

ALREADY_THERE: Final = frozenset({"ENV_CONFLICT", "ENV_ALREADY_EXISTS", "EXISTING_KEY_AND_TARGET"})
"""A record of this name is there for one of these targets (vercel/vercel#16588)."""

_FAR_FUTURE: Final = 10**11
"""As seconds since the epoch: the year 5138. What is more is in milliseconds."""
_CODE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_CHALLENGES: Final = frozenset({"CHALLENGE_REQUIRED", "CHALLENGE_REQUIRED_EMAIL_OTP", "USER_AUTH_REQUIRED"})
_DENIALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND})
_EXPLAINED: Final = {
    **dict.fromkeys(ALREADY_THERE, "Another record of this name is there for one of these targets."),
    **dict.fromkeys(
        ("KEY_RESERVED", "RESERVED_ENV_VARIABLE"), "Vercel keeps this name for itself: choose another `var`."
    ),
    **dict.fromkeys(
        ("INVALID_KEY", "KEY_INVALID_CHARACTERS", "KEY_INVALID_LENGTH"), "Vercel does not take this name: check `var`."
    ),
    **dict.fromkeys(
        ("INVALID_VALUE", "VALUE_INVALID_LENGTH"),
        "It does not take this value: all variables of a deployment together have 64 KB.",
    ),
    "MAX_ENVS_EXCEEDED": "The project has as many variables as it may have: remove some.",
    "NOT_DECRYPTABLE": "Vercel cannot read this variable itself: set it anew by hand.",
    "SYSTEM_ENV_WITH_VALUE": "It is one of Vercel's own variables, which nobody sets: check `var`.",
}


@dataclass(frozen=True)
class Asked:
    """What was asked for, in words that follow "to", and the permission that it takes."""

    server: str
    what: str
    needs: str
    changes: bool = False
    """Whether a lost answer may hide a change."""

    @property
    def in_vain(self) -> str:
        return f"when asked to {self.what}"


class Refused(Exception):
    """An answer that is not a success, before it is known what it means here."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer
        self.status = answer.status
        body = answer.document.get("error") if isinstance(answer.document, dict) else None
        self.details: Mapping[str, Any] = body if isinstance(body, dict) else {}
        self.is_vercels = bool(self.details)
        """A gateway's page is something else."""
        self.code = code_of(self.details)

    @property
    def is_of_a_dead_token(self) -> bool:
        """Vercel says it with a 403 and a flag: so the CLI reads it."""
        return any(self.details.get(flag) is True for flag in ("invalidToken", "missingToken"))

    @property
    def has_its_reason(self) -> bool:
        """Whether it says itself what is wrong. A bare 401, 403 or 404 may be for token, team, project or role."""
        says_why = self.is_of_a_dead_token or self.details.get("saml") or self.code in {*_CHALLENGES, *_EXPLAINED}
        return bool(says_why) or not self.is_vercels or self.status not in _DENIALS


def code_of(error: Mapping[str, Any]) -> str:
    """Give the code in upper case; nothing where what stands there is no code."""
    code = error.get("code")
    return code.upper() if isinstance(code, str) and _CODE.fullmatch(code) else ""


def explained(code: str) -> str:
    """Say what is to be done about a code that Vercel gives for a variable; nothing where it is not known."""
    return _EXPLAINED.get(code, "")


def garbled(asked: Asked) -> RotatorError:
    """Say that a success does not look like one of Vercel's."""
    said = f"{asked.server} answered in another shape than Vercel does {asked.in_vain}."
    if asked.changes:
        return Ambiguous(said, remedy="The change may have been made.")
    return Permanent(said, remedy="Check the connection's `url`: is there a login page or a proxy in front?")


def refusal(refused: Refused, asked: Asked, now: datetime) -> RotatorError:
    """Give the error that a refusal means by itself. What a denial means is found out by more questions."""
    status = refused.status
    said = f"{asked.server} answered {status}{f' ({refused.code})' if refused.code else ''} {asked.in_vain}."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Temporary(said, remedy="A rate limit is used up.", retry_after=_wait(refused, now))
    if refused.answer.may_be_done and asked.changes:
        return Ambiguous(said, remedy="The change may have been made.", retry_after=refused.answer.retry_after(now))
    if refused.answer.is_trouble:
        return Temporary(said, retry_after=refused.answer.retry_after(now))
    return _final(refused, asked, said)


def _final(refused: Refused, asked: Asked, said: str) -> RotatorError:
    if refused.answer.is_redirect:
        return Permanent(
            f"{asked.server} answered {refused.status} (a redirect) {asked.in_vain}; redirects are not followed, "
            "because they carry the token elsewhere.",
            remedy="Set the connection's `url` to the API itself; Vercel's is https://api.vercel.com.",
        )
    if refused.is_of_a_dead_token:
        return dead_token(asked, refused.status)
    if refused.code in _CHALLENGES:
        return NeedsOperator(
            said, remedy="It wants a person to sign in anew: use an access token made for Rotator, not a login's."
        )
    return Permanent(said, remedy=_remedy(refused))


def _remedy(refused: Refused) -> str:
    if not refused.is_vercels:
        return "The answer is not Vercel's: check the connection's `url`."
    if refused.details.get("saml"):
        return "The team asks for single sign-on: make the token while signed in to the team."
    if refused.status == HTTPStatus.PAYMENT_REQUIRED:
        return "The team's plan does not include this, or a bill is unpaid."
    return explained(refused.code) or "Status and code are all that is known of the reason."


def dead_token(asked: Asked, status: int) -> NeedsOperator:
    return NeedsOperator(
        f"{asked.server} does not know the connection's token ({status}).",
        remedy="It has expired or was revoked: put a new one where `token` is read from.",
    )


def _wait(refused: Refused, now: datetime) -> timedelta | None:
    """``Retry-After``, the header with the end of the window, or the same in the body; seconds since the epoch."""
    asked = refused.answer.retry_after(now)
    if asked is None:
        asked = refused.answer.retry_after(now, header="X-RateLimit-Reset", form="epoch_s")
    return _until_reset(refused, now) if asked is None else asked


def _until_reset(refused: Refused, now: datetime) -> timedelta | None:
    limit = refused.details.get("limit")
    reset = limit.get("reset") if isinstance(limit, dict) else None
    if not isinstance(reset, int | float) or not 0 < reset < _FAR_FUTURE * 1000:
        return None
    seconds = reset / 1000 if reset > _FAR_FUTURE else reset  # the CLI takes it for milliseconds in one place
    return max(timedelta(seconds=seconds - now.timestamp()), timedelta())
