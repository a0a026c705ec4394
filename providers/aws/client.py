"""What providers on AWS share: a connection's settings, its sessions and clients, and one call with its errors.

What a refusal means is left to the provider: nearly all of AWS's errors are HTTP 400 or 403 with a code in the body.
Only the code and the status are passed on, never a body.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from pydantic import Field, model_validator

from providers.http.config import problem_with
from providers.user_agent import user_agent
from rotator.domain.contracts import Access, Budget, Config, Credential
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

UNKNOWN_CALLER: Final = {
    "ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidClientTokenId",
    "InvalidAccessKeyId", "InvalidSignatureException", "SignatureDoesNotMatch", "IncompleteSignature",
    "MissingAuthenticationTokenException", "RequestExpired",
}  # fmt: skip
DENIED: Final = {"AccessDeniedException", "AccessDenied", "403"}
THROTTLED: Final = {"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded", "429"}
_DOWN: Final = (502, 503, 504)
_OF_ANOTHER_SHAPE: Final = (RecursionError, ValueError, LookupError, TypeError, AttributeError)
"""What botocore's parsers raise for answers that are none of AWS's, beside their own error (measured on 1.44.5)."""
_IDENTIFYING: Final = (OSError, RuntimeError, EOFError)
"""What botocore raises while it fetches credentials, beside its own errors: a file or a program is not there, they are
old though they are new, nobody types a code. Nothing was sent then."""
OWN_FAULT: Final = 500
"""From this status on, the service failed, and says nothing of whether it did what was asked."""


class AwsConfig(Config):
    region: str = Field(min_length=1)
    url: str | None = None
    """Another endpoint: a VPC endpoint, or a test server."""
    allow_plain_http: bool = False
    profile: str | None = None
    role_arn: str | None = None
    """A role to take on, with the credentials that were found."""
    external_id: str | None = None

    @model_validator(mode="after")
    def _can_be_asked(self) -> AwsConfig:
        if self.url is not None and (problem := problem_with(self.url, allow_plain_http=self.allow_plain_http)):
            raise ValueError(f"`url`: {problem}")
        return self

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


class Refused(Exception):
    """AWS answered, and refused. ``message`` is AWS's own, in lower case: to be looked into, not to be shown."""

    def __init__(self, code: str, message: str, status: int) -> None:
        super().__init__(f"{status} {code}")
        self.code, self.message, self.status = code, message.lower(), status


def call(
    send: Callable[[], dict[str, Any]], what: str, *, budget: Budget, changes: bool, sent_once: bool = False
) -> dict[str, Any]:
    """Make one call, out of the connection's budget; ``what`` names it in errors.

    Raises Refused when AWS refused it, and when there was no answer: Ambiguous for a call that ``changes`` something
    and may have arrived, else Temporary. ``sent_once``: the client repeats nothing by itself, so a connection that
    was never made proves that nothing arrived.
    """
    from botocore.exceptions import ClientError

    with budget.request():
        try:
            return _answer(send, what, Ambiguous if changes else Temporary, sent_once=sent_once)
        except ClientError as error:
            refusal = error
            if _status(error) in _DOWN:
                budget.unavailable()
    refused = _refused(refusal)  # out here: it answered
    if refused.code in THROTTLED:
        budget.throttled(None)
    raise refused from refusal


def _answer(send: Callable[[], dict[str, Any]], what: str, lost: type[Temporary], *, sent_once: bool) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
    from botocore.parsers import ResponseParserError

    family: type[RotatorError]
    try:
        return send()
    except ClientError:
        raise
    except ParamValidationError:
        family, problem = Permanent, f"AWS's client refused the arguments of {what}."
    except BotoCoreError as error:
        raise _unanswered(error, what, lost, sent_once=sent_once) from error
    except (ResponseParserError, *_OF_ANOTHER_SHAPE):
        family, problem = lost, f"AWS's answer to {what} could not be read."
    except _IDENTIFYING as error:
        raise _no_identity(what, error) from error
    raise family(problem)  # out here, where the cause does not hang on: its text quotes what was sent, or what came


def _refused(error: Any) -> Refused:
    """Give the refusal; NeedsOperator when it was the connection's role that could not be taken on, before the call."""
    said = error.response.get("Error", {})
    refused = Refused(str(said.get("Code", "")), str(said.get("Message", "")), _status(error))
    if not error.operation_name.startswith("AssumeRole"):
        return refused
    if refused.code in THROTTLED or refused.status >= OWN_FAULT:
        raise Temporary(f"AWS did not let us take the connection's role on now ({refused}).") from error
    raise NeedsOperator(
        f"AWS does not let us take the connection's role on ({refused}).",
        remedy="See that its trust policy names us, that we may call sts:AssumeRole, and that `external_id` is right.",
    ) from error


def _status(error: Any) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _is_about_identity(error: Exception) -> bool:
    """Tell whether it is credentials that are missing."""
    from botocore import exceptions as aws

    if not isinstance(error, aws.BotoCoreError):
        return isinstance(error, _IDENTIFYING)
    return isinstance(
        error,
        aws.NoCredentialsError | aws.PartialCredentialsError | aws.CredentialRetrievalError | aws.ProfileNotFound
        | aws.TokenRetrievalError | aws.SSOTokenLoadError | aws.UnauthorizedSSOTokenError,
    )  # fmt: skip


