"""A scripted server for each test, and a profile that a test changes where it matters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.issuers.scripted_server import ScriptedServer, scripted_server


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[ScriptedServer]:
    """Another origin, which must never see a credential."""
    with scripted_server() as running:
        yield running
