"""What ``verify`` of a policy means, and what the settings let it do."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rotator.config.allowed import Allowed
from rotator.config.policy_files import load
from rotator.config.settings import load_settings
from rotator.domain.errors import InvalidInput
from rotator.domain.trial import CommandTrial, HttpTrial, Trial
from tests.unit.config.small_plugins import small_plugins


@pytest.fixture
def trial(policy):
    """Load one policy with this ``verify``, where the settings allow these hosts, and commands."""

    def load_it(verify: str, *hosts: str) -> Trial | None:
        allowed = Allowed(frozenset(hosts), commands=True)
        [found] = load(policy(verify=f"verify: {verify}").path, small_plugins(), allowed=allowed).policies
        return found.trial

    return load_it


def test_the_issuer_alone_is_asked_unless_a_policy_says_more(policy, trial):
    [silent] = policy().load().policies
    assert silent.trial is None
    assert trial("issuer") is None


def test_a_request_has_defaults(trial):
    assert trial("{http: {url: https://api.example.com/v1/me}}", "api.example.com") == HttpTrial(
        url="https://api.example.com/v1/me",
        method="GET",
        header="Authorization",
        template="Bearer {{ token.value }}",
        expect=frozenset({200}),
        timeout=timedelta(seconds=30),
    )


def test_a_request_may_say_all_of_it(trial):
    auth = 'auth: {type: header, name: X-Api-Key, value: "Key {{token.value}}"}'
    written = f'{{http: {{url: "https://api.example.com?a=b", method: HEAD, {auth}, expect: [200, 204]}}, timeout: 5s}}'
    assert trial(written, "api.example.com") == HttpTrial(
        url="https://api.example.com?a=b",
        method="HEAD",
        header="X-Api-Key",
        template="Key {{ token.value }}",
        expect=frozenset({200, 204}),
        timeout=timedelta(seconds=5),
    )


def test_a_command_is_a_program_with_its_arguments(trial):
    assert trial("{command: [/opt/try, --quick], timeout: 1 min}") == CommandTrial(
        ("/opt/try", "--quick"), timedelta(minutes=1)
    )


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        ("https://API.example.com/x", "api.example.com"),
        ("https://api.example.com:443/", "api.example.com"),
        ("https://api.example.com/", "api.example.com:443"),
        ("https://api.example.com:8443", "api.example.com:8443"),
        ("http://127.0.0.1:8931/", "127.0.0.1:8931"),
        ("http://localhost/", "localhost"),
        ("'http://[::1]:80/'", "[::1]"),
    ],
)
def test_a_listed_host_may_see_tokens(trial, url, listed):
    assert trial(f"{{http: {{url: {url}}}}}", listed) is not None


@pytest.mark.parametrize(
    ("url", "listed"),
    [
        ("https://api.example.com:8443/", "api.example.com"),
        ("https://api.example.com/", "api.example.com:8443"),
        ("https://evil.example/api.example.com", "api.example.com"),
        ("https://api.example.com.evil.example/", "api.example.com"),
        ("https://evil.example#@api.example.com/", "api.example.com"),
        ("https://api.example.com@evil.example/", "api.example.com"),
        ("'https://evil.example\\@api.example.com/'", "api.example.com"),
        ("https://x.api.example.com/", "api.example.com"),
        ("http://127.0.0.1.evil.example/", "127.0.0.1.evil.example"),
        ("http://localhost.evil.example/", "localhost.evil.example"),
        ("ftp://api.example.com/", "api.example.com"),
    ],
)
def test_no_other_place_does(trial, url, listed):
    with pytest.raises(InvalidInput, match="`url`: "):
        trial(f"{{http: {{url: {url}}}}}", listed)


def test_what_a_policy_asks_for_is_named_without_its_query(trial):
    assert str(trial("{http: {url: 'https://a.example/me?b=c'}}", "a.example")) == "GET https://a.example/me"
    assert str(trial("{command: [/opt/try, x]}")) == "the command /opt/try"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_by_default_nothing_is_allowed(here):
    settings = load_settings()
    assert Allowed(settings.verify_hosts, settings.allow_commands) == Allowed()


def test_the_settings_list_hosts_and_allow_commands(here):
    (here / "rotator.toml").write_text('verify_hosts = ["API.example.com", "b.example:8443"]\nallow_commands = true\n')
    settings = load_settings()
    allowed = Allowed(settings.verify_hosts, settings.allow_commands)
    assert allowed == Allowed(frozenset({"api.example.com", "b.example:8443"}), commands=True)


def test_variables_list_hosts_with_commas(here, monkeypatch):
    monkeypatch.setenv("ROTATOR_VERIFY_HOSTS", "api.example.com, b.example:8443")
    monkeypatch.setenv("ROTATOR_ALLOW_COMMANDS", "true")
    settings = load_settings()
    assert settings.verify_hosts == {"api.example.com", "b.example:8443"}
    assert settings.allow_commands


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ('["https://a.example"]', "`verify_hosts`: `https://a.example` is not a host; write `api.example.com`, or"),
        ('["*.example.com"]', "`verify_hosts`: `*.example.com` is not a host; write `api.example.com`, or"),
        ("[5]", '`verify_hosts`: must be a list of hosts; write ["api.example.com"]'),
        ("true", '`verify_hosts`: must be a list of hosts; write ["api.example.com"]'),
    ],
)
def test_what_is_no_host_is_told_with_its_line(here, written, said):
    (here / "rotator.toml").write_text(f'log_level = "info"\nverify_hosts = {written}\n')
    with pytest.raises(InvalidInput) as caught:
        load_settings()
    assert str(caught.value).startswith(f"rotator.toml:2:1: {said}")
