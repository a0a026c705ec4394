"""What stands in the way is refused before anything is touched, with its remedy."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.stores.env_file import disk as env_file_disk
from providers.stores.env_file.store import EnvFilePlace, EnvFileStore
from rotator.domain.errors import Conflict, Permanent, Temporary
from rotator.testing.store_contract import (
    fresh,
    held,
    publish,
    version_of,
)


def test_a_lock_that_somebody_keeps_is_reported_after_a_while(
    store: EnvFileStore, file: Path, place: EnvFilePlace
) -> None:
    value = fresh()
    publish(store, place, value)
    with env_file_disk.sidecar(file).open() as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with pytest.raises(Temporary, match="holds the lock"):
            store.current(place)
    assert held(store.current(place)) == value.reveal()


def test_a_missing_directory_is_refused(store: EnvFileStore, directory: Path) -> None:
    place = EnvFilePlace(file=directory / "none" / "app.env", var="API_TOKEN")
    assert store.current(place) is None
    for refused in (lambda: store.preflight(place), lambda: store.write(place, fresh(), None, "rotation-1")):
        with pytest.raises(Permanent, match="Make the directory first"):
            refused()


def test_a_directory_in_the_place_of_the_file_is_refused(store: EnvFileStore, directory: Path) -> None:
    place = EnvFilePlace(file=directory, var="API_TOKEN")
    with pytest.raises(Permanent, match="not an ordinary file"):
        store.preflight(place)


def test_a_file_with_hard_links_is_refused_before_they_are_torn_apart(
    store: EnvFileStore, file: Path, place: EnvFilePlace
) -> None:
    other, expected = file.with_name("other.env"), version_of(store.current(place))
    other.hardlink_to(file)
    for refused in (lambda: store.preflight(place), lambda: store.write(place, fresh(), expected, "rotation-1")):
        with pytest.raises(Permanent, match=r"has 2 names .*symbolic links"):
            refused()
    assert other.samefile(file)
    assert file.read_text() == "A=1\nAPI_TOKEN=start\nB=2\n"


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """Be nobody for a while, in a directory that nobody may enter but not write."""
    home = Path(tempfile.mkdtemp())
    home.chmod(0o755)
    before = os.geteuid()
    if before != 0:
        pytest.skip("only root can become somebody else")
    (home / "app.env").write_text("API_TOKEN=start\n")
    os.seteuid(65534)
    yield home
    os.seteuid(before)
    shutil.rmtree(home)


def test_a_directory_that_we_may_not_write_is_refused(store: EnvFileStore, unprivileged: Path) -> None:
    place = EnvFilePlace(file=unprivileged / "app.env", var="API_TOKEN")
    with pytest.raises(Permanent, match="cannot be written to"):
        store.preflight(place)
    with pytest.raises(Permanent, match="Permission denied"):
        store.write(place, fresh(), None, "rotation-1")


def test_a_file_whose_owner_we_could_not_keep_is_refused(store: EnvFileStore, unprivileged: Path) -> None:
    os.seteuid(0)
    unprivileged.chmod(0o777)
    (unprivileged / "app.env").chmod(0o666)
    os.seteuid(65534)
    place = EnvFilePlace(file=unprivileged / "app.env", var="API_TOKEN")
    with pytest.raises(Permanent, match="belongs to uid 0"):
        store.preflight(place)
    with pytest.raises(Permanent, match="owner"):
        store.write(place, fresh(), version_of(store.current(place)), "rotation-1")
    assert (unprivileged / "app.env").read_text() == "API_TOKEN=start\n"


def test_the_conflict_says_who_to_look_for_and_no_value(store: EnvFileStore, file: Path, place: EnvFilePlace) -> None:
    looked = version_of(store.current(place))
    file.write_text("API_TOKEN=set-by-hand\n")
    with pytest.raises(Conflict) as conflict:
        store.write(place, fresh(), looked, "rotation-1")
    assert "app.env" in str(conflict.value)
    assert "set-by-hand" not in str(conflict.value)
