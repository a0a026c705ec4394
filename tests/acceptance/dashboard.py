"""A service whose tokens only people can make: the sandbox, of which Rotator knows nothing but how to ask it."""

from __future__ import annotations

from typing import Final

DASHBOARD: Final = """\
kind: AssistedIssuer
name: a-dashboard
summary: tokens that only a person can make
url: http://127.0.0.1:8600
page: {link: "https://dashboard.example/tokens", make: New token, delete: Delete, compromised: tell its makers}
limits: {max_active: 5, name: {max: 40}}
verify:
  request: {method: GET, path: /v1/self, auth: {type: bearer, value: "{{ token.value }}"}}
  responses: [{status: 200, when: id, outcome: valid}, {status: 401, outcome: invalid}]
"""
