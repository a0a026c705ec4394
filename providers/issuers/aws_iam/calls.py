"""How we call IAM and STS: three ways to ask, and what a refusal means.

CreateAccessKey is sent once. botocore would repeat it when the answer is lost, and make a second key that nobody
knows (``total_max_attempts`` counts the first try, ``max_attempts`` does not; measured on boto3 1.44.5 and moto).
Everything else may be repeated. Codes and statuses are those of AWS's API reference and botocore's service model.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from providers.aws.client import (
    DENIED,
    OWN_FAULT,
    THROTTLED,
    UNKNOWN_CALLER,
    AwsConfig,
    Refused,
    call,
    make_client,
    make_session,
)
from providers.issuers.aws_iam.forms import AccessKey
from rotator.domain.contracts import NO_BUDGET, Access
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

_METHODS: Final = {
    "CreateAccessKey": "create_access_key",
    "ListAccessKeys": "list_access_keys",
    "GetAccessKeyLastUsed": "get_access_key_last_used",
    "UpdateAccessKey": "update_access_key",
    "DeleteAccessKey": "delete_access_key",
}
_CREATE: Final = "CreateAccessKey"
_CHANGES: Final = {_CREATE, "UpdateAccessKey", "DeleteAccessKey"}
_BUSY: Final = {"ConcurrentModification", "EntityTemporarilyUnmodifiable"}
_TRIES: Final = 3


class NotThere(NeedsOperator):
    """IAM does not know the user, or not this key of it."""


@dataclass(frozen=True)
class Clients:
    """The clients of one connection. They are made together: a session is not for two threads at a time."""

    session: Any = field(repr=False)
    once: Any = field(repr=False)
    repeating: Any = field(repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Calls:
    """Makes calls to IAM about one user's keys, and to STS as the owner of a key. Safe to use from several threads."""

    def __init__(self, config: AwsConfig, user: str, access: Access) -> None:
        self._config = config
        self._user = user
        self._access = access

    def __call__(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """Ask IAM. Raises NotThere, or an error of the family that says what should happen next."""
        creates = operation == _CREATE
        clients = self._clients()
        method = getattr(clients.once if creates else clients.repeating, _METHODS[operation])
        try:
            return call(
                lambda: method(**arguments),
                f"{operation} for the user {self._user}",
                budget=self._access.budget,
                changes=operation in _CHANGES,
                sent_once=creates,
            )
        except Refused as refused:
            raise _family(refused, operation, self._user) from refused

    def listed(self) -> Iterator[dict[str, Any]]:
        """Give what ListAccessKeys tells of each key, from every page."""
        page: dict[str, str] = {}
        while True:
            answer = self("ListAccessKeys", UserName=self._user, **page)
            yield from answer["AccessKeyMetadata"]
            if not answer.get("IsTruncated"):
                return
            page = {"Marker": answer["Marker"]}

    def whose(self, key: AccessKey) -> str:
        """Ask STS, with this key and nothing of ours, whose it is; give the ARN. Raises Refused."""
        clients = self._clients()
        with clients.lock:
            client = make_client(
                "sts",
                clients.session,
                self._config,
                attempts=_TRIES,
                aws_access_key_id=key.id,
                aws_secret_access_key=key.secret.reveal(),
            )
        try:
            answer = call(client.get_caller_identity, "GetCallerIdentity with this key",
                          budget=self._access.budget, changes=False)  # fmt: skip
        finally:
            client.close()
        return str(answer["Arn"])

    def own_key(self) -> str | None:
        """Give the id of the key that the connection itself uses now; None for a role, whose keys are no user's."""
        if self._config.role_arn:
            return None

        def look() -> dict[str, Any]:
            credentials = self._clients().session.get_credentials()
            return {"id": credentials.get_frozen_credentials().access_key if credentials else None}

        key_id = call(look, "its credentials", budget=NO_BUDGET, changes=False)["id"]
        return str(key_id) if key_id else None

    def _clients(self) -> Clients:
        def make() -> Clients:
            session = make_session(self._config, self._access)
            once = make_client("iam", session, self._config, attempts=1)
            return Clients(session, once, make_client("iam", session, self._config, attempts=_TRIES))

        return self._access.shared("aws", make)


def _family(refused: Refused, operation: str, user: str) -> RotatorError:  # noqa: PLR0911 -- a table
    code, about = refused.code, f"AWS refused {operation} for the user {user} ({refused.code})"
    # A create that was refused left nothing behind: withdraw. Elsewhere a key waits for a person.
    stop = Permanent if operation == _CREATE else NeedsOperator
    if code in UNKNOWN_CALLER:
        return stop(
            f"{about}: it does not accept the connection's credentials.",
            remedy="Renew them, and see that this machine's clock is right.",
        )
    if code in DENIED:
        explicitly = ": a policy denies it explicitly, perhaps one of the organization or a permissions boundary"
        return stop(
            f"{about}{explicitly if 'explicit deny' in refused.message else ''}.",
            remedy=f"Allow iam:{operation} on this user; see deploy/permissions/aws-iam-access-key.json.",
        )
    if code in THROTTLED:
        return Temporary(f"AWS throttles {operation} for the user {user} ({code}).")
    if code in _BUSY:
        return Temporary(f"{about}: something else changes this user now.")
    if code == "LimitExceeded" and operation == _CREATE:
        return Permanent(
            f"{about}: it has two access keys, and AWS allows no third.",
            remedy=f"Delete the one that nobody uses; `aws iam list-access-keys --user-name {user}` shows both.",
        )
    if code == "NoSuchEntity":
        about = f"{about}: there is no such user, or it has no such key."
        remedy = "See that the policy's `user` is right, and the connection's account."
        return Permanent(about, remedy=remedy) if operation == _CREATE else NotThere(about, remedy=remedy)
    if refused.status >= OWN_FAULT:
        lost = Ambiguous if operation in _CHANGES else Temporary
        return lost(f"AWS failed {operation} for the user {user} ({refused.status} {code}).")
    return stop(f"{about}.", remedy="Look the code up in the IAM API reference.")
