"""What Vault's refusals and lost answers mean, in our families of errors.

hvac's own exceptions drop the status and the headers, and let the HTTP library's through as they are; so the adapter
in ``wire`` raises ``Refused`` instead, and everything is translated here, in one place. No text of Vault's
goes into an error: only statuses, our own names of things, and what to do.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, TypeVar

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from providers.http.status import is_trouble, may_be_done
from providers.stores.vault.health import Health, health_told
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

PartT = TypeVar("PartT")

_REQUEST_TOO_LARGE = 413
_INDEX_NOT_PRESENT = 412
"""Vault Enterprise's standbys: "required index state not present"."""
_UPGRADE: Final = "from non-versioned to versioned data"
"""In two sentences: "Upgrading …" of the active node, and "Waiting for the primary to upgrade …" of a standby, which
says it of a mount that was just made, too (measured on OpenBao 2.7.2)."""


@dataclass(frozen=True)
class Doing:
    """What is being asked for, in words that follow "to", and what the token's policy must grant for it."""

    what: str
    needs: str = ""
    changes: bool = False
    """Whether a lost answer may hide a change."""


@dataclass(frozen=True)
class Server:
    """How errors name the server, and how it is asked for its health once something has failed."""

    name: str
    health: Callable[[], Health]


class Refused(Exception):
    """An answer that is not a success: its status, what Vault gives as reasons, and the headers that matter."""

    def __init__(self, response: requests.Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.status = response.status_code
        self.location = response.headers.get("Location", "")
        self.retry_after = _seconds(response.headers.get("Retry-After", ""))
        body = _json(response)
        self.is_vaults = isinstance(body, dict)
        """Vault answers in JSON objects; a load balancer's error page is something else."""
        self.health = health_told(self.status, body)
        """What the answer means if it is one to ``sys/health``."""
        self.reasons = tuple(str(reason) for reason in _at(body, "errors") or ())
        self.found_nothing = self.status == HTTPStatus.NOT_FOUND and _at(body, "errors") == []
        """What Vault says of an empty path. A missing mount has reasons, and a gateway's 404 has no such list."""
        self.by_a_secondary = any("DR secondary" in reason for reason in self.reasons)
        """Of a disaster-recovery pair, which refuses everything: "path disabled in replication DR secondary mode"."""
        self.deleted_version = _at(body, "data", "metadata", "version")
        """KV v2 tells of a deleted version in the body of its 404."""


class Garbled(Exception):
    """A success that does not say what Vault's says."""


def part(answer: Any, kind: type[PartT], *keys: str) -> PartT:
    """Take one part out of an answer. Garbled when it is not there or of another kind."""
    found = _at(answer, *keys)
    if not isinstance(found, kind):
        raise Garbled(f"`{'.'.join(keys)}` is missing from the answer")
    return found


@contextmanager
def translated(server: Server, doing: Doing) -> Iterator[None]:
    """Turn whatever goes wrong inside into our own errors."""
    try:
        yield
    except Refused as refused:
        raise _refusal(server, doing, refused) from refused
    except Garbled as garbled:
        raise _garbled(server.name, doing) from garbled
    except requests.RequestException as error:
        raise _lost(server.name, doing, error) from error
    except OSError as error:
        raise Permanent(
            f"No TLS connection to {server.name} can be made: `ca_file` cannot be read.",
            remedy="Name a file with certificates in PEM, readable by us.",
        ) from error


def _refusal(server: Server, doing: Doing, refused: Refused) -> RotatorError:
    status = refused.status
    said = f"{server.name} answered {status} when asked to {doing.what}."
    is_redirect = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
    failed = is_trouble(status) or (doing.changes and may_be_done(status))
    health = server.health() if is_redirect or failed else Health.UNKNOWN
    if refused.by_a_secondary or health is Health.SECONDARY:
        return Permanent(said, remedy=f"It is {Health.SECONDARY.value}: set `url` to the primary, or promote it.")
    if health is Health.UNINITIALISED:
        return NeedsOperator(said, remedy="It was never initialised: is it the right server? Else: `operator init`.")
    if lost := _how_the_active_node_was_lost(status, health):
        return _unfinished(said, doing, refused.retry_after, lost)
    if why := _reason_to_wait(refused):
        return Temporary(said, remedy=why, retry_after=refused.retry_after)
    if failed:
        return _unfinished(said, doing, refused.retry_after)
    return _for_good(server.name, doing, refused, is_redirect=is_redirect)


def _for_good(server: str, doing: Doing, refused: Refused, *, is_redirect: bool) -> RotatorError:
    said = f"{server} answered {refused.status} when asked to {doing.what}."
    if is_redirect:
        return Permanent(
            f"{server} answered {refused.status} (a redirect) when asked to {doing.what}; redirects are not followed, "
            "because they carry the token elsewhere and turn a write into a read.",
            remedy="Set the connection's `url` to the address that answers itself, with https.",
        )
    if not refused.is_vaults:
        return Permanent(said, remedy="The answer is not Vault's: check the connection's `url`.")
    return Permanent(said, remedy=_remedy(doing, refused))


def _how_the_active_node_was_lost(status: int, health: Health) -> str:
    """Say it where a standby node answered that could not hand a request over; nothing where it was another's answer.

    A load balancer may ask another node for its health: for a second after an election one is the active node already,
    while the others still redirect to the dead one (measured on three nodes). It redirects that question as well,
    where it sends us elsewhere.
    """
    if health.hands_over:
        return f"It is {health.value}: see whether it reaches the active one."
    if status == HTTPStatus.TEMPORARY_REDIRECT and health is Health.ACTIVE:
        return "It was a standby node; by now it, or another node of the cluster, is the active one."
    return ""


def _unfinished(said: str, doing: Doing, retry_after: timedelta | None, why: str = "") -> RotatorError:
    """Say that the server failed, and why, where it told: what was asked for may be done or not."""
    if doing.changes:
        return Ambiguous(said, remedy=f"{why} The change may have been made.".strip(), retry_after=retry_after)
    return Temporary(said, remedy=why, retry_after=retry_after)


def _reason_to_wait(refused: Refused) -> str:
    """Say why nothing was done now, and may be later; nothing where that is not what was answered."""
    if refused.status == HTTPStatus.TOO_MANY_REQUESTS:
        return "A rate limit of the server is used up."
    if refused.status == _INDEX_NOT_PRESENT:
        return "A standby node lags behind."
    if refused.status == HTTPStatus.BAD_REQUEST and any(_UPGRADE in reason for reason in refused.reasons):
        return "The mount is being upgraded to KV v2."
    if refused.status == HTTPStatus.SERVICE_UNAVAILABLE and refused.reasons:  # a gateway's 503 gives no reasons
        return "It is sealed: unseal it." if any("sealed" in why for why in refused.reasons) else "It is not ready."
    return ""


def _remedy(doing: Doing, refused: Refused) -> str:
    if refused.status == HTTPStatus.FORBIDDEN:
        grant = f"Grant {doing.needs}" if doing.needs else "Grant it"
        return f"The token is good, but its policy does not allow this. {grant}; see deploy/permissions/vault.hcl."
    if refused.status == HTTPStatus.NOT_FOUND:
        return "Check `mount`, `path` and `namespace`."
    if refused.status == _REQUEST_TOO_LARGE:
        return "The document is larger than the server allows."
    return "Vault's own log says why."


def _garbled(server: str, doing: Doing) -> RotatorError:
    said = f"{server} answered in another shape than Vault does when asked to {doing.what}."
    if doing.changes:
        return Ambiguous(said, remedy="The change may have been made.")
    return Permanent(said, remedy="Check the connection's `url`.")


def _lost(server: str, doing: Doing, error: requests.RequestException) -> RotatorError:
    how = type(error).__name__
    if _was_not_trusted(error):
        return Permanent(
            f"No trusted TLS connection to {server} to {doing.what}.",
            remedy="Set `ca_file` to the authority that signed its certificate, and check the host name.",
        )
    if isinstance(error, requests.exceptions.ConnectTimeout) or _was_never_connected(error):
        return Temporary(f"{server} cannot be reached to {doing.what} ({how}).", remedy="Check that it runs.")
    if doing.changes:
        return Ambiguous(f"The answer of {server} was lost when asked to {doing.what} ({how}).")
    return Temporary(f"{server} gave no whole answer when asked to {doing.what} ({how}).")


def _was_not_trusted(error: BaseException) -> bool:
    """Tell a certificate that was refused before anything was sent from TLS that broke later, maybe in the answer.

    requests and urllib3 keep the error below among their arguments, or as ``reason``.
    """
    below = (*error.args, getattr(error, "reason", None))
    return isinstance(error, ssl.SSLCertVerificationError) or any(
        _was_not_trusted(cause) for cause in below if isinstance(cause, BaseException)
    )


def _was_never_connected(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


_DIGITS: Final = 9
"""Of a number of seconds that a service asks for in earnest: thirty years have nine."""


def _seconds(header: str) -> timedelta | None:
    return timedelta(seconds=int(header)) if header.isdecimal() and len(header) <= _DIGITS else None


def _json(response: requests.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _at(tree: Any, *keys: str) -> Any:
    for key in keys:
        tree = tree.get(key) if isinstance(tree, dict) else None
    return tree
