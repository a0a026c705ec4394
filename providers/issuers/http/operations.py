"""The schema of a profile's operations: create, list, verify, revoke, and how each reads its answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, WrapValidator

from providers.issuers.http.requests import Expression, Part, Request, Rule, Scalar, SimpleAuth, by_type


class CreateRule(Rule):
    outcome: Literal[
        "ok", "denied", "quota_exceeded", "name_conflict", "invalid_request", "rate_limited", "transient", "ambiguous"
    ]


class ListRule(Rule):
    outcome: Literal["ok", "denied", "rate_limited", "transient"]


class EachRule(Rule):
    outcome: Literal["ok", "gone", "denied", "rate_limited", "transient"]


class VerifyRule(Rule):
    outcome: Literal["valid", "invalid", "indeterminate", "rate_limited"]
    why: str = ""
    """What an answer that proves nothing says all the same, for people: ``the balance is used up``."""


class RevokeRule(Rule):
    outcome: Literal["ok", "already_gone", "denied", "rate_limited", "transient", "ambiguous"]


class CreateExtract(Part):
    handle: Expression
    value: Expression
    name: Expression | None = None
    created_at: Expression | None = None
    expires_at: Expression | None = None
    expires_in: Expression | None = None
    """Seconds from now; 0 is never. For issuers that tell no moment."""


class ListExtract(Part):
    handle: Expression
    name: Expression | None = None
    """Absent: the issuer keeps no names, and a lost token is found by its new handle."""
    created_at: Expression | None = None
    expires_at: Expression | None = None
    last_used_at: Expression | None = None


class VerifyExtract(Part):
    handle: Expression | None = None
    """The handle that the value belongs to. Where given, a ``valid`` answer without it is indeterminate."""


class PageNumber(Part):
    """``?page=2``. Ends after ``total_pages``, or (without it) at the first empty page."""

    type: Literal["page"]
    param: str = "page"
    start: int = 1
    total_pages: Expression | None = None


class Offset(Part):
    """``?offset=100``, counted in items. Ends at ``total``, or (without it) at the first empty page."""

    type: Literal["offset"]
    param: str = "offset"
    total: Expression | None = None


class Cursor(Part):
    """``?cursor=abc``, where ``next`` finds the next one. Ends where it finds none."""

    type: Literal["cursor"]
    param: str = "cursor"
    next: Expression


class LinkHeader(Part):
    """``Link: <…>; rel="next"`` (RFC 8288), of the same origin."""

    type: Literal["link_header"]


class NextUrl(Part):
    """``next`` finds the next page's address in the answer, relative or of the same origin."""

    type: Literal["next_url"]
    next: Expression


class OnePage(Part):
    type: Literal["none"] = "none"


_PAGINATIONS: dict[str, type[Part]] = {
    "none": OnePage,
    "page": PageNumber,
    "offset": Offset,
    "cursor": Cursor,
    "link_header": LinkHeader,
    "next_url": NextUrl,
}
Paginate = Annotated[
    OnePage | PageNumber | Offset | Cursor | LinkHeader | NextUrl,
    WrapValidator(partial(by_type, _PAGINATIONS)),
]


class Create(Part):
    """Makes one token. Sent once. Variables: ``name``, ``expiry``, ``chosen``, ``options``, ``settings``."""

    chosen: Literal["uuid"] | None = None
    """The issuer takes a handle and a value that we choose: ``{{ chosen.handle }}``, ``{{ chosen.value }}``.

    A lost answer is then read back: verify is asked with the value, and must give the handle.
    """
    request: Request
    responses: tuple[CreateRule, ...] = Field(min_length=1)
    extract: CreateExtract


class Each(Part):
    """One more request for each item, where the list alone tells too little. Variables: those of list, ``item``."""

    request: Request
    responses: tuple[EachRule, ...] = Field(min_length=1)


class List(Part):
    """Lists the live tokens. Variables: ``options``, ``settings``."""

    request: Request
    responses: tuple[ListRule, ...] = Field(min_length=1)
    items: Expression
    """Must give a list on every page; a page without one is an error."""
    each: Each | None = None
    extract: ListExtract
    """From each item; from the answer of ``each``, where there is one."""
    paginate: Paginate = OnePage.model_construct()
    empty_may_lie: bool = False
    """The issuer answers with an empty list when it should say "denied": no items means that a person must look."""


class VerifyRequest(Request):
    auth: SimpleAuth | None = None
    """How the value is sent. May be absent where a header, query or body holds ``{{ token.value }}``."""


class Verify(Part):
    """Asks with the token itself. Variables: ``token.value``, ``options``, ``settings``."""

    request: VerifyRequest
    responses: tuple[VerifyRule, ...] = Field(min_length=1)
    extract: VerifyExtract = VerifyExtract.model_construct()
    assert_: Mapping[Expression, Scalar] = Field(default={}, alias="assert")
    """JMESPath → template: what a ``valid`` answer must say, or it is indeterminate (another user's token …)."""


class Revoke(Part):
    """Ends one token. Variables: ``token.handle``, ``options``, ``settings``."""

    request: Request
    responses: tuple[RevokeRule, ...] = Field(min_length=1)


class Operations(Part):
    create: Create
    list: List | None = None
    verify: Verify
    revoke: Revoke
