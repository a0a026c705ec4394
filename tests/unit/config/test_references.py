"""Management credentials: looked up where the policy file points, when they are needed."""

from __future__ import annotations

import gc
import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rotator.config.access import ConnectionAccess
from rotator.config.references import Reference
from rotator.domain.contracts import Config
from rotator.domain.errors import NeedsOperator
from rotator.domain.model import ConnectionName
from rotator.domain.policy import Connection, Source
from rotator.domain.secret_value import redact


class StoppedClock:
    def now(self):
        return datetime(2026, 1, 1, tzinfo=UTC)

    def wait(self, _duration):
        return True


def access(folder: Path, environment: dict[str, str] | None = None, **credentials: str) -> ConnectionAccess:
    connection = Connection(
        ConnectionName("acme"), "saas", Config(credentials=credentials), Source(folder / "policies.yaml", 1)
    )
    return ConnectionAccess(connection, StoppedClock(), environment or {})


def refusal(asked: ConnectionAccess, name: str = "token") -> str:
    with pytest.raises(NeedsOperator) as caught:
        asked.credential(name)
    return str(caught.value)


@pytest.fixture
def secret_file(tmp_path, may_hold_values):
    def write(content: bytes, mode: int = 0o600) -> Path:
        file = tmp_path / "credential"
        file.write_bytes(content)
        file.chmod(mode)
        may_hold_values(file)
        return file

    return write


def test_a_credential_comes_from_the_environment(tmp_path):
    asked = access(tmp_path, {"ACME_TOKEN": "correct horse"}, token="env:ACME_TOKEN")
    assert asked.credential("token").reveal() == "correct horse"


def test_a_credential_is_looked_up_anew_each_time(tmp_path):
    environment = {"ACME_TOKEN": "the first one"}
    asked = access(tmp_path, environment, token="env:ACME_TOKEN")
    assert asked.credential("token").reveal() == "the first one"
    environment["ACME_TOKEN"] = "the second one"
    assert asked.credential("token").reveal() == "the second one"


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b"correct horse", "correct horse"),
        (b"correct horse\n", "correct horse"),
        (b"correct horse\r\n", "correct horse"),
        (b" correct horse \n\n", " correct horse \n"),
    ],
)
def test_a_credential_comes_from_a_file_without_its_last_line_break(tmp_path, secret_file, content, value):
    asked = access(tmp_path, token=f"file:{secret_file(content)}")
    assert asked.credential("token").reveal() == value
    assert asked.warnings == []


def test_a_relative_path_starts_where_the_policy_file_is(tmp_path, secret_file):
    secret_file(b"correct horse")
    assert access(tmp_path, token="file:credential").credential("token").reveal() == "correct horse"


@pytest.mark.parametrize("mode", [0o604, 0o620, 0o660])
def test_a_file_that_others_may_read_is_used_with_a_warning_given_once(tmp_path, secret_file, mode):
    asked = access(tmp_path, token=f"file:{secret_file(b'correct horse', mode)}")
    asked.credential("token")
    asked.credential("token")
    assert asked.warnings == [
        f"{tmp_path}/credential can be read or written by others (mode 0{mode:o}); run `chmod 600` on it"
    ]


def test_a_variable_that_is_not_set_says_which_and_for_whom(tmp_path):
    assert refusal(access(tmp_path, token="env:ACME_TOKEN")) == (
        "The environment variable ACME_TOKEN is not set; connection acme needs it. "
        "Set it for the process that runs rotate."
    )


def test_an_empty_value_is_no_credential(tmp_path, secret_file):
    file = secret_file(b"\n")
    assert refusal(access(tmp_path, token=f"file:{file}")) == (
        f"Credential `token` of connection acme is empty: file:{file}. Put the value there."
    )
    assert "is empty: env:ACME_TOKEN" in refusal(access(tmp_path, {"ACME_TOKEN": " "}, token="env:ACME_TOKEN"))


def test_a_credential_that_the_connection_does_not_name_says_how_to_add_it(tmp_path):
    assert refusal(access(tmp_path)) == (
        "Connection acme has no credential `token`. "
        "Add it under `credentials`: write `env:NAME` for an environment variable, or `file:PATH`."
    )


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    missing = refusal(access(tmp_path, token="file:missing"))
    assert f"{tmp_path}/missing of connection acme cannot be read: No such file or directory." in missing
    assert "cannot be read: Is a directory." in refusal(access(tmp_path, token=f"file:{tmp_path}"))
    assert "cannot be read:" in refusal(access(tmp_path, token="file:~nobody-of-that-name/token"))


def test_a_file_that_is_no_credential_is_refused_without_its_content(tmp_path, secret_file):
    binary = refusal(access(tmp_path, token=f"file:{secret_file(b'hunter2-' + bytes([0xFF]))}"))
    assert "is not UTF-8 text" in binary
    assert "hunter2" not in binary
    assert "is larger than 65,536 bytes" in refusal(access(tmp_path, token=f"file:{secret_file(b'x' * 70_000)}"))


