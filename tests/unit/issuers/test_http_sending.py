"""What is sent, byte for byte, and what cannot be."""

from __future__ import annotations

import socket
import subprocess
import sys
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from providers.http.address import Origin, origin_of
from providers.http.client import HttpClient, HttpRequest
from providers.http.wire import Wire
from rotator.domain.errors import Permanent
from tests.unit.issuers.raw_server import DONE, raw_server

READ = HttpRequest("GET /things", "GET", "/things")
WRITE = HttpRequest("POST /things", "POST", "/things", body=b"{}")
SECRET = "value-8d7f6a5b4c3d"


def sent(request: HttpRequest) -> list[str]:
    """Give the lines of what is sent, sorted but for the first."""
    with raw_server(lambda link: link.answers(DONE)) as server:
        HttpClient(server.url).send(request, changes=True)
        first, *headers = server.requests[0].decode().replace(server.url.removeprefix("http://"), "HOST").splitlines()
    return [first, *sorted(headers)]


def test_a_request_says_who_asks_and_what_is_understood():
    user_agent = next(line for line in sent(READ) if line.startswith("User-Agent: secrets-rotator/"))
    ours = ["Accept-Encoding: identity", "Accept: application/json", "Host: HOST", user_agent]
    assert sent(READ) == ["GET /things HTTP/1.1", "", *ours]
    assert sent(replace(WRITE, body=None)) == ["POST /things HTTP/1.1", "", *ours[:2], "Content-Length: 0", *ours[2:]]
    assert sent(WRITE) == ["POST /things HTTP/1.1", "", *ours[:2], "Content-Length: 2", *ours[2:], "{}"]


def test_a_requests_own_headers_come_before_ours():
    lines = sent(replace(READ, headers={"accept": "text/plain", "USER-AGENT": "me", "X-More": "yes"}))
    theirs = ["USER-AGENT: me", "X-More: yes", "accept: text/plain"]
    assert lines[2:] == ["Accept-Encoding: identity", "Host: HOST", *theirs]


def test_of_headers_whose_names_differ_in_case_the_last_is_sent():
    lines = sent(replace(READ, headers={"authorization": "Bearer old", "X-More": "1", "Authorization": "Bearer new"}))
    assert [line for line in lines if "authorization" in line.lower()] == ["Authorization: Bearer new"]


@pytest.mark.parametrize("name", ["content-length", "Transfer-Encoding", "Connection"])
def test_where_a_request_ends_is_not_for_a_header_of_its_own_to_say(name):
    with raw_server() as server, pytest.raises(Permanent, match=f"was not sent: the header {name}"):
        HttpClient(server.url).send(replace(WRITE, headers={name: "1"}), changes=True)


@pytest.mark.parametrize(
    ("method", "body", "says"), [("DELETE", None, []), ("DELETE", b"{}", ["2"]), ("PUT", None, ["0"])]
)
def test_how_long_a_body_is_is_said_where_there_is_one_or_one_is_usual(method, body, says):
    lines = sent(replace(WRITE, method=method, body=body))
    assert [line.split(": ")[1] for line in lines if line.startswith("Content-Length")] == says


def test_a_host_that_a_request_names_itself_stands_there_once():
    assert [line for line in sent(replace(READ, headers={"host": "it"})) if line.lower()[:4] == "host"] == ["host: it"]


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://tokens.example", "tokens.example"),
        ("https://tokens.example:443", "tokens.example"),
        ("http://tokens.example:443", "tokens.example:443"),
        ("https://[::1]:8443", "[::1]:8443"),
    ],
)
def test_a_host_is_named_without_the_port_that_is_meant_anyway(url, host):
    wire = Wire(origin_of(urlsplit(url)), None, connect_seconds=1, answer_seconds=1)
    assert f"\r\nHost: {host}\r\n".encode() in wire._head("GET", "/", {}, None)


@pytest.mark.parametrize(("target", "value"), [("/a\r\nX-Two: 2", "1"), ("/a", "1\r\nX-Two: 2"), ("/a", "1\nX-Two: 2")])
def test_what_would_add_a_line_to_a_request_is_not_sent(target, value):
    wire = Wire(Origin("http", "127.0.0.1", 9), None, connect_seconds=1, answer_seconds=1)
    with pytest.raises(ValueError, match="cannot be sent"):
        wire.exchange("GET", target, {"X-One": value}, None)


def test_passwords_of_this_machines_user_are_not_sent(tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password something\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert not any(line.startswith("Authorization") for line in sent(READ))


@pytest.mark.parametrize(
    "request_",
    [
        replace(READ, headers={f"X-{SECRET}\r\nX-More": "yes"}),
        replace(READ, headers={f"X {SECRET}": "yes"}),
        replace(READ, headers={"": SECRET}),
        replace(READ, method=f"GET /{SECRET}"),
        replace(READ, path=f"/{SECRET}\nx"),
        replace(READ, path=f"/{SECRET}\x7f"),
        replace(READ, path=f"/{SECRET}\udc00"),
        replace(READ, query={"key": f"{SECRET}\udc00"}),
        replace(READ, address=f"http://[{SECRET}"),
        replace(READ, address=f"http://127.0.0.1:99999999/{SECRET}"),
    ],
)
def test_what_cannot_be_sent_is_told_without_a_word_of_it(request_, known_values):
    known_values.add(SECRET)
    with raw_server() as server, pytest.raises(Permanent, match="was not sent") as refused:
        HttpClient(server.url).send(request_, changes=True)
    assert SECRET not in f"{refused.value} {refused.value.__cause__!r}"


@pytest.mark.parametrize(
    "url", ["https://straße.example", "https://exa mple.com", f"https://{'a' * 64}.example", "x://y"]
)
def test_a_url_without_a_host_that_could_be_asked_is_told_with_the_first_request(url):
    with pytest.raises(Permanent, match="its URL is not valid"):
        HttpClient(url).send(READ, changes=False)


def test_a_host_whose_name_is_not_ascii_is_asked_without_a_library_for_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "idna", None)
    asked: list[object] = []

    def here(host: object, *rest: object) -> object:
        asked.append(host)
        return getaddrinfo("127.0.0.1", *rest)

    getaddrinfo = socket.getaddrinfo
    with raw_server(lambda link: link.answers(DONE)) as server:
        monkeypatch.setattr("socket.getaddrinfo", here)
        url = server.url.replace("127.0.0.1", "bücher.localhost")
        assert HttpClient(url).send(READ, changes=False).status == 200
    assert asked == ["xn--bcher-kva.localhost"]
    assert b"\r\nHost: xn--bcher-kva.localhost:" in server.requests[0]


def test_importing_the_client_imports_no_http_library_and_no_tls():
    code = "import sys, providers.http.client; print({'httptools', 'http.client', 'ssl'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
