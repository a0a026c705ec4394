"""What the tests of policies from git share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.policies_from_git.upstream import CONNECTIONS, Upstream, policy


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    """A repository whose ``main`` has one policy, ``web``, in the folder ``policies``."""
    made = Upstream(tmp_path / "upstream")
    made.commit({"policies/connections.yaml": CONNECTIONS, "policies/web.yaml": policy("web"), "README": "x"})
    return made


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "machine" / "state"
