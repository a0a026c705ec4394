"""A repository is followed: good commits come into force, bad ones are told and change nothing."""

from __future__ import annotations

import stat
import subprocess
import sys
import threading
from textwrap import dedent

import pytest

from rotator.config.policy_source.in_force import Refreshed, load_newest
from rotator.config.policy_source.state_folder import StateFolder
from rotator.domain.errors import InvalidInput
from tests.integration.policies_from_git.upstream import follow, names, policy, told

UNCHANGED = Refreshed()
BAD = policy("web").replace("schedule: never", "schedule: nevr")


def test_the_newest_commit_is_in_force_and_is_named(upstream, state):
    commit = upstream.commit({"policies/jobs.yaml": policy("jobs")})
    source = follow(upstream, state)
    in_force = source.load()
    assert names(in_force) == ["jobs", "web"]
    assert in_force.policies.commit == commit
    assert source.problems == ()
    assert source.refresh() == UNCHANGED


def test_sources_are_named_from_the_top_of_the_repository(upstream, state):
    policies = follow(upstream, state).load().policies
    assert str(policies.policies[0].source) == "policies/web.yaml:2"
    assert str(policies.connections["acme"].source) == "policies/connections.yaml:2"


def test_a_new_commit_comes_into_force_at_the_next_look_and_is_told_once(upstream, state):
    source = follow(upstream, state)
    source.load()
    commit = upstream.commit({"policies/web.yaml": policy("shop")})
    refreshed = source.refresh()
    assert names(refreshed.in_force) == names(source.in_force) == ["shop"]
    assert refreshed.in_force.policies.commit == commit
    assert source.refresh() == UNCHANGED


def test_a_bad_commit_is_told_with_its_file_and_line_and_the_last_good_one_stays_in_force(upstream, state):
    source = follow(upstream, state)
    good = source.load()
    bad = upstream.commit({"policies/web.yaml": BAD, "policies/jobs.yaml": policy("jobs")})
    refreshed = source.refresh()
    assert refreshed.in_force is None
    assert told(refreshed.problems).startswith(f"{bad[:10]}:policies/web.yaml:5:15: ")
    assert source.in_force is good
    assert source.problems == refreshed.problems


def test_a_bad_commit_is_told_once_and_the_next_bad_one_again(upstream, state):
    source = follow(upstream, state)
    source.load()
    upstream.commit({"policies/web.yaml": BAD})
    assert source.refresh().problems
    assert source.refresh() == UNCHANGED
    upstream.commit({"README": "not mended yet"})
    assert source.refresh().problems


def test_a_good_commit_after_a_bad_one_heals(upstream, state):
    source = follow(upstream, state)
    source.load()
    upstream.commit({"policies/web.yaml": BAD})
    source.refresh()
    upstream.commit({"policies/web.yaml": policy("shop")})
    refreshed = source.refresh()
    assert names(refreshed.in_force) == ["shop"]
    assert refreshed.healed
    assert source.problems == ()


def test_a_bad_commit_that_is_taken_back_by_force_heals_and_changes_nothing(upstream, state):
    source = follow(upstream, state)
    good = source.load()
    upstream.commit({"policies/web.yaml": BAD})
    source.refresh()
    upstream.git("reset", "--quiet", "--hard", "HEAD~")
    assert source.refresh() == Refreshed(healed=True)
    assert source.in_force is good


def test_a_forced_push_of_another_history_comes_into_force(upstream, state):
    source = follow(upstream, state)
    source.load()
    upstream.git("checkout", "--quiet", "--orphan", "other")
    commit = upstream.commit({"policies/web.yaml": policy("rewritten")})
    upstream.git("branch", "--force", "main", "other")
    refreshed = source.refresh()
    assert names(refreshed.in_force) == ["rewritten"]
    assert refreshed.in_force.policies.commit == commit


def test_after_a_restart_with_a_bad_head_the_last_good_commit_is_in_force_and_that_is_told(upstream, state):
    good = follow(upstream, state).load().policies.commit
    bad = upstream.commit({"policies/web.yaml": BAD})
    source = follow(upstream, state)
    assert source.load().policies.commit == good
    assert bad[:10] in told(source.problems)
    assert source.refresh() == UNCHANGED


def test_whoever_asks_about_the_newest_gets_its_problems_though_an_older_one_is_in_force(upstream, state):
    follow(upstream, state).load()
    upstream.commit({"policies/web.yaml": BAD})
    with pytest.raises(InvalidInput, match=r"policies/web\.yaml:5:15"):
        load_newest(follow(upstream, state))


def test_without_any_good_commit_every_problem_is_told(upstream, state):
    upstream.commit({"policies/web.yaml": BAD, "policies/jobs.yaml": policy("jobs").replace("shelf", "shlef")})
    with pytest.raises(InvalidInput) as caught:
        follow(upstream, state).load()
    assert [str(problem.file).partition(":")[2] for problem in caught.value.problems] == [
        "policies/jobs.yaml",
        "policies/web.yaml",
    ]


def test_a_server_that_disappears_is_told_once_and_changes_nothing(upstream, state):
    source = follow(upstream, state)
    good = source.load()
    away = upstream.folder.rename(upstream.folder.with_name("away"))
    refreshed = source.refresh()
    assert "the repository of the policies: `git ls-remote` failed" in told(refreshed.problems)
    assert source.refresh() == UNCHANGED
    assert source.in_force is good
    away.rename(upstream.folder)
    assert source.refresh() == Refreshed(healed=True)


