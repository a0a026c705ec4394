"""A trial by a request, against a real server on loopback that writes down what it gets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from rotator.domain.contracts import Verdict, Verification
from rotator.domain.secret_value import SecretValue
from rotator.domain.trial import HttpTrial
from rotator.flow.trials import try_out
from tests.fakes.own_authority import own_authority
from tests.servers.process import free_ports

VALUE = "tok-correct-horse-battery"


class Service(ThreadingHTTPServer):
    """Answers with a status; the body repeats the token, as a careless service would."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status = 200
        self.more: dict[str, str] = {}
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.answers = threading.Event()
        self.answers.set()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Service
    protocol_version: ClassVar[str] = "HTTP/1.1"

    def _answer(self) -> None:
        self.server.asked.append((self.command, self.path, dict(self.headers)))
        self.server.answers.wait(10)
        body = str(self.headers).encode()
        self.send_response(self.server.status)
        for name, value in self.server.more.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815  http.server looks for these names

    def log_message(self, *_: Any) -> None:
        """Print nothing: the canary would hear of a value in a path."""


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.answers.set()
        server.shutdown()


@pytest.fixture
def trial(service: Service) -> HttpTrial:
    return HttpTrial(
        url=f"http://{service.place}/v1/me?deep=1",
        method="GET",
        header="Authorization",
        template="Bearer {{ token.value }}",
        expect=frozenset({200, 204}),
        timeout=timedelta(seconds=10),
    )


def asked(trial: HttpTrial, value: str = VALUE) -> Verification:
    return try_out(trial, SecretValue(value))


def test_the_token_is_sent_once_in_its_header_and_nowhere_else(service: Service, trial: HttpTrial) -> None:
    assert asked(trial).verdict is Verdict.VALID
    [(method, path, headers)] = service.asked
    assert (method, path) == ("GET", "/v1/me?deep=1")
    assert [name for name, value in headers.items() if VALUE in value] == ["Authorization"]
    assert headers["Authorization"] == f"Bearer {VALUE}"


@pytest.mark.parametrize("method", ["HEAD", "POST"])
def test_another_method_and_another_header(service: Service, trial: HttpTrial, method: str) -> None:
    other = replace(trial, method=method, header="X-Api-Key", template="Key {{ token.value }}")
    assert asked(other).verdict is Verdict.VALID
    [(used, _, headers)] = service.asked
    assert (used, headers["X-Api-Key"], "Authorization" in headers) == (method, f"Key {VALUE}", False)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (204, Verdict.VALID),
        (401, Verdict.INVALID),
        (403, Verdict.INVALID),
        (201, Verdict.INDETERMINATE),
        (404, Verdict.INDETERMINATE),
        (429, Verdict.INDETERMINATE),
        (503, Verdict.INDETERMINATE),
    ],
)
def test_a_status_is_the_whole_answer(service: Service, trial: HttpTrial, status: int, verdict: Verdict) -> None:
    service.status = status
    said = asked(trial)
    assert said.verdict is verdict
    assert said.reason == ("" if verdict is Verdict.VALID else f"{service.place} answered {status}.")


def test_a_redirect_is_not_followed_and_proves_nothing(service: Service, trial: HttpTrial) -> None:
    service.status, service.more = 302, {"Location": f"http://{service.place}/elsewhere"}
    said = asked(trial)
    assert (said.verdict, said.reason) == (Verdict.INDETERMINATE, f"{service.place} answered 302.")
    assert len(service.asked) == 1


def test_an_answer_that_does_not_come_proves_nothing(service: Service, trial: HttpTrial) -> None:
    service.answers.clear()
    said = asked(replace(trial, timeout=timedelta(milliseconds=50)))
    assert (said.verdict, said.reason) == (Verdict.INDETERMINATE, f"{service.place} did not answer (TimeoutError).")


def test_a_service_that_is_down_proves_nothing(trial: HttpTrial) -> None:
    [port] = free_ports(1)
    said = asked(replace(trial, url=f"http://127.0.0.1:{port}/"))
    assert said.verdict is Verdict.INDETERMINATE
    assert said.reason == f"127.0.0.1:{port} did not answer (ConnectionRefusedError)."


def test_a_server_without_a_certificate_that_is_trusted_gets_no_token(service: Service, trial: HttpTrial) -> None:
    said = asked(replace(trial, url=f"https://{service.place}/"))
    assert said.verdict is Verdict.INDETERMINATE
    assert service.asked == []


def test_a_server_with_a_certificate_that_is_trusted_gets_it(
    service: Service, trial: HttpTrial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = own_authority(tmp_path)
    service.socket = authority.server.wrap_socket(service.socket, server_side=True)
    secure = replace(trial, url=f"https://{service.place}/v1/me")
    assert asked(secure).verdict is Verdict.INDETERMINATE
    assert service.asked == []
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.ca_file))
    assert asked(secure).verdict is Verdict.VALID


@pytest.mark.parametrize("value", ["with\r\nX-Evil: a line break", "snow ☃ man"])
def test_a_value_that_no_header_can_carry_is_not_sent(service: Service, trial: HttpTrial, value: str) -> None:
    said = asked(trial, value)
    assert said.verdict is Verdict.INDETERMINATE
    assert said.reason == "the value has characters that no header can carry."
    assert service.asked == []


def test_proxies_of_the_environment_have_no_part_in_it(
    service: Service, trial: HttpTrial, monkeypatch: pytest.MonkeyPatch
) -> None:
    [port] = free_ports(1)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
    assert asked(trial).verdict is Verdict.VALID
