"""What a policy file may say of an app on Heroku, and what the docs say of both."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from providers.stores.heroku.plugin import HerokuConfig, HerokuPlace
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load

PAGE = (Path(__file__).parents[3] / "docs" / "stores" / "heroku.md").read_text()


def test_the_address_is_herokus_unless_another_one_is_given() -> None:
    assert HerokuConfig().url == "https://api.heroku.com"
    with pytest.raises(ValidationError, match="unencrypted"):
        HerokuConfig(url="http://heroku.example.com")


@pytest.mark.parametrize("app", ["acme-web", "a1b", "01234567-89ab-cdef-0123-456789abcdef"])
def test_an_app_has_a_name_or_an_id(app: str) -> None:
    assert HerokuPlace(app=app, var="TOKEN").app == app


@pytest.mark.parametrize(
    "app", ["", "ab", "Acme", "1acme", "acme-", "acme/web", "acme web", "a" * 31, "acme\n", "../x"]
)
def test_another_name_of_an_app_is_refused(app: str) -> None:
    with pytest.raises(ValidationError, match="not an app's name or id"):
        HerokuPlace(app=app, var="TOKEN")


@pytest.mark.parametrize("var", ["", "1TOKEN", "TO-KEN", "TO KEN", "TÖKEN", "TOKEN\n"])
def test_a_name_that_is_no_config_vars_is_refused(var: str) -> None:
    with pytest.raises(ValidationError, match="not a config var's name"):
        HerokuPlace(app="acme-web", var=var)


@pytest.mark.parametrize("var", ["HEROKU_API_KEY", "__TOKEN"])
def test_a_name_that_heroku_keeps_to_itself_is_refused(var: str) -> None:
    with pytest.raises(ValidationError, match="keeps names"):
        HerokuPlace(app="acme-web", var=var)


def test_the_policy_in_the_docs_loads(tmp_path: Path) -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "policy.yaml").write_text(example)
    loaded = load(tmp_path, Plugins())
    assert "heroku" in {connection.provider for connection in loaded.connections.values()}


def test_the_docs_name_every_setting() -> None:
    for model in (HerokuConfig, HerokuPlace):
        for name in model.model_fields:
            assert f"`{name}`" in PAGE


def test_naming_the_plug_in_imports_no_http_client() -> None:
    program = "import sys, providers.stores.heroku; print('httptools' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
