"""The token that calls are made with: got once, renewed before it ends, replaced when it has died.

A token is renewed by the first call that is made in the second half of its life. Nothing runs in between: a token
that nobody uses for so long dies, and the call after that signs in again. One that was made by somebody else is
renewed as well, where it may be, and never revoked.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from providers.stores.vault.auth import METHODS
from providers.stores.vault.failures import Doing, Refused, Server, part, translated
from providers.stores.vault.login import SIGN_IN, Lease, lease_in
from providers.stores.vault.plugin import VaultConfig
from rotator.domain.contracts import Access
from rotator.domain.errors import NeedsOperator
from rotator.domain.secret_value import SecretValue

_NOT_ALLOWED = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_PAUSE = timedelta(seconds=10)
"""After a refused login: many destinations ask at once, and a server locks out who is wrong five times (OpenBao's way
with ``userpass``, ``approle`` and ``ldap``)."""


class Identity:
    """The calls about our own token. Made with a client that has none, one at a time."""

    def __init__(self, server: Server, client: Any, config: VaultConfig, access: Access) -> None:
        self._server = server
        self._client = client
        self._config = config
        self._access = access
        self._refused: tuple[int, datetime] | None = None

    def sign_in(self) -> Lease:
        """Get a token. What the server refuses here, only a person can put right; it is not asked again at once."""
        method = self._config.auth.method
        if method == "token":
            return self._looked_up(self._access.credential("token"))
        if self._refused is not None and self._access.clock.now() - self._refused[1] < _PAUSE:
            raise self._refusal(self._refused[0])
        with translated(self._server, Doing(f"sign in with {method}")):
            try:
                return SIGN_IN[method](self._client, self._config, self._access)
            except Refused as refused:
                if refused.status not in _NOT_ALLOWED or refused.by_a_secondary:
                    raise
                self._refused = refused.status, self._access.clock.now()
                raise self._refusal(refused.status) from refused

    def _refusal(self, status: int) -> NeedsOperator:
        method = self._config.auth.method
        return NeedsOperator(
            f"{self._server.name} refused the {method} login ({status}).", remedy=METHODS[method].check
        )

    def renewed(self, token: SecretValue) -> Lease | None:
        """Ask for more time. None when there is none to be had, which is no failure: the token goes on to its end."""
        with translated(self._server, Doing("renew its own token")):
            try:
                answer = self._client.adapter.post("/v1/auth/token/renew-self", headers=_shown(token))
            except Refused as refused:
                if refused.status not in _NOT_ALLOWED:
                    raise
                return None
            return replace(lease_in(answer), token=token)  # the same object: calls under way know it by that

    def is_alive(self, token: SecretValue) -> bool:
        """Tell whether the server knows the token. One that may not look itself up passes for dead."""
        return self._lookup(token) is not None

    def _looked_up(self, token: SecretValue) -> Lease:
        """Say of a token that was handed to us how long it lasts, where it may be asked."""
        found = self._lookup(token)
        if found is None:
            return Lease(token)
        seconds = part(found, int, "data", "ttl")
        return Lease(token, timedelta(seconds=seconds) if seconds else None, found["data"].get("renewable") is True)

    def _lookup(self, token: SecretValue) -> Any:
        with translated(self._server, Doing("look its own token up")):
            try:
                return self._client.adapter.get("/v1/auth/token/lookup-self", headers=_shown(token))
            except Refused as refused:
                if refused.status == HTTPStatus.FORBIDDEN:
                    return None
                raise


def _shown(token: SecretValue) -> dict[str, str]:
    return {"X-Vault-Token": token.reveal()}


class Bearer:
    """One token for all threads, renewed or replaced by one of them."""

    def __init__(self, identity: Identity, access: Access) -> None:
        self._identity = identity
        self._clock = access.clock
        self._lock = threading.Lock()
        self._lease: Lease | None = None
        self._since = self._clock.now()

    def token(self) -> SecretValue:
        with self._lock:
            if self._lease is None:
                self._take(self._identity.sign_in())
            elif self._is_half_over(self._lease):
                self._take(self._identity.renewed(self._lease.token) or Lease(self._lease.token))
            assert self._lease is not None
            return self._lease.token

    def after_refusal_of(self, refused: SecretValue) -> SecretValue | None:
        """Give another token to try once more with, or None when this one lives: then it is the policy.

        A 403 means either. A token that may not look itself up passes for dead here, which costs one more login.
        """
        with self._lock:
            if self._lease is not None and self._lease.token is not refused:
                return self._lease.token
            if self._identity.is_alive(refused):
                return None
            self._lease = None
            fresh = self._identity.sign_in()
            if fresh.token.same_as(refused):
                raise NeedsOperator(
                    "Vault refuses the connection's token (403): it has expired, was revoked, or may not even look "
                    "itself up.",
                    remedy=METHODS["token"].check,
                )
            self._take(fresh)
            return fresh.token

    def _take(self, lease: Lease) -> None:
        self._lease, self._since = lease, self._clock.now()

    def _is_half_over(self, lease: Lease) -> bool:
        return lease.renewable and lease.lasts is not None and self._clock.now() - self._since >= lease.lasts / 2
