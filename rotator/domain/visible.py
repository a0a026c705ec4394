"""Text as it may be shown: names and messages come from services and files, and a terminal obeys what it gets."""

from __future__ import annotations

import re
from typing import Final

UNSEEN: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Control characters but tabs and line breaks, those without a width or that turn the direction of text, and bytes
that are no text: names of files may hold some."""


def visible(text: str) -> str:
    """Write each character that nobody would see by its code, as JSON does. Lines stay lines."""
    return UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def one_line(text: str) -> str:
    """Do so with line breaks, too: nobody else's text looks like a line of ours."""
    return visible(text).replace("\n", "\\n")
