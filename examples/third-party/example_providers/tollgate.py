"""An issuer: passes of Tollgate, a service that does not exist.

Its management calls are signed with a key, and no profile can say that: hence Python. What its answers mean stands in
the docstrings; a real provider says there where it knows that from (the service's docs, its source, or "measured").
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

from pydantic import Field

from providers.http.client import HttpAnswer, HttpClient, HttpConfig, HttpRequest
from rotator.domain.contracts import (
    Access,
    Credential,
    ExpiryRules,
    Issued,
    IssueRequest,
    IssuerPlugin,
    IssuerTraits,
    NameRules,
    Options,
    Revocation,
    TokenInfo,
    Verdict,
    Verification,
)
from rotator.domain.durations import Duration
from rotator.domain.errors import Ambiguous, NeedsOperator, Permanent, RotatorError, Temporary
from rotator.domain.model import Handle, TokenName
from rotator.domain.secret_value import SecretValue

_PASSES: Final = "/v1/passes"
_DENIED: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
_FINAL: Final[Mapping[str, tuple[str, str]]] = {
    "too_many_passes": ("the account has all the passes it may have", "Revoke one that nobody needs."),
    "label_taken": ("there is a pass of this name", "Revoke it, or change `token_name`."),
}
"""The errors that we know by their word. An answer's text is never shown: it is foreign."""

TRAITS: Final = IssuerTraits(
    max_active=10,
    binds_value_to_handle=True,
    names=NameRules(min_length=1, max_length=40, pattern=r"[a-z0-9-]+"),
    expiry=ExpiryRules(maximum=Duration.parse("365 days")),
    issue_propagation=timedelta(seconds=5),
    revoke_propagation=timedelta(seconds=5),
)


class TollgateConfig(HttpConfig):
    account: str = Field(pattern=r"^[a-z0-9-]+$")


class TollgateOptions(Options):
    lane: str = Field(pattern=r"^[a-z0-9-]+$")
    """Where the pass is good."""


