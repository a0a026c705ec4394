"""The command ``rotate`` with policies from a repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.acceptance.command import Desk
from tests.integration.policies_from_git.upstream import Upstream

POLICIES = """\
connections:
  sandbox: {provider: sandbox, url: "http://127.0.0.1:1", credentials: {admin: "env:SANDBOX_ADMIN"}}
  app-env: {provider: env-file}
policies:
  - {name: app, issuer: {connection: sandbox}, stores: [{connection: app-env, file: /app.env, var: A}], schedule: never}
"""
BAD = POLICIES.replace("never", "nevr")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "rotator.toml").write_text('repository = "upstream"\npolicies = "rotation"\n')
    return Desk(tmp_path)


@pytest.fixture
def repository(tmp_path: Path) -> Upstream:
    upstream = Upstream(tmp_path / "upstream")
    upstream.commit({"rotation/all.yaml": POLICIES})
    return upstream


def test_check_refuses_a_bad_commit_and_the_others_go_on_with_the_last_good_one_and_say_so(desk, repository):
    assert desk.rotate("check").out == "OK: 1 policy, 2 connections.\n"
    commit = repository.commit({"rotation/all.yaml": BAD})
    line = f"{commit[:10]}:rotation/all.yaml:5:115: "
    assert desk.rotate("check", code=2).err.startswith(line)
    status = desk.rotate("status")
    assert "app" in status.out
    assert f"the newest policies are refused, the last good ones are in force: {line}" in status.err


def test_policies_on_this_machine_can_be_checked_before_they_are_pushed(desk, repository):
    desk.write_policy(BAD, "draft.yaml")
    assert "draft.yaml:5:115: " in desk.rotate("check", "--policies", "policies", code=2).err
