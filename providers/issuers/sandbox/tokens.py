"""The tokens of the sandbox issuer, and the rules by which it makes them. No HTTP here.

Like a real issuer it shows a value once and keeps only its hash, counts live tokens against a quota, forgets expired
ones, and remembers when each was last used. Its state is in memory; with a state file it survives its own end, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field

from rotator.domain.clock import Clock
from rotator.domain.secret_value import SecretValue

_SHOWN_OF_A_VALUE: Final = 8
_RANDOM_BYTES: Final = 20


class Rules(BaseModel):
    """What this issuer accepts. The defaults are those that the ``sandbox`` profile describes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name_min: int = Field(default=1, ge=0)
    name_max: int = Field(default=40, ge=1)
    name_pattern: str = r"[A-Za-z0-9][A-Za-z0-9 ._-]*"
    """Must match the whole name."""
    names_are_unique: bool = False
    max_active: int | None = Field(default=10, ge=1)
    lifetimes: tuple[int, ...] = ()
    """The only lifetimes on offer, in seconds. Empty: any up to ``longest_lifetime``."""
    longest_lifetime: int = Field(default=366 * 86_400, ge=1)
    expiry_required: bool = False
    prefix: str = "sbx_"
    page_size: int = Field(default=20, ge=1)
    reuses_ids: bool = False
    """Give a dead token's id to the next one, as an issuer does whose ids are row numbers."""