class TollgateIssuer:
    """The passes of one account for one lane."""

    traits = TRAITS

    def __init__(self, config: TollgateConfig, options: TollgateOptions, access: Access) -> None:
        self._account, self._lane, self._access = config.account, options.lane, access
        # With `access`, every request waits for its turn in the connection's budget, and tells it of a 429 and a 503.
        self._client = access.shared("http", lambda: HttpClient(config.url, ca_file=config.ca_file, access=access))

    def issue(self, request: IssueRequest) -> Issued:
        """Make a pass. Tollgate answers 201 with its value, this once; the request is sent once, too."""
        expires = request.lifetime.after(request.now) if request.lifetime else None
        body = {"label": request.name, "lane": self._lane, "expires_at": expires.isoformat() if expires else None}
        answer = self._signed("POST", _PASSES, body)
        if answer.status != HTTPStatus.CREATED:
            raise self._refusal("make a pass", answer, changes=True, denied=Permanent)
        made = _members(answer)
        handle, value = made.get("id"), made.get("pass")
        if not (isinstance(handle, str) and isinstance(value, str) and value):
            raise Ambiguous("Tollgate answered 201 without a pass; one may exist.")
        return Issued(Handle(handle), SecretValue(value), request.name, request.now, _moment(made.get("expires_at")))

    def tokens(self) -> tuple[TokenInfo, ...]:
        """List the account's live passes: Tollgate gives all of them at once."""
        answer = self._signed("GET", _PASSES)
        listed = _members(answer).get("passes")
        if answer.status != HTTPStatus.OK or not isinstance(listed, list) or not all(map(_is_pass, listed)):
            raise self._refusal("list the passes", answer, changes=False)
        return tuple(
            TokenInfo(
                Handle(each["id"]), TokenName(each["label"]), _moment(each.get("created_at")),
                _moment(each.get("expires_at")), _moment(each.get("last_used_at")),
            )
            for each in listed
        )  # fmt: skip

    def verify(self, value: SecretValue) -> Verification:
        """Ask with the pass alone. It is dead where Tollgate says ``unknown_pass``, and on no other answer."""
        try:
            mine = {"Authorization": f"Pass {value.reveal()}"}
            answer = self._client.send(HttpRequest("GET /v1/me", "GET", "/v1/me", headers=mine), changes=False)
        except RotatorError as error:
            return Verification(Verdict.INDETERMINATE, reason=str(error))
        said = _members(answer)
        if answer.status == HTTPStatus.OK and isinstance(said.get("id"), str):
            return Verification(Verdict.VALID, Handle(said["id"]))
        if answer.status == HTTPStatus.UNAUTHORIZED and said.get("error") == "unknown_pass":
            return Verification(Verdict.INVALID)
        reason = f"Tollgate answered {answer.status} to GET /v1/me, which proves neither life nor death."
        return Verification(Verdict.INDETERMINATE, reason=reason)

    def revoke(self, handle: Handle) -> Revocation:
        """End one pass, by its id: 204, or 404 with ``no_such_pass`` when it is gone."""
        answer = self._signed("DELETE", f"{_PASSES}/{quote(handle, safe='')}")
        if answer.status == HTTPStatus.NO_CONTENT:
            return Revocation.DONE
        if answer.status == HTTPStatus.NOT_FOUND and _members(answer).get("error") == "no_such_pass":
            return Revocation.ALREADY_GONE
        raise self._refusal("revoke a pass", answer, changes=True)

    def _signed(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> HttpAnswer:
        content = json.dumps(body).encode() if body is not None else b""
        moment = str(int(self._access.clock.now().timestamp()))
        text = f"{method}\n{path}\n{moment}\n".encode() + content
        key = self._access.credential("key")  # asked for each time: it may be rotated under us
        signature = hmac.new(key.reveal().encode(), text, hashlib.sha256).hexdigest()
        headers = {"Authorization": f"Signed {self._account}:{moment}:{signature}", "Content-Type": "application/json"}
        request = HttpRequest(f"{method} {_PASSES}", method, path, headers=headers, body=content or None)
        return self._client.send(request, changes=method != "GET")

    def _refusal(
        self, what: str, answer: HttpAnswer, *, changes: bool, denied: type[RotatorError] = NeedsOperator
    ) -> RotatorError:
        """Choose the family by what should happen next.

        ``denied``: a create that was refused left nothing behind and is withdrawn; a list or a revoke that is refused
        leaves a token that a person must look after.
        """
        said = f"Tollgate answered {answer.status} when asked to {what} of {self._account}"
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            return Temporary(f"{said}: too many requests.", retry_after=answer.retry_after(self._access.clock.now()))
        if answer.status in _DENIED:
            return denied(f"{said}: denied.", remedy="Check the connection's `key`; it needs the right `passes`.")
        meaning, remedy = _FINAL.get(str(_members(answer).get("error")), ("", ""))
        if meaning:
            return Permanent(f"{said}: {meaning}.", remedy=remedy)
        if changes and not HTTPStatus.BAD_REQUEST <= answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Ambiguous(f"{said}: it may have been done, or not.")
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Temporary(f"{said}: it cannot do this now.")
        return Permanent(f"{said}: not an answer that we know.", remedy="Check the connection's `url`.")


def _members(answer: HttpAnswer) -> Mapping[str, Any]:
    return answer.document if isinstance(answer.document, dict) else {}


def _is_pass(listed: object) -> bool:
    return isinstance(listed, dict) and isinstance(listed.get("id"), str) and isinstance(listed.get("label"), str)


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) else None


def _traits(config: TollgateConfig, options: TollgateOptions) -> IssuerTraits:  # noqa: ARG001 -- the same for all
    return TRAITS


_EXAMPLE: Final = """\
connections:
  tollgate:
    provider: tollgate
    url: https://tollgate.example
    account: acme
    credentials: {key: "env:TOLLGATE_KEY"}
  secrets: {provider: secret-folder, root: /srv/secrets}

policies:
  - name: barrier
    issuer: {connection: tollgate, token_name: barrier, lane: north, expires_in: 90 days}
    stores: [{connection: secrets, secret: barrier}]
    schedule: {every: 30 days, before_expiry: 14 days}
"""

PLUGIN: Final = IssuerPlugin(
    name="tollgate",
    summary="Passes of Tollgate, a service that does not exist.",
    config=TollgateConfig,
    options=TollgateOptions,
    traits=_traits,
    open=TollgateIssuer,
    credentials=(Credential("key", "the account's signing key"),),
    permissions=("passes",),
    example=_EXAMPLE,
    tested="a fake; there is no Tollgate",
)
