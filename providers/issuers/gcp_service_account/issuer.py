"""The keys of one service account: ten at most, without names and, unless a policy says so, without an end.

IAM is eventually consistent: a new key may be refused for a minute, a deleted one accepted for as long. Access tokens
that were got with a key outlive it by up to an hour.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final

from providers.issuers.gcp_service_account.iam import Asked, Iam
from providers.issuers.gcp_service_account.key_file import Form, ServiceAccountKey, read, throwaway, written
from providers.issuers.gcp_service_account.plugin import TRAITS
from providers.issuers.gcp_service_account.token_endpoint import (
    DEAD,
    NAMES_THE_ACCOUNT,
    TokenEndpoint,
    access_token,
    meaning_of,
    reason_of,
)
from rotator.domain.clock import Clock
from rotator.domain.contracts import (
    Issued,
    IssueRequest,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle

_ID: Final = re.compile(r"[0-9A-Za-z_-]{8,128}")
_NEVER: Final = 9999
"""The year of a key without an end."""


class ServiceAccountKeyIssuer:
    """Makes, lists, checks and deletes the keys of ``account`` that Google made."""

    traits = TRAITS

    def __init__(
        self, iam: Iam, endpoint: TokenEndpoint, account: str, form: Form, propagation: timedelta, clock: Clock
    ) -> None:
        self._iam = iam
        self._endpoint = endpoint
        self._account = account
        self._form = form
        self._propagation = propagation
        self._clock = clock
        self._path = f"/v1/projects/-/serviceAccounts/{account}/keys"
        self._made_at: dict[str, datetime] = {}

    def issue(self, request: IssueRequest) -> Issued:
        """Make a key; the request is sent once. Google gives it no name, so the one that was asked for goes unused."""
        if request.lifetime is not None:
            raise Permanent("A service account's key cannot be made to expire.", remedy="Leave `expires_in` out.")
        asked = Asked(f"make a key of {self._account}", "iam.serviceAccountKeys.create", makes=True, changes=True)
        wanted = {"privateKeyType": "TYPE_GOOGLE_CREDENTIALS_FILE", "keyAlgorithm": "KEY_ALG_RSA_2048"}
        answer = self._iam.send(asked, "POST", self._path, wanted)
        if answer.status != HTTPStatus.OK:
            raise self._iam.refusal(asked, answer)
        made = answer.document if isinstance(answer.document, dict) else {}
        document = _file_in(made.get("privateKeyData"))
        value = written(document, self._form) if document else None
        key = read(value) if value is not None else None
        if value is None or key is None or key.account != self._account or _id_in(made.get("name")) != key.id:
            raise Ambiguous(f"Google's IAM answered 200 without a key file when asked to {asked.what}.")
        self._made_at[key.id] = self._clock.now()
        try:
            created_at, expires_at = _moment(made.get("validAfterTime")), _moment(made.get("validBeforeTime"))
        except ValueError:  # not worth losing a key for: it is listed with its true times
            created_at = expires_at = None
        return Issued(Handle(key.id), value, created_at=created_at or request.now, expires_at=expires_at)

    def tokens(self) -> tuple[TokenInfo, ...]:
        """List the account's keys, disabled and uploaded ones too: they take one of the ten places."""
        asked = Asked(f"list the keys of {self._account}", "iam.serviceAccountKeys.list")
        answer = self._iam.send(asked, "GET", self._path, keyTypes="USER_MANAGED")
        if answer.status != HTTPStatus.OK:
            raise self._iam.refusal(asked, answer)
        try:
            # No keys are an empty document: nothing else without `keys` is an answer of IAM's.
            return tuple(_listed(row) for row in (answer.document["keys"] if answer.document != {} else ()))
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Permanent(
                f"Google's IAM answered in a shape that we do not know when asked to {asked.what}.",
                remedy="Check the connection's `url`.",
            ) from error

    def verify(self, value: SecretValue) -> Verification:
        """Have the key sign for an access token. INVALID only for the one sentence that Google has for a dead key."""
        key = read(value) or throwaway(value, self._account)
        if key is None:
            return _uncertain("It is no key file of a service account.")
        if key.account != self._account:
            return _uncertain(f"The key belongs to {key.account}, not to {self._account}.")
        try:
            answer = self._endpoint.exchange(key, NAMES_THE_ACCOUNT)
        except RotatorError as error:
            return _uncertain(str(error))
        if access_token(answer) is not None:
            return self._accepted(key)
        reason = reason_of(answer)
        if reason == DEAD:
            return Verification(Verdict.INVALID, reason="Google does not know this key, or it is disabled.")
        why = meaning_of(reason) or "which proves neither life nor death"
        return _uncertain(f"Google answered {answer.status} to what the key {key.id} signed: {why}.")

    def revoke(self, handle: Handle) -> Revocation:
        """Delete this key and no other. Repeatable. One that is gone is so only if it is not listed either."""
        if not _ID.fullmatch(handle):
            raise Permanent(f"{handle!r} is not the id of a key.", remedy="Take the `private_key_id` of its file.")
        if handle == self._iam.own_key():
            raise NeedsOperator(
                f"{handle} is the key that the connection itself signs with.",
                remedy="Give the connection another one, then run `rotate resume`.",
            )
        asked = Asked(f"delete the key {handle} of {self._account}", "iam.serviceAccountKeys.delete", changes=True)
        answer = self._iam.send(asked, "DELETE", f"{self._path}/{handle}")
        if answer.status == HTTPStatus.OK and isinstance(answer.document, dict):
            return Revocation.DONE
        if answer.status != HTTPStatus.NOT_FOUND:
            raise self._iam.refusal(asked, answer)
        if any(info.handle == handle for info in self.tokens()):
            raise Temporary(f"Google's IAM does not know the key {handle} when asked to delete it, and still lists it.")
        return Revocation.ALREADY_GONE

    def _accepted(self, key: ServiceAccountKey) -> Verification:
        made_at = self._made_at.get(key.id)
        if made_at is not None and self._clock.now() < made_at + self._propagation:
            return _uncertain(f"The key {key.id} was made just now, and not all of Google may know it yet.")
        self._made_at.pop(key.id, None)
        return Verification(Verdict.VALID, Handle(key.id))


def _uncertain(reason: str) -> Verification:
    return Verification(Verdict.INDETERMINATE, reason=reason)


def _file_in(data: Any) -> dict[str, Any] | None:
    """Give the key file that an answer holds, in base64."""
    try:
        document = json.loads(base64.b64decode(data, validate=True))
    except (binascii.Error, TypeError, ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _id_in(name: Any) -> str | None:
    """Give the id at the end of ``projects/…/serviceAccounts/…/keys/ID``."""
    found = name.rpartition("/keys/")[2] if isinstance(name, str) and "/keys/" in name else ""
    return found if _ID.fullmatch(found) else None


def _listed(row: Any) -> TokenInfo:
    key_id = _id_in(row["name"])
    if key_id is None:
        raise ValueError("not the name of a key")
    ends = _moment(row.get("validBeforeTime"))
    return TokenInfo(Handle(key_id), created_at=_moment(row.get("validAfterTime")), expires_at=ends)


def _moment(text: Any) -> datetime | None:
    """Read a time of Google's; the year 9999 is never. ValueError for what is none."""
    if text is None:
        return None
    if not isinstance(text, str):
        raise ValueError("not a moment")  # noqa: TRY004  the caller asks one question: is it a moment?
    read_time = datetime.fromisoformat(text)
    return None if read_time.year == _NEVER else read_time.astimezone(UTC)
