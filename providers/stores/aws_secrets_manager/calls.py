"""How we call AWS: one client for each connection, and its errors in our families.

Nearly every error of this service is HTTP 400 with a code in the body, so the code decides (botocore 1.44's service
model, and AWS's API reference). Bodies and messages are never passed on: the text is ours.
"""

from __future__ import annotations

import logging
from typing import Any, Final, NoReturn

from pydantic import Field, model_validator

from rotator.domain.contracts import Access, Config, Credential
from rotator.domain.errors import Ambiguous, Conflict, NeedsOperator, Permanent, RotatorError, Temporary

_CHANGES: Final = {"CreateSecret", "PutSecretValue", "UpdateSecretVersionStage"}
_POLICY: Final = "see deploy/permissions/aws-secrets-manager.json"

_UNKNOWN_CALLER: Final = {
    "ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId",
    "InvalidAccessKeyId", "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature",
    "MissingAuthenticationTokenException",
}  # fmt: skip
_DENIED: Final = {"AccessDeniedException", "AccessDenied", "403"}
_THROTTLED: Final = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "429"}
_KMS: Final = {"DecryptionFailure", "EncryptionFailure"}
_REJECTED: Final = {"InvalidParameterException", "InvalidRequestException"}
_OWN_FAULT: Final = 500


class NotThere(Permanent):
    """The secret, or the version or label that was asked for, does not exist."""


class Rejected(Permanent):
    """The state of the secret does not allow the call: a label is elsewhere, it is being deleted, it is a replica."""


class TokenTaken(Conflict):
    """The name, or the version id that we derive from our key, is in use with other contents."""


class AwsConfig(Config):
    region: str = Field(min_length=1)
    url: str | None = None
    """Another endpoint: a VPC endpoint, or a test server."""
    profile: str | None = None
    role_arn: str | None = None
    """A role to take on, with the credentials that were found."""
    external_id: str | None = None

    @model_validator(mode="after")
    def _one_source_of_credentials(self) -> AwsConfig:
        if self.profile and self.credentials:
            raise ValueError("a connection takes `profile` or `credentials`, not both")
        if self.credentials and not {"access_key_id", "secret_access_key"} <= set(self.credentials):
            raise ValueError("`credentials` needs access_key_id and secret_access_key")
        if self.external_id and not self.role_arn:
            raise ValueError("`external_id` means nothing without `role_arn`")
        return self


CREDENTIALS: Final = (
    Credential("access_key_id", "access key of the AWS identity; unset: boto3's own chain", required=False),
    Credential("secret_access_key", "secret access key that belongs to it", required=False),
    Credential("session_token", "session token, for temporary credentials", required=False),
)


class Calls:
    """Makes calls to Secrets Manager. Safe to use from several threads."""

    def __init__(self, config: AwsConfig, access: Access) -> None:
        self._config = config
        self._access = access

    def __call__(self, operation: str, secret: str, **arguments: Any) -> dict[str, Any]:
        """Make one call about ``secret``. botocore tries it three times: every call that we make may be repeated."""
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        method = {"GetSecretValue": "get_secret_value", "DescribeSecret": "describe_secret",
                  "PutSecretValue": "put_secret_value", "CreateSecret": "create_secret",
                  "UpdateSecretVersionStage": "update_secret_version_stage"}[operation]  # fmt: skip
        named = {"Name" if operation == "CreateSecret" else "SecretId": secret}
        try:
            client = self._access.shared("secretsmanager", lambda: make_client(self._config, self._access))
            answer: dict[str, Any] = getattr(client, method)(**named, **arguments)
        except ClientError as error:
            _translate(error, operation, secret)
        except ParamValidationError:  # its text may hold what was sent
            raise Permanent(f"AWS's client refused the arguments of {operation} on {secret}.") from None
        except BotoCoreError as error:
            raise _unanswered(error, operation, secret) from error
        return answer


def _translate(error: Any, operation: str, secret: str) -> NoReturn:
    code = str(error.response.get("Error", {}).get("Code", ""))
    message = str(error.response.get("Error", {}).get("Message", "")).lower()
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    raise _family(code, message, status, operation, secret) from error


