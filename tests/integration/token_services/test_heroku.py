"""What is particular to Heroku: ranges, scopes, a verify that costs nothing, and its own command line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rotator.domain.contracts import Verdict
from rotator.domain.errors import Ambiguous, Permanent, Temporary
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.contract.http_profiles import built_in
from tests.fakes.token_services.heroku import HerokuAuthorizations
from tests.integration.token_services.setting import opened, request
from tests.servers.process import require

SERVICE = HerokuAuthorizations
NAME = "heroku"
PROGRAM = Path(__file__).parents[3] / "node_modules" / ".bin" / "heroku"


def test_more_authorizations_than_one_range_holds_are_an_error_and_not_a_short_list(service):
    issuer = opened(NAME, service)
    for number in range(1000):
        service.make(f"t{number}", ("global",), None)
    with pytest.raises(Permanent, match="answered 206"):
        list(issuer.tokens())


def test_a_token_has_the_scope_of_the_policy_and_the_lifetime_in_seconds(service, clock):
    issuer = opened(NAME, service)
    issued = issuer.issue(request(service, lifetime="1 day"))
    assert service.by_id(issued.handle).scopes == ("write-protected",)
    assert service.by_id(issued.handle).expires_at == issued.expires_at
    clock.move(days=1)
    assert issuer.verify(issued.value).verdict is Verdict.INVALID


def test_a_policy_without_a_scope_is_refused_since_heroku_would_give_everything(service):
    with pytest.raises(ValueError, match="scope"):
        built_in("heroku-authorization").options.model_validate({})


def test_verifying_costs_none_of_the_accounts_requests(service):
    issuer = opened(NAME, service)
    issued = issuer.issue(request(service))
    left = service.requests_left
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    assert service.requests_left == left
    service.requests_left = 0
    assert issuer.verify(issued.value).verdict is Verdict.VALID
    with pytest.raises(Temporary) as limited:
        issuer.issue(request(service))
    assert not isinstance(limited.value, Ambiguous)


def test_a_token_of_less_than_all_scopes_makes_no_others(service):
    weak = opened(NAME, service).issue(request(service))
    with pytest.raises(Permanent, match=r"403 \(forbidden\).*scope `global`"):
        opened(NAME, service, credentials={"token": weak.value.reveal()}).issue(request(service))


def test_herokus_own_command_line_and_we_see_each_others_authorizations(service, tmp_path, known_values):
    """The fake is held to the Heroku CLI, which shows every token that it lists."""
    require(PROGRAM.exists(), "the Heroku CLI is not in node_modules: `make` installs it with npm")
    require(shutil.which("node") is not None, "the Heroku CLI needs Node")
    (tmp_path / ".netrc").touch(mode=0o600)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "HEROKU_HOST": service.url,
        "HEROKU_API_KEY": service.manager,
        "HEROKU_ANALYTICS_URL": service.url,
        "HEROKU_DISABLE_AUTOUPDATE": "1",  # else it looks for a newer one, in a process that outlives the test
        "DISABLE_TELEMETRY": "true",
        "NO_COLOR": "1",
    }

    def heroku(*words: str) -> str:
        done = subprocess.run(
            [PROGRAM, *words], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    issuer = opened(NAME, service)
    ours = issuer.issue(request(service, "ours-x7"))
    for token in service.tokens:
        known_values.not_secret(token.value)
    made = heroku(
        "authorizations:create", "--description", "by-hand", "--scope", "read", "--expires-in", "60", "--json"
    )
    known_values.not_secret(service.tokens[-1].value)
    theirs = json.loads(made)
    assert issuer.verify(SecretValue(theirs["access_token"]["token"])).verdict is Verdict.VALID
    assert {info.name for info in issuer.tokens()} == {"manager", "ours-x7", "by-hand"}
    heroku("authorizations:revoke", ours.handle)
    assert issuer.verify(ours.value).verdict is Verdict.INVALID
    issuer.revoke(Handle(theirs["id"]))
    assert [token.name for token in service.tokens] == ["manager"]
