"""One YAML file: its data as plain values, and the line and column of every part of it.

It refuses what YAML would otherwise swallow or change in silence: keys that
stand twice, ``010`` read as eight, ``12:30`` read as a number of minutes, several documents in a file, aliases that
grow without end. What the data *means* is the business of others; they say where a problem is by a path of keys and
indexes, and get it back with its line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.constructor import ConstructorError, SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from rotator.config.broken_yaml import explain
from rotator.config.composing import DEEPEST, TooDeep, composed
from rotator.config.yaml_text import Spot, unseen_in
from rotator.domain.errors import InvalidInput, Problem

Location = Sequence[str | int]
"""Keys and indexes, from the top of the file to one part of it."""

_MOST_ALIASED: Final = 1_000_000
"""How many values aliases may stand for, all in all: ten lines of them can otherwise fill the memory."""

_MOST_BITS: Final = 1024
"""Python reads longer hexadecimal numbers than it would ever write down."""

_TAG: Final = "tag:yaml.org,2002:"
_TAGGED: Final = ("YAML reads what begins with `!` as a tag, which means nothing here", "write the value in quotes")
_CHANGED_IN_SILENCE: Final = (
    (_TAG + "int", re.compile(r"[-+]?0[0-9_]+"), "an octal number"),
    (_TAG + "int", re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+"), "a number, counted in sixties"),
    (_TAG + "float", re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]*"), "a number, counted in sixties"),
    (_TAG + "timestamp", re.compile(r".+", re.DOTALL), "a date"),
)


class Document:
    """A YAML file that was read: ``data`` is made of dict, list, str, int, float, bool and None."""

    def __init__(self, file: Path, data: Any, text: str, root: Node) -> None:
        self.file = file
        self.data = data
        self._text = text
        self._parts: Node | None = root

    def let_go(self) -> None:
        """Give back the memory of ``data`` and of where each part stands: thirty times the text's own.

        Who asks for a place after that still gets it: the text is taken apart once more.
        """
        self.data = self._parts = None

    @property
    def _root(self) -> Node:
        if self._parts is None:
            self._parts = composed(self._text)
            assert self._parts is not None
        return self._parts

    def spot(self, location: Location) -> Spot:
        """Give the line and column of a value, from 1; of the nearest part around it, where it does not exist.

        Parts of the location that name nothing in the file are passed over: pydantic puts names of union members there.
        """
        node = self._root
        for step in location:
            child = _child(node, step)
            node = child[0] if child else node
        return _spot(node)

    def key_spot(self, location: Location) -> Spot:
        """Give the line and column of a key itself, where ``spot`` gives those of its value."""
        node, named = self._root, self._root
        for step in location:
            node, named = _child(node, step) or (node, named)
        return _spot(named)

    def holds(self, location: Location) -> bool:
        """Tell whether every part of the location stands in the file."""
        node = self._root
        for step in location:
            child = _child(node, step)
            if child is None:
                return False
            node = child[0]
        return True

    def problem(self, what: str, remedy: str, location: Location, *, at_key: bool = False) -> Problem:
        line, column = self.key_spot(location) if at_key else self.spot(location)
        return Problem(what, remedy, self.file, line, column)


def parse(text: str, file: Path) -> Document:
    """Read the text of a file; ``file`` is only named in problems."""
    try:
        root = composed(text)
    except TooDeep as error:
        what = f"nested more than {DEEPEST} levels deep"
        raise InvalidInput([Problem(what, "close a bracket", file, *_spot(error.part))]) from error
    except yaml.MarkedYAMLError as error:
        raise InvalidInput([explain(error, text, file)]) from error
    if root is None:
        raise InvalidInput([Problem("the file is empty", "write something in it, or delete it", file, 1, 1)])
    builder = _Builder(file, has_escapes="\\" in text)
    data = builder.build(root)
    if builder.problems:
        raise InvalidInput(builder.problems)
    return Document(file, data, text, root)


def _spot(part: Node) -> Spot:
    mark = part.start_mark
    assert mark is not None  # only parts made by hand have none
    return mark.line + 1, mark.column + 1


def _child(node: Node, step: str | int) -> tuple[Node, Node] | None:
    """Give the value under a key or index, and the node that names it. Merged keys (``<<``) come last."""
    if isinstance(node, SequenceNode):
        found = isinstance(step, int) and 0 <= step < len(node.value)
        return (node.value[step], node.value[step]) if found else None
    if not isinstance(node, MappingNode):
        return None
    merged: list[Node] = []
    for key, value in node.value:
        if key.tag == _TAG + "merge":
            merged += value.value if isinstance(value, SequenceNode) else [value]
        elif key.value == step:
            return value, key
    return next((child for source in merged if (child := _child(source, step))), None)


class _Builder:
    """Makes plain data of composed nodes, and collects what is wrong on the way."""

    def __init__(self, file: Path, *, has_escapes: bool) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self._has_escapes = has_escapes
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliased = 0
        self._scalars = SafeConstructor()

    def build(self, node: Node) -> Any:
        if isinstance(node, ScalarNode):
            return self._scalar(node)
        if id(node) in self._open:
            self._refuse(node, "an alias that contains itself", "write the value out")
            return None
        if id(node) in self._seen:
            self._aliased += len(node.value)
            if self._aliased > _MOST_ALIASED:
                self._refuse(node, f"aliases stand for more than {_MOST_ALIASED:,} values", "use fewer aliases")
                raise InvalidInput(self.problems)
        self._seen.add(id(node))
        self._open.add(id(node))
        try:
            return self._mapping(node) if isinstance(node, MappingNode) else self._sequence(node)
        finally:
            self._open.discard(id(node))

    def _sequence(self, node: Node) -> list[Any]:
        if node.tag != _TAG + "seq":
            self._refuse(node, *_TAGGED)
        return [self.build(item) for item in node.value]

    def _mapping(self, node: MappingNode) -> dict[str, Any]:
        if node.tag != _TAG + "map":
            self._refuse(node, *_TAGGED)
        data: dict[str, Any] = {}
        first: dict[str, int] = {}
        merged: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                merged = self._merged(value) | merged
            elif self._is_text(key):
                if key.value in first:
                    what = f"`{key.value}` stands twice here, first on line {first[key.value]}"
                    self._refuse(key, what, "remove one of them")
                first.setdefault(key.value, _spot(key)[0])
                data[key.value] = self.build(value)
        return merged | data if merged else data

    def _merged(self, value: Node) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for source in value.value if isinstance(value, SequenceNode) else [value]:
            if isinstance(source, MappingNode):
                merged = (self.build(source) or {}) | merged
            else:
                self._refuse(source, "`<<` merges mappings only", "name an anchor of a mapping: `<<: *name`")
        return merged

    def _is_text(self, key: Node) -> bool:
        if isinstance(key, ScalarNode) and key.tag in (_TAG + "str", _TAG + "value"):
            self._text(key)
            return True
        if isinstance(key, ScalarNode):
            what = f"YAML does not read the key `{key.value}` as text"
            self._refuse(key, what, f'write it in quotes: "{key.value}"')
        else:
            self._refuse(key, "a list or mapping cannot be a key", "if a value starts with { or [, write it in quotes")
        return False

    def _scalar(self, node: ScalarNode) -> Any:
        if node.tag in (_TAG + "str", _TAG + "value"):
            return self._text(node)
        for tag, pattern, read_as in _CHANGED_IN_SILENCE:
            if node.tag == tag and pattern.fullmatch(node.value):
                self._refuse(node, f"YAML reads this as {read_as}", "write it in quotes")
                return node.value
        if node.tag not in (_TAG + "null", _TAG + "bool", _TAG + "int", _TAG + "float"):
            self._refuse(node, *_TAGGED)
            return node.value
        try:
            value = self._scalars.construct_object(node)
        except (ValueError, KeyError, ConstructorError):
            self._refuse(node, "the value does not fit its tag", "write it in quotes")
            return None
        if isinstance(value, int) and value.bit_length() > _MOST_BITS:
            self._refuse(node, "YAML reads this as a number that is too long", "write it in quotes")
            return None
        return value

    def _text(self, node: ScalarNode) -> str:
        """Give a text. What nobody would see can only be there as an escape: the file's own text was looked at."""
        if self._has_escapes and (unseen := unseen_in(node.value)):
            self._refuse(node, unseen.what, unseen.remedy)
        text: str = node.value
        return text

    def _refuse(self, node: Node, what: str, remedy: str) -> None:
        line, column = _spot(node)
        self.problems.append(Problem(what, remedy, self.file, line, column))
