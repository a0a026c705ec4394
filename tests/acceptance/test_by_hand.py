"""A product with a dashboard only, as its users meet it: asked, handed in, in use, deleted, proven dead."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rotator.testing.moving_clock import MovingClock
from tests.acceptance.command import ROTATE, Desk
from tests.acceptance.terminal import read
from tests.canary import CANARY
from tests.fakes.token_services.dashboards import Pogodoc
from tests.fakes.token_services.service import serving

NOW = ("now", "app", "--overlap", "0", "--yes")

Typing = Callable[[bytes], tuple[int, str]]


@pytest.fixture(scope="module")
def service() -> Iterator[Pogodoc]:
    with serving(Pogodoc(MovingClock())) as running:
        yield running


@pytest.fixture
def page(service: Pogodoc) -> Pogodoc:
    service.tokens.clear()
    service.in_good_standing = True
    return service


@pytest.fixture
def desk(tmp_path: Path, page: Pogodoc) -> Desk:
    """A token that was made by hand, in an env file, adopted; its replacement was asked for."""
    env = CANARY.may_hold_values(tmp_path / "app.env")
    env.write_text(f"POGODOC_API_TOKEN={page.make('made-long-ago')}\n")
    desk = Desk(tmp_path)
    desk.write_policy(
        f"""\
connections:
  pogodoc-acme: {{provider: pogodoc, url: "{page.url}"}}
  app-env: {{provider: env-file}}
policies:
  - name: app
    issuer: {{connection: pogodoc-acme, token_name: production-api-server}}
    stores: [{{connection: app-env, file: "{env}", var: POGODOC_API_TOKEN}}]
    schedule: never
"""
    )
    desk.rotate("adopt", "app", "--handle", "made-long-ago", "--expires", "2099-01-01")
    said = desk.rotate(*NOW, code=4)
    assert "UNFINISHED (PLANNED)" in said.out
    assert re.fullmatch(r"production-a-[a-z2-7]{7}", name_in(said.out))
    return desk


def name_in(request: str) -> str:
    found = re.search(r"give it exactly this name: `([^`]+)`", request)
    assert found
    return found[1]


def asked_for(desk: Desk) -> str:
    """Give the name that `rotate status` asks a person to make a token with."""
    [row] = desk.json("status").document["secrets"]
    assert "https://app.pogodoc.com/api-tokens" in row["waits_for"]
    assert f"`rotate provide {row['rotation']['id']}`" in row["waits_for"]
    assert "Asked for since" in row["waits_for"]
    assert "expires at 2099-01-01" in row["waits_for"]
    return name_in(row["waits_for"])


def in_use(desk: Desk) -> str:
    return (desk.folder / "app.env").read_text().strip().partition("=")[2].strip("'\"")


@pytest.fixture
def typing(desk: Desk) -> Typing:
    """Run ``rotate provide`` at a terminal and type this when it asks; gives the exit code and what was shown."""

    def run(answer: bytes) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        child = subprocess.Popen(
            [ROTATE, "provide", "app"],
            cwd=desk.folder, env={**desk.whole_environment({}), "TERM": "dumb"},
            stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        shown = read(ours, until=b"(it is not shown): ")
        os.write(ours, answer)
        shown += read(ours, until=None)
        os.close(ours)
        CANARY.look_at("the terminal", shown)
        return child.wait(60), shown.decode()

    return run


def test_from_the_request_to_the_proof(desk: Desk, page: Pogodoc, typing: Typing) -> None:
    """Twice: typed at a terminal, ended by a person's word; then piped in, and the deletion waited for."""
    name = asked_for(desk)
    value = page.make(name)
    code, shown = typing(value.encode() + b"\n")
    assert f"Value of {name}" in shown
    assert value not in shown
    assert "somebody has to delete made-long-ago there" in shown
    assert code == 4
    assert in_use(desk) == value
    page.delete("made-long-ago")
    said = desk.rotate("retire", "app", "--gone")
    assert "the old token made-long-ago is dead (proof: said by a person)" in said.out

    said = desk.rotate(*NOW, code=4)
    value = page.make(name_in(said.out))
    providing = desk.start("provide", "app", "--stdin", "--wait", given=f"  {value}\r\n")
    providing.until("asked")
    assert in_use(desk) == value
    page.delete(name)
    [secret] = providing.ends(0).document["secrets"]
    assert secret["outcome"] == "rotated"
    assert secret["rotation"]["old"]["proof"] == "refused"
    assert [token.value for token in page.tokens] == [value]
