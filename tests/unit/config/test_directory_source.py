"""A directory of policies is read again when it changes, and only taken when it is whole."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from rotator.config import policy_files
from rotator.config.commit import commit_of, head_of
from rotator.config.policy_source.directory import DirectorySource
from rotator.config.policy_source.in_force import InForce, Refreshed, load_newest
from rotator.domain.errors import InvalidInput
from tests.unit.config.conftest import CONNECTIONS, Folder
from tests.unit.config.small_plugins import small_plugins

UNCHANGED = Refreshed()


def text(name: str, schedule: str = "never") -> str:
    return f"""\
policies:
  - name: {name}
    issuer: {{connection: acme}}
    stores: [{{connection: shelf, path: prod/{name}}}]
    schedule: {schedule}
"""


@pytest.fixture
def one(connected: Folder) -> Folder:
    return connected.write("web.yaml", text("web"))


@pytest.fixture
def source(one: Folder) -> DirectorySource:
    made = DirectorySource(one.path, small_plugins)
    made.load()
    return made


def names(in_force: InForce | None) -> list[str]:
    assert in_force is not None
    return [policy.name for policy in in_force.policies.policies]


def test_what_has_not_changed_is_not_read_again(source):
    before = source.in_force
    assert source.refresh() == UNCHANGED
    assert source.in_force is before


@pytest.mark.parametrize(
    "change",
    [
        lambda path: (path / "web.yaml").write_text(text("jobs")),
        lambda path: (path / "web.yaml").rename(path / "zoo.yaml"),
        lambda path: (path / "more.yaml").write_text(text("jobs")),
        lambda path: (path / "team").mkdir() or (path / "team" / "more.yaml").write_text(text("jobs")),
    ],
    ids=["another content", "another name", "one more file", "one more folder"],
)
def test_a_change_comes_into_force_and_is_told_once(source, one, change):
    change(one.path)
    refreshed = source.refresh()
    assert refreshed.in_force is source.in_force is not None
    assert source.refresh() == UNCHANGED


def test_a_change_that_hides_behind_an_old_time_is_seen(source, one):
    file = one.path / "web.yaml"
    before = file.stat()
    file.write_text(text("wob"))  # as long as it was
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert names(source.refresh().in_force) == ["wob"]


def test_a_bad_change_is_told_once_and_the_last_good_policies_stay(source, one):
    good = source.in_force
    one.write("web.yaml", text("web", "nevr"))
    refreshed = source.refresh()
    assert [(each.file, each.line, each.column) for each in refreshed.problems] == [(one.path / "web.yaml", 5, 15)]
    assert source.refresh() == UNCHANGED
    assert source.in_force is good
    assert source.problems == refreshed.problems
    with pytest.raises(InvalidInput):
        load_newest(source)


def test_another_bad_change_is_told_again_and_a_good_one_heals(source, one):
    one.write("web.yaml", text("web", "nevr"))
    source.refresh()
    one.write("web.yaml", text("web", "nevver"))
    assert source.refresh().problems
    one.write("web.yaml", text("web"))
    refreshed = source.refresh()
    assert names(refreshed.in_force) == ["web"]
    assert refreshed.healed
    assert source.problems == ()


def test_a_directory_that_goes_away_is_told_once_and_changes_nothing(source, one):
    one.path.rename(one.path.with_name("away"))
    assert "there is no such file or directory" in str(source.refresh().problems[0])
    assert source.refresh() == UNCHANGED
    assert names(source.in_force) == ["web"]


def test_a_file_that_becomes_readable_heals(source, one):
    (one.path / "web.yaml").rename(one.path.parent / "kept.yaml")
    (one.path / "web.yaml").symlink_to(one.path.parent / "nowhere.yaml")
    assert source.refresh().problems
    (one.path.parent / "kept.yaml").rename(one.path.parent / "nowhere.yaml")
    assert source.refresh().healed


def test_without_anything_good_every_problem_is_raised(one):
    one.write("web.yaml", text("web", "nevr")).write("jobs.yaml", text("jobs", "nevr"))
    with pytest.raises(InvalidInput) as caught:
        DirectorySource(one.path, small_plugins).load()
    assert [each.file.name for each in caught.value.problems] == ["jobs.yaml", "web.yaml"]


def test_a_directory_that_changes_while_it_is_read_is_read_again_and_never_half_accepted(one):
    still_to_write = ["jobs", "shop"]

    def while_somebody_writes():
        if still_to_write:
            one.write("web.yaml", text(still_to_write.pop()))
        return small_plugins()

    source = DirectorySource(one.path, while_somebody_writes)
    assert [source.refresh(), source.refresh()] == [UNCHANGED, UNCHANGED]
    assert source.in_force is None
    assert names(source.refresh().in_force) == ["jobs"]


def test_a_directory_that_never_rests_is_told(one):
    def while_somebody_writes():
        one.write("web.yaml", text("web"))
        return small_plugins()

    with pytest.raises(InvalidInput, match="the files change while they are read; try again"):
        DirectorySource(one.path, while_somebody_writes).load()


def test_a_config_map_that_kubernetes_swaps_comes_into_force(tmp_path):
    """The kubelet keeps each state in a folder of its own; files are links through ``..data``, which it replaces."""
    mounted = tmp_path / "mounted"

    def publish(state: str, name: str) -> None:
        folder = Folder(mounted / state).write("connections.yaml", CONNECTIONS).write("web.yaml", text(name))
        (mounted / "..new").symlink_to(folder.path.name)
        (mounted / "..new").rename(mounted / "..data")

    publish("..2026_01_01", "web")
    for name in ("connections.yaml", "web.yaml"):
        (mounted / name).symlink_to(f"..data/{name}")
    source = DirectorySource(mounted, small_plugins)
    assert names(source.load()) == ["web"]
    publish("..2026_04_01", "shop")
    assert names(source.refresh().in_force) == ["shop"]
    assert source.refresh() == UNCHANGED


def test_profiles_of_the_users_own_may_stay_from_one_reading_to_the_next(source, one):
    one.write("own.yaml", "kind: SmallIssuer\nname: own\n")
    assert "own" in source.refresh().in_force.plugins.names()
    one.write("web.yaml", text("jobs"))
    assert source.refresh().problems == ()


@pytest.fixture
def in_git(one: Folder, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, committed. ``git`` takes no settings from this machine."""
    for name, value in {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}.items():
        monkeypatch.setenv(name, value)
    git(one.path, "init", "--quiet")
    git(one.path, "add", "--all")
    git(one.path, "commit", "--quiet", "--message=policies")
    return one.path


