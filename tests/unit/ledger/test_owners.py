"""Who holds a lease, and whether that process is gone."""

from __future__ import annotations

import subprocess
import sys

from rotator.ledger import owners


def owner_of_a_child_that_ended() -> str:
    code = "from rotator.ledger import owners; print(owners.this_process())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_a_running_process_is_not_gone():
    assert not owners.is_gone(owners.this_process())


def test_a_process_that_ended_is_gone():
    assert owners.is_gone(owner_of_a_child_that_ended())


def test_another_process_that_got_the_same_pid_is_not_taken_for_the_first():
    host, where, pid, since, random = owners.this_process().split("/")
    assert owners.is_gone("/".join((host, where, pid, str(int(since) - 1), random)))


def test_what_runs_on_another_machine_or_in_another_pid_namespace_cannot_be_known():
    host, where, pid, since, random = owner_of_a_child_that_ended().split("/")
    assert not owners.is_gone(f"another-host/{where}/{pid}/{since}/{random}")
    assert not owners.is_gone(f"{host}/another-boot/{pid}/{since}/{random}")
    assert not owners.is_gone("somebody else's way of naming processes")


def test_two_names_of_one_process_differ():
    assert owners.this_process() != owners.this_process()
