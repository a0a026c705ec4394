"""Answers that are cut, early, garbled, huge or late: is this all of it? And nothing of it is told."""

from __future__ import annotations

import gzip
import logging
import zlib
from dataclasses import replace

import pytest

from providers.http import HttpClient, HttpRequest
from rotator.domain.errors import Ambiguous, Temporary
from tests.unit.issuers.raw_server import DONE, Link, head, raw_server

READ = HttpRequest("GET /things", "GET", "/things")
WRITE = HttpRequest("POST /things", "POST", "/things", body=b"{}")
SECRET = "value-8d7f6a5b4c3d"
MEGABYTE = 1024 * 1024

CHUNKED = head("Transfer-Encoding: chunked")
CUT = {
    "nothing": b"",
    "a piece of a status": b"HTTP/1.1 20",
    "a status without its end": b"HTTP/1.1 200 OK",
    "a status and no more": b"HTTP/1.1 200 OK\r\n",
    "half of the headers": b"HTTP/1.1 200 OK\r\nX-One: 1\r\n",
    "half a header": b"HTTP/1.1 200 OK\r\nX-One: 1\r\nX-T",
    "half a body": head("Content-Length: 9") + b"{}",
    "no body": head("Content-Length: 9"),
    "half a chunk": CHUNKED + b"9\r\n{}",
    "half a chunk's length": CHUNKED + b"2\r\n{}\r\n1",
    "all chunks but the last": CHUNKED + b"2\r\n{}\r\n",
    "an early answer": b"HTTP/1.1 103 Early Hints\r\nLink: </style>\r\n\r\n",
}
GARBLED = {
    "another protocol": b"SSH-2.0-OpenSSH_9.6\r\n",
    "a status that is none": b"HTTP/1.1 OK\r\n\r\n",
    "another HTTP": b"HTTP/2.0 200 OK\r\n\r\n",
    "a line that is no header": head("garbage", "X-One: 1", "Content-Length: 2") + b"{}",
    "a name with a space": head("Content-Length : 2") + b"{}",
    "too many headers": head(*["X-One: 1"] * 200, "Content-Length: 2") + b"{}",
    "a header without end": head(f"X-One: {'1' * 70_000}", "Content-Length: 2") + b"{}",
    "two lengths": head("Content-Length: 2", "Content-Length: 3") + b"{} ",
    "a status with more in it": head("Content-Length: 2", status="X-One: 1") + b"{}",
    "a length that is none": head("Content-Length: two") + b"{}",
    "a negative length": head("Content-Length: -2") + b"{}",
    "a coding that nobody asked for": head("Transfer-Encoding: gzip, chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    "a chunk's length that is none": CHUNKED + b"two\r\n{}\r\n0\r\n\r\n",
    "no gzip": head("Content-Encoding: gzip", "Content-Length: 2") + b"{}",
    "a coding in a coding": head("Content-Encoding: gzip, gzip", "Content-Length: 2") + b"{}",
}


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
    answer = head("X-One: 1", "Vary:  a \t", "x-one:2", "Content-Length: 0")
    with raw_server(lambda link: link.answers(answer)) as server:
        headers = HttpClient(server.url).send(READ, changes=False).headers
    assert headers == {"x-one": "1, 2", "vary": "a", "content-length": "0"}


WHOLE = {
    "with its length": head("Content-Length: 2") + b"{}",
    "in chunks": CHUNKED + b"1\r\n{\r\n1;more=yes\r\n}\r\n0\r\nX-Sum: 1\r\n\r\n",
    "both, which means chunks": head("Content-Length: 9", "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    "until the end": head() + b"{}",
    "by an old server": b"HTTP/1.0 200 OK\r\n\r\n{}",
    "after early ones": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nX-Early: 1\r\n\r\n" + DONE,
    "compressed, though we asked for none": head("Content-Encoding: gzip") + gzip.compress(b"{}"),
    "deflated": head("Content-Encoding: deflate") + zlib.compress(b"{}"),
    "in a coding that means nothing": head("Content-Encoding: identity") + b"{}",
}


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
    monkeypatch.setattr("providers.http._ANSWER_SECONDS", 0.2)

    def silent(link: Link) -> None:
        link.request()
        link.until_hung_up()

    with raw_server(silent) as server:
        with pytest.raises(Ambiguous, match="TimeoutError"):
            HttpClient(server.url).send(WRITE, changes=True)
        server.is_done()


LARGEST = bytes(8 * MEGABYTE)


def test_the_largest_answer_is_given_whole():
    answer = head(f"Content-Length: {len(LARGEST)}") + LARGEST
    with raw_server(lambda link: link.answers(answer)) as server:
        assert HttpClient(server.url).send(WRITE, changes=True).body == LARGEST


def endless(link: Link) -> None:
    link.request()
    link.send(CHUNKED)
    while link.send(b"100000\r\n" + bytes(MEGABYTE) + b"\r\n"):
        pass


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(endless, id="endless chunks"),
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
    for library in ("urllib3", "urllib3.connection", "urllib3.connectionpool"):
        logging.getLogger(library).setLevel(logging.NOTSET)
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
