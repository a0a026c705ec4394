"""A profile that would be unsafe is refused when it is loaded, with the place of each mistake."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from providers.issuers.http.plugin import PROFILE_READER
from tests.unit.issuers.acme import profile

VERIFY, REVOKE, CREATE = "operations.verify", "operations.revoke", "operations.create"
COPIED = "q7" + "Zk3mX9vB2nL8wR4tY6"
"""What a person might copy from a dashboard into a profile."""


def problems(changes):
    with pytest.raises(ValidationError) as refused:
        PROFILE_READER.model.model_validate(profile(changes))
    return {".".join(str(part) for part in error["loc"]): error["msg"] for error in refused.value.errors()}


def test_a_sound_profile_is_taken():
    assert PROFILE_READER.model.model_validate(profile()).name == "acme"


UNSAFE = {
    # a revoke that ends another token
    "a revoke without a token": ({f"{REVOKE}.request.path": "/keys"}, f"{REVOKE}.request.path"),
    "a revoke by a body without a token": (
        {f"{REVOKE}.request": {"method": "POST", "path": "/revoke", "json": {"all": True}}},
        f"{REVOKE}.request",
    ),
    "a delete that names its token only beside the path": (
        {f"{REVOKE}.request": {"method": "DELETE", "path": "/keys", "query": {"id": "{{ token.handle }}"}}},
        f"{REVOKE}.request.path",
    ),
    "a revoke of oneself": ({f"{REVOKE}.request.path": "/keys/self"}, f"{REVOKE}.request.path"),
    "a revoke of the current token": (
        {f"{REVOKE}.request.path": "/tokens/current/{{ token.handle }}"},
        f"{REVOKE}.request.path",
    ),
    "a revoke by value": ({f"{REVOKE}.request.path": "/keys/{{ token.value }}"}, f"{REVOKE}.request.path"),
    # a verify that proves nothing
    "a verify without `valid`": (
        {f"{VERIFY}.responses": [{"status": 401, "outcome": "invalid"}]},
        f"{VERIFY}.responses",
    ),
    "a verify without `invalid`": (
        {f"{VERIFY}.responses": [{"status": 200, "when": "key", "outcome": "valid"}]},
        f"{VERIFY}.responses",
    ),
    "a verify that takes a status for life": (
        {
            f"{VERIFY}.extract": {},
            f"{VERIFY}.responses": [{"status": 200, "outcome": "valid"}, {"status": 401, "outcome": "invalid"}],
        },
        f"{VERIFY}.responses.0",
    ),
    "a verify that takes a failing server for death": (
        {f"{VERIFY}.responses.1": {"status": [401, 500], "outcome": "invalid"}},
        f"{VERIFY}.responses.1",
    ),
    "a verify that takes a gateway's impatience for death": (
        {f"{VERIFY}.responses.1": {"status": [401, 408], "outcome": "invalid"}},
        f"{VERIFY}.responses.1",
    ),
    "a verify that takes a busy server for death": (
        {f"{VERIFY}.responses.1": {"status": 429, "outcome": "invalid"}},
        f"{VERIFY}.responses.1",
    ),
    "a verify without the value": ({f"{VERIFY}.request.auth": None}, f"{VERIFY}.request"),
    "a verify by the management account": (
        {f"{VERIFY}.request.auth": {"type": "bearer", "value": "{{ credentials.admin }}"}},
        f"{VERIFY}.request.auth.value",
    ),
    # a create that forgets a token
    "a create that takes a failing server for a refusal": (
        {f"{CREATE}.responses.2": {"status": [500, 503], "outcome": "transient"}},
        f"{CREATE}.responses.2",
    ),
    "a create that takes a gateway's impatience for a refusal": (
        {f"{CREATE}.responses.2": {"status": [400, 408, 422], "outcome": "invalid_request"}},
        f"{CREATE}.responses.2",
    ),
    "a create that takes a request given up for one that never was": (
        {f"{CREATE}.responses.2": {"status": 499, "outcome": "transient"}},
        f"{CREATE}.responses.2",
    ),
    "a create that cannot succeed": (
        {f"{CREATE}.responses": [{"status": 400, "outcome": "invalid_request"}]},
        f"{CREATE}.responses",
    ),
    # literal secrets
    "a literal bearer token": ({"auth.management.value": "abc"}, "auth.management.value"),
    "a literal in a header": (
        {f"{CREATE}.request.headers": {"X-Api-Key": "abc"}},
        f"{CREATE}.request.headers.X-Api-Key",
    ),
    "a literal among the credentials": (
        {
            "auth.management": {
                "type": "headers",
                "headers": {"X-Api-Key": "{{ credentials.admin }}", "X-Application-Key": "abc"},
            }
        },
        "auth.management.headers.X-Application-Key",
    ),
    "a literal in a body": ({f"{CREATE}.request.json": {"password": "abc"}}, f"{CREATE}.request.json.password"),
    "a literal of a secret's look in a query": (
        {"operations.list.request.query": {"team": COPIED}},
        "operations.list.request.query.team",
    ),
    "a literal beside a template": (
        {"auth.management.value": "{{ credentials.admin }}" + COPIED},
        "auth.management.value",
    ),
    "a literal of a known shape": (
        {f"{CREATE}.request.json": {"with": ["ghp_" + "a" * 20]}},
        f"{CREATE}.request.json.with.0",
    ),
    # what would fail later
    "choices of another type": ({"options.project": {"what": "x", "choices": [1]}}, "options.project"),
    "choices without the default": (
        {"options.project": {"what": "x", "choices": ["a"], "default": "b"}},
        "options.project",
    ),
    "an unknown key": ({"operations.create.retries": 3}, "operations.create.retries"),
    "an unknown outcome": ({f"{REVOKE}.responses.0.outcome": "gone"}, f"{REVOKE}.responses.0.outcome"),
    "a rule that never matches": (
        {f"{REVOKE}.responses": [{"status": [200, 204], "outcome": "ok"}, {"status": 204, "outcome": "already_gone"}]},
        f"{REVOKE}.responses.1",
    ),
    "the same rule twice": (
        {f"{VERIFY}.responses.0": {"status": 401, "when": "error.code == 'dead'", "outcome": "valid"}},
        f"{VERIFY}.responses.1",
    ),
    "a rule about nothing": ({f"{REVOKE}.responses.0": {"outcome": "ok"}}, f"{REVOKE}.responses.0"),
    "a status that is none": ({f"{REVOKE}.responses.0.status": 20}, f"{REVOKE}.responses.0.status.0"),
    "a broken expression": ({"operations.list.items": "keys[?"}, "operations.list.items"),
    "a broken expression in a rule": ({f"{VERIFY}.responses.0.when": "a =="}, f"{VERIFY}.responses.0.when"),
    "a broken template": ({f"{CREATE}.request.json": {"a": ["{{ name"]}}, f"{CREATE}.request.json.a.0"),
    "an undeclared option": ({f"{CREATE}.request.path": "/{{ options.team }}"}, f"{CREATE}.request.path"),
    "an undeclared credential": ({"auth.management.value": "{{ credentials.root }}"}, "auth.management.value"),
    "an option as a whole": ({f"{CREATE}.request.json": {"all": "{{ options }}"}}, f"{CREATE}.request.json.all"),
    "a secret where none is sent": (
        {f"{CREATE}.request.json.a": "{{ credentials.admin }}"},
        f"{CREATE}.request.json.a",
    ),
    "a variable of another operation": (
        {f"{REVOKE}.request.path": "/{{ name }}/{{ token.handle }}"},
        f"{REVOKE}.request.path",
    ),
    "a path without a slash": ({f"{CREATE}.request.path": "keys"}, f"{CREATE}.request.path"),
    "two bodies": ({f"{CREATE}.request.form": {"a": "b"}}, f"{CREATE}.request"),
    "an auth of no kind": ({"auth.management": {"type": "magic"}}, "auth.management"),
    "an auth without its value": ({"auth.management": {"type": "bearer"}}, "auth.management.value"),
    "paging of no kind": ({"operations.list.paginate": {"type": "scroll"}}, "operations.list.paginate"),
    "a broken pattern": ({"token.pattern": "("}, "token.pattern"),
    "an enum without words": ({"limits.expiry": {"format": "enum"}}, "limits.expiry"),
    "an expiry that cannot be written": ({"limits.expiry": {"required": True}}, "limits.expiry.format"),
    "names that cannot be": ({"limits.name": {"min": 9, "max": 3}}, "limits.name.min"),
    "a default of another type": ({"options.scopes.default": "read"}, "options.scopes"),
    "a default that is never used": ({"options.project.default": "p1"}, "options.project"),
    "an option whose name is taken": ({"options.connection": {"what": "x"}}, "options.connection"),
    "a setting whose name is taken": ({"settings.url": {"what": "x"}}, "settings.url"),
    "a name with blanks": ({"name": "Acme Inc"}, "name"),
    "a default address that sends credentials in plain text": ({"url": "http://api.acme.example"}, "url"),
    "a duration that is none": ({"limits.propagation.revoke": "soon"}, "limits.propagation.revoke"),
}


@pytest.mark.parametrize(("changes", "place"), UNSAFE.values(), ids=UNSAFE)
def test_a_profile_is_refused_for(changes, place):
    assert place in problems(changes)


def test_every_mistake_is_told_at_once():
    found = problems({f"{REVOKE}.request.path": "/keys", "auth.management.value": "abc", f"{VERIFY}.responses": [
        {"status": 200, "when": "key", "outcome": "valid"}]})  # fmt: skip
    assert set(found) == {f"{REVOKE}.request.path", "auth.management.value", f"{VERIFY}.responses"}


def test_a_mistake_is_told_with_what_may_be_written_instead():
    assert "options.project" in problems({f"{CREATE}.request.path": "/{{ options.team }}"})[f"{CREATE}.request.path"]


def test_a_literal_secret_is_not_repeated():
    assert COPIED not in str(problems({"operations.list.request.query": {"team": COPIED}}))


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "application/vnd.heroku+json; version=3"},
        {"X-Kind": "rotation-of-production-credentials"},
        {"X-Request": "{{ options.project }}/{{ name }}"},
    ],
)
def test_ordinary_words_are_no_secret(headers):
    assert PROFILE_READER.model.model_validate(profile({f"{CREATE}.request.headers": headers}))
