"""Connections: when nothing was sent, and which are used again."""

from __future__ import annotations

import errno
import logging
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from providers.http.client import HttpClient, HttpRequest
from rotator.domain.errors import Ambiguous, Temporary
from tests.fakes.own_authority import own_authority
from tests.unit.issuers.raw_server import DONE, Link, head, raw_server

READ = HttpRequest("GET /things", "GET", "/things")
WRITE = HttpRequest("POST /things", "POST", "/things", body=b"{}")


def not_sent(url: str) -> Temporary:
    """Send something that changes something, and give what is raised: it must not say that it may have arrived."""
    with pytest.raises(Temporary, match="was not sent: no connection to 127") as raised:
        HttpClient(url).send(WRITE, changes=True)
    assert not isinstance(raised.value, Ambiguous)
    return raised.value


# --- it was not sent ---


def test_where_nobody_listens_nothing_was_sent():
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = listener.getsockname()[1]
    assert "ConnectionRefusedError" in str(not_sent(f"http://127.0.0.1:{port}"))


def test_where_nobody_takes_the_connection_nothing_was_sent(monkeypatch):
    monkeypatch.setattr("providers.http.client._CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, socket.create_connection(full.getsockname()):
        assert "TimeoutError" in str(not_sent(f"http://127.0.0.1:{full.getsockname()[1]}"))


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "gaierror"),
        (OSError(errno.EHOSTUNREACH, "No route to host"), "No route to host"),
        (OSError("getaddrinfo returns an empty list"), "OSError"),
    ],
)
def test_a_host_without_an_address_or_a_way_to_it_gets_nothing(monkeypatch, error, says):
    def unknown(*_: object) -> None:
        raise error

    monkeypatch.setattr("socket.getaddrinfo", unknown)
    with pytest.raises(Temporary, match=rf"no connection to nobody.example \({says}\)"):
        HttpClient("https://nobody.example").send(WRITE, changes=True)


@pytest.mark.parametrize(
    "handshake",
    [Link.close, Link.reset, lambda link: link.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")],
    ids=["closed", "reset", "no TLS"],
)
def test_a_handshake_that_fails_sends_nothing(handshake):
    with raw_server(handshake, scheme="https") as server:
        not_sent(server.url)


def test_a_handshake_that_does_not_end_sends_nothing(monkeypatch):
    monkeypatch.setattr("providers.http.client._CONNECT_SECONDS", 0.2)
    with raw_server(Link.until_hung_up, scheme="https") as server:
        assert "TimeoutError" in str(not_sent(server.url))
        server.is_done()


# --- over TLS ---


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_over_tls_only_a_farewell_ends_an_answer_that_does_not_tell_its_length(version, tmp_path):
    authority = own_authority(tmp_path)
    authority.server.maximum_version = version

    def says_farewell(link: Link) -> None:
        link.answers(head() + b"all of it")
        link.farewell()

    cut, whole = (lambda link: link.answers(head() + b"all o")), (lambda link: link.answers(DONE))
    with raw_server(cut, cut, says_farewell, whole, tls=authority.server) as server:
        client = HttpClient(server.url, ca_file=authority.ca_file)
        with pytest.raises(Ambiguous, match="SSLEOFError"):
            client.send(WRITE, changes=True)
        with pytest.raises(Temporary, match="was not answered"):
            client.send(READ, changes=False)
        assert [client.send(READ, changes=False).body for _ in range(2)] == [b"all of it", b"{}"]
        server.is_done()


# --- connections are kept, and not trusted for long ---


def test_requests_share_a_connection():
    with raw_server(lambda link: link.answers(DONE, DONE, DONE)) as server:
        client = HttpClient(server.url)
        assert [client.send(WRITE, changes=True).status for _ in range(3)] == [200, 200, 200]
        assert server.connections == 1


def test_a_request_leaves_at_once_and_not_its_head_before_its_body(monkeypatch):
    sent, send = [], socket.socket.sendall
    monkeypatch.setattr("socket.socket.sendall", lambda self, data: sent.append(data) or send(self, data))
    with raw_server(lambda link: link.answers(DONE)) as server:
        HttpClient(server.url).send(WRITE, changes=True)
        assert sent == [*server.requests, DONE]


@pytest.mark.parametrize("end", [Link.close, Link.reset])
def test_a_connection_that_the_server_ended_meanwhile_is_not_used_again(end):
    def first(link: Link) -> None:
        link.answers(DONE)
        end(link)

    with raw_server(first, lambda link: link.answers(DONE)) as server:
        client = HttpClient(server.url)
        client.send(WRITE, changes=True)
        server.is_done()
        assert client.send(WRITE, changes=True).status == 200
        assert (len(server.requests), server.connections) == (2, 2)


def test_a_connection_that_ends_once_the_request_was_read_makes_it_ambiguous_and_nothing_is_sent_again():
    def reads_twice(link: Link) -> None:
        link.answers(DONE)
        link.request()

    with raw_server(reads_twice, lambda link: link.answers(DONE)) as server:
        client = HttpClient(server.url)
        client.send(READ, changes=False)
        with pytest.raises(Ambiguous, match="the connection ended"):
            client.send(WRITE, changes=True)
        assert len(server.requests) == 2


def test_a_connection_that_nobody_used_for_a_while_is_not_used_again(monkeypatch):
    with raw_server(*[lambda link: link.answers(DONE, DONE)] * 2) as server:
        client = HttpClient(server.url)
        client.send(WRITE, changes=True)
        monkeypatch.setattr("providers.http.wire._IDLE_SECONDS", 0.0)
        client.send(WRITE, changes=True)
        assert server.connections == 2


@pytest.mark.parametrize("more", [b"HTTP/1.1 500 Forged\r\nContent-Length: 0\r\n\r\n", b"HTTP/1.1 500 For", b"garbage"])
def test_what_a_server_says_unasked_is_no_answer(more):
    with raw_server(lambda link: link.answers(DONE + more), lambda link: link.answers(DONE)) as server:
        client = HttpClient(server.url)
        assert [client.send(READ, changes=False).status for _ in range(2)] == [200, 200]
        assert server.connections == 2


def test_many_threads_get_as_many_connections_and_only_some_are_kept(caplog):
    caplog.set_level(logging.DEBUG)
    many = 30
    everybody = threading.Barrier(many)
    hung_up = threading.Semaphore(0)

    def together(link: Link) -> None:
        link.request()
        everybody.wait(10)
        link.send(DONE)
        link.until_hung_up()
        hung_up.release()

    with raw_server(*[together] * many) as server, ThreadPoolExecutor(many) as threads:
        client = HttpClient(server.url)
        answers = [threads.submit(client.send, WRITE, changes=True) for _ in range(many)]
        assert [answer.result().status for answer in answers] == [200] * many
        beyond = many - 20
        assert all(hung_up.acquire(timeout=10) for _ in range(beyond))
        assert not hung_up.acquire(blocking=False)
        assert caplog.records == []