def _no_identity(what: str, error: Exception) -> NeedsOperator:
    return NeedsOperator(
        f"There are no AWS credentials for {what} ({type(error).__name__}).",
        remedy="Set the connection's `credentials` or `profile`, or give this machine a role.",
    )


def _unanswered(error: Exception, what: str, lost: type[Temporary], *, sent_once: bool) -> RotatorError:
    """Tell apart: no credentials, never sent, or sent and not answered."""
    from botocore import exceptions as aws

    from providers.http.wire import NotTrusted

    if _is_about_identity(error):
        return _no_identity(what, error)
    if isinstance(error.__cause__, NotTrusted) and (sent_once or lost is Temporary):
        return Permanent(
            f"AWS was not asked for {what}: the certificate of its endpoint is not trusted.",
            remedy="Name the file of your authorities in AWS_CA_BUNDLE, or correct the connection's `url`.",
        )
    never_connected = (aws.EndpointConnectionError, aws.ConnectTimeoutError, aws.ProxyConnectionError)
    if sent_once and isinstance(error, never_connected):
        return Temporary(f"AWS could not be reached for {what} ({type(error).__name__}).")
    if isinstance(error, aws.HTTPClientError | aws.ConnectionError):
        return lost(f"AWS did not answer {what} ({type(error).__name__}).")
    return Permanent(f"AWS's client could not make the call {what} ({type(error).__name__}).")


def make_session(config: AwsConfig, access: Access) -> Any:
    """Make a boto3 session with the connection's identity. Imports boto3 (0.4 s); calls nobody yet.

    Raises NeedsOperator when there is no such identity.
    """
    import boto3

    for name in ("boto3", "botocore", "urllib3"):  # at DEBUG they write whole requests into the log
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))
    with _making():
        session = _session_with(config, _referenced(access, config) if config.credentials else None)
        if config.role_arn is not None:
            session = _session_with(config, _of_role(config.role_arn, config, session))
        return boto3.Session(botocore_session=session)


def _of_role(role_arn: str, config: AwsConfig, session: Any) -> Any:
    """Give the credentials of a role that is taken on with those that the session has."""
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.exceptions import NoCredentialsError

    ours = session.get_credentials()
    if ours is None:
        raise NoCredentialsError
    known = {"ExternalId": config.external_id} if config.external_id else {}
    fetcher = AssumeRoleCredentialFetcher(session.create_client, ours, role_arn, extra_args=known)
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")


@contextmanager
def _making() -> Iterator[None]:
    """Tell what keeps a session or a client from being made: our settings, or AWS's own. Nothing was sent."""
    from botocore.exceptions import BotoCoreError

    try:
        yield
    except (BotoCoreError, ValueError, *_IDENTIFYING) as error:
        if _is_about_identity(error):
            raise _no_identity("this connection", error) from error
        raise Permanent(
            f"AWS's client cannot be made: {str(error).rstrip('.')}.",
            remedy="Correct the connection's `url`, or AWS's own settings.",
        ) from error


def make_client(service: str, session: Any, config: AwsConfig, *, attempts: int, **identity: str) -> Any:
    """Make a client of one service, which tries each call this often at most.

    ``identity`` is boto3's ``aws_access_key_id`` and so on, where it is not the session's. Not to be called from two
    threads at a time with the same session.
    """
    import botocore
    from botocore.config import Config as ClientConfig

    from providers.aws.wire import ANSWER_SECONDS, CONNECT_SECONDS

    settings = ClientConfig(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=ANSWER_SECONDS,
        retries={"mode": "standard", "total_max_attempts": attempts},
        # CloudTrail shows it; and botocore's own is put together anew for each call, a quarter of what a call costs.
        user_agent=f"{user_agent()} botocore/{botocore.__version__}",
    )
    with _making():
        return session.client(service, endpoint_url=config.url, config=settings, **identity)


def _session_with(config: AwsConfig, credentials: Any) -> Any:
    """Make a session of botocore with these credentials, or (None) with what its own chain finds."""
    import botocore.session
    from botocore.credentials import CredentialProvider, CredentialResolver

    from providers.aws import wire

    class Given(CredentialProvider):  # type: ignore[misc]  # botocore has no types
        METHOD = "given"

        def load(self) -> Any:
            return credentials

    session = botocore.session.Session(profile=config.profile)
    session.register_component("data_loader", _service_models(session.get_config_variable("data_path")))
    session.set_config_variable("region", config.region)
    wire.take_over(session)
    if credentials is not None:
        session.register_component("credential_provider", CredentialResolver([Given()]))
    return session


@cache
def _service_models(data_path: str | None) -> Any:
    """Give the loader that all sessions share: reading one service's model takes 0.1 s, and keeps some megabytes."""
    from botocore.loaders import create_loader

    return create_loader(data_path)


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
