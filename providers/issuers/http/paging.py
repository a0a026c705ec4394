"""Where the next page of a list is. Pure: a list is followed to its end or given up with an error, never cut short."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from providers.http.client import HttpAnswer
from providers.issuers.http.operations import Cursor, LinkHeader, NextUrl, Offset, PageNumber, Paginate
from providers.issuers.http.outcomes import search, text

MOST_PAGES: Final = 1000


class EndlessList(Exception):
    """The pages go round in a circle, or there are too many of them."""


@dataclass(frozen=True)
class Page:
    """One page to ask for: the list's request with these query parameters, or another address altogether."""

    number: int = 1
    offset: int = 0
    query: Mapping[str, str] = field(default_factory=dict)
    address: str | None = None
    seen: frozenset[str] = frozenset()
    """Cursors and addresses that were followed already."""


def first_page(paginate: Paginate) -> Page:
    match paginate:
        case PageNumber(param=param, start=start):
            return Page(query={param: str(start)})
        case Offset(param=param):
            return Page(query={param: "0"})
    return Page()


def following(paginate: Paginate, page: Page, answer: HttpAnswer, count: int) -> Page | None:
    """Give the page after this one, which held ``count`` items; None when it was the last.

    Raises EndlessList for a list that comes to no end.
    """
    if page.number >= MOST_PAGES:
        raise EndlessList(f"more than {MOST_PAGES} pages")
    step = replace(page, number=page.number + 1, offset=page.offset + count)
    match paginate:
        case PageNumber():
            return _numbered(paginate, step, answer.document, count)
        case Offset():
            total = search(paginate.total, answer.document)
            is_last = step.offset >= total if isinstance(total, int) else count == 0
            return None if is_last or count == 0 else replace(step, query={paginate.param: str(step.offset)})
        case Cursor():
            cursor = text(paginate.next, answer.document)
            return _unseen(replace(step, query={paginate.param: cursor}), cursor) if cursor else None
        case LinkHeader():
            return _unseen(replace(step, address=answer.next_link), answer.next_link) if answer.next_link else None
        case NextUrl():
            address = text(paginate.next, answer.document)
            return _unseen(replace(step, address=address), address) if address else None
    return None


def _numbered(paginate: PageNumber, step: Page, document: Any, count: int) -> Page | None:
    total = search(paginate.total_pages, document)
    is_last = step.number > total if isinstance(total, int) else count == 0
    return None if is_last else replace(step, query={paginate.param: str(paginate.start + step.number - 1)})


def _unseen(step: Page, mark: str) -> Page:
    if mark in step.seen:
        raise EndlessList("a page leads back to an earlier one")
    return replace(step, seen=step.seen | {mark})