def test_after_a_restart_without_the_server_the_last_good_commit_is_in_force_and_that_is_told(upstream, state):
    good = follow(upstream, state).load()
    upstream.folder.rename(upstream.folder.with_name("away"))
    source = follow(upstream, state)
    assert source.load().policies == good.policies
    assert "does not exist" in told(source.problems) or "does not appear" in told(source.problems)


def test_a_server_that_was_never_there_leaves_nothing_in_force(upstream, state):
    with pytest.raises(InvalidInput, match="the repository of the policies: "):
        follow(upstream, state, address=upstream.address + "x").load()


def test_a_ref_that_does_not_exist_is_told_by_its_name(upstream, state):
    with pytest.raises(InvalidInput, match=r"no branch or tag `stable`; push it, or name another one with `ref`"):
        follow(upstream, state, ref="stable").load()


def test_a_tag_can_be_followed_annotated_or_not(upstream, state):
    commit = upstream.git("rev-parse", "HEAD")
    upstream.git("tag", "--annotate", "--message=first", "v1")
    upstream.commit({"policies/web.yaml": policy("later")})
    assert follow(upstream, state, ref="v1").load().policies.commit == commit


def test_a_tag_does_not_hide_the_branch_of_its_name(upstream, state):
    upstream.git("tag", "main")
    commit = upstream.commit({"policies/web.yaml": policy("later")})
    assert follow(upstream, state).load().policies.commit == commit


def test_another_branch_does_not_matter(upstream, state):
    source = follow(upstream, state)
    source.load()
    upstream.git("checkout", "--quiet", "-b", "draft")
    upstream.commit({"policies/web.yaml": BAD})
    assert source.refresh() == UNCHANGED


def test_policies_may_be_one_file_or_the_whole_repository(upstream, tmp_path):
    upstream.commit({"all.yaml": (upstream.folder / "policies/connections.yaml").read_text() + policy("alone")})
    assert names(follow(upstream, tmp_path / "file", folder="all.yaml").load()) == ["alone"]
    upstream.commit({"all.yaml": None})
    assert names(follow(upstream, tmp_path / "whole", folder=".").load()) == ["web"]


def test_a_folder_that_the_commit_does_not_have_is_told(upstream, state):
    with pytest.raises(InvalidInput, match=r":rotation: commit \w{10} has nothing there; name the folder"):
        follow(upstream, state, folder="rotation").load()


def test_only_the_commit_in_force_is_kept_and_it_is_for_its_owner_alone(upstream, state):
    source = follow(upstream, state)
    source.load()
    newest = upstream.commit({"policies/web.yaml": policy("shop")})
    source.refresh()
    upstream.commit({"policies/web.yaml": BAD})
    source.refresh()
    good, *rest = sorted((state / "checkouts").iterdir(), key=lambda folder: folder.name != newest)
    assert good.name == newest
    assert len(rest) <= 1  # the refused one goes with the next good one
    for made in (state.parent, state, state / "checkouts", good):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_files_that_a_power_cut_emptied_are_written_again(upstream, state):
    commit = follow(upstream, state).load().policies.commit
    for file in (state / "checkouts" / commit / "policies").iterdir():
        file.write_text("")
    upstream.folder.rename(upstream.folder.with_name("away"))
    assert names(follow(upstream, state).load()) == ["web"]


@pytest.mark.parametrize("damaged", ["config", "HEAD", "objects"])
def test_a_clone_that_is_damaged_is_made_again(upstream, state, damaged):
    source = follow(upstream, state)
    source.load()
    for file in (state / "repository.git").rglob("*"):
        if file.is_file() and damaged in file.parts:
            file.chmod(0o600)
            file.write_bytes(b"damaged")
    commit = upstream.commit({"policies/web.yaml": policy("shop")})
    source.refresh()
    source.refresh()
    assert source.in_force.policies.commit == commit
    assert source.problems == ()


def test_what_a_killed_git_left_locked_is_unlocked(upstream, state):
    source = follow(upstream, state)
    source.load()
    upstream.commit({"policies/web.yaml": policy("shop")})
    for name in ("shallow.lock", "packed-refs.lock", "refs/rotator/newest.lock"):
        (state / "repository.git" / name).touch()
    assert names(source.refresh().in_force) == ["shop"]


def test_a_state_folder_that_others_can_write_to_is_refused(upstream, state):
    state.mkdir(parents=True)
    state.chmod(0o777)
    with pytest.raises(InvalidInput, match="others can write here"):
        follow(upstream, state).load()


def test_processes_that_look_at_once_do_each_other_no_harm(upstream, state):
    follow(upstream, state).load()
    newest = upstream.commit({"policies/web.yaml": policy("shop")})
    program = dedent(f"""
        from pathlib import Path, PurePosixPath
        from rotator.config.policy_source.repository import RepositorySource
        from tests.unit.config.small_plugins import small_plugins
        import sys
        sys.stdin.readline()
        source = RepositorySource({upstream.address!r}, "main", PurePosixPath("policies"), Path({str(state)!r}),
                                  small_plugins)
        print(source.load().policies.commit, source.problems)
    """)
    children = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for child in children:  # both are started; now both look
        child.stdin.write("\n")
        child.stdin.flush()
    assert [child.communicate()[0].strip() for child in children] == [f"{newest} ()"] * 2


def test_whoever_looks_while_another_one_does_waits_for_it(upstream, state):
    source = follow(upstream, state)
    looking = threading.Thread(target=source.load)
    with StateFolder(state).locked():
        looking.start()
        looking.join(0.2)
        assert looking.is_alive()
        assert source.in_force is None
    looking.join()
    assert names(source.in_force) == ["web"]
