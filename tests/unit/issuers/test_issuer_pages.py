"""Each issuer's page shows a policy that loads, and names the plug-in that it is about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rotator.config.plugins import Plugins
from rotator.config.policy_files import load

PAGES = sorted((Path(__file__).parents[3] / "docs" / "issuers").glob("*.md"))


def policy_files(page: Path) -> list[str]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    return [block for block in blocks if re.search(r"^policies:", block, re.MULTILINE)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_policy_on_the_page_loads(page, tmp_path):
    for number, text in enumerate(policy_files(page)):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "policies.yaml").write_text(text)
        assert load(folder, Plugins()).policies


@pytest.mark.parametrize("page", [page for page in PAGES if policy_files(page)], ids=lambda page: page.stem)
def test_the_page_is_about_a_plug_in_that_it_shows(page):
    [named] = re.findall(r"^# Issuers?: (.+)$", page.read_text(), re.MULTILINE)
    shown = {word for text in policy_files(page) for word in re.findall(r"provider: ([a-z0-9-]+)", text)}
    assert shown & set(re.findall(r"`([a-z0-9-]+)`", named))