@pytest.mark.parametrize(
    "text", ["hunter2", "https://x", "", "env:", "file: /run/x", "env:A B", "vault:x#y", "ENV:NAME"]
)
def test_what_is_no_reference_is_refused_without_being_quoted(text):
    with pytest.raises(ValueError) as caught:
        Reference.parse(text)
    assert "hunter2" not in str(caught.value)


def test_what_is_shared_is_made_once_even_by_many_threads(tmp_path):
    asked, made, everybody_waits = access(tmp_path), [], threading.Barrier(8)

    def make() -> object:
        made.append(object())
        return made[-1]

    got: list[object] = []

    def ask() -> None:
        everybody_waits.wait()
        got.append(asked.shared("client", make))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert got == made * 8


def test_a_failed_attempt_to_make_something_shared_can_be_repeated(tmp_path):
    asked = access(tmp_path)
    with pytest.raises(ConnectionError):
        asked.shared("login", lambda: (_ for _ in ()).throw(ConnectionError()))
    assert asked.shared("login", lambda: "logged in") == "logged in"


def test_making_one_shared_thing_may_ask_for_another(tmp_path):
    asked = access(tmp_path)
    assert (
        asked.shared("login", lambda: asked.shared("client", lambda: "client") + ", logged in") == "client, logged in"
    )


def test_what_was_shared_is_closed_with_the_connection(tmp_path):
    closed = []

    class Client:
        def close(self) -> None:
            closed.append(self)

    asked = access(tmp_path)
    client = asked.shared("client", Client)
    asked.shared("number", lambda: 1)
    asked.close()
    assert closed == [client]


def test_the_process_environment_is_the_default(tmp_path, monkeypatch):
    monkeypatch.setitem(os.environ, "ACME_TOKEN", "correct horse")
    connection = Connection(
        ConnectionName("acme"), "saas", Config(credentials={"token": "env:ACME_TOKEN"}), Source(tmp_path / "p.yaml", 1)
    )
    assert ConnectionAccess(connection, StoppedClock()).credential("token").reveal() == "correct horse"


@pytest.fixture
def settled_file(secret_file):
    """A credential file that was written a while ago, as most are."""

    def write(content: bytes) -> Path:
        return aged(secret_file(content))

    return write


def aged(file: Path, changed_at: int = 0) -> Path:
    # When its looks were changed last (ctime) nobody can set, so the clock moves as well: see `_later`.
    os.utime(file, (changed_at, changed_at))
    return file


@pytest.fixture
def _later(monkeypatch):
    monkeypatch.setattr(time, "time", lambda now=time.time: now() + 60)


def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    paths: list[Path] = []
    original = os.open
    monkeypatch.setattr(os, "open", lambda path, *given: (paths.append(Path(path)), original(path, *given))[1])
    return paths


@pytest.mark.usefixtures("_later")
def test_a_file_that_did_not_change_is_opened_once(tmp_path, settled_file, monkeypatch):
    file = settled_file(b"correct horse\n")
    asked, paths = access(tmp_path, token=f"file:{file}"), opened(monkeypatch)
    assert {asked.credential("token").reveal() for _ in range(3)} == {"correct horse"}
    assert paths == [file]


@pytest.mark.usefixtures("_later")
@pytest.mark.parametrize("how", ["written over", "replaced", "linked to"])
def test_a_file_that_changed_is_read_anew(tmp_path, settled_file, may_hold_values, how):
    file = settled_file(b"the first one")
    asked = access(tmp_path, token=f"file:{file}")
    assert asked.credential("token").reveal() == "the first one"
    if how == "written over":
        file.write_bytes(b"the other one")
    else:
        other = may_hold_values(tmp_path / "other")
        other.write_bytes(b"the other one")
        other.chmod(0o600)
        if how == "replaced":
            other.replace(file)
        else:  # as Kubernetes exchanges the files of a Secret
            file.unlink()
            file.symlink_to(other)
    aged(file, changed_at=1)
    assert asked.credential("token").reveal() == "the other one"


def test_a_file_that_was_changed_just_now_is_read_again(tmp_path, secret_file, monkeypatch):
    file = secret_file(b"correct horse")
    asked, paths = access(tmp_path, token=f"file:{file}"), opened(monkeypatch)
    assert [asked.credential("token").reveal() for _ in range(2)] == ["correct horse"] * 2
    assert paths == [file, file]


@pytest.mark.usefixtures("_later")
def test_a_file_that_is_gone_is_missed_at_once(tmp_path, settled_file):
    file = settled_file(b"correct horse")
    asked = access(tmp_path, token=f"file:{file}")
    assert asked.credential("token").reveal() == "correct horse"
    file.unlink()
    assert "cannot be read" in refusal(asked)
    gc.collect()
    assert redact("correct horse") == "correct horse", "the value is kept nowhere"


@pytest.mark.usefixtures("_later")
def test_what_is_made_up_when_it_is_read_is_read_each_time(tmp_path, monkeypatch):
    asked, paths = access(tmp_path, token="file:/proc/sys/kernel/hostname"), opened(monkeypatch)
    asked.credential("token"), asked.credential("token")
    assert len(paths) == 2


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(NeedsOperator, match=r"pipe of connection .* cannot be read: it is a pipe or a device"):
        access(tmp_path, token="file:pipe").credential("token")
