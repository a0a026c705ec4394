"""The API tokens of one team of Documenso: make, list, check and delete one, by the calls of Documenso's own pages.

Two answers lie. A list is empty, with 200, for a wrong team and for a user without the role: an empty one is believed
only when Documenso says, asked for the team, that the user manages it. Deleting an unknown token answers 500, as a
server in trouble does: the list decides.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from providers.http.client import HttpAnswer, HttpRequest
from providers.issuers.documenso.answers import Asked, at, code_of, is_success, refusal, result
from providers.issuers.documenso.plugin import LIFETIMES
from providers.issuers.documenso.session import Session
from rotator.domain.clock import Clock
from rotator.domain.contracts import (
    Issued,
    IssueRequest,
    IssuerTraits,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle, TokenName

_VALUE: Final = re.compile(r"api_[A-Za-z0-9_-]{10,200}")
"""``api_`` and 16 letters and digits today. More is taken: the length is Documenso's to change."""
_MANAGERS: Final = ("ADMIN", "MANAGER")
_OVER_QUOTA: Final = "fair use limits"


@dataclass(frozen=True)
class DocumensoIssuer:
    """The tokens of one team."""

    traits: IssuerTraits = field(repr=False)
    session: Session = field(repr=False)
    team_id: int
    clock: Clock = field(repr=False)

    def issue(self, request: IssueRequest) -> Issued:
        """Make one token; the request is sent once."""
        asked = self._asked("make a token in", makes=True, changes=True)
        if request.lifetime is not None and request.lifetime not in LIFETIMES:
            offers = ", ".join(str(lifetime) for lifetime in LIFETIMES)
            raise Permanent(
                f"Documenso was not asked for a token: it does not offer a lifetime of {request.lifetime}.",
                remedy=f"Set `expires_in` to one of {offers}, or leave it out for one that never expires.",
            )
        word = LIFETIMES[request.lifetime] if request.lifetime is not None else None
        body = {"teamId": self.team_id, "tokenName": request.name, "expirationDate": word}
        answer = self._call("apiToken.create", asked, body, repeatable=False)
        if not is_success(answer):
            raise refusal(answer, asked, self.clock.now())
        handle, value = at(result(answer), "id"), at(result(answer), "token")
        if not isinstance(handle, int) or not isinstance(value, str) or not value:
            raise self._unusable(asked, "without the token")
        secret = SecretValue(value)
        if not _VALUE.fullmatch(value):
            raise self._unusable(asked, "with something that does not look like its tokens")
        expires_at = request.lifetime.after(request.now) if request.lifetime is not None else None
        return Issued(Handle(str(handle)), secret, request.name, request.now, expires_at)

    def tokens(self) -> tuple[TokenInfo, ...]:
        """List the team's tokens, whoever made them; an expired one until it is deleted."""
        asked = self._asked("list the tokens of")
        answer = self._call("apiToken.getMany", asked)
        if not is_success(answer):
            raise refusal(answer, asked, self.clock.now())
        rows = result(answer)
        if not isinstance(rows, list):
            raise self._misread(asked)
        try:
            listed = tuple(_token(row) for row in rows)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise self._misread(asked) from error
        if not listed:
            self._must_manage_the_team()
        return listed

    def verify(self, value: SecretValue) -> Verification:
        """Ask the public API with the value itself. A live token's answer counts against the monthly quota."""
        try:
            answer = self.session.client.send(
                HttpRequest(
                    "GET /api/v2/envelope",
                    "GET",
                    "/api/v2/envelope",
                    query={"page": "1", "perPage": "1"},
                    headers={"Authorization": f"Bearer {value.reveal()}"},
                ),
                changes=False,
            )
        except RotatorError as error:
            return Verification(Verdict.INDETERMINATE, reason=str(error))
        if answer.status == HTTPStatus.OK and isinstance(at(answer.document, "currentPage"), int):
            return Verification(Verdict.VALID)
        if _is_of_a_dead_token(answer):
            return Verification(Verdict.INVALID)
        said = f"{self.session.server} answered {answer.status} to GET /api/v2/envelope"
        return Verification(Verdict.INDETERMINATE, reason=f"{said}{_why_it_proves_nothing(answer)}.")

    def revoke(self, handle: Handle) -> Revocation:
        """Delete this token and no other. Repeatable."""
        if not handle.isdecimal():
            raise Permanent(f"{handle!r} is not the id of a Documenso token.", remedy="Ids are numbers.")
        asked = self._asked(f"delete token {handle} of", changes=True)
        answer = self._call("apiToken.delete", asked, {"id": int(handle), "teamId": self.team_id}, repeatable=True)
        if is_success(answer):
            return Revocation.DONE
        if answer.status != HTTPStatus.INTERNAL_SERVER_ERROR or code_of(answer) != "INTERNAL_SERVER_ERROR":
            raise refusal(answer, asked, self.clock.now())
        if any(info.handle == handle for info in self.tokens()):
            raise Temporary(f"{self.session.server} answered 500 when asked to {asked.what}, and still lists it.")
        return Revocation.ALREADY_GONE

    def _call(
        self, procedure: str, asked: Asked, body: dict[str, Any] | None = None, *, repeatable: bool = True
    ) -> HttpAnswer:
        """Call one of the pages' procedures: with a body it changes something, without it reads."""
        request = HttpRequest(
            label=f"The request to {asked.what}",
            method="GET" if body is None else "POST",
            path=f"/api/trpc/{procedure}",
            headers={"x-team-id": str(self.team_id), **({"Content-Type": "application/json"} if body else {})},
            body=None if body is None else json.dumps({"json": body}).encode(),
        )
        return self.session.send(request, changes=asked.changes, repeatable=repeatable)

    def _must_manage_the_team(self) -> None:
        """Return if Documenso says that the user manages the team: then it has no tokens. Else nobody knows.

        The list shows tokens to the same roles in the same groups as ``team.get`` reports (source).
        """
        query = {"input": json.dumps({"json": {"teamReference": self.team_id}})}
        request = HttpRequest("The request for the team", "GET", "/api/trpc/team.get", query=query)
        answer = self.session.send(request, changes=False, repeatable=True)
        team = result(answer) if is_success(answer) else None
        if at(team, "id") == self.team_id and at(team, "currentTeamRole") in _MANAGERS:
            return
        raise NeedsOperator(
            f"{self.session.server} listed no tokens of team {self.team_id}, which is also what it answers for a wrong "
            "team and to those who may not see them.",
            remedy="Check `team_id`, and that the account is ADMIN or MANAGER there.",
        )

    def _asked(self, what: str, *, makes: bool = False, changes: bool = False) -> Asked:
        return Asked(self.session.server, f"{what} team {self.team_id}", self.team_id, makes, changes)

    def _unusable(self, asked: Asked, how: str) -> Ambiguous:
        return Ambiguous(f"{asked.server} answered 200 {how} when asked to {asked.what}; one may have been made.")

    def _misread(self, asked: Asked) -> Permanent:
        return Permanent(
            f"{asked.server} answered in a shape that we do not know when asked to {asked.what}.",
            remedy="Its version may be too new or too old; docs/issuers/documenso.md says which one was looked at.",
        )


