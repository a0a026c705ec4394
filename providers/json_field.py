"""One field of a JSON object, read and replaced in the text itself, so that everything else stays byte for byte.

Loading and dumping the whole document would change how its other fields are written (``1.10``, ``1e400``, blanks).
Pure: text in, text out. For stores whose secrets are one text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_DECODER: Final = json.JSONDecoder()


class Unsuitable(Exception):
    """The document has no place for a field of text. Says why, without what it holds."""


def field_of(document: str, field: str) -> str | None:
    """Give the field's text; None when it is not there. Raises Unsuitable."""
    value = _parsed(document).get(field)
    if value is not None and not isinstance(value, str):
        raise Unsuitable(f"its field {field!r} holds something else than text")
    return value


def with_field(document: str | None, field: str, value: str) -> str:
    """Give the document with this field set: in its place, or as the last one. None: a document of its own."""
    written = json.dumps(value, ensure_ascii=False)
    if document is None:
        return f"{{{json.dumps(field, ensure_ascii=False)}: {written}}}"
    field_of(document, field)
    if places := [(start, end) for name, start, end in _members(document) if name == field]:
        start, end = places[-1]  # of a name that stands there twice, readers take the last
        return document[:start] + written + document[end:]
    close = document.rindex("}")
    before = document[:close].rstrip()
    comma = "" if before.endswith("{") and not _parsed(document) else ", "
    return f"{before}{comma}{json.dumps(field, ensure_ascii=False)}: {written}{document[close:]}"


def texts_of(document: str) -> dict[str, str]:
    """Give each field's value as it is written there; of a name that stands there twice, the last one. Unsuitable."""
    _parsed(document)
    return {name: document[start:end] for name, start, end in _members(document)}


def same_but_for(field: str | None, one: str, other: str) -> bool:
    """Tell whether two documents differ in nothing but this field (None: in nothing that is not ours)."""
    if field is None:
        return True
    return with_field(one, field, "") == with_field(other, field, "")


def _parsed(document: str) -> dict[str, Any]:
    try:
        parsed = json.loads(document)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise Unsuitable("it is not a JSON object")
    return parsed


def _members(document: str) -> Iterator[tuple[str, int, int]]:
    """Give name, begin and end of each value in a document that is known to be a JSON object."""
    position = _past_blanks(document, _past_blanks(document, 0) + 1)
    while document[position] != "}":
        name, position = _DECODER.raw_decode(document, position)
        start = _past_blanks(document, _past_blanks(document, position) + 1)
        _, end = _DECODER.raw_decode(document, start)
        yield name, start, end
        position = _past_blanks(document, end)
        if document[position] == ",":
            position = _past_blanks(document, position + 1)


def _past_blanks(document: str, position: int) -> int:
    blanks = _BLANKS.match(document, position)
    return blanks.end() if blanks else position
