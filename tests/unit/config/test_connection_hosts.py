"""Where the connections of policy files may lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from pydantic import BaseModel, Field

from rotator.config.allowed import Allowed
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load
from rotator.config.settings import load_settings
from rotator.domain.contracts import Config, Place, StorePlugin
from rotator.domain.errors import InvalidInput
from tests.unit.config.small_plugins import small_plugins


class Door(BaseModel):
    address: str = "https://door.example"


class WarehouseConfig(Config):
    text: str = ""
    doors: Sequence[Door] = ()
    gates: Mapping[str, str] = {}
    rear: str = Field("", alias="back-door")


class WarehousePlace(Place):
    shelf: str


def _never_opened(*_: Any) -> Any:
    raise AssertionError("configuration opens nobody")


WAREHOUSE = StorePlugin("warehouse", "addresses in many places", WarehouseConfig, WarehousePlace, _never_opened)

POLICY = """
policies:
  - {name: app, issuer: {connection: acme}, stores: [{connection: store, shelf: a}], schedule: never}
"""
ACME = "connections: {acme: {provider: saas, credentials: {email: env:E}}}\n"


def refusals(path: Path, plugins: Plugins, hosts: frozenset[str] | None) -> list[str]:
    try:
        load(path, plugins, allowed=Allowed(connection_hosts=hosts))
    except InvalidInput as error:
        return [str(problem).replace(f"{path}/", "") for problem in error.problems]
    return []


@pytest.fixture
def said(folder) -> Callable[..., list[str]]:
    """Load a connection with these keys, where the settings list these hosts, and give what is wrong."""

    def load_it(keys: str, *hosts: str) -> list[str]:
        folder.write("acme.yaml", ACME)
        (folder.path / "c.yaml").write_text(
            f"connections:\n  store:\n    provider: warehouse\n{indent(keys, '    ')}\n{POLICY}"
        )
        plugins = small_plugins()
        plugins.add(WAREHOUSE, Path("warehouse.py"))
        return refusals(folder.path, plugins, frozenset({"saas.example", *hosts}))

    return load_it


def remedy(host: str) -> str:
    return (
        f'add it to `connection_hosts` in rotator.toml (connection_hosts = [..., "{host}"]), '
        "if it may get this connection's credentials"
    )


def test_unless_the_settings_say_something_connections_lead_anywhere(connected, policy):
    policy()
    assert refusals(connected.path, small_plugins(), None) == []


def test_an_address_that_is_not_listed_is_refused_at_its_key(said):
    assert said("text: https://evil.example/v1") == [
        f"c.yaml:4:5: `text`: the settings do not let connections lead to `evil.example`; {remedy('evil.example')}"
    ]
    assert said("text: https://evil.example/v1", "evil.example") == []


def test_an_address_that_only_a_plug_ins_default_gives_is_refused_at_the_connection(connected, policy):
    policy()
    [problem] = refusals(connected.path, small_plugins(), frozenset({"shelf.example"}))
    assert problem == (
        "connections.yaml:2:3: `url`: the settings do not let connections lead to `saas.example`; "
        + remedy("saas.example")
    )
    assert refusals(connected.path, small_plugins(), frozenset({"shelf.example", "saas.example"})) == []


def test_so_is_one_that_a_profile_beside_the_policies_gives(folder):
    folder.write("profile.yaml", "kind: SmallIssuer\nname: own\n")
    folder.write("c.yaml", "connections: {own: {provider: own}, shelf: {provider: cabinet, url: https://a.example}}\n")
    stores = "[{connection: shelf, path: a}]"
    folder.write(
        "p.yaml", f"policies:\n  - {{name: a, issuer: {{connection: own}}, stores: {stores}, schedule: never}}\n"
    )
    [problem] = refusals(folder.path, small_plugins(), frozenset({"a.example"}))
    assert problem.startswith("c.yaml:1:15: `url`: the settings do not let connections lead to `saas.example`")


def test_with_an_empty_list_nothing_that_has_an_address_is_left(connected, policy):
    policy()
    problems = refusals(connected.path, small_plugins(), frozenset())
    assert [problem.partition("`; ")[0] for problem in problems] == [
        "connections.yaml:2:3: `url`: the settings do not let connections lead to `saas.example",
        "connections.yaml:3:30: `url`: the settings do not let connections lead to `shelf.example",
    ]
    assert '(connection_hosts = ["saas.example"])' in problems[0]


def test_every_address_counts_wherever_it_stands(said):
    keys = """\
