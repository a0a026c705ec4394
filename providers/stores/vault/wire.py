"""hvac, made strict: no redirect is followed, no setting comes from the environment or ~/.netrc, every call has a
timeout and is taken from the connection's budget, nothing is sent twice, and answers are judged by our rules.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import hvac
import requests
from hvac.adapters import RawAdapter

from providers.stores.vault.failures import Garbled, Refused
from providers.stores.vault.login import client_certificate
from providers.stores.vault.plugin import VaultConfig
from rotator.domain.contracts import Budget
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.secret_value import SecretValue


@dataclass(frozen=True)
class Timeouts:
    """How long to wait: for a connection, and for each silence of the server."""

    connect: timedelta = timedelta(seconds=3)
    read: timedelta = timedelta(seconds=10)


class Bearing(Protocol):
    """Where a client's token comes from (``bearer.Bearer``)."""

    def token(self) -> SecretValue: ...

    def after_refusal_of(self, refused: SecretValue) -> SecretValue | None: ...


def open_http(config: VaultConfig) -> requests.Session:
    """Open the connections that all clients of one Vault share. Permanent when `ca_file` cannot be used."""
    http = requests.Session()
    http.trust_env = False  # else ~/.netrc and proxy variables decide where the token goes, and how
    http.verify = _authorities(config.ca_file) if config.ca_file else True
    http.cert = client_certificate(config)
    return http


def _authorities(ca_file: Path) -> str:
    """See that the file can be used: what requests says of one that cannot be looks like a broken connection."""
    try:
        ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # an ssl.SSLError is one, too
        raise Permanent(f"The CA file {ca_file} cannot be used: {error}.", remedy="Correct `ca_file`.") from error
    return str(ca_file)


@dataclass(frozen=True)
class Clients:
    """Makes hvac clients for one Vault."""

    config: VaultConfig
    http: requests.Session
    budget: Budget
    timeouts: Timeouts

    def client(self, *, namespace: str | None, bearer: Bearing | None = None) -> Any:
        """Make one for a namespace (``root`` and None: the one above all), with a token or without."""
        return hvac.Client(
            url=self.config.url,
            token="",  # keeps hvac from taking VAULT_TOKEN or ~/.vault-token
            verify=self.http.verify,
            timeout=(self.timeouts.connect.total_seconds(), self.timeouts.read.total_seconds()),
            allow_redirects=False,
            session=self.http,
            adapter=_Wire,
            namespace=None if namespace == "root" else namespace,
            bearer=bearer,
            budget=self.budget,
        )


class _Wire(RawAdapter):  # type: ignore[misc]  # hvac carries no types
    """hvac's adapter, which sends for us."""

    def __init__(self, *, bearer: Bearing | None, budget: Budget, **settings: Any) -> None:
        super().__init__(**{**settings, "cert": None})  # hvac would take one from VAULT_CLIENT_CERT
        self._bearer = bearer
        self._budget = budget

    def request(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        raise_exception: bool = True,  # noqa: ARG002  # hvac's signature; answers are judged here in any case
        **kwargs: Any,
    ) -> Any:
        """Send, and give the body. Refused or Garbled."""
        return _body(self._answer(method, url, headers or {}, kwargs))

    def text(self, url: str) -> str:
        """Read, and give the body as it was written. Refused or Garbled."""
        try:
            return _accepted(self._answer("get", url, {}, {})).content.decode()
        except UnicodeDecodeError as error:
            raise Garbled("not UTF-8") from error

    def _answer(self, method: str, url: str, headers: dict[str, str], kwargs: dict[str, Any]) -> requests.Response:
        """Send once; once more with a new token when the old one had died."""
        if self._bearer is None:
            return self._send(method, url, headers, kwargs)
        token = self._bearer.token()
        response = self._send(method, url, {"X-Vault-Token": token.reveal()}, kwargs)
        if response.status_code == HTTPStatus.FORBIDDEN:
            another = self._bearer.after_refusal_of(token)
            if another is not None:
                response = self._send(method, url, {"X-Vault-Token": another.reveal()}, kwargs)
        return response

    def _send(self, method: str, url: str, headers: dict[str, str], kwargs: dict[str, Any]) -> requests.Response:
        response: requests.Response | None = None
        with self._budget.request(), suppress(requests.exceptions.InvalidHeader, UnicodeError):
            response = super().request(method, url, headers, raise_exception=False, **kwargs)
        if response is None:  # raised out here, because those two quote the header, and the header is the token
            raise NeedsOperator(
                "The connection's Vault token holds characters that no token has.",
                remedy="Check the file or variable it is read from: a line break, a quote, another file?",
            )
        if response.status_code == HTTPStatus.TOO_MANY_REQUESTS:
            self._budget.throttled(Refused(response).retry_after)
        return response


def _accepted(response: requests.Response) -> requests.Response:
    if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        raise Refused(response)
    return response


def _body(response: requests.Response) -> Any:
    if not _accepted(response).content:
        return {}
    try:
        return response.json()
    except ValueError as error:
        raise Garbled("not JSON") from error
