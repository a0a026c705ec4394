"""What a token must be allowed to do on GitHub, what is said when it is not, and the policy that the docs show."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.stores.github_actions.plugin import GitHubPlace
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.testing.store_contract import fresh, publish, refusal_of, version_of
from tests.fakes.github_actions import GitHubService, github_service
from tests.integration.github_actions_setting import furnish, opened

ROOT = Path(__file__).parents[2]
PERMISSIONS = json.loads((ROOT / "deploy" / "permissions" / "github-actions.json").read_text())
PLACES = {
    "repository": {"repository": "acme/web"},
    "environment": {"repository": "acme/web", "environment": "production"},
    "organization": {"organization": "acme"},
}
PLACE = GitHubPlace(repository="acme/web", secret="API_TOKEN")


@pytest.fixture(scope="module")
def running() -> Iterator[GitHubService]:
    with github_service() as service:
        yield service


@pytest.fixture
def github(running: GitHubService) -> GitHubService:
    furnish(running)
    return running


@pytest.mark.parametrize(("kind", "where"), [(kind, where) for kind in PERMISSIONS for where in PERMISSIONS[kind]])
def test_the_permissions_we_ship_are_enough_and_less_is_refused_by_name(
    github: GitHubService, kind: str, where: str
) -> None:
    place = GitHubPlace(**PLACES[where], secret="API_TOKEN", kind=kind)
    github.tokens["github_pat_least"] = granted = PERMISSIONS[kind][where]
    store = opened(github.url, "github_pat_least")
    store.preflight(place)
    store.settle(place, publish(store, place, fresh()))
    github.tokens["github_pat_least"] = dict.fromkeys(granted, "read")
    expected = version_of(store.preflight(place))
    refusal = refusal_of(lambda: store.write(place, fresh(), expected, "rotation-2"))
    assert isinstance(refusal, Permanent)
    assert all(f"{permission}=write" in str(refusal) for permission in granted)
    github.tokens["github_pat_least"] = {}
    assert "permission `" in str(refusal_of(lambda: store.preflight(place)))


def test_a_token_that_died_waits_for_a_person(github: GitHubService) -> None:
    github.tokens.clear()
    refusal = refusal_of(lambda: opened(github.url).preflight(PLACE))
    assert type(refusal) is NeedsOperator
    assert "credentials" in str(refusal)


def test_the_policies_in_the_documentation_load(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "stores" / "github-actions.md").read_text()
    (tmp_path / "policy.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    [policy] = load(tmp_path, Plugins()).policies
    assert len(policy.targets) == 3
