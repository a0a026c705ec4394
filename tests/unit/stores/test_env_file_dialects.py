"""How values stand in env files: the text itself, and that what was written is what is read."""

from __future__ import annotations

import io

import pytest
from dotenv.parser import parse_stream
from hypothesis import assume, given
from hypothesis import strategies as st

from providers.stores.env_file.dialects import Dialect, Unwritable, assignments, quote, with_value

DOTENV, DOCKER, SYSTEMD, SHELL = Dialect.DOTENV, Dialect.DOCKER, Dialect.SYSTEMD, Dialect.SHELL


@pytest.mark.parametrize(
    ("dialect", "value", "written"),
    [
        (DOTENV, "tok_1-2/3=", "tok_1-2/3="),
        (DOTENV, "a b", "'a b'"),
        (DOTENV, "it's #1", '"it\'s #1"'),
        (DOTENV, "a$b", "'a$b'"),
        (DOTENV, r"C:\new", r"'C:\new'"),
        (DOTENV, r'{"path": "C:\\new"}', r'{"path": "C:\\new"}'),
        (DOTENV, "end\\", "end\\"),
        (DOCKER, "it's 'so' $b #c", "it's 'so' $b #c"),
        (SYSTEMD, "it's $b", r'"it' + r"'s \$b" + '"'),
        (SYSTEMD, 'say "a\\b" `c`', r'"say \"a\\b\" \`c\`"'),
        (SHELL, "it's $b", r"'it'\''s $b'"),
        (SHELL, "tok_1", "tok_1"),
    ],
)
def test_a_value_is_quoted_as_its_dialect_wants_it(dialect: Dialect, value: str, written: str) -> None:
    assert quote(value, dialect) == written


@pytest.mark.parametrize("value", ["carriage\rreturn", "nul\0", "bell\a", "delete\x7f"])
@pytest.mark.parametrize("dialect", list(Dialect))
def test_control_characters_are_refused(dialect: Dialect, value: str) -> None:
    with pytest.raises(Unwritable):
        quote(value, dialect)


@pytest.mark.parametrize("value", ["it's $5", 'say "it\'s" #1', "two\\\\ #1", "é it's \\", "'\\"])
def test_what_the_readers_of_dotenv_would_not_read_alike_is_refused(value: str) -> None:
    with pytest.raises(Unwritable, match="read alike"):
        quote(value, DOTENV)


@pytest.mark.parametrize(
    ("dialect", "document", "value"),
    [
        (DOTENV, "API_TOKEN = spaced # comment\n", "spaced"),
        (DOTENV, 'export API_TOKEN="a\\tb" # comment', "a\tb"),
        (DOTENV, "API_TOKEN=\n", ""),
        (DOCKER, '  API_TOKEN="kept" # kept \r\n', '"kept" # kept '),
        (SYSTEMD, "API_TOKEN = 'a'\"b\"  'c' \n", "abc"),
        (SYSTEMD, "API_TOKEN=a 'b'  \\\n c \n", "a 'b'   c"),
        (SHELL, "export API_TOKEN=a'b c'\"d\\$e\"\\ f;true", "ab cd$e f"),
        (SHELL, "API_TOKEN=a\r\n", "a\r"),
        (SHELL, "API_TOKEN=$(id)", None),
        (SHELL, 'API_TOKEN="a$b"', None),
        (SHELL, "API_TOKEN='a$b'", "a$b"),
    ],
)
def test_a_value_is_understood_as_its_readers_do(dialect: Dialect, document: str, value: str | None) -> None:
    assert [(each.name, each.value) for each in assignments(document, dialect)] == [("API_TOKEN", value)]


@pytest.mark.parametrize(
    ("dialect", "document"),
    [
        (DOTENV, "# API_TOKEN=a\nA='b\nAPI_TOKEN=c\n'\nexport B\n"),
        (DOCKER, "#API_TOKEN=a\nAPI_TOKEN\nexport API_TOKEN=a\n"),
        (SYSTEMD, '; API_TOKEN=a\nA=b\\\nAPI_TOKEN=c\nB="\nAPI_TOKEN=d"\n'),
        (SHELL, "# API_TOKEN=a\nMY_API_TOKEN=b\nA='\nAPI_TOKEN=c'\nunset API_TOKEN\n"),
    ],
)
def test_what_only_looks_like_an_assignment_is_none(dialect: Dialect, document: str) -> None:
    assert "API_TOKEN" not in [each.name for each in assignments(document, dialect)]


def test_lines_are_counted_from_one_through_values_of_many_lines() -> None:
    found = assignments("A='1\n2\n3'\n\nB=4\n", DOTENV)
    assert [(each.name, each.line) for each in found] == [("A", 1), ("B", 5)]


VALUES = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t'\"\\$#`= ;"), min_size=1)


@given(value=VALUES, dialect=st.sampled_from(Dialect))
def test_what_was_written_is_what_is_read(value: str, dialect: Dialect) -> None:
    try:
        quoted = quote(value, dialect)
    except Unwritable:
        return
    document = with_value("A=1\n", "API_TOKEN", None, quoted, dialect)
    found = list(assignments(document + "B=2\n", dialect))
    assert [(each.name, each.value) for each in found] == [("A", "1"), ("API_TOKEN", value), ("B", "2")]
    again = with_value(document, "API_TOKEN", found[1], "other", dialect)
    assert [each.value for each in assignments(again, dialect)] == ["1", "other"]


PIECES = [*"AB='\"\\\n \t#$x", "export ", "\nA=", "\nB='", '\nA="', "\\n", "\r\n"]


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_dotenv_documents_are_understood_as_python_dotenv_understands_them(pieces: list[str]) -> None:
    document = "".join(pieces)
    theirs = list(parse_stream(io.StringIO(document, newline="")))
    assume(not any(binding.error or "\n" in (binding.key or "") for binding in theirs))
    assert [(each.name, each.value) for each in assignments(document, DOTENV)] == [
        (binding.key, binding.value) for binding in theirs if binding.key and binding.value is not None
    ]
