"""What a token must be allowed to do on GitLab, and what is said when it is not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rotator.domain.errors import NeedsOperator, Permanent
from rotator.testing.store_contract import fresh, publish, refusal_of, version_of
from tests.canary import Canary
from tests.fakes.gitlab import MAINTAINER, OWNER, GitLab, Token
from tests.integration.gitlab.setting import GROUP, PROJECT, opened, place_of
from tests.servers.process import require

SCRIPT = Path(__file__).parents[3] / "deploy" / "permissions" / "gitlab.sh"
OWNERS = [
    pytest.param(PROJECT, "projects", "acme/web", MAINTAINER, "Maintainer in the project", id="project"),
    pytest.param(GROUP, "groups", "acme/platform", OWNER, "Owner of the group", id="group"),
]
NEEDED = pytest.mark.parametrize(("where", "kind", "path", "level", "role"), OWNERS)


@NEEDED
def test_the_shipped_script_makes_a_token_that_is_enough_and_for_nothing_else(
    service: GitLab, where: dict[str, Any], kind: str, path: str, level: int, role: str, known_values: Canary
) -> None:
    require(shutil.which("curl") is not None, "there is no curl")
    service.tokens["glpat-of_an_admin"] = Token()
    environment = {**os.environ, "GITLAB_URL": service.url, "GITLAB_TOKEN": "glpat-of_an_admin"}
    done = subprocess.run(
        ["sh", str(SCRIPT), kind, path, "2027-06-30"], env=environment, capture_output=True, text=True, check=True
    )
    token = json.loads(done.stdout)["token"]
    known_values.not_secret(token)  # the script is there to show it
    assert service.tokens[token] == Token(["api"], {path: level})
    store, place = opened(service.url, token), place_of(**where)
    store.preflight(place)
    publish(store, place, fresh())
    elsewhere = place_of(**(PROJECT if where is GROUP else GROUP))
    assert "cannot see it" in str(refusal_of(lambda: store.preflight(elsewhere)))


@NEEDED
def test_a_role_that_is_not_enough_is_refused_by_name(
    service: GitLab, where: dict[str, Any], kind: str, path: str, level: int, role: str
) -> None:
    service.tokens["glpat-too_little"] = Token(roles={path: level - 10})
    refusal = refusal_of(lambda: opened(service.url, "glpat-too_little").preflight(place_of(**where)))
    assert isinstance(refusal, Permanent)
    assert role in refusal.remedy
    assert "deploy/permissions/gitlab.sh" in refusal.remedy


@NEEDED
def test_a_token_that_only_reads_is_refused_before_anything_is_touched(
    service: GitLab, where: dict[str, Any], kind: str, path: str, level: int, role: str
) -> None:
    service.tokens["glpat-reader"] = Token(["read_api"], {path: level})
    store, place = opened(service.url, "glpat-reader"), place_of(**where)
    refusal = refusal_of(lambda: store.preflight(place))
    assert isinstance(refusal, Permanent)
    assert "read_api" in str(refusal)
    expected = version_of(store.current(place))
    assert "scope `api`" in str(refusal_of(lambda: store.write(place, fresh(), expected, "rotation-1")))


@pytest.mark.parametrize(
    "token", [Token(is_personal=False), Token(["api", "read_api"]), Token(["api", "self_rotate"])], ids=str
)
def test_a_token_whose_scopes_are_enough_or_not_told_is_let_try(service: GitLab, token: Token) -> None:
    service.tokens["glpat-other"] = token
    opened(service.url, "glpat-other").preflight(place_of())


def test_a_token_that_died_waits_for_a_person(service: GitLab) -> None:
    service.tokens.clear()
    refusal = refusal_of(lambda: opened(service.url).preflight(place_of()))
    assert type(refusal) is NeedsOperator
    assert "`token` is read from" in refusal.remedy
