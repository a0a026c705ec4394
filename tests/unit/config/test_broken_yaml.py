"""Files that YAML itself refuses, or would read as something else than was meant."""

from __future__ import annotations

import errno
import os
import tracemalloc
from pathlib import Path

import pytest
import yaml

from rotator.config import composing, documents, yaml_text
from rotator.domain.errors import InvalidInput

FILE = Path("p.yaml")


def parse(content: str | bytes) -> documents.Document:
    return documents.parse(yaml_text.decoded(content if isinstance(content, bytes) else content.encode(), FILE), FILE)


def problems(content: str | bytes) -> list[str]:
    with pytest.raises(InvalidInput) as caught:
        parse(content)
    return [str(problem) for problem in caught.value.problems]


CASES = {
    "a tab": ("a:\n\tb: 1", "p.yaml:2:1: a tab in the indentation; indent with spaces"),
    "a tab behind spaces": ("a:\n  b: 1\n  \tc: 1", "p.yaml:3:3: a tab in the indentation; indent with spaces"),
    "an open quote": ("a: 1\nb: 'x\nc: 1\n", "p.yaml:2:4: a quote that is never closed; close it"),
    "an open list": (
        "policies: [1, 2\nb: 1",
        "p.yaml:1:11: a `[` that is not closed, or a missing comma; look for the missing `]` or `,`",
    ),
    "an open mapping": (
        "a: {b: 1",
        "p.yaml:1:4: a `{` that is not closed, or a missing comma; look for the missing `}` or `,`",
    ),
    "a star": (
        "a: *x",
        "p.yaml:1:4: a value that begins with `*`, but no anchor of that name; write it in quotes",
    ),
    "an at": ("a: 1\nb: @x", "p.yaml:2:4: a value cannot begin with `@`; write it in quotes"),
    "a percent": ("a: %x", "p.yaml:1:4: a value cannot begin with `%`; write it in quotes"),
    "two colons": (
        "a: b: c",
        (
            "p.yaml:1:5: a `:` where no key can stand; "
            "write a value that contains `: ` in quotes, or check the indentation"
        ),
    ),
    "a key alone": ("a: 1\nb\n", "p.yaml:2:1: a key without `:`; write `key: value`"),
    "an outdent": (
        "a:\n  - b\n c: 1",
        (
            "p.yaml:3:2: the indentation does not fit, or something stands behind a closing quote; "
            "align this line with those it belongs to"
        ),
    ),
    "an escape": (
        'a: "\\q"',
        "p.yaml:1:5: an escape that YAML does not know; write `\\\\` for a backslash, or use single quotes",
    ),
    "two documents": ("a: 1\n---\nb: 2", "p.yaml:2:1: a second document begins here; put it into a file of its own"),
    "a tag": (
        "a: !secret x",
        "p.yaml:1:4: YAML reads what begins with `!` as a tag, which means nothing here; write the value in quotes",
    ),
    "an object": (
        "a: !!python/object/apply:os.system [id]",
        "p.yaml:1:4: YAML reads what begins with `!` as a tag, which means nothing here; write the value in quotes",
    ),
    "an anchor twice": (
        "a: &x [1]\nb: &x [2]",
        "p.yaml:2:4: this anchor is defined before; give it another name",
    ),
    "a merge of itself": ("a: &x {<<: *x}", "p.yaml:1:4: an alias that contains itself; write the value out"),
    "text turned around": (
        "a: 1 # \u202ethgir",
        "p.yaml:1:8: a character that nobody sees (U+202E); remove it",
    ),
    "an alias of itself": ("a: &x [*x]", "p.yaml:1:4: an alias that contains itself; write the value out"),
    "nothing": ("", "p.yaml:1:1: the file is empty; write something in it, or delete it"),
    "only a comment": ("# soon\n", "p.yaml:1:1: the file is empty; write something in it, or delete it"),
    "latin-1": ("a: 1\nowner: André".encode("latin-1"), "p.yaml:2:12: not UTF-8 text; save the file as UTF-8"),
    "utf-16": ("a: 1".encode("utf-16"), "p.yaml:1:1: not UTF-8 text; save the file as UTF-8"),
    "a control character": (
        b"a: 1\nb: \x01",
        "p.yaml:2:4: a control character (U+0001), which YAML does not allow; remove it",
    ),
    "a merge of a text": (
        "a:\n  <<: b",
        "p.yaml:2:7: `<<` merges mappings only; name an anchor of a mapping: `<<: *name`",
    ),
    "a number without end": (
        "a: 0x" + "f" * 9999,
        "p.yaml:1:4: YAML reads this as a number that is too long; write it in quotes",
    ),
    "a hundred thousand brackets": ("[" * 100_000, "p.yaml:1:65: nested more than 64 levels deep; close a bracket"),
    "an octal number": ("mode: 0600", "p.yaml:1:7: YAML reads this as an octal number; write it in quotes"),
    "a time": ("at: 12:30", "p.yaml:1:5: YAML reads this as a number, counted in sixties; write it in quotes"),
    "a date": ("on_: 2026-01-01", "p.yaml:1:6: YAML reads this as a date; write it in quotes"),
    "a yes as a key": (
        "on: 1",
        'p.yaml:1:1: YAML does not read the key `on` as text; write it in quotes: "on"',
    ),
    "braces from a template": (
        "{{ name }}: 1",
        "p.yaml:1:1: a list or mapping cannot be a key; if a value starts with { or [, write it in quotes",
    ),
}


