"""A profile becomes a plug-in like any other: with a config, options and traits of its own."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import timedelta
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from rotator.domain.contracts import Coexistence, IssuerTraits
from rotator.domain.durations import Duration
from tests.contract.http_profiles import PROFILES, built_in, plugin
from tests.unit.issuers.acme import profile

PROFILES_PACKAGE = "providers.issuers.profiles"
BUILT_IN = sorted(path.stem for path in PROFILES.glob("*.yaml"))
URL = "https://api.acme.example"
ADMIN = {"admin": "env:ACME_ADMIN"}


def config(changes=None, **settings):
    return plugin(profile(changes)).config.model_validate(settings)


def problem(changes=None, **settings):
    with pytest.raises(ValidationError) as refused:
        config(changes, **settings)
    [error] = refused.value.errors()
    return ".".join(map(str, error["loc"])), error["msg"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_profile_that_ships_is_whole(name):
    described = built_in(name)
    assert described.name == name, "the entry point's name, the file's and the profile's are one"
    assert described.summary
    assert described.tested
    assert described.permissions
    example = yaml.safe_load(described.example)
    [connection] = [entry for entry in example["connections"].values() if entry["provider"] == name]
    described.config.model_validate({key: value for key, value in connection.items() if key != "provider"})
    for policy in example["policies"]:
        own = {k: v for k, v in policy["issuer"].items() if k not in ("connection", "token_name", "expires_in")}
        described.options.model_validate(own)


def test_every_profile_that_ships_is_registered():
    registered = {entry.name for entry in entry_points(group="rotator.profiles") if entry.value == PROFILES_PACKAGE}
    assert registered == set(BUILT_IN)


def test_the_address_may_have_a_default_and_is_always_there():
    assert problem(credentials=ADMIN)[0] == "url"
    assert config({"url": f"{URL}/"}, credentials=ADMIN).url == URL
    assert config({"url": URL}, credentials=ADMIN, url="http://127.0.0.1:8000/api/").url == "http://127.0.0.1:8000/api"


@pytest.mark.parametrize(
    ("credentials", "what"),
    [({}, "lacks admin"), ({"admin": "env:A", "root": "env:B"}, "does not take root; it takes admin")],
)
def test_a_connection_gives_the_declared_credentials(credentials, what):
    assert what in problem(credentials=credentials, url=URL)[1]


def test_a_credential_may_be_optional():
    changes = {"credentials.totp": {"what": "a seed", "required": False}}
    assert config(changes, credentials=ADMIN, url=URL).credentials == ADMIN


def test_settings_are_the_connections_and_options_the_policys():
    changes = {"settings.region": {"what": "where", "default": "eu"}}
    assert config(changes, credentials=ADMIN, url=URL).region == "eu"
    options = plugin(profile(changes)).options
    assert options.model_validate({"project": "p"}).scopes is None
    with pytest.raises(ValidationError):
        options.model_validate({"project": "p", "region": "eu"})
    with pytest.raises(ValidationError):
        options.model_validate({"project": 7})
    with pytest.raises(ValidationError):
        options.model_validate({})


def test_an_option_may_be_one_of_a_few():
    changes = {
        "options.role": {"choices": ["reader", "writer"], "default": "reader", "what": "what it may do"},
        "options.level": {"type": "int", "choices": [10, 20], "required": True, "what": "how much"},
    }
    options = plugin(profile(changes)).options
    assert options.model_validate({"project": "p", "level": 20}).role == "reader"
    for wrong in ({"level": 30}, {"level": "10"}, {"level": 10, "role": "owner"}):
        with pytest.raises(ValidationError):
            options.model_validate({"project": "p", **wrong})


def test_traits_say_what_the_profile_shows():
    limits = {
        "coexistence": "two",
        "max_active": 2,
        "name": {"min": 3, "max": 20, "pattern": "[a-z]+"},
        "expiry": {"format": "enum", "values": {"MONTH": "1 month"}, "never_means": "4 years"},
        "propagation": {"create": "5s", "revoke": "2 minutes"},
        "reuses_handles": True,
    }
    traits: IssuerTraits = plugin(profile({"limits": limits})).traits(None, None)
    assert traits.coexistence is Coexistence.TWO
    assert (traits.max_active, traits.reuses_handles) == (2, True)
    assert (traits.names.min_length, traits.names.max_length, traits.names.pattern) == (3, 20, "[a-z]+")
    assert traits.expiry.choices == (Duration.parse("1 month"),)
    assert traits.expiry.never_means == Duration.parse("4 years")
    assert (traits.issue_propagation, traits.revoke_propagation) == (timedelta(seconds=5), timedelta(minutes=2))
    assert (traits.lists, traits.names_tokens, traits.binds_value_to_handle) == (True, True, True)
    assert not traits.reports_last_use


def test_a_nameless_list_and_a_mute_verify_are_said_so():
    changes = {"operations.list.extract.name": None, "operations.verify.extract": {}}
    traits = plugin(profile(changes)).traits(None, None)
    assert (traits.names_tokens, traits.binds_value_to_handle) == (False, False)


def test_importing_the_reader_imports_no_http_library():
    code = "import sys, providers.issuers.http; print({'httptools', 'jinja2', 'jmespath'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_the_example_of_the_guide_is_sound():
    guide = (Path(__file__).parents[3] / "docs" / "issuers" / "http.md").read_text()
    [example] = re.findall(r"```yaml\n(kind: HttpIssuer\n.*?)```", guide, re.DOTALL)
    assert plugin(yaml.safe_load(example)).name == "acme"
