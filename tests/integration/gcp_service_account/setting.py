"""A fake project, and our issuer there as the manager."""

from __future__ import annotations

import json
from typing import Any

from providers.issuers.gcp_service_account import PLUGIN
from rotator.domain.contracts import Issuer, IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.testing.access import DictionaryAccess
from tests.fakes.gcp_iam import Gcp, Key


def access_with(gcp: Gcp, key: Key) -> DictionaryAccess:
    """Give an access with this key. Tests share the manager's: opening an HTTP client costs as much as ten tests."""
    access = DictionaryAccess({"service_account_key": json.dumps(key.file(gcp.token_url))})
    access.clock = gcp.clock
    return access


def opened(
    gcp: Gcp,
    account: str,
    *,
    key: Key | None = None,
    url: str = "",
    access: DictionaryAccess | None = None,
    options: dict[str, Any] | None = None,
    **config: Any,
) -> Issuer:
    """Open the issuer, as the manager or with another key. ``url`` is a proxy before the project."""
    access = access or access_with(gcp, key or gcp.manager)
    where = {"url": url or gcp.url, "token_url": gcp.token_url, "metadata_url": gcp.url, "propagation": 0}
    who = {"auth": "key", "credentials": {"service_account_key": "env:GCP_KEY"}}
    settings = PLUGIN.config.model_validate({**where, **who, **config})
    return PLUGIN.open(settings, PLUGIN.options.model_validate({"service_account": account, **(options or {})}), access)


def request(gcp: Gcp, lifetime: str | None = None) -> IssueRequest:
    return IssueRequest(TokenName("unused"), Duration.parse(lifetime) if lifetime else None, gcp.clock.now())
