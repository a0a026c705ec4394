"""Errors, in families by what should happen next.

A provider raises ``Temporary``, ``Permanent`` or ``NeedsOperator``; the runner needs nothing else to decide.
Every error carries what a tired person needs: what happened, and what to do about it. None may carry a token's
value, a request's body or a URL with a secret in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta
    from pathlib import Path


class RotatorError(Exception):
    """What went wrong (one sentence, with names and status codes) and, where we know it, what to do."""

    def __init__(self, what: str, *, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".rstrip()


class Temporary(RotatorError):
    """Nothing was changed, and the same call may succeed later (429, 503, a refused connection, a sealed Vault)."""

    def __init__(self, what: str, *, remedy: str = "", retry_after: timedelta | None = None) -> None:
        super().__init__(what, remedy=remedy)
        self.retry_after = retry_after


class Ambiguous(Temporary):
    """The answer was lost: the change may have been made. Read back before anything is written again."""


class Permanent(RotatorError):
    """Nothing was changed, and trying again will not help (403, a missing destination, a refused name)."""


class NeedsOperator(RotatorError):
    """Only a person can go on. The rotation stays where it is, whole and resumable."""


class AsksPerson(NeedsOperator):
    """A person is asked to do what no program can: to make or delete a token on a page. Nothing is wrong.

    ``what`` is the request: while it stays the same, it is the same request, and they are only reminded of it.
    ``look_again`` says how soon it can be seen that they did it; None: only they can tell.
    """

    def __init__(self, what: str, *, remedy: str, look_again: timedelta | None = None) -> None:
        super().__init__(what, remedy=remedy)
        self.look_again = look_again


class LeadsElsewhere(NeedsOperator):
    """A connection leads to another address than when a token was made through it: perhaps to another service."""


class Conflict(NeedsOperator):
    """Somebody else changed the place since we looked at it. Nothing was written."""


class LeaseLost(RotatorError):
    """Another process took this rotation over. Whatever we were about to do is theirs to do now."""


class LedgerUnavailable(RotatorError):
    """The ledger cannot be reached or refused to open. Nothing may be touched without it."""


class WrongOrder(RotatorError):
    """A step was asked for that the rotation's phase does not allow: a bug of ours, caught before it acted."""


@dataclass(frozen=True)
class Problem:
    """One thing wrong with what the user wrote: where it stands, what it is, what to do. Lines and columns from 1."""

    what: str
    remedy: str = ""
    file: Path | None = None
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)
        text = f"{self.what}; {self.remedy}" if self.remedy else self.what
        return f"{place}: {text}" if place else text


class InvalidInput(RotatorError):
    """The user's command or files are wrong. Raised with every problem at once, before anything was touched."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)

    @classmethod
    def of(cls, what: str, remedy: str = "") -> InvalidInput:
        return cls([Problem(what, remedy)])