@pytest.mark.parametrize(("content", "expected"), CASES.values(), ids=CASES.keys())
def test_broken_yaml_is_told_with_its_place_and_what_to_do(content, expected):
    assert problems(content) == [expected]


def test_a_key_that_stands_twice_names_both_lines():
    assert problems("a: 1\nb:\n  x: 1\n  y: 2\n  x: 3\n") == [
        "p.yaml:5:3: `x` stands twice here, first on line 3; remove one of them"
    ]


def test_all_that_is_wrong_in_a_file_is_told_at_once():
    assert len(problems("a: 010\na: 12:30\n1: 2026-01-01\n")) == 4


def test_aliases_that_grow_without_end_are_refused_before_they_fill_the_memory():
    lines = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    lines += [
        f"{key}: &{key} [{', '.join([f'*{before}'] * 10)}]" for before, key in zip("abcdefgh", "bcdefghi", strict=False)
    ]
    tracemalloc.start()
    assert problems("\n".join(lines)) == ["p.yaml:1:4: aliases stand for more than 1,000,000 values; use fewer aliases"]
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_a_password_in_broken_yaml_is_not_quoted():
    for content in (
        "password: @hunter2",
        "password: !hunter2",
        "password: *hunter2",
        "password: 'hunter2",
        "p: hun: ter2",
    ):
        assert not any(part in text for text in problems(content) for part in ("hunter2", "ter2"))


def test_a_byte_order_mark_is_no_problem():
    assert parse("\ufeffa: 1").data == {"a": 1}


def test_ordinary_values_are_read_as_yaml_means_them():
    text = "a: 1\nb: 1.5\nc: true\nd: null\ne: text\nf: ['010', \"12:30\"]\ng: 0\nh: ~\ni: no\n"
    assert parse(text).data == {
        "a": 1, "b": 1.5, "c": True, "d": None, "e": "text", "f": ["010", "12:30"], "g": 0, "h": None, "i": False,
    }  # fmt: skip


def test_the_slow_parser_says_the_same(monkeypatch):
    class Slow(composing.Shallow, yaml.SafeLoader):
        pass

    monkeypatch.setattr(composing, "_Loader", Slow)
    same = {"a tab", "an open quote", "a star", "an at", "two colons", "a key alone", "an outdent", "two documents"}
    same |= {"a hundred thousand brackets"}
    for name in same:
        content, expected = CASES[name]
        assert problems(content) == [expected]


