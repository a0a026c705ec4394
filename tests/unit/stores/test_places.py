"""Which places are one: where the value lies counts, and not how it is written there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.stores.aws_secrets_manager.plugin import PLUGIN as AWS
from providers.stores.azure_key_vault.plugin import PLUGIN as AZURE
from providers.stores.github_actions.plugin import PLUGIN as GITHUB
from providers.stores.gitlab.plugin import PLUGIN as GITLAB
from providers.stores.heroku.plugin import PLUGIN as HEROKU
from providers.stores.kubernetes.plugin import PLUGIN as KUBERNETES
from providers.stores.vault.plugin import PLUGIN as VAULT
from providers.stores.vercel.plugin import PLUGIN as VERCEL
from rotator.domain.contracts import StorePlugin, Where

Options = dict[str, Any]

CONNECTIONS: dict[str, Options] = {
    AWS.name: {"region": "eu-west-1"},
    AZURE.name: {"url": "https://app.vault.azure.net", "auth": {"method": "managed_identity"}},
    GITHUB.name: {"credentials": {"token": "env:T"}},
    GITLAB.name: {"credentials": {"token": "env:T"}},
    HEROKU.name: {"credentials": {"token": "env:T"}},
    KUBERNETES.name: {"url": "https://cluster.example", "credentials": {"token": "env:T"}},
    VAULT.name: {"url": "https://vault.example", "credentials": {"token": "env:T"}},
    VERCEL.name: {"credentials": {"token": "env:T"}},
}
PLACES: dict[str, Options] = {
    AWS.name: {"secret": "prod/app", "field": "token"},
    AZURE.name: {"secret": "app-token"},
    GITHUB.name: {"organization": "acme", "secret": "TOKEN", "create": True, "visibility": "all"},
    GITLAB.name: {"project": "acme/web", "var": "TOKEN"},
    HEROKU.name: {"app": "web", "var": "TOKEN"},
    KUBERNETES.name: {"namespace": "web", "secret": "app", "key": "token"},
    VAULT.name: {"path": "app", "field": "token"},
    VERCEL.name: {"project": "prj_1", "var": "TOKEN", "targets": ["production"], "redeploy": "none"},
}


def in_full(plugin: StorePlugin, connection: Options, place: Options) -> Where:
    config = plugin.config.model_validate(CONNECTIONS[plugin.name] | connection)
    return plugin.where(config, plugin.place.model_validate(PLACES[plugin.name] | place))


def where(plugin: StorePlugin, connection: Options, place: Options) -> str:
    return json.dumps(in_full(plugin, connection, place), default=str)


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


@pytest.mark.parametrize(
    ("plugin", "connection", "place"),
    [
        (AWS, {}, {"field": "other", "kms_key": "alias/other"}),
        (AZURE, {}, {"field": "other", "expires_in": "90 days"}),
        (GITLAB, {}, {"var": "OTHER"}),
        (HEROKU, {}, {"var": "OTHER"}),
        (KUBERNETES, {}, {"key": "other", "rollout": ["deployment/web"]}),
        (VAULT, {"credentials": {"token": "env:OTHER"}}, {"field": "other", "mount": "secret"}),
        (VERCEL, {}, {"var": "OTHER", "targets": ["preview"], "redeploy": "hook"}),
    ],
)
def test_parts_of_one_document_are_told_apart_and_have_it_in_common(
    plugin: StorePlugin, connection: Options, place: Options
) -> None:
    first = in_full(plugin, {}, {"field": "token"} if plugin is AZURE else {})
    other = in_full(plugin, connection, place)
    assert first.document == other.document
    assert None is not first.part != other.part is not None


@pytest.mark.parametrize("plugin", [AWS, AZURE, VAULT])
def test_another_secret_is_another_document(plugin: StorePlugin) -> None:
    name = "path" if plugin is VAULT else "secret"
    assert in_full(plugin, {}, {name: "other"}).document != in_full(plugin, {}, {}).document


def test_what_is_a_whole_document_has_no_part() -> None:
    assert [in_full(plugin, {}, {}).part for plugin in (AZURE, GITHUB)] == [None, None]
