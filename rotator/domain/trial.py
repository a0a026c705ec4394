"""What a policy may ask for beside the issuer's own word: a trial of the new token, by a call as its consumers make it.

Data alone; ``flow.trials`` makes the call. Only new tokens are tried: that an old one is dead is the issuer's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MARK: Final = "{{ token.value }}"
"""Where the value is put, in a header."""


@dataclass(frozen=True)
class HttpTrial:
    """A request with the token in one header; these statuses say that it works."""

    url: str
    method: str
    header: str
    template: str
    """The header's value, with the mark in it once."""
    expect: frozenset[int]
    timeout: timedelta

    def __str__(self) -> str:
        return f"{self.method} {self.url.partition('?')[0]}"


@dataclass(frozen=True)
class CommandTrial:
    """A program that reads the token from its standard input, and says by its exit code whether it works."""

    command: tuple[str, ...]
    timeout: timedelta

    def __str__(self) -> str:
        return f"the command {self.command[0]}"


Trial = HttpTrial | CommandTrial
