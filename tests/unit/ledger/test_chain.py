from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from rotator.domain.model import Event, SecretName
from rotator.domain.secret_value import SecretValue
from rotator.ledger.chain import Head, breaks, sealed
from rotator.ledger.fingerprints import LedgerKey

KEY = LedgerKey(bytes(range(32)))
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)
EVENTS = [Event(kind, SecretName("payments"), NOW, "alice", detail={"n": kind}) for kind in ("one", "two", "three")]
CHAIN = sealed(KEY, Head(), EVENTS)
HEAD = Head(3, CHAIN[-1].digest)


def test_an_untouched_chain_holds() -> None:
    assert list(breaks(KEY, CHAIN, HEAD)) == []
    assert list(breaks(KEY, [], Head())) == []


def test_a_chain_goes_on_where_it_ended() -> None:
    more = sealed(KEY, HEAD, EVENTS[:1])
    assert more[0].sequence == 4
    assert list(breaks(KEY, [*CHAIN, *more], Head(4, more[0].digest))) == []


def test_each_link_depends_on_the_one_before() -> None:
    again = sealed(KEY, replace(HEAD, events=0), EVENTS)
    assert [link.digest for link in again] != [link.digest for link in CHAIN]


def test_the_seal_does_not_depend_on_how_a_time_is_written() -> None:
    elsewhere = [replace(event, at=event.at.astimezone(timezone(timedelta(hours=5)))) for event in EVENTS]
    assert [link.digest for link in sealed(KEY, Head(), elsewhere)] == [link.digest for link in CHAIN]


def test_who_has_another_key_cannot_write_history() -> None:
    forged = sealed(LedgerKey(bytes(32)), Head(), EVENTS)
    found = list(breaks(KEY, forged, Head(3, forged[-1].digest)))
    assert [sentence[:8] for sentence in found] == ["event 1 ", "event 2 ", "event 3 "]


@pytest.mark.parametrize(
    ("chain", "head", "sentences"),
    [
        (CHAIN[1:], HEAD, ["event 1 is missing"]),
        ([CHAIN[0], CHAIN[2]], HEAD, ["event 2 is missing"]),
        (CHAIN[2:], HEAD, ["events 1 to 2 are missing"]),
        (CHAIN[:2], HEAD, ["event 3 is missing, at the end"]),
        ([], HEAD, ["events 1 to 3 are missing, at the end"]),
        (CHAIN, Head(2, CHAIN[1].digest), ["event 3 is not the ledger's own"]),
        (CHAIN, Head(3, CHAIN[1].digest), ["the last event is not the one that the ledger remembers"]),
        (
            [CHAIN[0], replace(CHAIN[1], actor="mallory"), CHAIN[2]],
            HEAD,
            ["event 2 (two, 2026-01-05 12:00) was changed or exchanged"],
        ),
    ],
)
def test_what_is_wrong_is_named(chain: list[Event], head: Head, sentences: list[str]) -> None:
    assert list(breaks(KEY, chain, head)) == sentences


def test_a_fingerprint_tells_equal_values_and_nothing_else() -> None:
    value = SecretValue("tok-8fj2k1l9")
    assert KEY.fingerprint(value) == KEY.fingerprint(SecretValue("tok-8fj2k1l9"))
    assert KEY.fingerprint(value) != KEY.fingerprint(SecretValue("tok-8fj2k1l8"))
    assert KEY.fingerprint(value) != LedgerKey(bytes(32)).fingerprint(value)
    assert "tok" not in KEY.fingerprint(value)
