"""Channels: named in the settings, used by policies."""

from __future__ import annotations

import os

import pytest

from rotator.config import channels
from rotator.config.channels import ChannelSetting, address_of, refuse_without_library
from rotator.config.policy_files import load
from rotator.config.settings import load_settings
from rotator.domain.errors import InvalidInput, NeedsOperator
from tests.unit.config.small_plugins import small_plugins

SECRET = "https://hooks.example/T0/s3cr3t-4711"


@pytest.fixture
def home(tmp_path, monkeypatch, known_values):
    known_values.add(SECRET)
    for name in [name for name in os.environ if name.upper().startswith("ROTATOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> str:
    with pytest.raises(InvalidInput) as caught:
        load_settings()
    return str(caught.value)


# --- settings --------------------------------------------------------------------------------------------------------


def test_channels_stand_in_the_settings_file_by_name(home, monkeypatch):
    (home / "etc").mkdir()
    (home / "etc" / "rotator.toml").write_text(
        '[notify]\nops = "env:OPS_WEBHOOK"\naudit = {url = "file:audit.url", successes = true}\n'
    )
    monkeypatch.setenv("ROTATOR_CONFIG", "etc/rotator.toml")
    assert load_settings().notify == {
        "ops": ChannelSetting(url="env:OPS_WEBHOOK"),
        "audit": ChannelSetting(url="file:etc/audit.url", successes=True),
    }


def test_channels_in_a_variable_go_before_those_in_the_file(home, monkeypatch):
    (home / "rotator.toml").write_text('[notify]\nops = "env:OPS"\n')
    monkeypatch.setenv("ROTATOR_NOTIFY", '{"pager": "env:PAGER"}')
    assert load_settings().notify == {"pager": ChannelSetting(url="env:PAGER")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            f'ops = "{SECRET}"',
            "rotator.toml:2:1: `ops`: not a reference, and a policy file never holds a secret itself",
        ),
        ('ops = "aws:a"', "rotator.toml:2:1: `ops`: only the credentials of a connection can be in a store (`aws:…`)"),
        ('ops = {url = "env:OPS", sucesses = true}', "rotator.toml:2:1: `ops`: unknown key `sucesses`; remove it"),
        ("ops = 5", "rotator.toml:2:1: `ops`: must be a mapping"),
        ('Ops = "env:OPS"', "rotator.toml:2:1: `Ops`: not a name"),
    ],
)
def test_a_channel_that_is_wrong_is_named_with_its_line_and_never_quoted(home, known_values, text, expected):
    (home / "rotator.toml").write_text(f"[notify]\n{text}\n")
    (home / "rotator.toml").chmod(0o600)
    known_values.may_hold_values(home / "rotator.toml")
    assert refusal().startswith(expected)


@pytest.mark.parametrize("written", [SECRET, f'{{"ops": "{SECRET}"}}'])
def test_a_variable_that_is_wrong_is_named_and_never_quoted(home, monkeypatch, written):
    monkeypatch.setenv("ROTATOR_NOTIFY", written)
    assert refusal().startswith("ROTATOR_NOTIFY: ")


def test_an_address_is_looked_up_each_time_and_said_to_be_missing(home):
    ops = address_of("ops", ChannelSetting(url="file:ops.url"))
    with pytest.raises(NeedsOperator, match=r"The credential file ops\.url of channel ops cannot be read"):
        ops()
    (home / "ops.url").write_text("json://127.0.0.1\n")
    assert ops().reveal() == "json://127.0.0.1"
    (home / "ops.url").unlink()


def test_a_missing_library_is_told_with_what_to_install(monkeypatch):
    monkeypatch.setattr(channels, "find_spec", lambda _name: None)
    with pytest.raises(InvalidInput, match=r"run `pip install 'secrets-rotator\[notify\]'`"):
        refuse_without_library()


# --- policies --------------------------------------------------------------------------------------------------------

POLICIES = """\
connections:
  acme: {provider: saas, credentials: {email: env:ACME_EMAIL}}
  shelf: {provider: cabinet, url: https://shelf.example}
defaults:
  notify: [ops]
  schedule: never
policies:
  - name: one
    issuer: {connection: acme}
    stores: [{connection: shelf, path: one}]
  - name: two
    issuer: {connection: acme}
    stores: [{connection: shelf, path: two}]
    notify: [pager, ops]
"""
PLACES, NAMES = ("5:12", "14:14", "14:21"), ("ops", "pager", "ops")


def test_a_policys_channels_are_told_besides_those_of_the_defaults(folder):
    folder.write("p.yaml", POLICIES)
    policies = load(folder.path, small_plugins(), channels=("ops", "pager")).policies
    assert [policy.notify for policy in policies] == [("ops",), ("ops", "pager")]


ADD_IT = "add it under `[notify]` in rotator.toml"


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (("oops", "pager"), ["5:12: unknown channel `ops`; did you mean `oops`?", "14:21: unknown channel `ops`; did"]),
        (("ops", "mail"), [f"14:14: unknown channel `pager`; {ADD_IT}; known: mail, ops"]),
        ((), [f"{at}: unknown channel `{name}`; {ADD_IT}" for at, name in zip(PLACES, NAMES, strict=True)]),
    ],
)
def test_an_unknown_channel_is_told_where_it_stands(folder, known, expected):
    folder.write("p.yaml", POLICIES)
    with pytest.raises(InvalidInput) as caught:
        load(folder.path, small_plugins(), channels=known)
    assert len(caught.value.problems) == len(expected)
    for problem, beginning in zip(caught.value.problems, expected, strict=True):
        assert str(problem).startswith(f"{folder.path}/p.yaml:{beginning}")


def test_where_nobody_knows_the_settings_policies_are_believed(folder):
    assert folder.write("p.yaml", POLICIES).load().policies[0].notify == ("ops",)
