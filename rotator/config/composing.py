"""How the text of a YAML file becomes a tree of nodes: by libyaml's parser where it was built in, and not too deep."""

from __future__ import annotations

from typing import Any, Final

import yaml
from yaml.nodes import Node

_FASTEST: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Six times as fast as the parser in Python."""

DEEPEST: Final = 64
"""libyaml composes recursively, in C: a file that is a hundred thousand brackets would end the process."""


class TooDeep(Exception):
    """A part of a file is one level too deep."""

    def __init__(self, part: Node) -> None:
        super().__init__()
        self.part = part


class Shallow:
    """Counts levels beside a parser. PyYAML's and libyaml's call these two around each part."""

    _depth = 0

    def descend_resolver(self, around: Node | None, _index: object) -> None:
        if self._depth > DEEPEST and around is not None:
            raise TooDeep(around)
        self._depth += 1

    def ascend_resolver(self) -> None:
        self._depth -= 1


class _Loader(Shallow, _FASTEST):  # type: ignore[misc]  # which one it is, is seen while we run
    pass


def composed(text: str) -> Node | None:
    """Give the tree of the only document in a text; None: there is none. Raises TooDeep, and PyYAML's errors."""
    root: Node | None = _Loader(text).get_single_node()
    return root
