"""What Key Vault's refusals and lost answers mean, in our families of errors.

azure-core's exceptions quote the answer's body, and a body may hold a secret's value. So no exception of the SDK
becomes the cause or the context of one of ours: what matters is taken out of it (``ask``), and ours is raised once it
is gone. No text of Azure's goes into an error: only statuses, its codes, our own names of things, and what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final, TypeVar

from azure.core.exceptions import AzureError, HttpResponseError

from providers.azure.login import Loss, answer_of, loss_of
from providers.http.client import HttpAnswer
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

AnswerT = TypeVar("AnswerT")

NOT_FOUND: Final = frozenset({"SecretNotFound"})
"""A name or version that is not there; also what is soft-deleted. A gateway's 404 has no such code."""
DISABLED: Final = frozenset({"SecretDisabled"})

_GARBLED: Final = (AttributeError, KeyError, TypeError, ValueError)
"""What the SDK's models end in when an answer is not what they know."""


class Throttled(Temporary):
    """The vault answered, and asks to be left alone."""


@dataclass(frozen=True)
class Right:
    """What a call needs: the data action of a role, or the secret permission in a vault with access policies."""

    action: str
    permission: str

    def __str__(self) -> str:
        return f"Microsoft.KeyVault/vaults/secrets/{self.action}"


@dataclass(frozen=True)
class Doing:
    """What is being asked for, in words that follow "to", and what it needs."""

    what: str
    right: Right
    changes: bool = False
    """Whether a lost answer may hide a change."""


def ask(
    server: str, doing: Doing, now: datetime, call: Callable[[], AnswerT], *, none_for: frozenset[str] = frozenset()
) -> AnswerT | None:
    """Make a call of the SDK's. None when it is refused with one of these codes; else our own error."""
    try:
        return call()
    except (AzureError, *_GARBLED) as error:
        failure = error
    answer = answer_of(failure.response) if isinstance(failure, HttpResponseError) and failure.response else None
    if answer is None:
        raise _unanswered(server, doing, failure)
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        raise garbled(server, doing)
    if none_for.intersection(codes_of(answer)):
        return None
    raise _refusal(server, doing, answer, now)


def codes_of(answer: HttpAnswer) -> tuple[str, ...]:
    """Give Key Vault's codes for a refusal, the innermost last; nothing where the answer is not Key Vault's."""
    return tuple(_codes(answer.document))


def _codes(document: Any) -> Iterator[str]:
    error = document.get("error") if isinstance(document, dict) else None
    while isinstance(error, dict):
        if isinstance(error.get("code"), str):
            yield error["code"]
        error = error.get("innererror")


def garbled(server: str, doing: Doing) -> RotatorError:
    """Say that a success is not what Key Vault's is."""
    said = f"{server} answered in another shape than Key Vault does when asked to {doing.what}."
    if doing.changes:
        return Ambiguous(said, remedy="The change may have been made.")
    return Permanent(said, remedy="Check the connection's `url`.")


def _unanswered(server: str, doing: Doing, failure: Exception) -> RotatorError:
    loss = loss_of(failure)
    if loss is Loss.UNTRUSTED:
        return Permanent(
            f"The certificate of {server} is not trusted; nothing was sent to {doing.what}.",
            remedy="Set `ca_file` to the authority that signed it, and check the host name in `url`.",
        )
    if loss is Loss.NEVER_SENT:
        return Temporary(
            f"{server} cannot be reached to {doing.what} ({type(failure).__name__}).",
            remedy="Check the name in `url`, and the way there.",
        )
    if loss is None and not isinstance(failure, AzureError):
        return garbled(server, doing)
    if doing.changes:
        return Ambiguous(f"The answer of {server} was lost when asked to {doing.what} ({type(failure).__name__}).")
    return Temporary(f"{server} gave no whole answer when asked to {doing.what} ({type(failure).__name__}).")


def _refusal(server: str, doing: Doing, answer: HttpAnswer, now: datetime) -> RotatorError:
    codes, wait = codes_of(answer), answer.retry_after(now)
    said = " ".join([f"{server} answered {answer.status}", *codes[-1:], f"when asked to {doing.what}."])
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        return Throttled(said, remedy="The vault is asked too much.", retry_after=wait)
    if answer.may_be_done and doing.changes:
        return Ambiguous(said, remedy="The change may have been made.", retry_after=wait)
    if answer.is_trouble:
        return Temporary(said, retry_after=wait)
    family, remedy = _meaning(answer, codes)
    return family(said, remedy=remedy.format(right=doing.right))


def _meaning(answer: HttpAnswer, codes: tuple[str, ...]) -> _Meaning:
    for code in reversed(codes):  # the inner one is the more telling
        if code in _OF_CODE:
            return _OF_CODE[code]
    if answer.is_redirect:
        return Permanent, "It is a redirect, and none is followed: set `url` to the address that answers itself."
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return NeedsOperator, "It does not take our token: check `auth`, `resource`, and which tenant the vault is in."
    if answer.status == HTTPStatus.CONFLICT:
        return Temporary, "Another change to it is under way."
    if not codes:
        return Permanent, "The answer is not Key Vault's: check the connection's `url`."
    return Permanent, "Look the code up in Key Vault's documentation."


_Meaning = tuple[type[Temporary | Permanent | NeedsOperator], str]

_OF_CODE: Final[dict[str, _Meaning]] = {
    "SecretDisabled": (
        NeedsOperator,
        "Its newest version is disabled, and consumers get nothing: enable it, or set another one by hand.",
    ),
    "ObjectIsBeingRecovered": (Temporary, "It is being recovered, which takes Azure a minute."),
    "ObjectIsBeingDeleted": (
        NeedsOperator,
        "Somebody is deleting it: recover it afterwards, or take it out of the policy.",
    ),
    "ObjectIsDeletedButRecoverable": (
        NeedsOperator,
        "It was deleted; `az keyvault secret recover` brings it back with all its versions. We do not, nor purge.",
    ),
    "ForbiddenByFirewall": (
        Permanent,
        "The vault's firewall shuts this machine out: add its address under Networking, or use a private endpoint.",
    ),
    "ForbiddenByConnection": (Permanent, "The vault has no public access: use its private endpoint, or allow it."),
    "ForbiddenByPolicy": (Permanent, "An Azure Policy forbids it; if it demands an expiry, set `expires_in`."),
    "ForbiddenByRbac": (
        Permanent,
        "Assign a role with {right} to our identity (deploy/permissions/azure-key-vault.json), and wait some minutes.",
    ),
    "AccessDenied": (
        Permanent,
        "The vault has access policies: give our identity the secret permission `{right.permission}`.",
    ),
    "Forbidden": (Permanent, "Our identity lacks {right}, or the secret permission `{right.permission}`."),
    "BadParameter": (Permanent, "Check the name; and `api_version`, if this is no vault of the public cloud."),
}
"""What Key Vault's codes mean to us, and what to do."""
