"""The API server's refusals, word for word: apimachinery's ``api/errors`` and the validation of core/v1."""

from __future__ import annotations

from typing import Any

LARGEST_SECRET = 1024 * 1024

_UNKNOWN_FORMAT = (
    "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
    "application/merge-patch+json, application/apply-patch+yaml"
)
_BAD_KEY = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'"
_CHANGED = "the object has been modified; please apply your changes to the latest version and try again"
_IMMUTABLE = "Forbidden: field is immutable when `immutable` is set"


class Refusal(Exception):
    """What the server answers instead, as a ``Status``."""

    def __init__(self, code: int, reason: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.code = code
        self.document = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": code,
        }


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", "Unauthorized")


def forbidden(named: str, user: str, verb: str, resource: str, group: str, scope: str, /, **details: Any) -> Refusal:
    words = f'User "{user}" cannot {verb} resource "{resource}" in API group "{group}" {scope}'
    return Refusal(403, "Forbidden", f"{named} is forbidden: {words}", **details)


def not_found(resource: str, name: str, /, **details: Any) -> Refusal:
    return Refusal(404, "NotFound", f'{resource} "{name}" not found', **details)


def no_such_resource() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource")


def already_exists(resource: str, name: str, /, **details: Any) -> Refusal:
    return Refusal(409, "AlreadyExists", f'{resource} "{name}" already exists', **details)


def conflict(resource: str, name: str, /, **details: Any) -> Refusal:
    return Refusal(409, "Conflict", f'Operation cannot be fulfilled on {resource} "{name}": {_CHANGED}', **details)


def unsupported_media_type() -> Refusal:
    return Refusal(415, "UnsupportedMediaType", _UNKNOWN_FORMAT)


def no_base64() -> Refusal:
    words = "cannot be handled as a Secret: illegal base64 data at input byte 0"
    return Refusal(400, "BadRequest", f'Secret in version "v1" {words}')


def bad_key(secret: str, key: str) -> Refusal:
    return _invalid(secret, f"data[{key}]", "FieldValueInvalid", f'Invalid value: "{key}": {_BAD_KEY}')


def too_long(secret: str) -> Refusal:
    return _invalid(secret, "data", "FieldValueTooLong", f"Too long: may not be more than {LARGEST_SECRET} bytes")


def type_is_immutable(secret: str, kind: str) -> Refusal:
    return _invalid(secret, "type", "FieldValueInvalid", f'Invalid value: "{kind}": field is immutable')


def is_immutable(secret: str, field: str) -> Refusal:
    return _invalid(secret, field, "FieldValueForbidden", _IMMUTABLE)


def _invalid(secret: str, field: str, reason: str, message: str) -> Refusal:
    causes = [{"reason": reason, "message": message, "field": field}]
    said = f'Secret "{secret}" is invalid: {field}: {message}'
    return Refusal(422, "Invalid", said, name=secret, kind="Secret", causes=causes)
