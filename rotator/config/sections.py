"""One policy file by itself: its sections, and the keys and types in them. Each part is validated alone, so that one
mistake hides no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from rotator.config.documents import Document, Spot
from rotator.config.file_format import ConnectionBlock, Defaults, PolicyBlock, check_name
from rotator.config.problems import did_you_mean, problems_from
from rotator.domain.errors import Problem

BlockT = TypeVar("BlockT", bound=BaseModel)
_SECTIONS: Final = ("connections", "defaults", "policies")


@dataclass(frozen=True)
class WrittenPolicy:
    """One policy as it stands in its file."""

    index: int
    """In the file's list."""
    block: PolicyBlock
    spot: Spot
    store_spots: tuple[Spot, ...]


@dataclass
class PolicyFile:
    """What stands in one file, as far as it is valid."""

    document: Document
    connections: dict[str, ConnectionBlock] = field(default_factory=dict)
    names: dict[str, Spot] = field(default_factory=dict)
    """Where each connection is named; those that are not valid, too."""
    defaults: Defaults = field(default_factory=Defaults.model_construct)
    _packed: list[str] = field(default_factory=list)
    """Policies as JSON. All of them wait here for the last file to be read, and models are ten times as large."""

    def pack(self, index: int, content: dict[str, Any]) -> None:
        """Keep a valid policy of the file, and where it stands, until it is asked for."""
        at = ("policies", index)
        spots = [self.document.spot((*at, "stores", place)) for place in range(len(content["stores"]))]
        self._packed.append(json.dumps((index, content, self.document.spot(at), spots)))

    def policies(self) -> Iterator[WrittenPolicy]:
        """Give the valid policies, each made when its turn comes."""
        for packed in self._packed:
            index, content, spot, spots = json.loads(packed)
            block = PolicyBlock.model_validate(content)
            yield WrittenPolicy(index, block, tuple(spot), tuple((line, column) for line, column in spots))


def read_sections(document: Document, problems: list[Problem]) -> PolicyFile:
    """Give what is valid, and add what is not to ``problems``."""
    file = PolicyFile(document)
    if not isinstance(document.data, dict):
        problems.append(document.problem("a policy file is a mapping", "begin with `policies:`", ()))
        return file
    for key in document.data:
        if key not in _SECTIONS:
            hint = did_you_mean(key, (*_SECTIONS, "kind"), "remove it")
            problems.append(document.problem(f"unknown key `{key}`", hint, (key,), at_key=True))
    _read_connections(file, problems)
    if "defaults" in document.data:
        defaults = _validated(Defaults, document, ("defaults",), document.data["defaults"], problems)
        file.defaults = defaults or file.defaults
    policies = document.data.get("policies", [])
    if not isinstance(policies, list):
        problems.append(document.problem("`policies`: must be a list", "begin each with `- name: …`", ("policies",)))
        return file
    for index, content in enumerate(policies):
        if _validated(PolicyBlock, document, ("policies", index), content, problems) is not None:
            file.pack(index, content)
    return file


def _read_connections(file: PolicyFile, problems: list[Problem]) -> None:
    document = file.document
    connections = document.data.get("connections", {})
    if not isinstance(connections, dict):
        remedy = "write `name: {provider: …}` lines"
        problems.append(document.problem("`connections`: must be a mapping", remedy, ("connections",)))
        return
    file.names = {name: document.key_spot(("connections", name)) for name in connections}
    for name, content in connections.items():
        at = ("connections", name)
        try:
            check_name(name)
        except ValueError as error:
            what, _, remedy = str(error).partition("; ")
            problems.append(document.problem(f"`{name}`: {what}", remedy, at, at_key=True))
        connection = _validated(ConnectionBlock, document, at, content, problems)
        if connection is not None:
            file.connections[name] = connection


def _validated(
    model: type[BlockT], document: Document, at: tuple[str | int, ...], content: object, problems: list[Problem]
) -> BlockT | None:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems += problems_from(error, document, at, model)
        return None
