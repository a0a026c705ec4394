"""The JSON Schema of policy files and profiles, for editors: our keys, and those of every installed provider."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from rotator.config.file_format import ConnectionBlock, Defaults, IssuerBlock, PolicyBlock, StoreBlock
from rotator.config.plugins import Plugin, Plugins
from rotator.domain.contracts import IssuerPlugin, StorePlugin

Schema = dict[str, Any]

_NAME: Final = "^[a-z0-9][a-z0-9._-]*$"
_REFERRED: Final = re.compile(r'"#/\$defs/([^"]+)"')
_REFERENCE: Final = "^(env|file):."
_IN_A_STORE: Final = "CredentialInAStore"


def policy_schema(plugins: Plugins) -> Schema:
    """Give the schema of every file that may stand in a policies directory."""
    found = [plugins.find(name) for name in plugins.names()]
    issuers = [plugin for plugin in found if isinstance(plugin, IssuerPlugin)]
    stores = [plugin for plugin in found if isinstance(plugin, StorePlugin)]
    readers = [plugins.reader(kind) for kind in plugins.kinds()]
    models: list[type[BaseModel]] = [ConnectionBlock, Defaults, PolicyBlock, IssuerBlock, StoreBlock]
    models += [plugin.config for plugin in found]
    models += [plugin.options for plugin in issuers]
    models += [plugin.place for plugin in stores]
    models += [reader.model for reader in readers]
    drawn = _Drawn(models)
    policy = drawn.of(PolicyBlock)
    policy["properties"]["issuer"] = _any_of([drawn.joined(IssuerBlock, plugin.options, plugin) for plugin in issuers])
    policy["properties"]["stores"]["items"] = _any_of(
        [drawn.joined(StoreBlock, plugin.place, plugin) for plugin in stores]
    )
    readable = [plugin for plugin in stores if not plugin.write_only]
    drawn.add(_IN_A_STORE, _any_of([drawn.joined(StoreBlock, plugin.place, plugin) for plugin in readable]))
    policy_file = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "connections": {
                "description": "Configured providers, by name.",
                "type": "object",
                "propertyNames": {"pattern": _NAME},
                "additionalProperties": _connection(drawn, found),
            },
            "defaults": drawn.of(Defaults),
            "policies": {"description": "One for each secret.", "type": "array", "items": policy},
        },
    }
    profiles = [
        {"if": {"properties": {"kind": {"const": reader.kind}}}, "then": drawn.of(reader.model)} for reader in readers
    ]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Policies and profiles of rotate",
        "if": {"required": ["kind"]},
        "then": {"properties": {"kind": {"enum": list(plugins.kinds())}}, "allOf": profiles},
        "else": policy_file,
    }
    return schema | {"$defs": drawn.parts_of(schema)}


def _connection(drawn: _Drawn, found: list[Plugin]) -> Schema:
    """Let the provider's name decide which keys a connection has: editors complete and check by it."""
    branches = []
    for plugin in found:
        keys = drawn.joined(ConnectionBlock, plugin.config, plugin)
        keys["properties"]["provider"] = {"const": plugin.name}
        keys["properties"]["credentials"] = _credentials(plugin)
        if any(credential.required for credential in plugin.credentials):
            keys["required"].append("credentials")
        branches.append({"if": {"properties": {"provider": {"const": plugin.name}}}, "then": keys})
    choices = [{"const": plugin.name, "description": plugin.summary} for plugin in found]
    return {
        "type": "object",
        "required": ["provider"],
        "properties": {"provider": {"anyOf": choices}},
        "allOf": branches,
    }


def _credentials(plugin: Plugin) -> Schema:
    return {
        "description": "References, never values: env:NAME, file:PATH, or a place in a store that can be read.",
        "type": "object",
        "additionalProperties": False,
        "required": [credential.name for credential in plugin.credentials if credential.required],
        "properties": {
            credential.name: {
                "description": credential.what,
                "anyOf": [{"type": "string", "pattern": _REFERENCE}, {"$ref": f"#/$defs/{_IN_A_STORE}"}],
            }
            for credential in plugin.credentials
        },
    }


def _any_of(choices: list[Schema]) -> Schema:
    return {"anyOf": choices} if choices else {"type": "object"}


class _Drawn:
    """Schemas of models, drawn together so that parts that they share are there once."""

    def __init__(self, models: list[type[BaseModel]]) -> None:
        unique = list(dict.fromkeys(models))
        references, whole = models_json_schema([(model, "validation") for model in unique])
        self._parts: Schema = whole["$defs"]
        self._names = {model: str(reference["$ref"]).rpartition("/")[2] for (model, _), reference in references.items()}

    def of(self, model: type[BaseModel]) -> Schema:
        schema: Schema = deepcopy(self._parts[self._names[model]])
        return schema

    def add(self, name: str, part: Schema) -> None:
        """Make a part known under a name: it is drawn once, wherever it is referred to."""
        self._parts[name] = part

    def parts_of(self, schema: Schema) -> Schema:
        """Give the parts that a schema refers to, and those that they refer to."""
        needed: Schema = {}
        waiting = _REFERRED.findall(json.dumps(schema))
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed[name] = self._parts[name]
                waiting += _REFERRED.findall(json.dumps(needed[name]))
        return dict(sorted(needed.items()))

    def joined(self, ours: type[BaseModel], theirs: type[BaseModel], plugin: Plugin) -> Schema:
        """Give a part of the file that holds our keys and a plug-in's, and no others."""
        first, second = self.of(ours), self.of(theirs)
        return {
            "title": plugin.name,
            "description": plugin.summary,
            "type": "object",
            "properties": first["properties"] | second.get("properties", {}),
            "required": [*first.get("required", ()), *second.get("required", ())],
            "additionalProperties": second.get("additionalProperties", False),
        }
