"""What two headers of an answer say: ``Set-Cookie``, and the next page in ``Link``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.message import Message
from typing import Final, cast

_QUOTED: Final = r'"(?:[^"\\]|\\.)*"'
_LINK: Final = re.compile(rf'<([^<>]*)>((?:\s*;\s*[^\s=;,"<>]+(?:\s*=\s*(?:{_QUOTED}|[^\s;,"<>]*))?)*)')
_RELATION: Final = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"<>]+))', re.IGNORECASE)


def next_link(header: str) -> str | None:
    """Give the address of ``rel="next"`` in a Link header (RFC 8288), as it stands there."""
    for address, parameters in _LINK.findall(header):
        relation = _RELATION.search(parameters)
        if relation and "next" in (relation[1] or relation[2]).lower().split():
            return cast("str", address)
    return None


def cookies_of(set_cookies: Sequence[str], url: str) -> tuple[tuple[str, str], ...]:
    """Give name and value of the cookies that an answer of ``url`` sets: none for other hosts, and none that ended."""
    from http.cookiejar import CookieJar
    from urllib.request import Request

    jar = CookieJar()
    jar.extract_cookies(_Answer(set_cookies), Request(url))  # type: ignore[arg-type]  # noqa: S310  nothing is opened
    return tuple((cookie.name, cookie.value or "") for cookie in jar)


class _Answer:
    """As much of an answer as a cookie jar asks for."""

    def __init__(self, set_cookies: Sequence[str]) -> None:
        self._headers = Message()
        for cookie in set_cookies:
            self._headers["Set-Cookie"] = cookie

    def info(self) -> Message:
        return self._headers
