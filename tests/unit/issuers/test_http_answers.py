"""Answers that are cut, early, garbled, huge or late: is this all of it? And nothing of it is told."""

from __future__ import annotations

import gzip
import logging
from dataclasses import replace

import pytest

from providers.http.client import HttpClient, HttpRequest
from rotator.domain.errors import Ambiguous, Temporary
from tests.unit.issuers.raw_server import DONE, Link, Talk, head, raw_server
from tests.unit.issuers.sample_answers import CHUNKED, CUT, GARBLED, WHOLE

READ = HttpRequest("GET /things", "GET", "/things")
WRITE = HttpRequest("POST /things", "POST", "/things", body=b"{}")
SECRET = "value-8d7f6a5b4c3d"
MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("answer", [*CUT.values(), *GARBLED.values()], ids=[*CUT, *GARBLED])
def test_an_answer_that_is_not_whole_or_not_http_is_lost(answer):
    def talk(link: Link) -> None:
        link.answers(answer)

    with raw_server(talk, talk) as server:
        client = HttpClient(server.url)
        with pytest.raises(Ambiguous, match="its answer was lost"):
            client.send(WRITE, changes=True)
        server.is_done()
        with pytest.raises(Temporary, match="was not answered") as unanswered:
            client.send(READ, changes=False)
        assert not isinstance(unanswered.value, Ambiguous)
        assert len(server.requests) == 2


def test_several_headers_of_one_name_are_one_and_names_are_in_lower_case():
    answer = head("X-One: 1", "Vary:  a \t", "x-one:2", "Content-Length: 0", "X-Said: voilà")
    with raw_server(lambda link: link.answers(answer)) as server:
        headers = HttpClient(server.url).send(READ, changes=False).headers
    said = "voilà".encode().decode("latin-1")
    assert headers == {"x-one": "1, 2", "vary": "a", "content-length": "0", "x-said": said}


@pytest.mark.parametrize("answer", WHOLE.values(), ids=WHOLE)
def test_a_whole_answer_is_given_however_it_is_sent(answer):
    with raw_server(lambda link: link.answers(answer)) as server:
        answered = HttpClient(server.url).send(WRITE, changes=True)
    assert (answered.status, answered.body, "x-early" in answered.headers) == (200, b"{}", False)


@pytest.mark.parametrize(
    ("method", "answer"),
    [
        ("HEAD", head("Content-Length: 999")),
        ("DELETE", head(status="204 No Content")),
        ("GET", head("Content-Length: 999", status="304 Not Modified")),
        ("POST", head("Content-Length: 0", status="201 Created")),
    ],
)
def test_an_answer_without_a_body_ends_with_its_head_and_the_connection_serves_on(method, answer):
    with raw_server(lambda link: link.answers(answer, DONE)) as server:
        client = HttpClient(server.url)
        assert client.send(HttpRequest("it", method, "/things"), changes=False).body == b""
        assert client.send(READ, changes=False).body == b"{}"
        assert server.connections == 1


def test_an_answer_that_comes_before_the_request_is_sent_is_an_answer():
    refused = head("Content-Length: 0", status="413 Content Too Large")

    def answers_at_once(link: Link) -> None:
        link.head()
        link.send(refused)

    with raw_server(answers_at_once, lambda link: link.answers(DONE)) as server:
        client = HttpClient(server.url)
        assert client.send(replace(WRITE, body=bytes(20 * MEGABYTE)), changes=True).status == 413
        server.is_done()
        assert client.send(WRITE, changes=True).status == 200


def test_a_connection_that_breaks_while_the_request_is_sent_makes_it_ambiguous():
    def breaks(link: Link) -> None:
        link.head()
        link.reset()

    with raw_server(breaks) as server, pytest.raises(Ambiguous):
        HttpClient(server.url).send(replace(WRITE, body=bytes(20 * MEGABYTE)), changes=True)


def test_a_server_that_says_nothing_is_given_up_and_hung_up(monkeypatch):
    monkeypatch.setattr("providers.http.client._ANSWER_SECONDS", 0.2)

    def silent(link: Link) -> None:
        link.request()
        link.until_hung_up()

    with raw_server(silent) as server:
        with pytest.raises(Ambiguous, match="TimeoutError"):
            HttpClient(server.url).send(WRITE, changes=True)
        server.is_done()


@pytest.mark.parametrize(("begin", "again"), [(head(), b"1"), (b"", head(status="102 Processing"))])
def test_a_server_that_says_a_little_now_and_then_is_given_up_and_hung_up(monkeypatch, begin, again):
    monkeypatch.setattr("providers.http.client._ANSWER_SECONDS", 0.05)

    def trickles(link: Link) -> None:
        link.request()
        link.send(begin)
        while not link.hung_up_within(0.01):
            link.send(again)

    with raw_server(trickles) as server:
        with pytest.raises(Ambiguous, match="TimeoutError"):
            HttpClient(server.url).send(WRITE, changes=True)
        server.is_done()


LARGEST = bytes(8 * MEGABYTE)


def test_the_largest_answer_is_given_whole():
    answer = head(f"Content-Length: {len(LARGEST)}") + LARGEST
    with raw_server(lambda link: link.answers(answer)) as server:
        assert HttpClient(server.url).send(WRITE, changes=True).body == LARGEST


def endless(begin: bytes, again: bytes) -> Talk:
    def talk(link: Link) -> None:
        link.request()
        link.send(begin)
        while link.send(again):
            pass

    return talk


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(endless(CHUNKED, b"100000\r\n" + bytes(MEGABYTE) + b"\r\n"), id="endless chunks"),
        pytest.param(endless(CHUNKED + b"1;", b"a" * MEGABYTE), id="an endless extension of a chunk"),
        pytest.param(endless(CHUNKED + b"0\r\n", b"X-One: 1\r\n" * 9999), id="endless headers behind the last chunk"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\n", b"X-One: 1\r\n" * 9999), id="endless headers"),
        pytest.param(endless(b"HTTP/1.1 200 OK\r\nX-One: ", b"1" * MEGABYTE), id="an endless header"),
        pytest.param(endless(b"", head(status="102 Processing") * 9999), id="endless early answers"),
        pytest.param(lambda link: link.answers(head() + LARGEST + b"1"), id="one byte too many"),
        pytest.param(
            lambda link: link.answers(head("Content-Encoding: gzip") + gzip.compress(bytes(100 * MEGABYTE))),
            id="small until it is decompressed",
        ),
    ],
)
def test_an_answer_that_is_too_large_is_not_read_to_its_end(talk):
    with raw_server(talk) as server:
        with pytest.raises(Ambiguous, match="the answer is too large") as lost:
            HttpClient(server.url).send(WRITE, changes=True)
        server.is_done()
    assert lost.value.__traceback__, "while somebody holds the error with all its frames"


# --- nothing is told ---


@pytest.mark.parametrize("answer", [DONE, *CUT.values(), *GARBLED.values()], ids=["done", *CUT, *GARBLED])
def test_nothing_that_may_be_secret_is_logged_or_told(answer, known_values, caplog):
    known_values.add(SECRET)
    caplog.set_level(logging.DEBUG)
    hidden = answer.replace(b"X-One: 1", f"X-One: {SECRET}".encode()).replace(b"{}", SECRET.encode())
    told = ""
    with raw_server(lambda link: link.answers(hidden)) as server:
        try:
            HttpClient(server.url).send(replace(READ, query={"key": SECRET}), changes=True)
        except Ambiguous as lost:
            told = f"{lost} {lost.__cause__!r}"
    assert caplog.records == []
    assert SECRET not in told
