"""A signed-in connection to one Vault: hvac, made strict.

No redirect is followed, no setting comes from the environment or ~/.netrc, every call has a timeout, nothing is sent
twice, and the token stays wrapped until the line that sends it. One session serves all threads of its connection.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import hvac
import requests
from hvac.adapters import RawAdapter

from providers.stores.vault.failures import Doing, Garbled, Refused, part, translated
from providers.stores.vault.login import METHODS
from providers.stores.vault.plugin import VaultConfig
from rotator.domain.contracts import Access
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue


@dataclass(frozen=True)
class Timeouts:
    """How long to wait: for a connection, and for each silence of the server."""

    connect: timedelta = timedelta(seconds=3)
    read: timedelta = timedelta(seconds=10)


class VaultSession:
    """Where calls are made. Signs in when the first call needs it, and once more when its token has died."""

    def __init__(self, config: VaultConfig, access: Access, timeouts: Timeouts | None = None) -> None:
        timeouts = timeouts or Timeouts()
        self.server = f"Vault at {urlsplit(config.url).netloc}"
        self._anonymous = _client(config, timeouts, bearer=None)
        bearer = _Bearer(lambda: self._sign_in(config, access), self._is_alive)
        self._client = _client(config, timeouts, bearer=bearer)

    @contextmanager
    def to(self, doing: Doing) -> Iterator[Any]:
        """Give the hvac client, and translate what goes wrong."""
        with translated(self.server, doing):
            yield self._client

    def close(self) -> None:
        self._anonymous.adapter.close()
        self._client.adapter.close()

    def capabilities(self, path: str) -> frozenset[str] | None:
        """Give what the token may do at an API path; None where it may not even ask (no ``default`` policy)."""
        with self.to(Doing("list its own capabilities")) as client:
            try:
                answer = client.sys.get_capabilities(paths=[path])
            except Refused as refused:
                if refused.status == HTTPStatus.FORBIDDEN:
                    return None
                raise
            return frozenset(part(answer, list, "data", path))

    def _sign_in(self, config: VaultConfig, access: Access) -> SecretValue:
        """Get a token. What the server refuses here, only a person can put right."""
        method = METHODS[config.auth.method]
        with translated(self.server, Doing(f"sign in with {config.auth.method}")):
            try:
                return method.sign_in(self._anonymous, access, config.auth.mount or method.mount)
            except (KeyError, TypeError) as error:
                raise Garbled("the answer to the login holds no token") from error
            except Refused as refused:
                if refused.status not in (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
                    raise
                names = " and ".join(f"`{credential.name}`" for credential in method.credentials)
                raise NeedsOperator(
                    f"{self.server} refused the {config.auth.method} login ({refused.status}).",
                    remedy=f"The connection's {names} are wrong, expired, used up, or bound to another address.",
                ) from refused

    def _is_alive(self, token: SecretValue) -> bool:
        with translated(self.server, Doing("look its own token up")):
            try:
                self._anonymous.adapter.get("/v1/auth/token/lookup-self", headers={"X-Vault-Token": token.reveal()})
            except Refused as refused:
                if refused.status == HTTPStatus.FORBIDDEN:
                    return False
                raise
            return True


class _Bearer:
    """The token that calls are made with: one for all threads, replaced by one of them when it has died."""

    def __init__(self, sign_in: Callable[[], SecretValue], is_alive: Callable[[SecretValue], bool]) -> None:
        self._sign_in = sign_in
        self._is_alive = is_alive
        self._lock = threading.Lock()
        self._token: SecretValue | None = None

    def token(self) -> SecretValue:
        with self._lock:
            if self._token is None:
                self._token = self._sign_in()
            return self._token

    def after_refusal_of(self, refused: SecretValue) -> SecretValue | None:
        """Give another token to try once more with, or None when this one lives: then it is the policy.

        A 403 means either. A token that may not look itself up passes for dead here, which costs one more login.
        """
        with self._lock:
            if self._token is not refused and self._token is not None:
                return self._token
            if self._is_alive(refused):
                return None
            self._token = None
            fresh = self._sign_in()
            if fresh.same_as(refused):
                raise NeedsOperator(
                    "Vault refuses the connection's token (403): it has expired, was revoked, or may not even look "
                    "itself up.",
                    remedy="Put a living one where the connection's `token` is read from.",
                )
            self._token = fresh
            return fresh


class _Wire(RawAdapter):  # type: ignore[misc]  # hvac carries no types
    """hvac's adapter, which sends for us and judges answers by our rules."""

    def __init__(self, *, bearer: _Bearer | None, **settings: Any) -> None:
        super().__init__(**{**settings, "cert": None})  # hvac would take one from VAULT_CLIENT_CERT
        self._bearer = bearer

    def request(
        self,
        method: str,
        url: str,
        headers: dict[str, str] | None = None,
        raise_exception: bool = True,  # noqa: ARG002  # hvac's signature; answers are judged here in any case
        **kwargs: Any,
    ) -> Any:
        """Send once; once more with a new token when the old one had died. Gives the body. Refused or Garbled."""
        if self._bearer is None:
            return _body(self._send(method, url, headers or {}, kwargs))
        token = self._bearer.token()
        response = self._send(method, url, {"X-Vault-Token": token.reveal()}, kwargs)
        if response.status_code == HTTPStatus.FORBIDDEN:
            another = self._bearer.after_refusal_of(token)
            if another is not None:
                response = self._send(method, url, {"X-Vault-Token": another.reveal()}, kwargs)
        return _body(response)

    def _send(self, method: str, url: str, headers: dict[str, str], kwargs: dict[str, Any]) -> requests.Response:
        response: requests.Response | None = None
        with suppress(requests.exceptions.InvalidHeader, UnicodeError):
            response = super().request(method, url, headers, raise_exception=False, **kwargs)
        if response is None:  # raised out here, because those two quote the header, and the header is the token
            raise NeedsOperator(
                "The connection's Vault token holds characters that no token has.",
                remedy="Check the file or variable it is read from: a line break, a quote, another file?",
            )
        return response


def _body(response: requests.Response) -> Any:
    if not HTTPStatus.OK <= response.status_code < HTTPStatus.MULTIPLE_CHOICES:
        raise Refused(response)
    if not response.content:
        return {}
    try:
        return response.json()
    except ValueError as error:
        raise Garbled("not JSON") from error


def _client(config: VaultConfig, timeouts: Timeouts, bearer: _Bearer | None) -> Any:
    session = requests.Session()
    session.trust_env = False  # else ~/.netrc and proxy variables decide where the token goes, and how
    session.verify = str(config.ca_file) if config.ca_file else True
    return hvac.Client(
        url=config.url,
        token="",  # keeps hvac from taking VAULT_TOKEN or ~/.vault-token
        verify=session.verify,
        timeout=(timeouts.connect.total_seconds(), timeouts.read.total_seconds()),
        allow_redirects=False,
        session=session,
        adapter=_Wire,
        namespace=config.namespace,
        bearer=bearer,
    )
