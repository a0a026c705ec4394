"""How the four kinds of env file write a value down, and how their readers understand it.

The same line means different things to different readers: ``docker run --env-file`` keeps quotes as part of the
value, python-dotenv takes them off. So a place says its dialect, and nothing is guessed. Pure: text in, text out.

Sources: python-dotenv 1.2, node's dotenv 18, a POSIX shell, docker's client and systemd, which read back in the tests
what was written; and compose-go's ``dotenv/parser.go``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Dialect(StrEnum):
    DOTENV = "dotenv"
    """python-dotenv, node's dotenv, docker compose. A value is written in a form that all of them read alike."""
    DOCKER = "docker"
    """``docker run --env-file``: everything behind the first ``=`` is the value, quotes too."""
    SYSTEMD = "systemd"
    """``EnvironmentFile=`` of a unit."""
    SHELL = "shell"
    """Sourced by a POSIX shell."""


class Unwritable(Exception):
    """The dialect has no way to write this value down. The text says why, without the value."""


@dataclass(frozen=True, repr=False)
class Assignment:
    """One ``NAME=value`` in a document: where its value stands, and what readers make of it."""

    name: str
    line: int
    start: int
    end: int
    value: str | None
    """None where only a running shell could say: the value is computed (``$OTHER``, ``$(command)``)."""


_Scan = Callable[[str, int], tuple[int, int, str | None]]
"""(document, the place behind the ``=``) → where the value begins, where it ends, and what it is."""

_UNQUOTED_EVERYWHERE: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
_DOTENV_FORMS: Final = (
    (re.compile(r"([^'\\]|\\(?![\\']|\Z))*"), "'"),  # readers differ over \\ and \'
    (re.compile(r'[^"\\$]*'), '"'),  # each has escapes of its own, and compose expands $
    (re.compile(r"(?![ '\"`])[ -\"%-~]*(?<! )"), ""),  # one line, up to a #; compose expands $
)
"""What all readers of dotenv files take as it is, and the marks around it."""
_EXPANDED_BY_DOTENV: Final = re.compile(r"\$\{[^}]*\}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")

_NAME: Final = r"(?P<name>(?!')[^\s=#]+)"
_HEADS: Final = {
    Dialect.DOTENV: re.compile(rf"[ \t]*(?:export[ \t]+)?(?:'(?P<quoted>[^'\n]+)'|{_NAME})[ \t]*="),
    Dialect.DOCKER: re.compile(rf"[ \t]*{_NAME}="),
    Dialect.SYSTEMD: re.compile(rf"[ \t]*{_NAME}[ \t]*="),
    Dialect.SHELL: re.compile(rf"[ \t]*(?:export[ \t]+)?{_NAME}="),
}
_COMMENTS: Final = {
    Dialect.DOTENV: re.compile(r"[ \t]*#"),
    Dialect.DOCKER: re.compile(r"[ \t]*#"),
    Dialect.SYSTEMD: re.compile(r"[ \t]*[#;]"),
    Dialect.SHELL: re.compile(r"[ \t]*#"),
}
_REST_OF_LINE: Final = re.compile(r"[^\r\n]*")
_BLANKS: Final = re.compile(r"[ \t]*")
_LINE_END: Final = re.compile(r"[^\n]*(?:\n|\Z)")


def assignments(document: str, dialect: Dialect) -> Iterator[Assignment]:
    """Give every assignment in order, and skip what is none. A quoted value may span lines."""
    position = 1 if document.startswith("\ufeff") else 0
    while position < len(document):
        head = None if _COMMENTS[dialect].match(document, position) else _HEADS[dialect].match(document, position)
        if head:
            start, end, value = _SCANS[dialect](document, head.end())
            line = document.count("\n", 0, position) + 1
            yield Assignment(head["name"] or head["quoted"], line, start, end, value)
            position = end
        position = _end_of_line(document, position)


def quote(value: str, dialect: Dialect) -> str:
    """Write ``value`` so that the dialect's readers get exactly it. Raises Unwritable where that cannot be done."""
    if _CONTROL.search(value):
        raise Unwritable("it holds a control character, which readers of env files change or cut off")
    if dialect is Dialect.DOCKER:
        if "\n" in value:
            raise Unwritable("it has more than one line, and a docker env file has one line for each value")
        return value
    if _UNQUOTED_EVERYWHERE.fullmatch(value):
        return value
    if dialect is Dialect.DOTENV:
        return _quote_for_dotenv(value)
    if dialect is Dialect.SYSTEMD:
        return '"' + re.sub(r'["\\`$]', r"\\\g<0>", value) + '"'
    return "'" + value.replace("'", "'\\''") + "'"


