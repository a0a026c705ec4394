"""What a policy file may say of a project's variables on Vercel, and what the docs say of both."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from providers.stores.vercel.plugin import PLUGIN, Redeploy, VercelConfig, VercelPlace
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load

PAGE = (Path(__file__).parents[3] / "docs" / "stores" / "vercel.md").read_text()

EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def place(**settings: Any) -> VercelPlace:
    return VercelPlace.model_validate(
        {"project": "site", "var": "API_TOKEN", "targets": ["production"], "redeploy": "none", **settings}
    )


def problem(**settings: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        place(**settings)
    return str(caught.value)


def test_the_address_is_vercels_unless_another_one_is_given() -> None:
    assert VercelConfig().url == "https://api.vercel.com"
    with pytest.raises(ValidationError, match="unencrypted"):
        VercelConfig(url="http://vercel.example.com")


@pytest.mark.parametrize(
    ("team", "scope"),
    [
        ("team_nLlpyC6REAqxydlFKbrMDlud", {"teamId": "team_nLlpyC6REAqxydlFKbrMDlud"}),
        ("acme", {"slug": "acme"}),
        (None, {}),
    ],
)
def test_a_team_is_named_by_its_id_or_its_slug(team: str | None, scope: dict[str, str]) -> None:
    assert VercelConfig(team=team).scope == scope


@pytest.mark.parametrize("name", ["", "a/b", "..", "a b", "a?b", "acme\n"])
def test_what_would_lead_to_another_address_is_refused(name: str) -> None:
    assert "not a name or id" in problem(project=name)
    with pytest.raises(ValidationError, match="not a name or id"):
        VercelConfig(team=name)


@pytest.mark.parametrize("var", ["", "1TOKEN", "TO-KEN", "TO KEN", "TÖKEN", "TOKEN\n", "A" * 257])
def test_what_is_no_variables_name_is_refused(var: str) -> None:
    assert "not a variable's name" in problem(var=var)


@pytest.mark.parametrize(
    ("written", "means"),
    [(True, Redeploy.REDEPLOY), (False, Redeploy.NONE), ("hook", Redeploy.HOOK), ("redeploy", Redeploy.REDEPLOY)],
)
def test_a_redeploy_may_be_written_as_yes_or_no(written: object, means: Redeploy) -> None:
    assert place(redeploy=written).redeploy is means


def test_whether_to_redeploy_must_be_said() -> None:
    """Without a redeploy, what runs keeps the old token until it is dead."""
    with pytest.raises(ValidationError, match="redeploy"):
        VercelPlace.model_validate({"project": "site", "var": "API_TOKEN", "targets": ["production"]})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"targets": []}, "it is for nothing"),
        ({"targets": ["production", "production"]}, "twice"),
        ({"targets": ["staging"]}, "production"),
        ({"git_branch": "feature-x"}, "only previews have a `git_branch`"),
        ({"targets": ["preview", "development"], "git_branch": "feature-x"}, "only previews have a `git_branch`"),
        ({"targets": ["preview"], "git_branch": "x", "custom_environment": "staging"}, "only previews"),
        ({"targets": ["preview"], "git_branch": ""}, "git_branch"),
        ({"targets": ["preview"], "redeploy": True}, "renews production"),
        ({"targets": [], "custom_environment": "staging", "redeploy": True}, "renews production"),
        ({"redeploy": "always"}, "redeploy"),
        ({"type": "plain"}, "sensitive"),
    ],
)
def test_what_does_not_fit_together_is_refused(settings: dict[str, Any], says: str) -> None:
    assert says in problem(**settings)


@pytest.mark.parametrize("example", [PLUGIN.example, *EXAMPLES])
def test_the_policies_that_we_show_load(example: str, tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text(example)
    loaded = load(tmp_path, Plugins())
    assert "vercel" in {connection.provider for connection in loaded.connections.values()}


def test_the_docs_name_every_setting() -> None:
    for model in (VercelConfig, VercelPlace):
        for name in model.model_fields:
            assert f"`{name}`" in PAGE


def test_naming_the_plug_in_imports_no_http_client() -> None:
    program = "import sys, providers.stores.vercel; print('httptools' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