class Refused(Exception):
    """A request that the issuer does not serve, with the status and the code it answers."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass
class Delay:
    """How long a change stays unseen: for this many more uses of the token, and until this moment."""

    requests: int = 0
    until: datetime | None = None
    hidden_from_list: bool = False

    def is_over(self, now: datetime) -> bool:
        return self.requests <= 0 and (self.until is None or now >= self.until)


@dataclass
class Token:
    """One token, as far as its issuer remembers it. ``prefix`` is the part of its value that may be shown."""

    number: int
    name: str
    digest: str
    prefix: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = None
    unborn: Delay | None = None
    """Made, and not accepted yet."""
    lingering: Delay | None = None
    """Revoked, and still accepted."""

    @property
    def id(self) -> str:
        return f"t{self.number}"

    def shown(self) -> dict[str, Any]:
        """Give what the API tells of it."""
        return {
            "id": self.id,
            "name": self.name,
            "prefix": self.prefix,
            "created_at": self.created_at.isoformat(),
            "expires_at": self.expires_at and self.expires_at.isoformat(),
            "last_used_at": self.last_used_at and self.last_used_at.isoformat(),
        }


class Tokens:
    """All tokens of the one account that a sandbox has. Not thread-safe: the server calls it under its lock."""

    def __init__(self, rules: Rules, clock: Clock, state_file: Path | None = None) -> None:
        self._rules = rules
        self._clock = clock
        self._state_file = state_file
        self._tokens: list[Token] = []
        self._last_number = 0
        if state_file is not None and state_file.exists():
            self._load(json.loads(state_file.read_text()))

    def issue(self, name: Any, expires_in: Any, unborn: Delay | None = None) -> tuple[Token, SecretValue]:
        """Make a token. Its value is given here, and never again."""
        checked_name, lifetime = self._checked_name(name), self._checked_lifetime(expires_in)
        now, number, value = self._clock.now(), self._next_number(), self.new_value()
        token = Token(
            number=number,
            name=checked_name,
            digest=_digest(value),
            prefix=value.reveal()[:_SHOWN_OF_A_VALUE],
            created_at=now,
            expires_at=now + lifetime if lifetime else None,
            unborn=unborn,
        )
        self._tokens.append(token)
        self._last_number = number
        self._save()
        return token, value

    def new_value(self) -> SecretValue:
        """Make a value that looks like a token's."""
        return SecretValue(self._rules.prefix + secrets.token_hex(_RANDOM_BYTES))

    def live(self) -> list[Token]:
        """Give the tokens that are neither revoked nor expired, oldest first."""
        now = self._clock.now()
        self._tokens = [token for token in self._tokens if token.expires_at is None or now < token.expires_at]
        return [token for token in self._tokens if token.lingering is None]

    def listed(self) -> list[Token]:
        """Give what the list shows: without those whose making has not reached it yet."""
        now = self._clock.now()
        return [
            token
            for token in self.live()
            if token.unborn is None or not token.unborn.hidden_from_list or token.unborn.is_over(now)
        ]

    def page(self, cursor: str) -> tuple[list[Token], str | None]:
        """Give one page of the list, and the cursor of the next one: a token that goes meanwhile shifts nothing."""
        if not cursor.isdecimal():
            raise Refused(400, "invalid_cursor", "this cursor was not given by this list")
        tokens = [token for token in self.listed() if token.number > int(cursor)]
        page = tokens[: self._rules.page_size]
        return page, str(page[-1].number) if len(page) < len(tokens) else None

    def named_by(self, handle: str) -> Token:
        found = next((token for token in self.live() if token.id == handle), None)
        if found is None:
            raise Refused(404, "not_found", "there is no such token")
        return found

    def used(self, value: str) -> Token:
        """Give the token that a value belongs to, and remember that it was used. Refused (401) when it is dead."""
        self.live()
        digest, now = _digest(SecretValue(value)) if value else "", self._clock.now()
        found = next((token for token in self._tokens if secrets.compare_digest(token.digest, digest)), None)
        if found is None or not _is_accepted(found, now):
            raise Refused(401, "invalid_token", "this token is not valid")
        found.last_used_at = now
        self._save()
        return found

    def revoke(self, handle: str, lingering: Delay | None = None) -> None:
        token = self.named_by(handle)
        if lingering is None:
            self._tokens.remove(token)
        else:
            token.lingering = lingering
        self._save()

    def _checked_name(self, name: Any) -> str:
        rules = self._rules
        if not isinstance(name, str) or not rules.name_min <= len(name) <= rules.name_max:
            raise Refused(422, "invalid_name", f"a name has {rules.name_min} to {rules.name_max} characters")
        if not re.fullmatch(rules.name_pattern, name):
            raise Refused(422, "invalid_name", f"a name must match {rules.name_pattern}")
        live = self.live()
        if rules.names_are_unique and any(token.name == name for token in live):
            raise Refused(409, "name_taken", "another token has this name")
        if rules.max_active is not None and len(live) >= rules.max_active:
            raise Refused(409, "quota_exceeded", f"there are {len(live)} active tokens, and no more are allowed")
        return name

    def _checked_lifetime(self, expires_in: Any) -> timedelta | None:
        rules = self._rules
        if expires_in is None and not rules.expiry_required:
            return None
        if not isinstance(expires_in, int) or isinstance(expires_in, bool) or expires_in < 1:
            raise Refused(422, "invalid_lifetime", "expires_in is a number of seconds, above zero")
        if rules.lifetimes and expires_in not in rules.lifetimes:
            raise Refused(422, "invalid_lifetime", f"expires_in is one of {', '.join(map(str, rules.lifetimes))}")
        if expires_in > rules.longest_lifetime:
            raise Refused(422, "invalid_lifetime", f"expires_in is at most {rules.longest_lifetime}")
        return timedelta(seconds=expires_in)

    def _next_number(self) -> int:
        if not self._rules.reuses_ids:
            return self._last_number + 1
        return max((token.number for token in self.live()), default=0) + 1

    def _save(self) -> None:
        """Write the state beside the old one, then put it in its place. It holds hashes, never values."""
        if self._state_file is None:
            return
        kept = [{**token.shown(), "number": token.number, "digest": token.digest} for token in self.live()]
        unfinished = self._state_file.with_name(self._state_file.name + ".new")
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump({"last_number": self._last_number, "tokens": kept}, file)
        unfinished.replace(self._state_file)

    def _load(self, state: dict[str, Any]) -> None:
        self._last_number = state["last_number"]
        for kept in state["tokens"]:
            del kept["id"]
            times = {
                field: kept[field] and datetime.fromisoformat(kept[field])
                for field in ("created_at", "expires_at", "last_used_at")
            }
            self._tokens.append(Token(**{**kept, **times}))


def _is_accepted(token: Token, now: datetime) -> bool:
    """Tell whether a use succeeds, and count it towards the token's delays."""
    for delay in (token.unborn, token.lingering):
        if delay is not None and not delay.is_over(now):
            delay.requests -= 1
            return delay is token.lingering
    return token.lingering is None


def _digest(value: SecretValue) -> str:
    """Hash a value. A plain hash is enough: 160 random bits cannot be guessed."""
    return hashlib.sha256(value.reveal().encode()).hexdigest()
