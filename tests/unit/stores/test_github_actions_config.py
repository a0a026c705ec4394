"""What a policy file may say of a GitHub connection and of a secret there, and what importing the plug-in costs."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from providers.stores.github_actions.plugin import PLUGIN, GitHubConfig, GitHubPlace
from providers.stores.github_actions.scope import name_of, path_of
from providers.stores.github_actions.sealing import ScopeKey, seal
from rotator.domain.errors import Permanent

TOKEN = {"token": "env:GITHUB_TOKEN"}


def place(**settings: Any) -> GitHubPlace:
    return GitHubPlace.model_validate({"secret": "API_TOKEN", **settings})


def test_a_token_is_enough() -> None:
    assert GitHubConfig(credentials=TOKEN).url == "https://api.github.com"
    assert GitHubConfig(url="https://github.acme.example/api/v3/", credentials=TOKEN).url.endswith("/api/v3")


@pytest.mark.parametrize("url", ["https://github.com", "https://www.github.com/acme/web"])
def test_the_website_is_not_the_api(url: str) -> None:
    with pytest.raises(ValidationError, match=r"api\.github\.com"):
        GitHubConfig(url=url, credentials=TOKEN)


def test_plain_http_would_give_the_token_away() -> None:
    with pytest.raises(ValidationError, match="https"):
        GitHubConfig(url="http://github.acme.example/api/v3", credentials=TOKEN)


@pytest.mark.parametrize(
    ("settings", "path", "name"),
    [
        (
            {"repository": "acme/web.site"},
            "/repos/acme/web.site/actions/secrets/API_TOKEN",
            "secret `API_TOKEN` of acme/web.site",
        ),
        (
            {"repository": "acme/web", "environment": "prod/eu #1?ü"},
            "/repos/acme/web/environments/prod%2Feu%20%231%3F%C3%BC/secrets/API_TOKEN",
            "secret `API_TOKEN` of the environment `prod/eu #1?ü` of acme/web",
        ),
        (
            {"repository": "acme/web", "kind": "dependabot"},
            "/repos/acme/web/dependabot/secrets/API_TOKEN",
            "Dependabot secret `API_TOKEN` of acme/web",
        ),
        (
            {"organization": "acme", "kind": "codespaces"},
            "/orgs/acme/codespaces/secrets/API_TOKEN",
            "Codespaces secret `API_TOKEN` of the organisation acme",
        ),
    ],
)
def test_each_scope_has_its_own_address(settings: dict[str, str], path: str, name: str) -> None:
    assert (path_of(place(**settings)), name_of(place(**settings))) == (path, name)


def test_a_name_is_kept_as_github_keeps_it() -> None:
    assert place(repository="acme/web", secret="api_Token_2").secret == "API_TOKEN_2"


@pytest.mark.parametrize(
    "secret", ["", "2TOKENS", "API-TOKEN", "API TOKEN", "GITHUB_TOKEN", "github_pat", "TÖKEN", "A\n"]
)
def test_a_name_that_github_would_refuse_is_refused(secret: str) -> None:
    with pytest.raises(ValidationError):
        place(repository="acme/web", secret=secret)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, "either `repository` or `organization`"),
        ({"repository": "acme/web", "organization": "acme"}, "either `repository` or `organization`"),
        ({"organization": "acme", "environment": "production"}, "part of a `repository`"),
        ({"repository": "acme/web", "environment": "prod", "kind": "dependabot"}, "no dependabot secrets"),
        ({"repository": "acme"}, "repository"),
        ({"repository": "acme/web/.."}, "repository"),
        ({"repository": "acme/.."}, "no name"),
        ({"repository": "https://github.com/acme/web"}, "repository"),
        ({"repository": "acme/web", "environment": ".."}, "no name"),
        ({"repository": "acme/web", "environment": ""}, "environment"),
        ({"organization": "acme/web"}, "organization"),
        ({"organization": "acme", "create": True}, "say its `visibility`"),
        ({"organization": "acme", "visibility": "all"}, "with `create: true`"),
        ({"repository": "acme/web", "create": True, "visibility": "all"}, "is for an `organization`"),
        ({"organization": "acme", "create": True, "visibility": "selected"}, "selected_repository_ids"),
        (
            {"organization": "acme", "create": True, "visibility": "all", "selected_repository_ids": [1]},
            "selected_repository_ids",
        ),
        ({"repository": "acme/web", "kind": "packages"}, "kind"),
        ({"repository": "acme/web", "branch": "main"}, "branch"),
    ],
)
def test_a_place_that_cannot_be_is_refused_with_its_reason(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        place(**settings)


def test_text_that_no_encoding_holds_is_refused_and_not_shown() -> None:
    class Torn:
        def reveal(self) -> str:
            return "tok_half_\ud83d"

    key = ScopeKey("1", "GAGNm9UBKQ1PXYJ5dBGd7GsVQtNEvALuMUY0zUrHo1s=")
    with pytest.raises(Permanent) as caught:
        seal(Torn(), key, "secret `API_TOKEN`")  # type: ignore[arg-type]  # a value that the canary could not look for
    assert caught.value.__cause__ is None
    assert "tok_half" not in str(caught.value)


def test_the_plug_in_imports_no_sdk() -> None:
    code = (
        "import sys; from providers.stores.github_actions import PLUGIN; "
        "print([name for name in ('nacl', 'httptools', 'requests') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"
    assert PLUGIN.needs == ("nacl",)
