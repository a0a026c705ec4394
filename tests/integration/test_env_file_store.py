"""The env file store on a real file system, read back by the programs that read such files."""

from __future__ import annotations

import errno
import fcntl
import io
import itertools
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from dotenv import dotenv_values

from providers.stores.env_file import disk as env_file_disk
from providers.stores.env_file.dialects import Dialect, Unwritable, quote, with_value
from providers.stores.env_file.store import PLUGIN, EnvFileConfig, EnvFilePlace, EnvFileStore
from rotator.domain.clock import SystemClock
from rotator.domain.errors import Ambiguous, Conflict, Permanent, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.testing.access import DictionaryAccess
from rotator.testing.store_contract import (
    ComparesAndSets,
    CreatesPlaces,
    KeepsNoVersions,
    StoreContract,
    fresh,
    held,
    publish,
    refusal_of,
    version_of,
)
from tests.integration.env_file_readers import READERS, read_by_nodes_dotenv

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


# --- the document ---


def test_a_variable_that_is_not_there_yet_is_added_at_the_end(store: EnvFileStore, directory: Path) -> None:
    file = directory / "app.env"
    file.write_bytes(b"A=1\r\nB=2")
    place = EnvFilePlace(file=file, var="API_TOKEN")
    assert held(store.preflight(place)) is None
    publish(store, place, SecretValue("tok_new"))
    assert file.read_bytes() == b"A=1\r\nB=2\r\nAPI_TOKEN=tok_new"


def test_bytes_that_are_no_utf8_stay_as_they_are(store: EnvFileStore, file: Path, place: EnvFilePlace) -> None:
    file.write_bytes(b"\xef\xbb\xbfLATIN=\xe9\nAPI_TOKEN=start\n")
    publish(store, place, SecretValue("tok_new"))
    assert file.read_bytes() == b"\xef\xbb\xbfLATIN=\xe9\nAPI_TOKEN=tok_new\n"


def test_a_variable_defined_twice_is_refused_with_its_lines(
    store: EnvFileStore, file: Path, place: EnvFilePlace
) -> None:
    file.write_text("API_TOKEN=one\nB=2\nAPI_TOKEN=two\n")
    with pytest.raises(Permanent, match="at lines 1 and 3"):
        store.preflight(place)
    with pytest.raises(Permanent, match="at lines 1 and 3"):
        store.write(place, fresh(), version_of(store.current(place)), "rotation-1")


def test_a_value_that_the_shell_computes_is_refused(store: EnvFileStore, file: Path) -> None:
    file.write_text('export API_TOKEN="$(cat /run/token)"\n')
    place = EnvFilePlace(file=file, var="API_TOKEN", dialect=Dialect.SHELL)
    assert held(store.current(place)) is None
    with pytest.raises(Permanent, match="computed by the shell"):
        store.preflight(place)


def test_a_value_that_dotenv_would_expand_is_refused(store: EnvFileStore, file: Path, place: EnvFilePlace) -> None:
    before = file.read_bytes()
    with pytest.raises(Permanent, match="expands"):
        publish(store, place, SecretValue("a${HOME}b"))
    assert file.read_bytes() == before


def test_what_dotenv_files_hold_python_and_node_read_alike() -> None:
    documents, expected = [], []
    for pieces in itertools.product("an'\"\\\n#$ `{=é", repeat=3):
        value = "".join(pieces)
        try:
            quoted = quote(value, Dialect.DOTENV)
        except Unwritable:
            continue
        documents.append(with_value("A=1\n", "API_TOKEN", None, quoted, Dialect.DOTENV) + "B='2'\n")
        expected.append({"A": "1", "API_TOKEN": value, "B": "2"})
    assert len(expected) > 1500
    assert [dotenv_values(stream=io.StringIO(document)) for document in documents] == expected
    assert read_by_nodes_dotenv(documents) == expected


