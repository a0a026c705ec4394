"""A product with a dashboard only is added with YAML alone; what is wrong with its profile is said with its line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.issuers.by_hand.plugin import PROFILE_READER, traits_of
from rotator.config.plugins import Plugins
from rotator.config.policy_files import load
from rotator.domain.contracts import ExpiryRules
from rotator.domain.durations import Duration
from rotator.domain.errors import InvalidInput

PAGE = Path(__file__).parents[3] / "docs" / "issuers" / "by-hand.md"
[TEXT] = re.findall(r"^```yaml\n(kind: AssistedIssuer.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
POLICY = """\
connections:
  acme: {provider: acme-dashboard, workspace: w1}
  app-env: {provider: env-file}
policies:
  - name: app
    issuer: {connection: acme, token_name: app, expires_in: 1 year}
    stores: [{connection: app-env, file: /srv/app/.env, var: TOKEN}]
    schedule: {every: 90 days}
"""


def profile(**changes: Any) -> Any:
    return PROFILE_READER.model.model_validate({**yaml.safe_load(TEXT), **changes})


def test_the_example_in_the_docs_is_a_provider_that_policies_can_name(tmp_path):
    (tmp_path / "acme.yaml").write_text(TEXT)
    (tmp_path / "policies.yaml").write_text(POLICY)
    [policy] = load(tmp_path, Plugins()).policies
    assert policy.lifetime == Duration.parse("1 year")


def test_what_it_is_like_is_what_its_profile_says():
    traits = traits_of(profile())
    assert (traits.by_hand, traits.lists, traits.max_active) == (True, False, 5)
    assert traits.value_pattern == "acme_[0-9a-f]{32}"
    offered = (Duration.parse("1 month"), Duration.parse("1 year"))
    assert traits.expiry == ExpiryRules(False, offered, None, Duration.parse("10 years"))


def test_a_page_without_never_needs_an_expiry():
    assert traits_of(profile(limits={"expiry": {"choices": {"30 days": "30 days"}}})).expiry.required


WRONG = {
    "a page that is no link": ({"page": {"link": "the dashboard", "make": "New", "delete": "Revoke"}}, "page.link"),
    "instructions that name what is not there": (
        {"page": {"link": "https://acme.example", "make": "{{ settings.team }}", "delete": "Revoke"}},
        "page.make",
    ),
    "a verify that cannot tell a death": (
        {
            "verify": {
                "request": {"method": "GET", "path": "/me", "auth": {"type": "bearer", "value": "{{ token.value }}"}},
                "responses": [{"status": 200, "when": "id", "outcome": "valid"}],
            }
        },
        "verify.responses",
    ),
    "a verify that sends no token": (
        {
            "verify": {
                "request": {"method": "GET", "path": "/me"},
                "responses": [
                    {"status": 200, "when": "id", "outcome": "valid"},
                    {"status": 401, "when": "error", "outcome": "invalid"},
                ],
            }
        },
        "verify.request",
    ),
    "never means something, and there is no never": (
        {"limits": {"expiry": {"choices": {"a": "1 year"}, "never_means": "4 years"}}},
        "limits.expiry",
    ),
    "names that cannot be": ({"limits": {"name": {"min": 9, "max": 3}}}, "limits.name.min"),
    "an unknown key": ({"credentials": {"token": {"what": "a token"}}}, "credentials"),
}


@pytest.mark.parametrize(("changes", "place"), WRONG.values(), ids=WRONG)
def test_what_can_never_work_is_refused_at_its_place(changes, place):
    with pytest.raises(ValueError) as refused:
        profile(**changes)
    [error] = refused.value.errors()
    assert ".".join(map(str, error["loc"])) == place


def test_a_mistake_in_a_users_file_is_told_with_its_line(tmp_path):
    (tmp_path / "acme.yaml").write_text(TEXT.replace("https://acme.example/settings/tokens", "the dashboard"))
    (tmp_path / "policies.yaml").write_text(POLICY)
    with pytest.raises(InvalidInput, match=r"acme\.yaml:\d+:\d+: .*link"):
        load(tmp_path, Plugins())
