"""Microsoft Graph's calls about the secrets of applications, with the answers that it documents and its users report.

The directory is written in one place and read in many: ``lag`` is how long reading (the list, the removal, the sign-in)
takes to know what was written. The app's owner is Entra's own ``CLIENT``; ``secret_by_hand`` is the portal.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

from rotator.testing.moving_clock import MovingClock
from tests.canary import CANARY
from tests.fakes.azure import Reply, Request

_PATH = re.compile(r"/v1\.0/applications\(appId='(?P<app>[0-9a-f-]{36})'\)(?P<call>/addPassword|/removePassword)?")
_TWO_YEARS = timedelta(days=730)


@dataclass
class Password:
    key_id: str
    name: str | None
    value: str = field(repr=False)
    starts: datetime
    ends: datetime
    known_from: datetime
    removed_at: datetime | None = None
    forgotten_at: datetime | None = None
    """When all of Entra ID knows that it was removed."""


class Graph:
    """One tenant's applications. ``asked`` names each call."""

    def __init__(self, clock: MovingClock, tokens: Mapping[str, str]) -> None:
        self.clock = clock
        self._tokens = tokens
        self.public_url = ""
        self.reset()

    def reset(self) -> None:
        self.applications: dict[str, list[Password]] = {}
        self.owned: set[str] = set()
        self.lag = timedelta()
        self.asked: list[str] = []
        self.longest_life: timedelta | None = None

    def new_application(self, *, owned: bool = True) -> str:
        client_id = str(uuid4())
        self.applications[client_id] = []
        if owned:
            self.owned.add(client_id)
        return client_id

    def secret_by_hand(self, app: str, name: str | None = "by hand") -> Password:
        """Make one as somebody at the portal did, long enough ago to be known everywhere."""
        return self._add(app, name, self._now, self._now + _TWO_YEARS, self._now)

    def alive(self, app: str) -> list[Password]:
        return [each for each in self.applications[app] if each.removed_at is None]

    def refusal_of(self, app: str, secret: str) -> int | None:
        """Say how a sign-in with this secret ends: the AADSTS code of its refusal, or None."""
        for password in self.applications[app]:
            forgotten = password.forgotten_at is not None and password.forgotten_at <= self._now
            if password.value == secret and password.known_from <= self._now and not forgotten:
                return 7000222 if password.ends <= self._now else None
        return 7000215

    def signs_in(self, app: str) -> Callable[[str], int | None]:
        return lambda secret: self.refusal_of(app, secret)

    def answer(self, request: Request) -> Reply | None:
        found = _PATH.fullmatch(unquote(request.path))
        if found is None:
            return None
        app, call = found["app"], (found["call"] or "").removeprefix("/")
        self.asked.append(call or "get")
        if self._tokens.get(request.headers.get("authorization", "").removeprefix("Bearer ")) != self.public_url:
            return _error(401, "InvalidAuthenticationToken", "Access token has expired or is not yet valid.")
        if app not in self.applications:
            return _error(404, "Request_ResourceNotFound", f"Resource '{app}' does not exist.")
        if request.method == "GET" and not call:
            return self._get(app, parse_qs(urlsplit(request.target).query))
        if app not in self.owned:
            return _error(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        document = json.loads(request.body)
        return self._add_password(app, document) if call == "addPassword" else self._remove_password(app, document)

    @property
    def _now(self) -> datetime:
        return self.clock.now()

    def _get(self, app: str, query: dict[str, list[str]]) -> Reply:
        rows = [_row(each) for each in self.applications[app] if self._is_seen(each)]
        whole = {"id": str(uuid4()), "appId": app, "displayName": "billing", "passwordCredentials": rows}
        chosen = query.get("$select", [",".join(whole)])[0].split(",")
        return Reply(200, {"@odata.context": "…", **{name: whole[name] for name in chosen}})

    def _add_password(self, app: str, document: dict[str, Any]) -> Reply:
        wanted = document.get("passwordCredential", {})
        if unknown := set(wanted) - {"displayName", "startDateTime", "endDateTime"}:
            return _error(400, "Request_BadRequest", f"Property {min(unknown)} is read-only and cannot be set.")
        ends = datetime.fromisoformat(wanted["endDateTime"]) if "endDateTime" in wanted else self._now + _TWO_YEARS
        if self.longest_life is not None and ends > self._now + self.longest_life:
            return _error(400, "CredentialInvalidLifetimeAsPerAppPolicy", "Credential lifetime exceeds the max value.")
        made = self._add(app, wanted.get("displayName"), self._now, ends, self._now + self.lag)
        return Reply(200, {"@odata.context": "…", **_row(made), "secretText": made.value})

    def _remove_password(self, app: str, document: dict[str, Any]) -> Reply:
        for password in self.applications[app]:
            if password.key_id == document["keyId"] and password.removed_at is None and self._is_seen(password):
                password.removed_at, password.forgotten_at = self._now, self._now + self.lag
                return Reply(204)
        return _error(400, "Request_BadRequest", f"No password credential found with keyId '{document['keyId']}'.")

    def _is_seen(self, password: Password) -> bool:
        forgotten = password.forgotten_at is not None and password.forgotten_at <= self._now
        return password.known_from <= self._now and not forgotten

    def _add(self, app: str, name: str | None, starts: datetime, ends: datetime, known_from: datetime) -> Password:
        value = CANARY.add(secrets.token_urlsafe(8) + "~" + secrets.token_urlsafe(21))
        made = Password(str(uuid4()), name, value, starts, ends, known_from)
        self.applications[app].append(made)
        return made


def _row(password: Password) -> dict[str, Any]:
    return {
        "customKeyIdentifier": None,
        "displayName": password.name,
        "endDateTime": password.ends.isoformat(timespec="microseconds").replace("+00:00", "0Z"),
        "hint": password.value[:3],
        "keyId": password.key_id,
        "secretText": None,
        "startDateTime": password.starts.isoformat(timespec="microseconds").replace("+00:00", "0Z"),
    }


def _error(status: int, code: str, message: str) -> Reply:
    inner = {"date": "2026-11-22T06:00:00", "request-id": str(uuid4()), "client-request-id": str(uuid4())}
    return Reply(status, {"error": {"code": code, "message": message, "innerError": inner}})
