"""What is particular to Vercel: milliseconds, cursors, 403 for the dead and the denied alike, its own command line."""

from __future__ import annotations

import os
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from rotator.domain.contracts import NoBudget, Verdict
from rotator.domain.errors import Ambiguous, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from tests.fakes.fault_proxy import answer
from tests.fakes.token_services.vercel import PROJECT, TEAM, VercelTokens
from tests.integration.token_services.setting import opened, request
from tests.servers.process import require

SERVICE = VercelTokens
NAME = "vercel"
PROGRAM = Path(__file__).parents[3] / "node_modules" / ".bin" / "vercel"


def test_times_are_milliseconds_on_the_way_out_and_in(service, clock):
    issuer = opened(NAME, service)
    issued = issuer.issue(request(service, lifetime="30 days"))
    assert (issued.created_at, issued.expires_at) == (clock.now(), clock.now() + timedelta(days=30))
    assert service.by_id(issued.handle).expires_at == issued.expires_at
    [listed] = [info for info in issuer.tokens() if info.handle == issued.handle]
    assert (listed.created_at, listed.expires_at) == (issued.created_at, issued.expires_at)
    clock.move(days=30)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


def test_a_token_may_be_limited_to_a_team_and_a_project(service):
    issuer = opened(NAME, service, team=TEAM, project=PROJECT)
    issued = issuer.issue(request(service))
    assert service.by_id(issued.handle).scopes == (TEAM, PROJECT)
    assert issuer.verify(issued.value).verdict is Verdict.VALID


def test_a_limited_token_makes_no_others(service):
    limited = opened(NAME, service, team=TEAM).issue(request(service))
    with pytest.raises(Permanent, match=r"403 \(forbidden\).*Full Account"):
        opened(NAME, service, credentials={"token": limited.value.reveal()}).issue(request(service))


def test_forbidden_without_a_word_about_the_token_is_no_death(service, proxy):
    issuer = opened(NAME, service, url=proxy.url)
    issued = issuer.issue(request(service))
    proxy.fail("GET", "/current", answer(403, body=b'{"error":{"code":"forbidden","message":"Not authorized"}}'))
    assert issuer.verify(issued.value).verdict is Verdict.INDETERMINATE


def test_tokens_on_later_pages_are_listed(service):
    issuer = opened(NAME, service)
    for number in range(250):
        service.make(f"t{number}")
    assert len(list(issuer.tokens())) == 251
    assert service.asked == ["GET /v6/user/tokens"] * 3


def test_too_many_requests_says_until_when(service, clock):
    issuer = opened(NAME, service)
    service.throttled_until = clock.now() + timedelta(seconds=90)
    with pytest.raises(Temporary) as limited:
        issuer.issue(request(service))
    assert not isinstance(limited.value, Ambiguous)
    assert limited.value.retry_after == timedelta(seconds=90)


def test_until_when_it_is_too_many_requests_the_whole_connection_is_told(service, clock):
    class Told(NoBudget):
        def __init__(self):
            self.waits = []

        def throttled(self, retry_after):
            self.waits.append(retry_after)

    budget = Told()
    service.throttled_until = clock.now() + timedelta(seconds=90)
    with pytest.raises(Temporary):
        opened(NAME, service, budget=budget).tokens()
    assert timedelta(seconds=90) in budget.waits


def test_the_token_that_asks_is_never_deleted_by_its_nickname(service):
    issuer = opened(NAME, service)
    issued = issuer.issue(request(service))
    issuer.verify(issued.value)
    issuer.revoke(issued.handle)
    assert "DELETE /v3/user/tokens/current" not in service.asked
    assert [token.name for token in service.tokens] == ["manager"]


def test_vercels_own_command_line_and_we_see_each_others_tokens(service, tmp_path, known_values):
    """The fake is held to the Vercel CLI."""
    require(PROGRAM.exists(), "Vercel's CLI is not in node_modules; `make` installs it where there is npm")
    require(shutil.which("node") is not None, "Vercel's CLI needs Node")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "VERCEL_TOKEN": service.manager,
        "VERCEL_TELEMETRY_DISABLED": "1",
    }

    def vercel(*words: str) -> None:
        done = subprocess.run(
            [PROGRAM, "--api", service.url, "tokens", *words],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    issuer = opened(NAME, service)
    ours = issuer.issue(request(service, "ours-x7"))
    vercel("add", "by-hand")
    theirs = service.tokens[-1]
    known_values.not_secret(theirs.value)
    assert {info.name for info in issuer.tokens()} == {"manager", "ours-x7", "by-hand"}
    assert issuer.verify(SecretValue(theirs.value)).handle == theirs.id
    vercel("rm", ours.handle)
    assert issuer.verify(ours.value).verdict is Verdict.INVALID
