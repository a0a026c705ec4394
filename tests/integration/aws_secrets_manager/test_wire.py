"""How requests travel that boto3 has signed: over our connections, or through a proxy that the environment names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from providers.stores.aws_secrets_manager.plugin import AwsPlace
from rotator.domain.errors import Ambiguous, Permanent, Temporary
from rotator.domain.limits import Limits
from rotator.flow.budget import ConnectionBudget
from rotator.testing.store_contract import fresh, held, publish, version_of
from tests.fakes.own_authority import OwnAuthority, own_authority
from tests.fakes.secrets_manager import Secret, SecretsManager
from tests.fakes.tls_gateway import tls_gateway
from tests.integration.aws_secrets_manager.setting import access_with, store_at
from tests.unit.issuers.raw_server import Link, head, raw_server

PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
READ = json.dumps(
    {"SecretString": '{"token": "start"}', "VersionId": "v" * 36, "VersionStages": ["AWSCURRENT"]}
).encode()


@pytest.fixture(autouse=True)
def _an_environment_without_settings_for_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXY_VARIABLES, "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr("time.sleep", lambda _: None)  # botocore's own pauses between its three tries


@pytest.fixture
def authority(tmp_path: Path) -> OwnAuthority:
    return own_authority(tmp_path)


@pytest.fixture
def guarded(fake: SecretsManager, authority: OwnAuthority) -> Iterator[str]:
    """Give the fake's address behind TLS."""
    with tls_gateway(fake.url, authority.server) as url:
        yield url


@pytest.mark.parametrize("variable", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE"])
def test_the_authorities_that_aws_settings_name_are_trusted(
    guarded: str,
    authority: OwnAuthority,
    secret: Secret,
    place: AwsPlace,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, str(authority.ca_file))
    store, value = store_at(guarded, access_with("AKIA", "not-a-key")), fresh()
    publish(store, place, value)
    assert held(store.current(place)) == value.reveal()


def test_an_authority_that_nobody_named_is_not_trusted_and_gets_nothing(
    fake: SecretsManager, guarded: str, secret: Secret, place: AwsPlace
) -> None:
    with pytest.raises(Permanent, match="not trusted") as raised:
        store_at(guarded, access_with("AKIA", "not-a-key")).current(place)
    assert "AWS_CA_BUNDLE" in str(raised.value)
    assert fake.calls == []


@pytest.mark.parametrize("content", [None, "garbage"])
def test_a_file_of_authorities_that_cannot_be_used_is_told_by_its_name(
    guarded: str, place: AwsPlace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    file = tmp_path / "authorities.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    with pytest.raises(Permanent, match=r"authorities\.pem cannot be used") as raised:
        store_at(guarded, access_with("AKIA", "not-a-key")).current(place)
    assert "AWS_CA_BUNDLE" in raised.value.remedy


@pytest.mark.parametrize("key_id", ["AKIA1234\n", "AKIA1234…"])
def test_credentials_that_no_header_can_carry_are_not_sent_and_not_told(
    fake: SecretsManager, place: AwsPlace, key_id: str
) -> None:
    with pytest.raises(Permanent, match="was not asked") as raised:
        store_at(fake.url, access_with(key_id, "not-a-key")).current(place)
    assert "AKIA" not in f"{raised.value} {raised.value.__cause__!r} {raised.value.__cause__.__context__!r}"
    assert "credentials" in raised.value.remedy
    assert fake.calls == []


def test_a_write_that_met_an_untrusted_server_at_its_last_try_may_have_arrived_before(
    guarded: str, secret: Secret, place: AwsPlace
) -> None:
    with pytest.raises(Ambiguous):
        store_at(guarded, access_with("AKIA", "not-a-key"))._call("PutSecretValue", place.secret, SecretString="{}")


def test_requests_share_a_connection(secret: Secret, place: AwsPlace) -> None:
    answer = head(f"Content-Length: {len(READ)}") + READ
    with raw_server(lambda link: link.answers(answer, answer, answer)) as aws:
        store = store_at(aws.url, access_with("AKIA", "not-a-key"))
        assert [version_of(store.current(place)) for _ in range(3)] == ["v" * 36] * 3
        assert aws.connections == 1


def test_a_proxy_that_the_environment_names_is_asked(place: AwsPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(lambda link: link.answers(head(f"Content-Length: {len(READ)}") + READ)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        store = store_at("http://aws.example", access_with("AKIA", "not-a-key"), allow_plain_http=True)
        assert held(store.current(place)) == "start"
        assert proxy.requests[0].startswith(b"POST http://aws.example/ HTTP/1.1\r\n")


def test_a_host_that_is_excepted_from_the_proxy_is_asked_itself(
    fake: SecretsManager, secret: Secret, place: AwsPlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert held(store_at(fake.url, access_with("AKIA", "not-a-key")).current(place)) == "start"


def test_an_answer_that_never_comes_is_asked_for_three_times(place: AwsPlace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("providers.aws.wire.ANSWER_SECONDS", 0.2)

    def silent(link: Link) -> None:
        link.request()
        link.until_hung_up()

    with raw_server(silent, silent, silent) as aws:
        with pytest.raises(Temporary, match="ReadTimeoutError"):
            store_at(aws.url, access_with("AKIA", "not-a-key")).current(place)
        assert len(aws.requests) == 3


@pytest.mark.parametrize("body", [b"[]", b"null", b'{"VersionStages": 5}', b"[" * 100_000, b"\xff"])
def test_an_answer_that_is_none_of_awss_is_lost_and_not_shown(place: AwsPlace, body: bytes) -> None:
    answer = head(f"Content-Length: {len(body)}") + body
    with raw_server(lambda link: link.answers(answer, answer)) as aws:
        store = store_at(aws.url, access_with("AKIA", "not-a-key"))
        with pytest.raises(Ambiguous, match="could not be read") as lost:
            store._call("PutSecretValue", place.secret, SecretString="{}")
        assert lost.value.__cause__ is lost.value.__context__ is None
        with pytest.raises(Temporary, match="could not be read"):
            store._call("GetSecretValue", place.secret)


@pytest.mark.parametrize("answer", [b"", head("Content-Length: 0", status="503 Service Unavailable")])
def test_an_aws_that_does_not_answer_is_left_alone_for_a_while(place: AwsPlace, answer: bytes) -> None:
    access = access_with("AKIA", "not-a-key")
    access.budget = budget = ConnectionBudget("aws", Limits(), _no_ledger, access.clock, "here")
    with raw_server(*[lambda link: link.answers(answer)] * 15) as aws:
        store = store_at(aws.url, access)
        for _ in range(5):
            assert budget.rests_until() is None
            with pytest.raises(Temporary):
                store.current(place)
    assert budget.rests_until() is not None


def _no_ledger() -> NoReturn:
    raise AssertionError("a connection without limits needs none")
