"""What becomes of a file: its owner, its links, somebody else at it, and a kill at any moment."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import struct
from pathlib import Path

import pytest

from providers.stores.env_file import disk as env_file_disk
from providers.stores.env_file.store import PLUGIN, EnvFileConfig, EnvFilePlace, EnvFileStore
from rotator.domain.errors import Ambiguous, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import (
    fresh,
    held,
    publish,
    refusal_of,
    version_of,
)

where = PLUGIN.where


def test_owner_and_mode_stay(store: EnvFileStore, file: Path, place: EnvFilePlace) -> None:
    file.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(file, 12345, 23456)
    before = file.stat()
    publish(store, place, fresh())
    after = file.stat()
    assert (after.st_mode, after.st_uid, after.st_gid) == (before.st_mode, before.st_uid, before.st_gid)
    assert after.st_ino != before.st_ino


def test_an_access_control_list_stays(store: EnvFileStore, file: Path, place: EnvFilePlace) -> None:
    # version 2; owner rw, uid 12345 r, group -, mask r, others -
    entries = [
        (0x01, 6, 0xFFFFFFFF),
        (0x02, 4, 12345),
        (0x04, 0, 0xFFFFFFFF),
        (0x10, 4, 0xFFFFFFFF),
        (0x20, 0, 0xFFFFFFFF),
    ]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(file, "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("this file system has no access control lists")
    publish(store, place, fresh())
    assert os.getxattr(file, "system.posix_acl_access") == acl


def test_a_new_file_and_its_sidecar_are_for_their_owner_only(store: EnvFileStore, directory: Path) -> None:
    publish(store, EnvFilePlace(file=directory / "new.env", var="API_TOKEN"), fresh())
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()}
    assert modes == {"new.env": 0o600, ".new.env.rotator": 0o600}


def test_the_file_behind_a_link_is_replaced_and_the_link_stays(
    store: EnvFileStore, file: Path, place: EnvFilePlace
) -> None:
    link = file.with_name("current.env")
    link.symlink_to(file.name)
    publish(store, EnvFilePlace(file=link, var="API_TOKEN"), SecretValue("tok_new"))
    assert link.is_symlink()
    assert held(store.current(place)) == "tok_new"


def test_relative_paths_need_a_root_and_stay_below_it(directory: Path, file: Path) -> None:
    place = EnvFilePlace(file="app.env", var="API_TOKEN")
    with pytest.raises(Permanent, match="relative"):
        EnvFileStore(EnvFileConfig(), DictionaryAccess()).current(place)
    rooted = EnvFileStore(EnvFileConfig(root=directory), DictionaryAccess())
    assert held(rooted.current(place)) == "start"
    (directory / "out.env").symlink_to("/etc/hostname")
    for outside in ("../elsewhere.env", "/etc/hostname", "out.env"):
        with pytest.raises(Permanent, match="outside"):
            rooted.current(EnvFilePlace(file=outside, var="API_TOKEN"))


def test_a_place_is_one_however_it_is_named_and_written(directory: Path, file: Path) -> None:
    (directory / "sub").mkdir()
    (directory / "linked").symlink_to(directory)
    rooted = EnvFileConfig(root=directory)
    same = [
        where(EnvFileConfig(), EnvFilePlace(file=file, var="A")),
        where(EnvFileConfig(), EnvFilePlace(file=file, var="A", dialect="shell", create=False)),
        where(EnvFileConfig(), EnvFilePlace(file=directory / "sub" / ".." / "app.env", var="A")),
        where(EnvFileConfig(), EnvFilePlace(file=directory / "linked" / "app.env", var="A")),
        where(rooted, EnvFilePlace(file=file, var="A")),
        where(rooted, EnvFilePlace(file="app.env", var="A")),
    ]
    others = [where(rooted, EnvFilePlace(file="app.env", var="B")), where(rooted, EnvFilePlace(file="b.env", var="A"))]
    assert [each == same[0] for each in same + others] == [True] * len(same) + [False] * len(others)


@pytest.mark.parametrize(("written", "words"), [("app.env", "relative"), ("/a\0b", "No file")])
def test_a_place_that_there_can_never_be_is_known_without_a_look(written: str, words: str) -> None:
    with pytest.raises(Permanent, match=words):
        where(EnvFileConfig(), EnvFilePlace(file=written, var="A"))


def test_what_a_kill_left_behind_is_gone_at_the_next_look(store: EnvFileStore, place: EnvFilePlace) -> None:
    value = fresh()
    publish(store, place, value)
    left = env_file_disk.unfinished(place.file)
    left.write_text("API_TOKEN=tok_half-written")
    assert held(store.current(place)) == value.reveal()
    assert not left.exists()


def test_a_change_by_an_editor_that_takes_no_lock_is_noticed_before_the_rename(
    store: EnvFileStore, file: Path, place: EnvFilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, fsync = publish(store, place, fresh()), os.fsync

    def edited_meanwhile(descriptor: int) -> None:
        file.write_text("A=1\nAPI_TOKEN=set-by-hand\n")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", edited_meanwhile)
    with pytest.raises(Temporary, match="changed by somebody else"):
        store.write(place, fresh(), looked, "rotation-1")
    assert file.read_text() == "A=1\nAPI_TOKEN=set-by-hand\n"
    assert not env_file_disk.unfinished(file).exists()


def test_a_write_that_cannot_be_read_back_is_ambiguous(
    store: EnvFileStore, file: Path, place: EnvFilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, open_it, looks = version_of(store.current(place)), Path.open, itertools.count(1)

    def fail_at_the_second_look(path: Path, *how: str, **other: str | None) -> object:
        if path == file and next(looks) == 2:
            raise OSError(errno.EMFILE, "Too many open files")
        return open_it(path, *how, **other)

    monkeypatch.setattr(Path, "open", fail_at_the_second_look)
    refusal = refusal_of(lambda: store.write(place, SecretValue("tok_new"), looked, "rotation-1"))
    assert type(refusal) is Ambiguous
    assert "Too many open files" in str(refusal)
    assert file.read_text() == "A=1\nAPI_TOKEN=tok_new\nB=2\n"


def test_a_neighbour_that_is_not_as_it_was_written_is_noticed(
    store: EnvFileStore, file: Path, place: EnvFilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = version_of(store.current(place))
    monkeypatch.setattr(
        env_file_disk, "_flush_directory", lambda _: file.write_text(file.read_text().replace("B=2", "B=\0"))
    )
    refusal = refusal_of(lambda: store.write(place, SecretValue("tok_new"), looked, "rotation-1"))
    assert type(refusal) is Ambiguous


@pytest.mark.parametrize("moment", ["fsync", "replace", "flush"])
def test_a_kill_at_any_moment_leaves_a_whole_file(
    store: EnvFileStore, file: Path, place: EnvFilePlace, moment: str
) -> None:
    looked = version_of(store.current(place))
    child = os.fork()
    if child == 0:
        die = lambda *_: os.kill(os.getpid(), 9)  # noqa: E731 -- three names for one death
        if moment == "fsync":
            os.fsync = die
        elif moment == "replace":
            Path.replace = die
        else:
            env_file_disk._flush_directory = die
        try:
            store.write(place, SecretValue("tok_new"), looked, "rotation-1")
        finally:
            os._exit(1)  # not reached, unless the moment never came
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9
    assert file.read_text() in ("A=1\nAPI_TOKEN=start\nB=2\n", "A=1\nAPI_TOKEN=tok_new\nB=2\n")
    store.write(place, SecretValue("tok_new"), version_of(store.current(place)), "rotation-1")
    assert file.read_text() == "A=1\nAPI_TOKEN=tok_new\nB=2\n"
    assert sorted(path.name for path in file.parent.iterdir()) == [".app.env.rotator", "app.env"]
