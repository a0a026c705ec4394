"""The users, the teams and the API tokens of a fake Documenso: who may do what, names, lifetimes, refusals."""

from __future__ import annotations

import base64
import calendar
import hashlib
import hmac
import secrets
import string
import struct
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rotator.testing.moving_clock import MovingClock

TEAM, OTHER_TEAM = 7, 8
EMAIL = "rotator@acme.example"
PASSWORD = "correct-horse-battery-staple"

_MONTHS = {"ONE_MONTH": 1, "THREE_MONTHS": 3, "SIX_MONTHS": 6, "ONE_YEAR": 12}
_DAYS = {"ONE_DAY": 1, "ONE_WEEK": 7}
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0\u034f"
_NUMBERS = {"UNAUTHORIZED": -32001, "NOT_FOUND": -32004, "BAD_REQUEST": -32600}
"""tRPC's own. An error of the application bears the number of an internal one (-32603), whatever its code."""


class Refusal(Exception):
    """What the service does not do, with the code that it says."""

    def __init__(self, code: str, message: str, *, status: int | None = None, is_app_error: bool = True) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status
        self.is_app_error = is_app_error

    def as_trpc(self, procedure: str, status: int) -> dict[str, Any]:
        number = -32603 if self.is_app_error else _NUMBERS.get(self.code, -32603)
        data: dict[str, Any] = {"code": self.code, "httpStatus": status, "path": procedure}
        if self.is_app_error:
            data["appError"] = {"code": self.code, "message": self.message}
        return {"message": self.message, "code": number, "data": data}


@dataclass
class User:
    email: str
    password: str
    roles: dict[int, str]
    """Team → ADMIN, MANAGER or MEMBER."""
    key: str | None = None
    """Of the authenticator app, base32. Documenso makes 80 bits."""
    verified: bool = True
    disabled: bool = False

    def code_at(self, moment: datetime) -> str:
        """Compute the code of a moment, by RFC 4226's own words."""
        assert self.key is not None
        counter = struct.pack(">Q", calendar.timegm(moment.utctimetuple()) // 30)
        digest = hmac.new(base64.b32decode(self.key), counter, hashlib.sha1).digest()
        (number,) = struct.unpack_from(">L", digest, digest[19] % 16)
        return str(number % 2**31)[-6:].zfill(6)


@dataclass
class ApiToken:
    """A row. The value is kept as a hash only."""

    id: int
    team: int
    name: str
    sha512: str
    user: User
    created_at: datetime
    expires_at: datetime | None

    def shown(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "createdAt": _text(self.created_at),
                "expires": _text(self.expires_at) if self.expires_at else None}  # fmt: skip


@dataclass
class Team:
    """What the instance knows. Team 7 is ours; the user manages it, and is a plain member of team 8."""

    clock: MovingClock
    users: list[User] = field(default_factory=list)
    rows: list[ApiToken] = field(default_factory=list)
    last_id: int = 40
    owner_disabled: bool = False
    """The organisation's owner: all its tokens are refused for as long as it lasts."""

    def __post_init__(self) -> None:
        self.users.append(User(EMAIL, PASSWORD, {TEAM: "MANAGER", OTHER_TEAM: "MEMBER"}))

    @property
    def manager(self) -> User:
        return self.users[0]

    def user(self, email: str) -> User | None:
        return next((user for user in self.users if user.email == email.lower()), None)

    def add(self, name: str, *, team: int = TEAM, expires: str | None = None) -> tuple[str, str]:
        """Make a token as a person does on the page; give its id and its value."""
        value = "api_" + "".join(secrets.choice(string.digits + string.ascii_lowercase) for _ in range(16))
        self.last_id += 1
        now = self.clock.right_time()
        row = ApiToken(self.last_id, team, name, _hash(value), self.manager, now, _end(expires, now))
        self.rows.insert(0, row)
        return str(row.id), value

    def accepts(self, value: str) -> bool:
        try:
            self.check(value)
        except Refusal:
            return False
        return True

    def names(self) -> list[str]:
        return [row.name for row in self.rows]

    # --- what the service does ---

    def create(self, user: User, asked: dict[str, Any]) -> dict[str, Any]:
        name = asked["tokenName"].strip()
        if not 2 <= len(name) <= 100 or _is_refused(name):
            raise Refusal("BAD_REQUEST", f'[{{"received": "{name}"}}]', status=400, is_app_error=False)
        self._must_manage(user, asked["teamId"])
        expires = asked["expirationDate"]
        if expires is not None and expires not in {**_MONTHS, **_DAYS}:
            raise Refusal("INTERNAL_SERVER_ERROR", "Unknown duration argument undefined", is_app_error=False)
        identity, value = self.add(name, team=asked["teamId"], expires=expires)
        return {"id": int(identity), "token": value}

    def listed_to(self, user: User, team_header: str) -> list[dict[str, Any]]:
        """Give nothing at all for a wrong team, none, or one in which the user has no say."""
        team = int(team_header) if team_header.isdecimal() else -1
        if user.roles.get(team) not in ("ADMIN", "MANAGER"):
            return []
        return [row.shown() for row in self.rows if row.team == team]

    def delete(self, user: User, asked: dict[str, Any]) -> None:
        self._must_manage(user, asked["teamId"])
        found = [row for row in self.rows if (row.id, row.team) == (asked["id"], asked["teamId"])]
        if not found:
            message = "\nInvalid `prisma.apiToken.delete()` invocation:\n\n\nNo record was found for a delete."
            raise Refusal("INTERNAL_SERVER_ERROR", message, is_app_error=False)
        self.rows.remove(found[0])

    def described_to(self, user: User, team: int) -> dict[str, Any]:
        if team not in user.roles:
            raise Refusal("NOT_FOUND", "Team not found")
        return {"id": team, "name": f"Team {team}", "url": f"team-{team}", "organisationId": "org_acme",
                "currentTeamRole": user.roles[team], "teamSettings": {}, "derivedSettings": {}}  # fmt: skip

    def check(self, value: str) -> None:
        """Raise for a token that the public API refuses, in the order in which it looks."""
        row = next((row for row in self.rows if row.sha512 == _hash(value)), None)
        if row is None:
            raise Refusal("UNAUTHORIZED", "Invalid token")
        if row.user.disabled or self.owner_disabled:
            raise Refusal("UNAUTHORIZED", "User is disabled")
        if row.expires_at is not None and row.expires_at < self.clock.right_time():
            raise Refusal("EXPIRED_CODE", "Expired token")

    def _must_manage(self, user: User, team: int) -> None:
        if user.roles.get(team) not in ("ADMIN", "MANAGER"):
            raise Refusal("UNAUTHORIZED", "You do not have permission to create a token for this team")


def _is_refused(name: str) -> bool:
    lowered = name.lower()
    has_url = "http://" in lowered or "https://" in lowered or "www." in lowered
    is_invisible = any(unicodedata.category(letter)[0] == "C" or letter in _BLANK_LETTERS for letter in name)
    return has_url or is_invisible or "\\u200b" in lowered


def _end(word: str | None, now: datetime) -> datetime | None:
    """Count calendar months, as luxon does."""
    if word is None:
        return None
    if word in _DAYS:
        return now + timedelta(days=_DAYS[word])
    years, month = divmod(now.month - 1 + _MONTHS[word], 12)
    day = min(now.day, calendar.monthrange(now.year + years, month + 1)[1])
    return now.replace(year=now.year + years, month=month + 1, day=day)


def _hash(value: str) -> str:
    return hashlib.sha512(value.encode()).hexdigest()


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
