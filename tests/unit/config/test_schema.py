"""The JSON schema agrees with what is loaded: it takes every sample, and refuses what an editor should mark."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from rotator.config.plugins import Plugins
from rotator.config.schema import policy_schema
from tests.unit.config.small_plugins import small_plugins

ROOT = Path(__file__).parents[3]
SMALL = jsonschema.Draft202012Validator(policy_schema(small_plugins()))


def test_the_schema_in_the_samples_is_current():
    assert json.loads((ROOT / "policies" / "schema.json").read_text()) == policy_schema(Plugins()), (
        "write it anew: rotate schema > policies/schema.json"
    )


def test_the_schema_is_itself_valid_and_whole():
    schema = policy_schema(Plugins())
    jsonschema.Draft202012Validator.check_schema(schema)
    referred = set(re.findall(r"#/\$defs/([^\"]+)", json.dumps(schema)))
    assert referred == set(schema["$defs"])


@pytest.mark.parametrize("file", sorted((ROOT / "policies").glob("*.yaml")), ids=lambda file: file.name)
def test_the_schema_takes_every_sample(file):
    jsonschema.validate(yaml.safe_load(file.read_text()), policy_schema(Plugins()))


CONNECTION = "connections: {a: {provider: saas, credentials: {email: env:E}}}"
STORE = "stores: [{connection: c, path: p}]"


@pytest.mark.parametrize(
    "text",
    [
        CONNECTION,
        "connections: {a: {provider: saas, credentials: {email: {connection: c, path: p}}}}",
        "kind: SmallIssuer\nname: mine",
        "defaults: {schedule: never, tags: [a]}",
        f"policies: [{{name: a, issuer: {{connection: a, user: b}}, {STORE}, schedule: {{every: 9 days, splay: 0}}}}]",
    ],
)
def test_the_schema_takes_what_loads(text):
    SMALL.validate(yaml.safe_load(text))


@pytest.mark.parametrize(
    "text",
    [
        "policy: []",
        "connections: {a: {provider: sass}}",
        "connections: {a: {provider: saas}}",
        "connections: {a: {provider: saas, credentials: {email: hunter2}}}",
        "connections: {a: {provider: saas, credentials: {email: env:E, emial: env:E}}}",
        "connections: {a: {provider: saas, credentials: {email: {connection: c, pth: p}}}}",
        "connections: {a: {provider: cabinet, url: u, team_id: 1}}",
        "connections: {A: {provider: cabinet, url: u}}",
        f"policies: [{{name: a, {STORE}}}]",
        "policies: [{name: a, issuer: {connection: a}, stores: []}]",
        "policies: [{name: a, issuer: {connection: a}, stores: [{connection: c, pth: p}]}]",
        f"policies: [{{name: a, issuer: {{connection: a, usr: bob}}, {STORE}}}]",
        f"policies: [{{name: a, issuer: {{connection: a}}, {STORE}, schedule: sometimes}}]",
        "kind: SmallIssuer",
        "kind: OtherIssuer\nname: x",
    ],
)
def test_the_schema_marks_what_does_not_load(text):
    assert not SMALL.is_valid(yaml.safe_load(text))
