"""From a profile's request to one that can be sent: templates filled in, a body made, the asking credential added."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode

from providers.http.client import HttpRequest
from providers.issuers.http.requests import (
    BasicAuth,
    BearerAuth,
    HeaderAuth,
    HeadersAuth,
    QueryAuth,
    Request,
    SimpleAuth,
)
from providers.issuers.http.templates import OMIT, BrokenTemplate, render, render_json, render_path
from rotator.domain.errors import Permanent

_TEMPLATE: Final = re.compile(r"\{\{\s*(.*?)\s*\}\}")
_STATEMENT: Final = re.compile(r"\{%.*?%\}")


def label(request: Request) -> str:
    """Name a request in errors: its method and its path's template, with nothing filled in."""
    return f"{request.method} {_nameable(request.path)}"


@lru_cache(maxsize=1024)
def _nameable(path: str) -> str:
    return _TEMPLATE.sub(r"{\1}", _STATEMENT.sub("", path))


def build(request: Request, variables: Mapping[str, Any]) -> HttpRequest:
    """Fill a request in. Permanent when it cannot be: nothing was sent."""
    try:
        body, kind = _body(request, variables)
        headers = {"Content-Type": kind} if kind else {}
        return HttpRequest(
            label=label(request),
            method=request.method,
            path=render_path(request.path, variables),
            query=_texts(request.query, variables),
            headers=headers | _texts(request.headers, variables),
            body=body,
        )
    except BrokenTemplate as error:
        raise _unsendable(label(request), error) from error


def with_auth(request: HttpRequest, auth: SimpleAuth, variables: Mapping[str, Any]) -> HttpRequest:
    """Add what proves who asks. It replaces a header or parameter of the same name."""
    try:
        match auth:
            case BearerAuth():
                headers = _texts({"Authorization": "Bearer " + auth.value}, variables)
                return replace(request, headers={**request.headers, **headers})
            case HeaderAuth():
                return replace(request, headers={**request.headers, **_texts({auth.name: auth.value}, variables)})
            case HeadersAuth():
                return replace(request, headers={**request.headers, **_texts(auth.headers, variables)})
            case QueryAuth():
                return replace(request, query={**request.query, **_texts({auth.name: auth.value}, variables)})
            case BasicAuth():
                pair = f"{_required(auth.username, variables)}:{_required(auth.password, variables)}"
                basic = "Basic " + b64encode(pair.encode()).decode()
                return replace(request, headers={**request.headers, "Authorization": basic})
    except BrokenTemplate as error:
        raise _unsendable(request.label, error) from error


def texts(templates: Mapping[str, Any], variables: Mapping[str, Any], request: HttpRequest) -> dict[str, str]:
    """Fill in headers that are added to a request."""
    try:
        return _texts(templates, variables)
    except BrokenTemplate as error:
        raise _unsendable(request.label, error) from error


def _unsendable(what: str, error: BrokenTemplate) -> Permanent:
    return Permanent(f"{what} was not sent: {error}.", remedy="Correct the profile, or set what it needs.")


def _body(request: Request, variables: Mapping[str, Any]) -> tuple[bytes | None, str]:
    if request.form:
        return urlencode(_texts(request.form, variables)).encode(), "application/x-www-form-urlencoded"
    if request.json_body is None:
        return None, ""
    try:
        return json.dumps(render_json(request.json_body, variables)).encode(), "application/json"
    except TypeError:
        # The cause might quote a value.
        raise BrokenTemplate("a template gives something that is not JSON") from None


def _texts(templates: Mapping[str, Any], variables: Mapping[str, Any]) -> dict[str, str]:
    filled = {name: _text(value, variables) for name, value in templates.items()}
    return {name: value for name, value in filled.items() if value is not None}


def _text(template: Any, variables: Mapping[str, Any]) -> str | None:
    value = render(template, variables) if isinstance(template, str) else template
    if value is OMIT or value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str | int | float):
        raise BrokenTemplate("a header or parameter is given a list or an object; join it")
    return str(value)


def _required(template: str, variables: Mapping[str, Any]) -> str:
    value = _text(template, variables)
    if value is None:
        raise BrokenTemplate("a user name or password is not set")
    return value
