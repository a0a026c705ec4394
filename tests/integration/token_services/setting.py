"""The profiles of token services, each with the fake that it is run against and the account that it is opened for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rotator.domain.contracts import NO_BUDGET, Budget, Issuer, IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.contract.http_profiles import built_in, open_issuer
from tests.fakes.token_services import cloudflare, gitlab, grafana
from tests.fakes.token_services.cloudflare import Cloudflare
from tests.fakes.token_services.datadog import Datadog
from tests.fakes.token_services.gitlab import GitLab
from tests.fakes.token_services.grafana import Grafana
from tests.fakes.token_services.heroku import HerokuAuthorizations
from tests.fakes.token_services.service import TokenService
from tests.fakes.token_services.vercel import VercelTokens

HEXADECIMAL = "0123456789abcdef" * 2


def _manager(service: Any) -> dict[str, str]:
    return {"token": service.manager}


@dataclass(frozen=True)
class Setting:
    """One profile and one account at its service."""

    profile: str
    service: Callable[[MovingClock], TokenService]
    options: Mapping[str, Any]
    credentials: Callable[[Any], dict[str, str]] = _manager
    wrong: Mapping[str, str] = field(default_factory=lambda: {"token": f"{HEXADECIMAL}01234567"})
    config: Mapping[str, Any] = field(default_factory=dict)


SETTINGS: Mapping[str, Setting] = {
    "cloudflare-token": Setting(
        "cloudflare-token",
        Cloudflare,
        {"policies": cloudflare.POLICIES},
        lambda service: {"token": service.managers["user"]},
    ),
    "cloudflare-account-token": Setting(
        "cloudflare-account-token",
        Cloudflare,
        {"policies": cloudflare.POLICIES},
        lambda service: {"token": service.managers[cloudflare.ACCOUNT]},
        config={"account": cloudflare.ACCOUNT},
    ),
    "gitlab project": Setting("gitlab-access-token", GitLab, {"id": gitlab.PROJECT, "scopes": ["read_api"]}),
    "gitlab group": Setting(
        "gitlab-access-token", GitLab, {"kind": "group", "id": gitlab.GROUP, "scopes": ["read_api"]}
    ),
    "gitlab oneself": Setting("gitlab-personal-access-token", GitLab, {"scopes": ["self_rotate"]}),
    "gitlab another user": Setting(
        "gitlab-personal-access-token",
        GitLab,
        {"user": int(gitlab.ADA), "scopes": ["read_api"]},
        lambda service: {"token": service.administrator},
    ),
    "heroku": Setting("heroku-authorization", HerokuAuthorizations, {"scope": ["write-protected"]}),
    "vercel": Setting("vercel-token", VercelTokens, {}),
    "grafana": Setting("grafana-service-account", Grafana, {"service_account": int(grafana.ACCOUNT)}),
    "datadog": Setting(
        "datadog-api-key",
        Datadog,
        {},
        lambda service: {"api_key": service.manager, "application_key": service.application_key},
        {"api_key": HEXADECIMAL, "application_key": "1234"},
    ),
}


def opened(
    name: str,
    service: TokenService,
    *,
    url: str = "",
    credentials: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    budget: Budget = NO_BUDGET,
    **options: Any,
) -> Issuer:
    """Open a setting's issuer at its service, or at ``url`` (a proxy before it)."""
    setting = SETTINGS[name]
    access = DictionaryAccess({**setting.credentials(service), **(credentials or {})})
    access.clock, access.budget = service.clock, budget
    return open_issuer(
        built_in(setting.profile),
        access,
        config={"url": url or service.url, **setting.config, **(config or {})},
        options={**setting.options, **options},
    )


def request(service: TokenService, name: str = "app", lifetime: str | None = None) -> IssueRequest:
    return IssueRequest(TokenName(name), Duration.parse(lifetime) if lifetime else None, service.clock.now())
