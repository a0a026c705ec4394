"""What an answer of Vault's means: its family, and a sentence that helps. Answers that a test server will not give."""

from __future__ import annotations

import ssl
from datetime import timedelta

import pytest
import requests

from providers.stores.vault.failures import Doing, Garbled, Refused, Server, part, translated
from providers.stores.vault.health import Health, health_told
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary

READING = Doing("read `secret/data/app`", needs="`read` on `secret/data/app`")
WRITING = Doing("write `secret/data/app`", needs="`create` and `update` on `secret/data/app`", changes=True)


def refused(status: int, body: str = '{"errors": ["because"]}', **headers: str) -> Refused:
    response = requests.Response()
    response.status_code = status
    response._content = body.encode()
    response.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return Refused(response)


def outcome(error: Exception, doing: Doing, health: Health = Health.UNKNOWN) -> RotatorError:
    server = Server("Vault at vault:8200", lambda: health)
    with pytest.raises(RotatorError) as caught, translated(server, doing):
        raise error
    assert caught.value.__cause__ is error
    return caught.value


WAITING = "Waiting for the primary to upgrade from non-versioned to versioned data. This backend will be unavailable"


@pytest.mark.parametrize(
    ("status", "body", "reading", "writing"),
    [
        (400, '{"errors": ["no data provided"]}', Permanent, Permanent),
        (400, '{"errors": ["Upgrading from non-versioned to versioned data."]}', Temporary, Temporary),
        (400, f'{{"errors": ["{WAITING}"]}}', Temporary, Temporary),
        (403, '{"errors": ["permission denied"]}', Permanent, Permanent),
        (404, '{"errors": ["no handler for route"]}', Permanent, Permanent),
        (408, "", Temporary, Ambiguous),
        (412, '{"errors": ["required index state not present"]}', Temporary, Temporary),
        (429, "", Temporary, Temporary),
        (500, '{"errors": ["storage"]}', Temporary, Ambiguous),
        (502, "<html>", Temporary, Ambiguous),
        (503, '{"errors": ["Vault is sealed"]}', Temporary, Temporary),
        (503, "<html>", Temporary, Ambiguous),
        (504, "", Temporary, Ambiguous),
        (307, "", Permanent, Permanent),
        (418, "teapot", Permanent, Permanent),
    ],
)
def test_each_refusal_has_its_family(
    status: int, body: str, reading: type[RotatorError], writing: type[RotatorError]
) -> None:
    assert type(outcome(refused(status, body), READING)) is reading
    assert type(outcome(refused(status, body), WRITING)) is writing


def test_a_refusal_by_policy_reads_well() -> None:
    assert str(outcome(refused(403), WRITING)) == (
        "Vault at vault:8200 answered 403 when asked to write `secret/data/app`. The token is good, but its policy "
        "does not allow this. Grant `create` and `update` on `secret/data/app`; see deploy/permissions/vault.hcl."
    )


@pytest.mark.parametrize(
    ("health", "status", "body", "reading", "writing", "says"),
    [
        (Health.STANDBY, 307, "", Temporary, Ambiguous, "It is a standby node"),
        (Health.STANDBY, 503, '{"errors": ["no active Vault instance found"]}', Temporary, Ambiguous, "standby"),
        (Health.PERFORMANCE_STANDBY, 500, '{"errors": []}', Temporary, Ambiguous, "It is a performance standby"),
        (Health.ACTIVE, 307, "", Temporary, Ambiguous, "another node of the cluster"),
        (Health.ACTIVE, 301, "", Permanent, Permanent, "redirect"),
        (Health.UNKNOWN, 307, "", Permanent, Permanent, "redirect"),
        (Health.SEALED, 503, '{"errors": ["Vault is sealed"]}', Temporary, Temporary, "unseal it"),
        (Health.UNINITIALISED, 503, '{"errors": ["Vault is sealed"]}', NeedsOperator, NeedsOperator, "initialised"),
        (Health.SECONDARY, 503, "", Permanent, Permanent, "set `url` to the primary"),
        (Health.UNKNOWN, 400, '{"errors": ["path disabled in replication DR secondary mode"]}', Permanent, Permanent,
         "set `url` to the primary"),
    ],
)  # fmt: skip
def test_what_a_node_says_of_itself_decides_what_its_refusal_means(
    health: Health, status: int, body: str, reading: type[RotatorError], writing: type[RotatorError], says: str
) -> None:
    for doing, family in ((READING, reading), (WRITING, writing)):
        error = outcome(refused(status, body), doing, health)
        assert type(error) is family
        assert says in str(error)


@pytest.mark.parametrize(
    ("status", "health"),
    [
        (200, Health.ACTIVE),
        (429, Health.STANDBY),
        (472, Health.SECONDARY),
        (473, Health.PERFORMANCE_STANDBY),
        (501, Health.UNINITIALISED),
        (503, Health.SEALED),
        (404, Health.UNKNOWN),
    ],
)
def test_a_nodes_health_is_in_the_status_of_its_own_answers_only(status: int, health: Health) -> None:
    assert health_told(status, {"initialized": True}) is health
    for page in (None, [], {"message": "too many requests"}):
        assert health_told(status, page) is Health.UNKNOWN


@pytest.mark.parametrize(
    ("header", "wait"), [("7", timedelta(seconds=7)), ("soon", None), ("", None), ("9" * 20, None)]
)
def test_the_wait_that_a_server_asks_for_is_passed_on(header: str, wait: timedelta | None) -> None:
    error = outcome(refused(429, Retry_After=header), READING)
    assert isinstance(error, Temporary)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    "body", ['{"errors": "text"}', '{"errors": null}', '{"data": []}', '{"data": {"metadata": []}}', "[]", "7", ""]
)
def test_a_refusal_of_an_unheard_of_shape_is_still_read(body: str) -> None:
    made = refused(404, body)
    assert (made.found_nothing, made.deleted_version) == (False, None)


@pytest.mark.parametrize(
    ("error", "reading", "writing"),
    [
        (requests.exceptions.ConnectTimeout(), Temporary, Temporary),
        (requests.exceptions.ReadTimeout(), Temporary, Ambiguous),
        (requests.exceptions.ConnectionError("reset by peer"), Temporary, Ambiguous),
        (requests.exceptions.ChunkedEncodingError(), Temporary, Ambiguous),
        (requests.exceptions.SSLError("a fatal alert, or garbage in an answer"), Temporary, Ambiguous),
        (
            requests.exceptions.SSLError(ssl.SSLCertVerificationError("unknown issuer")),
            Permanent,
            Permanent,
        ),
        (OSError("no such file"), Permanent, Permanent),
        (Garbled("no version"), Permanent, Ambiguous),
    ],
)
def test_each_lost_answer_has_its_family(
    error: Exception, reading: type[RotatorError], writing: type[RotatorError]
) -> None:
    assert type(outcome(error, READING)) is reading
    assert type(outcome(error, WRITING)) is writing


def test_our_own_errors_pass_as_they_are() -> None:
    ours = NeedsOperator("a person is needed")
    with (
        pytest.raises(NeedsOperator) as caught,
        translated(Server("Vault at vault:8200", lambda: Health.ACTIVE), WRITING),
    ):
        raise ours
    assert caught.value is ours


@pytest.mark.parametrize("answer", [None, [], {}, {"data": None}, {"data": {"version": "2"}}])
def test_a_part_that_is_not_there_or_of_another_kind_is_garbled(answer: object) -> None:
    with pytest.raises(Garbled):
        part(answer, int, "data", "version")
    assert part({"data": {"version": 2}}, int, "data", "version") == 2
