"""What a policy file may say of GitLab's variables, and what the docs say of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from providers.stores.gitlab.plugin import PLUGIN, GitLabConfig, GitLabPlace, NewVisibility
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load

PAGE = (Path(__file__).parents[3] / "docs" / "stores" / "gitlab.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def place(**settings: Any) -> GitLabPlace:
    return GitLabPlace.model_validate({"project": "acme/web", "var": "API_TOKEN", **settings})


def problem(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        place(**settings)
    return str(caught.value)


def test_the_address_is_gitlabs_unless_another_one_is_given() -> None:
    assert GitLabConfig().url == "https://gitlab.com"
    assert GitLabConfig(url="https://git.acme.example/gitlab/api/v4/").url == "https://git.acme.example/gitlab"
    with pytest.raises(ValidationError, match="unencrypted"):
        GitLabConfig(url="http://git.acme.example")


@pytest.mark.parametrize("name", ["acme/web", "acme/platform/web.site", "_acme/web-2", "4711"])
def test_a_project_is_named_by_its_whole_path_or_its_id(name: str) -> None:
    assert place(project=name).project == name


def test_an_id_may_be_written_as_a_number() -> None:
    assert place(project=4711).project == "4711"
    assert place(project=None, group=12).group == "12"


@pytest.mark.parametrize(
    "name", ["", "web", "/acme/web", "acme/", "acme//web", "acme/we b", "acme/web?x", "acme/-", True]
)
def test_what_is_no_project_is_refused(name: object) -> None:
    with pytest.raises(ValidationError, match="project"):
        place(project=name)


@pytest.mark.parametrize("name", ["", "acme/", "/acme", "ac me", "a?b"])
def test_what_is_no_group_is_refused(name: str) -> None:
    assert "not a group" in problem(project=None, group=name)


@pytest.mark.parametrize("var", ["", "API-TOKEN", "API TOKEN", "TÖKEN", "TOKEN\n", "A" * 256])
def test_what_is_no_key_is_refused(var: str) -> None:
    assert "not a variable's key" in problem(var=var)


@pytest.mark.parametrize("scope", ["*", "production", "review/*", "eu west/${x}.1-a"])
def test_a_scope_is_an_environments_name_or_a_pattern(scope: str) -> None:
    assert place(environment_scope=scope).environment_scope == scope


@pytest.mark.parametrize("scope", ["", " production", "production ", "a?b", "a\nb", "x" * 256])
def test_what_is_no_scope_is_refused(scope: str) -> None:
    assert "not an environment's name or pattern" in problem(environment_scope=scope)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"group": "acme"}, "either `project` or `group`"),
        ({"project": None}, "either `project` or `group`"),
        ({"visibility": "masked"}, "go with `create: true`"),
        ({"protected": False}, "go with `create: true`"),
        ({"create": True, "visibility": "secret"}, "hidden"),
        ({"masked": True}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_together_is_refused(settings: dict[str, Any], says: str) -> None:
    assert says in problem(**settings)


def test_what_is_to_be_created_may_be_described() -> None:
    described = place(create=True, visibility="hidden", protected=False)
    assert (described.visibility, described.protected) == (NewVisibility.HIDDEN, False)


@pytest.mark.parametrize("example", [PLUGIN.example, *EXAMPLES])
def test_the_policies_that_we_show_load(example: str, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(example)
    loaded = load(tmp_path, Plugins())
    assert "gitlab" in {connection.provider for connection in loaded.connections.values()}


def test_the_docs_name_every_setting() -> None:
    for model in (GitLabConfig, GitLabPlace):
        for name in model.model_fields:
            assert f"`{name}`" in PAGE


def test_naming_the_plug_in_imports_no_http_client() -> None:
    program = "import sys, providers.stores.gitlab; print({'httptools', 'gitlab', 'requests'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
