"""The secret ids of one AppRole: made, listed, looked up and destroyed, each by its accessor.

A login would be the plainest proof that a secret id works, and is never made: it takes one of its uses and leaves a
token behind. A lookup takes nothing, and knows a dead one as surely: it has no entry (204, measured on OpenBao 2.7.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

from providers.issuers.openbao_approle.calls import Asked, Server, data, says
from providers.issuers.openbao_approle.logins import NAME, Logins
from providers.issuers.openbao_approle.plugin import TRAITS
from rotator.domain.contracts import (
    Issued,
    IssueRequest,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError
from rotator.domain.secret_value import SecretValue
from rotator.domain.terms import Handle, TokenName

_GONE: Final = "failed to find accessor entry"
_OF_ANOTHER_ROLE: Final = "invalid secret id accessor"


@dataclass(frozen=True)
class SecretIdIssuer:
    """The secret ids of ``role``."""

    server: Server = field(repr=False)
    role: str
    logins: Logins | None = field(repr=False)
    """What ends the tokens of dead secret ids, where the policy asks for that."""

    traits = TRAITS

    def issue(self, request: IssueRequest) -> Issued:
        """Make one secret id; the request is sent once. The server may cut its life short: its word counts."""
        asked = self._asked("make a secret id of", "secret-id", makes=True, changes=True)
        body: dict[str, Any] = {"metadata": json.dumps({NAME: request.name})}
        if request.lifetime is not None:
            seconds = int((request.lifetime.after(request.now) - request.now).total_seconds())
            body["ttl"] = f"{max(seconds, 1)}s"
        answer = self.server.post(asked, body)
        handle, value = data(answer, "secret_id_accessor"), data(answer, "secret_id")
        if answer.status != HTTPStatus.OK:
            raise self.server.refusal(asked, answer)
        if not (isinstance(handle, str) and handle and isinstance(value, str) and value):
            raise Ambiguous(f"OpenBao answered 200 without a secret id when asked to {asked.what}; one may exist.")
        return Issued(Handle(handle), SecretValue(value), request.name, request.now, self._end(answer, request.now))

    def tokens(self) -> tuple[TokenInfo, ...]:
        """List the role's live secret ids. One that expired is listed by OpenBao for a while, and left out here."""
        return tuple(self._listed())

    def verify(self, value: SecretValue) -> Verification:
        """Look the value up. INVALID only where the role is there, we may look, and it has no such entry."""
        asked = self._asked("look up a secret id of", "secret-id/lookup")
        try:
            answer = self.server.post(asked, {"secret_id": value.reveal()})
        except RotatorError as error:
            return Verification(Verdict.INDETERMINATE, reason=str(error))
        accessor = data(answer, "secret_id_accessor")
        if isinstance(accessor, str) and accessor:
            return Verification(Verdict.VALID, Handle(accessor))
        if answer.status == HTTPStatus.NO_CONTENT and not answer.body:
            return Verification(Verdict.INVALID, reason=f"The role {self.role} has no such secret id.")
        return Verification(Verdict.INDETERMINATE, reason=str(self.server.refusal(asked, answer)))

    def revoke(self, handle: Handle) -> Revocation:
        """Destroy this secret id and no other. Repeatable, and so is the end of the logins that it gave."""
        asked = self._asked(f"destroy the secret id {handle} of", "secret-id-accessor/destroy", changes=True)
        answer = self.server.post(asked, {"secret_id_accessor": handle})
        if says(answer, _OF_ANOTHER_ROLE):
            raise NeedsOperator(
                f"The secret id {handle} is not one of the role {self.role}, and was not touched.",
                remedy="Destroy it there by hand, or put the policy's `role` back and run `rotate resume`.",
            )
        is_gone = answer.status >= HTTPStatus.BAD_REQUEST and says(answer, _GONE)
        if answer.status != HTTPStatus.NO_CONTENT and not is_gone:
            raise self.server.refusal(asked, answer)
        if self.logins is not None:
            found = self.logins.found()  # first: so a living secret id that gave one of them is listed after it
            self.logins.end(found, alive={info.name for info in self.tokens() if info.name})
        return Revocation.ALREADY_GONE if is_gone else Revocation.DONE

    def _listed(self) -> Iterator[TokenInfo]:
        asked = self._asked("list the secret ids of", "secret-id", capability="list")
        answer = self.server.list(asked)
        if answer.status == HTTPStatus.NOT_FOUND and answer.document == {"errors": []}:
            return
        accessors = data(answer, "keys")
        if not isinstance(accessors, list):
            raise self.server.refusal(asked, answer)
        for accessor in accessors:
            found = self._looked_up(Handle(str(accessor)))
            if found is not None:
                yield found

    def _looked_up(self, handle: Handle) -> TokenInfo | None:
        """Give what is known of one; None for one that ended meanwhile, or expired before."""
        asked = self._asked(f"look up the secret id {handle} of", "secret-id-accessor/lookup")
        answer = self.server.post(asked, {"secret_id_accessor": handle})
        if answer.status == HTTPStatus.NO_CONTENT or says(answer, _GONE):
            return None
        metadata = data(answer, "metadata") or {}
        if data(answer, "secret_id_accessor") != handle or not isinstance(metadata, dict):
            raise self.server.refusal(asked, answer)
        name = metadata.get(NAME)
        try:
            return TokenInfo(
                handle,
                TokenName(name) if isinstance(name, str) else None,
                _moment(data(answer, "creation_time")),
                _moment(data(answer, "expiration_time")),
            )
        except ValueError as error:
            raise Permanent(
                f"OpenBao listed the secret id {handle} with a time that cannot be read.",
                remedy="docs/issuers/openbao-approle-secret-id.md says which version was looked at.",
            ) from error

    def _end(self, answer: Any, now: datetime) -> datetime | None:
        """Give when the new one expires, as the server says: 0 is never."""
        seconds = data(answer, "secret_id_ttl")
        return datetime.fromtimestamp(now.timestamp() + seconds, UTC) if isinstance(seconds, int) and seconds else None

    def _asked(
        self, what: str, path: str, *, capability: str = "update", makes: bool = False, changes: bool = False
    ) -> Asked:
        whole = f"auth/{self.server.mount}/role/{self.role}/{path}"
        return Asked(f"{what} the role {self.role}", whole, capability, makes, changes)


def _moment(text: Any) -> datetime | None:
    """Read a time of Go's; its year 1 is none. ValueError for anything else."""
    if not isinstance(text, str):
        raise ValueError("not a moment")  # noqa: TRY004  the caller asks one question: is it a moment?
    read = datetime.fromisoformat(text)
    return None if read.year == 1 else read.astimezone(UTC)
