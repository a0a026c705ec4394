"""A service may answer in plain text: a rule's ``text`` must match the whole of it."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from providers.issuers.http.plugin import PROFILE_READER
from rotator.domain.contracts import Revocation, Verdict
from rotator.domain.errors import Ambiguous, Permanent
from rotator.domain.model import Handle
from rotator.domain.secret_value import SecretValue
from tests.unit.issuers.acme import VALUE, open_acme, profile, request
from tests.unit.issuers.scripted_server import Answer

VERIFY, REVOKE, CREATE = "operations.verify", "operations.revoke", "operations.create"
PLAIN = {
    f"{VERIFY}.responses.1": {"status": 403, "text": "key not found", "outcome": "invalid"},
    f"{REVOKE}.responses.1": {"status": 404, "text": "no such key", "outcome": "already_gone"},
    f"{CREATE}.responses.2": {"status": 500, "text": "Invalid name .*", "outcome": "invalid_request"},
}


def test_the_text_that_the_service_gives_for_a_dead_token_proves_a_death(server):
    server.answers(Answer(403, b"key not found\n"))
    assert open_acme(server, PLAIN).verify(SecretValue(VALUE)).verdict is Verdict.INVALID


@pytest.mark.parametrize("body", [b"", b"<h1>key not found</h1>", b"key not found for this team", b"\xff\xfe"])
def test_any_other_text_proves_nothing(server, body):
    server.answers(Answer(403, body))
    assert open_acme(server, PLAIN).verify(SecretValue(VALUE)).verdict is Verdict.INDETERMINATE


def test_a_text_tells_what_is_gone_already(server):
    server.answers(Answer(404, b"no such key"))
    assert open_acme(server, PLAIN).revoke(Handle("7")) is Revocation.ALREADY_GONE


def test_a_text_may_prove_that_a_failing_server_made_nothing(server):
    server.answers(Answer(500, b"Invalid name 'app'"), Answer(500, b"Internal error"))
    issuer = open_acme(server, PLAIN)
    with pytest.raises(Permanent) as refused:
        issuer.issue(request())
    assert "Invalid name" not in str(refused.value)
    with pytest.raises(Ambiguous):
        issuer.issue(request())


def test_a_rule_that_only_another_text_tells_apart_can_be_reached():
    rules = [
        {"status": 200, "when": "key", "outcome": "valid"},
        {"status": 403, "text": "key not found", "outcome": "invalid"},
        {"status": 403, "text": "key expired", "outcome": "invalid"},
    ]
    assert PROFILE_READER.model.model_validate(profile({f"{VERIFY}.responses": rules}))
    rules[2]["text"] = "key not found"
    with pytest.raises(ValidationError, match="an earlier rule matches"):
        PROFILE_READER.model.model_validate(profile({f"{VERIFY}.responses": rules}))
