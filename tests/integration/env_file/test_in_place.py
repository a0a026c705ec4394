"""A file that was mounted by itself cannot be renamed over: it is written in place, whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from providers.stores.env_file import disk as env_file_disk
from providers.stores.env_file.store import EnvFilePlace, EnvFileStore
from rotator.domain.errors import Ambiguous, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.store_contract import (
    publish,
    refusal_of,
    version_of,
)


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file be renamed over, as if each were mounted by itself."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(Path, "replace", refuse)


@pytest.mark.usefixtures("busy")
def test_a_file_that_cannot_be_renamed_over_is_written_in_place(
    store: EnvFileStore, file: Path, place: EnvFilePlace
) -> None:
    file.write_text("A=1\nAPI_TOKEN=a-longer-value-than-the-new-one\nB=2\n")
    before = file.stat().st_ino
    publish(store, place, SecretValue("tok_new"))
    assert file.read_text() == "A=1\nAPI_TOKEN=tok_new\nB=2\n"
    assert file.stat().st_ino == before
    assert not env_file_disk.unfinished(file).exists()


@pytest.mark.usefixtures("busy")
def test_what_the_system_writes_in_parts_is_whole_in_the_end(
    store: EnvFileStore, file: Path, place: EnvFilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, pwrite = version_of(store.current(place)), os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, content, at: pwrite(descriptor, content[:7], at))
    store.write(place, SecretValue("a-value-longer-than-the-old-one"), looked, "rotation-1")
    assert file.read_text() == "A=1\nAPI_TOKEN=a-value-longer-than-the-old-one\nB=2\n"


@pytest.mark.usefixtures("busy")
@pytest.mark.parametrize("room", [0, 5])
def test_a_file_for_which_there_is_no_room_in_its_place_stays_as_it_is(
    store: EnvFileStore, file: Path, place: EnvFilePlace, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    looked, before, pwrite = version_of(store.current(place)), file.read_bytes(), os.pwrite

    def while_there_is_room(descriptor: int, content: bytes, at: int) -> int:
        if at >= len(before) + room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return pwrite(descriptor, content[: len(before) + room - at], at)

    monkeypatch.setattr(os, "pwrite", while_there_is_room)
    refusal = refusal_of(lambda: store.write(place, SecretValue("longer-than-the-old-one"), looked, "rotation-1"))
    assert type(refusal) is Temporary
    assert "No space left" in str(refusal)
    assert file.read_bytes() == before


@pytest.mark.usefixtures("busy")
def test_a_write_in_place_that_fails_half_way_is_ambiguous(
    store: EnvFileStore, file: Path, place: EnvFilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, pwrite = version_of(store.current(place)), os.pwrite

    def break_after_the_first_bytes(descriptor: int, content: bytes, at: int) -> int:
        if 0 < at < file.stat().st_size:
            raise OSError(errno.EIO, "Input/output error")
        return pwrite(descriptor, content[:7], at)

    monkeypatch.setattr(os, "pwrite", break_after_the_first_bytes)
    refusal = refusal_of(lambda: store.write(place, SecretValue("tok_1"), looked, "rotation-1"))
    assert type(refusal) is Ambiguous


@pytest.mark.usefixtures("busy")
def test_a_leftover_that_cannot_be_removed_now_does_not_deny_the_write_and_is_removed_later(
    store: EnvFileStore, file: Path, place: EnvFilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, unlink = version_of(store.current(place)), Path.unlink

    def fail_if_it_is_there(path: Path, *, missing_ok: bool = False) -> None:
        if path.exists():
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "unlink", fail_if_it_is_there)
    store.write(place, SecretValue("tok_new"), looked, "rotation-1")
    assert file.read_text() == "A=1\nAPI_TOKEN=tok_new\nB=2\n"
    monkeypatch.setattr(Path, "unlink", unlink)
    store.current(place)
    assert not env_file_disk.unfinished(file).exists()


def with_mounts(mounts: str, script: str, *arguments: Path) -> None:
    """Run a script where mounts are its own. ``mounts`` is a shell's, with the arguments as $1 and so on."""
    script = textwrap.dedent("""
        import os, sys
        from pathlib import Path
        from rotator.testing.access import DictionaryAccess
        from rotator.testing.store_contract import publish, refusal_of
        from providers.stores.env_file.store import EnvFileConfig, EnvFilePlace, EnvFileStore
        from rotator.domain.errors import Temporary
        from rotator.domain.secret_value import SecretValue
        store = EnvFileStore(EnvFileConfig(), DictionaryAccess())
    """) + textwrap.dedent(script)
    command = f'({mounts}) || exit 77; exec "{sys.executable}" -c "$0" "$@"'
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", command, script, *arguments], check=False, capture_output=True
    )
    if ended.returncode == 77 or b"unshare" in ended.stderr:
        pytest.skip("this user may not mount")
    assert ended.returncode == 0, ended.stderr.decode()


def test_a_bind_mounted_file_is_written(file: Path, directory: Path) -> None:
    mounted = directory / "mounted.env"
    mounted.touch()
    script = 'publish(store, EnvFilePlace(file=sys.argv[1], var="API_TOKEN"), SecretValue("tok_new"))'
    with_mounts('mount --bind "$2" "$1"', script, mounted, file)
    assert file.read_text() == "A=1\nAPI_TOKEN=tok_new\nB=2\n"


def test_a_bind_mounted_file_on_a_full_file_system_stays_whole(directory: Path) -> None:
    small, mounted = directory / "small", directory / "mounted.env"
    small.mkdir()
    mounted.touch()
    script = """
        mounted, other = Path(sys.argv[1]), Path(sys.argv[2], "other.env")
        place, full = EnvFilePlace(file=mounted, var="API_TOKEN"), Path(sys.argv[2], "full")
        before = mounted.read_bytes()
        full.write_bytes(bytes(4096))
        refusal = refusal_of(lambda: publish(store, place, SecretValue("a-value-that-is-longer")))
        assert type(refusal) is Temporary, refusal
        assert mounted.read_bytes() == before
        full.unlink()
        publish(store, place, SecretValue("a-value-that-is-longer"))
        assert mounted.read_bytes() == before.replace(b"start", b"a-value-that-is-longer")
        assert other.read_bytes() == mounted.read_bytes(), "its names were torn apart"
    """
    mounts = (
        'mount -t tmpfs -o size=8k none "$2" && printf "API_TOKEN=start\\n%4079s\\n" "LAST=1" > "$2/.env" && '
        'ln "$2/.env" "$2/other.env" && mount --bind "$2/.env" "$1"'
    )
    with_mounts(mounts, script, mounted, small)
