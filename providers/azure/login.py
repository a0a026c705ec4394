"""Tokens for a service on Azure, from azure-identity: by the one method that a connection names, for its one audience.

A credential of azure-identity is made for each token and dropped with it, so the connection's secret is read anew
every time and may be rotated under us. Who asks keeps a token until shortly before it expires.

A service may say in a challenge what to ask a token for, and in which tenant. Neither is obeyed: a token is asked for
only if it is for the connection's own audience, because a server that is not ours must not get one that opens
something else, and only in the connection's own tenant, if it names one.
"""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import azure.identity
import requests
from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import AzureError, ServiceRequestError, ServiceResponseError
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from providers.azure.auth import METHODS, Auth
from providers.http.client import HttpAnswer
from rotator.domain.contracts import Access
from rotator.domain.errors import NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue

_CODE: Final = re.compile(r"AADSTS\d+")

_MEANINGS: Final = {
    "AADSTS7000215": "The client secret is wrong: give its value, not its id.",
    "AADSTS7000222": "The client secret has expired: make another in the app registration.",
    "AADSTS700016": "There is no such app in this tenant: check `client_id` and `tenant_id`.",
    "AADSTS90002": "There is no such tenant there: check `tenant_id` and `authority`.",
    "AADSTS700027": "The app registration does not have this certificate: upload it there.",
    "AADSTS700024": "The assertion is out of its time: check this machine's clock, and the federated token.",
    "AADSTS700213": "The app has no federated credential for this service account: check its subject.",
    "AADSTS70021": "The app has no federated credential for this service account: check issuer and subject.",
}
"""From Entra ID's table of error codes."""


class SignsIn(Protocol):
    """A connection's settings, as far as signing in needs them."""

    @property
    def auth(self) -> Auth: ...

    @property
    def credentials(self) -> Mapping[str, object]: ...

    @property
    def sign_in_at(self) -> str | None:
        """Give the authority. None only for methods where somebody else signs in for us."""
        ...

    @property
    def audience(self) -> str:
        """Give what tokens are asked for, and nothing else."""
        ...


class Loss(Enum):
    """What became of a request that was not answered."""

    NEVER_SENT = "never sent"
    UNTRUSTED = "never sent: the server's certificate is not trusted"
    MAYBE_DONE = "maybe done"


def transport(ca_file: Path | None, connect: timedelta, read: timedelta) -> dict[str, Any]:
    """Give the settings that make azure-core strict: timeouts, trust, nothing from the environment; and still its logs.

    Permanent when the file of authorities cannot be used.
    """
    for library in ("azure", "msal"):  # they log requests and refusals; ours say what matters
        logging.getLogger(library).setLevel(logging.CRITICAL)
    return {
        "connection_timeout": connect.total_seconds(),
        "read_timeout": read.total_seconds(),
        "connection_verify": _trusted(ca_file),
        "use_env_settings": False,
    }


def _trusted(ca_file: Path | None) -> str | bool:
    if ca_file is None:
        return True
    try:
        ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise Permanent(f"The CA file {ca_file} cannot be used: {error}.", remedy="Correct `ca_file`.") from error
    return str(ca_file)


def answer_of(response: Any) -> HttpAnswer:
    """Give an answer of azure-core's in the shape that our own HTTP client has."""
    try:
        body = response.content
    except AzureError:  # it was not read to its end
        body = b""
    headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
    return HttpAnswer(int(response.status_code), headers, body)


def loss_of(failure: BaseException) -> Loss | None:
    """Tell what became of the request, from what the layers below said; None: it was answered."""
    chain = list(_chain(failure))
    if any(isinstance(error, ssl.SSLCertVerificationError) for error in chain):
        return Loss.UNTRUSTED
    if any(isinstance(error, NewConnectionError | ConnectTimeoutError) for error in chain):
        return Loss.NEVER_SENT
    lost = (ServiceRequestError, ServiceResponseError, requests.RequestException)
    return Loss.MAYBE_DONE if any(isinstance(error, lost) for error in chain) else None


def _chain(failure: object) -> Iterator[BaseException]:
    """Give an error and all that it was made of: each library on the way keeps the one before in a place of its own."""
    waiting, seen = [failure], set[int]()
    while waiting:
        error = waiting.pop()
        if isinstance(error, BaseException) and id(error) not in seen:
            seen.add(id(error))
            yield error
            kept = (getattr(error, name, None) for name in ("inner_exception", "reason", "__cause__", "__context__"))
            waiting += [*kept, *error.args]


