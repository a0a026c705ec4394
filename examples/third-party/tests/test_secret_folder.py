"""The store in a folder: the contract that every store inherits, and what is this store's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from example_providers.secret_folder import FolderConfig, FolderPlace, FolderStore

from rotator.domain.errors import Permanent
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import (
    ComparesAndSets,
    CreatesPlaces,
    KeepsVersions,
    StoreContract,
    fresh,
    held,
    publish,
)


class Neighbour:
    """Somebody else who writes to a secret's folder, without the store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def newest(self) -> tuple[int, dict[str, Any]]:
        number = max(int(file.stem) for file in self.folder.glob("*.json"))
        return number, json.loads((self.folder / f"{number}.json").read_text())

    def put(self, value: str) -> None:
        number, document = self.newest()
        (self.folder / f"{number + 1}.json").write_text(json.dumps({**document, "value": value}))

    def field(self) -> str | None:
        return self.newest()[1].get("value")

    def siblings(self) -> object:
        return [item for item in self.newest()[1].items() if item[0] != "value"]

    def footprint(self) -> object:
        return sorted((file.name, file.read_bytes(), file.stat().st_ino) for file in self.folder.iterdir())


class TestSecretFolder(ComparesAndSets, KeepsVersions, CreatesPlaces, StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> FolderStore:
        return FolderStore(FolderConfig(root=tmp_path), DictionaryAccess())

    @pytest.fixture
    def place(self, tmp_path: Path) -> FolderPlace:
        (tmp_path / "web").mkdir()
        (tmp_path / "web" / "1.json").write_text('{"owner": "web@example.com", "value": "by-hand", "port": 8080}')
        return FolderPlace(secret="web")

    @pytest.fixture
    def missing_place(self) -> FolderPlace:
        return FolderPlace(secret="nobodys")

    @pytest.fixture
    def new_place(self) -> FolderPlace:
        return FolderPlace(secret="new", create=True)

    @pytest.fixture
    def outside(self, place: FolderPlace, tmp_path: Path) -> Neighbour:
        return Neighbour(tmp_path / place.secret)

    def test_what_a_kill_left_behind_is_no_version_and_is_removed_by_the_next_write(self, store, place, tmp_path):
        left_behind = tmp_path / "web" / ".0123.unfinished"
        left_behind.write_text('{"value": "hal')
        assert held(store.current(place)) == "by-hand"
        publish(store, place, fresh())
        assert not left_behind.exists()

    def test_a_version_is_read_by_its_owner_alone(self, store, place, tmp_path):
        publish(store, place, fresh())
        assert (tmp_path / "web" / "2.json").stat().st_mode & 0o777 == 0o600

    def test_a_version_that_was_put_away_is_gone(self, store, place):
        before = store.current(place)
        publish(store, place, fresh())
        store.put_away(place, lambda earlier: held(earlier) == "by-hand")
        assert store.read(place, before.version) is None

    def test_a_file_that_is_no_document_is_told_and_not_shown(self, store, place, tmp_path):
        (tmp_path / "web" / "2.json").write_text("by-hand-and-torn")
        with pytest.raises(Permanent, match="not a JSON object") as refused:
            store.preflight(place)
        assert "torn" not in f"{refused.value!r} {refused.value.__cause__!r} {refused.value.__context__!r}"
