"""The fake is held to Heroku's own command line: what that one writes the store reads, and the other way round.

Each command takes a second or two, so a test asks for several things at once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from providers.stores.heroku.plugin import HerokuPlace
from providers.stores.heroku.store import HerokuStore
from rotator.domain.errors import NeedsOperator, Temporary
from rotator.testing.store_contract import fresh, held, publish, refusal_of, version_of
from tests.canary import Canary
from tests.fakes.heroku import App, Heroku
from tests.integration.heroku.conftest import SIBLINGS, VAR, AtTheDashboard, opened
from tests.servers.process import require

ROOT = Path(__file__).parents[3]
BINARIES = ROOT / "node_modules" / ".bin"
PERMISSIONS = ROOT / "deploy" / "permissions" / "heroku.sh"

CommandLine = Callable[..., str]


@pytest.fixture
def command(heroku: Heroku, tmp_path: Path) -> CommandLine:
    """Run ``heroku …`` as the account's owner, and give what it prints. Its home is a folder of the test's own."""
    require((BINARIES / "heroku").exists(), "the Heroku CLI is not in node_modules: `make` installs it with npm")
    require(shutil.which("node") is not None, "the Heroku CLI needs Node")
    heroku.tokens["HRKU-of-the-owner-herself"] = {"global"}
    environment = {
        "PATH": f"{BINARIES}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "HEROKU_HOST": heroku.url,
        "HEROKU_API_KEY": "HRKU-of-the-owner-herself",
        "HEROKU_ANALYTICS_URL": heroku.url,
        "HEROKU_DISABLE_AUTOUPDATE": "1",  # else it looks for a newer one, in a process that outlives the test
        "DISABLE_TELEMETRY": "true",
        "NO_COLOR": "1",
    }
    (tmp_path / ".netrc").touch(mode=0o600)

    def run(*words: str | Path) -> str:
        done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


def test_what_the_command_line_sets_the_store_reads(
    command: CommandLine, store: HerokuStore, place: HerokuPlace, outside: AtTheDashboard, known_values: Canary
) -> None:
    before, value = outside.siblings(), 'set by hand: it\'s "odd"'
    known_values.not_secret(value)  # the command line shows what it sets
    command("heroku", "config:set", f"{VAR}={value}", "--app", place.app)
    current = store.current(place)
    assert (version_of(current), held(current)) == ("v4", value)
    command("heroku", "config:unset", VAR, "--app", place.app)
    assert held(store.current(place)) is None
    assert outside.siblings() == before


def test_what_the_store_writes_the_command_line_reads(
    command: CommandLine, store: HerokuStore, place: HerokuPlace, known_values: Canary
) -> None:
    first, second = fresh(), fresh()
    for value in (first.reveal(), second.reveal(), SIBLINGS["DATABASE_URL"]):
        known_values.not_secret(value)  # the command line is asked to show them
    version = publish(store, place, first)
    publish(store, place, second)
    assert command("heroku", "config:get", VAR, "--app", place.app) == second.reveal()
    assert command("heroku", "config:get", "RACK_ENV", "--app", place.app) == SIBLINGS["RACK_ENV"]
    assert f"{VAR}={first.reveal()}" in command("heroku", "releases:info", version, "--shell", "--app", place.app)
    assert held(store.read(place, version)) == first.reveal()


def test_both_see_a_release_command_run_and_fail(
    command: CommandLine, store: HerokuStore, place: HerokuPlace, app: App, known_values: Canary
) -> None:
    app.release_command = True
    known_values.not_secret("tok_first_of_all")
    command("heroku", "config:set", f"{VAR}=set-by-hand", "--app", place.app)
    assert "release command executing" in command("heroku", "releases", "--app", place.app)
    assert type(refusal_of(lambda: store.write(place, fresh(), None, "rotation-1"))) is Temporary
    app.end_release_command(succeeds=False)
    assert "release command failed" in command("heroku", "releases", "--app", place.app)
    version = version_of(store.written(place, "rotation-1"))
    assert isinstance(refusal_of(lambda: store.settle(place, version)), NeedsOperator)
    assert held(store.current(place)) == "tok_first_of_all"


def test_a_rollback_with_the_command_line_is_a_release_of_its_own(
    command: CommandLine, store: HerokuStore, place: HerokuPlace
) -> None:
    version = publish(store, place, fresh())
    command("heroku", "rollback", "v3", "--app", place.app)
    store.settle(place, version)
    assert (version_of(store.current(place)), held(store.current(place))) == ("v5", "tok_first_of_all")


def test_dynos_that_linger_go_with_the_command_that_our_message_names(
    command: CommandLine, store: HerokuStore, place: HerokuPlace, app: App
) -> None:
    app.slow_dynos = True
    version = publish(store, place, fresh())
    remedy = refusal_of(lambda: store.settle(place, version)).remedy
    command(*remedy[remedy.index("heroku ") :].split())
    store.settle(place, version)


def test_the_shipped_script_makes_a_token_that_may_do_all_that_the_store_does_and_no_more(
    command: CommandLine, heroku: Heroku, place: HerokuPlace, app: App, known_values: Canary
) -> None:
    app.slow_dynos = True
    before = set(heroku.tokens)
    token = command(PERMISSIONS)
    known_values.not_secret(token)
    assert {token} == set(heroku.tokens) - before
    assert heroku.tokens[token] == {"write-protected"}
    store = opened(heroku.url, token)
    looked = store.preflight(place)
    assert looked is not None
    version = publish(store, place, fresh())
    assert type(refusal_of(lambda: store.settle(place, version))) is Temporary  # it may see the dynos
    app.replace_dynos()
    store.settle(place, version)
    store.restore(place, looked.version, version)
