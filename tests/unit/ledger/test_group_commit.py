"""Threads that write at the same time share a commit, and nothing else: neither failures nor half-made changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from rotator.domain.errors import LeaseLost, LedgerUnavailable
from rotator.ledger.group_commit import GroupCommit


class Journal:
    """Stands for a database: a transaction's lines are kept when it ends well."""

    def __init__(self) -> None:
        self.commits: list[list[str]] = []
        self.trouble: Exception | None = None

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        lines: list[str] = []
        yield lines
        if self.trouble is not None:
            raise self.trouble
        self.commits.append(lines)


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def group(journal: Journal) -> GroupCommit:
    return GroupCommit(journal.transaction)


def written_together(group: GroupCommit, changes: Sequence[Callable[[Any], str]]) -> list[Future[str]]:
    """Have all of these wait for their turn at the same time, then let them go on."""
    with ThreadPoolExecutor(len(changes)) as pool:
        with group.turn:
            futures = []
            for number, change in enumerate(changes, 1):
                futures.append(pool.submit(group.write, change))
                while len(group) < number:
                    pass
        return futures


def line(text: str) -> Callable[[Any], str]:
    def change(lines: list[str]) -> str:
        lines.append(text)
        return f"wrote {text}"

    return change


def refused(lines: list[str]) -> str:
    lines.append("half")
    raise LeaseLost("somebody else has it")


def test_changes_that_wait_at_the_same_time_share_one_commit(journal: Journal, group: GroupCommit) -> None:
    futures = written_together(group, [line("a"), line("b"), line("c")])
    assert [future.result() for future in futures] == ["wrote a", "wrote b", "wrote c"]
    assert [sorted(lines) for lines in journal.commits] == [["a", "b", "c"]]


def test_a_change_that_is_refused_takes_no_other_with_it(journal: Journal, group: GroupCommit) -> None:
    futures = written_together(group, [line("a"), refused, line("b")])
    assert isinstance(futures[1].exception(), LeaseLost)
    assert [futures[0].result(), futures[2].result()] == ["wrote a", "wrote b"]
    assert sorted(journal.commits) == [["a"], ["b"]]


def test_a_commit_without_an_answer_is_told_to_every_thread_and_tried_by_none(
    journal: Journal, group: GroupCommit
) -> None:
    journal.trouble = LedgerUnavailable("It is not known whether the change was made.")
    calls: list[str] = []

    def counted(_lines: list[str]) -> str:
        calls.append("called")
        return ""

    futures = written_together(group, [counted, counted])
    errors = [future.exception() for future in futures]
    assert [str(error) for error in errors] == ["It is not known whether the change was made."] * 2
    assert errors[0] is not errors[1]
    assert len(calls) == 2


def test_a_thread_that_is_ended_in_the_middle_leaves_nobody_waiting(journal: Journal, group: GroupCommit) -> None:
    def ended(_lines: list[str]) -> str:
        raise KeyboardInterrupt

    futures = written_together(group, [ended, ended])
    errors = [type(future.exception()) for future in futures]
    assert set(errors) <= {KeyboardInterrupt, LedgerUnavailable}
    assert KeyboardInterrupt in errors
    assert len(group) == 0
    assert group.write(line("after")) == "wrote after"
    assert journal.commits == [["after"]]
