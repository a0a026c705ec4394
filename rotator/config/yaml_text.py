"""The text of a YAML file: only of a file, only so large, and nothing in it that a reader of it would not see."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from yaml.reader import Reader

from rotator.config.ordinary_file import NotAFile, read_at_most
from rotator.domain.errors import InvalidInput, Problem
from rotator.domain.visible import UNSEEN

Spot = tuple[int, int]
"""A line and a column, from 1."""

_LARGEST: Final = 8 * 2**20
"""Bytes of one file. Taken apart, it may need two hundred times as much memory."""


@dataclass(frozen=True)
class Unseen:
    """A character that whoever reads the file does not see, and that a terminal may obey."""

    at: int
    what: str
    remedy: str = "remove it"


def unseen_in(text: str) -> Unseen | None:
    """Find the first such character. A tab and a line break are none."""
    found = UNSEEN.search(text)
    return found and Unseen(found.start(), f"a character that nobody sees (U+{ord(found.group()):04X})")


def read_text(file: Path) -> str:
    """Give the text of a file that YAML allows. InvalidInput says why it is not to be had."""
    try:
        content, _ = read_at_most(file, _LARGEST)
    except IsADirectoryError as error:
        raise InvalidInput([Problem("this is a directory, not a file", "name a file", file)]) from error
    except NotAFile as error:
        raise InvalidInput([Problem(str(error.strerror), "put a file there", file)]) from error
    except FileNotFoundError as error:
        raise InvalidInput([Problem("there is no such file", "check the path", file)]) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        remedy = "let the user that runs rotate read it"
        raise InvalidInput([Problem(f"cannot be read: {reason}", remedy, file)]) from error
    if len(content) > _LARGEST:
        raise InvalidInput([Problem(f"larger than {_LARGEST // 2**20} MiB", "divide it into several files", file)])
    return decoded(content, file)


def decoded(content: bytes, file: Path) -> str:
    """Give the text of a file's content, if it is text that YAML allows."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", errors="replace")
        problem = Problem("not UTF-8 text", "save the file as UTF-8", file, *spot_in(before, len(before)))
        raise InvalidInput([problem]) from error
    unprintable = Reader.NON_PRINTABLE.search(text)
    if unprintable:
        what = f"a control character (U+{ord(unprintable.group()):04X}), which YAML does not allow"
        raise InvalidInput([Problem(what, "remove it", file, *spot_in(text, unprintable.start()))])
    if not text.isascii() and (unseen := unseen_in(text.replace("\r", "\n"))):
        raise InvalidInput([Problem(unseen.what, unseen.remedy, file, *spot_in(text, unseen.at))])
    return text


def spot_in(text: str, offset: int) -> Spot:
    """Turn an offset into a line and a column, both from 1."""
    start_of_line = text.rfind("\n", 0, offset) + 1
    return text.count("\n", 0, offset) + 1, offset - start_of_line + 1