@pytest.mark.parametrize("line", ["", "export API_TOKEN='start'\r\n", "API_TOKEN=start\r\n"])
def test_a_shell_reads_what_was_written_into_a_file_with_the_line_ends_of_dos(
    store: EnvFileStore, file: Path, line: str
) -> None:
    file.write_bytes(f"A=1\r\n{line}B=2\r\n".encode())
    place = EnvFilePlace(file=file, var="API_TOKEN", dialect=Dialect.SHELL)
    assert held(store.current(place)) == READERS[Dialect.SHELL](file, "API_TOKEN")
    publish(store, place, SecretValue("tok_new"))
    assert held(store.current(place)) == READERS[Dialect.SHELL](file, "API_TOKEN") == "tok_new"
    assert (READERS[Dialect.SHELL](file, "A"), READERS[Dialect.SHELL](file, "B")) == ("1\r", "2\r")


def test_a_neighbour_may_change_without_a_conflict(store: EnvFileStore, file: Path, place: EnvFilePlace) -> None:
    looked = version_of(store.current(place))
    file.write_text("A=changed\nAPI_TOKEN=start\nB=2\nC=3\n")
    version = store.write(place, SecretValue("tok_new"), looked, "rotation-1")
    assert file.read_text() == "A=changed\nAPI_TOKEN=tok_new\nB=2\nC=3\n"
    file.write_text(file.read_text() + "D=4\n")
    assert held(store.read(place, version)) == "tok_new"


def test_a_version_means_the_same_to_the_next_process_and_nothing_without_the_sidecar(
    store: EnvFileStore, place: EnvFilePlace
) -> None:
    looked = version_of(store.current(place))
    assert version_of(EnvFileStore(EnvFileConfig(), DictionaryAccess()).current(place)) == looked
    env_file_disk.sidecar(place.file).unlink()
    assert version_of(store.current(place)) != looked


def test_many_writers_of_one_file_lose_nothing(file: Path) -> None:
    access = DictionaryAccess()
    access.clock = SystemClock()  # they wait for each other in earnest
    store = EnvFileStore(EnvFileConfig(), access)
    places = [EnvFilePlace(file=file, var=f"TOKEN_{number}") for number in range(12)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda place: store.write(place, SecretValue(f"tok_of_{place.var}"), "absent", "k"), places))
    assert [held(store.current(place)) for place in places] == [f"tok_of_TOKEN_{number}" for number in range(12)]
    assert file.read_text().startswith("A=1\nAPI_TOKEN=start\nB=2\n")


# --- the file ---


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


def test_what_a_kill_left_behind_is_gone_at_the_next_look(store: EnvFileStore, place: EnvFilePlace) -> None:
    left = env_file_disk.unfinished(place.file)
    left.write_text("API_TOKEN=tok_half-written")
    assert held(store.current(place)) == "start"
    assert not left.exists()


def test_a_change_by_an_editor_that_takes_no_lock_is_noticed_before_the_rename(
    store: EnvFileStore, file: Path, place: EnvFilePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, fsync = version_of(store.current(place)), os.fsync

    def edited_meanwhile(descriptor: int) -> None:
        file.write_text("A=1\nAPI_TOKEN=set-by-hand\n")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", edited_meanwhile)
    with pytest.raises(Temporary, match="changed by somebody else"):
        store.write(place, fresh(), looked, "rotation-1")
    assert file.read_text() == "A=1\nAPI_TOKEN=set-by-hand\n"
    assert not env_file_disk.unfinished(file).exists()


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


# --- what stands in the way ---


def test_a_lock_that_somebody_keeps_is_reported_after_a_while(
    store: EnvFileStore, file: Path, place: EnvFilePlace
) -> None:
    store.current(place)
    with env_file_disk.sidecar(file).open() as theirs:
        fcntl.flock(theirs, fcntl.LOCK_EX)
        with pytest.raises(Temporary, match="holds the lock"):
            store.current(place)
    assert held(store.current(place)) == "start"


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


def test_the_plugin_opens_the_store() -> None:
    assert isinstance(PLUGIN.open(PLUGIN.config(), DictionaryAccess()), EnvFileStore)