text: https://a.example
doors:
  - {address: "https://b.example"}
  - {}
gates:
  north: https://c.example
back-door: https://d.example"""
    assert [problem.partition("; ")[0] for problem in said(keys)] == [
        "c.yaml:4:5: `text`: the settings do not let connections lead to `a.example`",
        "c.yaml:6:10: `address`: the settings do not let connections lead to `b.example`",
        "c.yaml:7:9: `address`: the settings do not let connections lead to `door.example`",
        "c.yaml:9:7: `north`: the settings do not let connections lead to `c.example`",
        "c.yaml:10:5: `back-door`: the settings do not let connections lead to `d.example`",
    ]
    assert said(keys, "a.example", "b.example", "c.example", "d.example", "door.example") == []


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("https://a.example", "a.example"),
        ("https://a.example:443/x?y#z", "a.example"),
        ("https://a.example/", "a.example:443"),
        ("HTTPS://A.Example", "a.example"),
        ("http://a.example:80", "a.example"),
        ("http://a.example:443", "a.example:443"),
        ("https://a.example:8200", "a.example:8200"),
        ("https://[::1]:8200/v1", "[::1]:8200"),
        ("postgresql://db_1/app", "db_1"),
        ("postgres://db:5432/app", "db"),
        ("mysql://db:3306/app", "db"),
        ("mariadb://db/app", "db:3306"),
        ("amqp://mq.example:5672", "mq.example:5672"),
        ("jdbc:postgresql://db:5432/app", "db"),
        ("https://user@a.example", "a.example"),
        ("//a.example/x", "a.example"),
    ],
)
def test_a_host_is_named_with_its_port_unless_that_is_the_schemes_own(said, address, listed):
    assert said(f"text: '{address}'", listed) == []
    assert len(said(f"text: '{address}'")) == 1


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("https://a.example:8443", "a.example:8443"),
        ("http://a.example:443", "a.example:443"),
        ("https://sub.a.example", "sub.a.example"),
        ("https://a.example.evil.example", "a.example.evil.example"),
        ("https://a.example@evil.example", "evil.example"),
        ("amqp://a.example:443", "a.example:443"),
        ("//evil.example", "evil.example"),
    ],
)
def test_a_listed_host_opens_no_other_place(said, address, named):
    [problem] = said(f"text: '{address}'", "a.example")
    assert f"the settings do not let connections lead to `{named}`" in problem


@pytest.mark.parametrize(
    "address",
    [
        r"https://evil.example\\@a.example",
        r"https://evil.example\t@a.example",
        r"ht\ntps://a.example",
        r"https://a.example,evil.example",
        r"https://a.example:",
        r"https://a.example:x",
        r"https://a.example.",
        r"https://\u212A.example",
        r"https://b\u00fccher.example",
        r"https://{{ host }}.example",
        r"https://@",
    ],
)
def test_an_address_that_may_be_read_in_several_ways_leads_nowhere(said, address):
    [problem] = said(f'text: "{address}"', "a.example", "k.example", "evil.example")
    assert problem == (
        "c.yaml:4:5: `text`: the settings limit where connections lead, and this does not say it plainly; "
        "write https://HOST or https://HOST:PORT, the host in ASCII"
    )


@pytest.mark.parametrize(
    "text",
    ["evil.example", "eu-west-1", "arn:aws:iam::1:role/a", "file:///etc/x", "/srv//x", "see https://a.example", ""],
)
def test_a_text_that_is_no_address_with_a_host_is_nobodys_matter(said, text):
    assert said(f"text: '{text}'") == []


def test_a_password_in_an_address_is_not_shown(said):
    told = "".join(said("text: 'https://user:hunter2@evil.example'") + said("text: 'https://user:hunter2 @a.example'"))
    assert "lead to `evil.example`" in told
    assert "does not say it plainly" in told
    assert "hunter2" not in told