def git(folder: Path, *arguments: str) -> str:
    settings = ("-c", "user.name=Ada", "-c", "user.email=ada@acme.example")
    return subprocess.run(
        ["git", "-C", str(folder), *settings, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_commit_without_a_change_of_a_file_is_named_from_then_on(in_git):
    (in_git / "web.yaml").write_text(text("jobs"))
    source = DirectorySource(in_git, small_plugins)
    assert source.load().policies.commit == git(in_git, "rev-parse", "HEAD") + "-dirty"
    git(in_git, "commit", "--quiet", "--all", "--message=jobs")
    assert source.refresh().in_force.policies.commit == git(in_git, "rev-parse", "HEAD")


def test_in_a_hook_of_git_the_commit_is_that_of_the_policies(in_git, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "--quiet")
    head = git(in_git, "rev-parse", "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert commit_of(in_git, head_of(in_git)) == head


@pytest.fixture
def asked_of_git(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which a ``git`` that comes first in ``PATH`` notes what it is asked, before the real one answers."""
    folder = tmp_path_factory.mktemp("bin")
    real, noted, noting = shutil.which("git"), folder / "asked", folder / "git"
    noted.touch()
    noting.write_text(f'#!/bin/sh\necho "$@" >> {noted}\nexec {real} "$@"\n')
    noting.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return noted


def test_git_is_asked_once_for_the_commit_and_once_for_changes_and_not_at_all_outside_of_one(in_git, asked_of_git):
    DirectorySource(in_git, small_plugins).load()
    assert [line.split(" ", 5)[4] for line in asked_of_git.read_text().splitlines()] == ["rev-parse", "status"]
    shutil.rmtree(in_git / ".git")
    assert DirectorySource(in_git, small_plugins).load().policies.commit is None
    assert len(asked_of_git.read_text().splitlines()) == 2


@pytest.mark.parametrize(
    ("at", "part", "named"), [(policy_files, "parse", "/connections.yaml"), (policy_files.Resolving, "resolve", "")]
)
def test_a_bug_of_ours_in_reading_leaves_the_last_good_ones_in_force_and_is_told(
    source, one, monkeypatch, at, part, named
):
    def broken(*_arguments, **_options):
        raise TypeError("hunter2")

    before = source.in_force
    monkeypatch.setattr(at, part, broken)
    one.write("more.yaml", text("jobs"))
    [problem] = source.refresh().problems
    assert str(problem).startswith(f"{one.path}{named}: reading it failed with TypeError at ")
    assert "hunter2" not in str(problem)
    assert source.in_force is before
