"""What many policies cost, counted without a clock: memory that is kept, files taken apart, calls, statements."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import pytest
from yaml.nodes import Node

from rotator.config import documents, policy_files
from rotator.config.plugins import Plugins
from rotator.domain.contracts import IssuerTraits
from rotator.domain.contradictions import Located, policy_problems
from rotator.domain.errors import InvalidInput
from rotator.domain.policy import Policy
from rotator.ledger.ledger import Ledger
from rotator.testing.moving_clock import MovingClock
from tests.benchmarks.scale import NOW, adopt_all, daemons_work, write

IN_A_FILE = 50


def folder_of(path: Path, policies: int) -> Path:
    folder = path / str(policies)
    write(folder, policies, IN_A_FILE)
    return folder


def read(folder: Path) -> None:
    assert policy_files.load(folder, Plugins()).policies


@pytest.fixture(autouse=True)
def _everything_is_imported(tmp_path: Path) -> None:
    read(folder_of(tmp_path, 1))


@pytest.fixture
def taken_apart(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were parsed."""
    texts: list[str] = []
    composed = documents.composed

    def counted(text: str) -> Node | None:
        texts.append(text)
        return composed(text)

    monkeypatch.setattr(documents, "composed", counted)
    return texts


def test_a_file_is_taken_apart_once(tmp_path: Path, taken_apart: list[str]) -> None:
    folder = folder_of(tmp_path, 4 * IN_A_FILE)
    read(folder)
    assert len(taken_apart) == len(list(folder.iterdir()))


def test_a_file_with_mistakes_is_taken_apart_once_more_however_many_they_are(
    tmp_path: Path, taken_apart: list[str]
) -> None:
    folder = folder_of(tmp_path, 4 * IN_A_FILE)
    with pytest.raises(InvalidInput) as caught:
        policy_files.load(folder, Plugins(), check=lambda _policy, _traits: [(("stores", 0), "wrong", "mend it")])
    assert len(caught.value.problems) == 4 * IN_A_FILE
    assert len(taken_apart) == len(list(folder.iterdir())) + 4


def test_no_file_is_open_any_more_while_policies_are_made(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, 4 * IN_A_FILE)
    seen: list[int] = []

    def counting(policy: Policy, traits: IssuerTraits) -> Iterable[Located]:
        if not seen:
            seen.append(sum(isinstance(each, Node) for each in gc.get_objects()))
        return policy_problems(policy, traits)

    gc.collect()  # nodes that other tests left behind are not meant
    policy_files.load(folder, Plugins(), check=counting)
    assert seen == [0]


def test_memory_while_reading_grows_by_what_a_policy_keeps_and_little_more(tmp_path: Path) -> None:
    few, many = folder_of(tmp_path, 4 * IN_A_FILE), folder_of(tmp_path, 24 * IN_A_FILE)
    more = _peak_of(lambda: read(many)) - _peak_of(lambda: read(few))
    assert more / (20 * IN_A_FILE) < 3_500  # of which 1,500 stay; a file that is open costs 13,000 for each


def test_the_calls_of_reading_grow_no_faster_than_the_policies(tmp_path: Path) -> None:
    some, few, many = (_calls_of(partial(read, folder_of(tmp_path, IN_A_FILE * files))) for files in (2, 4, 16))
    a_file = (few - some) / 2
    assert many - few <= 12 * a_file * 1.02


def test_a_pass_with_nothing_due_is_the_same_for_few_and_for_many(tmp_path: Path) -> None:
    def calls_of_a_pass(policies: int) -> int:
        clock = MovingClock(NOW)
        with Ledger.open(f"sqlite:///{tmp_path}/{policies}.db") as ledger:
            adopt_all(ledger, policies)
            read = policy_files.load(folder_of(tmp_path, policies), Plugins())
            service = daemons_work(ledger, clock, read)
            service.work()
            clock.move(seconds=15)
            service.work()
            clock.move(seconds=15)
            assert len(service.snapshot()) == policies
            return _calls_of(service.work)

    assert calls_of_a_pass(10 * IN_A_FILE) == calls_of_a_pass(IN_A_FILE)


def _peak_of(work: Callable[[], None]) -> int:
    gc.collect()
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _calls_of(work: Callable[[], object]) -> int:
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls
