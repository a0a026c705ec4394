"""A connection to one vault: the Azure SDK's client, made strict.

Nothing is sent twice, because each PUT makes another version: azure-core would repeat one whose answer was lost, and
leave four (measured). No redirect is followed, nor a list to another host, no proxy, certificate or password comes from
the environment, every call has a timeout, and the SDK's own logs are off. One client serves all threads of its
connection.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar, cast
from urllib.parse import urlsplit

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.keyvault.secrets import KeyVaultSecret, SecretClient, SecretProperties

from providers.azure.login import Login, transport
from providers.http.address import origin_of
from providers.stores.azure_key_vault.failures import DISABLED, NOT_FOUND, Doing, Right, Throttled, ask, garbled
from providers.stores.azure_key_vault.plugin import AzureConfig
from rotator.domain.contracts import Access
from rotator.domain.errors import Permanent
from rotator.domain.terms import Version

AnswerT = TypeVar("AnswerT")

_GET: Final = Right("getSecret/action", "get")
_SET: Final = Right("setSecret/action", "set")
_LIST: Final = Right("readMetadata/action", "list")
_UPDATE: Final = Right("update/action", "set")
_GET_DELETED: Final = Right("readMetadata/action", "get")


@dataclass(frozen=True)
class Timeouts:
    """How long to wait: for a connection, and for each silence of the server."""

    connect: timedelta = timedelta(seconds=5)
    read: timedelta = timedelta(seconds=15)


@dataclass(frozen=True)
class Attributes:
    """What a version has beside its value."""

    tags: Mapping[str, str] = field(default_factory=dict)
    content_type: str | None = None
    not_before: datetime | None = None
    expires_on: datetime | None = None


@dataclass(frozen=True)
class Held:
    """One version as the vault gave it. Its text is somebody's secret, so it stays out of the repr."""

    version: Version
    text: str = field(repr=False)
    attributes: Attributes
    created_on: datetime | None
    managed: bool
    """It belongs to a certificate."""


@dataclass(frozen=True)
class Listed:
    """One version as the list shows it: without its value."""

    version: Version
    tags: Mapping[str, str]
    created_on: datetime | None
    enabled: bool


class KeyVault:
    """Where calls are made."""

    def __init__(self, config: AzureConfig, access: Access, timeouts: Timeouts | None = None) -> None:
        self.server = urlsplit(config.url).netloc
        self._clock = access.clock
        self._budget = access.budget
        self._client = _open_client(config, access, timeouts or Timeouts())

    def close(self) -> None:
        self._client.close()

    def newest(self, name: str) -> Held | None:
        """Give what consumers read; None where there is nothing (or it was deleted). NeedsOperator: disabled."""
        doing = Doing(f"read the secret `{name}`", _GET)
        found = self._ask(doing, lambda: self._client.get_secret(name), none_for=NOT_FOUND)
        return self._held(doing, found)

    def version(self, name: str, version: Version) -> Held | None:
        """Give one version; None where there is none, or it is disabled and so cannot be read."""
        doing = Doing(f"read version {version} of the secret `{name}`", _GET)
        found = self._ask(doing, lambda: self._client.get_secret(name, version), none_for=NOT_FOUND | DISABLED)
        return self._held(doing, found)

    def versions(self, name: str) -> tuple[Listed, ...]:
        """List all versions, in the vault's order, which means nothing; none where there is no such secret."""
        doing = Doing(f"list the versions of the secret `{name}`", _LIST)
        listed = self._ask(
            doing, lambda: list(self._client.list_properties_of_secret_versions(name)), none_for=NOT_FOUND
        )
        return tuple(
            Listed(self._version_of(doing, each), each.tags or {}, each.created_on, each.enabled is not False)
            for each in listed or ()
        )

    def is_deleted(self, name: str) -> bool:
        """Tell whether there is a soft-deleted secret of this name."""
        doing = Doing(f"see whether the secret `{name}` was deleted", _GET_DELETED)
        return self._ask(doing, lambda: self._client.get_deleted_secret(name), none_for=NOT_FOUND) is not None

    def add(self, name: str, text: str, attributes: Attributes) -> Held:
        """Make a version, which is the newest at once. Ambiguous when it may have been made."""
        doing = Doing(f"set the secret `{name}`", _SET, changes=True)
        made = self._ask(
            doing,
            lambda: self._client.set_secret(
                name,
                text,
                tags=dict(attributes.tags),
                content_type=attributes.content_type,
                not_before=attributes.not_before,
                expires_on=attributes.expires_on,
            ),
        )
        held = self._held(doing, made)
        if held is None:
            raise garbled(self.server, doing)
        return held

    def disable(self, name: str, version: str) -> None:
        """Make a version unreadable. Nothing to do for one that is not there."""
        doing = Doing(f"disable version {version} of the secret `{name}`", _UPDATE, changes=True)
        self._ask(
            doing,
            lambda: self._client.update_secret_properties(name, version, enabled=False),
            none_for=NOT_FOUND,
        )

    def _ask(
        self, doing: Doing, call: Callable[[], AnswerT], *, none_for: frozenset[str] = frozenset()
    ) -> AnswerT | None:
        with self._budget.request():
            try:
                return ask(self.server, doing, self._clock.now(), call, none_for=none_for)
            except Throttled as error:
                busy = error
        self._budget.throttled(busy.retry_after)  # out here: it answered
        raise busy

    def _held(self, doing: Doing, found: KeyVaultSecret | None) -> Held | None:
        if found is None:
            return None
        if not isinstance(found.value, str):
            raise garbled(self.server, doing)
        about = found.properties
        return Held(
            version=self._version_of(doing, about),
            text=found.value,
            attributes=Attributes(about.tags or {}, about.content_type, about.not_before, about.expires_on),
            created_on=about.created_on,
            managed=bool(about.managed or about.key_id),
        )

    def _version_of(self, doing: Doing, about: SecretProperties) -> Version:
        if not about.version:
            raise garbled(self.server, doing)
        return Version(about.version)


class _OwnOrigin(SansIOHTTPPolicy[Any, Any]):
    """Lets requests go to the vault alone. The SDK would follow a list's ``nextLink`` to any host, with our token.

    Azure writes that link with the port, ``:443`` (REST reference, "Get Secret Versions").
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)

    def on_request(self, request: PipelineRequest[Any]) -> None:
        if origin_of(urlsplit(request.http_request.url)) != origin_of(self._url):
            raise Permanent(
                f"{self._url.netloc} gave a list that goes on at another host, which was not asked.",
                remedy="Our token goes to the connection's own host only; check its `url`.",
            )


def _open_client(config: AzureConfig, access: Access, timeouts: Timeouts) -> SecretClient:
    settings = transport(config.ca_file, timeouts.connect, timeouts.read)
    chosen = {"api_version": config.api_version} if config.api_version else {}
    try:
        return SecretClient(
            config.url,
            cast("Any", Login(config, access, settings)),
            retry_total=0,
            permit_redirects=False,
            per_call_policies=_OwnOrigin(config.url),
            verify_challenge_resource=False,  # the login does, more strictly
            **chosen,
            **settings,
        )
    except NotImplementedError as error:
        raise Permanent(f"The Azure SDK has no API version {config.api_version}.", remedy=f"{error}") from error
