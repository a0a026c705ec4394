"""What Vault's refusals and lost answers mean, in our families of errors.

hvac's own exceptions drop the status and the headers, and let the HTTP library's through as they are; so the adapter
in ``vault_session`` raises ``Refused`` instead, and everything is translated here, in one place. No text of Vault's
goes into an error: only statuses, our own names of things, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, TypeVar

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from rotator.domain.errors import Ambiguous, Permanent, RotatorError, Temporary

PartT = TypeVar("PartT")

_REQUEST_TOO_LARGE = 413
_INDEX_NOT_PRESENT = 412
"""Vault Enterprise's standbys: "required index state not present"."""


@dataclass(frozen=True)
class Doing:
    """What is being asked for, in words that follow "to", and what the token's policy must grant for it."""

    what: str
    needs: str = ""
    changes: bool = False
    """Whether a lost answer may hide a change."""


class Refused(Exception):
    """An answer that is not a success: its status, what Vault gives as reasons, and the headers that matter."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.status = response.status_code
        self.location = response.headers.get("Location", "")
        self.retry_after = _seconds(response.headers.get("Retry-After", ""))
        body = _json_object(response)
        self.is_vaults = body is not None
        """Vault answers in JSON objects; a load balancer's error page is something else."""
        self.reasons = tuple(str(reason) for reason in (body or {}).get("errors") or ())
        self.metadata: Mapping[str, Any] = ((body or {}).get("data") or {}).get("metadata") or {}
        """KV v2 tells of a deleted version in the body of its 404."""


class Garbled(Exception):
    """A success that does not say what Vault's says."""


def part(answer: Any, kind: type[PartT], *keys: str) -> PartT:
    """Take one part out of an answer. Garbled when it is not there or of another kind."""
    for key in keys:
        answer = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(answer, kind):
        raise Garbled(f"`{'.'.join(keys)}` is missing from the answer")
    return answer


@contextmanager
def translated(server: str, doing: Doing) -> Iterator[None]:
    """Turn whatever goes wrong inside into our own errors."""
    try:
        yield
    except Refused as refused:
        raise _refusal(server, doing, refused) from refused
    except Garbled as garbled:
        raise _garbled(server, doing) from garbled
    except requests.RequestException as error:
        raise _lost(server, doing, error) from error
    except OSError as error:
        raise Permanent(
            f"No TLS connection to {server} can be made: `ca_file` cannot be read.",
            remedy="Name a file with certificates in PEM, readable by us.",
        ) from error


def _refusal(server: str, doing: Doing, refused: Refused) -> RotatorError:
    status = refused.status
    said = f"{server} answered {status} when asked to {doing.what}."
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return _server_error(said, doing, refused)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return Temporary(said, remedy="A rate limit of the server is used up.", retry_after=refused.retry_after)
    if status == _INDEX_NOT_PRESENT:
        return Temporary(said, remedy="A standby node lags behind.", retry_after=refused.retry_after)
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return Permanent(
            f"{server} answered {status} (a redirect) when asked to {doing.what}; redirects are not followed, because "
            "they carry the token elsewhere and turn a write into a read.",
            remedy="Set the connection's `url` to the address that answers itself, with https.",
        )
    if not refused.is_vaults:
        return Permanent(said, remedy="The answer is not Vault's: check the connection's `url`.")
    return Permanent(said, remedy=_remedy(doing, refused))


def _remedy(doing: Doing, refused: Refused) -> str:
    if refused.status == HTTPStatus.FORBIDDEN:
        grant = f"Grant {doing.needs}" if doing.needs else "Grant it"
        return f"The token is good, but its policy does not allow this. {grant}; see deploy/permissions/vault.hcl."
    if refused.status == HTTPStatus.NOT_FOUND:
        return "Check `mount`, `path` and `namespace`."
    if refused.status == _REQUEST_TOO_LARGE:
        return "The document is larger than the server allows."
    return "Vault's own log says why."


def _server_error(said: str, doing: Doing, refused: Refused) -> Temporary:
    if refused.status == HTTPStatus.SERVICE_UNAVAILABLE and refused.reasons:
        sealed = any("sealed" in reason for reason in refused.reasons)
        remedy = "It is sealed: unseal it." if sealed else "It is not ready."
        return Temporary(said, remedy=remedy, retry_after=refused.retry_after)
    if doing.changes:
        return Ambiguous(said, remedy="The change may have been made.", retry_after=refused.retry_after)
    return Temporary(said, retry_after=refused.retry_after)


def _garbled(server: str, doing: Doing) -> RotatorError:
    said = f"{server} answered in another shape than Vault does when asked to {doing.what}."
    if doing.changes:
        return Ambiguous(said, remedy="The change may have been made.")
    return Permanent(said, remedy="Check the connection's `url`.")


def _lost(server: str, doing: Doing, error: requests.RequestException) -> RotatorError:
    how = type(error).__name__
    if isinstance(error, requests.exceptions.SSLError):
        return Permanent(
            f"No trusted TLS connection to {server} to {doing.what}.",
            remedy="Set `ca_file` to the authority that signed its certificate, and check the host name.",
        )
    if isinstance(error, requests.exceptions.ConnectTimeout) or _was_never_connected(error):
        return Temporary(f"{server} cannot be reached to {doing.what} ({how}).", remedy="Check that it runs.")
    if doing.changes:
        return Ambiguous(f"The answer of {server} was lost when asked to {doing.what} ({how}).")
    return Temporary(f"{server} gave no whole answer when asked to {doing.what} ({how}).")


def _was_never_connected(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _seconds(header: str) -> timedelta | None:
    return timedelta(seconds=int(header)) if header.isdecimal() else None


def _json_object(response: requests.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None
