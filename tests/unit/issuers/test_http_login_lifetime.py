"""A login that says how long it lasts is made anew before it ends, so that no create meets its end."""

from __future__ import annotations

from datetime import timedelta

import pytest

from providers.issuers.http.plugin import PROFILE_READER
from rotator.testing.access import DictionaryAccess
from tests.contract.http_profiles import open_issuer
from tests.unit.issuers.acme import CREATED, profile, request
from tests.unit.issuers.scripted_server import Answer

LOGIN = {
    "auth.management": {
        "type": "cookie_session",
        "steps": [
            {
                "request": {"method": "POST", "path": "/login", "json": {"key": "{{ credentials.admin }}"}},
                "responses": [{"status": 200, "when": "jwt", "outcome": "ok"}],
                "capture": {"jwt": "jwt"},
            }
        ],
        "headers": {"Authorization": "Bearer {{ session.jwt }}"},
        "relogin_when": [{"status": 401}],
        "lifetime": "10 min",
    }
}


@pytest.fixture
def access():
    return DictionaryAccess({"admin": "correct-horse"})


@pytest.fixture
def issuer(server, access):
    described = PROFILE_READER.plugin(PROFILE_READER.model.model_validate(profile(LOGIN)))
    return open_issuer(described, access, config={"url": server.url}, options={"project": "p1"})


def test_a_login_is_kept_while_it_lasts(server, access, issuer):
    server.answers(Answer(200, {"jwt": "first"}), CREATED, CREATED)
    issuer.issue(request())
    access.clock.wait(timedelta(minutes=9))
    issuer.issue(request())
    assert server.paths == ["POST /login", "POST /projects/p1/keys", "POST /projects/p1/keys"]


def test_a_create_after_its_end_is_sent_with_a_new_one(server, access, issuer):
    server.answers(Answer(200, {"jwt": "first"}), CREATED, Answer(200, {"jwt": "second"}), CREATED)
    issuer.issue(request())
    access.clock.wait(timedelta(minutes=10))
    issuer.issue(request())
    assert server.paths == ["POST /login", "POST /projects/p1/keys"] * 2
    assert server.asked[-1].headers["authorization"] == "Bearer second"
