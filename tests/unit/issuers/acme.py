"""Acme, an issuer that does not exist: a sound profile, and ways to open it against a scripted server."""

from __future__ import annotations

import copy
from typing import Any

import yaml

from rotator.domain.contracts import Issuer, IssueRequest
from rotator.domain.durations import Duration
from rotator.domain.model import TokenName
from rotator.testing.access import DictionaryAccess
from tests.contract.http_profiles import open_issuer, plugin
from tests.unit.issuers.scripted_server import Answer, ScriptedServer

ADMIN = "admin-4c1d9f0e8b7a"
VALUE = "ak_5f6e7d8c9b0a1f2e3d4c"

_PROFILE = yaml.safe_load("""
kind: HttpIssuer
name: acme
summary: keys of an Acme project
permissions: [key:write]
credentials: {admin: {what: a key}}
options:
  project: {required: true, what: the project}
  scopes: {type: list, what: what the key may do}
auth: {management: {type: bearer, value: "{{ credentials.admin }}"}}
token: {pattern: "ak_.*"}
error_code: error.code
limits:
  expiry: {format: rfc3339}
operations:
  create:
    request:
      method: POST
      path: /projects/{{ options.project }}/keys
      json: {name: "{{ name }}", scopes: "{{ options.scopes }}", expires: "{{ expiry }}"}
    responses:
      - {status: 201, outcome: ok}
      - {status: 409, when: error.code == 'quota', outcome: quota_exceeded}
      - {status: 503, when: error.code == 'maintenance', outcome: transient}
    extract: {handle: id, value: secret, expires_at: expires}
  list:
    request: {method: GET, path: "/projects/{{ options.project }}/keys", query: {size: 2}}
    responses: [{status: 200, outcome: ok}]
    items: keys
    extract: {handle: id, name: name, created_at: created, expires_at: expires}
  verify:
    request: {method: GET, path: /whoami, auth: {type: bearer, value: "{{ token.value }}"}}
    responses:
      - {status: 200, when: key, outcome: valid}
      - {status: 401, when: error.code == 'dead', outcome: invalid}
    extract: {handle: key}
    assert: {project: "{{ options.project }}"}
  revoke:
    request: {method: DELETE, path: "/projects/{{ options.project }}/keys/{{ token.handle }}"}
    responses: [{status: 204, outcome: ok}, {status: 404, when: error, outcome: already_gone}]
""")

CREATED = Answer(201, {"id": 7, "secret": VALUE, "expires": "2027-02-22T12:00:00Z"})


def profile(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give Acme's profile with some places changed: ``{"limits.max_active": 2}``. None takes a key out."""
    changed = copy.deepcopy(_PROFILE)
    for place, value in (changes or {}).items():
        *parents, last = [int(part) if part.isdigit() else part for part in place.split(".")]
        part = changed
        for name in parents:
            part = part[name] if isinstance(part, list) else part.setdefault(name, {})
        if value is None and isinstance(part, dict):
            part.pop(last, None)
        else:
            part[last] = value
    return changed


def open_acme(
    server: ScriptedServer,
    changes: dict[str, Any] | None = None,
    *,
    credentials: dict[str, str] | None = None,
    **options: Any,
) -> Issuer:
    described = plugin(profile(changes))
    access = DictionaryAccess(credentials or {"admin": ADMIN})
    return open_issuer(described, access, config={"url": server.url}, options={"project": "p1", **options})


def request(name: str = "app", lifetime: str | None = None) -> IssueRequest:
    now = DictionaryAccess().clock.now()
    return IssueRequest(TokenName(name), Duration.parse(lifetime) if lifetime else None, now)
