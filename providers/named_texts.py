"""Names with texts, in any form in which people keep a pair by hand: JSON, a file of settings, variables to export."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final

_QUOTED: Final = re.compile(r"""(["'])(.*)\1""")
_COMMENT: Final = re.compile(r"\s#")


def named_texts(text: str) -> Iterator[tuple[str, str]]:
    """Give each name and text in a JSON object, or in lines of ``name = text``.

    A name comes twice where its readers differ: what looks like a comment ends a text for some, and is a part of it for
    others.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        yield from ((name, member) for name, member in document.items() if isinstance(member, str))
        return
    for line in text.splitlines():
        name, equals, rest = line.strip().removeprefix("export ").partition("=")
        quoted = _QUOTED.fullmatch(rest.strip())
        if not equals or name.startswith(("#", ";")):
            continue
        yield name, quoted[2] if quoted else rest.strip()
        if not quoted:
            yield name, _COMMENT.split(rest, maxsplit=1)[0].strip()
