"""What every test of the env file store starts from: one file, in a directory of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from providers.stores.env_file.store import EnvFileConfig, EnvFilePlace, EnvFileStore
from rotator.testing.access import DictionaryAccess


@pytest.fixture
def directory(tmp_path: Path, may_hold_values: Callable[[Path], Path]) -> Path:
    """Give the directory of a service, with whatever an env file's replacement leaves in it."""
    service = tmp_path / "service"
    service.mkdir()
    return may_hold_values(service)


@pytest.fixture
def store() -> EnvFileStore:
    return EnvFileStore(EnvFileConfig(), DictionaryAccess())


@pytest.fixture
def file(directory: Path) -> Path:
    path = directory / "app.env"
    path.write_text("A=1\nAPI_TOKEN=start\nB=2\n")
    return path


@pytest.fixture
def place(file: Path) -> EnvFilePlace:
    return EnvFilePlace(file=file, var="API_TOKEN")
