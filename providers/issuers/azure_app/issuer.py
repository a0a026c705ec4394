"""The client secrets of one app registration: made, listed and removed through Microsoft Graph, tried by signing in.

The directory is written in one place and read in many. A new secret is refused here and there for seconds, may be
missing from the list, and may even be unknown to the removal; a removed one is accepted for as long.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from providers.issuers.azure_app.graph import Asked, Graph, says
from providers.issuers.azure_app.plugin import TRAITS
from providers.issuers.azure_app.signing_in import SignIn
from rotator.domain.clock import Clock
from rotator.domain.contracts import (
    Issued,
    IssueRequest,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.errors import Ambiguous, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle, TokenName

_KEY_ID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_UNKNOWN: Final = "No password credential found with keyId"


class AppSecretIssuer:
    """The secrets of ``application``, which is its client id."""

    traits = TRAITS

    def __init__(self, graph: Graph, sign_in: SignIn, application: str, propagation: timedelta, clock: Clock) -> None:
        self._graph = graph
        self._sign_in = sign_in
        self._application = application
        self._path = f"/v1.0/applications(appId='{application}')"
        self._propagation = propagation
        self._clock = clock
        self._made: list[tuple[SecretValue, datetime]] = []

    def issue(self, request: IssueRequest) -> Issued:
        """Make one secret; the request is sent once. Without a lifetime, Entra ID gives it two years."""
        asked = Asked(f"add a secret to the application {self._application}", makes=True, changes=True)
        wanted: dict[str, str] = {"displayName": request.name}
        if request.lifetime is not None:
            wanted["endDateTime"] = request.lifetime.after(request.now).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        answer = self._graph.post(asked, f"{self._path}/addPassword", {"passwordCredential": wanted})
        if answer.status != HTTPStatus.OK:
            raise self._graph.refusal(asked, answer)
        made = answer.document if isinstance(answer.document, dict) else {}
        handle, value = made.get("keyId"), made.get("secretText")
        if not (isinstance(handle, str) and _KEY_ID.fullmatch(handle) and isinstance(value, str) and value):
            raise Ambiguous(f"Microsoft Graph answered 200 without a secret when asked to {asked.what}.")
        secret = SecretValue(value)
        now = self._clock.now()
        self._made = [*(each for each in self._made if not self._is_known_at(now, each[1])), (secret, now)]
        try:
            ends = _moment(made.get("endDateTime"))
        except ValueError:
            ends = None  # not worth losing a secret for: it is listed with its true times
        return Issued(Handle(handle), secret, request.name, request.now, ends)

    def tokens(self) -> tuple[TokenInfo, ...]:
        """List the application's secrets. An expired one stays until it is removed."""
        asked = Asked(f"list the secrets of the application {self._application}")
        answer = self._graph.get(asked, self._path, **{"$select": "appId,passwordCredentials"})
        if answer.status != HTTPStatus.OK:
            raise self._graph.refusal(asked, answer)
        document = answer.document if isinstance(answer.document, dict) else {}
        rows = document.get("passwordCredentials")
        if str(document.get("appId")).lower() != self._application or not isinstance(rows, list):
            raise self._misread(asked)
        try:
            return tuple(_listed(row) for row in rows)
        except (LookupError, TypeError, ValueError) as error:
            raise self._misread(asked) from error

    def verify(self, value: SecretValue) -> Verification:
        """Sign in with the value. One that we made just now is not yet VALID: other servers may still refuse it."""
        verification = self._sign_in.verify(self._application, value)
        if verification.verdict is Verdict.VALID and self._is_too_young(value):
            return Verification(
                Verdict.INDETERMINATE, reason="The secret was made just now, and not all of Entra ID knows it yet."
            )
        return verification

    def revoke(self, handle: Handle) -> Revocation:
        """Remove this secret and no other. Repeatable.

        That Graph does not know it is believed only where the list does not show it either: the two may be behind.
        """
        if not _KEY_ID.fullmatch(handle):
            raise Permanent(
                f"{handle!r} is not the keyId of a secret.", remedy="Take it from `az ad app credential list`."
            )
        asked = Asked(f"remove the secret {handle} of the application {self._application}", changes=True)
        answer = self._graph.post(asked, f"{self._path}/removePassword", {"keyId": handle})
        if answer.status == HTTPStatus.NO_CONTENT:
            return Revocation.DONE
        if not says(answer, _UNKNOWN):
            raise self._graph.refusal(asked, answer)
        if any(info.handle.lower() == handle.lower() for info in self.tokens()):
            raise Temporary(
                f"Microsoft Graph was asked to {asked.what}; it does not know it there, and still lists it."
            )
        return Revocation.ALREADY_GONE

    def _is_too_young(self, value: SecretValue) -> bool:
        now = self._clock.now()
        return any(made.same_as(value) and not self._is_known_at(now, at) for made, at in self._made)

    def _is_known_at(self, now: datetime, made_at: datetime) -> bool:
        return now >= made_at + self._propagation

    def _misread(self, asked: Asked) -> Permanent:
        return Permanent(
            f"Microsoft Graph answered in a shape that we do not know when asked to {asked.what}.",
            remedy="Check the connection's `url`.",
        )


def _listed(row: Any) -> TokenInfo:
    name = row.get("displayName")
    return TokenInfo(
        Handle(str(row["keyId"])),
        TokenName(name) if isinstance(name, str) and name else None,
        _moment(row.get("startDateTime")),
        _moment(row.get("endDateTime")),
    )


def _moment(text: Any) -> datetime | None:
    """Read a time of Graph's. ValueError for what is none."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError("not a moment")  # noqa: TRY004  the caller asks one question: is it a moment?
    return datetime.fromisoformat(text).astimezone(UTC)
