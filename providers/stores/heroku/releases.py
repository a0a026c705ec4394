"""An app's releases. Every change of a config var makes one, and each keeps the vars that it was made with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from rotator.domain.terms import Version

_VERSION: Final = re.compile(r"v([1-9][0-9]{0,8})")


class Status(StrEnum):
    """What became of a release (the CLI's own list; the public schema leaves ``expired`` out)."""

    PENDING = "pending"
    """Its release command runs. Until that has succeeded, dynos run the release before it."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    """Its release command failed: it never took effect."""
    EXPIRED = "expired"
    """It took effect once; its code is gone since."""


class Unreadable(Exception):
    """This is not how Heroku describes releases."""


@dataclass(frozen=True)
class Release:
    number: int
    status: Status
    is_in_force: bool
    """It is the one that dynos are started with."""
    since: datetime
    """When it was made, or its release command ended."""

    @property
    def version(self) -> Version:
        return Version(f"v{self.number}")


@dataclass(frozen=True)
class History:
    """The two releases that matter. They are the same, but while a release command runs and after one has failed."""

    newest: Release
    in_force: Release


def number_of(version: Version) -> int | None:
    """Give a release's number; None where this is the version of none."""
    found = _VERSION.fullmatch(version)
    return int(found[1]) if found else None


def release_of(document: Any) -> Release:
    try:
        number, status, current = document["version"], Status(document["status"]), document["current"]
        since = datetime.fromisoformat(document["updated_at"])
    except (TypeError, KeyError, ValueError) as error:
        raise Unreadable from error
    if not isinstance(number, int) or not isinstance(current, bool) or since.tzinfo is None:
        raise Unreadable
    return Release(number, status, current, since)


def history_of(document: Any) -> History | None:
    """Read a list of releases. None: none of them is in force."""
    if not isinstance(document, list) or not document:
        raise Unreadable
    releases = sorted((release_of(one) for one in document), key=lambda release: release.number)
    in_force = next((release for release in reversed(releases) if release.is_in_force), None)
    return History(releases[-1], in_force) if in_force else None
