"""The shared HTTP client: was it sent? And nothing followed, kept, or told."""

from __future__ import annotations

import logging
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from pydantic import ValidationError

from providers.http.client import HttpClient, HttpConfig, HttpRequest
from rotator.domain.errors import Ambiguous, Permanent, Temporary
from rotator.domain.limits import Limits
from rotator.flow.budget import ConnectionBudget
from rotator.testing.access import DictionaryAccess
from tests.unit.issuers.scripted_server import Answer, Lost, scripted_server

READ = HttpRequest("GET /things", "GET", "/things")
WRITE = HttpRequest("POST /things", "POST", "/things", body=b"{}")
SECRET = "value-8d7f6a5b4c3d"


@pytest.fixture
def client(server):
    return HttpClient(server.url)


@pytest.mark.parametrize("answer", [Lost(), Answer(200, {"a": 1}, promised=999), Answer(200, b" " * 9_000_000)])
def test_a_lost_answer_is_ambiguous_only_for_what_changes_something(server, client, answer):
    server.answers(answer, answer)
    with pytest.raises(Ambiguous):
        client.send(WRITE, changes=True)
    with pytest.raises(Temporary) as unanswered:
        client.send(READ, changes=False)
    assert not isinstance(unanswered.value, Ambiguous)
    assert server.paths == ["POST /things", "GET /things"], "nothing is sent again"


def test_a_path_is_joined_to_the_whole_url(server):
    server.answers(Answer(200))
    HttpClient(f"{server.url}/hub/api/").send(READ, changes=False)
    assert server.paths == ["GET /hub/api/things"]


def test_the_query_is_added_to_one_that_is_there(server, client):
    server.answers(Answer(200))
    client.send(replace(READ, path="/things?page=2", query={"key": "a b&c"}), changes=False)
    assert server.asked[0].query == {"page": "2", "key": "a b&c"}


def test_requests_are_taken_from_the_connections_budget_and_a_refusal_for_want_of_it_is_told(server):
    access = DictionaryAccess()
    access.budget = budget = ConnectionBudget("acme", Limits(), _no_ledger, access.clock, "here")
    client = HttpClient(server.url, access=access)
    server.answers(Answer(429, headers={"Retry-After": "20"}), Answer(200))
    assert client.send(READ, changes=False).status == 429
    before = access.clock.now()
    assert client.send(READ, changes=False).status == 200
    assert access.clock.now() - before == timedelta(seconds=20)
    assert (budget.requests, budget.throttles) == (2, 1)


def test_a_service_that_asks_to_be_left_alone_for_ever_is_answered_for_all_the_same(server):
    access = DictionaryAccess()
    access.budget = ConnectionBudget("acme", Limits(), _no_ledger, access.clock, "here")
    server.answers(Answer(429, headers={"Retry-After": "400000000000"}))
    assert HttpClient(server.url, access=access).send(WRITE, changes=True).status == 429


def _no_ledger():
    raise AssertionError("a connection without limits needs none")


def test_a_redirect_is_an_answer_like_any_other(server, client, elsewhere):
    server.answers(Answer(307, headers={"Location": f"{elsewhere.url}/things"}))
    assert client.send(WRITE, changes=True).is_redirect
    assert elsewhere.asked == []


def test_another_origin_is_refused_before_anything_is_sent(client, elsewhere):
    for address in (f"{elsewhere.url}/things", elsewhere.url.replace("http:", ""), "https://127.0.0.1/things"):
        with pytest.raises(Permanent, match="another host"):
            client.send(replace(READ, address=address), changes=False)
    assert elsewhere.asked == []


@pytest.mark.parametrize("address", ["{url}/api/things?page=2", "/api/things?page=2", "things?page=2", "?page=2"])
def test_an_address_that_the_server_gave_is_asked_within_its_origin(server, address):
    server.answers(Answer(200))
    HttpClient(f"{server.url}/api").send(replace(READ, address=address.format(url=server.url)), changes=False)
    assert (server.asked[0].path, server.asked[0].query) == ("/api/things", {"page": "2"})


def test_cookies_are_given_to_the_caller_and_not_kept(server, client):
    server.answers(Answer(200, cookies=("session=abc; Path=/; HttpOnly", "csrf=def")), Answer(200))
    assert dict(client.send(READ, changes=False).cookies) == {"session": "abc", "csrf": "def"}
    client.send(READ, changes=False)
    assert "cookie" not in server.asked[1].headers


