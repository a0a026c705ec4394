"""Listing an issuer's live tokens: every page and every item, or an error; never a part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from providers.http.client import HttpAnswer
from providers.issuers.http import expiry as expiries
from providers.issuers.http.calls import build, label
from providers.issuers.http.operations import Each, List
from providers.issuers.http.outcomes import Failures, outcome_of, search, text
from providers.issuers.http.paging import EndlessList, Page, first_page, following
from providers.issuers.http.session import Management
from rotator.domain.clock import Clock
from rotator.domain.contracts import TokenInfo
from rotator.domain.errors import NeedsOperator, Permanent
from rotator.domain.terms import Handle, TokenName


@dataclass(frozen=True)
class Listing:
    """One reading of the list."""

    spec: List
    management: Management
    variables: Mapping[str, Any]
    failures: Failures
    clock: Clock

    def tokens(self) -> tuple[TokenInfo, ...]:
        """Give every live token once. A token that is listed on two pages, because others went, counts once."""
        found = {info.handle: info for document in self._documents() for info in [self._token(document)]}
        if not found and self.spec.empty_may_lie:
            raise NeedsOperator(
                f"{self._who} listed no tokens at all, which is also what it answers when it should refuse.",
                remedy="Check the management account and the policy's options; if there are none, make one by hand.",
            )
        return tuple(found.values())

    def _documents(self) -> Iterator[Any]:
        """Give what tells about each token: the item of the list, or the answer of ``each``."""
        page: Page | None = first_page(self.spec.paginate)
        before: list[Any] = []
        while page is not None:
            answer = self._page(page)
            items = search(self.spec.items, answer.document)
            if not isinstance(items, list):
                raise self._misread(f"answered {answer.status} without the list that the profile expects")
            if items and items == before:
                raise self._misread("has a list without an end: it gives the same page again")
            before = items
            for item in items:
                document = item if self.spec.each is None else self._each(self.spec.each, item)
                if document is not None:
                    yield document
            try:
                page = following(self.spec.paginate, page, answer, len(items))
            except EndlessList as error:
                raise self._misread(f"has a list without an end: {error}") from error

    def _page(self, page: Page) -> HttpAnswer:
        request = build(self.spec.request, self.variables)
        if page.address is not None:
            request = replace(request, address=page.address, query={})
        else:
            request = replace(request, query={**request.query, **page.query})
        answer = self.management.send(request, changes=False, repeatable=True)
        outcome = outcome_of(self.spec.responses, answer, "list")
        if outcome != "ok":
            raise self.failures.of("list", outcome, request.label, answer, self.clock.now())
        return answer

    def _each(self, each: Each, item: Any) -> Any | None:
        """Give what tells about an item; None when its token has ended since it was listed.

        Denied is asked once more: OpenBao denies a token that is being revoked at that instant, and a moment later says
        that it is gone (measured on 2.7.2).
        """
        request = build(each.request, {**self.variables, "item": item})
        answer = self.management.send(request, changes=False, repeatable=True)
        outcome = outcome_of(each.responses, answer, "list")
        if outcome == "denied":
            answer = self.management.send(request, changes=False, repeatable=True)
            outcome = outcome_of(each.responses, answer, "list")
        if outcome == "gone":
            return None
        if outcome != "ok":
            raise self.failures.of("list", outcome, request.label, answer, self.clock.now())
        return answer.document

    def _token(self, document: Any) -> TokenInfo:
        extract = self.spec.extract
        handle, name = text(extract.handle, document), text(extract.name, document)
        if handle is None:
            raise self._misread("listed a token without the handle that the profile expects")
        try:
            return TokenInfo(
                handle=Handle(handle),
                name=TokenName(name) if name else None,
                created_at=expiries.moment(search(extract.created_at, document)),
                expires_at=expiries.moment(search(extract.expires_at, document)),
                last_used_at=expiries.moment(search(extract.last_used_at, document)),
            )
        except ValueError as error:
            raise self._misread("listed a token with a time that cannot be read") from error

    @property
    def _who(self) -> str:
        return f"{self.failures.profile.name} ({label(self.spec.request)})"

    def _misread(self, what: str) -> Permanent:
        return Permanent(f"{self._who} {what}.", remedy="Check the connection's `url` and the profile's `list`.")
