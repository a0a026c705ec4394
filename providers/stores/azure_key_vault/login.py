"""Tokens for the vault, from azure-identity: by the one method that the connection names, for the one audience.

A credential of azure-identity is made for each token and dropped with it, so the connection's secret is read anew
every time and may be rotated under us. The vault's client keeps a token until shortly before it expires.

A vault says in its challenge what to ask a token for, and in which tenant. Neither is obeyed: a token is asked for only
if it is for the connection's own audience, because a server that is not ours must not get one that opens something
else, and only in the connection's own tenant, if it names one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import azure.identity
from azure.core.credentials import AccessTokenInfo
from azure.core.exceptions import AzureError

from providers.stores.azure_key_vault.auth import METHODS
from providers.stores.azure_key_vault.failures import Loss, answer_of, loss_of
from providers.stores.azure_key_vault.plugin import AzureConfig
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


class Login:
    """What the vault's client asks for tokens (azure-core's ``SupportsTokenInfo``)."""

    def __init__(self, config: AzureConfig, access: Access, transport: Mapping[str, Any]) -> None:
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
        failure: AzureError | OSError | ValueError | None = None
        try:
            with self._credential(answers.append) as credential:
                token: AccessTokenInfo = credential.get_token_info(*scopes, options=options)
                self._token = SecretValue(token.token)
                return token
        except (AzureError, OSError, ValueError) as error:
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
                    f"The vault asks for a token for {asked}, and the connection is for {self._config.audience}.",
                    remedy="No token was sent. If that is right (a private endpoint under a name of its own, another "
                    "cloud), set `resource` to it; else check `url`.",
                )

    def _translated(self, error: AzureError | OSError | ValueError, answers: list[Any]) -> RotatorError:
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
    "client_secret": "Check `auth` and the connection's `client_secret`, and that `authority` signs in for the vault.",
    "certificate": "Check that `certificate` holds a certificate and its RSA key in PEM, and `certificate_password`.",
    "workload_identity": "Set `tenant_id`, `client_id` and `token_file`, or let AKS's webhook set AZURE_TENANT_ID, "
    "AZURE_CLIENT_ID and AZURE_FEDERATED_TOKEN_FILE.",
    "managed_identity": "Give this machine a managed identity; with a user-assigned one, check `client_id`.",
    "cli": "Install the Azure CLI where we run, and sign in there: `az login`.",
}


def _client_secret(config: AzureConfig, access: Access, settings: dict[str, Any]) -> Any:
    auth, secret = config.auth, access.credential("client_secret").reveal()
    return azure.identity.ClientSecretCredential(auth.tenant_id or "", auth.client_id or "", secret, **settings)


def _certificate(config: AzureConfig, access: Access, settings: dict[str, Any]) -> Any:
    auth, data = config.auth, access.credential("certificate").reveal().encode()
    if "certificate_password" in config.credentials:
        settings["password"] = access.credential("certificate_password").reveal()
    return azure.identity.CertificateCredential(
        auth.tenant_id or "", auth.client_id or "", certificate_data=data, **settings
    )


def _workload_identity(config: AzureConfig, _access: Access, settings: dict[str, Any]) -> Any:
    auth = config.auth
    token_file = str(auth.token_file) if auth.token_file else None
    return azure.identity.WorkloadIdentityCredential(
        tenant_id=auth.tenant_id, client_id=auth.client_id, token_file_path=token_file, **settings
    )


def _managed_identity(config: AzureConfig, _access: Access, settings: dict[str, Any]) -> Any:
    return azure.identity.ManagedIdentityCredential(client_id=config.auth.client_id, **settings)


def _cli(config: AzureConfig, _access: Access, _settings: dict[str, Any]) -> Any:
    return azure.identity.AzureCliCredential(tenant_id=config.auth.tenant_id or "")


_CREDENTIALS: Final[Mapping[str, Callable[[AzureConfig, Access, dict[str, Any]], Any]]] = {
    "client_secret": _client_secret,
    "certificate": _certificate,
    "workload_identity": _workload_identity,
    "managed_identity": _managed_identity,
    "cli": _cli,
}
