"""One policy file by itself: its sections, and the keys and types in them. Each part is validated alone, so that one
mistake hides no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from rotator.config.documents import Document
from rotator.config.file_format import ConnectionBlock, Defaults, PolicyBlock, check_name
from rotator.config.problems import did_you_mean, problems_from
from rotator.domain.errors import Problem

BlockT = TypeVar("BlockT", bound=BaseModel)
_SECTIONS: Final = ("connections", "defaults", "policies")


@dataclass
class PolicyFile:
    """What stands in one file, as far as it is valid; ``names`` are those of connections that are not, too."""

    document: Document
    connections: dict[str, ConnectionBlock] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    defaults: Defaults = field(default_factory=Defaults)
    policies: list[tuple[int, PolicyBlock]] = field(default_factory=list)
    """Each with its index in the file's list."""


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
        policy = _validated(PolicyBlock, document, ("policies", index), content, problems)
        if policy is not None:
            file.policies.append((index, policy))
    return file


def _read_connections(file: PolicyFile, problems: list[Problem]) -> None:
    document = file.document
    connections = document.data.get("connections", {})
    if not isinstance(connections, dict):
        remedy = "write `name: {provider: …}` lines"
        problems.append(document.problem("`connections`: must be a mapping", remedy, ("connections",)))
        return
    file.names = tuple(connections)
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