def test_references_are_no_addresses(connected, policy):
    connected.write(
        "connections.yaml",
        "connections:\n  acme: {provider: saas, credentials: {email: 'file://host/email'}}\n"
        "  shelf: {provider: cabinet, url: https://shelf.example}\n",
    )
    policy()
    assert refusals(connected.path, small_plugins(), frozenset({"saas.example", "shelf.example"})) == []


BY_AUTH = "auth: {method: client_secret, tenant_id: t, client_id: c}, credentials: {client_secret: env:S}"


@pytest.mark.parametrize(
    ("connection", "hosts"),
    [
        ("provider: aws-secrets-manager, region: eu-west-1", ()),
        ("provider: env-file", ()),
        ("provider: aws-secrets-manager, region: eu-west-1, url: 'https://evil.example'", ("evil.example",)),
        ("provider: github-actions, credentials: {token: env:T}", ("api.github.com",)),
        ("provider: vault, url: 'https://v.example:8200', credentials: {token: env:T}", ("v.example:8200",)),
        (
            f"provider: azure-key-vault, url: https://a.vault.azure.net, authority: https://evil.example, {BY_AUTH}",
            ("evil.example", "a.vault.azure.net"),
        ),
        (
            "provider: gcp-service-account-key, auth: metadata, metadata_url: http://evil.example",
            ("evil.example", "iam.googleapis.com", "oauth2.googleapis.com"),
        ),
        ("provider: mysql-login, url: mysql://db/app, user: r, credentials: {password: env:P}", ("db",)),
        ("provider: postgresql-login, url: postgresql://db/app, user: r, credentials: {password: env:P}", ("db",)),
        ("provider: kubernetes, in_cluster: true", ("kubernetes.default.svc",)),
    ],
)
def test_our_own_providers_say_every_host_that_they_ask(folder, connection, hosts):
    """Each is refused for exactly these hosts; a policy is missing, which is told when nothing else is wrong."""
    folder.write("c.yaml", f"connections:\n  it: {{{connection}}}\n")
    problems = refusals(folder.path, Plugins(), frozenset())
    led = [problem.split("lead to `")[1].partition("`")[0] for problem in problems if "lead to `" in problem]
    assert sorted(led) == sorted(hosts)
    [only] = refusals(folder.path, Plugins(), frozenset(hosts))
    assert "there is no policy here" in only


def test_a_vault_that_the_environment_names_counts_too(folder, monkeypatch):
    for name in ("BAO_ADDR", "VAULT_ADDR"):
        monkeypatch.setenv(name, "https://evil.example")
    folder.write("c.yaml", "connections:\n  it: {provider: vault, credentials: {token: env:T}}\n")
    [problem] = refusals(folder.path, Plugins(), frozenset())
    assert problem.startswith("c.yaml:2:3: `url`: the settings do not let connections lead to `evil.example`")


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_by_default_the_settings_do_not_limit_connections(here):
    assert load_settings().connection_hosts is None


def test_the_settings_list_hosts(here, monkeypatch):
    (here / "rotator.toml").write_text('connection_hosts = ["API.example.com", "b.example:8443"]\n')
    assert load_settings().connection_hosts == {"api.example.com", "b.example:8443"}
    monkeypatch.setenv("ROTATOR_CONNECTION_HOSTS", "c.example, d.example:1")
    assert load_settings().connection_hosts == {"c.example", "d.example:1"}


def test_an_empty_list_is_not_the_default(here):
    (here / "rotator.toml").write_text("connection_hosts = []\n")
    assert load_settings().connection_hosts == frozenset()


def test_what_is_no_host_is_told_with_its_line(here):
    (here / "rotator.toml").write_text('log_level = "info"\nconnection_hosts = ["https://a.example"]\n')
    with pytest.raises(InvalidInput) as caught:
        load_settings()
    assert str(caught.value).startswith(
        "rotator.toml:2:1: `connection_hosts`: `https://a.example` is not a host; write `api.example.com`, or"
    )
