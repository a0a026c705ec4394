"""Two at once: one wins, and the other is told."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rotator.domain.errors import RotatorError
from rotator.domain.model import SecretName
from rotator.ledger.ledger import Ledger
from tests.integration.ledger import processes
from tests.integration.ledger.builders import (
    NAME,
    NOW,
    TTL,
    a_rotation,
    a_token,
    an_event,
    begun,
    finished,
)

AT_ONCE = 4


def test_of_processes_that_open_a_new_ledger_at_once_all_succeed(ledger_url: str, key_file: Path) -> None:
    assert processes.outcomes_of_opening(ledger_url, key_file, AT_ONCE) == ["opened, 0 secrets"] * AT_ONCE


def test_of_processes_that_claim_at_once_one_wins(ledger: Ledger, ledger_url: str, key_file: Path) -> None:
    begun(ledger)
    outcomes = processes.outcomes_of(processes.claims, ledger_url, key_file, AT_ONCE)
    assert outcomes == ["got it"] + ["not"] * (AT_ONCE - 1)


def test_of_processes_that_begin_at_once_one_wins(ledger: Ledger, ledger_url: str, key_file: Path) -> None:
    outcomes = processes.outcomes_of(processes.begins, ledger_url, key_file, AT_ONCE)
    assert outcomes == ["AlreadyOpen"] * (AT_ONCE - 1) + ["begun"]
    assert len(ledger.open_rotations()) == 1
    assert ledger.broken_links() == []


def test_what_is_ready_is_shared_out_without_overlap(ledger: Ledger, ledger_url: str, key_file: Path) -> None:
    everything = {f"rotation-{number:02}" for number in range(20)}
    for name in everything:
        begun(ledger, a_rotation(name, secret=SecretName(f"secret of {name}")))
    outcomes = processes.outcomes_of(processes.claims_what_is_ready, ledger_url, key_file, AT_ONCE)
    shared_out = " ".join(outcomes).split()
    assert len(shared_out) == len(everything)
    assert set(shared_out) == everything


def test_of_threads_that_begin_at_once_one_wins(ledger: Ledger) -> None:
    def begins(number: int) -> str:
        return processes.begins(ledger, f"thread-{number}")

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(begins, range(8)))
    assert outcomes == ["AlreadyOpen"] * 7 + ["begun"]


def test_of_threads_that_record_the_same_move_one_wins(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)

    def records(number: int) -> str:
        after = replace(rotation, tokens=(a_token(f"token-{number}"),))
        try:
            ledger.record(lease, rotation, after, an_event(f"by {number}"))
        except RotatorError as error:
            return type(error).__name__
        return "recorded"

    with ThreadPoolExecutor(8) as threads:
        outcomes = sorted(threads.map(records, range(8)))
    assert outcomes == ["LeaseLost"] * 7 + ["recorded"]
    assert len(ledger.history(NAME)) == 2
    assert ledger.broken_links() == []


def test_many_secrets_are_rotated_side_by_side(ledger: Ledger) -> None:
    names = [SecretName(f"secret-{number}") for number in range(24)]

    def rotates(name: SecretName) -> None:
        finished(ledger, a_rotation(f"of-{name}", secret=name), a_token(f"of-{name}", secret=name))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(rotates, names))
    assert all(secret.current is not None and secret.open is None for secret in ledger.secrets())
    assert len(ledger.secrets()) == len(names)
    assert ledger.broken_links() == []


def test_a_reader_sees_a_whole_move_or_none_of_it(ledger: Ledger) -> None:
    rotation, lease = begun(ledger)
    ledger.release(lease)

    def reads(_: int) -> bool:
        found = ledger.rotation(rotation.id)
        return found is not None and len(found.tokens) == found.revision

    with ThreadPoolExecutor(4) as threads:
        reading = threads.map(reads, range(60))
        held = ledger.claim(rotation.id, "here", NOW, TTL)
        assert held is not None
        for number in range(20):
            rotation = ledger.record(
                held, rotation, replace(rotation, tokens=(*rotation.tokens, a_token(f"token-{number}")))
            )
        assert all(reading)