def _token(row: Any) -> TokenInfo:
    if not isinstance(row["id"], int):
        raise TypeError("an id is a number")
    expires = row["expires"]
    return TokenInfo(
        handle=Handle(str(row["id"])),
        name=TokenName(row["name"]),
        created_at=datetime.fromisoformat(row["createdAt"]).astimezone(UTC),
        expires_at=None if expires is None else datetime.fromisoformat(expires).astimezone(UTC),
    )


def _is_of_a_dead_token(answer: HttpAnswer) -> bool:
    """Ask whether the token is deleted, unknown or expired. Only these two answers prove it.

    An expired token is answered with 400; and 401 also means a disabled owner, after whose return tokens work again.
    """
    document = answer.document
    told = at(document, "message"), at(document, "data", "code")
    if answer.status == HTTPStatus.UNAUTHORIZED and told == ("Invalid token", "UNAUTHORIZED"):
        return True
    return answer.status == HTTPStatus.BAD_REQUEST and told == ("Expired token", "EXPIRED_CODE")


def _why_it_proves_nothing(answer: HttpAnswer) -> str:
    message = at(answer.document, "message")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        is_quota = isinstance(message, str) and _OVER_QUOTA in message
        return ": the organisation's API quota of this month is spent" if is_quota else ": too many requests"
    if message == "User is disabled":
        return ": the user who made the token, or the organisation's owner, is disabled"
    return ", which proves neither life nor death"
