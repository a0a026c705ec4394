"""One policy file by itself: its sections, and the keys and types in them. Each part is validated alone, so that one
mistake hides no other.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import ValidationError

from rotator.config.documents import Document
from rotator.config.file_format import ConnectionBlock, Defaults, PolicyBlock, check_name
from rotator.config.problems import did_you_mean, problems_from
from rotator.config.stand_ins import Part, known_and_right, unfounded, with_stand_ins, wrong_parts
from rotator.config.yaml_text import Spot
from rotator.domain.errors import Problem

_SECTIONS: Final = ("connections", "defaults", "policies")


@dataclass(frozen=True)
class WrittenPolicy:
    """One policy as it stands in its file."""

    index: int
    """In the file's list."""
    block: PolicyBlock
    spot: Spot
    store_spots: tuple[Spot, ...]
    wrong: frozenset[Part] = frozenset()
    """Parts of it, or of the file's defaults, from which nothing is to be concluded: they have been refused."""

    def is_right(self, *part: str | int) -> bool:
        """Tell whether what stands there can be judged, all of it."""
        return not any(all(one == other for one, other in zip(part, wrong, strict=False)) for wrong in self.wrong)


@dataclass
class PolicyFile:
    """What stands in one file, as far as it is valid."""

    document: Document
    connections: dict[str, ConnectionBlock] = field(default_factory=dict)
    names: dict[str, Spot] = field(default_factory=dict)
    """Where each connection is named; those that are not valid, too."""
    defaults: Defaults = field(default_factory=Defaults.model_construct)
    wrong_defaults: frozenset[Part] = frozenset()
    _packed: list[str] = field(default_factory=list)
    """Policies as JSON. All of them wait here for the last file to be read, and models are ten times as large."""

    def pack(self, index: int, content: dict[str, Any], wrong: frozenset[Part] = frozenset()) -> None:
        """Keep a policy of the file, with stand-ins for its wrong parts, and where it stands, until it is asked for."""
        at = ("policies", index)
        spots = [self.document.spot((*at, "stores", place)) for place in range(len(content["stores"]))]
        self._packed.append(json.dumps((index, content, self.document.spot(at), spots, [*wrong])))

    def policies(self) -> Iterator[WrittenPolicy]:
        """Give the policies, each made when its turn comes."""
        for packed in self._packed:
            index, content, spot, spots, wrong = json.loads(packed)
            block = PolicyBlock.model_validate(content)
            refused = self.wrong_defaults.union(map(tuple, wrong))
            yield WrittenPolicy(index, block, tuple(spot), tuple((line, column) for line, column in spots), refused)


def read_sections(document: Document, problems: list[Problem]) -> PolicyFile:
    """Give what is valid, and add what is not to ``problems``: a mistake in one key hides none in another."""
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
        _read_defaults(file, document.data["defaults"], problems)
    policies = document.data.get("policies", [])
    if not isinstance(policies, list):
        problems.append(document.problem("`policies`: must be a list", "begin each with `- name: …`", ("policies",)))
        return file
    for index, content in enumerate(policies):
        try:
            PolicyBlock.model_validate(content)
        except ValidationError as error:
            problems += problems_from(error, document, ("policies", index), PolicyBlock)
            if isinstance(content, dict):
                wrong = wrong_parts(error, PolicyBlock)
                whole = with_stand_ins(content, wrong)
                file.pack(index, whole, wrong | unfounded(whole, wrong))
        else:
            file.pack(index, content)
    return file


def _read_defaults(file: PolicyFile, content: object, problems: list[Problem]) -> None:
    try:
        file.defaults = Defaults.model_validate(content)
    except ValidationError as error:
        problems += problems_from(error, file.document, ("defaults",), Defaults)
        if isinstance(content, dict):
            file.wrong_defaults = wrong_parts(error, Defaults)
            file.defaults = Defaults.model_validate(known_and_right(content, file.wrong_defaults, Defaults))
        else:
            file.wrong_defaults = frozenset((key,) for key in Defaults.model_fields)


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
        try:
            file.connections[name] = ConnectionBlock.model_validate(content)
        except ValidationError as error:
            problems += problems_from(error, document, at, ConnectionBlock)
            if wrong_parts(error, ConnectionBlock) == {("limits",)}:
                file.connections[name] = ConnectionBlock.model_validate({**content, "limits": {}})
