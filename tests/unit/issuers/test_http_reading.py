"""Reading an answer: the same however its bytes arrive, and an error of ours whatever they are."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from providers.http.reading import NotAnswered, RawAnswer, _Reading, read_answer
from tests.unit.issuers.raw_server import DONE, head
from tests.unit.issuers.sample_answers import CHUNKED, CUT, GARBLED, WHOLE

LARGEST = bytes(8 * 1024 * 1024)
ALL = (*WHOLE.values(), *CUT.values(), *GARBLED.values())


def arriving(pieces: Iterable[bytes]) -> Callable[[int], bytes]:
    """Give what a connection would give, and then its end, for ever."""
    left = [piece for piece in pieces if piece]
    return lambda _most: left.pop(0) if left else b""


def outcome_of(pieces: Iterable[bytes]) -> tuple[object, ...] | None:
    """Give what an answer says; None when it is lost. That more came with it than was asked for is left out."""
    try:
        answer = read_answer(arriving(pieces), "GET")
    except NotAnswered:
        return None
    return answer.status, answer.headers, answer.body


@given(st.sampled_from(ALL), st.lists(st.integers(0, 300)))
def test_it_is_the_same_in_whatever_pieces_it_arrives(answer, cuts):
    edges = sorted({0, len(answer), *(cut for cut in cuts if cut < len(answer))})
    pieces = [answer[begin:end] for begin, end in pairwise(edges)]
    assert outcome_of(pieces) == outcome_of([answer])


@pytest.mark.parametrize("answer", ALL)
def test_it_is_the_same_byte_by_byte(answer):
    assert outcome_of(answer[place : place + 1] for place in range(len(answer))) == outcome_of([answer])


@pytest.mark.parametrize("answer", [DONE, WHOLE["in chunks"], WHOLE["after early ones"]])
def test_no_beginning_of_an_answer_is_an_answer(answer):
    assert outcome_of([answer]) is not None
    assert [length for length in range(len(answer)) if outcome_of([answer[:length]]) is not None] == []


@given(
    st.binary()
    | st.tuples(st.sampled_from(ALL), st.binary(), st.integers(0, 300)).map(
        lambda drawn: drawn[0][: drawn[2]] + drawn[1] + drawn[0][drawn[2] :]
    )
)
@example(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
def test_whatever_arrives_it_is_an_answer_or_lost(data):
    outcome = outcome_of([data])
    assert outcome is None or 200 <= outcome[0] <= 999


def test_what_comes_after_an_answer_that_is_too_large_does_not_make_it_one_without_its_end():
    answer = head(f"Content-Length: {len(LARGEST) + 1}") + LARGEST
    assert outcome_of([answer, b"1"]) is None
    assert outcome_of([answer, b"1", b"?"]) is None
    assert outcome_of([answer, b"1?"]) is None


@pytest.mark.parametrize(
    ("answer", "leaves"),
    [
        (DONE, True),
        (CHUNKED + b"0\r\n\r\n", True),
        (head("Content-Length: 0", "Connection: close"), False),
        (head(), False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", False),
        (DONE + b"H", False),
        (DONE + DONE, False),
        (DONE + GARBLED["a header with a NUL"], False),
        (DONE + b"\x00", False),
    ],
)
def test_a_connection_serves_on_only_when_it_says_so_and_nothing_followed(answer, leaves):
    assert read_answer(arriving([answer]), "GET").leaves_connection is leaves


def test_what_interrupts_the_reading_is_not_taken_for_a_bad_answer(monkeypatch):
    def interrupt(_reading: _Reading, _data: bytes) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_Reading, "on_body", interrupt)
    with pytest.raises(KeyboardInterrupt):
        read_answer(arriving([DONE]), "GET")


def test_what_came_is_held_by_its_answer_alone(monkeypatch):
    made: list[weakref.ref[_Reading]] = []
    monkeypatch.setattr(_Reading, "on_message_begin", lambda reading: made.append(weakref.ref(reading)))
    gc.disable()
    try:
        answer = read_answer(arriving([DONE]), "GET")
        assert made[0]() is None
    finally:
        gc.enable()
    assert isinstance(answer, RawAnswer)
