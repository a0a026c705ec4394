"""What a policy file may say of a credential in Jenkins, and what the docs say of both."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from providers.stores.jenkins.plugin import PLUGIN, JenkinsConfig, JenkinsPlace
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load

PAGE = (Path(__file__).parents[3] / "docs" / "stores" / "jenkins.md").read_text()
URL = "https://ci.example.com/jenkins"


def config(**settings: Any) -> JenkinsConfig:
    return JenkinsConfig(**{"url": URL, "user": "rotator", "credentials": {"token": "env:JENKINS"}, **settings})


def test_an_address_may_have_a_path_prefix_and_is_https_unless_it_is_loopback() -> None:
    assert config(url=f"{URL}/").url == URL
    with pytest.raises(ValidationError, match="unencrypted"):
        config(url="http://ci.example.com")


@pytest.mark.parametrize("user", ["", "a:b", "a\nb"])
def test_a_user_that_basic_authentication_cannot_carry_is_refused(user: str) -> None:
    with pytest.raises(ValidationError):
        config(user=user)


@pytest.mark.parametrize("names", [(), ("token", "password"), ("api_token",)])
def test_a_connection_has_a_token_or_a_password_and_nothing_else(names: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="either `token`"):
        config(credentials=dict.fromkeys(names, "env:JENKINS"))
    assert config().has_api_token
    assert not config(credentials={"password": "env:JENKINS"}).has_api_token


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb"])
@pytest.mark.parametrize("key", ["credential", "domain", "folder"])
def test_a_name_that_an_address_cannot_hold_is_refused(key: str, name: str) -> None:
    if (key, name) == ("folder", "a/b"):
        return
    with pytest.raises(ValidationError, match="no name in Jenkins"):
        JenkinsPlace(**{"credential": "token", key: name})


def test_a_folder_is_named_in_full() -> None:
    assert JenkinsPlace(credential="token", folder="team/web app").folder == "team/web app"
    for folder in ("/team", "team/", "team//app", "team/../app"):
        with pytest.raises(ValidationError, match="no name in Jenkins"):
            JenkinsPlace(credential="token", folder=folder)


def test_the_policies_in_the_docs_and_of_the_plug_in_load(tmp_path: Path) -> None:
    [in_the_docs] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    for text in (in_the_docs, PLUGIN.example):
        (tmp_path / "policy.yaml").write_text(text)
        loaded = load(tmp_path, Plugins())
        assert "jenkins" in {connection.provider for connection in loaded.connections.values()}


def test_the_docs_name_every_setting() -> None:
    for model in (JenkinsConfig, JenkinsPlace):
        for name in model.model_fields:
            assert f"`{name}`" in PAGE


def test_naming_the_plug_in_imports_no_http_library() -> None:
    program = "import sys, providers.stores.jenkins; print({'httptools', 'xml.etree.ElementTree'} & sys.modules.keys())"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
    )