def _quote_for_dotenv(value: str) -> str:
    if _EXPANDED_BY_DOTENV.search(value):
        raise Unwritable("it holds ${…}, which python-dotenv expands even between single quotes")
    for form, mark in _DOTENV_FORMS:
        if form.fullmatch(value):
            return f"{mark}{value}{mark}"
    raise Unwritable(
        "with its quotes, backslashes, # or $ there is no form of it that python-dotenv, node's dotenv and docker "
        "compose read alike"
    )


def with_value(document: str, name: str, found: Assignment | None, quoted: str, dialect: Dialect) -> str:
    """Give the document with this one value replaced, or the assignment added at its end. All else stays as it is."""
    if found:
        return document[: found.start] + quoted + document[found.end :]
    is_sourced = dialect is Dialect.SHELL  # a shell takes a carriage return for part of the value
    newline = "\r\n" if "\r\n" in document and not is_sourced else "\n"
    export = "export " if is_sourced else ""
    if not document or document.endswith("\n"):
        return f"{document}{export}{name}={quoted}{newline}"
    return f"{document}{newline}{export}{name}={quoted}"


def _end_of_line(document: str, position: int) -> int:
    line = _LINE_END.match(document, position)
    return line.end() if line else len(document)


def _scan_docker(document: str, start: int) -> tuple[int, int, str | None]:
    rest = _REST_OF_LINE.match(document, start)
    end = rest.end() if rest else start
    return start, end, document[start:end]


_SINGLE: Final = re.compile(r"'((?:\\.|[^'\\])*)'", re.DOTALL)
_DOUBLE: Final = re.compile(r'"((?:\\.|[^"\\])*)"', re.DOTALL)
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def _scan_dotenv(document: str, start: int) -> tuple[int, int, str | None]:
    begin = _past_blanks(document, start)
    if begin > start and document.startswith("#", begin):
        return start, start, ""
    if single := _SINGLE.match(document, begin):
        return begin, single.end(), re.sub(r"\\([\\'])", r"\1", single[1])
    if double := _DOUBLE.match(document, begin):
        return begin, double.end(), re.sub(r"\\([\\'\"abfnrtv])", lambda it: _ESCAPES.get(it[1], it[1]), double[1])
    rest = _REST_OF_LINE.match(document, begin)
    value = re.sub(r"\s+#.*", "", rest[0] if rest else "").rstrip()
    return begin, begin + len(value), value


def _past_blanks(document: str, position: int) -> int:
    blanks = _BLANKS.match(document, position)
    return blanks.end() if blanks else position


def _scan_systemd(document: str, start: int) -> tuple[int, int, str | None]:
    """Follow systemd's reader: quotes count only where no bare text came before, and quoted parts are joined."""
    begin = position = end = _past_blanks(document, start)
    value, blanks, bare = "", "", False
    while position < len(document) and not document.startswith(("\n", "\r\n"), position):
        character = document[position]
        closed = None if bare else _QUOTED_SYSTEMD.match(document, position)
        if closed:
            inner = closed["single"]
            value += inner if inner is not None else re.sub(r'\\(["\\`$]|\n)', _unescaped, closed["double"])
            position = end = closed.end()
        elif character in " \t":
            blanks += character if bare else ""
            position += 1
        else:
            escaped = character == "\\"
            taken = document[position + 1 : position + 2] if escaped else character
            value += blanks + ("" if taken == "\n" else taken)
            position, blanks, bare = position + (2 if escaped else 1), "", True
            end = position
    return begin, end, value


_QUOTED_SYSTEMD: Final = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>(?:\\.|[^"\\])*)\"""", re.DOTALL)
_QUOTED_SHELL: Final = _QUOTED_SYSTEMD
"""Both take backslashes in double quotes alike, and none in single ones."""


def _unescaped(escape: re.Match[str]) -> str:
    return "" if escape[1] == "\n" else escape[1]


def _scan_shell(document: str, start: int) -> tuple[int, int, str | None]:
    """Take one word of the shell's language, which may be joined from quoted and bare parts."""
    position, value, computed = start, "", False
    while position < len(document) and document[position] not in " \t\n;&|":
        if closed := _QUOTED_SHELL.match(document, position):
            inner = closed["single"]
            computed |= inner is None and bool(re.search(r"(?<!\\)(?:\\\\)*[$`]", closed["double"]))
            value += inner if inner is not None else re.sub(r'\\(["\\`$]|\n)', _unescaped, closed["double"])
            position = closed.end()
        elif document[position] == "\\":
            value += document[position + 1 : position + 2].replace("\n", "")
            position += 2
        else:
            computed |= document[position] in "$`"
            value += document[position]
            position += 1
    return start, position, None if computed else value


_SCANS: Final[dict[Dialect, _Scan]] = {
    Dialect.DOTENV: _scan_dotenv,
    Dialect.DOCKER: _scan_docker,
    Dialect.SYSTEMD: _scan_systemd,
    Dialect.SHELL: _scan_shell,
}
