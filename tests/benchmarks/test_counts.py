"""A rotation sends the requests and makes the commits that docs/performance.md lists, and not one more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rotator.flow.reconcile import one_pass
from tests.benchmarks.bare_script import NECESSARY
from tests.benchmarks.installation import NO_QUOTA, RULES, SHIPPED, Installation, installation
from tests.benchmarks.round_trips import of_one_rotation
from tests.benchmarks.traffic import watched
from tests.fakes.secrets_manager import secrets_manager
from tests.servers.sandbox import StartSandbox

NAME = "payments"

REQUESTS = [
    "DescribeSecret",  # look before anything is touched: may it be written, has anybody else something pending
    "GetSecretValue",
    "POST /v1/tokens",
    "GET /v1/self",
    "PutSecretValue",
    "GetSecretValue",
    "UpdateSecretVersionStage",
    "UpdateSecretVersionStage",
    "GetSecretValue",
    "GET /v1/self",
    "DELETE /v1/tokens/{id}",
    "GET /v1/self",
]
COMMITS = 7
"""Opened; issuing; issued; verified, with publishing; written, with published; confirmed, with retiring; retired."""

MakeInstallation = Callable[..., Installation]


@pytest.fixture
def make_installation(tmp_path: Path, start_sandbox: StartSandbox) -> Iterator[MakeInstallation]:
    with secrets_manager() as aws:
        opened = []

        def make(provider: str = NO_QUOTA) -> Installation:
            entered = installation(tmp_path, start_sandbox(rules=RULES), aws.url, [NAME], provider)
            opened.append(entered)
            return entered.__enter__()

        yield make
        for entered in opened:
            entered.__exit__(None, None, None)


def test_a_rotation_makes_these_requests_and_commits(make_installation: MakeInstallation) -> None:
    seen = of_one_rotation(make_installation(), NAME)
    assert list(seen.requests) == REQUESTS
    assert seen.commits == COMMITS


def test_an_issuer_with_a_quota_is_asked_once_more(make_installation: MakeInstallation) -> None:
    seen = of_one_rotation(make_installation(SHIPPED), NAME)
    assert list(seen.requests) == ["GET /v1/tokens", *REQUESTS]
    assert seen.commits == COMMITS


def test_nothing_that_a_bare_script_must_do_is_left_out() -> None:
    left = list(REQUESTS)
    for what, request in NECESSARY:
        assert request in left, what
        left.remove(request)
    assert left == ["DescribeSecret"]


def test_a_pass_with_nothing_to_do_asks_nobody_and_writes_nothing(make_installation: MakeInstallation) -> None:
    made = make_installation()
    made.prepare([NAME])
    made.adopt([NAME])
    with watched() as seen:
        assert list(one_pass(made.runner, made.app.policies)) == []
    assert (seen.requests, seen.commits) == ([], 0)
