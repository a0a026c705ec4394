"""How we call Secrets Manager: one client for each connection, and its errors in our families.

The code of an error decides (botocore 1.44's service model, and AWS's API reference). AWS's messages are never passed
on: the text is ours.
"""

from __future__ import annotations

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
from rotator.domain.contracts import Access
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, RotatorError, Temporary

_CHANGES: Final = {"CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"}
_POLICY: Final = "see deploy/permissions/aws-secrets-manager.json"

_KMS: Final = {"DecryptionFailure", "EncryptionFailure"}
_NOT_ABOUT_THE_KEY: Final = "perform: secretsmanager:"
"""In the text of a denied action, which goes on with names of ours: any of them may have "kms" in it."""
_REJECTED: Final = {"InvalidParameterException", "InvalidRequestException"}


class NotThere(Permanent):
    """The secret, or the version or label that was asked for, does not exist."""


class Rejected(Permanent):
    """The state of the secret does not allow the call: a label is elsewhere, it is being deleted, it is a replica."""


class TokenTaken(Conflict):
    """The name, or the version id that we derive from our key, is in use with other contents."""


class Calls:
    """Makes calls to Secrets Manager. Safe to use from several threads."""

    def __init__(self, config: AwsConfig, access: Access) -> None:
        self._config = config
        self._access = access

    def __call__(self, operation: str, secret: str, **arguments: Any) -> dict[str, Any]:
        """Make one call about ``secret``. botocore tries it three times: every call that we make may be repeated."""
        method = {"GetSecretValue": "get_secret_value", "DescribeSecret": "describe_secret",
                  "PutSecretValue": "put_secret_value", "CreateSecret": "create_secret",
                  "UpdateSecretVersionStage": "update_secret_version_stage"}[operation]  # fmt: skip
        named = {"Name" if operation == "CreateSecret" else "SecretId": secret}
        try:
            return call(
                lambda: getattr(self._client(), method)(**named, **arguments),
                f"{operation} on {secret}",
                budget=self._access.budget,
                changes=operation in _CHANGES,
            )
        except Refused as refused:
            raise _family(refused, operation, secret) from refused

    def _client(self) -> Any:
        return self._access.shared(
            "secretsmanager",
            lambda: make_client("secretsmanager", make_session(self._config, self._access), self._config, attempts=3),
        )


def _family(refused: Refused, operation: str, secret: str) -> RotatorError:  # noqa: PLR0911 -- a table
    code, message, status = refused.code, refused.message, refused.status
    about = f"AWS refused {operation} on {secret} ({code})"
    if code in UNKNOWN_CALLER:
        return NeedsOperator(
            f"{about}: it does not accept the connection's credentials.",
            remedy="Renew them, and see that this machine's clock is right.",
        )
    if code in _KMS or (code in DENIED and "kms" in message and _NOT_ABOUT_THE_KEY not in message):
        return Permanent(
            f"{about}: the secret's KMS key may not be used, or is disabled.",
            remedy=f"Allow kms:Decrypt and kms:GenerateDataKey on it; {_POLICY}.",
        )
    if code in DENIED:
        return Permanent(f"{about}.", remedy=f"Allow secretsmanager:{operation} on it; {_POLICY}.")
    if code in THROTTLED:
        return Temporary(f"AWS throttles {operation} on {secret} ({code}).")
    if code == "LimitExceededException":
        return Permanent(
            f"{about}: it has too many versions.",
            remedy="AWS removes versions that are older than a day by itself: rotate it less often.",
        )
    if code == "ResourceNotFoundException":
        return NotThere(f"{about}: AWS does not know it, or not this version of it.")
    if code == "ResourceExistsException":
        return TokenTaken(f"{about}: it is there already, with something else in it; nothing was written.")
    if code in _REJECTED:
        deleted = "deletion" in message or "deleted" in message
        return Rejected(
            f"{about}: " + ("it is scheduled for deletion." if deleted else "its state does not allow it."),
            remedy="Restore it with `aws secretsmanager restore-secret`." if deleted else "",
        )
    if status >= OWN_FAULT:
        family = Ambiguous if operation in _CHANGES else Temporary
        return family(f"AWS failed {operation} on {secret} ({status} {code}).")
    return Permanent(f"{about}.")
