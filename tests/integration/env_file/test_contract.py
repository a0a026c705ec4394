"""The env file store keeps the contract in every dialect, read back by the programs that read such files."""

from __future__ import annotations

from pathlib import Path

import pytest

from providers.stores.env_file.dialects import Dialect
from providers.stores.env_file.store import PLUGIN, EnvFileConfig, EnvFilePlace, EnvFileStore
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import (
    ComparesAndSets,
    CreatesPlaces,
    KeepsNoVersions,
    StoreContract,
)
from tests.integration.env_file.readers import READERS

DOCUMENTS = {
    Dialect.DOTENV: """\
# the database
export DB='x y'  # kept

KEY_PEM="-----BEGIN
API_TOKEN=not-this
-----"
API_TOKEN=start # ours\r
LAST=1""",
    Dialect.SHELL: """\
#!/bin/sh
DB="x y"; export DB
export API_TOKEN=start # ours
LAST=$(printf %s 'API_TOKEN=not-this')""",
    Dialect.SYSTEMD: """\
; the database
DB=x \\
  y
API_TOKEN=start
LAST='a
API_TOKEN_2=not-this'
""",
    Dialect.DOCKER: """\
# API_TOKEN=not-this
DB='x y'
API_TOKEN=start
PASSED_ON
  LAST= 1 \n""",
}


class AtTheFile:
    """Somebody with an editor, and a consumer."""

    def __init__(self, file: Path, dialect: Dialect) -> None:
        self._file, self._dialect = file, dialect

    def put(self, value: str) -> None:
        lines = self._file.read_bytes().decode().splitlines(keepends=True)
        ours = [number for number, line in enumerate(lines) if line.removeprefix("export ").startswith("API_TOKEN=")][
            -1
        ]
        lines[ours] = f"API_TOKEN={value}\n"
        self._file.write_bytes("".join(lines).encode())

    def field(self) -> str | None:
        return READERS[self._dialect](self._file, "API_TOKEN")

    def siblings(self) -> object:
        text, start = self._file.read_bytes().decode(), DOCUMENTS[self._dialect]
        around = start.split("start")
        return text.startswith(around[0]), text.endswith(around[1])

    def footprint(self) -> object:
        status = self._file.stat()
        return status.st_ino, status.st_mtime_ns, self._file.read_bytes()


class EnvFileContract(ComparesAndSets, KeepsNoVersions, CreatesPlaces, StoreContract):
    dialect: Dialect

    @pytest.fixture
    def store(self) -> EnvFileStore:
        return EnvFileStore(EnvFileConfig(), DictionaryAccess())

    @pytest.fixture
    def place(self, directory: Path) -> EnvFilePlace:
        file = directory / "app.env"
        file.write_bytes(DOCUMENTS[self.dialect].encode())
        return EnvFilePlace(file=file, var="API_TOKEN", dialect=self.dialect)

    @pytest.fixture
    def missing_place(self, directory: Path) -> EnvFilePlace:
        return EnvFilePlace(file=directory / "none.env", var="API_TOKEN", dialect=self.dialect, create=False)

    @pytest.fixture
    def new_place(self, directory: Path) -> EnvFilePlace:
        return EnvFilePlace(file=directory / "new.env", var="API_TOKEN", dialect=self.dialect)

    @pytest.fixture
    def outside(self, place: EnvFilePlace) -> AtTheFile:
        return AtTheFile(place.file, self.dialect)


class TestDotenv(EnvFileContract):
    dialect = Dialect.DOTENV


class TestShell(EnvFileContract):
    dialect = Dialect.SHELL


class TestSystemd(EnvFileContract):
    dialect = Dialect.SYSTEMD


class TestDocker(EnvFileContract):
    dialect = Dialect.DOCKER


def test_the_plugin_opens_the_store() -> None:
    assert isinstance(PLUGIN.open(PLUGIN.config(), DictionaryAccess()), EnvFileStore)