class Login:
    """What a client of Azure's asks for tokens (azure-core's ``SupportsTokenInfo``)."""

    def __init__(self, config: SignsIn, access: Access, transport: Mapping[str, Any]) -> None:
        self._config, self._access, self._transport = config, access, transport
        self._method = config.auth.method
        self._token: SecretValue | None = None
        """Kept, because what is alive in a ``SecretValue`` is taken out of every log."""

    def get_token_info(self, *scopes: str, options: Any = None) -> AccessTokenInfo:
        """Sign in. NeedsOperator, Permanent or Temporary when there is no token to be had."""
        self._refuse_other_audiences(scopes)
        options = dict(options or {})
        if METHODS[self._method].asks_authority or self._config.auth.tenant_id:
            options.pop("tenant_id", None)  # ours is decided; the challenge's may be written otherwise, as an id
        answers: list[Any] = []
        failure: AzureError | OSError | ValueError | TypeError | None = None
        try:
            with self._credential(answers.append) as credential:
                token: AccessTokenInfo = credential.get_token_info(*scopes, options=options)
                self._token = SecretValue(token.token)
                return token
        except (AzureError, OSError, ValueError, TypeError) as error:  # TypeError: a passphrase
            failure = error
        raise self._translated(failure, answers)  # out here, without its cause: that may quote an answer

    def _credential(self, see: Callable[[Any], None]) -> Any:
        # No attempt is repeated: the engine does that. The hook shows what azure-identity leaves out of its errors.
        settings = {**self._transport, "retry_total": 0, "raw_response_hook": see}
        if METHODS[self._method].asks_authority:
            # Discovery would ask Microsoft's public cloud whether a private one may be trusted.
            settings |= {"authority": self._config.sign_in_at, "disable_instance_discovery": True}
        return _CREDENTIALS[self._method](self._config, self._access, settings)

    def _refuse_other_audiences(self, scopes: tuple[str, ...]) -> None:
        for scope in scopes:
            asked = scope.removesuffix("/.default").rstrip("/")
            if asked != self._config.audience:
                raise Permanent(
                    f"The service asks for a token for {asked}, and the connection is for {self._config.audience}.",
                    remedy="No token was sent. If that is right (a private endpoint under a name of its own, another "
                    "cloud), set `resource` to it; else check `url`.",
                )

    def _translated(self, error: AzureError | OSError | ValueError | TypeError, answers: list[Any]) -> RotatorError:
        where = urlsplit(self._config.sign_in_at or "").netloc if METHODS[self._method].asks_authority else "Azure"
        said = f"No token from {where} with {self._method}"
        loss = loss_of(error)
        if loss is Loss.UNTRUSTED:
            return Permanent(f"{said}: its certificate is not trusted.", remedy="Set `ca_file`, or check `authority`.")
        if loss is not None:
            return Temporary(f"{said}: it cannot be reached, or gave no whole answer.", remedy="Check the network.")
        answer = answer_of(answers[-1].http_response) if answers else None
        if answer is not None and (answer.status >= 500 or answer.status in (408, 429)):  # noqa: PLR2004  HTTP's own
            wait = answer.retry_after(self._access.clock.now())
            return Temporary(f"{said}: it answered {answer.status}.", retry_after=wait)
        code = _CODE.search(f"{error} {answer.body.decode(errors='replace') if answer else ''}")
        if code is not None:
            return NeedsOperator(f"{said}: {code[0]}.", remedy=_MEANINGS.get(code[0], "Look the code up."))
        if isinstance(error, OSError):
            return NeedsOperator(f"{said}: {error.strerror or 'a file'} ({error.filename}).", remedy="Check the path.")
        return NeedsOperator(f"{said} ({type(error).__name__}).", remedy=_REMEDIES[self._method])


_REMEDIES: Final = {
    "client_secret": "Check `auth` and the connection's `client_secret`, and that `authority` signs in for it.",
    "certificate": "Check that `certificate` holds a certificate and its RSA key in PEM, and `certificate_password`.",
    "workload_identity": "Set `tenant_id`, `client_id` and `token_file`, or let AKS's webhook set AZURE_TENANT_ID, "
    "AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE.",
    "managed_identity": "Give this machine a managed identity; with a user-assigned one, check `client_id`.",
    "cli": "Install the Azure CLI where we run, and sign in there: `az login`.",
}


def _client_secret(config: SignsIn, access: Access, settings: dict[str, Any]) -> Any:
    auth, secret = config.auth, access.credential("client_secret").reveal()
    return azure.identity.ClientSecretCredential(auth.tenant_id or "", auth.client_id or "", secret, **settings)


def _certificate(config: SignsIn, access: Access, settings: dict[str, Any]) -> Any:
    auth, data = config.auth, access.credential("certificate").reveal().encode()
    if "certificate_password" in config.credentials:
        settings["password"] = access.credential("certificate_password").reveal()
    return azure.identity.CertificateCredential(
        auth.tenant_id or "", auth.client_id or "", certificate_data=data, **settings
    )


def _workload_identity(config: SignsIn, _access: Access, settings: dict[str, Any]) -> Any:
    auth = config.auth
    token_file = str(auth.token_file) if auth.token_file else None
    return azure.identity.WorkloadIdentityCredential(
        tenant_id=auth.tenant_id, client_id=auth.client_id, token_file_path=token_file, **settings
    )


def _managed_identity(config: SignsIn, _access: Access, settings: dict[str, Any]) -> Any:
    return azure.identity.ManagedIdentityCredential(client_id=config.auth.client_id, **settings)


def _cli(config: SignsIn, _access: Access, _settings: dict[str, Any]) -> Any:
    return azure.identity.AzureCliCredential(tenant_id=config.auth.tenant_id or "")


_CREDENTIALS: Final[Mapping[str, Callable[[SignsIn, Access, dict[str, Any]], Any]]] = {
    "client_secret": _client_secret,
    "certificate": _certificate,
    "workload_identity": _workload_identity,
    "managed_identity": _managed_identity,
    "cli": _cli,
}
