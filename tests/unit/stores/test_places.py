"""Which places are one: where the value lies counts, and not how it is written there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.stores.aws_secrets_manager.plugin import PLUGIN as AWS
from providers.stores.azure_key_vault.plugin import PLUGIN as AZURE
from providers.stores.github_actions.plugin import PLUGIN as GITHUB
from providers.stores.gitlab.plugin import PLUGIN as GITLAB
from providers.stores.kubernetes.plugin import PLUGIN as KUBERNETES
from providers.stores.vault.plugin import PLUGIN as VAULT
from providers.stores.vercel.plugin import PLUGIN as VERCEL
from rotator.domain.contracts import StorePlugin

Options = dict[str, Any]

CONNECTIONS: dict[str, Options] = {
    AWS.name: {"region": "eu-west-1"},
    AZURE.name: {"url": "https://app.vault.azure.net", "auth": {"method": "managed_identity"}},
    GITHUB.name: {"credentials": {"token": "env:T"}},
    GITLAB.name: {"credentials": {"token": "env:T"}},
    KUBERNETES.name: {"url": "https://cluster.example", "credentials": {"token": "env:T"}},
    VAULT.name: {"url": "https://vault.example", "credentials": {"token": "env:T"}},
    VERCEL.name: {"credentials": {"token": "env:T"}},
}
PLACES: dict[str, Options] = {
    AWS.name: {"secret": "prod/app", "field": "token"},
    AZURE.name: {"secret": "app-token"},
    GITHUB.name: {"organization": "acme", "secret": "TOKEN", "create": True, "visibility": "all"},
    GITLAB.name: {"project": "acme/web", "var": "TOKEN"},
    KUBERNETES.name: {"namespace": "web", "secret": "app", "key": "token"},
    VAULT.name: {"path": "app", "field": "token"},
    VERCEL.name: {"project": "prj_1", "var": "TOKEN", "targets": ["production"], "redeploy": "none"},
}


def where(plugin: StorePlugin, connection: Options, place: Options) -> str:
    config = plugin.config.model_validate(CONNECTIONS[plugin.name] | connection)
    return json.dumps(plugin.where(config, plugin.place.model_validate(PLACES[plugin.name] | place)), default=str)


@pytest.mark.parametrize(
    ("plugin", "connection", "place"),
    [
        (AWS, {}, {"kms_key": "alias/other", "create": True}),
        (AZURE, {"auth": {"method": "cli"}}, {"create": True, "expires_in": "90 days"}),
        (GITHUB, {}, {"visibility": "private"}),
        (GITHUB, {"credentials": {"token": "env:OTHER"}}, {}),
        (GITLAB, {}, {"create": True, "protected": True}),
        (KUBERNETES, {}, {"rollout": ["deployment/web"]}),
        (VAULT, {"credentials": {"token": "env:OTHER"}}, {"mount": "secret"}),
        (VERCEL, {}, {"redeploy": "hook"}),
    ],
)
def test_how_a_value_is_written_makes_no_other_place(plugin: StorePlugin, connection: Options, place: Options) -> None:
    assert where(plugin, connection, place) == where(plugin, {}, {})


@pytest.mark.parametrize(
    ("plugin", "connection", "place"),
    [
        (AWS, {}, {"field": "password"}),
        (AWS, {"region": "eu-central-1"}, {}),
        (
            AWS,
            {"credentials": {"access_key_id": "env:I", "secret_access_key": "env:K"}},
            {},
        ),  # another account, perhaps
        (AWS, {"role_arn": "arn:aws:iam::210987654321:role/rotator"}, {}),
        (AZURE, {"url": "https://other.vault.azure.net"}, {}),
        (GITHUB, {}, {"secret": "OTHER"}),
        (GITLAB, {}, {"var": "OTHER"}),
        (KUBERNETES, {}, {"namespace": "other"}),
        (VAULT, {"namespace": "other"}, {}),
        (VAULT, {}, {"mount": "other"}),
        (VERCEL, {}, {"targets": ["preview"]}),
    ],
)
def test_what_leads_elsewhere_makes_another_place(plugin: StorePlugin, connection: Options, place: Options) -> None:
    assert where(plugin, connection, place) != where(plugin, {}, {})
