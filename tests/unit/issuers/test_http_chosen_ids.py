"""An issuer that takes ids which we choose: a lost answer loses no token, and a request sent twice makes one."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from providers.issuers.http.plugin import PROFILE_READER
from rotator.domain.errors import Ambiguous
from tests.unit.issuers.acme import open_acme, profile, request
from tests.unit.issuers.scripted_server import Answer, Lost

CHOSEN = {
    "token.pattern": None,
    "operations.create.chosen": "uuid",
    "operations.create.request.json": {"id": "{{ chosen.handle }}", "secret": "{{ chosen.value }}"},
    "operations.verify.assert": {},
}


def sent(server):
    return server.asked[0].json


def test_the_ids_that_we_chose_are_sent(server):
    server.answers(Answer(201, {"id": "a", "secret": "b"}))
    open_acme(server, CHOSEN).issue(request("app-7f"))
    assert len(sent(server)["id"]) == len(sent(server)["secret"]) == 36


def test_the_handle_follows_from_the_name_and_the_value_from_nothing(server):
    server.answers(*[Answer(201, {"id": "a", "secret": "b"})] * 3)
    for name in ("app-7f", "app-7f", "app-80"):
        open_acme(server, CHOSEN).issue(request(name))
    first, again, other = (asked.json for asked in server.asked)
    assert first["id"] == again["id"] != other["id"]
    assert len({first["secret"], again["secret"], other["secret"]}) == 3


def test_a_token_whose_answer_was_lost_is_read_back(server):
    server.answers(Lost())
    issuer = open_acme(server, CHOSEN)
    server.at["GET /whoami"] = KnownBy(server)
    issued = issuer.issue(request("app-7f", "1 day"))
    assert server.paths == ["POST /projects/p1/keys", "GET /whoami"]
    assert issued.handle == sent(server)["id"]
    assert issued.value.reveal() == sent(server)["secret"]
    assert (issued.name, issued.expires_at) == ("app-7f", request(lifetime="1 day").lifetime.after(request().now))


@pytest.mark.parametrize(
    "answer",
    [Answer(401, {"error": {"code": "dead"}}), Answer(503), Answer(200, {"key": "somebody-elses"}), Lost()],
    ids=["unknown", "out of order", "another handle", "no answer"],
)
def test_what_cannot_be_read_back_stays_ambiguous(server, answer):
    server.answers(Answer(502), answer)
    with pytest.raises(Ambiguous):
        open_acme(server, CHOSEN).issue(request())
    assert [asked.method for asked in server.asked] == ["POST", "GET"]


@pytest.mark.parametrize(
    "changes",
    [
        {"operations.create.request.json": {"id": "{{ chosen.handle }}"}},
        {"operations.verify.extract": {}},
        {"operations.create.chosen": None},
    ],
    ids=["a value that is not sent", "a verify without handle", "ids that nobody chose"],
)
def test_a_profile_that_cannot_keep_the_promise_is_refused(changes):
    with pytest.raises(ValidationError, match="chosen"):
        PROFILE_READER.model.model_validate(profile(CHOSEN | changes))


class KnownBy(Answer):
    """What an issuer answers that did make the token: it knows the value by the handle that it was sent."""

    def __init__(self, server):
        super().__init__()
        object.__setattr__(self, "server", server)

    @property
    def content(self) -> bytes:
        created, asked = self.server.asked[0].json, self.server.asked[-1]
        assert asked.headers["authorization"] == f"Bearer {created['secret']}"
        return Answer(200, {"key": created["id"]}).content