def test_a_directory_in_place_of_a_file_is_told(tmp_path):
    with pytest.raises(InvalidInput) as caught:
        yaml_text.read_text(tmp_path)
    assert str(caught.value) == f"{tmp_path}: this is a directory, not a file; name a file"


def test_a_file_that_may_not_be_read_is_told(monkeypatch, tmp_path):
    def refuse(_path, _flags):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InvalidInput) as caught:
        yaml_text.read_text(tmp_path / "p.yaml")
    assert str(caught.value) == (
        f"{tmp_path}/p.yaml: cannot be read: Permission denied; let the user that runs rotate read it"
    )


def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "p.yaml")
    with pytest.raises(InvalidInput) as caught:
        yaml_text.read_text(tmp_path / "p.yaml")
    assert str(caught.value) == f"{tmp_path}/p.yaml: it is a pipe or a device, not a file; put a file there"


def test_a_device_without_end_is_refused(tmp_path):
    (tmp_path / "p.yaml").symlink_to("/dev/zero")
    with pytest.raises(InvalidInput, match="a device, not a file"):
        yaml_text.read_text(tmp_path / "p.yaml")


def test_a_file_that_would_fill_the_memory_is_refused(tmp_path):
    (tmp_path / "p.yaml").write_bytes(b"#" * (8 * 2**20 + 1))
    with pytest.raises(InvalidInput) as caught:
        yaml_text.read_text(tmp_path / "p.yaml")
    assert str(caught.value) == f"{tmp_path}/p.yaml: larger than 8 MiB; divide it into several files"


@pytest.mark.parametrize("escape", ["\\e[31m", "\\r", "\\a", "\\x9b", "\\u202e", "\\u200b"])
def test_what_nobody_would_see_is_refused_where_it_is_written_as_an_escape_too(escape):
    code = {"\\e[31m": "001B", "\\r": "000D", "\\a": "0007", "\\x9b": "009B"}.get(escape, escape[2:].upper())
    for content in (f'a: 1\nb: "x{escape}"', f'a: 1\nb: {{"x{escape}": 1}}'):
        [told] = problems(content)
        assert told in (f"p.yaml:2:{column}: a character that nobody sees (U+{code}); remove it" for column in (4, 5))


def test_text_that_is_written_from_right_to_left_and_emoji_are_no_problem():
    written = "owner: \u05e6\u05d5\u05d5\u05ea \U0001f469\u200d\U0001f4bb\r\nlines: 'a\tb'\r\nescaped: " + r'"a\nb\tc"'
    assert parse(written).data == {
        "owner": "\u05e6\u05d5\u05d5\u05ea \U0001f469\u200d\U0001f4bb",
        "lines": "a\tb",
        "escaped": "a\nb\tc",
    }


def test_a_place_in_the_file_is_found_by_keys_and_indexes():
    document = parse("a:\n  - b: 1\n    c: [x, y]\nd: &anchor {e: 1}\nf:\n  <<: *anchor\n")
    assert document.spot(("a", 0, "c", 1)) == (3, 12)
    assert document.key_spot(("a", 0, "c")) == (3, 5)
    assert document.spot(("a", 0, "missing")) == (2, 5)
    assert document.spot(("a", 0, "a-union-member", "c", 1)) == (3, 12)
    assert document.spot(("f", "e")) == (4, 16)
    assert document.holds(("f", "e"))
    assert not document.holds(("f", "g"))


def test_places_are_still_found_after_a_document_has_given_its_memory_back():
    document = parse("a:\n  - {b: 1,\n     c: [2, 3]}\n")
    document.let_go()
    assert document.data is None
    assert document.spot(("a", 0, "c", 1)) == (3, 13)
    assert document.key_spot(("a", 0, "c")) == (3, 6)
