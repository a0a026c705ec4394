"""The profiles of services that make keys, each with its fake, its account, and how its requests can be told apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rotator.domain.contracts import Issuer, IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.testing.access import DictionaryAccess
from rotator.testing.moving_clock import MovingClock
from tests.contract.http_profiles import built_in, open_issuer
from tests.fakes.token_services import docker_hub, fastly, openai
from tests.fakes.token_services.consul import Consul
from tests.fakes.token_services.docker_hub import DockerHub
from tests.fakes.token_services.fastly import Fastly
from tests.fakes.token_services.openai import OpenAI
from tests.fakes.token_services.sendgrid import SendGrid
from tests.fakes.token_services.service import TokenService

Call = tuple[str, str]
"""A method, and a pattern that is found in the path."""


@dataclass(frozen=True)
class Setting:
    """One profile and one account at its service."""

    profile: str
    service: Callable[[MovingClock], TokenService]
    create: Call
    verify: Call
    credentials: Callable[[Any], dict[str, str]]
    wrong: Mapping[str, str]
    options: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)


SETTINGS: Mapping[str, Setting] = {
    "sendgrid": Setting(
        "sendgrid-api-key",
        SendGrid,
        create=("POST", "/v3/api_keys$"),
        verify=("GET", "/v3/scopes$"),
        credentials=lambda service: {"key": service.manager},
        wrong={"key": "SG.never.issued"},
        options={"scopes": ["mail.send"]},
    ),
    "fastly": Setting(
        "fastly-token",
        Fastly,
        create=("POST", "/automation-tokens$"),
        verify=("GET", "/tokens/self$"),
        credentials=lambda service: {
            "token": service.manager,
            "username": fastly.USERNAME,
            "password": fastly.PASSWORD,
        },
        wrong={"token": "never-issued"},
        options={"role": "engineer", "scope": "purge_select", "services": ["SU1Z0isxPaozGVKXdv0eY"]},
    ),
    "docker hub": Setting(
        "docker-hub-token",
        DockerHub,
        create=("POST", "/v2/access-tokens$"),
        verify=("POST", "/v2/auth/token$"),
        credentials=lambda _: {"password": docker_hub.PASSWORD},
        wrong={"password": "never-chosen"},
        options={"scopes": ["repo:read"]},
        config={"username": docker_hub.USERNAME},
    ),
    "openai project": Setting(
        "openai-api-key",
        OpenAI,
        create=("POST", "/service_accounts$"),
        verify=("GET", "/v1/models$"),
        credentials=lambda service: {"admin_key": service.manager},
        wrong={"admin_key": "sk-admin-never-issued"},
        options={"project": openai.PROJECT},
    ),
    "openai admin": Setting(
        "openai-admin-key",
        OpenAI,
        create=("POST", "/admin_api_keys$"),
        verify=("GET", r"/admin_api_keys\?limit=1$"),
        credentials=lambda service: {"admin_key": service.manager},
        wrong={"admin_key": "sk-admin-never-issued"},
    ),
    "consul": Setting(
        "consul-token",
        Consul,
        create=("PUT", "/v1/acl/token$"),
        verify=("GET", "/v1/acl/token/self$"),
        credentials=lambda service: {"token": service.manager},
        wrong={"token": "7f1e9a52-0000-4000-8000-000000000000"},
        options={"policies": [{"Name": "app-read"}]},
    ),
}


def opened(
    name: str,
    service: TokenService,
    *,
    url: str = "",
    credentials: Mapping[str, str] | None = None,
    config: Mapping[str, Any] | None = None,
    **options: Any,
) -> Issuer:
    """Open a setting's issuer at its service, or at ``url`` (a proxy before it)."""
    setting = SETTINGS[name]
    access = DictionaryAccess({**setting.credentials(service), **(credentials or {})})
    access.clock = service.clock
    return open_issuer(
        built_in(setting.profile),
        access,
        config={"url": url or service.url, **setting.config, **(config or {})},
        options={**setting.options, **options},
    )


def request(service: TokenService, name: str = "app", lifetime: str | None = None) -> IssueRequest:
    return IssueRequest(TokenName(name), Duration.parse(lifetime) if lifetime else None, service.clock.now())
