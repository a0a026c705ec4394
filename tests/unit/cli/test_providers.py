"""``rotate providers``: all that are installed, also beside one that is broken."""

from __future__ import annotations

import json
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from rotator.cli.providers import providers
from rotator.domain.errors import InvalidInput, Problem
from tests.unit.config.small_plugins import entry, small_plugins

BROKEN = entry("stores", "broken", "NOTHING")


def listing(*, as_json: bool, name: str | None = None, problems: Sequence[Problem] = ()) -> None:
    app = SimpleNamespace(plugins=small_plugins(BROKEN), add_own_profiles=lambda: list(problems))
    providers(SimpleNamespace(obj=SimpleNamespace(app=app, as_json=as_json, no_color=True)), name)


def test_a_broken_plug_in_is_listed_and_hides_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    listing(as_json=False)
    rows = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()}
    works = {"saas": "issuer", "cabinet": "store", "letterbox": "store"}
    assert rows == {"PROVIDER": "KIND", **works, "broken": "unusable"}


def test_machines_are_told_why_it_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    listing(as_json=True)
    [broken] = [each for each in json.loads(capsys.readouterr().out)["providers"] if each["name"] == "broken"]
    assert "cannot be imported" in broken["summary"]


def test_who_asks_for_the_broken_one_gets_the_error() -> None:
    with pytest.raises(InvalidInput, match="cannot be imported"):
        listing(as_json=False, name="broken")


def test_a_profile_that_is_not_right_is_named_beside_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    listing(as_json=False, problems=[Problem("unknown key `sumary`", "write `summary`")])
    said = capsys.readouterr()
    assert said.err == "not listed: unknown key `sumary`; write `summary`\n"
    assert "saas" in said.out


def test_a_name_that_nobody_has_may_be_that_of_a_profile_that_is_not_right() -> None:
    with pytest.raises(InvalidInput) as refused:
        listing(as_json=False, name="ours", problems=[Problem("unknown key `sumary`", "write `summary`")])
    assert [problem.what for problem in refused.value.problems] == ["unknown provider `ours`", "unknown key `sumary`"]
