"""A service that nobody wrote a provider for, added with YAML alone: docs/writing-a-provider.md, followed word by word.

The profile, the policy, the commands and what they say are taken from the page, so the page cannot rot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest
import yaml

from rotator.config.plugins import Plugins
from rotator.config.policy_files import load
from rotator.domain.contracts import Issuer
from rotator.domain.errors import InvalidInput
from rotator.testing.access import DictionaryAccess
from rotator.testing.issuer_contract import IssuerContract
from rotator.testing.moving_clock import MovingClock
from tests.acceptance.command import Desk
from tests.canary import CANARY
from tests.contract.http_profiles import open_issuer, plugin
from tests.fakes.token_services.quayside import Quayside
from tests.fakes.token_services.service import serving

PAGE: Final = (Path(__file__).parents[2] / "docs" / "writing-a-provider.md").read_text(encoding="utf-8")
HERE: Final = PAGE.partition("\n## A provider in Python\n")[0]
ENV_FILE: Final = "/srv/crane-7/.env"

MISTAKES: Final = {
    "a key that is misspelt": ("summary:", "sumary:"),
    "the credential itself": ("{{ credentials.master }}", "qm_0c1f9e8d7b6a5f4e3d2c1b0a99887766"),
    "an option that nobody declared": (
        'GET, path: "/v1/cranes/{{ options.crane }}',
        'GET, path: "/v1/{{ options.crain }}',
    ),
    "no answer that means dead": (
        "      - {status: 401, when: \"error.code == 'key_unknown'\", outcome: invalid}\n",
        "",
    ),
    "a revoke that names no token": ("/keys/{{ token.handle }}", "/keys"),
}
"""What stands in the profile, and the mistake that is made there."""

THAT_DIFFERS: Final = re.compile(
    r"\d{4}-\d\d-\d\d|\b\d\d:\d\d(:\d\d)?\b|\b\d{8}-[0-9a-f]{8}\b|\b[0-9a-f]{32}\b|(?<=crane-7-)[a-z0-9]{7}\b"
)
"""Times, the ids of rotations, the versions of a file, the marks in names."""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", HERE, re.MULTILINE | re.DOTALL)


PROFILE, POLICY = blocks("yaml")


@dataclass(frozen=True)
class Session:
    """What the page says that a person types, and sees."""

    command: tuple[str, ...]
    said: str


def sessions() -> list[Session]:
    found = []
    for block in blocks("console"):
        typed, _, said = block.partition("\n")
        found.append(Session(tuple(typed.removeprefix("$ rotate ").split()), said))
    return found


@dataclass
class Harbour:
    """The desk of whoever follows the page, and Quayside, with a key in use."""

    desk: Desk
    quayside: Quayside

    @property
    def env_file(self) -> Path:
        return self.desk.folder / "crane-7.env"

    def write(self, profile: str) -> None:
        self.desk.write_policy(profile.replace("https://api.quayside.example", self.quayside.url), "quayside.yaml")
        self.desk.write_policy(POLICY.replace(ENV_FILE, str(self.env_file)), "cranes.yaml")

    def follows(self, session: Session, code: int = 0, **environment: str) -> None:
        """Type what the page types, and see what it shows."""
        said = self.desk.rotate(*session.command, code=code, **environment).text
        said = said.replace(str(self.env_file), ENV_FILE)
        assert THAT_DIFFERS.sub("…", said) == THAT_DIFFERS.sub("…", session.said)


@pytest.fixture
def harbour(tmp_path: Path) -> Iterator[Harbour]:
    with serving(Quayside(MovingClock(datetime.now(UTC)))) as quayside:
        harbour = Harbour(Desk(tmp_path, {"QUAYSIDE_MASTER": quayside.master}), quayside)
        by_hand = quayside.make("7", "by hand")
        CANARY.may_hold_values(harbour.env_file).write_text(f"QUAYSIDE_KEY={by_hand.value}\n")
        yield harbour


def test_the_page_is_followed_from_the_first_check_to_the_end_of_the_old_key(harbour: Harbour) -> None:
    check, wrong_master, wrong_verify, online, adopt, now, retire = sessions()
    harbour.write(PROFILE)
    harbour.follows(check)

    guessed = PROFILE.replace("key_unknown", "invalid_key")
    assert guessed != PROFILE
    harbour.write(guessed)
    harbour.follows(wrong_master, 3, QUAYSIDE_MASTER="guessed-too")
    harbour.follows(wrong_verify, 3)
    assert {asked.partition(" ")[0] for asked in harbour.quayside.asked} == {"GET"}, "a check makes nothing"

    harbour.write(PROFILE)
    for session in (online, adopt, now, retire):
        harbour.follows(session)
    [in_use] = harbour.quayside.alive("7")
    assert harbour.env_file.read_text().strip() == f"QUAYSIDE_KEY={in_use.value}"
    assert in_use.name.startswith("crane-7-")


@pytest.mark.parametrize(("right", "wrong"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_in_the_profile_is_told_as_the_page_shows_it(right: str, wrong: str, tmp_path: Path) -> None:
    assert PROFILE.count(right) == 1
    (tmp_path / "quayside.yaml").write_text(PROFILE.replace(right, wrong))
    with pytest.raises(InvalidInput) as refused:
        load(tmp_path, Plugins())
    [shown] = blocks("text")
    told = [str(problem).replace(f"{tmp_path}/", "policies/") for problem in refused.value.problems]
    assert set(told) & set(shown.splitlines())


def test_every_mistake_that_the_page_shows_is_made_here() -> None:
    [shown] = blocks("text")
    assert len(shown.splitlines()) == len(MISTAKES)


class TestTheProfileOfThePage(IssuerContract):
    """What YAML alone says of a service holds to the contract that every issuer is held to."""

    @pytest.fixture(scope="class")
    @classmethod
    def quayside(cls) -> Iterator[Quayside]:
        with serving(Quayside(MovingClock())) as quayside:
            yield quayside

    @pytest.fixture
    def clock(self, quayside: Quayside) -> MovingClock:
        return quayside.clock

    @pytest.fixture
    def issuer(self, quayside: Quayside) -> Issuer:
        return opened(quayside, quayside.master)

    @pytest.fixture
    def stranger(self, quayside: Quayside) -> Issuer:
        return opened(quayside, "qm_that_nobody_made")


def opened(quayside: Quayside, master: str) -> Issuer:
    access = DictionaryAccess({"master": master})
    access.clock = quayside.clock
    return open_issuer(plugin(yaml.safe_load(PROFILE)), access, config={"url": quayside.url}, options={"crane": "7"})