def test_the_environments_proxy_is_not_used(server, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answers(Answer(200))
    assert HttpClient(server.url).send(READ, changes=False).status == 200


@pytest.mark.parametrize("value", [f"{SECRET}\r\nX-More: yes", f"{SECRET}\x00", f" {SECRET}", "schlüssel-" + SECRET])
def test_what_no_header_can_carry_is_not_sent_and_not_shown(server, client, value, known_values):
    known_values.add(SECRET)
    with pytest.raises(Permanent, match="was not sent") as refused:
        client.send(replace(READ, headers={"Authorization": value}), changes=False)
    assert SECRET not in f"{refused.value} {refused.value.__cause__!r}"
    assert server.asked == []


def test_nothing_is_logged(server, client, caplog):
    caplog.set_level(logging.DEBUG)
    server.answers(Answer(200, cookies=("session=abc",)))
    client.send(replace(READ, query={"key": SECRET}), changes=False)
    assert caplog.records == []


def test_a_body_that_is_not_json_has_no_document(server, client):
    server.answers(Answer(200, b"<html>"), Answer(200, b"\xff\xfe"), Answer(200, b"[" * 100_000), Answer(200, {"a": 1}))
    assert [client.send(READ, changes=False).document for _ in range(4)] == [None, None, None, {"a": 1}]


def test_a_request_and_an_answer_show_nothing_of_their_content(server, client):
    server.answers(Answer(200, {"token": SECRET}, headers={"X-Token": SECRET}, cookies=(f"s={SECRET}",)))
    request = replace(READ, headers={"Authorization": SECRET}, query={"key": SECRET}, body=SECRET.encode())
    assert SECRET not in repr(request) + repr(client.send(request, changes=False)) + repr(client)


# --- certificates ---


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for 127.0.0.1 that nobody vouches for, and a server's context with it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    both = tmp_path / "server.pem"
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    both.write_bytes(key.private_bytes(*form) + made.public_bytes(serialization.Encoding.PEM))
    public = tmp_path / "ca.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return public, context


def test_a_certificate_that_nobody_vouches_for_is_refused(certificate):
    _, context = certificate
    with scripted_server(context) as server, pytest.raises(Permanent, match="not trusted"):
        HttpClient(server.url).send(WRITE, changes=True)


def test_a_certificate_for_another_host_is_refused(certificate):
    ca_file, context = certificate
    with scripted_server(context) as server, pytest.raises(Permanent, match="not trusted"):
        HttpClient(server.url.replace("127.0.0.1", "localhost"), ca_file=ca_file).send(WRITE, changes=True)


def test_a_ca_of_ones_own_is_trusted(certificate):
    ca_file, context = certificate
    with scripted_server(context) as server:
        server.answers(Answer(200))
        assert HttpClient(server.url, ca_file=ca_file).send(READ, changes=False).status == 200


def test_a_ca_of_ones_own_makes_no_tls_of_a_plain_connection(server, certificate):
    ca_file, _ = certificate
    server.answers(Answer(200))
    assert HttpClient(server.url, ca_file=ca_file).send(READ, changes=False).status == 200


def test_a_ca_file_that_is_missing_is_told(tmp_path):
    with pytest.raises(Permanent, match="ca_file"):
        HttpClient("https://127.0.0.1", ca_file=tmp_path / "none.pem")


# --- addresses ---


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "http://127.0.0.1:8000",
        "http://localhost",
        "http://[::1]:80",
        "http://a.localhost",
    ],
)
def test_an_address_that_may_have_our_credentials(url):
    assert HttpConfig(url=url).url == url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://api.example.com", "plain http"),
        ("http://127.0.0.1.example.com", "plain http"),
        ("https://user:pass@example.com", "no credentials"),
        ("https://example.com/?key=1", "no query"),
        ("ftp://example.com", "not a URL"),
        ("example.com", "not a URL"),
        ("https://", "not a URL"),
        ("https://example.com:port", "not a URL"),
    ],
)
def test_an_address_that_may_not(url, problem):
    with pytest.raises(ValidationError, match=problem) as refused:
        HttpConfig(url=url)
    assert refused.value.errors()[0]["loc"] == ("url",)


def test_plain_http_to_another_machine_must_be_asked_for():
    assert HttpConfig(url="http://api.internal", allow_plain_http=True).url == "http://api.internal"
