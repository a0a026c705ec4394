"""One field of a JSON document is set, and every other byte of it stays."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.json_field import Unsuitable, field_of, same_but_for, texts_of, with_field


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"token": "old"}', '{"token": "new"}'),
        ('{ "n": 1.10, "token" :"old" ,"e": 1e400 }\n', '{ "n": 1.10, "token" :"new" ,"e": 1e400 }\n'),
        ('{"in": {"token": "theirs"}, "token": "old"}', '{"in": {"token": "theirs"}, "token": "new"}'),
        ('{"token": "first", "token": "old"}', '{"token": "first", "token": "new"}'),
        ('{"token": null}', '{"token": "new"}'),
        ("{}", '{"token": "new"}'),
        ("{ }\n", '{"token": "new"}\n'),
        ('{"a": "}"}', '{"a": "}", "token": "new"}'),
        ('{\n  "a": 1\n}', '{\n  "a": 1, "token": "new"}'),
        (None, '{"token": "new"}'),
    ],
)
def test_only_the_fields_own_text_changes(before: str | None, after: str) -> None:
    assert with_field(before, "token", "new") == after


@pytest.mark.parametrize(
    "document", ["plain text", "", '["a"]', '"token"', "1", '{"a": 1', '{"token": 1}', '{"token": {}}']
)
def test_a_document_without_room_for_the_field_is_refused(document: str) -> None:
    for refused in (lambda: field_of(document, "token"), lambda: with_field(document, "token", "new")):
        with pytest.raises(Unsuitable):
            refused()


def test_values_are_given_as_they_are_written() -> None:
    document = '{ "n": 1.10 ,"e":1e400, "twice": 1, "in": { "a": [ ] }, "twice": "\\u00e9"}\n'
    assert texts_of(document) == {"n": "1.10", "e": "1e400", "in": '{ "a": [ ] }', "twice": '"\\u00e9"'}
    assert texts_of(" {}") == {}
    with pytest.raises(Unsuitable):
        texts_of("[1]")


def test_a_field_that_is_missing_or_null_holds_nothing() -> None:
    assert field_of("{}", "token") is None
    assert field_of('{"token": null}', "token") is None


def test_documents_are_compared_without_our_field() -> None:
    assert same_but_for("token", '{"a": 1, "token": "x"}', '{"a": 1, "token": "y"}')
    assert not same_but_for("token", '{"a": 1, "token": "x"}', '{"a": 2, "token": "x"}')
    assert same_but_for(None, "one", "other")


DOCUMENTS = st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists), max_size=6)


@given(document=DOCUMENTS, field=st.text(), value=st.text(), indent=st.sampled_from([None, 0, 2]))
def test_what_was_set_is_what_is_read_and_nothing_else_changed(
    document: dict[str, object], field: str, value: str, indent: int | None
) -> None:
    document = {name: each for name, each in document.items() if name != field or isinstance(each, str)}
    changed = with_field(json.dumps(document, indent=indent), field, value)
    assert field_of(changed, field) == value
    assert json.loads(changed) == {**document, field: value}
    assert list(json.loads(changed)) == list({**document, field: value})
