"""What a status leaves open, where a request was to change something."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

_GAVE_UP_WAITING: Final = (HTTPStatus.REQUEST_TIMEOUT, 499)
"""They may come from a gateway that has passed the request on, and waited for its answer in vain (499 is nginx's)."""

_LOOK_ELSEWHERE: Final = (HTTPStatus.FOUND, HTTPStatus.SEE_OTHER)
"""They may come after what was asked was done (RFC 9110, 15.4); the other redirects come instead of it."""


def is_trouble(status: int) -> bool:
    """Tell whether the server failed, or something before it: nothing is said of the request."""
    return status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _GAVE_UP_WAITING


def may_be_done(status: int) -> bool:
    """Tell whether what was asked may have been done, though this is no success."""
    return is_trouble(status) or status in _LOOK_ELSEWHERE