def _family(code: str, message: str, status: int, operation: str, secret: str) -> RotatorError:  # noqa: PLR0911 -- a table
    about = f"AWS refused {operation} on {secret} ({code})"
    if code in _UNKNOWN_CALLER:
        return NeedsOperator(
            f"{about}: it does not accept the connection's credentials.",
            remedy="Renew them, and see that this machine's clock is right.",
        )
    if code in _KMS or (code in _DENIED and "kms" in message):
        return Permanent(
            f"{about}: the secret's KMS key may not be used, or is disabled.",
            remedy=f"Allow kms:Decrypt and kms:GenerateDataKey on it; {_POLICY}.",
        )
    if code in _DENIED:
        return Permanent(f"{about}.", remedy=f"Allow secretsmanager:{operation} on it; {_POLICY}.")
    if code in _THROTTLED:
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
    if status >= _OWN_FAULT:
        family = Ambiguous if operation in _CHANGES else Temporary
        return family(f"AWS failed {operation} on {secret} ({status} {code}).")
    return Permanent(f"{about}.")


def _unanswered(error: Exception, operation: str, secret: str) -> RotatorError:
    """Tell apart: no credentials, or no answer (and a change may have arrived all the same)."""
    from botocore import exceptions as aws

    what = f"{operation} on {secret}"
    no_identity = (
        aws.NoCredentialsError, aws.PartialCredentialsError, aws.CredentialRetrievalError, aws.ProfileNotFound,
        aws.TokenRetrievalError, aws.SSOTokenLoadError, aws.UnauthorizedSSOTokenError,
    )  # fmt: skip
    if isinstance(error, no_identity):
        return NeedsOperator(
            f"There are no AWS credentials for {what} ({type(error).__name__}).",
            remedy="Set the connection's `credentials` or `profile`, or give this machine a role.",
        )
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
        # An earlier try of the three may have arrived, whatever the last one met.
        family = Ambiguous if operation in _CHANGES else Temporary
        return family(f"AWS did not answer {what} ({type(error).__name__}).")
    return Permanent(f"AWS's client could not make the call {what} ({type(error).__name__}).")


def make_client(config: AwsConfig, access: Access) -> Any:
    """Make the connection's one client. Imports boto3 (0.4 s)."""
    import boto3
    from botocore.config import Config as ClientConfig

    for name in ("boto3", "botocore", "urllib3"):  # at DEBUG they write whole requests into the log
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))
    return boto3.Session(botocore_session=_session(config, access)).client(
        "secretsmanager",
        endpoint_url=config.url,
        config=ClientConfig(
            connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3}
        ),
    )  # fmt: skip


def _session(config: AwsConfig, access: Access) -> Any:
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

    session = _session_with(config, _referenced(access, config) if config.credentials else None)
    if config.role_arn is None:
        return session
    fetcher = AssumeRoleCredentialFetcher(
        session.create_client,
        session.get_credentials(),
        config.role_arn,
        extra_args={"ExternalId": config.external_id} if config.external_id else {},
    )
    return _session_with(config, DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role"))


def _session_with(config: AwsConfig, credentials: Any) -> Any:
    """Make a session of botocore with these credentials, or (None) with what its own chain finds."""
    import botocore.session
    from botocore.credentials import CredentialProvider, CredentialResolver

    class Given(CredentialProvider):  # type: ignore[misc]  # botocore has no types
        METHOD = "given"

        def load(self) -> Any:
            return credentials

    session = botocore.session.Session(profile=config.profile)
    session.set_config_variable("region", config.region)
    if credentials is not None:
        session.register_component("credential_provider", CredentialResolver([Given()]))
    return session


def _referenced(access: Access, config: AwsConfig) -> Any:
    """Give credentials that are resolved anew for each request: they may be rotated under us."""
    from botocore.credentials import Credentials, ReadOnlyCredentials

    class Referenced(Credentials):  # type: ignore[misc]  # botocore has no types
        def __init__(self) -> None:
            """Keep nothing."""

        def get_frozen_credentials(self) -> Any:
            token = access.credential("session_token").reveal() if "session_token" in config.credentials else None
            key_id, secret_key = access.credential("access_key_id"), access.credential("secret_access_key")
            return ReadOnlyCredentials(key_id.reveal(), secret_key.reveal(), token)

    return Referenced()
