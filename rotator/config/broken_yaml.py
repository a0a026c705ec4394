"""What a parser's message about broken YAML means, and what most likely has to be done about it.

libyaml and PyYAML word the same mistake differently, so this goes by the parts that both share, and by the text itself.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import yaml

from rotator.domain.errors import Problem

_TAB: Final = re.compile(r"[ -]*\t")
_MISTAKES: Final = (
    # in the message, in the context, what it is, what to do, whether to point at where it began
    ("end of stream", "quoted scalar", "a quote that is never closed", "close it", True),
    ("", "flow mapping", "a `{` that is not closed, or a missing comma", "look for the missing `}` or `,`", True),
    ("", "flow sequence", "a `[` that is not closed, or a missing comma", "look for the missing `]` or `,`", True),
    ("", "duplicate anchor", "this anchor is defined before", "give it another name", False),
    ("mapping values are not allowed", "", "a `:` where no key can stand",
     "write a value that contains `: ` in quotes, or check the indentation", False),
    ("could not find expected ':'", "", "a key without `:`", "write `key: value`", True),
    ("undefined alias", "", "a value that begins with `*`, but no anchor of that name",
     "write it in quotes", False),
    ("unknown escape character", "", "an escape that YAML does not know",
     r"write `\\` for a backslash, or use single quotes", False),
    ("found another document", "", "a second document begins here", "put it into a file of its own", False),
    ("tag", "", "a value that begins with `!`", "write it in quotes", False),
    ("", "block", "the indentation does not fit, or something stands behind a closing quote",
     "align this line with those it belongs to", False),
)  # fmt: skip


def explain(error: yaml.MarkedYAMLError, text: str, file: Path) -> Problem:
    """Say what is wrong in the user's words, where it is, or where it began if that helps more.

    Quotes nothing of the text but a single character: it may stand in the middle of a password.
    """
    message, context = error.problem or "", error.context or ""
    line, column = here = _spot(error.problem_mark)
    line_of_text = "".join(text.splitlines()[line - 1 : line])
    if _TAB.match(line_of_text):
        return Problem("a tab in the indentation", "indent with spaces", file, *here)
    if "cannot start any token" in message:
        character = line_of_text[column - 1 : column]
        return Problem(f"a value cannot begin with `{character}`", "write it in quotes", file, *here)
    for in_message, in_context, what, remedy, where_it_began in _MISTAKES:
        if in_message in message and in_context in context:
            return Problem(what, remedy, file, *(_spot(error.context_mark) if where_it_began else here))
    return Problem("broken YAML", "check this line and the one above", file, *here)


def _spot(mark: yaml.Mark | None) -> tuple[int, int]:
    return (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
